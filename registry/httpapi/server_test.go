package httpapi_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// serveTLS serves h over TLS as a register is, and HTTP/2.
func serveTLS(t *testing.T, h http.Handler, logger *slog.Logger) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.Config = httpapi.NewServer(h, logger)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// dialHTTP2 is a connection of HTTP/2 on which frames are written by hand, and
// how many streams the server lets it have at a time.
func dialHTTP2(t *testing.T, s *httptest.Server) (conn *tls.Conn, f *http2.Framer, streams uint32) {
	t.Helper()
	pool := s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	conn, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "example.com", NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if conn.ConnectionState().NegotiatedProtocol != "h2" {
		t.Fatal("the server does not speak HTTP/2")
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f = http2.NewFramer(conn, conn)
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	frame, err := f.ReadFrame()
	if err != nil {
		t.Fatal(err)
	}
	settings, ok := frame.(*http2.SettingsFrame)
	if !ok {
		t.Fatalf("the server begins with %v", frame)
	}
	streams, _ = settings.Value(http2.SettingMaxConcurrentStreams)
	if err := f.WriteSettingsAck(); err != nil {
		t.Fatal(err)
	}
	return conn, f, streams
}

func getHeaders(t *testing.T, path string) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	for _, h := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "example.com"}, {Name: ":path", Value: path}} {
		if err := enc.WriteField(h); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// TestRequestsThatAreResetAtOnceBusyNobodyElse: 60, HTTP/2 rapid reset. However
// many are begun and given up on one connection, no more than a hundred run at a
// time, and others are answered meanwhile.
func TestRequestsThatAreResetAtOnceBusyNobodyElse(t *testing.T) {
	var running, most atomic.Int64
	release := make(chan struct{})
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/slow" {
			return
		}
		n := running.Add(1)
		defer running.Add(-1)
		for {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		<-release // as one that does not look whether anybody waits still
	})
	s := serveTLS(t, h, nil)
	defer close(release)
	conn, f, streams := dialHTTP2(t, s)
	if streams != 100 {
		t.Errorf("a connection may have %d streams", streams)
	}
	go io.Copy(io.Discard, conn) // what the server answers
	head := getHeaders(t, "/slow")
	sent := 0
	for id := uint32(1); id < 40_000; id += 2 {
		// Written into a window that the server closes when it has enough.
		if err := conn.SetWriteDeadline(time.Now().Add(2 * time.Second)); err != nil {
			t.Fatal(err)
		}
		err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: head, EndStream: true, EndHeaders: true})
		if err == nil {
			err = f.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		if err != nil {
			break // it has hung up
		}
		sent++
	}
	if sent < 100 {
		t.Fatalf("only %d requests were begun", sent)
	}
	for range 20 {
		start := time.Now()
		resp, err := s.Client().Get(s.URL + "/fast")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("another waits %v", took)
		}
	}
	if m := most.Load(); m < 1 || m > 100 {
		t.Errorf("%d ran at a time", m)
	}
	t.Logf("%d were begun and reset, %d ran at a time", sent, most.Load())
}

// TestSlowAndVanishingClientsCostNobodyElseAnything: 55. Hundreds of connections
// that send their header, or their body, by the byte, that do not read what they
// asked for, or are gone before it comes: others are answered meanwhile as if
// they were not there, and when their time is over nothing of them is left.
func TestSlowAndVanishingClientsCostNobodyElseAnything(t *testing.T) {
	s := newJointSandbox(t)
	srv := httpapi.NewServer(httpapi.NewHandler(s.Register, httpapi.Options{Now: s.Clock.Now}), nil)
	if srv.ReadHeaderTimeout > 10*time.Second || srv.ReadTimeout > time.Minute || srv.WriteTimeout > 2*time.Minute || srv.MaxHeaderBytes > 64<<10 {
		t.Errorf("a server has no bounds: %+v", srv)
	}
	// The same, ten times as fast.
	for _, d := range []*time.Duration{&srv.ReadHeaderTimeout, &srv.ReadTimeout, &srv.WriteTimeout, &srv.IdleTimeout} {
		*d /= 10
	}
	srv.WriteTimeout, srv.IdleTimeout = 3*time.Second, time.Second
	var open atomic.Int64
	srv.ConnState = func(c net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
			// The system would take megabytes for whoever does not read.
			if err := c.(*net.TCPConn).SetWriteBuffer(16 << 10); err != nil {
				t.Error(err)
			}
		case http.StateClosed:
			open.Add(-1)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(ln)
	defer srv.Close()
	addr := ln.Addr().String()
	idle := runtime.NumGoroutine()
	const post = "POST /v1/check HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
	const get = "GET /tile/entries/000.p/14 HTTP/1.1\r\nHost: a\r\n\r\n"
	for i := range 400 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		switch i % 4 {
		case 0: // header by the byte
			go drip(conn, strings.Repeat("GET /checkpoint HTTP/1.1\r\nX-Slow: x", 1000))
		case 1: // body by the byte
			_, _ = io.WriteString(conn, post)
			go drip(conn, strings.Repeat("{", 1000))
		case 2: // asks and asks, and reads nothing
			if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.WriteString(conn, strings.Repeat(get, 200)) }()
		case 3: // gone
			_, _ = io.WriteString(conn, post+"{")
			conn.Close()
		}
	}
	for _, path := range []string{"/checkpoint", "/v1/entities/" + registrytest.Varuna, "/healthz"} {
		for range 20 {
			start := time.Now()
			if r := do(t, http.MethodGet, "http://"+addr+path, "", ""); r.status != 200 {
				t.Fatalf("%s: %d", path, r.status)
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("%s takes %v beside slow clients", path, took)
			}
		}
	}
	if r := do(t, http.MethodPost, "http://"+addr+"/v1/check", jsonDoc, request("")); r.status != 200 {
		t.Errorf("nothing is decided beside slow clients: %d", r.status)
	}
	// When their time is over the server has hung up on every one of them, the
	// others being done by then, too.
	for range 400 {
		if open.Load() == 0 && runtime.NumGoroutine() <= idle+20 {
			return
		}
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d connections are open; %d goroutines are left, and %d were there before", open.Load(), runtime.NumGoroutine(), idle)
}

// drip sends a text by the byte until nobody takes it.
func drip(conn net.Conn, text string) {
	for _, b := range []byte(text) {
		if _, err := conn.Write([]byte{b}); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func TestWhatTheServerItselfSaysNamesNoClient(t *testing.T) {
	var log logBuffer
	s := serveTLS(t, http.NotFoundHandler(), slog.New(slog.NewTextHandler(&log, nil)))
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "no handshake at all, and\r\nlevel=ERROR msg=forged\r\n\r\n")
	_, _ = io.Copy(io.Discard, conn)
	from := conn.LocalAddr().String()
	conn.Close()
	for range 100 {
		if strings.Contains(log.String(), "handshake") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if got := log.String(); !strings.Contains(got, "a TLS handshake failed") || strings.Contains(got, from) || strings.Contains(got, "127.0.0.1") || strings.Count(got, "\n") != 1 {
		t.Errorf("the log has\n%s", got)
	}
}

package httpapi_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// An attack is one that somebody makes on the API, and what it must be answered with.
type attack struct {
	// name begins with the number that docs/attacks.md has for it.
	name string
	// lines are the request line and the header, without Host.
	lines string
	body  []byte
	// status is that of the answer, kind its problem's, "" where it is none.
	status int
	kind   string
}

// send sends a request byte by byte as it is written, which no client would.
func send(t *testing.T, addr, lines string, body io.Reader) reply {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	method, rest, _ := strings.Cut(lines, " ")
	target, head, _ := strings.Cut(rest, "\n")
	head = strings.ReplaceAll(strings.TrimSuffix(head, "\n"), "\n", "\r\n")
	if head != "" {
		head += "\r\n"
	}
	if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: register.example\r\n%s\r\n", method, target, head); err != nil {
		t.Fatal(err)
	}
	// Who has answered and hung up does not read the rest.
	sent := make(chan struct{})
	go func() { defer close(sent); _, _ = io.Copy(conn, body) }()
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	<-sent
	return reply{resp.StatusCode, resp.Header, b}
}

func packedBy(t *testing.T, w interface {
	io.WriteCloser
}, zeros int) {
	t.Helper()
	if _, err := w.Write(make([]byte, zeros)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func attacks(t *testing.T) (all []attack) {
	add := func(name, lines, body string, status int, kind string) {
		if body != "" {
			lines += "\nContent-Length: " + strconv.Itoa(len(body))
		}
		all = append(all, attack{name, lines, []byte(body), status, kind})
	}
	var zipped, deflated bytes.Buffer
	packedBy(t, gzip.NewWriter(&zipped), 8<<20)
	packedBy(t, zlib.NewWriter(&deflated), 8<<20)
	const check, submit = "POST /v1/check\nContent-Type: application/json", "POST /v1/statements\nContent-Type: application/jose"

	add("54 a zlib bomb", check+"\nContent-Encoding: deflate", deflated.String(), 415, "unsupported-media-type")
	add("54 a truncated zlib stream", submit+"\nContent-Encoding: deflate", deflated.String()[:100], 415, "unsupported-media-type")
	add("54 a zlib bomb that says nothing of it", check, deflated.String(), 400, "malformed")

	add("55 a gzip bomb", check+"\nContent-Encoding: gzip", zipped.String(), 415, "unsupported-media-type")
	add("55 gzip in gzip", submit+"\nContent-Encoding: gzip, gzip", zipped.String(), 415, "unsupported-media-type")
	add("55 a gzip bomb as a statement", submit, zipped.String(), 400, "malformed")
	all = append(all,
		attack{"55 a gigabyte announced", check + "\nContent-Length: 1073741824", nil, 413, "too-large"},
		attack{"55 a gigabyte announced, asking first", submit + "\nExpect: 100-continue\nContent-Length: 1073741824", nil, 413, "too-large"},
		attack{"55 more than any integer announced", check + "\nContent-Length: 99999999999999999999", nil, 400, ""})
	add("55 a million subjects", "POST /v1/histories\nContent-Type: application/json", `{"subjects":["root"`+strings.Repeat(`,"root"`, 1_000_000)+`]}`, 413, "too-large")
	var subjects strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&subjects, `,"sandbox:S-%d"`, i)
	}
	add("55 as many subjects as fit", "POST /v1/histories\nContent-Type: application/json", `{"subjects":["root"`+subjects.String()+`]}`, 422, "undecided")
	add("55 one subject, as often as fits", "POST /v1/histories\nContent-Type: application/json", `{"subjects":["root"`+strings.Repeat(`,"sandbox:S"`, 80_000)+`]}`, 200, "")
	add("55 a batch of more lines than are taken", "POST /v1/check/batch\nContent-Type: application/jsonl", strings.Repeat("{}\n", 10_001), 200, "")
	add("55 nested without end", check, strings.Repeat("[", 500_000), 400, "malformed")
	add("55 as many query parameters as fit", "GET /v1/entities?"+strings.Repeat("a&", 5000), "", 400, "malformed")
	for name, cursor := range map[string]string{
		"negative": "-1", "beyond any log": "9223372036854775808", "a fraction": "1.5", "an exponent": "1e9", "hexadecimal": "0x10", "white space": "%201", "a word": "end", "nothing": "", "twice": "1&after=2",
	} {
		add("55 a forged cursor: "+name, "GET /v1/entities/"+registrytest.Varuna+"?after="+cursor, "", 400, "malformed")
	}
	add("55 a cursor beyond the end", "GET /v1/entities/"+registrytest.Varuna+"?after=9007199254740991", "", 200, "")
	add("55 a cursor that is no id", "GET /v1/entities?after=%ff%00%2f..", "", 200, "")
	add("55 a tile of a level that no log has", "GET /tile/9223372036854775808/000", "", 404, "not-found")
	add("55 a tile beyond any log", "GET /tile/0/x999/x999/x999/x999/x999/x999/999", "", 404, "not-found")
	add("55 a checkpoint beyond any log", "GET /checkpoint/99999999999999999999", "", 404, "not-found")
	add("55 a header without end", "GET /checkpoint\nX-Long: "+strings.Repeat("x", 64<<10), "", 431, "")
	add("55 a line without end", "GET /"+strings.Repeat("x", 64<<10), "", 431, "")

	add("58 markup in an id", "GET /v1/entities/%3Cscript%3Ealert(1)%3C/script%3E", "", 404, "not-found")
	add("58 markup in an identifier", "GET /v1/entities/lei:%3Cscript%3E", "", 400, "malformed")
	add("58 line ends in a path", "GET /%0d%0aSet-Cookie:%20a=b", "", 404, "not-found")
	add("58 line ends in an id", "GET /v1/sandboxes/SBX%0d%0alevel=ERROR%20msg=forged", "", 400, "malformed")
	add("58 line ends in a parameter", "GET /v1/entities?x%0d%0alevel=ERROR=1", "", 400, "malformed")
	add("58 colours in a path", "GET /%1b%5b31mred%1b%5b0m", "", 404, "not-found")
	add("58 colours in a header", "GET /checkpoint/x\nX-Request-Id: %1b[31m\nUser-Agent: %1b[31m", "", 404, "not-found")
	add("58 a request's name with line ends", "GET /checkpoint/x\nX-Request-Id: a%0d%0alevel=ERROR", "", 404, "not-found")
	add("58 a form of another site", "POST /v1/statements\nContent-Type: application/x-www-form-urlencoded\nOrigin: https://evil.example", "a=b", 415, "unsupported-media-type")
	add("58 a form that pretends to be text", "POST /v1/statements\nContent-Type: text/plain\nOrigin: https://evil.example", "a.b.c", 415, "unsupported-media-type")
	add("58 a page of another site that asks to submit", "OPTIONS /v1/statements\nOrigin: https://evil.example\nAccess-Control-Request-Method: POST", "", 405, "method-not-allowed")

	for _, path := range []string{
		"//v1/check", "/v1//check", "/v1/./check", "/v1/x/../check", "/./v1/check", "/v1/check/", "/v1/check/.", "/V1/check", "/v1/Check",
		"/v1%2fcheck", "/v1/%2fcheck", "/%2e/v1/check", "/v1/%2e%2e/v1/check", "/v1/..%2fv1/check", "/v1/..;/v1/check", "/v1;x=1/check", "/v1/check;x=1", "/v1/check%3b", "/v1/check%00", "/v1/check%20", "/v1/check%09",
		"/v1%5ccheck", `/v1\check`, "/v1/check%23", "/v1/check%3Fevidence=true", "/v1/%c0%aecheck", "/v1/check%ef%bc%8f",
	} {
		add("60 a path that is another's: "+path, "POST "+path+"\nContent-Type: application/json", request(""), 404, "not-found")
	}
	for _, path := range []string{
		"/tile/../checkpoint", "/tile/%2e%2e/checkpoint", "/tile/..%2f..%2fetc/passwd", "/tile//0/000", "/tile/0//000", "/tile/0/000.p%2f5", "/tile%2f0/000.p/5", "/checkpoint/%34", "/checkpoint/04", "/checkpoint/+4", "/v1/statements/auth-us%2fdomain-us",
	} {
		add("60 a path that is another's: "+path, "GET "+path, "", 404, "not-found")
	}
	add("60 the colon of an id, escaped", "GET /v1/entities/"+strings.ReplaceAll(registrytest.Varuna, ":", "%3A"), "", 200, "")
	for _, header := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		add("60 a method in "+header, "GET /v1/statements\n"+header+": POST", "", 405, "method-not-allowed")
		add("60 a method in "+header+" of a read", "GET /checkpoint\n"+header+": DELETE", "", 200, "")
	}
	add("60 a method in the query", "POST /v1/check?_method=DELETE\nContent-Type: application/json", request(""), 400, "malformed")
	add("60 a method in another case", "get /checkpoint", "", 405, "method-not-allowed")
	add("60 TRACE", "TRACE /checkpoint\nCookie: a=b", "", 405, "method-not-allowed")
	add("60 CONNECT", "CONNECT /checkpoint", "", 405, "method-not-allowed")
	add("60 OPTIONS of everything", "OPTIONS *", "", 404, "not-found")
	add("60 another host", "GET http://elsewhere.example/checkpoint\nX-Forwarded-Host: evil.example\nX-Original-URL: /v1/statements\nX-Rewrite-URL: /v1/statements", "", 200, "")
	return all
}

func TestEveryAttackIsAnsweredAsItMust(t *testing.T) {
	s := newJointSandbox(t)
	var log logBuffer
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(&log, nil))
	srv := httpapi.NewServer(httpapi.NewHandler(s.Register, httpapi.Options{Now: s.Clock.Now, Logger: logger}), logger)
	go srv.Serve(ln)
	defer srv.Close()
	addr, size := ln.Addr().String(), s.size()
	for _, a := range attacks(t) {
		t.Run(a.name, func(t *testing.T) {
			start := time.Now()
			r := send(t, addr, a.lines, bytes.NewReader(a.body))
			if a.kind == "" && r.status != a.status {
				t.Errorf("status %d, want %d: %s", r.status, a.status, r.body)
			}
			if a.kind != "" {
				p := refused(t, r, a.status, a.kind)
				if strings.ContainsAny(p.Detail, "\x00\x1b\r\n") {
					t.Errorf("the detail has control characters: %q", p.Detail)
				}
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if c := r.header.Get("Set-Cookie"); c != "" {
				t.Errorf("it has set a cookie: %s", c)
			}
			if strings.Contains(r.header.Get("Content-Type"), "html") {
				t.Errorf("it is a page: %s", r.body)
			}
		})
	}
	for _, line := range strings.Split(strings.TrimSpace(log.String()), "\n") {
		if !strings.HasPrefix(line, "time=") || !strings.Contains(line, " level=INFO ") || strings.ContainsAny(line, "\x1b\r") || strings.Contains(line, "forged") {
			t.Errorf("the log has the line %q", line)
		}
	}
	if got := s.size(); got != size {
		t.Errorf("the log has grown from %d to %d leaves", size, got)
	}
}

// TestAGigabyteIsNotReadToItsEnd: 55, in chunks that announce nothing.
func TestAGigabyteIsNotReadToItsEnd(t *testing.T) {
	s := newServer(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := httpapi.NewServer(httpapi.NewHandler(s.Register, httpapi.Options{Now: s.Clock.Now}), nil)
	go srv.Serve(ln)
	defer srv.Close()
	body := &chunks{left: 1 << 30}
	r := send(t, ln.Addr().String(), "POST /v1/check\nContent-Type: application/json\nTransfer-Encoding: chunked", body)
	refused(t, r, 413, "too-large")
	if sent := 1<<30 - body.left; sent > 64<<20 {
		t.Errorf("%d MiB were taken", sent>>20)
	}
}

// chunks are zeros in the chunked coding.
type chunks struct{ left int }

func (c *chunks) Read(p []byte) (int, error) {
	const chunk = "4000\r\n"
	if len(p) < len(chunk)+0x4000+2 || c.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p, chunk)
	clear(p[n : n+0x4000])
	n += 0x4000
	n += copy(p[n:], "\r\n")
	c.left -= 0x4000
	return n, nil
}

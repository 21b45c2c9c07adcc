package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/registry/httpapi"
)

// An issuer signs certificates for a test.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(name string) (*issuer, error) {
	i := &issuer{cert: template(name)}
	i.cert.IsCA, i.cert.BasicConstraintsValid, i.cert.KeyUsage = true, true, x509.KeyUsageCertSign
	var err error
	if i.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, i.cert, i.cert, i.key.Public(), i.key)
	if err != nil {
		return nil, err
	}
	i.cert, err = x509.ParseCertificate(der)
	return i, err
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
}

// write writes the issuer's own certificate, and one that it signs, with its key.
func (i *issuer) write(ca, cert, key string) error {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, template("leaf"), i.cert, own.Public(), i.key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return err
	}
	block := func(name, kind string, der []byte) error {
		return os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
	}
	return errors.Join(block(ca, "CERTIFICATE", i.cert.Raw), block(cert, "CERTIFICATE", der), block(key, "PRIVATE KEY", private))
}

// A frontScene is a service behind a front, for as long as a test.
type frontScene struct {
	*testing.T
	dir string
	log *safeBuffer
	url string
	// end ends it, ended is how.
	end   context.CancelFunc
	ended chan error
}

// safeBuffer is a buffer that is written while it is read.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// issue writes NAME-ca.pem, NAME.pem and NAME-key.pem by a new issuer.
func (s *frontScene) issue(name string) {
	s.Helper()
	i, err := newIssuer(name)
	if err == nil {
		err = i.write(s.file(name+"-ca.pem"), s.file(name+".pem"), s.file(name+"-key.pem"))
	}
	if err != nil {
		s.Fatal(err)
	}
}

func (s *frontScene) file(name string) string { return filepath.Join(s.dir, name) }

// command is a command with the flags of a front that are given.
func (s *frontScene) command(args ...string) (*cobra.Command, *front) {
	s.Helper()
	f := new(front)
	c := &cobra.Command{Use: "serve"}
	f.flags(c, "127.0.0.1:0")
	if err := c.ParseFlags(args); err != nil {
		s.Fatal(err)
	}
	return c, f
}

// serve serves what says which client asks, with these flags.
func serve(t *testing.T, prepare func(*frontScene), args ...string) *frontScene {
	t.Helper()
	s := &frontScene{T: t, dir: t.TempDir(), log: new(safeBuffer), ended: make(chan error, 1)}
	if prepare != nil {
		prepare(s)
	}
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "DIR/", s.dir+string(filepath.Separator))
	}
	c, f := s.command(args...)
	logger := slog.New(slog.NewTextHandler(s.log, nil))
	api, err := f.options(c, logger)
	if err != nil {
		t.Fatal(err)
	}
	svc := &service{
		handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/readyz" && api.Ready() != nil {
				httpapi.Unavailable(w, api.Ready().Error())
				return
			}
			_, _ = io.WriteString(w, r.Proto)
		}),
		monitor: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "monitor") }),
	}
	f.before(svc, logger)
	ctx, cancel := context.WithCancel(t.Context())
	s.end = cancel
	started := make(chan string, 1)
	go func() { s.ended <- serveUntilDone(ctx, svc, f.listen, func(url string) { started <- url }) }()
	select {
	case s.url = <-started:
	case err := <-s.ended:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask asks on a new connection; ca and as name certificates, as "" for none.
func (s *frontScene) ask(ca, as string, change func(*tls.Config)) (proto string, state *tls.ConnectionState, err error) {
	s.Helper()
	c := &cobra.Command{}
	reachFlags(c)
	args := []string{"--ca", s.file(ca + "-ca.pem")}
	if as != "" {
		args = append(args, "--client-cert", s.file(as+".pem"), "--client-key", s.file(as+"-key.pem"))
	}
	if err := c.ParseFlags(args); err != nil {
		s.Fatal(err)
	}
	by, err := transportOf(c)
	if err != nil {
		s.Fatal(err)
	}
	defer by.CloseIdleConnections()
	if change != nil {
		change(by.TLSClientConfig)
	}
	resp, err := (&http.Client{Transport: by, Timeout: 10 * time.Second}).Get(s.url)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), resp.TLS, err
}

func TestItIsServedOverTLSAndHTTP2(t *testing.T) {
	s := serve(t, func(s *frontScene) { s.issue("a"); s.issue("b") }, "--tls-cert", "DIR/a.pem", "--tls-key", "DIR/a-key.pem")
	if !strings.HasPrefix(s.url, "https://") {
		t.Errorf("it says that it is at %s", s.url)
	}
	proto, state, err := s.ask("a", "", nil)
	if err != nil || proto != "HTTP/2.0" || state.Version != tls.VersionTLS13 {
		t.Fatalf("%s, %v, %v", proto, state, err)
	}
	if _, state, err = s.ask("a", "", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }); err != nil || state.Version != tls.VersionTLS12 {
		t.Errorf("TLS 1.2: %v", err)
	}
	if _, _, err = s.ask("a", "", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }); err == nil {
		t.Error("TLS 1.1 is good enough")
	}
	if _, _, err = s.ask("b", "", nil); err == nil {
		t.Error("another's certificate is good enough for the client")
	}
	resp, err := http.Get(strings.Replace(s.url, "https", "http", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS it answers %d", resp.StatusCode)
	}
}

func TestWhoMayAskIsWhoHasACertificate(t *testing.T) {
	for _, row := range []struct {
		name     string
		optional bool
		as       string
		expired  bool
		let      bool
	}{
		{"required, none", false, "", false, false},
		{"required, a good one", false, "client", false, true},
		{"required, a stranger's", false, "stranger", false, false},
		{"required, a good one from another time", false, "client", true, false},
		{"optional, none", true, "", false, true},
		{"optional, a good one", true, "client", false, true},
		{"optional, a stranger's", true, "stranger", false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			args := []string{"--tls-cert", "DIR/a.pem", "--tls-key", "DIR/a-key.pem", "--client-ca", "DIR/client-ca.pem"}
			if row.optional {
				args = append(args, "--client-cert-optional")
			}
			s := serve(t, func(s *frontScene) {
				s.issue("a")
				s.issue("client")
				s.issue("stranger")
				if row.expired {
					// Its issuer is another by the same name.
					old := s.file("client-ca.pem.old")
					if err := os.Rename(s.file("client-ca.pem"), old); err != nil {
						s.Fatal(err)
					}
					i, err := newIssuer("client")
					if err == nil {
						err = i.write(s.file("client-ca.pem"), s.file("x.pem"), s.file("x-key.pem"))
					}
					if err != nil {
						s.Fatal(err)
					}
				}
			}, args...)
			// A client of Go shows no certificate whose issuer the server does not
			// name; this one does.
			_, _, err := s.ask("a", "", func(c *tls.Config) {
				if row.as == "" {
					return
				}
				pair, err := tls.LoadX509KeyPair(s.file(row.as+".pem"), s.file(row.as+"-key.pem"))
				if err != nil {
					t.Error(err)
				}
				c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
			})
			if (err == nil) != row.let {
				t.Errorf("let in: %v", err)
			}
		})
	}
}

// eventuallyTrue waits until something is so.
func eventuallyTrue(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 200 {
		if is() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

func hangUp(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

func TestCertificatesAreReadAgainWithoutAPause(t *testing.T) {
	s := serve(t, func(s *frontScene) { s.issue("a"); s.issue("b"); s.issue("client") },
		"--tls-cert", "DIR/a.pem", "--tls-key", "DIR/a-key.pem", "--client-ca", "DIR/client-ca.pem")
	by := func(ca string) bool { _, _, err := s.ask(ca, "client", nil); return err == nil }
	if !by("a") || by("b") {
		t.Fatal("it begins under another certificate")
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(s.file(name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	replace := func(name string, with []byte) {
		if err := os.WriteFile(s.file(name), with, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Half of a pair, then nothing at all: what was read before stays.
	for _, half := range [][]byte{read("b.pem"), []byte("nothing"), nil} {
		before := strings.Count(s.log.String(), "could not be read again")
		replace("a.pem", half)
		hangUp(t)
		eventuallyTrue(t, "the log says that it could not be read", func() bool {
			return strings.Count(s.log.String(), "could not be read again") > before
		})
		if !by("a") {
			t.Fatal("what could not be read is served")
		}
	}
	replace("a.pem", read("b.pem"))
	replace("a-key.pem", read("b-key.pem"))
	hangUp(t)
	eventuallyTrue(t, "the new certificate is served", func() bool { return by("b") })
	if by("a") {
		t.Error("the old one is served, too")
	}
	// Whoever may vouch for clients is replaced alike, and a session that was
	// begun before does not outlive it.
	sessions := tls.NewLRUClientSessionCache(10)
	resumed := func() error {
		_, _, err := s.ask("b", "client", func(c *tls.Config) { c.ClientSessionCache = sessions })
		return err
	}
	if err := errors.Join(resumed(), resumed()); err != nil {
		t.Fatal(err)
	}
	replace("client-ca.pem", read("a-ca.pem"))
	hangUp(t)
	eventuallyTrue(t, "the former clients are refused", func() bool { return resumed() != nil })
}

func TestWhatIsForTheOperatorHasAnAddressOfItsOwn(t *testing.T) {
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, nil, "--metrics-listen", addr)
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "monitor" {
		t.Errorf("%s, %v", b, err)
	}
	s.end()
	eventuallyTrue(t, "it ends with the service", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}

func TestABeginningEndIsToldBeforeItComes(t *testing.T) {
	s := serve(t, nil, "--drain", "1s")
	ready := func() int {
		resp, err := http.Get(s.url + "/readyz")
		if err != nil {
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := ready(); got != 200 {
		t.Fatalf("it is not ready: %d", got)
	}
	s.end()
	start := time.Now()
	eventuallyTrue(t, "it says that it is about to end", func() bool { return ready() == 503 })
	eventuallyTrue(t, "it ends", func() bool { return ready() == 0 })
	if took := time.Since(start); took < 900*time.Millisecond || took > 4*time.Second {
		t.Errorf("it ended after %v", took)
	}
}

func TestFlagsThatContradictEachOtherAreWrongUsage(t *testing.T) {
	s := &frontScene{T: t, dir: t.TempDir()}
	s.issue("a")
	for _, row := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--tls-cert", s.file("a.pem")}, exitUsage, "go together"},
		{[]string{"--tls-key", s.file("a-key.pem")}, exitUsage, "go together"},
		{[]string{"--client-ca", s.file("a-ca.pem")}, exitUsage, "goes with --tls-cert"},
		{[]string{"--tls-cert", s.file("a.pem"), "--tls-key", s.file("a-key.pem"), "--client-cert-optional"}, exitUsage, "goes with --client-ca"},
		{[]string{"--tls-cert", s.file("a.pem"), "--tls-key", s.file("none")}, exitFailed, "none"},
		{[]string{"--tls-cert", s.file("a.pem"), "--tls-key", s.file("a-key.pem"), "--client-ca", s.file("a-key.pem")}, exitFailed, "no certificate"},
		{[]string{"--rate", "-1"}, exitUsage, "below zero"},
		{[]string{"--burst", "5"}, exitUsage, "goes with --rate"},
		{[]string{"--trusted-proxy", "everybody"}, exitUsage, "10.0.0.0/8"},
		{[]string{"--client-header", "X-Real-IP"}, exitUsage, "goes with --trusted-proxy"},
		{[]string{"--drain", "-1s"}, exitUsage, "below zero"},
	} {
		c, f := s.command(row.args...)
		_, err := f.options(c, slog.New(slog.DiscardHandler))
		failure, ok := errors.AsType[*failure](err)
		if !ok || failure.code != row.code || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%v: %v", row.args, err)
		}
	}
	c, f := s.command("--trusted-proxy", "192.0.2.1", "--trusted-proxy", "2001:db8::/32", "--rate", "10")
	if o, err := f.options(c, slog.New(slog.DiscardHandler)); err != nil || len(o.Proxies.Trusted) != 2 || o.Proxies.Trusted[0].Bits() != 32 || o.Limits.Rate != 10 {
		t.Errorf("%+v, %v", o, err)
	}
}

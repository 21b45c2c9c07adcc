package httpapi_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// A limited handler has a clock that the test sets.
type limited struct {
	*testing.T
	http.Handler
	clock *registrytest.Clock
}

func newLimited(t *testing.T, l httpapi.Limits, p httpapi.Proxies) *limited {
	clock := registrytest.NewClock(registrytest.Start)
	return &limited{t, httpapi.NewHandler(broken{}, httpapi.Options{Now: clock.Now, Limits: l, Proxies: p}), clock}
}

// ask asks once, changed, and tells the status and the seconds of Retry-After.
func (l *limited) ask(method, path string, change func(*http.Request)) (status, after int) {
	l.Helper()
	r := httptest.NewRequestWithContext(l.Context(), method, path, strings.NewReader("{}"))
	r.Header.Set("Content-Type", jsonDoc)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	if s := w.Header().Get("Retry-After"); s != "" {
		var err error
		if after, err = strconv.Atoi(s); err != nil || after < 1 {
			l.Errorf("Retry-After is %q", s)
		}
	}
	if w.Code == http.StatusTooManyRequests {
		refused(l.T, reply{w.Code, w.Header(), w.Body.Bytes()}, 429, "too-many-requests")
	}
	return w.Code, after
}

func from(addr string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = addr }
}

// exhausts asks until it is refused, and tells how often it was answered.
func (l *limited) exhausts(method, path string, change func(*http.Request)) int {
	l.Helper()
	for n := range 10_000 {
		if status, _ := l.ask(method, path, change); status == http.StatusTooManyRequests {
			return n
		}
	}
	l.Fatal("nobody is ever refused")
	return 0
}

func TestAClientThatAsksTooMuchIsToldWhenToComeBack(t *testing.T) {
	l := newLimited(t, httpapi.Limits{Rate: 2, Burst: 20}, httpapi.Proxies{})
	one, other := from("192.0.2.1:1000"), from("192.0.2.2:1000")
	if n := l.exhausts(http.MethodGet, "/checkpoint/9", one); n != 20 {
		t.Errorf("it was answered %d times, want 20", n)
	}
	// Another port is the same client, another address another.
	if status, after := l.ask(http.MethodGet, "/checkpoint/9", from("192.0.2.1:2000")); status != 429 || after != 1 {
		t.Errorf("%d, after %d s", status, after)
	}
	if n := l.exhausts(http.MethodGet, "/checkpoint/9", other); n != 20 {
		t.Errorf("another was answered %d times, want 20", n)
	}
	// A decision costs ten times as much: five seconds at two tokens a second.
	if status, after := l.ask(http.MethodPost, "/v1/check", one); status != 429 || after != 5 {
		t.Errorf("%d, after %d s, want 429 after 5 s", status, after)
	}
	l.clock.Add(4 * time.Second)
	if status, after := l.ask(http.MethodPost, "/v1/check", one); status != 429 || after != 1 {
		t.Errorf("%d, after %d s, want 429 after 1 s", status, after)
	}
	l.clock.Add(time.Second)
	if status, _ := l.ask(http.MethodPost, "/v1/check", one); status == 429 {
		t.Error("it came back when it was told to, and is refused")
	}
	// A clock that is set back neither gives nor takes.
	l.clock.Add(-time.Hour)
	if status, _ := l.ask(http.MethodGet, "/checkpoint/9", one); status != 429 {
		t.Errorf("answered with %d after the clock was set back", status)
	}
	// What is dearer than the burst takes all of it.
	l.clock.Add(2 * time.Hour)
	if n := l.exhausts(http.MethodPost, "/v1/trust-root/foresee", one); n != 1 {
		t.Errorf("what costs more than the burst was answered %d times, want once", n)
	}
}

func TestWhatIsForTheOperatorIsNeverLimited(t *testing.T) {
	clock := registrytest.NewClock(registrytest.Start)
	l := &limited{t, httpapi.NewHandler(broken{}, httpapi.Options{Now: clock.Now, Limits: httpapi.Limits{Rate: 1, Burst: 1}, Metrics: httpapi.NewMetrics()}), clock}
	l.exhausts(http.MethodGet, "/nothing", nil)
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if status, _ := l.ask(http.MethodGet, path, nil); status == 429 {
			t.Errorf("%s is refused", path)
		}
	}
}

func TestNothingIsLimitedUnlessAsked(t *testing.T) {
	l := newLimited(t, httpapi.Limits{}, httpapi.Proxies{})
	for range 2000 {
		if status, _ := l.ask(http.MethodGet, "/checkpoint/9", nil); status == 429 {
			t.Fatal("refused")
		}
	}
}

func TestARefusedClientsBodyIsNotRead(t *testing.T) {
	l := newLimited(t, httpapi.Limits{Rate: 1, Burst: 1}, httpapi.Proxies{})
	l.exhausts(http.MethodGet, "/nothing", nil)
	read := false
	l.ask(http.MethodPost, "/v1/check", func(r *http.Request) { r.Body = http.NoBody; r.Body = readTold{&read} })
	if read {
		t.Error("it was read")
	}
}

type readTold struct{ read *bool }

func (r readTold) Read([]byte) (int, error) { *r.read = true; return 0, fmt.Errorf("no more") }
func (r readTold) Close() error             { return nil }

// TestClientsAreToldApart: two requests that come from one client share a
// bucket, and two that do not never do.
func TestClientsAreToldApart(t *testing.T) {
	proxies := httpapi.Proxies{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ffff::/48")}}
	forwarded := func(addr string, lines ...string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = addr; r.Header["X-Forwarded-For"] = lines }
	}
	shown := func(addr string, certificate string) func(*http.Request) {
		return func(r *http.Request) {
			r.RemoteAddr = addr
			c := []*x509.Certificate{{Raw: []byte(certificate)}}
			r.TLS = &tls.ConnectionState{PeerCertificates: c, VerifiedChains: [][]*x509.Certificate{c}}
		}
	}
	for _, row := range []struct {
		name     string
		one, two func(*http.Request)
		same     bool
	}{
		{"one address, two ports", from("192.0.2.1:1"), from("192.0.2.1:2"), true},
		{"two addresses", from("192.0.2.1:1"), from("192.0.2.2:1"), false},
		{"one network of IPv6", from("[2001:db8::1]:1"), from("[2001:db8:0:0:ffff::2]:1"), true},
		{"two networks of IPv6", from("[2001:db8::1]:1"), from("[2001:db8:0:1::1]:1"), false},
		{"IPv4 in IPv6", from("192.0.2.1:1"), from("[::ffff:192.0.2.1]:1"), true},
		{"a zone", from("[fe80::1%eth0]:1"), from("[fe80::1%eth1]:1"), true},
		{"a stranger's header", forwarded("192.0.2.1:1", "198.51.100.1"), forwarded("192.0.2.1:1", "198.51.100.2"), true},
		{"a stranger who claims to be another", forwarded("192.0.2.1:1", "198.51.100.1"), from("198.51.100.1:1"), false},
		{"two behind a proxy", forwarded("10.0.0.1:1", "198.51.100.1"), forwarded("10.0.0.1:1", "198.51.100.2"), false},
		{"one behind two proxies", forwarded("10.0.0.1:1", "198.51.100.1"), forwarded("10.0.0.2:1", "198.51.100.1"), true},
		{"one behind a chain", forwarded("10.0.0.1:1", "198.51.100.1, 10.0.0.9"), forwarded("10.0.0.1:1", "198.51.100.1"), true},
		{"one, in two lines", forwarded("10.0.0.1:1", "198.51.100.1", "10.0.0.9"), forwarded("10.0.0.1:1", "198.51.100.1"), true},
		{"a client that sends the header itself", forwarded("10.0.0.1:1", "203.0.113.7, 198.51.100.1"), forwarded("10.0.0.1:1", "203.0.113.8, 198.51.100.1"), true},
		{"with a port", forwarded("10.0.0.1:1", "198.51.100.1:4711"), forwarded("10.0.0.1:1", "198.51.100.1"), true},
		{"IPv6 with a port", forwarded("10.0.0.1:1", "[2001:db8::1]:4711"), forwarded("10.0.0.1:1", "2001:db8::2"), true},
		{"what is no address stands for its proxy", forwarded("10.0.0.1:1", "unknown"), forwarded("10.0.0.1:1", "secret"), true},
		{"what is no address before a proxy", forwarded("10.0.0.1:1", "unknown, 10.0.0.9"), forwarded("10.0.0.1:1", "secret, 10.0.0.9"), true},
		{"an endless chain", forwarded("10.0.0.1:1", "198.51.100.1"+strings.Repeat(", 10.0.0.9", 1000)), forwarded("10.0.0.1:1", "198.51.100.2"+strings.Repeat(", 10.0.0.9", 1000)), true},
		{"a proxy of IPv6", forwarded("[2001:db8:ffff::1]:1", "198.51.100.1"), forwarded("10.0.0.1:1", "198.51.100.1"), true},
		{"one certificate, two addresses", shown("192.0.2.1:1", "a"), shown("192.0.2.2:1", "a"), true},
		{"two certificates, one address", shown("192.0.2.1:1", "a"), shown("192.0.2.1:1", "b"), false},
		{"a proxy's own certificate", func(r *http.Request) { shown("10.0.0.1:1", "a")(r); forwarded("10.0.0.1:1", "198.51.100.1")(r) }, func(r *http.Request) { shown("10.0.0.1:1", "a")(r); forwarded("10.0.0.1:1", "198.51.100.2")(r) }, false},
		{"no address at all", from(""), from("@"), true},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := newLimited(t, httpapi.Limits{Rate: 1, Burst: 3}, proxies)
			l.exhausts(http.MethodGet, "/nothing", row.one)
			status, _ := l.ask(http.MethodGet, "/nothing", row.two)
			if same := status == 429; same != row.same {
				t.Errorf("they are one client: %t, want %t", same, row.same)
			}
		})
	}
}

func TestAnotherHeaderNamesTheClient(t *testing.T) {
	l := newLimited(t, httpapi.Limits{Rate: 1, Burst: 3}, httpapi.Proxies{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Header: "X-Real-Ip"})
	named := func(address, forwarded string) func(*http.Request) {
		return func(r *http.Request) {
			r.RemoteAddr = "10.0.0.1:1"
			r.Header.Set("X-Real-Ip", address)
			r.Header.Set("X-Forwarded-For", forwarded)
		}
	}
	l.exhausts(http.MethodGet, "/nothing", named("198.51.100.1", "198.51.100.9"))
	if status, _ := l.ask(http.MethodGet, "/nothing", named("198.51.100.2", "198.51.100.9")); status == 429 {
		t.Error("the other header was looked at")
	}
}

func TestBucketsAreBounded(t *testing.T) {
	l := newLimited(t, httpapi.Limits{Rate: 1, Burst: 2, Clients: 100}, httpapi.Proxies{})
	l.exhausts(http.MethodGet, "/nothing", from("192.0.2.1:1"))
	flood := func(n int) {
		for i := range n {
			l.ask(http.MethodGet, "/nothing", from(fmt.Sprintf("198.51.%d.%d:1", i/250, i%250)))
		}
	}
	flood(99)
	if status, _ := l.ask(http.MethodGet, "/nothing", from("192.0.2.1:1")); status != 429 {
		t.Error("it was forgotten while there was room")
	}
	flood(100)
	if status, _ := l.ask(http.MethodGet, "/nothing", from("192.0.2.1:1")); status == 429 {
		t.Error("a hundred others have asked since, and it is remembered")
	}
}

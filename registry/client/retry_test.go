package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// roundTrip is a transport that reaches nobody.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// newAnswer is a 200 with a body.
func newAnswer(body string) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: make(http.Header), Body: io.NopCloser(strings.NewReader(body))}
}

// scripted is a client of a register that answers one after the other what the
// script says, and the last for good: a status, with the seconds of Retry-After
// behind a slash, or "drop" for a connection that ends. asked are the times
// between the questions.
func scripted(t *testing.T, r client.Retry, script ...string) (c *client.Client, asked func() []time.Duration) {
	t.Helper()
	var waits []time.Duration
	last := time.Now()
	transport := roundTrip(func(req *http.Request) (*http.Response, error) {
		waits = append(waits, time.Since(last))
		last = time.Now()
		step := script[min(len(waits), len(script))-1]
		if err := req.Context().Err(); err != nil {
			return nil, err
		}
		if step == "drop" {
			return nil, io.ErrUnexpectedEOF
		}
		if step == "stranger" {
			return nil, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
		}
		status, after, _ := strings.Cut(step, "/")
		code, err := strconv.Atoi(status)
		if err != nil {
			t.Fatal(err)
		}
		head := make(http.Header)
		if after != "" {
			head.Set("Retry-After", after)
		}
		return &http.Response{StatusCode: code, Header: head, Body: io.NopCloser(strings.NewReader("checkpoint")), Request: req}, nil
	})
	c, err := client.New("http://register.invalid", &http.Client{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return c.Retrying(r), func() []time.Duration { return waits }
}

func TestWhatPassesIsAskedAgainAndNothingElse(t *testing.T) {
	four := client.Retry{Attempts: 4, First: time.Second}
	for _, row := range []struct {
		name   string
		retry  client.Retry
		script []string
		asked  int
		status int // of the problem at the end, 200 for none, 0 for not reached
	}{
		{"asked once without a Retry", client.Retry{}, []string{"503", "200"}, 1, 503},
		{"dropped without a Retry", client.Retry{}, []string{"drop", "200"}, 1, 0},
		{"busy, then not", four, []string{"503", "429", "502", "200"}, 4, 200},
		{"a gateway in between", four, []string{"504", "200"}, 2, 200},
		{"busy for good", four, []string{"503"}, 4, 503},
		{"dropped, then not", four, []string{"drop", "drop", "200"}, 3, 200},
		{"dropped for good", four, []string{"drop"}, 4, 0},
		{"dropped, and less patience for that", client.Retry{Attempts: 4, Unreached: 2}, []string{"drop"}, 2, 0},
		{"dropped, and no patience for that", client.Retry{Attempts: 4, Unreached: 1}, []string{"drop"}, 1, 0},
		{"another's certificate", four, []string{"stranger"}, 1, 0},
		{"a fault", four, []string{"500"}, 1, 500},
		{"malformed", four, []string{"400"}, 1, 400},
		{"forbidden", four, []string{"403"}, 1, 403},
		{"not found", four, []string{"404"}, 1, 404},
		{"conflict", four, []string{"409"}, 1, 409},
		{"too large", four, []string{"413"}, 1, 413},
		{"invalid", four, []string{"422"}, 1, 422},
		{"a redirect", four, []string{"307"}, 1, 307},
		{"more patience than there is", four, []string{"503/31", "200"}, 1, 503},
		{"busy, then refused", four, []string{"503", "409", "200"}, 2, 409},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, asked := scripted(t, row.retry, row.script...)
				_, err := c.Checkpoint(t.Context())
				if n := len(asked()); n != row.asked {
					t.Errorf("asked %d times, want %d", n, row.asked)
				}
				p, isProblem := errors.AsType[*client.Problem](err)
				_, unreached := errors.AsType[*client.UnreachableError](err)
				switch {
				case row.status == 200 && err != nil, row.status == 0 && !unreached, row.status > 200 && (!isProblem || p.Status != row.status):
					t.Errorf("ends with %T %v, want %d", err, err, row.status)
				}
			})
		})
	}
}

func TestWaitsGrowAreJitteredAndHonourRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		different := make(map[time.Duration]bool)
		for range 20 {
			c, asked := scripted(t, client.Retry{Attempts: 8, First: time.Second, Longest: 8 * time.Second}, "503", "503", "503", "503", "429/5", "503", "200")
			if _, err := c.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i, w := range asked() {
				least := []time.Duration{0, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 4 * time.Second}[i]
				most := []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 9 * time.Second, 8 * time.Second}[i]
				if w < least || w > most {
					t.Errorf("wait %d is %v, want %v to %v", i, w, least, most)
				}
				different[w] = true
			}
		}
		if len(different) < 50 {
			t.Errorf("of 120 waits %d differ", len(different))
		}
	})
}

func TestNobodyWaitsBeyondTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, asked := scripted(t, client.Retry{Attempts: 100, First: time.Second}, "503/20")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.Checkpoint(ctx)
		if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != 503 || time.Since(start) != 0 || len(asked()) != 1 {
			t.Errorf("after %v and %d questions: %v", time.Since(start), len(asked()), err)
		}
		// Who ends it meanwhile is told so, at once.
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, stop)
		start = time.Now()
		if _, err = c.Checkpoint(ctx); !errors.Is(err, context.Canceled) || time.Since(start) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

// A lossy transport lets everything reach the register, and loses the answers of
// the first few.
type lossy struct {
	by   http.RoundTripper
	lose int
	sent int
}

func (l *lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	l.sent++
	resp, err := l.by.RoundTrip(r)
	if err == nil && l.sent <= l.lose {
		resp.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	return resp, err
}

func TestAStatementWhoseReceiptWasLostIsLoggedOnce(t *testing.T) {
	reg := registrytest.New(t)
	s := httptest.NewServer(httpapi.NewHandler(reg, httpapi.Options{Now: reg.Clock.Now}))
	t.Cleanup(s.Close)
	transport := &lossy{by: http.DefaultTransport, lose: 2}
	c, err := client.New(s.URL, &http.Client{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	before := reg.Size()
	st := reg.Sign(registrytest.Domain("domain-us", registrytest.US))
	r, err := c.Retrying(client.Retry{Attempts: 3, First: time.Millisecond}).Submit(t.Context(), st)
	if err != nil || transport.sent != 3 || !r.Of(st) || r.Index != before {
		t.Fatalf("sent %d times: %+v, %v", transport.sent, r, err)
	}
	// Its leaf and its batch's.
	if got := reg.Size() - before; got != 2 {
		t.Errorf("the log has grown by %d leaves", got)
	}
}

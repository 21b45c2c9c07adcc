package httpapi_test

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// behindProxies has the loopback believed whom it asks for, so that a test is many
// clients.
func behindProxies(o httpapi.Options) httpapi.Options {
	o.Proxies.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	return o
}

const (
	oneClient, anotherClient, aThirdClient = "192.0.2.1", "192.0.2.2", "192.0.2.3"
	forwardedFor                           = "X-Forwarded-For"
)

func TestAClientThatHoldsAllItsBatchesKeepsNobodyElseOut(t *testing.T) {
	s := newJointSandbox(t)
	at := listen(t, s, behindProxies(httpapi.Options{Now: s.Clock.Now, Batches: 8}))
	asks := func(client string) reply {
		t.Helper()
		return do(t, http.MethodPost, at+"/v1/check/batch", jsonLines, request("")+"\n", forwardedFor, client)
	}
	var held []*talk
	for range 2 {
		k := dial(t, at, forwardedFor+": "+oneClient)
		k.hear(`"checkpoint"`)
		held = append(held, k)
	}
	r := asks(oneClient)
	if p := refused(t, r, http.StatusTooManyRequests, "too-many-requests"); !strings.Contains(p.Detail, "this client has 2 batches") || r.header.Get("Retry-After") == "" {
		t.Errorf("refused with %q, Retry-After %q", p.Detail, r.header.Get("Retry-After"))
	}
	if r := asks(anotherClient); r.status != http.StatusOK {
		t.Errorf("another client: %d %s", r.status, r.body)
	}
	// Whoever vanishes gives its place back.
	held[0].conn.Close()
	within(t, 10*time.Second, "a place of a client that has vanished", func() bool { return asks(oneClient).status == http.StatusOK })
	if r := asks(oneClient); r.status != http.StatusOK {
		t.Errorf("what was given back is lost: %d", r.status)
	}
}

func TestAClientThatHoldsAllItsStreamsKeepsNobodyElseOut(t *testing.T) {
	s := newServer(t)
	at := listen(t, s, behindProxies(httpapi.Options{Now: s.Clock.Now, Streams: 48, Heartbeat: 10 * time.Millisecond})) + "/v1/changes"
	begins := func(client string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", eventStream)
		req.Header.Set(forwardedFor, client)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	var held []*follower
	for range 3 {
		held = append(held, follow(t, at, forwardedFor, oneClient))
	}
	if status := begins(oneClient); status != http.StatusTooManyRequests {
		t.Fatalf("a fourth stream of one client: %d", status)
	}
	r := do(t, http.MethodGet, at, "", "", "Accept", eventStream, forwardedFor, oneClient)
	if p := refused(t, r, http.StatusTooManyRequests, "too-many-requests"); !strings.Contains(p.Detail, "this client has 3 streams") || r.header.Get("Retry-After") == "" {
		t.Errorf("refused with %q, Retry-After %q", p.Detail, r.header.Get("Retry-After"))
	}
	follow(t, at, forwardedFor, anotherClient).next()
	// Whoever vanishes gives its place back.
	held[0].cancel()
	within(t, 10*time.Second, "a place of a client that has vanished", func() bool { return begins(oneClient) == http.StatusOK })
}

func TestAllPlacesTogetherAreBounded(t *testing.T) {
	s := newServer(t)
	at := listen(t, s, behindProxies(httpapi.Options{Now: s.Clock.Now, Streams: 2, Batches: 1})) + "/v1"
	follow(t, at+"/changes", forwardedFor, oneClient).next()
	follow(t, at+"/changes", forwardedFor, anotherClient).next()
	r := do(t, http.MethodGet, at+"/changes", "", "", "Accept", eventStream, forwardedFor, aThirdClient)
	if refused(t, r, http.StatusServiceUnavailable, "overloaded"); r.header.Get("Retry-After") == "" {
		t.Error("nobody is told when to come back")
	}
	k := dial(t, strings.TrimSuffix(at, "/v1"), forwardedFor+": "+oneClient)
	k.hear(`"checkpoint"`)
	refused(t, do(t, http.MethodPost, at+"/check/batch", jsonLines, "", forwardedFor, anotherClient), http.StatusServiceUnavailable, "overloaded")
}

// A patient register decides when it is let.
type patient struct {
	httpapi.Reader
	let   chan struct{}
	asked *atomic.Int32
}

func (p patient) Decide(ctx context.Context, req *policy.Request, at policy.Times, ds ...attest.Disclosure) (*policy.Decision, []byte, error) {
	p.asked.Add(1)
	select {
	case <-p.let:
		return p.Reader.Decide(ctx, req, at, ds...)
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

func TestAClientThatHoldsAllItsOpeningsKeepsNobodyElseOut(t *testing.T) {
	s := newJointSandbox(t)
	approval := registrytest.Approval("TEA-1", us, registrytest.Varuna, "IN")
	approval.CaseNumber = "C-1"
	_, ds, err := approval.Conceal([]string{"/case_number"})
	if err != nil {
		t.Fatal(err)
	}
	body := checkBody(t, request(""), ds[0].String())
	slow := patient{s, make(chan struct{}), new(atomic.Int32)}
	at := listen(t, slow, behindProxies(httpapi.Options{Now: s.Clock.Now}))
	asks := func(client string) reply {
		return do(t, http.MethodPost, at+"/v1/check", jsonDoc, body, forwardedFor, client)
	}
	// Two clients hold four each, and a third has none.
	var held sync.WaitGroup
	for i := range 8 {
		held.Go(func() { asks([]string{oneClient, anotherClient}[i/4]) })
	}
	within(t, 10*time.Second, "all places", func() bool { return slow.asked.Load() == 8 })
	refused(t, asks(aThirdClient), http.StatusServiceUnavailable, "overloaded")
	r := asks(oneClient)
	if p := refused(t, r, http.StatusTooManyRequests, "too-many-requests"); !strings.Contains(p.Detail, "this client has 4 presentations and disclosures") || r.header.Get("Retry-After") == "" {
		t.Errorf("refused with %q, Retry-After %q", p.Detail, r.header.Get("Retry-After"))
	}
	close(slow.let)
	held.Wait()
	// The disclosure is of no approval that is logged, which is found out in a place.
	refused(t, asks(oneClient), http.StatusUnprocessableEntity, "invalid")
}

package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/receipt"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

const request = `{"effective_at":"2026-01-05T09:00:00Z","sandbox":"` + registrytest.Sandbox + `","act":"technology_release",` +
	`"transferor":"` + registrytest.Halcyon + `","transferee":"` + registrytest.Varuna + `","destination_site":"VTZ-1",` +
	`"item":{"list":"US_CCL","entry":"5A001.b.1"},"end_use":"sea_trial"}`

// newRegister is a register of a test and a client of it, which reaches it
// under a path.
func newRegister(t *testing.T) (*registrytest.Register, *client.Client) {
	t.Helper()
	reg := registrytest.New(t)
	api := httpapi.NewHandler(reg, httpapi.Options{Now: reg.Clock.Now})
	s := httptest.NewServer(http.StripPrefix("/register", api))
	t.Cleanup(s.Close)
	return reg, newClient(t, s.URL+"/register/")
}

func newClient(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.New(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answering is a client of a server that is no register.
func answering(t *testing.T, serve http.HandlerFunc) *client.Client {
	t.Helper()
	s := httptest.NewServer(serve)
	t.Cleanup(s.Close)
	return newClient(t, s.URL)
}

func TestTheWholeWay(t *testing.T) {
	reg, c := newRegister(t)
	for _, claims := range []attest.Claims{
		registrytest.Registration("reg-halcyon", registrytest.US, registrytest.Halcyon, "US"),
		registrytest.Registration("reg-varuna", registrytest.IN, registrytest.Varuna, "IN"),
		registrytest.Approval("approval-varuna", registrytest.US, registrytest.Varuna, "IN"),
		registrytest.Approval("approval-halcyon", registrytest.IN, registrytest.Halcyon, "US"),
		registrytest.Domain("domain-us", registrytest.US),
		registrytest.Domain("domain-in", registrytest.IN),
	} {
		statement := reg.Sign(claims)
		first, err := c.Submit(t.Context(), statement)
		if err != nil {
			t.Fatal(err)
		}
		if !first.Of(statement) {
			t.Errorf("the receipt of %s is of another statement", claims.Head().JTI)
		}
		again, err := c.Submit(t.Context(), statement)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("resubmission (-first +again):\n%s", diff)
		}
	}
	// A frozen clock's batches are dated after it.
	reg.Clock.Add(time.Minute)
	online, none, err := c.Check(t.Context(), []byte(request), false)
	if err != nil || none != nil || !online.Permitted() {
		t.Fatalf("check: %+v, %q, %v", online, none, err)
	}
	d, evidence, err := c.Check(t.Context(), []byte(request), true)
	if err != nil {
		t.Fatal(err)
	}
	req, err := policy.ParseRequest([]byte(request))
	if err != nil {
		t.Fatal(err)
	}
	offline, err := verify.Decide(evidence, reg.Trust, req, req.Times(reg.Clock.Now()))
	if err != nil {
		t.Fatal(err)
	}
	want := marshal(t, offline)
	if diff := cmp.Diff(want, marshal(t, online)); diff != "" {
		t.Errorf("online (-offline +online):\n%s", diff)
	}
	if diff := cmp.Diff(want, marshal(t, d)); diff != "" {
		t.Errorf("online with evidence (-offline +online):\n%s", diff)
	}
	alone, err := c.Evidence(t.Context(), []byte(request))
	if err != nil || string(alone) != string(evidence) {
		t.Errorf("evidence alone: %v, %q", err, alone)
	}
	checkpoint, err := c.Checkpoint(t.Context())
	if err != nil || string(checkpoint) != string(reg.Checkpoint()) {
		t.Errorf("checkpoint: %v, %q", err, checkpoint)
	}
}

func marshal(t *testing.T, d *policy.Decision) string {
	t.Helper()
	b, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAReceiptTellsThatOtherSignaturesAreLogged(t *testing.T) {
	reg, c := newRegister(t)
	reg.MustSubmit(registrytest.Domain("domain-us", registrytest.US))
	suspend := registrytest.Event("suspend-1", registrytest.US, attest.SandboxSubject(registrytest.Sandbox), "domain-us", attest.Suspend, registrytest.Start)
	first, second := reg.Sign(suspend, registrytest.SignerNamed("us-1")), reg.Sign(suspend, registrytest.SignerNamed("us-2"))
	if _, err := c.Submit(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	r, err := c.Submit(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Of(first) || r.Of(second) {
		t.Errorf("the receipt is of the first: %t, of the second: %t", r.Of(first), r.Of(second))
	}
}

func TestARefusalNamesItsMembers(t *testing.T) {
	reg, c := newRegister(t)
	_, _, err := c.Check(t.Context(), []byte(`{"act":"export"}`), true)
	p, ok := errors.AsType[*client.Problem](err)
	if !ok {
		t.Fatalf("%T: %v", err, err)
	}
	if p.Status != 422 || p.Type != "urn:safeconduct:problem:invalid" || len(p.Problems) != 2 {
		t.Errorf("problem %+v", p)
	}
	for _, want := range []string{"the register refused (status 422): ", "/effective_at: is missing", "/sandbox: is missing"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	foreign := registrytest.Domain("domain-us", registrytest.US)
	foreign.Aud = "example.net/another"
	_, err = c.Submit(t.Context(), reg.Sign(foreign))
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != 403 || !strings.Contains(err.Error(), "/aud: is addressed to") {
		t.Errorf("%T: %v", err, err)
	}
	_, err = c.Submit(t.Context(), []byte("hello"))
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != 400 || !strings.Contains(err.Error(), "line 1: is not header.payload.signature") {
		t.Errorf("%T: %v", err, err)
	}
}

func TestARegisterThatIsNotReachedIsToldApart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := newClient(t, "http://"+l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer silent.Close()
	defer close(release)
	slow, err := client.New(silent.URL, &http.Client{Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*client.Client{
		"nobody listens": gone,
		"no answer":      slow,
		"hangs up":       answering(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
		"hangs up in the answer": answering(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Submit(t.Context(), []byte("x"))
			u, ok := errors.AsType[*client.UnreachableError](err)
			if !ok {
				t.Fatalf("%T: %v", err, err)
			}
			if n := strings.Count(err.Error(), u.URL); n != 1 || !strings.Contains(err.Error(), "no answer from") {
				t.Errorf("message is %q", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = gone.Checkpoint(ctx)
	if _, ok := errors.AsType[*client.UnreachableError](err); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller has ended it: %T: %v", err, err)
	}
}

func TestWhatIsNoRegistersAnswerIsNotTaken(t *testing.T) {
	for _, row := range []struct {
		name        string
		status      int
		contentType string
		body        string
		says        string
	}{
		{"a proxy's page", 502, "text/html", "<h1>nginx</h1>", "the register could not answer (status 502): Bad Gateway, in an answer that is not a register's"},
		{"a problem that is none", 404, "application/problem+json", "<h1>", "the register refused (status 404): Not Found, in an answer"},
		{"a problem that lies about its status", 403, "application/problem+json", `{"status":200,"title":"Fine","detail":"all is well"}`, "the register refused (status 403): all is well"},
		{"control characters", 400, "application/problem+json", `{"detail":"a\u001b[2Jb\u202ec"}`, "a\uFFFD[2Jb\uFFFDc"},
		{"a problem without end", 400, "application/problem+json", `{"detail":"` + strings.Repeat("x", 2<<20) + `"}`, "Bad Request, in an answer"},
		{"no content", 204, "", "", "status 204"},
		{"not JSON", 200, "application/json", "PERMIT", "read the decision"},
		{"no decision", 200, "application/json", "{}", `read the decision: "" is none`},
		{"an unknown decision", 200, "application/json", `{"decision":"MAYBE"}`, `"MAYBE" is none`},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", row.contentType)
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte(row.body))
			})
			d, _, err := c.Check(t.Context(), []byte(request), false)
			if d != nil || err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v, %v; want it to say %q", d, err, row.says)
			}
			if _, ok := errors.AsType[*client.Problem](err); ok != (row.status != 200) {
				t.Errorf("%T for status %d", err, row.status)
			}
		})
	}
}

func TestADecisionWithoutTheEvidenceAskedForIsNotTaken(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"decision":{"decision":"PERMIT"},"evidence":""}`))
	})
	if d, _, err := c.Check(t.Context(), []byte(request), true); d != nil || err == nil || !strings.Contains(err.Error(), "no evidence") {
		t.Errorf("got %v, %v", d, err)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			t.Error("it was followed")
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	_, err := c.Evidence(t.Context(), []byte(request))
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != 307 || !strings.Contains(err.Error(), "it points to /elsewhere") {
		t.Errorf("%T: %v", err, err)
	}
}

func TestAnAnswerIsReadToABound(t *testing.T) {
	size := verify.MaxCheckpoint
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) })
	if b, err := c.Checkpoint(t.Context()); err != nil || len(b) != size {
		t.Errorf("got %d bytes, %v", len(b), err)
	}
	size++
	if b, err := c.Checkpoint(t.Context()); err == nil || !strings.Contains(err.Error(), "longer than any answer") {
		t.Errorf("got %d bytes, %v", len(b), err)
	}
}

func TestAReceiptThatDoesNotProveIsNotTaken(t *testing.T) {
	reg, honest := newRegister(t)
	statement := reg.Sign(registrytest.Domain("domain-us", registrytest.US))
	good, err := honest.Submit(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*client.Receipt){
		"another leaf":       func(r *client.Receipt) { r.LeafHash[0] ^= 1 },
		"another index":      func(r *client.Receipt) { r.Index-- },
		"negative index":     func(r *client.Receipt) { r.Index = -1 },
		"index beyond":       func(r *client.Receipt) { r.Index = r.Size },
		"another size":       func(r *client.Receipt) { r.Size++ },
		"negative size":      func(r *client.Receipt) { r.Size = -r.Size },
		"no proof":           func(r *client.Receipt) { r.Proof = nil },
		"another checkpoint": func(r *client.Receipt) { r.Checkpoint = "example.org\n4\nAAAA\n\n" },
		"an endless size": func(r *client.Receipt) {
			r.Index, r.Size, r.Proof = 0, 1<<62+1, make([]tlog.Hash, 63)
			r.Checkpoint = fmt.Sprintf("example.org\n%d\n%s\n\n", r.Size, tlog.Hash{})
		},
		"no checkpoint": func(r *client.Receipt) { r.Checkpoint = "" },
	} {
		t.Run(name, func(t *testing.T) {
			bad := *good
			change(&bad)
			c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				if err := json.NewEncoder(w).Encode(bad); err != nil {
					t.Error(err)
				}
			})
			if r, err := c.Submit(t.Context(), statement); r != nil || err == nil || !strings.Contains(err.Error(), "check the receipt") {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}

func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1:8080", "localhost", "ftp://x", "http://", "http://u:secret@x", "http://x?y", "http://x?", "http://x#y", "http://x y", "file:///etc"} {
		if c, err := client.New(url, nil); c != nil || err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, %v", url, c, err)
		}
	}
}

func TestASignedDecisionIsThatOfItsReceipt(t *testing.T) {
	reg, c := newRegister(t)
	reg.Clock.Add(time.Minute)
	s, err := c.CheckSigned(t.Context(), []byte(request), true)
	if err != nil {
		t.Fatal(err)
	}
	if s.Decision.Explanation == nil {
		t.Error("it is not explained")
	}
	if _, err := receipt.Verify(s.Receipt, []byte(request), s.Evidence, nil, reg.Trust); err != nil {
		t.Error(err)
	}
	plain, err := c.CheckSigned(t.Context(), []byte(request), false)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Decision.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	a := registrytest.Approval("TEA-1", registrytest.US, registrytest.Varuna, "IN")
	concealed, ds, err := a.Conceal([]string{"/legal_name"})
	if err != nil {
		t.Fatal(err)
	}
	reg.MustSubmit(registrytest.Domain("domain-us", registrytest.US))
	reg.MustSubmit(concealed)
	reg.Clock.Add(time.Minute)
	disclosed, err := c.CheckSigned(t.Context(), []byte(request), false, ds...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := receipt.Verify(disclosed.Receipt, []byte(request), disclosed.Evidence, ds, reg.Trust); err != nil || disclosed.Decision.Replay.Disclosures == "" {
		t.Errorf("by disclosures: %v", err)
	}
	forgetful, err := disclosed.Decision.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]map[string]any{
		"a receipt that goes by what was not asked": {"decision": json.RawMessage(forgetful), "evidence": "x", "receipt": string(disclosed.Receipt)},
		"the receipt of another decision":           {"decision": json.RawMessage(d), "evidence": "x", "receipt": string(plain.Receipt)},
		"no receipt":                                {"decision": json.RawMessage(d), "evidence": "x"},
		"no evidence":                               {"decision": json.RawMessage(d), "receipt": string(s.Receipt)},
		"no decision":                               {"evidence": "x", "receipt": string(s.Receipt)},
	} {
		liar := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if err := json.NewEncoder(w).Encode(answer); err != nil {
				t.Error(err)
			}
		})
		if got, err := liar.CheckSigned(t.Context(), []byte(request), false); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

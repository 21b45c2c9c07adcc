package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// A gate is whoever decides by a register that may fall silent.
type gate struct {
	*testing.T
	reg  *registrytest.Register
	c    *client.Client
	req  *policy.Request
	held client.Held
	// silence is how the register answers, where it does not.
	silence atomic.Pointer[http.HandlerFunc]
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{T: t, reg: registrytest.New(t)}
	for _, c := range []attest.Claims{
		registrytest.Registration("registration-us", registrytest.US, registrytest.Halcyon, "US"),
		registrytest.Registration("registration-in", registrytest.IN, registrytest.Varuna, "IN"),
		registrytest.Approval("approval-us", registrytest.US, registrytest.Varuna, "IN"),
		registrytest.Approval("approval-in", registrytest.IN, registrytest.Halcyon, "US"),
		registrytest.Domain("domain-us", registrytest.US), registrytest.Domain("domain-in", registrytest.IN),
	} {
		g.reg.MustSubmit(c)
	}
	// A frozen clock's batches are dated after it.
	g.reg.Clock.Add(time.Minute)
	api := httpapi.NewHandler(g.reg, httpapi.Options{Now: g.reg.Clock.Now})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := g.silence.Load(); f != nil {
			(*f)(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	g.c = newClient(t, s.URL)
	var err error
	if g.req, err = policy.ParseRequest([]byte(request)); err != nil {
		t.Fatal(err)
	}
	g.held.Trust = g.reg.Trust
	return g
}

func (g *gate) check() (*client.Answer, error) {
	return g.c.CheckOrHeld(g.Context(), g.req, g.req.TimesNow(g.reg.Clock.Now()), g.held)
}

func (g *gate) mustCheck(want policy.Result) *client.Answer {
	g.Helper()
	a, err := g.check()
	if err != nil {
		g.Fatal(err)
	}
	if a.Decision.Decision != want {
		g.Fatalf("%s %v, want %s", a.Decision.Decision, a.Decision.Codes(), want)
	}
	return a
}

func (g *gate) fall(silence http.HandlerFunc) { g.silence.Store(&silence) }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestWhileTheRegisterIsSilentTheHeldEvidenceDecidesAndTheAnswerSaysSo(t *testing.T) {
	g := newGate(t)
	online := g.mustCheck(policy.PERMIT)
	if online.Offline != nil || online.Note() != "" || online.Age > time.Second {
		t.Errorf("online: %v, %q, %v old", online.Offline, online.Note(), online.Age)
	}
	g.held.Evidence = online.Evidence
	g.reg.Clock.Add(3 * time.Hour)
	release := make(chan struct{})
	defer close(release)
	for name, silence := range map[string]http.HandlerFunc{
		"hangs up": hangUp, "429": status(429), "500": status(500), "502": status(502), "503": status(503), "504": status(504),
		"says nothing": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-release:
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g.fall(silence)
			g.held.Within = 100 * time.Millisecond
			a := g.mustCheck(policy.PERMIT)
			if a.Offline == nil || a.Age < 3*time.Hour-time.Minute || a.Age > 3*time.Hour+time.Minute {
				t.Fatalf("offline because of %v, %v old", a.Offline, a.Age)
			}
			for _, says := range []string{"offline", a.Decision.ProvenUntil.Time().UTC().Format(time.RFC3339), a.Decision.RecheckBy.Time().UTC().Format(time.RFC3339), a.Offline.Error(), "3h0m"} {
				if !strings.Contains(a.Note(), says) {
					t.Errorf("the note does not say %q: %s", says, a.Note())
				}
			}
			// It is the very decision that verify makes.
			d, err := verify.Decide(online.Evidence, g.held.Trust, g.req, g.req.TimesNow(g.reg.Clock.Now()))
			if err != nil {
				t.Fatal(err)
			}
			if same, err := d.Same(a.Decision); err != nil || !same {
				t.Errorf("another decision than verify's: %v", err)
			}
		})
	}
}

func TestHeldEvidenceThatIsTooOldPermitsNothing(t *testing.T) {
	g := newGate(t)
	g.held.Evidence = g.mustCheck(policy.PERMIT).Evidence
	g.fall(hangUp)
	g.reg.Clock.Add(90 * 24 * time.Hour)
	a := g.mustCheck(policy.REFER)
	if codes := a.Decision.Codes(); !strings.Contains(string(codes[0]), "STATUS_STALE") || !a.Decision.RecheckBy.Time().Before(g.reg.Clock.Now()) {
		t.Errorf("%v, to be rechecked by %v", codes, a.Decision.RecheckBy)
	}
}

func TestARevocationThatWasPublishedIsSeenAsSoonAsTheRegisterAnswers(t *testing.T) {
	g := newGate(t)
	g.req.EffectiveAt = policy.InstantOf(g.reg.Clock.Now().Add(24 * time.Hour))
	g.held.Evidence = g.mustCheck(policy.PERMIT).Evidence
	g.reg.Clock.Add(time.Hour)
	g.reg.MustSubmit(registrytest.Event("revoke-us", registrytest.US, "entity:"+registrytest.Varuna+"/"+registrytest.US, "approval-us", attest.Revoke, g.reg.Clock.Now()))
	g.reg.Clock.Add(time.Hour)
	if a := g.mustCheck(policy.DENY); a.Offline != nil {
		t.Errorf("it was decided offline: %v", a.Offline)
	}
	g.fall(status(503))
	if a := g.mustCheck(policy.PERMIT); a.Offline == nil || !strings.Contains(a.Note(), "2h0m") {
		t.Errorf("the old answer does not say how old it is: %s", a.Note())
	}
}

func TestAVerifiersOwnListsDecideOnlineAndOffline(t *testing.T) {
	g := newGate(t)
	list, err := screening.Parse("partners.txt", strings.NewReader("# list: ours\n# version: 1\nVaruna\tid="+registrytest.Varuna+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	g.held.Screening = []*screening.List{list}
	g.held.Evidence = g.mustCheck(policy.DENY).Evidence
	g.fall(hangUp)
	g.mustCheck(policy.DENY)
}

func TestOnlySilenceIsStoodInFor(t *testing.T) {
	g := newGate(t)
	good := g.mustCheck(policy.PERMIT).Evidence
	g.held.Evidence = good
	for name, answer := range map[string]http.HandlerFunc{
		"malformed": status(400), "forbidden": status(403), "not found": status(404), "too large": status(413), "undecided": status(422),
		"a page of somebody else": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<h1>log in</h1>")) },
		"forged evidence": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Replace(string(good), `"tag":"`, `"tag":"A`, 1)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			g.fall(answer)
			if a, err := g.check(); err == nil {
				t.Errorf("it was decided: %s", a.Note())
			}
		})
	}
	g.fall(hangUp)
	other := *g.req
	other.Transferee = "lei:5493001KJTIIGC8Y1R12"
	_, err := g.c.CheckOrHeld(t.Context(), &other, other.TimesNow(g.reg.Clock.Now()), g.held)
	_, unreached := errors.AsType[*client.UnreachableError](err)
	if !errors.Is(err, verify.ErrNotShown) || !unreached {
		t.Errorf("evidence for another request: %v", err)
	}
	for name, held := range map[string]client.Held{"nothing is held": {Trust: g.held.Trust}, "nothing is trusted": {Evidence: good}} {
		if a, err := g.c.CheckOrHeld(t.Context(), g.req, g.req.TimesNow(g.reg.Clock.Now()), held); err == nil {
			t.Errorf("%s: %s", name, a.Decision.Decision)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a, err := g.c.CheckOrHeld(ctx, g.req, g.req.TimesNow(g.reg.Clock.Now()), g.held); !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller has ended it: %v, %v", a, err)
	}
}

package receipt_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/receipt"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

func TestAReceiptHoldsFromFilesAlone(t *testing.T) {
	w := newWorld(t)
	f := w.filed(usual(`"reference":"PO 7\nline 2",`))
	r, err := f.verify()
	if err != nil || !r.Holds() {
		t.Fatal(err)
	}
	var names []string
	for _, s := range r.Steps {
		if s.Outcome != receipt.Passed || s.Why != "" {
			t.Errorf("%+v", s)
		}
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]string{"form", "evidence", "key", "signature", "checkpoint", "evidence-digest", "trust", "request", "times", "lists", "disclosures", "replay"}, names); diff != "" {
		t.Error(diff)
	}
	if r.Kid != rt.Notary().Key().ID() || !r.Receipt.Decision.Permitted() || r.Evidence.RootVersion != 1 {
		t.Errorf("key %s, %s, version %d", r.Kid, r.Receipt.Decision.Decision, r.Evidence.RootVersion)
	}
	// It is the decision that anybody gets offline, to the byte.
	req := parsed(t, f.request)
	d, err := verify.Decide(f.evidence, f.trust, req, req.Times(w.Clock.Now()))
	if err != nil {
		t.Fatal(err)
	}
	if same, err := d.Same(r.Receipt.Decision); err != nil || !same {
		t.Errorf("another decision: %v", err)
	}
	cp, err := verify.ParseCheckpoint(w.Checkpoint())
	if err != nil || r.Receipt.Checkpoint != cp.Text || r.Receipt.Issuer != rt.Origin || !r.Receipt.IssuedAt.Time().Equal(w.Clock.Now()) {
		t.Errorf("%+v: %v", r.Receipt, err)
	}
}

// One request has one digest, however it is spelt.
func TestTheRequestMayBeSpeltOtherwise(t *testing.T) {
	w := newWorld(t)
	f := w.filed(usual(`"value":{"amount":100,"currency":"USD"},`))
	f.request = []byte(strings.NewReplacer(`"2026-01-05T09:00:00Z"`, ` "2026-01-05T10:00:00+01:00"`, `100`, `"100.0"`, `{"amount"`, `{ "amount"`).
		Replace(string(usual(`"via":null,"value":{"amount":100,"currency":"USD"},`))))
	wantStep(t, f, "", "")
}

func TestWhatIsNotGivenIsSaidNotToBeChecked(t *testing.T) {
	w := newWorld(t)
	f := w.filed(usual(""))
	f.request = nil
	wantStep(t, f, "request?", "no request is given")
	r, _ := f.verify()
	if r.Receipt == nil || r.Receipt.Decision.Decision != policy.PERMIT {
		t.Error("what the key has signed is not told")
	}
	for _, s := range r.Steps {
		want := receipt.Passed
		if s.Name == receipt.StepRequest || s.Name == receipt.StepTimes || s.Name == receipt.StepReplay {
			want = receipt.Unchecked
		}
		if s.Outcome != want {
			t.Errorf("%s is %s, want %s", s.Name, s.Outcome, want)
		}
	}
	f = w.filed(usual(""))
	f.trust = nil
	wantStep(t, f, "evidence", "no trust")
	f.trust = new(verify.Trust)
	wantStep(t, f, "evidence", "no trust")
	var zero receipt.Result
	if zero.Holds() || zero.Err() == nil || (*receipt.Result)(nil).Holds() {
		t.Error("the zero Result holds")
	}
}

// Whoever signs with a listed key and says something else is told from the files.
func TestTheSignersWordIsNotTaken(t *testing.T) {
	w := newWorld(t)
	f := w.filed(usual(""))
	later := policy.InstantOf(w.Clock.Now().Add(time.Hour))
	for _, c := range []struct {
		name       string
		change     func(*receipt.Receipt)
		step, says string
	}{
		{"nothing changed", func(*receipt.Receipt) {}, "", ""},
		{"another outcome", func(r *receipt.Receipt) { r.Decision.Decision = policy.DENY }, "replay", "/decision"},
		{"no warnings", func(r *receipt.Receipt) { r.Decision.Warnings = nil }, "replay", "/warnings"},
		{"longer good", func(r *receipt.Receipt) { r.Decision.RecheckBy = later }, "replay", "/recheck_by"},
		{"an obligation less", func(r *receipt.Receipt) { r.Decision.ReliedOn = r.Decision.ReliedOn[1:] }, "replay", "/relied_on"},
		{"another reference", func(r *receipt.Receipt) { r.Decision.Reference = "PO 8" }, "replay", "/reference"},
		{"another effective_at", func(r *receipt.Receipt) { r.Decision.EffectiveAt = later }, "times", "as of effective_at"},
		{"an earlier known_at", func(r *receipt.Receipt) { r.Decision.KnownAt = policy.InstantOf(rt.Start.Add(-time.Hour)) }, "times", "which says now"},
		{"a later checked_at", func(r *receipt.Receipt) { r.Decision.CheckedAt = later }, "times", "which says now"},
		{"signed long after", func(r *receipt.Receipt) { r.IssuedAt += 301 }, "times", "which says now"},
		{"signed long before", func(r *receipt.Receipt) { r.IssuedAt -= 301 }, "times", "which says now"},
		{"another register", func(r *receipt.Receipt) { r.Issuer = "example.org/other" }, "checkpoint", `of the register "example.org/other"`},
		{"another checkpoint", func(r *receipt.Receipt) { r.Checkpoint = strings.Replace(r.Checkpoint, "\n1", "\n2", 1) }, "checkpoint", "another checkpoint"},
		{"another size", func(r *receipt.Receipt) { r.Decision.Replay.Size++ }, "checkpoint", "at size"},
		{"another origin in the decision", func(r *receipt.Receipt) { r.Decision.Replay.Origin = "example.org/other" }, "checkpoint", "it was decided at"},
		{"another evidence digest", func(r *receipt.Receipt) { r.Decision.Replay.Evidence = r.Request }, "evidence-digest", "on other evidence"},
		{"another evidence file", func(r *receipt.Receipt) { r.Evidence = r.Request }, "evidence-digest", "another file"},
		{"another trust", func(r *receipt.Receipt) { r.Decision.Replay.Trust = r.Request }, "trust", "another trust"},
		{"another request", func(r *receipt.Receipt) { r.Decision.Replay.Request = r.Request }, "request", "of another request"},
		{"another request with its times", func(r *receipt.Receipt) { r.Request = r.Evidence }, "request", "with other times"},
		{"a ledger", func(r *receipt.Receipt) { r.Decision.Replay.Ledger = r.Evidence }, "replay", "/replay/ledger"},
		{"a list", func(r *receipt.Receipt) {
			r.Decision.Screened = []policy.Screened{{Name: "denied", Version: "1", Digest: r.Evidence}}
		}, "lists?", `"denied", version "1"`},
		{"no decision", func(r *receipt.Receipt) { r.Decision = nil }, "form", "no decision"},
		{"a decision that is none", func(r *receipt.Receipt) { r.Decision.Decision = "ALLOW" }, "form", `"ALLOW"`},
		{"no time", func(r *receipt.Receipt) { r.IssuedAt = 0 }, "form", "iat"},
		{"a time beyond 9999", func(r *receipt.Receipt) { r.IssuedAt = 253402300800 }, "form", "iat"},
		{"a digest that is none", func(r *receipt.Receipt) { r.Evidence = "x" }, "form", "SHA-256"},
		{"a digest with bits to spare", func(r *receipt.Receipt) { r.Request = r.Request[:42] + "_" }, "form", "SHA-256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := f
			g.receipt = says(t, f.receipt, c.change)
			wantStep(t, g, c.step, c.says)
		})
	}
}

// Another release may put its sentences otherwise: they stand as they were signed,
// and what they say is decided again.
func TestAReceiptInOtherWordsHoldsAndSaysSo(t *testing.T) {
	w := newWorld(t)
	f := w.filed(bytes.Replace(usual(""), []byte("sea_trial"), []byte("resale"), 1))
	f.receipt = says(t, f.receipt, func(r *receipt.Receipt) {
		r.Decision.Reasons[0].Message = "As an older release has put it."
		r.Decision.Notes = []string{"A note of old."}
	})
	r, err := f.verify()
	if err != nil || !r.Holds() {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/notes", "/reasons/0/message"}, r.Reworded); diff != "" {
		t.Error(diff)
	}
	// A fact beside the words is told, however many words there are.
	f.receipt = says(t, f.receipt, func(r *receipt.Receipt) { r.Decision.Reasons[0].Code = policy.SiteNotApproved })
	wantStep(t, f, "replay", "/reasons/0/code")
}

// What a request gives as its times, a receipt has; another would not be refused as
// its own otherwise, where it gives them.
func TestTimesThatAreAskedForAreThoseThatAreSigned(t *testing.T) {
	w := newWorld(t)
	past := rt.Start.Add(-time.Hour).Format(time.RFC3339)
	f := w.filed(usual(`"known_at":"` + past + `",`))
	wantStep(t, f, "", "")
	r, err := f.verify()
	if err != nil || r.Receipt.Decision.Decision != policy.DENY {
		t.Errorf("%v: known before anything was logged, it is %s", err, r.Receipt.Decision.Decision)
	}
	f.receipt = says(t, f.receipt, func(r *receipt.Receipt) { r.Decision.KnownAt = r.Decision.CheckedAt })
	wantStep(t, f, "times", "the request says "+past)
}

func TestFilesOfAnotherCaseAreRefused(t *testing.T) {
	w := newWorld(t)
	f, g := w.filed(usual("")), w.filed(bytes.Replace(usual(""), []byte("sea_trial"), []byte("resale"), 1))
	wantStep(t, g, "", "")
	mixed := f
	mixed.receipt = g.receipt
	wantStep(t, mixed, "request", "the decision of another request")
	mixed = f
	mixed.request = usual(`"known_at":"2026-01-05T09:01:00Z",`)
	wantStep(t, mixed, "request", "with other times")
	mixed.request = []byte(`{"effective_at":`)
	wantStep(t, mixed, "request", "")
	w.MustSubmit(rt.Registration("reg-corvus", rt.US, rt.Corvus, "US"))
	w.Clock.Add(time.Minute)
	h := w.filed(usual(""))
	mixed = f
	mixed.evidence = h.evidence
	if _, err := mixed.verify(); err == nil {
		t.Error("later evidence will do")
	}
	// Once more cosigned, the same evidence is another file.
	e, err := verify.Parse(f.evidence)
	if err != nil {
		t.Fatal(err)
	}
	e.Checkpoint = string(cosigned(t, []byte(e.Checkpoint), rt.Cosigner(), w.Clock.Now()))
	if mixed.evidence, err = e.Marshal(); err != nil {
		t.Fatal(err)
	}
	mixed.receipt = says(t, f.receipt, func(r *receipt.Receipt) {})
	wantStep(t, mixed, "evidence-digest", "is another file")
}

// cosigned adds a cosignature to a checkpoint.
func cosigned(t testing.TB, checkpoint []byte, by *registry.Cosigner, at time.Time) []byte {
	t.Helper()
	line, err := by.Cosign(checkpoint, at)
	if err != nil {
		t.Fatal(err)
	}
	out, err := verify.MergeCheckpoint(checkpoint, line)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAKeyCountsWhereTheTrustRootListsItAtTheCheckpoint(t *testing.T) {
	w := newWorld(t)
	second := rt.SignerNamed("second notary")
	by := func(f file, s *rt.Signer) file {
		f.receipt = forge(t, header(s), payload(t, f.receipt), s)
		return f
	}
	early := w.filed(usual(""))
	for _, s := range []string{"root-1", "us-1", "log", "cosigner", "mallory"} {
		t.Run("by "+s, func(t *testing.T) {
			wantStep(t, by(early, rt.SignerNamed(s)), "key", "is no decision key of the trust root in force")
		})
	}
	wantStep(t, by(early, second), "key", "version 1")

	w.nextRoot(func(r *attest.Root) { r.DecisionKeys = append(r.DecisionKeys, second.JWK()) })
	both := w.filed(usual(""))
	wantStep(t, both, "", "")
	wantStep(t, by(both, second), "", "")
	// It was not listed yet at the checkpoint of the early evidence.
	wantStep(t, by(early, second), "key", "version 1")
	// The signature of one under the name of the other.
	forged := both
	forged.receipt = forge(t, header(second), payload(t, both.receipt), rt.Notary())
	wantStep(t, forged, "signature", "does not verify")

	w.nextRoot(func(r *attest.Root) { r.DecisionKeys = []attest.JWK{second.JWK()} })
	req := parsed(t, usual(""))
	if _, err := w.DecideSigned(t.Context(), req, req.Times(w.Clock.Now()), false); !errors.Is(err, receipt.ErrUnlisted) {
		t.Errorf("the old key signs on: %v", err)
	}
	late, err := w.Evidence(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	opened := w.open(late)
	d, err := decide(opened, req, w.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	signed, err := receipt.Sign(t.Context(), opened, req, d, w.Clock.Now(), second)
	if err != nil {
		t.Fatal(err)
	}
	last := file{receipt: signed, request: usual(""), evidence: late, trust: w.Trust}
	wantStep(t, last, "", "")
	wantStep(t, by(last, rt.Notary()), "key", "version 3")
	// What it signed before stays.
	wantStep(t, early, "", "")
	wantStep(t, both, "", "")
}

func decide(e *verify.Opened, req *policy.Request, now time.Time) (*policy.Decision, error) {
	q, err := policy.Ask(req)
	if err != nil {
		return nil, err
	}
	return e.Decide(q, req.Times(now))
}

func TestNewerEvidenceSaysWhatBecameOfTheKey(t *testing.T) {
	w := newWorld(t)
	f := w.filed(usual(""))
	r, err := f.verify()
	if err != nil {
		t.Fatal(err)
	}
	newer := func() *verify.Opened {
		e, err := w.EvidenceOf(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return w.open(e)
	}
	want := func(s receipt.Standing) {
		t.Helper()
		got, err := r.KeyIn(newer())
		if err != nil {
			t.Fatal(err)
		}
		got.Size = 0
		if diff := cmp.Diff(s, got); diff != "" {
			t.Error(diff)
		}
	}
	want(receipt.Standing{RootVersion: 1, Listed: true})
	w.nextRoot(func(r *attest.Root) { r.DecisionKeys = nil })
	want(receipt.Standing{RootVersion: 2})
	w.nextRoot(func(r *attest.Root) {
		r.Authorities[0].Compromised = []attest.Compromised{{Kid: rt.Notary().Key().ID(), Since: 3}}
	})
	want(receipt.Standing{RootVersion: 3, Compromised: true, Since: 3})
	wantStep(t, f, "", "")

	old := w.open(f.evidence)
	if _, err := r.KeyIn(old); err != nil {
		t.Errorf("the evidence itself: %v", err)
	}
	if _, err := new(receipt.Result).KeyIn(old); err == nil {
		t.Error("an unverified receipt has a key")
	}
	if _, err := r.KeyIn(nil); err == nil {
		t.Error("no evidence says something")
	}
}

package presentation_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/screening"
)

func TestAHolderShowsThatItIsApproved(t *testing.T) {
	s := play(t)
	o, err := s.open(s.make(s.bound(), s.disclosures...))
	if err != nil {
		t.Fatal(err)
	}
	if o.Holder != rt.Varuna || o.Claims().LegalName == "" || !o.IssuedAt.Equal(s.r.Clock.Now()) {
		t.Errorf("opened %+v", o)
	}
	d := s.decide(o)
	if !d.Permitted() || d.Replay.Disclosures == "" {
		t.Errorf("%s %v, disclosures %q", d.Decision, d.Reasons, d.Replay.Disclosures)
	}
	s.req.Value.Amount = amount("2000")
	if d := s.decide(o); d.Decision != policy.DENY {
		t.Errorf("above the confidential ceiling: %s", d.Decision)
	}
}

func TestWhatIsNotDisclosedAndNeededIsReferredByName(t *testing.T) {
	s := play(t)
	o, err := s.open(s.make(s.bound(), s.disclosures[1])) // the name alone
	if err != nil {
		t.Fatal(err)
	}
	d := s.decide(o)
	if d.Decision != policy.REFER || len(d.Reasons) != 1 || d.Reasons[0].Code != policy.MissingFact || d.Reasons[0].Pointer != "/caveats/value" {
		t.Errorf("%s %+v", d.Decision, d.Reasons)
	}
	// The register itself has no disclosures either.
	if d, _, err := s.r.Decide(t.Context(), s.req, s.req.TimesNow(s.r.Clock.Now())); err != nil || d.Decision != policy.REFER {
		t.Errorf("the register: %v, %v", d, err)
	}
	list, err := screening.Parse("l.txt", strings.NewReader("# list: L\n# version: 1\nSomebody else\n"))
	if err != nil {
		t.Fatal(err)
	}
	o, err = s.open(s.make(s.bound(), s.disclosures[0])) // the ceiling alone
	if err != nil {
		t.Fatal(err)
	}
	if d := s.decide(o, list); d.Decision != policy.REFER || d.Reasons[0].Pointer != "/legal_name" {
		t.Errorf("screened: %s %+v", d.Decision, d.Reasons)
	}
}

func TestAnApprovalThatIsNotInForceIsNotPresented(t *testing.T) {
	s := play(t)
	p := s.make(s.bound(), s.disclosures...)
	s.r.MustSubmit(rt.Event("SUS-1", rt.US, attest.ApprovalSubject(rt.Varuna, rt.US), "TEA-1", attest.Suspend, rt.Start))
	s.r.Clock.Add(time.Minute)
	// The old evidence proves what was known then, and is good for as long as the
	// verifier's policy lets it be.
	if _, err := s.open(p); err != nil {
		t.Errorf("evidence from before: %v", err)
	}
	s.evidence = s.prove()
	_, err := s.open(s.make(s.bound(), s.disclosures...))
	var refused *presentation.Error
	if !errors.As(err, &refused) || refused.Step != presentation.StepApproval || !strings.Contains(err.Error(), "suspended") {
		t.Errorf("got %v", err)
	}
}

// A later version names another key: the old one, which may be stolen, presents no
// more.
func TestTheKeyIsThatOfTheVersionInForce(t *testing.T) {
	s := play(t)
	next := rt.Approval("TEA-1B", rt.US, rt.Varuna, "IN")
	next.Programme, next.Supersedes = "VEU", "TEA-1"
	next.Confirmation = &attest.Confirmation{JWK: rt.SignerNamed("varuna-2").JWK()}
	s.r.MustSubmit(next)
	s.r.Clock.Add(time.Minute)
	s.evidence = s.prove()
	_, err := s.open(s.make(s.bound(), s.disclosures...))
	var refused *presentation.Error
	if !errors.As(err, &refused) || refused.Step != presentation.StepApproval || !strings.Contains(err.Error(), "superseded") {
		t.Errorf("got %v", err)
	}
}

func TestAnApprovalThatWasPassedOnIsNotItsOldHoldersToPresent(t *testing.T) {
	s := play(t)
	s.r.MustSubmit(&attest.Succession{
		Common: attest.Common{Aud: rt.Origin, Iss: rt.US, Sub: attest.ApprovalSubject(rt.Varuna, rt.US), JTI: "SUC-1", IAT: attest.NumericDate(s.r.Clock.Now().Unix())},
		Target: "TEA-1", EffectiveAt: attest.NumericDate(s.r.Clock.Now().Unix() + 30), Successor: rt.Corvus, LegalName: "Corvus", Country: "AU",
	})
	s.r.Clock.Add(time.Minute)
	s.evidence = s.prove()
	_, err := s.open(s.make(s.bound(), s.disclosures...))
	var refused *presentation.Error
	if !errors.As(err, &refused) || refused.Step != presentation.StepApproval || !strings.Contains(err.Error(), "passed on to "+rt.Corvus) {
		t.Errorf("got %v", err)
	}
}

func TestAVersionWithTheDigestsOfTheOneBeforeIsDisclosedAsItWas(t *testing.T) {
	s := play(t)
	u, err := attest.Parse(s.approval)
	if err != nil {
		t.Fatal(err)
	}
	next, ok := u.ClaimsUnsafe().(*attest.EntityApproval)
	if !ok {
		t.Fatal("it is no approval")
	}
	next.JTI, next.Supersedes = "TEA-1B", "TEA-1"
	s.approval = s.r.Sign(next)
	if _, err := s.r.Submit(t.Context(), s.approval); err != nil {
		t.Fatal(err)
	}
	s.r.Clock.Add(time.Minute)
	s.req.EffectiveAt = policy.InstantOf(s.r.Clock.Now())
	s.evidence = s.prove()
	o, err := s.open(s.make(s.bound(), s.disclosures...))
	if err != nil {
		t.Fatal(err)
	}
	if d := s.decide(o); !d.Permitted() {
		t.Errorf("decided %+v", d)
	}
}

func TestWhoeverExpectsNothingOpensNothing(t *testing.T) {
	s := play(t)
	p := s.make(s.bound())
	for _, want := range []presentation.Expected{{}, {Audience: audience}, {Nonce: nonce}} {
		if o, err := presentation.Open(p, s.r.Trust, want, s.r.Clock.Now()); err == nil || o != nil {
			t.Errorf("%+v: opened", want)
		}
	}
	var zero presentation.Opened
	if d, err := zero.Decide(nil, policy.Times{}); err == nil {
		t.Errorf("nothing decides %v", d)
	}
}

func TestOnlyTheHolderMakesAPresentation(t *testing.T) {
	s := play(t)
	unshown := rt.Approval("TEA-8", rt.US, rt.Varuna, "IN")
	unshown.Confirmation = &attest.Confirmation{JWK: rt.SignerNamed("varuna").JWK()}
	for name, c := range map[string]struct {
		statement []byte
		key       attest.Signer
		b         presentation.Binding
		want      string
	}{
		"another key":  {s.approval, rt.SignerNamed("us-1"), s.bound(), "is not the one that approval TEA-1 names"},
		"no key":       {s.r.Sign(rt.Approval("TEA-9", rt.US, rt.Corvus, "AU")), s.holder, s.bound(), "names no key of its holder"},
		"no approval":  {s.r.Sign(rt.Registration("REG-9", rt.IN, rt.Varuna, "IN")), s.holder, s.bound(), "is of kind registration"},
		"no audience":  {s.approval, s.holder, presentation.Binding{Nonce: nonce}, "an audience"},
		"no nonce":     {s.approval, s.holder, presentation.Binding{Audience: audience}, "a nonce"},
		"no time":      {s.approval, s.holder, presentation.Binding{Audience: audience, Nonce: nonce}, "IssuedAt"},
		"not shown":    {s.r.Sign(unshown), s.holder, s.bound(), "does not show the approval"},
		"no statement": {[]byte("x"), s.holder, s.bound(), "statement"},
	} {
		ds := s.disclosures
		if !bytes.Equal(c.statement, s.approval) {
			ds = nil
		}
		if p, err := presentation.Make(t.Context(), s.evidence, c.statement, ds, c.key, c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d bytes, %v", name, len(p), err)
		}
	}
}

// Whoever shows itself shows nothing of others, and another authority's word for a
// key is not that of the one whose approval is relied on.
func TestNobodyIsPermittedByAnothersApproval(t *testing.T) {
	s := play(t)
	s.req.Value = nil
	mallory := rt.SignerNamed("mallory")
	with := func(jti, iss, entity, country string) []byte {
		a := rt.Approval(jti, iss, entity, country)
		a.Programme = "OTHER"
		a.Confirmation = &attest.Confirmation{JWK: mallory.JWK()}
		return s.r.Sign(a)
	}
	bare := rt.Approval("TEA-2", rt.US, rt.Varuna, "IN")
	bare.Programme = "BARE"
	bare.Confirmation = &attest.Confirmation{JWK: rt.SignerNamed("varuna").JWK()}
	own := s.r.Sign(bare)
	corvus, rogue := with("TEA-3", rt.US, rt.Corvus, "AU"), with("ROGUE", rt.IN, rt.Varuna, "IN")
	for _, st := range [][]byte{own, corvus, rogue} {
		if _, err := s.r.Submit(t.Context(), st); err != nil {
			t.Fatal(err)
		}
	}
	s.r.Clock.Add(time.Minute)
	s.req.Programme, s.req.EffectiveAt = "BARE", policy.InstantOf(s.r.Clock.Now())
	var subjects []string
	for _, id := range []string{rt.Varuna, rt.Corvus, rt.Halcyon} {
		subjects = append(subjects, attest.EntitySubject(id), attest.ApprovalSubject(id, rt.US), attest.ApprovalSubject(id, rt.IN))
	}
	evidence, err := s.r.EvidenceOf(t.Context(), subjects)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := s.present(evidence, own, s.holder); err != nil || !d.Permitted() {
		t.Fatalf("the holder itself: %+v, %v", d, err)
	}
	for name, c := range map[string]struct {
		approval []byte
		want     string
	}{
		"the approval of somebody whom the request does not name":   {corvus, "names no party"},
		"the approval of another authority, which is not relied on": {rogue, "does not rest on approval ROGUE"},
	} {
		d, err := s.present(evidence, c.approval, mallory)
		var refused *presentation.Error
		if !errors.As(err, &refused) || refused.Step != presentation.StepHolder || !strings.Contains(err.Error(), c.want) || d != nil {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	if d, err := new(presentation.Opened).Decide(nil, policy.Times{}); err == nil {
		t.Errorf("the zero one decides: %+v", d)
	}
	// Evidence that is too old shows nobody either.
	s.r.Clock.Add(48 * time.Hour)
	if d, err := s.present(evidence, own, s.holder); err == nil || !strings.Contains(err.Error(), "ask the register for fresh evidence") {
		t.Errorf("on old evidence: %+v, %v", d, err)
	}
}

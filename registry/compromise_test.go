package registry_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// stolen drafts the root that takes in-1 away from India and gives it in-2.
func stolen(t *testing.T, r *rt.Register, since int64, falsely ...string) *attest.Root {
	t.Helper()
	next := successor(t, r)
	in := authority(t, next, rt.IN)
	in.Officers = []attest.Officer{rt.SignerNamed("in-1").Officer(), rt.SignerNamed("in-2").Officer()}
	in.Compromised = []attest.Compromised{{Kid: rt.SignerNamed("in-1").Key().ID(), Since: since, False: falsely}}
	return next
}

// withSecondKey has the register list India's second key.
func withSecondKey(t *testing.T, r *rt.Register) {
	t.Helper()
	next := successor(t, r)
	in := authority(t, next, rt.IN)
	in.Officers = append(in.Officers, rt.SignerNamed("in-2").Officer())
	r.MustSubmit(next)
}

func refusal(t *testing.T, err error, class attest.Class, want string) {
	t.Helper()
	var refused *attest.Refusal
	if !errors.As(err, &refused) || refused.Class != class || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want a refusal that says %q", err, want)
	}
}

func TestATakenAwayKeyGivesNothingBackUnnoticed(t *testing.T) {
	ctx := context.Background()
	r := rt.New(t)
	withSecondKey(t, r)
	approval := rt.Approval("TEA-IN", rt.IN, rt.Halcyon, "US")
	since := r.MustSubmit(approval).Index
	sub := attest.ApprovalSubject(rt.Halcyon, rt.IN)
	r.MustSubmit(rt.Event("REV-IN", rt.IN, sub, "TEA-IN", attest.Revoke, rt.Start.Add(time.Hour)))

	// From its approval on, the key's revocation would be void too.
	_, err := r.Submit(ctx, r.Sign(stolen(t, r, since)))
	refusal(t, err, attest.Conflict, "would void the revoke REV-IN")
	_, err = r.Submit(ctx, r.Sign(stolen(t, r, since, "REV-OTHER")))
	refusal(t, err, attest.Conflict, "would void the revoke REV-IN")

	// What says something else is not it made again.
	other := rt.Event("REV-IN-2", rt.IN, sub, "TEA-IN", attest.Revoke, rt.Start.Add(2*time.Hour))
	if _, err := r.Submit(ctx, r.Sign(other, rt.SignerNamed("in-2"))); err != nil {
		t.Fatal(err)
	}
	_, err = r.Submit(ctx, r.Sign(stolen(t, r, since)))
	refusal(t, err, attest.Conflict, "would void the revoke REV-IN")

	// Nor is what the stolen key has made again.
	r.MustSubmit(rt.Event("REV-IN-3", rt.IN, sub, "TEA-IN", attest.Revoke, rt.Start.Add(time.Hour)))
	_, err = r.Submit(ctx, r.Sign(stolen(t, r, since)))
	refusal(t, err, attest.Conflict, "would void the revoke REV-IN-3")

	again := rt.Event("REV-IN-4", rt.IN, sub, "TEA-IN", attest.Revoke, rt.Start.Add(time.Hour))
	again.Cause = "reissued"
	if _, err := r.Submit(ctx, r.Sign(again, rt.SignerNamed("in-2"))); err != nil {
		t.Fatal(err)
	}
	r.MustSubmit(stolen(t, r, since))
}

// A thief signs approvals that claim to be older than the theft, before it is
// discovered and after. What counts is where they stand in the log.
func TestAStolenKeysBackdatedApprovalsAreVoid(t *testing.T) {
	r := rt.New(t)
	withSecondKey(t, r)
	ask := func(entity, country string) *policy.Request {
		return &policy.Request{
			EffectiveAt: policy.InstantOf(rt.Start.Add(time.Hour)), Authority: rt.IN, Programme: "GAICT", Act: "export", Mode: "tangible",
			Transferor: rt.Varuna, Transferee: entity, DestinationSite: rt.Approval("", rt.IN, entity, country).ApprovedSites[0].ID,
			Item: &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"},
		}
	}
	decision := func(req *policy.Request, at policy.Times) (policy.Result, []byte) {
		t.Helper()
		d, evidence, err := r.Decide(t.Context(), req, at)
		if err != nil {
			t.Fatal(err)
		}
		return d.Decision, evidence
	}
	approved := func(jti, entity, country string, iat time.Time) *attest.EntityApproval {
		a := rt.Approval(jti, rt.IN, entity, country)
		a.Programme, a.IAT = "GAICT", attest.NumericDate(iat.Unix())
		return a
	}
	mine, thiefs := ask(rt.Halcyon, "US"), ask(rt.Corvus, "AU")

	r.Clock.Add(12 * 24 * time.Hour)
	r.MustSubmit(approved("MINE", rt.Halcyon, "US", r.Clock.Now()))
	// The thief's claims to be older than the rightful one, by as much as a
	// register takes.
	r.Clock.Add(time.Hour)
	stolenAt := r.MustSubmit(approved("THIEFS", rt.Corvus, "AU", r.Clock.Now().Add(-13*24*time.Hour))).Index
	r.Clock.Add(time.Hour)
	undiscovered := thiefs.TimesNow(r.Clock.Now())
	got, before := decision(thiefs, undiscovered)
	if got != policy.PERMIT {
		t.Fatalf("before the theft is discovered: %s", got)
	}

	r.MustSubmit(stolen(t, r, stolenAt))
	r.Clock.Add(time.Hour)
	now := thiefs.TimesNow(r.Clock.Now())
	if got, _ := decision(thiefs, now); got != policy.DENY {
		t.Errorf("by the stolen key: %s", got)
	}
	if got, _ := decision(mine, now); got != policy.PERMIT {
		t.Errorf("logged before the theft: %s", got)
	}
	// What was known then stays as it was, from new evidence and from old.
	then := undiscovered
	then.CheckedAt = now.CheckedAt
	if got, _ := decision(thiefs, then); got != policy.PERMIT {
		t.Errorf("as known before the discovery: %s", got)
	}
	if d, err := verify.Decide(before, r.Trust, thiefs, undiscovered); err != nil || !d.Permitted() {
		t.Errorf("evidence made before: %v, %v", d, err)
	}

	// After the discovery the register takes nothing by that key, whatever time it
	// claims, and not beside a good one either.
	late := approved("LATE", rt.Corvus, "AU", r.Clock.Now().Add(-13*24*time.Hour))
	for _, signers := range [][]attest.Signer{{rt.SignerNamed("in-1")}, {rt.SignerNamed("in-1"), rt.SignerNamed("in-2")}} {
		_, err := r.Submit(t.Context(), r.Sign(late, signers...))
		refusal(t, err, attest.Forbidden, "is declared compromised")
	}
	amended := approved("MINE-2", rt.Halcyon, "US", r.Clock.Now())
	amended.Supersedes = "MINE"
	_, err := r.Submit(t.Context(), r.Sign(amended))
	refusal(t, err, attest.Forbidden, "is declared compromised")
}

// A suspension that was lifted since is not what a later one says again.
func TestASuspensionIsMadeAgainAfterTheOneThatBecomesVoid(t *testing.T) {
	r := rt.New(t)
	withSecondKey(t, r)
	submit := func(c attest.Claims, by string) int64 {
		t.Helper()
		receipt, err := r.Submit(t.Context(), r.Sign(c, rt.SignerNamed(by)))
		if err != nil {
			t.Fatal(err)
		}
		return receipt.Index
	}
	sub := attest.ApprovalSubject(rt.Halcyon, rt.IN)
	submit(rt.Approval("TEA-IN", rt.IN, rt.Halcyon, "US"), "in-2")
	submit(rt.Event("SUS-1", rt.IN, sub, "TEA-IN", attest.Suspend, rt.Start.Add(time.Hour)), "in-2")
	lift := rt.Event("LIFT-1", rt.IN, sub, "TEA-IN", attest.Lift, rt.Start.Add(2*time.Hour))
	lift.Ends = []attest.Suspension{attest.BySuspension}
	submit(lift, "in-2")
	since := submit(rt.Event("SUS-2", rt.IN, sub, "TEA-IN", attest.Suspend, rt.Start.Add(time.Hour)), "in-1")
	_, err := r.Submit(t.Context(), r.Sign(stolen(t, r, since)))
	refusal(t, err, attest.Conflict, "would void the suspend SUS-2")
	submit(rt.Event("SUS-3", rt.IN, sub, "TEA-IN", attest.Suspend, rt.Start.Add(time.Hour)), "in-2")
	r.MustSubmit(stolen(t, r, since))
}

// A key that has frozen itself is declared compromised: its freeze goes on.
// A version that was narrower took away what it left out.
func TestANarrowerVersionThatBecomesVoidIsDeclaredFalse(t *testing.T) {
	r := rt.New(t)
	withSecondKey(t, r)
	r.MustSubmit(rt.Approval("TEA-IN", rt.IN, rt.Halcyon, "US"))
	next := rt.Approval("TEA-IN-2", rt.IN, rt.Halcyon, "US")
	next.Supersedes = "TEA-IN"
	next.Caveats = &attest.Limits{Value: &attest.ValueCeiling{Currency: "USD", PerTransaction: "1"}}
	since := r.MustSubmit(next).Index
	_, err := r.Submit(t.Context(), r.Sign(stolen(t, r, since)))
	refusal(t, err, attest.Conflict, "TEA-IN-2")
	r.MustSubmit(stolen(t, r, since, "TEA-IN-2"))
}

func TestAFreezeDoesNotBecomeVoid(t *testing.T) {
	r := rt.New(t)
	withSecondKey(t, r)
	kid := rt.SignerNamed("in-1").Key().ID()
	since := r.MustSubmit(rt.Approval("TEA-IN", rt.IN, rt.Halcyon, "US")).Index
	r.MustSubmit(&attest.Freeze{Common: attest.Common{Iss: rt.IN, Sub: attest.RootSubject, JTI: "FRZ-1"}, Kid: kid})
	f, err := r.Foresee(t.Context(), stolen(t, r, since), nil, r.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Voided) != 1 || f.Voided[0].JTI != "TEA-IN" {
		t.Errorf("voided: %+v", f.Voided)
	}
	r.MustSubmit(stolen(t, r, since))
	if !r.Root().Frozen(kid) {
		t.Error("the key is not frozen any more")
	}
}

func TestAThiefsRevocationIsDeclaredFalse(t *testing.T) {
	r := rt.New(t)
	withSecondKey(t, r)
	approval := rt.Approval("TEA-IN", rt.IN, rt.Halcyon, "US")
	if _, err := r.Submit(context.Background(), r.Sign(approval, rt.SignerNamed("in-2"))); err != nil {
		t.Fatal(err)
	}
	sub := attest.ApprovalSubject(rt.Halcyon, rt.IN)
	since := r.MustSubmit(rt.Event("THIEF", rt.IN, sub, "TEA-IN", attest.Suspend, rt.Start.Add(time.Hour))).Index
	_, err := r.Submit(context.Background(), r.Sign(stolen(t, r, since)))
	refusal(t, err, attest.Conflict, "would void the suspend THIEF")
	r.MustSubmit(stolen(t, r, since, "THIEF"))
	// Once it is void, no later version has to declare it again.
	r.MustSubmit(stolen(t, r, since))
}

func TestWhatGrantsMayBeVoidedAtOnce(t *testing.T) {
	r := rt.New(t)
	since := r.MustSubmit(rt.Approval("TEA-IN", rt.IN, rt.Halcyon, "US")).Index
	f, err := r.Foresee(t.Context(), stolen(t, r, since), nil, r.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Voided) != 1 || f.Voided[0].JTI != "TEA-IN" || !f.Voided[0].Settled() {
		t.Errorf("voided: %+v", f.Voided)
	}
	r.MustSubmit(stolen(t, r, since))
}

func TestARegisterTakesNothingThatAFrozenKeyHasSigned(t *testing.T) {
	ctx := context.Background()
	r := rt.New(t)
	withSecondKey(t, r)
	before := r.MustSubmit(rt.Approval("TEA-IN", rt.IN, rt.Halcyon, "US"))
	freeze := &attest.Freeze{Common: attest.Common{Iss: rt.IN, Sub: attest.RootSubject, JTI: "FRZ-1"}, Kid: rt.SignerNamed("in-1").Key().ID()}
	signed := r.Sign(freeze, rt.SignerNamed("in-2"))
	receipt, err := r.Submit(ctx, signed)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := r.Submit(ctx, signed); err != nil || again.Index != receipt.Index {
		t.Errorf("the same again: %v, %v", again, err)
	}
	_, err = r.Submit(ctx, r.Sign(rt.Approval("TEA-IN-2", rt.IN, rt.Corvus, "AU")))
	refusal(t, err, attest.Forbidden, "is frozen")
	if _, err := r.Submit(ctx, r.Sign(rt.Approval("TEA-IN-3", rt.IN, rt.Corvus, "AU"), rt.SignerNamed("in-2"))); err != nil {
		t.Errorf("the other key: %v", err)
	}
	// What was logged before is found again, and stands after a restart.
	r.Restart()
	_, err = r.Submit(ctx, r.Sign(rt.Approval("TEA-IN-4", rt.IN, rt.Corvus, "AU")))
	refusal(t, err, attest.Forbidden, "is frozen")
	if again := r.MustSubmit(rt.Approval("TEA-IN", rt.IN, rt.Halcyon, "US")); again.Index != before.Index {
		t.Errorf("the approval from before is at %d, want %d", again.Index, before.Index)
	}
	// Evidence of before and after shows the freeze, and is good.
	for statement, entity := range map[string]string{"TEA-IN": rt.Halcyon, "TEA-IN-3": rt.Corvus} {
		evidence, err := r.EvidenceOf(ctx, []string{attest.ApprovalSubject(entity, rt.IN)})
		if err != nil {
			t.Fatal(err)
		}
		opened, err := verify.Open(evidence, r.Trust, r.Clock.Now())
		if err != nil {
			t.Fatalf("evidence with a freeze: %v", err)
		}
		for subject, want := range map[string]string{attest.RootSubject: "FRZ-1", attest.ApprovalSubject(entity, rt.IN): statement} {
			history, err := opened.History(subject, time.Time{}, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(history, func(h policy.Recorded) bool { return h.Statement.Claims().Head().JTI == want && !h.Void }) {
				t.Errorf("%s does not show %s", subject, want)
			}
		}
		if !opened.TrustRoot().Frozen(freeze.Kid) {
			t.Error("the trust root at the end of the evidence does not have the key frozen")
		}
	}
	thaw := successor(t, r)
	authority(t, thaw, rt.IN).Thawed = []string{freeze.Kid}
	r.MustSubmit(thaw)
	r.MustSubmit(rt.Approval("TEA-IN-5", rt.IN, rt.Corvus, "AU"))
}

func TestWhatARootWouldDoIsToldBeforeAnybodySignsIt(t *testing.T) {
	ctx := context.Background()
	r := rt.New(t)
	withSecondKey(t, r)
	approval := rt.Approval("TEA-IN", rt.IN, rt.Halcyon, "US")
	approval.Programme = "GAICT"
	since := r.MustSubmit(approval).Index
	r.MustSubmit(rt.Event("SUS-IN", rt.IN, attest.ApprovalSubject(rt.Halcyon, rt.IN), "TEA-IN", attest.Suspend, rt.Start.Add(240*time.Hour)))
	req := &policy.Request{
		EffectiveAt: policy.InstantOf(rt.Start.Add(time.Hour)), Authority: rt.IN, Programme: "GAICT", Act: "export", Mode: "tangible",
		Transferor: rt.Varuna, Transferee: rt.Halcyon, DestinationSite: approval.ApprovedSites[0].ID,
		Item: &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"},
	}
	other := *req
	other.Transferee = rt.Corvus
	next := stolen(t, r, since)
	f, err := r.Foresee(ctx, next, []*policy.Request{&other, req}, r.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	var voided []string
	for _, v := range f.Voided {
		voided = append(voided, v.JTI+" "+v.What)
		if v.Settled() != (v.JTI == "TEA-IN") {
			t.Errorf("%s is settled: %v", v.JTI, v.Settled())
		}
	}
	if diff := cmp.Diff([]string{"TEA-IN entity", "SUS-IN suspend"}, voided); diff != "" {
		t.Errorf("voided (-want +got):\n%s", diff)
	}
	if len(f.Changed) != 1 || f.Changed[0].Request != 1 || f.Changed[0].Now == f.Changed[0].Then || f.Changed[0].Then != policy.DENY {
		t.Errorf("changed: %+v, want the second request's", f.Changed)
	}
	if _, err := r.Foresee(ctx, r.Root().Root(), nil, r.Clock.Now()); err == nil {
		t.Error("a version that cannot follow is foreseen")
	}
}

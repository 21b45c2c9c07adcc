package registry_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// asked asks the register, which has to decide to the byte what the evidence that
// it gives decides.
func asked(t *testing.T, r *rt.Register, req *policy.Request, at policy.Times) (*policy.Decision, []byte) {
	t.Helper()
	got, evidence, err := r.Decide(t.Context(), req, at)
	want, offline := verify.Decide(evidence, r.Trust, req, at)
	if err != nil || offline != nil {
		t.Fatalf("online %v, offline %v", err, offline)
	}
	if same, err := want.Same(got); !same || err != nil {
		t.Fatalf("the register decides otherwise than its evidence: %v\n%s", err, cmp.Diff(want, got))
	}
	return got, evidence
}

func TestARepeatedQuestionIsDecidedAsItsEvidenceIs(t *testing.T) {
	r := joint(t)
	r.MustSubmit(rt.Domain("PDA-1", rt.IN))
	r.Clock.Add(time.Second)
	other := request()
	other.DestinationSite = "BLR-9"
	more := request()
	more.EndUser = rt.Corvus
	var first []byte
	for i := range 3 {
		// All but the first are about histories that are opened already, at another
		// time of asking each.
		now := r.Clock.Now().Add(time.Duration(i) * time.Second)
		d, evidence := asked(t, r, request(), request().Times(now))
		if !d.Permitted() {
			t.Fatalf("the joint check gives %v", d.Codes())
		}
		if first == nil {
			first = evidence
		}
		if string(evidence) != string(first) {
			t.Error("the same histories have other evidence")
		}
		if d, evidence := asked(t, r, other, other.Times(now)); d.Permitted() || string(evidence) != string(first) {
			t.Errorf("of another site: %v, of the same evidence: %t", d.Decision, string(evidence) == string(first))
		}
		if _, evidence := asked(t, r, more, more.Times(now)); string(evidence) == string(first) {
			t.Error("a question about one more party has the evidence of that without it")
		}
	}
	fresh, err := r.Evidence(t.Context(), request())
	if err != nil || string(fresh) != string(first) {
		t.Errorf("evidence made anew is another: %v", err)
	}
}

func TestARevocationIsSeenByTheNextQuestion(t *testing.T) {
	r := joint(t)
	r.MustSubmit(rt.Domain("PDA-1", rt.IN))
	r.Clock.Add(time.Minute)
	if d, _ := asked(t, r, request(), request().Times(r.Clock.Now())); !d.Permitted() {
		t.Fatalf("before: %v", d.Codes())
	}
	r.MustSubmit(rt.Event("revoke-1", rt.US, attest.SandboxSubject(rt.Sandbox), "PDA-1", attest.Revoke, rt.Start))
	r.Clock.Add(time.Millisecond)
	if d, _ := asked(t, r, request(), request().Times(r.Clock.Now())); d.Permitted() {
		t.Error("what was revoked is permitted still")
	}
}

func TestEvidenceThatIsKeptGetsNoFresher(t *testing.T) {
	r := joint(t)
	r.MustSubmit(rt.Domain("PDA-1", rt.IN))
	r.Clock.Add(time.Second)
	now := r.Clock.Now()
	for range 2 {
		if d, _ := asked(t, r, request(), request().Times(now)); !d.Permitted() {
			t.Fatalf("now: %v", d.Codes())
		}
		late := now.Add(r.Trust.MaxStatusAge() + time.Minute)
		if d, _ := asked(t, r, request(), request().Times(late)); d.Permitted() {
			t.Error("evidence older than the trust accepts permits")
		}
	}
}

func TestWhoAsksAsOfBeforeTheCosignaturesIsRefusedAsByTheEvidence(t *testing.T) {
	r := joint(t)
	now := r.Clock.Now()
	for _, ago := range []time.Duration{0, 30 * time.Second, time.Minute, 2 * time.Minute, 5*time.Minute - time.Second, 5*time.Minute + time.Second, time.Hour} {
		at := request().Times(now)
		at.CheckedAt = now.Add(-ago)
		got, evidence, err := r.Decide(t.Context(), request(), at)
		if err != nil {
			evidence, _ = r.Evidence(t.Context(), request())
		}
		want, offline := verify.Decide(evidence, r.Trust, request(), at)
		if (err == nil) != (offline == nil) || err != nil && err.Error() != offline.Error() {
			t.Fatalf("%v before: online %v, offline %v", ago, err, offline)
		}
		if err == nil {
			if same, err := want.Same(got); !same || err != nil {
				t.Errorf("%v before: the register decides otherwise than its evidence", ago)
			}
		}
		if refused := ago > 5*time.Minute; refused != (err != nil) {
			t.Errorf("%v before: %v", ago, err)
		}
	}
	if _, _, err := r.Decide(t.Context(), request(), policy.Times{}); err == nil {
		t.Error("a question at no time is decided")
	}
}

func TestARequestThatIsNoneIsRefusedBeforeEvidenceIsMade(t *testing.T) {
	r := joint(t)
	if _, _, err := r.Decide(t.Context(), nil, request().Times(r.Clock.Now())); err == nil {
		t.Error("nothing is decided")
	}
	bad := request()
	bad.Transferor = "nobody"
	if _, _, err := r.Decide(t.Context(), bad, bad.Times(r.Clock.Now())); err == nil || errors.Is(err, registry.ErrNoRoot) {
		t.Errorf("a transferor that is no identifier: %v", err)
	}
}

// BenchmarkDecideAgain is what a question costs whose histories are opened.
func BenchmarkDecideAgain(b *testing.B) {
	r := rt.New(b)
	for _, c := range []attest.Claims{
		rt.Registration("REG-1", rt.IN, rt.Varuna, "IN"), rt.Registration("REG-1", rt.US, rt.Halcyon, "US"),
		rt.Approval("TEA-1", rt.US, rt.Varuna, "IN"), rt.Approval("TEA-1", rt.IN, rt.Halcyon, "US"),
		rt.Domain("PDA-1", rt.US), rt.Domain("PDA-1", rt.IN),
	} {
		r.MustSubmit(c)
	}
	r.Clock.Add(time.Second)
	at := request().Times(r.Clock.Now())
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.Decide(b.Context(), request(), at); err != nil {
			b.Fatal(err)
		}
	}
}

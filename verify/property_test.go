package verify_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

func someTime(from, to time.Time) *rapid.Generator[time.Time] {
	return rapid.Map(rapid.Int64Range(from.UnixMilli(), to.UnixMilli()), func(ms int64) time.Time { return time.UnixMilli(ms).UTC() })
}

// logHistory logs a few batches of statements that may change what the joint
// request and the programme's are answered: approvals and new versions of them,
// events, registrations, and trust roots that declare a key compromised. Each
// is at least a second after the one before.
func logHistory(t *rapid.T, r *register) {
	for range rapid.IntRange(1, 3).Draw(t, "batches") {
		at := r.at.Add(time.Duration(rapid.IntRange(1000, 600_000).Draw(t, "ms")) * time.Millisecond)
		var batch []string
		for range rapid.IntRange(1, 3).Draw(t, "statements") {
			batch = append(batch, someStatement(t, r, len(batch)))
		}
		r.batch(at, slices.DeleteFunc(batch, func(s string) bool { return s == "" })...)
	}
}

// lineages are what events are on and new versions are of.
var lineagesOfStory = []struct{ subject, iss, jti string }{
	{approvals, "auth-us", "TEA-US-1"},
	{"entity:" + halcyon + "/auth-in", "auth-in", "TEA-IN-1"},
	{"sandbox:" + sandbox, "auth-us", "PDA-US-1"},
	{"sandbox:" + sandbox, "auth-in", "PDA-IN-1"},
	{"entity:" + halcyon, "auth-us", "REG-US-1"},
	{"entity:" + varuna, "auth-in", "REG-IN-2"},
}

// someStatement returns a statement, "" where the one drawn is not possible.
func someStatement(t *rapid.T, r *register, nth int) string {
	jti := fmt.Sprintf("N-%d-%d", len(r.leaves), nth)
	when := attest.NumericDate(someTime(begin, asked).Draw(t, "effective").Unix())
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		l := rapid.SampledFrom(lineagesOfStory).Draw(t, "target")
		e := &attest.Event{Common: head(l.iss, l.subject, jti), Target: l.jti, EffectiveAt: when}
		e.Event = rapid.SampledFrom([]attest.EventType{attest.Revoke, attest.Suspend, attest.Lift, attest.Withdraw}).Draw(t, "event")
		if e.Event == attest.Lift {
			e.Ends = []attest.Suspension{attest.BySuspension}
		}
		return sign(e, r.officer(l.iss))
	case 1, 2:
		site := rapid.SampledFrom([]string{"VTZ-1", "BLR-1"}).Draw(t, "site")
		who := rapid.SampledFrom([]string{varuna, alias}).Draw(t, "entity")
		return sign(approval("auth-us", who, jti, "IN", site), r.officer("auth-us"))
	case 3:
		if r.replaced != "" {
			return ""
		}
		c := rootClaims(3)
		a := &c.Authorities[rapid.IntRange(0, 1).Draw(t, "authority")]
		r.replaced = a.ID
		a.Compromised = []attest.Compromised{{Kid: officer(a.ID).Key().ID(), Since: rapid.Int64Range(0, 12).Draw(t, "since")}}
		a.Officers[0].Keys = []attest.JWK{r.officer(a.ID).jwk()}
		return sign(c, "r1", "r2")
	default:
		return sign(registration("auth-us", varuna, jti, "US"), r.officer("auth-us"))
	}
}

// answer is what a decision says, without what names its evidence, and without
// what that holds of later days.
func answer(d *policy.Decision) policy.Decision {
	a := *d
	a.Hindsight = nil
	a.Replay, a.StatusEvidenceAt, a.ProvenUntil, a.RecheckBy = policy.Replay{}, policy.Instant{}, policy.Instant{}, policy.Instant{}
	return a
}

// A question about what was known then has one answer, on the evidence of then
// and on that of any later day: what is logged later never changes it.
func TestWhatWasKnownThenStaysAsItWas(t *testing.T) {
	changed := 0
	rapid.Check(t, func(t *rapid.T) {
		r := story()
		logHistory(t, r)
		req := rapid.SampledFrom([]*policy.Request{joint(), programme()}).Draw(t, "request")
		req.Transferee = rapid.SampledFrom([]string{varuna, alias}).Draw(t, "transferee")
		tr := must(verify.TrustFor(rootStatement(r), bothMirrors(), 24*time.Hour, verify.Insecure{}))
		// A mirror never dates a cosignature before the status leaf, and the
		// register dates a batch after every cosignature.
		cosigned := func() time.Time { return r.at.Truncate(time.Second).Add(time.Second) }
		evidence := func() []byte {
			return must(r.evidence(r.checkpoint(quorum(cosigned())...), touched...).Marshal())
		}
		then := evidence()
		at := policy.Times{EffectiveAt: someTime(begin, asked).Draw(t, "effective at"), CheckedAt: asked.AddDate(0, 0, 1)}
		at.KnownAt = someTime(begin, cosigned()).Draw(t, "known at")
		before, err := verify.Decide(then, tr, req, at)
		if err != nil {
			t.Fatal(err)
		}
		r.at = cosigned()
		logHistory(t, r)
		later := evidence()
		after, err := verify.Decide(later, tr, req, at)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(answer(before), answer(after), cmp.AllowUnexported(policy.Instant{})); diff != "" {
			t.Fatalf("known at %v (-then +later):\n%s", at.KnownAt, diff)
		}
		now := at
		now.KnownAt = now.CheckedAt
		if d := must(verify.Decide(later, tr, req, now)); d.Decision != before.Decision {
			changed++
		}
	})
	if changed == 0 {
		t.Error("nothing that was logged later changed what is known now: the test shows nothing")
	}
}

// Nothing can be left out of a history: no entry, no few entries, with their
// statements or without, whether the history says that it has stubs or not.
func TestEveryPartOfAHistoryIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := story()
		logHistory(t, r)
		tr := must(verify.TrustFor(rootStatement(r), bothMirrors(), 24*time.Hour, verify.Insecure{}))
		e := r.evidence(r.checkpoint(quorum(r.at)...), touched...)
		if _, err := verify.Check(must(e.Marshal()), tr, r.at); err != nil {
			t.Fatalf("whole: %v", err)
		}
		var subjects []string
		for _, h := range e.Histories {
			if len(h.Entries) > 0 {
				subjects = append(subjects, h.Subject)
			}
		}
		h := history(e, rapid.SampledFrom(subjects).Draw(t, "subject"))
		n := len(h.Entries)
		if rapid.Bool().Draw(t, "a prefix") {
			h.Entries = h.Entries[:rapid.IntRange(0, n-1).Draw(t, "length")]
		} else {
			gone := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 1, n, rapid.ID[int]).Draw(t, "without")
			var left []verify.Entry
			for i, x := range h.Entries {
				if !slices.Contains(gone, i) {
					left = append(left, x)
				}
			}
			h.Entries = left
		}
		if rapid.Bool().Draw(t, "without their statements") {
			used := make(map[int64]bool)
			for _, h := range e.Histories {
				for _, x := range h.Entries {
					used[x.Index] = true
				}
			}
			e.Statements = slices.DeleteFunc(e.Statements, func(s verify.LoggedStatement) bool { return !used[s.Index] })
		}
		d, err := verify.Decide(must(e.Marshal()), tr, joint(), policy.Times{EffectiveAt: asked, KnownAt: r.at, CheckedAt: r.at})
		var refused *verify.Error
		if !errors.As(err, &refused) || d != nil || refused.Step != verify.StepHistory && (h.Subject != "root" || refused.Step != verify.StepRoot) {
			t.Fatalf("%s: %v", h.Subject, err)
		}
	})
}

// What is left out of a log changes its root, whatever proof is shown.
func TestAnotherLogHasAnotherRoot(t *testing.T) {
	r := story()
	tr := trust(t, r, bothMirrors(), verify.Insecure{})
	data := marshal(t, whole(r))
	for index := range int64(len(r.leaves)) {
		other := newRegister()
		for i, leaf := range r.leaves {
			if int64(i) != index {
				other.leaf(leaf)
			}
		}
		size := int64(len(other.leaves))
		e := must(verify.Parse(data))
		e.Checkpoint = other.checkpoint(quorum(cosign)...)
		e.Status = verify.StatusProof{Index: size - 1, Leaf: other.leaves[size-1], Proof: verify.InclusionProof(must(tlog.ProveRecord(size, size-1, other)))}
		if _, err := verify.Check(marshal(t, e), tr, asked); err == nil {
			t.Errorf("accepted under the root of a log without leaf %d", index)
		}
	}
}

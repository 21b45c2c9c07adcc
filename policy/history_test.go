package policy_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/policy"
)

// whole proves every history of the stage.
func (st *stage) whole(fresh string) *proven.Set {
	set := &proven.Set{Origin: origin, Size: st.next, Fresh: date(fresh), MaxAge: st.maxAge}
	st.proveAll(set)
	return set
}

// proveAll proves every history, and of the entities those that are empty.
func (st *stage) proveAll(set *proven.Set) {
	for _, id := range []string{"halcyon", "varuna", "corvus"} {
		set.Prove(attest.EntitySubject(idOf(id)), nil)
	}
	for s, entries := range st.histories {
		set.Prove(s, entries)
	}
}

// told are the jtis and states of a history; times are dates, "" for none.
func told(t *testing.T, h *policy.Histories, subject, known, at string) (lines []string) {
	t.Helper()
	when := func(s string) time.Time {
		if s == "" {
			return time.Time{}
		}
		return date(s)
	}
	list, err := h.History(subject, when(known), when(at))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		line := r.Statement.Claims().Head().JTI
		if r.Void {
			line += " void"
		}
		if r.Standing != nil {
			line += ": " + string(r.Standing.State)
			if r.Standing.By != nil {
				line += " by " + r.Standing.By.JTI
			}
			if r.Standing.Holder != "" {
				line += " of " + r.Standing.Holder
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func TestAHistorySaysWhatStandsAtALegalTime(t *testing.T) {
	st := newStage(t, 1)
	varuna := attest.ApprovalSubject(idOf("varuna"), "auth-us")
	st.entity("auth-us", "A-1", "varuna", "2026-01-01", "2027-01-01", "S1", func(a *attest.EntityApproval) {
		a.Conditions = &attest.Conditions{ChangeOfControl: attest.AutoSuspend}
	})
	st.entity("auth-us", "B-1", "varuna", "2026-01-01", "", "S1")
	st.at("2026-01-10").eventWith(attest.Suspend, "A-1", "2026-02-01", func(e *attest.Event) { e.JTI, e.Until = "SUS", numeric(date("2026-03-01")) })
	st.at("2026-03-15").entity("auth-us", "A-2", "varuna", "2026-04-01", "2027-01-01", "S1", func(a *attest.EntityApproval) {
		a.Supersedes = "A-1"
		a.Conditions = &attest.Conditions{ChangeOfControl: attest.AutoSuspend}
	})
	st.at("2026-05-10").happens("auth-us", attest.ChangeOfControl, "varuna", "2026-05-01", func(e *attest.EntityEvent) { e.JTI = "COC" })
	st.at("2026-06-10").eventWith(attest.Revoke, "B-1", "2026-05-20", func(e *attest.Event) { e.JTI = "REV" })
	st.at("2026-06-20").succession("A-1", "corvus", "2026-07-01", func(s *attest.Succession) { s.JTI = "SUC" })
	h := policy.Read(st.whole("2026-08-01"))
	for _, row := range []struct {
		name, known, at string
		want            []string
	}{
		{"nothing asked", "", "", []string{"A-1", "B-1", "SUS", "A-2", "REV", "SUC"}},
		{"before all", "", "2025-12-31", []string{"A-1: not_yet_effective", "B-1: not_yet_effective", "SUS: not_yet_effective", "A-2: not_yet_effective", "REV: not_yet_effective", "SUC: not_yet_effective"}},
		{"from is in force", "", "2026-01-01", []string{"A-1: in_force", "B-1: in_force", "SUS: not_yet_effective", "A-2: not_yet_effective", "REV: not_yet_effective", "SUC: not_yet_effective"}},
		{"suspended", "2026-01-20", "2026-02-01", []string{"A-1: suspended by SUS", "B-1: in_force", "SUS: in_force"}},
		{"until is over", "2026-01-20", "2026-03-01", []string{"A-1: in_force", "B-1: in_force", "SUS: ended"}},
		{"superseded", "2026-03-20", "2026-04-01", []string{"A-1: superseded by A-2", "B-1: in_force", "SUS: ended", "A-2: in_force"}},
		{"before the backdated revocation was known", "2026-06-09", "2026-06-01", []string{"A-1: superseded by A-2", "B-1: in_force", "SUS: ended", "A-2: suspended by COC"}},
		{"after", "2026-06-10", "2026-06-01", []string{"A-1: superseded by A-2", "B-1: revoked by REV", "SUS: ended", "A-2: suspended by COC", "REV: in_force"}},
		{"of another", "", "2026-07-02", []string{
			"A-1: superseded by A-2", "B-1: revoked by REV", "SUS: ended", "A-2: suspended by COC of " + idOf("corvus"), "REV: in_force", "SUC: in_force",
		}},
	} {
		if diff := cmp.Diff(row.want, told(t, h, varuna, row.known, row.at)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
	}
}

func TestAHistorySaysWhoSignedAndWhatIsVoid(t *testing.T) {
	st := newStage(t, 2)
	subject := attest.ApprovalSubject(idOf("varuna"), "auth-us")
	index := st.entity("auth-us", "A-1", "varuna", "2026-01-01", "", "S1")
	st.entity("auth-us", "B-1", "varuna", "2026-01-01", "", "S1")
	st.event(attest.Suspend, "B-1", "2026-02-01")
	st.at("2026-03-01").compromised("auth-us", 1, index+1)
	h := policy.Read(st.whole("2026-08-01"))
	if diff := cmp.Diff([]string{"A-1: in_force", "B-1 void: void", "EV-3: in_force"}, told(t, h, subject, "", "2026-04-01")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"A-1", "B-1", "EV-3"}, told(t, h, subject, "2026-02-28", "")); diff != "" {
		t.Errorf("before it was declared (-want +got):\n%s", diff)
	}
	list, err := h.History(subject, time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var officers []string
	for _, s := range list[1].Statement.Signatures() {
		officers = append(officers, s.Officer)
	}
	slices.Sort(officers)
	if diff := cmp.Diff([]string{"o1", "o2"}, officers); diff != "" || len(list[0].Disregarded) != 0 || len(list[1].Disregarded) != 1 {
		t.Errorf("signed by %v, disregarded %v and %v", officers, list[0].Disregarded, list[1].Disregarded)
	}
	if diff := cmp.Diff([]string{"root-1: superseded", "root-2: in_force"}, told(t, h, attest.RootSubject, "", "2026-04-01")); diff != "" {
		t.Errorf("roots (-want +got):\n%s", diff)
	}
}

func TestAHistoryThatIsNotProvenIsNotRead(t *testing.T) {
	st := newStage(t, 1)
	st.entity("auth-us", "A-1", "varuna", "2026-01-01", "", "S1")
	subject := attest.ApprovalSubject(idOf("varuna"), "auth-us")
	set := &proven.Set{Fresh: date("2026-08-01")}
	set.Prove(attest.RootSubject, st.histories[attest.RootSubject])
	set.Prove(subject, st.histories[subject])
	none := func(h *policy.Histories, subject string, at time.Time, want policy.Unproven) {
		t.Helper()
		list, err := h.History(subject, time.Time{}, at)
		if u, ok := errors.AsType[*policy.Unproven](err); !ok || *u != want || list != nil {
			t.Errorf("%s: %v, %v, want %+v", subject, list, err, want)
		}
	}
	h := policy.Read(set)
	if _, err := h.History(subject, time.Time{}, time.Time{}); err != nil {
		t.Error(err)
	}
	none(h, attest.SandboxSubject("SBX-1"), time.Time{}, policy.Unproven{Subject: "sandbox:SBX-1"})
	// A change of control or merger would stand there.
	none(h, subject, date("2026-06-01"), policy.Unproven{Subject: attest.EntitySubject(idOf("varuna"))})
	set.Withhold(subject)
	none(policy.Read(set), subject, time.Time{}, policy.Unproven{Subject: subject, Partly: true})
}

// What a PERMIT without savings relies on is in force, and no approval of an
// entity that a history says is in force is left out for its state.
func TestHistoriesAgreeWithDecisions(t *testing.T) {
	states := map[policy.Code]bool{
		policy.ApprovalRevoked: true, policy.ApprovalWithdrawn: true, policy.ApprovalExpired: true, policy.ApprovalNotYetEffective: true, policy.ApprovalSuspended: true,
	}
	rapid.Check(t, func(t *rapid.T) {
		st := anyScript(t).play(t)
		req := anyAsk(t).request(t)
		set := st.prove(req, date("2026-08-01"))
		st.proveAll(set)
		h := policy.Read(set)
		at := policy.Times{EffectiveAt: around(t, "effective"), KnownAt: around(t, "known"), CheckedAt: date("2026-08-01")}
		d, err := policy.Decide(req, set, at)
		if err != nil {
			t.Fatalf("decide: %v", err)
		}
		standing := make(map[int64]policy.State)
		for _, s := range set.Subjects() {
			list, err := h.History(s, at.KnownAt, at.EffectiveAt)
			if err != nil {
				t.Fatalf("history of %s: %v", s, err)
			}
			for _, r := range list {
				if r.Standing.State == "" {
					t.Fatalf("the statement at index %d has no state", r.Index)
				}
				standing[r.Index] = r.Standing.State
			}
		}
		saved := slices.Contains(d.Codes(), policy.SavingsClauseApplied)
		if req.Sandbox != "" && !saved {
			list, err := h.History(attest.SandboxSubject(req.Sandbox), at.KnownAt, at.EffectiveAt)
			if err != nil {
				t.Fatal(err)
			}
			reached := slices.ContainsFunc(policy.Concurrences(list), func(c policy.Concurrence) bool { return c.Reached() })
			if missing := slices.Contains(d.Codes(), policy.AuthorityConcurrenceMissing); missing == reached {
				t.Errorf("a concurrence is reached: %t; the decision says that it is missing: %t", reached, missing)
			}
		}
		for _, r := range d.ReliedOn {
			if d.Permitted() && !saved && standing[r.Statement.Index] != policy.InForce {
				t.Fatalf("relied on %s, which is %s", r.Statement.JTI, standing[r.Statement.Index])
			}
		}
		for _, r := range d.Reasons {
			if states[r.Code] && r.Statement != nil && standing[r.Statement.Index] == policy.Voided {
				t.Fatalf("%s rests on %s, which is void", r.Code, fmt.Sprint(r.Statement))
			}
		}
	})
}

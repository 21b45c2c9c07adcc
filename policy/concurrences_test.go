package policy_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

func TestConcurrencesSayWhoHasApprovedWhichTerms(t *testing.T) {
	sandbox := attest.SandboxSubject("SBX-UCOMMS")
	said := func(st *stage, at string) (out []string) {
		h, err := policy.Read(st.whole("2026-08-01")).History(sandbox, date("2026-08-01"), date(at))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range policy.Concurrences(h) {
			var jtis []string
			for _, r := range c.Approvals {
				jtis = append(jtis, r.Statement.Claims().Head().JTI)
			}
			out = append(out, fmt.Sprintf("%v: in force %v, enough %t, reached %t", jtis, c.InForce(), c.Enough(), c.Reached()))
		}
		return out
	}
	same := func(what string, got []string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	st := newStage(t, 1)
	st.domain("auth-us", "U1", "SBX-UCOMMS", "2026-01-01", "", three(2))
	same("one alone", said(st, "2026-02-01"), "[U1]: in force [auth-us], enough false, reached false")
	st.domain("auth-au", "A1", "SBX-UCOMMS", "2026-02-01", "", three(2))
	same("two of three", said(st, "2026-02-01"), "[U1 A1]: in force [auth-au auth-us], enough true, reached true")
	same("before the second", said(st, "2026-01-31"), "[U1 A1]: in force [auth-us], enough false, reached false")
	st.domain("auth-us", "U1-2", "SBX-UCOMMS", "2026-02-10", "", three(2, endUse("dry_run")), supersedes[attest.DomainApproval]("U1"))
	same("one waits for others", said(st, "2026-02-10"),
		"[U1 A1]: in force [auth-au auth-us], enough true, reached true",
		"[U1-2]: in force [], enough false, reached false")
	// Both for other terms: those are concurred on from then, and one who goes back does
	// not bring back the ones before.
	st.domain("auth-us", "U2", "SBX-UCOMMS", "2026-03-01", "", three(2, endUse("sea_trial")), supersedes[attest.DomainApproval]("U1-2"))
	same("what waits in place of what waited is not there yet", said(st, "2026-02-10"),
		"[U1 A1]: in force [auth-au auth-us], enough true, reached true",
		"[U1-2]: in force [], enough false, reached false",
		"[U2]: in force [], enough false, reached false")
	same("one has left", said(st, "2026-03-01"),
		"[U1 A1]: in force [auth-au auth-us], enough true, reached true",
		"[U2]: in force [], enough false, reached false")
	st.domain("auth-in", "I1", "SBX-UCOMMS", "2026-04-01", "", three(2, endUse("sea_trial")))
	same("another one comes", said(st, "2026-04-01"),
		"[A1]: in force [auth-au], enough false, reached false",
		"[U2 I1]: in force [auth-in auth-us], enough true, reached true")
	st.event(attest.Revoke, "I1", "2026-05-01")
	same("and goes", said(st, "2026-05-01"),
		"[A1]: in force [auth-au], enough false, reached false",
		"[U2 I1]: in force [auth-us], enough false, reached false")
	if got := policy.Concurrences(nil); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

func TestEnoughApprovalsOfReplacedTermsAreNoConcurrence(t *testing.T) {
	st := newStage(t, 1)
	st.domain("auth-us", "U1", "SBX-UCOMMS", "2026-01-01", "", three(1, endUse("joint_challenge_prototype")))
	st.domain("auth-in", "I1", "SBX-UCOMMS", "2026-02-01", "", three(1, endUse("sea_trial")))
	h, err := policy.Read(st.whole("2026-08-01")).History(attest.SandboxSubject("SBX-UCOMMS"), date("2026-08-01"), date("2026-03-01"))
	if err != nil {
		t.Fatal(err)
	}
	all := policy.Concurrences(h)
	if len(all) != 2 || !all[0].Enough() || all[0].Reached() || !all[1].Reached() {
		t.Errorf("%+v: want the second alone to be reached, though the first has enough", all)
	}
}

// A lineage that has ended waits for nobody, whichever of its versions governs.
func TestANewVersionOfWhatHasEndedDoesNotWaitForOthers(t *testing.T) {
	states := func(st *stage) (out []policy.State) {
		h, err := policy.Read(st.whole("2026-08-01")).History(attest.SandboxSubject("SBX-UCOMMS"), date("2026-08-01"), date("2026-06-01"))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range h {
			out = append(out, r.Standing.State)
		}
		return out
	}
	for end, want := range map[attest.EventType]policy.State{attest.Revoke: policy.Revoked, attest.Withdraw: policy.Withdrawn, attest.Suspend: policy.NotJoint, "": policy.Expired} {
		st := newStage(t, 1)
		st.domain("auth-us", "U1", "SBX-UCOMMS", "2026-01-01", "", three(2))
		st.domain("auth-au", "A1", "SBX-UCOMMS", "2026-01-01", "", three(2))
		until := ""
		if end == "" {
			until = "2026-05-01"
		}
		st.domain("auth-us", "U2", "SBX-UCOMMS", "2026-03-01", until, three(2, endUse("sea_trial")), supersedes[attest.DomainApproval]("U1"))
		if end != "" {
			st.event(end, "U1", "2026-05-01")
		}
		if got := states(st); got[2] != want {
			t.Errorf("%q: the states are %v, want %s of the third", end, got, want)
		}
	}
}

package policy_test

import (
	"testing"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/screening"
)

// approvedByOne is a stage where auth-us alone has approved both parties and a sandbox.
func approvedByOne(t *testing.T, with ...func(*attest.EntityApproval)) *stage {
	st := newStage(t, 1)
	st.domain("auth-us", "PDA", "SBX-UCOMMS", "2026-01-01", "", single())
	st.entity("auth-us", "T1", "halcyon", "2026-01-01", "", "NPT-1")
	st.entity("auth-us", "T2", "varuna", "2026-01-01", "", "VTZ-1", with...)
	return st
}

func decides(t *testing.T, st *stage, a ask, want policy.Result, lists ...*screening.List) *policy.Decision {
	t.Helper()
	req := a.request(t)
	at := times(req)
	d := must(policy.Decide(req, st.prove(req, at.KnownAt), at, lists...))
	if d.Decision != want {
		t.Errorf("%v: %s %v, want %s", a["effective_at"], d.Decision, codes(d), want)
	}
	return d
}

func TestALaterRegistrationUndoesNoMerger(t *testing.T) {
	st := approvedByOne(t)
	st.at("2026-02-01").happens("auth-us", attest.Merger, "varuna", "2026-03-01")
	decides(t, st.at("2026-02-02"), after("2026-05-04T09:00:00Z"), policy.DENY)
	st.at("2026-04-01").register("auth-in", "REG-IN", "varuna", func(r *attest.Registration) { r.NBF = numeric(date("2026-04-01")) })
	decides(t, st, after("2026-05-04T09:00:00Z"), policy.DENY)
}

func TestAChangeOfControlOutlivesAFirstVersionThatIsVoid(t *testing.T) {
	auto := func(a *attest.EntityApproval) { a.Conditions = &attest.Conditions{ChangeOfControl: attest.AutoSuspend} }
	st := newStage(t, 1)
	st.domain("auth-us", "PDA", "SBX-UCOMMS", "2026-01-01", "", single())
	st.entity("auth-us", "T1", "halcyon", "2026-01-01", "", "NPT-1")
	void := st.entity("auth-us", "T2", "varuna", "2026-01-01", "", "VTZ-1", auto)
	st.at("2026-02-01").log(&attest.EntityEvent{
		Common: attest.Common{Iss: "auth-us", Sub: attest.EntitySubject(idOf("varuna")), JTI: "COC"},
		Event:  attest.ChangeOfControl, EffectiveAt: numeric(date("2026-03-01")), AcquirerName: "A",
	}, 1)
	st.at("2026-02-10").compromised("auth-us", 0, void)
	again := &attest.EntityApproval{
		Common: attest.Common{Iss: "auth-us", Sub: attest.ApprovalSubject(idOf("varuna"), "auth-us"), JTI: "T3"}, Grant: interval("2026-02-20", ""),
		VCT: attest.VCT, LegalName: "varuna", Country: "IN", LegalEffect: attest.Authorization,
		ApprovedSites: []attest.Site{{ID: "VTZ-1", Address: "1 VTZ-1 Road", Country: "IN"}},
	}
	auto(again)
	again.Supersedes = "T2"
	st.at("2026-02-11").log(again, 1)
	decides(t, st, after("2026-05-04T09:00:00Z").with(ask{"effective_at": "2026-02-28T23:59:59Z"}), policy.PERMIT)
	decides(t, st, after("2026-05-04T09:00:00Z").with(ask{"effective_at": "2026-03-25T00:00:00Z"}), policy.DENY)
}

func TestAConsentReachesNoFurtherByTheWordOfOthers(t *testing.T) {
	st := approvedByOne(t)
	ids := func(v ...string) func(*attest.Registration) {
		return func(r *attest.Registration) { r.Identifiers = v }
	}
	const other = "duns:123456789"
	st.register("auth-in", "REG-1", "varuna", ids(other))
	st.register("auth-in", "REG-2", "varuna", ids(), func(r *attest.Registration) { r.Supersedes = "REG-1" })
	st.log(&attest.EntityApproval{
		Common: attest.Common{Iss: "auth-us", Sub: attest.ApprovalSubject(other, "auth-us"), JTI: "T3"}, Grant: interval("2026-01-01", ""),
		VCT: attest.VCT, LegalName: "Other", Country: "IN", LegalEffect: attest.Authorization,
		ApprovedSites: []attest.Site{{ID: "VTZ-1", Address: "1 VTZ-1 Road", Country: "IN"}},
	}, 0)
	st.consent("auth-au", "CONS-4", "varuna", "2026-01-01", "")
	again := after("2026-05-04T09:00:00Z").with(ask{"act": "retransfer", "originating_authority": "auth-au", "consent_ref": "CONS-4"})
	decides(t, st, again.with(ask{"transferee": other}), policy.DENY)
	if d := decides(t, st, again, policy.PERMIT); !d.ReplacesLicence {
		t.Errorf("a retransfer by authorizations alone replaces no licence: %q", d.Notes)
	}
}

func TestApprovalsThatAreNotShownAreNotScreened(t *testing.T) {
	st := approvedByOne(t)
	st.entity("auth-us", "T3", "varuna", "2026-01-01", "", "BLR-1", func(a *attest.EntityApproval) { a.LegalName = "Evil Corp" })
	req := after("2026-05-04T09:00:00Z").request(t)
	at := times(req)
	whole := st.prove(req, at.KnownAt)
	part := &proven.Set{Origin: whole.Origin, Size: whole.Size, Fresh: whole.Fresh, MaxAge: whole.MaxAge}
	for _, s := range whole.Subjects() {
		entries, _ := whole.History(s)
		var shown []proven.Entry
		for _, e := range entries {
			if e.Statement.Claims().Head().JTI != "T3" {
				shown = append(shown, e)
			}
		}
		part.Prove(s, shown)
		if len(shown) < len(entries) {
			part.Withhold(s)
		}
	}
	if d := must(policy.Decide(req, part, at)); d.Decision != policy.PERMIT {
		t.Errorf("without a list it is %s %v", d.Decision, codes(d))
	}
	for _, name := range []string{"Evil Corp", "Somebody Else"} {
		if d := must(policy.Decide(req, part, at, list(t, name))); d.Decision != policy.REFER {
			t.Errorf("with %s on a list it is %s %v", name, d.Decision, codes(d))
		}
	}
}

func TestNextChangeIsWhenANameIsScreened(t *testing.T) {
	st := approvedByOne(t)
	st.entity("auth-us", "T3", "varuna", "2026-06-01", "", "BLR-1", func(a *attest.EntityApproval) { a.LegalName = "Evil Corp" })
	a := after("2026-05-04T09:00:00Z")
	d := decides(t, st, a.with(ask{"effective_at": "2026-05-31T23:59:59Z"}), policy.PERMIT, list(t, "Evil Corp"))
	if !d.NextChange.Time().Equal(date("2026-06-01")) {
		t.Errorf("next change %v", d.NextChange.Time())
	}
	decides(t, st, a.with(ask{"effective_at": "2026-06-01T00:00:00Z"}), policy.REFER, list(t, "Evil Corp"))
}

package policy_test

import (
	"testing"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

func TestR2UnknownSandbox(t *testing.T) {
	st := joint(t)
	st.checks(t, check{"nobody approved it", ask{"sandbox": "SBX-NONE"}, policy.DENY, "AUTHORITY_CONCURRENCE_MISSING"})
}

func TestR2EachAuthorityConcursOverEqualTerms(t *testing.T) {
	t.Run("one never approved", func(t *testing.T) {
		st := parties(t, 1)
		st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "", ucomms())
		st.checks(
			t,
			check{"alone", nil, policy.DENY, "AUTHORITY_CONCURRENCE_MISSING"},
			check{"the terms are read all the same", ask{"end_use": "production"}, policy.DENY, "AUTHORITY_CONCURRENCE_MISSING END_USE_NOT_PERMITTED"},
			check{"its approval of the parties too", ask{"via": []string{"oriole"}}, policy.DENY, "AUTHORITY_CONCURRENCE_MISSING ENTITY_NOT_APPROVED"},
		)
	})
	t.Run("other terms", func(t *testing.T) {
		st := parties(t, 1)
		st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "", ucomms())
		st.domain("auth-in", "P2", "SBX-UCOMMS", "2026-01-01", "", ucomms(func(t *attest.Terms) { t.AllowedEndUses = append(t.AllowedEndUses, "production") }))
		st.checks(
			t,
			check{"no state is reported", nil, policy.DENY, "AUTHORITY_CONCURRENCE_MISSING"},
			check{"ties go to the earliest logged", ask{"end_use": "production"}, policy.DENY, "AUTHORITY_CONCURRENCE_MISSING END_USE_NOT_PERMITTED"},
		)
		st.event(attest.Revoke, "P2", "2026-01-01")
		st.checks(t, check{"even where it is revoked", nil, policy.DENY, "AUTHORITY_CONCURRENCE_MISSING"})
	})
	t.Run("the order of sets makes no other terms", func(t *testing.T) {
		st := parties(t, 1)
		st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "", ucomms())
		st.domain("auth-in", "P2", "SBX-UCOMMS", "2026-01-01", "", ucomms(func(t *attest.Terms) {
			t.AllowedEndUses = []string{"test_and_evaluation", "sea_trial", "joint_challenge_prototype"}
			t.Authorities = []string{"auth-in", "auth-us"}
		}))
		st.checks(t, check{"equal", nil, policy.PERMIT, ""})
	})
	t.Run("the first approval says who must concur", func(t *testing.T) {
		st := parties(t, 1)
		st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "", ucomms())
		st.domain("auth-au", "P3", "SBX-UCOMMS", "2026-01-01", "", ucomms(func(t *attest.Terms) {
			t.Authorities, t.Concurrence = []string{"auth-au", "auth-us"}, 1
		}))
		st.checks(t, check{"a stranger's approval is none", nil, policy.DENY, "AUTHORITY_CONCURRENCE_MISSING"})
		st.domain("auth-in", "P2", "SBX-UCOMMS", "2026-01-01", "", ucomms())
		st.checks(t, check{"and no hindrance", nil, policy.PERMIT, ""})
	})
	t.Run("the state of the one that fails", func(t *testing.T) {
		st := joint(t)
		st.event(attest.Suspend, "PDA-US-UC", "2026-05-01", "2026-06-01")
		st.event(attest.Withdraw, "PDA-IN-UC", "2026-05-20")
		st.checks(
			t,
			check{"suspended", nil, policy.DENY, "APPROVAL_SUSPENDED AUTHORITY_CONCURRENCE_MISSING"},
			check{"both fail", ask{"effective_at": "2026-05-20T00:00:00Z"}, policy.DENY, "APPROVAL_SUSPENDED APPROVAL_WITHDRAWN AUTHORITY_CONCURRENCE_MISSING"},
			check{"withdrawn", ask{"effective_at": "2026-06-01T00:00:00Z"}, policy.DENY, "APPROVAL_WITHDRAWN AUTHORITY_CONCURRENCE_MISSING"},
		)
	})
}

func TestR2Caveats(t *testing.T) {
	st := parties(t, 1)
	st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "", ucomms(), caveats(attest.Limits{
		AllowedEndUses: []string{"sea_trial", "joint_challenge_prototype"},
		Excluded:       attest.Scope{"US_CCL": {"5E001.b"}},
	}))
	st.domain("auth-in", "P2", "SBX-UCOMMS", "2026-01-01", "", ucomms(), caveats(attest.Limits{
		Activities: []string{"integration"},
		InScope:    attest.Scope{"US_CCL": {"5A001", "5E001"}},
		Value:      &attest.ValueCeiling{Currency: "USD", PerTransaction: "150000"},
	}))
	ok := ask{"activity": "integration"}
	st.checks(
		t,
		check{"within every caveat", ok, policy.PERMIT, ""},
		check{"one's end use", ok.with(ask{"end_use": "test_and_evaluation"}), policy.DENY, "END_USE_NOT_PERMITTED"},
		check{"one's exclusion", ok.with(ask{"item": item("US_CCL", "5E001.b.4")}), policy.DENY, "ITEM_EXCLUDED"},
		check{"beside the exclusion", ok.with(ask{"item": item("US_CCL", "5E001.c")}), policy.PERMIT, ""},
		check{"above the exclusion", ok.with(ask{"item": item("US_CCL", "5E001")}), policy.REFER, "CLASSIFICATION_TOO_COARSE"},
		check{"the other's scope", ok.with(ask{"item": item("US_CCL", "5D001")}), policy.DENY, "ITEM_NOT_IN_SCOPE"},
		check{"what a caveat names does not widen the terms", ok.with(ask{"item": item("US_CCL", "5A001.b.2")}), policy.DENY, "ITEM_NOT_IN_SCOPE"},
		check{"the other's value, exactly", ok.with(ask{"value": usd("150000")}), policy.PERMIT, ""},
		check{"the other's value, exceeded", ok.with(ask{"value": usd("150000.01")}), policy.DENY, "VALUE_CEILING_EXCEEDED"},
		check{"the other's activity not given", nil, policy.REFER, "MISSING_FACT"},
		check{"no item", ok.with(ask{"item": nil}), policy.REFER, "MISSING_FACT"},
	)
}

// three are terms of three authorities, k of whom must concur.
func three(k int64, with ...func(*attest.Terms)) attest.Terms {
	t := ucomms(with...)
	t.Authorities, t.Concurrence = []string{"auth-us", "auth-in", "auth-au"}, k
	return t
}

func TestR2KOfN(t *testing.T) {
	stage := func(t *testing.T) *stage {
		st := parties(t, 1)
		st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "2027-01-01", three(2))
		st.domain("auth-in", "P2", "SBX-UCOMMS", "2026-02-01", "", three(2))
		return st
	}
	t.Run("two of three, the third absent", func(t *testing.T) {
		st := stage(t)
		d := st.check(t, check{"concur", nil, policy.PERMIT, ""})
		for _, r := range d.ReliedOn {
			if r.Authority == "auth-au" {
				t.Errorf("relied on %v, who is not needed", r)
			}
		}
		st.checks(
			t,
			check{"the first instant of the second", ask{"effective_at": "2026-02-01T00:00:00Z"}, policy.PERMIT, ""},
			check{
				"before it, all who fail are named", ask{"effective_at": "2026-01-31T23:59:59Z"},
				policy.DENY, "APPROVAL_NOT_YET_EFFECTIVE AUTHORITY_CONCURRENCE_MISSING ENTITY_NOT_APPROVED",
			},
		)
		st.event(attest.Revoke, "P2", "2026-05-01")
		st.checks(t, check{"one of the two revokes", nil, policy.DENY, "APPROVAL_REVOKED AUTHORITY_CONCURRENCE_MISSING ENTITY_NOT_APPROVED"})
	})
	t.Run("the best subset, and only its caveats", func(t *testing.T) {
		st := stage(t)
		st.entity("auth-au", "T-AU-1", "varuna", "2026-01-01", "", "VTZ-1")
		st.entity("auth-au", "T-AU-2", "halcyon", "2026-01-01", "", "NPT-1")
		st.domain("auth-au", "P3", "SBX-UCOMMS", "2026-01-01", "", three(2), caveats(attest.Limits{AllowedEndUses: []string{"sea_trial"}}))
		st.checks(
			t,
			check{"without the one with the caveat", nil, policy.PERMIT, ""},
			check{"with it", ask{"end_use": "sea_trial"}, policy.PERMIT, ""},
		)
		st.event(attest.Suspend, "P2", "2026-05-01", "2026-06-01")
		st.checks(
			t,
			check{"when it is needed", nil, policy.DENY, "END_USE_NOT_PERMITTED"},
			check{"when it is needed and passes", ask{"end_use": "sea_trial"}, policy.PERMIT, ""},
		)
	})
	t.Run("fewer reasons are better", func(t *testing.T) {
		st := stage(t)
		st.domain("auth-au", "P3", "SBX-UCOMMS", "2026-01-01", "", three(2))
		st.checks(t, check{
			"not the subset that fails twice", ask{"destination_site": "BLR-1"}, policy.DENY, "SITE_NOT_APPROVED",
		})
	})
	t.Run("the third on other terms", func(t *testing.T) {
		st := stage(t)
		st.domain("auth-au", "P3", "SBX-UCOMMS", "2026-01-01", "", three(2, func(t *attest.Terms) { t.AllowedEndUses = []string{"production"} }))
		st.checks(
			t,
			check{"hinders nobody", nil, policy.PERMIT, ""},
			check{"and adds nothing", ask{"end_use": "production"}, policy.DENY, "END_USE_NOT_PERMITTED"},
		)
	})
	t.Run("the period is that of the subset", func(t *testing.T) {
		st := stage(t)
		spent := ask{"ledger": []ask{{"date": "2026-03-01T00:00:00Z", "amount": "950000", "currency": "USD"}}}
		st.checks(t, check{"what was spent in it counts", spent, policy.DENY, "VALUE_CEILING_EXCEEDED"})
		st.domain("auth-au", "P3", "SBX-UCOMMS", "2026-04-01", "", three(2))
		st.checks(t, check{"a third who joins later does not start it anew", spent, policy.DENY, "VALUE_CEILING_EXCEEDED"})
	})
	t.Run("one of three", func(t *testing.T) {
		st := parties(t, 1)
		st.domain("auth-au", "P3", "SBX-UCOMMS", "2026-01-01", "", three(1))
		st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "", three(1))
		st.checks(
			t,
			check{"whoever has approved the parties", ask{"transferor": "kestrel"}, policy.PERMIT, ""},
			check{"the smallest by id of the equally bad", ask{"end_use": nil, "via": []string{"corvus"}, "destination_site": nil}, policy.REFER, "MISSING_FACT"},
		)
	})
}

func TestR10ASingleIssuersNewVersionTakesOverAtItsNBF(t *testing.T) {
	st := alone(t)
	st.entity("auth-us", "V1", "varuna", "2026-01-01", "2026-12-01", "VTZ-1")
	st.entity("auth-us", "V2", "varuna", "2026-06-01", "2026-09-01", "BLR-1", supersedes[attest.EntityApproval]("V1"))
	june := ask{"effective_at": "2026-06-01T00:00:00Z"}
	st.checks(
		t,
		check{"until then the old one", ask{"effective_at": "2026-05-31T23:59:59Z"}, policy.PERMIT, ""},
		check{"then the new one", june, policy.DENY, "SITE_NOT_APPROVED"},
		check{"with its sites", june.with(ask{"destination_site": "BLR-1"}), policy.PERMIT, ""},
		check{"the old one does not come back", ask{"effective_at": "2026-09-01T00:00:00Z", "destination_site": "BLR-1"}, policy.DENY, "APPROVAL_EXPIRED"},
	)
	t.Run("terms of a sandbox of one", func(t *testing.T) {
		st := alone(t)
		st.entity("auth-us", "V1", "varuna", "2026-01-01", "", "VTZ-1")
		st.domain("auth-us", "PDA-2", "SBX-UCOMMS", "2026-06-01", "", single(func(t *attest.Terms) { t.AllowedEndUses = []string{"sea_trial"} }), supersedes[attest.DomainApproval]("PDA"))
		st.checks(
			t,
			check{"until then the old ones", ask{"effective_at": "2026-05-31T23:59:59Z"}, policy.PERMIT, ""},
			check{"then the new ones", june, policy.DENY, "END_USE_NOT_PERMITTED"},
			check{"then the new ones alone", june.with(ask{"end_use": "sea_trial"}), policy.PERMIT, ""},
		)
	})
	t.Run("before every version", func(t *testing.T) {
		st.checks(t, check{"the first is not yet effective", ask{"effective_at": "2025-12-31T23:59:59Z"}, policy.DENY, "APPROVAL_NOT_YET_EFFECTIVE AUTHORITY_CONCURRENCE_MISSING"})
	})
}

func endUse(codes ...string) func(*attest.Terms) {
	return func(t *attest.Terms) { t.AllowedEndUses = codes }
}

func TestR10NewJointTerms(t *testing.T) {
	const from, until = "2026-01-01", "2027-01-01"
	newer := ucomms(endUse("sea_trial"))
	old, trial := ask{}, ask{"end_use": "sea_trial"}
	stage := func(t *testing.T) *stage {
		st := parties(t, 1)
		st.domain("auth-us", "U1", "SBX-UCOMMS", from, until, ucomms(endUse("joint_challenge_prototype")))
		st.domain("auth-in", "I1", "SBX-UCOMMS", from, until, ucomms(endUse("joint_challenge_prototype")))
		st.domain("auth-us", "U2", "SBX-UCOMMS", "2026-04-01", until, newer, supersedes[attest.DomainApproval]("U1"))
		return st
	}
	t.Run("until both have them, the old ones stay", func(t *testing.T) {
		st := stage(t)
		st.checks(
			t,
			check{"old", old, policy.PERMIT, ""},
			check{"new", trial, policy.DENY, "END_USE_NOT_PERMITTED"},
			check{"to the old one's end", ask{"effective_at": "2026-12-31T23:59:59Z"}, policy.PERMIT, ""},
			check{"and no longer", ask{"effective_at": "2027-01-01T00:00:00Z"}, policy.DENY, "APPROVAL_EXPIRED AUTHORITY_CONCURRENCE_MISSING"},
		)
	})
	t.Run("they take over at the latest nbf", func(t *testing.T) {
		st := stage(t)
		st.domain("auth-in", "I2", "SBX-UCOMMS", "2026-05-04T09:00:00Z", until, newer, supersedes[attest.DomainApproval]("I1"))
		st.checks(
			t,
			check{"before", ask{"effective_at": "2026-05-04T08:59:59Z"}, policy.PERMIT, ""},
			check{"before, by the new ones", trial.with(ask{"effective_at": "2026-05-04T08:59:59Z"}), policy.DENY, "END_USE_NOT_PERMITTED"},
			check{"then", old, policy.DENY, "END_USE_NOT_PERMITTED"},
			check{"then, by the new ones", trial, policy.PERMIT, ""},
		)
		st.event(attest.Revoke, "I2", "2026-05-10")
		st.checks(
			t,
			check{"once and for all", ask{"effective_at": "2026-05-10T00:00:00Z"}, policy.DENY, "APPROVAL_REVOKED AUTHORITY_CONCURRENCE_MISSING END_USE_NOT_PERMITTED"},
			check{"a revocation acts on every version", ask{"effective_at": "2026-05-10T00:00:00Z", "end_use": "sea_trial"}, policy.DENY, "APPROVAL_REVOKED AUTHORITY_CONCURRENCE_MISSING"},
		)
	})
	t.Run("one who goes back alone leaves them", func(t *testing.T) {
		st := stage(t)
		st.domain("auth-in", "I2", "SBX-UCOMMS", "2026-04-10", until, newer, supersedes[attest.DomainApproval]("I1"))
		st.domain("auth-in", "I3", "SBX-UCOMMS", "2026-05-01", until, ucomms(endUse("joint_challenge_prototype")), supersedes[attest.DomainApproval]("I2"))
		st.checks(
			t,
			check{"the joint ones stay", trial, policy.PERMIT, ""},
			check{"the old ones do not", old, policy.DENY, "END_USE_NOT_PERMITTED"},
		)
		st.domain("auth-us", "U3", "SBX-UCOMMS", "2026-05-02", until, ucomms(endUse("joint_challenge_prototype")), supersedes[attest.DomainApproval]("U2"))
		st.checks(
			t,
			check{"until both go back", old, policy.PERMIT, ""},
			check{"then they are gone", trial, policy.DENY, "END_USE_NOT_PERMITTED"},
		)
	})
	t.Run("a new version on the same terms is its issuer's own", func(t *testing.T) {
		st := parties(t, 1)
		st.domain("auth-us", "U1", "SBX-UCOMMS", from, until, ucomms())
		st.domain("auth-in", "I1", "SBX-UCOMMS", from, until, ucomms())
		st.domain("auth-in", "I2", "SBX-UCOMMS", "2026-05-04T09:00:00Z", until, ucomms(), supersedes[attest.DomainApproval]("I1"), caveats(attest.Limits{AllowedEndUses: []string{"sea_trial"}}))
		st.checks(
			t,
			check{"before", ask{"effective_at": "2026-05-04T08:59:59Z"}, policy.PERMIT, ""},
			check{"its caveats from its nbf", old, policy.DENY, "END_USE_NOT_PERMITTED"},
		)
	})
	t.Run("terms that were replaced do not come back by a re-issue of others", func(t *testing.T) {
		st := newStage(t, 1)
		for _, a := range []string{"auth-us", "auth-in", "auth-au"} {
			st.entity(a, "T-"+a, "varuna", from, "", "VTZ-1")
			st.entity(a, "S-"+a, "halcyon", from, "", "NPT-1")
		}
		st.domain("auth-us", "U1", "SBX-UCOMMS", "2026-01-01", "", three(1, endUse("joint_challenge_prototype")))
		st.domain("auth-in", "I1", "SBX-UCOMMS", "2026-02-01", "", three(1, endUse("sea_trial")))
		st.domain("auth-in", "I2", "SBX-UCOMMS", "2026-03-01", "", three(1, endUse("sea_trial")), supersedes[attest.DomainApproval]("I1"))
		st.domain("auth-au", "A1", "SBX-UCOMMS", "2026-04-01", "", three(1, endUse("sea_trial")))
		st.checks(
			t,
			check{"the first", ask{"effective_at": "2026-01-15T00:00:00Z"}, policy.PERMIT, ""},
			check{"the second at its nbf", trial.with(ask{"effective_at": "2026-02-01T00:00:00Z"}), policy.PERMIT, ""},
			check{"after its re-issue", trial.with(ask{"effective_at": "2026-03-01T00:00:00Z"}), policy.PERMIT, ""},
			check{"after one more joined", trial, policy.PERMIT, ""},
			check{"the first is gone", old, policy.DENY, "END_USE_NOT_PERMITTED"},
		)
	})
}

func TestSeveralStandingApprovalsOfOneAuthority(t *testing.T) {
	st := parties(t, 1)
	st.domain("auth-us", "U1", "SBX-UCOMMS", "2026-01-01", "", ucomms())
	st.domain("auth-us", "U2", "SBX-UCOMMS", "2026-01-01", "", ucomms(), caveats(attest.Limits{AllowedEndUses: []string{"sea_trial"}}))
	st.domain("auth-in", "I1", "SBX-UCOMMS", "2026-01-01", "", ucomms())
	st.checks(t, check{"any of them does", nil, policy.PERMIT, ""})
	st.event(attest.Revoke, "U2", "2026-01-01")
	st.checks(t, check{"with one revoked", nil, policy.PERMIT, ""})
	st.event(attest.Revoke, "U1", "2026-01-01")
	st.checks(t, check{"with both revoked", ask{"end_use": "sea_trial"}, policy.DENY, "APPROVAL_REVOKED AUTHORITY_CONCURRENCE_MISSING"})

	st = parties(t, 1)
	st.domain("auth-us", "U1", "SBX-UCOMMS", "2026-01-01", "", ucomms())
	st.domain("auth-us", "U2", "SBX-UCOMMS", "2026-01-01", "", ucomms(), func(d *attest.DomainApproval) { d.LegalEffect = attest.Eligibility })
	st.domain("auth-in", "I1", "SBX-UCOMMS", "2026-01-01", "", ucomms())
	if d := st.check(t, check{"authorization is preferred", nil, policy.PERMIT, ""}); !d.ReplacesLicence {
		t.Errorf("replaces_licence = false although an authorization stands: %v", d.ReliedOn)
	}
}

package policy_test

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

func TestR1EveryPartyNeedsAnApprovalOfEveryAuthority(t *testing.T) {
	st := joint(t)
	st.checks(
		t,
		check{"each is registered by one and approved by the other", nil, policy.PERMIT, ""},
		check{"via, approved by both", ask{"via": []string{"corvus"}}, policy.PERMIT, ""},
		check{"via, approved by none", ask{"via": []string{"oriole"}}, policy.DENY, "ENTITY_NOT_APPROVED"},
		check{"end user, registered by one alone", ask{"end_user": "meridian"}, policy.DENY, "ENTITY_NOT_APPROVED"},
		check{"end user, approved by both", ask{"end_user": "corvus"}, policy.PERMIT, ""},
		check{"transferor, registered by one alone", ask{"transferor": "kestrel"}, policy.DENY, "ENTITY_NOT_APPROVED"},
		check{
			"an end user before its approval, and a via without", ask{"effective_at": "2026-02-20T00:00:00Z", "end_user": "sagarnet", "via": []string{"oriole"}},
			policy.DENY, "APPROVAL_NOT_YET_EFFECTIVE ENTITY_NOT_APPROVED",
		},
		check{"at the first instant of the end user's approval", ask{"effective_at": "2026-03-01T00:00:00Z", "end_user": "sagarnet"}, policy.PERMIT, ""},
		check{
			"without approval, no site is asked for", ask{"transferee": "oriole", "destination_site": nil},
			policy.DENY, "ENTITY_NOT_APPROVED",
		},
	)
}

func TestR1RegistrationExemptsFromItsOwnAuthorityOnly(t *testing.T) {
	st := joint(t)
	st.register("auth-au", "REG-AU", "oriole")
	st.checks(t, check{
		"registered by an authority that is none of the sandbox", ask{"via": []string{"oriole"}}, policy.DENY, "ENTITY_NOT_APPROVED",
	})
	t.Run("a registration that is revoked exempts nobody", func(t *testing.T) {
		st := joint(t)
		st.event(attest.Revoke, "REG-varuna", "2026-04-01")
		st.checks(
			t,
			check{"until it is", ask{"effective_at": "2026-03-31T23:59:59Z"}, policy.PERMIT, ""},
			check{"from then on", ask{"effective_at": "2026-04-01T00:00:00Z"}, policy.DENY, "ENTITY_NOT_APPROVED"},
		)
		st.entity("auth-in", "TEA-IN-0009", "varuna", "2026-04-01", "", "BLR-1")
		st.checks(
			t,
			check{"it then needs an approval, for the site", nil, policy.DENY, "SITE_NOT_APPROVED"},
		)
		st.entity("auth-in", "TEA-IN-0010", "varuna", "2026-04-01", "", "BLR-1 VTZ-1")
		st.checks(t, check{"and has it", nil, policy.PERMIT, ""})
	})
	t.Run("a registration that is suspended exempts nobody meanwhile", func(t *testing.T) {
		st := joint(t)
		st.event(attest.Suspend, "REG-varuna", "2026-04-01", "2026-05-04T09:00:00Z")
		st.checks(
			t,
			check{"while it lasts", ask{"effective_at": "2026-05-04T08:59:59Z"}, policy.DENY, "ENTITY_NOT_APPROVED"},
			check{"at its end", nil, policy.PERMIT, ""},
		)
	})
	t.Run("one of two registrations is enough", func(t *testing.T) {
		st := joint(t)
		st.event(attest.Revoke, "REG-varuna", "2026-04-01")
		st.register("auth-in", "REG-again", "varuna")
		st.checks(t, check{"the other", nil, policy.PERMIT, ""})
	})
}

func TestR1Roles(t *testing.T) {
	st := newStage(t, 1)
	st.domain("auth-us", "PDA", "SBX-UCOMMS", "2026-01-01", "", single())
	st.register("auth-us", "REG", "halcyon")
	st.entity("auth-us", "TEA", "varuna", "2026-01-01", "", "VTZ-1", func(a *attest.EntityApproval) {
		a.AuthorisedRoles = []attest.Role{attest.Transferee, attest.EndUser}
	})
	st.checks(
		t,
		check{"as transferee", nil, policy.PERMIT, ""},
		check{"as end user too", ask{"end_user": "varuna"}, policy.PERMIT, ""},
		check{"not as transferor", ask{"transferor": "varuna", "transferee": "halcyon"}, policy.DENY, "ROLE_NOT_APPROVED"},
		check{"not as via, and at another site", ask{"via": []string{"varuna"}, "destination_site": "BLR-1"}, policy.DENY, "ROLE_NOT_APPROVED SITE_NOT_APPROVED"},
	)
}

// single are terms of one authority.
func single(with ...func(*attest.Terms)) attest.Terms {
	t := ucomms(with...)
	t.Authorities, t.Concurrence = []string{"auth-us"}, 1
	return t
}

// alone is a stage of one authority, where the transferee has no approval yet.
func alone(t tb) *stage {
	t.Helper()
	st := newStage(t, 1)
	st.register("auth-us", "REG-halcyon", "halcyon")
	st.domain("auth-us", "PDA", "SBX-UCOMMS", "2026-01-01", "", single())
	return st
}

func items(its ...attest.Item) func(*attest.EntityApproval) {
	return func(a *attest.EntityApproval) { a.EligibleItems = its }
}

func effect(e attest.LegalEffect) func(*attest.EntityApproval) {
	return func(a *attest.EntityApproval) { a.LegalEffect = e }
}

func TestR1OneApprovalMustPassAll(t *testing.T) {
	st := alone(t)
	st.entity("auth-us", "SITE", "varuna", "2026-01-01", "", "VTZ-1", items(attest.Item{List: "US_CCL", Entry: "5D001"}))
	st.entity("auth-us", "ITEM", "varuna", "2026-01-01", "", "BLR-1", items(attest.Item{List: "US_CCL", Entry: "5A001.b"}))
	st.checks(
		t,
		check{"site from one and item from another is no approval", nil, policy.DENY, "SITE_NOT_APPROVED"},
		check{"the one", ask{"item": item("US_CCL", "5D001")}, policy.PERMIT, ""},
		check{"the other", ask{"destination_site": "BLR-1"}, policy.PERMIT, ""},
	)
	st.entity("auth-us", "BOTH-BUT-LATER", "varuna", "2026-05-04T09:00:00Z", "2026-06-01", "VTZ-1", items(attest.Item{List: "US_CCL", Entry: "5A001.b"}))
	st.checks(
		t,
		check{"a third has both", nil, policy.PERMIT, ""},
		check{"before it is in force", ask{"effective_at": "2026-05-04T08:59:59Z"}, policy.DENY, "APPROVAL_NOT_YET_EFFECTIVE"},
		check{"when it has ended", ask{"effective_at": "2026-06-01T00:00:00Z"}, policy.DENY, "APPROVAL_EXPIRED"},
	)
}

func relied(t *testing.T, d *policy.Decision, authority, party string) policy.Reliance {
	t.Helper()
	for _, r := range d.ReliedOn {
		if r.Authority == authority && r.Party == idOf(party) {
			return r
		}
	}
	t.Fatalf("nothing of %s is relied on for %s: %v", authority, party, d.ReliedOn)
	return policy.Reliance{}
}

func TestR1WhichApprovalIsReliedOn(t *testing.T) {
	pass := check{"passes", nil, policy.PERMIT, ""}
	st := alone(t)
	st.entity("auth-us", "A1", "varuna", "2026-01-01", "", "VTZ-1")
	st.entity("auth-us", "E1", "varuna", "2026-01-01", "", "VTZ-1", effect(attest.Eligibility))
	if got := relied(t, st.check(t, pass), "auth-us", "varuna").Statement.JTI; got != "A1" {
		t.Errorf("relied on %s, want the authorization before the eligibility", got)
	}
	st.entity("auth-us", "A2", "varuna", "2026-01-01", "", "VTZ-1")
	if got := relied(t, st.check(t, pass), "auth-us", "varuna").Statement.JTI; got != "A2" {
		t.Errorf("relied on %s, want the later of two authorizations", got)
	}
	st.event(attest.Revoke, "A1", "2026-01-01")
	st.event(attest.Revoke, "A2", "2026-01-01")
	if got := relied(t, st.check(t, pass), "auth-us", "varuna").Statement.JTI; got != "E1" {
		t.Errorf("relied on %s, want the one that passes", got)
	}
	st.event(attest.Suspend, "E1", "2026-01-01")
	d := st.check(t, check{"the one with fewest reasons, then the latest", nil, policy.DENY, "APPROVAL_REVOKED"})
	if got := relied(t, d, "auth-us", "varuna").Statement.JTI; got != "A2" {
		t.Errorf("reported %s, want the highest index of those with as few reasons", got)
	}
	st.entity("auth-us", "A3", "varuna", "2026-01-01", "", "BLR-1", items(attest.Item{List: "US_CCL", Entry: "5D001"}))
	st.check(t, check{"one with two DENY reasons is not reported", nil, policy.DENY, "APPROVAL_REVOKED"})
}

func TestR4DestinationSite(t *testing.T) {
	st := joint(t)
	st.entity("auth-us", "NO-SITES", "oriole", "2026-01-01", "", "")
	st.entity("auth-in", "ONE-SITE", "oriole", "2026-01-01", "", "SIN-1")
	st.checks(
		t,
		check{"listed", ask{"destination_site": "VTZ-1"}, policy.PERMIT, ""},
		check{"not listed", ask{"destination_site": "VTZ-2"}, policy.DENY, "SITE_NOT_APPROVED"},
		check{"another entity's", ask{"destination_site": "ADL-1"}, policy.DENY, "SITE_NOT_APPROVED"},
		check{"not given", ask{"destination_site": nil}, policy.REFER, "MISSING_FACT"},
		check{"not given, and a wrong end use", ask{"destination_site": nil, "end_use": "production"}, policy.DENY, "END_USE_NOT_PERMITTED MISSING_FACT"},
		check{"an approval without sites lists none", ask{"transferee": "oriole", "destination_site": "SIN-1"}, policy.DENY, "SITE_NOT_APPROVED"},
		check{
			"of an approval that is not in force too", ask{"transferee": "sagarnet", "effective_at": "2026-02-20T00:00:00Z"},
			policy.DENY, "APPROVAL_NOT_YET_EFFECTIVE SITE_NOT_APPROVED",
		},
	)
	t.Run("a transferee whom every authority registers needs none", func(t *testing.T) {
		st := alone(t)
		st.register("auth-us", "REG-kestrel", "kestrel")
		st.checks(t, check{"no site", ask{"transferee": "kestrel", "destination_site": nil}, policy.PERMIT, ""})
	})
}

func TestR3ItemsOfTheEntityApproval(t *testing.T) {
	st := alone(t)
	st.entity(
		"auth-us", "TEA", "varuna", "2026-01-01", "", "VTZ-1 BLR-1",
		items(
			attest.Item{List: "US_CCL", Entry: "5A001.b.1", Sites: []string{"VTZ-1"}},
			attest.Item{List: "US_CCL", Entry: "5E001"},
			attest.Item{List: "US_CCL", Entry: "8A002"},
			attest.Item{List: "IN_SCOMET", Entry: "8A501"},
		),
	)
	blr := ask{"destination_site": "BLR-1"}
	st.checks(
		t,
		check{"at the site that the entry names", nil, policy.PERMIT, ""},
		check{"at another approved site", blr, policy.DENY, "ITEM_NOT_IN_SCOPE"},
		check{"an entry that names no site", blr.with(ask{"item": item("US_CCL", "5E001.a")}), policy.PERMIT, ""},
		check{"in the sandbox but not in the approval", ask{"item": item("US_CCL", "5D001")}, policy.DENY, "ITEM_NOT_IN_SCOPE"},
		check{"in the approval but not in the sandbox", ask{"item": item("US_CCL", "8A002.q")}, policy.DENY, "ITEM_NOT_IN_SCOPE"},
		check{"too coarse for both", ask{"item": item("US_CCL", "5A001.b")}, policy.REFER, "CLASSIFICATION_TOO_COARSE"},
		check{"no site given: nothing is ruled out by it", ask{"destination_site": nil}, policy.REFER, "MISSING_FACT"},
		check{"no item given", ask{"item": nil}, policy.REFER, "MISSING_FACT"},
		check{"under two lists", ask{"item": nil, "items": []ask{item("US_CCL", "5A001.b.1"), item("IN_SCOMET", "8A501.b.1")}}, policy.PERMIT, ""},
		check{
			"under two lists, of which one is not covered",
			ask{"item": nil, "items": []ask{item("US_CCL", "5D001"), item("IN_SCOMET", "8A501.b.1")}}, policy.DENY, "ITEM_NOT_IN_SCOPE",
		},
	)
	t.Run("sites of another party's approval are not the destination", func(t *testing.T) {
		st := alone(t)
		st.entity("auth-us", "TEA", "varuna", "2026-01-01", "", "VTZ-1")
		st.entity("auth-us", "VIA", "corvus", "2026-01-01", "", "VTZ-1", items(attest.Item{List: "US_CCL", Entry: "5A001", Sites: []string{"VTZ-1"}}))
		st.checks(t, check{"via", ask{"via": []string{"corvus"}}, policy.DENY, "ITEM_NOT_IN_SCOPE"})
		st.checks(t, check{"via, and no site", ask{"via": []string{"corvus"}, "destination_site": nil}, policy.DENY, "ITEM_NOT_IN_SCOPE MISSING_FACT"})
	})
}

const words = "Items for the production of masks are not eligible."

func attests(jti, pointer, words string) ask {
	sum := sha256.Sum256([]byte(words))
	return ask{"attests": []ask{{
		"issuer": "auth-us", "jti": jti, "pointer": pointer, "sha256": base64.RawURLEncoding.EncodeToString(sum[:]),
	}}}
}

func TestR18LimitationInWords(t *testing.T) {
	limited := attest.Item{List: "US_CCL", Entry: "5A001.b", Limitation: words}
	st := alone(t)
	st.entity("auth-us", "TEA", "varuna", "2026-01-01", "", "VTZ-1", items(attest.Item{List: "US_CCL", Entry: "5D001"}, limited))
	const pointer = "/eligible_items/0/limitation"
	d := st.check(t, check{"no machine decides it", nil, policy.REFER, "LIMITATION_REVIEW_REQUIRED"})
	if r := d.Reasons[0]; r.Pointer != pointer || r.Statement.JTI != "TEA" || !contains(r.Message, words) || d.Attested != nil {
		t.Errorf("reason %+v does not quote the words and where they stand", r)
	}
	st.checks(
		t,
		check{"attested with one byte changed", attests("TEA", pointer, "Items for the production of masks are not eligible!"), policy.REFER, "LIMITATION_REVIEW_REQUIRED"},
		check{"attested of another statement", attests("TEA-2", pointer, words), policy.REFER, "LIMITATION_REVIEW_REQUIRED"},
		check{"attested of another member", attests("TEA", "/eligible_items/1/limitation", words), policy.REFER, "LIMITATION_REVIEW_REQUIRED"},
		check{"not in this item", ask{"item": item("US_CCL", "5D001")}, policy.PERMIT, ""},
		check{"and a site that is not approved", ask{"destination_site": "BLR-1"}, policy.DENY, "LIMITATION_REVIEW_REQUIRED SITE_NOT_APPROVED"},
	)
	d = st.check(t, check{"attested exactly", attests("TEA", pointer, words), policy.PERMIT, ""})
	if len(d.Attested) != 1 || d.Attested[0].JTI != "TEA" || len(d.Notes) == 0 {
		t.Errorf("attested %v, notes %q: want the attestation as the requester's own", d.Attested, d.Notes)
	}
	d = st.check(t, check{"attested, without need", attests("TEA", pointer, words).with(ask{"item": item("US_CCL", "5D001")}), policy.PERMIT, ""})
	if d.Attested != nil {
		t.Errorf("attested %v: nothing rests on it", d.Attested)
	}

	t.Run("another covering entry without one", func(t *testing.T) {
		st := alone(t)
		st.entity("auth-us", "TEA", "varuna", "2026-01-01", "", "VTZ-1 BLR-1", items(limited, attest.Item{List: "US_CCL", Entry: "5A001.b.1", Sites: []string{"VTZ-1"}}))
		st.checks(
			t,
			check{"covers", nil, policy.PERMIT, ""},
			check{"not for this site", ask{"destination_site": "BLR-1"}, policy.REFER, "LIMITATION_REVIEW_REQUIRED"},
			check{"not this item", ask{"item": item("US_CCL", "5A001.b.2")}, policy.DENY, "ITEM_NOT_IN_SCOPE LIMITATION_REVIEW_REQUIRED"},
		)
	})
	t.Run("another approval without one", func(t *testing.T) {
		st.entity("auth-us", "TEA-2", "varuna", "2026-01-01", "", "VTZ-1")
		st.checks(t, check{"is relied on", nil, policy.PERMIT, ""})
	})
}

func TestR17LegalEffect(t *testing.T) {
	pda := func(e attest.LegalEffect) func(*attest.DomainApproval) {
		return func(d *attest.DomainApproval) { d.LegalEffect = e }
	}
	for _, row := range []struct {
		name            string
		domain          attest.LegalEffect
		transferor, via attest.LegalEffect
		want            policy.Result
		reasons         string
		replaces        bool
	}{
		{"all authorizations", attest.Authorization, attest.Authorization, attest.Authorization, policy.PERMIT, "", true},
		{"one eligibility", attest.Authorization, attest.Authorization, attest.Eligibility, policy.PERMIT, "", false},
		{"a sandbox of eligibility", attest.Eligibility, attest.Authorization, attest.Authorization, policy.PERMIT, "", false},
		{"one baseline", attest.Authorization, attest.PolicyBaseline, attest.Authorization, policy.PERMIT, "", false},
		{"a baseline sandbox", attest.PolicyBaseline, attest.Authorization, attest.PolicyBaseline, policy.PERMIT, "", false},
		{"baselines only", attest.PolicyBaseline, attest.PolicyBaseline, attest.PolicyBaseline, policy.REFER, "BASELINE_ONLY", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			st := newStage(t, 1)
			st.domain("auth-us", "PDA", "SBX-UCOMMS", "2026-01-01", "", single(), pda(row.domain))
			st.register("auth-us", "REG", "kestrel")
			st.entity("auth-us", "T1", "halcyon", "2026-01-01", "", "NPT-1", effect(row.transferor))
			st.entity("auth-us", "V1", "corvus", "2026-01-01", "", "ADL-1", effect(row.via))
			d := st.check(t, check{row.name, ask{"transferee": "kestrel", "via": []string{"corvus"}}, row.want, row.reasons})
			if d.ReplacesLicence != row.replaces {
				t.Errorf("replaces_licence = %t, want %t", d.ReplacesLicence, row.replaces)
			}
			if said := len(d.Notes) > 1; said != (d.Permitted() && !row.replaces) {
				t.Errorf("notes %q: that no licence is replaced is said in words, and only then", d.Notes)
			}
		})
	}

	t.Run("baseline only, and another test fails", func(t *testing.T) {
		st := newStage(t, 1)
		st.domain("auth-us", "PDA", "SBX-UCOMMS", "2026-01-01", "", single(), pda(attest.PolicyBaseline))
		st.register("auth-us", "REG", "halcyon")
		st.entity("auth-us", "T1", "varuna", "2026-01-01", "", "VTZ-1", effect(attest.PolicyBaseline))
		st.checks(
			t,
			check{"site", ask{"destination_site": "BLR-1"}, policy.DENY, "BASELINE_ONLY SITE_NOT_APPROVED"},
			check{"no approval at all", ask{"via": []string{"oriole"}}, policy.DENY, "BASELINE_ONLY ENTITY_NOT_APPROVED"},
		)
		st.entity("auth-us", "T2", "varuna", "2026-01-01", "", "VTZ-1", items(attest.Item{List: "US_CCL", Entry: "5A001", Limitation: words}))
		st.checks(t, check{"an authorization that asks for a review is no baseline", nil, policy.REFER, "LIMITATION_REVIEW_REQUIRED"})
	})
	t.Run("a baseline passes beside an authorization of another party", func(t *testing.T) {
		st := newStage(t, 1)
		st.domain("auth-us", "PDA", "SBX-UCOMMS", "2026-01-01", "", single(), pda(attest.PolicyBaseline))
		st.entity("auth-us", "T1", "halcyon", "2026-01-01", "", "NPT-1", effect(attest.Authorization))
		st.entity("auth-us", "B1", "varuna", "2026-01-01", "", "VTZ-1", effect(attest.PolicyBaseline))
		st.entity("auth-us", "L1", "varuna", "2026-01-01", "", "VTZ-1", items(attest.Item{List: "US_CCL", Entry: "5A001", Limitation: words}))
		st.checks(t, check{"it is not all that is relied on", nil, policy.PERMIT, ""})
	})
	t.Run("each authority by itself", func(t *testing.T) {
		st := parties(t, 1)
		st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "", ucomms())
		st.domain("auth-in", "P2", "SBX-UCOMMS", "2026-01-01", "", ucomms(), pda(attest.PolicyBaseline))
		st.checks(t, check{"one authority's authorization does for it", nil, policy.PERMIT, ""})
		st.checks(t, check{"not for the other", ask{"transferor": "varuna", "transferee": "varuna"}, policy.REFER, "BASELINE_ONLY"})
	})
}

func TestR19Programme(t *testing.T) {
	veu := func(a *attest.EntityApproval) { a.Programme = "VEU" }
	ask0 := ask{"sandbox": nil, "authority": "auth-us", "programme": "VEU", "transferor": "oriole", "via": []string{"meridian"}}
	st := newStage(t, 1)
	st.entity("auth-us", "VEU-1", "varuna", "2026-01-01", "2027-01-01", "VTZ-1", veu, items(attest.Item{List: "US_CCL", Entry: "5A001.b"}))
	st.entity("auth-us", "OTHER", "corvus", "2026-01-01", "", "ADL-1", func(a *attest.EntityApproval) { a.Programme = "JCP" })
	st.entity("auth-us", "BASE", "kestrel", "2026-01-01", "", "K-1", veu, effect(attest.PolicyBaseline))
	st.register("auth-us", "REG", "halcyon")
	st.checks(
		t,
		check{"the transferor and via need none", ask0, policy.PERMIT, ""},
		check{"first instant", ask0.with(ask{"effective_at": "2026-01-01T00:00:00Z"}), policy.PERMIT, ""},
		check{"end", ask0.with(ask{"effective_at": "2027-01-01T00:00:00Z"}), policy.DENY, "APPROVAL_EXPIRED"},
		check{"terms are a sandbox's", ask0.with(ask{"end_use": nil, "classification": nil, "value": nil, "ledger": nil, "person_nationalities": nil}), policy.PERMIT, ""},
		check{"site", ask0.with(ask{"destination_site": "BLR-1"}), policy.DENY, "SITE_NOT_APPROVED"},
		check{"no site", ask0.with(ask{"destination_site": nil}), policy.REFER, "MISSING_FACT"},
		check{"item", ask0.with(ask{"item": item("US_CCL", "5D001")}), policy.DENY, "ITEM_NOT_IN_SCOPE"},
		check{"coarse item", ask0.with(ask{"item": item("US_CCL", "5A001")}), policy.REFER, "CLASSIFICATION_TOO_COARSE"},
		check{"another programme", ask0.with(ask{"programme": "JCP"}), policy.DENY, "ENTITY_NOT_APPROVED"},
		check{"an approval under another programme", ask0.with(ask{"transferee": "corvus", "destination_site": "ADL-1"}), policy.DENY, "ENTITY_NOT_APPROVED"},
		check{"another authority", ask0.with(ask{"authority": "auth-in"}), policy.DENY, "ENTITY_NOT_APPROVED"},
		check{"established in the authority's own country", ask0.with(ask{"transferee": "halcyon"}), policy.DENY, "ENTITY_NOT_APPROVED"},
		check{"an end user needs it", ask0.with(ask{"end_user": "oriole"}), policy.DENY, "ENTITY_NOT_APPROVED"},
		check{"an end user has it", ask0.with(ask{"end_user": "varuna"}), policy.PERMIT, ""},
		check{"a baseline", ask0.with(ask{"transferee": "kestrel", "destination_site": "K-1"}), policy.REFER, "BASELINE_ONLY"},
		check{"retransfer", ask0.with(ask{"act": "retransfer"}), policy.DENY, "RETRANSFER_NOT_AUTHORISED"},
		check{"stale", ask0.with(ask{"E": "2026-05-03T08:59:59Z"}), policy.REFER, "STATUS_STALE"},
	)

	st.entity("auth-us", "VEU-2", "varuna", "2026-04-01", "2028-01-01", "VTZ-1", supersedes[attest.EntityApproval]("VEU-1"), func(a *attest.EntityApproval) { a.Programme = "JCP" })
	st.checks(
		t,
		check{"the version before it leaves the programme", ask0.with(ask{"effective_at": "2026-03-31T23:59:59Z"}), policy.PERMIT, ""},
		check{"what is superseded speaks for the programme no more", ask0, policy.DENY, "ENTITY_NOT_APPROVED"},
		check{"but for the new one", ask0.with(ask{"programme": "JCP"}), policy.PERMIT, ""},
	)
}

func TestR9RetransferNeedsAConsent(t *testing.T) {
	st := joint(t)
	st.checks(
		t,
		check{"reexport", ask{"act": "reexport"}, policy.DENY, "RETRANSFER_NOT_AUTHORISED"},
		check{"retransfer", ask{"act": "retransfer", "originating_authority": "auth-us"}, policy.DENY, "RETRANSFER_NOT_AUTHORISED"},
		check{"by a reference to nothing", ask{"act": "retransfer", "originating_authority": "auth-us", "consent_ref": "CONSENT-1"}, policy.DENY, "RETRANSFER_NOT_AUTHORISED"},
		check{"beside another failure", ask{"act": "reexport", "destination_site": "BLR-1"}, policy.DENY, "RETRANSFER_NOT_AUTHORISED SITE_NOT_APPROVED"},
		check{"in a sandbox that nobody approved", ask{"act": "reexport", "sandbox": "SBX-NONE"}, policy.DENY, "AUTHORITY_CONCURRENCE_MISSING RETRANSFER_NOT_AUTHORISED"},
		check{"technology release is none", ask{"act": "technology_release"}, policy.PERMIT, ""},
	)
	req := ask{"act": "retransfer", "originating_authority": "auth-us", "consent_ref": "CONSENT-1"}.request(t)
	if got := st.prove(req, st.clock).Subjects(); !slices.Contains(got, attest.ConsentSubject("auth-us", "CONSENT-1")) {
		t.Errorf("touched %v, want the consent's subject among them", got)
	}
}

func TestAliasLeadsToTheEntity(t *testing.T) {
	named := func(ids ...string) func(*attest.Registration) {
		return func(r *attest.Registration) { r.Identifiers = ids }
	}
	over := ask{"transferee": "cin:U26515AP2019PTC098765"}
	st := joint(t)
	st.checks(t, check{"an identifier that nothing names", over, policy.DENY, "ENTITY_NOT_APPROVED"})
	st.register("auth-in", "REG-2", "varuna", named("cin:U26515AP2019PTC098765", "iec:AAVCD1234K"), supersedes[attest.Registration]("REG-varuna"))
	st.checks(t, check{"one that another authority's registration names", over, policy.REFER, "MISSING_FACT"})

	req := over.request(t)
	want := []string{
		"entity:cin:U26515AP2019PTC098765", "entity:cin:U26515AP2019PTC098765/auth-in", "entity:cin:U26515AP2019PTC098765/auth-us",
		"entity:lei:999900HALCYONMAR0134", "entity:lei:999900HALCYONMAR0134/auth-in", "entity:lei:999900HALCYONMAR0134/auth-us",
		"entity:lei:999900VARUNADEEP0174", "entity:lei:999900VARUNADEEP0174/auth-in", "entity:lei:999900VARUNADEEP0174/auth-us",
		"root", "sandbox:SBX-UCOMMS",
	}
	if diff := cmp.Diff(want, st.prove(req, st.clock).Subjects()); diff != "" {
		t.Errorf("touched subjects (-want +got):\n%s", diff)
	}

	t.Run("a version that no longer names it ends that", func(t *testing.T) {
		st := joint(t)
		st.register("auth-in", "REG-2", "varuna", named("cin:U26515AP2019PTC098765"))
		r3 := func(r *attest.Registration) { r.NBF = numeric(date("2026-04-01")) }
		st.register("auth-in", "REG-3", "varuna", r3, supersedes[attest.Registration]("REG-2"))
		st.checks(
			t,
			check{"from its nbf", over.with(ask{"effective_at": "2026-04-01T00:00:00Z"}), policy.DENY, "ENTITY_NOT_APPROVED"},
			check{"not before", over.with(ask{"effective_at": "2026-03-31T23:59:59Z"}), policy.REFER, "MISSING_FACT"},
		)
	})
	t.Run("one identifier of two entities is a missing fact", func(t *testing.T) {
		st := joint(t)
		st.register("auth-in", "REG-2", "varuna", named("cin:U26515AP2019PTC098765"))
		st.register("auth-in", "REG-3", "sagarnet", named("cin:U26515AP2019PTC098765"))
		st.checks(
			t,
			check{"by the identifier", over, policy.REFER, "MISSING_FACT"},
			check{"by its own id", nil, policy.PERMIT, ""},
			check{"with a wrong end use", over.with(ask{"end_use": "production"}), policy.DENY, "END_USE_NOT_PERMITTED MISSING_FACT"},
		)
		st.event(attest.Revoke, "REG-3", "2026-01-01")
		st.checks(t, check{"a revocation does not make it clear", over, policy.REFER, "MISSING_FACT"})
	})
	t.Run("an entity's own id leads nowhere else", func(t *testing.T) {
		st := joint(t)
		st.register("auth-in", "REG-2", "meridian", named(idOf("varuna")))
		st.checks(t, check{"whoever claims it", nil, policy.PERMIT, ""})
	})
}

// A revoked identifier is not laundered through another authority's word that
// it is an approved entity's.
func TestAnothersRegistrationLendsNoApproval(t *testing.T) {
	st := joint(t)
	st.entity("auth-us", "TEA-CORVUS", "corvus", "2026-01-01", "", "VTZ-1")
	st.event(attest.Revoke, "TEA-CORVUS", "2026-01-02")
	over := ask{"transferee": idOf("corvus")}
	before := st.decide(over)
	st.register("auth-in", "REG-2", "varuna", func(r *attest.Registration) { r.Identifiers = []string{idOf("corvus")} },
		supersedes[attest.Registration]("REG-varuna"))
	after := st.decide(over)
	if before.Decision != policy.DENY || after.Decision != policy.DENY {
		t.Errorf("%s, then %s: %v", before.Decision, after.Decision, after.Codes())
	}
}

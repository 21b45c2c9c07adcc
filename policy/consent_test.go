package policy_test

import (
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/screening"
)

func TestR9AConsentIsNeededBesideTheRest(t *testing.T) {
	st := joint(t)
	st.consent("auth-us", "CONS-1", "varuna", "2026-03-01", "2026-06-01")
	st.consent("auth-us", "CONS-2", "varuna", "2026-03-01", "", func(c *attest.Consent) {
		c.InScope, c.Sites = attest.Scope{"US_CCL": {"5A001.b.1.a"}}, []string{"VTZ-1"}
		c.Value = &attest.ValueCeiling{Currency: "USD", PerTransaction: "1000"}
	})
	st.consent("auth-us", "CONS-3", "corvus", "2026-03-01", "")
	st.consent("auth-au", "CONS-4", "varuna", "2026-03-01", "")
	st.event(attest.Revoke, "CONS-4", "2026-05-01")
	ref := func(authority, name string) ask {
		return after("2026-05-04T09:00:00Z").with(ask{"act": "retransfer", "originating_authority": authority, "consent_ref": name})
	}
	const refused = "RETRANSFER_NOT_AUTHORISED"
	st.checks(
		t,
		check{"an export needs none", nil, policy.PERMIT, ""},
		check{"none is named", ask{"act": "reexport"}, policy.DENY, refused},
		check{"in force", ref("auth-us", "CONS-1"), policy.PERMIT, ""},
		check{"before it begins", ref("auth-us", "CONS-1").with(ask{"effective_at": "2026-02-28T23:59:59Z"}), policy.DENY, refused},
		check{"at its first instant", ref("auth-us", "CONS-1").with(ask{"effective_at": "2026-03-01T00:00:00Z"}), policy.PERMIT, ""},
		check{"at its end", ref("auth-us", "CONS-1").with(ask{"effective_at": "2026-06-01T00:00:00Z"}), policy.DENY, refused},
		check{"of another authority", ref("auth-in", "CONS-1"), policy.DENY, refused},
		check{"for another transferee", ref("auth-us", "CONS-3"), policy.DENY, refused},
		check{"revoked", ref("auth-au", "CONS-4"), policy.DENY, refused},
		check{"beside another failure", ref("auth-us", "CONS-1").with(ask{"destination_site": "BLR-1"}), policy.DENY, "SITE_NOT_APPROVED"},
		check{"within its bounds", ref("auth-us", "CONS-2").with(ask{"item": item("US_CCL", "5A001.b.1.a"), "value": usd("1000")}), policy.PERMIT, ""},
		check{"another item", ref("auth-us", "CONS-2").with(ask{"item": item("US_CCL", "5A001.b.1.b"), "value": usd("1")}), policy.DENY, refused},
		check{"more than its ceiling", ref("auth-us", "CONS-2").with(ask{"item": item("US_CCL", "5A001.b.1.a"), "value": usd("1000.01")}), policy.DENY, refused},
		check{"another currency", ref("auth-us", "CONS-2").with(ask{"item": item("US_CCL", "5A001.b.1.a"), "value": ask{"amount": "1", "currency": "INR"}}), policy.REFER, "CURRENCY_CONVERSION_REQUIRED"},
		check{"no site", ref("auth-us", "CONS-2").with(ask{"item": item("US_CCL", "5A001.b.1.a"), "value": usd("1"), "destination_site": nil}), policy.REFER, "MISSING_FACT"},
		check{"another site", ref("auth-us", "CONS-2").with(ask{"item": item("US_CCL", "5A001.b.1.a"), "value": usd("1"), "destination_site": "BLR-1"}), policy.DENY, refused + " SITE_NOT_APPROVED"},
	)
}

func list(t *testing.T, lines ...string) *screening.List {
	t.Helper()
	l, err := screening.Parse("denied", strings.NewReader("# list: Denied\n# version: 7\n"+strings.Join(lines, "\n")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestR15NoApprovalOverridesAHit(t *testing.T) {
	st := joint(t)
	st.happens("auth-in", attest.Rename, "varuna", "2026-04-01", func(e *attest.EntityEvent) { e.NewName = "Bharat Deep Systems" })
	decide := func(over ask, lists ...*screening.List) *policy.Decision {
		req := over.request(t)
		at := times(req)
		return must(policy.Decide(req, st.prove(req, at.KnownAt), at, lists...))
	}
	known := after("2026-05-04T09:00:00Z")
	for _, row := range []struct {
		name, entry, want string
		ask               ask
	}{
		{"nobody", "Somebody Else", "PERMIT", nil},
		{"an identifier", "Somebody Else\tid=lei:999900VARUNADEEP0174", "DENY RESTRICTED_PARTY", nil},
		{"the transferor's", "Somebody Else\tid=lei:999900HALCYONMAR0134", "DENY RESTRICTED_PARTY", nil},
		{"the current name", "BHARAT DEEP SYSTEMS, Inc.", "REFER POSSIBLE_PARTY_MATCH", nil},
		{"a former name", "varuna", "REFER POSSIBLE_PARTY_MATCH", nil},
		{"as presented", "Trident Labs LLP", "REFER POSSIBLE_PARTY_MATCH", ask{"transferee_presented": ask{"name": "TRIDENT LABS"}}},
		{"an identifier as presented", "X\tid=cage:9HMS1", "DENY RESTRICTED_PARTY", ask{"transferee_presented": ask{"identifiers": []string{"cage:9HMS1"}}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := decide(known.with(row.ask), list(t, row.entry))
			if got := strings.TrimSpace(string(d.Decision) + " " + strings.Join(codes(d), " ")); got != row.want {
				t.Errorf("%s, want %s\n%v", got, row.want, d.Reasons)
			}
			if len(d.Screened) != 1 || d.Screened[0].Name != "Denied" || d.Screened[0].Version != "7" || d.Screened[0].Digest == "" {
				t.Errorf("screened against %v", d.Screened)
			}
		})
	}
	var many []string
	for range 100 {
		many = append(many, "varuna\tref="+strings.Repeat("x", len(many)+1))
	}
	if d := decide(known, list(t, many...)); len(d.Reasons) > 16 {
		t.Errorf("%d reasons", len(d.Reasons))
	}
}

func TestR13AFormerNameIsAnAlias(t *testing.T) {
	st := joint(t)
	st.happens("auth-in", attest.Rename, "varuna", "2026-04-01", func(e *attest.EntityEvent) { e.NewName = "Bharat Deep Systems" })
	shown := func(at string, with ask) ask { return after(at).with(ask{"transferee_presented": with}) }
	st.checks(
		t,
		check{"the current name", shown("2026-05-04T09:00:00Z", ask{"name": "Bharat Deep Systems"}), policy.PERMIT, ""},
		check{"a former name", shown("2026-05-04T09:00:00Z", ask{"name": "VARUNA"}), policy.PERMIT, "IDENTITY_VIA_ALIAS"},
		check{"the name of that time", shown("2026-03-31T23:59:59Z", ask{"name": "varuna"}), policy.PERMIT, ""},
		check{"at the first instant of the new one", shown("2026-04-01T00:00:00Z", ask{"name": "varuna"}), policy.PERMIT, "IDENTITY_VIA_ALIAS"},
		check{"an unknown name", shown("2026-05-04T09:00:00Z", ask{"name": "Who Ever"}), policy.PERMIT, ""},
		check{"somebody else's identifier", shown("2026-05-04T09:00:00Z", ask{"identifiers": []string{"lei:999900HALCYONMAR0134"}}), policy.REFER, "MISSING_FACT"},
		check{"its own identifier", shown("2026-05-04T09:00:00Z", ask{"identifiers": []string{"lei:999900VARUNADEEP0174"}}), policy.PERMIT, ""},
		check{"an identifier of another scheme", shown("2026-05-04T09:00:00Z", ask{"identifiers": []string{"duns:123456789"}}), policy.PERMIT, ""},
		check{"a name alone", shown("2026-05-04T09:00:00Z", ask{"name": "varuna"}).with(ask{"transferee": nil}), policy.REFER, "MISSING_FACT"},
	)
}

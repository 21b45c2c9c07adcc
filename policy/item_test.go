package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

func TestR3Item(t *testing.T) {
	st := parties(t, 1)
	scope := func(t *attest.Terms) {
		t.InScope = attest.Scope{"US_CCL": {"5A001.b.1", "6A001", "6A003.b.4", "EAR99"}, "IN_SCOMET": {"8A501.b"}}
		t.Excluded = attest.Scope{"US_CCL": {"6A001.a.1.e", "6A001.a.2"}, "IN_SCOMET": {"8A501"}}
	}
	st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "", ucomms(scope))
	st.domain("auth-in", "P2", "SBX-UCOMMS", "2026-01-01", "", ucomms(scope))
	for _, row := range []struct {
		list, entry string
		want        policy.Result
		reasons     string
	}{
		{"US_CCL", "5A001.b.1", policy.PERMIT, ""},
		{"US_CCL", "5A001.b.1.a.2", policy.PERMIT, ""},
		{"US_CCL", "5A001.b.10", policy.DENY, "ITEM_NOT_IN_SCOPE"},
		{"US_CCL", "5A001.b.10.a", policy.DENY, "ITEM_NOT_IN_SCOPE"},
		{"US_CCL", "5A001.b", policy.REFER, "CLASSIFICATION_TOO_COARSE"},
		{"US_CCL", "5A001", policy.REFER, "CLASSIFICATION_TOO_COARSE"},
		{"US_CCL", "5A002", policy.DENY, "ITEM_NOT_IN_SCOPE"},
		{"US_CCL", "EAR99", policy.PERMIT, ""},
		{"US_CCL", "6A001.a.1.e", policy.DENY, "ITEM_EXCLUDED"},
		{"US_CCL", "6A001.a.1.e.3", policy.DENY, "ITEM_EXCLUDED"},
		{"US_CCL", "6A001.a.2.f", policy.DENY, "ITEM_EXCLUDED"},
		// Covered, but above what is excluded.
		{"US_CCL", "6A001.a.1", policy.REFER, "CLASSIFICATION_TOO_COARSE"},
		{"US_CCL", "6A001", policy.REFER, "CLASSIFICATION_TOO_COARSE"},
		{"US_CCL", "6A001.a.1.d", policy.PERMIT, ""},
		{"US_CCL", "6A001.b", policy.PERMIT, ""},
		// An exclusion wins over a narrower scope.
		{"IN_SCOMET", "8A501.b.1", policy.DENY, "ITEM_EXCLUDED"},
		{"IN_SCOMET", "8A502", policy.DENY, "ITEM_NOT_IN_SCOPE"},
		// Case and syntax are exact.
		{"US_CCL", "5a001.b.1", policy.REFER, "CLASSIFICATION_INVALID"},
		{"US_CCL", "5A001.B.1", policy.REFER, "CLASSIFICATION_INVALID"},
		{"US_CCL", "5A001.b.1 ", policy.REFER, "CLASSIFICATION_INVALID"},
		{"us_ccl", "5A001.b.1", policy.REFER, "CLASSIFICATION_INVALID"},
		// Each list only against its own scope.
		{"EU_DU", "5A001b1", policy.DENY, "ITEM_NOT_IN_SCOPE"},
		{"IN_SCOMET", "6A001", policy.DENY, "ITEM_NOT_IN_SCOPE"},
	} {
		st.checks(t, check{row.list + " " + row.entry, ask{"item": item(row.list, row.entry)}, row.want, row.reasons})
	}
	st.checks(
		t,
		check{"none", ask{"item": nil}, policy.REFER, "MISSING_FACT"},
		check{"no items", ask{"item": nil, "items": []ask{}}, policy.REFER, "MISSING_FACT"},
		check{"out of scope, at a wrong site", ask{"item": item("US_CCL", "5A002"), "destination_site": "BLR-1"}, policy.DENY, "ITEM_NOT_IN_SCOPE SITE_NOT_APPROVED"},
	)
}

func TestR3ItemUnderSeveralLists(t *testing.T) {
	st := joint(t)
	under := func(its ...ask) ask { return ask{"item": nil, "items": its} }
	for _, row := range []struct {
		check
		unchecked []string
	}{
		{check{"both pass", under(item("US_CCL", "5A001.b.1"), item("IN_SCOMET", "8A501.b.1")), policy.PERMIT, ""}, []string{}},
		{check{"one of the scope's lists", under(item("US_CCL", "5A001.b.1")), policy.PERMIT, ""}, []string{"IN_SCOMET"}},
		{check{"the other", ask{"item": item("IN_SCOMET", "8A501.b.1")}, policy.PERMIT, ""}, []string{"US_CCL"}},
		{check{"one of them not in scope", under(item("US_CCL", "5A001.b.1"), item("IN_SCOMET", "8A502")), policy.DENY, "ITEM_NOT_IN_SCOPE"}, []string{}},
		{check{"any exclusion wins", under(item("IN_SCOMET", "8A501.b.1"), item("US_CCL", "6A001.a.1.e")), policy.DENY, "ITEM_EXCLUDED"}, []string{}},
		{check{"an exclusion over a coarse one", under(item("IN_SCOMET", "8A501"), item("US_CCL", "6A001.a.1.e")), policy.DENY, "CLASSIFICATION_TOO_COARSE ITEM_EXCLUDED"}, []string{}},
		{check{"one cannot be read", under(item("US_CCL", "5A001.b.1"), item("IN_SCOMET", "?")), policy.REFER, "CLASSIFICATION_INVALID"}, []string{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := st.check(t, row.check)
			if diff := cmp.Diff(row.unchecked, d.UncheckedLists); diff != "" {
				t.Errorf("unchecked lists (-want +got):\n%s", diff)
			}
		})
	}
}

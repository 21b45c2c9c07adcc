package policy_test

import (
	"testing"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

func TestR5EndUseAndActivity(t *testing.T) {
	st := parties(t, 1)
	terms := ucomms(func(t *attest.Terms) { t.Activities = []string{"integration", "repair"} })
	st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "", terms)
	st.domain("auth-in", "P2", "SBX-UCOMMS", "2026-01-01", "", terms)
	ok := ask{"activity": "repair"}
	st.checks(
		t,
		check{"both allowed", ok, policy.PERMIT, ""},
		check{"another end use", ok.with(ask{"end_use": "production"}), policy.DENY, "END_USE_NOT_PERMITTED"},
		check{"case counts", ok.with(ask{"end_use": "Sea_Trial"}), policy.DENY, "END_USE_NOT_PERMITTED"},
		check{"no end use", ok.with(ask{"end_use": nil}), policy.REFER, "MISSING_FACT"},
		check{"another activity", ask{"activity": "design"}, policy.DENY, "ACTIVITY_NOT_PERMITTED"},
		check{"no activity", ask{"activity": nil}, policy.REFER, "MISSING_FACT"},
		check{"neither", ask{"activity": "design", "end_use": "production"}, policy.DENY, "ACTIVITY_NOT_PERMITTED END_USE_NOT_PERMITTED"},
		check{"one missing, one wrong", ask{"activity": "design", "end_use": nil}, policy.DENY, "ACTIVITY_NOT_PERMITTED MISSING_FACT"},
	)
	st = joint(t)
	st.checks(t, check{"an activity that is not asked for", ask{"activity": "design"}, policy.PERMIT, ""})
}

func TestR6Nationality(t *testing.T) {
	people := func(codes ...string) ask { return ask{"person_nationalities": codes} }
	st := joint(t)
	st.checks(
		t,
		check{"nobody is given access", ask{"person_nationalities": []string{}}, policy.PERMIT, ""},
		check{"not said", ask{"person_nationalities": nil}, policy.REFER, "MISSING_FACT"},
		check{"all permitted", people("US", "IN", "AU"), policy.PERMIT, ""},
		check{"one prohibited", people("US", "RU"), policy.DENY, "NATIONALITY_NOT_PERMITTED"},
		check{"one neither", people("US", "BR"), policy.REFER, "NATIONALITY_REVIEW_REQUIRED"},
		check{"one neither, one prohibited", people("BR", "KP"), policy.DENY, "NATIONALITY_NOT_PERMITTED"},
		check{"one neither, and a wrong site", people("BR").with(ask{"destination_site": "BLR-1"}), policy.DENY, "NATIONALITY_REVIEW_REQUIRED SITE_NOT_APPROVED"},
	)
	limits := func(t *testing.T, n *attest.Nationality) *stage {
		st := parties(t, 1)
		terms := ucomms(func(t *attest.Terms) { t.Nationality = n })
		st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "", terms)
		st.domain("auth-in", "P2", "SBX-UCOMMS", "2026-01-01", "", terms)
		return st
	}
	t.Run("prohibited only", func(t *testing.T) {
		st := limits(t, &attest.Nationality{Prohibited: []string{"KP"}})
		st.checks(
			t,
			check{"others pass", people("BR"), policy.PERMIT, ""},
			check{"prohibited", people("BR", "KP"), policy.DENY, "NATIONALITY_NOT_PERMITTED"},
		)
	})
	t.Run("no limit", func(t *testing.T) {
		limits(t, nil).checks(t, check{"is not asked for", ask{"person_nationalities": nil}, policy.PERMIT, ""})
	})
}

func TestR7Level(t *testing.T) {
	st := joint(t)
	surveillance := ask{"sandbox": "SBX-MISR", "item": item("US_CCL", "6A008.d")}
	st.checks(
		t,
		check{"below", surveillance, policy.PERMIT, ""},
		check{"exactly the highest", surveillance.with(ask{"classification": "RESTRICTED"}), policy.PERMIT, ""},
		check{"above", surveillance.with(ask{"classification": "CONFIDENTIAL"}), policy.DENY, "CLASSIFICATION_LEVEL_EXCEEDED"},
		check{"far above", ask{"classification": "SECRET"}, policy.DENY, "CLASSIFICATION_LEVEL_EXCEEDED"},
		check{"not given", ask{"classification": nil}, policy.REFER, "MISSING_FACT"},
		check{"above, and no end use", ask{"classification": "SECRET", "end_use": nil}, policy.DENY, "CLASSIFICATION_LEVEL_EXCEEDED MISSING_FACT"},
	)
	st = parties(t, 1)
	terms := ucomms(func(t *attest.Terms) { t.MaxClassification = "" })
	st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "", terms)
	st.domain("auth-in", "P2", "SBX-UCOMMS", "2026-01-01", "", terms)
	st.checks(t, check{"no limit", ask{"classification": nil}, policy.PERMIT, ""})
}

func entry(date, amount, currency string) ask {
	return ask{"date": date, "amount": amount, "currency": currency}
}

func TestR8Value(t *testing.T) {
	ledger := func(es ...ask) ask { return ask{"ledger": es} }
	st := joint(t)
	const in = "2026-03-01T00:00:00Z"
	st.checks(
		t,
		check{"exactly the ceiling", ask{"value": usd("250000")}, policy.PERMIT, ""},
		check{"in another spelling", ask{"value": usd("250000.00")}, policy.PERMIT, ""},
		check{"by the smallest part above", ask{"value": usd("250000.000000001")}, policy.DENY, "VALUE_CEILING_EXCEEDED"},
		check{"zero", ask{"value": usd("0")}, policy.PERMIT, ""},
		check{"not given", ask{"value": nil}, policy.REFER, "MISSING_FACT"},
		check{"another currency", ask{"value": ask{"amount": "1", "currency": "INR"}}, policy.REFER, "CURRENCY_CONVERSION_REQUIRED"},
		check{"the ledger not given", ask{"ledger": nil}, policy.REFER, "MISSING_FACT"},
		check{"the ledger not given, and above the ceiling", ask{"ledger": nil, "value": usd("250001")}, policy.DENY, "MISSING_FACT VALUE_CEILING_EXCEEDED"},
		check{"with the ledger exactly", ledger(entry(in, "450000", "USD"), entry(in, "450000.0", "USD")), policy.PERMIT, ""},
		check{"with the ledger above", ledger(entry(in, "450000", "USD"), entry(in, "450000.01", "USD")), policy.DENY, "VALUE_CEILING_EXCEEDED"},
		check{"both ceilings are one reason", ledger(entry(in, "900000", "USD")).with(ask{"value": usd("300000")}), policy.DENY, "VALUE_CEILING_EXCEEDED"},
		check{"an entry in another currency", ledger(entry(in, "1", "INR")), policy.REFER, "CURRENCY_CONVERSION_REQUIRED"},
		check{"two of them", ledger(entry(in, "1", "INR"), entry(in, "1", "EUR")), policy.REFER, "CURRENCY_CONVERSION_REQUIRED"},
		check{"another currency cannot hide what is above", ledger(entry(in, "1", "INR"), entry(in, "950000", "USD")), policy.DENY, "CURRENCY_CONVERSION_REQUIRED VALUE_CEILING_EXCEEDED"},
		check{
			"nor in the request", ledger(entry(in, "1000001", "USD")).with(ask{"value": ask{"amount": "1", "currency": "INR"}}),
			policy.DENY, "CURRENCY_CONVERSION_REQUIRED VALUE_CEILING_EXCEEDED",
		},
		check{"another currency before the period", ledger(entry("2026-02-14T23:59:59Z", "1", "INR")), policy.PERMIT, ""},
		check{"before the period", ledger(entry("2026-02-14T23:59:59Z", "1000000", "USD")), policy.PERMIT, ""},
		check{"at its first instant", ledger(entry("2026-02-15T00:00:00Z", "1000000", "USD")), policy.DENY, "VALUE_CEILING_EXCEEDED"},
		check{"at its last", ledger(entry("2027-01-31T23:59:59Z", "1000000", "USD")), policy.DENY, "VALUE_CEILING_EXCEEDED"},
		check{"after it", ledger(entry("2027-02-01T00:00:00Z", "1000000", "USD")), policy.PERMIT, ""},
		check{"quantities are no money", ledger(ask{"date": in, "amount": "1000000", "unit": "piece"}), policy.PERMIT, ""},
		check{
			"where nothing concurs, no period is there", ledger(entry(in, "1000000", "USD")).with(ask{"effective_at": "2027-02-01T00:00:00Z"}),
			policy.DENY, "APPROVAL_EXPIRED AUTHORITY_CONCURRENCE_MISSING",
		},
	)
	t.Run("one interval is open-ended", func(t *testing.T) {
		st := parties(t, 1)
		st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "", ucomms())
		st.domain("auth-in", "P2", "SBX-UCOMMS", "2026-02-01", "", ucomms())
		st.checks(
			t,
			check{"no end", ledger(entry("2040-01-01T00:00:00Z", "1000000", "USD")), policy.DENY, "VALUE_CEILING_EXCEEDED"},
			check{"the later start", ledger(entry("2026-01-31T00:00:00Z", "1000000", "USD")), policy.PERMIT, ""},
		)
	})
}

func TestR8Quantity(t *testing.T) {
	st := parties(t, 1)
	terms := ucomms(func(t *attest.Terms) {
		t.Value = nil
		t.Quantity = &attest.QuantityCeiling{Unit: "piece", PerTransaction: "10", Cumulative: "12.5"}
	})
	st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "", terms)
	st.domain("auth-in", "P2", "SBX-UCOMMS", "2026-01-01", "", terms)
	q := func(amount, unit string) ask {
		return ask{"value": nil, "quantity": ask{"amount": amount, "unit": unit}}
	}
	moved := func(amount, unit string) ask {
		return ask{"ledger": []ask{{"date": "2026-03-01T00:00:00Z", "amount": amount, "unit": unit}}}
	}
	st.checks(
		t,
		check{"exactly", q("10", "piece"), policy.PERMIT, ""},
		check{"above", q("10.000000001", "piece"), policy.DENY, "QUANTITY_CEILING_EXCEEDED"},
		check{"not given", q("1", "piece").with(ask{"quantity": nil}), policy.REFER, "MISSING_FACT"},
		check{"in another unit", q("1", "kilogram"), policy.REFER, "MISSING_FACT"},
		check{"with the ledger exactly", q("10", "piece").with(moved("2.5", "piece")), policy.PERMIT, ""},
		check{"with the ledger above", q("10", "piece").with(moved("2.6", "piece")), policy.DENY, "QUANTITY_CEILING_EXCEEDED"},
		check{"the ledger in another unit", q("1", "piece").with(moved("1", "kilogram")), policy.REFER, "MISSING_FACT"},
		check{"money is no quantity", q("10", "piece").with(ask{"ledger": []ask{entry("2026-03-01T00:00:00Z", "9999", "USD")}}), policy.PERMIT, ""},
		check{"the ledger not given", q("10", "piece").with(ask{"ledger": nil}), policy.REFER, "MISSING_FACT"},
		check{"above, and a prohibited nationality", q("11", "piece").with(ask{"person_nationalities": []string{"KP"}}), policy.DENY, "NATIONALITY_NOT_PERMITTED QUANTITY_CEILING_EXCEEDED"},
	)
	t.Run("per transaction alone needs no ledger", func(t *testing.T) {
		st := parties(t, 1)
		terms := ucomms(func(t *attest.Terms) { t.Value = &attest.ValueCeiling{Currency: "USD", PerTransaction: "10"} })
		st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "", terms)
		st.domain("auth-in", "P2", "SBX-UCOMMS", "2026-01-01", "", terms)
		st.checks(t, check{"passes", ask{"value": usd("10"), "ledger": nil}, policy.PERMIT, ""})
	})
	t.Run("a cumulative ceiling alone bounds one transaction too", func(t *testing.T) {
		st := parties(t, 1)
		terms := ucomms(func(t *attest.Terms) { t.Value = &attest.ValueCeiling{Currency: "USD", Cumulative: "10"} })
		st.domain("auth-us", "P1", "SBX-UCOMMS", "2026-01-01", "", terms)
		st.domain("auth-in", "P2", "SBX-UCOMMS", "2026-01-01", "", terms)
		st.checks(
			t,
			check{"exactly", ask{"value": usd("10")}, policy.PERMIT, ""},
			check{"above", ask{"value": usd("10.1")}, policy.DENY, "VALUE_CEILING_EXCEEDED"},
		)
	})
}

package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

func TestObligationsHaveDueDatesInCalendarDays(t *testing.T) {
	st := parties(t, 1)
	st.domain("auth-us", "PDA-US-UC", "SBX-UCOMMS", "2026-02-01", "2027-02-01", ucomms(), func(d *attest.DomainApproval) {
		d.Obligations = []attest.Obligation{
			{Kind: attest.NotifyBefore, Days: 30}, {Kind: attest.ReportWithin, BusinessDays: 10}, {Kind: attest.KeepRecords, Years: 5},
			{Kind: attest.EndUserCertificate, Text: "On form ABC."}, {Kind: attest.ConsigneeStatement},
		}
	})
	st.domain("auth-in", "PDA-IN-UC", "SBX-UCOMMS", "2026-02-15", "2027-02-01", ucomms())
	st.entity("auth-us", "TEA-US-0009", "varuna", "2026-01-01", "", "VTZ-1", func(a *attest.EntityApproval) {
		a.Obligations = []attest.Obligation{{Kind: attest.ReportWithin, Days: 1}}
	})
	d := st.check(t, check{"permitted", ask{"effective_at": "2026-03-15T12:00:00Z"}, policy.PERMIT, ""})
	var got []string
	for _, o := range d.Obligations {
		due := "-"
		if !o.Due.IsZero() {
			due = o.Due.Time().Format("2006-01-02T15:04:05Z07:00")
		}
		got = append(got, strings.Join([]string{string(o.Kind), due, o.Statement.JTI, o.Pointer, o.Message}, "|"))
	}
	// Arrays are sets, in the order of their elements' RFC 8785 form.
	want := []string{
		"report_within|-|PDA-US-UC|/obligations/0|Report to the authority within 10 business days after the act.",
		"notify_before|2026-02-13T12:00:00Z|PDA-US-UC|/obligations/1|Notify the authority 30 days before the act.",
		"consignee_statement|2026-03-15T12:00:00Z|PDA-US-UC|/obligations/2|Have the consignee's statement before the act.",
		"end_user_certificate|2026-03-15T12:00:00Z|PDA-US-UC|/obligations/3|Have the end user's certificate before the act. On form ABC.",
		"report_within|2026-03-16T12:00:00Z|TEA-US-0009|/obligations/0|Report to the authority within 1 day after the act.",
		"keep_records|2031-03-15T12:00:00Z|PDA-US-UC|/obligations/4|Keep the records for 5 years after the act.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d := st.decide(ask{"effective_at": "2026-03-15T12:00:00Z", "destination_site": "BLR-1"}); d.Obligations != nil {
		t.Errorf("a DENY has obligations: %v", d.Obligations)
	}
}

func TestNextChangeIsTheFirstBoundaryOfWhatWasRead(t *testing.T) {
	for _, row := range []struct {
		name   string
		events func(*stage)
		ask    ask
		want   string
	}{
		{"an approval ends", nil, ask{"effective_at": "2026-03-01T00:00:00Z"}, "2027-02-01"},
		{"an approval begins", nil, ask{"effective_at": "2026-02-10T00:00:00Z"}, "2026-02-15"},
		{"a suspension begins", func(st *stage) { st.event(attest.Suspend, "TEA-US-0001", "2026-06-01", "2026-07-01") }, after("2026-05-01T00:00:00Z"), "2026-06-01"},
		{"a suspension ends", func(st *stage) { st.event(attest.Suspend, "TEA-US-0001", "2026-06-01", "2026-07-01") }, after("2026-06-01T00:00:00Z"), "2026-07-01"},
		{"savings end", func(st *stage) {
			st.eventWith(attest.Revoke, "TEA-US-0001", "2026-06-01", func(e *attest.Event) {
				e.Savings = []attest.Savings{{Kind: attest.WindDown, Until: numeric(date("2026-08-01"))}}
			})
		}, after("2026-06-15T00:00:00Z"), "2026-08-01"},
		{"a rename of a party", func(st *stage) { st.happens("auth-in", attest.Rename, "varuna", "2026-06-01") }, after("2026-05-15T00:00:00Z"), "2026-06-01"},
		{"a change of control of a party", func(st *stage) { st.happens("auth-in", attest.ChangeOfControl, "varuna", "2026-06-02") }, after("2026-05-15T00:00:00Z"), "2026-06-02"},
		{"nothing of another approval, where it is permitted", func(st *stage) {
			st.entity("auth-us", "TEA-US-0009", "varuna", "2026-01-01", "2026-05-20", "BLR-1")
		}, after("2026-05-15T00:00:00Z"), "2027-02-01"},
		{"another approval, where it is denied", func(st *stage) {
			st.entity("auth-us", "TEA-US-0009", "varuna", "2026-01-01", "2026-05-20", "BLR-1")
		}, after("2026-05-15T00:00:00Z").with(ask{"destination_site": "ADL-1"}), "2026-05-20"},
		{"when a backdated event was logged", func(st *stage) {
			st.at("2026-05-20").event(attest.Revoke, "TEA-US-0001", "2026-04-01")
		}, after("2026-05-01T00:00:00Z"), "2026-05-20"},
		{"none", nil, ask{"effective_at": "2029-01-01T00:00:00Z"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			st := joint(t)
			if row.events != nil {
				row.events(st)
			}
			st.t = t
			d := st.decide(row.ask)
			got := ""
			if !d.NextChange.IsZero() {
				got = d.NextChange.Time().Format("2006-01-02")
			}
			if got != row.want {
				t.Errorf("next change %q, want %q (%s %v)", got, row.want, d.Decision, d.Codes())
			}
		})
	}
}

func TestHindsightNamesWhatCameLater(t *testing.T) {
	st := joint(t)
	revoked := st.at("2026-05-15").event(attest.Revoke, "TEA-US-0001", "2026-04-01")
	over := ask{"known_at": "2026-05-04T09:00:00Z", "checked_at": "2026-06-01T00:00:00Z", "E": "2026-06-01T00:00:00Z"}
	d := st.check(t, check{"as known then", over, policy.PERMIT, ""})
	want := &policy.Hindsight{
		Decision: policy.DENY, Codes: []policy.Code{policy.ApprovalRevoked, policy.RetroactiveStatusChange},
		Statements: []policy.Ref{{Issuer: "auth-us", JTI: d.Hindsight.Statements[0].JTI, Index: revoked}},
	}
	if diff := cmp.Diff(want, d.Hindsight); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d := st.decide(over.with(ask{"effective_at": "2026-03-01T00:00:00Z"})); d.Hindsight != nil {
		t.Errorf("an act that the revocation does not reach has hindsight: %v", d.Hindsight)
	}
	if d := st.decide(over.with(ask{"known_at": "2026-06-01T00:00:00Z"})); d.Hindsight != nil {
		t.Errorf("what is known has hindsight: %v", d.Hindsight)
	}
}

func TestHindsightOfAVoidedStatementNamesTheTrustRoot(t *testing.T) {
	st := joint(t)
	st.at("2026-05-15").compromised("auth-us", 0, 0)
	d := st.decide(ask{"known_at": "2026-05-04T09:00:00Z", "checked_at": "2026-06-01T00:00:00Z", "E": "2026-06-01T00:00:00Z"})
	if d.Hindsight == nil || d.Hindsight.Decision != policy.DENY || len(d.Hindsight.Statements) == 0 || d.Hindsight.Statements[0].JTI != "root-2" {
		t.Errorf("%s, hindsight %v", d.Decision, d.Hindsight)
	}
}

// Every code has a change to make or a person to ask, and every reason that is no
// INFO comes with it.
func TestAnExplanationSaysWhatWouldHaveToChange(t *testing.T) {
	rows := []struct {
		name   string
		events func(*stage)
		ask    ask
		rules  string // that fail
	}{
		{"permitted", nil, ask{}, ""},
		{"another site", nil, ask{"destination_site": "BLR-1"}, "R4"},
		{"no concurrence", nil, ask{"effective_at": "2026-02-10T00:00:00Z"}, "R2"},
		{"no approval", nil, ask{"via": []string{"meridian"}}, "R1"},
		{"end use and level", nil, ask{"end_use": "production", "classification": "SECRET"}, "R5 R7"},
		{"item, nationality and value", nil, ask{"item": item("US_CCL", "6A001.a.1.e"), "person_nationalities": []string{"KP"}, "value": usd("250001")}, "R3 R6 R8"},
		{"stale", nil, ask{"E": "2026-05-01T00:00:00Z"}, "R16"},
		{"merged", func(st *stage) { st.happens("auth-in", attest.Merger, "varuna", "2026-05-01") }, after("2026-05-04T00:00:00Z"), "R13"},
		{"nobody named", nil, ask{"transferee": nil}, "R1"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			st := joint(t)
			if row.events != nil {
				row.events(st)
			}
			req := row.ask.request(t)
			at := times(req)
			e := at.KnownAt
			if given, ok := row.ask["E"].(string); ok {
				e = date(given)
			}
			set := st.prove(req, e)
			d, err := policy.Explain(req, set, at)
			if err != nil {
				t.Fatal(err)
			}
			plain, err := policy.Decide(req, set, at)
			if err != nil {
				t.Fatal(err)
			}
			var failed []string
			for _, test := range d.Explanation.Walk {
				if test.Message == "" {
					t.Errorf("%s says nothing", test.Rule)
				}
				if !test.Passed && !strings.Contains(strings.Join(failed, " "), test.Rule) {
					failed = append(failed, test.Rule)
				}
			}
			for _, rule := range strings.Fields(row.rules) {
				if !strings.Contains(" "+strings.Join(failed, " ")+" ", " "+rule+" ") {
					t.Errorf("failed %v, want %s among them", failed, rule)
				}
			}
			if row.rules == "" && failed != nil {
				t.Errorf("failed %v", failed)
			}
			not := 0
			for _, r := range d.Reasons {
				if r.Class != policy.Info {
					not++
				}
			}
			if len(d.Explanation.Changes) != not {
				t.Errorf("%d changes for %d reasons", len(d.Explanation.Changes), not)
			}
			for _, c := range d.Explanation.Changes {
				if c.Change == "" || c.Found == "" {
					t.Errorf("%s says nothing", c.Code)
				}
			}
			d.Explanation = nil
			if diff := cmp.Diff(string(must(plain.Marshal())), string(must(d.Marshal()))); diff != "" {
				t.Errorf("explained otherwise than decided:\n%s", diff)
			}
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestEveryCodeSaysWhatWouldHaveToChange(t *testing.T) {
	for _, c := range policy.Codes() {
		if c.Class() == policy.Info {
			continue
		}
		if policy.ChangeOf(policy.Reason{Code: c}) == policy.ChangeOf(policy.Reason{Code: "NO_CODE"}) {
			t.Errorf("%s has no words of its own", c)
		}
	}
	if policy.Code("NO_CODE").Known() || policy.Code("NO_CODE").Class() != policy.Deny {
		t.Error("an unknown code is known, or does not deny")
	}
}

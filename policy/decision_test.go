package policy_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/policy"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func TestNothingNeverPermits(t *testing.T) {
	st := joint(t)
	good := ask{}.request(t)
	set := st.prove(good, date("2026-05-04T09:00:00Z"))
	at := times(good)
	for _, row := range []struct {
		name string
		req  *policy.Request
		set  *proven.Set
		at   policy.Times
	}{
		{"no request", nil, set, at},
		{"no set", good, nil, at},
		{"zero request", new(policy.Request), set, at},
		{"zero set", good, new(proven.Set), at},
		{"zero times", good, set, policy.Times{}},
		{"no effective_at", good, set, policy.Times{KnownAt: at.KnownAt, CheckedAt: at.CheckedAt}},
		{"no known_at", good, set, policy.Times{EffectiveAt: at.EffectiveAt, CheckedAt: at.CheckedAt}},
		{"no checked_at", good, set, policy.Times{EffectiveAt: at.EffectiveAt, KnownAt: at.KnownAt}},
		{"all zero", new(policy.Request), new(proven.Set), policy.Times{}},
	} {
		if d, err := policy.Decide(row.req, row.set, row.at); err == nil || d != nil || d.Permitted() {
			t.Errorf("%s: Decide = %v, %v; want an error and no decision", row.name, d, err)
		}
	}
	if (*policy.Decision)(nil).Permitted() || new(policy.Decision).Permitted() {
		t.Error("no decision permits")
	}
	if d, err := policy.Decide(good, set, at); err != nil || !d.Permitted() {
		t.Errorf("Decide = %v, %v; want the PERMIT that the rows above lack something of", d, err)
	}
}

func TestASetWithoutStatementsDenies(t *testing.T) {
	req := ask{}.request(t)
	set := new(proven.Set)
	for added := true; added; {
		added = false
		for _, s := range policy.Touched(req, set) {
			if _, ok := set.History(s); !ok {
				set.Prove(s, nil)
				added = true
			}
		}
	}
	d, err := policy.Decide(req, set, times(req))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"AUTHORITY_CONCURRENCE_MISSING", "STATUS_STALE"}, codes(d)); diff != "" || d.Permitted() {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	// Statements that say nothing prove nothing.
	for _, s := range set.Subjects() {
		set.Prove(s, []proven.Entry{{Statement: new(attest.Statement)}})
	}
	if d, err = policy.Decide(req, set, times(req)); err != nil || d.Permitted() {
		t.Errorf("Decide on zero statements = %v, %v", d, err)
	}
}

// Whoever builds a request in Go gets no further than ParseRequest lets a
// document.
func TestDecideRefusesWhatParseRequestRefuses(t *testing.T) {
	st := joint(t)
	for _, row := range []struct {
		pointer string
		spoil   func(*policy.Request)
	}{
		{"/act", func(r *policy.Request) { r.Act = "Reexport" }},
		{"/act", func(r *policy.Request) { r.Act = "" }},
		{"/classification", func(r *policy.Request) { r.Classification = "TOP_SECRET" }},
		{"/value/amount", func(r *policy.Request) { r.Value = &policy.Value{Currency: "USD"} }},
		{"/ledger/0", func(r *policy.Request) { r.Ledger = []policy.LedgerEntry{{}} }},
		{"/transferee", func(r *policy.Request) { r.Transferee = "varuna" }},
		{"/person_nationalities/0", func(r *policy.Request) { r.PersonNationalities = []string{"kp"} }},
		{"/sandbox", func(r *policy.Request) { r.Authority = "auth-us" }},
	} {
		req := ask{}.request(t)
		set, at := st.prove(req, date("2026-05-04T09:00:00Z")), times(req)
		row.spoil(req)
		d, err := policy.Decide(req, set, at)
		var p attest.Problems
		if d != nil || !errors.As(err, &p) || p[0].Pointer != row.pointer {
			t.Errorf("Decide = %v, %v; want a problem at %s", d, err, row.pointer)
		}
	}
}

func TestAMissingHistoryIsAnError(t *testing.T) {
	st := joint(t)
	req := ask{}.request(t)
	whole := st.prove(req, date("2026-05-04T09:00:00Z"))
	for _, without := range whole.Subjects() {
		set := &proven.Set{Fresh: whole.Fresh, MaxAge: whole.MaxAge}
		for _, s := range whole.Subjects() {
			if h, _ := whole.History(s); s != without {
				set.Prove(s, h)
			}
		}
		if d, err := policy.Decide(req, set, times(req)); err == nil {
			t.Errorf("without the history of %s: Decide = %v, want an error", without, d)
		} else if err != nil && !contains(err.Error(), "history of") {
			t.Errorf("without the history of %s: %v, which does not say so", without, err)
		}
	}
}

func TestDecisionPointsAtStatementAndClause(t *testing.T) {
	st := joint(t)
	event := st.event(attest.Revoke, "TEA-US-0001", "2026-05-01")
	d := st.check(t, check{
		"many", ask{"end_use": "production", "destination_site": "BLR-1", "via": []string{"oriole"}, "classification": nil, "reference": "PO-1", "requested_by": "a. clerk"},
		policy.DENY, "APPROVAL_REVOKED END_USE_NOT_PERMITTED ENTITY_NOT_APPROVED MISSING_FACT SITE_NOT_APPROVED",
	})
	type row struct {
		code, authority, party, jti, pointer string
	}
	var got []row
	for _, r := range d.Reasons {
		jti := ""
		if r.Statement != nil {
			jti = r.Statement.JTI
		}
		if r.Class != r.Code.Class() || r.Message == "" {
			t.Errorf("reason %+v lacks its class or message", r)
		}
		got = append(got, row{string(r.Code), r.Authority, r.Party, jti, r.Pointer})
	}
	varuna, oriole := "transferee "+idOf("varuna"), "via "+idOf("oriole")
	want := []row{
		{"APPROVAL_REVOKED", "auth-us", varuna, fmt.Sprintf("EV-%d", event), "/effective_at"},
		{"END_USE_NOT_PERMITTED", "auth-in", "", "PDA-IN-UC", "/terms/allowed_end_uses"},
		{"ENTITY_NOT_APPROVED", "auth-in", oriole, "", ""},
		{"ENTITY_NOT_APPROVED", "auth-us", oriole, "", ""},
		{"SITE_NOT_APPROVED", "auth-us", varuna, "TEA-US-0001", "/approved_sites"},
		{"MISSING_FACT", "auth-in", "", "PDA-IN-UC", "/terms/max_classification"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	if d.Reference != "PO-1" || d.RequestedBy != "a. clerk" || d.ReplacesLicence || len(d.Warnings) != 1 {
		t.Errorf("decision %+v does not keep what the asker wrote, or the warnings", d)
	}
	text, err := d.Marshal()
	if err != nil || !bytes.HasSuffix(text, []byte("}\n")) || bytes.Contains(text, []byte("null")) {
		t.Errorf("Marshal = %s, %v", text, err)
	}
}

func TestReliance(t *testing.T) {
	d := joint(t).check(t, check{"permit", nil, policy.PERMIT, ""})
	type row struct {
		authority, role, party, jti string
		registered                  bool
	}
	var got []row
	for _, r := range d.ReliedOn {
		got = append(got, row{r.Authority, string(r.Role), r.Party, r.Statement.JTI, r.Registered})
	}
	want := []row{
		{"auth-in", "", "", "PDA-IN-UC", false},
		{"auth-in", "transferee", idOf("varuna"), "REG-varuna", true},
		{"auth-in", "transferor", idOf("halcyon"), "TEA-IN-0001", false},
		{"auth-us", "", "", "PDA-US-UC", false},
		{"auth-us", "transferee", idOf("varuna"), "TEA-US-0001", false},
		{"auth-us", "transferor", idOf("halcyon"), "REG-halcyon", true},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{})); diff != "" || !d.ReplacesLicence {
		t.Errorf("replaces_licence %t, relied on (-want +got):\n%s", d.ReplacesLicence, diff)
	}
	if diff := cmp.Diff([]string{"Cumulative ceilings are checked as far as the ledger given with the request shows."}, d.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

func TestReplayNamesTheInputs(t *testing.T) {
	st := joint(t)
	digests := func(over ask) policy.Replay { return st.decide(over).Replay }
	one := digests(nil)
	if one.Origin != origin || one.Size != st.next || one.Trust != "trust" || one.Evidence != "evidence" || one.Request == "" || one.Ledger == "" {
		t.Errorf("replay %+v lacks an input", one)
	}
	if two := digests(ask{"effective_at": "2026-05-05T00:00:00Z", "known_at": "2026-05-06T00:00:00Z"}); two != one {
		t.Errorf("the times, which stand beside it, change the replay: %+v, %+v", one, two)
	}
	if two := digests(ask{"value": ask{"currency": "USD", "amount": "100000.00"}}); two != one {
		t.Errorf("another spelling changes the replay: %+v, %+v", one, two)
	}
	if two := digests(ask{"ledger": nil}); two.Ledger != "" || two.Request == one.Request {
		t.Errorf("no ledger, and the replay is %+v", two)
	}
	if two := digests(ask{"person_nationalities": nil}); two.Request == one.Request {
		t.Error("nobody is given access, and not said who: the same digest")
	}
	if two := digests(ask{"ledger": []ask{entry("2026-03-01T00:00:00Z", "1", "USD")}}); two.Ledger == one.Ledger {
		t.Error("another ledger, the same digest")
	}
}

func TestClassOfCodes(t *testing.T) {
	for code, want := range map[policy.Code]policy.Class{
		policy.MissingFact: policy.Refer, policy.RetroactiveStatusChange: policy.Info,
		policy.SiteNotApproved: policy.Deny, "NEVER_HEARD_OF": policy.Deny, "": policy.Deny,
	} {
		if got := code.Class(); got != want {
			t.Errorf("%s is of class %s, want %s", code, got, want)
		}
	}
}

func TestTimesOfARequest(t *testing.T) {
	now := date("2026-08-01")
	at := ask{}.request(t).Times(now)
	if diff := cmp.Diff(policy.Times{EffectiveAt: date("2026-05-04T09:00:00Z"), KnownAt: now, CheckedAt: now}, at); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
	at = ask{"known_at": "2026-06-01T02:00:00+02:00", "checked_at": "2026-07-01T00:00:00Z"}.request(t).Times(now)
	if !at.KnownAt.Equal(date("2026-06-01")) || !at.CheckedAt.Equal(date("2026-07-01")) || at.KnownAt.Location() != time.UTC {
		t.Errorf("times %v, want those of the request", at)
	}
}

func BenchmarkDecide(b *testing.B) {
	st := joint(b)
	req := ask{}.request(b)
	set, at := st.prove(req, date("2026-05-04T09:00:00Z")), times(req)
	for b.Loop() {
		if d, err := policy.Decide(req, set, at); err != nil || !d.Permitted() {
			b.Fatalf("Decide = %v, %v", d, err)
		}
	}
}

package amend_test

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/amend"
)

const (
	year = attest.NumericDate(365 * 86400)
	t0   = attest.NumericDate(1798761600) // 2027-01-01
)

func entity() *attest.EntityApproval {
	return &attest.EntityApproval{
		Common: attest.Common{Aud: "r.example", Iss: "auth-us", Sub: "entity:cage:9HMS1/auth-us", JTI: "TEA-1", IAT: t0},
		Grant:  attest.Grant{NBF: t0, EXP: t0 + 3*year, LegalBasis: "15 CFR 748.15"},
		VCT:    attest.VCT, LegalName: "Halcyon", Country: "US", LegalEffect: attest.Eligibility, Programme: "VEU",
		AuthorisedRoles: []attest.Role{attest.EndUser, attest.Transferee},
		ApprovedSites:   []attest.Site{{ID: "A-1", Address: "1 Dock Road", Country: "US"}, {ID: "B-1", Address: "2 Dock Road", Country: "US"}},
		EligibleItems: []attest.Item{
			{List: "US_CCL", Entry: "5A001.b"}, {List: "US_CCL", Entry: "5E002", Limitation: "for wafers", Sites: []string{"A-1"}},
		},
		Caveats:       &attest.Limits{MaxClassification: "RESTRICTED"},
		Conditions:    &attest.Conditions{ChangeOfControl: attest.AutoSuspend},
		ExpirySavings: []attest.Savings{{Kind: attest.WindDown, Until: t0 + 4*year}},
		Obligations:   []attest.Obligation{{Kind: attest.ReportWithin, Days: 30}},
	}
}

func domain(iss string) *attest.DomainApproval {
	return &attest.DomainApproval{
		Common: attest.Common{Aud: "r.example", Iss: iss, Sub: "sandbox:SBX-1", JTI: "PDA-" + iss, IAT: t0},
		Grant:  attest.Grant{NBF: t0, EXP: t0 + year}, Title: "Sonar", LegalEffect: attest.Authorization,
		Terms: attest.Terms{
			Authorities: []string{"auth-in", "auth-us"}, Concurrence: 2,
			Limits: attest.Limits{
				InScope:           attest.Scope{"US_CCL": {"5A001.b.1", "5D001"}},
				Excluded:          attest.Scope{"US_CCL": {"5A001.b.1.c"}},
				AllowedEndUses:    []string{"sea_trial"},
				MaxClassification: "UNCLASSIFIED",
				Nationality:       &attest.Nationality{Permitted: []string{"IN", "US"}, Prohibited: []string{"KP"}},
				Value:             &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000", Cumulative: "1000000"},
			},
		},
	}
}

func TestDiffSaysWhatAVersionAddsNarrowsWidensAndEnds(t *testing.T) {
	for _, tt := range []struct {
		change func(e *attest.EntityApproval, d *attest.DomainApproval)
		want   string
	}{
		{func(*attest.EntityApproval, *attest.DomainApproval) {}, ""},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.EXP = 0 }, "widened /exp It holds for longer"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.EXP -= year }, "narrowed /exp It ends earlier"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.NBF += year }, "changed /nbf It begins at another time"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.LegalEffect = attest.Authorization }, "widened /legal_effect It does more"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.LegalEffect = attest.PolicyBaseline }, "narrowed /legal_effect It does less"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.LegalName = "Halcyon Inc." }, "changed /legal_name It has another legal name"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.Mentor = "duns:123456789" }, "changed /mentor It has another mentor"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.AuthorisedRoles = e.AuthorisedRoles[:1] }, "ended /authorised_roles/1 role transferee"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.AuthorisedRoles = nil }, "widened /authorised_roles No longer limited by role"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) {
			e.ApprovedSites = append(e.ApprovedSites, attest.Site{ID: "C-1", Address: "3 Dock Road", Country: "US"})
		}, "added /approved_sites/2 site C-1"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.ApprovedSites = e.ApprovedSites[:1] }, "ended /approved_sites/1 site B-1"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.ApprovedSites = nil }, "ended /approved_sites/0 site A-1; ended /approved_sites/1 site B-1"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) {
			e.ApprovedSites = []attest.Site{{ID: "A-1", Address: "1 Dock Road", Country: "US"}, {ID: "B-1", Address: "9 Dock Road", Country: "US"}}
		}, "changed /approved_sites/1 site B-1 is described otherwise; a register refuses another address or country under an id"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) {
			e.EligibleItems = append([]attest.Item{{List: "US_CCL", Entry: "3A001"}}, e.EligibleItems...)
		}, "added /eligible_items/0 item 3A001 of US_CCL"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.EligibleItems[0].Entry = "5A001.b.1" }, "narrowed /eligible_items/0 item 5A001.b.1 of US_CCL in place of 5A001.b of US_CCL"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.EligibleItems[0].Entry = "5A001" }, "widened /eligible_items/0 item 5A001 of US_CCL in place of 5A001.b of US_CCL"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.EligibleItems[0].List = "IN_SCOMET" }, "added /eligible_items/0 item 5A001.b of IN_SCOMET; ended /eligible_items/0 item 5A001.b of US_CCL"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.EligibleItems = nil }, "widened /eligible_items No longer limited by item"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) {
			e.EligibleItems[0].Limitation = "not for torpedoes"
		}, "narrowed /eligible_items/0/limitation item 5A001.b of US_CCL is limited in words"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.EligibleItems[1].Limitation = "" }, "widened /eligible_items/1 item 5E002 of US_CCL is no longer limited in words"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.EligibleItems[1].Limitation = "for chips" }, "changed /eligible_items/1/limitation item 5E002 of US_CCL is limited in other words"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) {
			e.EligibleItems[1].Sites = []string{"A-1", "B-1"}
		}, "widened /eligible_items/1 item 5E002 of US_CCL is approved at more sites"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.EligibleItems[1].Sites = nil }, "widened /eligible_items/1 item 5E002 of US_CCL is approved at more sites"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.EligibleItems[0].Sites = []string{"A-1"} }, "narrowed /eligible_items/0 item 5A001.b of US_CCL is approved at fewer sites"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.EligibleItems[1].Sites = []string{"B-1"} }, "changed /eligible_items/1 item 5E002 of US_CCL is approved at other sites"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.Caveats = nil }, "widened /caveats/max_classification The highest classification is higher"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.Caveats.Activities = []string{"testing"} }, "narrowed /caveats/activities Limited by activity, which it was not"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.Caveats.MaxClassification = "SECRET" }, "widened /caveats/max_classification The highest classification is higher"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) {
			e.Caveats.Quantity = &attest.QuantityCeiling{Unit: "piece", Cumulative: "5"}
		}, "narrowed /caveats/quantity/cumulative The ceiling of the quantity of all transactions together is lower"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.Conditions = nil }, "widened /conditions/change_of_control A change of control no longer suspends it"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.ExpirySavings[0].Until -= year }, "narrowed /expiry_savings/0/until The wind-down ends earlier"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) {
			e.ExpirySavings[0].Modes = []attest.Mode{attest.Intangible, attest.Tangible}
		}, "widened /expiry_savings/0/modes The wind-down has more ways to move"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.ExpirySavings = nil }, "ended /expiry_savings/0 savings clause wind_down"},
		{func(e *attest.EntityApproval, _ *attest.DomainApproval) { e.Obligations[0].Days = 10 }, "added /obligations/0 obligation report_within; ended /obligations/0 obligation report_within"},

		{func(_ *attest.EntityApproval, d *attest.DomainApproval) {
			d.Terms.Excluded["US_CCL"] = []string{"5A001.b.1.c", "5D001.a"}
		}, "narrowed /terms/excluded/US_CCL/1 exclusion of 5D001.a of US_CCL"},
		{func(_ *attest.EntityApproval, d *attest.DomainApproval) {
			d.Challenge = &attest.Challenge{Name: "Joint challenge", Citation: "Joint statement"}
		}, "changed /challenge/name It belongs to another joint challenge; changed /challenge/citation The joint challenge is announced elsewhere"},
		{func(_ *attest.EntityApproval, d *attest.DomainApproval) { d.Terms.Excluded = nil }, "widened /terms/excluded/US_CCL/0 exclusion of 5A001.b.1.c of US_CCL"},
		{func(_ *attest.EntityApproval, d *attest.DomainApproval) {
			d.Terms.Excluded["US_CCL"] = []string{"5A001.b.1"}
		}, "narrowed /terms/excluded/US_CCL/0 exclusion of 5A001.b.1 of US_CCL in place of 5A001.b.1.c of US_CCL"},
		{func(_ *attest.EntityApproval, d *attest.DomainApproval) {
			d.Terms.InScope = attest.Scope{"US_CCL": {"5A001.b.1"}, "IN_SCOMET": {"8A501.b.1"}}
		}, "added /terms/in_scope/IN_SCOMET/0 item 8A501.b.1 of IN_SCOMET; ended /terms/in_scope/US_CCL/1 item 5D001 of US_CCL"},
		{func(_ *attest.EntityApproval, d *attest.DomainApproval) {
			d.Terms.InScope["US_CCL"] = []string{"5A001.b.1", "5D001", "5D001.a"}
		}, "changed /terms/in_scope/US_CCL/2 item 5D001.a of US_CCL is named beside one that takes it in"},
		{func(_ *attest.EntityApproval, d *attest.DomainApproval) {
			d.Terms.AllowedEndUses = []string{"flight_trial"}
		}, "added /terms/allowed_end_uses/0 end use flight_trial; ended /terms/allowed_end_uses/0 end use sea_trial"},
		{func(_ *attest.EntityApproval, d *attest.DomainApproval) {
			d.Terms.Nationality.Permitted = []string{"US"}
		}, "ended /terms/nationality/permitted/0 permitted nationality IN"},
		{func(_ *attest.EntityApproval, d *attest.DomainApproval) {
			d.Terms.Nationality.Prohibited = []string{"IR", "KP"}
		}, "narrowed /terms/nationality/prohibited/0 prohibited nationality IR"},
		{func(_ *attest.EntityApproval, d *attest.DomainApproval) { d.Terms.Nationality.Prohibited = nil }, "widened /terms/nationality/prohibited/0 prohibited nationality KP"},
		{func(_ *attest.EntityApproval, d *attest.DomainApproval) { d.Terms.Value.PerTransaction = "300000" }, "widened /terms/value/per_transaction The ceiling of the value of one transaction is higher"},
		{func(_ *attest.EntityApproval, d *attest.DomainApproval) { d.Terms.Value.PerTransaction = "25000.5" }, "narrowed /terms/value/per_transaction The ceiling of the value of one transaction is lower"},
		{func(_ *attest.EntityApproval, d *attest.DomainApproval) { d.Terms.Value = nil }, "widened /terms/value/per_transaction The ceiling of the value of one transaction is higher; widened /terms/value/cumulative The ceiling of the value of all transactions together is higher"},
		{func(_ *attest.EntityApproval, d *attest.DomainApproval) { d.Terms.Value.Currency = "INR" }, "changed /terms/value Value is counted in another currency"},
		{func(_ *attest.EntityApproval, d *attest.DomainApproval) { d.Terms.Concurrence = 1 }, "changed /terms/concurrence How many authorities have to concur, which the first approval of a sandbox has fixed: a register refuses it"},
		{func(_ *attest.EntityApproval, d *attest.DomainApproval) {
			d.Terms.Authorities = []string{"auth-au", "auth-us"}
		}, "added /terms/authorities/0 authority auth-au, which the first approval of a sandbox has fixed: a register refuses it; ended /terms/authorities/0 authority auth-in, which the first approval of a sandbox has fixed: a register refuses it"},
	} {
		e, d := entity(), domain("auth-us")
		tt.change(e, d)
		e.JTI, e.Supersedes, d.JTI, d.Supersedes = "TEA-2", "TEA-1", "PDA-2", "PDA-auth-us"
		var got []string
		for _, versions := range [][2]attest.Claims{{entity(), e}, {domain("auth-us"), d}} {
			changes, err := amend.Diff(versions[0], versions[1])
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range changes {
				got = append(got, string(c.Kind)+" "+c.Pointer+" "+c.Text)
				if len(c.Was)+len(c.Is) == 0 {
					t.Errorf("%s %s has no words", c.Kind, c.Pointer)
				}
			}
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, "; ")); diff != "" {
			t.Error(diff)
		}
	}
}

// The part of an item that a version names in its place had the item's limits.
func TestAPartOfAnItemWithoutTheItemsLimitsIsWidened(t *testing.T) {
	older, newer := entity(), entity()
	older.EligibleItems = []attest.Item{{List: "US_CCL", Entry: "3A001", Limitation: "not above 10 GHz", Sites: []string{"B-1"}}}
	part := attest.Item{List: "US_CCL", Entry: "3A001.a"}
	for name, items := range map[string][]attest.Item{"in its place": {part}, "beside it": {older.EligibleItems[0], part}} {
		newer.EligibleItems = items
		changes, err := amend.Diff(older, newer)
		if err != nil {
			t.Fatal(err)
		}
		var widened []string
		for _, c := range changes {
			if c.Effect == amend.Widened {
				widened = append(widened, c.Text)
			}
		}
		want := []string{"item 3A001.a of US_CCL is no longer limited in words", "item 3A001.a of US_CCL is approved at more sites"}
		if diff := cmp.Diff(want, widened); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAChangeHasTheWordsOfBothVersions(t *testing.T) {
	newer := entity()
	newer.ApprovedSites[1].Name = "x\u202ey"
	changes, err := amend.Diff(entity(), newer)
	if err != nil || len(changes) != 1 {
		t.Fatalf("%v, %v", changes, err)
	}
	var was, is []string
	for _, l := range changes[0].Was {
		was = append(was, strings.Repeat(" ", l.Depth)+l.Text)
	}
	for _, l := range changes[0].Is {
		is = append(is, strings.Repeat(" ", l.Depth)+l.Text)
	}
	if diff := cmp.Diff([]string{"Site: B-1", ` Address: "2 Dock Road"`, " Country: US"}, was); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Site: B-1", ` Name: "x\u202ey"`, ` Address: "2 Dock Road"`, " Country: US"}, is); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyGrantsOfOneKindAreCompared(t *testing.T) {
	for _, pair := range [][2]attest.Claims{{entity(), domain("auth-us")}, {new(attest.Event), new(attest.Event)}, {new(attest.Root), entity()}} {
		if changes, err := amend.Diff(pair[0], pair[1]); err == nil {
			t.Errorf("compared %s with %s: %v", pair[0].Kind(), pair[1].Kind(), changes)
		}
	}
}

// own are the members that each version has of its own.
var own = []string{"/jti", "/iat", "/supersedes"}

// TestNoDifferenceIsLeftOut fills every member, changes one after another, and
// takes each away.
func TestNoDifferenceIsLeftOut(t *testing.T) {
	for _, k := range []attest.Kind{attest.KindRegistration, attest.KindEntityApproval, attest.KindDomainApproval, attest.KindConsent} {
		var pointers []string
		older := attest.NewClaims(k)
		visit(reflect.ValueOf(older).Elem(), "", func(at string, _ reflect.Value) { pointers = append(pointers, at) })
		for i, at := range pointers {
			if strings.HasPrefix(at, own[0]) || strings.HasPrefix(at, own[1]) || strings.HasPrefix(at, own[2]) {
				continue
			}
			for _, away := range []bool{false, true} {
				newer := attest.NewClaims(k)
				n := 0
				visit(reflect.ValueOf(newer).Elem(), "", func(_ string, v reflect.Value) {
					if n++; n-1 == i {
						change(v, away)
					}
				})
				changes, err := amend.Diff(older, newer)
				if err != nil {
					t.Fatal(err)
				}
				if len(changes) == 0 {
					t.Errorf("%s: nothing is said of %s", k, at)
				}
			}
		}
	}
}

func change(v reflect.Value, away bool) {
	switch {
	case away:
		v.SetZero()
	case v.Kind() == reflect.String:
		v.SetString(v.String() + "x")
	case v.Kind() == reflect.Int64:
		v.SetInt(v.Int() + 1)
	case v.Kind() == reflect.Bool:
		v.SetBool(!v.Bool())
	}
}

// visit fills all members and calls do with each that has none itself.
func visit(v reflect.Value, at string, do func(string, reflect.Value)) {
	n := 0
	fill(v, at, &n, do)
}

func fill(v reflect.Value, at string, n *int, do func(string, reflect.Value)) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString("v" + strconv.Itoa(*n))
		do(at, v)
	case reflect.Int64:
		v.SetInt(int64(*n) + int64(t0))
		do(at, v)
	case reflect.Bool:
		v.SetBool(true)
		do(at, v)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), at, n, do)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), at+"/"+strconv.Itoa(i), n, do)
		}
	case reflect.Map:
		list := reflect.New(v.Type().Elem()).Elem()
		fill(list, at+"/L", n, do)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("L"), list)
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.Anonymous {
				name = "/" + name
			}
			fill(v.Field(i), at+name, n, do)
		}
	}
}

func codes(fs []amend.Finding) string {
	var out []string
	for _, f := range fs {
		c := string(f.Code)
		if f.Warning {
			c += "!"
		}
		out = append(out, c)
	}
	return strings.Join(out, " ")
}

func TestTimesFindsGapsAndOverlaps(t *testing.T) {
	for _, tt := range []struct {
		change func(o, n *attest.EntityApproval)
		want   string
		says   string
	}{
		{func(_, n *attest.EntityApproval) { n.NBF = t0 + year }, "overlap", "the old one would hold until 2029-12-31T00:00:00Z; the new one takes over at 2028-01-01T00:00:00Z"},
		{func(o, n *attest.EntityApproval) { o.EXP, n.NBF = 0, t0+year }, "overlap", "without an end of its own"},
		{func(_, n *attest.EntityApproval) { n.NBF, n.EXP = t0+3*year, 0 }, "seamless", "when the old one ends"},
		{func(_, n *attest.EntityApproval) { n.NBF, n.EXP = t0+3*year+1, 0 }, "gap!", "from 2029-12-31T00:00:00Z, when the old version ends, until 2029-12-31T00:00:01Z"},
		{func(_, n *attest.EntityApproval) {}, "takes_over_before!", "governs all of that time"},
		{func(_, n *attest.EntityApproval) { n.NBF, n.Supersedes = t0+year, "" }, "not_superseding! overlap", "does not say that it supersedes TEA-1"},
		{func(_, n *attest.EntityApproval) { n.NBF, n.Supersedes = t0+year, "TEA-0" }, "not_superseding! overlap", "supersedes TEA-0, not TEA-1"},
		{func(_, n *attest.EntityApproval) { n.NBF, n.JTI = t0+year, "TEA-1" }, "same_jti! overlap", "called TEA-1"},
	} {
		o, n := entity(), entity()
		n.JTI, n.Supersedes = "TEA-2", "TEA-1"
		tt.change(o, n)
		got := amend.Times(o, n)
		says := false
		for _, f := range got {
			says = says || strings.Contains(f.Text, tt.says)
		}
		if codes(got) != tt.want || !says {
			t.Errorf("got %+v, want %s that says %q", got, tt.want, tt.says)
		}
	}
}

// amended is a new version of iss's approval with another ceiling.
func amended(iss, ceiling string, nbf attest.NumericDate) *attest.DomainApproval {
	d := domain(iss)
	d.JTI, d.Supersedes, d.NBF = d.JTI+"-2", d.JTI, nbf
	d.Terms.Value.PerTransaction = attest.Amount(ceiling)
	return d
}

func event(iss, target string, what attest.EventType, at attest.NumericDate) *attest.Event {
	return &attest.Event{Common: attest.Common{Iss: iss, JTI: "E-" + target, Sub: "sandbox:SBX-1"}, Event: what, Target: target, EffectiveAt: at}
}

func TestJointSaysWhatBecomesOfConcurrence(t *testing.T) {
	us, in := domain("auth-us"), domain("auth-in")
	in.EXP = t0 + 2*year
	const half = year / 2
	day := func(d attest.NumericDate) string { return d.Time().Format(time.RFC3339) }
	two := func(d *attest.DomainApproval) *attest.DomainApproval {
		d.Terms.Authorities, d.Terms.Concurrence = []string{"auth-au", "auth-in", "auth-us"}, 2
		return d
	}
	for _, tt := range []struct {
		name   string
		newer  *attest.DomainApproval
		logged []attest.Claims
		want   string
		says   []string
	}{
		{"equal", amended("auth-us", "250000", t0+half), []attest.Claims{us, in}, "terms_equal", nil},
		{"equal, but the other has moved on", amended("auth-us", "250000", t0+half), []attest.Claims{us, in, amended("auth-in", "300000", t0+half)}, "terms_equal terms_differ!", []string{"auth-in has approved other terms"}},
		{"nobody follows", amended("auth-us", "300000", t0+half), []attest.Claims{us, in}, "terms_wait! terms_lapse!", []string{
			"no longer equal to those of auth-in", "1 more of them has approved the same", "no longer than " + day(t0+year), "unless 1 more of auth-in has followed",
		}},
		{"nobody follows, no end", amended("auth-us", "300000", t0+half), []attest.Claims{func() attest.Claims { d := domain("auth-us"); d.EXP = 0; return d }(), func() attest.Claims { d := domain("auth-in"); d.EXP = 0; return d }()},
			"terms_wait! terms_wait", []string{"Until then the old terms stay"}},
		{"the other has gone ahead", amended("auth-us", "300000", t0+half), []attest.Claims{us, in, amended("auth-in", "300000", t0+half/2)}, "terms_take_over", []string{"take over at " + day(t0+half)}},
		{"the other goes later", amended("auth-us", "300000", t0+half), []attest.Claims{us, in, amended("auth-in", "300000", t0+half+9)}, "terms_take_over", []string{"take over at " + day(t0+half+9)}},
		{"too late", amended("auth-us", "300000", t0+half), []attest.Claims{us, in, amended("auth-in", "300000", t0+year+5)}, "terms_take_over terms_lapse!", []string{"gap in concurrence", "from " + day(t0+year) + " on"}},
		{"others unknown", amended("auth-us", "300000", t0+half), []attest.Claims{us}, "terms_unknown!", []string{"What auth-in approved is not known"}},
		{"the other has revoked", amended("auth-us", "300000", t0+half), []attest.Claims{us, in, event("auth-in", "PDA-auth-in", attest.Revoke, t0+half/3)}, "terms_wait! terms_lapse!", []string{"no longer than " + day(t0+half/3)}},
		{"the own one is revoked", amended("auth-us", "250000", t0+half), []attest.Claims{us, in, event("auth-us", "PDA-auth-us", attest.Withdraw, t0+1)}, "over! terms_equal", []string{"does not bring it back"}},
		{"never concurred", amended("auth-us", "300000", t0+half), []attest.Claims{us, amended("auth-in", "270000", t0)}, "terms_wait! terms_lapse!", []string{"too few approvals, too"}},
		{"two of three", two(amended("auth-us", "300000", t0+half)), []attest.Claims{two(domain("auth-us")), two(domain("auth-in")), two(domain("auth-au")), two(amended("auth-in", "300000", t0+half))},
			"terms_take_over left_behind!", []string{"2 of 3 authorities", "auth-au does not concur"}},
		{"two of three wait", two(amended("auth-us", "300000", t0+half)), []attest.Claims{two(domain("auth-us")), two(domain("auth-in")), two(domain("auth-au"))},
			"terms_wait! terms_lapse!", []string{"those of auth-au, auth-in", "1 more of them has"}},
		{"alone", func() *attest.DomainApproval {
			d := amended("auth-us", "300000", t0+half)
			d.Terms.Authorities, d.Terms.Concurrence = []string{"auth-us"}, 1
			return d
		}(), []attest.Claims{us}, "", nil},
		{"supersedes nothing that is known", amended("auth-us", "300000", t0+half), []attest.Claims{in}, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := amend.Joint(tt.newer, tt.logged)
			if diff := cmp.Diff(tt.want, codes(got)); diff != "" {
				t.Errorf("%s%+v", diff, got)
			}
			var text strings.Builder
			for _, f := range got {
				text.WriteString(f.Text)
			}
			for _, s := range tt.says {
				if !strings.Contains(text.String(), s) {
					t.Errorf("does not say %q: %s", s, text.String())
				}
			}
		})
	}
}

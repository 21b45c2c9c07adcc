package finder_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/controllist"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/registry/finder"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

// listed is a stage on which Varuna lets itself be found, and others do not.
func listed(t *testing.T, also ...attest.Claims) *rt.Register {
	t.Helper()
	r := stage(t)
	a := rt.Approval("ap-varuna-2", rt.US, rt.Varuna, "IN")
	a.Programme, a.Supersedes, a.Listed = "TEA", "ap-varuna", true
	a.AuthorisedRoles = []attest.Role{attest.EndUser, attest.Transferee}
	a.EligibleItems = []attest.Item{{List: controllist.USCCL, Entry: "5A001.b"}, {List: controllist.USCCL, Entry: "8A002.r"}}
	a.Caveats = &attest.Limits{AllowedEndUses: []string{"sea_trial"}}
	r.MustSubmit(a)
	for _, c := range also {
		r.MustSubmit(c)
	}
	r.Clock.Add(time.Hour)
	return r
}

func partners(t *testing.T, f *finder.Finder, r *rt.Register, q finder.PartnerQuery) []string {
	t.Helper()
	q.Limit, q.Now = 10, r.Clock.Now()
	page, err := f.Partners(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, p := range page.Found {
		var by []string
		for _, l := range p.Listings {
			by = append(by, strings.Join(append([]string{l.JTI}, l.Sandboxes...), " "))
		}
		out = append(out, p.ID+" by "+strings.Join(by, ", "))
	}
	if !page.Counted || page.Total != len(out) {
		t.Errorf("%+v: %d are counted (%t), and %d found", q, page.Total, page.Counted, len(out))
	}
	return out
}

func entry(t *testing.T, list, text string) controllist.Entry {
	t.Helper()
	e, err := controllist.Parse(list, text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAPartnerIsFoundByWhatItIsApprovedFor(t *testing.T) {
	r := listed(t)
	f := finder.New(r)
	plain, inSandbox := []string{rt.Varuna + " by ap-varuna-2"}, []string{rt.Varuna + " by ap-varuna-2 " + rt.Sandbox}
	for name, row := range map[string]struct {
		q    finder.PartnerQuery
		want []string
	}{
		"nothing":                   {finder.PartnerQuery{}, plain},
		"the title of a sandbox":    {finder.PartnerQuery{Purpose: "underwater communications", Country: "IN"}, inSandbox},
		"misspelt":                  {finder.PartnerQuery{Purpose: "underwatr comunications"}, inSandbox},
		"another country":           {finder.PartnerQuery{Purpose: "underwater communications", Country: "US"}, nil},
		"its id":                    {finder.PartnerQuery{Purpose: rt.Sandbox}, inSandbox},
		"as a field":                {finder.PartnerQuery{Sandbox: rt.Sandbox}, inSandbox},
		"no such sandbox":           {finder.PartnerQuery{Sandbox: "SBX-NONE"}, nil},
		"an end use":                {finder.PartnerQuery{Purpose: "sea trial"}, inSandbox},
		"a programme in words":      {finder.PartnerQuery{Purpose: "TEA"}, plain},
		"nothing that anybody does": {finder.PartnerQuery{Purpose: "lunar mining"}, nil},
		"both, which do not agree":  {finder.PartnerQuery{Purpose: "lunar mining", Sandbox: rt.Sandbox}, nil},
		"the entry itself":          {finder.PartnerQuery{Item: entry(t, controllist.USCCL, "5A001.b")}, plain},
		"below an entry":            {finder.PartnerQuery{Item: entry(t, controllist.USCCL, "5A001.b.1.a")}, plain},
		"above an entry":            {finder.PartnerQuery{Item: entry(t, controllist.USCCL, "8A002")}, plain},
		"beside an entry":           {finder.PartnerQuery{Item: entry(t, controllist.USCCL, "5A001.c")}, nil},
		"of another list":           {finder.PartnerQuery{Item: entry(t, controllist.INSCOMET, "8A501")}, nil},
		"an entry of the sandbox":   {finder.PartnerQuery{Sandbox: rt.Sandbox, Item: entry(t, controllist.USCCL, "5A001.b.1")}, inSandbox},
		"none of the sandbox":       {finder.PartnerQuery{Sandbox: rt.Sandbox, Item: entry(t, controllist.USCCL, "8A002.r")}, nil},
		"a role":                    {finder.PartnerQuery{Role: attest.EndUser}, plain},
		"a role that it lacks":      {finder.PartnerQuery{Role: attest.Via}, nil},
		"an authority":              {finder.PartnerQuery{Authority: rt.US}, plain},
		"an authority, not its":     {finder.PartnerQuery{Authority: rt.IN}, nil},
		"a programme":               {finder.PartnerQuery{Programme: "TEA"}, plain},
		"a programme, not its":      {finder.PartnerQuery{Programme: "VEU"}, nil},
	} {
		if got := partners(t, f, r, row.q); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

// Halcyon and Corvus have approvals in force, too, that do not list them.
func TestNobodyIsAPartnerWhoDoesNotLetItselfBeFound(t *testing.T) {
	for name, row := range map[string]func() []attest.Claims{
		"never listed": func() []attest.Claims { return nil },
		"no longer listed": func() []attest.Claims {
			a := rt.Approval("ap-varuna-3", rt.US, rt.Varuna, "IN")
			a.Supersedes = "ap-varuna-2"
			return []attest.Claims{a}
		},
		"suspended": func() []attest.Claims {
			return []attest.Claims{rt.Event("suspend-1", rt.US, attest.ApprovalSubject(rt.Varuna, rt.US), "ap-varuna", attest.Suspend, rt.Start.Add(2*time.Hour))}
		},
		"revoked": func() []attest.Claims {
			return []attest.Claims{rt.Event("revoke-1", rt.US, attest.ApprovalSubject(rt.Varuna, rt.US), "ap-varuna", attest.Revoke, rt.Start.Add(2*time.Hour))}
		},
		"passed on": func() []attest.Claims {
			return []attest.Claims{&attest.Succession{
				Common: attest.Common{Iss: rt.US, Sub: attest.ApprovalSubject(rt.Varuna, rt.US), JTI: "succession-1"}, Target: "ap-varuna",
				EffectiveAt: attest.NumericDate(rt.Start.Add(2 * time.Hour).Unix()), Successor: "us-own:DEEP-2", LegalName: "Deep Two Holdings", Country: "IN",
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			also := row()
			r := listed(t, also...)
			if name == "never listed" {
				r = stage(t)
			}
			f := finder.New(r)
			for _, q := range []finder.PartnerQuery{
				{}, {Purpose: "underwater communications"}, {Sandbox: rt.Sandbox}, {Purpose: "TEA"}, {Programme: "TEA"}, {Country: "IN"}, {Country: "AU"},
				{Authority: rt.US}, {Role: attest.EndUser}, {Item: entry(t, controllist.USCCL, "5A001.b.1")}, {Purpose: "varuna"}, {Purpose: rt.Halcyon},
			} {
				if got := partners(t, f, r, q); len(got) != 0 {
					t.Errorf("%+v finds %q", q, got)
				}
			}
		})
	}
}

// A sandbox in which too few concur is none that a partner could be found for, and
// an approval of one authority of it not enough.
func TestASandboxHasPartnersOnlyWhereAllStands(t *testing.T) {
	r := listed(t, rt.Event("revoke-1", rt.IN, attest.SandboxSubject(rt.Sandbox), "domain-in", attest.Revoke, rt.Start.Add(2*time.Hour)))
	if got := partners(t, finder.New(r), r, finder.PartnerQuery{Sandbox: rt.Sandbox}); len(got) != 0 {
		t.Errorf("in a sandbox that India has revoked: %q", got)
	}
	r = listed(t, rt.Event("revoke-1", rt.IN, attest.EntitySubject(rt.Varuna), "reg-varuna", attest.Revoke, rt.Start.Add(2*time.Hour)))
	if got := partners(t, finder.New(r), r, finder.PartnerQuery{Sandbox: rt.Sandbox}); len(got) != 0 {
		t.Errorf("without India's registration: %q", got)
	}
}

// Each scheme, as a register has it and as people write it.
func TestEveryIdentifierIsFoundAsPeopleWriteIt(t *testing.T) {
	written := map[string][]string{
		"lei:213800KUD8LAJWSQ9D15":  {"2138 00KU D8LA JWSQ 9D15", "LEI 213800KUD8LAJWSQ9D15", "lei: 2138-00ku-d8la-jwsq-9d15", "LEI no. 213800KUD8LAJWSQ9D15"},
		"uei:H4LCYNMRTM26":          {"h4lc ynmr tm26", "UEI: H4LCYNMRTM26", "UEI H4LCYNMRTM26"},
		"cage:9HMS1":                {"9hms1", "CAGE 9HMS1", "CAGE code: 9HMS1", "cage code 9 HMS1"},
		"ncage:B1234":               {"b1234", "NCAGE B1234", "NCAGE code B-1234"},
		"cin:U26515AP2019PTC098765": {"U26515 AP 2019 PTC 098765", "CIN: U26515AP2019PTC098765"},
		"llpin:AAB-4321":            {"AAB-4321", "aab4321", "AAB 4321", "LLPIN AAB-4321", "llpin: aab 4321", "AAB–4321"},
		"iec:0388066415":            {"0388066415", "IEC 0388066415", "IEC No: 03880 66415"},
		"abn:83914571673":           {"83 914 571 673", "ABN 83 914 571 673", "abn:83-914-571-673"},
		"acn:004085616":             {"004 085 616", "ACN 004 085 616"},
		"eori:DE123456789012345":    {"DE 123456789012345", "EORI number: DE123456789012345", "de123456789012345"},
		"gstin:27AAPFU0939F1ZV":     {"27 AAPFU0939F 1ZV", "GSTIN 27AAPFU0939F1ZV"},
		"pan:AAPFU0939F":            {"aapfu 0939 f", "PAN AAPFU0939F", "PAN: AAPFU0939F"},
		"duns:123456789":            {"12-345-6789", "D-U-N-S 12-345-6789", "DUNS number 123456789", "duns:12 345 6789"},
		"ddtc:M12345":               {"m12345", "DDTC M-12345", "DDTC: M12345"},
		"us-own:GE-INDIA-2":         {"GE-INDIA-2", "GE INDIA 2", "us-own:GE-INDIA-2", "US-OWN: ge india 2", "us-own GE-INDIA-2"},
	}
	r := rt.New(t)
	schemes := make(map[string]bool)
	for i, id := range slices.Sorted(maps.Keys(written)) {
		scheme, _, _ := strings.Cut(id, ":")
		schemes[scheme] = true
		reg := rt.Registration("reg-"+string(rune('a'+i)), rt.IN, "us-own:E-"+string(rune('A'+i)), "IN")
		reg.LegalName, reg.Identifiers = "Entity", []string{id}
		r.MustSubmit(reg)
	}
	r.Clock.Add(time.Minute)
	f := finder.New(r)
	for _, s := range identifier.Schemes() {
		if !schemes[s] {
			t.Errorf("no row for scheme %s", s)
		}
	}
	for i, id := range slices.Sorted(maps.Keys(written)) {
		_, value, _ := strings.Cut(id, ":")
		for _, text := range append([]string{id, value, strings.ToLower(value), strings.ToUpper(id)}, written[id]...) {
			page, err := f.Entities(t.Context(), finder.Query{Text: text, Limit: 1, Now: r.Clock.Now()})
			if err != nil {
				t.Fatal(err)
			}
			want := "us-own:E-" + string(rune('A'+i))
			if len(page.Found) != 1 || page.Found[0].ID != want || page.Found[0].Matched == nil || page.Found[0].Matched.Value != id || page.Found[0].Matched.By != finder.ByIdentifier {
				t.Errorf("%q finds %+v, want %s by %s", text, page.Found, want, id)
			}
		}
	}
	for _, text := range []string{"LEI 2138 00KU D8LA JWSQ 9D16", "UEI 9HMS1", "12-345-678", "abn", "LEI", "-", "lei:-"} {
		if page, err := f.Entities(t.Context(), finder.Query{Text: text, Limit: 1, Now: r.Clock.Now()}); err != nil || len(page.Found) != 0 {
			t.Errorf("%q finds %+v, %v", text, page.Found, err)
		}
	}
}

func TestACountIsExactOrSaysThatItIsNone(t *testing.T) {
	r := rt.New(t)
	add := func(from, to int) {
		for i := from; i < to; i++ {
			id := "us-own:A-" + strings.Repeat("0", 3-len(strconv.Itoa(i))) + strconv.Itoa(i)
			a := rt.Approval("ap-"+strconv.Itoa(i), rt.IN, id, "AU")
			a.LegalName = "Meridian " + strconv.Itoa(i)
			r.MustSubmit(a)
		}
		r.Clock.Add(time.Minute)
	}
	add(0, 23)
	f := finder.New(r)
	type counted struct {
		Found, Total, First int
		Counted, More       bool
	}
	pages := func(q finder.Query) (out []counted) {
		q.Limit, q.Now, q.Count = 10, r.Clock.Now(), true
		for {
			p, err := f.Entities(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, counted{len(p.Found), p.Total, p.First, p.Counted, p.More})
			if q.After = p.Next; q.After == "" {
				return out
			}
		}
	}
	want := []counted{{10, 23, 1, true, true}, {10, 23, 11, true, true}, {3, 23, 21, true, false}}
	for _, q := range []finder.Query{{}, {Text: "meridian"}} {
		if diff := cmp.Diff(want, pages(q)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", q, diff)
		}
	}
	if testing.Short() {
		return
	}
	add(23, 205)
	got := pages(finder.Query{})
	if first := got[0]; first != (counted{10, 0, 0, false, true}) || len(got) != 21 {
		t.Errorf("of 205 the first of %d pages says %+v; want one that others surely follow, uncounted", len(got), first)
	}
	if last := got[len(got)-1]; last.Found != 5 || last.More {
		t.Errorf("the last page says %+v", last)
	}
}

func TestWhoIsFoundIsWhoWasKnownThen(t *testing.T) {
	r := stage(t)
	before := r.Clock.Now()
	r.Clock.Add(time.Hour)
	r.MustSubmit(rt.Event("revoke-1", rt.US, attest.ApprovalSubject(rt.Varuna, rt.US), "ap-varuna", attest.Revoke, rt.Start))
	r.Clock.Add(time.Hour)
	f := finder.New(r)
	for known, want := range map[time.Time]string{{}: "revoked", before: "in_force"} {
		page, err := f.Entities(t.Context(), finder.Query{Sandbox: rt.Sandbox, Text: "varuna", Limit: 5, Now: r.Clock.Now(), Known: known})
		if err != nil || len(page.Found) != 1 || string(page.Found[0].Approvals[0].Status) != want {
			t.Errorf("by what was logged by %v: %+v, %v; want %s", known, page.Found, err, want)
		}
	}
	if page, err := f.Entities(t.Context(), finder.Query{Limit: 5, Now: r.Clock.Now(), Known: rt.Start.Add(-time.Hour)}); err != nil || len(page.Found) != 0 {
		t.Errorf("before anything was logged: %+v, %v", page, err)
	}
}

// Terms that others have replaced for good (RULES R10) are no sandbox to find
// partners for, though an approval of them is in force.
func TestReplacedTermsAreNoPurpose(t *testing.T) {
	anyOne := func(jti, iss, use string) *attest.DomainApproval {
		d := rt.Domain(jti, iss)
		d.Sub, d.Title = attest.SandboxSubject("SBX-ANY"), "Any one of them"
		d.Terms.Concurrence, d.Terms.AllowedEndUses = 1, []string{use}
		return d
	}
	next := anyOne("any-us", rt.US, "new_use")
	next.NBF += 60
	r := listed(t, anyOne("any-in", rt.IN, "old_use"), next)
	end := rt.Event("any-end", rt.US, attest.SandboxSubject("SBX-ANY"), "any-us", attest.Suspend, r.Clock.Now())
	r.MustSubmit(end)
	r.Clock.Add(time.Minute)
	if got := partners(t, finder.New(r), r, finder.PartnerQuery{Sandbox: "SBX-ANY"}); len(got) > 0 {
		t.Errorf("found %q", got)
	}
}

package web_test

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
	"rsc.io/qr"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/receipt"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/web"
)

// everything is a form with every field given, but a sandbox.
func everything() url.Values {
	return url.Values{
		"act": {"retransfer"}, "authority": {us}, "programme": {"VEU"}, "effective_at": {"2026-01-05 09:00"}, "known_at": {"2026-01-05 09:01"}, "checked_at": {"2026-01-05 09:01"},
		"transferor": {registrytest.Halcyon}, "transferee": {registrytest.Varuna}, "presented_name": {"Varuna"}, "presented_identifiers": {"iec:0388012345"},
		"destination_site": {"VTZ-1"}, "items": {"US_CCL 5A001.b.1\r\n\r\nIN_SCOMET 8A501"}, "end_use": {"sea_trial"}, "mode": {"tangible"}, "via": {registrytest.Corvus},
		"end_user": {registrytest.Varuna}, "activity": {"trial"}, "classification": {"RESTRICTED"}, "value_amount": {"1000"}, "value_currency": {"USD"},
		"quantity_amount": {"2"}, "quantity_unit": {"pieces"}, "ledger": {"2026-01-02 09:00, 1000.50, USD\r\n2026-01-03T09:00:00Z;3;pieces\r\n2026-01-04 09:00\t5 pieces"},
		"person_nationalities": {"US, IN"}, "laden_at": {"2026-01-04 09:00"}, "contract_signed_at": {"2026-01-03 09:00"}, "consent_ref": {"consent-1"},
		"originating_authority": {us}, "attests": {us + " approval-varuna /eligible_items/0/limitation " + strings.Repeat("A", 43)}, "reference": {"PO 4711"}, "requested_by": {"A. Officer"},
	}
}

// membersOf are the members of a type of request, at any depth.
func membersOf(of reflect.Type, under string, out map[string]bool) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || of == reflect.TypeFor[policy.Instant]() || of == reflect.TypeFor[policy.Number]() {
		out[under] = true
		return
	}
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		membersOf(of.Field(i).Type, under+"/"+name, out)
	}
}

func givenIn(v any, under string, out map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, v := range v {
			givenIn(v, under+"/"+name, out)
		}
	case []any:
		for _, v := range v {
			givenIn(v, under, out)
		}
	default:
		out[under] = true
	}
}

// Whatever the API may be asked, the form may, but for item, which items stands for.
func TestTheFormAsksAllThatTheAPIMayBeAsked(t *testing.T) {
	want, got := make(map[string]bool), make(map[string]bool)
	membersOf(reflect.TypeFor[policy.Request](), "", want)
	maps.DeleteFunc(want, func(p string, _ bool) bool { return strings.HasPrefix(p, "/item/") })
	s := newJointSandbox(t)
	s.Clock.Set(time.Date(2026, 1, 5, 9, 1, 0, 0, time.UTC))
	for _, q := range []url.Values{everything(), question()} {
		q.Set("give", "request")
		d := s.ask(q)
		var doc any
		if err := json.Unmarshal([]byte(d.body), &doc); d.status != http.StatusOK || err != nil {
			t.Fatalf("%d: %s", d.status, d.body)
		}
		givenIn(doc, "", got)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("members of a request that the form lacks (-) or makes up (+):\n%s", diff)
	}
	form := s.get("/check").shown(http.StatusOK)
	for name := range everything() {
		form.control(name)
	}
}

func TestEveryFieldOfTheFormIsKeptOnAMistake(t *testing.T) {
	s := newJointSandbox(t)
	q := everything()
	q.Set("sandbox", registrytest.Sandbox)
	q.Set("disclosures", "not-a-disclosure")
	d := s.ask(q).shown(http.StatusUnprocessableEntity)
	for name := range q {
		if want := strings.ReplaceAll(q.Get(name), "\r\n", "\n"); d.given(name) != want {
			t.Errorf("%s was %q, and is %q", name, want, d.given(name))
		}
	}
	for _, name := range []string{"sandbox", "disclosures"} {
		if !links(d, "#f-"+name) {
			t.Errorf("the mistake in %s is not named there", name)
		}
	}
}

func TestAMistakeInALineSaysInWhichLine(t *testing.T) {
	s := newJointSandbox(t)
	for name, c := range map[string]struct{ given, want string }{
		"items":   {"US_CCL 5A001\r\n\r\n5A001", "line 3: not a control list"},
		"ledger":  {"\r\n2026-01-02 09:00, 1000, USD\r\n2026-01-02 09:00, 1.000,50, USD", "line 3: not a time"},
		"attests": {"auth-us a /x " + strings.Repeat("A", 43) + "\nauth-us a /x short", "line 2:"},
	} {
		q := question()
		q.Set(name, c.given)
		s.ask(q).shown(http.StatusUnprocessableEntity).has(c.want)
	}
	q := question()
	q.Set("ledger", "2026-01-02 09:00, -1, USD")
	s.ask(q).shown(http.StatusUnprocessableEntity).has("line 1:")
	q.Set("ledger", "2026-01-02 09:00, 1, USD")
	q.Set("first", "yes")
	s.ask(q).shown(http.StatusUnprocessableEntity).has("says that nothing went before, and lists what did")
}

// options are those of a datalist.
func (d *document) options(field string) (out []string) {
	for _, n := range d.find("option", func(n *html.Node) bool { return attr(n.Parent, "id") == "l-"+field }) {
		out = append(out, attr(n, "value"))
	}
	return out
}

// ticks are the values of the boxes that add lines to a field, by their names.
func (d *document) ticks(field string) map[string]string {
	out := make(map[string]string)
	for _, n := range d.find("input", func(n *html.Node) bool { return strings.HasPrefix(attr(n, "name"), "tick_"+field) }) {
		out[attr(n, "value")] = attr(n, "name")
	}
	return out
}

func TestSitesItemsAndEndUsesOfTheApprovalsAreSuggested(t *testing.T) {
	s := newJointSandbox(t)
	again := registrytest.Approval("approval-varuna-2", us, registrytest.Varuna, "IN")
	again.Supersedes, again.NBF, again.Retroactive, again.RetroactiveReason = "approval-varuna", attest.NumericDate(s.Clock.Now().Add(time.Minute).Unix()), false, ""
	again.ApprovedSites = append(again.ApprovedSites, attest.Site{ID: "VTZ-2", Country: "IN", Address: "<b>Dock</b>"})
	again.EligibleItems = []attest.Item{{List: "US_CCL", Entry: "5A001.b"}}
	s.MustSubmit(again)
	s.Clock.Add(time.Hour)
	form := s.get("/check?sandbox=" + registrytest.Sandbox + "&transferee=" + registrytest.Varuna).shown(http.StatusOK)
	suggested := s.ask(url.Values{"sandbox": {registrytest.Sandbox}, "transferee": {registrytest.Varuna}, "reference": {"mine"}, "give": {"suggest"}}).shown(http.StatusOK).has("Suggested below")
	mistake := question()
	mistake.Set("act", "")
	mistake.Set("effective_at", "2026-01-05 10:30")
	for _, d := range []*document{form, suggested, s.ask(mistake).shown(http.StatusUnprocessableEntity)} {
		if got := d.options("destination_site"); !slices.Equal(got, []string{"VTZ-1", "VTZ-2"}) {
			t.Errorf("sites suggested: %q", got)
		}
		if got := d.options("end_use"); !slices.Equal(got, []string{"sea_trial"}) {
			t.Errorf("end uses suggested: %q", got)
		}
		if got := d.ticks("items"); got["US_CCL 5A001.b"] == "" {
			t.Errorf("items suggested: %q", got)
		}
	}
	if len(suggested.find("input", func(n *html.Node) bool { return attr(n, "name") == "reference" && attr(n, "value") == "mine" })) != 1 {
		t.Error("what was entered is not kept")
	}
	// At a time at which only the first version is in force, its sites are.
	if got := s.get("/check?transferee=" + registrytest.Varuna + "&effective_at=2026-01-05+09:00").options("destination_site"); !slices.Equal(got, []string{"VTZ-1"}) {
		t.Errorf("sites suggested for the beginning: %q", got)
	}
	s.ask(url.Values{"give": {"suggest"}, "transferee": {registrytest.Corvus}}).shown(http.StatusOK).has("There is nothing to suggest from")
}

func TestNothingIsSuggestedFromWhatIsNoLongerInForceOrOfOthers(t *testing.T) {
	s := newJointSandbox(t)
	query := "/check?transferee=" + registrytest.Varuna
	if got := s.get(query + "&authority=" + in + "&programme=VEU").shown(http.StatusOK).options("destination_site"); got != nil {
		t.Errorf("another authority's: %q", got)
	}
	s.Clock.Add(time.Hour)
	s.MustSubmit(registrytest.Event("revoke-1", us, attest.ApprovalSubject(registrytest.Varuna, us), "approval-varuna", attest.Revoke, registrytest.Start))
	s.Clock.Add(time.Minute)
	if got := s.get(query).shown(http.StatusOK).options("destination_site"); got != nil {
		t.Errorf("of what is revoked: %q", got)
	}
}

// An approval that has passed on is suggested from for whom it has passed to, with the
// sites there.
func TestWhatHasPassedToAnotherIsSuggestedForThatOne(t *testing.T) {
	s := newJointSandbox(t)
	s.Clock.Add(time.Hour)
	s.MustSubmit(&attest.Succession{
		Common: attest.Common{Iss: us, Sub: attest.ApprovalSubject(registrytest.Varuna, us), JTI: "succession-1"}, Target: "approval-varuna", Successor: registrytest.Corvus,
		EffectiveAt: attest.NumericDate(s.Clock.Now().Add(time.Minute).Unix()), LegalName: "Corvus", Country: "IN", ApprovedSites: []attest.Site{{ID: "BLR-1", Country: "IN", Address: "1 Road"}},
	})
	s.Clock.Add(time.Hour)
	if got := s.get("/check?transferee=" + registrytest.Corvus).shown(http.StatusOK).options("destination_site"); !slices.Equal(got, []string{"BLR-1"}) {
		t.Errorf("suggested for whom it has passed to: %q", got)
	}
	if got := s.get("/check?transferee=" + registrytest.Varuna).shown(http.StatusOK).options("destination_site"); got != nil {
		t.Errorf("suggested for whom it was given to: %q", got)
	}
}

// Each approval has passed on with sites of its own, whichever did so last.
func TestSitesOfOnePassedApprovalAreNotThoseOfAnother(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	for _, n := range []string{"a", "b"} {
		s.MustSubmit(registrytest.Approval("approval-"+n, us, registrytest.Varuna, "IN"))
	}
	s.Clock.Add(time.Hour)
	for _, n := range []string{"a", "b"} {
		s.MustSubmit(&attest.Succession{
			Common: attest.Common{Iss: us, Sub: attest.ApprovalSubject(registrytest.Varuna, us), JTI: "succession-" + n}, Target: "approval-" + n, Successor: registrytest.Corvus,
			EffectiveAt: attest.NumericDate(s.Clock.Now().Add(time.Minute).Unix()), LegalName: "Corvus", Country: "IN", ApprovedSites: []attest.Site{{ID: "SITE-" + strings.ToUpper(n), Country: "IN", Address: "1 Road"}},
		})
	}
	s.Clock.Add(time.Hour)
	if got := s.get("/check?transferee=" + registrytest.Corvus).shown(http.StatusOK).options("destination_site"); !slices.Equal(got, []string{"SITE-A", "SITE-B"}) {
		t.Errorf("sites suggested: %q", got)
	}
}

func TestWhatIsExcludedIsNotSuggested(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	for _, iss := range []string{us, in} {
		d := registrytest.Domain("domain-"+iss, iss)
		d.Terms.InScope, d.Terms.Excluded = attest.Scope{"US_CCL": {"5A001"}}, attest.Scope{"US_CCL": {"5A001.c"}}
		s.MustSubmit(d)
	}
	a := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN")
	a.EligibleItems = []attest.Item{{List: "US_CCL", Entry: "5A001.b"}, {List: "US_CCL", Entry: "5A001.c"}, {List: "US_CCL", Entry: "5A001.d"}}
	a.Caveats = &attest.Limits{Excluded: attest.Scope{"US_CCL": {"5A001.d"}}}
	s.MustSubmit(a)
	s.Clock.Add(time.Minute)
	for query, want := range map[string][]string{
		"":                                 {"US_CCL 5A001.b", "US_CCL 5A001.c"},
		"&sandbox=" + registrytest.Sandbox: {"US_CCL 5A001", "US_CCL 5A001.b"},
	} {
		got := s.get("/check?transferee=" + registrytest.Varuna + query).shown(http.StatusOK).ticks("items")
		if items := slices.Sorted(maps.Keys(got)); !slices.Equal(items, want) {
			t.Errorf("%s: suggested %q, want %q", query, items, want)
		}
	}
}

func TestConfidentialMembersAreNotSuggested(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	a, _, err := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN").Conceal([]string{"/approved_sites/0/address"})
	if err != nil {
		t.Fatal(err)
	}
	s.MustSubmit(a)
	s.Clock.Add(time.Minute)
	d := s.get("/check?transferee=" + registrytest.Varuna).shown(http.StatusOK)
	if got := d.options("destination_site"); !slices.Equal(got, []string{"VTZ-1"}) || strings.Contains(d.body, "Ocean Tech") {
		t.Errorf("suggested %q:\n%s", got, d.body)
	}
}

func TestSuggestionsAreBoundedAndSayHowManyAreLeftOut(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	a := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN")
	a.ApprovedSites = nil
	for i := range 60 {
		a.ApprovedSites = append(a.ApprovedSites, attest.Site{ID: fmt.Sprintf("SITE-%02d", i), Country: "IN", Address: strings.Repeat("W", 100)})
		a.EligibleItems = append(a.EligibleItems, attest.Item{List: "US_CCL", Entry: fmt.Sprintf("%dA%03d", i%10, i)})
	}
	slices.SortFunc(a.EligibleItems, func(a, b attest.Item) int { return strings.Compare(a.Entry, b.Entry) })
	s.MustSubmit(a)
	s.Clock.Add(time.Minute)
	d := s.get("/check?transferee=" + registrytest.Varuna).shown(http.StatusOK).has("20 more are left out here.")
	if n, m := len(d.options("destination_site")), len(d.ticks("items")); n != 40 || m != 40 {
		t.Errorf("%d sites and %d items suggested, want 40 of each", n, m)
	}
}

func TestATickedItemIsALineOfTheForm(t *testing.T) {
	s := newJointSandbox(t)
	q := question()
	q.Del("items")
	d := s.ask(q).shown(http.StatusOK)
	name := d.ticks("items")["US_CCL 5A001.b.1"]
	if name == "" {
		t.Fatalf("the item is not offered: %q", d.ticks("items"))
	}
	q.Set(name, "US_CCL 5A001.b.1")
	permit := s.ask(q).shown(http.StatusOK).has("PERMIT", "Items US_CCL 5A001.b.1")
	if got := permit.ticks("items"); got["US_CCL 5A001.b.1"] != "" {
		t.Error("it is offered once more")
	}
	q.Set("items", "US_CCL  5A001.b.1 ")
	s.ask(q).shown(http.StatusOK).has("PERMIT").lacks("Items US_CCL 5A001.b.1 US_CCL 5A001.b.1")
}

// A limitation is attested by whoever has been shown its words, and the answer says
// whose word that is.
func TestALimitationThatAnAnswerLeavesToAPersonMayBeTickedAndIsThenSaidToBeAttested(t *testing.T) {
	s := newJointSandbox(t)
	a := registrytest.Approval("approval-varuna-2", us, registrytest.Varuna, "IN")
	a.Supersedes, a.NBF, a.Retroactive, a.RetroactiveReason = "approval-varuna", attest.NumericDate(s.Clock.Now().Add(time.Minute).Unix()), false, ""
	a.EligibleItems = []attest.Item{{List: "US_CCL", Entry: "5A001.b.1", Limitation: `only below <b>200</b> m`}}
	s.MustSubmit(a)
	s.Clock.Add(time.Hour)
	q := question()
	q.Set("effective_at", "2026-01-05 10:00")
	if got := s.get("/check?transferee=" + registrytest.Varuna).ticks("attests"); len(got) != 0 {
		t.Errorf("it is offered before anybody has asked: %q", got)
	}
	refer := s.ask(q).shown(http.StatusOK).has("REFER", "LIMITATION_REVIEW_REQUIRED", "only below <b>200</b> m", "That is your word alone")
	ticks := refer.ticks("attests")
	if len(ticks) != 1 {
		t.Fatalf("offered: %q", ticks)
	}
	for line, name := range ticks {
		q.Set(name, line)
	}
	s.ask(q).shown(http.StatusOK).has("PERMIT", "Attested by whoever asked", "is the word of whoever asked", "/eligible_items/0/limitation")
}

func TestEveryReasonHasATitleAndWhatWouldHaveToChange(t *testing.T) {
	s := newJointSandbox(t)
	var api struct {
		Components struct {
			Schemas struct{ Code struct{ Enum []string } }
		}
	}
	if err := json.Unmarshal([]byte(s.get("/openapi.json").body), &api); err != nil {
		t.Fatal(err)
	}
	codes := api.Components.Schemas.Code.Enum
	words := catalogue(t)
	for _, c := range codes {
		if words["code."+c] == "" || !policy.Code(c).Known() {
			t.Errorf("%s has no title", c)
		}
	}
	if len(codes) != 34 {
		t.Errorf("there are %d codes", len(codes))
	}
	q := question()
	q.Set("destination_site", "BLR-1")
	q.Set("end_use", "resale")
	q.Set("effective_at", "2026-01-04 09:00")
	s.ask(q).shown(http.StatusOK).has("against it The site is not approved.", "The site is not approved (transferee "+registrytest.Varuna+"): auth-us has to approve the site",
		"has to allow the end use, or it has to be another one.", "The approval is not yet in force", "what it rests on next changes on 2026-01-05 09:00 UTC: whether that is enough, a check for a time from then on says.")
	s.ask(question()).shown(http.StatusOK).lacks("What would have to change", "Without anybody doing anything")
}

func TestObligationsAreListedWithTheirDates(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	a := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN")
	a.Programme = "VEU"
	a.Obligations = []attest.Obligation{{Kind: "consignee_statement"}, {Kind: "keep_records", Years: 5}, {Kind: "notify_before", BusinessDays: 3}, {Kind: "report_within", Days: 30}}
	s.MustSubmit(a)
	s.Clock.Add(time.Minute)
	q := question()
	q.Del("sandbox")
	q.Set("authority", us)
	q.Set("programme", "VEU")
	s.ask(q).shown(http.StatusOK).has("as said Notify the authority 3 business days before the act. auth-us approval-varuna /obligations/",
		"2026-01-05 09:00 UTC Have the consignee's statement", "2026-02-04 09:00 UTC Report", "2031-01-05 09:00 UTC Keep the records for 5 years")
}

// taken asks again as the form of an answer does, for a file.
func (s *site) taken(d *document, give string) *document {
	s.t.Helper()
	again := url.Values{"give": {give}}
	for _, n := range d.find("input", func(n *html.Node) bool { return attr(n, "type") == "hidden" }) {
		again.Set(attr(n, "name"), attr(n, "value"))
	}
	return s.ask(again)
}

func TestTheArchiveOfAnAnswerHasASignedReceiptThatVerifies(t *testing.T) {
	s := newJointSandbox(t)
	permit := s.ask(question()).shown(http.StatusOK).has("The signed receipt")
	s.Clock.Add(time.Minute)
	s.MustSubmit(registrytest.Registration("reg-corvus", us, registrytest.Corvus, "US"))
	s.Clock.Add(time.Minute)
	d := s.taken(permit, "all")
	if got := d.header.Get("Content-Disposition"); d.status != http.StatusOK || got != `attachment; filename="check.zip"` {
		t.Fatalf("%d %s: %s", d.status, got, d.body)
	}
	z, err := zip.NewReader(strings.NewReader(d.body), int64(len(d.body)))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	res, err := receipt.Verify(files["receipt.jws"], files["request.json"], files["evidence.json"], nil, s.Trust)
	if err != nil || res.Kid != registrytest.Notary().Key().ID() {
		t.Errorf("the receipt of the archive does not verify: %v", err)
	}
	if !strings.Contains(string(files["decision.json"]), `"decision": "PERMIT"`) || len(files) != 4 {
		t.Errorf("the archive has %q", slices.Sorted(maps.Keys(files)))
	}
	if alone := s.taken(permit, "receipt"); alone.status != http.StatusOK || strings.Count(alone.body, ".") != 2 {
		t.Errorf("%d: %s", alone.status, alone.body)
	}
}

func TestNoReceiptIsOfferedWhereNothingIsSigned(t *testing.T) {
	s := &site{t: t, Register: registrytest.New(t, func(c *registry.Config) { c.DecisionSigner = nil })}
	s.serve(httpapi.Options{})
	s.MustSubmit(registrytest.Registration("reg-varuna", in, registrytest.Varuna, "IN"))
	s.Clock.Add(time.Minute)
	d := s.ask(question()).shown(http.StatusOK).has("This register signs no decisions.")
	d.lacks("The signed receipt")
	s.taken(d, "receipt").shown(http.StatusNotImplemented)
	for _, give := range []string{"evidence", "request"} {
		if f := s.taken(d, give); f.status != http.StatusOK {
			t.Errorf("%s: %d", give, f.status)
		}
	}
	if all := s.taken(d, "all"); all.status != http.StatusOK || strings.Contains(all.body, "receipt.jws") {
		t.Errorf("%d", all.status)
	}
}

// What a holder has disclosed is decided by, and no part of the answer has it.
func TestDisclosuresAreDecidedByAndStandNowhereInTheAnswer(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	a := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN")
	a.Programme, a.Caveats = "VEU", &attest.Limits{Value: &attest.ValueCeiling{Currency: "USD", PerTransaction: "12345"}}
	a, ds, err := a.Conceal([]string{"/caveats/value"})
	if err != nil || len(ds) != 1 {
		t.Fatal(err)
	}
	s.MustSubmit(a)
	s.Clock.Add(time.Minute)
	q := question()
	q.Del("sandbox")
	for name, v := range map[string]string{"authority": us, "programme": "VEU", "value_amount": "100", "value_currency": "USD"} {
		q.Set(name, v)
	}
	s.ask(q).shown(http.StatusOK).has("REFER", "MISSING_FACT")
	q.Set("disclosures", ds[0].String()+"\r\n")
	d := s.ask(q).shown(http.StatusOK).has("PERMIT", "Disclosures Confidential members disclosed: 1", "Digest of what was disclosed")
	answer := d.find("section", func(n *html.Node) bool { return strings.HasPrefix(attr(n, "class"), "answer") })[0]
	if text := textOf(answer); strings.Contains(text, "12345") || strings.Contains(text, ds[0].String()) {
		t.Errorf("the answer repeats what was disclosed: %s", text)
	}
	if f := s.taken(d, "request"); strings.Contains(f.body, ds[0].String()) {
		t.Error("the request has what was disclosed")
	}
	q.Set("value_amount", "20000")
	s.ask(q).shown(http.StatusOK).has("DENY", "VALUE_CEILING_EXCEEDED")
}

func TestTheCodeOfAnAnswerLeadsToVerifyWithItsDigests(t *testing.T) {
	s := newJointSandbox(t)
	d := s.ask(question()).shown(http.StatusOK)
	f := s.taken(d, "all")
	if f.status != http.StatusOK {
		t.Fatal(f.body)
	}
	figure := d.find("figure", nil)
	if len(figure) != 1 {
		t.Fatalf("%d figures", len(figure))
	}
	fields := strings.Fields(textOf(figure[0]))
	link := fields[len(fields)-1]
	base, fragment, _ := strings.Cut(link, "#")
	if base != s.url+"/verify" {
		t.Errorf("it leads to %s", base)
	}
	got, err := url.ParseQuery(fragment)
	if err != nil {
		t.Fatal(err)
	}
	req, err := policy.ParseRequest([]byte(s.taken(d, "request").body))
	if err != nil {
		t.Fatal(err)
	}
	decision, _, err := s.Decide(t.Context(), req, req.Times(s.Clock.Now()))
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"decision": {"PERMIT"}, "effective_at": {"2026-01-05T09:00:00Z"}, "known_at": {"2026-01-05T09:01:00Z"},
		"request": {decision.Replay.Request}, "trust": {decision.Replay.Trust}, "evidence": {decision.Replay.Evidence},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the fragment (-want +got):\n%s", diff)
	}
	code, err := qr.Encode(link, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	svg := d.find("svg", nil)[0]
	if got := attr(svg, "viewbox") + attr(svg, "viewBox"); got != fmt.Sprintf("0 0 %d %[1]d", code.Size+8) {
		t.Errorf("the drawing is %s", got)
	}
	drawn := modules(t, attr(d.find("path", nil)[0], "d"))
	for y := range code.Size {
		for x := range code.Size {
			if drawn[[2]int{x + 4, y + 4}] != code.Black(x, y) {
				t.Fatalf("the module at %d, %d is wrong", x, y)
			}
		}
	}
}

// modules are the dark ones of a path.
func modules(t *testing.T, path string) map[[2]int]bool {
	out := make(map[[2]int]bool)
	for part := range strings.SplitSeq(strings.TrimSuffix(path, "z"), "z") {
		var x, y, w, back int
		if _, err := fmt.Sscanf(part, "M%d %dh%dv1h-%d", &x, &y, &w, &back); err != nil || w != back {
			t.Fatalf("%q: %v", part, err)
		}
		for i := range w {
			out[[2]int{x + i, y}] = true
		}
	}
	return out
}

func TestTheCodeHasTheAddressThatTheServiceWasReachedAt(t *testing.T) {
	s := newJointSandbox(t)
	for _, c := range []struct{ host, proto, want string }{
		{"register.example:8443", "https", "https://register.example:8443/verify#decision="},
		{"register.example", "", "http://register.example/verify#decision="},
		{"[2001:db8::1]:80", "http", "http://[2001:db8::1]:80/verify#decision="},
		{`evil"onload`, "", ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/check", strings.NewReader(question().Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = c.host
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if c.proto != "" {
			req.Header.Set("X-Forwarded-Proto", c.proto)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			if c.want != "" {
				t.Error(err)
			}
			continue
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "<figure") != (c.want != "") || !strings.Contains(string(b), c.want) {
			t.Errorf("%s: no %s in\n%s", c.host, c.want, b)
		}
	}
}

// Whoever sends disclosures takes one of a few places for as long as they are opened.
func TestQuestionsWithDisclosuresAreAnsweredAFewAtATime(t *testing.T) {
	s := newJointSandbox(t)
	a, ds, err := registrytest.Approval("approval-corvus", us, registrytest.Corvus, "IN").Conceal([]string{"/legal_name"})
	if err != nil || a == nil {
		t.Fatal(err)
	}
	held := held{s.Register, make(chan struct{}), make(chan struct{})}
	pages := web.New(held, web.Options{Now: s.Clock.Now})
	s.behind(pages, httpapi.Options{})
	q := question()
	q.Set("disclosures", ds[0].String())
	answered := make(chan int)
	ask := func() { answered <- s.ask(q).status }
	for range 4 {
		go ask()
		<-held.begun
	}
	s.ask(q).shown(http.StatusServiceUnavailable).has("Too many questions with disclosures")
	close(held.free)
	for range 4 {
		if got := <-answered; got != http.StatusInternalServerError {
			t.Errorf("status %d", got)
		}
	}
}

// held is a register that decides nothing until it is let go.
type held struct {
	*registrytest.Register
	begun, free chan struct{}
}

func (h held) Explain(context.Context, *policy.Request, policy.Times, ...attest.Disclosure) (*policy.Decision, []byte, error) {
	h.begun <- struct{}{}
	<-h.free
	return nil, nil, errors.New("let go")
}

// What is printed of an answer is all of it but what no paper needs: the stylesheet
// leaves out navigation, forms and buttons.
func TestAnAnswerAsPrintedHasAllThatAFileNeeds(t *testing.T) {
	s := newJointSandbox(t)
	q := question()
	q.Set("ledger", "2026-01-02 09:00, 1000, USD")
	q.Set("reference", "PO 4711")
	q.Set("requested_by", "A. Officer")
	d := s.ask(q).shown(http.StatusOK)
	style := s.get(attr(d.find("link", func(n *html.Node) bool { return attr(n, "rel") == "stylesheet" })[0], "href")).body
	_, printed, _ := strings.Cut(style, "@media print")
	if !strings.Contains(printed, "nav, .skip, .screen, form, button { display: none; }") || !strings.Contains(style, "counter(page)") {
		t.Fatalf("the stylesheet prints otherwise: %s", printed)
	}
	for _, n := range d.find("", nil) {
		if slices.Contains([]string{"nav", "form", "button"}, n.Data) || slices.Contains(strings.Fields(attr(n, "class")), "screen") || attr(n, "class") == "skip" {
			for c := n.FirstChild; c != nil; c = n.FirstChild {
				n.RemoveChild(c)
			}
		}
	}
	d.has("PERMIT", "Asked on 2026-01-05 09:01 UTC", "Register example.org/register, 14 entries", "Warning:", "Report to the authority within 30 days",
		"Sandbox "+registrytest.Sandbox, "Transferor "+registrytest.Halcyon, "Transferee "+registrytest.Varuna, "Site VTZ-1", "Act Release of technology", "When 2026-01-05 09:00 UTC",
		"End use sea_trial", "Items US_CCL 5A001.b.1", "What went before 2026-01-02 09:00, 1000, USD", "Your reference PO 4711", "Asked by A. Officer",
		"Digest of the request", "Digest of the ledger", "Digest of the trust", "Digest of the evidence", "/verify#decision=PERMIT").lacks("Suggest from")
}

func TestALongLedgerIsShownInPartAndFiledWhole(t *testing.T) {
	s := newJointSandbox(t)
	q := question()
	q.Set("ledger", strings.Repeat("2026-01-02 09:00, 1000, USD\r\n", 60))
	d := s.ask(q).shown(http.StatusOK).has("and 10 more, which the file of the request has")
	if n := strings.Count(s.taken(d, "request").body, `"amount"`); n != 60 {
		t.Errorf("the file has %d of 60", n)
	}
}

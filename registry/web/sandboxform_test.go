package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// sandbox is what the form of an approval of a sandbox is filled in with.
func sandbox() url.Values {
	return url.Values{
		"form": {"domain"}, "iss": {us}, "jti": {"PDA-US-UC"}, "sandbox": {"SBX-SEABED"}, "sandbox_title": {"Joint sandbox: seabed sensing"},
		"effect": {"authorization"}, "given_under": {"UCOMMS"}, "nbf": {"2026-02-01 00:00"}, "exp": {"2028-02-01 00:00"},
		"concurring": {"auth-us, auth-in"}, "concurrence": {"1"},
		"in_scope": {"US_CCL 5A001.b.1 5E001\r\n\r\nIN_SCOMET 8A501.b.1\r\nUS_CCL, 6A001.a.1"}, "excluded": {"US_CCL 6A001.a.1.e"},
		"end_uses": {"sea_trial, test_and_evaluation"}, "activities": {"integration"}, "max_classification": {"RESTRICTED"},
		"permitted": {"US, IN"}, "prohibited": {"KP"},
		"value_currency": {"USD"}, "value_each": {"250000"}, "value_all": {"1000000.5"},
		"quantity_unit": {"pieces"}, "quantity_all": {"40"},
		"obligations": {"keep_records 5 years"}, "challenge": {"Seabed: the challenge"}, "challenge_citation": {"Joint statement, 7"},
		"legal_basis": {"15 CFR 748.15"}, "rest": {"caveats:\r\n  allowed_end_uses: [sea_trial]\r\n"},
	}
}

func TestAComposedSandboxIsADraftThatSignTakes(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	s.get("/compose").shown(http.StatusOK).has("Approval of an entity")
	if !links(s.get("/compose"), "/compose?form=domain") {
		t.Error("no link leads to the form of a sandbox")
	}
	s.get("/compose?form=domain").shown(http.StatusOK).has("The terms that its authorities concur on")
	d := s.compose(sandbox()).shown(http.StatusOK).has("auth-us approves a sandbox", "It would be the first.", "safeconduct sign approval.yaml")
	c, err := draft.Parse("approval.yaml", []byte(d.given("draft")), draft.Options{Now: s.Clock.Now()})
	if err != nil {
		t.Fatalf("%v\n%s", err, d.given("draft"))
	}
	a := c.(*attest.DomainApproval)
	day := func(year int) attest.NumericDate {
		return attest.NumericDate(time.Date(year, 2, 1, 0, 0, 0, 0, time.UTC).Unix())
	}
	want := &attest.DomainApproval{
		Common: attest.Common{Aud: registrytest.Origin, Iss: us, Sub: attest.SandboxSubject("SBX-SEABED"), JTI: "PDA-US-UC", IAT: a.IAT},
		Grant:  attest.Grant{NBF: day(2026), EXP: day(2028), LegalBasis: "15 CFR 748.15"},
		Title:  "Joint sandbox: seabed sensing", LegalEffect: attest.Authorization, Programme: "UCOMMS",
		Challenge: &attest.Challenge{Name: "Seabed: the challenge", Citation: "Joint statement, 7"},
		Terms: attest.Terms{Authorities: []string{"auth-us", "auth-in"}, Concurrence: 1, Limits: attest.Limits{
			InScope:  attest.Scope{"US_CCL": {"5A001.b.1", "5E001", "6A001.a.1"}, "IN_SCOMET": {"8A501.b.1"}},
			Excluded: attest.Scope{"US_CCL": {"6A001.a.1.e"}}, AllowedEndUses: []string{"sea_trial", "test_and_evaluation"},
			Activities: []string{"integration"}, MaxClassification: "RESTRICTED", Nationality: &attest.Nationality{Permitted: []string{"US", "IN"}, Prohibited: []string{"KP"}},
			Value: &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000", Cumulative: "1000000.5"}, Quantity: &attest.QuantityCeiling{Unit: "pieces", Cumulative: "40"},
		}},
		Caveats: &attest.Limits{AllowedEndUses: []string{"sea_trial"}}, Obligations: []attest.Obligation{{Kind: attest.KeepRecords, Years: 5}},
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("the draft says (-want +got):\n%s", diff)
	}
	s.MustSubmit(a)
	s.Clock.Add(time.Minute)
	// The form of a new version says the same; so does that of what was given in full.
	again := s.get("/compose?from=auth-us/PDA-US-UC").shown(http.StatusOK)
	s.compose(again.filledIn()).shown(http.StatusOK).has("Compared with PDA-US-UC", "The terms stay as they are, to the letter")
	full := s.compose(url.Values{"draft": {d.given("draft")}}).shown(http.StatusOK)
	if got := full.filledIn(); got.Get("form") != "domain" || got.Get("in_scope") != "IN_SCOMET 8A501.b.1\nUS_CCL 5A001.b.1 5E001 6A001.a.1" || got.Get("concurrence") != "1" || got.Get("rest") == "" {
		t.Errorf("the form has %v", got)
	}
	// Another authority approves the same terms on its own.
	other := full.filledIn()
	other.Set("iss", in)
	other.Set("jti", "PDA-IN-UC")
	s.compose(other).shown(http.StatusOK).has("auth-in approves a sandbox", "It would be the first.")
	// Of all authorities, nothing has to be said of how many.
	other.Del("concurrence")
	if text := s.compose(other).shown(http.StatusOK).given("draft"); !strings.Contains(text, "concurrence: ALL") {
		t.Errorf("the draft is\n%s", text)
	}
}

// Whoever's turn it is begins from the terms of those who have approved, and from nothing
// that these have said for themselves.
func TestWhoseTurnItIsConcursOnTheSameTermsByOneLink(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	first := registrytest.Domain("domain-us", us)
	first.Terms.Excluded, first.Terms.Value = attest.Scope{"US_CCL": {"5A001.b.1.e"}}, &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000"}
	first.Caveats, first.LegalBasis, first.Programme = &attest.Limits{AllowedEndUses: []string{"sea_trial"}}, "15 CFR 748.15", "UCOMMS"
	first.Obligations = []attest.Obligation{{Kind: attest.KeepRecords, Years: 5}}
	s.MustSubmit(first)
	s.Clock.Add(time.Minute)
	const link = "/compose?from=auth-us%2fdomain-us&for=auth-in"
	if d := s.get(sandboxPath).shown(http.StatusOK).has("Compose its approval"); !links(d, link) {
		t.Fatalf("no link leads to %s:\n%s", link, d.body)
	}
	q := s.get(link).shown(http.StatusOK).has("the terms of domain-us, for auth-in to concur on").filledIn()
	for name, want := range map[string]string{
		"iss": in, "jti": "", "supersedes": "", "sandbox": registrytest.Sandbox, "excluded": "US_CCL 5A001.b.1.e", "value_each": "250000", "rest": "", "legal_basis": "", "given_under": "",
		"obligations": "", "effect": "", "nbf": "", "retroactive_reason": "",
	} {
		if got := q.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	q.Set("jti", "domain-in")
	q.Set("effect", "authorization")
	q.Set("nbf", "2026-02-01 00:00")
	c, err := draft.Parse("", []byte(s.compose(q).shown(http.StatusOK).given("draft")), draft.Options{Now: s.Clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if a := c.(*attest.DomainApproval); a.Terms.Digest() != first.Terms.Digest() {
		t.Errorf("the terms are %+v, want %+v", a.Terms, first.Terms)
	}
	s.MustSubmit(c)
	s.Clock.Set(date(2, 2))
	s.get(sandboxPath).shown(http.StatusOK).has("concurrence reached")
	for _, link := range []string{"from=auth-us/domain-us&for=auth-us", "from=auth-us/domain-us&for=auth-au", "from=root/root-1&for=auth-in", "from=auth-us/domain-us&for=" + url.QueryEscape(hostile[0])} {
		s.get("/compose?" + link).shown(http.StatusUnprocessableEntity)
	}
}

// An authority has one approval of a sandbox at a time: that of new terms takes the place
// of the one that stands, or a register would refuse it.
func TestWhoConcursOnNewTermsReplacesItsApprovalOfTheOldOnes(t *testing.T) {
	s := newJointSandbox(t)
	next := registrytest.Domain("domain-us-2", us)
	next.Supersedes, next.Terms.AllowedEndUses = "domain-us", []string{"sea_trial", "test_and_evaluation"}
	s.MustSubmit(next)
	s.Clock.Add(time.Minute)
	const link = "/compose?from=auth-us/domain-us-2&for=auth-in"
	q := s.get(link).shown(http.StatusOK).filledIn()
	q.Set("jti", "domain-in-2")
	q.Set("effect", "authorization")
	q.Set("nbf", "2026-02-01 00:00")
	d := s.compose(q).shown(http.StatusOK).has("Compared with domain-in, the version that it would replace")
	c, err := draft.Parse("", []byte(d.given("draft")), draft.Options{Now: s.Clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	s.MustSubmit(c)
	s.Clock.Set(date(2, 2))
	s.get(sandboxPath).shown(http.StatusOK).has("concurrence reached")
	if got := s.get(link).shown(http.StatusOK).filledIn().Get("supersedes"); got != "domain-in-2" {
		t.Errorf("it replaces %q", got)
	}
	// Nobody concurs on what others have replaced, be it with what waits, or what has ended.
	for i, use := range []string{"dry_run", "sea_trial"} {
		waits := registrytest.Domain(fmt.Sprintf("domain-us-2-%d", i), us)
		waits.Supersedes, waits.Terms.AllowedEndUses = []string{"domain-us-2", "domain-us-2-0"}[i], []string{use}
		waits.NBF = attest.NumericDate(date(2, 1).Unix())
		s.MustSubmit(waits)
	}
	s.Clock.Add(time.Minute)
	s.get("/compose?from=auth-us/domain-us-2-0&for=auth-in").shown(http.StatusUnprocessableEntity).has("domain-us-2-0 of auth-us does not stand")
	if d := s.get(sandboxPath).shown(http.StatusOK); links(d, "/compose?from=auth-us%2fdomain-us-2-0&for=auth-in") || !links(d, "/compose?from=auth-us%2fdomain-us-2-1&for=auth-in") {
		t.Errorf("the links lead to other terms than those that wait:\n%s", d.text())
	}
	s.get("/compose?from=auth-us/domain-us&for=auth-in").shown(http.StatusUnprocessableEntity).has("domain-us of auth-us does not stand")
	for _, e := range [][2]string{{us, "domain-us-2-1"}, {in, "domain-in-2"}} {
		s.MustSubmit(registrytest.Event("revoke-"+e[1], e[0], attest.SandboxSubject(registrytest.Sandbox), e[1], attest.Revoke, s.Clock.Now()))
	}
	s.MustSubmit(registrytest.Domain("domain-us-3", us))
	s.Clock.Add(time.Minute)
	s.get(link).shown(http.StatusUnprocessableEntity).has("domain-us-2 of auth-us does not stand")
	if q := s.get("/compose?from=auth-us/domain-us-3&for=auth-in").shown(http.StatusOK).filledIn(); q.Get("supersedes") != "" {
		t.Errorf("what has ended is replaced: %v", q)
	}
	s.nextRoot(func(r *attest.Root) {
		authorityOf(r, us).Compromised = []attest.Compromised{{Kid: registrytest.SignerNamed("us-1").Key().ID(), Since: 1}}
	})
	s.Clock.Add(time.Minute)
	s.get("/compose?from=auth-us/domain-us-3&for=auth-in").shown(http.StatusUnprocessableEntity).has("does not stand")
}

// What a form is filled in from is one thing, and not left aside for another.
func TestAFormIsFilledInFromOneThing(t *testing.T) {
	s := newJointSandbox(t)
	for _, query := range []string{
		"for=auth-in", "from=&for=auth-in", "from=auth-us/domain-us&kind=entity", "from=auth-us/domain-us&form=domain", "from=auth-us/domain-us&for=auth-in&jti=x", "draft=x", "from=auth-us/domain-us&draft=x",
	} {
		s.get("/compose?" + query).shown(http.StatusBadRequest)
	}
}

func TestMistakesOfADraftOfASandboxAreToldAtTheirFields(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	q := sandbox()
	wrong := map[string]struct{ given, said string }{
		"sandbox": {"seabed", "seabed"}, "sandbox_title": {"", "is missing"}, "concurring": {"Auth US", "Auth"}, "concurrence": {"most", "most"},
		"in_scope": {"US_CCL 5A001.b.1\nUS_CCL 5E001 nonsense", "line 2"}, "excluded": {"\n{x: [ 5A001", "line 2"},
		"end_uses": {"Sea Trial", "Sea"}, "max_classification": {"HIGH", "HIGH"}, "prohibited": {"Korea", "Korea"},
		"value_each": {"250,000", "250,000"}, "value_currency": {"dollars", "dollars"}, "quantity_all": {"0.50", "0.50"},
		"challenge": {"", "is missing"}, "rest": {"caveat: 1", "line 1, caveat: unknown member; is caveats meant?"},
	}
	for name, w := range wrong {
		q.Set(name, w.given)
	}
	d := s.compose(q).shown(http.StatusUnprocessableEntity)
	for name, w := range wrong {
		said := d.find("span", func(n *html.Node) bool { return attr(n, "id") == "e-"+name })
		if attr(d.control(name), "aria-invalid") != "true" || !links(d, "#f-"+name) || len(said) != 1 || !strings.Contains(textOf(said[0]), w.said) {
			t.Errorf("the mistake in %s is not told there, with %q", name, w.said)
			for _, n := range said {
				t.Log(textOf(n))
			}
		}
		if got := d.given(name); strings.TrimSpace(got) != strings.TrimSpace(w.given) {
			t.Errorf("%s was %q, and is %q", name, w.given, got)
		}
	}
	empty := s.compose(url.Values{"form": {"domain"}}).shown(http.StatusUnprocessableEntity)
	for _, name := range []string{"iss", "jti", "sandbox", "sandbox_title", "effect", "nbf", "concurring"} {
		if attr(empty.control(name), "aria-invalid") != "true" {
			t.Errorf("that %s is missing is not told there:\n%s", name, empty.text())
		}
	}
	d.lacks("What it would say")
}

func TestAFieldOfAnotherFormIsRefused(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	for _, q := range []url.Values{
		{"form": {"domain"}, "legal_name": {"x"}}, {"sandbox": {"SBX-X"}}, {"form": {"entity"}, "concurring": {"x"}}, {"form": {"root"}}, {"form": {"event"}}, {"form": {"x"}},
	} {
		s.compose(q).shown(http.StatusBadRequest)
		s.get("/compose?" + q.Encode()).shown(http.StatusBadRequest)
	}
}

// told is what is wrong with a field.
func (d *document) told(name string) (text string) {
	for _, n := range d.find("span", func(n *html.Node) bool { return attr(n, "id") == "e-"+name }) {
		text += textOf(n)
	}
	return text
}

// The draft that is made of a form is not seen: lines are those of the field, or none.
func TestMistakesOfAFormNameNoLineOfItsDraft(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	for _, c := range []struct{ field, given, told string }{
		{"in_scope", "US_CCL 5A001\n\nUS_CCL 5E001\nUS_CCL 5A001", "line 4: stands twice"}, {"end_uses", "sea_trial, sea_trial", "stands twice"},
		{"in_scope", "US_CCL x\n\nUS_CCL/0 5A001", `line 1: parse US_CCL entry "x": …`}, {"in_scope", "US_CCL 5A001\n\na/b~c", "line 3: is an empty list; …"},
		{"in_scope", "X 5A001\n\nX 5E001", `line 1: unknown control list "X": …`}, {"in_scope", "US_CCL\u00a0x", `line 1: parse US_CCL entry "x": …`},
		{"in_scope", "\nUS_CCL\u0378 5A001", "line 2: has U+0378, which Unicode 15.0 does not know"}, {"in_scope", strings.Repeat("x", 2000) + " 5A001", "the name of a member has 2000 bytes; …"},
		{"obligations", "\n|\nkeep_records 5 years", "line 2, kind: is missing"}, {"obligations", "keep_records 5 years\nkeep_records 5 years", "line 2: stands twice"},
		{"rest", "  caveats: 1", "line 1, YAML: did not find expected key…"}, {"rest", "- x", "line 1, YAML: did not find expected key…"}, {"rest", "}", "line 1, YAML: did not find expected key…"},
		{"rest", "\n\ncaveat: 1", "line 3, caveat: unknown member; is caveats meant?"}, {"rest", "title: x", `line 1, YAML: member "title" stands twice`},
		{"rest", "caveats: 1\n\ncaveats: 2", `line 3, YAML: member "caveats" stands twice, first on line 1`},
	} {
		q := sandbox()
		q.Set(c.field, c.given)
		d := s.compose(q).shown(http.StatusUnprocessableEntity)
		begins, more := strings.CutSuffix("Mistake: "+c.told, "…")
		if got := d.told(c.field); got != begins && (!more || !strings.HasPrefix(got, begins)) {
			t.Errorf("%s, given %.40q, is told %q, want %q", c.field, c.given, got, c.told)
		}
		for _, other := range []string{"iss", "jti", "sandbox_title", "legal_basis"} {
			if got := d.told(other); got != "" {
				t.Errorf("%s, given %.40q: %s is told %q", c.field, c.given, other, got)
			}
		}
	}
}

// What takes long to read makes a page wait for no more than its length.
func TestManyControlListsTakeNotMuchLongerThanManyEntries(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	var lists strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&lists, "%x\n", i)
	}
	took := func(scope string) time.Duration {
		q := sandbox()
		q.Set("in_scope", scope)
		begun := time.Now()
		s.compose(q).shown(http.StatusUnprocessableEntity)
		return time.Since(begun)
	}
	entries := took("US_CCL " + strings.ReplaceAll(lists.String(), "\n", " "))
	if many := took(lists.String()); many > 10*entries+time.Second {
		t.Errorf("%v for %d lists, %v for as many entries", many, 60_000, entries)
	}
}

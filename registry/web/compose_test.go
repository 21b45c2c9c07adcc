package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/web"
)

func (s *site) compose(form url.Values) *document {
	s.t.Helper()
	return s.do(http.MethodPost, "/compose", form)
}

// approval is what the form of an approval is filled in with.
func approval() url.Values {
	return url.Values{
		"iss": {us}, "jti": {"TEA-US-0001"}, "entity": {registrytest.Varuna}, "legal_name": {"Varuna Deepsense Private Limited"}, "established": {"IN"},
		"effect": {"authorization"}, "given_under": {"TEA"}, "nbf": {"2026-02-01 00:00"}, "exp": {"2028-02-01 00:00 UTC"},
		"approved_sites": {"VTZ-1 | IN | Plot 14, Ocean Tech Park | Works\r\n\r\nBLR-1 | IN | 42 Outer Ring Road"},
		"eligible_items": {"US_CCL 5A001.b.1\r\nUS_CCL 6A001.a.1 | | VTZ-1\r\nUS_CCL 5E001 | limited to installation: nothing else"},
		"obligations":    {"report_within 30 days | To the licensing desk.\r\nkeep_records 5 years\r\nnotify_before 5 business days\r\nconsignee_statement"},
		"auto_suspend":   {"yes"}, "roles": {"transferee, end_user"}, "listed": {"yes"}, "legal_basis": {"15 CFR 748.15(f)"},
		"citation": {"74 FR 31620"}, "citation_url": {"https://journal.example/74/31620"},
		"rest": {"caveats:\r\n  allowed_end_uses: [sea_trial]\r\n"},
	}
}

// filledIn is what a browser sends of the form of an approval.
func (d *document) filledIn() url.Values {
	d.t.Helper()
	q := url.Values{"form": {attr(d.find("input", func(n *html.Node) bool { return attr(n, "name") == "form" })[0], "value")}}
	for _, n := range d.find("", func(n *html.Node) bool { return strings.HasPrefix(attr(n, "id"), "f-") && attr(n, "name") != "draft" }) {
		if text := d.given(attr(n, "name")); text != "" {
			q.Set(attr(n, "name"), text)
		}
	}
	return q
}

func TestAComposedApprovalIsADraftThatSignTakes(t *testing.T) {
	s := newJointSandbox(t)
	d := s.compose(approval()).shown(http.StatusOK).has(
		"auth-us approves an entity", "Site: BLR-1", "5E001", "limited to installation: nothing else", "Calendar days: 30",
		"No key comes near this page.", "It takes the signatures of 2 officers of auth-us, out of: us-1, us-2.",
		"safeconduct sign approval.yaml --key YOUR.key --out approval.jws", "safeconduct sign approval.jws --key NEXT.key --registry URL", "safeconduct submit approval.jws --registry URL",
	)
	f := s.compose(url.Values{"draft": {strings.ReplaceAll(d.given("draft"), "\n", "\r\n")}, "give": {"draft"}})
	if got := f.header.Get("Content-Disposition"); f.status != http.StatusOK || got != `attachment; filename="approval.yaml"` || f.body != d.given("draft") {
		t.Fatalf("%d, Content-Disposition %q: %s", f.status, got, f.body)
	}
	c, err := draft.Parse("approval.yaml", []byte(f.body), draft.Options{Now: s.Clock.Now()})
	if err != nil {
		t.Fatalf("%v\n%s", err, f.body)
	}
	a := c.(*attest.EntityApproval)
	want := &attest.EntityApproval{
		Common: attest.Common{Aud: registrytest.Origin, Iss: us, Sub: attest.ApprovalSubject(registrytest.Varuna, us), JTI: "TEA-US-0001", IAT: a.IAT},
		Grant: attest.Grant{
			NBF: attest.NumericDate(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC).Unix()), EXP: attest.NumericDate(time.Date(2028, 2, 1, 0, 0, 0, 0, time.UTC).Unix()),
			LegalBasis: "15 CFR 748.15(f)", Publication: &attest.Publication{Citation: "74 FR 31620", URL: "https://journal.example/74/31620"},
		},
		VCT: attest.VCT, LegalName: "Varuna Deepsense Private Limited", Country: "IN", LegalEffect: attest.Authorization, Programme: "TEA",
		AuthorisedRoles: []attest.Role{attest.Transferee, attest.EndUser}, Listed: true,
		ApprovedSites: []attest.Site{
			{ID: "VTZ-1", Country: "IN", Address: "Plot 14, Ocean Tech Park", Name: "Works"}, {ID: "BLR-1", Country: "IN", Address: "42 Outer Ring Road"},
		},
		EligibleItems: []attest.Item{
			{List: "US_CCL", Entry: "5A001.b.1"}, {List: "US_CCL", Entry: "6A001.a.1", Sites: []string{"VTZ-1"}},
			{List: "US_CCL", Entry: "5E001", Limitation: "limited to installation: nothing else"},
		},
		Conditions: &attest.Conditions{ChangeOfControl: attest.AutoSuspend}, Caveats: &attest.Limits{AllowedEndUses: []string{"sea_trial"}},
		Obligations: []attest.Obligation{
			{Kind: attest.ReportWithin, Days: 30, Text: "To the licensing desk."}, {Kind: attest.KeepRecords, Years: 5},
			{Kind: attest.NotifyBefore, BusinessDays: 5}, {Kind: attest.ConsigneeStatement},
		},
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("the draft says (-want +got):\n%s", diff)
	}
	// It is another approval beside the one that there is, and has to have its site's
	// address.
	a.ApprovedSites[0].Address = "Plot 14, Ocean Tech Park, Visakhapatnam 530016"
	s.MustSubmit(a)
}

// What is entered stays text, whatever stands in it, and makes no member.
func TestWhatIsEnteredMakesNoMemberOfTheDraft(t *testing.T) {
	s := newJointSandbox(t)
	for _, text := range []string{
		"x\nprogramme: VEU", `"` + "\nlisted: true\n#", "*anchor", "&a b", "!!binary x", "{a: b}", "[x]", "- x", "? x", "null", "yes", "1e5", "2026-01-01T00:00:00Z", "# none", "'x", "%x", "@x", "a: b #c", "\u202ex", "<<", "|", ">-", "=x",
	} {
		q := approval()
		q.Set("legal_name", text)
		if text != "|" {
			q.Set("approved_sites", "VTZ-1 | IN | "+strings.ReplaceAll(text, "\n", " "))
		}
		q.Set("eligible_items", "")
		d := s.compose(q)
		if strings.Contains(text, "\n") {
			d.shown(http.StatusUnprocessableEntity).has("has more than one line")
			continue
		}
		c, err := draft.Parse("", []byte(d.shown(http.StatusOK).given("draft")), draft.Options{Now: s.Clock.Now()})
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if a := c.(*attest.EntityApproval); a.LegalName != text || a.Programme != "TEA" {
			t.Errorf("%q became %q", text, a.LegalName)
		}
		if strings.Contains(d.given("draft"), "\u202e") {
			t.Errorf("%q: the draft has a mark that turns the direction", text)
		}
	}
}

func TestMistakesOfADraftAreToldAtTheirFields(t *testing.T) {
	s := newJointSandbox(t)
	q := approval()
	wrong := map[string]struct{ given, said string }{
		"iss": {"", "is missing"}, "jti": {"TEA US", "TEA US"}, "entity": {"Varuna Ltd", "Varuna Ltd"}, "legal_name": {"", "is missing"},
		"established": {"India", "India"}, "effect": {"licence", "licence"}, "given_under": {"a b", "no programme name"},
		"nbf": {"2026-02-01", "is a date without time and offset"}, "exp": {"tomorrow", "is no time: want date, time and offset"},
		"approved_sites": {"\n\nVTZ-1 | India | Plot 14", "line 3, country"}, "eligible_items": {"US_CCL 5A001.b.1\nUS_CCL nonsense", "line 2, entry"},
		"obligations": {"report_within thirty days", `line 1, days: is the text "thirty"; want a whole number`}, "roles": {"buyer", "buyer"}, "citation_url": {"a\tb", "control character"},
		"rest": {"listed: true\ncaveat: 1", "line 2, caveat: unknown member; is caveats meant?"},
	}
	for name, w := range wrong {
		q.Set(name, w.given)
	}
	q.Del("listed")
	d := s.compose(q).shown(http.StatusUnprocessableEntity)
	for name, w := range wrong {
		if got := d.given(name); strings.TrimSpace(got) != strings.TrimSpace(w.given) {
			t.Errorf("%s was %q, and is %q", name, w.given, got)
		}
		said := d.find("span", func(n *html.Node) bool { return attr(n, "id") == "e-"+name })
		if attr(d.control(name), "aria-invalid") != "true" || !links(d, "#f-"+name) || len(said) != 1 || !strings.Contains(textOf(said[0]), w.said) {
			t.Errorf("the mistake in %s is not told there, with %q:\n%s", name, w.said, d.text())
		}
	}
	d.lacks("What it would say", "would be refused")
	// In a draft that is given in full, by its lines.
	full := s.compose(url.Values{"draft": {"kind: entity\njti: a b\nnonsense: 1\n"}}).shown(http.StatusUnprocessableEntity)
	full.has("line 2, jti:", "line 3, nonsense: unknown member")
	if attr(full.control("draft"), "aria-invalid") != "true" || full.given("draft") != "kind: entity\njti: a b\nnonsense: 1\n" {
		t.Errorf("the draft is not kept with its mistakes:\n%s", full.body)
	}
}

func TestADraftIsShownBesideTheVersionInForce(t *testing.T) {
	s := newJointSandbox(t)
	first := approval()
	first.Set("entity", registrytest.Corvus)
	s.compose(first).shown(http.StatusOK).has("Nothing: this authority has no version of it in the log.")
	from := s.get("/compose?from=auth-us/approval-varuna").shown(http.StatusOK).has("This is a new version of approval-varuna.")
	q := from.filledIn()
	if q.Get("supersedes") != "approval-varuna" || q.Get("jti") != "approval-varuna-2" || q.Get("nbf") != "2026-01-06 00:00" {
		t.Fatalf("the form has %v", q)
	}
	s.compose(q).shown(http.StatusOK).has("Compared with approval-varuna", "overlap", "In force from")
	q.Set("eligible_items", "US_CCL 5A001.b.1")
	q.Set("obligations", "")
	q.Set("approved_sites", q.Get("approved_sites")+"\nBLR-1 | IN | 42 Outer Ring Road")
	s.compose(q).shown(http.StatusOK).has("Compared with approval-varuna, the version that it would replace, logged 2026-01-05", "narrower", "wider", "Site: BLR-1", "Obligation: report_within")
	q.Set("jti", "approval-varuna")
	q.Del("supersedes")
	s.compose(q).shown(http.StatusOK).has("is logged already, and a register refuses another one of that name")
	q.Set("jti", "x")
	q.Set("supersedes", "nothing")
	s.compose(q).shown(http.StatusOK).has("not approval-varuna, with which it is compared")
	for _, from := range append(hostile, "auth-us/none", "x/"+strings.Repeat("y", 70_000), "/", "a/b/c", "a\x00/b") {
		s.get("/compose?from=" + url.QueryEscape(from)).shown(http.StatusNotFound)
	}
	s.get("/compose?from=root/root-1").shown(http.StatusUnprocessableEntity)
}

// What a stolen key signed is void, and nothing to compare with.
func TestADraftIsNotComparedWithWhatIsVoid(t *testing.T) {
	s := newJointSandbox(t)
	s.nextRoot(func(r *attest.Root) {
		authorityOf(r, us).Compromised = []attest.Compromised{{Kid: registrytest.SignerNamed("us-1").Key().ID(), Since: 1}}
	})
	s.Clock.Add(time.Minute)
	s.compose(approval()).shown(http.StatusOK).has("Nothing: this authority has no version of it in the log.", "out of: us-2 (cannot sign, since their keys are frozen or compromised: us-1)")
}

// A new version of a sandbox says what becomes of concurrence.
func TestADraftOfASandboxSaysWhatBecomesOfConcurrence(t *testing.T) {
	s := newJointSandbox(t)
	q := s.get("/compose?from=auth-us/domain-us").shown(http.StatusOK).has("This is a new version of domain-us.").filledIn()
	s.compose(q).shown(http.StatusOK).has("The terms stay as they are, to the letter")
	q.Set("end_uses", q.Get("end_uses")+", test_and_evaluation")
	s.compose(q).shown(http.StatusOK).has("wider", "concurrence would lapse", "It takes the signatures of 2 officers of auth-us")
}

func TestADraftBeyondTheJurisdictionIsSaidToBeRefused(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	s.nextRoot(func(r *attest.Root) { authorityOf(r, us).Jurisdiction.Countries = []string{"AU"} })
	s.Clock.Add(time.Minute)
	s.compose(approval()).shown(http.StatusOK).has("would be refused /country country \"IN\" is outside the jurisdiction of authority auth-us")
	q := approval()
	q.Set("nbf", "2026-01-01 00:00")
	s.compose(q).shown(http.StatusOK).has("It takes effect on 2026-01-01 00:00 UTC, before it could be signed and logged.")
	q.Set("retroactive_reason", "The law is older.")
	s.compose(q).shown(http.StatusOK).lacks("before it could be signed")
}

// The draft of a trust root is compared with the one in force.
func TestADraftOfATrustRootSaysWhatItChanges(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	text, err := draft.Successor(s.Root())
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(text, "granting: 2", "granting: 1", 1)
	if changed == text {
		t.Fatalf("the draft is\n%s", text)
	}
	s.compose(url.Values{"draft": {changed}}).shown(http.StatusOK).has("widens Fewer of auth-us are needed: 1 officers who grant, where it was 2.", "2 root officers of version 1", "2 root officers of version 2")
}

// What a draft names is not read: it comes from anybody.
func TestADraftReadsNoFileOfTheServer(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	key, err := registrytest.SignerNamed("secret").Key().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "key.jwk")
	if err := os.WriteFile(name, key, 0o600); err != nil {
		t.Fatal(err)
	}
	q := approval()
	q.Set("rest", "cnf:\n  jwk: "+name)
	s.compose(q).shown(http.StatusUnprocessableEntity).has("this page reads no files").lacks(registrytest.SignerNamed("secret").Key().ID(), "no such file")
	s.compose(url.Values{"draft": {"kind: root\naud: example.org/register\nlog_keys: [/etc/passwd]\nofficers: [{id: a, keys: [/etc/passwd]}]"}}).shown(http.StatusUnprocessableEntity).has("this page reads no files").lacks("root:x")
}

func TestHostileYAMLIsRefusedWithAPage(t *testing.T) {
	s := newJointSandbox(t)
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 'b'; i <= 'z'; i++ {
		bomb += string(i) + ": &" + string(i) + " [" + strings.Repeat("*"+string(i-1)+", ", 9) + "*" + string(i-1) + "]\n"
	}
	many := "kind: entity\n"
	for i := range 2000 {
		many += "m" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + ": 1\n"
	}
	unknown := "kind: entity\nterms: {in_scope: {US_CCL: [" + strings.Repeat("{x: 1}, ", 1500) + "1]}}\n"
	large := "kind: entity\niss: auth-us\njti: a\nentity: " + registrytest.Varuna + "\nlegal_name: &t " + strings.Repeat("x", 4000) +
		"\ncountry: IN\nlegal_effect: authorization\nnbf: 2026-02-01T00:00:00Z\neligible_items:\n"
	for i := range 500 {
		large += fmt.Sprintf("- {list: US_CCL, entry: 5A001.b.%d, limitation: *t}\n", i+1)
	}
	for what, text := range map[string]string{
		"a statement that is too large": large, "a bomb": "kind: entity\n" + bomb, "members without end": many, "elements without end": unknown, "depth": strings.Repeat("[", 15_000), "nothing but text": strings.Repeat("x", 60_000),
		"two documents": "kind: entity\n---\nkind: root\n", "a tag": "kind: !!python/object x", "marks": "kind: entity\n\u202e: \x01", "itself": "a: &a [*a]", "merge": "kind: entity\n<<: {jti: x}",
	} {
		d := s.compose(url.Values{"draft": {text}}).shown(http.StatusUnprocessableEntity)
		if len(d.text()) > 120_000 {
			t.Errorf("%s: the page says %d bytes", what, len(d.text()))
		}
		q := approval()
		q.Set("rest", text[:min(len(text), 15_000)])
		s.compose(q).shown(http.StatusUnprocessableEntity)
	}
	s.compose(url.Values{"draft": {strings.Repeat("x", 600_000)}}).shown(http.StatusRequestEntityTooLarge)
	s.compose(url.Values{"draft": {"a"}, "known": {"b"}}).shown(http.StatusBadRequest)
	s.compose(url.Values{"draft": {"a"}, "give": {"root.key"}}).shown(http.StatusBadRequest)
	s.get("/compose?kind=root").shown(http.StatusBadRequest)
}

func TestEveryKindHasAnEmptyDraft(t *testing.T) {
	s := newJointSandbox(t)
	for _, n := range s.get("/compose").shown(http.StatusOK).find("a", func(n *html.Node) bool { return strings.HasPrefix(attr(n, "href"), "/compose?kind=") }) {
		d := s.get(attr(n, "href")).shown(http.StatusOK)
		again := s.compose(url.Values{"draft": {d.given("draft")}}).shown(http.StatusOK)
		again.has("What it would say", "How it becomes an approval")
	}
}

// The form of a new version loses nothing that the old one says, whether it has a
// field for that or not.
func TestANewVersionSaysTheSameUntilItIsChanged(t *testing.T) {
	for _, name := range append(hostile, "Varuna Deepsense Private Limited") {
		name = name[:min(len(name), 500)]
		s := newJointSandbox(t)
		a := registrytest.Approval("approval-corvus", us, registrytest.Corvus, "AU")
		a.LegalName, a.CaseNumber, a.Contacts, a.Listed, a.Programme, a.LegalBasis = name, "IEA-1", []string{name, "b"}, true, "TEA", name
		a.Publication = &attest.Publication{Citation: name, URL: "https://journal.example/1"}
		a.RetroactiveReason = name
		a.AuthorisedRoles = []attest.Role{attest.EndUser, attest.Transferee}
		a.ApprovedSites = append(a.ApprovedSites, attest.Site{ID: "BLR-1", Country: "IN", Address: name, Name: "a | b"})
		a.EligibleItems = []attest.Item{{List: "US_CCL", Entry: "5A001.b.1", Limitation: name, Sites: []string{"BLR-1", "VTZ-1"}}, {List: "US_CCL", Entry: "5E001"}}
		a.Caveats = &attest.Limits{Value: &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000.5"}, InScope: attest.Scope{"US_CCL": {"5A001"}}}
		a.Conditions = &attest.Conditions{ChangeOfControl: attest.AutoSuspend}
		a.ExpirySavings = []attest.Savings{{Kind: attest.InTransit, DeliverBefore: a.EXP + 86400}}
		a.Obligations = []attest.Obligation{{Kind: attest.KeepRecords, Years: 5, Text: name}, {Kind: attest.NotifyBefore, BusinessDays: 2}}
		s.MustSubmit(a)
		s.Clock.Add(time.Minute)
		from := s.get("/compose?from=auth-us/approval-corvus").shown(http.StatusOK)
		d := s.compose(from.filledIn()).shown(http.StatusOK)
		for _, page := range []*document{from, d} {
			if strings.ContainsAny(page.body, "\u202e\u202c\u2066\u2069") {
				t.Errorf("%.40q: a page has a mark that turns the direction", name)
			}
		}
		c, err := draft.Parse("", []byte(d.given("draft")), draft.Options{Now: s.Clock.Now()})
		if err != nil {
			t.Fatalf("%.40q: %v\n%s", name, err, d.given("draft"))
		}
		again := c.(*attest.EntityApproval)
		if again.Supersedes != "approval-corvus" || again.JTI != "approval-corvus-2" || again.Retroactive || again.NBF <= a.NBF {
			t.Errorf("%.40q: the version is %+v %+v", name, again.Common, again.Grant)
		}
		again.JTI, again.Supersedes, again.NBF, again.IAT, again.Retroactive, again.RetroactiveReason = a.JTI, "", a.NBF, a.IAT, true, name
		want, err := attest.Payload(a)
		if err != nil {
			t.Fatal(err)
		}
		got, err := attest.Payload(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%.40q: the new version says (-want +got):\n%s", name, diff)
		}
	}
}

// rootless is a register whose trust root is not there.
type rootless struct{ *registrytest.Register }

func (rootless) Root() *attest.TrustRoot { return nil }

func TestWithoutATrustRootNoDraftIsSaidToNeedNobody(t *testing.T) {
	s := newJointSandbox(t)
	s.behind(web.New(rootless{s.Register}, web.Options{Now: s.Clock.Now}), httpapi.Options{})
	s.compose(approval()).shown(http.StatusServiceUnavailable).lacks("How it becomes an approval")
}

// What is confidential is not in the log: a new version does not leave it out in
// silence.
func TestANewVersionOfWhatIsConfidentialAsksForIt(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	a := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN")
	a.Caveats = &attest.Limits{Value: &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000"}}
	concealed, _, err := a.Conceal([]string{"/caveats/value"})
	if err != nil {
		t.Fatal(err)
	}
	s.MustSubmit(concealed)
	s.Clock.Add(time.Minute)
	d := s.get("/compose?from=auth-us/approval-varuna").shown(http.StatusOK)
	s.compose(url.Values{"draft": {d.given("draft")}}).shown(http.StatusUnprocessableEntity).has("_sd: unknown member")
}

package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

func links(d *document, to string) bool {
	return len(d.find("a", func(n *html.Node) bool { return attr(n, "href") == to })) > 0
}

func TestAnEntityIsFoundByAFormerNameAndByItsIdentifiers(t *testing.T) {
	s := newJointSandbox(t)
	for _, q := range []string{"Samudra Acoustics", "samudra acustics", "999900VARUNADEEP0174", registrytest.Varuna, "iec:0388012345"} {
		d := s.get("/?q="+url.QueryEscape(q)).shown(http.StatusOK).has("Varuna Deepsense Private Limited", "Formerly: Samudra Acoustics", "auth-us in force")
		if !links(d, "/entities/"+registrytest.Varuna) || links(d, "/entities/"+registrytest.Halcyon) {
			t.Errorf("%q does not lead to the entity alone:\n%s", q, d.text())
		}
	}
	all := s.get("/").shown(http.StatusOK).has("2 in all.", "1 in all.")
	if !links(all, "/sandboxes/"+registrytest.Sandbox) || !links(all, "/entities/"+registrytest.Halcyon) {
		t.Errorf("not everything is listed:\n%s", all.text())
	}
	s.get("/?q=nobody+knows+this").shown(http.StatusOK).has("Nothing is found.")
}

func TestFiltersNarrowASearchAndWrongOnesAreNamed(t *testing.T) {
	s := newJointSandbox(t)
	d := s.get("/?authority=auth-us&status=in_force&country=IN&sandbox=" + registrytest.Sandbox).shown(http.StatusOK)
	if !links(d, "/entities/"+registrytest.Varuna) || links(d, "/entities/"+registrytest.Halcyon) {
		t.Errorf("found:\n%s", d.text())
	}
	for query, field := range map[string]string{
		"country=india": "country", "status=good": "status", "authority=US": "authority", "sandbox=sbx": "sandbox", "q=" + strings.Repeat("x", 300): "q",
	} {
		d := s.get("/?" + query).shown(http.StatusUnprocessableEntity)
		wrong := d.find("", func(n *html.Node) bool { return attr(n, "aria-invalid") == "true" })
		if len(wrong) != 1 || attr(wrong[0], "name") != field || !links(d, "#f-"+field) {
			t.Errorf("%s: the mistake is not named at its field:\n%s", query, d.body)
		}
	}
	for _, query := range []string{"x=1", "q=a&q=b", "q=%zz", "q=varuna&after=nowhere"} {
		s.get("/?" + query).shown(http.StatusBadRequest)
	}
}

func TestALongListComesInPages(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	for _, n := range "ABCDEFGHIJKLMNOPQRSTUVWXY" {
		s.MustSubmit(registrytest.Registration("reg-"+string(n), us, "us-own:E-"+string(n), "US"))
	}
	s.Clock.Add(time.Minute)
	first := s.get("/").shown(http.StatusOK).has("25 in all. On this page: 1 to 20.")
	next := first.find("a", func(n *html.Node) bool { return attr(n, "rel") == "next" })
	if len(next) != 1 {
		t.Fatalf("the first page leads to %d others", len(next))
	}
	second := s.get(attr(next[0], "href")).shown(http.StatusOK).has("25 in all. On this page: 21 to 25.")
	if !links(first, "/entities/us-own:E-A") || links(second, "/entities/us-own:E-A") || !links(second, "/entities/us-own:E-Y") {
		t.Errorf("the second page is\n%s", second.text())
	}
}

func TestBothClocksMoveOverABackdatedRevocation(t *testing.T) {
	s := newJointSandbox(t)
	s.Clock.Set(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	revoke := registrytest.Event("revoke-1", us, attest.ApprovalSubject(registrytest.Varuna, us), "approval-varuna", attest.Revoke, time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
	s.MustSubmit(revoke)
	s.Clock.Add(time.Hour)
	for _, c := range []struct{ at, known, want string }{
		{"", "", "revoked since 2026-02-01 00:00 UTC by revoke-1 of auth-us"},
		{"2026-02-15 00:00", "", "revoked since 2026-02-01 00:00 UTC"},
		{"2026-01-31 23:59", "", "in force"},
		{"2026-02-15 00:00", "2026-02-20 00:00", "in force"},
		{"2026-02-15 00:00", "2026-03-01 13:00 UTC", "revoked"},
		{"2025-12-31 00:00", "", "not yet in force"},
		{"2027-02-01 00:00", "2026-02-20T00:00:00Z", "expired"},
	} {
		q := url.Values{}
		if c.at != "" {
			q.Set("at", c.at)
		}
		if c.known != "" {
			q.Set("known", c.known)
		}
		d := s.get("/entities/" + registrytest.Varuna + "?" + q.Encode()).shown(http.StatusOK)
		if card := d.card("approval-varuna"); !strings.HasPrefix(card, "auth-us approval-varuna "+c.want) {
			t.Errorf("at %q, known %q: want %s in\n%s", c.at, c.known, c.want, card)
		}
	}
	s.get("/entities/"+registrytest.Varuna+"?known=2026-01-01+00:00").shown(http.StatusOK).has("There is no approval at that time, by what was known.", "what was logged up to 2026-01-01 00:00 UTC")
	d := s.get("/entities/" + registrytest.Varuna + "?at=2026-02-15&known=yesterday").shown(http.StatusUnprocessableEntity).has("is no date and time")
	if wrong := d.find("input", func(n *html.Node) bool { return attr(n, "aria-invalid") == "true" }); len(wrong) != 2 || attr(wrong[1], "value") != "yesterday" {
		t.Errorf("the mistakes are not named at their fields:\n%s", d.body)
	}
	d.lacks("approval-varuna")
}

func TestAnEntityIsShownWithAllThatItsApprovalsSay(t *testing.T) {
	s := newJointSandbox(t)
	d := s.get("/entities/"+registrytest.Varuna).shown(http.StatusOK).has("iec:0388012345", "Samudra Acoustics", "Established in IN", "reg-varuna")
	card := d.card("approval-varuna")
	for _, want := range []string{
		"in force", "Legal effect: authorization, it stands in for a licence", "Site: VTZ-1", `Address: "Plot 14, Ocean Tech Park, Visakhapatnam 530016"`,
		"Approved items, each with all that lies below it: no limit", "A change of control: does not touch it", "Obligation: report_within", "Calendar days: 30",
		"In force from: 2026-01-05 09:00 UTC",
	} {
		if !strings.Contains(card, want) {
			t.Errorf("the card does not say %q:\n%s", want, card)
		}
	}
	other := s.get("/entities/iec:0388012345").shown(http.StatusOK).has("This is another identifier of")
	if !links(other, "/entities/"+registrytest.Varuna) {
		t.Error("another identifier does not lead to the entity")
	}
	for _, unknown := range []string{registrytest.Corvus, "lei:1", "nonsense"} {
		s.get("/entities/" + unknown).shown(http.StatusNotFound)
	}
}

func TestWhatIsConfidentialIsNamedAndNotShown(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	a, ds, err := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN").Conceal([]string{"/legal_name", "/approved_sites/0/address"})
	if err != nil || len(ds) != 2 {
		t.Fatal(err)
	}
	s.MustSubmit(a)
	s.Clock.Add(time.Minute)
	d := s.get("/entities/" + registrytest.Varuna).shown(http.StatusOK)
	d.has("Confidential, and not shown here. The holder may disclose:", "/legal_name", "/approved_sites/0/address")
	d.lacks("Ocean Tech Park", "Entity lei")
}

func TestASandboxSaysWhoHasConcurredAndWhoseTurnItIs(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	s.MustSubmit(registrytest.Registration("reg-halcyon", us, registrytest.Halcyon, "US"))
	s.MustSubmit(registrytest.Approval("approval-halcyon", in, registrytest.Halcyon, "US"))
	s.MustSubmit(registrytest.Domain("domain-us", us))
	s.Clock.Add(50 * time.Hour)
	path := "/sandboxes/" + registrytest.Sandbox
	waiting := s.get(path).shown(http.StatusOK)
	waiting.has("concurrence not reached", "auth-in its turn It has not approved these terms; they have been waiting for 2 days.", "In scope Each entry with all that lies below it, unless that is excluded. US_CCL 5A001.b.1", "Excluded Nothing is.", "End uses: sea_trial", "In force: 1 of the 2 approvals that these terms need.")
	s.MustSubmit(registrytest.Domain("domain-in", in))
	s.Clock.Add(time.Minute)
	joint := s.get(path).shown(http.StatusOK).has("concurrence reached", "In force: 2 of the 2 approvals that these terms need.")
	joint.lacks("its turn")
	if !links(joint, "/entities/"+registrytest.Halcyon) {
		t.Errorf("the participant is not named:\n%s", joint.text())
	}
	s.get(path+"?known=2026-01-06+09:01").shown(http.StatusOK).has("its turn", "waiting for 1 day")
	s.get("/sandboxes/SBX-NONE").shown(http.StatusNotFound)
	s.get("/sandboxes/sbx").shown(http.StatusNotFound)
}

func TestARevokedApprovalNoLongerConcurs(t *testing.T) {
	s := newJointSandbox(t)
	s.MustSubmit(registrytest.Event("revoke-1", us, attest.SandboxSubject(registrytest.Sandbox), "domain-us", attest.Revoke, registrytest.Start))
	s.Clock.Add(time.Hour)
	s.get("/sandboxes/"+registrytest.Sandbox).shown(http.StatusOK).has("concurrence not reached", "In force: 1 of the 2 approvals that these terms need.", "auth-us revoked since 2026-01-05 09:00 UTC by revoke-1").lacks("concurrence reached")
}

// The terms of an amendment stand beside the old ones until the others follow.
func TestAmendedTermsStandBesideTheOldOnesUntilTheOthersFollow(t *testing.T) {
	s := newJointSandbox(t)
	d := registrytest.Domain("domain-us-2", us)
	d.Supersedes, d.NBF, d.Retroactive, d.RetroactiveReason = "domain-us", attest.NumericDate(s.Clock.Now().Add(time.Minute).Unix()), false, ""
	d.Terms.AllowedEndUses = []string{"sea_trial", "test_and_evaluation"}
	s.MustSubmit(d)
	s.Clock.Add(time.Hour)
	s.get("/sandboxes/"+registrytest.Sandbox).shown(http.StatusOK).has("version 1", "version 2", "concurrence reached", "concurrence not reached", "auth-in its turn", "waits for others")
	follow := registrytest.Domain("domain-in-2", in)
	follow.Supersedes, follow.NBF, follow.Retroactive, follow.RetroactiveReason, follow.Terms = "domain-in", attest.NumericDate(s.Clock.Now().Add(time.Minute).Unix()), false, "", d.Terms
	s.MustSubmit(follow)
	s.Clock.Add(time.Hour)
	s.get("/sandboxes/"+registrytest.Sandbox).shown(http.StatusOK).has("concurrence reached").lacks("its turn", "version 2")
}

func TestACheckPermitsRefersAndDenies(t *testing.T) {
	s := newJointSandbox(t)
	permit := s.ask(question()).shown(http.StatusOK)
	permit.has("PERMIT The approvals let it go ahead.", "Act Release of technology", "What it relies on stands in for a licence.", "Nothing speaks against it.", "Rule by rule", "R3 items passed", "Obligations of whoever relies on it", "2026-02-04 09:00 UTC Report to the authority within 30 days after the act.")
	refer := question()
	refer.Del("end_use")
	s.ask(refer).shown(http.StatusOK).has("REFER A person has to look", "for a person", "MISSING_FACT", "What would have to change").lacks("Obligations of whoever")
	deny := question()
	deny.Set("destination_site", "BLR-1")
	s.ask(deny).shown(http.StatusOK).has("DENY It may not go ahead", "against it", "SITE_NOT_APPROVED", "auth-us has to approve the site").lacks("stands in for a licence.")
}

func TestAPermitOnEligibilitySaysThatItReplacesNoLicence(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	a := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN")
	a.LegalEffect, a.Programme = attest.Eligibility, "VEU"
	s.MustSubmit(a)
	s.Clock.Add(time.Minute)
	q := question()
	q.Del("sandbox")
	q.Set("authority", us)
	q.Set("programme", "VEU")
	s.ask(q).shown(http.StatusOK).has("PERMIT", "It replaces no licence: where one is needed, it still is.")
}

func TestACheckAsOfThePastSaysSo(t *testing.T) {
	s := newJointSandbox(t)
	s.Clock.Add(time.Hour)
	s.MustSubmit(registrytest.Event("revoke-1", us, attest.SandboxSubject(registrytest.Sandbox), "domain-us", attest.Revoke, registrytest.Start))
	s.Clock.Add(time.Minute)
	s.ask(question()).shown(http.StatusOK).has("DENY").lacks("Nothing may go ahead on it.")
	q := question()
	q.Set("known_at", "2026-01-05 09:30")
	s.ask(q).shown(http.StatusOK).has("PERMIT", "This is the answer by what was known then", "By what was logged since, it would be DENY")
}

func TestAMistakeIsNamedAtItsFieldAndWhatWasEnteredIsKept(t *testing.T) {
	s := newJointSandbox(t)
	q := question()
	for name, text := range map[string]string{
		"effective_at": "4/5/2026", "transferee": "Varuna Ltd", "items": "5A001", "value_amount": "1,000", "person_nationalities": "US, India", "end_use": "sea_trial & more",
	} {
		q.Set(name, text)
	}
	d := s.ask(q).shown(http.StatusUnprocessableEntity)
	for _, name := range []string{"effective_at", "transferee", "items", "value_amount", "value_currency", "person_nationalities"} {
		if attr(d.control(name), "aria-invalid") != "true" || !links(d, "#f-"+name) {
			t.Errorf("the mistake in %s is not named there:\n%s", name, d.text())
		}
	}
	for name := range q {
		if kept := d.given(name); kept != q.Get(name) {
			t.Errorf("%s was %q, and is %q", name, q.Get(name), kept)
		}
	}
	d.lacks("PERMIT The")
	s.get("/check?sandbox=SBX-1&transferee=" + registrytest.Varuna).shown(http.StatusOK).has("May it go ahead?")
}

func TestTheEvidenceTakenAwayVerifiesTheAnswer(t *testing.T) {
	s := newJointSandbox(t)
	d := s.ask(question()).shown(http.StatusOK).has("PERMIT")
	// What is logged meanwhile does not change the answer that the files are of.
	s.Clock.Add(time.Minute)
	s.MustSubmit(registrytest.Event("revoke-1", us, attest.SandboxSubject(registrytest.Sandbox), "domain-us", attest.Revoke, registrytest.Start))
	s.Clock.Add(time.Minute)
	files := make(map[string]string)
	for give, name := range map[string]string{"evidence": "evidence.json", "request": "request.json"} {
		f := s.taken(d, give)
		if got, want := f.header.Get("Content-Disposition"), `attachment; filename="`+name+`"`; f.status != 200 || got != want {
			t.Fatalf("%s: %d, Content-Disposition %q: %s", give, f.status, got, f.body)
		}
		files[give] = f.body
	}
	req, err := policy.ParseRequest([]byte(files["request"]))
	if err != nil {
		t.Fatal(err)
	}
	got, err := verify.Decide([]byte(files["evidence"]), s.Trust, req, req.Times(s.Clock.Now()))
	if err != nil || got.Decision != policy.PERMIT || got.Hindsight == nil {
		t.Errorf("verified: %+v, %v; want the PERMIT, and that it is another one by now", got, err)
	}
}

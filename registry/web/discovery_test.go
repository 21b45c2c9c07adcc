package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// newListing is a joint sandbox in which Varuna lets itself be found, and Halcyon
// does not.
func newListing(t *testing.T) *site {
	t.Helper()
	s := newJointSandbox(t)
	a := registrytest.Approval("approval-varuna-2", us, registrytest.Varuna, "IN")
	a.LegalName, a.Supersedes, a.Listed, a.Programme = "Varuna Deepsense Private Limited", "approval-varuna", true, "TEA"
	a.AuthorisedRoles = []attest.Role{attest.EndUser, attest.Transferee}
	a.EligibleItems = []attest.Item{{List: "US_CCL", Entry: "5A001.b"}, {List: "US_CCL", Entry: "5D001"}}
	s.MustSubmit(a)
	s.Clock.Add(time.Minute)
	return s
}

func TestWhoIsApprovedForSomethingInACountryIsFound(t *testing.T) {
	s := newListing(t)
	for _, q := range []url.Values{
		{"purpose": {"underwater communications"}, "country": {"IN"}}, {"purpose": {"sea trial"}}, {"sandbox": {registrytest.Sandbox}},
	} {
		d := s.get("/partners?"+q.Encode()).shown(http.StatusOK).has(
			"Joint sandbox: high-bandwidth underwater communications", "1 in all.", "Varuna Deepsense Private Limited", "auth-us TEA in force since 2026-01-05 09:00 UTC",
			"stands in for a licence", "US_CCL 5A001.b The list's heading: Category 5, Telecommunications and Information Security; Product group A", "end user, transferee")
		if !links(d, "/entities/"+registrytest.Varuna) || !links(d, "/sandboxes/"+registrytest.Sandbox) {
			t.Errorf("%v does not lead there:\n%s", q, d.text())
		}
	}
	for _, q := range []string{"item=US_CCL+5A001.b.1", "role=end_user", "programme=TEA", "authority=auth-us", ""} {
		s.get("/partners?"+q).shown(http.StatusOK).has("1 in all.", "Varuna Deepsense")
	}
	for _, q := range []string{"country=US", "item=US_CCL+6A001", "role=via", "programme=VEU", "authority=auth-in", "purpose=lunar+mining", "sandbox=SBX-NONE"} {
		s.get("/partners?" + q).shown(http.StatusOK).has("Nothing is found.").lacks("Varuna")
	}
	if !links(s.get("/"), "/partners") {
		t.Error("the search does not lead to the partners")
	}
}

func TestAnUnlistedHolderIsNotToBeHadByPartnerDiscovery(t *testing.T) {
	s := newListing(t)
	ask := func() []string {
		var out []string
		for _, q := range []string{
			"", "purpose=underwater+communications", "sandbox=" + registrytest.Sandbox, "country=US", "purpose=entity", "purpose=halcyon", "purpose=" + registrytest.Halcyon,
			"authority=auth-in", "item=US_CCL+5A001.b.1", "role=transferor", "after=" + url.QueryEscape("lei:999900H"),
		} {
			d := s.get("/partners?" + q).shown(http.StatusOK)
			d.lacks("Entity " + registrytest.Halcyon)
			out = append(out, d.text())
			if links(d, "/entities/"+registrytest.Halcyon) {
				t.Errorf("%q leads to whom nobody may find", q)
			}
		}
		return out
	}
	ask()
	// Whoever no longer is listed is not found any more.
	a := registrytest.Approval("approval-varuna-3", us, registrytest.Varuna, "IN")
	a.Supersedes = "approval-varuna-2"
	s.MustSubmit(a)
	s.Clock.Add(time.Minute)
	for _, text := range ask() {
		if strings.Contains(text, "Varuna") {
			t.Errorf("whoever is no longer listed is found:\n%s", text)
		}
	}
}

func TestMistakesInASearchForPartnersAreNamedAtTheirFields(t *testing.T) {
	s := newListing(t)
	for query, field := range map[string]string{
		"item=5A001": "item", "item=US_CCL+x": "item", "item=XX+5A001": "item", "role=king": "role", "country=india": "country", "sandbox=sbx": "sandbox",
		"authority=US": "authority", "purpose=" + strings.Repeat("x", 300): "purpose",
	} {
		d := s.get("/partners?" + query).shown(http.StatusUnprocessableEntity)
		wrong := d.find("", func(n *html.Node) bool { return attr(n, "aria-invalid") == "true" })
		if len(wrong) != 1 || attr(wrong[0], "name") != field || !links(d, "#f-"+field) {
			t.Errorf("%s: the mistake is not named at its field:\n%s", query, d.body)
		}
	}
	for _, query := range []string{"x=1", "role=via&role=via", "after=%00"} {
		s.get("/partners?" + query).shown(http.StatusBadRequest)
	}
}

func TestItemsAreShownUnderTheHeadingsOfTheirLists(t *testing.T) {
	s := newListing(t)
	d := s.get("/entities/" + registrytest.Varuna).shown(http.StatusOK)
	if !links(d, "/statements/auth-us/approval-varuna-2") {
		t.Error("the card does not lead to the statement")
	}
	card := d.card("approval-varuna-2")
	const ccl5 = "The list's heading: Category 5, Telecommunications and Information Security; Product group "
	want := "Approved items, each with all that lies below it: " + ccl5 + "A, Systems, Equipment and Components (15 CFR Part 774, Supplement No. 1) Item: 5A001.b of US_CCL " + ccl5 + "D, Software (15 CFR Part 774, Supplement No. 1) Item: 5D001 of US_CCL"
	if !strings.Contains(card, want) {
		t.Errorf("the card does not say %q:\n%s", want, card)
	}
}

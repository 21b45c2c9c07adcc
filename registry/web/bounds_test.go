package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// cards are how many approvals are shown in full.
func (d *document) cards() int {
	return len(d.find("article", func(n *html.Node) bool { return attr(n, "class") == "card" }))
}

// Of very many approvals, what stands is shown, however old it is.
func TestAnEntityOfVeryManyApprovalsIsCutWithACountAndKeepsWhatStands(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	soon := attest.NumericDate(registrytest.Start.Add(time.Hour).Unix())
	for i := range 48 {
		a := registrytest.Approval(fmt.Sprintf("many-%02d", i), us, registrytest.Corvus, "AU")
		a.LegalName = fmt.Sprintf("Corvus the %dth", i)
		if a.Listed = true; i > 0 {
			a.EXP = soon
		}
		s.MustSubmit(a)
	}
	s.Clock.Add(time.Minute)
	s.get("/partners").shown(http.StatusOK).has("It was found by 40 more approvals.")
	s.Clock.Add(2 * time.Hour)
	d := s.get("/entities/"+registrytest.Corvus).shown(http.StatusOK).has("8 more are left out here", "and 42 more")
	if n := d.cards(); n != 40 {
		t.Errorf("%d cards are shown, want 40", n)
	}
	d.card("many-00")
	d.card("many-47")
	if d.has("many-08"); strings.Contains(d.text(), "auth-us many-08 expired") {
		t.Error("the oldest that has ended is shown in full")
	}
	d.bar("many-00")
	s.get("/?q=corvus").shown(http.StatusOK).has("and 36 more", "and 42 more")
	s.get("/entities/" + registrytest.Corvus + "?at=2026-01-05+09:30").shown(http.StatusOK).card("many-47")
}

// What is in force is never left out for what is not, wherever it stands in the log.
func TestWhatIsInForceIsNotLeftOutForWhatIsNot(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	soon := attest.NumericDate(registrytest.Start.Add(time.Hour).Unix())
	for i := range 14 {
		a := registrytest.Approval(fmt.Sprintf("many-%02d", i), us, registrytest.Corvus, "AU")
		if a.EXP = soon; i == 13 {
			a.EXP, a.Programme = 0, "VEU"
		}
		s.MustSubmit(a)
	}
	for i := range 23 {
		d := registrytest.Domain(fmt.Sprintf("terms-%02d", i), us)
		if d.Terms.AllowedEndUses = []string{fmt.Sprintf("use_%d", i)}; i > 0 {
			d.NBF, d.Retroactive, d.RetroactiveReason = attest.NumericDate(registrytest.Start.AddDate(0, 6, 0).Unix()), false, ""
			d.Supersedes = fmt.Sprintf("terms-%02d", i-1)
		}
		s.MustSubmit(d)
	}
	s.Clock.Add(2 * time.Hour)
	s.get("/?q=corvus").shown(http.StatusOK).has("auth-us VEU in force", "and 2 more")
	s.get(sandboxPath).shown(http.StatusOK).has("3 more terms are left out here", "End uses: use_0 ", "End uses: use_22 ").lacks("End uses: use_3 ")
	s.get("/?q=ucomms").shown(http.StatusOK).has("auth-us in force", "and 11 more")
}

// An authority may approve anew whenever it has revoked.
func TestASandboxOfVeryManyTermsIsCutWithACountAndKeepsWhatStands(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	for i := range 23 {
		d := registrytest.Domain(fmt.Sprintf("many-%02d", i), us)
		d.Title, d.Terms.AllowedEndUses = fmt.Sprintf("Title %d", i), []string{fmt.Sprintf("use_%d", i)}
		s.MustSubmit(d)
		if i < 22 {
			s.MustSubmit(registrytest.Event(fmt.Sprintf("revoke-%02d", i), us, d.Sub, d.JTI, attest.Revoke, s.Clock.Now()))
		}
		s.Clock.Add(time.Minute)
	}
	d := s.get(sandboxPath).shown(http.StatusOK).has("3 more terms are left out here", "Title 0 / Title 1", "and 17 more", "End uses: use_3 ", "End uses: use_22 ", "waiting for less than a day")
	d.lacks("End uses: use_0 ", "End uses: use_2 ")
	if n := d.cards(); n != 20 {
		t.Errorf("%d cards are shown, want 20", n)
	}
}

// What one authority has said of a participant is cut, and its mentors are not for that.
func TestWhatIsSaidOfAParticipantIsCutWithACount(t *testing.T) {
	s := newJointSandbox(t)
	s.MustSubmit(registrytest.Approval("corvus-in", in, registrytest.Corvus, "AU"))
	for i := range 11 {
		a := protege(fmt.Sprintf("many-%02d", i), us, registrytest.Corvus, "")
		if a.AuthorisedRoles = []attest.Role{attest.Via}; i == 0 {
			a.Mentor = registrytest.Halcyon
		}
		s.MustSubmit(a)
	}
	s.Clock.Add(time.Minute)
	d := s.get(sandboxPath).shown(http.StatusOK).has("auth-us " + strings.Repeat("in force intermediate, ", 7) + "in force intermediate, and 3 more")
	if got := kinOf(d, registrytest.Corvus); !strings.HasPrefix(got, "protégé of Entity "+registrytest.Halcyon) {
		t.Errorf("%q", got)
	}
}

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

const sandboxPath = "/sandboxes/" + registrytest.Sandbox

// What stands waits for who has not approved; what has ended for good waits for
// nobody.
func TestWhoseTurnItIsGoesByWhatStands(t *testing.T) {
	subject := attest.SandboxSubject(registrytest.Sandbox)
	end := func(what attest.EventType) func(*site) {
		return func(s *site) {
			s.MustSubmit(registrytest.Event("event-1", us, subject, "domain-us", what, registrytest.Start.Add(time.Hour)))
		}
	}
	const turn, none = "auth-in its turn", "auth-in has not approved these terms"
	for name, row := range map[string]struct {
		then func(*site)
		want []string
	}{
		"in force":  {func(*site) {}, []string{turn, "waiting for 2 days", "auth-us in force"}},
		"suspended": {end(attest.Suspend), []string{turn, "waiting for 2 days", "auth-us suspended since"}},
		"revoked":   {end(attest.Revoke), []string{none, "auth-us revoked since"}},
		"withdrawn": {end(attest.Withdraw), []string{none, "auth-us withdrawn since"}},
		"expired":   {func(s *site) { s.Clock.Set(registrytest.Start.AddDate(1, 0, 1)) }, []string{none, "auth-us expired since"}},
		"superseded, on the same terms": {func(s *site) {
			d := registrytest.Domain("domain-us-2", us)
			d.Supersedes = "domain-us"
			s.MustSubmit(d)
		}, []string{turn, "waiting for 2 days", "auth-us in force"}},
		"superseded, on other terms": {func(s *site) {
			d := registrytest.Domain("domain-us-2", us)
			d.Supersedes, d.Terms.AllowedEndUses = "domain-us", []string{"test_and_evaluation"}
			s.MustSubmit(d)
		}, []string{turn, "End uses: test_and_evaluation"}},
		"void": {func(s *site) {
			root, err := s.Root().Successor()
			if err != nil {
				s.t.Fatal(err)
			}
			stolen := registrytest.SignerNamed("us-1").Key().ID()
			for i := range root.Authorities {
				if root.Authorities[i].ID == us {
					root.Authorities[i].Officers = []attest.Officer{registrytest.SignerNamed("us-8").Officer(), registrytest.SignerNamed("us-9").Officer()}
					root.Authorities[i].Compromised = []attest.Compromised{{Kid: stolen, Since: 1}, {Kid: registrytest.SignerNamed("us-2").Key().ID(), Since: 1}}
				}
			}
			s.MustSubmit(root)
		}, []string{"No approval of it stands at that time, by what was known."}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, httpapi.Options{})
			s.MustSubmit(registrytest.Domain("domain-us", us))
			s.Clock.Add(time.Minute)
			row.then(s)
			if name != "expired" {
				s.Clock.Set(registrytest.Start.Add(50 * time.Hour))
			}
			d := s.get(sandboxPath).shown(http.StatusOK).has(row.want...)
			if n := strings.Count(d.text(), "its turn"); n > 1 || n == 1 && row.want[0] != turn {
				t.Errorf("it is %d turns:\n%s", n, d.text())
			}
		})
	}
}

// Nobody knows how long it will have been waiting some day.
func TestNothingHasBeenWaitingSinceTheFuture(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	s.MustSubmit(registrytest.Domain("domain-us", us))
	s.Clock.Add(time.Hour)
	s.get(sandboxPath).shown(http.StatusOK).has("auth-in its turn It has not approved these terms; they have been waiting for less than a day.")
	s.get("/authorities/auth-in").shown(http.StatusOK).has("waiting on auth-in for less than a day")
	s.Clock.Add(49 * time.Hour)
	s.get(sandboxPath + "?known=9999-12-31+00:00").shown(http.StatusOK).has("waiting for 2 days")
	s.get(sandboxPath + "?known=2026-01-06+10:00").shown(http.StatusOK).has("waiting for 1 day.")
}

// It is nobody's turn where all have approved, though one has revoked since.
func TestARevocationIsNobodysTurn(t *testing.T) {
	s := newJointSandbox(t)
	s.MustSubmit(registrytest.Event("revoke-1", us, attest.SandboxSubject(registrytest.Sandbox), "domain-us", attest.Revoke, registrytest.Start))
	s.Clock.Add(time.Hour)
	s.get(sandboxPath).shown(http.StatusOK).has("auth-in in force", "auth-us revoked").lacks("its turn")
}

func TestASandboxSaysWhatIsAllowedWhatIsExcludedAndHowMuch(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	for _, iss := range []string{us, in} {
		d := registrytest.Domain("domain-"+iss, iss)
		d.Terms.InScope = attest.Scope{"US_CCL": {"5A001.b.1", "5A001.b.2", "5D001"}, "IN_SCOMET": {"8A501.b.1"}}
		d.Terms.Excluded = attest.Scope{"US_CCL": {"5A001.b.1.e"}}
		d.Terms.Value = &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000", Cumulative: "1000000"}
		d.Terms.Quantity = &attest.QuantityCeiling{Unit: "pieces", Cumulative: "12"}
		if iss == in {
			d.NBF = attest.NumericDate(registrytest.Start.Add(24 * time.Hour).Unix())
			d.Caveats = &attest.Limits{Value: &attest.ValueCeiling{Currency: "USD", PerTransaction: "100000"}}
		}
		s.MustSubmit(d)
	}
	s.Clock.Add(48 * time.Hour)
	const ccl5 = "The list's heading: Category 5, Telecommunications and Information Security; Product group "
	d := s.get(sandboxPath).shown(http.StatusOK).has(
		"In scope Each entry with all that lies below it, unless that is excluded. IN_SCOMET 8A501.b.1 The list's heading: Category 8",
		"US_CCL 5A001.b.1, 5A001.b.2 "+ccl5+"A", "US_CCL 5D001 "+ccl5+"D, Software",
		"Excluded Each entry with all that lies below it, whatever is in scope. US_CCL 5A001.b.1.e "+ccl5+"A",
		"value in USD the terms 250000 1000000", "quantity in pieces the terms none 12", "value in USD auth-in alone 100000 none",
		"What has been used of it is not known to this register",
		"All transactions together are counted from 2026-01-06 09:00 UTC until 2027-01-05 09:00 UTC.")
	if strings.Contains(d.text(), "There is no ceiling") {
		t.Error("it says that there is no ceiling, too")
	}
	s.get(sandboxPath + "?at=2026-01-05+10:00").shown(http.StatusOK).has("concurrence not reached").lacks("are counted from")
	newJointSandbox(t).get(sandboxPath).shown(http.StatusOK).has("There is no ceiling on value or quantity.", "Excluded Nothing is.")
}

func TestParticipantsAreThoseOfTheClocksWithTheirRoles(t *testing.T) {
	s := newJointSandbox(t)
	s.Clock.Set(date(2, 1))
	a := registrytest.Approval("approval-corvus", us, registrytest.Corvus, "AU")
	a.LegalName, a.AuthorisedRoles = "Corvus Pacific", []attest.Role{attest.Via}
	s.MustSubmit(a)
	s.MustSubmit(registrytest.Approval("approval-corvus-in", in, registrytest.Corvus, "AU"))
	s.Clock.Set(date(3, 1))
	s.MustSubmit(registrytest.Event("revoke-1", us, attest.ApprovalSubject(registrytest.Corvus, us), "approval-corvus", attest.Revoke, date(2, 15)))
	s.Clock.Add(time.Hour)
	who := func(query string) string {
		text := s.get(sandboxPath + query).shown(http.StatusOK).text()
		_, text, _ = strings.Cut(text, "Participants Whom")
		text, _, _ = strings.Cut(text, "Timeline What")
		return text
	}
	for query, want := range map[string]string{
		"":                     "lei:999900CORVUSPACF0114 AU auth-in in force every role auth-us revoked intermediate",
		"?at=2026-02-10+00:00": "lei:999900CORVUSPACF0114 AU auth-in in force every role auth-us in force intermediate",
		"?at=2026-02-20+00:00&known=2026-02-20+00:00": "AU auth-in in force every role auth-us in force intermediate",
	} {
		if got := who(query); !strings.Contains(got, want) || !strings.Contains(got, "3 in all.") || !strings.Contains(got, "auth-in registered") && !strings.Contains(got, "in force registered") {
			t.Errorf("%s: want %q in\n%s", query, want, got)
		}
	}
	if got := who("?known=2026-01-10+00:00"); strings.Contains(got, "Corvus") || !strings.Contains(got, "2 in all.") {
		t.Errorf("before it was approved:\n%s", got)
	}
}

func challenged(jti, iss, name, citation string) *attest.DomainApproval {
	d := registrytest.Domain(jti, iss)
	if name != "" {
		d.Challenge = &attest.Challenge{Name: name, Citation: citation}
	}
	return d
}

func TestASandboxSaysWhichJointChallengeItBelongsToByWhoseWord(t *testing.T) {
	const about = "Each authority says this for itself, in its approval that stands at the time shown above. It decides nothing."
	const differs = "The authorities do not all say the same."
	for name, row := range map[string]struct {
		us, in *attest.DomainApproval
		has    []string
		lacks  []string
	}{
		"both the same": {
			challenged("domain-us", us, "Underwater", "Statement 7"), challenged("domain-in", in, "Underwater", "Statement 7"),
			[]string{"concurrence reached", "Joint challenge Underwater, announced in Statement 7 by the word of auth-in, auth-us " + about}, []string{differs},
		},
		"one alone": {
			challenged("domain-us", us, "Underwater", ""), challenged("domain-in", in, "", ""),
			[]string{"concurrence reached", "Joint challenge " + differs + " Underwater by the word of auth-us auth-in names none. " + about}, []string{"announced in"},
		},
		"different names": {
			challenged("domain-us", us, "Underwater", ""), challenged("domain-in", in, "Surface", ""),
			[]string{"concurrence reached", "Joint challenge " + differs + " Surface by the word of auth-in Underwater by the word of auth-us " + about}, nil,
		},
		"different citations": {
			challenged("domain-us", us, "Underwater", "A"), challenged("domain-in", in, "Underwater", "B"),
			[]string{differs + " Underwater, announced in B by the word of auth-in Underwater, announced in A by the word of auth-us"}, nil,
		},
		"none": {challenged("domain-us", us, "", ""), challenged("domain-in", in, "", ""), []string{"concurrence reached"}, []string{"Joint challenge", "names none"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, httpapi.Options{})
			s.MustSubmit(row.us)
			s.MustSubmit(row.in)
			s.Clock.Add(time.Minute)
			s.get(sandboxPath).shown(http.StatusOK).has(row.has...).lacks(row.lacks...)
		})
	}
}

func TestTheJointChallengeIsThatOfTheClocks(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	s.MustSubmit(challenged("domain-us", us, "Underwater", ""))
	s.Clock.Set(date(2, 1))
	next := challenged("domain-us-2", us, "Seabed", "")
	next.Supersedes = "domain-us"
	s.MustSubmit(next)
	s.Clock.Set(date(3, 1))
	s.MustSubmit(registrytest.Event("revoke-1", us, attest.SandboxSubject(registrytest.Sandbox), "domain-us-2", attest.Revoke, date(2, 15)))
	s.Clock.Add(time.Hour)
	// What has ended says nothing any more.
	s.get(sandboxPath).shown(http.StatusOK).has("revoked").lacks("Each authority says this for itself")
	s.get(sandboxPath + "?at=2026-02-10+00:00").shown(http.StatusOK).has("Seabed by the word of auth-us").lacks("Underwater by the word")
	s.get(sandboxPath + "?known=2026-01-20+00:00").shown(http.StatusOK).has("Underwater by the word of auth-us").lacks("Seabed")
}

// kinOf is what the page of the sandbox says, in the row of an entity, of its mentors
// and protégés.
func kinOf(d *document, entity string) string {
	for _, row := range d.find("tr", nil) {
		who := d.find("th", func(n *html.Node) bool { return n.Parent == row && attr(n, "scope") == "row" })
		if len(who) == 1 && strings.Contains(textOf(who[0]), entity) {
			for _, cell := range d.find("td", func(n *html.Node) bool { return n.Parent == row }) {
				if text := strings.Join(strings.Fields(textOf(cell)), " "); strings.Contains(text, "mentor") || strings.Contains(text, "protégé") {
					return text
				}
			}
			return ""
		}
	}
	return "no row"
}

// protege approves an entity as the protégé of another.
func protege(jti, iss, entity, mentor string) *attest.EntityApproval {
	a := registrytest.Approval(jti, iss, entity, "AU")
	a.LegalName, a.Mentor = "Protégé "+jti, mentor
	return a
}

func TestASandboxSaysWhoIsMentorOfWhomBothWays(t *testing.T) {
	s := newJointSandbox(t)
	s.get(sandboxPath).shown(http.StatusOK).lacks("Mentor or protégé", "protégé of")
	s.MustSubmit(protege("corvus-us", us, registrytest.Corvus, registrytest.Halcyon))
	s.MustSubmit(protege("corvus-in", in, registrytest.Corvus, registrytest.Halcyon))
	s.Clock.Add(time.Minute)
	d := s.get(sandboxPath).shown(http.StatusOK).has("Mentor or protégé", "should a mentor's approval end, the protégé's own stands")
	for entity, want := range map[string]string{
		registrytest.Corvus:  "protégé of Entity " + registrytest.Halcyon + ", by the word of auth-in, auth-us",
		registrytest.Halcyon: "mentor of Protégé corvus-in, by the word of auth-in, auth-us",
		registrytest.Varuna:  "",
	} {
		if got := kinOf(d, entity); got != want {
			t.Errorf("%s: %q, want %q", entity, got, want)
		}
	}
	for _, entity := range []string{registrytest.Corvus, registrytest.Halcyon} {
		if n := len(d.find("a", func(n *html.Node) bool { return attr(n, "href") == "/entities/"+entity })); n != 2 {
			t.Errorf("%d links lead to %s, want that of its row and that of its kin", n, entity)
		}
	}
	// The mentor's end is not the protégé's, and the protégé's own ends what it says.
	s.MustSubmit(registrytest.Event("revoke-halcyon", in, attest.ApprovalSubject(registrytest.Halcyon, in), "approval-halcyon", attest.Revoke, registrytest.Start))
	s.MustSubmit(registrytest.Event("revoke-corvus", us, attest.ApprovalSubject(registrytest.Corvus, us), "corvus-us", attest.Revoke, registrytest.Start))
	s.Clock.Add(time.Minute)
	d = s.get(sandboxPath).shown(http.StatusOK)
	if got, want := kinOf(d, registrytest.Corvus), "protégé of Entity "+registrytest.Halcyon+", by the word of auth-in"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.get(sandboxPath + "?known=2026-01-05+09:00").shown(http.StatusOK).lacks("protégé of")
}

func TestAMentorIsFoundByARegisteredIdentifierAndElseByItsId(t *testing.T) {
	s := newJointSandbox(t)
	const nobody = "duns:123456789"
	// Varuna's registration has iec:0388012345; of nobody is anything logged.
	s.MustSubmit(protege("corvus-us", us, registrytest.Corvus, "iec:0388012345"))
	s.MustSubmit(protege("corvus-in", in, registrytest.Corvus, nobody))
	s.Clock.Add(time.Minute)
	d := s.get(sandboxPath).shown(http.StatusOK)
	if got := kinOf(d, registrytest.Corvus); !strings.Contains(got, "protégé of "+nobody+", by the word of auth-in") || !strings.Contains(got, ", by the word of auth-us") {
		t.Errorf("%q", got)
	}
	if got, want := kinOf(d, registrytest.Varuna), "mentor of Protégé corvus-in, by the word of auth-us"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if links(d, "/entities/"+nobody) {
		t.Error("a link leads to the page of an entity of which nothing is logged")
	}
	entity := s.get("/entities/"+registrytest.Corvus).shown(http.StatusOK).has(
		"Mentor of the holder: "+nobody+"; it decides nothing; should the mentor's approval end, this one stands until its own end", "Mentor of the holder: iec:0388012345")
	if links(entity, "/entities/"+nobody) || !links(entity, "/entities/iec:0388012345") {
		t.Error("the page of the entity does not lead to the mentor that has one, and to it alone")
	}
}

func TestMentorsAndProtegesAreCutWithACount(t *testing.T) {
	s := newJointSandbox(t)
	s.MustSubmit(registrytest.Approval("corvus-in", in, registrytest.Corvus, "AU"))
	for i := range 10 {
		s.MustSubmit(registrytest.Approval(fmt.Sprintf("many-%d", i), in, fmt.Sprintf("duns:10000000%d", i), "AU"))
		s.MustSubmit(protege(fmt.Sprintf("many-%d", i), us, fmt.Sprintf("duns:10000000%d", i), registrytest.Halcyon))
		s.MustSubmit(protege(fmt.Sprintf("corvus-%d", i), us, registrytest.Corvus, fmt.Sprintf("duns:20000000%d", i)))
	}
	s.Clock.Add(time.Minute)
	d := s.get(sandboxPath).shown(http.StatusOK)
	if got := kinOf(d, registrytest.Corvus); strings.Count(got, "protégé of") != 8 || !strings.Contains(got, "2 more mentors are left out.") {
		t.Errorf("%q", got)
	}
	if got := kinOf(d, registrytest.Halcyon); strings.Count(got, "mentor of") != 8 || !strings.Contains(got, "2 more protégés are left out.") {
		t.Errorf("%q", got)
	}
}

// A renewal that is logged ahead of its time takes nothing away until then.
func TestARenewalAheadOfItsTimeLeavesTheConcurrenceAsItIs(t *testing.T) {
	s := newJointSandbox(t)
	next := registrytest.Domain("domain-us-2", us)
	next.Supersedes, next.NBF, next.Retroactive, next.RetroactiveReason = "domain-us", attest.NumericDate(s.Clock.Now().AddDate(0, 1, 0).Unix()), false, ""
	s.MustSubmit(next)
	s.Clock.Add(time.Hour)
	s.ask(question()).shown(http.StatusOK).has("PERMIT")
	d := s.get(sandboxPath).shown(http.StatusOK).has("concurrence reached", "In force: 2 of the 2 approvals that these terms need.")
	d.card("domain-us")
	s.Clock.Add(32 * 24 * time.Hour)
	s.get(sandboxPath).shown(http.StatusOK).has("concurrence reached").card("domain-us-2")
}

// Where one of several is enough, terms that another one has approved since replace
// those before for good (RULES R10), though the approval of these is in force.
func TestTermsThatOthersHaveReplacedAreNotConcurredOn(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	anyOne := func(jti, iss, use string) *attest.DomainApproval {
		d := registrytest.Domain(jti, iss)
		d.Terms.Concurrence, d.Terms.AllowedEndUses = 1, []string{use}
		return d
	}
	s.MustSubmit(anyOne("domain-in", in, "sea_trial"))
	s.MustSubmit(anyOne("domain-us", us, "sea_trial"))
	s.Clock.Add(time.Minute)
	s.get(sandboxPath).shown(http.StatusOK).has("concurrence reached").lacks("Other terms")
	other := anyOne("domain-us-2", us, "test_and_evaluation")
	other.Supersedes, other.NBF, other.Retroactive, other.RetroactiveReason = "domain-us", attest.NumericDate(s.Clock.Now().Add(time.Minute).Unix()), false, ""
	s.MustSubmit(other)
	s.Clock.Add(time.Hour)
	s.MustSubmit(registrytest.Event("suspend-1", us, attest.SandboxSubject(registrytest.Sandbox), "domain-us-2", attest.Suspend, s.Clock.Now()))
	s.Clock.Add(time.Hour)
	q := question()
	q.Set("effective_at", "2026-01-05 10:30")
	s.ask(q).shown(http.StatusOK).has("DENY", "AUTHORITY_CONCURRENCE_MISSING")
	d := s.get(sandboxPath).shown(http.StatusOK).has("auth-in in force", "have replaced these for good")
	d.lacks("concurrence reached")
}

// What has passed to another is not shown as in force at whom it was given to.
func TestWhatHasPassedToAnotherIsNobodyElses(t *testing.T) {
	s := newJointSandbox(t)
	s.MustSubmit(registrytest.Registration("reg-varuna-us", us, "us-own:HEIR", "US"))
	own := registrytest.Approval("approval-2", us, registrytest.Varuna, "IN")
	own.LegalName, own.AuthorisedRoles = "Varuna Deepsense Private Limited", []attest.Role{attest.Via}
	s.MustSubmit(own)
	s.MustSubmit(&attest.Succession{
		Common: attest.Common{Iss: us, Sub: attest.ApprovalSubject(registrytest.Varuna, us), JTI: "succession-1"},
		Target: "approval-varuna", EffectiveAt: attest.NumericDate(s.Clock.Now().Add(time.Minute).Unix()), Successor: "us-own:HEIR", LegalName: "Heir", Country: "US",
	})
	s.Clock.Add(time.Hour)
	s.get("/?q=" + registrytest.Varuna).shown(http.StatusOK).has("auth-us in force and has passed to us-own:HEIR")
	row := s.get(sandboxPath).shown(http.StatusOK).find("tr", func(n *html.Node) bool { return strings.Contains(textOf(n), registrytest.Varuna) })
	if len(row) != 1 || !strings.Contains(textOf(row[0]), "auth-us in force") || strings.Contains(textOf(row[0]), "every role") || strings.Count(textOf(row[0]), "in force") != 2 {
		t.Errorf("the participant is shown as %q", textOf(row[0]))
	}
	s.Clock.Set(registrytest.Start.AddDate(1, 0, -30))
	s.get("/authorities/" + us).shown(http.StatusOK).has("in force and has passed to us-own:HEIR")
}

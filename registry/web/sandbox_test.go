package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

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

package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// anyText is text that a statement may have, and that a form or YAML could read as
// something else.
func anyText() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{
			" ", "  ", "|", " | ", ",", ";", ":", ": ", "#", " #", "-", "- ", "'", `"`, `\`, `\n`, "&", "*", "!", "%", "@", "`", "{", "}", "[", "]", "<", ">", "?", "~", "=", "|-", ">-", "---", "...",
			"null", "true", "yes", "NO", "ALL", "1e5", "0x1", "007", "2026-01-01", "2026-01-01T00:00:00Z", "kind: root", "</textarea>", "{{.}}",
			"\u202e", "\u2066", "\u200b", "\u2028", "\u2029", "\u00a0", "\u3000", "\ufeff", "\u00ad", "\u0301", "\U000e0061", "\U0001f600", "é", "मे", "ע", "\u00ff",
		}),
		rapid.StringMatching(`[A-Za-z0-9.,()/-]{1,12}`),
	)
	return rapid.Custom(func(t *rapid.T) string {
		return norm.NFC.String(strings.Join(rapid.SliceOfN(piece, 1, 6).Draw(t, "pieces"), ""))
	}).Filter(func(s string) bool { return s != "" && len(s) < 4096 })
}

// some draws distinct elements, in some order, none at all where least is 0 half of the time.
func some[T comparable](t *rapid.T, label string, least int, of ...T) []T {
	if least == 0 && rapid.Bool().Draw(t, "no "+label) {
		return nil
	}
	return rapid.Permutation(of).Draw(t, label)[:rapid.IntRange(max(1, least), len(of)).Draw(t, "number of "+label)]
}

// maybe draws text, or none.
func maybe(t *rapid.T, label string) string {
	if rapid.Bool().Draw(t, "no "+label) {
		return ""
	}
	return anyText().Draw(t, label)
}

func anyAmount(t *rapid.T, label string) attest.Amount {
	return attest.Amount(rapid.SampledFrom([]string{"0", "1", "250000", "0.5", "1000000.25", "123456789012345678901234567890", "0.00000001"}).Draw(t, label))
}

var anyEntries = map[string][]string{
	"US_CCL": {"EAR99", "5A001", "5A001.b.1", "6A001.a.1.e", "5E001"}, "IN_SCOMET": {"8A501.b.1", "8A501"}, "EU_DU": {"5A001b1", "1C350", "0A001"},
	"US_USML": {"XI", "XI(a)(1)", "XXI(b)"}, "WASSENAAR": {"5.A.1.b.1", "ML9"},
}

func anyScope(t *rapid.T, label string) attest.Scope {
	s := make(attest.Scope)
	for _, list := range some(t, label+" lists", 1, "US_CCL", "IN_SCOMET", "EU_DU", "US_USML", "WASSENAAR") {
		s[list] = some(t, label+" "+list, 1, anyEntries[list]...)
	}
	return s
}

func anyLimits(t *rapid.T, label string) (l attest.Limits) {
	if rapid.Bool().Draw(t, label+" excludes") {
		l.Excluded = anyScope(t, label+" excluded")
	}
	l.AllowedEndUses = some(t, label+" end uses", 0, "sea_trial", "no", "null", "y", "test_and_evaluation")
	l.Activities = some(t, label+" activities", 0, "integration", "true", "on")
	l.MaxClassification = rapid.SampledFrom(append(attest.Levels(), "")).Draw(t, label+" level")
	if rapid.Bool().Draw(t, label+" nationality") {
		l.Nationality = &attest.Nationality{Permitted: some(t, "permitted", 0, "US", "IN", "NO"), Prohibited: some(t, "prohibited", 1, "KP", "IR")}
	}
	which := rapid.IntRange(0, 3)
	ceiling := func(label string) (each, all attest.Amount) {
		n := rapid.IntRange(1, 3).Draw(t, label)
		if n&1 != 0 {
			each = anyAmount(t, label+" each")
		}
		if n&2 != 0 {
			all = anyAmount(t, label+" all")
		}
		return each, all
	}
	n := which.Draw(t, label+" ceilings")
	if n&1 != 0 {
		v := attest.ValueCeiling{Currency: "USD"}
		v.PerTransaction, v.Cumulative = ceiling("value")
		l.Value = &v
	}
	if n&2 != 0 {
		q := attest.QuantityCeiling{Unit: "pieces"}
		q.PerTransaction, q.Cumulative = ceiling("quantity")
		l.Quantity = &q
	}
	return l
}

func anyCaveats(t *rapid.T) *attest.Limits {
	if rapid.Bool().Draw(t, "no caveats") {
		return nil
	}
	l := anyLimits(t, "caveats")
	if l.InScope = anyScope(t, "caveats in scope"); rapid.Bool().Draw(t, "caveats without scope") && l.MaxClassification != "" {
		l.InScope = nil
	}
	return &l
}

func anyGrant(t *rapid.T) (g attest.Grant, savings []attest.Savings) {
	g.NBF = attest.NumericDate(rapid.Int64Range(1, 253402300799-20).Draw(t, "nbf"))
	if rapid.Bool().Draw(t, "ends") {
		g.EXP = g.NBF + attest.NumericDate(rapid.Int64Range(1, 10).Draw(t, "exp"))
		if rapid.Bool().Draw(t, "savings") {
			savings = []attest.Savings{{Kind: attest.WindDown, Until: g.EXP + 5, Modes: some(t, "modes", 0, attest.Tangible, attest.Intangible)}, {Kind: attest.InTransit, DeliverBefore: g.EXP + 3}}
		}
	}
	if rapid.Bool().Draw(t, "supersedes") {
		g.Supersedes = rapid.SampledFrom([]string{"true", "OLD-1", "2e5", "2026-01-02", "_"}).Draw(t, "older")
	}
	if g.RetroactiveReason = maybe(t, "why it reaches back"); g.RetroactiveReason != "" {
		g.Retroactive = true
	}
	g.LegalBasis = maybe(t, "legal basis")
	if rapid.Bool().Draw(t, "published") {
		g.Publication = &attest.Publication{Citation: anyText().Draw(t, "citation"), URL: maybe(t, "url")}
	}
	return g, savings
}

func anyObligations(t *rapid.T) (out []attest.Obligation) {
	if rapid.Bool().Draw(t, "no obligations") {
		return nil
	}
	for i, o := range some(t, "obligations", 1,
		attest.Obligation{Kind: attest.NotifyBefore, Days: 1}, attest.Obligation{Kind: attest.NotifyBefore, BusinessDays: 1}, attest.Obligation{Kind: attest.ReportWithin, Days: 36525},
		attest.Obligation{Kind: attest.KeepRecords, Years: 1}, attest.Obligation{Kind: attest.ConsigneeStatement}, attest.Obligation{Kind: attest.EndUserCertificate},
	) {
		o.Text = maybe(t, fmt.Sprintf("text %d", i))
		out = append(out, o)
	}
	return out
}

func anyJTI(t *rapid.T) string {
	return rapid.OneOf(rapid.SampledFrom([]string{"null", "1", "-", ".", "1e5", "2026-01-01", "no", "007"}), rapid.StringMatching(`[A-Z][A-Z0-9._-]{0,120}-1`)).
		Filter(func(s string) bool { return s != "OLD-1" }).Draw(t, "jti")
}

var anyEffect = rapid.SampledFrom(attest.LegalEffects())

func anyProgramme(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "VEU", "1", "no", "1e5", "2026-01-01", "NULL"}).Draw(t, "programme")
}

func anyDomain(t *rapid.T) *attest.DomainApproval {
	d := &attest.DomainApproval{
		Common: attest.Common{Aud: registrytest.Origin, Iss: us, JTI: anyJTI(t), IAT: 1},
		Title:  anyText().Draw(t, "title"), LegalEffect: anyEffect.Draw(t, "effect"), Programme: anyProgramme(t),
		Caveats: anyCaveats(t), Obligations: anyObligations(t),
	}
	d.Sub = attest.SandboxSubject(rapid.SampledFrom([]string{"SBX-1", "1", "NO", "-", "1E5", "NULL"}).Draw(t, "sandbox"))
	d.Grant, d.ExpirySavings = anyGrant(t)
	if rapid.Bool().Draw(t, "challenged") {
		d.Challenge = &attest.Challenge{Name: anyText().Draw(t, "challenge"), Citation: maybe(t, "announced")}
	}
	d.Terms.Authorities = append([]string{us}, some(t, "authorities", 0, in, "1", "no", "-", "null")...)
	d.Terms.Concurrence = rapid.Int64Range(1, int64(len(d.Terms.Authorities))).Draw(t, "concurrence")
	d.Terms.Limits = anyLimits(t, "terms")
	d.Terms.InScope = anyScope(t, "in scope")
	return d
}

func anyApproval(t *rapid.T) *attest.EntityApproval {
	a := &attest.EntityApproval{
		Common: attest.Common{Aud: registrytest.Origin, Iss: us, Sub: attest.ApprovalSubject(registrytest.Varuna, us), JTI: anyJTI(t), IAT: 1},
		VCT:    attest.VCT, LegalName: anyText().Draw(t, "name"), CaseNumber: maybe(t, "case number"), Listed: rapid.Bool().Draw(t, "listed"),
		Country: rapid.SampledFrom([]string{"NO", "IN"}).Draw(t, "country"), LegalEffect: anyEffect.Draw(t, "effect"), Programme: anyProgramme(t),
		AuthorisedRoles: some(t, "roles", 0, attest.Transferor, attest.Transferee, attest.Via, attest.EndUser),
		Caveats:         anyCaveats(t), Obligations: anyObligations(t),
		Identifiers: some(t, "identifiers", 0, "iec:0388012345", "duns:000000001", "us-own:1-2"),
	}
	a.Grant, a.ExpirySavings = anyGrant(t)
	if name := maybe(t, "contact"); name != "" {
		a.Contacts = []string{name, name + "."}
	}
	if rapid.Bool().Draw(t, "protégé") {
		a.Mentor = registrytest.Halcyon
	}
	if rapid.Bool().Draw(t, "conditional") {
		a.Conditions = &attest.Conditions{ChangeOfControl: attest.AutoSuspend}
	}
	if rapid.Bool().Draw(t, "with a key") {
		a.Confirmation = &attest.Confirmation{JWK: attest.JWK{Alg: "EdDSA", Crv: "Ed25519", Kty: "OKP", X: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}
	}
	for _, id := range some(t, "sites", 0, "VTZ-1", "1", "NO", "-") {
		a.ApprovedSites = append(a.ApprovedSites, attest.Site{ID: id, Country: "IN", Address: anyText().Draw(t, "address of "+id), Name: maybe(t, "name of "+id)})
	}
	for _, entry := range some(t, "items", 0, anyEntries["US_CCL"]...) {
		it := attest.Item{List: "US_CCL", Entry: entry, Limitation: maybe(t, "limitation of "+entry)}
		if len(a.ApprovedSites) > 0 {
			var ids []string
			for _, s := range a.ApprovedSites {
				ids = append(ids, s.ID)
			}
			it.Sites = some(t, "sites of "+entry, 0, ids...)
		}
		a.EligibleItems = append(a.EligibleItems, it)
	}
	return a
}

// inFull is a draft that says what claims do.
func inFull(c attest.Claims) string {
	h := c.Head()
	return fmt.Sprintf("kind: %s\naud: %q\niss: %q\nsub: %q\njti: %q\niat: 1970-01-01T00:00:01Z\n", c.Kind(), h.Aud, h.Iss, h.Sub, h.JTI) + draft.Rest(c)
}

// payloadOf is what claims say, the time of writing left out.
func payloadOf(t *rapid.T, c attest.Claims) string {
	c.Head().IAT = 1
	b, err := attest.Payload(c)
	if err != nil {
		t.Fatalf("what is written of %+v: %v", c, err)
	}
	return string(b)
}

// Whatever an approval says, its form says, or leaves to the field that has YAML: the
// draft that is made of the form is the same statement.
func TestTheDraftOfAFilledInFormIsTheSameStatement(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	rapid.Check(t, func(t *rapid.T) {
		var c attest.Claims
		if rapid.Bool().Draw(t, "of a sandbox") {
			c = anyDomain(t)
		} else {
			c = anyApproval(t)
		}
		want := payloadOf(t, c)
		shown := s.compose(url.Values{"draft": {inFull(c)}})
		if shown.status != http.StatusOK {
			t.Fatalf("%d of\n%s\n%s", shown.status, inFull(c), shown.text())
		}
		q := shown.filledIn()
		made := s.compose(q)
		if made.status != http.StatusOK {
			t.Fatalf("%d of\n%v\n%s", made.status, q, made.text())
		}
		again, err := draft.Parse("", []byte(made.given("draft")), draft.Options{Now: s.Clock.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, payloadOf(t, again)); diff != "" {
			t.Fatalf("the draft says (-want +got):\n%s\nof the form\n%v", diff, q)
		}
	})
}

// Whoever concurs by the link approves the same terms, to the letter, and takes over
// nothing that the other says for itself.
func TestWhoConcursByTheLinkApprovesTheSameTerms(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		a := anyDomain(t)
		a.Sub, a.JTI, a.Aud, a.IAT = attest.SandboxSubject(fmt.Sprintf("SBX-%d", n)), fmt.Sprintf("domain-%d", n), "", 0
		a.Grant = registrytest.Domain("", us).Grant
		a.ExpirySavings, a.Terms.Authorities, a.Terms.Concurrence = nil, []string{us, in}, rapid.Int64Range(1, 2).Draw(t, "how many")
		s.MustSubmit(a)
		s.Clock.Add(time.Second)
		d := s.get("/compose?from=auth-us/" + a.JTI + "&for=auth-in")
		if d.status != http.StatusOK {
			t.Fatalf("%d\n%s", d.status, d.text())
		}
		q := d.filledIn()
		q.Set("jti", "other")
		q.Set("effect", "authorization")
		q.Set("nbf", "2026-02-01 00:00")
		made := s.compose(q)
		if made.status != http.StatusOK {
			t.Fatalf("%d of\n%v\n%s", made.status, q, made.text())
		}
		c, err := draft.Parse("", []byte(made.given("draft")), draft.Options{Now: s.Clock.Now()})
		if err != nil {
			t.Fatal(err)
		}
		got := c.(*attest.DomainApproval)
		if got.Terms.Digest() != a.Terms.Digest() {
			t.Fatalf("the terms are %+v, want %+v", got.Terms, a.Terms)
		}
		want := &attest.DomainApproval{
			Common: attest.Common{Aud: registrytest.Origin, Iss: in, Sub: a.Sub, JTI: "other"}, Grant: attest.Grant{NBF: attest.NumericDate(date(2, 1).Unix())},
			Title: a.Title, LegalEffect: attest.Authorization, Challenge: a.Challenge, Terms: a.Terms,
		}
		if diff := cmp.Diff(payloadOf(t, want), payloadOf(t, got)); diff != "" {
			t.Fatalf("the draft says (-want +got):\n%s", diff)
		}
	})
}

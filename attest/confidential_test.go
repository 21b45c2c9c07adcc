package attest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
)

// discreet is an approval with every member that may be confidential.
func discreet() *attest.EntityApproval {
	a := entityApproval()
	a.CaseNumber, a.Contacts = "IEA-1", []string{"Export desk"}
	a.ApprovedSites[0].Name = "Yard"
	a.Caveats.Value = &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000"}
	a.Caveats.Quantity = &attest.QuantityCeiling{Unit: "unit", Cumulative: "12"}
	return a
}

var mayBeConfidential = []string{
	"/approved_sites/0/address", "/approved_sites/0/name", "/approved_sites/1/address", "/case_number", "/caveats/quantity", "/caveats/value",
	"/contacts", "/legal_name",
}

func conceal(t *testing.T, a *attest.EntityApproval, pointers ...string) (*attest.EntityApproval, []attest.Disclosure) {
	t.Helper()
	out, ds, err := a.Conceal(pointers)
	if err != nil {
		t.Fatal(err)
	}
	return out, ds
}

func TestWhatIsConfidentialIsNotInTheStatementAndIsDisclosedWhole(t *testing.T) {
	w := newWorld(t)
	plain := discreet()
	concealed, ds := conceal(t, plain, mayBeConfidential...)
	if diff := cmp.Diff(mayBeConfidential, concealed.Hidden()); diff != "" {
		t.Errorf("hidden (-want +got):\n%s", diff)
	}
	statement := sign(t, concealed, w.alice, w.bob)
	st, err := attest.Open(statement, w.root)
	if err != nil {
		t.Fatal(err)
	}
	logged, ok := st.Claims().(*attest.EntityApproval)
	if !ok {
		t.Fatal("not an approval")
	}
	text := string(payload(t, logged))
	for _, secret := range []string{"Samudra", "Dock Road", "Yard", "IEA-1", "Export desk", "250000", `"12"`} {
		if strings.Contains(text, secret) {
			t.Errorf("the statement has %q", secret)
		}
	}
	if !strings.Contains(text, `"confidential":["case_number","contacts","legal_name"]`) {
		t.Errorf("it does not say what it conceals: %s", text)
	}
	// The order of the sites is that of the payload, whatever it was.
	disclosed, err := logged.Disclose(ds)
	if err != nil {
		t.Fatal(err)
	}
	if len(disclosed.Hidden()) > 0 || disclosed.LegalName != plain.LegalName || disclosed.Caveats.Value.PerTransaction != "250000" {
		t.Errorf("disclosed is %+v", disclosed)
	}
	for _, s := range plain.ApprovedSites {
		if !slices.ContainsFunc(disclosed.ApprovedSites, func(d attest.Site) bool { return d.ID == s.ID && d.Address == s.Address && d.Name == s.Name }) {
			t.Errorf("site %s is not disclosed as it was", s.ID)
		}
	}
	if len(logged.Hidden()) != len(mayBeConfidential) {
		t.Error("disclosing has changed the statement")
	}
	// Some are shown and others not.
	some, err := logged.Disclose(ds[3:4])
	if err != nil || some.CaseNumber != "IEA-1" || !some.Hides("/legal_name") {
		t.Errorf("%+v, %v", some, err)
	}
}

func TestADisclosureIsOfWhatTheApprovalNames(t *testing.T) {
	a, ds := conceal(t, discreet(), "/legal_name", "/case_number")
	other, foreign := conceal(t, discreet(), "/legal_name")
	_ = other
	forged := func(text string) attest.Disclosure {
		d, err := attest.ParseDisclosure(base64.RawURLEncoding.EncodeToString([]byte(text)))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	salt := base64.RawURLEncoding.EncodeToString(make([]byte, 16))
	// An issuer who digests another name than it declares, or what is no name.
	digestOf := func(text string) string {
		sum := sha256.Sum256([]byte(base64.RawURLEncoding.EncodeToString([]byte(text))))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	country := `["` + salt + `","country","KP"]`
	tricked := *a
	tricked.Digests = []string{digestOf(country), a.Digests[0]}
	number := `["` + salt + `","legal_name",7]`
	typed := *a
	typed.Digests = []string{digestOf(number), a.Digests[0]}
	for name, c := range map[string]struct {
		of   *attest.EntityApproval
		ds   []attest.Disclosure
		want string
	}{
		"twice":                  {a, []attest.Disclosure{ds[0], ds[0]}, "disclosed twice"},
		"of another approval":    {a, foreign, "is of no member of approval"},
		"made up":                {a, []attest.Disclosure{forged(`["` + salt + `","legal_name","Mallory"]`)}, "is of no member"},
		"of a name not declared": {&tricked, []attest.Disclosure{forged(country)}, "does not name as confidential"},
		"of another type":        {&typed, []attest.Disclosure{forged(number)}, "the disclosure of legal_name"},
	} {
		if got, err := c.of.Disclose(c.ds); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestADisclosureHasOneForm(t *testing.T) {
	_, ds := conceal(t, discreet(), "/legal_name")
	good := ds[0].String()
	if d, err := attest.ParseDisclosure(good); err != nil || d.Name() != "legal_name" || d.String() != good {
		t.Errorf("%v, %v", d, err)
	}
	salt := base64.RawURLEncoding.EncodeToString(make([]byte, 16))
	enc := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, text := range map[string]string{
		"padding":         good + "=",
		"a line end":      good[:8] + "\n" + good[8:],
		"standard base64": strings.ReplaceAll(enc(`["`+salt+`","name","???>>>"]`), "_", "/"),
		"white space":     enc(`["` + salt + `", "legal_name","X"]`),
		"two parts":       enc(`["` + salt + `","X"]`),
		"four parts":      enc(`["` + salt + `","legal_name","X",1]`),
		"an object":       enc(`{"a":1}`),
		"a short salt":    enc(`["AAAA","legal_name","X"]`),
		"no salt":         enc(`[1,"legal_name","X"]`),
		"a number's name": enc(`["` + salt + `",1,"X"]`),
		"invalid UTF-8":   enc("[\"" + salt + "\",\"legal_name\",\"\xff\"]"),
		"a key twice":     enc(`["` + salt + `","value",{"currency":"USD","currency":"EUR"}]`),
		"too large":       enc(`["` + salt + `","legal_name","` + strings.Repeat("x", 30<<10) + `"]`),
		"nothing":         "",
	} {
		if d, err := attest.ParseDisclosure(text); err == nil {
			t.Errorf("%s: read as %s", name, d.Name())
		}
	}
}

func TestDisclosuresAreReadTogether(t *testing.T) {
	a, ds := conceal(t, discreet(), mayBeConfidential...)
	texts := make([]string, len(ds))
	digests := make([]string, len(ds))
	for i, d := range ds {
		texts[i], digests[i] = d.String(), d.Digest()
	}
	got, err := attest.ParseDisclosures(texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range got {
		sum := sha256.Sum256([]byte(texts[i]))
		if d.String() != texts[i] || d.Digest() != base64.RawURLEncoding.EncodeToString(sum[:]) {
			t.Errorf("%d: read as %v", i, d)
		}
	}
	concealed := a.Concealed()
	slices.Sort(concealed)
	slices.Sort(digests)
	if diff := cmp.Diff(digests, concealed); diff != "" {
		t.Error(diff)
	}
	if d := (attest.Disclosure{}).Digest(); d != "" {
		t.Errorf("nothing has the digest %q", d)
	}
	long := make([]string, 13)
	for i := range long {
		_, d := conceal(t, func() *attest.EntityApproval {
			a := discreet()
			a.Contacts = []string{strings.Repeat("a", 4000), strings.Repeat("b", 4000), strings.Repeat("c", 4000), strings.Repeat("d", 4000)}
			return a
		}(), "/contacts")
		long[i] = d[0].String()
	}
	for want, texts := range map[string][]string{
		"disclosure 3 of 3 is disclosure 1 again": {texts[0], texts[1], texts[0]},
		"disclosure 2 of 2 ":                      {texts[0], "x"},
		"there are 513":                           make([]string, 513),
		"the disclosures have more than 262144":   slices.Concat(long, texts),
		"disclosure 1 of 1 ":                      {""},
	} {
		if ds, err := attest.ParseDisclosures(texts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want a refusal that says %q: %d, %v", want, len(ds), err)
		}
	}
}

func TestAnApprovalNamesWhomItIsOf(t *testing.T) {
	a := entityApproval()
	a.Identifiers = []string{"duns:123456789"}
	for id, want := range map[string]bool{a.Entity(): true, "duns:123456789": true, "duns:987654321": false, "": false, a.Sub: false} {
		if a.Names(id) != want {
			t.Errorf("%q: %t", id, !want)
		}
	}
}

func TestOnlyTheClosedListMayBeConfidential(t *testing.T) {
	for _, pointer := range []string{
		"/country", "/identifiers", "/legal_effect", "/eligible_items", "/eligible_items/1/limitation", "/conditions", "/caveats", "/caveats/in_scope", "/supersedes",
		"/cnf", "/nbf", "/exp", "/sub", "/approved_sites", "/approved_sites/0/id", "/approved_sites/0/country", "/approved_sites/7/name", "/_sd", "", "legal_name",
	} {
		if _, _, err := discreet().Conceal([]string{pointer}); err == nil {
			t.Errorf("%q is concealed", pointer)
		}
	}
	if _, _, err := discreet().Conceal([]string{"/approved_sites/1/name"}); err == nil {
		t.Error("what is not there is concealed")
	}
	if _, _, err := discreet().Conceal([]string{"/legal_name", "/legal_name"}); err == nil {
		t.Error("a member is concealed twice")
	}
	w := newWorld(t)
	good, _ := conceal(t, discreet(), "/legal_name", "/caveats/value")
	data := payload(t, good)
	digest := good.Digests[0]
	for _, c := range []struct {
		pointer string
		value   any
		problem string
		message string
	}{
		{"/confidential", []any{"country"}, "/confidential/0", "may not be confidential here"},
		{"/confidential", nil, "/_sd", "has 1 digests for the 0 names"},
		{"/confidential", []any{"case_number", "legal_name"}, "/_sd", "has 1 digests for the 2 names"},
		{"/legal_name", "Samudra Works", "/legal_name", "stands in clear"},
		{"/_sd", nil, "/_sd", "has 0 digests for the 1 names"},
		{"/_sd", []any{"short"}, "/_sd/0", "want a SHA-256"},
		{"/caveats/_sd", []any{digest}, "/caveats/_sd/0", "stands twice"},
		{"/_sd_alg", nil, "/_sd_alg", `want "sha-256"`},
		{"/_sd_alg", "sha-512", "/_sd_alg", `want "sha-256"`},
	} {
		_, err := attest.Parse(forgePayload(t, typ[attest.KindEntityApproval], edit(t, data, c.pointer, c.value), w.alice))
		wantProblem(t, err, attest.Invalid, c.problem, c.message)
	}
	plain := payload(t, discreet())
	_, err := attest.Parse(forgePayload(t, typ[attest.KindEntityApproval], edit(t, plain, "/_sd_alg", "sha-256"), w.alice))
	wantProblem(t, err, attest.Invalid, "/_sd_alg", "goes with _sd")
	// A confirmation is a key as officers' are.
	_, err = attest.Parse(forgePayload(t, typ[attest.KindEntityApproval], edit(t, plain, "/cnf", map[string]any{"jwk": map[string]any{"alg": "RS256", "crv": "x", "kty": "RSA", "x": "AQAB"}}), w.alice))
	wantProblem(t, err, attest.Invalid, "/cnf/jwk", "")
}

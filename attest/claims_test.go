package attest_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/attest"
)

// A saying is one member of a kind's claims changed to what no statement says.
type saying struct {
	pointer string // of the member that is set
	value   any    // nil deletes it
	problem string // pointer of the problem, "" where it is the same
	message string
}

func TestClaimsThatNoStatementMakesAreRefusedByMember(t *testing.T) {
	long := strings.Repeat("x", 4097)
	many := make([]string, 33)
	for i := range many {
		many[i] = fmt.Sprintf("duns:%09d", i)
	}
	for kind, sayings := range map[attest.Kind][]saying{
		attest.KindRegistration: {
			{"/aud", nil, "", "is missing"},
			{"/aud", "https://register.example", "", "is no origin"},
			{"/aud", "Register.example", "", "is no origin"},
			{"/aud", "register.example/", "", "is no origin"},
			{"/iss", nil, "", "is missing"},
			{"/iss", "US-BIS", "", `did you mean "us-bis"`},
			{"/iss", "root", "", "is no authority"},
			{"/sub", nil, "", "is missing"},
			{"/sub", "sandbox:X", "", "want entity:"},
			{"/sub", "entity:" + lei + "/us-bis", "", "parse identifier"},
			{"/sub", "entity:lei:213800kud8lajwsq9d15", "", "Case is never folded"},
			{"/sub", "entity:lei:213800KUD8LAJWSQ9D16", "", "check digits"},
			{"/sub", "entity:LEI:213800KUD8LAJWSQ9D15", "", "scheme"},
			{"/sub", "entity:lie:213800KUD8LAJWSQ9D15", "", "did you mean lei"},
			{"/sub", "entity:Deepsound", "", "no colon"},
			{"/jti", nil, "", "is missing"},
			{"/jti", "a/b", "", "want 1 to 128 of"},
			{"/jti", strings.Repeat("a", 129), "", "want 1 to 128 of"},
			{"/iat", nil, "", "is missing"},
			{"/iat", -1, "", "between 1970 and 9999"},
			{"/iat", 253402300800, "", "between 1970 and 9999"},
			{"/nbf", nil, "", "is missing"},
			{"/nbf", -5, "", "between 1970 and 9999"},
			{"/exp", 1772323200, "", "is not after nbf"},
			{"/exp", 253402300800, "", "between 1970 and 9999"},
			{"/supersedes", "REG-1", "", "names the statement itself"},
			{"/supersedes", "R 0", "", "want 1 to 128 of"},
			{"/retroactive", true, "/retroactive_reason", "must say why"},
			{"/retroactive_reason", "because", "", "goes with retroactive"},
			{"/legal_basis", long, "", "4097 bytes"},
			{"/publication", map[string]any{"url": "https://x"}, "/publication/citation", "is missing"},
			{"/legal_name", nil, "", "is missing"},
			{"/legal_name", long, "", "4097 bytes"},
			{"/former_names/0", long, "", "4097 bytes"},
			{"/country", nil, "", "is missing"},
			{"/country", "UK", "", "the United Kingdom is GB"},
			{"/country", "us", "", "upper-case, US"},
			{"/identifiers", many, "", "at most 32"},
			{"/identifiers/0", "cage:OHMS1", "", "cage"},
			{"/identifiers", []string{lei}, "/identifiers/0", "own id"},
			{"/sites/0/id", nil, "", "is missing"},
			{"/sites/0/id", "hq", "", `did you mean "HQ"`},
			{"/sites/0/address", nil, "", "is missing"},
			{"/sites/0/country", "XK", "", "no ISO 3166-1"},
			{"/sites", []any{
				map[string]any{"id": "A", "address": "1", "country": "US"}, map[string]any{"id": "A", "address": "2", "country": "US"},
			}, "/sites/1/id", "stands twice"},
		},
		attest.KindEntityApproval: {
			{"/sub", "entity:" + lei, "", "the entity and the issuer"},
			{"/sub", "entity:" + lei + "/in-dgft", "", "the entity and the issuer"},
			{"/sub", "entity:" + lei + "/us-bis/x", "", "the entity and the issuer"},
			{"/sub", "entity:lei:X/us-bis", "", "parse identifier"},
			{"/vct", nil, "", "want \"urn:safeconduct:entity-approval:1\""},
			{"/vct", "urn:safeconduct:entity-approval:2", "", "want \"urn:safeconduct:entity-approval:1\""},
			{"/legal_name", nil, "", "is missing"},
			{"/country", nil, "", "is missing"},
			{"/legal_effect", nil, "", "is missing"},
			{"/legal_effect", "licence", "", `unknown value "licence"`},
			{"/programme", "V E U", "", "is no programme name"},
			{"/authorised_roles", []string{"owner"}, "/authorised_roles/0", `unknown value "owner"`},
			{"/eligible_items/0/entry", "1c002.a.1", "", "US_CCL entry"},
			{"/eligible_items/0/entry", "1C002.a.01", "", "US_CCL entry"},
			{"/eligible_items/0/entry", nil, "/eligible_items/1/entry", "US_CCL entry"},
			{"/eligible_items/0/list", "CCL", "/eligible_items/0/entry", "unknown list"},
			{"/eligible_items/1/sites/0", "VTZ-9", "", "is not among approved_sites"},
			{"/eligible_items/1/limitation", long, "", "4097 bytes"},
			{"/identifiers", many, "", "at most 32"},
			{"/identifiers/0", "cage:OHMS1", "", "cage"},
			{"/identifiers", []string{lei}, "/identifiers/0", "own id"},
			{"/mentor", lei, "", "is the holder itself"},
			{"/mentor", "cage:9HMS1", "", "is the holder itself"},
			{"/mentor", "Halcyon", "", "parse identifier"},
			{"/mentor", "lei:213800KUD8LAJWSQ9D16", "", "check digits"},
			{"/mentor", "entity:" + other, "", "scheme"},
			{"/mentor", other + "/us-bis", "", "parse identifier"},
			{"/caveats/max_classification", "public", "", "unknown value"},
			{"/caveats/in_scope/US_CCL/0", "EAR98", "", "US_CCL entry"},
			{"/conditions/change_of_control", "auto_revoke", "", "want \"auto_suspend\""},
			{"/exp", nil, "/expiry_savings", "goes with exp"},
			{"/expiry_savings/0/deliver_before", nil, "", "is missing"},
			{"/obligations", obligated(33), "", "at most 32"},
			{"/obligations/0/kind", nil, "", "is missing"},
			{"/obligations/0/kind", "notify", "", `unknown value "notify"`},
			{"/obligations/0/text", long, "", "4097 bytes"},
			{"/obligations/0/business_days", nil, "/obligations/4/days", "either days or business_days"},
			{"/obligations/0/days", 5, "", "either days or business_days"},
			{"/obligations/0/years", 5, "", "is counted in days or business_days"},
			{"/obligations/0/business_days", 36526, "", "want 1 to 36525"},
			{"/obligations/0/business_days", -1, "", "want 1 to 36525"},
			{"/obligations/1/days", 36526, "", "want 1 to 36525"},
			{"/obligations/2/days", 5, "", "has no period"},
			{"/obligations/3/years", 5, "", "has no period"},
			{"/obligations/4/days", 5, "/obligations/2/days", "is counted in years"},
			{"/obligations/4/business_days", 5, "/obligations/0/business_days", "is counted in years"},
			{"/obligations/4/years", nil, "", "wants years"},
			{"/obligations/4/years", 101, "", "want 1 to 100"},
		},
		attest.KindDomainApproval: {
			{"/sub", "sandbox:sbx", "", `did you mean "SBX"`},
			{"/sub", "sandbox:", "", "want 1 to 64 of"},
			{"/sub", "entity:" + lei, "", "want sandbox:"},
			{"/title", nil, "", "is missing"},
			{"/challenge", map[string]any{"citation": "Joint statement"}, "/challenge/name", "is missing"},
			{"/challenge", map[string]any{"name": long}, "/challenge/name", "4097 bytes"},
			{"/challenge", map[string]any{"citation": long, "name": "C"}, "/challenge/citation", "4097 bytes"},
			{"/terms/authorities", nil, "", "is missing"},
			{"/terms/authorities", []string{"in-dgft"}, "", "does not name the issuer"},
			{"/terms/authorities", []string{"UK", "us-bis"}, "/terms/authorities/0", "want 1 to 32 of"},
			{"/terms/authorities", []string{"a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "us-bis"}, "", "at most 8"},
			{"/terms/concurrence", nil, "", "must concur"},
			{"/terms/concurrence", 3, "", "is 3"},
			{"/terms/concurrence", -1, "", "is -1"},
			{"/terms/in_scope", nil, "", "is missing"},
			{"/terms/in_scope", map[string]any{"CCL": []string{"6A001"}}, "/terms/in_scope/CCL", "unknown control list"},
			{"/terms/in_scope/US_CCL/1", "6a001", "", "US_CCL entry"},
			{"/terms/excluded/US_CCL/0", "6A001.", "", "US_CCL entry"},
			{"/terms/allowed_end_uses/0", "Civil", "", "is no code"},
			{"/terms/activities/0", "joint test", "", "is no code"},
			{"/terms/max_classification", "TOP_SECRET", "", "unknown value"},
			{"/terms/nationality", map[string]any{"permitted": []string{"IN"}, "prohibited": []string{"IN"}}, "/terms/nationality/permitted/0", "both permitted and prohibited"},
			{"/terms/nationality/prohibited/0", "ZZ", "", "no ISO 3166-1"},
			{"/terms/value/currency", nil, "", "is missing"},
			{"/terms/value/currency", "usd", "", "upper-case, USD"},
			{"/terms/value/per_transaction", "250000.00", "", "is no amount"},
			{"/terms/value/per_transaction", "1e6", "", "is no amount"},
			{"/terms/value/cumulative", "-1", "", "is no amount"},
			{"/terms/value/cumulative", "01", "", "is no amount"},
			{"/terms/value", map[string]any{"currency": "USD"}, "", "neither per_transaction nor cumulative"},
			{"/terms/quantity/unit", nil, "", "is missing"},
			{"/terms/quantity/cumulative", "1.", "", "is no amount"},
			{"/caveats/max_classification", "public", "", "unknown value"},
			{"/caveats/excluded/US_CCL/0", "EAR98", "", "US_CCL entry"},
			{"/exp", nil, "/expiry_savings", "goes with exp"},
			{"/expiry_savings/1/until", nil, "", "is missing"},
			{"/obligations/4/years", 101, "", "want 1 to 100"},
		},
		attest.KindConsent: {
			{"/sub", "consent:us-bis/CON-2", "", "want consent:us-bis/CON-1"},
			{"/sub", "consent:in-dgft/CON-1", "", "want consent:us-bis/CON-1"},
			{"/sub", "consent:us-bis/CON-1/x", "", "want consent:us-bis/CON-1"},
			{"/sub", "entity:" + lei + "/us-bis", "", "want consent:"},
			{"/exp", 1772323200, "", "is not after nbf"},
			{"/supersedes", "CON-0", "", "does not go with a consent"},
			{"/retroactive", true, "/retroactive_reason", "must say why"},
			{"/transferee", nil, "", "is missing"},
			{"/transferee", "Deepsound", "", "no colon"},
			{"/in_scope", map[string]any{"CCL": []string{"6A001"}}, "/in_scope/CCL", "unknown control list"},
			{"/in_scope/US_CCL/0", "5a001", "", "US_CCL entry"},
			{"/sites/0", "vtz-1", "/sites/1", `did you mean "VTZ-1"`},
			{"/value/currency", nil, "", "is missing"},
			{"/value/currency", "usd", "", "upper-case, USD"},
			{"/value/per_transaction", nil, "", "is missing"},
			{"/value/per_transaction", "1.0", "", "is no amount"},
			{"/value/cumulative", "500000", "", "for each transaction"},
			{"/obligations/4/years", 101, "", "want 1 to 100"},
		},
		attest.KindEntityEvent: {
			{"/sub", "entity:" + lei + "/us-bis", "", "parse identifier"},
			{"/sub", "sandbox:SBX", "", "want entity:"},
			{"/event", nil, "", "is missing"},
			{"/event", "demerger", "", `unknown value "demerger"`},
			{"/event", "rename", "/new_name", "is missing"},
			{"/event", "merger", "/survivor", "is missing"},
			{"/event", "rename", "/acquirer", "goes with change_of_control only"},
			{"/event", "merger", "/acquirer_name", "goes with change_of_control only"},
			{"/event", "merger", "/percent", "goes with change_of_control only"},
			{"/new_name", "X", "", "goes with rename only"},
			{"/new_name", long, "", "4097 bytes"},
			{"/survivor", other, "", "goes with merger only"},
			{"/survivor", lei, "", "is the absorbed entity itself"},
			{"/survivor", "lei:X", "", "parse identifier"},
			{"/effective_at", nil, "", "is missing"},
			{"/acquirer", "Oriole", "", "no colon"},
			{"/acquirer_name", long, "", "4097 bytes"},
			{"/percent", "50.10", "", "is no amount"},
			{"/percent", "100.5", "", "is more than 100 percent"},
			{"/cause", "By Resolution", "", "is no code"},
			{"/cause_text", long, "", "4097 bytes"},
			{"/legal_basis", long, "", "4097 bytes"},
			{"/publication", map[string]any{"url": "https://x"}, "/publication/citation", "is missing"},
		},
		attest.KindSuccession: {
			{"/sub", "entity:" + lei, "", "the entity and the issuer"},
			{"/sub", "entity:" + lei + "/in-dgft", "", "the entity and the issuer"},
			{"/target", nil, "", "is missing"},
			{"/target", "a b", "", "want 1 to 128 of"},
			{"/effective_at", nil, "", "is missing"},
			{"/successor", nil, "", "is missing"},
			{"/successor", lei, "", "is the entity that has the approval"},
			{"/successor", "Oriole", "", "no colon"},
			{"/legal_name", nil, "", "is missing"},
			{"/legal_name", long, "", "4097 bytes"},
			{"/country", nil, "", "is missing"},
			{"/country", "UK", "", "the United Kingdom is GB"},
			{"/approved_sites/0/address", nil, "/approved_sites/1/address", "is missing"},
			{"/approved_sites/1/id", "COK-1", "", "stands twice"},
			{"/retroactive", nil, "/retroactive_reason", "goes with retroactive"},
			{"/legal_basis", long, "", "4097 bytes"},
			{"/publication", map[string]any{"url": "https://x"}, "/publication/citation", "is missing"},
		},
		attest.KindEvent: {
			{"/sub", "root", "", "want the subject of the target"},
			{"/sub", "entity:" + lei + "/in-dgft", "", "is for its issuer"},
			{"/sub", "entity:" + lei + "/", "", "is for its issuer"},
			{"/sub", "entity:lei:X", "", "parse identifier"},
			{"/sub", "sandbox:x", "", "want 1 to 64 of"},
			{"/event", nil, "", "is missing"},
			{"/event", "freeze", "", `unknown value "freeze"`},
			{"/target", nil, "", "is missing"},
			{"/target", "a b", "", "want 1 to 128 of"},
			{"/effective_at", nil, "", "is missing"},
			{"/until", 1772323200, "", "is not after effective_at"},
			{"/event", "revoke", "/until", "goes with suspend only"},
			{"/cause", "False Statement", "", "is no code"},
			{"/cause_text", long, "", "4097 bytes"},
			{"/retroactive", true, "/retroactive_reason", "must say why"},
			{"/retroactive", true, "", "may be backdated without it"},
			{"/sub", "consent:us-bis/CON-1", "", "want consent:us-bis/VEU-1"},
			{"/sub", "consent:in-dgft/VEU-1", "", "want consent:us-bis/VEU-1"},
			{"/event", "lift", "/ends", "is missing"},
			{"/event", "lift", "/savings", "goes with suspend, revoke and withdraw only"},
			{"/ends", []string{"suspension"}, "", "goes with lift only"},
			{"/ends", []string{"revocation"}, "/ends/0", `unknown value "revocation"`},
			{"/savings/0/kind", nil, "/savings/0/kind", "is missing"},
			{"/savings/0/kind", "windup", "", `unknown value "windup"`},
			{"/savings/0/deliver_before", nil, "", "is missing"},
			{"/savings/0/deliver_before", -1, "", "between 1970 and 9999"},
			{"/savings/0/until", 1772323300, "", "goes with wind_down only"},
			{"/savings/0/modes", []string{"tangible"}, "", "goes with wind_down only"},
			{"/savings/1/until", nil, "", "is missing"},
			{"/savings/1/modes/0", "virtual", "/savings/1/modes/1", `unknown value "virtual"`},
			{"/savings/1/deliver_before", 1772323300, "", "goes with in_transit only"},
			{"/savings", []any{
				map[string]any{"kind": "wind_down", "until": 1772323300}, map[string]any{"kind": "wind_down", "until": 1772323301},
			}, "/savings/1/kind", "stands twice"},
		},
	} {
		for _, s := range sayings {
			t.Run(fmt.Sprintf("%s %s %.40v", kind, s.pointer, s.value), func(t *testing.T) {
				if s.problem == "" {
					s.problem = s.pointer
				}
				bad := edit(t, payload(t, sample(kind)), s.pointer, s.value)
				_, err := attest.Parse(forgePayload(t, typ[kind], bad, newKey(t, "EdDSA", "anybody")))
				wantProblem(t, err, attest.Invalid, s.problem, s.message)
			})
		}
	}
}

// obligated has n obligations in the order of a payload.
func obligated(n int) (out []any) {
	for i := range n {
		out = append(out, map[string]any{"kind": "keep_records", "years": 10 + i})
	}
	return out
}

func sample(k attest.Kind) attest.Claims {
	switch k {
	case attest.KindConsent:
		return consent()
	case attest.KindEntityEvent:
		return entityEvent(attest.ChangeOfControl)
	case attest.KindSuccession:
		return succession()
	case attest.KindRegistration:
		return registration()
	case attest.KindEntityApproval:
		return entityApproval()
	case attest.KindDomainApproval:
		return domainApproval()
	default:
		return event(attest.Suspend)
	}
}

func TestAllProblemsAreNamedAtOnce(t *testing.T) {
	bad := edit(t, edit(t, payload(t, registration()), "/country", "UK"), "/legal_name", nil)
	_, err := attest.Parse(forgePayload(t, typ[attest.KindRegistration], bad, newKey(t, "EdDSA", "anybody")))
	wantProblem(t, err, attest.Invalid, "/country", "GB")
	wantProblem(t, err, attest.Invalid, "/legal_name", "is missing")
}

func TestVocabularyOfLaterVersionsIsRefused(t *testing.T) {
	for kind, members := range map[attest.Kind][]string{
		attest.KindEntityApproval: {"status", "sd"},
		attest.KindDomainApproval: {"savings"},
		attest.KindEvent:          {"reissues", "successor"},
		attest.KindConsent:        {"end_uses"},
		attest.KindEntityEvent:    {"target", "savings"},
		attest.KindSuccession:     {"supersedes", "eligible_items"},
	} {
		for _, m := range members {
			bad := edit(t, payload(t, sample(kind)), "/"+m, json.RawMessage(`{"a":"b"}`))
			_, err := attest.Parse(forgePayload(t, typ[kind], bad, newKey(t, "EdDSA", "anybody")))
			wantProblem(t, err, attest.Malformed, "/"+m, "unknown member")
		}
	}
}

func TestSubjectsOfARegistrationAreAllItsIdentifiers(t *testing.T) {
	got := strings.Join(registration().Subjects(), " ")
	if want := "entity:" + lei + " entity:cage:9HMS1 entity:uei:H4LCYNMRTM26"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWhatConcernsTwoEntitiesHasTheSubjectsOfBoth(t *testing.T) {
	for want, c := range map[string]attest.Claims{
		"entity:" + lei + "/us-bis":                             entityApproval(),
		"consent:us-bis/CON-1":                                  consent(),
		"entity:" + lei:                                         entityEvent(attest.ChangeOfControl),
		"entity:" + lei + " entity:" + other:                    entityEvent(attest.Merger),
		"entity:" + lei + "/us-bis entity:" + other + "/us-bis": succession(),
	} {
		if got := strings.Join(c.Subjects(), " "); got != want {
			t.Errorf("%s: got %s, want %s", c.Kind(), got, want)
		}
	}
}

func TestTermsConcurExactlyWhereTheyAreEqual(t *testing.T) {
	a, b := domainApproval(), domainApproval()
	b.Terms.Authorities = []string{"us-bis", "in-dgft"}
	if a.Terms.Digest() != b.Terms.Digest() {
		t.Error("the order of a set changes the digest")
	}
	// Signed, the terms are in order, and the digest is taken as they are.
	b.Terms.Excluded = attest.Scope{"US_CCL": {"6A001.b", "6A001.a.2"}, "IN_SCOMET": {"8A501.b.1"}}
	w := newWorld(t)
	st, err := attest.Open(sign(t, b, w.alice, w.bob), w.root)
	if err != nil {
		t.Fatal(err)
	}
	if st.TermsDigest() != b.Terms.Digest() {
		t.Error("the digest of signed terms is another")
	}
	b = domainApproval()
	b.Terms.Concurrence = 1
	if a.Terms.Digest() == b.Terms.Digest() {
		t.Error("other terms have the same digest")
	}
}

func TestAmountIsShortestDecimal(t *testing.T) {
	for _, s := range []string{"0", "1", "0.5", "250000", "1000000.5", "0.000000001", strings.Repeat("9", 30)} {
		a, err := attest.ParseAmount(s)
		if err != nil || a.Decimal().String() != s {
			t.Errorf("%s: got %s, %v", s, a.Decimal(), err)
		}
	}
	for _, s := range []string{"", "00", "01", "1.0", ".5", "5.", "-1", "+1", "1e3", "1,5", " 1", "1\n", "٣", "0.0000000001", strings.Repeat("9", 31)} {
		if _, err := attest.ParseAmount(s); err == nil {
			t.Errorf("accepted %q", s)
		}
	}
	if !attest.Amount("").Decimal().IsZero() {
		t.Error("no amount is not zero")
	}
}

// These forms are written out by hand in the package; here they are as the
// documentation has them.
func TestFormsOfNamesAreThoseOfTheDocumentation(t *testing.T) {
	for name, row := range map[string]struct {
		form string
		is   func(string) bool
	}{
		"code":      {`^[a-z][a-z0-9_]{0,63}$`, attest.IsCode},
		"programme": {`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`, attest.IsProgramme},
		"origin": {`^[a-z0-9][a-z0-9.-]*(/[a-zA-Z0-9._~-]+)*$`, func(s string) bool {
			return attest.Origin(s) == nil || len(s) > 128
		}},
	} {
		form := regexp.MustCompile(row.form)
		rapid.Check(t, func(t *rapid.T) {
			s := rapid.OneOf(
				rapid.StringMatching(`[a-z]?[a-z0-9_]{0,65}`), rapid.StringMatching(`[A-Za-z0-9._-]{0,66}`),
				rapid.StringMatching(`[a-z0-9.-]{0,5}(/[a-zA-Z0-9._~-]{0,3}){0,3}.?`), rapid.String(),
			).Draw(t, "name")
			if want := form.MatchString(s) || name == "origin" && len(s) > 128; row.is(s) != want {
				t.Fatalf("%s %q: %t, want %t", name, s, row.is(s), want)
			}
		})
	}
}

package attest_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/jws"
)

const (
	register = "register.example/test"
	lei      = "lei:213800KUD8LAJWSQ9D15"
	day      = attest.NumericDate(1772323200) // 2026-03-01
)

// testKey is a signer whose key follows from its name, so that a test can name
// the same key twice.
type testKey struct {
	key  attest.Key
	priv crypto.Signer
}

func newKey(t testing.TB, alg, name string) *testKey {
	t.Helper()
	seed := sha512.Sum384([]byte(name))
	seed[0] = 0 // below the order of either curve
	var priv crypto.Signer
	var err error
	switch alg {
	case "EdDSA":
		priv = ed25519.NewKeyFromSeed(seed[:32])
	case "ES256":
		priv, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:32])
	case "ES384":
		priv, err = ecdsa.ParseRawPrivateKey(elliptic.P384(), seed[:])
	}
	if err != nil {
		t.Fatal(err)
	}
	k, err := jws.NewKey(priv.Public(), alg)
	if err != nil {
		t.Fatal(err)
	}
	return &testKey{k, priv}
}

func (k *testKey) Key() attest.Key { return k.key }

func (k *testKey) Sign(_ context.Context, input []byte) ([]byte, error) {
	if p, ok := k.priv.(ed25519.PrivateKey); ok {
		return ed25519.Sign(p, input), nil
	}
	r, s, err := k.rs(input)
	if err != nil {
		return nil, err
	}
	return k.key.FromRS(r, s)
}

// rs signs with ECDSA and returns the two numbers as they come.
func (k *testKey) rs(input []byte) (r, s *big.Int, err error) {
	digest := sha256.Sum256(input)
	sum := digest[:]
	if k.key.Algorithm() == "ES384" {
		long := sha512.Sum384(input)
		sum = long[:]
	}
	der, err := ecdsa.SignASN1(rand.Reader, k.priv.(*ecdsa.PrivateKey), sum)
	if err != nil {
		return nil, nil, err
	}
	var sig struct{ R, S *big.Int }
	_, err = asn1.Unmarshal(der, &sig)
	return sig.R, sig.S, err
}

func (k *testKey) jwk(t testing.TB) attest.JWK {
	t.Helper()
	j, err := attest.JWKOf(k.key)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func officer(t testing.TB, id string, keys ...*testKey) attest.Officer {
	t.Helper()
	o := attest.Officer{ID: id}
	for _, k := range keys {
		o.Keys = append(o.Keys, k.jwk(t))
	}
	return o
}

// A world is a trust root with the keys of everybody in it: the United States
// need two officers to grant and one to revoke, and are bounded; India needs
// one and is not.
type world struct {
	root                         *attest.TrustRoot
	claims                       *attest.Root
	chief1, chief2, chief3       *testKey // root officers, two of whom sign
	alice, aliceSpare, bob, lost *testKey // us-bis; lost is bob's, compromised
	ravi                         *testKey // in-dgft
	stranger                     *testKey
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		chief1: newKey(t, "EdDSA", "chief1"), chief2: newKey(t, "ES256", "chief2"), chief3: newKey(t, "ES384", "chief3"),
		alice: newKey(t, "EdDSA", "alice"), aliceSpare: newKey(t, "ES256", "alice spare"),
		bob: newKey(t, "ES384", "bob"), lost: newKey(t, "EdDSA", "lost"),
		ravi: newKey(t, "ES256", "ravi"), stranger: newKey(t, "EdDSA", "stranger"),
	}
	_, logKey, err := note.GenerateKey(bytes.NewReader(make([]byte, 64)), register)
	if err != nil {
		t.Fatal(err)
	}
	w.claims = &attest.Root{
		Common:  attest.Common{Aud: register, Iss: "root", Sub: "root", JTI: "root-1", IAT: day},
		Version: 1, Threshold: 2,
		Officers: []attest.Officer{officer(t, "chief1", w.chief1), officer(t, "chief2", w.chief2), officer(t, "chief3", w.chief3)},
		LogKeys:  []string{logKey},
		Authorities: []attest.Authority{
			{
				ID: "us-bis", Name: "Bureau of Industry and Security (pretended)", Countries: []string{"US"},
				Officers:   []attest.Officer{officer(t, "alice", w.aliceSpare, w.alice), officer(t, "bob", w.bob, w.lost)},
				Thresholds: attest.Thresholds{Granting: 2, Revoking: 1},
				Jurisdiction: attest.Jurisdiction{
					Countries: []string{"CN", "IN"}, Lists: []string{"US_CCL"},
					Programmes: []string{"VEU"}, Sandboxes: []string{"SBX-UCOMMS"},
				},
				Compromised: []attest.Compromised{{Kid: w.lost.key.ID(), Since: 7}},
			},
			{
				ID: "in-dgft", Name: "Directorate General of Foreign Trade (pretended)", Countries: []string{"IN"},
				Officers:   []attest.Officer{officer(t, "ravi", w.ravi)},
				Thresholds: attest.Thresholds{Granting: 1, Revoking: 1},
			},
		},
	}
	w.root = openRoot(t, sign(t, w.claims, w.chief1, w.chief2), nil)
	return w
}

func openRoot(t testing.TB, statement []byte, previous *attest.TrustRoot) *attest.TrustRoot {
	t.Helper()
	s, err := attest.OpenRoot(statement, previous)
	if err != nil {
		t.Fatal(err)
	}
	return s.TrustRoot()
}

func sign(t testing.TB, c attest.Claims, keys ...*testKey) []byte {
	t.Helper()
	var signers []attest.Signer
	for _, k := range keys {
		signers = append(signers, k)
	}
	s, err := attest.Sign(t.Context(), c, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func common(sub, jti string) attest.Common {
	return attest.Common{Aud: register, Iss: "us-bis", Sub: sub, JTI: jti, IAT: day}
}

func registration() *attest.Registration {
	return &attest.Registration{
		Common: common("entity:"+lei, "REG-1"), Grant: attest.Grant{NBF: day},
		LegalName: "Deepsound Inc.", Country: "US", FormerNames: []string{"Old Name", "Älterer Name"},
		Identifiers: []string{"cage:9HMS1", "uei:H4LCYNMRTM26"},
		Sites:       []attest.Site{{ID: "HQ", Name: "Headquarters", Address: "1 Main St, Norfolk", Country: "US"}},
	}
}

func entityApproval() *attest.EntityApproval {
	return &attest.EntityApproval{
		Common: common("entity:"+lei+"/us-bis", "VEU-1"),
		Grant: attest.Grant{
			NBF: day, EXP: day + 86400*365, LegalBasis: "15 CFR 748.15",
			Retroactive: true, RetroactiveReason: "the list is older than the register",
			Publication: &attest.Publication{Citation: "74 FR 31620", URL: "https://www.federalregister.gov/citation/74-FR-31620"},
		},
		VCT: attest.VCT, LegalName: "Samudra Works", Country: "IN", LegalEffect: attest.Authorization, Programme: "VEU",
		AuthorisedRoles: []attest.Role{attest.EndUser, attest.Transferee},
		ApprovedSites:   []attest.Site{{ID: "VTZ-1", Address: "1 Dock Road", Country: "IN"}, {ID: "VTZ-2", Address: "2 Dock Road", Country: "IN"}},
		EligibleItems: []attest.Item{
			{List: "US_CCL", Entry: "1C002.a.1"},
			{List: "US_CCL", Entry: "5E002", Limitation: "for wafers only", Sites: []string{"VTZ-1"}},
		},
		Identifiers:   []string{"cage:9HMS1", "uei:H4LCYNMRTM26"},
		Caveats:       &attest.Limits{MaxClassification: "UNCLASSIFIED", InScope: attest.Scope{"US_CCL": {"1C002"}}},
		Conditions:    &attest.Conditions{ChangeOfControl: attest.AutoSuspend},
		ExpirySavings: savings(), Obligations: obligations(),
	}
}

func savings() []attest.Savings {
	return []attest.Savings{
		{Kind: attest.InTransit, DeliverBefore: day + 8},
		{Kind: attest.WindDown, Until: day + 9, Modes: []attest.Mode{attest.Intangible, attest.Tangible}},
	}
}

// obligations are in the order of their payload.
func obligations() []attest.Obligation {
	return []attest.Obligation{
		{Kind: attest.NotifyBefore, BusinessDays: 5},
		{Kind: attest.ReportWithin, Days: 30, Text: "To the licensing desk."},
		{Kind: attest.ConsigneeStatement},
		{Kind: attest.EndUserCertificate, Text: "In the original."},
		{Kind: attest.KeepRecords, Years: 5},
	}
}

func consent() *attest.Consent {
	return &attest.Consent{
		Common: common("consent:us-bis/CON-1", "CON-1"), Grant: attest.Grant{NBF: day, EXP: day + 86400*365},
		Transferee: lei, InScope: attest.Scope{"US_CCL": {"5A001.b.1"}}, Sites: []string{"VTZ-1", "VTZ-2"},
		Value: &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000"}, Obligations: obligations(),
	}
}

// other is an entity that nothing else is about.
const other = "lei:529900T8BM49AURSDO55"

func entityEvent(typ attest.EntityEventType) *attest.EntityEvent {
	e := &attest.EntityEvent{
		Common: common("entity:"+lei, "ENT-1"), Event: typ, EffectiveAt: day + 5,
		Cause: "resolution", CauseText: "Say why.", LegalBasis: "15 CFR 748.15",
		Publication: &attest.Publication{Citation: "74 FR 31620"},
	}
	switch typ {
	case attest.Rename:
		e.NewName = "Deepsense Inc."
	case attest.Merger:
		e.Survivor = other
	case attest.ChangeOfControl:
		e.Acquirer, e.AcquirerName, e.Percent = other, "Oriole Capital", "50.1"
	}
	return e
}

func succession() *attest.Succession {
	return &attest.Succession{
		Common: common("entity:"+lei+"/us-bis", "SUC-1"), Target: "VEU-1", EffectiveAt: day + 5,
		Successor: other, LegalName: "Oriole Works", Country: "IN",
		ApprovedSites: []attest.Site{{ID: "COK-1", Address: "1 Lagoon Road", Country: "IN"}, {ID: "COK-2", Address: "2 Lagoon Road", Country: "IN"}},
		Retroactive:   true, RetroactiveReason: "the merger came first",
		LegalBasis: "15 CFR 748.15", Publication: &attest.Publication{Citation: "74 FR 31620"},
	}
}

func domainApproval() *attest.DomainApproval {
	return &attest.DomainApproval{
		Common: common("sandbox:SBX-UCOMMS", "DOM-1"), Grant: attest.Grant{NBF: day, EXP: day + 86400*365, Supersedes: "DOM-0"},
		Title: "Underwater communications", LegalEffect: attest.Eligibility, Programme: "VEU",
		Terms: attest.Terms{
			Authorities: []string{"in-dgft", "us-bis"}, Concurrence: 2,
			Limits: attest.Limits{
				InScope:        attest.Scope{"IN_SCOMET": {"6A001"}, "US_CCL": {"5A001.b.1", "6A001"}},
				Excluded:       attest.Scope{"US_CCL": {"6A001.a.2"}},
				AllowedEndUses: []string{"civil_research"}, Activities: []string{"joint_test"},
				MaxClassification: "RESTRICTED",
				Nationality:       &attest.Nationality{Permitted: []string{"IN", "US"}, Prohibited: []string{"KP"}},
				Value:             &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000", Cumulative: "1000000.5"},
				Quantity:          &attest.QuantityCeiling{Unit: "unit", Cumulative: "12"},
			},
		},
		Caveats:       &attest.Limits{MaxClassification: "UNCLASSIFIED", Excluded: attest.Scope{"US_CCL": {"6A001.a.1"}}},
		ExpirySavings: savings(), Obligations: obligations(),
	}
}

func event(typ attest.EventType) *attest.Event {
	e := &attest.Event{
		Common: common("entity:"+lei+"/us-bis", "EV-1"),
		Event:  typ, Target: "VEU-1", EffectiveAt: day + 5, Cause: "false_statement", CauseText: "Say why.",
	}
	if typ == attest.Suspend {
		e.Until = day + 9
		e.Savings = savings()
	}
	if typ == attest.Lift {
		e.Ends = []attest.Suspension{attest.ByChangeOfControl, attest.BySuspension}
	}
	return e
}

// everyKind has claims of every kind with every optional member in use
// somewhere.
func everyKind(w *world) []attest.Claims {
	return []attest.Claims{
		w.claims, registration(), entityApproval(), domainApproval(), consent(),
		entityEvent(attest.Rename), entityEvent(attest.Merger), entityEvent(attest.ChangeOfControl), succession(),
		event(attest.Suspend), event(attest.Lift), event(attest.Revoke), event(attest.Withdraw), w.freeze("FRZ-1", w.alice),
	}
}

// typ is what the header of a kind says, as docs/format.md lists it.
var typ = map[attest.Kind]string{
	attest.KindRoot:           "safeconduct-root+jwt",
	attest.KindRegistration:   "safeconduct-registration+jwt",
	attest.KindEntityApproval: "dc+sd-jwt",
	attest.KindDomainApproval: "safeconduct-domain+jwt",
	attest.KindConsent:        "safeconduct-consent+jwt",
	attest.KindEvent:          "safeconduct-event+jwt",
	attest.KindEntityEvent:    "safeconduct-entity-event+jwt",
	attest.KindSuccession:     "safeconduct-succession+jwt",
	attest.KindFreeze:         "safeconduct-freeze+jwt",
}

func header(alg, kid, typ string) string {
	return `{"alg":"` + alg + `","kid":"` + kid + `","typ":"` + typ + `"}`
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// forge signs any header and payload: the signature is good, whatever it is of.
func (k *testKey) forge(t testing.TB, header string, payload []byte) string {
	t.Helper()
	input := b64([]byte(header)) + "." + b64(payload)
	sig, err := k.Sign(t.Context(), []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + b64(sig)
}

// forgePayload makes a statement of any payload with the right header and good
// signatures.
func forgePayload(t testing.TB, typ string, payload []byte, keys ...*testKey) []byte {
	t.Helper()
	slices.SortFunc(keys, func(a, b *testKey) int { return strings.Compare(a.key.ID(), b.key.ID()) })
	var lines []string
	for _, k := range keys {
		lines = append(lines, k.forge(t, header(k.key.Algorithm(), k.key.ID(), typ), payload))
	}
	return []byte(strings.Join(lines, "\n"))
}

func payload(t testing.TB, c attest.Claims) []byte {
	t.Helper()
	p, err := attest.Payload(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// edit sets the member at a JSON pointer of a payload, which must lead to an
// object or array that is there, and deletes it where value is nil.
func edit(t testing.TB, payload []byte, pointer string, value any) []byte {
	t.Helper()
	var tree any
	if err := json.Unmarshal(payload, &tree); err != nil {
		t.Fatal(err)
	}
	at := tree
	tokens := strings.Split(pointer, "/")[1:]
	last := tokens[len(tokens)-1]
	for _, tok := range tokens[:len(tokens)-1] {
		if list, ok := at.([]any); ok {
			i, err := strconv.Atoi(tok)
			if err != nil {
				t.Fatal(err)
			}
			at = list[i]
			continue
		}
		at = at.(map[string]any)[tok]
	}
	if list, ok := at.([]any); ok {
		i, err := strconv.Atoi(last)
		if err != nil {
			t.Fatal(err)
		}
		list[i] = value
	} else if value == nil {
		delete(at.(map[string]any), last)
	} else {
		at.(map[string]any)[last] = value
	}
	out, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	if out, err = attest.Canonical(out); err != nil {
		t.Fatal(err)
	}
	return out
}

// wantRefusal checks that err is a refusal of the class whose message says all
// of want.
func wantRefusal(t testing.TB, err error, class attest.Class, want ...string) {
	t.Helper()
	var r *attest.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a refusal that says %q", err, want)
	}
	if r.Class != class {
		t.Errorf("class %d, want %d: %v", r.Class, class, err)
	}
	for _, s := range want {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("refused with %q, want it to say %q", err, s)
		}
	}
}

// wantProblem checks that the refusal names the member at pointer.
func wantProblem(t testing.TB, err error, class attest.Class, pointer, message string) {
	t.Helper()
	wantRefusal(t, err, class)
	var ps attest.Problems
	if !errors.As(err, &ps) {
		t.Fatalf("got %v, want a problem at %s", err, pointer)
	}
	for _, p := range ps {
		if p.Pointer == pointer && strings.Contains(p.Message, message) {
			return
		}
	}
	t.Errorf("got %v, want the problem %q at %s", ps, message, pointer)
}

package vectors

import (
	"context"
	"crypto/elliptic"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
)

// StatementFile is statements.json.
type StatementFile struct {
	About string `json:"about"`
	// Roots are the trust roots that the others are opened with.
	Roots   []RootVersion `json:"roots"`
	Valid   []Statement   `json:"valid"`
	Refused []Refused     `json:"refused"`
}

// A RootVersion is a trust root, opened with the one named Previous.
type RootVersion struct {
	Name      string `json:"name"`
	Previous  string `json:"previous,omitzero"`
	Statement string `json:"statement"`
	LeafHash  string `json:"leaf_hash"`
}

// A Statement opens with a root.
type Statement struct {
	Name      string `json:"name"`
	Root      string `json:"root"`
	Statement string `json:"statement"`
	// Kind is one of root, registration, entity, domain, consent, event,
	// entity-event, succession.
	Kind     string   `json:"kind"`
	Payload  string   `json:"payload"`
	LeafHash string   `json:"leaf_hash"`
	Subjects []string `json:"subjects"`
	Kids     []string `json:"kids"`
	// TermsDigest is of a domain approval.
	TermsDigest string `json:"terms_digest,omitzero"`
}

// A Refused statement does not open with a root.
type Refused struct {
	Name      string `json:"name"`
	Root      string `json:"root"`
	Statement Text   `json:"statement"`
	// Class is malformed, invalid, forbidden, conflict or too-large.
	Class string `json:"class"`
	// Pointer is that of a member of the payload at fault, where there is one.
	Pointer string `json:"pointer,omitzero"`
}

// The roots of statements.json.
var (
	largeV1 = sign(largeRoot(1, ""), root1, root2)
	largeV2 = sign(secondRoot(), root1, root2, root3)
	// frozenV1 freezes a key of auth-us, thawedV2 undoes that.
	frozenV1 = sign(freeze("FRZ-US-1", us1), us3)
	thawedV2 = sign(thawingRoot(), root1, root2)
)

func thawingRoot() *attest.Root {
	r := largeRoot(2, largeV1)
	r.Authorities[0].Thawed = []string{us1.Key().ID()}
	return r
}

// secondRoot replaces auth-in's key, needs all three officers, and no longer
// lists auth-us.
func secondRoot() *attest.Root {
	r := largeRoot(2, largeV1)
	r.Threshold = 3
	r.Authorities = r.Authorities[1:]
	r.Authorities[0].Officers[0].Keys = []attest.JWK{us9.jwk(), us3.jwk()}
	return r
}

func statementFile() StatementFile {
	f := StatementFile{About: "Statements, opened with the root that they name. Refused ones name the class of the refusal; where it is by a member, its JSON pointer."}
	f.Roots = []RootVersion{
		{"v1", "", largeV1, leafHash(largeV1)},
		{"v2", "v1", largeV2, leafHash(largeV2)},
		{"frozen", "v1", frozenV1, leafHash(frozenV1)},
		{"frozen-v2", "frozen", frozenV2(), leafHash(frozenV2())},
		{"thawed", "frozen", thawedV2, leafHash(thawedV2)},
		{"small", "", rootV1, leafHash(rootV1)},
	}
	f.valid()
	f.forms()
	f.payloads()
	f.claims()
	f.openings()
	f.roots()
	f.decisionKeys()
	f.freezes()
	return f
}

// frozenV2 is a version that says nothing of the freeze.
func frozenV2() string { return sign(largeRoot(2, largeV1), root1, root2) }

// freezes: what a frozen key may not sign, and who may freeze which.
func (f *StatementFile) freezes() {
	f.add("a freeze", freeze("FRZ-US-1", us1), us3)
	f.add("a freeze by the key itself", freeze("FRZ-US-1", us1), us1)
	withCause := freeze("FRZ-US-2", us2b)
	withCause.Cause, withCause.CauseText = "lost", "The token was lost."
	f.addWith("frozen", "a freeze of an officer's second key, beside another freeze", withCause, us2)
	for _, root := range []string{"frozen", "frozen-v2"} {
		f.addWith(root, "by other keys, "+root, approval("TEA-US-1", "VTZ-1"), us2, us3)
		f.refuseWith(root, "open: a frozen key, "+root, "forbidden", "", sign(event(attest.Revoke, "TEA-US-1", "REV-US-1"), us1))
		f.refuseWith(root, "open: a frozen key beside enough others, "+root, "forbidden", "", sign(approval("TEA-US-1", "VTZ-1"), us1, us2, us3))
		f.refuseWith(root, "freeze: frozen already, "+root, "conflict", "/kid", sign(freeze("FRZ-US-2", us1), us3))
	}
	f.addWith("thawed", "by a key that was thawed", event(attest.Revoke, "TEA-US-1", "REV-US-1"), us1)
	f.addWith("thawed", "a freeze after a thaw", freeze("FRZ-US-2", us1), us3)
	f.refuse("freeze: another authority's key", "forbidden", "/kid", sign(freeze("FRZ-US-1", in1), us3))
	f.refuse("freeze: a root officer's key", "forbidden", "/kid", sign(freeze("FRZ-US-1", root1), us3))
	f.refuse("freeze: by another authority's officer", "forbidden", "", sign(freeze("FRZ-US-1", us1), in1))
	f.refuse("freeze: by a compromised key", "forbidden", "", sign(freeze("FRZ-US-1", us1), us9))
	p := payload(freeze("FRZ-US-1", us1))
	for _, c := range []struct{ name, pointer, from, to string }{
		{"a kid that is no thumbprint", "/kid", us1.Key().ID(), "k"},
		{"another subject", "/sub", `"sub":"root"`, `"sub":"` + approvals + `"`},
		{"iss root", "/iss", `"iss":"auth-us"`, `"iss":"root"`},
	} {
		f.refuse("freeze: "+c.name, "invalid", c.pointer, forge(header("safeconduct-freeze+jwt"), strings.Replace(p, c.from, c.to, 1), us3))
	}
}

func (f *StatementFile) add(name string, c attest.Claims, by ...officer) {
	f.addWith("v1", name, c, by...)
}

func (f *StatementFile) addWith(root, name string, c attest.Claims, by ...officer) {
	s := Statement{Name: name, Root: root, Statement: sign(c, by...), Kind: string(c.Kind()), Payload: payload(c), Subjects: c.Subjects(), Kids: []string{}}
	s.LeafHash = leafHash(s.Statement)
	for _, o := range by {
		s.Kids = append(s.Kids, o.Key().ID())
	}
	slices.Sort(s.Kids)
	if d, ok := c.(*attest.DomainApproval); ok {
		sum := d.Terms.Digest()
		s.TermsDigest = b64(sum[:])
	}
	f.Valid = append(f.Valid, s)
}

func (f *StatementFile) refuse(name, class, pointer, statement string) {
	f.refuseWith("v1", name, class, pointer, statement)
}

func (f *StatementFile) refuseWith(root, name, class, pointer, statement string) {
	f.Refused = append(f.Refused, Refused{name, root, Text(statement), class, pointer})
}

func inRegistration() *attest.Registration { return registration("auth-in", varuna, "REG-IN-1", "IN") }

func inApproval() *attest.EntityApproval {
	a := approval("TEA-IN-1", "NPT-1")
	a.Iss, a.Sub, a.Country, a.Programme = "auth-in", "entity:"+halcyon+"/auth-in", "US", "GAICT"
	a.EligibleItems = []attest.Item{{List: "IN_SCOMET", Entry: "8A501.b.1"}}
	return a
}

func (f *StatementFile) valid() {
	f.add("a registration, one signature", inRegistration(), in1)
	full := inRegistration()
	full.JTI, full.FormerNames, full.Identifiers = "REG-IN-2", []string{"Varuna", "Värüna & Söhne"}, []string{alias}
	full.Supersedes, full.Retroactive, full.RetroactiveReason, full.LegalBasis = "REG-IN-1", true, "found late", "Act 1"
	full.Publication = &attest.Publication{Citation: "74 FR 31620", URL: "https://example.org/1"}
	full.Sites = []attest.Site{{ID: "VTZ-1", Name: "Yard", Address: "1 Street", Country: "IN"}}
	full.EXP = 0
	f.add("a registration with every member but exp", full, in1)
	f.add("32 identifiers", identified(32), in1)
	f.add("two officers, EdDSA and ES256", approval("TEA-US-1", "VTZ-1"), us1, us2)
	f.add("two officers, EdDSA and ES384", approval("TEA-US-1", "VTZ-1"), us1, us2b)
	f.add("three signatures of two officers", approval("TEA-US-1", "VTZ-1"), us1, us2, us2b)
	entity := approval("TEA-US-2", "VTZ-1")
	entity.AuthorisedRoles = []attest.Role{attest.Transferee, attest.EndUser, attest.Transferor, attest.Via}
	entity.EligibleItems = []attest.Item{{List: "US_CCL", Entry: "5A001.b.1", Limitation: "below 10 kHz", Sites: []string{"VTZ-1"}}, {List: "US_USML", Entry: "XI(a)(3)(ii)"}}
	entity.LegalEffect, entity.Identifiers, entity.Caveats = attest.Eligibility, []string{alias, "duns:123456789"}, everyLimit()
	entity.Mentor, entity.Conditions = halcyon, &attest.Conditions{ChangeOfControl: attest.AutoSuspend}
	entity.ExpirySavings, entity.Obligations = []attest.Savings{inTransit(), windDown(attest.Tangible, attest.Intangible)}, everyObligation()
	f.add("an entity approval with every member", entity, us1, us3)
	protege := approval("TEA-US-5", "VTZ-1")
	protege.Mentor = halcyon
	f.add("an approval of a protégé, with its mentor", protege, us1, us2)
	f.add("an entity approval that conceals what may be", concealing(), us1, us3)
	f.add("within a jurisdiction", inApproval(), in1)
	within := inApproval()
	within.Caveats = &attest.Limits{InScope: attest.Scope{"IN_SCOMET": {"8A501"}}, Excluded: attest.Scope{"IN_SCOMET": {"8A501.b.2"}}}
	f.add("within a jurisdiction, with caveats", within, in1)
	f.add("32 obligations", obliged(32), us1, us2)
	joint := domain("auth-us", "PDA-US-1")
	joint.Programme, joint.Terms.Concurrence = "JCP", 1
	joint.Challenge = &attest.Challenge{Name: "Joint challenge: underwater communications", Citation: "Joint statement, paragraph 7"}
	joint.Terms.Limits, joint.Caveats = *everyLimit(), &attest.Limits{MaxClassification: "UNCLASSIFIED"}
	joint.ExpirySavings, joint.Obligations = []attest.Savings{windDown()}, everyObligation()
	f.add("a domain approval with every member", joint, us1, us2)
	challenged := domain("auth-us", "PDA-US-2")
	challenged.Challenge = &attest.Challenge{Name: "Joint challenge: underwater communications"}
	f.add("a domain approval of a joint challenge", challenged, us1, us2)
	f.add("a domain approval within a jurisdiction", domain("auth-in", "PDA-IN-1"), in1)
	bounded := domain("auth-in", "PDA-IN-2")
	bounded.Programme, bounded.Caveats = "GAICT", &attest.Limits{InScope: attest.Scope{"IN_SCOMET": {"8A501"}}}
	f.add("a domain approval within a jurisdiction's programmes and lists", bounded, in1)
	f.add("a revocation, by the revoking threshold", event(attest.Revoke, "TEA-US-1", "REV-US-1"), us3)
	suspend := event(attest.Suspend, "TEA-US-1", "SUS-US-1")
	suspend.Until, suspend.Cause, suspend.CauseText, suspend.LegalBasis = numeric(asked), "audit", "An audit.", "Act 1"
	suspend.Savings = []attest.Savings{inTransit(), windDown(attest.Intangible)}
	suspend.Publication = &attest.Publication{Citation: "74 FR 31620"}
	f.add("a suspension with every member", suspend, us1)
	saved := event(attest.Revoke, "TEA-US-1", "REV-US-2")
	saved.Savings = []attest.Savings{windDown()}
	f.add("a revocation with savings", saved, us1)
	saved = event(attest.Withdraw, "TEA-US-1", "WIT-US-2")
	saved.Savings = []attest.Savings{inTransit()}
	f.add("a withdrawal with savings", saved, us1)
	f.add("a revocation of a consent", onConsent("CON-US-1"), us3)
	f.add("a withdrawal of a registration", withdraw(), in1)
	f.add("a suspension, by the revoking threshold", event(attest.Suspend, "TEA-US-1", "SUS-US-2"), us3)
	f.add("a withdrawal, by the revoking threshold", event(attest.Withdraw, "TEA-US-1", "WIT-US-1"), us3)
	lift := event(attest.Lift, "TEA-US-1", "LIF-US-1")
	lift.Retroactive, lift.RetroactiveReason = true, "the audit found nothing"
	f.add("a lift, by the granting threshold", lift, us1, us2)
	lift = event(attest.Lift, "TEA-US-1", "LIF-US-2")
	lift.Ends = []attest.Suspension{attest.ByChangeOfControl, attest.BySuspension}
	f.add("a lift of all that it can end", lift, us1, us2)
	f.entities()
	f.addWith("v1", "the next trust root, by the thresholds of both", secondRoot(), root1, root2, root3)
	f.addWith("v2", "under the key of the next root", inRegistration(), us3)
	pointless := largeRoot(2, largeV1)
	keys := &pointless.Authorities[0].Officers[0].Keys
	*keys = append(*keys, attest.JWK{Alg: "EdDSA", Crv: "Ed25519", Kty: "OKP", X: b64url(noPoint)})
	f.addWith("v1", "a trust root with an Ed25519 key that is no point", pointless, root1, root2)
}

// entities: events on entities, successions, consents.
func (f *StatementFile) entities() {
	f.add("a rename, by the granting threshold", entityEvent(attest.Rename, "ENT-US-1"), us1, us2)
	rename := entityEvent(attest.Rename, "ENT-US-2")
	rename.Cause, rename.CauseText, rename.LegalBasis = "resolution", "By resolution.", "Act 1"
	rename.Publication = &attest.Publication{Citation: "74 FR 31620", URL: "https://example.org/1"}
	f.add("a rename with every member", rename, us1, us2)
	f.add("a merger, by the granting threshold", entityEvent(attest.Merger, "ENT-US-3"), us1, us2)
	f.add("a change of control, by the revoking threshold", entityEvent(attest.ChangeOfControl, "ENT-US-4"), us3)
	control := entityEvent(attest.ChangeOfControl, "ENT-US-5")
	control.Acquirer, control.AcquirerName, control.Percent = halcyon, "Halcyon Marine", "50.1"
	f.add("a change of control with every member of its own", control, us3)

	f.add("a succession", succession("TEA-US-1", "SUC-US-1"), us1, us2)
	passes := succession("TEA-US-1", "SUC-US-2")
	passes.ApprovedSites = []attest.Site{{ID: "SYD-1", Name: "Quay", Address: "1 Quay, Sydney", Country: "AU"}}
	passes.Retroactive, passes.RetroactiveReason, passes.LegalBasis = true, "the merger came first", "Act 1"
	passes.Publication = &attest.Publication{Citation: "74 FR 31620"}
	f.add("a succession with every member", passes, us1, us2)
	f.add("a succession within a jurisdiction", inSuccession(), in1)

	f.add("a consent", consent("CON-US-1"), us1, us2)
	c := consent("CON-US-2")
	c.Retroactive, c.RetroactiveReason, c.LegalBasis, c.Publication = true, "given by letter", "Act 1", &attest.Publication{Citation: "74 FR 31620"}
	c.InScope, c.Sites = attest.Scope{"US_CCL": {"5A001.b.1"}, "WASSENAAR": {"5.A.1"}}, []string{"VTZ-1", "VTZ-2"}
	c.Value, c.Obligations = &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000"}, everyObligation()
	f.add("a consent with every member", c, us1, us2)
	f.add("a consent within a jurisdiction", inConsent("IN_SCOMET", "8A501"), in1)
}

func inSuccession() *attest.Succession {
	s := succession("TEA-IN-1", "SUC-IN-1")
	s.Iss, s.Sub, s.Country = "auth-in", attest.ApprovalSubject(halcyon, "auth-in"), "US"
	return s
}

func inConsent(list, entry string) *attest.Consent {
	c := consent("CON-IN-1")
	c.Iss, c.Sub, c.InScope = "auth-in", attest.ConsentSubject("auth-in", c.JTI), attest.Scope{list: {entry}}
	return c
}

// onConsent revokes a consent.
func onConsent(jti string) *attest.Event {
	e := event(attest.Revoke, jti, "REV-"+jti)
	e.Sub = attest.ConsentSubject("auth-us", jti)
	return e
}

func everyLimit() *attest.Limits {
	return &attest.Limits{
		InScope: attest.Scope{"US_CCL": {"5A001.b.1"}, "IN_SCOMET": {"8A501.b.1"}}, Excluded: attest.Scope{"US_CCL": {"5A001.b.1.a"}},
		AllowedEndUses: []string{"civil", "joint_research"}, Activities: []string{"manufacture"}, MaxClassification: "RESTRICTED",
		Nationality: &attest.Nationality{Permitted: []string{"IN", "US"}, Prohibited: []string{"KP"}},
		Value:       &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000.5", Cumulative: "1000000"},
		Quantity:    &attest.QuantityCeiling{Unit: "pieces", Cumulative: "12"},
	}
}

// everyObligation has each kind, and the longest periods.
func everyObligation() []attest.Obligation {
	return []attest.Obligation{
		{Kind: attest.NotifyBefore, BusinessDays: 36525}, {Kind: attest.ReportWithin, Days: 36525, Text: "To the desk."},
		{Kind: attest.KeepRecords, Years: 100}, {Kind: attest.ConsigneeStatement}, {Kind: attest.EndUserCertificate, Text: "In the original."},
	}
}

// obliged has n obligations, of one kind.
func obliged(n int) *attest.EntityApproval {
	a := approval("TEA-US-1", "VTZ-1")
	for i := range n {
		a.Obligations = append(a.Obligations, attest.Obligation{Kind: attest.ReportWithin, Days: 100 + int64(i)})
	}
	return a
}

// identified has n identifiers, beside that in its sub.
func identified(n int) *attest.Registration {
	r := inRegistration()
	for i := range n {
		r.Identifiers = append(r.Identifiers, fmt.Sprintf("in-test:%02d", i))
	}
	return r
}

// known is an approval of an entity with another identifier.
func known() *attest.EntityApproval {
	a := approval("TEA-US-1", "VTZ-1")
	a.Identifiers = []string{alias}
	return a
}

func withdraw() *attest.Event {
	e := event(attest.Withdraw, "REG-IN-1", "WIT-IN-1")
	e.Iss, e.Sub = "auth-in", "entity:"+varuna
	return e
}

// forms: what is not a statement in its byte form.
func (f *StatementFile) forms() {
	const form = "malformed"
	good, p := sign(inRegistration(), in1), payload(inRegistration())
	parts := strings.Split(good, ".")
	two := strings.Split(sign(approval("TEA-US-1", "VTZ-1"), us1, us2), "\n")
	other := strings.Split(sign(approval("TEA-US-3", "VTZ-1"), us1, us2), "\n")
	h := func(name, header string) { f.refuse("header: "+name, form, "", forge(header, p, in1)) }

	f.refuse("nothing", form, "", "")
	f.refuse("a newline behind", form, "", good+"\n")
	f.refuse("a newline before", form, "", "\n"+good)
	f.refuse("a carriage return between lines", form, "", strings.Join(two, "\r\n"))
	f.refuse("two parts", form, "", parts[0]+"."+parts[1])
	f.refuse("four parts", form, "", good+".AA")
	f.refuse("no signature", form, "", parts[0]+"."+parts[1]+".")
	f.refuse("detached", form, "", parts[0]+".."+parts[2])
	f.refuse("padded", form, "", parts[0]+"."+parts[1]+"."+parts[2]+"==")
	f.refuse("a space within", form, "", parts[0]+". "+parts[1]+"."+parts[2])
	f.refuse("the standard alphabet", form, "", parts[0]+"."+parts[1]+".+"+parts[2][1:])
	f.refuse("unused bits", form, "", good[:len(good)-1]+nextLetter(good[len(good)-1]))
	f.refuse("JSON serialization", form, "", fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, parts[1], parts[0], parts[2]))
	f.refuse("lines out of order", form, "", two[1]+"\n"+two[0])
	f.refuse("a line twice", form, "", two[0]+"\n"+two[0])
	f.refuse("lines over different payloads", form, "", two[0]+"\n"+other[1])
	f.refuse("lines of different typ", form, "", two[0]+"\n"+strings.Split(forge(header(registrationTyp), payload(approval("TEA-US-1", "VTZ-1")), us1, us2), "\n")[1])
	f.refuse("33 signatures", form, "", thirtyThree(p))

	h("other order", `{"kid":"%k","alg":"%a","typ":"`+registrationTyp+`"}`)
	h("a space", `{"alg":"%a", "kid":"%k","typ":"`+registrationTyp+`"}`)
	h("one more member", `{"alg":"%a","crit":["b64"],"kid":"%k","typ":"`+registrationTyp+`"}`)
	h("the key itself", `{"alg":"%a","jwk":`+string(must(in1.Key().MarshalJSON()))+`,"kid":"%k","typ":"`+registrationTyp+`"}`)
	h("a member twice", `{"alg":"%a","alg":"%a","kid":"%k","typ":"`+registrationTyp+`"}`)
	h("no kid", `{"alg":"%a","typ":"`+registrationTyp+`"}`)
	h("no typ", `{"alg":"%a","kid":"%k"}`)
	h("unknown typ", `{"alg":"%a","kid":"%k","typ":"JWT"}`)
	h("typ as a media type", `{"alg":"%a","kid":"%k","typ":"application/`+registrationTyp+`"}`)
	h("alg none", `{"alg":"none","kid":"%k","typ":"`+registrationTyp+`"}`)
	h("alg HS256", `{"alg":"HS256","kid":"%k","typ":"`+registrationTyp+`"}`)
	h("alg Ed25519", `{"alg":"Ed25519","kid":"%k","typ":"`+registrationTyp+`"}`)
	h("an escape", `{"alg":"\u0045dDSA","kid":"%k","typ":"`+registrationTyp+`"}`)
	f.refuse("the typ of another kind", form, "/country", forge(header("safeconduct-event+jwt"), p, in1))
}

func nextLetter(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_A"
	i := strings.IndexByte(alphabet, c) + 1
	return alphabet[i : i+1]
}

func thirtyThree(payload string) string {
	var by []officer
	for i := range 33 {
		by = append(by, officer{fmt.Sprintf("officer-%d", i), "EdDSA"})
	}
	return forge(header(registrationTyp), payload, by...)
}

// payloads: what is not a payload in its byte form, well signed.
func (f *StatementFile) payloads() {
	p := payload(inRegistration())
	full := inRegistration()
	full.Identifiers = []string{alias, "duns:123456789"}
	sets := payload(full)
	for _, c := range []struct{ name, pointer, from, to string }{
		{"a space", "", `,"country"`, `, "country"`},
		{"members out of order", "", `{"aud":"` + Origin + `","country":"IN"`, `{"country":"IN","aud":"` + Origin + `"`},
		{"a member twice", "/aud", `{"aud"`, `{"aud":"x","aud"`},
		{"an unknown member", "/colour", `"country"`, `"colour":"red","country"`},
		{"a member of another case", "/Country", `{"aud"`, `{"Country":"IN","aud"`},
		{"null", "/exp", `"exp":1861920000`, `"exp":null`},
		{"zero", "/exp", `"exp":1861920000`, `"exp":0`},
		{"a fraction", "/exp", `"exp":1861920000`, `"exp":1861920000.5`},
		{"an exponent", "/exp", `"exp":1861920000`, `"exp":1e9`},
		{"a large integer", "/exp", `"exp":1861920000`, `"exp":9007199254740992`},
		{"a time in text", "/exp", `"exp":1861920000`, `"exp":"2029"`},
		{"false", "/retroactive", `,"sub"`, `,"retroactive":false,"sub"`},
		{"an empty string", "/legal_name", `"legal_name":"` + full.LegalName + `"`, `"legal_name":""`},
		{"an empty object", "/publication", `,"sub"`, `,"publication":{},"sub"`},
		{"an empty array", "/sites", `,"sub"`, `,"sites":[],"sub"`},
		{"not in NFC", "/legal_name", `Company`, "Compan\u0079\u0301"},
		{"a line feed", "/legal_name", `Company`, `Comp\nany`},
		{"a lone surrogate", "/legal_name", `Company`, `\ud800`},
		{"invalid UTF-8", "/legal_name", `Company`, "\xff"},
	} {
		f.refuse("payload: "+c.name, "malformed", c.pointer, forge(header(registrationTyp), strings.Replace(p, c.from, c.to, 1), in1))
	}
	ids := `["` + alias + `","duns:123456789"]`
	f.refuse("payload: a set out of order", "malformed", "/identifiers/1", forge(header(registrationTyp), strings.Replace(sets, ids, `["duns:123456789","`+alias+`"]`, 1), in1))
	f.refuse("payload: a set with one element twice", "malformed", "/identifiers/1", forge(header(registrationTyp), strings.Replace(sets, ids, `["`+alias+`","`+alias+`"]`, 1), in1))
	f.refuse("payload: not JSON", "malformed", "", forge(header(registrationTyp), "hello", in1))
	f.refuse("payload: an array", "malformed", "", forge(header(registrationTyp), `["x"]`, in1))
}

// claims: what no statement may say, well signed and well formed.
func (f *StatementFile) claims() {
	say := func(name, pointer, typ, from, to string, c attest.Claims, by ...officer) {
		before := payload(c)
		after := strings.Replace(before, from, to, 1)
		if before == after {
			panic("claims of " + name + " do not change")
		}
		f.refuse("claims: "+name, "invalid", pointer, forge(header(typ), after, by...))
	}
	reg := func(name, pointer, from, to string) {
		say(name, pointer, registrationTyp, from, to, inRegistration(), in1)
	}
	reg("no jti", "/jti", `"jti":"REG-IN-1",`, "")
	reg("no iat", "/iat", `"iat":1769904000,`, "")
	reg("no nbf", "/nbf", `"nbf":1769904000,`, "")
	reg("a negative time", "/nbf", `"nbf":1769904000`, `"nbf":-1`)
	reg("a time after 9999", "/exp", `"exp":1861920000`, `"exp":253402300800`)
	reg("exp not after nbf", "/exp", `"exp":1861920000`, `"exp":1769904000`)
	reg("an aud with a scheme", "/aud", Origin, "https://"+Origin)
	reg("the issuer root", "/iss", `"iss":"auth-in"`, `"iss":"root"`)
	reg("a sub of another kind", "/sub", `"sub":"entity:`+varuna+`"`, `"sub":"sandbox:X"`)
	reg("a sub with a false check digit", "/sub", varuna, "lei:999900VARUNADEEP0175")
	reg("a sub of approvals", "/sub", varuna, varuna+"/auth-in")
	reg("a reserved country", "/country", `"country":"IN"`, `"country":"UK"`)
	reg("its own id among identifiers", "/identifiers/0", `,"iss"`, `,"identifiers":["`+varuna+`"],"iss"`)
	say("33 identifiers", "/identifiers", registrationTyp, `"in-test:31"]`, `"in-test:31","in-test:32"]`, identified(32), in1)
	reg("supersedes itself", "/supersedes", `"sub":"entity:`+varuna+`"`, `"sub":"entity:`+varuna+`","supersedes":"REG-IN-1"`)
	reg("retroactive without a reason", "/retroactive_reason", `,"sub"`, `,"retroactive":true,"sub"`)
	reg("a reason without retroactive", "/retroactive_reason", `,"sub"`, `,"retroactive_reason":"x","sub"`)
	reg("a publication without citation", "/publication/citation", `,"sub"`, `,"publication":{"url":"x"},"sub"`)
	reg("a site without address", "/sites/0/address", `,"sub"`, `,"sites":[{"country":"IN","id":"A"}],"sub"`)
	reg("a site id twice", "/sites/1/id", `,"sub"`, `,"sites":[{"address":"1","country":"IN","id":"A"},{"address":"2","country":"IN","id":"A"}],"sub"`)

	const entityTyp = "dc+sd-jwt"
	entity := func(name, pointer, from, to string) {
		say(name, pointer, entityTyp, from, to, approval("TEA-US-1", "VTZ-1"), us1, us2)
	}
	entity("no vct", "/vct", `,"vct":"`+attest.VCT+`"`, "")
	entity("another vct", "/vct", attest.VCT, "urn:safeconduct:entity-approval:2")
	entity("a sub of another authority", "/sub", varuna+"/auth-us", varuna+"/auth-in")
	entity("a sub without authority", "/sub", varuna+"/auth-us", varuna)
	entity("an unknown legal effect", "/legal_effect", `"authorization"`, `"licence"`)
	entity("an entry of no list", "/eligible_items/0/entry", `"list":"US_CCL"`, `"list":"XX"`)
	entity("an entry with a leading zero", "/eligible_items/0/entry", `5A001.b.1`, `5A001.b.01`)
	entity("an item's site that is not approved", "/eligible_items/0/sites/0", `"list":"US_CCL"`, `"list":"US_CCL","sites":["X"]`)
	entity("a programme with a space", "/programme", `"VEU"`, `"V EU"`)
	mentor := func(name, id string) {
		entity("a mentor that is "+name, "/mentor", `"nbf":`, `"mentor":`+id+`,"nbf":`)
	}
	mentor("the holder", `"`+varuna+`"`)
	mentor("a name", `"Halcyon"`)
	mentor("an identifier with a false check digit", `"lei:999900VARUNADEEP0175"`)
	mentor("an approval", `"`+halcyon+`/auth-us"`)
	say("a mentor that is the holder by another identifier", "/mentor", entityTyp, `"nbf":`, `"mentor":"`+alias+`","nbf":`, known(), us1, us2)
	conceals := func(name, pointer, from, to string) {
		say("concealing: "+name, pointer, entityTyp, from, to, concealing(), us1, us2)
	}
	conceals("a country", "/confidential/1", `"contacts"`, `"country"`)
	conceals("a mentor", "/confidential/2", `"contacts","legal_name"`, `"contacts","mentor"`)
	conceals("a name too many", "/_sd", `"confidential":["case_number","contacts",`, `"confidential":["case_number",`)
	conceals("a name in clear", "/legal_name", `"listed"`, `"legal_name":"X","listed"`)
	conceals("no algorithm", "/_sd_alg", `"_sd_alg":"sha-256",`, "")
	conceals("another algorithm", "/_sd_alg", `"sha-256"`, `"sha-512"`)
	conceals("a site's id", "/approved_sites/0/confidential/1", `"confidential":["address","name"]`, `"confidential":["address","id"]`)
	entity("an algorithm without digests", "/_sd_alg", `{"approved_sites"`, `{"_sd_alg":"sha-256","approved_sites"`)
	entity("a holder's key of small order", "/cnf/jwk", `"country":"IN","eligible_items"`, `"cnf":{"jwk":{"alg":"EdDSA","crv":"Ed25519","kty":"OKP","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}},"country":"IN","eligible_items"`)

	const domainTyp = "safeconduct-domain+jwt"
	dom := func(name, pointer, from, to string) {
		say(name, pointer, domainTyp, from, to, domain("auth-us", "PDA-US-1"), us1, us2)
	}
	dom("a challenge without name", "/challenge/name", `"exp"`, `"challenge":{"citation":"x"},"exp"`)
	dom("a challenge with a name too long", "/challenge/name", `"exp"`, `"challenge":{"name":"`+strings.Repeat("x", 4097)+`"},"exp"`)
	dom("a challenge with a citation too long", "/challenge/citation", `"exp"`, `"challenge":{"citation":"`+strings.Repeat("x", 4097)+`","name":"x"},"exp"`)
	dom("terms without the issuer", "/terms/authorities", `["auth-in","auth-us"]`, `["auth-in","auth-uk"]`)
	dom("nine authorities", "/terms/authorities", `["auth-in","auth-us"]`, `["a","auth-us","b","c","d","e","f","g","h"]`)
	dom("more concurrence than authorities", "/terms/concurrence", `"concurrence":2`, `"concurrence":3`)
	dom("no scope", "/terms/in_scope", `,"in_scope":{"US_CCL":["5A001.b.1"]}`, "")
	dom("a ceiling without amounts", "/terms/value", `}},"title"`, `},"value":{"currency":"USD"}},"title"`)
	dom("an amount with a zero too many", "/terms/value/cumulative", `}},"title"`, `},"value":{"cumulative":"1.50","currency":"USD"}},"title"`)
	dom("a currency that is none", "/terms/value/currency", `}},"title"`, `},"value":{"cumulative":"1","currency":"XAU"}},"title"`)
	dom("a nationality both ways", "/terms/nationality/permitted/0", `}},"title"`, `},"nationality":{"permitted":["IN"],"prohibited":["IN"]}},"title"`)
	dom("an unknown level", "/terms/max_classification", `}},"title"`, `},"max_classification":"TOP_SECRET"},"title"`)

	const eventTyp = "safeconduct-event+jwt"
	ev := func(name, pointer, from, to string) {
		say(name, pointer, eventTyp, from, to, event(attest.Revoke, "TEA-US-1", "REV-US-1"), us1)
	}
	ev("an unknown event", "/event", `"revoke"`, `"annul"`)
	ev("no target", "/target", `,"target":"TEA-US-1"`, "")
	ev("until on a revocation", "/until", `"TEA-US-1"`, `"TEA-US-1","until":1777885200`)
	suspend := func(name, pointer, from, to string) {
		say(name, pointer, eventTyp, from, to, event(attest.Suspend, "TEA-US-1", "SUS-US-1"), us1)
	}
	suspend("a suspension until it begins", "/until", `"TEA-US-1"`, `"TEA-US-1","until":1769904000`)
	suspend("a suspension until before it begins", "/until", `"TEA-US-1"`, `"TEA-US-1","until":1769903999`)
	ev("a retroactive revocation", "/retroactive", `,"sub"`, `,"retroactive":true,"retroactive_reason":"x","sub"`)
	ev("on another issuer's approvals", "/sub", varuna+"/auth-us", varuna+"/auth-in")
	ev("a cause that is no code", "/cause", `,"effective_at"`, `,"cause":"No Code","effective_at"`)
	lift := func(name, pointer, from, to string) {
		say(name, pointer, eventTyp, from, to, event(attest.Lift, "TEA-US-1", "LIF-US-1"), us1, us2)
	}
	lift("a lift that does not say what it ends", "/ends", `"ends":["suspension"],`, "")
	lift("a lift that ends what nothing is", "/ends/0", `["suspension"]`, `["revocation"]`)
	lift("a lift with savings", "/savings", `,"sub"`, `,"savings":[{"deliver_before":1780272000,"kind":"in_transit"}],"sub"`)
	ev("a revocation that ends something", "/ends", `,"event"`, `,"ends":["suspension"],"event"`)
	say("an event on another consent than its target", "/sub", eventTyp, "consent:auth-us/CON-US-1", "consent:auth-us/CON-US-2", onConsent("CON-US-1"), us1)
	say("an event on another issuer's consent", "/sub", eventTyp, "consent:auth-us", "consent:auth-in", onConsent("CON-US-1"), us1)
	f.clauses(say)
	f.changes(say)
	f.refuse("claims: a text of more than 4096 bytes", "invalid", "/legal_name", forge(header(registrationTyp), strings.Replace(payload(inRegistration()), "Company", strings.Repeat("x", 4097), 1), in1))
}

// A sayer refuses claims after one change, as invalid.
type sayer func(name, pointer, typ, from, to string, c attest.Claims, by ...officer)

// clauses: savings, obligations, conditions and caveats.
func (f *StatementFile) clauses(say sayer) {
	saving := func(name, pointer, from, to string) {
		e := event(attest.Revoke, "TEA-US-1", "REV-US-1")
		e.Savings = []attest.Savings{inTransit(), windDown(attest.Intangible)}
		say("savings: "+name, "/savings"+pointer, "safeconduct-event+jwt", from, to, e, us1)
	}
	saving("an unknown kind", "/1/kind", `"kind":"wind_down"`, `"kind":"windup"`)
	saving("no kind", "/1/kind", `"kind":"wind_down",`, "")
	saving("two of a kind", "/1/kind", `{"kind":"wind_down","modes":["intangible"],"until":1785542400}`, `{"deliver_before":1785542400,"kind":"in_transit"}`)
	saving("in_transit without an end", "/0/deliver_before", `"deliver_before":1780272000,`, "")
	saving("in_transit until", "/0/until", `"kind":"in_transit"`, `"kind":"in_transit","until":1785542400`)
	saving("in_transit with modes", "/0/modes", `"kind":"in_transit"`, `"kind":"in_transit","modes":["tangible"]`)
	saving("wind_down without an end", "/1/until", `,"until":1785542400`, "")
	saving("wind_down that delivers", "/1/deliver_before", `{"kind":"wind_down"`, `{"deliver_before":1780272000,"kind":"wind_down"`)
	saving("an unknown mode", "/1/modes/0", `["intangible"]`, `["virtual"]`)
	saving("an end after 9999", "/1/until", `1785542400`, `253402300800`)

	const entityTyp = "dc+sd-jwt"
	approves := func(name, pointer, from, to string, change func(*attest.EntityApproval)) {
		a := approval("TEA-US-1", "VTZ-1")
		change(a)
		say(name, pointer, entityTyp, from, to, a, us1, us2)
	}
	owes := func(name, pointer, from, to string, o attest.Obligation) {
		approves("obligations: "+name, "/obligations/0"+pointer, from, to, func(a *attest.EntityApproval) { a.Obligations = []attest.Obligation{o} })
	}
	notify, report := attest.Obligation{Kind: attest.NotifyBefore, Days: 7}, attest.Obligation{Kind: attest.ReportWithin, BusinessDays: 7}
	records, statement := attest.Obligation{Kind: attest.KeepRecords, Years: 5}, attest.Obligation{Kind: attest.ConsigneeStatement}
	owes("an unknown kind", "/kind", "notify_before", "notify_after", notify)
	owes("no kind", "/kind", `,"kind":"notify_before"`, "", notify)
	owes("days and business days", "/days", `"days":7`, `"business_days":7,"days":7`, notify)
	owes("neither days nor business days", "/days", `"business_days":7,`, "", report)
	owes("days and years", "/years", `"kind":"notify_before"`, `"kind":"notify_before","years":1`, notify)
	owes("a negative number of days", "/days", `"days":7`, `"days":-7`, notify)
	owes("36526 days", "/days", `"days":7`, `"days":36526`, notify)
	owes("36526 business days", "/business_days", `"business_days":7`, `"business_days":36526`, report)
	owes("records without years", "/years", `,"years":5`, "", records)
	owes("records for days", "/days", `"kind":"keep_records"`, `"days":5,"kind":"keep_records"`, records)
	owes("records for 101 years", "/years", `"years":5`, `"years":101`, records)
	owes("a statement within days", "/days", `"kind":"consignee_statement"`, `"days":5,"kind":"consignee_statement"`, statement)
	owes("a certificate for years", "/years", `"kind":"consignee_statement"`, `"kind":"end_user_certificate","years":5`, statement)
	say("obligations: 33", "/obligations", entityTyp, `[{"days":100,`, `[{"business_days":1,"kind":"notify_before"},{"days":100,`, obliged(32), us1, us2)

	saves := func(a *attest.EntityApproval) { a.ExpirySavings = []attest.Savings{inTransit()} }
	approves("expiry savings of what has no end", "/expiry_savings", `"exp":1861920000,`, "", saves)
	approves("expiry savings without an end of their own", "/expiry_savings/0/deliver_before", `"deliver_before":1780272000,`, "", saves)
	d := domain("auth-us", "PDA-US-1")
	d.ExpirySavings = []attest.Savings{windDown()}
	say("expiry savings of a sandbox that has no end", "/expiry_savings", "safeconduct-domain+jwt", `"exp":1861920000,`, "", d, us1, us2)
	approves("an unknown condition", "/conditions/change_of_control", "auto_suspend", "auto_revoke", func(a *attest.EntityApproval) {
		a.Conditions = &attest.Conditions{ChangeOfControl: attest.AutoSuspend}
	})
	same := func(*attest.EntityApproval) {}
	approves("an approval with its own id among identifiers", "/identifiers/0", `,"iss"`, `,"identifiers":["`+varuna+`"],"iss"`, same)
	approves("an approval with an identifier that is none", "/identifiers/0", `,"iss"`, `,"identifiers":["duns:12345678"],"iss"`, same)
	approves("an approval's caveat of an unknown level", "/caveats/max_classification", Origin+`","country"`, Origin+`","caveats":{"max_classification":"TOP_SECRET"},"country"`, same)
	approves("an approval's caveat of an unknown list", "/caveats/in_scope/SCOMET", Origin+`","country"`, Origin+`","caveats":{"in_scope":{"SCOMET":["8A501"]}},"country"`, same)
}

// changes: events on entities, successions and consents.
func (f *StatementFile) changes(say sayer) {
	happens := func(what attest.EntityEventType, name, pointer, from, to string) {
		e := entityEvent(what, "ENT-US-1")
		if what == attest.ChangeOfControl {
			e.Percent = "51"
		}
		say(string(what)+": "+name, pointer, "safeconduct-entity-event+jwt", from, to, e, us1, us2)
	}
	happens(attest.Rename, "an unknown event", "/event", `"rename"`, `"demerger"`)
	happens(attest.Rename, "of an approval", "/sub", varuna, varuna+"/auth-us")
	happens(attest.Rename, "of a sandbox", "/sub", "entity:"+varuna, "sandbox:X")
	happens(attest.Rename, "no time", "/effective_at", `"effective_at":1769904000,`, "")
	happens(attest.Rename, "no new name", "/new_name", `"new_name":"Varuna Deepsense",`, "")
	happens(attest.Rename, "a survivor", "/survivor", varuna+`"`, varuna+`","survivor":"`+corvus+`"`)
	happens(attest.Rename, "an acquirer", "/acquirer", `{"aud"`, `{"acquirer":"`+corvus+`","aud"`)
	happens(attest.Rename, "a cause that is no code", "/cause", `,"effective_at"`, `,"cause":"No Code","effective_at"`)
	happens(attest.Merger, "no survivor", "/survivor", `,"survivor":"`+corvus+`"`, "")
	happens(attest.Merger, "a survivor that is none", "/survivor", corvus, "lei:999900CORVUSPACF0115")
	happens(attest.Merger, "with itself", "/survivor", corvus, varuna)
	happens(attest.Merger, "a new name", "/new_name", `,"sub"`, `,"new_name":"X","sub"`)
	happens(attest.Merger, "an acquirer's name", "/acquirer_name", `{"aud"`, `{"acquirer_name":"X","aud"`)
	happens(attest.Merger, "a percentage", "/percent", `,"sub"`, `,"percent":"51","sub"`)
	happens(attest.ChangeOfControl, "a percentage above the whole", "/percent", `"51"`, `"100.1"`)
	happens(attest.ChangeOfControl, "a percentage with a zero too many", "/percent", `"51"`, `"51.0"`)
	happens(attest.ChangeOfControl, "an acquirer that is none", "/acquirer", `{"aud"`, `{"acquirer":"Corvus","aud"`)
	happens(attest.ChangeOfControl, "a new name", "/new_name", `,"percent"`, `,"new_name":"X","percent"`)

	passes := func(name, pointer, from, to string) {
		say("succession: "+name, pointer, "safeconduct-succession+jwt", from, to, succession("TEA-US-1", "SUC-US-1"), us1, us2)
	}
	passes("no target", "/target", `,"target":"TEA-US-1"`, "")
	passes("no time", "/effective_at", `"effective_at":1769904000,`, "")
	passes("no successor", "/successor", `"successor":"`+corvus+`",`, "")
	passes("a successor that is none", "/successor", corvus, "corvus")
	passes("of itself", "/successor", corvus, varuna)
	passes("of another authority's", "/sub", varuna+"/auth-us", varuna+"/auth-in")
	passes("of an entity", "/sub", varuna+"/auth-us", varuna)
	passes("no name", "/legal_name", `"legal_name":"Corvus Pacific",`, "")
	passes("no country", "/country", `"country":"AU",`, "")
	passes("a country that is none", "/country", `"AU"`, `"AUS"`)
	passes("a site id twice", "/approved_sites/1/id", `{"aud"`, `{"approved_sites":[{"address":"1","country":"AU","id":"A"},{"address":"2","country":"AU","id":"A"}],"aud"`)
	passes("retroactive without a reason", "/retroactive_reason", `,"sub"`, `,"retroactive":true,"sub"`)

	c := consent("CON-US-1")
	c.Value = &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000"}
	lets := func(name, pointer, from, to string) {
		say("consent: "+name, pointer, "safeconduct-consent+jwt", from, to, c, us1, us2)
	}
	lets("a sub of another name", "/sub", "consent:auth-us/CON-US-1", "consent:auth-us/CON-US-2")
	lets("a sub of another issuer", "/sub", "consent:auth-us", "consent:auth-in")
	lets("a sub of an entity", "/sub", "consent:auth-us/CON-US-1", approvals)
	lets("no transferee", "/transferee", `"transferee":"`+varuna+`",`, "")
	lets("a transferee that is none", "/transferee", varuna, "Varuna")
	lets("supersedes another", "/supersedes", `,"transferee"`, `,"supersedes":"CON-US-0","transferee"`)
	lets("an entry of no list", "/in_scope/XX", `,"iss"`, `,"in_scope":{"XX":["5A001"]},"iss"`)
	lets("an entry with a leading zero", "/in_scope/US_CCL/0", `,"iss"`, `,"in_scope":{"US_CCL":["5A001.b.01"]},"iss"`)
	lets("a site that is none", "/sites/0", `,"sub"`, `,"sites":["vtz-1"],"sub"`)
	lets("a value without amount", "/value/per_transaction", `,"per_transaction":"250000"`, "")
	lets("a value without currency", "/value/currency", `"currency":"USD",`, "")
	lets("a cumulative value", "/value/cumulative", `{"currency"`, `{"cumulative":"250000","currency"`)
	lets("exp not after nbf", "/exp", `"exp":1861920000`, `"exp":1769904000`)
	lets("retroactive without a reason", "/retroactive_reason", `,"sub"`, `,"retroactive":true,"sub"`)

	unknown := func(name, pointer, typ, from, to string, c attest.Claims) {
		before := payload(c)
		after := strings.Replace(before, from, to, 1)
		if before == after {
			panic("the payload of " + name + " does not change")
		}
		f.refuse("payload: "+name, "malformed", pointer, forge(header(typ), after, us1, us2))
	}
	unknown("a succession that supersedes", "/supersedes", "safeconduct-succession+jwt", `,"target"`, `,"supersedes":"SUC-US-0","target"`, succession("TEA-US-1", "SUC-US-1"))
	unknown("an event on an entity with a target", "/target", "safeconduct-entity-event+jwt", `}`, `,"target":"TEA-US-1"}`, entityEvent(attest.ChangeOfControl, "ENT-US-1"))
	unknown("an approval without conditions in them", "/conditions", "dc+sd-jwt", Origin+`","country"`, Origin+`","conditions":{},"country"`, approval("TEA-US-1", "VTZ-1"))
	unknown("savings out of order", "/savings/1", "safeconduct-event+jwt", `,"sub"`,
		`,"savings":[{"kind":"wind_down","until":1785542400},{"deliver_before":1780272000,"kind":"in_transit"}],"sub"`, event(attest.Revoke, "TEA-US-1", "REV-US-1"))

}

// openings: what a root does not let its signers say.
func (f *StatementFile) openings() {
	no := func(name, pointer string, c attest.Claims, by ...officer) {
		f.refuse("open: "+name, "forbidden", pointer, sign(c, by...))
	}
	elsewhere := inRegistration()
	elsewhere.Aud = "example.com/other"
	no("for another register", "/aud", elsewhere, in1)
	unknown := registration("auth-uk", "lei:213800KUD8LAJWSQ9D15", "REG-UK-1", "GB")
	no("of an unknown authority", "/iss", unknown, in1)
	no("signed by a stranger", "", inRegistration(), mallory)
	no("signed by another authority too", "", inRegistration(), in1, us1)
	no("signed by a root officer", "", inRegistration(), root1)
	no("one officer of two", "", approval("TEA-US-1", "VTZ-1"), us1)
	no("two keys of one officer", "", approval("TEA-US-1", "VTZ-1"), us2, us2b)
	no("a compromised key", "", approval("TEA-US-1", "VTZ-1"), us1, us9)
	no("a compromised key beside enough others", "", approval("TEA-US-1", "VTZ-1"), us1, us2, us9)
	no("a lift by the revoking threshold", "", event(attest.Lift, "TEA-US-1", "LIF-US-1"), us1)
	abroad := registration("auth-in", halcyon, "REG-IN-9", "US")
	no("a registration abroad", "/country", abroad, in1)
	country := inApproval()
	country.Country = "GB"
	no("an approval outside the countries", "/country", country, in1)
	programme := inApproval()
	programme.Programme = "VEU"
	no("an approval outside the programmes", "/programme", programme, in1)
	programme = inApproval()
	programme.Programme = ""
	no("an approval without programme where they are bounded", "/programme", programme, in1)
	items := inApproval()
	items.EligibleItems = append(items.EligibleItems, attest.Item{List: "US_CCL", Entry: "5A001"})
	no("an approval outside the lists", "/eligible_items/0/list", items, in1)
	items = inApproval()
	items.EligibleItems = nil
	no("an approval without items where lists are bounded", "/eligible_items", items, in1)
	d := domain("auth-in", "PDA-IN-1")
	d.Sub = "sandbox:OTHER"
	no("a domain approval outside the sandboxes", "/sub", d, in1)
	d = domain("auth-in", "PDA-IN-1")
	d.Programme = "JCP"
	no("a domain approval outside the programmes", "/programme", d, in1)
	d = domain("auth-in", "PDA-IN-1")
	d.Caveats = &attest.Limits{InScope: attest.Scope{"US_CCL": {"5A001"}}}
	no("caveats' scope outside the lists", "/caveats/in_scope/US_CCL", d, in1)
	d = domain("auth-in", "PDA-IN-1")
	d.Caveats = &attest.Limits{Excluded: attest.Scope{"US_CCL": {"5A001"}}}
	no("caveats outside the lists", "/caveats/excluded/US_CCL", d, in1)

	no("a rename by the revoking threshold", "", entityEvent(attest.Rename, "ENT-US-1"), us1)
	no("a merger by the revoking threshold", "", entityEvent(attest.Merger, "ENT-US-1"), us1)
	no("a succession by the revoking threshold", "", succession("TEA-US-1", "SUC-US-1"), us1)
	no("a consent by the revoking threshold", "", consent("CON-US-1"), us1)
	caveats := inApproval()
	caveats.Caveats = &attest.Limits{InScope: attest.Scope{"US_CCL": {"5A001"}}}
	no("an approval's caveats' scope outside the lists", "/caveats/in_scope/US_CCL", caveats, in1)
	caveats = inApproval()
	caveats.Caveats = &attest.Limits{Excluded: attest.Scope{"US_CCL": {"5A001"}}}
	no("an approval's caveats outside the lists", "/caveats/excluded/US_CCL", caveats, in1)
	outside := inSuccession()
	outside.Country = "AU"
	no("a succession outside the countries", "/country", outside, in1)
	no("a consent outside the lists", "/in_scope/US_CCL", inConsent("US_CCL", "5A001"), in1)
	unbounded := inConsent("US_CCL", "5A001")
	unbounded.InScope = nil
	no("a consent without scope where lists are bounded", "/in_scope", unbounded, in1)

	c, p := inRegistration(), payload(inRegistration())
	parts := strings.Split(sign(c, in1), ".")
	sig := must(base64.RawURLEncoding.DecodeString(parts[2]))
	sig[40] ^= 1
	f.refuse("open: a false signature", "forbidden", "", parts[0]+"."+parts[1]+"."+b64url(string(sig)))
	f.refuse("open: a short signature", "forbidden", "", parts[0]+"."+parts[1]+"."+b64url(string(sig[:63])))
	f.refuse("open: S not reduced", "forbidden", "", parts[0]+"."+parts[1]+"."+b64url(string(plusOrder(must(base64.RawURLEncoding.DecodeString(parts[2]))))))
	f.refuse("open: another algorithm than the key's", "forbidden", "", forge(`{"alg":"ES256","kid":"%k","typ":"`+registrationTyp+`"}`, p, in1))
	f.refuse("open: a kid of no key", "forbidden", "", forge(`{"alg":"%a","kid":"k","typ":"`+registrationTyp+`"}`, p, in1))

	// The ES256 line of two, spoilt.
	lines := strings.Split(sign(approval("TEA-US-1", "VTZ-1"), us1, us2), "\n")
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, b64url(`{"alg":"ES256`)[:12]) })
	cut := strings.LastIndexByte(lines[i], '.')
	input := lines[i][:cut]
	r, _, err := us2.signRS([]byte(input))
	s := new(big.Int).SetBytes(must(us2.Sign(context.Background(), []byte(input)))[32:])
	key, _ := us2.ecdsa()
	with := func(name string, r, s *big.Int) {
		b := append(must(r, err).FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		l := slices.Clone(lines)
		l[i] = input + "." + b64url(string(b))
		f.refuse("open: "+name, "forbidden", "", strings.Join(l, "\n"))
	}
	with("high s", r, new(big.Int).Sub(key.Params().N, s))
	with("s zero", r, new(big.Int))
	with("r zero", new(big.Int), s)
	f.refuseWith("v2", "open: a key declared compromised by an authority that the root no longer lists", "forbidden", "", sign(inRegistration(), us9))
	f.refuseWith("v2", "open: an authority that the root no longer lists", "forbidden", "/iss", sign(event(attest.Revoke, "TEA-US-1", "REV-US-1"), us3))
	f.refuseWith("v2", "open: a key that the root no longer lists", "forbidden", "", sign(inRegistration(), in1))
}

// plusOrder adds the group's order to S of an Ed25519 signature.
func plusOrder(sig []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slices.Clone(sig[32:])
	slices.Reverse(s)
	more := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(more)
	return append(slices.Clone(sig[:32]), more...)
}

// roots: trust roots after v1.
func (f *StatementFile) roots() {
	next := func(change func(*attest.Root)) *attest.Root {
		r := largeRoot(2, largeV1)
		change(r)
		return r
	}
	same := func(*attest.Root) {}
	f.refuse("root: one officer of two", "forbidden", "", sign(next(same), root1))
	f.refuse("root: signed by an authority's officer too", "forbidden", "", sign(next(same), root1, root2, us1))
	f.refuse("root: signed by the new officers alone", "forbidden", "", sign(next(func(r *attest.Root) {
		r.Threshold, r.Officers = 1, []attest.Officer{{ID: "x", Keys: []attest.JWK{mallory.jwk()}}}
	}), mallory))
	f.refuse("root: signed by the old officers alone", "forbidden", "", sign(next(func(r *attest.Root) {
		r.Threshold, r.Officers = 1, []attest.Officer{{ID: "x", Keys: []attest.JWK{mallory.jwk()}}}
	}), root1, root2))
	f.refuse("root: a version left out", "conflict", "/version", sign(next(func(r *attest.Root) { r.Version, r.JTI = 3, "root-3" }), root1, root2))
	f.refuse("root: the same version", "conflict", "/version", sign(largeRoot(1, ""), root1, root2))
	f.refuse("root: another version before", "conflict", "/previous", sign(next(func(r *attest.Root) { r.Previous = leafHash("other") }), root1, root2))
	f.refuse("root: of another register", "forbidden", "/aud", sign(next(func(r *attest.Root) {
		k := logKey
		k.name = "example.com/other"
		r.Aud, r.LogKeys = k.name, []string{k.vkey()}
	}), root1, root2))
	p := payload(largeRoot(2, largeV1))
	sayBy := func(by []officer, name, pointer, from, to string) {
		after := strings.Replace(p, from, to, 1)
		if after == p {
			panic("claims of " + name + " do not change")
		}
		f.refuse("root: "+name, "invalid", pointer, forge(header("safeconduct-root+jwt"), after, by...))
	}
	say := func(name, pointer, from, to string) { sayBy([]officer{root1, root2}, name, pointer, from, to) }
	// Where a root officer's key is at fault, the others are its threshold.
	three := []officer{root1, root2, root3}
	say("a jti of another version", "/jti", `"root-2"`, `"root-3"`)
	say("no previous", "/previous", `"previous":"`+leafHash(largeV1)+`",`, "")
	say("previous that is no hash", "/previous", leafHash(largeV1), "x")
	say("more to sign than officers", "/threshold", `"threshold":2`, `"threshold":4`)
	say("no threshold", "/threshold", `"threshold":2,`, "")
	say("an authority without country", "/authorities/1/countries", `"countries":["IN"],"id":"auth-in"`, `"id":"auth-in"`)
	say("an authority called root", "/authorities/1/id", `"id":"auth-in"`, `"id":"root"`)
	say("a log key of another name", "/log_keys/0", logKey.vkey(), noteKey{name: "example.com/other", seed: "log", typ: 1}.vkey())
	say("a log key that is a cosigner's", "/log_keys/0", logKey.vkey(), noteKey{name: Origin, seed: "log", typ: 4}.vkey())
	say("a log key of small order", "/log_keys/0", logKey.vkey(), smallOrderVKey(Origin, 1))
	say("a log key with an id in upper case", "/log_keys/0", logKey.vkey(), upperID(logKey.vkey()))
	cosigner := usMirror.vkey()
	name, id, _ := strings.Cut(cosigner, "+")
	say("a cosigner's key with a false id", "/cosigners/2/vkey", cosigner, name+"+00000000"+id[8:])
	say("a cosigner's key with an id in upper case", "/cosigners/2/vkey", cosigner, upperID(cosigner))
	asLog := usMirror
	asLog.typ = 1
	say("a cosigner's key of a log's type", "/cosigners/2/vkey", cosigner, asLog.vkey())
	say("a cosigner's key of small order", "/cosigners/2/vkey", cosigner, smallOrderVKey(usMirror.name, 4))
	say("two cosigners' keys of one name and id", "/cosigners/3/vkey", cosigner, alikeVKeys[0]+`"},{"role":"mirror","vkey":"`+alikeVKeys[1])
	sayBy(three, "an officer's key of small order", "/officers/0/keys/0", root1.jwk().X, b64url(smallOrderPoint))
	sayBy(three, "one key of two officers", "/officers/1/keys/0", root2.jwk().X, root1.jwk().X)
	say("one key of two authorities", "/authorities/1/officers/0/keys/0", in1.jwk().X, us1.jwk().X)
	say("one key of the root and an authority", "/authorities/1/officers/0/keys/0", in1.jwk().X, root3.jwk().X)
	sayBy(three, "a key with an alg that is not its own", "/officers/0/keys/0", `"alg":"EdDSA","crv":"Ed25519","kty":"OKP","x":"`+root1.jwk().X, `"alg":"ES256","crv":"Ed25519","kty":"OKP","x":"`+root1.jwk().X)
	say("an ECDSA key that is no point", "/authorities/0/officers/1/keys/0", us2.jwk().Y, b64url(strings.Repeat("\x07", 32)))
	for i, k := range unreduced {
		say("an ECDSA key whose "+"xy"[i:i+1]+" is not below the field's prime", "/authorities/0/officers/1/keys/0", us2.jwk().X+`","y":"`+us2.jwk().Y, k[0]+`","y":"`+k[1])
	}
	say("a key with the crv of another alg", "/authorities/0/officers/1/keys/0", `"crv":"P-256"`, `"crv":"P-384"`)
	say("a key with the kty of another alg", "/authorities/0/officers/1/keys/0", `"alg":"ES256","crv":"P-256","kty":"EC"`, `"alg":"ES256","crv":"P-256","kty":"OKP"`)
	say("an Ed25519 key with another crv", "/authorities/0/officers/0/keys/0", `"alg":"EdDSA","crv":"Ed25519","kty":"OKP","x":"`+us1.jwk().X, `"alg":"EdDSA","crv":"X25519","kty":"OKP","x":"`+us1.jwk().X)
	kid := us9.Key().ID()
	say("a kid that is no thumbprint", "/authorities/0/compromised/0", kid, "k")
	say("a kid with unused bits", "/authorities/0/compromised/0", kid, kid[:42]+nextLetter(kid[42]))
	say("a key compromised since a negative index", "/authorities/0/compromised/0", `"since":3`, `"since":-1`)
	say("a false jti", "/authorities/0/compromised/0/false/0", `"compromised":[{`, `"compromised":[{"false":["a b"],`)
	say("a thaw of another authority's key", "/authorities/0/thawed/0", `"thresholds":{"granting":2,"revoking":1}`, `"thawed":["`+in1.Key().ID()+`"],"thresholds":{"granting":2,"revoking":1}`)
	say("an unknown list in a jurisdiction", "/authorities/1/jurisdiction/lists/0", `"IN_SCOMET"`, `"SCOMET"`)
}

// decisionKeys: those that a version after the small root lists.
func (f *StatementFile) decisionKeys() {
	next := smallRoot(2, rootV1)
	p := payload(next)
	next.DecisionKeys = []attest.JWK{notary.jwk(), notary2.jwk()}
	f.addWith("small", "a root with decision keys", next, root1)
	no := func(class, name, pointer, keys string) {
		after := strings.Replace(p, `"iat":`, `"decision_keys":[`+keys+`],"iat":`, 1)
		f.refuseWith("small", "root: decision keys: "+name, class, pointer, forge(header("safeconduct-root+jwt"), after, root1))
	}
	key := canonical(notary.jwk())
	no("invalid", "a root officer's", "/decision_keys/0", canonical(root1.jwk()))
	no("invalid", "an authority's officer's", "/decision_keys/0", canonical(us1.jwk()))
	no("invalid", "the log's", "/decision_keys/0", canonical(officer{"log", "EdDSA"}.jwk()))
	no("invalid", "a cosigner's", "/decision_keys/0", canonical(officer{"us-mirror", "EdDSA"}.jwk()))
	no("invalid", "of small order", "/decision_keys/0", strings.Replace(key, notary.jwk().X, b64url(smallOrderPoint), 1))
	no("malformed", "twice", "/decision_keys/1", key+","+key)
	no("malformed", "none", "/decision_keys", "")
	no("malformed", "that is private", "/decision_keys/0/d", strings.Replace(key, `"kty"`, `"d":"AA","kty"`, 1))
}

// smallOrderPoint is the neutral element of Curve25519.
const smallOrderPoint = "\x01" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// noPoint is the encoding of y = 2, for which Curve25519 has no x.
const noPoint = "\x02" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// unreduced are x and y of points of P-256, base64url, to whose x, 0, or y, 5, the
// prime of the field has been added.
var unreduced = func() (points [2][2]string) {
	p := elliptic.P256().Params().P
	for i, hex := range []string{"66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4", "d7325d7646cd60d80a92738ceb345f844cffaf35841022cab176f692de8de1d7"} {
		n, _ := new(big.Int).SetString(hex, 16)
		points[i][1-i] = b64url(string(n.Bytes()))
	}
	points[0][0], points[1][1] = b64url(string(p.Bytes())), b64url(string(new(big.Int).Add(p, big.NewInt(5)).Bytes()))
	return points
}()

func smallOrderVKey(name string, typ byte) string {
	k := append([]byte{typ}, smallOrderPoint...)
	sum := keyHash(name, k)
	return fmt.Sprintf("%s+%08x+%s", name, sum, b64(k))
}

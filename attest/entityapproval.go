package attest

import (
	"slices"
	"strconv"

	"github.com/safeconduct/safeconduct/attest/controllist"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/attest/isocode"
)

// An EntityApproval says: this entity, at these sites, in these roles, for
// these items, is approved. It is a verifiable credential whose vct is [VCT].
//
// Some of its members may be confidential, see [EntityApproval.Conceal].
type EntityApproval struct {
	Common
	Grant
	Concealment
	// DigestAlgorithm is how confidential members are digested: sha-256, and empty
	// where there are none.
	DigestAlgorithm string `json:"_sd_alg,omitzero" draft:"-"`
	// VCT is the constant [VCT].
	VCT string `json:"vct"`
	// LegalName is the entity's name as the approval has it.
	LegalName string `json:"legal_name,omitzero"`
	// CaseNumber is the issuer's own.
	CaseNumber string `json:"case_number,omitzero"`
	// Contacts are persons at the holder, in words.
	Contacts []string `json:"contacts,omitzero"`
	// Listed says that whoever looks for partners may find the holder by it.
	Listed bool `json:"listed,omitzero"`
	// Confirmation is the holder's key, by which it proves that it is the holder.
	Confirmation *Confirmation `json:"cnf,omitzero"`
	// Country is where the entity is established, ISO 3166-1 alpha-2.
	Country string `json:"country"`
	// Identifiers are other identifiers of the entity, as the approval has them.
	// They lead nowhere: parties are screened by them (RULES R15).
	Identifiers []string `json:"identifiers,omitzero"`
	// LegalEffect says what the approval does.
	LegalEffect LegalEffect `json:"legal_effect"`
	// Programme is the programme that it is given under, such as VEU.
	Programme string `json:"programme,omitzero"`
	// AuthorisedRoles are the roles that the entity may act in; none means
	// every role.
	AuthorisedRoles []Role `json:"authorised_roles,omitzero"`
	// ApprovedSites are the destinations that are approved; none lists none.
	ApprovedSites []Site `json:"approved_sites,omitzero"`
	// EligibleItems are the items that it covers; none means no limit.
	EligibleItems []Item `json:"eligible_items,omitzero"`
	// Caveats limit what may go ahead on it.
	Caveats *Limits `json:"caveats,omitzero"`
	// Mentor is the identifier of the entity whose protégé the holder is. It decides
	// nothing: should the mentor's approval end, this one stands until its
	// own end, or until its authority ends it.
	Mentor string `json:"mentor,omitzero"`
	// Conditions are what it depends on.
	Conditions *Conditions `json:"conditions,omitzero"`
	// ExpirySavings are what may still go ahead after exp.
	ExpirySavings []Savings `json:"expiry_savings,omitzero"`
	// Obligations are what it asks of whoever relies on it.
	Obligations []Obligation `json:"obligations,omitzero"`
}

// Conditions are what an approval depends on: a closed vocabulary.
type Conditions struct {
	// ChangeOfControl says what a change of control does to the approval;
	// empty means nothing.
	ChangeOfControl string `json:"change_of_control,omitzero"`
}

// AutoSuspend is the condition under which a change of control suspends an
// approval until its issuer lifts that (RULES R14).
const AutoSuspend = "auto_suspend"

// A Role is what a party does in an act.
type Role string

// The roles.
const (
	Transferor Role = "transferor"
	Transferee Role = "transferee"
	Via        Role = "via"
	EndUser    Role = "end_user"
)

var roles = []Role{Transferor, Transferee, Via, EndUser}

// An Item is an entry of a control list that an approval covers, with all its
// descendants.
type Item struct {
	// List and Entry name it, as package controllist reads them.
	List  string `json:"list"`
	Entry string `json:"entry"`
	// Limitation is a limit in words, which no machine decides (RULES R18).
	Limitation string `json:"limitation,omitzero"`
	// Sites are the approved sites that it is limited to; none means all.
	Sites []string `json:"sites,omitzero"`
}

// Kind returns [KindEntityApproval].
func (*EntityApproval) Kind() Kind { return KindEntityApproval }

// Entity returns the id of the approved entity.
func (a *EntityApproval) Entity() string {
	id, _, _ := splitApprovalSubject(a.Sub)
	return id
}

// Names reports whether the approval is of the entity with the id, as its issuer has
// it: by its subject, or as one of its identifiers.
func (a *EntityApproval) Names(id string) bool {
	return a.Entity() == id || slices.Contains(a.Identifiers, id)
}

func (a *EntityApproval) check() Problems {
	p := new(checker)
	a.Common.check(p, "entity:")
	checkApprovalSubject(p, a.Sub, a.Iss)
	a.Grant.check(p, a.JTI)
	if a.VCT != VCT {
		p.Add("/vct", "is %q; want %q", a.VCT, VCT)
	}
	if !slices.Contains(a.Confidential, "legal_name") {
		p.missing("/legal_name", a.LegalName)
	}
	p.text("/legal_name", a.LegalName)
	p.text("/case_number", a.CaseNumber)
	checkContacts(p, a.Contacts)
	a.Confirmation.check(p.in("/cnf"))
	a.checkConfidential(p)
	p.missing("/country", a.Country)
	p.is("/country", a.Country, isocode.Country)
	checkIdentifiers(p, a.Identifiers, EntitySubject(a.Entity()))
	a.checkMentor(p)
	a.LegalEffect.check(p)
	checkProgramme(p, a.Programme)
	for i, r := range a.AuthorisedRoles {
		oneOf(p.element("/authorised_roles", i), "", r, roles)
	}
	checkSites(p, "/approved_sites", a.ApprovedSites)
	for i, it := range a.EligibleItems {
		a.checkItem(p.element("/eligible_items", i), it)
	}
	if a.Caveats != nil {
		a.Caveats.check(p.in("/caveats"))
	}
	if c := a.Conditions; c != nil && c.ChangeOfControl != AutoSuspend {
		p.Add("/conditions/change_of_control", "is %q; want %q, or no conditions", c.ChangeOfControl, AutoSuspend)
	}
	checkExpirySavings(p, &a.Grant, a.ExpirySavings)
	checkObligations(p, a.Obligations)
	return p.Problems
}

func (a *EntityApproval) checkMentor(p *checker) {
	if a.Mentor == "" {
		return
	}
	if _, err := identifier.Parse(a.Mentor); err != nil {
		p.Add("/mentor", "%v", err)
	} else if a.Names(a.Mentor) {
		p.Add("/mentor", "is the holder itself; want another entity")
	}
}

// checkApprovalSubject: entity:<id>/<issuer>.
func checkApprovalSubject(p *checker, sub, iss string) {
	if sub == "" {
		return
	}
	id, authority, ok := splitApprovalSubject(sub)
	if !ok || authority != iss {
		p.Add("/sub", "is %q; want entity:<id>/%s, the entity and the issuer", sub, iss)
	} else if err := entityID(id); err != nil {
		p.Add("/sub", "%v", err)
	}
}

func checkExpirySavings(p *checker, g *Grant, s []Savings) {
	checkSavings(p, "/expiry_savings", s)
	if s != nil && g.EXP == 0 {
		p.Add("/expiry_savings", "goes with exp: what has no end needs no savings")
	}
}

func (a *EntityApproval) checkItem(p *checker, it Item) {
	if _, err := controllist.Parse(it.List, it.Entry); err != nil {
		p.Add("/entry", "%v", err)
	}
	p.text("/limitation", it.Limitation)
	for j, id := range it.Sites {
		if !slices.ContainsFunc(a.ApprovedSites, func(s Site) bool { return s.ID == id }) {
			p.Add("/sites/"+strconv.Itoa(j), "site %q is not among approved_sites", id)
		}
	}
}

func checkProgramme(p *checker, s string) {
	if s != "" && !isProgramme(s) {
		p.Add("/programme", "%q is no programme name: want letters, digits, dot, _ and -", s)
	}
}

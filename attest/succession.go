package attest

import (
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/attest/isocode"
)

// A Succession passes an approval on to another entity: the approval's own
// issuer says so, after a merger or a sale. It stands in the histories of what
// the issuer approved of both. The approval keeps its lineage, and with it
// every event that is ever logged on it, in the history of the entity that it
// was given to.
type Succession struct {
	Common
	// Target is the jti of the approval, any version.
	Target string `json:"target"`
	// EffectiveAt is when the approval passes.
	EffectiveAt NumericDate `json:"effective_at"`
	// Successor is the id of the entity that it passes to, LegalName and
	// Country as of an approval.
	Successor string `json:"successor"`
	LegalName string `json:"legal_name"`
	Country   string `json:"country"`
	// ApprovedSites are the destinations that are approved at the successor;
	// none means those of the approval.
	ApprovedSites []Site `json:"approved_sites,omitzero"`
	// Retroactive says that it takes effect before it is logged, and
	// RetroactiveReason why.
	Retroactive       bool   `json:"retroactive,omitzero"`
	RetroactiveReason string `json:"retroactive_reason,omitzero"`
	// LegalBasis is the law that the issuer acts under.
	LegalBasis string `json:"legal_basis,omitzero"`
	// Publication is where it was published officially.
	Publication *Publication `json:"publication,omitzero"`
}

// Kind returns [KindSuccession].
func (*Succession) Kind() Kind { return KindSuccession }

// Entity returns the id of the entity that the approval was given to.
func (s *Succession) Entity() string {
	id, _, _ := splitApprovalSubject(s.Sub)
	return id
}

// Subjects returns what the issuer said of the entity that the approval was
// given to, and of the successor.
func (s *Succession) Subjects() []string {
	return []string{s.Sub, ApprovalSubject(s.Successor, s.Iss)}
}

func (s *Succession) check() Problems {
	p := new(checker)
	s.Common.check(p, "entity:")
	checkApprovalSubject(p, s.Sub, s.Iss)
	p.missing("/target", s.Target)
	p.is("/target", s.Target, identifier.JTI)
	p.date("/effective_at", s.EffectiveAt)
	p.missing("/successor", s.Successor)
	p.is("/successor", s.Successor, entityID)
	if s.Successor != "" && s.Successor == s.Entity() {
		p.Add("/successor", "is the entity that has the approval")
	}
	p.missing("/legal_name", s.LegalName)
	p.text("/legal_name", s.LegalName)
	p.missing("/country", s.Country)
	p.is("/country", s.Country, isocode.Country)
	checkSites(p, "/approved_sites", s.ApprovedSites)
	noneConfidential(p, "/approved_sites", s.ApprovedSites)
	checkRetroactive(p, s.Retroactive, s.RetroactiveReason)
	p.text("/legal_basis", s.LegalBasis)
	s.Publication.check(p)
	return p.Problems
}

package attest

import (
	"slices"

	"strings"

	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/attest/isocode"
)

// A Registration says: this entity is established in my country. It exempts
// the entity from needing its own authority's approval (RULES R1) and gives
// its names, identifiers and sites.
type Registration struct {
	Common
	Grant
	// LegalName is the registered name. Names are never keys.
	LegalName string `json:"legal_name"`
	// FormerNames are names that it had before.
	FormerNames []string `json:"former_names,omitzero"`
	// Country is where it is established, ISO 3166-1 alpha-2.
	Country string `json:"country"`
	// Identifiers are its other identifiers, <scheme>:<value>. Each of them
	// leads to the entity.
	Identifiers []string `json:"identifiers,omitzero"`
	// Sites are its places.
	Sites []Site `json:"sites,omitzero"`
}

// A Site is one address of an entity.
type Site struct {
	// Name and address may be confidential in an entity approval.
	Concealment
	// ID is the site's id, one address for an authority and entity.
	ID string `json:"id"`
	// Name is what the site is called.
	Name string `json:"name,omitzero"`
	// Address is where it is, in one line.
	Address string `json:"address,omitzero"`
	// Country is ISO 3166-1 alpha-2.
	Country string `json:"country"`
}

// Kind returns [KindRegistration].
func (*Registration) Kind() Kind { return KindRegistration }

// Subjects returns the entity and every other identifier as a subject, so that
// each of them leads to the entity.
func (r *Registration) Subjects() []string {
	out := []string{r.Sub}
	for _, id := range r.Identifiers {
		out = append(out, EntitySubject(id))
	}
	return out
}

func (r *Registration) check() Problems {
	p := new(checker)
	r.Common.check(p, "entity:")
	p.is("/sub", r.Sub, func(s string) error {
		_, err := identifier.Parse(strings.TrimPrefix(s, "entity:"))
		return err
	})
	r.Grant.check(p, r.JTI)
	p.missing("/legal_name", r.LegalName)
	p.text("/legal_name", r.LegalName)
	p.missing("/country", r.Country)
	p.is("/country", r.Country, isocode.Country)
	for i, n := range r.FormerNames {
		p.element("/former_names", i).text("", n)
	}
	checkIdentifiers(p, r.Identifiers, r.Sub)
	checkSites(p, "/sites", r.Sites)
	noneConfidential(p, "/sites", r.Sites)
	return p.Problems
}

// checkIdentifiers checks the other identifiers of the entity of a subject.
func checkIdentifiers(p *checker, ids []string, sub string) {
	if len(ids) > 32 {
		p.Add("/identifiers", "has %d elements; at most 32 are accepted", len(ids))
	}
	for i, id := range ids {
		at := p.element("/identifiers", i)
		if _, err := identifier.Parse(id); err != nil {
			at.Add("", "%v", err)
		} else if EntitySubject(id) == sub {
			at.Add("", "is the entity's own id, which stands in sub")
		}
	}
}

func noneConfidential(p *checker, pointer string, sites []Site) {
	for i := range sites {
		sites[i].notConfidential(p.element(pointer, i))
	}
}

func checkSites(p *checker, pointer string, sites []Site) {
	seen := make(map[string]bool, len(sites))
	for i, s := range sites {
		p := p.element(pointer, i)
		p.missing("/id", s.ID)
		p.is("/id", s.ID, identifier.Site)
		if seen[s.ID] {
			p.Add("/id", "site %s stands twice; one id is one address", s.ID)
		}
		seen[s.ID] = true
		p.text("/name", s.Name)
		if !slices.Contains(s.Confidential, "address") {
			p.missing("/address", s.Address)
		}
		p.text("/address", s.Address)
		p.missing("/country", s.Country)
		p.is("/country", s.Country, isocode.Country)
	}
}

package issuing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
)

// Precedents are what an issuer's statements have settled for those that follow,
// and a register holds them to (RULES R4 and R13): a site id of an entity is one
// address, and an identifier stands for one entity. The zero Precedents settle
// nothing. They are not safe for concurrent use.
type Precedents struct {
	sites    map[siteName][]settledSite
	entities map[string]settledEntity
}

type siteName struct{ iss, entity, id string }

type settledSite struct{ site, country, jti string }

type settledEntity struct{ sub, jti string }

// Follow takes a statement for settled, whatever came before.
func (p *Precedents) Follow(c attest.Claims) {
	h := c.Head()
	entity, sites, _ := sitesOf(c)
	for _, s := range sites {
		if p.sites == nil {
			p.sites = make(map[siteName][]settledSite)
		}
		n := siteName{h.Iss, entity, s.ID}
		at := func(old settledSite) bool { return old.site == s.Address && old.country == s.Country }
		if !slices.ContainsFunc(p.sites[n], at) {
			p.sites[n] = append(p.sites[n], settledSite{s.Address, s.Country, h.JTI})
		}
	}
	r, ok := c.(*attest.Registration)
	if !ok {
		return
	}
	for _, s := range r.Subjects() {
		if p.entities == nil {
			p.entities = make(map[string]settledEntity)
		}
		if name := h.Iss + " " + s; p.entities[name].sub == "" {
			p.entities[name] = settledEntity{h.Sub, h.JTI}
		}
	}
}

// Contradict says where a statement contradicts what is settled.
func (p *Precedents) Contradict(c attest.Claims) (problems attest.Problems) {
	h := c.Head()
	entity, sites, pointer := sitesOf(c)
	for i, s := range sites {
		for _, old := range p.sites[siteName{h.Iss, entity, s.ID}] {
			if old.site != s.Address || old.country != s.Country {
				problems.Add(fmt.Sprintf("%s/%d", pointer, i), "site %s is at %q (%s) in %s; another address is another site id", s.ID, old.site, old.country, old.jti)
				break
			}
		}
	}
	r, ok := c.(*attest.Registration)
	if !ok {
		return problems
	}
	for i, s := range r.Subjects() {
		at := "/sub"
		if i > 0 {
			at = fmt.Sprintf("/identifiers/%d", i-1)
		}
		if old := p.entities[h.Iss+" "+s]; old.sub != "" && old.sub != h.Sub {
			problems.Add(at, "%s stands for %s already (%s)", strings.TrimPrefix(s, "entity:"), strings.TrimPrefix(old.sub, "entity:"), old.jti)
		}
	}
	return problems
}

// sitesOf returns the sites that a statement names, whose they are, and where in
// it they stand.
func sitesOf(c attest.Claims) (entity string, sites []attest.Site, pointer string) {
	switch c := c.(type) {
	case *attest.Registration:
		return strings.TrimPrefix(c.Sub, "entity:"), c.Sites, "/sites"
	case *attest.EntityApproval:
		return c.Entity(), c.ApprovedSites, "/approved_sites"
	case *attest.Succession:
		return c.Successor, c.ApprovedSites, "/approved_sites"
	default:
		return "", nil, ""
	}
}

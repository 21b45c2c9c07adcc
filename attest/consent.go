package attest

import (
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/attest/isocode"
)

// A Consent says: this transferee may receive a reexport or retransfer of what
// I first let go (RULES R9). Each has a subject of its own, so that it is shown
// to nobody who does not know its name; it is not superseded, but revoked and
// given anew.
type Consent struct {
	Common
	Grant
	// Transferee is the id of the entity that may receive.
	Transferee string `json:"transferee"`
	// InScope are the items that it is for, Sites the ids of the destinations,
	// Value the ceiling of one transaction; what is absent is no limit.
	InScope Scope         `json:"in_scope,omitzero"`
	Sites   []string      `json:"sites,omitzero"`
	Value   *ValueCeiling `json:"value,omitzero"`
	// Obligations are what it asks of whoever relies on it.
	Obligations []Obligation `json:"obligations,omitzero"`
}

// Kind returns [KindConsent].
func (*Consent) Kind() Kind { return KindConsent }

func (c *Consent) check() Problems {
	p := new(checker)
	c.Common.check(p, "consent:")
	if want := ConsentSubject(c.Iss, c.JTI); c.Sub != "" && c.Iss != "" && c.JTI != "" && c.Sub != want {
		p.Add("/sub", "is %q; want %s", c.Sub, want)
	}
	c.Grant.check(p, c.JTI)
	if c.Supersedes != "" {
		p.Add("/supersedes", "does not go with a consent; revoke it and give another one")
	}
	p.missing("/transferee", c.Transferee)
	p.is("/transferee", c.Transferee, entityID)
	checkScope(p.in("/in_scope"), c.InScope)
	for i, s := range c.Sites {
		p.element("/sites", i).is("", s, identifier.Site)
	}
	if v := c.Value; v != nil {
		p.missing("/value/currency", v.Currency)
		p.is("/value/currency", v.Currency, isocode.Currency)
		p.missing("/value/per_transaction", string(v.PerTransaction))
		p.is("/value/per_transaction", string(v.PerTransaction), isAmount)
		if v.Cumulative != "" {
			p.Add("/value/cumulative", "does not go with a consent, which is for each transaction")
		}
	}
	checkObligations(p, c.Obligations)
	return p.Problems
}

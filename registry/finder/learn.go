package finder

import (
	"strings"

	"github.com/safeconduct/safeconduct/attest"
)

// learn takes in what a statement says of the things that it is about.
func (f *Finder) learn(c attest.Claims) {
	e, head := f.entities, c.Head()
	switch c := c.(type) {
	case *attest.Registration:
		i, t := e.thing(strings.TrimPrefix(c.Sub, attest.EntitySubject("")))
		e.name(i, c.LegalName)
		for _, n := range c.FormerNames {
			e.name(i, n)
		}
		for _, id := range c.Identifiers {
			e.identify(i, id)
		}
		e.add(&t.registrars, head.Iss)
		e.add(&t.countries, c.Country)
		f.hold(e, i, c)
	case *attest.EntityApproval:
		i, t := e.thing(c.Entity())
		e.name(i, c.LegalName)
		for _, id := range c.Identifiers {
			e.identify(i, id)
		}
		e.add(&t.authorities, head.Iss)
		e.add(&t.programmes, c.Programme)
		e.add(&t.countries, c.Country)
		f.list(t, c)
		f.hold(e, i, c)
	case *attest.Succession:
		i, t := e.thing(c.Successor)
		e.name(i, c.LegalName)
		e.add(&t.authorities, head.Iss)
		e.add(&t.countries, c.Country)
		t.heir = true
	case *attest.EntityEvent:
		i, _ := e.thing(c.Entity())
		e.name(i, c.NewName)
	case *attest.DomainApproval:
		i, t := f.sandboxes.thing(c.Sandbox())
		f.sandboxes.name(i, c.Title)
		f.sandboxes.name(i, strings.ReplaceAll(c.Sandbox(), "-", " "))
		f.sandboxes.add(&t.authorities, head.Iss)
		f.sandboxes.add(&t.programmes, c.Programme)
		f.purpose(c)
		// Its authorities are as they were first logged.
		if len(t.members) == 0 {
			for _, a := range c.Terms.Authorities {
				f.sandboxes.add(&t.members, a)
			}
		}
		f.hold(f.sandboxes, i, c)
		f.wait(i)
	case *attest.Root:
		f.distrust(c)
	}
}

package policy

import (
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// entities resolves an identifier: the entities whose registrations, in the
// versions that govern, name it. It is the identifier itself where none does.
// An event on a registration changes nothing here, so that to revoke one never
// makes an ambiguous identifier a clear one.
func (v *view) entities(id string) []string {
	var out []string
	for _, main := range mains(id, v.history(attest.EntitySubject(id))) {
		if main == id || v.names(main, id) {
			out = append(out, main)
		}
	}
	if out == nil {
		return []string{id}
	}
	return out
}

// names reports whether a registration of the entity gives it the identifier.
func (v *view) names(main, id string) bool {
	own := func(c attest.Claims) bool { return registrationOf(c, main) != nil }
	return slices.ContainsFunc(lineages(v.history(attest.EntitySubject(main)), own), func(l *lineage) bool {
		e := l.governing(v.at.EffectiveAt)
		return slices.Contains(registrationOf(e.Statement.Claims(), main).Identifiers, id)
	})
}

// registrationOf returns the claims where they register the entity, else nil.
func registrationOf(c attest.Claims, id string) *attest.Registration {
	if r, ok := c.(*attest.Registration); ok && r.Sub == attest.EntitySubject(id) {
		return r
	}
	return nil
}

// mains lists the entities to which registrations in the history of an
// identifier's subject have ever given it.
func mains(id string, entries []proven.Entry) []string {
	var out []string
	for _, e := range entries {
		if r, ok := e.Statement.Claims().(*attest.Registration); ok {
			out = append(out, strings.TrimPrefix(r.Sub, "entity:"))
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	// An id that is registered as an entity's own leads nowhere else.
	if len(out) == 0 || slices.Contains(out, id) {
		return []string{id}
	}
	return out
}

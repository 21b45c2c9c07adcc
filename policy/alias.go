package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// An identity is what an identifier stands for, as far as one authority is
// concerned: one authority's word never makes another's approval reach further.
type identity struct {
	// entities has one element unless the identifier is ambiguous.
	entities []string
	// claims are the registrations that lead there; none where the identifier
	// stands for itself.
	claims []claim
	// own says that the claims are the authority's own.
	own bool
}

// A claim is a registration in the version that governs: it says that an
// identifier is the entity's.
type claim struct {
	entity string
	entry  proven.Entry
	state  state
}

// identify resolves an identifier for an authority. The authority's own
// registrations come first, then what the identifier is by itself, and the word
// of others last.
//
// An event on a registration does not change where it leads, so that to revoke
// one never makes an ambiguous identifier a clear one.
func (v *view) identify(id, authority string) identity {
	itself := identity{entities: []string{id}}
	registered := false
	for _, e := range v.history(attest.EntitySubject(id)) {
		if r := registrationOf(e.Statement.Claims(), id); r != nil {
			if r.Iss == authority {
				return itself
			}
			registered = true
		}
	}
	own, others := v.claims(id, authority)
	switch {
	case own != nil:
		return identity{entitiesOf(own), own, true}
	case registered || v.approves(id, authority) || others == nil:
		return itself
	default:
		return identity{entitiesOf(others), others, false}
	}
}

// approves reports whether the authority has approved the entity, in whatever
// state that is; approvals that evidence does not show count, so that to leave
// them out never gives the identifier to somebody else.
func (v *view) approves(id, authority string) bool {
	subject := attest.ApprovalSubject(id, authority)
	return len(v.history(subject)) > 0 || v.set.Withheld(subject)
}

// claims lists the registrations that give the identifier to another entity:
// the authority's own and those of others.
func (v *view) claims(id, authority string) (own, others []claim) {
	for _, main := range registrants(v.history(attest.EntitySubject(id))) {
		registers := func(c attest.Claims) bool { return registrationOf(c, main) != nil }
		for _, l := range lineages(v.history(attest.EntitySubject(main)), registers) {
			e := l.governing(v.t)
			r := registrationOf(e.Statement.Claims(), main)
			if !slices.Contains(r.Identifiers, id) {
				continue
			}
			c := claim{main, e, stateOf(l.causes(e, nil, v.t), e)}
			if r.Iss == authority {
				own = append(own, c)
			} else {
				others = append(others, c)
			}
		}
	}
	return own, others
}

func entitiesOf(cs []claim) []string {
	var out []string
	for _, c := range cs {
		out = append(out, c.entity)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// doubt is the reason why a person must say whom the identifier of a party
// means, although it leads to one entity: ok is false where there is none.
// known says that the authority has approved or registered that entity.
func (i identity) doubt(authority string, p party, known bool) (r Reason, ok bool) {
	inForce := func(c claim) bool { return c.state.code == "" }
	if len(i.claims) == 0 || i.own && slices.ContainsFunc(i.claims, inForce) {
		return Reason{}, false
	}
	c, entity := i.claims[0], i.entities[0]
	r = Reason{Code: MissingFact, Authority: authority, Party: p.String(), Statement: refOf(c.entry), Pointer: "/identifiers"}
	const ask = " Ask with that identifier if it is the one meant."
	switch {
	case i.own:
		r.Message = fmt.Sprintf("That %s is %s rests on a registration that is not in force: %s", p.id, entity, c.state.message) + ask
	case known:
		r.Message = fmt.Sprintf("That %s is %s is the word of %s alone; %s approves %s.", p.id, entity, issuers(i.claims), authority, entity) + ask
	default:
		r.Message = fmt.Sprintf("That %s is %s is the word of %s alone.", p.id, entity, issuers(i.claims)) + ask
	}
	return r, true
}

func issuers(cs []claim) string {
	var out []string
	for _, c := range cs {
		out = append(out, c.entry.Statement.Claims().Head().Iss)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " and ")
}

// registrationOf returns the claims where they register the entity, else nil.
func registrationOf(c attest.Claims, id string) *attest.Registration {
	if r, ok := c.(*attest.Registration); ok && r.Sub == attest.EntitySubject(id) {
		return r
	}
	return nil
}

// registrants lists the entities whose registrations stand in the history of an
// identifier's subject: all to whom it was ever given, and itself where it is
// an entity's own id.
func registrants(entries []proven.Entry) []string {
	var out []string
	for _, e := range entries {
		if r, ok := e.Statement.Claims().(*attest.Registration); ok {
			out = append(out, strings.TrimPrefix(r.Sub, "entity:"))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

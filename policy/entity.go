package policy

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/screening"
)

func entityOf(subject string) string {
	id, _, _ := strings.Cut(strings.TrimPrefix(subject, "entity:"), "/")
	return id
}

// happenings lists the events of a type on an entity that concern an authority:
// the word of whoever registered the entity concerns all, that of others their
// own approvals. Of a rename or merger others are not heard where anybody had
// registered it before (R13, R14): a later registration undoes nothing.
func (v *view) happenings(id, authority string, typ attest.EntityEventType) (out []proven.Entry) {
	entries := v.history(attest.EntitySubject(id))
	registered := int64(math.MaxInt64) // since which index
	by := make(map[string]bool)
	for _, e := range entries {
		if r := registrationOf(e.Statement.Claims(), id); r != nil {
			registered, by[r.Iss] = min(registered, e.Index), true
		}
	}
	for _, e := range entries {
		ev := entityEvent(e)
		if ev == nil || ev.Event != typ || ev.Entity() != id {
			continue
		}
		if by[ev.Iss] || ev.Iss == authority && (typ == attest.ChangeOfControl || e.Index < registered) {
			out = append(out, e)
		}
	}
	return out
}

// renames are the log indexes of an entity's renames that concern any of the
// authorities.
func (v *view) renames(id string) map[int64]bool {
	indexes := make(map[int64]bool)
	for _, a := range v.authorities {
		for _, e := range v.happenings(id, a, attest.Rename) {
			indexes[e.Index] = true
		}
	}
	return indexes
}

// absorbed returns the merger that has ended an entity, as far as an authority is
// concerned; the zero Entry where none has.
func (v *view) absorbed(id, authority string) (merger proven.Entry) {
	for _, e := range v.happenings(id, authority, attest.Merger) {
		if ev := entityEvent(e); !v.t.Before(ev.EffectiveAt.Time()) && (merger.Statement == nil || ev.EffectiveAt < entityEvent(merger).EffectiveAt) {
			merger = e
		}
	}
	return merger
}

// controls lists the changes of control that act on an approval: those of the
// entity that held it when they took effect, logged after its first version,
// where its conditions ask for that, now or then: superseding never lifts.
func (v *view) controls(h tenure, version proven.Entry, authority string) (out []proven.Entry) {
	first := v.begun(h, version, authority)
	for _, holder := range h.holders() {
		for _, e := range v.happenings(holder, authority, attest.ChangeOfControl) {
			at := entityEvent(e).EffectiveAt.Time()
			if e.Index > first && h.holder(at) == holder && (suspendsItself(version) || h.suspendedItself(e, at)) {
				out = append(out, e)
			}
		}
	}
	return out
}

// begun is the index of the first version of an approval, be it void.
func (v *view) begun(h tenure, version proven.Entry, authority string) int64 {
	for _, e := range v.proven(attest.ApprovalSubject(h.given, authority)) {
		if e.Tag == version.Tag {
			return e.Index
		}
	}
	return version.Index
}

// suspendedItself reports whether a change of control suspended the approval
// when it took effect: by the version that governed then, of all or of those
// logged before it, so that one backdated later does not lift either.
func (l *lineage) suspendedItself(control proven.Entry, at time.Time) bool {
	if suspendsItself(l.governing(at)) {
		return true
	}
	before := lineage{versions: slices.DeleteFunc(slices.Clone(l.versions), func(e proven.Entry) bool { return e.Index > control.Index })}
	return len(before.versions) > 0 && suspendsItself(before.governing(at))
}

func suspendsItself(version proven.Entry) bool {
	a, _ := version.Statement.Claims().(*attest.EntityApproval)
	return a != nil && a.Conditions != nil && a.Conditions.ChangeOfControl == attest.AutoSuspend
}

// A called is a name that an entity has or had.
type called struct {
	name    string
	since   attest.NumericDate
	by      proven.Entry
	pointer string
	// secret says that it is confidential there, and was disclosed: see
	// [Reason.Message].
	secret bool
}

// names lists the names of an entity at the time of the act: the current ones,
// and those that it had before.
func (v *view) names(id string) (current, former []called) {
	var all []called
	add := func(c called) {
		// A name that is not disclosed is none, see [judgement.screen].
		if c.name != "" && !v.t.Before(c.since.Time()) {
			all = append(all, c)
		}
	}
	renames := v.renames(id)
	for _, e := range v.history(attest.EntitySubject(id)) {
		switch c := e.Statement.Claims().(type) {
		case *attest.Registration:
			if c.Sub != attest.EntitySubject(id) {
				continue
			}
			for i, n := range c.FormerNames {
				former = append(former, called{name: n, since: c.NBF, by: e, pointer: fmt.Sprintf("/former_names/%d", i)})
			}
			add(called{name: c.LegalName, since: c.NBF, by: e, pointer: "/legal_name"})
		case *attest.EntityEvent:
			if renames[e.Index] {
				add(called{name: c.NewName, since: c.EffectiveAt, by: e, pointer: "/new_name"})
			}
		}
	}
	for _, a := range v.authorities {
		for _, e := range v.history(attest.ApprovalSubject(id, a)) {
			switch c := e.Statement.Claims().(type) {
			case *attest.EntityApproval:
				add(called{c.LegalName, c.NBF, e, "/legal_name", slices.Contains(c.Confidential, "legal_name")})
			case *attest.Succession:
				if c.Successor == id {
					add(called{name: c.LegalName, since: c.EffectiveAt, by: e, pointer: "/legal_name"})
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b called) int {
		return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.by.Index, b.by.Index))
	})
	return v.settle(all, former)
}

// settle tells current names from former ones: by each rename, all names that the
// entity was called by before it become former.
func (v *view) settle(all, former []called) (current, before []called) {
	before = former
	for _, n := range all {
		if n.pointer == "/new_name" {
			before = append(before, current...)
			current = nil
		}
		current = append(current, n)
	}
	return current, before
}

// named: names are never keys, so that a party is named by an identifier.
func (j *judgement) named(o *outcome) {
	for _, p := range []party{{role: attest.Transferor, id: j.req.Transferor}, {role: attest.Transferee, id: j.req.Transferee}} {
		if p.id == "" {
			o.add(Reason{
				Code: MissingFact, Party: string(p.role),
				Message: fmt.Sprintf("The request does not name the %s by an identifier; a name alone names nobody.", p.role),
			})
		}
	}
}

// presented is R13 for how the transferee was shown: under a former name with the
// right identifier it is the same entity; an identifier of another value is
// somebody else's.
func (j *judgement) presented(o *outcome) {
	p := j.req.TransfereePresented
	if p == nil || j.req.Transferee == "" {
		return
	}
	id := j.transferee(j.req.Transferee)
	who := party{role: attest.Transferee, id: j.req.Transferee}.String()
	known := j.identifiers(id)
	for _, shown := range p.Identifiers {
		scheme, _, _ := strings.Cut(shown, ":")
		i := slices.IndexFunc(known, func(k string) bool { return strings.HasPrefix(k, scheme+":") })
		if i >= 0 && !slices.Contains(known, shown) {
			o.add(Reason{
				Code: MissingFact, Party: who,
				Message: fmt.Sprintf("The transferee was shown with %s, and %s has %s: find out who is meant.", shown, id, known[i]),
			})
		}
	}
	if r, ok := j.alias(id, p.Name); ok {
		r.Party = who
		o.add(r)
	}
}

// transferee is the entity that the transferee's identifier stands for, itself
// where that is not clear.
func (v *view) transferee(id string) string {
	for _, a := range v.authorities {
		if who := v.identify(id, a); len(who.entities) == 1 {
			return who.entities[0]
		}
	}
	return id
}

// identifiers lists what an entity is identified by: its id, and what the
// registrations that govern and its approvals say.
func (v *view) identifiers(id string) []string {
	out := []string{id}
	registers := func(c attest.Claims) bool { return registrationOf(c, id) != nil }
	for _, l := range lineages(v.history(attest.EntitySubject(id)), registers) {
		out = append(out, registrationOf(l.governing(v.t).Statement.Claims(), id).Identifiers...)
	}
	for _, a := range v.authorities {
		for _, e := range v.history(attest.ApprovalSubject(id, a)) {
			if c, ok := e.Statement.Claims().(*attest.EntityApproval); ok {
				out = append(out, c.Identifiers...)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// secrets are the names, in their normal form, that are confidential and nowhere in
// clear.
func secrets(names []called) map[string]bool {
	out := make(map[string]bool)
	for _, n := range names {
		if n.secret {
			out[screening.Normalise(n.name)] = true
		}
	}
	if len(out) == 0 {
		return nil
	}
	for _, n := range names {
		if !n.secret {
			delete(out, screening.Normalise(n.name))
		}
	}
	return out
}

// alias reports that a name is one that the entity had before.
func (v *view) alias(id, shown string) (r Reason, ok bool) {
	normal := screening.Normalise(shown)
	if normal == "" {
		return Reason{}, false
	}
	is := func(n called) bool { return screening.Normalise(n.name) == normal }
	current, former := v.names(id)
	i := slices.IndexFunc(former, is)
	if i < 0 || slices.ContainsFunc(current, is) {
		return Reason{}, false
	}
	secret := secrets(slices.Concat(current, former))
	now := ""
	for _, n := range slices.Backward(current) {
		if !secret[screening.Normalise(n.name)] {
			now = fmt.Sprintf(" It is now called %q.", n.name)
			break
		}
	}
	what := fmt.Sprintf("%q", shown)
	if secret[normal] {
		what = "The name that the transferee was shown with"
	}
	return Reason{
		Code: IdentityViaAlias, Statement: refOf(former[i].by), Pointer: former[i].pointer,
		Message: fmt.Sprintf("%s is a former name of %s.%s", what, id, now),
	}, true
}

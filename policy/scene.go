package policy

import (
	"slices"
	"sort"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// A cast is what questions about the same sandbox, or programme, and parties
// have in common. It does not change once it is made.
type cast struct {
	authorities []string
	subjects    []string
	// changes are the moments that statements about the subjects name, sorted:
	// between two of them nothing begins or ends.
	changes []time.Time
}

// A moment is one of a cast, between two changes: as many are before it.
type moment struct {
	of     *cast
	before int
}

// A scene is what approvals come to from one change to the next, whatever else
// a question says. It does not change once it is made.
type scene struct {
	// domain is the sandbox without savings, nil where nobody has approved it.
	domain *domain
	// standings are by party and, within it, by authority.
	standings []standing
	// next are the changes to come.
	next []change
}

// A standing is what an authority has said of a party.
type standing struct {
	who identity
	// What follows is of the entity that the identifier stands for, as far as it
	// stands for one alone, and up to what settles it: merger is what ended the
	// entity, registered the authority's registration that exempts it, held are
	// the approvals that it has.
	merger, registered proven.Entry
	held               []held
	// withheld says that the evidence does not show all of those.
	withheld bool
}

// A held approval is one that an entity has, in the version that governs.
type held struct {
	tenure
	entry    proven.Entry
	approval *attest.EntityApproval
	// causes are what puts it out of force.
	causes []cause
	// items are its eligible items as clauses, caveats its limits.
	items   []clause
	caveats *limits
}

// A change is the next one of statements that belong together.
type change struct {
	at time.Time
	// approval says that they are about an entity's approval, and indexes which
	// they are.
	approval bool
	indexes  []int64
}

// scene returns the cast of a question, and the scene at a time.
func (k *knowledge) scene(q *Question, t time.Time) (*cast, *scene, error) {
	k.mu.Lock()
	c := k.casts[q.cast]
	var s *scene
	if c != nil {
		s = k.scenes[c.moment(t)]
	}
	k.mu.Unlock()
	if s != nil {
		return c, s, nil
	}
	if c == nil {
		var err error
		if c, err = k.newCast(q); err != nil {
			return nil, nil, err
		}
	}
	s, err := k.newScene(q, c, t)
	if err != nil {
		return nil, nil, err
	}
	return k.keep(q.cast, c, s, t), s, nil
}

// moment is the one at a time: the changes up to it are before.
func (c *cast) moment(t time.Time) moment {
	return moment{c, sort.Search(len(c.changes), func(i int) bool { return c.changes[i].After(t) })}
}

func (k *knowledge) newCast(q *Question) (*cast, error) {
	c := &cast{authorities: authoritiesOf(q.req, k.set), subjects: Touched(q.req, k.set)}
	for _, s := range c.subjects {
		entries, ok := k.history(s)
		if !ok {
			return nil, &Unproven{Subject: s}
		}
		for _, e := range entries {
			c.changes = append(c.changes, boundaries(e)...)
		}
	}
	slices.SortFunc(c.changes, time.Time.Compare)
	c.changes = slices.CompactFunc(c.changes, time.Time.Equal)
	return c, nil
}

func (k *knowledge) newScene(q *Question, c *cast, t time.Time) (*scene, error) {
	v := &view{knowledge: k, t: t, authorities: c.authorities}
	s := &scene{next: v.changes(c.subjects)}
	if q.req.Sandbox != "" {
		s.domain = v.fold(q.req.Sandbox, stateOf)
	}
	for _, p := range q.parties {
		for _, a := range c.authorities {
			s.standings = append(s.standings, v.standing(q.req, p, a))
		}
	}
	return s, v.err
}

func (v *view) standing(req *Request, p party, authority string) (s standing) {
	s.who = v.identify(p.id, authority)
	if len(s.who.entities) != 1 {
		return s
	}
	id := s.who.entities[0]
	if s.merger = v.absorbed(id, authority); s.merger.Statement != nil {
		return s
	}
	if req.Sandbox != "" {
		if s.registered = v.registered(id, authority); s.registered.Statement != nil {
			return s
		}
	}
	s.withheld = v.set.Withheld(attest.ApprovalSubject(id, authority))
	for _, h := range v.heldBy(id, authority) {
		e := h.governing(v.t)
		a, _ := e.Statement.Claims().(*attest.EntityApproval)
		// The version that governs must be under the programme: one that another
		// has superseded speaks for it no more.
		if req.Programme != "" && a.Programme != req.Programme {
			continue
		}
		x := held{tenure: h, entry: e, approval: a, causes: h.causes(e, v.controls(h, e, authority), v.t)}
		for i, it := range a.EligibleItems {
			x.items = append(x.items, clauseOf(it.List, it.Entry, it.Limitation, "/eligible_items/", i))
		}
		if a.Caveats != nil {
			x.caveats = limitsOf(a.Caveats, e, "/caveats", "the caveats of "+name(e))
		}
		s.held = append(s.held, x)
	}
	return s
}

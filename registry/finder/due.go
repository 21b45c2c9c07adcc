package finder

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// A held grant is one that no later version of its lineage replaces, as far as
// leaves alone tell.
type held struct {
	iss, jti string
	// terms are of an approval of a sandbox, authorities how many they name.
	terms       [32]byte
	authorities int32
	// end is in the list of who gave it, nil where it has none.
	end *end
}

// How many grants are held of an entity, and of a sandbox: more than a history
// that anybody could decide on has. What is beyond is proposed as if it were.
const (
	maxHeld  = 4096
	maxJoint = 64
)

// maxDue is how many grants are looked into for those that end.
const maxDue = 60

// An end is of a grant of a thing, in the list of who gave it. replaced says that the
// thing has a later version.
type end struct {
	at       attest.NumericDate
	jti      string
	kind     attest.Kind
	thing    int32
	replaced bool
}

// ends are those of the grants of an authority, ascending but for the fresh ones.
type ends struct{ sorted, fresh []*end }

// hold takes in that a thing of an index has a grant.
func (f *Finder) hold(x *index, i int32, c attest.Claims) {
	t, h, g := x.things[i], c.Head(), attest.GrantOf(c)
	if g.Supersedes != "" {
		t.holds = slices.DeleteFunc(t.holds, func(o held) bool {
			is := o.iss == h.Iss && o.jti == g.Supersedes
			if is && o.end != nil {
				o.end.replaced = true
			}
			return is
		})
	}
	d, joint := c.(*attest.DomainApproval)
	if g.EXP == 0 && !joint {
		return
	}
	n, most := held{iss: x.kept(h.Iss), jti: strings.Clone(h.JTI)}, maxHeld
	if joint {
		// One that has ended its approval may leave the turn to any other.
		n.terms, n.authorities, most = d.Terms.Digest(), int32(len(d.Terms.Authorities)), maxJoint
	}
	if g.EXP != 0 {
		list := f.ends[n.iss]
		if list == nil {
			list = new(ends)
			f.ends[n.iss] = list
		}
		n.end = &end{at: g.EXP, jti: n.jti, kind: c.Kind(), thing: i}
		list.fresh = append(list.fresh, n.end)
	}
	if t.crowded = t.crowded || len(t.holds) == most; !t.crowded {
		t.holds = append(t.holds, n)
	}
}

// sort brings in the ends that are new since the last time, and drops those of what has
// a later version.
func (e *ends) sort() {
	if len(e.fresh) == 0 {
		return
	}
	replaced := func(e *end) bool { return e.replaced }
	a, b := slices.DeleteFunc(e.sorted, replaced), slices.DeleteFunc(e.fresh, replaced)
	slices.SortStableFunc(b, func(a, b *end) int { return cmp.Compare(a.at, b.at) })
	merged := make([]*end, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].at <= b[0].at {
			merged, a = append(merged, a[0]), a[1:]
		} else {
			merged, b = append(merged, b[0]), b[1:]
		}
	}
	e.sorted, e.fresh = append(append(merged, a...), b...), nil
}

// wait notes whether a sandbox may wait for an authority. An approval of an
// authority that has had a key stolen may be void, which only its history says.
func (f *Finder) wait(i int32) {
	t := f.sandboxes.things[i]
	given := make(map[[32]byte][]string)
	may := t.crowded
	for _, h := range t.holds {
		may = may || f.distrusted[h.iss]
		if !slices.Contains(given[h.terms], h.iss) {
			given[h.terms] = append(given[h.terms], h.iss)
		}
	}
	for _, h := range t.holds {
		may = may || int32(len(given[h.terms])) < h.authorities
	}
	at, is := slices.BinarySearch(f.waiting, i)
	switch {
	case may && !is:
		f.waiting = slices.Insert(f.waiting, at, i)
	case !may && is:
		f.waiting = slices.Delete(f.waiting, at, at+1)
	}
}

// distrust takes in of which authorities a trust root declares keys compromised.
func (f *Finder) distrust(r *attest.Root) {
	found := false
	for _, a := range r.Authorities {
		if len(a.Compromised) > 0 && !f.distrusted[a.ID] {
			f.distrusted[strings.Clone(a.ID)], found = true, true
		}
	}
	if found {
		for i := range f.sandboxes.things {
			f.wait(int32(i))
		}
	}
}

// Waiting proposes the sandboxes that may wait for an authority's approval of
// terms that another one has approved, where the authority is of their terms, or
// all for "": those that were logged first come first, most of them at most,
// behind the sandbox after. more is how many are left. Whether one waits, and for
// whom, only its history says. It returns [ErrBuilding] while the index is being
// made, and [ErrCursor] for an after that is no sandbox.
func (f *Finder) Waiting(ctx context.Context, authority, after string, most int) (ids []string, more int, err error) {
	if _, err := f.ready(ctx); err != nil {
		return nil, 0, err
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	from := 0
	if after != "" {
		i, ok := f.sandboxes.byID[after]
		if !ok {
			return nil, 0, ErrCursor
		}
		from = sort.Search(len(f.waiting), func(n int) bool { return f.waiting[n] > i })
	}
	for _, i := range f.waiting[from:] {
		t := f.sandboxes.things[i]
		switch {
		case authority != "" && !slices.Contains(t.members, authority):
		case len(ids) < most:
			ids = append(ids, t.id)
		default:
			more++
		}
	}
	return ids, more, nil
}

// An Ending is a registration or an approval that ends soon.
type Ending struct {
	Grant
	// Kind says what it is, ID of which entity or sandbox; Name is what it calls that,
	// "" where it does not say.
	Kind attest.Kind
	ID   string
	Name string
}

// Endings are those of an authority, the soonest first.
type Endings struct {
	Found []Ending
	// More is how many may be left: what is not looked into, and what has a history that
	// is too large to be.
	More int
}

// Ending finds the registrations and approvals of an authority that have not ended
// at now and end before until, limit of them at most. It returns [ErrBuilding]
// while the index is being made.
func (f *Finder) Ending(ctx context.Context, authority string, now, until time.Time, limit int) (Endings, error) {
	e, err := f.ready(ctx)
	if err != nil {
		return Endings{}, err
	}
	proposals, all := f.endings(authority, now, until)
	out := Endings{More: all}
	for _, p := range proposals {
		if len(out.Found) == limit {
			break
		}
		found, ok, err := p.look(ctx, e, authority, now)
		if errors.Is(err, verify.ErrTooLarge) {
			continue
		} else if err != nil {
			return Endings{}, err
		}
		if out.More--; ok {
			out.Found = append(out.Found, found)
		}
	}
	return out, nil
}

// A proposedEnd is a grant that may end.
type proposedEnd struct {
	id, jti string
	kind    attest.Kind
}

// endings are the first that may end, maxDue at most, and how many there are at most in
// all.
func (f *Finder) endings(authority string, now, until time.Time) (out []proposedEnd, all int) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	list := f.ends[authority]
	if list == nil {
		return nil, 0
	}
	from := sort.Search(len(list.sorted), func(i int) bool { return list.sorted[i].at.Time().After(now) })
	to := sort.Search(len(list.sorted), func(i int) bool { return !list.sorted[i].at.Time().Before(until) })
	for i := from; i < to; i++ {
		e := list.sorted[i]
		switch {
		case e.replaced:
			continue
		case len(out) == maxDue:
			return out, len(out) + to - i
		}
		x := f.entities
		if e.kind == attest.KindDomainApproval {
			x = f.sandboxes
		}
		out = append(out, proposedEnd{x.things[e.thing].id, e.jti, e.kind})
	}
	return out, len(out)
}

// look reads what the grant is. It returns [verify.ErrTooLarge] where more is logged of
// it than anybody could decide on.
func (p proposedEnd) look(ctx context.Context, e *registry.Edition, authority string, now time.Time) (Ending, bool, error) {
	subject := attest.EntitySubject(p.id)
	switch p.kind {
	case attest.KindEntityApproval:
		subject = attest.ApprovalSubject(p.id, authority)
	case attest.KindDomainApproval:
		subject = attest.SandboxSubject(p.id)
	}
	list, err := e.NewReading().History(ctx, subject, time.Time{}, now)
	if err != nil {
		return Ending{}, false, err
	}
	for _, r := range list {
		c := r.Statement.Claims()
		if h := c.Head(); c.Kind() != p.kind || h.Iss != authority || h.JTI != p.jti || h.Sub != subject {
			continue
		}
		g := grantOf(r)
		if g == nil || !g.Status.Stands() {
			break
		}
		out := Ending{Grant: *g, Kind: p.kind, ID: p.id}
		switch c := c.(type) {
		case *attest.Registration:
			out.Name = c.LegalName
		case *attest.EntityApproval:
			out.Name = c.LegalName
		case *attest.DomainApproval:
			out.Name = c.Title
		}
		return out, true, nil
	}
	return Ending{}, false, nil
}

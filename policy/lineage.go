package policy

import (
	"slices"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// A lineage is an approval, registration or consent: all its versions and what
// has happened to any of them, in log order (R10).
type lineage struct {
	versions    []proven.Entry
	events      []proven.Entry
	successions []proven.Entry
}

// lineages groups the history of a subject, keeping the lineages that have
// versions of the wanted kind. An event may come before the first version that
// is left: it was on one that is void, and acts on the version re-issued in its
// place too.
func lineages(entries []proven.Entry, wanted func(attest.Claims) bool) []*lineage {
	var out []*lineage
	byTag := make(map[attest.Tag]*lineage)
	for _, e := range entries {
		l, ok := byTag[e.Tag]
		if !ok {
			l = new(lineage)
			byTag[e.Tag] = l
			out = append(out, l)
		}
		switch c := e.Statement.Claims().(type) {
		case *attest.Event:
			l.events = append(l.events, e)
		case *attest.Succession:
			l.successions = append(l.successions, e)
		default:
			if wanted(c) {
				l.versions = append(l.versions, e)
			}
		}
	}
	return slices.DeleteFunc(out, func(l *lineage) bool { return l.versions == nil })
}

// governing returns the version that governs at t: the newest whose nbf has
// come, else the first.
func (l *lineage) governing(t time.Time) proven.Entry {
	for _, e := range slices.Backward(l.versions) {
		if !t.Before(attest.GrantOf(e.Statement.Claims()).NBF.Time()) {
			return e
		}
	}
	return l.versions[0]
}

// succeeded returns the succession by which an approval is another entity's at
// t: of those that have taken effect the last one in legal time.
func (l *lineage) succeeded(t time.Time) (last proven.Entry, ok bool) {
	for _, e := range l.successions {
		s := succession(e)
		if t.Before(s.EffectiveAt.Time()) || ok && s.EffectiveAt < succession(last).EffectiveAt {
			continue
		}
		last, ok = e, true
	}
	return last, ok
}

// holder returns the entity that held the approval at t.
func (h tenure) holder(t time.Time) string {
	if s, ok := h.succeeded(t); ok {
		return succession(s).Successor
	}
	return h.given
}

// holders are all that ever held it, or will, sorted.
func (h tenure) holders() []string {
	all := []string{h.given}
	for _, e := range h.successions {
		all = append(all, succession(e).Successor)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// heldBy returns the lineages of an authority's approvals that are an entity's
// at t: those given to it that have not passed on, and those that have passed to
// it, each with the succession.
func (v *view) heldBy(id, authority string) (held []tenure) {
	t := v.t
	wanted := func(c attest.Claims) bool {
		a, ok := c.(*attest.EntityApproval)
		return ok && a.Iss == authority
	}
	subject := attest.ApprovalSubject(id, authority)
	own := v.history(subject)
	from := []string{subject}
	for _, e := range own {
		if s := succession(e); s != nil && s.Sub != subject {
			from = append(from, s.Sub)
		}
	}
	slices.Sort(from)
	for _, sub := range slices.Compact(from) {
		entries := own
		if sub != subject {
			entries = v.history(sub)
		}
		for _, l := range lineages(entries, wanted) {
			s, passed := l.succeeded(t)
			switch {
			case !passed && sub == subject:
				held = append(held, tenure{lineage: l, given: id})
			case passed && succession(s).Successor == id:
				held = append(held, tenure{l, entityOf(sub), s})
			}
		}
	}
	return held
}

// A tenure is an approval in the hands of an entity.
type tenure struct {
	*lineage
	// given is the entity that it was given to, by the succession it has come from
	// there, if any.
	given string
	by    proven.Entry
}

// sites are those that a version of the approval is for in these hands, and what lists
// them: a succession may have sites of its own (R4).
func (h tenure) sites(version proven.Entry) ([]attest.Site, proven.Entry) {
	if h.by.Statement != nil {
		if own := succession(h.by).ApprovedSites; own != nil {
			return own, h.by
		}
	}
	if a, ok := version.Statement.Claims().(*attest.EntityApproval); ok {
		return a.ApprovedSites, version
	}
	return nil, version
}

func event(e proven.Entry) *attest.Event {
	ev, _ := e.Statement.Claims().(*attest.Event)
	return ev
}

func succession(e proven.Entry) *attest.Succession {
	s, _ := e.Statement.Claims().(*attest.Succession)
	return s
}

func entityEvent(e proven.Entry) *attest.EntityEvent {
	ev, _ := e.Statement.Claims().(*attest.EntityEvent)
	return ev
}

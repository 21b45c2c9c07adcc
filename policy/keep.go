package policy

import (
	"slices"
	"time"
)

// maxParts bounds what is kept: whoever asks may ask about anything, and a register
// keeps the histories of many questions. A part is a statement, a clause or the
// like, a hundred bytes or two.
const maxParts = 1 << 14

// keep keeps a scene, in place of all others where they come to too much, and
// returns its cast. Somebody else may have been as far at the same time; either
// will do.
func (k *knowledge) keep(of Cast, c *cast, s *scene, t time.Time) *cast {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept+c.parts()+s.parts() > maxParts {
		clear(k.casts)
		clear(k.scenes)
		k.kept = 0
	}
	if have, ok := k.casts[of]; ok {
		c = have
	} else {
		k.casts[of] = c
		k.kept += c.parts()
	}
	if m := c.moment(t); k.scenes[m] == nil {
		k.scenes[m] = s
		k.kept += s.parts()
	}
	return c
}

func (c *cast) parts() int { return 1 + len(c.subjects) + len(c.changes) }

func (s *scene) parts() int {
	n := 1 + s.domain.parts()
	for i := range s.standings {
		n += s.standings[i].parts()
	}
	for _, c := range s.next {
		n += 1 + len(c.indexes)/8
	}
	return n
}

func (s *standing) parts() int {
	n := 2 + len(s.who.claims)
	for _, h := range s.held {
		n += 3 + len(h.versions) + len(h.events) + len(h.successions) + len(h.causes) + len(h.items) + h.caveats.parts()
	}
	return n
}

func (d *domain) parts() (n int) {
	if d == nil {
		return 0
	}
	for _, a := range d.authorities {
		for _, s := range slices.Concat(d.standing[a], []*stance{d.approved[a]}) {
			if s != nil {
				n += 3 + len(s.state.causes) + s.terms.parts() + s.caveats.parts()
			}
		}
	}
	for _, w := range d.ways {
		n += 1 + (len(w.stances)+len(w.limits))/8
	}
	return n
}

func (l *limits) parts() int {
	if l == nil {
		return 0
	}
	return 2 + len(l.inScope) + len(l.excluded)
}

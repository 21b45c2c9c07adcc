package registry

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"

	"github.com/safeconduct/safeconduct/attest"
)

// A Voided is a logged statement that a version of the trust root voids: too few
// of its signatures are by keys that are to be trusted at its place (RULES R20).
type Voided struct {
	Index     int64
	Statement *attest.Statement
	// Takes says that it suspends or ends what somebody holds, or is a version in
	// place of another one, which may have allowed more: what would stand again
	// without it.
	Takes bool
	// Reissued says that another statement says the same and stands, or that a
	// later version does, or that the lineage has ended.
	Reissued bool
	// Declared says that the version declares it false.
	Declared bool
}

// Settled reports whether the version may void the statement: what takes away has
// to be made again by another key, or declared false, before its thief's
// signature lets something stand again.
func (v *Voided) Settled() bool { return !v.Takes || v.Reissued || v.Declared }

// voided yields what next voids of the log and stands under what is in force, in
// log order.
func voided(v View, next *attest.Root) iter.Seq2[*Voided, error] {
	return func(yield func(*Voided, error) bool) {
		now := v.Root().Distrust
		then := now.After(next)
		left := remainder{v, then, make(map[string]*leftOver)}
		kids, from := newlyDistrusted(now, next)
		if len(kids) == 0 {
			return
		}
		for index, err := range v.Signed(kids, from) {
			var st *attest.Statement
			if err == nil {
				st, err = v.Statement(index)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if now.Voids(st, index) || !then.Voids(st, index) {
				continue
			}
			c := st.Claims()
			g := attest.GrantOf(c)
			x := &Voided{Index: index, Statement: st, Declared: declaredFalse(next, st)}
			x.Takes = attest.TakesAway(c) || g != nil && g.Supersedes != ""
			if x.Takes && !x.Declared {
				x.Reissued, err = left.settle(x)
			}
			if !yield(x, err) || err != nil {
				return
			}
		}
	}
}

// newlyDistrusted are the keys that next declares compromised, or since an
// earlier index than before, and the first such index.
func newlyDistrusted(now attest.Distrust, next *attest.Root) (kids []string, from int64) {
	for _, a := range next.Authorities {
		for _, c := range a.Compromised {
			if since, was := now.CompromisedSince(c.Kid); was && since <= c.Since {
				continue
			}
			if len(kids) == 0 || c.Since < from {
				from = c.Since
			}
			kids = append(kids, c.Kid)
		}
	}
	return kids, from
}

// declaredFalse: of the very key that has signed it.
func declaredFalse(next *attest.Root, st *attest.Statement) bool {
	h := st.Claims().Head()
	return slices.ContainsFunc(next.Authorities, func(a attest.Authority) bool {
		return a.ID == h.Iss && slices.ContainsFunc(a.Compromised, func(c attest.Compromised) bool {
			return (c.AllFalse || slices.Contains(c.False, h.JTI)) && slices.Contains(st.Signers(), c.Kid)
		})
	})
}

// A remainder is what of the histories stands with another version in force. Each
// history is read once, whatever it has that becomes void.
type remainder struct {
	View
	then attest.Distrust
	by   map[string]*leftOver
}

// A leftOver is what stands of one subject.
type leftOver struct {
	// acts are the last indexes of what takes away, by what it does; ever those of
	// all.
	acts map[string]int64
	// versions are the last indexes of versions by lineage, ended the lineages
	// that a revocation or withdrawal is on; tags are the lineages of all entries.
	versions map[attest.Tag]int64
	ended    map[attest.Tag]bool
	tags     map[int64]attest.Tag
}

// settle reports whether what x took away stays taken without it.
func (r *remainder) settle(x *Voided) (bool, error) {
	c := x.Statement.Claims()
	left, err := r.of(c.Head().Sub)
	if err != nil {
		return false, err
	}
	if attest.GrantOf(c) != nil {
		tag := left.tags[x.Index]
		return left.ended[tag] || left.versions[tag] > x.Index, nil
	}
	same, err := act(c)
	if err != nil {
		return false, err
	}
	last, ok := left.acts[same]
	// What can be lifted has to be made again after it: one before may have been
	// lifted since.
	return ok && (last > x.Index || !liftable(c)), nil
}

func (r *remainder) of(subject string) (*leftOver, error) {
	if left, ok := r.by[subject]; ok {
		return left, nil
	}
	entries, err := r.History(subject)
	if err != nil {
		return nil, err
	}
	left := &leftOver{make(map[string]int64), make(map[attest.Tag]int64), make(map[attest.Tag]bool), make(map[int64]attest.Tag)}
	for _, e := range entries {
		left.tags[e.Index] = e.Tag
		st, err := r.Statement(e.Index)
		if err != nil {
			return nil, err
		}
		if r.then.Voids(st, e.Index) {
			continue
		}
		c := st.Claims()
		if attest.GrantOf(c) != nil {
			left.versions[e.Tag] = e.Index
		}
		if ev, ok := c.(*attest.Event); ok && (ev.Event == attest.Revoke || ev.Event == attest.Withdraw) {
			left.ended[e.Tag] = true
		}
		if !attest.TakesAway(c) {
			continue
		}
		does, err := act(c)
		if err != nil {
			return nil, err
		}
		left.acts[does] = e.Index
	}
	r.by[subject] = left
	return left, nil
}

// liftable reports whether a lift may end it.
func liftable(c attest.Claims) bool {
	switch c := c.(type) {
	case *attest.Event:
		return c.Event == attest.Suspend
	case *attest.EntityEvent:
		return c.Event == attest.ChangeOfControl
	default:
		return false
	}
}

// act is what an event does, and who says so, whatever it is called and whenever
// it was written.
func act(c attest.Claims) (string, error) {
	var payload []byte
	var err error
	switch c := c.(type) {
	case *attest.Event:
		e := *c
		e.JTI, e.IAT = "any", 1
		e.Cause, e.CauseText, e.LegalBasis, e.Publication = "", "", "", nil
		payload, err = attest.Payload(&e)
	case *attest.EntityEvent:
		e := *c
		e.JTI, e.IAT = "any", 1
		e.Cause, e.CauseText, e.LegalBasis, e.Publication = "", "", "", nil
		payload, err = attest.Payload(&e)
	default:
		err = fmt.Errorf("a %s does nothing to an approval", c.Kind())
	}
	sum := sha256.Sum256(payload)
	return string(c.Kind()) + string(sum[:]), err
}

// admitCompromise: a version of the trust root voids no suspension, revocation,
// withdrawal, change of control or newer version that another key has not made
// again, unless it declares it false: to take a stolen key away must not give back what its
// rightful holder took away with it.
func admitCompromise(v View, next *attest.Root) error {
	var p attest.Problems
	for x, err := range voided(v, next) {
		if err != nil {
			return err
		}
		if x.Settled() {
			continue
		}
		h := x.Statement.Claims().Head()
		p.Add(pointerTo(next, h.Iss), "would void the %s %s of %s (log index %d), and what it took away would stand again: have another key make it again first (safeconduct reissue), or declare it false (false, all_false)",
			what(x.Statement.Claims()), h.JTI, h.Iss, x.Index)
		if len(p) == maxUnsettled {
			break
		}
	}
	if len(p) > 0 {
		return attest.Refuse(attest.Conflict, p)
	}
	return nil
}

// maxUnsettled is how many are named: nobody reads on after so many.
const maxUnsettled = 100

func what(c attest.Claims) string {
	switch c := c.(type) {
	case *attest.Event:
		return string(c.Event)
	case *attest.EntityEvent:
		return string(c.Event)
	default:
		if g := attest.GrantOf(c); g != nil && g.Supersedes != "" {
			return "version"
		}
		return string(c.Kind())
	}
}

func pointerTo(r *attest.Root, authority string) string {
	i := slices.IndexFunc(r.Authorities, func(a attest.Authority) bool { return a.ID == authority })
	if i < 0 {
		return "/authorities"
	}
	return fmt.Sprintf("/authorities/%d/compromised", i)
}

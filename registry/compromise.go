package registry

import (
	"bytes"
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
	// Takes says that it suspends or ends what somebody else holds: what would
	// stand again without it.
	Takes bool
	// Reissued says that another statement says the same and stands.
	Reissued bool
	// Declared says that the version declares it false.
	Declared bool
}

// Settled reports whether the version may void the statement: what takes away has
// to be made again by another key, or declared false, before its thief's
// signature lets an approval stand again.
func (v *Voided) Settled() bool { return !v.Takes || v.Reissued || v.Declared }

// voided yields what next voids of the log and stands under what is in force, in
// log order.
func voided(v View, next *attest.Root) iter.Seq2[*Voided, error] {
	return func(yield func(*Voided, error) bool) {
		now := v.Root().Distrust
		then := now.After(next)
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
			x := &Voided{Index: index, Statement: st, Takes: attest.TakesAway(st.Claims()), Declared: declaredFalse(next, st)}
			if x.Takes {
				x.Reissued, err = reissued(v, then, x)
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
			return slices.Contains(c.False, h.JTI) && slices.Contains(st.Signers(), c.Kid)
		})
	})
}

// reissued finds a statement in the same history that says the same and stands.
// What can be lifted has to be made again after it: one before may have been
// lifted since.
func reissued(v View, then attest.Distrust, x *Voided) (bool, error) {
	c := x.Statement.Claims()
	same, err := act(c)
	if err != nil {
		return false, err
	}
	entries, err := v.History(c.Head().Sub)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if e.Index == x.Index || e.Index < x.Index && liftable(c) {
			continue
		}
		st, err := v.Statement(e.Index)
		if err != nil {
			return false, err
		}
		other := st.Claims()
		if other.Kind() != c.Kind() || other.Head().Iss != c.Head().Iss || then.Voids(st, e.Index) {
			continue
		}
		says, err := act(other)
		if err != nil {
			return false, err
		}
		if bytes.Equal(says, same) {
			return true, nil
		}
	}
	return false, nil
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

// act is what an event does, whatever it is called, and whenever it was written.
func act(c attest.Claims) ([]byte, error) {
	switch c := c.(type) {
	case *attest.Event:
		e := *c
		e.JTI, e.IAT = "any", 1
		e.Cause, e.CauseText, e.LegalBasis, e.Publication = "", "", "", nil
		return attest.Payload(&e)
	case *attest.EntityEvent:
		e := *c
		e.JTI, e.IAT = "any", 1
		e.Cause, e.CauseText, e.LegalBasis, e.Publication = "", "", "", nil
		return attest.Payload(&e)
	default:
		return nil, fmt.Errorf("a %s does nothing to an approval", c.Kind())
	}
}

// admitCompromise: a version of the trust root voids no suspension, revocation,
// withdrawal or change of control that another key has not made again, unless it
// declares it false: to take a stolen key away must not give back what its
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
		p.Add(pointerTo(next, h.Iss), "would void the %s %s of %s (log index %d), and what it took away would stand again: have another key make it again first (safeconduct reissue), or list it in false",
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

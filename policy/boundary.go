package policy

import (
	"slices"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// changes are the first moments after the act at which anything begins or ends
// that statements about the subjects name, those of each lineage apart.
func (v *view) changes(subjects []string) (out []change) {
	for _, subject := range subjects {
		type together struct {
			tag      attest.Tag
			approval bool
		}
		at := make(map[together]int)
		for _, e := range v.history(subject) {
			k := together{e.Tag, isApproval(e)}
			i, met := at[k]
			if !met {
				i = len(out)
				at[k] = i
				out = append(out, change{approval: k.approval})
			}
			c := &out[i]
			c.indexes = append(c.indexes, e.Index)
			for _, t := range boundaries(e) {
				if t.After(v.t) && (c.at.IsZero() || t.Before(c.at)) {
					c.at = t
				}
			}
		}
	}
	return slices.DeleteFunc(out, func(c change) bool { return c.at.IsZero() })
}

// nextChange is the first moment after the act at which anything that was read
// begins or ends; the zero time where nothing does. Of approvals of entities a
// PERMIT, or what would be one on fresh evidence, reads those that it relies on:
// the others make it no less of one, but for the names in them that are screened
// (R15).
func (j *judgement) nextChange(d *Decision) (next time.Time) {
	all := len(j.lists) > 0 || !d.permittedWhenFresh()
	for _, c := range j.scene.next {
		if c.approval && !all && !d.restsOn(c.indexes) {
			continue
		}
		if next.IsZero() || c.at.Before(next) {
			next = c.at
		}
	}
	return next
}

// permittedWhenFresh reports whether the decision is a PERMIT, or is none for the
// age of the evidence alone (R16).
func (d *Decision) permittedWhenFresh() bool {
	return !slices.ContainsFunc(d.Reasons, func(r Reason) bool { return r.Class != Info && r.Code != StatusStale })
}

// isApproval reports whether a statement is about an approval of an entity.
func isApproval(e proven.Entry) bool {
	switch c := e.Statement.Claims().(type) {
	case *attest.EntityApproval, *attest.Succession:
		return true
	case *attest.Event:
		return c.Sub == attest.ApprovalSubject(entityOf(c.Sub), c.Iss)
	default:
		return false
	}
}

// boundaries are the moments that a statement names, and the one up to which it
// reaches back where it was backdated (R12).
func boundaries(e proven.Entry) (out []time.Time) {
	add := func(ds ...attest.NumericDate) {
		for _, d := range ds {
			if d != 0 {
				out = append(out, d.Time())
			}
		}
	}
	happened := func(at attest.NumericDate) {
		if add(at); e.Time.After(at.Time()) {
			out = append(out, e.Time)
		}
	}
	savings := expirySavings(e)
	c := e.Statement.Claims()
	if g := attest.GrantOf(c); g != nil {
		add(g.NBF, g.EXP)
	}
	switch c := c.(type) {
	case *attest.Event:
		happened(c.EffectiveAt)
		add(c.Until)
		savings = c.Savings
	case *attest.EntityEvent:
		happened(c.EffectiveAt)
	case *attest.Succession:
		add(c.EffectiveAt)
	}
	for _, s := range savings {
		add(s.DeliverBefore, s.Until)
	}
	return out
}

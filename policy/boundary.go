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
func boundaries(e proven.Entry) []time.Time {
	c := e.Statement.Claims()
	out := named(c)
	happened := func(at attest.NumericDate) {
		if e.Time.After(at.Time()) {
			out = append(out, e.Time)
		}
	}
	savings := expirySavings(e)
	switch c := c.(type) {
	case *attest.Event:
		happened(c.EffectiveAt)
		savings = c.Savings
	case *attest.EntityEvent:
		happened(c.EffectiveAt)
	}
	for _, s := range savings {
		out = append(out, dates(s.DeliverBefore, s.Until)...)
	}
	return out
}

// named are the moments at which a statement says that something begins or ends, but
// for what it saves.
func named(c attest.Claims) (out []time.Time) {
	if g := attest.GrantOf(c); g != nil {
		out = dates(g.NBF, g.EXP)
	}
	switch c := c.(type) {
	case *attest.Event:
		out = append(out, dates(c.EffectiveAt, c.Until)...)
	case *attest.EntityEvent:
		out = append(out, dates(c.EffectiveAt)...)
	case *attest.Succession:
		out = append(out, dates(c.EffectiveAt)...)
	}
	return out
}

// dates are those that are given.
func dates(ds ...attest.NumericDate) (out []time.Time) {
	for _, d := range ds {
		if d != 0 {
			out = append(out, d.Time())
		}
	}
	return out
}

// Moments returns all moments at which a statement of a subject's history may come to
// something else ([Histories.History]), by what was logged by known and is not void,
// ascending; the zero time stands for all that is proven. They are those that are named
// by the history, by those of what it grants, and, of approvals of entities, by those of
// their holders, whose changes of control and mergers act on them (R13). It returns
// *[Unproven] as History does.
func (h *Histories) Moments(subject string, known time.Time) ([]time.Time, error) {
	if h == nil {
		return nil, &Unproven{Subject: subject}
	}
	v := &view{knowledge: h.knownBy(known)}
	subjects := []string{subject}
	for _, e := range v.history(subject) {
		if c := e.Statement.Claims(); attest.GrantOf(c) != nil {
			subjects = append(subjects, c.Head().Sub)
		}
	}
	slices.Sort(subjects)
	subjects = slices.Compact(subjects)
	for _, s := range subjects {
		for _, e := range v.history(s) {
			switch c := e.Statement.Claims().(type) {
			case *attest.EntityApproval:
				subjects = append(subjects, attest.EntitySubject(c.Entity()))
			case *attest.Succession:
				subjects = append(subjects, attest.EntitySubject(c.Successor))
			}
		}
	}
	slices.Sort(subjects)
	var out []time.Time
	for _, s := range slices.Compact(subjects) {
		for _, e := range v.history(s) {
			out = append(out, named(e.Statement.Claims())...)
		}
	}
	if v.err != nil {
		return nil, v.err
	}
	slices.SortFunc(out, time.Time.Compare)
	return slices.CompactFunc(out, time.Time.Equal), nil
}

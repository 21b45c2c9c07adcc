package policy

import (
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// nextChange is the first moment after the act at which anything that was read
// begins or ends; the zero time where nothing does. Of approvals of entities a
// PERMIT reads those that it relies on: the others make it no less of one, but
// for the names in them that are screened (R15).
func (v *view) nextChange(d *Decision, subjects []string) time.Time {
	var next time.Time
	read := d.RestsOn()
	for _, subject := range subjects {
		entries := v.history(subject)
		tags := make(map[attest.Tag]bool)
		for _, e := range entries {
			if read[e.Index] {
				tags[e.Tag] = true
			}
		}
		for _, e := range entries {
			if isApproval(e) && d.Permitted() && !tags[e.Tag] && len(v.lists) == 0 {
				continue
			}
			for _, b := range boundaries(e) {
				if t := b.Time(); b != 0 && t.After(v.at.EffectiveAt) && (next.IsZero() || t.Before(next)) {
					next = t
				}
			}
		}
	}
	return next
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

// boundaries are the moments that a statement names.
func boundaries(e proven.Entry) (out []attest.NumericDate) {
	savings := expirySavings(e)
	c := e.Statement.Claims()
	if g := attest.GrantOf(c); g != nil {
		out = append(out, g.NBF, g.EXP)
	}
	switch c := c.(type) {
	case *attest.Event:
		out = append(out, c.EffectiveAt, c.Until)
		savings = c.Savings
	case *attest.EntityEvent:
		out = append(out, c.EffectiveAt)
	case *attest.Succession:
		out = append(out, c.EffectiveAt)
	}
	for _, s := range savings {
		out = append(out, s.DeliverBefore, s.Until)
	}
	return out
}

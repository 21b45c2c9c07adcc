package web

import (
	"cmp"
	"slices"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

// A concurrence is terms of a sandbox, who of their authorities has approved them,
// and whose turn it is.
type concurrence struct {
	policy.Concurrence
	// Authorities are those of the terms, in their order.
	Authorities []concurring
}

// concurring is an authority of the terms.
type concurring struct {
	Authority string
	// Approval is its approval of these terms, nil where it has given none; then
	// Turn says that it is waited for, and Days for how many whole days, since the last
	// of the others approved, or MovedOn that it has approved other terms since.
	Approval *policy.Recorded
	Turn     bool
	Days     int
	MovedOn  bool
}

// concurrencesOf are those of the history of a sandbox, as it is known at a time.
func concurrencesOf(history []policy.Recorded, known time.Time) (out []concurrence) {
	approved := make(map[string]time.Time)
	for _, of := range policy.Concurrences(history) {
		c := concurrence{Concurrence: of}
		for _, a := range of.Terms.Authorities {
			c.Authorities = append(c.Authorities, concurring{Authority: a})
		}
		for i := range of.Approvals {
			c.approved(&of.Approvals[i])
			iss := of.Approvals[i].Statement.Claims().Head().Iss
			approved[iss] = latest(approved[iss], of.Approvals[i].Time)
		}
		out = append(out, c)
	}
	for i := range out {
		out[i].turns(known, approved)
	}
	return out
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// approved takes in an approval; a later one of the same authority, such as a new
// one after a revocation, takes the place of the one before, unless that holds until
// the later one does.
func (c *concurrence) approved(r *policy.Recorded) {
	for i := range c.Authorities {
		if a := &c.Authorities[i]; a.Authority == r.Statement.Claims().Head().Iss && (a.Approval == nil || !holdsBefore(a.Approval, r)) {
			a.Approval = r
		}
	}
}

// holdsBefore reports whether an approval is what holds, though a later one of the
// same authority is logged, which has not come into force.
func holdsBefore(earlier, later *policy.Recorded) bool {
	return earlier.Standing.State.Stands() && (earlier.Standing.State == policy.InForce || later.Standing.State != policy.InForce)
}

// turns says whose turn it is: approved is when each authority last approved any
// terms.
func (c *concurrence) turns(known time.Time, approved map[string]time.Time) {
	var standing int64
	var last time.Time
	for _, a := range c.Authorities {
		if a.Approval != nil && a.Approval.Standing.State.Stands() {
			standing++
			last = latest(last, a.Approval.Time)
		}
	}
	for i := range c.Authorities {
		a := &c.Authorities[i]
		if a.Approval != nil {
			continue
		}
		a.MovedOn = approved[a.Authority].After(last)
		if a.Turn = !a.MovedOn && standing > 0 && standing < c.Terms.Concurrence; a.Turn {
			a.Days = max(0, int(known.Sub(last)/(24*time.Hour)))
		}
	}
}

// period is when those that are in force are so together, until is zero where it has no
// end; from is zero where they do not concur, or where the period is that of whichever
// are relied on.
func (c *concurrence) period() (from, until time.Time) {
	if !c.Joint || int64(len(c.InForce())) != c.Terms.Concurrence {
		return time.Time{}, time.Time{}
	}
	for _, a := range c.Authorities {
		if a.Approval == nil || a.Approval.Standing.State != policy.InForce {
			continue
		}
		g := attest.GrantOf(a.Approval.Statement.Claims())
		from = latest(from, g.NBF.Time())
		if g.EXP != 0 && (until.IsZero() || g.EXP.Time().Before(until)) {
			until = g.EXP.Time()
		}
	}
	return from, until
}

// Given is an approval of the terms that stands, as the page that composes takes it: the
// newest.
func (c *concurrence) Given() string {
	for _, r := range slices.Backward(c.Approvals) {
		if h := r.Statement.Claims().Head(); r.Standing.State.Stands() {
			return h.Iss + "/" + h.JTI
		}
	}
	return ""
}

// titlesIn are what those who have approved any of the terms call the sandbox, each
// once.
func titlesIn(all []concurrence) (out []string) {
	var approvals []policy.Recorded
	for _, c := range all {
		approvals = append(approvals, c.Approvals...)
	}
	slices.SortFunc(approvals, func(a, b policy.Recorded) int { return cmp.Compare(a.Index, b.Index) })
	for _, r := range approvals {
		if d, ok := r.Statement.Claims().(*attest.DomainApproval); ok && !slices.Contains(out, d.Title) {
			out = append(out, d.Title)
		}
	}
	return out
}

package web

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

// mostTerms is how many terms of a sandbox its page shows at most.
const mostTerms = 20

// terms are what authorities concur on, and who does.
type terms struct {
	concurrence
	// Lines are what else they say.
	Lines []*line
	// InScope and Excluded are under the headings of their lists.
	InScope, Excluded []headed
	Ceilings          []ceiling
	// Cards are of the approvals, in the order of the authorities.
	Cards []*card
	// From and Until are the period in which they concur, zero where there is none or
	// it has no end.
	From, Until time.Time
}

// A ceiling bounds what is transferred.
type ceiling struct {
	// By is the authority whose own limit it is, "" for the terms.
	By string
	// Unit is a currency, where Money says so, or a unit.
	Unit                       string
	Money                      bool
	PerTransaction, Cumulative attest.Amount
}

// termsOf are the terms in words, and how many are left out where there are too many:
// those that are concurred on come before those of which anything is in force, and these
// before those of which anything stands, and what was approved last before what is older.
func termsOf(all []concurrence) (out []*terms, left int) {
	rank := func(c concurrence) int {
		if c.Reached() {
			return -1
		}
		return foremostOf(c.Approvals)
	}
	last := func(c concurrence) int64 { return c.Approvals[len(c.Approvals)-1].Index }
	kept, left := foremost(all, mostTerms, func(a, b concurrence) int {
		return cmp.Or(rank(a)-rank(b), cmp.Compare(last(b), last(a)))
	})
	for _, c := range kept {
		out = append(out, newTerms(c))
	}
	return out, left
}

func newTerms(c concurrence) *terms {
	t := &terms{concurrence: c, InScope: headedScope(c.Terms.InScope), Excluded: headedScope(c.Terms.Excluded), Ceilings: ceilingsOf("", &c.Terms.Limits)}
	t.From, t.Until = c.period()
	for _, a := range c.Authorities {
		if a.Approval == nil {
			continue
		}
		one := newCard(*a.Approval)
		t.Lines = one.cutTerms()
		t.Cards = append(t.Cards, one)
		if d, ok := one.claims.(*attest.DomainApproval); ok && d.Caveats != nil && a.Approval.Standing.State.Stands() {
			t.Ceilings = append(t.Ceilings, ceilingsOf(a.Authority, d.Caveats)...)
		}
	}
	return t
}

// ceilingsOf are those of limits.
func ceilingsOf(by string, l *attest.Limits) (out []ceiling) {
	if v := l.Value; v != nil {
		out = append(out, ceiling{By: by, Unit: v.Currency, Money: true, PerTransaction: v.PerTransaction, Cumulative: v.Cumulative})
	}
	if q := l.Quantity; q != nil {
		out = append(out, ceiling{By: by, Unit: q.Unit, PerTransaction: q.PerTransaction, Cumulative: q.Cumulative})
	}
	return out
}

// apart are the members of terms that the page shows elsewhere.
var apart = []string{"/terms/authorities", "/terms/concurrence", "/terms/in_scope", "/terms/excluded", "/terms/value", "/terms/quantity"}

// cutTerms takes the terms out of the card of an approval: they are shown once for all
// who approve them, without what is shown elsewhere.
func (c *card) cutTerms() (lines []*line) {
	rest := c.Sections[:0]
	for _, s := range c.Sections {
		if s.Heading != "card.terms" {
			rest = append(rest, s)
			continue
		}
		for _, l := range s.Lines {
			below := slices.DeleteFunc(l.Below, func(l *line) bool {
				return slices.ContainsFunc(apart, func(member string) bool { return l.Pointer == member || strings.HasPrefix(l.Pointer, member+"/") })
			})
			lines = append(lines, below...)
		}
	}
	c.Sections = rest
	return lines
}

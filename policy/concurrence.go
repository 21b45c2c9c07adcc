package policy

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

// jointTerms follows the terms that the authorities concur on up to t: new
// ones take over at the latest nbf among the approvals that make them concur,
// once and for all; until then the old ones stay (R10).
func jointTerms(byAuthority map[string][]*lineage, k int, t time.Time) (joint digestOfTerms, ok bool) {
	var moments []attest.NumericDate
	for _, ls := range byAuthority {
		for _, l := range ls {
			for _, e := range l.versions {
				if nbf := claimsOf(e).NBF; !t.Before(nbf.Time()) {
					moments = append(moments, nbf)
				}
			}
		}
	}
	slices.Sort(moments)
	before := holding{}
	for _, m := range slices.Compact(moments) {
		now := holdingAt(byAuthority, m.Time())
		// What concurred before is not new: it has had its moment.
		next, found := now.most(func(dg digestOfTerms) bool { return now.holders[dg] >= k && before.holders[dg] < k })
		if found {
			joint, ok = next, true
		}
		before = now
	}
	return joint, ok
}

// holding is how many authorities hold which terms, and when they were first
// logged.
type holding struct {
	holders map[digestOfTerms]int
	first   map[digestOfTerms]int64
}

// holdingAt counts the terms of the newest versions at t. It reads no events:
// terms that one of the approvals never was in force for take over too, so that
// an added revocation never keeps wider terms alive.
func holdingAt(byAuthority map[string][]*lineage, t time.Time) holding {
	h := holding{make(map[digestOfTerms]int), make(map[digestOfTerms]int64)}
	for _, ls := range byAuthority {
		var held []digestOfTerms
		for _, l := range ls {
			e := l.governing(t)
			c := claimsOf(e)
			if t.Before(c.NBF.Time()) {
				continue
			}
			dg := e.Statement.TermsDigest()
			if !slices.Contains(held, dg) {
				held = append(held, dg)
			}
			if i, ok := h.first[dg]; !ok || e.Index < i {
				h.first[dg] = e.Index
			}
		}
		for _, dg := range held {
			h.holders[dg]++
		}
	}
	return h
}

// most returns the terms with the most holders, ties to the earliest logged.
func (h holding) most(among func(digestOfTerms) bool) (digestOfTerms, bool) {
	dgs := slices.SortedFunc(maps.Keys(h.holders), func(a, b digestOfTerms) int {
		return cmp.Or(cmp.Compare(h.holders[b], h.holders[a]), cmp.Compare(h.first[a], h.first[b]))
	})
	if i := slices.IndexFunc(dgs, among); i >= 0 {
		return dgs[i], true
	}
	return digestOfTerms{}, false
}

// mostShared is what is read where nothing concurs.
func (d *domain) mostShared() digestOfTerms {
	h := holding{make(map[digestOfTerms]int), make(map[digestOfTerms]int64)}
	for _, s := range d.approved {
		h.holders[s.digest]++
		if i, ok := h.first[s.digest]; !ok || s.entry.Index < i {
			h.first[s.digest] = s.entry.Index
		}
	}
	dg, _ := h.most(func(digestOfTerms) bool { return true })
	return dg
}

// A Concurrence is what authorities say of a sandbox on equal terms: for people to
// read, who ask who has approved and who has not. [Histories.Decide] decides.
type Concurrence struct {
	Terms *attest.Terms
	// Approvals are those of these terms that are not void, and that no later version
	// has superseded or waits in place of, in log order.
	Approvals []Recorded
	// Joint says that no other terms have replaced these for good ([Standing.Joint]).
	Joint bool
}

// Concurrences are those of the history of a sandbox ([Histories.History] with a legal
// time): terms are told apart by their digest (format.md, section 3.3), the first that were
// logged come first. What has no standing is passed over.
func Concurrences(history []Recorded) []Concurrence {
	type version struct{ iss, jti string }
	// Of several versions whose time has come, others can concur on the newest alone.
	waited := make(map[version]bool)
	for _, r := range history {
		if c, ok := r.Statement.Claims().(*attest.DomainApproval); ok && !r.Void && r.Standing != nil && r.Standing.State == NotJoint {
			waited[version{c.Iss, c.Supersedes}] = true
		}
	}
	var all []Concurrence
	at := make(map[digestOfTerms]int)
	for _, r := range history {
		c, ok := r.Statement.Claims().(*attest.DomainApproval)
		if !ok || r.Void || r.Standing == nil || r.Standing.State == Superseded ||
			r.Standing.State == NotJoint && waited[version{c.Iss, c.JTI}] {
			continue
		}
		dg := r.Statement.TermsDigest()
		i, ok := at[dg]
		if !ok {
			i, at[dg] = len(all), len(all)
			all = append(all, Concurrence{Terms: &c.Terms, Joint: r.Standing.Joint})
		}
		all[i].Approvals = append(all[i].Approvals, r)
	}
	return all
}

// InForce are the authorities of the terms of whom an approval is in force, in the
// order of the terms.
func (c *Concurrence) InForce() (authorities []string) {
	for _, a := range c.Terms.Authorities {
		if slices.ContainsFunc(c.Approvals, func(r Recorded) bool {
			return r.Standing.State == InForce && r.Statement.Claims().Head().Iss == a
		}) {
			authorities = append(authorities, a)
		}
	}
	return authorities
}

// Enough reports whether approvals of as many authorities are in force as have to be,
// be it of terms that others have replaced.
func (c *Concurrence) Enough() bool { return int64(len(c.InForce())) >= c.Terms.Concurrence }

// Reached reports whether the authorities concur: enough of them, on terms that no
// others have replaced.
func (c *Concurrence) Reached() bool { return c.Joint && c.Enough() }

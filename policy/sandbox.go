package policy

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// digestOfTerms names terms: two approvals concur where it is equal.
type digestOfTerms = [32]byte

// A domain is a sandbox as it stands at the time of the act (R2).
type domain struct {
	id string
	// authorities and concurrence are fixed by the first approval.
	authorities []string
	concurrence int
	// terms are those that are read: what the authorities concur on, else what
	// most of them share.
	terms    digestOfTerms
	approved map[string]*stance
	// concurring are the authorities that concur.
	concurring []string
}

// A stance is an authority's approval of a sandbox.
type stance struct {
	lineage *lineage
	entry   proven.Entry
	claims  *attest.DomainApproval
	digest  digestOfTerms
	state   state
}

func isDomain(c attest.Claims) bool { _, ok := c.(*attest.DomainApproval); return ok }

func claimsOf(e proven.Entry) *attest.DomainApproval {
	d, _ := e.Statement.Claims().(*attest.DomainApproval)
	return d
}

// sandbox decides a request in a sandbox: of the concurring subsets that are
// large enough, the one with the best outcome.
func (v *view) sandbox(req *Request) *outcome {
	d := v.domain(req.Sandbox)
	if d == nil {
		o := new(outcome)
		o.add(Reason{Code: AuthorityConcurrenceMissing, Message: fmt.Sprintf("No authority has approved a sandbox %s.", req.Sandbox)})
		return o
	}
	if len(d.concurring) < d.concurrence {
		o := v.rely(req, d, d.authorities)
		o.add(d.missing()...)
		return o
	}
	var best *outcome
	for _, members := range subsets(d.concurring, d.concurrence) {
		if o := v.rely(req, d, members); best == nil || o.compare(best) < 0 {
			best = o
		}
	}
	return best
}

// subsets lists the subsets of at least k elements, smaller ones first, those
// of one size by id.
func subsets(of []string, k int) [][]string {
	var out [][]string
	for m := uint(0); m < 1<<len(of); m++ {
		if bits.OnesCount(m) < k {
			continue
		}
		var s []string
		for i, a := range of {
			if m&(1<<i) != 0 {
				s = append(s, a)
			}
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b []string) int { return cmp.Or(cmp.Compare(len(a), len(b)), slices.Compare(a, b)) })
	return out
}

// rely is the outcome of relying on the members' approvals.
func (v *view) rely(req *Request, d *domain, members []string) *outcome {
	o := new(outcome)
	for _, b := range d.bounds(v.at.EffectiveAt, members) {
		o.add(b.check(req)...)
		for list := range b.InScope {
			o.scope = append(o.scope, list)
		}
	}
	for _, a := range members {
		s := d.approved[a]
		baseline := s == nil || s.claims.LegalEffect == attest.PolicyBaseline
		if s != nil {
			o.relied = append(o.relied, Reliance{Authority: a, LegalEffect: s.claims.LegalEffect, Statement: *refOf(s.entry)})
		}
		p := v.parties(req, a, req.parties(), baseline)
		o.reasons = append(o.reasons, p.reasons...)
		o.relied = append(o.relied, p.relied...)
		o.scope = append(o.scope, p.scope...)
		if baseline && s != nil {
			o.add(Reason{
				Code: BaselineOnly, Authority: a, Statement: refOf(s.entry), Pointer: "/legal_effect",
				Message: fmt.Sprintf("%s is a policy baseline: it expedites a licence application and replaces none.", name(s.entry)),
			})
		}
		o.baselines(a)
	}
	v.retransfer(req, o)
	return o
}

// bounds are the terms, once, and the caveats of each member that shares them.
func (d *domain) bounds(t time.Time, members []string) []*bounds {
	var out []*bounds
	from, until, engaged := d.period(t)
	for _, a := range members {
		s := d.approved[a]
		if s == nil || s.digest != d.terms {
			continue
		}
		if out == nil {
			out = append(out, &bounds{
				Limits: &s.claims.Terms.Limits, entry: s.entry, pointer: "/terms",
				name: "the terms of sandbox " + d.id, from: from, until: until, engaged: engaged,
			})
		}
		if s.claims.Caveats != nil {
			out = append(out, &bounds{
				Limits: s.claims.Caveats, entry: s.entry, pointer: "/caveats",
				name: "the caveats of " + a, from: from, until: until, engaged: engaged,
			})
		}
	}
	return out
}

// period is the intersection of the concurring approvals' intervals that holds
// t (R8).
func (d *domain) period(t time.Time) (from, until time.Time, engaged bool) {
	if len(d.concurring) < d.concurrence {
		return from, until, false
	}
	for _, a := range d.concurring {
		g := d.approved[a].claims.Grant
		if n := g.NBF.Time(); n.After(from) {
			from = n
		}
		if x := g.EXP.Time(); g.EXP != 0 && (until.IsZero() || x.Before(until)) {
			until = x
		}
	}
	return from, until, !t.Before(from)
}

// missing says of each authority that does not concur why.
func (d *domain) missing() []Reason {
	var out []Reason
	for _, a := range d.authorities {
		if slices.Contains(d.concurring, a) {
			continue
		}
		s := d.approved[a]
		r := Reason{Code: AuthorityConcurrenceMissing, Authority: a}
		switch {
		case s == nil:
			r.Message = fmt.Sprintf("%s has not approved sandbox %s.", a, d.id)
		case s.digest != d.terms:
			r.Message = fmt.Sprintf("%s has approved sandbox %s on other terms.", a, d.id)
			r.Statement, r.Pointer = refOf(s.entry), "/terms"
		default:
			out = append(out, s.state.reasons(a, "")...)
			r.Message = fmt.Sprintf("%s does not concur in sandbox %s: %s", a, d.id, s.state.message)
			r.Statement = refOf(s.entry)
		}
		out = append(out, r)
	}
	return out
}

// domain folds the history of a sandbox; nil where nobody has approved it.
func (v *view) domain(id string) *domain {
	entries := v.history(attest.SandboxSubject(id))
	first := slices.IndexFunc(entries, func(e proven.Entry) bool { return isDomain(e.Statement.Claims()) })
	if first < 0 {
		return nil
	}
	terms := claimsOf(entries[first]).Terms
	d := &domain{
		id: id, authorities: terms.Authorities, concurrence: int(terms.Concurrence),
		approved: make(map[string]*stance),
	}
	byAuthority := make(map[string][]*lineage)
	for _, l := range lineages(entries, isDomain) {
		iss := claimsOf(l.versions[0]).Iss
		if slices.Contains(d.authorities, iss) {
			byAuthority[iss] = append(byAuthority[iss], l)
		}
	}
	joint, ok := jointTerms(byAuthority, d.concurrence, v.at.EffectiveAt)
	for a, ls := range byAuthority {
		d.approved[a] = take(ls, joint, ok, v.at.EffectiveAt)
	}
	if !ok {
		joint = d.mostShared()
	}
	d.terms = joint
	for _, a := range d.authorities {
		if s := d.approved[a]; s != nil && s.state.code == "" && s.digest == d.terms {
			d.concurring = append(d.concurring, a)
		}
	}
	return d
}

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
	for _, m := range slices.Compact(moments) {
		if next, found := concurAt(byAuthority, k, m.Time(), joint, ok); found {
			joint, ok = next, true
		}
	}
	return joint, ok
}

// concurAt finds terms other than the current ones that at least k authorities
// hold by their newest versions at t.
func concurAt(byAuthority map[string][]*lineage, k int, t time.Time, current digestOfTerms, has bool) (digestOfTerms, bool) {
	holders := make(map[digestOfTerms]int)
	first := make(map[digestOfTerms]int64)
	for _, ls := range byAuthority {
		held := make(map[digestOfTerms]bool)
		for _, l := range ls {
			e := l.governing(t)
			c := claimsOf(e)
			if t.Before(c.NBF.Time()) {
				continue
			}
			dg := c.Terms.Digest()
			if !held[dg] {
				held[dg] = true
				holders[dg]++
			}
			if i, ok := first[dg]; !ok || e.Index < i {
				first[dg] = e.Index
			}
		}
	}
	dg, ok := most(holders, first, func(dg digestOfTerms) bool { return holders[dg] >= k && (!has || dg != current) })
	return dg, ok
}

// most returns the terms with the most holders, ties to the earliest logged.
func most(holders map[digestOfTerms]int, first map[digestOfTerms]int64, among func(digestOfTerms) bool) (digestOfTerms, bool) {
	dgs := slices.SortedFunc(maps.Keys(holders), func(a, b digestOfTerms) int {
		return cmp.Or(cmp.Compare(holders[b], holders[a]), cmp.Compare(first[a], first[b]))
	})
	for _, dg := range dgs {
		if among(dg) {
			return dg, true
		}
	}
	return digestOfTerms{}, false
}

// take chooses, of an authority's approvals of the sandbox, the one that
// stands: under the joint terms where there are such, in force rather than
// not, then the newest.
func take(ls []*lineage, joint digestOfTerms, has bool, t time.Time) *stance {
	var best *stance
	rank := func(s *stance) int {
		r := 0
		if has && s.digest == joint {
			r += 2
		}
		if s.state.code == "" {
			r++
		}
		return r
	}
	for _, l := range ls {
		e := l.governing(t)
		if has {
			e = l.governingTerms(t, joint, e)
		}
		c := claimsOf(e)
		s := &stance{lineage: l, entry: e, claims: c, digest: c.Terms.Digest(), state: l.state(e, t)}
		if best == nil || rank(s) > rank(best) || (rank(s) == rank(best) && s.entry.Index > best.entry.Index) {
			best = s
		}
	}
	return best
}

// governingTerms returns the newest version under the joint terms whose nbf
// has come, else the given one.
func (l *lineage) governingTerms(t time.Time, joint digestOfTerms, otherwise proven.Entry) proven.Entry {
	for _, e := range slices.Backward(l.versions) {
		if c := claimsOf(e); !t.Before(c.NBF.Time()) && c.Terms.Digest() == joint {
			return e
		}
	}
	return otherwise
}

// mostShared is what is read where nothing concurs.
func (d *domain) mostShared() digestOfTerms {
	holders := make(map[digestOfTerms]int)
	first := make(map[digestOfTerms]int64)
	for _, a := range slices.Sorted(maps.Keys(d.approved)) {
		s := d.approved[a]
		holders[s.digest]++
		if i, ok := first[s.digest]; !ok || s.entry.Index < i {
			first[s.digest] = s.entry.Index
		}
	}
	dg, _ := most(holders, first, func(digestOfTerms) bool { return true })
	return dg
}

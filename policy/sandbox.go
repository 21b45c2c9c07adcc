package policy

import (
	"cmp"
	"fmt"
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
	// standing are the approvals of each authority that concur, the one to
	// prefer first: it may have several, and any of them will do.
	standing map[string][]*stance
	// concurring are the authorities that concur.
	concurring []string
	// ways are those to rely on standing approvals, as far as they are tried;
	// tooMany says that there are more.
	ways    []way
	tooMany bool
	// clauses says that something is out of force that has savings clauses.
	clauses bool
}

// A way to decide is to rely on one approval of each of some authorities, nil of
// one that has none.
type way struct {
	authorities []string
	stances     []*stance
	limits      []*limits
}

// A stance is an authority's approval of a sandbox.
type stance struct {
	entry  proven.Entry
	claims *attest.DomainApproval
	digest digestOfTerms
	state  state
	// terms and caveats are its limits; caveats is nil where it has none.
	terms, caveats *limits
}

func isDomain(c attest.Claims) bool { _, ok := c.(*attest.DomainApproval); return ok }

func claimsOf(e proven.Entry) *attest.DomainApproval {
	d, _ := e.Statement.Claims().(*attest.DomainApproval)
	return d
}

// sandbox decides a request in a sandbox: of the concurring subsets that are
// large enough, the one with the best outcome.
//
// Where an authority has several approvals that concur, each is tried, so that
// to revoke one of them never lets more through.
func (j *judgement) sandbox() (o outcome) {
	d := j.domain()
	if d == nil {
		o.add(Reason{Code: AuthorityConcurrenceMissing, Message: fmt.Sprintf("No authority has approved a sandbox %s.", j.req.Sandbox)})
		j.retransfer(&o)
		return o
	}
	if len(d.concurring) >= d.concurrence {
		o = j.bestWay(d)
		// Where too few concur without savings, all that does not is reported, and all
		// of it has to be covered.
		o.uncovered = len(j.scene.domain.concurring) < d.concurrence && d.leavesOut()
		return o
	}
	all := way{authorities: d.authorities}
	for _, a := range d.authorities {
		all.stances = append(all.stances, d.approved[a])
	}
	all.limits = d.limits(all.stances)
	o = j.rely(d, all, nil)
	n := len(o.reasons)
	o.add(j.missing(d)...)
	if j.explaining {
		o.tried("R2", n, Test{}, "")
	}
	return o
}

// leavesOut reports whether an approval on the terms is out of force, of an
// authority that does not concur for that.
func (d *domain) leavesOut() bool {
	return slices.ContainsFunc(d.authorities, func(a string) bool {
		s := d.approved[a]
		return s != nil && s.digest == d.terms && !slices.Contains(d.concurring, a)
	})
}

// domain is the sandbox, with savings where they are read.
func (j *judgement) domain() *domain {
	d := j.scene.domain
	if d == nil || !j.saving {
		j.clauses = j.clauses || d != nil && d.clauses
		return d
	}
	return j.fold(j.req.Sandbox, j.state)
}

// bestWay tries every way to rely on standing approvals. They cannot be chosen
// authority by authority: the period of cumulative ceilings depends on all of
// them together. Where there are more than maxWays, only the first are tried,
// and a person must decide.
func (j *judgement) bestWay(d *domain) (best outcome) {
	if len(d.ways) == 1 {
		return j.rely(d, d.ways[0], nil)
	}
	known := make(reliances)
	for i, w := range d.ways {
		// Of equal outcomes the one that needs fewer savings.
		if o := j.rely(d, w, known); i == 0 || cmp.Or(o.compare(&best), cmp.Compare(o.savings(), best.savings())) < 0 {
			best = o
		}
	}
	if d.tooMany {
		best.add(d.tooManyWays()...)
	}
	return best
}

// Reliances are what relying on each approval gives beside limits, as far as it
// was worked out: it depends on no other authority.
type reliances map[*stance]*outcome

// maxWays bounds the ways to rely on approvals that a decision tries. One
// approval of each authority never comes near it.
const maxWays = 1024

// choose lists the ways to rely on one standing approval of each member of the
// concurring subsets, those to prefer first, up to maxWays.
func (d *domain) choose() {
	for _, members := range subsets(d.concurring, d.concurrence) {
		stances := make([]*stance, len(members))
		var choose func(i int)
		choose = func(i int) {
			switch {
			case d.tooMany:
			case i < len(members):
				for _, s := range d.standing[members[i]] {
					stances[i] = s
					choose(i + 1)
				}
			case len(d.ways) == maxWays:
				d.tooMany = true
			default:
				d.ways = append(d.ways, way{members, slices.Clone(stances), d.limits(stances)})
			}
		}
		choose(0)
	}
}

// tooManyWays says of each authority with several standing approvals that they
// are too many to try.
func (d *domain) tooManyWays() []Reason {
	var out []Reason
	for _, a := range d.concurring {
		n := len(d.standing[a])
		if n == 1 {
			continue
		}
		out = append(out, Reason{
			Code: MissingFact, Authority: a, Statement: refOf(d.standing[a][0].entry), Pointer: "/supersedes",
			Message: fmt.Sprintf("%d approvals of sandbox %s by %s stand at once without superseding one another: too many combinations to say which of them the act relies on.", n, d.id, a),
		})
	}
	return out
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

// rely is the outcome of relying on approvals in one way. What is known of each
// is used and added to, unless it is nil.
func (j *judgement) rely(d *domain, w way, known reliances) outcome {
	o := outcome{relied: make([]Reliance, 0, len(w.authorities)*(1+len(j.q.parties)))}
	current, engaged := d.period(j.t, w)
	for _, l := range w.limits {
		b := bounds{l, current, engaged, j.ledger}
		o.add(b.check(j.q)...)
		if j.explaining {
			b.walk(j.q, &o)
		}
		o.listing(j.q, b.lists...)
		o.cumulative = o.cumulative || b.cumulative()
	}
	for i, a := range w.authorities {
		s := w.stances[i]
		if known == nil {
			j.authority(a, s, &o)
			continue
		}
		r, ok := known[s]
		if !ok {
			r = new(outcome)
			j.authority(a, s, r)
			known[s] = r
		}
		o.join(r)
	}
	j.retransfer(&o)
	return o
}

// limits are the terms, once, and the caveats of each member that shares them.
func (d *domain) limits(stances []*stance) (out []*limits) {
	for _, s := range stances {
		if s == nil || s.digest != d.terms {
			continue
		}
		if out == nil {
			out = append(out, s.terms)
		}
		if s.caveats != nil {
			out = append(out, s.caveats)
		}
	}
	return out
}

// period is the intersection of the members' intervals that holds t, where they
// concur (R8). Under savings the last one goes on up to the act.
func (d *domain) period(t time.Time, w way) (p period, engaged bool) {
	if len(d.concurring) < d.concurrence {
		return period{}, false
	}
	for _, s := range w.stances {
		g := s.claims.Grant
		if n := g.NBF.Time(); n.After(p.from) {
			p.from = n
		}
		if x := g.EXP.Time(); g.EXP != 0 && (p.until.IsZero() || x.Before(p.until)) {
			p.until = x
		}
	}
	if !p.until.IsZero() && !p.from.Before(p.until) {
		return period{}, false
	}
	engaged = p.upTo(t)
	return p, engaged
}

// missing says of each authority that does not concur why.
func (j *judgement) missing(d *domain) []Reason {
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
			out = append(out, j.reasons(s.state, a, "")...)
			r.Message = fmt.Sprintf("%s does not concur in sandbox %s: %s", a, d.id, s.state.message)
			r.Statement = refOf(s.entry)
		}
		out = append(out, r)
	}
	return out
}

// fold folds the history of a sandbox; nil where nobody has approved it. What
// puts a version out of force gives it a state.
func (v *view) fold(id string, stateOf func([]cause, proven.Entry) state) *domain {
	entries := v.history(attest.SandboxSubject(id))
	first := slices.IndexFunc(entries, func(e proven.Entry) bool { return isDomain(e.Statement.Claims()) })
	if first < 0 {
		return nil
	}
	terms := claimsOf(entries[first]).Terms
	d := &domain{
		id: id, authorities: terms.Authorities, concurrence: int(terms.Concurrence),
		approved: make(map[string]*stance), standing: make(map[string][]*stance),
	}
	byAuthority := make(map[string][]*lineage)
	for _, l := range lineages(entries, isDomain) {
		iss := claimsOf(l.versions[0]).Iss
		if slices.Contains(d.authorities, iss) {
			byAuthority[iss] = append(byAuthority[iss], l)
		}
	}
	joint, ok := jointTerms(byAuthority, d.concurrence, v.t)
	all := make(map[string][]*stance)
	for a, ls := range byAuthority {
		all[a] = v.stances(d, ls, joint, ok, stateOf)
		d.approved[a] = all[a][0]
	}
	if !ok {
		joint = d.mostShared()
	}
	d.terms = joint
	for _, a := range d.authorities {
		for _, s := range all[a] {
			if s.state.code == "" && s.digest == d.terms {
				d.standing[a] = append(d.standing[a], s)
			}
		}
		if d.standing[a] != nil {
			d.concurring = append(d.concurring, a)
		}
	}
	d.choose()
	return d
}

// stances lists an authority's approvals of the sandbox, the one that stands
// first: under the joint terms where there are such, in force rather than not,
// the stronger legal effect of those in force, then the newest.
func (v *view) stances(d *domain, ls []*lineage, joint digestOfTerms, has bool, stateOf func([]cause, proven.Entry) state) []*stance {
	t := v.t
	var out []*stance
	for _, l := range ls {
		e := l.governing(t)
		if has {
			e = l.governingTerms(t, joint, e)
		}
		c, causes := claimsOf(e), l.causes(e, nil, t)
		s := &stance{
			entry: e, claims: c, digest: e.Statement.TermsDigest(), state: stateOf(causes, e),
			terms: limitsOf(&c.Terms.Limits, e, "/terms", "the terms of sandbox "+d.id),
		}
		if c.Caveats != nil {
			s.caveats = limitsOf(c.Caveats, e, "/caveats", "the caveats of "+c.Iss)
		}
		d.clauses = d.clauses || claused(causes)
		out = append(out, s)
	}
	// The smaller, the more it stands.
	rank := func(s *stance) int {
		r := 4
		if s.state.code == "" {
			r = strength(s.claims.LegalEffect)
		}
		if has && s.digest != joint {
			r += 8
		}
		return r
	}
	slices.SortFunc(out, func(a, b *stance) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.entry.Index, a.entry.Index))
	})
	return out
}

// governingTerms returns the newest version under the joint terms whose nbf
// has come, else the given one.
func (l *lineage) governingTerms(t time.Time, joint digestOfTerms, otherwise proven.Entry) proven.Entry {
	for _, e := range slices.Backward(l.versions) {
		if c := claimsOf(e); !t.Before(c.NBF.Time()) && e.Statement.TermsDigest() == joint {
			return e
		}
	}
	return otherwise
}

package policy

import (
	"cmp"
	"fmt"
	"iter"
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
	// standing are the approvals of each authority that concur, the one to
	// prefer first: it may have several, and any of them will do.
	standing map[string][]*stance
	// concurring are the authorities that concur.
	concurring []string
	// reliance is what relying on each approval gives beside limits, as far as
	// asked for: it depends on no other authority.
	reliance map[reliedOn]*outcome
}

// reliedOn is an authority and its approval, nil where it has none.
type reliedOn struct {
	authority string
	stance    *stance
}

func (d *domain) relied(authority string, s *stance, find func() *outcome) *outcome {
	k := reliedOn{authority, s}
	o, ok := d.reliance[k]
	if !ok {
		o = find()
		d.reliance[k] = o
	}
	return o
}

// A stance is an authority's approval of a sandbox.
type stance struct {
	entry  proven.Entry
	claims *attest.DomainApproval
	digest digestOfTerms
	state  state
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
func (v *view) sandbox(req *Request) *outcome {
	d := v.domain(req.Sandbox)
	if d == nil {
		o := new(outcome)
		o.add(Reason{Code: AuthorityConcurrenceMissing, Message: fmt.Sprintf("No authority has approved a sandbox %s.", req.Sandbox)})
		v.retransfer(req, o)
		return o
	}
	if len(d.concurring) < d.concurrence {
		o := v.rely(req, d, d.authorities, d.approved)
		n := len(o.reasons)
		o.add(v.missing(d)...)
		if v.explaining {
			o.tried("R2", n, Test{}, "")
		}
		return o
	}
	return v.bestChoice(req, d)
}

// maxChoices bounds the ways to rely on approvals that a decision tries. One
// approval of each authority never comes near it.
const maxChoices = 1024

// bestChoice tries every way to rely on standing approvals. They cannot be
// chosen authority by authority: the period of cumulative ceilings depends on
// all of them together. Where there are more than maxChoices, only the first
// are tried, and a person must decide.
func (v *view) bestChoice(req *Request, d *domain) *outcome {
	var best *outcome
	all, tried := 0, 0
	for _, members := range subsets(d.concurring, d.concurrence) {
		all = min(all+d.count(members), maxChoices+1)
		for by := range d.choices(members) {
			if tried == maxChoices {
				break
			}
			tried++
			// Of equal outcomes the one that needs fewer savings.
			if o := v.rely(req, d, members, by); best == nil || cmp.Or(o.compare(best), cmp.Compare(o.savings(), best.savings())) < 0 {
				best = o
			}
		}
	}
	if all > maxChoices {
		best.add(d.tooMany()...)
	}
	return best
}

// count is how many choices of the members there are, as far as maxChoices+1.
func (d *domain) count(members []string) int {
	n := 1
	for _, a := range members {
		n = min(n*len(d.standing[a]), maxChoices+1)
	}
	return n
}

// choices yields the ways to rely on one standing approval of each member, those
// to prefer first. A map is good until the next one.
func (d *domain) choices(members []string) iter.Seq[map[string]*stance] {
	return func(yield func(map[string]*stance) bool) {
		d.choose(members, make(map[string]*stance), yield)
	}
}

func (d *domain) choose(members []string, by map[string]*stance, yield func(map[string]*stance) bool) bool {
	if len(members) == 0 {
		return yield(by)
	}
	for _, s := range d.standing[members[0]] {
		by[members[0]] = s
		if !d.choose(members[1:], by, yield) {
			return false
		}
	}
	return true
}

// tooMany says of each authority with several standing approvals that they are
// too many to try.
func (d *domain) tooMany() []Reason {
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

// rely is the outcome of relying on the members' approvals.
func (v *view) rely(req *Request, d *domain, members []string, by map[string]*stance) *outcome {
	o := new(outcome)
	for _, b := range v.bounds(d, members, by) {
		o.add(b.check(req)...)
		if v.explaining {
			b.walk(req, o)
		}
		for _, s := range []attest.Scope{b.InScope, b.Excluded} {
			o.scope = slices.AppendSeq(o.scope, maps.Keys(s))
		}
		o.cumulative = o.cumulative || b.cumulative()
	}
	for _, a := range members {
		o.join(d.relied(a, by[a], func() *outcome { return v.authority(req, a, req.parties(), by[a]) }))
	}
	v.retransfer(req, o)
	return o
}

// bounds are the terms, once, and the caveats of each member that shares them.
func (v *view) bounds(d *domain, members []string, by map[string]*stance) []*bounds {
	var out []*bounds
	current, engaged := d.period(v.at.EffectiveAt, members, by)
	for _, a := range members {
		s := by[a]
		if s == nil || s.digest != d.terms {
			continue
		}
		if out == nil {
			out = append(out, &bounds{
				Limits: &s.claims.Terms.Limits, entry: s.entry, pointer: "/terms",
				name: "the terms of sandbox " + d.id, period: current, engaged: engaged, ledger: v.ledger,
			})
		}
		if s.claims.Caveats != nil {
			out = append(out, &bounds{
				Limits: s.claims.Caveats, entry: s.entry, pointer: "/caveats",
				name: "the caveats of " + a, period: current, engaged: engaged, ledger: v.ledger,
			})
		}
	}
	return out
}

// period is the intersection of the members' intervals that holds t, where they
// concur (R8). Under savings the last one goes on up to the act.
func (d *domain) period(t time.Time, members []string, by map[string]*stance) (p period, engaged bool) {
	if len(d.concurring) < d.concurrence {
		return period{}, false
	}
	for _, a := range members {
		g := by[a].claims.Grant
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
func (v *view) missing(d *domain) []Reason {
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
			out = append(out, v.reasons(s.state, a, "")...)
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
		approved: make(map[string]*stance), standing: make(map[string][]*stance),
		reliance: make(map[reliedOn]*outcome),
	}
	byAuthority := make(map[string][]*lineage)
	for _, l := range lineages(entries, isDomain) {
		iss := claimsOf(l.versions[0]).Iss
		if slices.Contains(d.authorities, iss) {
			byAuthority[iss] = append(byAuthority[iss], l)
		}
	}
	joint, ok := jointTerms(byAuthority, d.concurrence, v.at.EffectiveAt)
	all := make(map[string][]*stance)
	for a, ls := range byAuthority {
		all[a] = v.stances(ls, joint, ok)
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
	return d
}

// stances lists an authority's approvals of the sandbox, the one that stands
// first: under the joint terms where there are such, in force rather than not,
// the stronger legal effect of those in force, then the newest.
func (v *view) stances(ls []*lineage, joint digestOfTerms, has bool) []*stance {
	t := v.at.EffectiveAt
	var out []*stance
	for _, l := range ls {
		e := l.governing(t)
		if has {
			e = l.governingTerms(t, joint, e)
		}
		c := claimsOf(e)
		out = append(out, &stance{entry: e, claims: c, digest: e.Statement.TermsDigest(), state: v.state(l, e)})
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

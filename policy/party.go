package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// A candidate is an approval that an authority gave a party, and what speaks
// against relying on it.
type candidate struct {
	*outcome
	*held
	of        party
	authority string
	// together counts what the rules say that one approval must pass together (R1).
	together count
}

// standing is what an authority has said of a party.
func (j *judgement) standing(p party, authority string) *standing {
	return &j.scene.standings[p.n*len(j.authorities)+slices.Index(j.authorities, authority)]
}

// parties is R1 for one authority: every party has an approval of it that
// passes, or is registered by it. Where nothing is relied on that does more
// than a policy baseline, baseline says so.
func (j *judgement) parties(authority string, ps []party, baseline bool, o *outcome) {
	for _, p := range ps {
		s := j.standing(p, authority)
		if len(s.who.entities) > 1 {
			o.add(Reason{
				Code: MissingFact, Authority: authority, Party: p.String(),
				Message: fmt.Sprintf("The identifier %s stands for several entities (%s); name the one that is meant.", p.id, strings.Join(s.who.entities, ", ")),
			})
			continue
		}
		known := j.party(authority, p, s, baseline, o)
		if r, ok := s.who.doubt(authority, p, known); ok {
			o.add(r)
		}
	}
}

// party is R1 for one authority and one party. It reports whether the authority
// has registered or approved the entity.
func (j *judgement) party(authority string, p party, s *standing, baseline bool, o *outcome) bool {
	id, n := s.who.entities[0], len(o.reasons)
	rel := Reliance{Authority: authority, Role: p.role, Party: p.id}
	if id != p.id {
		rel.Entity = id
	}
	switch {
	case s.merger.Statement != nil:
		o.add(absorbed(s.merger, authority, p))
		if j.explaining {
			o.tried("R13", n, about(authority, p, s.merger), "")
		}
		return true
	case s.registered.Statement != nil:
		rel.Registered, rel.Statement = true, refTo(s.registered)
		o.relied = append(o.relied, rel)
		if j.explaining {
			o.tried("R1", n, about(authority, p, s.registered), fmt.Sprintf("%s is established in the country of %s, which asks no approval of it.", id, authority))
		}
		return true
	}
	a := j.best(authority, p, s, baseline, o)
	o.partial = o.partial || s.withheld && (a == nil || against(o.reasons[n:]))
	if a == nil {
		o.add(notApproved(j.req, authority, p))
		if j.explaining {
			o.tried("R1", n, about(authority, p, proven.Entry{}), "")
		}
		return false
	}
	rel.LegalEffect, rel.Statement = a.approval.LegalEffect, refTo(a.entry)
	o.relied = append(o.relied, rel)
	o.owe(a.entry, a.approval.Obligations)
	return true
}

// against reports whether a reason speaks against the act.
func against(rs []Reason) bool {
	return slices.ContainsFunc(rs, func(r Reason) bool { return r.Code.Class() != Info })
}

func absorbed(merger proven.Entry, authority string, p party) Reason {
	ev := entityEvent(merger)
	return Reason{
		Code: EntityNotApproved, Authority: authority, Party: p.String(), Statement: refOf(merger), Pointer: "/effective_at",
		Message: fmt.Sprintf("%s was absorbed by %s at %s and is no party any more; an approval passes to the survivor only where its own authority says so.",
			ev.Entity(), ev.Survivor, utc(ev.EffectiveAt.Time())),
	}
}

func notApproved(req *Request, authority string, p party) Reason {
	what := ""
	if req.Programme != "" {
		what = " under programme " + req.Programme
	}
	return Reason{
		Code: EntityNotApproved, Authority: authority, Party: p.String(),
		Message: fmt.Sprintf("%s has no approval of %s%s for the %s.", authority, p.id, what, strings.ReplaceAll(string(p.role), "_", " ")),
	}
}

// registered finds the authority's own registration of the entity in force, the
// zero Entry where there is none.
func (v *view) registered(id, authority string) proven.Entry {
	own := func(c attest.Claims) bool {
		r := registrationOf(c, id)
		return r != nil && r.Iss == authority
	}
	for _, l := range lineages(v.history(attest.EntitySubject(id)), own) {
		if e := l.governing(v.t); len(l.causes(e, nil, v.t)) == 0 {
			return e
		}
	}
	return proven.Entry{}
}

// best returns the approval to rely on, nil where there is none at all, and adds
// what that gives. One approval must pass R1, R3, R4, R17 and R18 together.
func (j *judgement) best(authority string, p party, s *standing, baseline bool, o *outcome) *held {
	if len(s.held) == 0 {
		return nil
	}
	c := candidate{outcome: o, held: &s.held[0], of: p, authority: authority}
	if len(s.held) == 1 {
		j.test(&c, baseline)
		return c.held
	}
	var best candidate
	for i := range s.held {
		c.outcome, c.held = new(outcome), &s.held[i]
		if j.test(&c, baseline); i == 0 || c.compare(&best) < 0 {
			best = c
		}
	}
	o.join(best.outcome)
	return best.held
}

// compare orders the candidates: those that permit first, so that to revoke an
// approval never lets another one through; of the others as R1 has it by the
// rules that one approval must pass together, before those of its own limits.
// Of those that pass, authorization comes before eligibility; last the highest
// index decides.
func (c *candidate) compare(d *candidate) int {
	if c.result() == PERMIT || d.result() == PERMIT {
		if r := c.outcome.compare(d.outcome); r != 0 {
			return r
		}
	}
	if r := c.together.compare(d.together); r != 0 {
		return r
	}
	if c.together.result() == PERMIT {
		if r := cmp.Compare(strength(c.approval.LegalEffect), strength(d.approval.LegalEffect)); r != 0 {
			return r
		}
	}
	return cmp.Compare(d.entry.Index, c.entry.Index)
}

// strength orders the legal effects, the strongest first.
func strength(e attest.LegalEffect) int {
	return slices.Index([]attest.LegalEffect{attest.Authorization, attest.Eligibility, attest.PolicyBaseline}, e)
}

// test tests one approval for a party.
func (j *judgement) test(c *candidate, baseline bool) {
	start := len(c.reasons)
	n := start
	c.inForce(j)
	n = c.tried(j, n, "R1", "%s is in force, and for the role.")
	if len(c.items) > 0 || j.req.Programme != "" {
		c.eligible(j)
		n = c.tried(j, n, "R3", "%s covers the item.")
	}
	if c.of.role == attest.Transferee {
		c.site(j)
		n = c.tried(j, n, "R4", "%s lists the site.")
	}
	c.effect(baseline)
	n = c.tried(j, n, "R17", "%s does more than expedite, or something beside it does.")
	c.together = countOf(c.reasons[start:])
	if c.caveats != nil {
		c.within(j)
		c.tried(j, n, "R5 to R8", "the act keeps within the caveats of %s.")
	}
}

// tried notes a test of the approval, and returns how many reasons there are.
func (c *candidate) tried(j *judgement, n int, rule, passed string) int {
	if j.explaining {
		c.outcome.tried(rule, n, about(c.authority, c.of, c.entry), fmt.Sprintf(passed, name(c.entry)))
	}
	return len(c.reasons)
}

// effect is R17.
func (c *candidate) effect(baseline bool) {
	if c.approval.LegalEffect == attest.PolicyBaseline && baseline {
		c.no(BaselineOnly, "/legal_effect", "%s is a policy baseline: it expedites a licence application and replaces none.", name(c.entry))
	}
}

// inForce is R1: in force, and for the role.
func (c *candidate) inForce(j *judgement) {
	if s := j.state(c.causes, c.entry); s.code != "" || s.saved != nil {
		c.add(j.reasons(s, c.authority, c.of.String())...)
	}
	c.succeeded()
	c.role()
}

// no adds a reason that rests on the approval.
func (c *candidate) no(code Code, pointer, format string, args ...any) {
	c.add(Reason{
		Code: code, Message: fmt.Sprintf(format, args...), Authority: c.authority, Party: c.of.String(),
		Statement: refOf(c.entry), Pointer: pointer,
	})
}

// succeeded says that the approval has come from another entity.
func (c *candidate) succeeded() {
	if c.by.Statement == nil {
		return
	}
	by := succession(c.by)
	c.add(Reason{
		Code: IdentityViaSuccession, Authority: c.authority, Party: c.of.String(), Statement: refOf(c.by), Pointer: "/successor",
		Message: fmt.Sprintf("%s was given to %s and passed to %s at %s.", name(c.entry), c.given, by.Successor, utc(by.EffectiveAt.Time())),
	})
}

func (c *candidate) role() {
	if roles := c.approval.AuthorisedRoles; len(roles) > 0 && !slices.Contains(roles, c.of.role) {
		c.no(RoleNotApproved, "/authorised_roles", "%s is for the roles %v, not as %s.", name(c.entry), roles, c.of.role)
	}
}

// site is R4.
func (c *candidate) site(j *judgement) {
	sites, listed := c.sites(c.entry)
	switch site := j.req.DestinationSite; {
	case site == "":
		c.no(MissingFact, "/approved_sites", "The request names no destination_site; %s is for named sites.", name(c.entry))
	case !slices.ContainsFunc(sites, func(s attest.Site) bool { return s.ID == site }):
		c.add(Reason{
			Code: SiteNotApproved, Authority: c.authority, Party: c.of.String(), Statement: refOf(listed), Pointer: "/approved_sites",
			Message: fmt.Sprintf("%s does not list the site %s.", name(listed), site),
		})
	}
}

// within is R3 and R5 to R8 for the limits of the approval itself.
func (c *candidate) within(j *judgement) {
	b := bounds{limits: c.caveats, period: period{c.approval.NBF.Time(), c.approval.EXP.Time()}, ledger: j.ledger}
	b.engaged = b.upTo(j.t)
	for _, r := range b.check(j.q) {
		r.Party = c.of.String()
		c.add(r)
	}
	c.cumulative = c.cumulative || b.cumulative()
}

// eligible is R3 and R18 for the items of the approval itself.
func (c *candidate) eligible(j *judgement) {
	if len(c.items) == 0 {
		// No limit, but what cannot be read is no item.
		for _, it := range j.q.items {
			if it.err != nil {
				c.no(ClassificationInvalid, "/legal_effect", "%s", matchItem(it, nil, nil).message(it, name(c.entry)))
			}
		}
		return
	}
	if len(j.q.items) == 0 {
		c.no(MissingFact, "/eligible_items", "The request names no item; %s is for listed items.", name(c.entry))
		return
	}
	scope := make([]clause, 0, len(c.items))
	for i, it := range c.approval.EligibleItems {
		c.listing(j.q, it.List)
		if len(it.Sites) == 0 || forDestination(it, c.of, j.req) {
			scope = append(scope, c.items[i])
		}
	}
	for _, it := range j.q.items {
		if m := matchItem(it, scope, nil); m.code != "" {
			c.no(m.code, cmp.Or(m.pointer, "/eligible_items"), "%s", m.message(it, name(c.entry)))
		} else {
			c.limitations(j.req, it, m.limited)
		}
	}
}

// forDestination reports whether an entry that is limited to sites is for the
// destination, which is the transferee's, whatever else that is in the act. No
// destination given is R4's to say: it is a missing fact, and rules no entry out.
func forDestination(it attest.Item, p party, req *Request) bool {
	return p.id == req.Transferee && (req.DestinationSite == "" || slices.Contains(it.Sites, req.DestinationSite))
}

// limitations is R18: words that no machine decides, unless another covering
// entry has none, or the requester attests them.
func (c *candidate) limitations(req *Request, it item, limited []clause) {
	for _, cl := range limited {
		if a := attestation(c.entry, cl); slices.Contains(req.Attests, a) {
			c.attested = append(c.attested, a)
			return
		}
	}
	for _, cl := range limited {
		c.no(LimitationReviewRequired, cl.pointer+"/limitation",
			"%s %s is approved with a limitation in words, which a person must decide: “%s”.", it.List, it.Entry, cl.limitation)
	}
}

// attestation is what a requester attests who says that it meets the limitation
// of a clause exactly.
func attestation(e proven.Entry, cl clause) Attestation {
	r := refOf(e)
	return Attestation{r.Issuer, r.JTI, cl.pointer + "/limitation", digest([]byte(cl.limitation))}
}

// programme is R19: the transferee, and the end user where one is named, need
// the authority's approval under the programme, wherever they are established.
func (j *judgement) programme() (o outcome) {
	j.authority(j.req.Authority, nil, &o)
	j.retransfer(&o)
	return o
}

// needing are the parties that need an approval.
func (j *judgement) needing() []party {
	if j.req.Sandbox != "" {
		return j.q.parties
	}
	return slices.DeleteFunc(slices.Clone(j.q.parties), func(p party) bool { return p.role != attest.Transferee && p.role != attest.EndUser })
}

// authority is R1 for one authority, with R17: where all that is relied on from
// it is a policy baseline, each of them says so. s is its approval of the
// sandbox, nil where there is none.
func (j *judgement) authority(id string, s *stance, o *outcome) {
	ps, before := j.needing(), *o
	if j.reliance(id, ps, s, false, o); moreThanBaseline(o.relied[len(before.relied):]) {
		return
	}
	*o = before
	if j.reliance(id, ps, s, true, o); moreThanBaseline(o.relied[len(before.relied):]) {
		o.reasons = slices.DeleteFunc(o.reasons, func(r Reason) bool { return r.Code == BaselineOnly && r.Authority == id })
	}
}

// reliance is what relying on one authority gives: on its approval of the
// sandbox, and on those of the parties.
func (j *judgement) reliance(id string, ps []party, s *stance, baseline bool, o *outcome) {
	if s != nil {
		o.relied = append(o.relied, Reliance{Authority: id, LegalEffect: s.claims.LegalEffect, Statement: refTo(s.entry)})
		o.owe(s.entry, s.claims.Obligations)
		o.add(s.state.saved...)
		if j.explaining && s.state.code == "" {
			o.tried("R2", len(o.reasons), about(id, party{}, s.entry), name(s.entry)+" is in force.")
		}
	}
	if s != nil && baseline {
		o.add(Reason{
			Code: BaselineOnly, Authority: id, Statement: refOf(s.entry), Pointer: "/legal_effect",
			Message: fmt.Sprintf("%s is a policy baseline: it expedites a licence application and replaces none.", name(s.entry)),
		})
	}
	j.parties(id, ps, baseline, o)
}

// moreThanBaseline reports whether something that is relied on does more than
// expedite.
func moreThanBaseline(relied []Reliance) bool {
	return slices.ContainsFunc(relied, func(r Reliance) bool {
		return !r.Registered && r.LegalEffect != attest.PolicyBaseline
	})
}

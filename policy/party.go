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
	outcome
	tenure
	of        party
	authority string
	approval  *attest.EntityApproval
	entry     proven.Entry
}

// parties is R1 for one authority: every party has an approval of it that
// passes, or is registered by it. Where nothing is relied on that does more
// than a policy baseline, baseline says so.
func (v *view) parties(req *Request, authority string, ps []party, baseline bool) *outcome {
	o := new(outcome)
	for _, p := range ps {
		who := v.identify(p.id, authority)
		if len(who.entities) > 1 {
			o.add(Reason{
				Code: MissingFact, Authority: authority, Party: p.String(),
				Message: fmt.Sprintf("The identifier %s stands for several entities (%s); name the one that is meant.", p.id, strings.Join(who.entities, ", ")),
			})
			continue
		}
		known := v.party(req, authority, p, who.entities[0], baseline, o)
		if r, ok := who.doubt(authority, p, known); ok {
			o.add(r)
		}
	}
	return o
}

// party is R1 for one authority and one party, which is the entity id. It
// reports whether the authority has registered or approved the entity.
func (v *view) party(req *Request, authority string, p party, id string, baseline bool, o *outcome) bool {
	rel := Reliance{Authority: authority, Role: p.role, Party: p.id}
	if id != p.id {
		rel.Entity = id
	}
	n := len(o.reasons)
	if merger, ok := v.absorbed(id, authority); ok {
		o.add(absorbed(merger, authority, p))
		if v.explaining {
			o.tried("R13", n, about(authority, p, merger), "")
		}
		return true
	}
	if req.Sandbox != "" {
		if reg, ok := v.registered(id, authority); ok {
			rel.Registered, rel.Statement = true, *refOf(reg)
			o.relied = append(o.relied, rel)
			if v.explaining {
				o.tried("R1", n, about(authority, p, reg), fmt.Sprintf("%s is established in the country of %s, which asks no approval of it.", id, authority))
			}
			return true
		}
	}
	best := v.best(req, authority, p, id, baseline)
	o.partial = o.partial || v.set.Withheld(attest.ApprovalSubject(id, authority)) && (best == nil || best.result() != PERMIT)
	if best == nil {
		o.add(notApproved(req, authority, p))
		if v.explaining {
			o.tried("R1", n, about(authority, p, proven.Entry{}), "")
		}
		return false
	}
	rel.LegalEffect, rel.Statement = best.approval.LegalEffect, *refOf(best.entry)
	best.relied = append(best.relied, rel)
	best.owe(best.entry, best.approval.Obligations)
	o.join(&best.outcome)
	return true
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

// registered finds the authority's own registration of the entity in force.
func (v *view) registered(id, authority string) (proven.Entry, bool) {
	own := func(c attest.Claims) bool {
		r := registrationOf(c, id)
		return r != nil && r.Iss == authority
	}
	for _, l := range lineages(v.history(attest.EntitySubject(id)), own) {
		if e := l.governing(v.at.EffectiveAt); len(l.causes(e, nil, v.at.EffectiveAt)) == 0 {
			return e, true
		}
	}
	return proven.Entry{}, false
}

// best returns the approval to rely on, nil where there is none at all. One
// approval must pass R1, R3, R4, R17 and R18 together.
func (v *view) best(req *Request, authority string, p party, id string, baseline bool) *candidate {
	wanted := func(c attest.Claims) bool {
		a, ok := c.(*attest.EntityApproval)
		return ok && a.Iss == authority
	}
	var cs []*candidate
	for _, h := range v.heldBy(id, authority, wanted) {
		// The version that governs must be under the programme: one that another
		// has superseded speaks for it no more.
		if c := v.candidate(req, authority, p, h, baseline); req.Programme == "" || c.approval.Programme == req.Programme {
			cs = append(cs, c)
		}
	}
	if len(cs) == 0 {
		return nil
	}
	return slices.MinFunc(cs, (*candidate).compare)
}

// compare orders the candidates: those that pass first, of them authorization
// before eligibility; else the fewest DENY, then the fewest REFER reasons;
// last the highest index.
func (c *candidate) compare(d *candidate) int {
	if r := c.outcome.compare(&d.outcome); r != 0 {
		return r
	}
	if c.result() == PERMIT {
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

// candidate tests one approval for a party.
func (v *view) candidate(req *Request, authority string, p party, h tenure, baseline bool) *candidate {
	e := h.governing(v.at.EffectiveAt)
	a, _ := e.Statement.Claims().(*attest.EntityApproval)
	c := &candidate{approval: a, entry: e, tenure: h, of: p, authority: authority}
	for _, rule := range []struct {
		name, passed string
		engaged      bool
		test         func()
	}{
		{"R1", "%s is in force, and for the role", true, func() {
			c.add(v.reasons(v.state(h.lineage, e, v.controls(h, e, authority)...), authority, p.String())...)
			c.succeeded()
			c.role()
		}},
		{"R3", "%s covers the item", len(a.EligibleItems) > 0 || req.Programme != "", func() { c.items(req) }},
		{"R4", "%s lists the site", p.role == attest.Transferee, func() { c.site(req) }},
		{"R5 to R8", "the act keeps within the caveats of %s", a.Caveats != nil, func() { c.caveats(v, req) }},
		{"R17", "%s does more than expedite, or something beside it does", true, func() {
			if a.LegalEffect == attest.PolicyBaseline && baseline {
				c.no(BaselineOnly, "/legal_effect", "%s is a policy baseline: it expedites a licence application and replaces none.", name(e))
			}
		}},
	} {
		if rule.engaged {
			n := len(c.reasons)
			rule.test()
			if v.explaining {
				c.tried(rule.name, n, about(authority, p, e), fmt.Sprintf(rule.passed+".", name(e)))
			}
		}
	}
	return c
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

// site is R4. A succession may have sites of its own.
func (c *candidate) site(req *Request) {
	sites, listed := c.approval.ApprovedSites, c.entry
	if c.by.Statement != nil && succession(c.by).ApprovedSites != nil {
		sites, listed = succession(c.by).ApprovedSites, c.by
	}
	switch site := req.DestinationSite; {
	case site == "":
		c.no(MissingFact, "/approved_sites", "The request names no destination_site; %s is for named sites.", name(c.entry))
	case !slices.ContainsFunc(sites, func(s attest.Site) bool { return s.ID == site }):
		c.add(Reason{
			Code: SiteNotApproved, Authority: c.authority, Party: c.of.String(), Statement: refOf(listed), Pointer: "/approved_sites",
			Message: fmt.Sprintf("%s does not list the site %s.", name(listed), site),
		})
	}
}

// caveats are the limits of the approval itself (R3 and R5 to R8).
func (c *candidate) caveats(v *view, req *Request) {
	a := c.approval
	b := &bounds{Limits: a.Caveats, entry: c.entry, pointer: "/caveats", name: "the caveats of " + name(c.entry), period: period{a.NBF.Time(), a.EXP.Time()}, ledger: v.ledger}
	b.engaged = b.upTo(v.at.EffectiveAt)
	for _, r := range b.check(req) {
		r.Party = c.of.String()
		c.add(r)
	}
	c.cumulative = c.cumulative || b.cumulative()
}

// items is R3 and R18 for the items of the approval itself.
func (c *candidate) items(req *Request) {
	a, p, authority := c.approval, c.of, c.authority
	if len(a.EligibleItems) == 0 {
		// No limit, but what cannot be read is no item.
		for _, it := range req.items() {
			if m := matchItem(it, []clause{{entry: it.Entry}}, nil); m.code != "" {
				c.no(m.code, "/legal_effect", "%s", m.message(it, name(c.entry)))
			}
		}
		return
	}
	scope := make(map[string][]clause)
	for i, it := range a.EligibleItems {
		c.scope = append(c.scope, it.List)
		if len(it.Sites) > 0 && !forDestination(it, p, req) {
			continue
		}
		scope[it.List] = append(scope[it.List], clause{it.Entry, it.Limitation, fmt.Sprintf("/eligible_items/%d", i)})
	}
	put := func(r Reason) {
		r.Authority, r.Party, r.Statement = authority, p.String(), refOf(c.entry)
		c.add(r)
	}
	if len(req.items()) == 0 {
		put(Reason{Code: MissingFact, Pointer: "/eligible_items", Message: "The request names no item; " + name(c.entry) + " is for listed items."})
	}
	for _, it := range req.items() {
		m := matchItem(it, scope[it.List], nil)
		if m.code != "" {
			put(Reason{Code: m.code, Pointer: cmp.Or(m.pointer, "/eligible_items"), Message: m.message(it, name(c.entry))})
			continue
		}
		c.limitations(req, it, m.covering, put)
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
func (c *candidate) limitations(req *Request, it Classification, covering []clause, put func(Reason)) {
	if slices.ContainsFunc(covering, func(cl clause) bool { return cl.limitation == "" }) {
		return
	}
	for _, cl := range covering {
		if a := attestation(c.entry, cl); slices.Contains(req.Attests, a) {
			c.attested = append(c.attested, a)
			return
		}
	}
	for _, cl := range covering {
		put(Reason{
			Code: LimitationReviewRequired, Pointer: cl.pointer + "/limitation",
			Message: fmt.Sprintf("%s %s is approved with a limitation in words, which a person must decide: “%s”.", it.List, it.Entry, cl.limitation),
		})
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
func (v *view) programme(req *Request) *outcome {
	var ps []party
	for _, p := range req.parties() {
		if p.role == attest.Transferee || p.role == attest.EndUser {
			ps = append(ps, p)
		}
	}
	o := v.authority(req, req.Authority, ps, nil)
	v.retransfer(req, o)
	return o
}

// authority is R1 for one authority, with R17: where all that is relied on from
// it is a policy baseline, each of them says so. s is its approval of the
// sandbox, nil where there is none.
func (v *view) authority(req *Request, id string, ps []party, s *stance) *outcome {
	if o := v.reliance(req, id, ps, s, false); o.moreThanBaseline() {
		return o
	}
	o := v.reliance(req, id, ps, s, true)
	if o.moreThanBaseline() {
		o.reasons = slices.DeleteFunc(o.reasons, func(r Reason) bool { return r.Code == BaselineOnly })
	}
	return o
}

// reliance is what relying on one authority gives: on its approval of the
// sandbox, and on those of the parties.
func (v *view) reliance(req *Request, id string, ps []party, s *stance, baseline bool) *outcome {
	o := new(outcome)
	if s != nil {
		o.relied = append(o.relied, Reliance{Authority: id, LegalEffect: s.claims.LegalEffect, Statement: *refOf(s.entry)})
		o.owe(s.entry, s.claims.Obligations)
		o.add(s.state.saved...)
		if v.explaining && s.state.code == "" {
			o.tried("R2", len(o.reasons), about(id, party{}, s.entry), name(s.entry)+" is in force.")
		}
	}
	if s != nil && baseline {
		o.add(Reason{
			Code: BaselineOnly, Authority: id, Statement: refOf(s.entry), Pointer: "/legal_effect",
			Message: fmt.Sprintf("%s is a policy baseline: it expedites a licence application and replaces none.", name(s.entry)),
		})
	}
	o.join(v.parties(req, id, ps, baseline))
	return o
}

// moreThanBaseline reports whether something that is relied on does more than
// expedite.
func (o *outcome) moreThanBaseline() bool {
	return slices.ContainsFunc(o.relied, func(r Reliance) bool {
		return !r.Registered && r.LegalEffect != attest.PolicyBaseline
	})
}

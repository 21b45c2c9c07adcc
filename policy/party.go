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
	approval *attest.EntityApproval
	entry    proven.Entry
}

// parties is R1 for one authority: every party has an approval of it that
// passes, or is registered by it. Where the sandbox's approval itself is only
// a policy baseline, or there is none, so that nothing else is relied on,
// baseline says so.
func (v *view) parties(req *Request, authority string, ps []party, baseline bool) *outcome {
	o := new(outcome)
	for _, p := range ps {
		ids := mains(p.id, v.history(attest.EntitySubject(p.id)))
		if len(ids) > 1 {
			o.add(Reason{
				Code: MissingFact, Authority: authority, Party: p.String(),
				Message: fmt.Sprintf("The identifier %s stands for several entities (%s); name the one that is meant.", p.id, strings.Join(ids, ", ")),
			})
			continue
		}
		if req.Sandbox != "" {
			if reg, ok := v.registered(ids[0], authority); ok {
				o.relied = append(o.relied, Reliance{Authority: authority, Role: p.role, Party: p.id, Registered: true, Statement: *refOf(reg)})
				continue
			}
		}
		best := v.best(req, authority, p, ids[0], baseline)
		if best == nil {
			o.add(notApproved(req, authority, p))
			continue
		}
		o.add(best.reasons...)
		o.scope = append(o.scope, best.scope...)
		o.relied = append(o.relied, Reliance{
			Authority: authority, Role: p.role, Party: p.id,
			LegalEffect: best.approval.LegalEffect, Statement: *refOf(best.entry),
		})
	}
	return o
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
		r, ok := c.(*attest.Registration)
		return ok && r.Iss == authority && r.Sub == attest.EntitySubject(id)
	}
	for _, l := range lineages(v.history(attest.EntitySubject(id)), own) {
		if e := l.governing(v.at.EffectiveAt); l.state(e, v.at.EffectiveAt).code == "" {
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
		return ok && a.Iss == authority && (req.Programme == "" || a.Programme == req.Programme)
	}
	var cs []*candidate
	for _, l := range lineages(v.history(attest.ApprovalSubject(id, authority)), wanted) {
		cs = append(cs, v.candidate(req, authority, p, l, baseline))
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
		order := []attest.LegalEffect{attest.Authorization, attest.Eligibility, attest.PolicyBaseline}
		if r := cmp.Compare(slices.Index(order, c.approval.LegalEffect), slices.Index(order, d.approval.LegalEffect)); r != 0 {
			return r
		}
	}
	return cmp.Compare(d.entry.Index, c.entry.Index)
}

// candidate tests one approval for a party.
func (v *view) candidate(req *Request, authority string, p party, l *lineage, baseline bool) *candidate {
	e := l.governing(v.at.EffectiveAt)
	a, _ := e.Statement.Claims().(*attest.EntityApproval)
	c := &candidate{approval: a, entry: e}
	about := func(code Code, pointer, format string, args ...any) {
		c.add(Reason{Code: code, Message: fmt.Sprintf(format, args...), Authority: authority, Party: p.String(), Statement: refOf(e), Pointer: pointer})
	}
	c.add(l.state(e, v.at.EffectiveAt).reasons(authority, p.String())...)
	if len(a.AuthorisedRoles) > 0 && !slices.Contains(a.AuthorisedRoles, p.role) {
		about(RoleNotApproved, "/authorised_roles", "%s is for the roles %v, not as %s.", name(e), a.AuthorisedRoles, p.role)
	}
	if p.role == attest.Transferee {
		switch site := req.DestinationSite; {
		case site == "":
			about(MissingFact, "/approved_sites", "The request names no destination_site; %s is for named sites.", name(e))
		case !slices.ContainsFunc(a.ApprovedSites, func(s attest.Site) bool { return s.ID == site }):
			about(SiteNotApproved, "/approved_sites", "%s does not list the site %s.", name(e), site)
		}
	}
	c.items(req, p, authority)
	if a.LegalEffect == attest.PolicyBaseline && baseline {
		about(BaselineOnly, "/legal_effect", "%s is a policy baseline: it expedites a licence application and replaces none.", name(e))
	}
	return c
}

// items is R3 and R18 for the items of the approval itself.
func (c *candidate) items(req *Request, p party, authority string) {
	a := c.approval
	if len(a.EligibleItems) == 0 {
		return
	}
	scope := make(map[string][]clause)
	for i, it := range a.EligibleItems {
		c.scope = append(c.scope, it.List)
		if len(it.Sites) > 0 && (p.role != attest.Transferee || !slices.Contains(it.Sites, req.DestinationSite)) {
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

// limitations is R18: words that no machine decides, unless another covering
// entry has none, or the requester attests them.
func (c *candidate) limitations(req *Request, it Classification, covering []clause, put func(Reason)) {
	for _, cl := range covering {
		if cl.limitation == "" || req.attested(refOf(c.entry), cl.pointer+"/limitation", cl.limitation) {
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

// programme is R19: the transferee, and the end user where one is named, need
// the authority's approval under the programme, wherever they are established.
func (v *view) programme(req *Request) *outcome {
	var ps []party
	for _, p := range req.parties() {
		if p.role == attest.Transferee || p.role == attest.EndUser {
			ps = append(ps, p)
		}
	}
	o := v.parties(req, req.Authority, ps, true)
	o.baselines(req.Authority)
	v.retransfer(req, o)
	return o
}

// baselines drops BASELINE_ONLY where something else that is relied on from
// the authority does more (R17: all that is relied on).
func (o *outcome) baselines(authority string) {
	more := slices.ContainsFunc(o.relied, func(r Reliance) bool {
		return r.Authority == authority && !r.Registered && r.LegalEffect != attest.PolicyBaseline
	})
	if more {
		o.reasons = slices.DeleteFunc(o.reasons, func(r Reason) bool { return r.Code == BaselineOnly && r.Authority == authority })
	}
}

// retransfer is R9. Consents are not in this version's vocabulary: none can be
// in force.
func (v *view) retransfer(req *Request, o *outcome) {
	if !req.retransfers() {
		return
	}
	msg := fmt.Sprintf("A %s needs a consent of the originating authority in force, and the request names none.", req.Act)
	if req.ConsentRef != "" {
		msg = fmt.Sprintf("A %s needs a consent of the originating authority in force; %s is none.", req.Act, req.ConsentRef)
	}
	o.add(Reason{Code: RetransferNotAuthorised, Authority: req.OriginatingAuthority, Message: msg})
}

package policy

import (
	"fmt"
	"slices"

	"github.com/safeconduct/safeconduct/attest"
)

// retransfer is R9: a reexport or retransfer needs a consent of the authority
// that first let the item go, in addition to all else.
func (j *judgement) retransfer(o *outcome) {
	req := j.req
	if !req.retransfers() {
		return
	}
	r := Reason{Code: RetransferNotAuthorised, Authority: req.OriginatingAuthority}
	if req.ConsentRef == "" || req.OriginatingAuthority == "" {
		r.Message = fmt.Sprintf("A %s needs a consent of the originating authority in force; the request has to name it (consent_ref, originating_authority).", req.Act)
		o.add(r)
		return
	}
	isConsent := func(c attest.Claims) bool { _, ok := c.(*attest.Consent); return ok }
	ls := lineages(j.history(attest.ConsentSubject(req.OriginatingAuthority, req.ConsentRef)), isConsent)
	if len(ls) == 0 {
		r.Message = fmt.Sprintf("A %s needs a consent of the originating authority in force; %s has given none that is called %s.", req.Act, req.OriginatingAuthority, req.ConsentRef)
		o.add(r)
		return
	}
	e := ls[0].governing(j.t)
	c, _ := e.Statement.Claims().(*attest.Consent)
	r.Statement = refOf(e)
	// Savings are for approvals.
	if s := stateOf(ls[0].causes(e, nil, j.t), e); s.code != "" {
		first := s.reported[0]
		r.Message, r.Statement, r.Pointer = s.message, refOf(first.by), first.pointer
		o.add(r)
	}
	b := &bounds{limits: limitsOf(&attest.Limits{InScope: c.InScope, Value: c.Value}, e, "", "consent "+c.JTI+" of "+c.Iss)}
	refuse := func(pointer, format string, args ...any) {
		r.Message, r.Statement, r.Pointer = fmt.Sprintf(format, args...), refOf(e), pointer
		o.add(r)
	}
	// That no transferee is named is a missing fact already.
	if req.Transferee != "" && !j.means(req.Transferee, c.Transferee, req.OriginatingAuthority) {
		refuse("/transferee", "%s is for the transferee %s, not for %s.", name(e), c.Transferee, req.Transferee)
	}
	if c.Sites != nil {
		switch site := req.DestinationSite; {
		case site == "":
			o.add(b.missing("/sites", "destination_site"))
		case !slices.Contains(c.Sites, site):
			refuse("/sites", "%s is not for the site %s.", name(e), site)
		}
	}
	for _, x := range b.check(j.q) {
		// What the consent does not cover is not authorised; what cannot be told
		// stays for a person.
		if x.Code.Class() == Deny {
			refuse(x.Pointer, "%s", x.Message)
		} else {
			o.add(x)
		}
	}
	o.relied = append(o.relied, Reliance{Authority: c.Iss, Consent: true, Statement: refTo(e)})
	o.owe(e, c.Obligations)
}

// means reports whether an identifier is that of an entity, as far as an
// authority is concerned.
func (v *view) means(id, entity, authority string) bool {
	if id == entity {
		return true
	}
	// The word of others never makes its consent reach further; of an authority
	// outside the sandbox nothing else is proven.
	own, _ := v.claims(id, authority)
	return slices.ContainsFunc(own, func(c claim) bool { return c.state.code == "" }) && slices.Equal(entitiesOf(own), []string{entity})
}

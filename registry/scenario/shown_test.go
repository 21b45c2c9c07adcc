package scenario_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/finder"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/web"
)

// outOfForce are the reasons that an approval is not in force.
var outOfForce = []policy.Code{
	policy.ApprovalNotYetEffective, policy.ApprovalSuspended, policy.ApprovalRevoked, policy.ApprovalWithdrawn, policy.ApprovalExpired, policy.ChangeOfControl,
}

// show holds what people are shown at the times of a question against the decision:
// nothing is in force or concurred on that a reason says is not, and nothing is
// permitted, but by a savings clause, that is not shown to be.
func (st *stage) show(ctx context.Context, q question) error {
	d, _, err := st.reg.Decide(ctx, q.req, q.at)
	if err != nil {
		return st.refuse(ctx, q, err)
	}
	e, err := st.reg.Published()
	if err != nil {
		return err
	}
	saved := slices.Contains(d.Codes(), policy.SavingsClauseApplied)
	permitted := d.Decision == policy.PERMIT && !saved
	authorities, enough := []string(nil), 0
	if q.req.Sandbox != "" {
		if authorities, enough, err = st.showSandbox(ctx, e, q, d, saved); err != nil {
			return err
		}
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(append([]string{q.req.Transferor, q.req.Transferee, q.req.EndUser}, q.req.Via...)))) {
		if id == "" {
			continue
		}
		v, err := st.showEntity(ctx, e, q, d, id)
		if err != nil {
			return err
		}
		if len(v.Approvals)+len(v.Registrations) == 0 {
			continue // another identifier, whose page leads to the entity's
		}
		by := func(authority string) bool {
			is := func(g finder.Grant) bool {
				return g.Issuer == authority && g.Status == policy.InForce && g.Holder == ""
			}
			return slices.ContainsFunc(v.Approvals, is) || q.req.Sandbox != "" && slices.ContainsFunc(v.Registrations, is)
		}
		if n := len(slices.DeleteFunc(slices.Clone(authorities), func(a string) bool { return !by(a) })); permitted && n < enough {
			return fmt.Errorf("it is permitted, and %s is shown as approved or registered by %d of %v", id, n, authorities)
		}
		if permitted && q.req.Sandbox == "" && id == q.req.Transferee && !by(q.req.Authority) {
			return fmt.Errorf("it is permitted, and %s is not shown as approved by %s", id, q.req.Authority)
		}
	}
	return nil
}

// showEntity is an entity as it is shown.
func (st *stage) showEntity(ctx context.Context, e *registry.Edition, q question, d *policy.Decision, id string) (finder.Entity, error) {
	subjects, err := e.Subjects(id)
	if err != nil {
		return finder.Entity{}, err
	}
	v, err := finder.EntityAt(ctx, e.NewReading(), id, subjects, q.at.KnownAt, q.at.EffectiveAt)
	if err != nil {
		return v, err
	}
	for _, g := range slices.Concat(v.Approvals, v.Registrations) {
		if g.Status != policy.InForce || g.Holder != "" {
			continue
		}
		_, approves := g.Claims.(*attest.EntityApproval)
		for _, r := range d.Reasons {
			if r.Party == id && (approves && r.Code == policy.EntityNotApproved && r.Authority == g.Issuer ||
				slices.Contains(outOfForce, r.Code) && r.Statement != nil && r.Statement.Index == g.Index) {
				return v, fmt.Errorf("%s of %s is shown as in force at %s, and is not: %s", g.JTI, g.Issuer, id, r.Code)
			}
		}
		st.seen.met("shown as in force")
	}
	return v, nil
}

// showSandbox looks at the page of a sandbox, and returns its authorities and how many
// have to concur.
func (st *stage) showSandbox(ctx context.Context, e *registry.Edition, q question, d *policy.Decision, saved bool) (authorities []string, enough int, err error) {
	list, err := e.NewReading().History(ctx, attest.SandboxSubject(q.req.Sandbox), q.at.KnownAt, q.at.EffectiveAt)
	if err != nil {
		return nil, 0, err
	}
	for _, r := range list {
		if c, ok := r.Statement.Claims().(*attest.DomainApproval); ok && !r.Void {
			authorities, enough = c.Terms.Authorities, int(c.Terms.Concurrence)
		}
	}
	pages := web.New(st.reg.Reader, web.Options{Now: st.clock.Now})
	at := url.Values{"at": {q.at.EffectiveAt.Format(time.RFC3339Nano)}, "known": {q.at.KnownAt.Format(time.RFC3339Nano)}}
	w := httptest.NewRecorder()
	httpapi.NewHandler(st.reg, httpapi.Options{Now: st.clock.Now, Beside: pages.Paths()}).
		ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/sandboxes/"+q.req.Sandbox+"?"+at.Encode(), nil))
	if w.Code == http.StatusNotFound {
		return authorities, enough, nil
	}
	if w.Code != http.StatusOK {
		return nil, 0, fmt.Errorf("the page of %s has the status %d: %s", q.req.Sandbox, w.Code, w.Body)
	}
	shown, missing := strings.Contains(w.Body.String(), "concurrence reached"), slices.Contains(d.Codes(), policy.AuthorityConcurrenceMissing)
	if shown == missing && !saved {
		return nil, 0, fmt.Errorf("the page of %s shows concurrence: %v; the decision misses it: %v", q.req.Sandbox, shown, missing)
	}
	st.seen.met(fmt.Sprintf("concurrence shown: %v", shown))
	return authorities, enough, nil
}

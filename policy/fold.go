package policy

import (
	"fmt"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/screening"
)

// A view is the set as it is seen at the three times: what was logged later
// than known_at, and what is void, is not there.
type view struct {
	req  *Request
	set  *proven.Set
	at   Times
	root *attest.TrustRoot
	// explaining says that tests are noted.
	explaining bool
	// saving says that savings clauses are read (R11).
	saving bool
	// ledger is the request's, of every view of it.
	ledger *ledger
	// lists are what parties are screened against.
	lists []*screening.List
	// clauses says that something was out of force that has savings clauses.
	clauses bool
	// authorities are those whose approvals the request is about.
	authorities []string
	// err says that a history was read that is not proven: what is decided on
	// the view is void then.
	err error
}

func newView(req *Request, set *proven.Set, at Times, lists []*screening.List) *view {
	v := &view{req: req, set: set, at: at, lists: lists, ledger: newLedger(req.Ledger), authorities: authoritiesOf(req, set)}
	for _, e := range v.proven(attest.RootSubject) {
		if r := e.Statement.TrustRoot(); r != nil && v.seen(e) {
			v.root = r
		}
	}
	return v
}

// unsaved is the view without savings: they are for approvals alone.
func (v *view) unsaved() *view {
	w := *v
	w.saving = false
	return &w
}

// seen: evidence proves knowledge up to E, and a statement in it counts where
// known_at reaches that far, or the statement was logged by then.
func (v *view) seen(e proven.Entry) bool {
	return !v.at.KnownAt.Before(v.set.Fresh) || !e.Time.After(v.at.KnownAt)
}

// void is R20: too few signatures are left by keys that are to be trusted.
func (v *view) void(e proven.Entry) bool {
	return v.root == nil || !e.Statement.Holds(func(kid string) bool {
		since, compromised := v.root.CompromisedSince(kid)
		return compromised && e.Index >= since
	})
}

// proven returns the whole history of a subject, and notes where there is none:
// what is not proven is not what does not exist.
func (v *view) proven(subject string) []proven.Entry {
	entries, ok := v.set.History(subject)
	if !ok && v.err == nil {
		v.err = unproven(subject)
	}
	return entries
}

func unproven(subject string) error { return fmt.Errorf("the history of %s is not proven", subject) }

// history returns what is seen of a subject and not void.
func (v *view) history(subject string) []proven.Entry {
	var out []proven.Entry
	for _, e := range v.proven(subject) {
		if v.seen(e) && !v.void(e) {
			out = append(out, e)
		}
	}
	return out
}

func refOf(e proven.Entry) *Ref {
	h := e.Statement.Claims().Head()
	return &Ref{Issuer: h.Iss, JTI: h.JTI, Index: e.Index}
}

// name is what people call a statement.
func name(e proven.Entry) string {
	h := e.Statement.Claims().Head()
	what := "Approval"
	switch e.Statement.Claims().Kind() {
	case attest.KindRegistration:
		what = "Registration"
	case attest.KindDomainApproval:
		what = "Approval of sandbox " + strings.TrimPrefix(h.Sub, "sandbox:")
	}
	return fmt.Sprintf("%s %s of %s", what, h.JTI, h.Iss)
}

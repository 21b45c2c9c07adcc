package policy

import (
	"slices"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// Touched lists the subjects that a decision of the request needs, sorted, as
// far as the histories in the set tell: whoever collects them calls it again
// until the set has all. They are
//
//   - root, and the sandbox;
//   - of each party, entity:<id>, and of every entity to which its identifier was
//     ever given entity:<id> and, for each authority, entity:<id>/<authority>,
//     whatever governs at the time of the act;
//   - the other ends of every merger and succession met;
//   - the consent.
func Touched(req *Request, set *proven.Set) []string {
	t := toucher{set: set, met: make(map[string]bool)}
	t.meet(attest.RootSubject)
	if req.Sandbox != "" {
		t.meet(attest.SandboxSubject(req.Sandbox))
	}
	authorities := authoritiesOf(req, set)
	for _, p := range req.parties() {
		entries, _ := set.History(attest.EntitySubject(p.id))
		for _, id := range append(registrants(entries), p.id) {
			t.meet(attest.EntitySubject(id))
			for _, a := range authorities {
				t.meet(attest.ApprovalSubject(id, a))
			}
		}
	}
	if req.retransfers() && req.ConsentRef != "" && req.OriginatingAuthority != "" {
		t.meet(attest.ConsentSubject(req.OriginatingAuthority, req.ConsentRef))
	}
	slices.Sort(t.subjects)
	return t.subjects
}

// authoritiesOf lists those whose approvals the request is about: all that terms
// of the sandbox name, or the one that the request names.
func authoritiesOf(req *Request, set *proven.Set) (out []string) {
	if req.Sandbox == "" {
		return []string{req.Authority}
	}
	entries, _ := set.History(attest.SandboxSubject(req.Sandbox))
	for _, e := range entries {
		if d := claimsOf(e); d != nil {
			out = append(out, d.Terms.Authorities...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// A toucher collects subjects.
type toucher struct {
	set      *proven.Set
	met      map[string]bool
	subjects []string
}

// meet adds a subject and, as far as its history tells, the other ends of the
// mergers and successions in it.
func (t *toucher) meet(subject string) {
	if t.met[subject] {
		return
	}
	t.met[subject] = true
	t.subjects = append(t.subjects, subject)
	entries, _ := t.set.History(subject)
	for _, e := range entries {
		switch c := e.Statement.Claims().(type) {
		case *attest.EntityEvent:
			for _, s := range c.Subjects() {
				t.meet(s)
			}
		case *attest.Succession:
			for _, s := range c.Subjects() {
				t.meet(s)
				t.meet(attest.EntitySubject(entityOf(s)))
			}
		}
	}
}

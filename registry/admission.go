package registry

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

// How far a statement's iat may lie from the time of its batch.
const (
	maxWritten = 14 * 24 * time.Hour
	maxAhead   = 5 * time.Minute
)

// A View is the log as it stands before a statement, those earlier in its
// batch included. Its methods fail only where what is logged cannot be read.
type View interface {
	// Root returns the trust root in force, nil before the first.
	Root() *attest.TrustRoot
	// Find returns the index of the statement that an issuer made under a jti.
	Find(iss, jti string) (index int64, ok bool, err error)
	// Statement returns the statement at an index that Find or History gave.
	Statement(index int64) (*attest.Statement, error)
	// History returns the entries of a subject in log order.
	History(subject string) ([]HistoryEntry, error)
}

// Admit decides whether a statement may be logged in a batch of that time. It
// is a pure function of what the view shows: the register and every mirror
// come to the same answer. A first trust root is admitted on its own officers'
// word. It returns a *[attest.Refusal], or the view's error.
func Admit(v View, statement []byte, at time.Time) (*attest.Statement, error) {
	u, err := attest.Parse(statement)
	if err != nil {
		return nil, err
	}
	st, err := open(u, statement, v.Root())
	if err != nil {
		return nil, err
	}
	if err := unused(v, st); err != nil {
		return nil, err
	}
	return st, admit(v, st, at)
}

// unused refuses a statement whose issuer has made another one under its jti.
func unused(v View, st *attest.Statement) error {
	head := st.Claims().Head()
	index, taken, err := v.Find(head.Iss, head.JTI)
	if err == nil && taken {
		err = conflict("/jti", "is taken by the statement at log index %d", index)
	}
	return err
}

// admit is Admit for a statement that was opened with the root in force, and
// whose name is not taken.
func admit(v View, st *attest.Statement, at time.Time) error {
	c := st.Claims()
	if v.Root() == nil {
		if r, ok := c.(*attest.Root); !ok || r.Version != 1 {
			return attest.Refuse(attest.Conflict, attest.Problems{{Pointer: "/version", Message: "an empty log begins with version 1 of the trust root"}})
		}
	}
	if p := checkTimes(c, at); len(p) > 0 {
		return attest.Refuse(attest.Invalid, p)
	}
	switch c := c.(type) {
	case *attest.Event:
		return admitEvent(v, c)
	case *attest.Registration:
		return firstError(
			func() error { return admitSuccessor(v, c) },
			func() error { return admitIdentifiers(v, c) },
			func() error { return admitSites(v, c, strings.TrimPrefix(c.Sub, "entity:"), c.Sites, "/sites") },
		)
	case *attest.EntityApproval:
		return firstError(
			func() error { return admitSuccessor(v, c) },
			func() error { return admitSites(v, c, c.Entity(), c.ApprovedSites, "/approved_sites") },
		)
	case *attest.DomainApproval:
		return firstError(
			func() error { return admitSuccessor(v, c) },
			func() error { return admitTerms(v, c) },
			func() error { return admitOne(v, c, at) },
		)
	default:
		// A trust root: opening it has compared it with the one before.
		return nil
	}
}

func firstError(checks ...func() error) error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func conflict(pointer, format string, args ...any) error {
	return attest.Refuse(attest.Conflict, attest.Problems{{Pointer: pointer, Message: fmt.Sprintf(format, args...)}})
}

// checkTimes: iat near the batch, and what grants does not reach back unless
// it says so.
func checkTimes(c attest.Claims, at time.Time) (p attest.Problems) {
	iat := c.Head().IAT.Time()
	if at.Sub(iat) > maxWritten {
		p.Add("/iat", "is %s, more than 14 days before the time of logging, %s; sign it anew", iat.Format(time.RFC3339), at.Format(time.RFC3339))
	}
	if iat.Sub(at) > maxAhead {
		p.Add("/iat", "is %s, more than 5 minutes after the time of logging, %s", iat.Format(time.RFC3339), at.Format(time.RFC3339))
	}
	from, retroactive := time.Time{}, false
	if g := attest.GrantOf(c); g != nil {
		from, retroactive = g.NBF.Time(), g.Retroactive
	} else if e, ok := c.(*attest.Event); ok && !e.Event.Revokes() {
		from, retroactive = e.EffectiveAt.Time(), e.Retroactive
	} else {
		return p
	}
	if from.Before(at) && !retroactive {
		p.Add("/retroactive", "is missing: it takes effect at %s, before it is logged at %s; say retroactive: true and retroactive_reason",
			from.Format(time.RFC3339), at.Format(time.RFC3339))
	}
	return p
}

// admitEvent: the target exists, is the issuer's, is of the same subject, and
// is no event itself.
func admitEvent(v View, e *attest.Event) error {
	target, err := findOwn(v, e, e.Target, "/target")
	if err != nil {
		return err
	}
	if attest.GrantOf(target.Claims()) == nil {
		return conflict("/target", "%s is of kind %s; an event is on an approval or registration, which stays its target when it has been suspended",
			e.Target, target.Claims().Kind())
	}
	if sub := target.Claims().Head().Sub; sub != e.Sub {
		return conflict("/sub", "is %s; %s is about %s", e.Sub, e.Target, sub)
	}
	return nil
}

// findOwn finds the statement that one names by its jti, of the same issuer.
func findOwn(v View, c attest.Claims, jti, pointer string) (*attest.Statement, error) {
	iss := c.Head().Iss
	index, ok, err := v.Find(iss, jti)
	if err != nil {
		return nil, err
	}
	if ok {
		return v.Statement(index)
	}
	for _, a := range v.Root().Root().Authorities {
		if a.ID == iss {
			continue
		}
		if _, ok, err := v.Find(a.ID, jti); err != nil {
			return nil, err
		} else if ok {
			return nil, attest.Refuse(attest.Forbidden, attest.Problems{{
				Pointer: pointer, Message: fmt.Sprintf("%s is a statement of %s; only its issuer speaks on it", jti, a.ID),
			}})
		}
	}
	return nil, attest.Refuse(attest.NotFound, attest.Problems{{
		Pointer: pointer, Message: fmt.Sprintf("%s has no statement %s in the log", iss, jti),
	}})
}

// admitSuccessor: what is superseded exists, is the issuer's, of the same
// subject and kind, and is the newest version of its lineage.
func admitSuccessor(v View, c attest.Claims) error {
	before := attest.GrantOf(c).Supersedes
	if before == "" {
		return nil
	}
	old, err := findOwn(v, c, before, "/supersedes")
	if err != nil {
		return err
	}
	head := c.Head()
	if was := old.Claims(); was.Kind() != c.Kind() {
		return conflict("/supersedes", "%s is of kind %s, not %s", before, was.Kind(), c.Kind())
	} else if was.Head().Sub != head.Sub {
		return conflict("/sub", "is %s; %s is about %s", head.Sub, before, was.Head().Sub)
	}
	newest, err := newestVersion(v, head.Iss, head.Sub, before)
	if err != nil {
		return err
	}
	if newest != before {
		return conflict("/supersedes", "%s is superseded already; the newest version is %s", before, newest)
	}
	return nil
}

// newestVersion returns the jti of the last version of the lineage that an
// approval or registration belongs to.
func newestVersion(v View, iss, sub, jti string) (string, error) {
	index, _, err := v.Find(iss, jti)
	if err != nil {
		return "", err
	}
	entries, err := v.History(sub)
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(entries, func(e HistoryEntry) bool { return e.Index == index })
	if at < 0 {
		return "", fmt.Errorf("the history of %s does not have the statement at index %d", sub, index)
	}
	for _, e := range slices.Backward(entries) {
		if e.Tag != entries[at].Tag {
			continue
		}
		st, err := v.Statement(e.Index)
		if err != nil {
			return "", err
		}
		if attest.GrantOf(st.Claims()) != nil {
			return st.Claims().Head().JTI, nil
		}
	}
	return jti, nil
}

// admitTerms: the authorities exist, and they and their concurrence are those
// of the sandbox's first approval.
func admitTerms(v View, d *attest.DomainApproval) error {
	var p attest.Problems
	for i, a := range d.Terms.Authorities {
		if _, ok := v.Root().Authority(a); !ok {
			p.Add(fmt.Sprintf("/terms/authorities/%d", i), "%q is no authority of this register", a)
		}
	}
	if len(p) > 0 {
		return attest.Refuse(attest.Invalid, p)
	}
	for first, err := range standing[*attest.DomainApproval](v, d.Sub) {
		if err != nil {
			return err
		}
		if !slices.Equal(first.Terms.Authorities, d.Terms.Authorities) {
			return conflict("/terms/authorities", "are %s; sandbox %s was first logged with %s (%s of %s)",
				strings.Join(d.Terms.Authorities, ", "), d.Sandbox(), strings.Join(first.Terms.Authorities, ", "), first.JTI, first.Iss)
		}
		if first.Terms.Concurrence != d.Terms.Concurrence {
			return conflict("/terms/concurrence", "is %d; sandbox %s was first logged with %d (%s of %s)",
				d.Terms.Concurrence, d.Sandbox(), first.Terms.Concurrence, first.JTI, first.Iss)
		}
		break
	}
	return nil
}

// admitOne: an authority has one approval of a sandbox at a time; a decision
// would have to try each. The next one supersedes it, or comes when it has
// ended.
func admitOne(v View, d *attest.DomainApproval, at time.Time) error {
	if d.Supersedes != "" {
		return nil
	}
	entries, err := v.History(d.Sub)
	if err != nil {
		return err
	}
	newest := make(map[attest.Tag]*attest.DomainApproval)
	ended := make(map[attest.Tag]bool)
	for _, e := range entries {
		st, err := v.Statement(e.Index)
		if err != nil {
			return err
		}
		if !st.Holds(distrusted(v.Root(), e.Index)) {
			continue
		}
		switch c := st.Claims().(type) {
		case *attest.DomainApproval:
			if c.Iss == d.Iss {
				newest[e.Tag] = c
			}
		case *attest.Event:
			if (c.Event == attest.Revoke || c.Event == attest.Withdraw) && !c.EffectiveAt.Time().After(at) {
				ended[e.Tag] = true
			}
		}
	}
	for _, e := range entries {
		old, ok := newest[e.Tag]
		if !ok || ended[e.Tag] || old.EXP != 0 && !at.Before(old.EXP.Time()) {
			continue
		}
		return conflict("/supersedes", "is missing: sandbox %s has an approval of %s, %s; supersede it, or revoke it first", d.Sandbox(), d.Iss, old.JTI)
	}
	return nil
}

// admitIdentifiers: within one authority an identifier stands for one entity.
func admitIdentifiers(v View, r *attest.Registration) error {
	for i, subject := range r.Subjects() {
		for other, err := range standing[*attest.Registration](v, subject) {
			if err != nil {
				return err
			}
			if other.Iss != r.Iss || other.Sub == r.Sub {
				continue
			}
			pointer := "/sub"
			if i > 0 {
				pointer = "/identifiers/" + fmt.Sprint(i-1)
			}
			return conflict(pointer, "%s stands for %s already (%s of %s)",
				strings.TrimPrefix(subject, "entity:"), strings.TrimPrefix(other.Sub, "entity:"), other.JTI, other.Iss)
		}
	}
	return nil
}

// admitSites: within one authority a site id of an entity is one address.
func admitSites(v View, c attest.Claims, entity string, sites []attest.Site, pointer string) error {
	if len(sites) == 0 {
		return nil
	}
	iss := c.Head().Iss
	compare := func(head *attest.Common, old []attest.Site) error {
		for i, s := range sites {
			j := slices.IndexFunc(old, func(o attest.Site) bool { return o.ID == s.ID })
			if j >= 0 && (old[j].Address != s.Address || old[j].Country != s.Country) {
				return conflict(fmt.Sprintf("%s/%d", pointer, i), "site %s is at %q (%s) in %s; another address is another site id",
					s.ID, old[j].Address, old[j].Country, head.JTI)
			}
		}
		return nil
	}
	for reg, err := range standing[*attest.Registration](v, attest.EntitySubject(entity)) {
		if err != nil {
			return err
		}
		if reg.Iss != iss || reg.Sub != attest.EntitySubject(entity) {
			continue
		}
		if err := compare(reg.Head(), reg.Sites); err != nil {
			return err
		}
	}
	for a, err := range standing[*attest.EntityApproval](v, attest.ApprovalSubject(entity, iss)) {
		if err != nil {
			return err
		}
		if err := compare(a.Head(), a.ApprovedSites); err != nil {
			return err
		}
	}
	return nil
}

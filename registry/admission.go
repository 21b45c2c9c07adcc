package registry

import (
	"fmt"
	"iter"
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
	// Signed yields the indexes of the statements from one on that name any of the
	// keys, in log order. It ends after the first error.
	Signed(kids []string, from int64) iter.Seq2[int64, error]
}

// precedents are a view that has a subject's record.
type precedents interface {
	View
	record(subject string) (*record, error)
}

// unread is a view whose records are read anew whenever they are asked for.
type unread struct{ View }

func (v unread) record(subject string) (*record, error) {
	h, err := v.History(subject)
	if err != nil {
		return nil, err
	}
	var r *record
	return r.follow(v, subject, h)
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
	return st, admit(unread{v}, st, at)
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
func admit(v precedents, st *attest.Statement, at time.Time) error {
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
	case *attest.EntityEvent:
		return admitEntityEvent(v, c)
	case *attest.Succession:
		return firstError(
			func() error { return admitSuccession(v, c) },
			func() error { return admitSites(v, c, c.Successor, c.ApprovedSites, "/approved_sites") },
		)
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
	case *attest.Root:
		// Opening it has compared it with the one before.
		if v.Root() == nil {
			return nil
		}
		return admitCompromise(v, c)
	default:
		// A consent has a subject of its own; opening a freeze has found its key.
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
	from, retroactive := time.Time{}, true
	switch c := c.(type) {
	case *attest.Event:
		if !c.Event.Revokes() {
			from, retroactive = c.EffectiveAt.Time(), c.Retroactive
		}
	case *attest.Succession:
		from, retroactive = c.EffectiveAt.Time(), c.Retroactive
	default:
		if g := attest.GrantOf(c); g != nil {
			from, retroactive = g.NBF.Time(), g.Retroactive
		}
	}
	if from.Before(at) && !retroactive {
		p.Add("/retroactive", "is missing: it takes effect at %s, before it is logged at %s; say retroactive: true and retroactive_reason",
			from.Format(time.RFC3339), at.Format(time.RFC3339))
	}
	return p
}

// admitEvent: the target exists, is the issuer's, is of the same subject, and
// is no event itself.
func admitEvent(v precedents, e *attest.Event) error {
	target, err := findOwn(v, e, e.Target, "/target")
	if err != nil {
		return err
	}
	if attest.GrantOf(target.Claims()) == nil {
		return conflict("/target", "%s is of kind %s; an event is on a registration, approval or consent, which stays its target when it has been suspended",
			e.Target, target.Claims().Kind())
	}
	if sub := target.Claims().Head().Sub; sub != e.Sub {
		return conflict("/sub", "is %s; %s is about %s", e.Sub, e.Target, sub)
	}
	return nil
}

// admitEntityEvent: the issuer has registered the entity, or approved it; of a
// rename or merger, nobody else has registered it (RULES R13).
func admitEntityEvent(v precedents, e *attest.EntityEvent) error {
	known, err := v.record(e.Sub)
	if err != nil {
		return err
	}
	registered := ""
	for _, a := range v.Root().Root().Authorities {
		for _, k := range known.entities[a.ID] {
			switch {
			case k.subject != e.Sub:
			case a.ID == e.Iss:
				return nil
			default:
				registered = a.ID
			}
		}
	}
	if registered != "" && e.Event != attest.ChangeOfControl {
		return attest.Refuse(attest.Forbidden, attest.Problems{{
			Pointer: "/iss", Message: fmt.Sprintf("%s has registered %s; a %s of it is for its word", registered, e.Entity(), e.Event),
		}})
	}
	approved, err := v.History(attest.ApprovalSubject(e.Entity(), e.Iss))
	if err != nil {
		return err
	}
	if len(approved) == 0 {
		return attest.Refuse(attest.NotFound, attest.Problems{{
			Pointer: "/sub", Message: fmt.Sprintf("%s has neither registered nor approved %s", e.Iss, e.Entity()),
		}})
	}
	return nil
}

// admitSuccession: the target is the issuer's approval of the entity.
func admitSuccession(v precedents, s *attest.Succession) error {
	target, err := findOwn(v, s, s.Target, "/target")
	if err != nil {
		return err
	}
	if k := target.Claims().Kind(); k != attest.KindEntityApproval {
		return conflict("/target", "%s is of kind %s; a succession passes on the approval of an entity", s.Target, k)
	}
	if sub := target.Claims().Head().Sub; sub != s.Sub {
		return conflict("/sub", "is %s; %s is about %s", s.Sub, s.Target, sub)
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
func admitSuccessor(v precedents, c attest.Claims) error {
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
func newestVersion(v precedents, iss, sub, jti string) (string, error) {
	index, _, err := v.Find(iss, jti)
	if err != nil {
		return "", err
	}
	entries, err := v.History(sub)
	if err != nil {
		return "", err
	}
	e, ok := entryAt(entries, index)
	if !ok {
		return "", fmt.Errorf("the history of %s does not have the statement at index %d", sub, index)
	}
	r, err := v.record(sub)
	if err != nil {
		return "", err
	}
	return r.newest[e.Tag], nil
}

// admitTerms: the authorities exist, and they and their concurrence are those
// of the sandbox's first approval.
func admitTerms(v precedents, d *attest.DomainApproval) error {
	var p attest.Problems
	for i, a := range d.Terms.Authorities {
		if _, ok := v.Root().Authority(a); !ok {
			p.Add(fmt.Sprintf("/terms/authorities/%d", i), "%q is no authority of this register", a)
		}
	}
	if len(p) > 0 {
		return attest.Refuse(attest.Invalid, p)
	}
	r, err := v.record(d.Sub)
	if err != nil || r.terms == nil {
		return err
	}
	if first := r.terms; !slices.Equal(first.authorities, d.Terms.Authorities) {
		return conflict("/terms/authorities", "are %s; sandbox %s was first logged with %s (%s of %s)",
			strings.Join(d.Terms.Authorities, ", "), d.Sandbox(), strings.Join(first.authorities, ", "), first.jti, first.iss)
	} else if first.concurrence != d.Terms.Concurrence {
		return conflict("/terms/concurrence", "is %d; sandbox %s was first logged with %d (%s of %s)",
			d.Terms.Concurrence, d.Sandbox(), first.concurrence, first.jti, first.iss)
	}
	return nil
}

// admitOne: an authority has one approval of a sandbox at a time; a decision
// would have to try each. The next one supersedes it, or comes when it has
// ended.
func admitOne(v precedents, d *attest.DomainApproval, at time.Time) error {
	if d.Supersedes != "" {
		return nil
	}
	r, err := v.record(d.Sub)
	if err != nil {
		return err
	}
	for _, old := range r.lineages {
		if old.iss == d.Iss && old.standsAt(at) {
			return conflict("/supersedes", "is missing: sandbox %s has an approval of %s, %s; supersede it, or revoke it first", d.Sandbox(), d.Iss, old.jti)
		}
	}
	return nil
}

// admitIdentifiers: within one authority an identifier stands for one entity.
func admitIdentifiers(v precedents, r *attest.Registration) error {
	for i, subject := range r.Subjects() {
		known, err := v.record(subject)
		if err != nil {
			return err
		}
		for _, other := range known.entities[r.Iss] {
			if other.subject == r.Sub {
				continue
			}
			pointer := "/sub"
			if i > 0 {
				pointer = "/identifiers/" + fmt.Sprint(i-1)
			}
			return conflict(pointer, "%s stands for %s already (%s of %s)",
				strings.TrimPrefix(subject, "entity:"), strings.TrimPrefix(other.subject, "entity:"), other.jti, r.Iss)
		}
	}
	return nil
}

// admitSites: within one authority a site id of an entity is one address.
func admitSites(v precedents, c attest.Claims, entity string, sites []attest.Site, pointer string) error {
	if len(sites) == 0 {
		return nil
	}
	iss := c.Head().Iss
	for _, subject := range []string{attest.EntitySubject(entity), attest.ApprovalSubject(entity, iss)} {
		known, err := v.record(subject)
		if err != nil {
			return err
		}
		for i, s := range sites {
			for _, old := range known.sites[siteName{iss, s.ID}] {
				if !old.isAt(s) {
					return conflict(fmt.Sprintf("%s/%d", pointer, i), "site %s is at %q (%s) in %s; another address is another site id",
						s.ID, old.address, old.country, old.jti)
				}
			}
		}
	}
	return nil
}

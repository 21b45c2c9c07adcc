package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/finder"
	"github.com/safeconduct/safeconduct/registry/trail"
)

// sandboxPage is what the page of a sandbox shows.
type sandboxPage struct {
	ID     string
	Titles []string
	clocks
	Path string
	// Challenges are the joint challenges that it belongs to, nil for none.
	Challenges *challenges
	// Terms are those that are or were to be concurred on and that any authority's
	// newest version has, the first that were logged first.
	Terms []*terms
	// Participants are the first that the finder gives, by the clocks of the page; nil
	// while its index is being made.
	Participants *finder.Page[finder.Entity]
	Taking       []participant
	// Kin says that any of them is the mentor or the protégé of somebody.
	Kin      bool
	Timeline *timeline
	Record   []trail.Record
	Earlier  int
}

// terms are what authorities concur on, and who does.
type terms struct {
	// Lines are what else they say.
	Lines []*line
	// InScope and Excluded are under the headings of their lists.
	InScope, Excluded []headed
	Ceilings          []ceiling
	Concurrence       int64
	Authorities       []concurring
	// Joint says that no other terms have replaced these for good.
	Joint bool
	// InForce is how many of the approvals are in force, standing how many may still
	// come to be.
	InForce, standing int
	// From and Until are the period in which they concur, zero where there is none or
	// it has no end.
	From, Until time.Time
	last        time.Time
}

// A ceiling bounds what is transferred.
type ceiling struct {
	// By is the authority whose own limit it is, "" for the terms.
	By string
	// Unit is a currency, where Money says so, or a unit.
	Unit                       string
	Money                      bool
	PerTransaction, Cumulative attest.Amount
}

// A participant is an entity, and what each authority of the sandbox has said of
// it.
type participant struct {
	finder.Entity
	By []heard
	kinship
}

// heard is what an authority has said of an entity: approvals, registrations, or
// nothing.
type heard struct {
	Authority string
	Grants    []finder.Grant
}

// registers reports whether a grant is a registration.
func registers(g finder.Grant) bool {
	_, ok := g.Claims.(*attest.Registration)
	return ok
}

// rolesOf are those that a grant lists, none for every role.
func rolesOf(g finder.Grant) []attest.Role {
	if a, ok := g.Claims.(*attest.EntityApproval); ok {
		return a.AuthorisedRoles
	}
	return nil
}

// Reached reports whether as many approvals are in force as have to be, of terms that
// no others have replaced.
func (t *terms) Reached() bool { return t.Joint && int64(t.InForce) >= t.Concurrence }

// Replaced reports whether other terms alone are why these do not concur.
func (t *terms) Replaced() bool { return !t.Joint && int64(t.InForce) >= t.Concurrence }

// concurring is an authority of the terms.
type concurring struct {
	Authority string
	// Approval is its approval of these terms, nil where it has given none; then
	// Turn says that it is waited for, and Days for how many whole days, since the last
	// of the others approved, or MovedOn that it has approved other terms since.
	Approval *card
	Turn     bool
	Days     int
	MovedOn  bool
}

// sandbox serves /sandboxes/{id}.
func (p *Pages) sandbox(x *exchange) (*page, error) {
	if err := x.read(false, clockFields); err != nil {
		return nil, err
	}
	id := mux.Vars(x.Request)["id"]
	if err := identifier.Sandbox(id); err != nil {
		return nil, wrong(http.StatusNotFound, "sandbox.no_id", err)
	}
	e, err := p.reg.Published()
	if err != nil {
		return nil, err
	}
	now := p.now()
	v := &sandboxPage{ID: id, clocks: x.clocks(now), Path: "/sandboxes/" + id}
	pg := (&page{template: "sandbox", Title: id, Body: v, Scripts: []*asset{clockSliders}}).at(e)
	reading, subject := e.NewReading(), attest.SandboxSubject(id)
	all, err := e.History(x.Context(), subject, time.Time{}, time.Time{})
	if errors.Is(err, registry.ErrNotFound) {
		return nil, wrong(http.StatusNotFound, "sandbox.unknown", id)
	}
	if err != nil {
		return nil, err
	}
	if v.Wrong() {
		pg.Title, pg.status = say("mistake.title", pg.Title), http.StatusUnprocessableEntity
		return pg, nil
	}
	at := func(force time.Time) ([]policy.Recorded, error) {
		return reading.History(x.Context(), subject, v.Known, force)
	}
	list, err := at(v.Force)
	if err != nil {
		return nil, err
	}
	v.read(list, v.knownBy(now))
	if len(v.Titles) > 0 {
		pg.Title = plain(v.Titles[0])
	}
	legal, err := reading.Moments(x.Context(), subject, time.Time{})
	if err != nil {
		return nil, err
	}
	if err := v.slide(legal, byIndex(all)); err != nil {
		return nil, err
	}
	moments, err := reading.Moments(x.Context(), subject, v.Known)
	if err != nil {
		return nil, err
	}
	d := &drafting{
		recorded: byIndex(list), moments: moments,
		bars: func(policy.Recorded) bool { return true },
		read: func(force time.Time) (map[int64]policy.Recorded, error) {
			list, err := at(force)
			return byIndex(list), err
		},
	}
	if v.Timeline, err = d.timeline(v.clocks, e.Time()); err != nil {
		return nil, err
	}
	return pg, p.participate(x, e, v)
}

func byIndex(list []policy.Recorded) map[int64]policy.Recorded {
	out := make(map[int64]policy.Recorded, len(list))
	for _, r := range list {
		out[r.Index] = r
	}
	return out
}

// participate reads who takes part, at the page's times.
func (p *Pages) participate(x *exchange, e *registry.Edition, v *sandboxPage) error {
	participants, err := p.finder.Entities(x.Context(), finder.Query{Sandbox: v.ID, Limit: maxFound, Now: v.Force, Known: v.Known, Count: true})
	if errors.Is(err, finder.ErrBuilding) {
		return nil
	}
	if err != nil {
		return err
	}
	v.Participants = &participants
	var authorities []string
	for _, t := range v.Terms {
		for _, a := range t.Authorities {
			if !slices.Contains(authorities, a.Authority) {
				authorities = append(authorities, a.Authority)
			}
		}
	}
	for _, who := range participants.Found {
		one := participant{Entity: who}
		for _, a := range authorities {
			s := heard{Authority: a}
			for _, g := range slices.Concat(who.Approvals, who.Registrations) {
				// What has passed to another is said of that one.
				if g.Issuer == a && g.Holder == "" {
					s.Grants = append(s.Grants, g)
				}
			}
			one.By = append(one.By, s)
		}
		v.Taking = append(v.Taking, one)
	}
	return v.relate(e)
}

// read takes in the history of the sandbox, as it is known at a time.
func (v *sandboxPage) read(list []policy.Recorded, known time.Time) {
	byDigest, approved := make(map[[32]byte]*terms), make(map[string]time.Time)
	for _, r := range list {
		v.Record = append(v.Record, trail.NewRecord(r))
		c, ok := r.Statement.Claims().(*attest.DomainApproval)
		if !ok || r.Void || r.Standing == nil || r.Standing.State == policy.Superseded {
			continue
		}
		if !slices.Contains(v.Titles, c.Title) {
			v.Titles = append(v.Titles, c.Title)
		}
		d := r.Statement.TermsDigest()
		t := byDigest[d]
		if t == nil {
			t = &terms{
				Concurrence: c.Terms.Concurrence, InScope: headedScope(c.Terms.InScope), Excluded: headedScope(c.Terms.Excluded),
				Ceilings: ceilingsOf("", &c.Terms.Limits), Joint: r.Standing.Joint,
			}
			for _, a := range c.Terms.Authorities {
				t.Authorities = append(t.Authorities, concurring{Authority: a})
			}
			byDigest[d] = t
			v.Terms = append(v.Terms, t)
		}
		t.approved(newCard(r))
		approved[c.Iss] = r.Time
	}
	v.Record, v.Earlier = newest(v.Record)
	v.Challenges = challengesOf(list)
	for _, t := range v.Terms {
		t.settle(known, approved)
	}
}

// ceilingsOf are those of limits.
func ceilingsOf(by string, l *attest.Limits) (out []ceiling) {
	if v := l.Value; v != nil {
		out = append(out, ceiling{By: by, Unit: v.Currency, Money: true, PerTransaction: v.PerTransaction, Cumulative: v.Cumulative})
	}
	if q := l.Quantity; q != nil {
		out = append(out, ceiling{By: by, Unit: q.Unit, PerTransaction: q.PerTransaction, Cumulative: q.Cumulative})
	}
	return out
}

// apart are the members of terms that the page shows elsewhere.
var apart = []string{"/terms/authorities", "/terms/concurrence", "/terms/in_scope", "/terms/excluded", "/terms/value", "/terms/quantity"}

// approved takes in an approval of the terms; a later one of the same authority,
// such as a new one after a revocation, takes the place of the one before, unless
// that holds until the later one does.
func (t *terms) approved(c *card) {
	rest := c.Sections[:0]
	for _, s := range c.Sections {
		if s.Heading != "card.terms" {
			rest = append(rest, s)
			continue
		}
		t.Lines = nil
		for _, l := range s.Lines {
			below := slices.DeleteFunc(l.Below, func(l *line) bool {
				return slices.ContainsFunc(apart, func(member string) bool { return l.Pointer == member || strings.HasPrefix(l.Pointer, member+"/") })
			})
			t.Lines = append(t.Lines, below...)
		}
	}
	c.Sections = rest
	for i := range t.Authorities {
		if a := &t.Authorities[i]; a.Authority == c.Issuer && (a.Approval == nil || !holdsBefore(a.Approval, c)) {
			a.Approval = c
		}
	}
}

// stands reports whether an approval is in force, or may come to be: one that has
// ended for good waits for nobody.
func stands(s policy.State) bool {
	switch s {
	case policy.InForce, policy.NotYet, policy.NotJoint, policy.Suspended:
		return true
	default:
		return false
	}
}

// holdsBefore reports whether an approval is what holds, though a later one of the
// same authority is logged, which has not come into force.
func holdsBefore(earlier, later *card) bool {
	return stands(earlier.Standing.State) && (earlier.Standing.State == policy.InForce || later.Standing.State != policy.InForce)
}

// settle counts, and says whose turn it is: approved is when each authority last
// approved any terms.
func (t *terms) settle(known time.Time, approved map[string]time.Time) {
	for _, a := range t.Authorities {
		if a.Approval == nil || a.Approval.Standing == nil {
			continue
		}
		state := a.Approval.Standing.State
		if !stands(state) {
			continue
		}
		t.standing++
		if at := a.Approval.LoggedAt.Time(); at.After(t.last) {
			t.last = at
		}
		if c, ok := a.Approval.claims.(*attest.DomainApproval); ok && c.Caveats != nil {
			t.Ceilings = append(t.Ceilings, ceilingsOf(a.Authority, c.Caveats)...)
		}
		if state == policy.InForce {
			t.InForce++
			t.between(a.Approval)
		}
	}
	if !t.Joint || int64(t.InForce) != t.Concurrence {
		// None concurs, or the period is that of whichever are relied on.
		t.From, t.Until = time.Time{}, time.Time{}
	}
	for i := range t.Authorities {
		a := &t.Authorities[i]
		if a.Approval != nil {
			continue
		}
		a.MovedOn = approved[a.Authority].After(t.last)
		if a.Turn = !a.MovedOn && t.standing > 0 && int64(t.standing) < t.Concurrence; a.Turn {
			a.Days = max(0, int(known.Sub(t.last)/(24*time.Hour)))
		}
	}
}

// between narrows the period to that of one more approval.
func (t *terms) between(c *card) {
	if from := c.From.Time(); from.After(t.From) {
		t.From = from
	}
	if until := c.Until; !until.IsZero() && (t.Until.IsZero() || until.Time().Before(t.Until)) {
		t.Until = until.Time()
	}
}

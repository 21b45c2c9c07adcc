package web

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
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
	// Terms are those that are or were to be concurred on and that any authority's
	// newest version has, the first that were logged first.
	Terms []*terms
	// Participants are the first that the finder gives, today; nil while its index is
	// being made.
	Participants *finder.Page[finder.Entity]
	Record       []trail.Record
	Earlier      int
}

// terms are what authorities concur on, and who does.
type terms struct {
	Lines       []*line
	Concurrence int64
	Authorities []concurring
	// InForce is how many of the approvals are in force, Given how many there are.
	InForce, Given int
	last           time.Time
}

// Reached reports whether as many approvals are in force as have to be.
func (t *terms) Reached() bool { return int64(t.InForce) >= t.Concurrence }

// concurring is an authority of the terms.
type concurring struct {
	Authority string
	// Approval is its approval of these terms, nil where it has given none; then
	// Turn says that it is waited for, and Days for how long, since the last of the
	// others approved, or MovedOn that it has approved other terms since.
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
	pg := (&page{template: "sandbox", Title: id, Body: v}).at(e)
	list, err := e.History(x.Context(), attest.SandboxSubject(id), v.Known, v.Force)
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
	v.read(list, cmp.Or(v.Known, now))
	if len(v.Titles) > 0 {
		pg.Title = plain(v.Titles[0])
	}
	participants, err := p.finder.Entities(x.Context(), finder.Query{Sandbox: id, Limit: found, Now: now})
	if err == nil {
		v.Participants = &participants
	} else if !errors.Is(err, finder.ErrBuilding) {
		return nil, err
	}
	return pg, nil
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
		d := c.Terms.Digest()
		t := byDigest[d]
		if t == nil {
			t = &terms{Concurrence: c.Terms.Concurrence}
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
	for _, t := range v.Terms {
		t.settle(known, approved)
	}
}

// approved takes in an approval of the terms; a later one of the same authority,
// such as a new one after a revocation, takes the place of the one before.
func (t *terms) approved(c *card) {
	rest := c.Sections[:0]
	for _, s := range c.Sections {
		if s.Heading == "card.terms" {
			t.Lines = s.Lines
			continue
		}
		rest = append(rest, s)
	}
	c.Sections = rest
	if at := c.LoggedAt.Time(); at.After(t.last) {
		t.last = at
	}
	for i := range t.Authorities {
		if t.Authorities[i].Authority == c.Issuer {
			t.Authorities[i].Approval = c
		}
	}
}

// settle counts, and says whose turn it is: approved is when each authority last
// approved any terms.
func (t *terms) settle(known time.Time, approved map[string]time.Time) {
	for _, a := range t.Authorities {
		if a.Approval == nil {
			continue
		}
		t.Given++
		if a.Approval.Standing.State == policy.InForce {
			t.InForce++
		}
	}
	for i := range t.Authorities {
		a := &t.Authorities[i]
		if a.Approval != nil {
			continue
		}
		a.MovedOn = approved[a.Authority].After(t.last)
		if a.Turn = !a.MovedOn && int64(t.Given) < t.Concurrence; a.Turn {
			a.Days = max(0, int(known.Sub(t.last)/(24*time.Hour)))
		}
	}
}

package web

import (
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
	// Challenges are the joint challenges that it belongs to, nil for none.
	Challenges *challenges
	// Terms are those that are or were to be concurred on and that any authority's
	// newest version has, the first that were logged first; TermsLeft is how many are
	// left out.
	Terms     []*terms
	TermsLeft int
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

// A participant is an entity, and what each authority of the sandbox has said of
// it.
type participant struct {
	finder.Entity
	By []heard
	kinship
}

// maxSaid is how much of what one authority has said of a participant is shown.
const maxSaid = 8

// heard is what an authority has said of an entity: approvals, registrations, or
// nothing. Said is what of it is shown, Left how much more there is.
type heard struct {
	Authority string
	grants    []finder.Grant
	Said      []statedGrant
	Left      int
}

// A statedGrant is a registration, or an approval for roles, none for every role.
type statedGrant struct {
	Status    policy.State
	Registers bool
	Roles     []attest.Role
}

// hear says what an authority has said, what stands first.
func hear(authority string, who *finder.Entity) heard {
	h := heard{Authority: authority}
	for _, g := range slices.Concat(who.Approvals, who.Registrations) {
		// What has passed to another is said of that one.
		if g.Issuer == authority && g.Holder == "" {
			h.grants = append(h.grants, g)
		}
	}
	shown, left := foremostGrants(h.grants, maxSaid)
	h.Left = left
	for _, g := range shown {
		one := statedGrant{Status: g.Status}
		switch c := g.Claims.(type) {
		case *attest.Registration:
			one.Registers = true
		case *attest.EntityApproval:
			one.Roles = c.AuthorisedRoles
		}
		h.Said = append(h.Said, one)
	}
	return h
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
			one.By = append(one.By, hear(a, &who))
		}
		v.Taking = append(v.Taking, one)
	}
	return v.relate(e)
}

// read takes in the history of the sandbox, as it is known at a time.
func (v *sandboxPage) read(history []policy.Recorded, known time.Time) {
	for _, r := range history {
		v.Record = append(v.Record, trail.NewRecord(r))
	}
	v.Record, v.Earlier = newest(v.Record)
	v.Challenges = challengesOf(history)
	all := concurrencesOf(history, known)
	v.Titles = titlesIn(all)
	v.Terms, v.TermsLeft = termsOf(all)
}

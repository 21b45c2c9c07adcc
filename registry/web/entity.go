package web

import (
	"fmt"
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

// The bounds of the page of a subject.
const (
	// maxRecord is how many statements its record lists at most.
	maxRecord = 200
	// mostCards is how many approvals, and how many registrations, it shows in full.
	mostCards = 40
)

// entityPage is what the page of an entity shows.
type entityPage struct {
	finder.Entity
	clocks
	// Path is the page's own, for the form of the clocks.
	Path string
	// Registrations and Approvals are those that matter most, where there are too many.
	Registrations, Approvals         []*card
	RegistrationsLeft, ApprovalsLeft int
	// StandsFor are the entities that the identifier is another one of.
	StandsFor []string
	// Timeline is nil where there is nothing to draw.
	Timeline *timeline
	// Record are the newest statements, in log order, Earlier how many are left out.
	Record  []trail.Record
	Earlier int
}

// entity serves /entities/{id}.
func (p *Pages) entity(x *exchange) (*page, error) {
	if err := x.read(false, clockFields); err != nil {
		return nil, err
	}
	id := mux.Vars(x.Request)["id"]
	if _, err := identifier.Parse(id); err != nil {
		return nil, wrong(http.StatusNotFound, "entity.no_id", err)
	}
	e, err := p.reg.Published()
	if err != nil {
		return nil, err
	}
	subjects, err := e.Subjects(id)
	if err != nil {
		return nil, err
	}
	if len(subjects) == 0 {
		return nil, wrong(http.StatusNotFound, "entity.unknown", id)
	}
	v := &entityPage{Entity: finder.Entity{ID: id}, clocks: x.clocks(p.now()), Path: "/entities/" + id}
	pg := (&page{template: "entity", Title: id, Body: v, Scripts: []*asset{clockSliders}}).at(e)
	if v.Wrong() {
		pg.Title, pg.status = say("mistake.title", pg.Title), http.StatusUnprocessableEntity
		return pg, nil
	}
	if err := v.read(x, e, subjects); err != nil {
		return nil, err
	}
	if len(v.Names) > 0 {
		pg.Title = plain(v.Names[0])
	}
	return pg, nil
}

// read reads the entity from its histories.
func (v *entityPage) read(x *exchange, e *registry.Edition, subjects []string) (err error) {
	reading := e.NewReading()
	if v.Entity, err = finder.EntityAt(x.Context(), reading, v.ID, subjects, v.Known, v.Force); err != nil {
		return err
	}
	at := func(subjects []string, known, force time.Time) (map[int64]policy.Recorded, error) {
		recorded := make(map[int64]policy.Recorded)
		for _, s := range subjects {
			list, err := reading.History(x.Context(), s, known, force)
			if err != nil {
				return nil, err
			}
			for _, r := range list {
				recorded[r.Index] = r
			}
		}
		return recorded, nil
	}
	recorded, err := at(subjects, v.Known, v.Force)
	if err != nil {
		return err
	}
	v.record(recorded)
	// What has passed to it stands in the history of the one that it was given to.
	inherited := make(map[int64]bool)
	for _, g := range v.Entity.Approvals {
		if g.GivenTo == "" {
			continue
		}
		inherited[g.Index] = true
		if s := attest.ApprovalSubject(g.GivenTo, g.Issuer); !slices.Contains(subjects, s) {
			subjects = append(slices.Clone(subjects), s)
		}
	}
	if len(inherited) > 0 {
		if recorded, err = at(subjects, v.Known, v.Force); err != nil {
			return err
		}
	}
	if v.Registrations, v.RegistrationsLeft, err = cardsOf(v.Entity.Registrations, recorded); err != nil {
		return fmt.Errorf("show the registrations of %s: %w", v.ID, err)
	}
	if v.Approvals, v.ApprovalsLeft, err = cardsOf(v.Entity.Approvals, recorded); err != nil {
		return fmt.Errorf("show the approvals of %s: %w", v.ID, err)
	}
	if err := v.mentors(e); err != nil {
		return err
	}
	all, err := at(subjects, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	moments := func(known time.Time) (out []time.Time, err error) {
		for _, s := range subjects {
			ts, err := reading.Moments(x.Context(), s, known)
			if err != nil {
				return nil, err
			}
			out = append(out, ts...)
		}
		return distinct(out), nil
	}
	legal, err := moments(time.Time{})
	if err != nil {
		return err
	}
	if err := v.slide(legal, all); err != nil {
		return err
	}
	if legal, err = moments(v.Known); err != nil {
		return err
	}
	own := attest.EntitySubject(v.ID)
	d := &drafting{
		holder: v.ID, recorded: recorded, moments: legal,
		bars: func(r policy.Recorded) bool {
			switch c := r.Statement.Claims().(type) {
			case *attest.Registration:
				return c.Sub == own
			case *attest.EntityApproval:
				return c.Entity() == v.ID || inherited[r.Index]
			default:
				return false
			}
		},
		read: func(force time.Time) (map[int64]policy.Recorded, error) { return at(subjects, v.Known, force) },
	}
	v.Timeline, err = d.timeline(v.clocks, e.Time())
	return err
}

// mentors has the cards lead to the mentors that they name, where these have pages.
func (v *entityPage) mentors(e *registry.Edition) error {
	known := make(map[string]bool)
	for _, c := range v.Approvals {
		a, ok := c.claims.(*attest.EntityApproval)
		if !ok || a.Mentor == "" {
			continue
		}
		has, asked := known[a.Mentor]
		if !asked {
			var err error
			if has, err = hasPage(e, a.Mentor); err != nil {
				return err
			}
			known[a.Mentor] = has
		}
		if has {
			c.Mentor = a.Mentor
		}
	}
	return nil
}

// record takes in what was said of the entity, and whose other identifier it is.
func (v *entityPage) record(recorded map[int64]policy.Recorded) {
	own := attest.EntitySubject(v.ID)
	for _, r := range recorded {
		v.Record = append(v.Record, trail.NewRecord(r))
		c, ok := r.Statement.Claims().(*attest.Registration)
		if id := strings.TrimPrefix(subjectOf(r), attest.EntitySubject("")); ok && c.Sub != own && !r.Void && !slices.Contains(v.StandsFor, id) {
			v.StandsFor = append(v.StandsFor, id)
		}
	}
	slices.Sort(v.StandsFor)
	v.Record, v.Earlier = newest(v.Record)
}

func subjectOf(r policy.Recorded) string { return r.Statement.Claims().Head().Sub }

// newest are the newest records, in log order, and how many are left out.
func newest(all []trail.Record) ([]trail.Record, int) {
	slices.SortFunc(all, func(a, b trail.Record) int { return int(a.Index - b.Index) })
	earlier := max(0, len(all)-maxRecord)
	return all[earlier:], earlier
}

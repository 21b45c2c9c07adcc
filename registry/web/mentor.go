package web

import (
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/finder"
)

// maxKin is how many mentors, and how many protégés, of a participant are shown.
const maxKin = 8

// A kin is the mentor or a protégé of a participant.
type kin struct {
	// ID is as the approval has it, or that of the participant that it stands for.
	ID string
	// Names has one name of a participant that is shown, too.
	Names []string
	// Known says that it has a page.
	Known bool
	// By are the authorities whose approvals say so.
	By []string
}

// kinship is who is mentor, and who protégé, of a participant, the first of each,
// and how many are left out.
type kinship struct {
	Mentors, Proteges         []kin
	MentorsLeft, ProtegesLeft int
}

// mentorOf is whom a grant names as the mentor of whoever holds it now, "" for
// nobody: where it has ended, or has passed to another, it says nothing any more.
func mentorOf(g finder.Grant, holder string) string {
	a, ok := g.Claims.(*attest.EntityApproval)
	if !ok || !g.Status.Stands() || g.Holder != "" || a.Mentor == holder {
		return ""
	}
	return a.Mentor
}

// relate says who is whose mentor, by the approvals of the sandbox's authorities. A
// protégé is named only at a mentor that takes part, and is shown.
func (v *sandboxPage) relate(e *registry.Edition) error {
	who := v.identified()
	for i := range v.Taking {
		p := &v.Taking[i]
		for _, s := range p.By {
			for _, g := range s.grants {
				id := mentorOf(g, p.ID)
				if id == "" {
					continue
				}
				m := who[id]
				if m == p {
					continue // the holder, by another of its identifiers
				}
				if m == nil {
					add(&p.Mentors, kin{ID: id}, s.Authority)
					continue
				}
				add(&p.Mentors, m.kin(), s.Authority)
				add(&m.Proteges, p.kin(), s.Authority)
			}
		}
	}
	for i := range v.Taking {
		k := &v.Taking[i].kinship
		k.Mentors, k.MentorsLeft = first(k.Mentors)
		k.Proteges, k.ProtegesLeft = first(k.Proteges)
		for j := range k.Mentors {
			m := &k.Mentors[j]
			if m.Known {
				continue
			}
			var err error
			if m.Known, err = hasPage(e, m.ID); err != nil {
				return err
			}
		}
		v.Kin = v.Kin || len(k.Mentors)+len(k.Proteges) > 0
	}
	return nil
}

// kin is the participant, as one that another is related to.
func (p *participant) kin() kin {
	return kin{ID: p.ID, Names: p.Names[:min(1, len(p.Names))], Known: true}
}

// identified are the participants by their ids, and by other identifiers that a
// registration in force has of one of them alone.
func (v *sandboxPage) identified() map[string]*participant {
	who, several := make(map[string]*participant), make(map[string]bool)
	for i := range v.Taking {
		p := &v.Taking[i]
		for _, g := range p.Registrations {
			r, ok := g.Claims.(*attest.Registration)
			if !ok || !g.Status.Stands() {
				continue
			}
			for _, id := range r.Identifiers {
				several[id] = several[id] || who[id] != nil && who[id] != p
				who[id] = p
			}
		}
	}
	for id := range several {
		if several[id] {
			delete(who, id)
		}
	}
	for i := range v.Taking {
		who[v.Taking[i].ID] = &v.Taking[i]
	}
	return who
}

// add takes in one more, or that another authority says the same.
func add(list *[]kin, k kin, authority string) {
	i := slices.IndexFunc(*list, func(o kin) bool { return o.ID == k.ID })
	if i < 0 {
		*list, i = append(*list, k), len(*list)
	}
	if by := &(*list)[i].By; !slices.Contains(*by, authority) {
		*by = append(*by, authority)
	}
}

// first are the first by their ids, and how many are left out.
func first(list []kin) ([]kin, int) {
	slices.SortFunc(list, func(a, b kin) int { return strings.Compare(a.ID, b.ID) })
	left := max(0, len(list)-maxKin)
	return list[:len(list)-left], left
}

// hasPage reports whether anything is logged of an entity.
func hasPage(e *registry.Edition, id string) (bool, error) {
	subjects, err := e.Subjects(id)
	return len(subjects) > 0, err
}

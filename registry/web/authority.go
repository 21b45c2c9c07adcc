package web

import (
	"errors"
	"net/http"
	"slices"

	"github.com/gorilla/mux"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/registry/finder"
	"github.com/safeconduct/safeconduct/registry/trail"
)

// soonDays is how many days ahead an end is told of.
const soonDays = 90

// An authority is one that the trust root lists.
type authority struct{ ID, Name string }

// authorityPage is what the page of an authority shows.
type authorityPage struct {
	authority
	// May is what it may do, Declared what is declared of its keys, in words.
	May, Declared []*line
	Keys          keyTable
	// Freezes are the newest of its keys, FreezesEarlier how many before them are left
	// out.
	Freezes        []trail.Record
	FreezesEarlier int
	Waiting        waiting
	// Ending are its grants that end within Days; nil while the index is being made.
	Ending *finder.Endings
	Days   int
}

// authority serves /authorities/{id}.
func (p *Pages) authority(x *exchange) (*page, error) {
	if err := x.read(false, []string{"after"}); err != nil {
		return nil, err
	}
	id := mux.Vars(x.Request)["id"]
	if err := identifier.Authority(id); err != nil {
		return nil, wrong(http.StatusNotFound, "authority.no_id", err)
	}
	e, err := p.reg.Published()
	if err != nil {
		return nil, err
	}
	r, err := p.roots(x.Context(), e)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(r.root.Root().Authorities, func(a attest.Authority) bool { return a.ID == id })
	if i < 0 {
		return nil, wrong(http.StatusNotFound, "authority.unknown", id)
	}
	a := r.root.Root().Authorities[i]
	v := &authorityPage{authority: authority{a.ID, a.Name}, Keys: keyTable{"keys", r.keys(id, a.Officers)}, Days: soonDays}
	v.May, v.Declared = r.saidOf(i)
	for _, f := range r.freezes {
		if f.Statement.Claims().Head().Iss == id {
			v.Freezes = append(v.Freezes, trail.NewRecord(f))
		}
	}
	v.FreezesEarlier = max(0, len(v.Freezes)-maxFound)
	v.Freezes = v.Freezes[v.FreezesEarlier:]
	if v.Waiting, err = p.waiting(x, e, id, "/authorities/"+id); err != nil {
		return nil, err
	}
	now := p.now()
	ending, err := p.finder.Ending(x.Context(), id, now, now.AddDate(0, 0, soonDays), maxFound)
	if err == nil {
		v.Ending = &ending
	} else if !errors.Is(err, finder.ErrBuilding) {
		return nil, err
	}
	return (&page{template: "authority", Title: say("authority.title", plain(a.Name)), Here: "/authorities", Body: v}).at(e), nil
}

package web

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/finder"
	"github.com/safeconduct/safeconduct/verify"
)

// maxLooked is how many sandboxes are looked into for those that wait.
const maxLooked = 40

// A waiting is what waits for authorities.
type waiting struct {
	// Building says that the index is being made, and nothing is known yet.
	Building bool
	// Turn are the terms that wait for the authority itself, Others those of its own
	// that wait for another one; of all authorities, Turn has all.
	Turn, Others []waitingTerms
	// Next is the address of the page that goes on, "" on the last; Left how many
	// sandboxes may be on those that follow, Unread how many of this one cannot be read.
	Next         string
	Left, Unread int
}

// waitingTerms are terms of a sandbox that wait for an authority's approval; Given is one
// that another has given.
type waitingTerms struct {
	Sandbox, Title, Authority string
	Given                     string
	Days                      int
}

// waiting reads what waits for an authority, or for any where it is "".
func (p *Pages) waiting(x *exchange, e *registry.Edition, authority, path string) (waiting, error) {
	ids, more, err := p.finder.Waiting(x.Context(), authority, strings.TrimSpace(x.fields["after"]), maxLooked)
	if errors.Is(err, finder.ErrBuilding) {
		return waiting{Building: true}, nil
	}
	if err != nil {
		return waiting{}, cursorless(err)
	}
	var w waiting
	now := p.now()
	for i, id := range ids {
		if len(w.Turn)+len(w.Others) >= maxFound {
			more += len(ids) - i
			ids = ids[:i]
			break
		}
		// A reading bounds what is read for one sandbox: each has its own.
		list, err := e.History(x.Context(), attest.SandboxSubject(id), time.Time{}, now)
		if errors.Is(err, registry.ErrNotFound) || errors.Is(err, verify.ErrTooLarge) {
			// It was logged after this edition, or more of it than anybody could decide on.
			w.Unread++
			continue
		}
		if err != nil {
			return waiting{}, err
		}
		w.take(id, concurrencesOf(list, now), authority)
	}
	if w.Left = more; more > 0 && len(ids) > 0 {
		w.Next = path + "?after=" + ids[len(ids)-1]
	}
	return w, nil
}

// take takes in whose turn it is in a sandbox, each authority once: what waits
// longest for it.
func (w *waiting) take(sandbox string, all []concurrence, authority string) {
	title := ""
	if titles := titlesIn(all); len(titles) > 0 {
		title = titles[0]
	}
	for _, c := range all {
		for _, a := range c.Authorities {
			if !a.Turn {
				continue
			}
			n := waitingTerms{Sandbox: sandbox, Title: title, Authority: a.Authority, Given: c.Given(), Days: a.Days}
			list := &w.Others
			if authority == "" || a.Authority == authority {
				list = &w.Turn
			}
			i := slices.IndexFunc(*list, func(o waitingTerms) bool { return o.Sandbox == sandbox && o.Authority == a.Authority })
			if i < 0 {
				*list = append(*list, n)
			} else if n.Days > (*list)[i].Days {
				(*list)[i] = n
			}
		}
	}
}

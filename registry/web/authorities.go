package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/attest/prose"
	"github.com/safeconduct/safeconduct/attest/rootdiff"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/finder"
	"github.com/safeconduct/safeconduct/registry/trail"
	"github.com/safeconduct/safeconduct/verify"
)

// The bounds of the pages of authorities.
const (
	// maxVersions is how many versions of the trust root are told of, the newest,
	// and maxChanges how many changes of each.
	maxVersions = 20
	maxChanges  = 50
	// maxLooked is how many sandboxes are looked into for those that wait.
	maxLooked = 40
	// soon is how many days ahead an end is told of.
	soon = 90
)

// A roots is the trust root in force, and how it came about.
type roots struct {
	root *attest.TrustRoot
	// words are what it says.
	words []*line
	// versions are the records of its versions and freezes, in log order.
	versions, freezes []policy.Recorded
}

// roots reads the history of the trust root.
func (p *Pages) roots(ctx context.Context, e *registry.Edition) (*roots, error) {
	list, err := e.History(ctx, attest.RootSubject, time.Time{}, p.now())
	if err != nil {
		return nil, err
	}
	out := new(roots)
	for _, r := range list {
		if t := r.Statement.TrustRoot(); t != nil {
			out.root = t
		}
		switch r.Statement.Claims().Kind() {
		case attest.KindRoot:
			out.versions = append(out.versions, r)
		case attest.KindFreeze:
			out.freezes = append(out.freezes, r)
		}
	}
	if out.root == nil {
		return nil, fmt.Errorf("show the trust root: %w", registry.ErrNoRoot)
	}
	out.words = nest(prose.Of(out.root.Root()))[0].Below
	return out, nil
}

// said are the lines below one, by the pointers that they begin with.
func said(lines []*line, pointers ...string) (out []*line) {
	for _, l := range lines {
		if slices.ContainsFunc(pointers, func(p string) bool { return strings.HasPrefix(l.Pointer, p) }) {
			out = append(out, l)
		}
	}
	return out
}

// authority is what the trust root says of one, by its place in it: what it may do,
// and what is declared of its keys.
func (r *roots) authority(i int) (may, declared []*line) {
	at := fmt.Sprintf("/authorities/%d", i)
	for _, list := range said(r.words, "/authorities") {
		for _, a := range said(list.Below, at+"/") {
			return said(a.Below, at+"/countries", at+"/thresholds", at+"/jurisdiction"), said(a.Below, at+"/compromised/", at+"/thawed")
		}
	}
	return nil, nil
}

// A listedKey is a key as the trust root lists it.
type listedKey struct {
	Officer, ID, Algorithm string
	// Version is the version that first lists it, of those that do so to this day,
	// and Since when that was logged.
	Version int64
	Since   time.Time
	// Compromised says that it is declared so, from the log index Index on; Frozen
	// that it is frozen.
	Compromised, Frozen bool
	Index               int64
}

// keys are those of officers of an authority, "root" for the root's own.
func (r *roots) keys(authority string, officers []attest.Officer) (out []listedKey) {
	for _, o := range officers {
		for _, j := range o.Keys {
			k := r.key(j, func(root *attest.Root, kid string) bool {
				was := root.Officers
				if authority != "root" {
					was = nil
					for _, a := range root.Authorities {
						if a.ID == authority {
							was = a.Officers
						}
					}
				}
				return slices.ContainsFunc(was, func(o attest.Officer) bool { return o.HasKey(kid) })
			})
			k.Officer = o.ID
			out = append(out, k)
		}
	}
	return out
}

// key is what is known of a key, where lists says whether a version lists it.
func (r *roots) key(j attest.JWK, lists func(root *attest.Root, kid string) bool) listedKey {
	out := listedKey{Algorithm: j.Alg}
	k, err := j.Key()
	if err != nil {
		return out // an opened root has none such
	}
	out.ID = k.ID()
	out.Index, out.Compromised = r.root.CompromisedSince(out.ID)
	out.Frozen = r.root.Frozen(out.ID)
	for _, v := range slices.Backward(r.versions) {
		root, ok := v.Statement.Claims().(*attest.Root)
		if !ok || !lists(root, out.ID) {
			break
		}
		out.Version, out.Since = root.Version, v.Time
	}
	return out
}

// A rootVersion is a version of the trust root, and what it changed.
type rootVersion struct {
	trail.Record
	Version int64
	Changes []rootdiff.Change
	// More is how many changes are left out.
	More int
}

// An authority is one that the trust root lists.
type authority struct{ ID, Name string }

// authoritiesPage is what the page of the trust root shows.
type authoritiesPage struct {
	Version int64
	Record  trail.Record
	// Signed are the words of who signs a trust root.
	Signed []*line
	// Officers are the keys of the root officers, Notaries those that sign decisions.
	Officers, Notaries []listedKey
	// LogKeys and Cosigners are the words of who signs checkpoints.
	LogKeys, Cosigners []*line
	Authorities        []authorityWords
	// Versions are the newest versions, the newest first, Earlier how many are left
	// out.
	Versions []rootVersion
	Earlier  int
	// Freezes are the newest, Thawed how many before them are left out.
	Freezes []trail.Record
	Thawed  int
	Waiting waiting
}

// authorityWords is what is said of an authority in short.
type authorityWords struct {
	authority
	May []*line
}

// authoritiesPage serves /authorities.
func (p *Pages) authoritiesPage(x *exchange) (*page, error) {
	if err := x.read(false, []string{"after"}); err != nil {
		return nil, err
	}
	e, err := p.reg.Published()
	if err != nil {
		return nil, err
	}
	r, err := p.roots(x.Context(), e)
	if err != nil {
		return nil, err
	}
	root := r.root.Root()
	v := &authoritiesPage{
		Version: root.Version, Record: trail.NewRecord(r.versions[len(r.versions)-1]), Signed: said(r.words, "/threshold"),
		Officers: r.keys("root", root.Officers), LogKeys: said(r.words, "/log_keys"), Cosigners: said(r.words, "/cosigners"),
	}
	for _, j := range root.DecisionKeys {
		v.Notaries = append(v.Notaries, r.key(j, func(root *attest.Root, kid string) bool {
			return slices.ContainsFunc(root.DecisionKeys, func(j attest.JWK) bool { k, err := j.Key(); return err == nil && k.ID() == kid })
		}))
	}
	for i, a := range root.Authorities {
		may, _ := r.authority(i)
		v.Authorities = append(v.Authorities, authorityWords{authority{a.ID, a.Name}, may})
	}
	v.history(r)
	if v.Waiting, err = p.waiting(x, e, "", "/authorities"); err != nil {
		return nil, err
	}
	return (&page{template: "authorities", Title: say("authorities.title"), Here: "/authorities", Body: v}).at(e), nil
}

// history says how the trust root came about.
func (v *authoritiesPage) history(r *roots) {
	for i := len(r.versions) - 1; i >= 0; i-- {
		if len(v.Versions) == maxVersions {
			v.Earlier = i + 1
			break
		}
		next, ok := r.versions[i].Statement.Claims().(*attest.Root)
		if !ok {
			continue
		}
		n := rootVersion{Record: trail.NewRecord(r.versions[i]), Version: next.Version}
		if i > 0 {
			n.Changes = rootdiff.Worst(rootdiff.Of(r.versions[i-1].Statement.TrustRoot(), next))
			n.More = max(0, len(n.Changes)-maxChanges)
			n.Changes = n.Changes[:len(n.Changes)-n.More]
		}
		v.Versions = append(v.Versions, n)
	}
	for _, f := range r.freezes[max(0, len(r.freezes)-maxRecord):] {
		v.Freezes = append(v.Freezes, trail.NewRecord(f))
	}
	v.Thawed = len(r.freezes) - len(v.Freezes)
}

// authorityPage is what the page of an authority shows.
type authorityPage struct {
	authority
	// May is what it may do, Declared what is declared of its keys, in words.
	May, Declared []*line
	Keys          []listedKey
	// Freezes are the newest of its keys, Thawed how many before them are left out.
	Freezes []trail.Record
	Thawed  int
	Waiting waiting
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
	v := &authorityPage{authority: authority{a.ID, a.Name}, Keys: r.keys(id, a.Officers), Days: soon}
	v.May, v.Declared = r.authority(i)
	for _, f := range r.freezes {
		if f.Statement.Claims().Head().Iss == id {
			v.Freezes = append(v.Freezes, trail.NewRecord(f))
		}
	}
	v.Thawed = max(0, len(v.Freezes)-found)
	v.Freezes = v.Freezes[v.Thawed:]
	if v.Waiting, err = p.waiting(x, e, id, "/authorities/"+id); err != nil {
		return nil, err
	}
	now := p.now()
	ending, err := p.finder.Ending(x.Context(), id, now, now.AddDate(0, 0, soon), found)
	if err == nil {
		v.Ending = &ending
	} else if !errors.Is(err, finder.ErrBuilding) {
		return nil, err
	}
	return (&page{template: "authority", Title: say("authority.title", plain(a.Name)), Here: "/authorities", Body: v}).at(e), nil
}

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

// waitingTerms are terms of a sandbox that wait for an authority's approval.
type waitingTerms struct {
	Sandbox, Title, Authority string
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
		if len(w.Turn)+len(w.Others) >= found {
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
		v := &sandboxPage{ID: id}
		v.read(list, now)
		w.take(v, authority)
	}
	if w.Left = more; more > 0 && len(ids) > 0 {
		w.Next = path + "?after=" + ids[len(ids)-1]
	}
	return w, nil
}

// take takes in whose turn it is in a sandbox, each authority once: what waits
// longest for it.
func (w *waiting) take(v *sandboxPage, authority string) {
	for _, t := range v.Terms {
		for _, a := range t.Authorities {
			if !a.Turn {
				continue
			}
			n := waitingTerms{Sandbox: v.ID, Authority: a.Authority, Days: a.Days}
			if len(v.Titles) > 0 {
				n.Title = v.Titles[0]
			}
			list := &w.Others
			if authority == "" || a.Authority == authority {
				list = &w.Turn
			}
			i := slices.IndexFunc(*list, func(o waitingTerms) bool { return o.Sandbox == v.ID && o.Authority == a.Authority })
			if i < 0 {
				*list = append(*list, n)
			} else {
				(*list)[i].Days = max((*list)[i].Days, n.Days)
			}
		}
	}
}

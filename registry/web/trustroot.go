package web

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/prose"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
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

// saidOf is what the trust root says of one, by its place in it: what it may do,
// and what is declared of its keys.
func (r *roots) saidOf(i int) (may, declared []*line) {
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

// A keyTable is keys under a heading, by its id.
type keyTable struct {
	Heading string
	Keys    []listedKey
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

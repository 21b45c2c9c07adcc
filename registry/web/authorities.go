package web

import (
	"slices"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/rootdiff"
	"github.com/safeconduct/safeconduct/registry/trail"
)

// The bounds of the page of the trust root.
const (
	// maxVersions is how many versions of the trust root are told of, the newest,
	// and maxChanges how many changes of each.
	maxVersions = 20
	maxChanges  = 50
)

// A rootVersion is a version of the trust root, and what it changed.
type rootVersion struct {
	trail.Record
	Version int64
	Changes []rootdiff.Change
	// More is how many changes are left out.
	More int
}

// authoritiesPage is what the page of the trust root shows.
type authoritiesPage struct {
	Version int64
	Record  trail.Record
	// Signed are the words of who signs a trust root.
	Signed []*line
	// Officers are the keys of the root officers, Notaries those that sign decisions.
	Officers, Notaries keyTable
	// LogKeys and Cosigners are the words of who signs checkpoints.
	LogKeys, Cosigners []*line
	Authorities        []authorityWords
	// Versions are the newest versions, the newest first, Earlier how many are left
	// out.
	Versions []rootVersion
	Earlier  int
	// Freezes are the newest, FreezesEarlier how many before them are left out.
	Freezes        []trail.Record
	FreezesEarlier int
	Waiting        waiting
}

// authorityWords is what is said of an authority in short.
type authorityWords struct {
	authority
	May []*line
}

// authorities serves /authorities.
func (p *Pages) authorities(x *exchange) (*page, error) {
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
		Officers: keyTable{"signed", r.keys("root", root.Officers)}, Notaries: keyTable{Heading: "decisions"}, LogKeys: said(r.words, "/log_keys"), Cosigners: said(r.words, "/cosigners"),
	}
	for _, j := range root.DecisionKeys {
		v.Notaries.Keys = append(v.Notaries.Keys, r.key(j, func(root *attest.Root, kid string) bool {
			return slices.ContainsFunc(root.DecisionKeys, func(j attest.JWK) bool { k, err := j.Key(); return err == nil && k.ID() == kid })
		}))
	}
	for i, a := range root.Authorities {
		may, _ := r.saidOf(i)
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
	v.FreezesEarlier = len(r.freezes) - len(v.Freezes)
}

package web

import (
	"slices"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

// challenges are the joint challenges that a sandbox belongs to, by the newest
// approval of each authority that stands.
type challenges struct {
	// Named are those that any authority names: several where they differ.
	Named []challenged
	// Silent are the authorities whose approval names none.
	Silent []string
}

// challenged is a challenge, and the authorities who say so.
type challenged struct {
	attest.Challenge
	By []string
}

// challengesOf reads them from the history of a sandbox, nil where no approval names
// one.
func challengesOf(list []policy.Recorded) *challenges {
	newest := make(map[string]*attest.DomainApproval)
	var authorities []string
	for _, r := range list {
		c, ok := r.Statement.Claims().(*attest.DomainApproval)
		if !ok || r.Void || r.Standing == nil || !r.Standing.State.Stands() {
			continue
		}
		if newest[c.Iss] == nil {
			authorities = append(authorities, c.Iss)
		}
		newest[c.Iss] = c
	}
	slices.Sort(authorities)
	out := new(challenges)
	for _, a := range authorities {
		c := newest[a].Challenge
		if c == nil {
			out.Silent = append(out.Silent, a)
			continue
		}
		i := slices.IndexFunc(out.Named, func(n challenged) bool { return n.Challenge == *c })
		if i < 0 {
			i = len(out.Named)
			out.Named = append(out.Named, challenged{Challenge: *c})
		}
		out.Named[i].By = append(out.Named[i].By, a)
	}
	if out.Named == nil {
		return nil
	}
	return out
}

// Differ reports whether the authorities do not all say the same.
func (c *challenges) Differ() bool { return len(c.Named) > 1 || len(c.Silent) > 0 }

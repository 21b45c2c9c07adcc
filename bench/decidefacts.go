package main

import (
	"encoding/base64"
	"math"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// The rules that every peer is given. An act is permitted where
//
//   - the status is not too old;
//   - every authority of the sandbox has approved it on the same terms, and that
//     approval is in force;
//   - every authority has registered or approved each of the two parties, and
//     that is in force; where it approves the transferee, for the site too;
//   - the item is in scope, and neither excluded nor above an excluded entry;
//   - end use, level, nationalities, currency and value are within the terms.
//
// That is less than what Decide does: peers are spared the histories, and most
// of what can stand in them (savings, successions, other identifiers, keys that
// are to be distrusted), and say neither why nor until when.

// facts are what the statements of a scene come to.
type facts struct {
	authorities []string
	// terms are those of the first approval of the sandbox.
	terms    *attest.Terms
	digest   string
	sandbox  map[string]*held
	entities map[string]*entity
}

// An entity has registrations and approvals by authority.
type entity struct{ registrations, approvals map[string]*held }

// held is what an authority has granted: in force over [from, until) but for
// [suspended, resumed), in Unix seconds.
type held struct {
	from, until, suspended, resumed int64
	// digest is of the terms of a sandbox, sites of an approval.
	digest string
	sites  []string
}

// never is later than every act.
const never = math.MaxInt32

// facts folds the statements.
func (s *scene) facts() *facts {
	f := &facts{sandbox: make(map[string]*held), entities: make(map[string]*entity)}
	for _, id := range []string{registrytest.Halcyon, registrytest.Varuna} {
		f.entities[id] = &entity{make(map[string]*held), make(map[string]*held)}
	}
	byJTI := make(map[string]*held)
	for _, c := range s.claims {
		h := c.Head()
		if g := attest.GrantOf(c); g != nil {
			byJTI[h.JTI] = &held{from: int64(g.NBF), until: int64(g.EXP), suspended: never, resumed: never}
		}
		switch c := c.(type) {
		case *attest.Registration:
			f.entities[strings.TrimPrefix(c.Sub, "entity:")].registrations[c.Iss] = byJTI[c.JTI]
		case *attest.EntityApproval:
			f.entities[c.Entity()].approvals[c.Iss] = byJTI[c.JTI]
			for _, site := range c.ApprovedSites {
				byJTI[c.JTI].sites = append(byJTI[c.JTI].sites, site.ID)
			}
		case *attest.DomainApproval:
			f.sandbox[c.Iss] = byJTI[c.JTI]
			byJTI[c.JTI].digest = digestText(&c.Terms)
			if f.terms == nil {
				f.terms, f.digest, f.authorities = &c.Terms, digestText(&c.Terms), c.Terms.Authorities
			}
		case *attest.Event:
			if x := byJTI[c.Target]; c.Event == attest.Suspend {
				x.suspended = int64(c.EffectiveAt)
				if c.Until != 0 {
					x.resumed = int64(c.Until)
				}
			} else {
				x.until = min(x.until, int64(c.EffectiveAt))
			}
		}
	}
	return f
}

func digestText(t *attest.Terms) string {
	sum := t.Digest()
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// itemPath writes an entry of the US list as a path, so that what covers another
// entry is a prefix of it.
func itemPath(list, entry string) string {
	return list + "/" + strings.ReplaceAll(entry, ".", "/") + "/"
}

func itemPaths(s attest.Scope) (out []string) {
	for list, entries := range s {
		for _, e := range entries {
			out = append(out, itemPath(list, e))
		}
	}
	return out
}

// levels are the levels from the lowest.
var levels = []string{"UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL", "SECRET"}

func levelNumber(l string) int64 { return int64(slices.Index(levels, l)) }

// fixedPoint returns an amount in units of 1/10000, for engines without exact
// decimals.
func fixedPoint(amount string) int64 {
	return decimal.RequireFromString(amount).Shift(4).IntPart()
}

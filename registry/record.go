package registry

import (
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

// A record is what the statements of one subject have settled, as far as
// admission of the next one asks. Each statement is read for it once, so that
// one more on a subject with thousands costs no more than the first.
//
// Statements that are void (RULES R20), because too few of their signatures are
// by keys that the root in force trusts at their index, settle nothing, but
// remain versions.
type record struct {
	// root is the trust root in force, read how many entries are in here.
	root *attest.TrustRoot
	read int
	// newest is the jti of the newest version of each lineage.
	newest map[attest.Tag]string
	// sites are the addresses of sites, and entities those that registrations
	// name the subject for: by issuer, each once, those logged first before.
	sites    map[siteName][]settledSite
	entities map[string][]settledEntity
	// terms are those of a sandbox's first approval, nil for none; lineages are
	// of its approvals, in log order.
	terms    *settledTerms
	lineages []*lineage
	byTag    map[attest.Tag]*lineage
	// bytes is about what all that takes of memory.
	bytes int
}

type siteName struct{ iss, id string }

type settledSite struct{ address, country, jti string }

// isAt: an address that is confidential cannot be compared, in whichever version
// it is.
func (k settledSite) isAt(s attest.Site) bool {
	return (k.address == s.Address || k.address == "" || s.Address == "") && k.country == s.Country
}

type settledEntity struct{ subject, jti string }

type settledTerms struct {
	authorities []string
	concurrence int64
	iss, jti    string
}

// A lineage is of an authority's approvals of a sandbox.
type lineage struct {
	// iss and jti are those of the newest version, empty where all are void.
	iss, jti string
	// exp is when it ends by itself, ends when the first revocation or
	// withdrawal takes effect, where there is one.
	exp   attest.NumericDate
	ended bool
	ends  time.Time
}

// standsAt tells whether there is an approval that has not ended.
func (l *lineage) standsAt(t time.Time) bool {
	return l.jti != "" && (!l.ended || l.ends.After(t)) && (l.exp == 0 || t.Before(l.exp.Time()))
}

// blank is the record of every subject without statements.
var blank record

// follow returns the record of all the entries of a subject. r, which may be
// nil, is that of the first of them.
func (r *record) follow(v View, subject string, entries []HistoryEntry) (*record, error) {
	if len(entries) == 0 {
		return &blank, nil
	}
	if root := v.Root(); r == nil || r == &blank || r.root != root {
		r = &record{root: root, newest: make(map[attest.Tag]string, 1)}
	}
	for _, e := range entries[r.read:] {
		st, err := v.Statement(e.Index)
		if err != nil {
			return nil, err
		}
		r.learn(subject, e, st)
		r.read++
	}
	return r, nil
}

func (r *record) learn(subject string, e HistoryEntry, st *attest.Statement) {
	c := st.Claims()
	if attest.GrantOf(c) != nil {
		r.newest[e.Tag] = r.keep(c.Head().JTI)
	}
	if r.root.Voids(st, e.Index) {
		return
	}
	switch c := c.(type) {
	case *attest.Registration:
		r.entity(c)
		if c.Sub == subject {
			r.settle(&c.Common, c.Sites)
		}
	case *attest.EntityApproval:
		r.settle(&c.Common, c.ApprovedSites)
	case *attest.Succession:
		if subject == attest.ApprovalSubject(c.Successor, c.Iss) {
			r.settle(&c.Common, c.ApprovedSites)
		}
	case *attest.DomainApproval:
		r.approve(e.Tag, c)
	case *attest.Event:
		if strings.HasPrefix(subject, attest.SandboxSubject("")) && (c.Event == attest.Revoke || c.Event == attest.Withdraw) {
			r.end(e.Tag, c.EffectiveAt.Time())
		}
	}
}

// keep returns a copy of a string, which is else a part of a whole payload.
func (r *record) keep(s string) string {
	const around = 64 // what a map or list has around a string
	r.bytes += len(s) + around
	return strings.Clone(s)
}

func (r *record) entity(c *attest.Registration) {
	if r.entities == nil {
		r.entities = make(map[string][]settledEntity, 1)
	}
	known := r.entities[c.Iss]
	if !slices.ContainsFunc(known, func(k settledEntity) bool { return k.subject == c.Sub }) {
		r.entities[r.keep(c.Iss)] = append(known, settledEntity{r.keep(c.Sub), r.keep(c.JTI)})
	}
}

func (r *record) settle(c *attest.Common, sites []attest.Site) {
	if r.sites == nil {
		r.sites = make(map[siteName][]settledSite, len(sites))
	}
	for _, s := range sites {
		known := r.sites[siteName{c.Iss, s.ID}]
		if !slices.ContainsFunc(known, func(k settledSite) bool { return k.address == s.Address && k.country == s.Country }) {
			r.sites[siteName{r.keep(c.Iss), r.keep(s.ID)}] = append(known, settledSite{r.keep(s.Address), r.keep(s.Country), r.keep(c.JTI)})
		}
	}
}

func (r *record) approve(tag attest.Tag, d *attest.DomainApproval) {
	if r.terms == nil {
		r.terms = &settledTerms{concurrence: d.Terms.Concurrence, iss: r.keep(d.Iss), jti: r.keep(d.JTI)}
		for _, a := range d.Terms.Authorities {
			r.terms.authorities = append(r.terms.authorities, r.keep(a))
		}
	}
	l := r.lineage(tag)
	l.iss, l.jti, l.exp = r.keep(d.Iss), r.keep(d.JTI), d.EXP
}

func (r *record) end(tag attest.Tag, at time.Time) {
	l := r.lineage(tag)
	if !l.ended || at.Before(l.ends) {
		l.ended, l.ends = true, at
	}
}

func (r *record) lineage(tag attest.Tag) *lineage {
	l, ok := r.byTag[tag]
	if !ok {
		if r.byTag == nil {
			r.byTag = make(map[attest.Tag]*lineage, 1)
		}
		l = new(lineage)
		r.byTag[tag], r.lineages = l, append(r.lineages, l)
	}
	return l
}

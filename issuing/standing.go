package issuing

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

// A Scope is whose statements a map goes by: those of an issuer, of a kind and
// of a series.
type Scope struct {
	Iss    string
	Kind   attest.Kind
	Series string
}

// Scope returns the map's scope; iss is for a map that names no issuer.
func (m *Map) Scope(iss string) Scope { return Scope{given(m.iss, iss), m.kind, m.series} }

// Has reports whether a statement may be of what rows are compared with: a grant
// of the issuer and kind, or an event by which the issuer ended one.
func (s Scope) Has(c attest.Claims) bool {
	return c.Head().Iss == s.Iss && (c.Kind() == s.Kind || c.Kind() == attest.KindEvent)
}

// A Lineage is what stands of a row, or what somebody has signed by hand: its
// versions, and how it ended.
type Lineage struct {
	// Subject is whose it is.
	Subject string
	// Newest is the last version that is not void, nil where all are.
	Newest attest.Claims

	// handle is the row's, empty where the newest version is of no row of the
	// series.
	handle string
	// names are the jtis of its versions, oldest the first of them.
	names []string
	// ended is the event that ended it, nil where none did.
	ended *attest.Event
	// void says that the last version is.
	void bool
}

// Standing returns the lineages of a scope, sorted by the jti of their newest
// version, of statements in any order. Statements that are not of the scope are
// passed over. void are others, which a trust root has made void: they say nothing,
// and keep their names and places.
func Standing(s Scope, statements []attest.Claims, void ...attest.Claims) []*Lineage {
	type name struct{ sub, jti string }
	grants, superseded := make(map[name]attest.Claims), make(map[name]bool)
	nothing := make(map[name]bool)
	var events []*attest.Event
	for i, c := range slices.Concat(statements, void) {
		isVoid := i >= len(statements)
		switch e, isEvent := c.(*attest.Event); {
		case !s.Has(c):
		case isEvent && isVoid:
		case isEvent:
			if e.Event == attest.Revoke || e.Event == attest.Withdraw {
				events = append(events, e)
			}
		default:
			grants[name{c.Head().Sub, c.Head().JTI}] = c
			nothing[name{c.Head().Sub, c.Head().JTI}] = isVoid
			if before := attest.GrantOf(c).Supersedes; before != "" {
				superseded[name{c.Head().Sub, before}] = true
			}
		}
	}
	var out []*Lineage
	for n, c := range grants {
		if superseded[n] {
			continue
		}
		l := &Lineage{Subject: n.sub, void: nothing[n]}
		l.handle, _ = cutJTI(s.Series, n.jti)
		for c != nil && !slices.Contains(l.names, c.Head().JTI) {
			l.names = append(l.names, c.Head().JTI)
			if l.Newest == nil && !nothing[name{n.sub, c.Head().JTI}] {
				l.Newest = c
			}
			c = grants[name{n.sub, attest.GrantOf(c).Supersedes}]
		}
		for _, e := range events {
			if e.Sub == n.sub && slices.Contains(l.names, e.Target) && (l.ended == nil || e.EffectiveAt < l.ended.EffectiveAt) {
				l.ended = e
			}
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b *Lineage) int {
		return cmp.Or(strings.Compare(a.names[0], b.names[0]), strings.Compare(a.Subject, b.Subject))
	})
	return out
}

// programme is that of an approval.
func programme(c attest.Claims) string {
	if a, ok := c.(*attest.EntityApproval); ok {
		return a.Programme
	}
	return ""
}

// standsAt reports whether it has not ended, and does not end of itself, by then.
func (l *Lineage) standsAt(at time.Time) bool {
	if l.Newest == nil {
		return false
	}
	exp := attest.GrantOf(l.Newest).EXP
	return l.ended == nil && (exp == 0 || at.Before(exp.Time()))
}

// endedHere reports whether it was an import that ended it, and not somebody
// who thought of it.
func (l *Lineage) endedHere(series string) bool {
	return l.ended != nil && l.ended.JTI == endJTI(series, l.handle, l.names[0])
}

// says reports whether the newest version is the one that is made of the
// content: its name says so, whichever version stood before.
func (l *Lineage) says(series string, content [sha256.Size]byte, before []string) bool {
	if l.void {
		return false
	}
	for _, b := range append(slices.Clone(before), "", attest.GrantOf(l.Newest).Supersedes) {
		if l.names[0] == jti(series, l.handle, content, b) {
			return true
		}
	}
	return false
}

package web

import (
	"fmt"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/prose"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/finder"
	"github.com/safeconduct/safeconduct/registry/trail"
)

// A card is a grant in words, and what it comes to.
type card struct {
	trail.Record
	// Name is what it calls the holder, "" where that is confidential, which Hidden
	// lists beside whatever else is.
	Name   string
	Hidden []string
	// GivenTo is the entity that it was given to, where it has passed from that.
	GivenTo string
	// Mentor is whom an approval names as the mentor of its holder, where that has a
	// page.
	Mentor   string
	Sections []section
	// Small is what of it only the curious read.
	Small  []*line
	claims attest.Claims
}

// A section is a part of a card under a heading.
type section struct {
	Heading string
	Lines   []*line
}

// A line says one thing, and those nested below it more of that.
type line struct {
	Pointer string
	cutLine
	Below []*line
}

// sections are those of a card, and what stands in each: the first member of a
// line's pointer tells.
var sections = []struct {
	heading string
	members []string
}{
	{"card.effect", []string{"legal_effect", "programme", "challenge", "mentor"}},
	{"card.time", []string{"nbf", "exp", "retroactive", "retroactive_reason"}},
	{"card.terms", []string{"terms"}},
	{"card.scope", []string{"authorised_roles", "eligible_items", "caveats"}},
	{"card.sites", []string{"approved_sites", "sites"}},
	{"card.conditions", []string{"conditions", "expiry_savings"}},
	{"card.obligations", []string{"obligations"}},
	{"card.citation", []string{"legal_basis", "publication"}},
}

// newCard makes a card of a registration or an approval.
func newCard(r policy.Recorded) *card {
	c := r.Statement.Claims()
	out := &card{Record: trail.NewRecord(r), claims: c}
	switch c := c.(type) {
	case *attest.EntityApproval:
		out.Name, out.Hidden = c.LegalName, c.Hidden()
	case *attest.Registration:
		out.Name = c.LegalName
	case *attest.DomainApproval:
		out.Name = c.Title
	}
	lines := nest(prose.Of(c))
	if len(lines) > 0 {
		lines = lines[0].Below
	}
	head(lines, c)
	used := make(map[*line]bool)
	for _, s := range sections {
		part := section{Heading: s.heading}
		for _, l := range lines {
			if isOf(l.Pointer, s.members) {
				part.Lines, used[l] = append(part.Lines, l), true
			}
		}
		if len(part.Lines) > 0 {
			out.Sections = append(out.Sections, part)
		}
	}
	for _, l := range lines {
		if !used[l] {
			out.Small = append(out.Small, l)
		}
	}
	return out
}

// isOf reports whether a pointer leads into one of the members.
func isOf(pointer string, members []string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	return slices.Contains(members, first)
}

// nest makes a tree of lines, by their depth.
func nest(lines []prose.Line) []*line {
	top := &line{}
	path := []*line{top}
	for _, l := range lines {
		n := &line{Pointer: l.Pointer, cutLine: cut(l.Text)}
		path = path[:min(l.Depth+1, len(path))]
		above := path[len(path)-1]
		above.Below = append(above.Below, n)
		path = append(path, n)
	}
	return top.Below
}

// cardsOf are those of the statements that grants name, mostCards at most, and how many
// are left out. It fails where a grant is of none that is recorded.
func cardsOf(grants []finder.Grant, recorded map[int64]policy.Recorded) (out []*card, left int, err error) {
	kept, left := foremostGrants(grants, mostCards)
	for _, g := range kept {
		r, ok := recorded[g.Index]
		if !ok {
			return nil, 0, fmt.Errorf("%s of %s is in no history that was read", g.JTI, g.Issuer)
		}
		c := newCard(r)
		c.GivenTo = g.GivenTo
		out = append(out, c)
	}
	return out, left, nil
}

package web

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/controllist"
)

// A headed is entries of one list that stand under the same heading.
type headed struct {
	List    string
	Entries []string
	// Heading is the list's own, with its source.
	Heading string
}

// headingOf is the heading that an entry stands under, with where that is from; ""
// where it is not known.
func headingOf(list, entry string) string {
	e, err := controllist.Parse(list, entry)
	if err != nil {
		return ""
	}
	var parts []string
	for _, h := range e.Headings() {
		parts = append(parts, h.Part+", "+h.Title)
	}
	if len(parts) == 0 {
		return ""
	}
	return say("list.of", strings.Join(parts, "; "), controllist.Source(list))
}

// headedOf puts the entries of a list under their headings, in the order of the
// first of each.
func headedOf(list string, entries []string) (out []headed) {
	for _, entry := range entries {
		heading := headingOf(list, entry)
		i := slices.IndexFunc(out, func(h headed) bool { return h.Heading == heading })
		if i < 0 {
			i = len(out)
			out = append(out, headed{List: list, Heading: heading})
		}
		out[i].Entries = append(out[i].Entries, entry)
	}
	return out
}

// headedScope puts a scope under its headings, list by list.
func headedScope(s attest.Scope) (out []headed) {
	for _, list := range slices.Sorted(maps.Keys(s)) {
		out = append(out, headedOf(list, s[list])...)
	}
	return out
}

// headedItems puts the first items, as many as most, under their headings, and says
// how many are left out.
func headedItems(items []attest.Item, most int) (out []headed, left int) {
	shown := items[:min(len(items), most)]
	byList := make(attest.Scope)
	for _, it := range shown {
		byList[it.List] = append(byList[it.List], it.Entry)
	}
	return headedScope(byList), len(items) - len(shown)
}

var (
	itemAt  = regexp.MustCompile(`^/eligible_items/([0-9]+)/entry$`)
	scopeAt = regexp.MustCompile(`^/(terms|caveats)/(in_scope|excluded)/([A-Z_]+)$`)
)

// head puts lines that name entries under the headings of their lists, or those
// below a line that names several.
func head(lines []*line, c attest.Claims) {
	for _, l := range lines {
		head(l.Below, c)
		if a, ok := c.(*attest.EntityApproval); ok && l.Pointer == "/eligible_items" {
			l.Below = headItems(l.Below, a.EligibleItems)
		}
		if m := scopeAt.FindStringSubmatch(l.Pointer); m != nil {
			for _, h := range headedOf(m[3], scopeIn(c, m[1], m[2])[m[3]]) {
				if h.Heading != "" {
					l.Below = append(l.Below, &line{cutLine: cutLine{strings.Join(h.Entries, ", "), h.Heading}})
				}
			}
		}
	}
}

// headItems puts the lines of items that follow each other under one heading.
func headItems(lines []*line, items []attest.Item) (out []*line) {
	for _, l := range lines {
		m := itemAt.FindStringSubmatch(l.Pointer)
		i := len(items)
		if m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil {
				i = n
			}
		}
		heading := ""
		if i < len(items) {
			heading = headingOf(items[i].List, items[i].Entry)
		}
		if heading == "" {
			out = append(out, l)
			continue
		}
		if n := len(out); n == 0 || out[n-1].Label != say("card.heading") || out[n-1].Value != heading {
			out = append(out, &line{cutLine: cutLine{say("card.heading"), heading}})
		}
		last := out[len(out)-1]
		last.Below = append(last.Below, l)
	}
	return out
}

// scopeIn is a scope of limits that an approval has, nil for none.
func scopeIn(c attest.Claims, member, which string) attest.Scope {
	l := limitsAt(c, member)
	switch {
	case l == nil:
		return nil
	case which == "excluded":
		return l.Excluded
	default:
		return l.InScope
	}
}

// limitsAt are the limits that a member of an approval has, nil for none.
func limitsAt(c attest.Claims, member string) *attest.Limits {
	switch c := c.(type) {
	case *attest.EntityApproval:
		if member == "caveats" {
			return c.Caveats
		}
	case *attest.DomainApproval:
		if member == "terms" {
			return &c.Terms.Limits
		}
		return c.Caveats
	}
	return nil
}

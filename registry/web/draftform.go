package web

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/internal/yamldoc"
)

// draftFields are the fields of the form of an approval, and for each the members of
// the draft whose mistakes are told at it: these, and what lies below them.
var draftFields = []struct {
	name    string
	members []string
}{
	{"iss", []string{"iss"}},
	{"jti", []string{"jti"}},
	{"supersedes", []string{"supersedes"}},
	{"entity", []string{"entity", "sub"}},
	{"legal_name", []string{"legal_name"}},
	{"established", []string{"country"}},
	{"effect", []string{"legal_effect"}},
	{"given_under", []string{"programme"}},
	{"nbf", []string{"nbf"}},
	{"exp", []string{"exp"}},
	{"approved_sites", []string{"approved_sites"}},
	{"eligible_items", []string{"eligible_items"}},
	{"auto_suspend", []string{"conditions"}},
	{"obligations", []string{"obligations"}},
	{"roles", []string{"authorised_roles"}},
	{"listed", []string{"listed"}},
	{"legal_basis", []string{"legal_basis"}},
	{"citation", []string{"publication/citation", "publication"}},
	{"citation_url", []string{"publication/url"}},
	{"retroactive_reason", []string{"retroactive_reason", "retroactive"}},
	{"rest", nil},
}

// mainDraftFields are those that nearly every approval needs; the others are folded
// away until one of them is given or wrong.
const mainDraftFields = 14

// formMembers are the members that the form has fields for.
var formMembers = []string{
	"supersedes", "legal_name", "country", "legal_effect", "programme", "nbf", "exp", "approved_sites", "eligible_items", "conditions",
	"obligations", "authorised_roles", "listed", "legal_basis", "publication", "retroactive", "retroactive_reason",
}

// A draftForm makes a draft of what was entered.
type draftForm struct {
	fields  map[string]string
	members []draft.Member
	// lines are, by a list of the draft, the lines of the field that its elements are
	// from, counted from 1.
	lines map[string][]int
	// rest is the line of the draft that what was entered as YAML begins on.
	rest int
}

// draftOf makes a draft of what was entered, to be read by [draft.Parse]: what is
// wrong in a field is so in the draft.
func draftOf(origin string, fields map[string]string) (string, *draftForm) {
	b := &draftForm{fields: fields, lines: make(map[string][]int)}
	b.add("kind", string(attest.KindEntityApproval))
	b.add("aud", origin)
	b.text("iss", "iss")
	b.text("jti", "jti")
	b.text("supersedes", "supersedes")
	b.text("entity", "entity")
	b.text("legal_name", "legal_name")
	b.text("country", "established")
	b.text("legal_effect", "effect")
	b.text("programme", "given_under")
	b.list("authorised_roles", "roles")
	b.time("nbf")
	b.time("exp")
	b.elements("approved_sites", site)
	b.elements("eligible_items", item)
	if fields["auto_suspend"] != "" {
		b.add("conditions", []draft.Member{{Name: "change_of_control", Value: attest.AutoSuspend}})
	}
	b.elements("obligations", obligation)
	if fields["listed"] != "" {
		b.add("listed", true)
	}
	b.text("legal_basis", "legal_basis")
	var publication []draft.Member
	for _, m := range [][2]string{{"citation", "citation"}, {"url", "citation_url"}} {
		if text := b.given(m[1]); text != "" {
			publication = append(publication, draft.Member{Name: m[0], Value: text})
		}
	}
	if publication != nil {
		b.add("publication", publication)
	}
	if reason := b.given("retroactive_reason"); reason != "" {
		b.add("retroactive", true)
		b.add("retroactive_reason", reason)
	}
	text := draft.Write(b.members...)
	b.rest = strings.Count(text, "\n") + 1
	if rest := strings.Trim(strings.ReplaceAll(fields["rest"], "\r\n", "\n"), "\n"); strings.TrimSpace(rest) != "" {
		text += rest + "\n"
	}
	return text, b
}

func (b *draftForm) given(field string) string { return strings.TrimSpace(b.fields[field]) }

func (b *draftForm) add(name string, value any) {
	b.members = append(b.members, draft.Member{Name: name, Value: value})
}

func (b *draftForm) text(name, field string) {
	if text := b.given(field); text != "" {
		b.add(name, text)
	}
}

// list reads what is separated by commas, semicolons or spaces.
func (b *draftForm) list(name, field string) {
	if list := wordsOf(b.given(field)); len(list) > 0 {
		b.add(name, list)
	}
}

// wordsOf are words with commas, semicolons or spaces between.
func wordsOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",; \t\r\n", r) })
}

// time writes a time as drafts do. What is none is left for the reader of the draft
// to say so.
func (b *draftForm) time(name string) {
	text := b.given(name)
	if text == "" {
		return
	}
	if t, err := readTime(text); err == nil {
		text = t.Format(time.RFC3339Nano)
	}
	b.add(name, text)
}

// elements reads an element from every line of a field.
func (b *draftForm) elements(name string, read func(parts []string) []draft.Member) {
	var all [][]draft.Member
	for i, l := range strings.Split(b.fields[name], "\n") {
		if l = strings.TrimSpace(l); l == "" {
			continue
		}
		parts := strings.Split(l, separator)
		for j := range parts {
			parts[j] = strings.TrimSpace(parts[j])
		}
		all = append(all, read(parts))
		b.lines[name] = append(b.lines[name], i+1)
	}
	if all != nil {
		b.add(name, all)
	}
}

// separator stands between the parts of a line.
const separator = "|"

// part returns a part of a line and whether it says anything; what is beyond the
// last part belongs to that.
func part(parts []string, i, last int) (string, bool) {
	switch {
	case i >= len(parts):
		return "", false
	case i == last:
		return strings.Join(parts[i:], " "+separator+" "), parts[i] != ""
	default:
		return parts[i], parts[i] != ""
	}
}

// site reads: id | country | address | name.
func site(parts []string) (m []draft.Member) {
	for i, name := range []string{"id", "country", "address", "name"} {
		if text, ok := part(parts, i, 3); ok {
			m = append(m, draft.Member{Name: name, Value: text})
		}
	}
	return m
}

// item reads: list entry | limitation | sites.
func item(parts []string) (m []draft.Member) {
	list, entry, ok := strings.Cut(parts[0], " ")
	m = append(m, draft.Member{Name: "list", Value: list})
	if ok {
		m = append(m, draft.Member{Name: "entry", Value: strings.TrimSpace(entry)})
	}
	if text, ok := part(parts, 1, 2); ok {
		m = append(m, draft.Member{Name: "limitation", Value: text})
	}
	if text, ok := part(parts, 2, 2); ok {
		m = append(m, draft.Member{Name: "sites", Value: wordsOf(text)})
	}
	return m
}

// obligation reads: kind [number unit] | text.
func obligation(parts []string) (m []draft.Member) {
	said := strings.Fields(parts[0])
	if len(said) > 0 {
		m = append(m, draft.Member{Name: "kind", Value: said[0]})
	}
	if len(said) > 1 {
		// A unit that there is not is an unknown member, and told as one.
		unit := strings.Join(said[2:], "_")
		switch unit {
		case "", "day":
			unit = "days"
		case "year":
			unit = "years"
		case "business_day":
			unit = "business_days"
		}
		var value any = said[1]
		if n, err := strconv.ParseInt(said[1], 10, 64); err == nil {
			value = n
		}
		if slices.Contains([]string{"days", "years", "business_days"}, unit) {
			m = append(m, draft.Member{Name: unit, Value: value})
		} else {
			m = append(m, draft.Member{Name: "days", Value: strings.Join(said[1:], " ")})
		}
	}
	if text, ok := part(parts, 1, 1); ok {
		m = append(m, draft.Member{Name: "text", Value: text})
	}
	return m
}

// A draftMistake is one at a field, "" for none.
type draftMistake struct{ field, text string }

// mistakes are those that a reader of the draft has found, each at its field. Its
// error is none of the draft's.
func (b *draftForm) mistakes(err error) ([]draftMistake, error) {
	found, ok := errors.AsType[*yamldoc.Mistakes](err)
	if !ok {
		return nil, err
	}
	var out []draftMistake
	for _, m := range found.List {
		name, below := draftFieldOf(m.Member)
		// What was entered as YAML has its own lines, and its members are in it alone.
		if m.Line >= b.rest && b.given("rest") != "" {
			out = append(out, draftMistake{"rest", say("compose.line_member", m.Line-b.rest+1, cmp.Or(m.Member, "YAML"), m.Message)})
			continue
		}
		text := m.Message
		if lines := b.lines[m.Member[:len(m.Member)-len(below)]]; lines != nil && below != "" {
			at, member, _ := strings.Cut(strings.TrimPrefix(below, "/"), "/")
			if i, err := strconv.Atoi(at); err == nil && i < len(lines) {
				text = say("compose.line", lines[i], m.Message)
				if member != "" {
					text = say("compose.line_member", lines[i], member, m.Message)
				}
			}
		}
		if name == "" && m.Member != "" {
			text = m.Member + ": " + text
		}
		out = append(out, draftMistake{name, text})
	}
	return out, nil
}

// draftFieldOf is the field that a mistake in a member is told at, "" for none, and
// the rest of the member's pointer below the field's.
func draftFieldOf(member string) (name, below string) {
	longest := -1
	for _, f := range draftFields {
		for _, at := range f.members {
			if rest, ok := strings.CutPrefix(member, at); ok && (rest == "" || rest[0] == '/') && len(at) > longest {
				name, below, longest = f.name, rest, len(at)
			}
		}
	}
	return name, below
}

// fieldsOf are the fields of the form that say what an approval says. What the form
// has no fields for goes into the last one, as YAML.
func fieldsOf(a *attest.EntityApproval) map[string]string {
	f := map[string]string{
		"iss": a.Iss, "jti": a.JTI, "supersedes": a.Supersedes, "entity": a.Entity(), "legal_name": a.LegalName, "established": a.Country,
		"effect": string(a.LegalEffect), "given_under": a.Programme, "nbf": fieldTime(a.NBF), "exp": fieldTime(a.EXP),
		"legal_basis": a.LegalBasis, "retroactive_reason": a.RetroactiveReason,
	}
	if a.Publication != nil {
		f["citation"], f["citation_url"] = a.Publication.Citation, a.Publication.URL
	}
	if a.Conditions != nil {
		f["auto_suspend"] = "yes"
	}
	if a.Listed {
		f["listed"] = "yes"
	}
	var roles, sites, items, obligations []string
	for _, r := range a.AuthorisedRoles {
		roles = append(roles, string(r))
	}
	f["roles"] = strings.Join(roles, ", ")
	known := slices.Clone(formMembers)
	// inYAML leaves a member to the last field: there, what could be read as something
	// else is escaped, and stays so.
	inYAML := func(member string, fields ...string) {
		known = slices.DeleteFunc(known, func(k string) bool { return k == member })
		for _, name := range fields {
			f[name] = ""
		}
	}
	for member, fields := range map[string][]string{
		"legal_name": {"legal_name"}, "legal_basis": {"legal_basis"}, "publication": {"citation", "citation_url"}, "retroactive_reason": {"retroactive_reason"},
	} {
		if slices.ContainsFunc(fields, func(name string) bool { return plain(f[name]) != f[name] }) {
			inYAML(member, fields...)
		}
	}
	if !slices.Contains(known, "retroactive_reason") {
		inYAML("retroactive")
	}
	// So is what would be read as other parts of its line.
	fits := func(member string, texts ...string) {
		if slices.ContainsFunc(texts, func(s string) bool {
			return strings.Contains(s, separator) || plain(s) != s || strings.TrimSpace(s) != s
		}) {
			inYAML(member)
		}
	}
	for _, s := range a.ApprovedSites {
		sites = append(sites, line4(s.ID, s.Country, s.Address, s.Name))
		fits("approved_sites", s.Address, s.Name)
		if len(s.Digests) > 0 {
			fits("approved_sites", separator)
		}
	}
	for _, i := range a.EligibleItems {
		items = append(items, line4(i.List+" "+i.Entry, i.Limitation, strings.Join(i.Sites, " ")))
		fits("eligible_items", i.Limitation)
	}
	for _, o := range a.Obligations {
		said := string(o.Kind)
		for _, n := range []struct {
			n    int64
			unit string
		}{{o.Days, "days"}, {o.BusinessDays, "business_days"}, {o.Years, "years"}} {
			if n.n != 0 {
				said += fmt.Sprintf(" %d %s", n.n, n.unit)
			}
		}
		obligations = append(obligations, line4(said, o.Text))
		fits("obligations", o.Text)
	}
	for name, list := range map[string][]string{"approved_sites": sites, "eligible_items": items, "obligations": obligations} {
		if slices.Contains(known, name) {
			f[name] = strings.Join(list, "\n")
		}
	}
	f["rest"] = draft.Rest(a, known...)
	return f
}

// line4 joins parts of a line, without the last ones that say nothing.
func line4(parts ...string) string {
	for len(parts) > 1 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, " "+separator+" ")
}

func fieldTime(d attest.NumericDate) string {
	if d == 0 {
		return ""
	}
	m, _ := when(d.Time())
	return strings.TrimSuffix(m.Text, " UTC")
}

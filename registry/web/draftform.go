package web

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/internal/yamldoc"
)

// draftFields are the fields of the form of an approval; the pointers lead into the draft.
var draftFields = formFields{
	{name: "iss", pointers: []string{"/iss"}},
	{name: "jti", pointers: []string{"/jti"}},
	{name: "supersedes", pointers: []string{"/supersedes"}},
	{name: "entity", pointers: []string{"/entity", "/sub"}},
	{name: "legal_name", pointers: []string{"/legal_name"}},
	{name: "established", pointers: []string{"/country"}},
	{name: "effect", pointers: []string{"/legal_effect"}},
	{name: "given_under", pointers: []string{"/programme"}},
	{name: "nbf", pointers: []string{"/nbf"}},
	{name: "exp", pointers: []string{"/exp"}},
	{name: "approved_sites", pointers: []string{"/approved_sites"}},
	{name: "eligible_items", pointers: []string{"/eligible_items"}},
	{name: "auto_suspend", pointers: []string{"/conditions"}},
	{name: "obligations", pointers: []string{"/obligations"}},
	{name: "roles", pointers: []string{"/authorised_roles"}, folded: true},
	{name: "listed", pointers: []string{"/listed"}, folded: true},
	{name: "legal_basis", pointers: []string{"/legal_basis"}, folded: true},
	{name: "citation", pointers: []string{"/publication/citation", "/publication"}, folded: true},
	{name: "citation_url", pointers: []string{"/publication/url"}, folded: true},
	{name: "retroactive_reason", pointers: []string{"/retroactive_reason", "/retroactive"}, folded: true},
	{name: "rest", folded: true},
}

// formMembers are the members that the form has fields for.
var formMembers = []string{
	"supersedes", "legal_name", "country", "legal_effect", "programme", "nbf", "exp", "approved_sites", "eligible_items", "conditions",
	"obligations", "authorised_roles", "listed", "legal_basis", "publication", "retroactive", "retroactive_reason",
}

// A draftForm makes a draft of what was entered.
type draftForm struct {
	form
	members []draft.Member
	// rest is the line of the draft that what was entered as YAML begins on.
	rest int
}

// draftOf makes a draft of what was entered, to be read by [draft.Parse]: what is
// wrong in a field is so in the draft.
func draftOf(origin string, entered map[string]string) (string, *draftForm) {
	b := &draftForm{form: newForm(entered)}
	b.add(draft.Text("kind", string(attest.KindEntityApproval)), draft.Text("aud", origin))
	for _, m := range [][2]string{
		{"iss", "iss"}, {"jti", "jti"}, {"supersedes", "supersedes"}, {"entity", "entity"}, {"legal_name", "legal_name"},
		{"country", "established"}, {"legal_effect", "effect"}, {"programme", "given_under"},
	} {
		b.text(m[0], m[1])
	}
	if roles := b.words("roles"); len(roles) > 0 {
		b.add(draft.List("authorised_roles", roles...))
	}
	b.moment("nbf")
	b.moment("exp")
	b.list("approved_sites", site)
	b.list("eligible_items", item)
	if entered["auto_suspend"] != "" {
		b.add(draft.Members("conditions", draft.Text("change_of_control", attest.AutoSuspend)))
	}
	b.list("obligations", obligation)
	if entered["listed"] != "" {
		b.add(draft.True("listed"))
	}
	b.text("legal_basis", "legal_basis")
	var publication []draft.Member
	for _, m := range [][2]string{{"citation", "citation"}, {"url", "citation_url"}} {
		if text := b.given(m[1]); text != "" {
			publication = append(publication, draft.Text(m[0], text))
		}
	}
	if publication != nil {
		b.add(draft.Members("publication", publication...))
	}
	if reason := b.given("retroactive_reason"); reason != "" {
		b.add(draft.True("retroactive"), draft.Text("retroactive_reason", reason))
	}
	text := draft.Write(b.members...)
	b.rest = strings.Count(text, "\n") + 1
	if rest := strings.Trim(strings.ReplaceAll(entered["rest"], "\r\n", "\n"), "\n"); strings.TrimSpace(rest) != "" {
		text += rest + "\n"
	}
	return text, b
}

func (b *draftForm) add(members ...draft.Member) { b.members = append(b.members, members...) }

func (b *draftForm) text(name, field string) {
	if text := b.given(field); text != "" {
		b.add(draft.Text(name, text))
	}
}

// moment writes a time as drafts do. What is none is left for the reader of the draft
// to say so.
func (b *draftForm) moment(name string) {
	if text, _ := b.time(name); text != "" {
		b.add(draft.Text(name, text))
	}
}

// list reads an element from every line of a field.
func (b *draftForm) list(name string, read func(parts []string) []draft.Member) {
	var all [][]draft.Member
	b.elements(name, func(line string) bool {
		parts := strings.Split(line, separator)
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		all = append(all, read(parts))
		return true
	})
	if all != nil {
		b.add(draft.Elements(name, all...))
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
			m = append(m, draft.Text(name, text))
		}
	}
	return m
}

// item reads: list entry | limitation | sites.
func item(parts []string) (m []draft.Member) {
	// What is missing or too much, the reader of the draft says.
	list, entry, _ := entryOf(parts[0])
	m = append(m, draft.Text("list", list))
	if entry != "" {
		m = append(m, draft.Text("entry", entry))
	}
	if text, ok := part(parts, 1, 2); ok {
		m = append(m, draft.Text("limitation", text))
	}
	if text, ok := part(parts, 2, 2); ok {
		m = append(m, draft.List("sites", wordsOf(text)...))
	}
	return m
}

// obligation reads: kind [number unit] | text.
func obligation(parts []string) (m []draft.Member) {
	said := strings.Fields(parts[0])
	if len(said) > 0 {
		m = append(m, draft.Text("kind", said[0]))
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
		n, err := strconv.ParseInt(said[1], 10, 64)
		switch known := slices.Contains([]string{"days", "years", "business_days"}, unit); {
		case !known:
			m = append(m, draft.Text("days", strings.Join(said[1:], " ")))
		case err != nil:
			m = append(m, draft.Text(unit, said[1]))
		default:
			m = append(m, draft.Number(unit, n))
		}
	}
	if text, ok := part(parts, 1, 1); ok {
		m = append(m, draft.Text("text", text))
	}
	return m
}

// mistakes are those that a reader of the draft has found, each at its field. Its
// error is none of the draft's.
func (b *draftForm) mistakes(err error) ([]formMistake, error) {
	all, ok := errors.AsType[*yamldoc.Mistakes](err)
	if !ok {
		return nil, err
	}
	var out []formMistake
	for _, m := range all.List {
		// What was entered as YAML has its own lines, and its members are in it alone.
		if m.Line >= b.rest && b.given("rest") != "" {
			out = append(out, formMistake{"rest", say("compose.line_member", m.Line-b.rest+1, cmp.Or(m.Member, "YAML"), m.Message)})
			continue
		}
		name, text := draftFields.at("/"+m.Member), m.Message
		if n, member := b.line("/" + m.Member); n > 0 && member != "" {
			text = say("compose.line_member", n, member, m.Message)
		} else if n > 0 {
			text = say("compose.line", n, m.Message)
		}
		if name == "" && m.Member != "" {
			text = m.Member + ": " + text
		}
		out = append(out, formMistake{name, text})
	}
	return out, nil
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

package web

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/internal/yamldoc"
)

// A draftForm is the form of a kind of approval.
type draftForm struct {
	kind attest.Kind
	// fields are its own and those of every approval; the pointers lead into the draft.
	fields formFields
	// members are those of the draft that it has fields for.
	members []string
	// write writes its own members into a draft, and fill fills in their fields from an
	// approval of the kind.
	write func(*writing)
	fill  func(*filling, attest.Claims)
}

// draftForms are those that there are, the first for whoever names none.
var draftForms = []*draftForm{entityForm, sandboxForm}

// draftFormOf is the form of a kind, nil where there is none.
func draftFormOf(kind attest.Kind) *draftForm {
	i := slices.IndexFunc(draftForms, func(f *draftForm) bool { return f.kind == kind })
	if i < 0 {
		return nil
	}
	return draftForms[i]
}

// approvalFields puts the fields of a form between those that every approval has.
func approvalFields(own ...formField) formFields {
	return slices.Concat(formFields{
		{name: "iss", pointers: []string{"/iss"}},
		{name: "jti", pointers: []string{"/jti"}},
		{name: "supersedes", pointers: []string{"/supersedes"}},
		{name: "effect", pointers: []string{"/legal_effect"}},
		{name: "given_under", pointers: []string{"/programme"}},
		{name: "nbf", pointers: []string{"/nbf"}},
		{name: "exp", pointers: []string{"/exp"}},
	}, own, formFields{
		{name: "obligations", pointers: []string{"/obligations"}},
		{name: "legal_basis", pointers: []string{"/legal_basis"}, folded: true},
		{name: "citation", pointers: []string{"/publication/citation", "/publication"}, folded: true},
		{name: "citation_url", pointers: []string{"/publication/url"}, folded: true},
		{name: "retroactive_reason", pointers: []string{"/retroactive_reason", "/retroactive"}, folded: true},
		{name: "rest", folded: true},
	})
}

// approvalMembers are those of every approval that forms have fields for.
var approvalMembers = []string{
	"supersedes", "legal_effect", "programme", "nbf", "exp", "obligations", "legal_basis", "publication", "retroactive", "retroactive_reason",
}

// A writing is the writing of a draft from what was entered.
type writing struct {
	form
	fields  formFields
	members []draft.Member
	// rest is the line of the draft that what was entered as YAML begins on.
	rest int
}

// draft makes a draft of what was entered, to be read by [draft.Parse]: what is wrong in
// a field is so in the draft.
func (f *draftForm) draft(origin string, entered map[string]string) (string, *writing) {
	b := &writing{form: newForm(entered), fields: f.fields}
	b.add(draft.Text("kind", string(f.kind)), draft.Text("aud", origin))
	b.text("iss", "iss")
	b.text("jti", "jti")
	b.text("supersedes", "supersedes")
	b.text("legal_effect", "effect")
	b.text("programme", "given_under")
	b.moment("nbf")
	b.moment("exp")
	f.write(b)
	b.list("obligations", obligation)
	b.text("legal_basis", "legal_basis")
	b.group("publication", [2]string{"citation", "citation"}, [2]string{"url", "citation_url"})
	if reason := b.given("retroactive_reason"); reason != "" {
		b.add(draft.True("retroactive"), draft.Text("retroactive_reason", reason))
	}
	text := draft.Write(b.members...)
	b.rest = strings.Count(text, "\n") + 1
	if rest := strings.TrimRight(strings.ReplaceAll(entered["rest"], "\r\n", "\n"), "\n"); strings.TrimSpace(rest) != "" {
		text += rest + "\n"
	}
	return text, b
}

func (b *writing) add(members ...draft.Member) { b.members = append(b.members, members...) }

func (b *writing) text(name, field string) {
	if text := b.given(field); text != "" {
		b.add(draft.Text(name, text))
	}
}

// group writes a member that has members, each of a field, where any is given.
func (b *writing) group(name string, members ...[2]string) {
	var all []draft.Member
	for _, m := range members {
		if text := b.given(m[1]); text != "" {
			all = append(all, draft.Text(m[0], text))
		}
	}
	if all != nil {
		b.add(draft.Members(name, all...))
	}
}

// moment writes a time as drafts do. What is none is left for the reader of the draft
// to say so.
func (b *writing) moment(name string) {
	if text, _ := b.time(name); text != "" {
		b.add(draft.Text(name, text))
	}
}

// list reads an element from every line of a field.
func (b *writing) list(name string, read func(parts []string) []draft.Member) {
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
func (b *writing) mistakes(err error) ([]formMistake, error) {
	all, ok := errors.AsType[*yamldoc.Mistakes](err)
	if !ok {
		return nil, err
	}
	var out []formMistake
	for _, m := range all.List {
		text := b.message(m.Message)
		// What was entered as YAML has its own lines, and its members are in it alone. All
		// else is well-formed: what is not so is told of no member, at times on the line
		// before.
		if b.given("rest") != "" && (m.Line >= b.rest || m.Member == "") {
			out = append(out, formMistake{"rest", say("compose.line_member", max(1, m.Line-b.rest+1), cmp.Or(m.Member, "YAML"), text)})
			continue
		}
		name := b.fields.at("/" + m.Member)
		if n, member := b.line("/" + m.Member); n > 0 && member != "" {
			text = say("compose.line_member", n, member, text)
		} else if n > 0 {
			text = say("compose.line", n, text)
		}
		if name == "" && m.Member != "" {
			text = m.Member + ": " + text
		}
		out = append(out, formMistake{name, text})
	}
	return out, nil
}

// firstLine is how a message ends that names another line of the draft.
var firstLine = regexp.MustCompile(`, first on line ([0-9]+)$`)

// message is that of a mistake, for whoever does not see the draft: another line that it
// names is one of what was entered as YAML, or left out.
func (b *writing) message(text string) string {
	m := firstLine.FindStringSubmatchIndex(text)
	if m == nil {
		return text
	}
	n, err := strconv.Atoi(text[m[2]:m[3]])
	if err != nil || n < b.rest {
		return text[:m[0]]
	}
	return text[:m[2]] + strconv.Itoa(n-b.rest+1)
}

// A filling fills in a form from what an approval says.
type filling struct {
	fields map[string]string
	// known are the members that have fields, which the last field leaves out.
	known []string
}

// fieldsOf are the fields of the form that say what an approval of its kind says. What
// the form has no fields for goes into the last one, as YAML.
func (f *draftForm) fieldsOf(c attest.Claims) map[string]string {
	h, g := c.Head(), attest.GrantOf(c)
	b := &filling{known: slices.Concat(approvalMembers, f.members), fields: map[string]string{
		"iss": h.Iss, "jti": h.JTI, "supersedes": g.Supersedes, "nbf": fieldTime(g.NBF), "exp": fieldTime(g.EXP),
	}}
	b.text("legal_basis", "legal_basis", g.LegalBasis)
	b.text("retroactive_reason", "retroactive_reason", g.RetroactiveReason)
	if !slices.Contains(b.known, "retroactive_reason") {
		b.inYAML("retroactive")
	}
	if p := g.Publication; p != nil {
		b.text("publication", "citation", p.Citation)
		b.text("publication", "citation_url", p.URL)
		if !slices.Contains(b.known, "publication") {
			b.fields["citation"], b.fields["citation_url"] = "", ""
		}
	}
	f.fill(b, c)
	b.fields["rest"] = draft.Rest(c, b.known...)
	return b.fields
}

// inYAML leaves a member to the last field: there, what could be read as something else
// is escaped, and stays so.
func (b *filling) inYAML(member string) {
	b.known = slices.DeleteFunc(b.known, func(k string) bool { return k == member })
}

// text fills in a field from a member that is text, or has it.
func (b *filling) text(member, field, text string) {
	if plain(text) != text {
		b.inYAML(member)
		return
	}
	b.fields[field] = text
}

// lines fills in the field of a list, a line for each element; texts are those in it that
// could be read as other parts of their line, and then leave all to the last field.
func (b *filling) lines(name string, lines []string, texts ...string) {
	if slices.ContainsFunc(texts, func(s string) bool {
		return strings.Contains(s, separator) || plain(s) != s || strings.TrimSpace(s) != s
	}) {
		b.inYAML(name)
		return
	}
	b.fields[name] = strings.Join(lines, "\n")
}

// obligations fills in their field.
func (b *filling) obligations(all []attest.Obligation) {
	var lines, texts []string
	for _, o := range all {
		said := string(o.Kind)
		for _, n := range []struct {
			n    int64
			unit string
		}{{o.Days, "days"}, {o.BusinessDays, "business_days"}, {o.Years, "years"}} {
			if n.n != 0 {
				said += fmt.Sprintf(" %d %s", n.n, n.unit)
			}
		}
		lines, texts = append(lines, parted(said, o.Text)), append(texts, o.Text)
	}
	b.lines("obligations", lines, texts...)
}

// parted joins parts of a line, without the last ones that say nothing.
func parted(parts ...string) string {
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

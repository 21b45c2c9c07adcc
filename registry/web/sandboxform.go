package web

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
)

// sandboxForm is the form of an approval of a sandbox.
var sandboxForm = &draftForm{
	kind: attest.KindDomainApproval,
	fields: approvalFields(
		formField{name: "sandbox", pointers: []string{"/sandbox", "/sub"}},
		formField{name: "sandbox_title", pointers: []string{"/title"}},
		formField{name: "challenge", pointers: []string{"/challenge/name", "/challenge"}, folded: true},
		formField{name: "challenge_citation", pointers: []string{"/challenge/citation"}, folded: true},
		formField{name: "concurring", pointers: []string{"/terms/authorities", "/terms"}},
		formField{name: "concurrence", pointers: []string{"/terms/concurrence"}},
		formField{name: "in_scope", pointers: []string{"/terms/in_scope"}},
		formField{name: "excluded", pointers: []string{"/terms/excluded"}},
		formField{name: "end_uses", pointers: []string{"/terms/allowed_end_uses"}},
		formField{name: "activities", pointers: []string{"/terms/activities"}},
		formField{name: "max_classification", pointers: []string{"/terms/max_classification"}},
		formField{name: "permitted", pointers: []string{"/terms/nationality/permitted", "/terms/nationality"}},
		formField{name: "prohibited", pointers: []string{"/terms/nationality/prohibited"}},
		formField{name: "value_currency", pointers: []string{"/terms/value/currency", "/terms/value"}},
		formField{name: "value_each", pointers: []string{"/terms/value/per_transaction"}},
		formField{name: "value_all", pointers: []string{"/terms/value/cumulative"}},
		formField{name: "quantity_unit", pointers: []string{"/terms/quantity/unit", "/terms/quantity"}},
		formField{name: "quantity_each", pointers: []string{"/terms/quantity/per_transaction"}},
		formField{name: "quantity_all", pointers: []string{"/terms/quantity/cumulative"}},
	),
	members: []string{"title", "challenge", "terms"},
	write:   writeSandbox,
	fill:    fillSandbox,
}

func writeSandbox(b *writing) {
	b.text("sandbox", "sandbox")
	b.text("title", "sandbox_title")
	b.group("challenge", [2]string{"name", "challenge"}, [2]string{"citation", "challenge_citation"})
	terms := &writing{form: b.form}
	terms.terms()
	if terms.members != nil {
		b.add(draft.Members("terms", terms.members...))
	}
}

// terms writes the members of the terms.
func (b *writing) terms() {
	if authorities := b.words("concurring"); len(authorities) > 0 {
		b.add(draft.List("authorities", authorities...))
		switch n, err := strconv.ParseInt(b.given("concurrence"), 10, 64); {
		case b.given("concurrence") == "":
			b.add(draft.Text("concurrence", "ALL"))
		case err != nil:
			b.text("concurrence", "concurrence")
		default:
			b.add(draft.Number("concurrence", n))
		}
	}
	b.scope("in_scope")
	b.scope("excluded")
	for _, m := range [][2]string{{"allowed_end_uses", "end_uses"}, {"activities", "activities"}} {
		if codes := b.words(m[1]); len(codes) > 0 {
			b.add(draft.List(m[0], codes...))
		}
	}
	b.text("max_classification", "max_classification")
	var nationality []draft.Member
	for _, name := range []string{"permitted", "prohibited"} {
		if countries := b.words(name); len(countries) > 0 {
			nationality = append(nationality, draft.List(name, countries...))
		}
	}
	if nationality != nil {
		b.add(draft.Members("nationality", nationality...))
	}
	b.group("value", [2]string{"currency", "value_currency"}, [2]string{"per_transaction", "value_each"}, [2]string{"cumulative", "value_all"})
	b.group("quantity", [2]string{"unit", "quantity_unit"}, [2]string{"per_transaction", "quantity_each"}, [2]string{"cumulative", "quantity_all"})
}

// scope writes a scope: on each line a control list, and entries of it.
func (b *writing) scope(name string) {
	var lists []string
	entries := make(map[string][]string)
	for i, l := range strings.Split(b.entered[name], "\n") {
		words := wordsOf(l)
		if len(words) == 0 {
			continue
		}
		list := words[0]
		at := string(jsontext.Pointer("/terms/" + name).AppendToken(list))
		if _, ok := entries[list]; !ok {
			lists, entries[list], b.lines[at] = append(lists, list), nil, i+1
		}
		for _, e := range words[1:] {
			b.lines[at+"/"+strconv.Itoa(len(entries[list]))] = i + 1
			entries[list] = append(entries[list], e)
		}
	}
	var members []draft.Member
	for _, l := range lists {
		members = append(members, draft.List(l, entries[l]...))
	}
	if members != nil {
		b.add(draft.Members(name, members...))
	}
}

func fillSandbox(b *filling, c attest.Claims) {
	a, ok := c.(*attest.DomainApproval)
	if !ok {
		return
	}
	b.fields["sandbox"] = a.Sandbox()
	b.fields["effect"], b.fields["given_under"] = string(a.LegalEffect), a.Programme
	b.text("title", "sandbox_title", a.Title)
	if ch := a.Challenge; ch != nil {
		if plain(ch.Name) != ch.Name || plain(ch.Citation) != ch.Citation {
			b.inYAML("challenge")
		} else {
			b.fields["challenge"], b.fields["challenge_citation"] = ch.Name, ch.Citation
		}
	}
	t := &a.Terms
	b.fields["concurring"] = strings.Join(t.Authorities, ", ")
	if t.Concurrence != int64(len(t.Authorities)) {
		b.fields["concurrence"] = strconv.FormatInt(t.Concurrence, 10)
	}
	b.fields["in_scope"], b.fields["excluded"] = scopeLines(t.InScope), scopeLines(t.Excluded)
	b.fields["end_uses"], b.fields["activities"] = strings.Join(t.AllowedEndUses, ", "), strings.Join(t.Activities, ", ")
	b.fields["max_classification"] = string(t.MaxClassification)
	if n := t.Nationality; n != nil {
		b.fields["permitted"], b.fields["prohibited"] = strings.Join(n.Permitted, ", "), strings.Join(n.Prohibited, ", ")
	}
	if v := t.Value; v != nil {
		b.fields["value_currency"], b.fields["value_each"], b.fields["value_all"] = v.Currency, string(v.PerTransaction), string(v.Cumulative)
	}
	if q := t.Quantity; q != nil {
		b.fields["quantity_unit"], b.fields["quantity_each"], b.fields["quantity_all"] = q.Unit, string(q.PerTransaction), string(q.Cumulative)
	}
	b.obligations(a.Obligations)
}

// concurringOn are the fields by which an authority concurs on the terms of another one's
// approval, in place of one of its own or of none: what that has said for itself alone, this
// one has to say for itself.
func concurringOn(a *attest.DomainApproval, authority, own string) map[string]string {
	return sandboxForm.fieldsOf(&attest.DomainApproval{
		Common: attest.Common{Iss: authority, Sub: a.Sub}, Grant: attest.Grant{Supersedes: own}, Title: a.Title, Challenge: a.Challenge, Terms: a.Terms,
	})
}

// scopeLines are those of a scope, one for each list.
func scopeLines(s attest.Scope) string {
	var lines []string
	for _, list := range slices.Sorted(maps.Keys(s)) {
		lines = append(lines, list+" "+strings.Join(s[list], " "))
	}
	return strings.Join(lines, "\n")
}

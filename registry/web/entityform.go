package web

import (
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
)

// entityForm is the form of an approval of an entity.
var entityForm = &draftForm{
	kind: attest.KindEntityApproval,
	fields: approvalFields(
		formField{name: "entity", pointers: []string{"/entity", "/sub"}},
		formField{name: "legal_name", pointers: []string{"/legal_name"}},
		formField{name: "established", pointers: []string{"/country"}},
		formField{name: "approved_sites", pointers: []string{"/approved_sites"}},
		formField{name: "eligible_items", pointers: []string{"/eligible_items"}},
		formField{name: "auto_suspend", pointers: []string{"/conditions"}},
		formField{name: "roles", pointers: []string{"/authorised_roles"}, folded: true},
		formField{name: "listed", pointers: []string{"/listed"}, folded: true},
	),
	members: []string{"legal_name", "country", "approved_sites", "eligible_items", "conditions", "authorised_roles", "listed"},
	write:   writeEntity,
	fill:    fillEntity,
}

func writeEntity(b *writing) {
	b.text("entity", "entity")
	b.text("legal_name", "legal_name")
	b.text("country", "established")
	if roles := b.words("roles"); len(roles) > 0 {
		b.add(draft.List("authorised_roles", roles...))
	}
	b.list("approved_sites", site)
	b.list("eligible_items", item)
	if b.entered["auto_suspend"] != "" {
		b.add(draft.Members("conditions", draft.Text("change_of_control", attest.AutoSuspend)))
	}
	if b.entered["listed"] != "" {
		b.add(draft.True("listed"))
	}
}

func fillEntity(b *filling, c attest.Claims) {
	a, ok := c.(*attest.EntityApproval)
	if !ok {
		return
	}
	b.fields["entity"], b.fields["established"] = a.Entity(), a.Country
	b.fields["effect"], b.fields["given_under"] = string(a.LegalEffect), a.Programme
	b.text("legal_name", "legal_name", a.LegalName)
	var roles, sites, inSites, items, limitations []string
	for _, r := range a.AuthorisedRoles {
		roles = append(roles, string(r))
	}
	b.fields["roles"] = strings.Join(roles, ", ")
	for _, s := range a.ApprovedSites {
		sites, inSites = append(sites, parted(s.ID, s.Country, s.Address, s.Name)), append(inSites, s.Address, s.Name)
		if len(s.Digests) > 0 {
			inSites = append(inSites, separator)
		}
	}
	b.lines("approved_sites", sites, inSites...)
	for _, i := range a.EligibleItems {
		items, limitations = append(items, parted(i.List+" "+i.Entry, i.Limitation, strings.Join(i.Sites, " "))), append(limitations, i.Limitation)
	}
	b.lines("eligible_items", items, limitations...)
	if a.Conditions != nil {
		b.fields["auto_suspend"] = "yes"
	}
	if a.Listed {
		b.fields["listed"] = "yes"
	}
	b.obligations(a.Obligations)
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

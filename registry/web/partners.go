package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/controllist"
	"github.com/safeconduct/safeconduct/registry/finder"
)

// partnerFields are those that narrow a search for partners.
var partnerFields = formFields{
	{name: "purpose"}, {name: "country"}, {name: "item"},
	{name: "role", folded: true}, {name: "sandbox", folded: true}, {name: "authority", folded: true}, {name: "programme", folded: true},
}

// roles are those that a partner may act in.
var roles = []attest.Role{attest.Transferor, attest.Transferee, attest.Via, attest.EndUser}

// maxItems is how many items of an approval a list has.
const maxItems = 12

// partnersPage is what the page of a search for partners shows.
type partnersPage struct {
	shownForm
	// For says that partners are looked for by a purpose or a sandbox.
	For   bool
	Found []partner
	// Count is of the partners, Sandboxes are those that the purpose may mean.
	Count     *finder.Page[finder.Partner]
	Sandboxes []finder.Sandbox
	// MorePartners is the address of the next page, "" on the last; Later says that this
	// is not the first.
	MorePartners string
	Later        bool
}

// A partner is one that was found.
type partner struct {
	finder.Partner
	Listings []listing
}

// A listing is an approval by which it was found.
type listing struct {
	finder.Listing
	Items []headed
	// Left is how many items are left out.
	Left int
}

// partners serves /partners: whom an approval in force lets be found.
func (p *Pages) partners(x *exchange) (*page, error) {
	if err := x.read(false, append(partnerFields.names(), "after")); err != nil {
		return nil, err
	}
	v := &partnersPage{Later: x.fields["after"] != ""}
	v.fill(partnerFields, x.fields)
	v.choose("role", say("find.any"), codes("role.", roles))
	v.choose("authority", say("find.any"), p.listedAuthorities())
	pg := &page{template: "partners", Title: say("partners.title"), Here: "/", Body: v}
	q := p.partnerQuery(x, v)
	if len(v.Wrong) > 0 {
		pg.Title, pg.status = say("mistake.title", pg.Title), http.StatusUnprocessableEntity
		return pg, nil
	}
	v.For = q.Purpose+q.Sandbox != ""
	found, err := p.finder.Partners(x.Context(), q)
	if err != nil {
		return nil, cursorless(err)
	}
	v.Count, v.Sandboxes = &found.Page, found.Sandboxes
	v.MorePartners = x.next("/partners", partnerFields.names(), "after", found.Next)
	for i, s := range v.Sandboxes {
		if s.Matched != nil && slices.Contains(s.Titles, s.Matched.Value) {
			// It says so itself.
			v.Sandboxes[i].Matched = nil
		}
	}
	for _, one := range found.Found {
		shown := partner{Partner: one}
		for _, l := range one.Listings {
			items, left := headedItems(l.Approval.EligibleItems, maxItems)
			shown.Listings = append(shown.Listings, listing{l, items, left})
		}
		v.Found = append(v.Found, shown)
	}
	return pg, nil
}

// partnerQuery reads a search for partners, and notes what is wrong with it.
func (p *Pages) partnerQuery(x *exchange, v *partnersPage) finder.PartnerQuery {
	q := finder.PartnerQuery{After: x.fields["after"], Limit: maxFound, Now: p.now()}
	text := func(name string) string { return strings.TrimSpace(x.fields[name]) }
	var mistakes []formMistake
	for _, name := range partnerFields.names() {
		t := text(name)
		if t == "" {
			continue
		}
		wrong := searchMistake(name, t)
		switch {
		case wrong != "":
		case name == "item":
			q.Item, wrong = itemOf(t)
		case name == "role":
			if q.Role = attest.Role(t); !slices.Contains(roles, q.Role) {
				wrong = say("partners.no_role")
			}
		}
		if wrong != "" {
			mistakes = append(mistakes, formMistake{name, wrong})
		}
	}
	v.mistaken(partnerFields, mistakes)
	q.Purpose, q.Sandbox, q.Authority, q.Programme, q.Country = text("purpose"), text("sandbox"), text("authority"), text("programme"), text("country")
	return q
}

// itemOf reads a control list and an entry, and says what is wrong with it.
func itemOf(text string) (controllist.Entry, string) {
	list, entry, ok := entryOf(text)
	if !ok {
		return controllist.Entry{}, say("partners.no_item")
	}
	e, err := controllist.Parse(list, entry)
	if err != nil {
		return controllist.Entry{}, err.Error()
	}
	return e, ""
}

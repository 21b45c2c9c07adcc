package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/controllist"
	"github.com/safeconduct/safeconduct/registry/finder"
)

// partnerFields are those that narrow a search for partners.
var partnerFields = []string{"purpose", "country", "item", "role", "sandbox", "authority", "programme"}

// roles are those that a partner may act in.
var roles = []attest.Role{attest.Transferor, attest.Transferee, attest.Via, attest.EndUser}

// mostItems is how many items of an approval a list has.
const mostItems = 12

// partnersPage is what the page of a search for partners shows.
type partnersPage struct {
	Fields      map[string]field
	Wrong       []field
	Authorities []authority
	Roles       []attest.Role
	// Narrowed says that more than the first fields are given.
	Narrowed bool
	// For says that partners are looked for by a purpose or a sandbox.
	For   bool
	Found []partner
	// Count is of the partners, Sandboxes are those that the purpose may mean.
	Count     *finder.Page[finder.Partner]
	Sandboxes []finder.Sandbox
	// More is the address of the next page, "" on the last; Later says that this is
	// not the first.
	More  string
	Later bool
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
	if err := x.read(false, append(slices.Clone(partnerFields), "after")); err != nil {
		return nil, err
	}
	v := &partnersPage{Fields: make(map[string]field), Authorities: p.authorities(), Roles: roles, Later: x.fields["after"] != ""}
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
	if found.Next != "" {
		next := url.Values{"after": {found.Next}}
		for _, f := range partnerFields {
			if x.fields[f] != "" {
				next.Set(f, x.fields[f])
			}
		}
		v.More = "/partners?" + next.Encode()
	}
	for i, s := range v.Sandboxes {
		if s.Matched != nil && slices.Contains(s.Titles, s.Matched.Value) {
			// It says so itself.
			v.Sandboxes[i].Matched = nil
		}
	}
	for _, one := range found.Found {
		shown := partner{Partner: one}
		for _, l := range one.Listings {
			items, left := headedItems(l.Approval.EligibleItems, mostItems)
			shown.Listings = append(shown.Listings, listing{l, items, left})
		}
		v.Found = append(v.Found, shown)
	}
	return pg, nil
}

// partnerQuery reads a search for partners, and notes what is wrong with it.
func (p *Pages) partnerQuery(x *exchange, v *partnersPage) finder.PartnerQuery {
	q := finder.PartnerQuery{After: x.fields["after"], Limit: found, Now: p.now()}
	text := func(name string) string { return strings.TrimSpace(x.fields[name]) }
	for _, name := range partnerFields {
		given := field{Name: name, Given: x.fields[name]}
		if t := text(name); t != "" {
			v.Narrowed = v.Narrowed || slices.Index(partnerFields, name) > 2
			given.Wrong = searchMistake(name, t)
			switch {
			case given.Wrong != "":
			case name == "item":
				q.Item, given.Wrong = itemOf(t)
			case name == "role":
				if q.Role = attest.Role(t); !slices.Contains(roles, q.Role) {
					given.Wrong = say("partners.no_role")
				}
			}
		}
		v.Fields[name] = given
		if given.Wrong != "" {
			v.Wrong = append(v.Wrong, given)
		}
	}
	q.Purpose, q.Sandbox, q.Authority, q.Programme, q.Country = text("purpose"), text("sandbox"), text("authority"), text("programme"), text("country")
	return q
}

// itemOf reads a control list and an entry, and says what is wrong with it.
func itemOf(text string) (controllist.Entry, string) {
	list, entry, ok := strings.Cut(text, " ")
	if !ok {
		return controllist.Entry{}, say("partners.no_item")
	}
	e, err := controllist.Parse(list, strings.TrimSpace(entry))
	if err != nil {
		return controllist.Entry{}, err.Error()
	}
	return e, ""
}

package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/attest/isocode"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/finder"
)

// maxFound is how many entities, and how many sandboxes, a page has at most.
const maxFound = 20

// searchFields are those that narrow a search.
var searchFields = []string{"q", "authority", "programme", "sandbox", "country", "status"}

// states are what an approval that is shown may come to.
var states = []policy.State{
	policy.InForce, policy.NotYet, policy.NotJoint, policy.Suspended, policy.Revoked, policy.Withdrawn, policy.Expired, policy.Absorbed,
}

// foundPage is what the page of a search shows.
type foundPage struct {
	shownForm
	// Asked says that anything narrows the search.
	Asked     bool
	Entities  *finder.Page[finder.Entity]
	Sandboxes *finder.Page[finder.Sandbox]
	// MoreEntities and MoreSandboxes are the addresses of the next pages, "" on the
	// last.
	MoreEntities, MoreSandboxes string
	// Later says that this is not the first page.
	Later bool
}

// find serves /: a search, or all there is.
func (p *Pages) find(x *exchange) (*page, error) {
	if err := x.read(false, append(slices.Clone(searchFields), "after", "sandboxes_after")); err != nil {
		return nil, err
	}
	f := &foundPage{shownForm: shownForm{Fields: make(map[string]field)}}
	pg := &page{template: "find", Title: say("find.title"), Here: "/", Body: f}
	q := p.query(x, f)
	f.choose("authority", say("find.any"), p.listedAuthorities())
	f.choose("status", say("find.any"), codes("state.", states))
	if len(f.Wrong) > 0 {
		pg.Title, pg.status = say("mistake.title", pg.Title), http.StatusUnprocessableEntity
		return pg, nil
	}
	f.Later = x.fields["after"]+x.fields["sandboxes_after"] != ""
	q.After = x.fields["after"]
	entities, err := p.finder.Entities(x.Context(), q)
	if err != nil {
		return nil, cursorless(err)
	}
	f.Entities, f.MoreEntities = &entities, x.next("/", searchFields, "after", entities.Next)
	// Neither narrows what sandboxes there are.
	if q.Sandbox+q.Country == "" {
		q.After = x.fields["sandboxes_after"]
		sandboxes, err := p.finder.Sandboxes(x.Context(), q)
		if err != nil {
			return nil, cursorless(err)
		}
		f.Sandboxes, f.MoreSandboxes = &sandboxes, x.next("/", searchFields, "sandboxes_after", sandboxes.Next)
	}
	return pg, nil
}

// cursorless says of a cursor that is none what to do.
func cursorless(err error) error {
	if errors.Is(err, finder.ErrCursor) {
		return wrong(http.StatusBadRequest, "error.cursor")
	}
	return err
}

// next is the address of the page at a path that goes on from a cursor, which the field
// name has, with what was given in the other fields, "" without one. Where the page has
// another list, that begins anew.
func (x *exchange) next(path string, fields []string, name, cursor string) string {
	if cursor == "" {
		return ""
	}
	v := url.Values{name: {cursor}}
	for _, f := range fields {
		if x.fields[f] != "" {
			v.Set(f, x.fields[f])
		}
	}
	return path + "?" + v.Encode()
}

// listedAuthorities are those of the trust root, to choose from, none where there is no
// root yet.
func (p *Pages) listedAuthorities() (out []suggestion) {
	root := p.reg.Root()
	if root == nil {
		return nil
	}
	for _, a := range root.Root().Authorities {
		out = append(out, suggestion{a.ID, a.ID + " · " + plain(a.Name)})
	}
	return out
}

// query reads a search, and notes what is wrong with it.
func (p *Pages) query(x *exchange, f *foundPage) finder.Query {
	for _, name := range searchFields {
		given := field{Name: name, Given: x.fields[name]}
		if text := strings.TrimSpace(given.Given); text != "" {
			f.Asked = true
			given.Wrong = searchMistake(name, text)
		}
		f.Fields[name] = given
		if given.Wrong != "" {
			f.Wrong = append(f.Wrong, given)
		}
	}
	text := func(name string) string { return strings.TrimSpace(x.fields[name]) }
	return finder.Query{
		Text: text("q"), Authority: text("authority"), Programme: text("programme"), Sandbox: text("sandbox"),
		Country: text("country"), Status: policy.State(text("status")), Limit: maxFound, Now: p.now(), Count: true,
	}
}

// searchMistake says what is wrong with a field of a search, "" for nothing.
func searchMistake(name, text string) string {
	if len(text) > finder.MaxText {
		return say("find.too_long", finder.MaxText)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return say("find.control")
	}
	var err error
	switch name {
	case "authority":
		err = identifier.Authority(text)
	case "sandbox":
		err = identifier.Sandbox(text)
	case "country":
		err = isocode.Country(text)
	case "status":
		if !slices.Contains(states, policy.State(text)) {
			return say("find.no_status")
		}
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

package finder

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/controllist"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// maxPurposes bounds the sandboxes and codes that a purpose may mean.
const maxPurposes = 8

// A PartnerQuery says what a partner is looked for; what is zero does not narrow
// it.
type PartnerQuery struct {
	// Purpose is in words: the title or the id of a sandbox, one of its activities or
	// end uses, or a programme, activity or end use of the approval itself.
	Purpose string
	// Sandbox, Authority and Programme are ids, Country is where the partner is
	// established, Role one that it may act in.
	Sandbox, Authority, Programme, Country string
	Role                                   attest.Role
	// Item is an entry that its approval covers, or that something covered lies below.
	Item controllist.Entry
	// After and Limit are as in [Query].
	After string
	Limit int
	// Now is the legal time at which the approvals are in force.
	Now time.Time
}

// A Partner is an entity that an approval lets be found.
type Partner struct {
	ID string
	// Names and Countries are as in [Entity].
	Names, Countries []string
	// Listings are those of its approvals by which it was found, never empty.
	Listings []Listing
}

// A Listing is an approval in force that says that its holder may be found by it
// ([attest.EntityApproval].Listed), and was given to that holder.
type Listing struct {
	Grant
	Approval *attest.EntityApproval
	// Sandboxes are those that it was looked for in and that it serves, by id: it is
	// of one of their authorities, covers something in their scope, and each other
	// authority has approved or registered the holder, too.
	Sandboxes []string
}

// Partners are a page of partners, by id.
type Partners struct {
	Page[Partner]
	// Sandboxes are those that the purpose may mean, the best first; in each, as many
	// authorities concur as have to.
	Sandboxes []Sandbox
}

// Partners finds partners: holders of an approval in force that is listed, and
// nobody else, whatever is asked. It has the errors of [Finder.Entities].
func (f *Finder) Partners(ctx context.Context, pq PartnerQuery) (Partners, error) {
	q := Query{After: pq.After, Limit: pq.Limit, Now: pq.Now, Count: true}
	behind, err := parseCursor(q)
	if err != nil {
		return Partners{}, err
	}
	e, err := f.ready(ctx)
	if err != nil {
		return Partners{}, err
	}
	l := &looking{PartnerQuery: pq, f: f, e: e}
	if err := l.understand(ctx); err != nil {
		return Partners{}, err
	}
	out := Partners{Page: Page[Partner]{Size: e.Size(), Found: []Partner{}}}
	for _, s := range l.sandboxes {
		out.Sandboxes = append(out.Sandboxes, s.Sandbox)
	}
	if l.nothing() {
		out.Counted, out.First = true, 1
		return out, nil
	}
	s := &sifting[Partner]{q: q, behind: behind, page: out.Page}
	s.into = func(p proposal) (Partner, bool, error) { return l.partner(ctx, p) }
	out.Page, err = s.run(func(q Query, behind cursor) []proposal {
		f.mu.RLock()
		defer f.mu.RUnlock()
		return f.entities.proposals(q, behind, l.may)
	})
	return out, err
}

// A looking is a search for partners at an edition.
type looking struct {
	PartnerQuery
	f *Finder
	e *registry.Edition
	// sandboxes and codes are what the purpose means.
	sandboxes []domain
	codes     []string
}

// A domain is a sandbox in force.
type domain struct {
	Sandbox
	terms *attest.Limits
	heads []string
	// names are what it is for.
	names []string
}

// narrowed reports whether partners are looked for in sandboxes, or for codes.
func (l *looking) narrowed() bool { return l.Purpose+l.Sandbox != "" }

// nothing says that what they are looked for is not there.
func (l *looking) nothing() bool {
	return l.narrowed() && len(l.sandboxes) == 0 && (l.Sandbox != "" || len(l.codes) == 0)
}

// A meaning is a thing that a purpose may mean.
type meaning struct {
	id    string
	score int
}

// understand finds out what the purpose means, and reads that from the histories.
func (l *looking) understand(ctx context.Context) error {
	var all []meaning
	l.f.mu.RLock()
	switch {
	case l.Purpose != "":
		first := best{most: maxPurposes}
		l.f.purposes.propose(l.Purpose, func(p proposal) {
			if l.Sandbox == "" || p.thing.id == l.Sandbox {
				first.take(p)
			}
		})
		for _, p := range first.sorted() {
			all = append(all, meaning{p.thing.id, p.score})
		}
	case l.Sandbox != "":
		all = append(all, meaning{l.Sandbox, MaxScore})
	}
	l.f.mu.RUnlock()
	for _, m := range all {
		// What is much less like it than the best is not what was meant.
		if 4*m.score < 3*all[0].score {
			break
		}
		if code, ok := strings.CutPrefix(m.id, codePrefix); ok {
			l.codes = append(l.codes, code)
			continue
		}
		d, err := l.domain(ctx, m.id)
		if err != nil {
			return err
		}
		if d != nil {
			l.sandboxes = append(l.sandboxes, *d)
		}
	}
	return nil
}

// domain reads a sandbox, nil where too few authorities concur on equal terms now,
// or what is looked for is not in it.
func (l *looking) domain(ctx context.Context, id string) (*domain, error) {
	list, err := l.e.NewReading().History(ctx, attest.SandboxSubject(id), time.Time{}, l.Now)
	if errors.Is(err, verify.ErrTooLarge) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, c := range policy.Concurrences(list) {
		if !c.Reached() {
			continue
		}
		d := domainOf(id, &c)
		if l.means(d) && (l.Item == (controllist.Entry{}) || d.terms.Leaves(l.Item)) {
			return d, nil
		}
	}
	return nil, nil
}

// domainOf is a sandbox by the approvals in force of terms that authorities concur on.
func domainOf(id string, of *policy.Concurrence) *domain {
	d := &domain{terms: &of.Terms.Limits, heads: headsOf(of.Terms.InScope), names: []string{strings.ReplaceAll(id, "-", " ")}}
	d.ID, d.Authorities, d.Concurrence = id, of.Terms.Authorities, of.Terms.Concurrence
	for _, r := range of.Approvals {
		c, ok := r.Statement.Claims().(*attest.DomainApproval)
		if !ok || r.Standing.State != policy.InForce {
			continue
		}
		d.Approvals = append(d.Approvals, *grantOf(r))
		d.names = append(d.names, purposesOf(c)...)
		if !slices.Contains(d.Titles, c.Title) {
			d.Titles = append(d.Titles, c.Title)
		}
	}
	return d
}

// means reports whether the purpose may mean a sandbox, and says by what.
func (l *looking) means(d *domain) bool {
	if l.Purpose == "" {
		return true
	}
	name, score := nearest(l.Purpose, d.names)
	if slices.Contains(keysIn(l.Purpose), d.ID) {
		d.Matched = &Match{ByIdentifier, d.ID, MaxScore}
	} else if name != "" {
		d.Matched = &Match{ByName, name, score}
	}
	return d.Matched != nil
}

// may reports whether a thing may be a partner that is looked for.
func (l *looking) may(t *thing) bool {
	c := t.listed
	has := func(prefix, s string) bool { return c.has(l.f.entities, prefix, s) }
	if c == nil || l.Country != "" && !slices.Contains(t.countries, l.Country) ||
		l.Authority != "" && !slices.Contains(t.authorities, l.Authority) ||
		l.Programme != "" && !slices.Contains(t.programmes, l.Programme) ||
		l.Role != "" && !c.anyRole && !has(rolePrefix, string(l.Role)) ||
		l.Item != (controllist.Entry{}) && !c.anyItem && !has(headPrefix, headOf(l.Item)) {
		return false
	}
	if !l.narrowed() {
		return true
	}
	if l.Sandbox == "" && slices.ContainsFunc(l.codes, func(code string) bool { return has(codePrefix, code) }) {
		return true
	}
	return slices.ContainsFunc(l.sandboxes, func(d domain) bool {
		return !slices.ContainsFunc(d.Authorities, func(a string) bool {
			return !slices.Contains(t.authorities, a) && !slices.Contains(t.registrars, a)
		}) && (c.anyItem || slices.ContainsFunc(d.heads, func(h string) bool { return has(headPrefix, h) }))
	})
}

// partner reads a partner from its histories.
func (l *looking) partner(ctx context.Context, p proposal) (Partner, bool, error) {
	v, err := l.f.view(ctx, l.e, p, time.Time{}, l.Now)
	if v == nil || err != nil {
		return Partner{}, false, err
	}
	out := Partner{ID: v.ID, Names: v.Names, Countries: v.Countries}
	if l.Country != "" && !slices.Contains(v.Countries, l.Country) {
		return Partner{}, false, nil
	}
	for _, g := range v.Approvals {
		a, ok := g.Claims.(*attest.EntityApproval)
		// That a holder may be found is not passed on with the approval.
		if !ok || !a.Listed || g.Status != policy.InForce || g.Holder != "" || g.GivenTo != "" || !l.asked(a) {
			continue
		}
		found := Listing{Grant: g, Approval: a}
		for _, d := range l.sandboxes {
			if v.serves(a, d) {
				found.Sandboxes = append(found.Sandboxes, d.ID)
			}
		}
		coded := l.Sandbox == "" && slices.ContainsFunc(l.codes, func(code string) bool { return slices.Contains(codesOf(a), code) })
		if !l.narrowed() || len(found.Sandboxes) > 0 || coded {
			out.Listings = append(out.Listings, found)
		}
	}
	return out, len(out.Listings) > 0, nil
}

// asked reports whether an approval is one that is looked for, but for its purpose.
func (l *looking) asked(a *attest.EntityApproval) bool {
	return (l.Authority == "" || a.Iss == l.Authority) && (l.Programme == "" || a.Programme == l.Programme) &&
		(l.Role == "" || len(a.AuthorisedRoles) == 0 || slices.Contains(a.AuthorisedRoles, l.Role)) &&
		(l.Item == (controllist.Entry{}) || covers(a, l.Item))
}

// serves reports whether an approval is for something in a sandbox.
func (v *entityView) serves(a *attest.EntityApproval, d domain) bool {
	if !slices.Contains(d.Authorities, a.Iss) {
		return false
	}
	for _, authority := range d.Authorities {
		by := func(g Grant) bool { return g.Issuer == authority && g.Status == policy.InForce && g.Holder == "" }
		if !slices.ContainsFunc(v.Approvals, by) && !slices.ContainsFunc(v.Registrations, by) {
			return false
		}
	}
	for _, e := range d.terms.InScope.Entries() {
		if covers(a, e) && d.terms.Leaves(e) {
			return true
		}
	}
	// An item of the approval may lie below what is in scope, where that as a whole is
	// not covered.
	return slices.ContainsFunc(a.EligibleItems, func(it attest.Item) bool {
		e, err := controllist.Parse(it.List, it.Entry)
		return err == nil && covers(a, e) && d.terms.Leaves(e)
	})
}

// covers reports whether an approval covers an entry, or something below it.
func covers(a *attest.EntityApproval, e controllist.Entry) bool {
	if len(a.EligibleItems) > 0 && !slices.ContainsFunc(a.EligibleItems, func(it attest.Item) bool {
		has, err := controllist.Parse(it.List, it.Entry)
		return err == nil && (has.Covers(e) || e.Covers(has))
	}) {
		return false
	}
	return a.Caveats == nil || a.Caveats.Leaves(e)
}

// A coverage is what the listed approvals of a thing may cover, all together: it
// proposes, and each of them disposes. Its tags are the numbers of the heads of the
// entries that they cover, of the roles that they name, and of their programmes,
// activities and end uses, ascending.
type coverage struct {
	tags             []int32
	anyItem, anyRole bool
}

// The prefixes of tags. One that begins with codePrefix stands for itself among the
// purposes, too; no sandbox has such an id.
const (
	codePrefix = "code "
	headPrefix = "item "
	rolePrefix = "role "
)

// has reports whether anything is tagged so.
func (c *coverage) has(x *index, prefix, s string) bool {
	n, ok := x.numbers[prefix+s]
	if !ok {
		return false
	}
	_, ok = slices.BinarySearch(c.tags, n)
	return ok
}

// list has the holder of an approval found as a partner, where it is listed.
func (f *Finder) list(t *thing, a *attest.EntityApproval) {
	if !a.Listed {
		return
	}
	if t.listed == nil {
		t.listed = new(coverage)
	}
	c := t.listed
	c.anyItem = c.anyItem || len(a.EligibleItems) == 0
	c.anyRole = c.anyRole || len(a.AuthorisedRoles) == 0
	var tags []string
	for _, it := range a.EligibleItems {
		if x, err := controllist.Parse(it.List, it.Entry); err == nil {
			tags = append(tags, headPrefix+headOf(x))
		}
	}
	for _, r := range a.AuthorisedRoles {
		tags = append(tags, rolePrefix+string(r))
	}
	for _, code := range codesOf(a) {
		tags = append(tags, codePrefix+code)
		i, _ := f.purposes.thing(codePrefix + code)
		f.purposes.name(i, inWords(code))
	}
	all := slices.Clone(c.tags)
	for _, tag := range tags {
		all = append(all, f.entities.number(tag))
	}
	slices.Sort(all)
	c.tags = slices.Clip(slices.Compact(all))
}

// codesOf are what an approval says by itself that it is for.
func codesOf(a *attest.EntityApproval) (codes []string) {
	if a.Programme != "" {
		codes = append(codes, a.Programme)
	}
	if c := a.Caveats; c != nil {
		codes = slices.Concat(codes, c.AllowedEndUses, c.Activities)
	}
	return codes
}

// purpose has a sandbox found by what it is for.
func (f *Finder) purpose(c *attest.DomainApproval) {
	i, _ := f.purposes.thing(c.Sandbox())
	for _, name := range purposesOf(c) {
		f.purposes.name(i, name)
	}
	f.purposes.name(i, strings.ReplaceAll(c.Sandbox(), "-", " "))
}

// purposesOf are what an approval of a sandbox says that it is for.
func purposesOf(c *attest.DomainApproval) []string {
	out := []string{c.Title}
	for _, code := range slices.Concat(c.Terms.AllowedEndUses, c.Terms.Activities) {
		out = append(out, inWords(code))
	}
	return out
}

// inWords is a code as people write it.
func inWords(code string) string {
	return strings.NewReplacer("_", " ", "-", " ", ".", " ").Replace(code)
}

// headOf is an entry's list and first segment, below which all that it could cover,
// or be covered by, lies.
func headOf(e controllist.Entry) string { return e.List() + " " + e.Head() }

func headsOf(s attest.Scope) (heads []string) {
	for _, e := range s.Entries() {
		if h := headOf(e); !slices.Contains(heads, h) {
			heads = append(heads, h)
		}
	}
	return heads
}

package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/attest/isocode"
	"github.com/safeconduct/safeconduct/verify"
)

// A base is the stage: who is there, and what is approved before anything
// happens.
type base struct {
	maxAge      time.Duration
	authorities []authority
	entities    []*entity
	sites       map[string]site
	approvals   []*attest.EntityApproval
	domains     []*attest.DomainApproval
	ledgers     map[string][]*node
	template    *node
	// from says where an approval stands in the file.
	from map[attest.Claims]string
}

type authority struct{ id, country, name, at string }

// An entity is one of the base, by a short name of the file.
type entity struct {
	name, id, legalName, country, at string
	formerNames, identifiers         []string
}

type site struct {
	entity string
	attest.Site
}

func readBase(n *node) *base {
	b := &base{sites: make(map[string]site), ledgers: make(map[string][]*node), from: make(map[attest.Claims]string)}
	b.maxAge = 24 * time.Hour
	if age := n.get("max_status_age"); age.given() {
		var err error
		if b.maxAge, err = verify.ParseDuration(age.text()); err != nil {
			age.wrong("%v", err)
		}
	}
	for _, a := range n.get("authorities").list() {
		b.authority(a)
	}
	for _, e := range n.get("entities").list() {
		b.entity(e)
	}
	for _, s := range n.get("sites").list() {
		b.site(s)
	}
	for _, a := range n.get("entity_approvals").list() {
		b.approval(a)
	}
	for _, s := range n.get("sandboxes").list() {
		b.sandbox(s)
	}
	b.template = n.get("template_request")
	n.done()
	return b
}

// readOnce reads a base, or returns what has been read of it: several
// scenarios may share one, and none changes it.
func readOnce(n *node) *base {
	b, ok := n.read.bases[n.at]
	if !ok {
		b = readBase(n)
		n.read.bases[n.at] = b
	}
	return b
}

func (b *base) authority(n *node) {
	a := authority{id: n.get("id").need(), country: n.get("country").need(), name: n.get("name").text(), at: n.at}
	n.get("id").is(a.id, identifier.Authority)
	n.get("country").is(a.country, isocode.Country)
	if a.name == "" {
		a.name = a.id
	}
	if slices.ContainsFunc(b.authorities, func(x authority) bool { return x.id == a.id }) {
		n.get("id").wrong("stands twice")
	}
	b.authorities = append(b.authorities, a)
	n.done()
}

// registrars are the authorities of a country.
func (b *base) registrars(country string) (out []string) {
	for _, a := range b.authorities {
		if a.country == country {
			out = append(out, a.id)
		}
	}
	return out
}

// isAuthority checks that the base has an authority.
func (b *base) isAuthority(n *node) string {
	id := n.need()
	if id != "" && !slices.ContainsFunc(b.authorities, func(a authority) bool { return a.id == id }) {
		n.wrong("%q is none of the base's authorities", id)
	}
	return id
}

func (b *base) entity(n *node) {
	e := &entity{at: n.at, name: n.get("id").need(), legalName: n.get("legal_name").need(), country: n.get("country").need(), formerNames: n.get("former_names").texts()}
	n.get("country").is(e.country, isocode.Country)
	if b.find(e.name) != nil {
		n.get("id").wrong("stands twice")
	}
	var ids []string
	for name := range n.object() {
		if n.used[name] {
			continue
		}
		m := n.get(name)
		if id, err := identifier.New(name, m.text()); err != nil {
			m.wrong("%v", err)
		} else {
			ids = append(ids, id.String())
		}
	}
	if len(ids) == 0 {
		n.wrong("has no identifier: give one such as lei, uei, cage, cin")
		return
	}
	slices.SortFunc(ids, strongerFirst)
	e.id = ids[0]
	e.identifiers = append(e.identifiers, ids[1:]...) // nil where there is none
	for _, other := range b.entities {
		if i := slices.IndexFunc(ids, func(id string) bool { return id == other.id || slices.Contains(other.identifiers, id) }); i >= 0 {
			n.wrong("has the identifier %s of %s", ids[i], other.name)
		}
	}
	// Whether somebody registers it or not: approvals say the same of it.
	b.check(n, e.registration("any", time.Unix(1, 0)))
	b.entities = append(b.entities, e)
}

// strongerFirst orders identifiers by the strength of their schemes; those of
// authorities come last.
func strongerFirst(a, b string) int {
	strength := func(id string) int {
		scheme, _, _ := strings.Cut(id, ":")
		if i := slices.Index(identifier.Schemes(), scheme); i >= 0 {
			return i
		}
		return len(identifier.Schemes())
	}
	return cmp.Or(cmp.Compare(strength(a), strength(b)), strings.Compare(a, b))
}

func (b *base) find(name string) *entity {
	for _, e := range b.entities {
		if e.name == name {
			return e
		}
	}
	return nil
}

// isEntity returns the entity of a short name, or of an identifier.
func (b *base) isEntity(n *node) *entity {
	name := n.need()
	if name == "" {
		return new(entity)
	}
	if e := b.find(name); e != nil {
		return e
	}
	if _, err := identifier.Parse(name); err == nil {
		return &entity{name: name, id: name, legalName: name}
	}
	n.wrong("%q is none of the base's entities", name)
	return new(entity)
}

func (b *base) site(n *node) {
	s := site{entity: b.isEntity(n.get("entity")).name}
	s.ID, s.Country, s.Address, s.Name = n.get("id").need(), n.get("country").need(), n.get("address").need(), n.get("name").text()
	n.get("id").is(s.ID, identifier.Site)
	if _, twice := b.sites[s.ID]; twice {
		n.get("id").wrong("stands twice")
	}
	b.sites[s.ID] = s
	n.done()
}

// approvedSites are the sites that a list names.
func (b *base) approvedSites(n *node) (out []attest.Site) {
	for _, e := range n.list() {
		s, ok := b.sites[e.need()]
		if !ok {
			e.wrong("%q is none of the base's sites", e.text())
			continue
		}
		out = append(out, s.Site)
	}
	return out
}

// grant reads what all approvals have.
func (b *base) grant(n *node) attest.Grant {
	return attest.Grant{
		NBF: date(n.get("from").needTime()), EXP: date(n.get("until").time()), Supersedes: n.get("supersedes").text(),
	}
}

func (b *base) approval(n *node) {
	iss, e := b.isAuthority(n.get("authority")), b.isEntity(n.get("subject"))
	a := &attest.EntityApproval{
		Common: attest.Common{Iss: iss, Sub: attest.ApprovalSubject(e.id, iss), JTI: n.get("id").need()},
		Grant:  b.grant(n), VCT: attest.VCT, LegalName: e.legalName, Country: e.country, Identifiers: e.identifiers,
		LegalEffect: effect(n.get("legal_effect")), Programme: n.get("programme").text(),
		ApprovedSites: b.approvedSites(n.first("sites", "approved_sites")), ExpirySavings: savings(n.get("expiry_savings")),
		Obligations: obligations(n.get("obligations")),
	}
	for _, r := range n.first("authorised_roles", "roles").limits() {
		a.AuthorisedRoles = append(a.AuthorisedRoles, attest.Role(r))
	}
	items := n.first("eligible_items", "items")
	if l := items.list(); items.given() && len(l) == 0 {
		items.wrong("lists nothing; leave it out where there is no limit")
	}
	for _, it := range items.list() {
		e := attest.Item{List: it.get("list").need(), Entry: it.get("entry").need(), Sites: it.get("sites").limits()}
		if l := it.get("limitation"); l.given() {
			e.Limitation = l.need()
		}
		a.EligibleItems = append(a.EligibleItems, e)
		it.done()
	}
	if c := n.get("conditions"); len(c.object()) > 0 {
		a.Conditions = &attest.Conditions{ChangeOfControl: c.get("change_of_control").text()}
		c.done()
	}
	limits := n
	if c := n.get("caveats"); c.given() {
		limits = c
		defer c.done()
	}
	if l := readLimits(limits); !empty(l) {
		a.Caveats = &l
	}
	n.done()
	b.check(n, a)
	b.approvals = append(b.approvals, a)
}

func (b *base) sandbox(n *node) {
	id := n.get("id").need()
	title := n.get("title").text()
	if title == "" {
		title = id
	}
	terms := attest.Terms{Limits: readLimits(n)}
	for _, a := range n.get("authorities").list() {
		terms.Authorities = append(terms.Authorities, b.isAuthority(a))
	}
	switch k := n.get("concurrence"); k.value {
	case nil, "ALL":
		terms.Concurrence = int64(len(terms.Authorities))
	default:
		terms.Concurrence = k.integer()
	}
	for _, d := range n.get("domain_approvals").list() {
		b.domain(d, id, title, terms)
	}
	ledger := n.get("ledger")
	b.ledgers[id] = ledger.list()
	if ledger.given() && b.ledgers[id] == nil {
		b.ledgers[id] = []*node{}
	}
	n.done()
}

func (b *base) domain(n *node, id, title string, terms attest.Terms) {
	d := &attest.DomainApproval{
		Common: attest.Common{Iss: b.isAuthority(n.get("authority")), Sub: attest.SandboxSubject(id), JTI: n.get("id").need()},
		Grant:  b.grant(n), Title: title, LegalEffect: effect(n.get("legal_effect")), Programme: n.get("programme").text(), Terms: terms,
		ExpirySavings: savings(n.get("expiry_savings")), Obligations: obligations(n.get("obligations")),
	}
	if t := n.get("terms"); t.given() {
		// Other terms than the sandbox's, member by member.
		d.Terms.Limits = override(terms.Limits, t)
		t.done()
	}
	if c := n.get("caveats"); c.given() {
		l := readLimits(c)
		d.Caveats = &l
		c.done()
	}
	n.done()
	b.check(n, d)
	b.domains = append(b.domains, d)
}

// check notes what no statement may say, at the member of the file that it is
// most likely of.
func (b *base) check(n *node, c attest.Claims) {
	h := c.Head()
	h.Aud, h.IAT = origin, 1
	b.from[c] = n.at
	_, err := attest.Payload(c)
	for _, p := range problemsOf(err) {
		n.wrong("%s", strings.TrimPrefix(p.Pointer+": "+p.Message, ": "))
	}
}

func problemsOf(err error) attest.Problems {
	if p, ok := errors.AsType[attest.Problems](err); ok {
		return p
	}
	if err != nil {
		return attest.Problems{{Message: err.Error()}}
	}
	return nil
}

func effect(n *node) attest.LegalEffect {
	if !n.given() {
		return attest.Authorization
	}
	return attest.LegalEffect(n.text())
}

// savings reads one clause, or several.
func savings(n *node) (out []attest.Savings) {
	for _, s := range n.oneOrMore() {
		c := attest.Savings{Kind: attest.SavingsKind(s.get("kind").need()), DeliverBefore: date(s.get("deliver_before").time()), Until: date(s.get("until").time())}
		for _, m := range s.get("modes").texts() {
			c.Modes = append(c.Modes, attest.Mode(m))
		}
		s.done()
		out = append(out, c)
	}
	return out
}

func obligations(n *node) (out []attest.Obligation) {
	for _, o := range n.list() {
		out = append(out, attest.Obligation{
			Kind: attest.ObligationKind(o.get("kind").need()), Days: o.get("days").integer(), BusinessDays: o.get("business_days").integer(),
			Years: o.get("years").integer(), Text: o.get("text").text(),
		})
		o.done()
	}
	return out
}

// readLimits reads the limits among the members of n.
func readLimits(n *node) attest.Limits { return override(attest.Limits{}, n) }

// override returns the limits with those that n gives.
func override(l attest.Limits, n *node) attest.Limits {
	scope := func(name string, s *attest.Scope, entriesOf func(*node) []string) {
		m := n.get(name)
		if !m.given() {
			return
		}
		*s = nil
		for list := range m.object() {
			if entries := entriesOf(m.get(list)); entries != nil {
				if *s == nil {
					*s = make(attest.Scope)
				}
				(*s)[list] = entries
			}
		}
	}
	scope("in_scope", &l.InScope, (*node).limits)
	if m := n.get("in_scope"); m.given() && len(m.object()) == 0 {
		m.wrong("lists nothing; leave it out where there is no limit")
	}
	// To exclude nothing is no limit, and says so.
	scope("excluded", &l.Excluded, (*node).texts)
	texts := func(name string, to *[]string) {
		if m := n.get(name); m.given() {
			*to = m.limits()
		}
	}
	texts("allowed_end_uses", &l.AllowedEndUses)
	texts("activities", &l.Activities)
	if m := n.get("max_classification"); m.given() {
		l.MaxClassification = attest.Level(m.text())
	}
	if m := n.get("nationality"); m.given() {
		l.Nationality = &attest.Nationality{Permitted: m.get("permitted").limits(), Prohibited: m.get("prohibited").texts()}
		m.done()
	}
	if m := n.get("value"); m.given() {
		l.Value = &attest.ValueCeiling{Currency: m.get("currency").need(), PerTransaction: m.get("per_transaction").amount(), Cumulative: m.get("cumulative").amount()}
		m.done()
	}
	if m := n.get("quantity"); m.given() {
		l.Quantity = &attest.QuantityCeiling{Unit: m.get("unit").need(), PerTransaction: m.get("per_transaction").amount(), Cumulative: m.get("cumulative").amount()}
		m.done()
	}
	return l
}

func empty(l attest.Limits) bool {
	return l.InScope == nil && l.Excluded == nil && l.AllowedEndUses == nil && l.Activities == nil &&
		l.MaxClassification == "" && l.Nationality == nil && l.Value == nil && l.Quantity == nil
}

// registrations are the base entities as every authority of their country
// registers them.
func (b *base) registrations(from time.Time) (out []statement) {
	for _, e := range b.entities {
		for _, iss := range b.registrars(e.country) {
			out = append(out, statement{e.at, e.registration(iss, from)})
		}
	}
	return out
}

func (e *entity) registration(iss string, from time.Time) *attest.Registration {
	return &attest.Registration{
		Common:    attest.Common{Iss: iss, Sub: attest.EntitySubject(e.id), JTI: fmt.Sprintf("REG-%s-%s", iss, e.name), Aud: origin},
		Grant:     attest.Grant{NBF: date(from)},
		LegalName: e.legalName, FormerNames: e.formerNames, Country: e.country, Identifiers: e.identifiers,
	}
}

// opening are the statements of the base, as they are logged after the root:
// they take effect a minute after it, and everything else later.
func (b *base) opening(begin time.Time) []statement {
	out := b.registrations(begin.Add(time.Minute))
	for _, s := range out {
		s.claims.Head().IAT = date(begin)
	}
	for _, a := range b.approvals {
		out = append(out, statement{b.from[a], a})
	}
	for _, d := range b.domains {
		out = append(out, statement{b.from[d], d})
	}
	return out
}

// date says when the approvals are made. It is not known before the file has
// been read, and nothing is changed afterwards.
func (b *base) date(at time.Time) {
	for _, a := range b.approvals {
		a.IAT = date(at)
	}
	for _, d := range b.domains {
		d.IAT = date(at)
	}
}

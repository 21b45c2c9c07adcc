package finder

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// By what a thing was found.
const (
	ByIdentifier = "identifier"
	ByName       = "name"
)

// A Match says in what a thing equals the text that it was found by.
type Match struct {
	// By is ByIdentifier or ByName, Value the identifier or name.
	By    string `json:"by"`
	Value string `json:"value"`
	// Score is how well, up to [MaxScore].
	Score int `json:"score"`
}

// A Grant is a registration or an approval, and what it comes to now. Those that
// are void or superseded are left out: they are in the history.
type Grant struct {
	policy.Ref
	Programme   string             `json:"programme,omitzero"`
	LegalEffect attest.LegalEffect `json:"legal_effect,omitzero"`
	// From and Until are its legal time, half-open.
	From  policy.Instant `json:"from"`
	Until policy.Instant `json:"until,omitzero"`
	// Status is what it comes to, Since when that began, and By the statement that
	// says so where it is another.
	Status policy.State   `json:"status"`
	Since  policy.Instant `json:"since,omitzero"`
	By     *policy.Ref    `json:"by,omitzero"`
	// GivenTo is the entity that it was given to, Holder the one that it has passed
	// to, where that is another.
	GivenTo string `json:"given_to,omitzero"`
	Holder  string `json:"holder,omitzero"`
	// Claims are what it says; nobody changes them.
	Claims attest.Claims `json:"-"`
}

// An Entity is one that was found.
type Entity struct {
	ID string `json:"id"`
	// Names are those that its registrations and approvals give it, first those that
	// stand, FormerNames those that it had.
	Names       []string `json:"names"`
	FormerNames []string `json:"former_names,omitzero"`
	// Countries are where it is said to be established: one, unless they disagree.
	Countries []string `json:"countries"`
	// Identifiers are its others.
	Identifiers   []string `json:"identifiers,omitzero"`
	Matched       *Match   `json:"matched,omitzero"`
	Registrations []Grant  `json:"registrations"`
	Approvals     []Grant  `json:"approvals"`
}

// A Sandbox is one that was found.
type Sandbox struct {
	ID string `json:"id"`
	// Titles are what its approvals call it.
	Titles []string `json:"titles"`
	// Authorities are those of its terms, and Concurrence how many must concur.
	Authorities []string `json:"authorities"`
	Concurrence int64    `json:"concurrence"`
	Matched     *Match   `json:"matched,omitzero"`
	Approvals   []Grant  `json:"approvals"`
}

// grantOf returns what a statement grants, nil where it grants nothing (any
// more).
func grantOf(s policy.Recorded) *Grant {
	c := s.Statement.Claims()
	g := attest.GrantOf(c)
	if g == nil || s.Void || s.Standing == nil || s.Standing.State == policy.Superseded {
		return nil
	}
	h := c.Head()
	out := &Grant{
		Ref: policy.Ref{Issuer: h.Iss, JTI: h.JTI, Index: s.Index}, From: policy.InstantOf(g.NBF.Time()),
		Status: s.Standing.State, By: s.Standing.By, Holder: s.Standing.Holder, Claims: c,
	}
	if g.EXP != 0 {
		out.Until = policy.InstantOf(g.EXP.Time())
	}
	if !s.Standing.Since.IsZero() {
		out.Since = policy.InstantOf(s.Standing.Since)
	}
	switch c := c.(type) {
	case *attest.EntityApproval:
		out.Programme, out.LegalEffect = c.Programme, c.LegalEffect
	case *attest.DomainApproval:
		out.Programme, out.LegalEffect = c.Programme, c.LegalEffect
	}
	return out
}

// is reports whether the grant is one that is looked for.
func (g *Grant) is(q Query) bool {
	return (q.Authority == "" || g.Issuer == q.Authority) && (q.Programme == "" || g.Programme == q.Programme) &&
		(q.Status == "" || g.Status == q.Status)
}

// narrowed reports whether the query asks for a grant at all.
func (q *Query) narrowed() bool { return q.Authority != "" || q.Programme != "" || q.Status != "" }

// matched is what of a thing equals the query; nil where nothing does that
// stands.
func matched(p proposal, q Query, names, identifiers []string) *Match {
	if p.by == ByIdentifier {
		for _, id := range identifiers {
			if slices.Contains(keysOf(id), p.value) {
				return &Match{p.by, id, p.score}
			}
		}
	} else if slices.Contains(names, p.value) {
		return &Match{p.by, p.value, p.score}
	}
	// What the index has proposed may be of a void statement, and not be alone.
	if name, score := nearest(q.Text, names); name != "" {
		return &Match{ByName, name, score}
	}
	return nil
}

// An entityView is an entity that is being read.
type entityView struct {
	Entity
	reading    *registry.Reading
	known, now time.Time
	seen       map[string]bool
	// past are the names that only what has ended gives it.
	past []string
}

// EntityAt reads an entity as a search would find it, but at the legal time at and
// by what was logged by known, the zero time for all. Subjects are those of the
// entity ([registry.Edition.Subjects]). It returns the errors of
// [registry.Reading.History].
func EntityAt(ctx context.Context, r *registry.Reading, id string, subjects []string, known, at time.Time) (Entity, error) {
	v, err := viewOf(ctx, r, id, subjects, known, at)
	if err != nil {
		return Entity{}, err
	}
	return v.Entity, nil
}

func viewOf(ctx context.Context, r *registry.Reading, id string, subjects []string, known, at time.Time) (*entityView, error) {
	v := &entityView{
		Entity:  Entity{ID: id, Names: []string{}, Countries: []string{}, Registrations: []Grant{}, Approvals: []Grant{}},
		reading: r, known: known, now: at, seen: make(map[string]bool),
	}
	for _, subject := range subjects {
		if err := v.read(ctx, subject); err != nil {
			return nil, err
		}
	}
	v.settle()
	return v, nil
}

// view reads an entity that the index proposes; nil of one of which more is logged
// than anybody could decide on.
func (f *Finder) view(ctx context.Context, e *registry.Edition, p proposal, known, at time.Time) (*entityView, error) {
	f.mu.RLock()
	authorities := slices.Clone(p.thing.authorities)
	f.mu.RUnlock()
	subjects := []string{attest.EntitySubject(p.thing.id)}
	for _, a := range authorities {
		subjects = append(subjects, attest.ApprovalSubject(p.thing.id, a))
	}
	slices.Sort(subjects)
	v, err := viewOf(ctx, e.NewReading(), p.thing.id, subjects, known, at)
	if errors.Is(err, verify.ErrTooLarge) {
		return nil, nil
	}
	return v, err
}

// entity reads an entity from its histories.
func (f *Finder) entity(ctx context.Context, e *registry.Edition, p proposal, q Query) (Entity, bool, error) {
	f.mu.RLock()
	members := f.members(q.Sandbox)
	f.mu.RUnlock()
	v, err := f.view(ctx, e, p, q.Known, q.Now)
	if v == nil || err != nil {
		return Entity{}, false, err
	}
	if q.Text != "" {
		all := append([]string{v.ID}, v.Identifiers...)
		if v.Matched = matched(p, q, slices.Concat(v.Names, v.FormerNames), all); v.Matched == nil {
			return Entity{}, false, nil
		}
	}
	return v.Entity, v.is(q, members), nil
}

// is reports whether the entity is one that is looked for.
func (v *entityView) is(q Query, members []string) bool {
	if len(v.Registrations)+len(v.Approvals) == 0 || q.Country != "" && !slices.Contains(v.Countries, q.Country) {
		return false
	}
	held := func(is func(g *Grant) bool) bool {
		return slices.ContainsFunc(v.Approvals, func(g Grant) bool { return (g.Holder == "" || g.Holder == v.ID) && is(&g) })
	}
	if q.narrowed() && !held(func(g *Grant) bool { return g.is(q) }) {
		return false
	}
	for _, a := range members {
		by := func(g *Grant) bool { return g.Issuer == a && (q.Status == "" || g.Status == q.Status) }
		if !held(by) && !slices.ContainsFunc(v.Registrations, func(g Grant) bool { return by(&g) }) {
			return false
		}
	}
	return true
}

// read takes in a history of the entity.
func (v *entityView) read(ctx context.Context, subject string) error {
	list, err := v.reading.History(ctx, subject, v.known, v.now)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Void {
			continue
		}
		g := grantOf(s)
		switch c := s.Statement.Claims().(type) {
		case *attest.Registration:
			v.registered(c, g)
		case *attest.EntityApproval:
			v.approved(c, g)
		case *attest.EntityEvent:
			if c.Entity() == v.ID && c.NewName != "" && s.Standing.State == policy.InForce {
				v.renamed(c.NewName)
			}
		case *attest.Succession:
			if c.Successor == v.ID && s.Standing.State == policy.InForce {
				v.Names = append(v.Names, c.LegalName)
				v.Countries = append(v.Countries, c.Country)
				if err := v.inherited(ctx, c.Sub); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (v *entityView) registered(c *attest.Registration, g *Grant) {
	// One that names it only as an identifier is of another entity.
	if c.Sub != attest.EntitySubject(v.ID) {
		return
	}
	v.FormerNames = append(v.FormerNames, c.FormerNames...)
	if g == nil {
		v.FormerNames = append(v.FormerNames, c.LegalName)
		return
	}
	v.named(c.LegalName, g)
	v.Countries = append(v.Countries, c.Country)
	v.Identifiers = append(v.Identifiers, c.Identifiers...)
	v.Registrations = append(v.Registrations, *g)
}

// approved takes in what an approval says of the entity, and the approval where
// it is not superseded.
func (v *entityView) approved(c *attest.EntityApproval, g *Grant) {
	if g == nil {
		v.FormerNames = append(v.FormerNames, c.LegalName)
		return
	}
	v.named(c.LegalName, g)
	v.Countries = append(v.Countries, c.Country)
	v.Identifiers = append(v.Identifiers, c.Identifiers...)
	v.Approvals = append(v.Approvals, *g)
}

// named takes in what a grant calls the entity.
func (v *entityView) named(name string, g *Grant) {
	if g.Status.Stands() {
		v.Names = append(v.Names, name)
	} else {
		v.past = append(v.past, name)
	}
}

// renamed: the names that it had until then are former ones.
func (v *entityView) renamed(to string) {
	v.FormerNames = append(append(v.FormerNames, v.Names...), v.past...)
	v.Names, v.past = []string{to}, nil
}

// inherited takes in the approvals that have passed to the entity: they are in
// the history of the one that they were given to.
func (v *entityView) inherited(ctx context.Context, subject string) error {
	if v.seen[subject] {
		return nil
	}
	v.seen[subject] = true
	list, err := v.reading.History(ctx, subject, v.known, v.now)
	if err != nil {
		return err
	}
	for _, s := range list {
		c, ok := s.Statement.Claims().(*attest.EntityApproval)
		if g := grantOf(s); ok && g != nil && g.Holder == v.ID {
			g.GivenTo, g.Holder = c.Entity(), ""
			v.Approvals = append(v.Approvals, *g)
		}
	}
	return nil
}

// settle orders what was read, and has each once.
func (v *entityView) settle() {
	once := func(list, but []string) []string {
		var out []string
		for _, s := range list {
			if s != "" && !slices.Contains(out, s) && !slices.Contains(but, s) {
				out = append(out, s)
			}
		}
		return out
	}
	v.Names = append([]string{}, once(append(v.Names, v.past...), nil)...)
	v.FormerNames = once(v.FormerNames, v.Names)
	slices.Sort(v.Countries)
	v.Countries = slices.Compact(v.Countries)
	v.Identifiers = once(v.Identifiers, []string{v.ID})
	slices.Sort(v.Identifiers)
	byPlace := func(a, b Grant) int {
		return cmp.Or(strings.Compare(a.Issuer, b.Issuer), cmp.Compare(a.Index, b.Index))
	}
	slices.SortFunc(v.Registrations, byPlace)
	slices.SortFunc(v.Approvals, byPlace)
}

// sandbox reads a sandbox from its history.
func (f *Finder) sandbox(ctx context.Context, e *registry.Edition, p proposal, q Query) (Sandbox, bool, error) {
	v := Sandbox{ID: p.thing.id, Titles: []string{}, Authorities: []string{}, Approvals: []Grant{}}
	list, err := e.NewReading().History(ctx, attest.SandboxSubject(v.ID), q.Known, q.Now)
	if errors.Is(err, verify.ErrTooLarge) {
		return Sandbox{}, false, nil
	}
	if err != nil {
		return Sandbox{}, false, err
	}
	names := []string{strings.ReplaceAll(v.ID, "-", " ")}
	for _, s := range list {
		c, ok := s.Statement.Claims().(*attest.DomainApproval)
		if !ok || s.Void {
			continue
		}
		if v.Concurrence == 0 {
			v.Authorities, v.Concurrence = slices.Clone(c.Terms.Authorities), c.Terms.Concurrence
		}
		names = append(names, c.Title)
		if g := grantOf(s); g != nil {
			if !slices.Contains(v.Titles, c.Title) {
				v.Titles = append(v.Titles, c.Title)
			}
			v.Approvals = append(v.Approvals, *g)
		}
	}
	if q.Text != "" {
		if v.Matched = matched(p, q, names, []string{v.ID}); v.Matched == nil {
			return Sandbox{}, false, nil
		}
	}
	return v, len(v.Approvals) > 0 && (!q.narrowed() || slices.ContainsFunc(v.Approvals, func(g Grant) bool { return g.is(q) })), nil
}

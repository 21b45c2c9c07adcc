// Package finder finds the entities and sandboxes of a register by what people
// know of them: a name, misspelt perhaps, an identifier of any scheme, an
// authority, a programme, a country, what an approval comes to now.
//
//	f := finder.New(reg)
//	page, err := f.Entities(ctx, finder.Query{Text: "varuna deep", Limit: 20, Now: now})
//
// An index in memory proposes, and the log disposes: what is found is read from
// its histories at the published checkpoint, with the very rules that decide
// (package policy). A name that only a void statement gives finds nothing, and a
// status is what [policy.Standing] says.
//
// # Names
//
// Names are compared by three characters in a row, after package screening has
// normalised them and accents are dropped: case, legal forms and punctuation do
// not matter, and a wrong, missing or transposed letter in a word costs rank and
// not the hit. Legal and former names are found, and those of all approvals.
// What is found is no screening: that is in package screening, and exact.
//
// Identifiers are found with and without the name of their scheme, and whatever
// spaces, hyphens and dots people put between their parts.
//
// # Partners
//
// [Finder.Partners] finds whom an approval in force lets be found, by what for: a
// sandbox or what is done in it, an item, a role, a programme. Nobody else is found
// by it.
//
// # What is due
//
// [Finder.Waiting] proposes the sandboxes that wait for an authority, and
// [Finder.Ending] finds what an authority gave that ends soon.
//
// # The index
//
// It is derived from the leaves of the log, which are read as far as the
// published checkpoint goes at the first search, and on from there at each other
// one; [Finder.CatchUp] does so ahead. It is not kept on disk. It takes about
// 1 KB of memory for each entity of a few statements, listed or not, 100 MB at 100,000 of them,
// and some ten thousand statements are read a second. A search looks through the whole of it in
// milliseconds, and then into the histories of at most [maxLooked] of what it
// proposes, whatever is asked: a page may have less than its limit, and say what
// to go on from.
package finder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// A Register is searched, a *[registry.Reader].
type Register interface {
	Published() (*registry.Edition, error)
	Leaves(from int64) iter.Seq2[[]byte, error]
}

// A Finder searches one register. Its methods may be called concurrently.
type Finder struct {
	reg Register
	// turn is held by whoever reads leaves.
	turn chan struct{}

	mu sync.RWMutex
	// read is how many leaves are in the index, whole how many were when its things
	// were last sorted.
	read, whole         int64
	entities, sandboxes *index
	// purposes are what partners are looked for.
	purposes *index
	// ends are those of grants by who gave them, waiting the sandboxes that may wait
	// for an authority, ascending, and distrusted the authorities that have had a key
	// declared compromised.
	ends       map[string]*ends
	waiting    []int32
	distrusted map[string]bool
}

// New returns a finder whose index is empty as yet.
func New(reg Register) *Finder {
	return &Finder{
		reg: reg, turn: make(chan struct{}, 1), entities: newIndex(), sandboxes: newIndex(), purposes: newIndex(),
		ends: make(map[string]*ends), distrusted: make(map[string]bool),
	}
}

// The bounds of a search.
const (
	// MaxText is the longest text, in bytes.
	MaxText = 200
	// MaxLimit is the largest page.
	MaxLimit = 100
	// maxLooked is how many things are looked into for a page, maxCounted for a count:
	// some twenty milliseconds.
	maxLooked  = 300
	maxCounted = 200
	// MaxScore is that of an identifier, and of a name that is the very query.
	MaxScore = 1000
	// patience is how long a search waits for the index; the next one goes on.
	patience = 2 * time.Second
	// portion is how many statements are taken in at once.
	portion = 256
)

// ErrBuilding says that the index is not complete yet: try again later.
var ErrBuilding = errors.New("the index of names is being made; try again later")

// A Query says what is looked for; what is zero does not narrow it.
type Query struct {
	// Text is a name or an identifier.
	Text string
	// Authority, Programme and Status are of one approval: who gave it, under which
	// programme, what it comes to.
	Authority, Programme string
	Status               policy.State
	// Sandbox is one each of whose authorities has approved the entity, or
	// registered it. Country is where it is established. Both are of entities only.
	Sandbox, Country string
	// After is the Next of the page before.
	After string
	// Limit is how many are wanted at most, up to [MaxLimit].
	Limit int
	// Now is the legal time that the status is of.
	Now time.Time
	// Known is by when what counts was logged, the zero time for all that is.
	Known time.Time
	// Count asks how many there are in all, see [Page].
	Count bool
}

// A Page is what was found, the best first, or by id where the query has no
// text.
type Page[T any] struct {
	// Size is that of the checkpoint that it was read at.
	Size int64
	// Found may be fewer than the limit, or none, though Next is not empty.
	Found []T
	// Next is what to ask for the next page with, "" on the last.
	Next string
	// Total is how many there are in all, where that was asked for and no more than
	// [maxCounted] are proposed; then Counted says so, and the first that was found is
	// the one numbered First, from 1. Elsewhere More says that others surely follow
	// those that were found.
	Counted, More bool
	Total, First  int
}

// Last is the number of the last that was found, as First is of the first.
func (p *Page[T]) Last() int { return p.First + len(p.Found) - 1 }

// ErrCursor is returned for an After that is no page's Next.
var ErrCursor = errors.New("is no cursor of this search")

// CatchUp reads what was published since it last did.
func (f *Finder) CatchUp(ctx context.Context) error {
	e, err := f.reg.Published()
	if err != nil {
		return err
	}
	return f.catchUp(ctx, e.Size())
}

func (f *Finder) catchUp(ctx context.Context, size int64) error {
	if _, whole := f.progress(); whole >= size {
		return nil
	}
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	at, whole := f.progress()
	if whole >= size {
		return nil
	}
	defer f.sort()
	var claims []attest.Claims
	take := func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, c := range claims {
			f.learn(c)
		}
		f.read, claims = at, claims[:0]
	}
	if at >= size {
		return nil
	}
	for leaf, err := range f.reg.Leaves(at) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if !verify.IsStatusLeaf(leaf) {
			// It was verified when it was logged, and what is found of it is again.
			st, err := attest.Parse(leaf)
			if err != nil {
				return fmt.Errorf("index the statement at index %d: the log is damaged: %v", at, err) //nolint:errorlint // a refusal would look like the asker's fault
			}
			claims = append(claims, st.ClaimsUnsafe())
		}
		if at++; at == size || len(claims) == portion {
			take()
		}
		if at == size {
			return nil
		}
	}
	return fmt.Errorf("index the log: its leaves end at %d, before the published size %d", at, size)
}

// sort makes whole what has been read.
func (f *Finder) sort() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entities.sort()
	f.sandboxes.sort()
	f.purposes.sort()
	for _, e := range f.ends {
		e.sort()
	}
	f.whole = f.read
}

func (f *Finder) progress() (read, whole int64) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.read, f.whole
}

// ready returns what is published, once the index has it.
func (f *Finder) ready(ctx context.Context) (*registry.Edition, error) {
	e, err := f.reg.Published()
	if err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = f.catchUp(within, e.Size())
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		read, _ := f.progress()
		return nil, fmt.Errorf("%w: %d of %d leaves are read", ErrBuilding, read, e.Size())
	}
	return e, err
}

// Entities finds entities. It returns [ErrBuilding] while the index is being
// made, and [ErrCursor].
func (f *Finder) Entities(ctx context.Context, q Query) (Page[Entity], error) {
	return search(ctx, f, f.entities, q, (*Finder).entity)
}

// Sandboxes finds sandboxes, with the errors of [Finder.Entities].
func (f *Finder) Sandboxes(ctx context.Context, q Query) (Page[Sandbox], error) {
	return search(ctx, f, f.sandboxes, q, (*Finder).sandbox)
}

// A look reads what a thing is, and whether it is what is looked for.
type look[T any] func(f *Finder, ctx context.Context, e *registry.Edition, p proposal, q Query) (found T, ok bool, err error)

func search[T any](ctx context.Context, f *Finder, x *index, q Query, into look[T]) (Page[T], error) {
	behind, err := parseCursor(q)
	if err != nil {
		return Page[T]{}, err
	}
	e, err := f.ready(ctx)
	if err != nil {
		return Page[T]{}, err
	}
	s := &sifting[T]{q: q, behind: behind, page: Page[T]{Size: e.Size(), Found: []T{}}}
	s.into = func(p proposal) (T, bool, error) { return into(f, ctx, e, p, q) }
	return s.run(func(q Query, behind cursor) []proposal { return f.proposals(x, q, behind) })
}

// A sifting looks into what is proposed, for a page.
type sifting[T any] struct {
	q      Query
	behind cursor
	into   func(p proposal) (T, bool, error)
	page   Page[T]
}

func (s *sifting[T]) run(propose func(Query, cursor) []proposal) (Page[T], error) {
	if s.q.Count {
		whole := s.q
		whole.After = ""
		all := propose(whole, cursor{})
		if len(all) <= maxCounted {
			err := s.count(all)
			return s.page, err
		}
		if s.q.After == "" {
			err := s.look(all)
			return s.page, err
		}
	}
	err := s.look(propose(s.q, s.behind))
	return s.page, err
}

// next has the page go on behind a proposal.
func (s *sifting[T]) next(p proposal) {
	s.page.Next = p.thing.id
	if s.q.Text != "" {
		s.page.Next = cursor{p.score, p.thing.id}.String()
	}
}

// look looks into proposals until the page is full; where a count is asked for,
// until another one surely follows.
func (s *sifting[T]) look(proposals []proposal) error {
	for i, p := range proposals {
		found, ok, err := s.into(p)
		if err != nil {
			return err
		}
		looked, full := i+1, len(s.page.Found) == s.q.Limit
		if ok && full {
			s.page.More = true
			return nil
		}
		if ok {
			s.page.Found = append(s.page.Found, found)
		}
		switch {
		case looked == len(proposals):
			// Nothing follows.
			s.page.Next = ""
			return nil
		case !full && (looked == maxLooked || len(s.page.Found) == s.q.Limit):
			s.next(p)
		}
		if looked == maxLooked || s.page.Next != "" && !s.q.Count {
			return nil
		}
	}
	return nil
}

// count looks into all proposals there are.
func (s *sifting[T]) count(all []proposal) error {
	s.page.Counted, s.page.First = true, 1
	var last proposal
	for _, p := range all {
		found, ok, err := s.into(p)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		s.page.Total++
		switch {
		case s.q.After != "" && !s.q.follows(s.behind, p):
			s.page.First++
		case len(s.page.Found) < s.q.Limit:
			s.page.Found, last = append(s.page.Found, found), p
		case !s.page.More:
			s.page.More = true
			s.next(last)
		}
	}
	return nil
}

// follows reports whether a proposal comes behind a cursor.
func (q *Query) follows(behind cursor, p proposal) bool {
	if q.Text == "" {
		return behind.id < p.thing.id
	}
	return behind.before(cursor{p.score, p.thing.id})
}

// proposals are what the index proposes behind a cursor, in order: no more than
// are looked into, and one.
func (f *Finder) proposals(x *index, q Query, behind cursor) []proposal {
	f.mu.RLock()
	defer f.mu.RUnlock()
	members := f.members(q.Sandbox)
	return x.proposals(q, behind, func(t *thing) bool {
		return (q.Authority == "" || slices.Contains(t.authorities, q.Authority)) &&
			(q.Programme == "" || t.heir || slices.Contains(t.programmes, q.Programme)) &&
			(q.Country == "" || slices.Contains(t.countries, q.Country)) &&
			(q.Sandbox == "" || members != nil && !slices.ContainsFunc(members, func(a string) bool {
				return !slices.Contains(t.authorities, a) && !slices.Contains(t.registrars, a)
			}))
	})
}

// proposals are those that may be meant.
func (x *index) proposals(q Query, behind cursor, may func(*thing) bool) []proposal {
	var out []proposal
	if q.Text == "" {
		first, _ := slices.BinarySearchFunc(x.sorted, behind.id, func(i int32, id string) int {
			return cmp.Or(strings.Compare(x.things[i].id, id), -1)
		})
		for _, i := range x.sorted[first:] {
			if t := x.things[i]; may(t) {
				if out = append(out, proposal{thing: t}); len(out) > maxLooked {
					break
				}
			}
		}
		return out
	}
	first := best{most: maxLooked + 1}
	x.propose(q.Text, func(p proposal) {
		if (q.After == "" || q.follows(behind, p)) && may(p.thing) {
			first.take(p)
		}
	})
	return first.sorted()
}

// members are the authorities of a sandbox, nil where there is none.
func (f *Finder) members(sandbox string) []string {
	if i, ok := f.sandboxes.byID[sandbox]; ok {
		return f.sandboxes.things[i].members
	}
	return nil
}

// A cursor is where a page ends: a score, where there is a text, and an id.
type cursor struct {
	score int
	id    string
}

func (c cursor) String() string { return strconv.Itoa(c.score) + "." + c.id }

// before reports whether a proposal comes behind the cursor.
func (c cursor) before(d cursor) bool {
	return c.score > d.score || c.score == d.score && c.id < d.id
}

// parseCursor reads After. Any place is a good one to go on from, and costs the
// same.
func parseCursor(q Query) (cursor, error) {
	if q.After == "" {
		return cursor{}, nil
	}
	c := cursor{id: q.After}
	if q.Text != "" {
		score, id, ok := strings.Cut(q.After, ".")
		n, err := verify.ParseSize(score)
		if !ok || err != nil || n > MaxScore {
			return cursor{}, ErrCursor
		}
		c = cursor{int(n), id}
	}
	if len(c.id) > MaxText || strings.ContainsFunc(c.id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return cursor{}, ErrCursor
	}
	return c, nil
}

// Behind reports whether next is a cursor of this search that lies behind After: a
// page that ends elsewhere begins anew, or is another search's.
func (q Query) Behind(next string) bool {
	from, err := parseCursor(q)
	if err != nil || next == "" {
		return false
	}
	to, err := parseCursor(Query{Text: q.Text, After: next})
	if q.Text == "" {
		return err == nil && from.id < to.id
	}
	return err == nil && (q.After == "" || from.before(to))
}

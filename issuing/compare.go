package issuing

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/amend"
	"github.com/safeconduct/safeconduct/attest/prose"
)

// An Effect is what a row comes to beside what stands.
type Effect string

// The effects.
const (
	// Added: nothing stands of the row.
	Added Effect = "added"
	// Narrowed and Widened: it says less, or more, than what stands; Changed:
	// both, or something else.
	Narrowed Effect = "narrowed"
	Widened  Effect = "widened"
	Changed  Effect = "changed"
	// Ended: it stands, and no row has it any more.
	Ended Effect = "ended"
	// Blocked: its issuer has ended it, and not because a row was gone. A table
	// that still has it does not bring it back. Or of what stands beside the
	// series, nobody can tell which the row is the next version of.
	Blocked Effect = "blocked"
	// Unchanged: it stands as the row says it.
	Unchanged Effect = "unchanged"
)

// Effects lists them in the order that people are told of them.
var Effects = []Effect{Added, Narrowed, Widened, Changed, Ended, Blocked, Unchanged}

// A Change is what a row, or one that is gone, comes to.
type Change struct {
	Effect Effect `json:"effect"`
	// Line is that of the row, 0 where it is gone.
	Line int `json:"line,omitzero"`
	// Key is the row's; of one that is gone, what the jti has of it.
	Key string `json:"key"`
	// Subject is whose statement it is, LegalName the name that it has there.
	Subject   string `json:"sub"`
	LegalName string `json:"legal_name"`
	// JTI is the name of the statement that it makes, Stands that of what stands.
	JTI    string `json:"jti,omitzero"`
	Stands string `json:"stands,omitzero"`
	// Details are the members that say something else.
	Details []Detail `json:"details,omitzero"`
	// Note says what else there is to know.
	Note string `json:"note,omitzero"`

	row      *Row
	standing *Lineage
	series   string
}

// A Detail is one difference to what stands.
type Detail struct {
	// Member is the member of the statement, as a JSON pointer without its first
	// slash.
	Member string `json:"member"`
	Effect Effect `json:"effect"`
	// Text says in short what has changed, in ASCII, see [amend.Change].
	Text string `json:"text"`
	// Before and Now are the words of the member in what stands and in the row,
	// empty where it is not there.
	Before string `json:"before,omitzero"`
	Now    string `json:"now,omitzero"`
}

func inOneLine(lines []prose.Line) string {
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.Text
	}
	return strings.Join(texts, "; ")
}

// Makes reports whether the change makes a statement; one that ends makes one
// where that is asked for.
func (c *Change) Makes() bool {
	return c.Effect == Added || c.revises()
}

func (c *Change) revises() bool {
	return c.Effect == Narrowed || c.Effect == Widened || c.Effect == Changed
}

// Compare says what rows come to beside what stands at a time: first the rows,
// in their order, then what is gone. Where nothing of a row's series stands, but
// one other statement of the issuer about the same entity and programme, the row
// is that one's next version; what it is not a row of does not end for it. A row
// that would allow more than what was signed by hand is blocked, unless the terms
// say that the table goes before.
func Compare(m *Map, rows []*Row, standing []*Lineage, terms Terms) ([]*Change, error) {
	type name struct{ subject, handle string }
	type place struct{ subject, programme string }
	by, beside := make(map[name][]*Lineage), make(map[place][]*Lineage)
	for _, l := range standing {
		if l.handle == "" {
			if l.standsAt(terms.Now) {
				p := place{l.Subject, programme(l.Newest)}
				beside[p] = append(beside[p], l)
			}
			continue
		}
		n := name{l.Subject, l.handle}
		by[n] = append(by[n], l)
	}
	same := make(map[place]int)
	for _, r := range rows {
		same[place{r.Subject(), programme(r.claims)}]++
	}
	out := []*Change{}
	for _, r := range rows {
		n, p := name{r.Subject(), handle(r.Key)}, place{r.Subject(), programme(r.claims)}
		c, err := compare(m.series, r, n.handle, by[n], beside[p], same[p], terms.Adopt)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", r.Line, err)
		}
		out = append(out, c)
		delete(by, n)
	}
	for _, l := range standing {
		if _, gone := by[name{l.Subject, l.handle}]; gone && l.handle != "" && l.standsAt(terms.Now) {
			out = append(out, &Change{
				Effect: Ended, Key: l.handle, Subject: l.Subject, LegalName: legalName(l.Newest),
				JTI: endJTI(m.series, l.handle, l.names[0]), Stands: l.names[0], standing: l, series: m.series,
			})
		}
	}
	return out, nil
}

// compare compares a row with the lineages that were ever made of it, and with
// those beside them, which same rows could be of.
func compare(series string, r *Row, handle string, lineages, beside []*Lineage, same int, adopt bool) (*Change, error) {
	content, err := contentOf(r.claims)
	if err != nil {
		return nil, err
	}
	c := &Change{Line: r.Line, Key: r.Key, Subject: r.Subject(), LegalName: legalName(r.claims), row: r, series: series}
	var used, before []string
	for _, l := range lineages {
		used = append(used, l.names...)
		switch {
		case l.ended == nil:
			c.standing = l
		case !l.endedHere(series):
			c.Note = fmt.Sprintf("%s of %s by %s; a row with another key grants it anew", l.ended.Event, l.names[0], l.ended.JTI)
			before = append(before, l.names[0])
		default:
			before = append(before, l.names[0])
		}
	}
	adopted := c.standing == nil && len(beside) == 1 && same == 1
	if adopted {
		c.standing = beside[0]
	}
	switch {
	case c.standing == nil && len(beside) > 0:
		c.Effect = Blocked
		c.Note = ambiguous(beside, same)
	case c.standing == nil && c.Note != "":
		c.Effect = Blocked
	case c.standing == nil:
		c.Effect = Added
		c.JTI = fresh(series, handle, content, append([]string{""}, before...), used)
	default:
		c.Note = ""
		c.Stands = c.standing.names[0]
		if err := c.against(content, handle, before); err != nil {
			return nil, err
		}
		if adopted {
			c.Note = "stands as " + c.Stands + ", which was signed by hand"
			if !adopt && (c.Effect == Widened || c.Effect == Changed) {
				c.Note += " and allows less, or something else"
				c.Effect, c.JTI = Blocked, ""
			}
		}
	}
	return c, nil
}

// ambiguous says why a row is the next version of none of those beside.
func ambiguous(beside []*Lineage, same int) string {
	var names []string
	for _, l := range beside {
		names = append(names, l.names[0])
	}
	if same > 1 {
		return fmt.Sprintf("stands as %s, signed by hand, and %d rows are about the same: end it, or leave the others out first", strings.Join(names, ", "), same)
	}
	return fmt.Sprintf("stands %d times, signed by hand, as %s: end all but one first", len(beside), strings.Join(names, ", "))
}

// against compares the row with what stands of it.
func (c *Change) against(content [sha256.Size]byte, handle string, before []string) error {
	if c.standing.says(c.series, content, before) {
		c.Effect = Unchanged
		return nil
	}
	c.JTI = jti(c.series, handle, content, c.Stands)
	if c.standing.Newest == nil {
		c.Effect, c.Note = Added, c.Stands+" is void, and is made again"
		return nil
	}
	changes, err := amend.Diff(c.standing.Newest, c.row.claims)
	if err != nil {
		return err
	}
	for _, d := range changes {
		// The import says itself whether and why what it makes reaches back.
		if d.Pointer != "/retroactive" && d.Pointer != "/retroactive_reason" {
			c.Details = append(c.Details, Detail{strings.TrimPrefix(d.Pointer, "/"), effectNames[d.Effect], d.Text, inOneLine(d.Was), inOneLine(d.Is)})
		}
	}
	if len(c.Details) == 0 {
		// What somebody has signed by hand says it already; so does the version before
		// one that is void.
		c.Effect, c.JTI = Unchanged, ""
		return nil
	}
	// From when a version holds is neither more nor less than what it says: up to
	// then, the one before does.
	if len(c.Details) > 1 {
		c.Details = slices.DeleteFunc(c.Details, func(d Detail) bool { return d.Member == "nbf" })
	}
	c.Effect = Changed
	has := func(e Effect) bool {
		return slices.ContainsFunc(c.Details, func(d Detail) bool { return d.Effect == e })
	}
	switch {
	case has(Changed):
	case has(Narrowed) && !has(Widened):
		c.Effect = Narrowed
	case has(Widened) && !has(Narrowed):
		c.Effect = Widened
	}
	return nil
}

var effectNames = map[amend.Kind]Effect{amend.Narrowed: Narrowed, amend.Widened: Widened, amend.Changed: Changed}

// fresh is a name that no statement has had yet: what came back says which of
// those that ended it follows.
func fresh(series, handle string, content [sha256.Size]byte, before, used []string) string {
	name := ""
	for _, b := range before {
		if name = jti(series, handle, content, b); !slices.Contains(used, name) {
			break
		}
	}
	return name
}

func legalName(c attest.Claims) string {
	switch c := c.(type) {
	case *attest.Registration:
		return c.LegalName
	case *attest.EntityApproval:
		return c.LegalName
	default:
		return ""
	}
}

// Terms are what statements need beside the rows.
type Terms struct {
	// Now is when they are written.
	Now time.Time
	// Effective is from when what says something else holds, and when what is
	// ended ends. Zero leaves the former to the rows, where these have a later
	// date than before.
	Effective time.Time
	// End is how what is gone ends, revoke or withdraw.
	End attest.EventType
	// Adopt lets the table go before what was signed by hand.
	Adopt bool
}

// Claims returns what a change makes. Its error is a [Mistakes] of the row.
func (c *Change) Claims(t Terms) (attest.Claims, error) {
	if c.Effect == Ended {
		return c.end(t)
	}
	claims := clone(c.row.claims)
	h, g := claims.Head(), attest.GrantOf(claims)
	h.JTI, h.IAT = c.JTI, attest.NumericDate(t.Now.Unix())
	if c.standing != nil {
		g.Supersedes = c.Stands
		later := c.standing.Newest == nil || g.NBF > attest.GrantOf(c.standing.Newest).NBF
		effective := attest.NumericDate(0)
		if !t.Effective.IsZero() {
			effective = attest.NumericDate(t.Effective.Unix())
		}
		if effective == 0 && !later {
			return nil, c.row.mistake("/nbf", "is no later than that of %s, which stands: a version that says something else needs a time from which it holds", c.Stands)
		}
		g.NBF = max(g.NBF, effective)
	}
	if g.NBF.Time().Before(t.Now.Add(soon)) {
		switch backdated := c.row.m.backdated; {
		case backdated != "":
			g.Retroactive, g.RetroactiveReason = true, backdated
		case g.NBF.Time().Before(t.Now):
			return nil, c.row.mistake("/nbf", "is %s, before the day of import; where that is meant, the map says why, with backdated", g.NBF.Time().Format(time.RFC3339))
		}
	}
	if err := attest.Check(claims); err != nil {
		found, ok := errors.AsType[attest.Problems](err)
		if !ok {
			return nil, err
		}
		var bad Mistakes
		for _, p := range found {
			bad = append(bad, c.row.Mistake(p.Pointer, p.Message))
		}
		return nil, bad
	}
	return claims, nil
}

// soon is how long it may take from writing a statement to logging it.
const soon = 10 * time.Minute

// end returns the event that ends what is gone.
func (c *Change) end(t Terms) (attest.Claims, error) {
	h := c.standing.Newest.Head()
	e := &attest.Event{
		Common: attest.Common{Aud: h.Aud, Iss: h.Iss, Sub: h.Sub, JTI: c.JTI, IAT: attest.NumericDate(t.Now.Unix())},
		Event:  t.End, Target: c.Stands, EffectiveAt: attest.NumericDate(t.Effective.Unix()),
	}
	return e, attest.Check(e)
}

// mistake is one of a member of the row.
func (r *Row) mistake(at, format string, args ...any) error {
	return Mistakes{r.Mistake(at, fmt.Sprintf(format, args...))}
}

// Mistake is one that somebody else has found with a member of what the row
// made, such as a register.
func (r *Row) Mistake(at, message string) Mistake {
	if within(at, "/sub") {
		at = "/entity"
	}
	m := Mistake{Line: r.Line, Member: strings.TrimPrefix(at, "/"), Message: message}
	// Where members came from is kept of no good row; it is read again.
	reader := newRowReader(r.m, r.header, r.cells)
	reader.claims(r.options)
	if column, _, found := reader.origin(at); found && column >= 0 {
		reader.place(&m, column)
	}
	return m
}

// Row returns the row, nil of one that is gone.
func (c *Change) Row() *Row { return c.row }

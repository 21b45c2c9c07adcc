package issuing

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/strictjson"
)

// Options are for reading a table.
type Options struct {
	// Now is when the statements are written.
	Now time.Time
	// Aud and Iss are those of a map that names none.
	Aud, Iss string
}

// A Row is a good row of a table.
type Row struct {
	// Line is where it begins.
	Line int
	// Key names it.
	Key string

	// claims is what it says, with nothing that tells versions apart.
	claims attest.Claims

	m       *Map
	header  []string
	cells   row
	options Options
}

// Subject returns the subject of what the row says.
func (r *Row) Subject() string { return r.claims.Head().Sub }

// A Reading is what the rows of a table say.
type Reading struct {
	// Rows are the good ones.
	Rows []*Row
	// Mistakes are all of the others, in the order of the table.
	Mistakes []Mistake
	// Bad counts the rows that have mistakes.
	Bad int
}

// Read reads the rows of a table. Its error are mistakes of the map: a column
// that the table does not have, one that goes nowhere, or a value in the map
// that no statement may have.
func (m *Map) Read(t *Table, o Options) (*Reading, error) {
	if err := m.fits(t); err != nil {
		return nil, err
	}
	out := &Reading{Mistakes: slices.Clone(t.bad), Bad: t.badRows}
	var own problems
	names := m.names(t)
	for _, cells := range t.rows {
		r := newRowReader(m, t.header, cells)
		row := r.claims(o)
		r.unique(row, names)
		own = append(own, r.own...)
		switch {
		case len(r.mistakes) > 0:
			slices.SortStableFunc(r.mistakes, func(a, b Mistake) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
			out.Mistakes = append(out.Mistakes, r.mistakes...)
			out.Bad++
		case row != nil && len(r.own) == 0:
			out.Rows = append(out.Rows, row)
		}
	}
	slices.SortStableFunc(out.Mistakes, func(a, b Mistake) int { return a.Line - b.Line })
	return out, m.doc.Explain(m.file, own)
}

// fits: the table has the columns that the map takes, and no others.
func (m *Map) fits(t *Table) error {
	var p problems
	taken := make(map[string]bool)
	take := func(at, name string) {
		taken[name] = true
		if !slices.Contains(t.header, name) {
			p.Add(at, "the table has no column %q; it has %s", clip(name), quoted(t.header))
		}
	}
	m.key.columns(take)
	m.entity.columns(take)
	m.members.columns(take)
	for i, name := range m.ignore {
		if taken[name] {
			p.Add(fmt.Sprintf("/ignore/%d", i), "column %q is not ignored: the map takes it", clip(name))
		}
		take(fmt.Sprintf("/ignore/%d", i), name)
	}
	var left []string
	for _, name := range t.header {
		if !taken[name] {
			left = append(left, name)
		}
	}
	if left != nil {
		p.Add("/ignore", "the table has %s, which goes nowhere; take it into a member, or name it here", quoted(left))
	}
	return m.doc.Explain(m.file, p)
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = fmt.Sprintf("%q", clip(n))
	}
	return strings.Join(out, ", ")
}

// A rowReader reads one row, and remembers what came from where.
type rowReader struct {
	m      *Map
	header []string
	row    row
	// columns maps pointers of the statement to the columns that went there,
	// where to the place in the map.
	columns map[string][]int
	where   map[string]string
	// pieces are those of the element that an each is put through, of the column
	// of.
	pieces []string
	of     int

	mistakes []Mistake
	// own are mistakes of the map that a row has shown.
	own problems
	// silent are pointers whose mistake is told.
	silent []string
}

func newRowReader(m *Map, header []string, cells row) *rowReader {
	return &rowReader{m: m, header: header, row: cells, columns: make(map[string][]int), where: make(map[string]string)}
}

// value returns the text of a column, or of a piece, and the number of the
// column, from 0.
func (r *rowReader) value(name string) (string, int) {
	if r.pieces != nil && piece.MatchString(name) {
		if i := int(name[0] - '1'); i < len(r.pieces) {
			return strings.TrimSpace(r.pieces[i]), r.of
		}
		return "", r.of
	}
	i := slices.Index(r.header, name)
	return r.row.cells[i].text, i
}

// fill fills a template for a member, in one line of well-formed text.
func (r *rowReader) fill(t template, at string) (string, bool) {
	s, ok := r.fillRaw(t, at)
	if !ok {
		return "", false
	}
	if err := wellFormed(s); err != nil {
		r.bad(at, "%v", err)
		return "", false
	}
	return s, true
}

func (r *rowReader) fillRaw(t template, at string) (string, bool) {
	s, from, ok, err := t.fill(r)
	r.came(at, t.at)
	r.columns[at] = append(r.columns[at], from...)
	if err != nil {
		r.bad(at, "%v", err)
	}
	return s, ok && err == nil
}

func (r *rowReader) came(at, where string) { r.where[at] = where }

// derived says that what is at a pointer came from where another came from.
func (r *rowReader) derived(at, from string) {
	r.columns[at], r.where[at] = r.columns[from], r.where[from]
}

// columnOf is the first column that went to a pointer.
func (r *rowReader) columnOf(at string) int {
	if c := r.columns[at]; len(c) > 0 {
		return c[0]
	}
	return -1
}

// maxTold bounds the mistakes that are told of one row, and maxElements what a
// cell is split into.
const (
	maxTold     = 64
	maxElements = 1000
)

// bad records a mistake of a member, at the column that it came from; a mistake
// of what came from none is the map's.
func (r *rowReader) bad(at, format string, args ...any) {
	if len(r.silent) == maxTold || slices.ContainsFunc(r.silent, func(s string) bool { return within(at, s) || within(s, at) }) {
		return
	}
	r.silent = append(r.silent, at)
	r.tell(at, format, args...)
}

func (r *rowReader) tell(at, format string, args ...any) {
	column, where, found := r.origin(at)
	if found && column < 0 {
		r.own.Add(where, format, args...)
		return
	}
	name := strings.TrimPrefix(at, "/")
	m := Mistake{Line: r.row.line, Member: name, Message: fmt.Sprintf(format, args...)}
	if column >= 0 {
		r.place(&m, column)
	}
	r.mistakes = append(r.mistakes, m)
}

// place says at which cell a mistake is.
func (r *rowReader) place(m *Mistake, column int) {
	c := r.row.cells[column]
	m.Line, m.Byte, m.Column, m.Name = c.line, c.byte, column+1, r.header[column]
}

// origin finds where a member, or its nearest ancestor, came from: the column,
// -1 for none, and the place in the map. Of several columns it is the first that
// is not empty, else the first.
func (r *rowReader) origin(at string) (column int, where string, found bool) {
	for p := at; ; p = p[:strings.LastIndexByte(p, '/')] {
		if w, ok := r.where[p]; ok {
			columns := r.columns[p]
			if len(columns) == 0 && p == at {
				columns = r.below(at)
			}
			if len(columns) == 0 {
				return -1, w, true
			}
			for _, c := range columns {
				if r.row.cells[c].text != "" {
					return c, w, true
				}
			}
			return columns[0], w, true
		}
		if p == "" {
			return -1, "", false
		}
	}
}

// below are the columns that went to members below a pointer.
func (r *rowReader) below(at string) (out []int) {
	for _, p := range sorted(r.columns) {
		if within(p, at) {
			out = append(out, r.columns[p]...)
		}
	}
	return out
}

// within reports whether a pointer is at or below another.
func within(pointer, other string) bool {
	return other != "" && (pointer == other || strings.HasPrefix(pointer, other+"/"))
}

// claims returns what the row says, nil where it says nothing good.
func (r *rowReader) claims(o Options) *Row {
	key, keyed := r.fill(r.m.key, "/key")
	if !keyed {
		r.bad("/key", "is empty; every row has a key")
	}
	tree, _ := r.m.members.read(r, "")
	members, _ := tree.(map[string]any)
	entity, ok := r.m.entity.read(r, "/entity")
	id, _ := entity.(string)
	if !ok {
		r.bad("/entity", "is missing: the entity's id, <scheme>:<value>")
	}
	iss := given(r.m.iss, o.Iss)
	members["aud"], members["iss"] = given(r.m.aud, o.Aud), iss
	members["sub"] = attest.EntitySubject(id)
	if r.m.kind == attest.KindEntityApproval {
		members["sub"] = attest.ApprovalSubject(id, iss)
		members["vct"] = attest.VCT
	}
	r.derived("/sub", "/entity")
	r.dropOwn(members, id)
	claims := attest.NewClaims(r.m.kind)
	data, err := json.Marshal(members)
	if err != nil {
		r.bad("", "%v", err)
		return nil
	}
	row := &Row{Line: r.row.line, Key: key, claims: claims, m: r.m, header: r.header, cells: r.row, options: o}
	if !r.note(strictjson.UnmarshalAll(data, claims, strictjson.Form{MaxBytes: len(data)})) || !ok || !keyed {
		return nil
	}
	// A probe of what will be signed, with a name in place of the one that it
	// gets.
	h := claims.Head()
	h.JTI, h.IAT = "x", attest.NumericDate(o.Now.Unix())
	_, err = attest.Payload(claims)
	h.JTI, h.IAT = "", 0
	if !r.note(err) || len(r.mistakes) > 0 {
		return nil
	}
	return row
}

func given(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// dropOwn takes the entity's own id out of its other identifiers: of a row with
// several, the map takes the first for the entity.
func (r *rowReader) dropOwn(members map[string]any, id string) {
	all, ok := members["identifiers"].([]any)
	if !ok {
		return
	}
	var others []any
	for i, v := range all {
		if v != any(id) {
			r.derived(fmt.Sprintf("/identifiers/%d", len(others)), fmt.Sprintf("/identifiers/%d", i))
			others = append(others, v)
		}
	}
	members["identifiers"] = others
	if others == nil {
		delete(members, "identifiers")
	}
}

// note records the problems that a reader of the claims has found; it reports
// whether there are none.
func (r *rowReader) note(err error) bool {
	if err == nil {
		return true
	}
	found, ok := errors.AsType[attest.Problems](err)
	if !ok {
		r.bad("", "%v", err)
		return false
	}
	for _, p := range found {
		at := p.Pointer
		if within(at, "/sub") {
			at = "/entity"
		}
		r.bad(at, "%s", p.Message)
	}
	return false
}

// tableNames are what names a row in a table, and where: keys, and of
// registrations the subjects of their identifiers. Those of bad rows are among
// them: which of two rows is the wrong one, nobody but the table's owner knows.
type tableNames struct{ keys, subjects map[string]*places }

// places are the lines of the first two rows that have a name.
type places struct{ first, second int }

// other is a line, beside that one, with the same name; 0 for none.
func (p *places) other(line int) int {
	switch {
	case p == nil:
		return 0
	case p.first == line:
		return p.second
	default:
		return p.first
	}
}

// names reads what names the rows, before any is judged.
func (m *Map) names(t *Table) tableNames {
	n := tableNames{make(map[string]*places), make(map[string]*places)}
	add := func(to map[string]*places, name string, line int) {
		switch p := to[name]; {
		case p == nil:
			to[name] = &places{first: line}
		case p.second == 0 && p.first != line:
			p.second = line
		}
	}
	read := func(cells row) {
		r := newRowReader(m, t.header, cells)
		if key, ok := r.fill(m.key, "/key"); ok {
			add(n.keys, key, cells.line)
		}
		if m.kind != attest.KindRegistration {
			return
		}
		entity, _ := m.entity.read(r, "/entity")
		tree, _ := m.members.read(r, "")
		members, _ := tree.(map[string]any)
		others, _ := members["identifiers"].([]any)
		for _, id := range append([]any{entity}, others...) {
			if s, ok := id.(string); ok {
				add(n.subjects, attest.EntitySubject(s), cells.line)
			}
		}
	}
	for _, cells := range t.rows {
		read(cells)
	}
	for _, cells := range t.misshapen {
		read(cells)
	}
	return n
}

// unique: no two rows have one key, and no two registrations one identifier. All
// that have are bad, since one is wrong; row is nil where it is bad already.
func (r *rowReader) unique(row *Row, names tableNames) {
	if key, ok := newRowReader(r.m, r.header, r.row).fill(r.m.key, "/key"); ok {
		if line := names.keys[key].other(r.row.line); line > 0 {
			r.bad("/key", "%q is the key of the row on line %d, too", clip(key), line)
			return
		}
	}
	if row == nil {
		return
	}
	registration, ok := row.claims.(*attest.Registration)
	if !ok {
		return
	}
	for i, s := range registration.Subjects() {
		at := "/entity"
		if i > 0 {
			at = fmt.Sprintf("/identifiers/%d", i-1)
		}
		if line := names.subjects[s].other(row.Line); line > 0 {
			r.bad(at, "%s stands for the entity on line %d, too", strings.TrimPrefix(s, "entity:"), line)
		}
	}
}

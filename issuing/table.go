package issuing

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Table is the cells of a CSV file (RFC 4180), trimmed of white space.
type Table struct {
	header []string
	rows   []row
	// bad are the mistakes of rows that cannot be read, of which there are so many.
	bad     Mistakes
	badRows int
	// misshapen are these rows, with at least as many cells as the header.
	misshapen []row
}

// A row is one row of a table.
type row struct {
	line  int
	cells []cell
}

// A cell is one cell, and where it begins.
type cell struct {
	text       string
	line, byte int
}

// Columns returns the names of the columns.
func (t *Table) Columns() []string { return t.header }

// Len returns how many rows there are, with those that [Map.Read] will find bad.
func (t *Table) Len() int { return len(t.rows) + t.badRows }

// maxMistakes bounds what is told of a file that is no table at all.
const maxMistakes = 1000

// ReadTable reads a CSV file: UTF-8 with or without a byte order mark, lines
// ended by LF or CRLF, the first row naming the columns. A row without anything
// in it is passed over. It returns [Mistakes] where it is no table. A row with
// other cells than the header has names for is a bad one, which [Map.Read] tells
// of.
func ReadTable(data []byte, delimiter rune) (*Table, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if err := readable(data); err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma = delimiter
	// How many fields a row has is said with its line, here.
	r.FieldsPerRecord = -1
	t, bad := new(Table), Mistakes(nil)
	for len(bad) < maxMistakes {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if e, ok := errors.AsType[*csv.ParseError](err); ok {
			bad = append(bad, Mistake{Line: e.Line, Byte: e.Column, Message: syntax(e)})
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the table: %w", err)
		}
		row := newRow(r, fields)
		switch {
		case t.header == nil:
			bad = append(bad, t.name(row)...)
		case row.blank():
		case t.Len() == MaxRows:
			return nil, append(bad, Mistake{Line: row.line, Message: fmt.Sprintf("is one row more than the %d that are accepted; cut the table in two", MaxRows)})
		default:
			if mistakes := row.check(t.header); mistakes != nil {
				t.bad = append(t.bad, mistakes...)
				t.badRows++
				t.misshapen = append(t.misshapen, row.padded(len(t.header)))
				continue
			}
			t.rows = append(t.rows, row)
		}
	}
	if t.header == nil && bad == nil {
		bad = Mistakes{{Line: 1, Message: "the file is empty; its first row names the columns"}}
	}
	if len(bad) > 0 {
		// Whoever mends the file mends them all.
		bad = append(bad, t.bad...)
		slices.SortStableFunc(bad, func(a, b Mistake) int { return a.Line - b.Line })
	}
	return t, bad.err()
}

// readable bounds a file, and refuses one that is not UTF-8.
func readable(data []byte) error {
	if len(data) > MaxBytes {
		return Mistakes{{Line: 1, Message: fmt.Sprintf("the file has %d bytes; at most %d are accepted", len(data), MaxBytes)}}
	}
	for line, rest := 1, data; len(rest) > 0; line++ {
		var text []byte
		text, rest, _ = bytes.Cut(rest, []byte("\n"))
		if utf8.Valid(text) {
			continue
		}
		at := 0
		for at < len(text) {
			r, n := utf8.DecodeRune(text[at:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			at += n
		}
		return Mistakes{{Line: line, Byte: at + 1, Message: "the file is not UTF-8 text: save it as \"CSV UTF-8\""}}
	}
	return nil
}

func syntax(e *csv.ParseError) string {
	switch {
	case errors.Is(e.Err, csv.ErrBareQuote):
		return "has a quote in a cell that does not begin with one; such a cell stands in quotes, and each quote in it twice"
	case errors.Is(e.Err, csv.ErrQuote):
		return "has a quote that is not closed, or something behind the one that closes its cell"
	default:
		return e.Err.Error()
	}
}

func newRow(r *csv.Reader, fields []string) row {
	out := row{cells: make([]cell, len(fields))}
	for i, f := range fields {
		line, at := r.FieldPos(i)
		out.cells[i] = cell{strings.TrimSpace(f), line, at}
		if i == 0 {
			out.line = line
		}
	}
	return out
}

func (r row) blank() bool {
	for _, c := range r.cells {
		if c.text != "" {
			return false
		}
	}
	return true
}

// padded returns the row with at least n cells.
func (r row) padded(n int) row {
	for len(r.cells) < n {
		r.cells = append(r.cells, cell{line: r.line})
	}
	return r
}

// name takes a row as the header.
func (t *Table) name(r row) (bad Mistakes) {
	t.header = make([]string, 0, len(r.cells))
	if len(r.cells) > MaxColumns {
		return Mistakes{{Line: r.line, Message: fmt.Sprintf("names %d columns; at most %d are accepted", len(r.cells), MaxColumns)}}
	}
	seen := make(map[string]int)
	for i, c := range r.cells {
		t.header = append(t.header, c.text)
		switch first, again := seen[c.text]; {
		case c.text == "":
			bad = append(bad, Mistake{Line: c.line, Byte: c.byte, Column: i + 1, Message: "has no name; the first row names every column"})
		case again:
			bad = append(bad, Mistake{Line: c.line, Byte: c.byte, Column: i + 1, Name: c.text, Message: fmt.Sprintf("is the name of column %d, too", first)})
		default:
			seen[c.text] = i + 1
		}
	}
	return bad
}

// check: as many cells as the header has, none too long.
func (r row) check(header []string) (bad Mistakes) {
	if n := len(r.cells); n != len(header) {
		bad = append(bad, Mistake{Line: r.line, Message: fmt.Sprintf(
			"has %d cells; the header names %d: a cell with a comma or a line end in it stands in quotes", n, len(header))})
	}
	for i, c := range r.cells {
		if len(c.text) > MaxCell {
			m := Mistake{Line: c.line, Byte: c.byte, Column: i + 1, Message: fmt.Sprintf("has %d bytes; at most %d are accepted", len(c.text), MaxCell)}
			if i < len(header) {
				m.Name = header[i]
			}
			bad = append(bad, m)
		}
	}
	return bad
}

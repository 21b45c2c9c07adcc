// Package issuing makes statements from a table: one of each row, by a map that
// says which column goes into which member.
//
//	m, err := issuing.ParseMap("map.yaml", mapYAML)
//	t, err := issuing.ReadTable(csv, m.Delimiter())
//	reading, err := m.Read(t, issuing.Options{Now: now})
//	changes, err := issuing.Compare(m, reading.Rows, issuing.Standing(m.Scope(""), statements), issuing.Terms{Now: now})
//	claims, err := changes[0].Claims(issuing.Terms{Now: now})
//
// A row has a key, which the map makes of its columns and which stays when the
// row changes. The jti of what is made of a row follows from the series of the
// map, the key, what the row says and which version stood before, and from
// nothing else: the same table makes the same names again. So a run that was
// interrupted goes on where it stopped, and one that was not does nothing when
// it is repeated. Rows that say something else than what stands are new
// versions; of what stands under the series and is in no row it is told that
// it has ended, and whether it is ended is for the caller.
//
// Nothing is guessed: dates have the form and the zone that the map declares, a
// column that goes nowhere is named in the map, and every mistake is told, those
// of the map by line and member, those of the table by line and column.
//
// All functions are pure, and safe for concurrent use.
package issuing

import (
	"fmt"
	"strings"

	"github.com/safeconduct/safeconduct/internal/strictjson"
)

// The bounds of a table.
const (
	// MaxBytes is the largest file.
	MaxBytes = 16 << 20
	// MaxRows and MaxColumns are the most rows and columns.
	MaxRows    = 20_000
	MaxColumns = 256
	// MaxCell is the longest cell, in bytes.
	MaxCell = 32 << 10
)

// A Mistake is one mistake in a table.
type Mistake struct {
	// Line is where the cell begins, or its row where it is of none, from 1.
	Line int `json:"line"`
	// Byte is where the cell begins in its line, in bytes from 1, 0 for a row.
	Byte int `json:"byte,omitzero"`
	// Column is the number of the column, from 1, and Name what the header calls
	// it; 0 and empty for a row.
	Column int    `json:"column,omitzero"`
	Name   string `json:"name,omitzero"`
	// Member is the member of the statement that is at fault, as a JSON pointer
	// without its first slash, empty where it is none.
	Member string `json:"member,omitzero"`
	// Message says what is wrong.
	Message string `json:"message"`
}

// In says the mistake, FILE:LINE:BYTE: column N "NAME": member: message.
func (m Mistake) In(file string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: ", file, m.Line)
	if m.Byte > 0 {
		b.Reset()
		fmt.Fprintf(&b, "%s:%d:%d: ", file, m.Line, m.Byte)
	}
	if m.Column > 0 {
		fmt.Fprintf(&b, "column %d %q: ", m.Column, clip(m.Name))
	}
	if m.Member != "" {
		b.WriteString(m.Member + ": ")
	}
	return b.String() + m.Message
}

// Mistakes are those of a table that cannot be read as one, as an error.
type Mistakes []Mistake

// Error says each mistake on a line of its own.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, x := range m {
		lines[i] = x.In("table")
	}
	return strings.Join(lines, "\n")
}

func (m Mistakes) err() error {
	if len(m) == 0 {
		return nil
	}
	return m
}

// problems are those of a map.
type problems = strictjson.Problems

// clip cuts what is shown of a table short where it is long.
func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// Package yamldoc reads the YAML that people write, a draft or a request, as
// the one JSON document that it stands for, and remembers on which line each
// member stands.
//
// It reads less than YAML: one document of members, each name once, no tags
// and no merge keys, so that a file cannot mean something else to its reader
// than to its writer. An alias stands for a copy of what its anchor names,
// within a bound on the document that this makes. JSON is read too.
//
// A plain scalar is an integer, true, false, null or else text exactly as it
// stands in the file: 2026-01-01T00:00:00Z is not a date here, 250000.50 not a
// float, 1E001 (a control-list entry) not a number, and NO is Norway. Text is
// not normalised; package strictjson reports what is not in its one form.
//
// Start with [Parse]; hand [Doc.JSON] to a strict reader, and what it finds to
// [Doc.Explain].
package yamldoc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/safeconduct/safeconduct/internal/strictjson"
)

// The bounds of a document.
const (
	// MaxBytes is the largest file.
	MaxBytes = 1 << 20
	// MaxDepth is how deep members and lists may be nested.
	MaxDepth = 16
	// MaxNodes is how many values there may be once aliases are copied out.
	MaxNodes = 100_000
	// maxName bounds the name of a member and maxJSON what the copies of an
	// alias may add up to, both in bytes.
	maxName = 256
	maxJSON = 4 << 20
)

// A Doc is a document that has been read. It does not change and may be used
// concurrently.
type Doc struct {
	root *yaml.Node
	json []byte
	// places are those of the members of objects that have very many, by their names.
	places map[*yaml.Node]map[string]int
}

// Parse reads one YAML document, whose top is members. It returns *[Mistakes]
// where it cannot, as many as it can tell apart.
func Parse(data []byte) (*Doc, error) {
	if len(data) > MaxBytes {
		return nil, mistake(1, 1, fmt.Sprintf("the file has %d bytes; at most %d are accepted", len(data), MaxBytes))
	}
	if err := checkText(data); err != nil {
		return nil, err
	}
	root, err := load(data)
	if err != nil {
		return nil, err
	}
	text, places, err := render(root, false)
	if err != nil {
		return nil, err
	}
	return &Doc{root, text, places}, nil
}

// load returns the top of the only document in data.
func load(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF), err == nil && len(doc.Content) == 0:
		return nil, mistake(1, 1, "the file is empty")
	case err != nil:
		return nil, syntaxMistake(data, err)
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		return nil, mistake(second.Line, second.Column, "a second document begins here; a file has one")
	case !errors.Is(err, io.EOF):
		return nil, syntaxMistake(data, err)
	}
	root := doc.Content[0]
	switch root.Kind {
	case yaml.MappingNode:
		return root, nil
	case yaml.ScalarNode:
		if root.Value == "" || root.ShortTag() == "!!null" {
			return nil, mistake(1, 1, "the file is empty")
		}
		return nil, mistake(root.Line, root.Column, "has text alone; want members, each a name, a colon, a space and a value: is a colon missing?")
	default:
		return nil, mistake(root.Line, root.Column, "has a list at its top; want members, each a name, a colon, a space and a value")
	}
}

// JSON returns the document as JSON, its members in the order of the file. The
// caller does not change it.
func (d *Doc) JSON() []byte { return d.json }

// WithoutNulls returns the document less the members whose value is null, ~ or
// nothing, for readers to whom they are not given.
func (d *Doc) WithoutNulls() *Doc {
	// It is part of what has been rendered already, within all bounds.
	text, _, err := render(d.root, true)
	if err != nil {
		return d
	}
	return &Doc{d.root, text, d.places}
}

// Line returns the line, from 1, of the member or element at a JSON pointer
// (RFC 6901); where there is none, that of its nearest ancestor.
func (d *Doc) Line(pointer string) int {
	line, n := d.root.Line, d.root
	for i, token := range strings.Split(pointer, "/") {
		if i == 0 {
			continue
		}
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		at, child := d.find(n, unescaped.Replace(token))
		if child == nil {
			break
		}
		line, n = at, child
	}
	return line
}

// escaped writes a name as a token of a JSON pointer, unescaped reads one.
var (
	escaped   = strings.NewReplacer("~", "~0", "/", "~1")
	unescaped = strings.NewReplacer("~1", "/", "~0", "~")
)

// find returns a member or element of n and the line where it begins.
func (d *Doc) find(n *yaml.Node, name string) (int, *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		if places, ok := d.places[n]; ok {
			if i, ok := places[name]; ok {
				return n.Content[i].Line, n.Content[i+1]
			}
			break
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				return n.Content[i].Line, n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i].Line, n.Content[i]
		}
	}
	return 0, nil
}

// Explain returns the problems that a reader of [Doc.JSON] found as *[Mistakes]
// with their lines in the file, nil where there are none.
func (d *Doc) Explain(file string, problems strictjson.Problems) error {
	if len(problems) == 0 {
		return nil
	}
	m := &Mistakes{File: file}
	for _, p := range problems {
		m.List = append(m.List, Mistake{
			Line:    d.Line(p.Pointer),
			Member:  strings.TrimPrefix(p.Pointer, "/"),
			Message: p.Message,
		})
	}
	return m.sorted()
}

// Read reads YAML or JSON into JSON and hands it to parse; what is wrong, and what
// parse finds wrong, is named by the file's name, line and member.
func Read[T any](name string, data []byte, parse func([]byte) (T, error)) (T, error) {
	var none T
	doc, err := Parse(data)
	if err != nil {
		return none, InFile(name, err)
	}
	v, err := parse(doc.JSON())
	if p, ok := errors.AsType[strictjson.Problems](err); ok {
		err = doc.Explain(name, p)
	}
	if err != nil {
		return none, err
	}
	return v, nil
}

// A Mistake is one mistake in a file.
type Mistake struct {
	// Line and Column count from 1; a Column of 0 says nothing.
	Line, Column int
	// Member is the JSON pointer of the member at fault without its first
	// slash, empty where it is none.
	Member string
	// Message says what is wrong and, where it helps, what to write instead.
	Message string
}

// Mistakes are the mistakes of one file, as an error.
type Mistakes struct {
	// File is the file's name, empty where it is not known.
	File string
	// List is sorted by line.
	List []Mistake
}

// Error prints each mistake on a line of its own, FILE:LINE: member: message.
func (m *Mistakes) Error() string {
	lines := make([]string, len(m.List))
	for i, x := range m.List {
		at := m.File + ":" + strconv.Itoa(x.Line)
		if m.File == "" {
			at = "line " + strconv.Itoa(x.Line)
		}
		switch {
		case x.Column == 0:
		case m.File == "":
			at += ", column " + strconv.Itoa(x.Column)
		default:
			at += ":" + strconv.Itoa(x.Column)
		}
		if x.Member != "" {
			at += ": " + x.Member
		}
		lines[i] = at + ": " + x.Message
	}
	return strings.Join(lines, "\n")
}

// sorted sorts the mistakes by line and drops those that say the same again.
func (m *Mistakes) sorted() *Mistakes {
	slices.SortStableFunc(m.List, func(a, b Mistake) int { return a.Line - b.Line })
	seen := make(map[Mistake]bool)
	m.List = slices.DeleteFunc(m.List, func(x Mistake) bool {
		again := seen[x]
		seen[x] = true
		return again
	})
	return m
}

// InFile gives err, where it is *[Mistakes], the name of the file that they
// are in; another error it returns with the name before it.
func InFile(file string, err error) error {
	if err == nil {
		return nil
	}
	if m, ok := errors.AsType[*Mistakes](err); ok {
		return &Mistakes{file, m.List}
	}
	return fmt.Errorf("%s: %w", file, err)
}

func mistake(line, column int, message string) *Mistakes {
	return &Mistakes{List: []Mistake{{Line: line, Column: column, Message: message}}}
}

package yamldoc

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// A renderer writes nodes as JSON and collects what may not stand in them.
type renderer struct {
	out       []byte
	dropNulls bool
	nodes     int
	path      []string
	// open are the anchored nodes that are being written.
	open map[*yaml.Node]bool
	// places are as in [Doc].
	places map[*yaml.Node]map[string]int
	// full says that a bound is reached, and that no more is read.
	full     bool
	mistakes Mistakes
}

// manyMembers is how many members of an object are found by looking at each.
const manyMembers = 64

// render returns the JSON of the document with that root, and the places of the members
// of objects that have very many.
func render(root *yaml.Node, dropNulls bool) ([]byte, map[*yaml.Node]map[string]int, error) {
	r := &renderer{dropNulls: dropNulls, open: make(map[*yaml.Node]bool), places: make(map[*yaml.Node]map[string]int)}
	r.value(root)
	if len(r.mistakes.List) > 0 {
		return nil, nil, r.mistakes.sorted()
	}
	return r.out, r.places, nil
}

func (r *renderer) add(n *yaml.Node, format string, args ...any) {
	r.mistakes.List = append(r.mistakes.List, Mistake{
		Line:    n.Line,
		Column:  n.Column,
		Member:  strings.Join(r.path, "/"),
		Message: fmt.Sprintf(format, args...),
	})
	// Nobody reads on after so many.
	r.full = r.full || len(r.mistakes.List) == 100
}

// stop records that a bound is reached.
func (r *renderer) stop(n *yaml.Node, format string, args ...any) {
	if !r.full {
		r.add(n, format, args...)
	}
	r.full = true
}

func (r *renderer) value(n *yaml.Node) {
	r.nodes++
	switch {
	case r.nodes > MaxNodes:
		r.stop(n, "the document has more than %d values, aliases copied out", MaxNodes)
	case len(r.out) > maxJSON:
		r.stop(n, "the document has more than %d bytes, aliases copied out", maxJSON)
	case len(r.path) > MaxDepth:
		r.stop(n, "is nested deeper than %d levels", MaxDepth)
	}
	if r.full {
		return
	}
	if n.Style&yaml.TaggedStyle != 0 {
		r.add(n, "has the tag %s; write the value without it", n.Tag)
		return
	}
	if n.Anchor != "" && n.Kind != yaml.AliasNode {
		r.open[n] = true
		defer delete(r.open, n)
	}
	switch n.Kind {
	case yaml.MappingNode:
		r.object(n)
	case yaml.SequenceNode:
		r.array(n)
	case yaml.AliasNode:
		if r.open[n.Alias] {
			r.add(n, "*%s stands within &%s itself", n.Value, n.Value)
			return
		}
		r.value(n.Alias)
	default:
		r.out = append(r.out, scalar(n)...)
	}
}

func (r *renderer) object(n *yaml.Node) {
	lines := make(map[string]int)
	var places map[string]int
	if len(n.Content) > 2*manyMembers {
		places = make(map[string]int, len(n.Content)/2)
		r.places[n] = places
	}
	first := true
	r.out = append(r.out, '{')
	for i := 0; i+1 < len(n.Content) && !r.full; i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if !r.name(key, lines) {
			continue
		}
		if places != nil {
			places[key.Value] = i
		}
		if r.dropNulls && isNull(val) {
			continue
		}
		if !first {
			r.out = append(r.out, ',')
		}
		first = false
		r.out = append(append(r.out, quote(key.Value)...), ':')
		r.path = append(r.path, escaped.Replace(key.Value))
		r.value(val)
		r.path = r.path[:len(r.path)-1]
	}
	r.out = append(r.out, '}')
}

// name reports whether key may be the name of a member; lines has those
// before it.
func (r *renderer) name(key *yaml.Node, lines map[string]int) bool {
	switch {
	case key.ShortTag() == "!!merge":
		r.add(key, "<< is not read; write the members out")
	case key.Kind != yaml.ScalarNode || key.Style&yaml.TaggedStyle != 0:
		r.add(key, "the name of a member must be plain text")
	case key.Value == "":
		r.add(key, "a member has no name; is there a colon too many?")
	case len(key.Value) > maxName:
		r.add(key, "the name of a member has %d bytes; at most %d are accepted", len(key.Value), maxName)
	case lines[key.Value] != 0:
		r.add(key, "member %q stands twice, first on line %d", key.Value, lines[key.Value])
	default:
		lines[key.Value] = key.Line
		return true
	}
	return false
}

func (r *renderer) array(n *yaml.Node) {
	r.out = append(r.out, '[')
	for i, e := range n.Content {
		if r.full {
			return
		}
		if i > 0 {
			r.out = append(r.out, ',')
		}
		r.path = append(r.path, strconv.Itoa(i))
		r.value(e)
		r.path = r.path[:len(r.path)-1]
	}
	r.out = append(r.out, ']')
}

// integer is the spelling that is a number here; 007, +1 and 0x1F are text.
var integer = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

func isPlain(n *yaml.Node) bool {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	return n.Kind == yaml.ScalarNode && n.Style&quoted == 0
}

func isNull(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return isPlain(n) && scalar(n) == "null"
}

// scalar returns the JSON of a scalar (YAML 1.2 core schema, section 10.3,
// with its floats left as text).
func scalar(n *yaml.Node) string {
	if !isPlain(n) {
		return quote(n.Value)
	}
	switch n.Value {
	case "", "~", "null", "Null", "NULL":
		return "null"
	case "true", "True", "TRUE":
		return "true"
	case "false", "False", "FALSE":
		return "false"
	}
	if integer.MatchString(n.Value) {
		return n.Value
	}
	return quote(n.Value)
}

func quote(s string) string {
	// checkText has refused invalid UTF-8, and "\xff" in YAML is U+00FF.
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		return `""`
	}
	return string(b)
}

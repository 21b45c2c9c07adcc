package issuing

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// constant is a value that every row has.
type constant struct {
	v  any
	at string
}

func (constant) columns(func(at, name string)) {}

func (c constant) read(r *rowReader, at string) (any, bool) {
	r.came(at, c.at)
	return c.v, true
}

// text is a template, of a number where that is asked for.
type text struct {
	template
	number bool
}

func (n text) read(r *rowReader, at string) (any, bool) {
	s, ok := r.fill(n.template, at)
	if !ok {
		return nil, false
	}
	if n.number {
		if _, err := strconv.ParseInt(s, 10, 64); err != nil {
			r.bad(at, "%q is no whole number", clip(s))
			return nil, false
		}
		return json.Number(s), true
	}
	return s, true
}

// nodes are those below one.
type nodes []node

func (ns nodes) columns(visit func(at, name string)) {
	for _, n := range ns {
		n.columns(visit)
	}
}

// object is members, those that have something.
type object struct {
	at    string
	names []string
	nodes
}

func (o object) read(r *rowReader, at string) (any, bool) {
	r.came(at, o.at)
	out := make(map[string]any)
	for i, n := range o.nodes {
		if v, ok := n.read(r, pointer(at, o.names[i])); ok {
			out[o.names[i]] = v
		}
	}
	return out, len(out) > 0
}

// list is elements, those that have something.
type list struct {
	at string
	nodes
}

func (l list) read(r *rowReader, at string) (any, bool) {
	r.came(at, l.at)
	var out []any
	for _, n := range l.nodes {
		if v, ok := n.read(r, fmt.Sprintf("%s/%d", at, len(out))); ok {
			out = append(out, v)
		}
	}
	return out, len(out) > 0
}

// first is the first of its nodes that has something.
type first struct {
	at string
	nodes
}

func (f first) read(r *rowReader, at string) (any, bool) {
	r.came(at, f.at)
	for _, n := range f.nodes {
		before := len(r.mistakes)
		if v, ok := n.read(r, at); ok || len(r.mistakes) > before {
			return v, ok
		}
	}
	return nil, false
}

// lookup is what a text of the column stands for.
type lookup struct {
	template
	at string
	to map[string]string
}

func (l lookup) read(r *rowReader, at string) (any, bool) {
	s, ok := r.fill(l.template, at)
	if !ok {
		return nil, false
	}
	v, known := l.to[s]
	if !known {
		r.bad(at, "%q stands for nothing in the map; it has %s", clip(s), clip(strings.Join(sorted(l.to), ", ")))
	}
	return v, known
}

// split is the elements of a column, each put through a node.
type split struct {
	template
	at               string
	separator, parts string
	each             node
}

func (s split) columns(visit func(at, name string)) {
	s.template.columns(visit)
	if s.each != nil {
		s.each.columns(func(at, name string) {
			if !piece.MatchString(name) {
				visit(at, name)
			}
		})
	}
}

func (s split) read(r *rowReader, at string) (any, bool) {
	cell, ok := r.fillRaw(s.template, at)
	if !ok {
		return nil, false
	}
	all := strings.Split(cell, s.separator)
	if r.tooMany(all, at) {
		return nil, false
	}
	var out []any
	seen := make(map[string]bool)
	for _, e := range all {
		if e = strings.TrimSpace(e); e == "" {
			continue
		}
		here := fmt.Sprintf("%s/%d", at, len(out))
		r.derived(here, at)
		if err := wellFormed(e); err != nil {
			r.bad(here, "%v", err)
			continue
		}
		if seen[e] {
			r.bad(here, "%q stands twice", clip(e))
			continue
		}
		seen[e] = true
		if s.each == nil {
			out = append(out, e)
			continue
		}
		if v, ok := s.element(r, e, here, at); ok {
			out = append(out, v)
		}
	}
	return out, len(out) > 0
}

// element puts an element through each, whose pieces are of the column.
func (s split) element(r *rowReader, e, at, of string) (any, bool) {
	pieces := []string{e}
	if s.parts != "" {
		pieces = strings.Split(e, s.parts)
	}
	most := 0
	s.each.columns(func(_, name string) {
		if piece.MatchString(name) {
			most = max(most, int(name[0]-'0'))
		}
	})
	if len(pieces) > most {
		r.bad(at, "%q has %d parts, of which the map takes %d", clip(e), len(pieces), most)
		return nil, false
	}
	r.pieces, r.of = pieces, r.columnOf(of)
	defer func() { r.pieces = nil }()
	return s.each.read(r, at)
}

// items are those of a control list: 3A001.a.5 (limitation) [SITE-1 SITE-2].
type items struct {
	template
	at        string
	separator string
	list      template
}

func (n items) columns(visit func(at, name string)) {
	n.template.columns(visit)
	n.list.columns(visit)
}

// itemForm: brackets of an entry, as in XI(a)(3), follow it without a space.
var itemForm = regexp.MustCompile(`^(?:([A-Z]+_[A-Z]+|WASSENAAR):)?([^\s\[\]]+)(?:\s+\((.*)\))?(?:\s*\[([^\[\]]*)\])?$`)

func (n items) read(r *rowReader, at string) (any, bool) {
	list, listed := "", false
	if n.list.parts != nil {
		if list, listed = r.fill(n.list, at); !listed {
			return nil, false
		}
	}
	cell, ok := r.fillRaw(n.template, at)
	if !ok {
		return nil, false
	}
	all := outside(cell, n.separator)
	if r.tooMany(all, at) {
		return nil, false
	}
	var out []any
	seen := make(map[string]bool)
	for _, e := range all {
		if e = strings.TrimSpace(e); e == "" {
			continue
		}
		here := fmt.Sprintf("%s/%d", at, len(out))
		r.derived(here, at)
		m := itemForm.FindStringSubmatch(e)
		switch {
		case m == nil:
			r.bad(here, "%q is no item: want an entry, behind it perhaps a limitation in round brackets and the sites in square ones, such as 3A001.a.5 (for civil use) [SITE-1 SITE-2]", clip(e))
			continue
		case listed && m[1] != "" && m[1] != list:
			r.bad(here, "%q is of another list than the map says, %s", clip(e), clip(list))
			continue
		case !listed && m[1] == "":
			r.bad(here, "%q does not say its list, and the map says none; want US_CCL:3A001, or list in the map", clip(e))
			continue
		case seen[m[0]]:
			r.bad(here, "%q stands twice", clip(e))
			continue
		}
		if err := wellFormed(e); err != nil {
			r.bad(here, "%v", err)
			continue
		}
		seen[m[0]] = true
		item := map[string]any{"list": m[1], "entry": m[2]}
		if m[1] == "" {
			item["list"] = list
		}
		if limitation := strings.TrimSpace(m[3]); limitation != "" {
			item["limitation"] = limitation
		}
		if sites := strings.FieldsFunc(m[4], func(c rune) bool { return c == ' ' || c == ',' }); len(sites) > 0 {
			ids := make([]any, len(sites))
			for i, s := range sites {
				ids[i] = s
			}
			item["sites"] = ids
		}
		out = append(out, item)
	}
	return out, len(out) > 0
}

// outside splits where the separator stands outside of brackets: a limitation
// may have it.
func outside(s, separator string) (out []string) {
	depth, from := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			depth = max(0, depth-1)
		case depth == 0 && strings.HasPrefix(s[i:], separator):
			out = append(out, s[from:i])
			i += len(separator) - 1
			from = i + 1
		}
	}
	return append(out, s[from:])
}

// tooMany refuses a cell that has more elements than a statement has room for.
func (r *rowReader) tooMany(all []string, at string) bool {
	if len(all) <= maxElements {
		return false
	}
	r.bad(at, "has %d elements; at most %d are accepted", len(all), maxElements)
	return true
}

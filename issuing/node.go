package issuing

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/controllist"
	"github.com/safeconduct/safeconduct/internal/strictjson"
)

// A node is what goes into one member.
type node interface {
	// columns visits the columns that it takes, with where in the map.
	columns(visit func(at, name string))
	// read returns what a row has for the member at a JSON pointer of the
	// statement; ok is false where it has nothing, or nothing good.
	read(r *rowReader, at string) (v any, ok bool)
}

// The nodes that are written as members of their own: the name of the first is
// what they are known by.
var forms = []string{"date", "first", "items", "lookup", "split"}

var (
	dateType = reflect.TypeFor[attest.NumericDate]()
	itemType = reflect.TypeFor[attest.Item]()
)

// node reads what goes into a member of type t.
func (p *mapParser) node(v any, t reflect.Type, at string) node {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if m, ok := v.(map[string]any); ok {
		for _, f := range forms {
			if _, given := m[f]; given {
				return p.form(f, m, t, at)
			}
		}
	}
	switch {
	case t == dateType:
		return p.moment(v, at)
	case t.Kind() == reflect.String, t.Kind() == reflect.Int64:
		if n, ok := v.(json.Number); ok && t.Kind() == reflect.Int64 {
			return constant{n, at}
		}
		s, ok := p.str(v, at)
		if !ok {
			return nil
		}
		return text{p.template(s, at), t.Kind() == reflect.Int64}
	case t.Kind() == reflect.Bool:
		if _, ok := v.(bool); !ok {
			p.Add(at, "%s", wrong(v, "true or false"))
		}
		return constant{v, at}
	case t.Kind() == reflect.Slice:
		return p.list(v, t.Elem(), at)
	}
	members, ok := v.(map[string]any)
	if !ok {
		p.Add(at, "%s", wrong(v, "members"))
		return nil
	}
	var types map[string]reflect.Type
	if t.Kind() == reflect.Struct {
		types = strictjson.MemberTypes(t)
	} else {
		types = make(map[string]reflect.Type)
		for name := range members {
			types[name] = t.Elem()
		}
	}
	return p.members(members, types, at)
}

func (p *mapParser) members(members map[string]any, types map[string]reflect.Type, at string) object {
	o := object{at: at}
	for _, name := range sorted(members) {
		ptr := pointer(at, name)
		t, known := types[name]
		if !known {
			p.Add(ptr, "unknown member; here may stand %s", strings.Join(sorted(types), ", "))
			continue
		}
		if members[name] == nil {
			p.Add(ptr, "has no value; give one, or leave the member out")
			continue
		}
		if n := p.node(members[name], t, ptr); n != nil {
			o.names = append(o.names, name)
			o.nodes = append(o.nodes, n)
		}
	}
	return o
}

// moment is a date that is the same for every row.
func (p *mapParser) moment(v any, at string) node {
	s, ok := p.str(v, at)
	if !ok {
		return nil
	}
	if strings.Contains(s, "$") {
		p.Add(at, "is a date: write {date: %q, format: YYYY-MM-DD, zone: UTC}, with the form and the zone that the column has", clip(s))
		return nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		p.Add(at, "%q is no time: want date, time and offset, such as 2026-01-01T00:00:00Z", clip(s))
		return nil
	}
	return constant{json.Number(strconv.FormatInt(t.Unix(), 10)), at}
}

func (p *mapParser) list(v any, elem reflect.Type, at string) node {
	all, ok := v.([]any)
	if !ok {
		p.Add(at, "%s", wrong(v, "a list, or split"))
		return nil
	}
	l := list{at: at}
	for i, e := range all {
		if n := p.node(e, elem, fmt.Sprintf("%s/%d", at, i)); n != nil {
			l.nodes = append(l.nodes, n)
		}
	}
	return l
}

// form reads one of the nodes that have members of their own.
func (p *mapParser) form(name string, m map[string]any, t reflect.Type, at string) node {
	f := formReader{mapParser: p, m: m, at: at, seen: []string{name}}
	var n node
	switch fits := fit[name](t); {
	case !fits:
		p.Add(at, "%s does not go here", name)
		return nil
	case name == "date":
		n = f.date()
	case name == "first":
		n = f.first(t)
	case name == "lookup":
		n = f.lookup()
	case name == "items":
		n = f.items()
	default:
		n = f.split(t.Elem())
	}
	for _, member := range sorted(m) {
		if !slices.Contains(f.seen, member) {
			p.Add(pointer(at, member), "unknown member; beside %s may stand %s", name, strings.Join(f.seen[1:], ", "))
		}
	}
	return n
}

// fit tells which types of member a form goes into.
var fit = map[string]func(reflect.Type) bool{
	"date":   func(t reflect.Type) bool { return t == dateType },
	"first":  func(t reflect.Type) bool { return t.Kind() == reflect.String },
	"lookup": func(t reflect.Type) bool { return t.Kind() == reflect.String },
	"items":  func(t reflect.Type) bool { return t.Kind() == reflect.Slice && t.Elem() == itemType },
	"split":  func(t reflect.Type) bool { return t.Kind() == reflect.Slice },
}

// A formReader reads the members of a form.
type formReader struct {
	*mapParser
	m    map[string]any
	at   string
	seen []string
}

func (f *formReader) see(name string) (any, string, bool) {
	f.seen = append(f.seen, name)
	v, given := f.m[name]
	return v, pointer(f.at, name), given
}

// source is the template that the form is named for.
func (f *formReader) source(name string) template {
	at := pointer(f.at, name)
	s, ok := f.str(f.m[name], at)
	if !ok {
		return template{at: at}
	}
	t := f.template(s, at)
	if _, constant := t.constant(); constant {
		f.Add(at, "has no ${Column}")
	}
	return t
}

func (f *formReader) date() node {
	d := date{template: f.source("date"), at: f.at}
	v, at, given := f.see("format")
	if s, ok := f.optional(v, at, given, "the form that the column has, such as YYYY-MM-DD"); ok {
		var err error
		d.form, err = parseForm(s)
		f.is(at, err)
	}
	v, at, given = f.see("zone")
	switch {
	case d.form.layout != "" && d.form.offset && given:
		f.Add(at, "is not for dates that have an offset of their own")
	case d.form.offset:
	default:
		if s, ok := f.optional(v, at, given, "where the day begins, such as UTC, +05:30 or Asia/Kolkata"); ok {
			var err error
			d.zone, err = parseZone(s)
			f.is(at, err)
		}
	}
	v, at, given = f.see("last_day")
	if given {
		var ok bool
		if d.lastDay, ok = v.(bool); !ok {
			f.Add(at, "%s", wrong(v, "true: the day itself is the last one, and the next the end"))
		} else if d.lastDay && d.form.clock {
			f.Add(at, "goes with a day, not with a time of day")
		}
	}
	return d
}

func (f *formReader) optional(v any, at string, given bool, what string) (string, bool) {
	if !given {
		f.Add(at, "is missing: %s", what)
		return "", false
	}
	return f.str(v, at)
}

func (f *formReader) first(t reflect.Type) node {
	at := pointer(f.at, "first")
	all, ok := f.m["first"].([]any)
	if !ok || len(all) == 0 {
		f.Add(at, "%s", wrong(f.m["first"], "a list of texts, of which the first that has something is taken"))
		return nil
	}
	out := first{at: f.at}
	for i, v := range all {
		if n := f.node(v, t, fmt.Sprintf("%s/%d", at, i)); n != nil {
			out.nodes = append(out.nodes, n)
		}
	}
	return out
}

func (f *formReader) lookup() node {
	l := lookup{template: f.source("lookup"), at: f.at, to: make(map[string]string)}
	v, at, given := f.see("to")
	to, ok := v.(map[string]any)
	if !given || !ok {
		f.Add(at, "%s", wrong(v, "members: each text that the column has, and what it stands for"))
		return l
	}
	for _, name := range sorted(to) {
		if s, ok := f.str(to[name], pointer(at, name)); ok {
			l.to[name] = s
		}
	}
	return l
}

func (f *formReader) separator() string {
	v, at, given := f.see("separator")
	if !given {
		f.Add(at, "is missing: what stands between two elements, such as \";\", or \"\\n\" for a line end")
		return ""
	}
	s, ok := v.(string)
	if !ok || s == "" || len(s) > 8 {
		f.Add(at, "%s", wrong(v, "what stands between two elements, at most 8 bytes"))
		return ""
	}
	return s
}

func (f *formReader) items() node {
	n := items{template: f.source("items"), at: f.at, separator: f.separator()}
	if v, at, given := f.see("list"); given {
		if s, ok := f.str(v, at); ok {
			n.list = f.template(s, at)
			if c, constant := n.list.constant(); constant && !controllist.Known(c) {
				f.Add(at, "unknown list %q: want one of %s, or leave it out where each item says its own, US_CCL:3A001", clip(c), strings.Join(controllist.Lists(), ", "))
			}
		}
	}
	return n
}

func (f *formReader) split(elem reflect.Type) node {
	s := split{template: f.source("split"), at: f.at, separator: f.separator()}
	if v, at, given := f.see("parts"); given {
		var ok bool
		if s.parts, ok = v.(string); !ok || s.parts == "" || len(s.parts) > 8 {
			f.Add(at, "%s", wrong(v, "what stands between the parts of an element, at most 8 bytes"))
		}
	}
	v, at, given := f.see("each")
	switch {
	case given && f.within:
		f.Add(at, "stands in another each")
	case given:
		f.within = true
		s.each = f.node(v, elem, at)
		f.within = false
	case elem.Kind() != reflect.String:
		f.Add(at, "is missing: what goes into each element, with ${1} for it, or for its first part")
	case s.parts != "":
		f.Add(at, "is missing: which of the parts go where, ${1} for the first")
	}
	return s
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func pointer(at, name string) string {
	return at + string(jsontext.Pointer("").AppendToken(name))
}

// wrong says that v is not what is wanted.
func wrong(v any, want string) string {
	switch v := v.(type) {
	case nil:
		return "has no value; want " + want
	case string:
		return fmt.Sprintf("is the text %q; want %s", clip(v), want)
	case json.Number:
		return fmt.Sprintf("is the number %s; want %s", clip(v.String()), want)
	case bool:
		return fmt.Sprintf("is %t; want %s", v, want)
	case []any:
		return "is a list; want " + want
	default:
		return "has members; want " + want
	}
}

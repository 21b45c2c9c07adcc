package strictjson

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
)

// A plan says how a document is read into a Go type in one pass. It has the
// few types that the formats are made of, and reads them as package json does;
// a type with any other in it has no plan.
type plan struct {
	kind reflect.Kind
	// text says that the type reads itself, from a string.
	text   bool
	elem   *plan   // of a slice, map or pointer
	fields []field // of a struct, ascending by name
	typ    reflect.Type
}

// A field is a member of an object.
type field struct {
	name  string
	index []int // as in reflect.Value.FieldByIndex
	plan  *plan
}

// maxFields bounds an object: which members it has had is kept in one word.
const maxFields = 64

var plans sync.Map // of reflect.Type to *plan, nil for those that have none

// planFor returns the plan of a type, nil where there is none.
func planFor(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := newPlan(t, make(map[reflect.Type]*plan))
	plans.Store(t, p)
	return p
}

// ownWays are the interfaces of types that read themselves.
var ownWays = []reflect.Type{
	reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[json.UnmarshalerFrom](), reflect.TypeFor[encoding.TextUnmarshaler](),
}

// readsItself reports whether a type is one of those.
func readsItself(t reflect.Type) bool {
	return slices.ContainsFunc(ownWays, func(own reflect.Type) bool { return t.Implements(own) || reflect.PointerTo(t).Implements(own) })
}

// readsText reports whether it is strings that a type reads itself from. One that
// package json has read other values, too ([json.UnmarshalerFrom]), reads strings
// either way alike.
func readsText(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) && !p.Implements(reflect.TypeFor[json.Unmarshaler]())
}

// newPlan makes the plan of a type; above are those of the types around it,
// which it may have inside again.
func newPlan(t reflect.Type, above map[reflect.Type]*plan) *plan {
	if p, ok := above[t]; ok {
		return p
	}
	p := &plan{kind: t.Kind(), typ: t}
	// What a pointer leads to reads itself, not the pointer.
	if t.Kind() != reflect.Pointer && readsItself(t) {
		if p.text = readsText(t); p.text {
			return p
		}
		return nil
	}
	above[t] = p
	switch t.Kind() {
	case reflect.String, reflect.Bool:
		return p
	case reflect.Int64:
		// A time.Duration is not written as an integer.
		if t.PkgPath() == "time" {
			return nil
		}
		return p
	case reflect.Slice, reflect.Pointer:
		p.elem = newPlan(t.Elem(), above)
	case reflect.Map:
		if t.Key().Kind() != reflect.String || readsItself(t.Key()) {
			return nil
		}
		p.elem = newPlan(t.Elem(), above)
	case reflect.Struct:
		var ok bool
		if p.fields, ok = fieldsOf(t, nil, above); !ok || len(p.fields) > maxFields {
			return nil
		}
		return p
	default:
		return nil
	}
	if p.elem == nil {
		return nil
	}
	return p
}

// fieldsOf returns the members of a struct, those of the structs that it
// embeds among them.
func fieldsOf(t reflect.Type, index []int, above map[reflect.Type]*plan) (fs []field, ok bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(slices.Clone(index), i)
		tag, tagged := f.Tag.Lookup("json")
		switch {
		case f.Anonymous && !tagged && f.IsExported() && f.Type.Kind() == reflect.Struct:
			inner, ok := fieldsOf(f.Type, at, above)
			if !ok {
				return nil, false
			}
			for _, in := range inner {
				if fs, ok = insert(fs, in); !ok {
					return nil, false
				}
			}
			continue
		case tag == "-" || !tagged && !f.Anonymous && !f.IsExported():
			continue
		case f.Anonymous || !tagged || !f.IsExported():
			return nil, false
		}
		name, option, _ := strings.Cut(tag, ",")
		p := newPlan(f.Type, above)
		if p == nil || !simple(name) || option != "" && option != "omitzero" && option != "omitempty" {
			return nil, false
		}
		if fs, ok = insert(fs, field{name, at, p}); !ok {
			return nil, false
		}
	}
	return fs, true
}

// find returns the place of the member with that name at or behind from, -1 for
// none.
func (p *plan) find(name string, from int) int {
	for k := from; k < len(p.fields); k++ {
		if p.fields[k].name == name {
			return k
		}
	}
	return -1
}

// insert keeps the fields ascending by name; no two have one name.
func insert(fs []field, f field) ([]field, bool) {
	i := 0
	for i < len(fs) && fs[i].name < f.name {
		i++
	}
	if i < len(fs) && fs[i].name == f.name {
		return nil, false
	}
	return append(fs[:i:i], append([]field{f}, fs[i:]...)...), true
}

// simple reports whether a member's name is one that stands in a tag and in a
// document as it is.
func simple(name string) bool {
	for _, c := range []byte(name) {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

package strictjson

import (
	"reflect"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// UnmarshalAll is like [Unmarshal] but goes on after a member that does not
// fit v, leaving it zero, to report every such member, in the order of the
// document and as many as [Problems.Err] names. It is for drafts that people
// write; v is only good when there was no error.
func UnmarshalAll(data []byte, v any, form Form) error {
	if read(data, v, form) {
		return nil
	}
	if err := Check(data, form); err != nil {
		return err
	}
	first := shape(data, v)
	if first == nil {
		return nil
	}
	c := &collector{dec: walk(data), types: make(map[reflect.Type]*members)}
	to := reflect.ValueOf(v).Elem()
	to.SetZero()
	c.value(to)
	if len(c.problems) == 0 {
		c.problems = Problems{*first}
	}
	return c.problems.Err()
}

// A collector reads what does not fit a Go type, in one pass: what there is a
// place for goes there, the rest is a problem. Package json, which decides what
// fits, stops at the first.
type collector struct {
	dec      *jsontext.Decoder
	problems Problems
	types    map[reflect.Type]*members
}

// members are those of the objects that a type is read from.
type members struct {
	// whole says that the type is read by package json: it reads itself, or is
	// no struct, slice, map or pointer.
	whole bool
	// index has the fields of a struct, as in reflect.Value.FieldByIndex.
	index map[string][]int
}

// value reads the next value.
func (c *collector) value(to reflect.Value) {
	t, kind := c.membersOf(to.Type()), c.dec.PeekKind()
	switch {
	case t.whole:
		c.whole(to)
	case to.Kind() == reflect.Pointer && kind != 'n':
		to.Set(reflect.New(to.Type().Elem()))
		c.value(to.Elem())
	case to.Kind() == reflect.Struct && kind == '{':
		c.each(func() { c.member(to, t) })
	case to.Kind() == reflect.Map && kind == '{':
		to.Set(reflect.MakeMap(to.Type()))
		c.each(func() { c.entry(to) })
	case to.Kind() == reflect.Slice && kind == '[':
		to.Set(reflect.MakeSlice(to.Type(), 0, 0))
		c.each(func() {
			to.Set(reflect.Append(to, reflect.Zero(to.Type().Elem())))
			c.value(to.Index(to.Len() - 1))
		})
	default:
		c.whole(to)
	}
}

// each reads an object or an array up to its end, or until there are more
// problems than are told.
func (c *collector) each(read func()) {
	if _, err := c.dec.ReadToken(); err != nil {
		return
	}
	for len(c.problems) <= MaxProblems {
		switch c.dec.PeekKind() {
		case '}', ']':
			_, _ = c.dec.ReadToken()
			return
		case 0:
			// Check has accepted the document: there is no such end.
			return
		default:
			read()
		}
	}
}

// member reads a member of a struct.
func (c *collector) member(to reflect.Value, t *members) {
	name, err := c.dec.ReadToken()
	if err != nil {
		return
	}
	if index, ok := t.index[name.String()]; ok {
		c.value(to.FieldByIndex(index))
	} else if err := c.dec.SkipValue(); err == nil {
		c.problems.Add(string(c.dec.StackPointer()), unknownMember)
	}
}

// entry reads a member of a map.
func (c *collector) entry(to reflect.Value) {
	name, err := c.dec.ReadToken()
	if err != nil {
		return
	}
	key, elem := reflect.New(to.Type().Key()).Elem(), reflect.New(to.Type().Elem()).Elem()
	key.SetString(name.String())
	c.value(elem)
	to.SetMapIndex(key, elem)
}

// whole reads a value that has one problem at most.
func (c *collector) whole(to reflect.Value) {
	v, err := c.dec.ReadValue()
	if err != nil {
		return
	}
	if p := shape(v, to.Addr().Interface()); p != nil {
		to.SetZero()
		c.problems = append(c.problems, Problem{string(c.dec.StackPointer()) + p.Pointer, p.Message})
	}
}

func (c *collector) membersOf(t reflect.Type) *members {
	m, ok := c.types[t]
	if !ok {
		m = newMembers(t)
		c.types[t] = m
	}
	return m
}

func newMembers(t reflect.Type) *members {
	switch {
	case readsItself(t):
		return &members{whole: true}
	case t.Kind() == reflect.Map:
		return &members{whole: t.Key().Kind() != reflect.String || readsItself(t.Key())}
	case t.Kind() != reflect.Struct:
		return &members{whole: t.Kind() != reflect.Slice && t.Kind() != reflect.Pointer}
	}
	m := &members{index: make(map[string][]int)}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" && !f.Anonymous && f.IsExported() {
			name = f.Name
		}
		if name != "" && name != "-" {
			m.index[name] = f.Index
		}
	}
	return m
}

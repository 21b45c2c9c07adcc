package draft

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/text/unicode/norm"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/strictjson"
)

var (
	dateType   = reflect.TypeFor[attest.NumericDate]()
	amountType = reflect.TypeFor[attest.Amount]()
)

// fit returns what v, at a JSON pointer, is in the payload, where the claims
// have a value of type t; ok is false where it has no place there. It reports
// every mistake below v, in whatever member: a reader stops at the first.
func (d *draft) fit(v any, t reflect.Type, at string) (fitted any, ok bool) {
	switch v.(type) {
	case nil:
		d.problems.Add(at, "has no value; give one, or leave the member out")
		return nil, false
	case bad:
		return nil, false
	}
	switch t {
	case dateType:
		return d.date(v, at)
	case amountType:
		// A plain number is kept as it is written.
		if n, ok := v.(json.Number); ok {
			v = n.String()
		}
		return d.text(v, at)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.fit(v, t.Elem(), at)
	case reflect.String:
		return d.text(v, at)
	case reflect.Int64:
		return d.integer(v, at)
	case reflect.Bool:
		if _, ok := v.(bool); !ok {
			d.problems.Add(at, "%s", d.wrong(v, "true or false"))
			return nil, false
		}
		return v, true
	case reflect.Slice:
		return d.set(v, t.Elem(), at)
	case reflect.Map:
		return d.table(v, t.Elem(), at)
	default:
		return d.object(v, t, at)
	}
}

func (d *draft) text(v any, at string) (any, bool) {
	s, ok := v.(string)
	switch {
	case !ok:
		d.problems.Add(at, "%s", d.wrong(v, "text"))
	case s == "":
		d.problems.Add(at, "is empty; leave the member out where there is nothing to say")
	case strings.Contains(s, "\n"):
		d.problems.Add(at, "has more than one line; begin a long text with >- to join its lines")
	case strings.ContainsFunc(s, unicode.IsControl):
		d.problems.Add(at, "has a control character, such as a tab")
	case !norm.NFC.IsNormalString(s):
		d.problems.Add(at, "has letters and accents apart; write it in Unicode Normalization Form C")
	default:
		return s, true
	}
	return nil, false
}

func (d *draft) integer(v any, at string) (any, bool) {
	n, ok := v.(json.Number)
	if !ok {
		d.problems.Add(at, "%s", d.wrong(v, "a whole number"))
		return nil, false
	}
	if i, err := strconv.ParseInt(n.String(), 10, 64); err != nil || i > strictjson.MaxInteger || i < -strictjson.MaxInteger {
		d.problems.Add(at, "is too large a number")
		return nil, false
	}
	return n, true
}

// set fits a list. An element that does not fit keeps its place, empty, so
// that pointers stay true.
func (d *draft) set(v any, elem reflect.Type, at string) (any, bool) {
	list, ok := v.([]any)
	if !ok {
		d.problems.Add(at, "%s", d.wrong(v, "a list"))
		return nil, false
	}
	if len(list) == 0 {
		d.problems.Add(at, "is an empty list; leave the member out where there is no limit")
		return nil, false
	}
	out := make([]any, len(list))
	lines := make(map[string]int)
	for i, e := range list {
		ptr := at + "/" + strconv.Itoa(i)
		f, ok := d.fit(e, elem, ptr)
		if !ok {
			out[i] = empty(elem)
			continue
		}
		out[i] = f
		form, err := json.Marshal(f)
		if err != nil {
			continue
		}
		if line, again := lines[string(form)]; again {
			d.problems.Add(ptr, "stands twice, first on line %d", line)
			continue
		}
		lines[string(form)] = d.doc.Line(ptr)
	}
	return out, true
}

// empty is what JSON writes for no value of the type.
func empty(t reflect.Type) any {
	switch t.Kind() {
	case reflect.String:
		return ""
	case reflect.Int64:
		return 0
	default:
		return map[string]any{}
	}
}

// table fits members whose names are not fixed.
func (d *draft) table(v any, elem reflect.Type, at string) (any, bool) {
	members, ok := v.(map[string]any)
	if !ok {
		d.problems.Add(at, "%s", d.wrong(v, "members"))
		return nil, false
	}
	if len(members) == 0 {
		d.problems.Add(at, "is empty; leave the member out where there is no limit")
		return nil, false
	}
	out := make(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		ptr := at + token(name)
		if f, ok := d.fit(members[name], elem, ptr); ok {
			out[name] = f
		}
	}
	return out, true
}

// object fits members with the names of a struct's.
func (d *draft) object(v any, t reflect.Type, at string) (any, bool) {
	members, ok := v.(map[string]any)
	if !ok {
		d.problems.Add(at, "%s", d.wrong(v, "members"))
		return nil, false
	}
	types := strictjson.MemberTypes(t)
	out := make(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		ptr := at + token(name)
		mt, known := types[name]
		if !known {
			d.unknown(at, name, members, types)
			continue
		}
		if f, ok := d.fit(members[name], mt, ptr); ok {
			out[name] = f
		}
	}
	return out, true
}

func token(name string) string { return string(jsontext.Pointer("").AppendToken(name)) }

// wrong says that v is not what is wanted.
func (d *draft) wrong(v any, want string) string {
	switch v := v.(type) {
	case nil:
		return "has no value; want " + want
	case string:
		if v == "" {
			return "is empty; want " + want
		}
		return fmt.Sprintf("is the text %s; want %s", quote(v), want)
	case json.Number:
		if want == "text" {
			return fmt.Sprintf("is a number; want text: write it in quotes, \"%s\"", clip(v.String()))
		}
		return "is a number; want " + want
	case bool:
		if want == "text" {
			return fmt.Sprintf("is %t; want text: write it in quotes, \"%t\"", v, v)
		}
		return fmt.Sprintf("is %t; want %s", v, want)
	case []any:
		return "is a list; want " + want
	default:
		return "has members; want " + want
	}
}

// quote shows a value of a draft, cut short where it is long.
func quote(v any) string {
	if s, ok := v.(string); ok {
		return strconv.Quote(clip(s))
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "of another type"
	}
	return clip(strings.TrimSpace(b.String()))
}

func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

func list[T ~string](words []T) string {
	s := make([]string, len(words))
	for i, w := range words {
		s[i] = string(w)
	}
	return strings.Join(s, ", ")
}

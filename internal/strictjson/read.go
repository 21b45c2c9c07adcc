package strictjson

import (
	"encoding"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// read reads a document of the form into v in one pass, and reports whether it
// did. It accepts nothing that [Check] refuses and reads it no other way than
// [Unmarshal] would without it, but takes only what documents are mostly made
// of: members that are known, no nulls, few escapes. What it does not
// take may still be right; where it is wrong, its mistake is named by those
// who look closer. Where it reports false, v is as it was. The strings of v
// share one copy of the document.
func read(data []byte, v any, form Form) bool {
	ptr := reflect.ValueOf(v)
	if len(data) == 0 || len(data) > form.MaxBytes || ptr.Kind() != reflect.Pointer || ptr.IsNil() {
		return false
	}
	to := ptr.Elem()
	p := planFor(to.Type())
	if p == nil || p.kind != reflect.Struct || !to.IsZero() {
		return false
	}
	r := reader{data: string(data), form: form, sorted: form.Canonical || form.Sets}
	if !r.value(to, p) || !r.end() {
		to.SetZero()
		return false
	}
	return true
}

type reader struct {
	data  string
	at    int
	depth int
	form  Form
	// sorted asks for members in order.
	sorted bool
}

// blank takes white space, which no canonical document has.
func (r *reader) blank() {
	if r.sorted {
		return
	}
	for ; r.at < len(r.data); r.at++ {
		switch r.data[r.at] {
		case ' ', '\t', '\r', '\n':
		default:
			return
		}
	}
}

func (r *reader) end() bool {
	r.blank()
	return r.at == len(r.data)
}

// next takes the byte c.
func (r *reader) next(c byte) bool {
	if r.at < len(r.data) && r.data[r.at] == c {
		r.at++
		return true
	}
	return false
}

// opens takes the bracket c and what white space follows.
func (r *reader) opens(c byte) bool {
	if !r.next(c) {
		return false
	}
	r.blank()
	return true
}

// more reports whether a list goes on after an element, and takes the comma or
// the bracket that ends it.
func (r *reader) more(end byte) (more, ok bool) {
	r.blank()
	if r.next(',') {
		return true, true
	}
	return false, r.next(end)
}

func (r *reader) value(to reflect.Value, p *plan) bool {
	r.blank()
	if p.text {
		return r.itself(to)
	}
	switch p.kind {
	case reflect.String:
		s, ok := r.text()
		if !ok || len(s) == 0 && r.form.Sets {
			return false
		}
		to.SetString(s)
		return true
	case reflect.Int64:
		return r.integer(to)
	case reflect.Bool:
		return r.boolean(to)
	case reflect.Pointer:
		inner := reflect.New(p.elem.typ)
		if !r.value(inner.Elem(), p.elem) {
			return false
		}
		to.Set(inner)
		return true
	}
	if r.depth++; r.depth > maxDepth {
		return false
	}
	var ok bool
	switch p.kind {
	case reflect.Struct:
		ok = r.object(to, p)
	case reflect.Map:
		ok = r.members(to, p)
	default:
		ok = r.array(to, p)
	}
	r.depth--
	return ok
}

// itself has a type read a string that is not empty itself.
func (r *reader) itself(to reflect.Value) bool {
	s, ok := r.text()
	if !ok || s == "" {
		return false
	}
	u, ok := to.Addr().Interface().(encoding.TextUnmarshaler)
	return ok && u.UnmarshalText([]byte(s)) == nil
}

// object reads the members of a struct.
func (r *reader) object(to reflect.Value, p *plan) bool {
	if !r.opens('{') {
		return false
	}
	if r.next('}') {
		return !r.form.Sets
	}
	had := uint64(0)
	for i := 0; ; {
		name, ok := r.name()
		if !ok {
			return false
		}
		// Mostly members come in the order of the fields.
		k := p.find(name, i)
		if k < 0 && !r.sorted {
			k = p.find(name, 0)
		}
		if k < 0 || had&(1<<k) != 0 {
			return false
		}
		had |= 1 << k
		f := &p.fields[k]
		i = k + 1
		if !r.value(to.FieldByIndex(f.index), f.plan) {
			return false
		}
		if more, ok := r.more('}'); !more {
			return ok
		}
	}
}

// members reads the members of a map, in order, so that none stands twice.
func (r *reader) members(to reflect.Value, p *plan) bool {
	if !r.opens('{') {
		return false
	}
	m := reflect.MakeMap(p.typ)
	to.Set(m)
	if r.next('}') {
		return !r.form.Sets
	}
	before := ""
	for first := true; ; first = false {
		name, ok := r.name()
		if !ok {
			return false
		}
		if !first && name <= before {
			return false
		}
		before = name
		key, elem := reflect.New(p.typ.Key()).Elem(), reflect.New(p.elem.typ).Elem()
		key.SetString(name)
		if !r.value(elem, p.elem) {
			return false
		}
		m.SetMapIndex(key, elem)
		if more, ok := r.more('}'); !more {
			return ok
		}
	}
}

func (r *reader) array(to reflect.Value, p *plan) bool {
	if !r.opens('[') {
		return false
	}
	if r.next(']') {
		to.Set(reflect.MakeSlice(p.typ, 0, 0))
		return !r.form.Sets
	}
	before := ""
	for n := 0; ; n++ {
		if n == to.Cap() {
			to.Grow(max(n, 4))
		}
		to.SetLen(n + 1)
		start := r.at
		if !r.value(to.Index(n), p.elem) {
			return false
		}
		// The document is canonical, so that an element as it stands is its
		// RFC 8785 form.
		elem := r.data[start:r.at]
		if r.form.Sets && n > 0 && elem <= before {
			return false
		}
		before = elem
		if more, ok := r.more(']'); !more {
			return ok
		}
	}
}

func (r *reader) boolean(to reflect.Value) bool {
	switch rest := r.data[r.at:]; {
	case strings.HasPrefix(rest, "true"):
		r.at += len("true")
		to.SetBool(true)
		return true
	case strings.HasPrefix(rest, "false"):
		r.at += len("false")
		return !r.form.Sets
	default:
		return false
	}
}

func (r *reader) integer(to reflect.Value) bool {
	negative := r.next('-')
	start := r.at
	n := int64(0)
	for r.at < len(r.data) && r.data[r.at] >= '0' && r.data[r.at] <= '9' {
		if n = 10*n + int64(r.data[r.at]-'0'); n > MaxInteger {
			return false
		}
		r.at++
	}
	digits := r.data[start:r.at]
	switch {
	case len(digits) == 0:
		return false
	case digits[0] == '0' && (len(digits) > 1 || negative || r.form.Sets):
		return false
	case negative:
		n = -n
	}
	to.SetInt(n)
	return true
}

// The classes of bytes in a string.
const (
	asItIs = iota
	other  // what ends a string, and control characters
	escape
	wide // part of a character beyond ASCII
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c == '"' || c < ' ' || c == 0x7f:
			t[c] = other
		case c == '\\':
			t[c] = escape
		case c > 0x7f:
			t[c] = wide
		}
	}
	return t
}()

// name takes the name of a member and its colon.
func (r *reader) name() (string, bool) {
	r.blank()
	if !r.next('"') {
		return "", false
	}
	rest := r.data[r.at:]
	n := run(rest)
	r.at += n
	if !r.next('"') {
		return "", false
	}
	r.blank()
	return rest[:n], r.next(':')
}

// run returns how many bytes of b are as they are in a string.
func run(b string) int {
	for i := range len(b) {
		if class[b[i]] != asItIs {
			return i
		}
	}
	return len(b)
}

// text takes a string and returns it without its quotes and escapes.
func (r *reader) text() (string, bool) {
	if !r.next('"') {
		return "", false
	}
	rest := r.data[r.at:]
	escapes, beyond := 0, false
	for i := run(rest); i < len(rest); i += run(rest[i:]) {
		switch class[rest[i]] {
		case wide:
			beyond = true
			i++
		case escape:
			escapes++
			if i+1 == len(rest) {
				return "", false
			}
			if _, ok := r.unescape(rest[i+1]); !ok {
				return "", false
			}
			i += 2
		default:
			r.at += i
			s := rest[:i]
			if escapes > 0 {
				s = r.unescaped(s, escapes)
			}
			return s, r.next('"') && (!beyond || normal(s))
		}
	}
	return "", false
}

// unescape returns what stands for an escaped c. It takes the escapes that RFC
// 8785 writes for what may stand in a string.
func (r *reader) unescape(c byte) (byte, bool) {
	switch {
	case c == '"' || c == '\\':
		return c, true
	case c == 'n' && r.form.Lines:
		return '\n', true
	default:
		return 0, false
	}
}

func (r *reader) unescaped(s string, escapes int) string {
	out := make([]byte, 0, len(s)-escapes)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' {
			i++
			c, _ = r.unescape(s[i])
		}
		out = append(out, c)
	}
	return string(out)
}

// normal reports whether s is UTF-8 in Normalization Form C, and has beyond ASCII
// no control character, which end at U+009F, and none that is not assigned.
func normal(s string) bool {
	if !utf8.ValidString(s) || !norm.NFC.IsNormalString(s) {
		return false
	}
	for _, c := range s {
		if c > unicode.MaxASCII && (unicode.IsControl(c) || !unicode.Is(assigned(), c)) {
			return false
		}
	}
	return true
}

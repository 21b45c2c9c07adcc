// Package strictjson reads JSON that comes from outside: one reading, or a
// refusal that names the member by its JSON pointer (RFC 6901).
//
// Every document is refused that has a duplicate, unknown or case-variant
// member, a null, invalid UTF-8, text that is not in Unicode Normalization
// Form C, a control character, a number that is not an integer within
// 2^53-1 (RFC 7493), or that is larger or deeper than its [Form] allows.
// A [Form] may ask for more: that the bytes are the RFC 8785 form of the
// document, and that every array is a set.
package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gowebpki/jcs"
	"golang.org/x/text/unicode/norm"
)

// A Form says what is asked of a document beyond being strict JSON.
type Form struct {
	// MaxBytes is the largest accepted document. Zero accepts none.
	MaxBytes int
	// Canonical asks that the document's bytes are its RFC 8785 form.
	Canonical bool
	// Sets asks that every array is not empty and that its elements ascend
	// strictly by the bytes of their RFC 8785 form. It also refuses "", 0,
	// false and {}: what says nothing is left out, so that nothing can be
	// said in two ways. It implies Canonical.
	Sets bool
	// Lines accepts the line feed in strings.
	Lines bool
	// Nulls accepts null, which then stands for a member that is not given.
	Nulls bool
}

// maxDepth bounds nesting; the deepest format of Safeconduct has 7 levels.
const maxDepth = 16

// A Problem is one mistake in a document.
type Problem struct {
	// Pointer is the JSON pointer (RFC 6901) of the member; "" is the whole
	// document.
	Pointer string `json:"pointer"`
	// Message says what is wrong with it and, where it helps, what to write
	// instead.
	Message string `json:"message"`
}

// Problems are the mistakes of a document, as an error.
type Problems []Problem

// Error lists the problems, one after another.
func (p Problems) Error() string {
	s := make([]string, len(p))
	for i, q := range p {
		s[i] = q.Message
		if q.Pointer != "" {
			s[i] = q.Pointer + ": " + q.Message
		}
	}
	return strings.Join(s, "; ")
}

// Add records a problem with the member at pointer.
func (p *Problems) Add(pointer, format string, args ...any) {
	*p = append(*p, Problem{pointer, fmt.Sprintf(format, args...)})
}

// Err returns p as an error, nil when there is no problem.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// Unmarshal reads data into v and returns [Problems] where data is not of the
// form, or does not fit v. It stops at the first mistake in v's shape.
func Unmarshal(data []byte, v any, form Form) error {
	if read(data, v, form) {
		return nil
	}
	return unmarshal(data, v, form)
}

// unmarshal does as [Unmarshal] says, and decides what read does not.
func unmarshal(data []byte, v any, form Form) error {
	if err := Check(data, form); err != nil {
		return err
	}
	if p := shape(data, v); p != nil {
		return Problems{*p}
	}
	return nil
}

// UnmarshalAll is like [Unmarshal] but goes on after a member that does not
// fit v, leaving it zero, to report every such member. It is for drafts that
// people write; v is only good when there was no error.
func UnmarshalAll(data []byte, v any, form Form) error {
	if err := Check(data, form); err != nil {
		return err
	}
	var all Problems
	rest := jsontext.Value(bytes.Clone(data))
	for range 64 {
		p := shape(rest, v)
		if p == nil {
			break
		}
		all = append(all, *p)
		if p.Pointer == "" {
			break
		}
		var err error
		if rest, err = without(rest, p.Pointer); err != nil {
			break
		}
	}
	return all.Err()
}

// shape unmarshals data into v and returns the first member that does not fit.
func shape(data []byte, v any) *Problem {
	err := json.Unmarshal(data, v, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var sem *json.SemanticError
	if !errors.As(err, &sem) {
		return &Problem{"", err.Error()}
	}
	p := string(sem.JSONPointer)
	switch {
	case errors.Is(sem.Err, json.ErrUnknownName):
		return &Problem{p, "unknown member"}
	case sem.Err != nil:
		return &Problem{p, sem.Err.Error()}
	default:
		return &Problem{p, fmt.Sprintf("has a %s here; want %s", kindName(sem.JSONKind), goName(sem))}
	}
}

func goName(e *json.SemanticError) string {
	if e.GoType == nil {
		return "another type"
	}
	switch k := e.GoType.Kind().String(); k {
	case "int64", "int":
		return "an integer"
	case "struct", "map":
		return "an object"
	case "slice":
		return "an array"
	case "bool":
		return "true or false"
	default:
		return "a " + k
	}
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '"':
		return "string"
	case '0':
		return "number"
	case '{':
		return "object"
	case '[':
		return "array"
	case 'n':
		return "null"
	default:
		return "boolean"
	}
}

// without returns data less the member or element at pointer.
func without(data jsontext.Value, pointer string) (jsontext.Value, error) {
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		return nil, err
	}
	tokens := strings.Split(pointer, "/")[1:]
	tree, ok := drop(tree, tokens)
	if !ok {
		return nil, fmt.Errorf("no member %s", pointer)
	}
	return json.Marshal(tree)
}

func drop(tree any, tokens []string) (any, bool) {
	name := strings.NewReplacer("~1", "/", "~0", "~").Replace(tokens[0])
	switch t := tree.(type) {
	case map[string]any:
		child, ok := t[name]
		if !ok {
			return nil, false
		}
		if len(tokens) == 1 {
			delete(t, name)
			return t, true
		}
		t[name], ok = drop(child, tokens[1:])
		return t, ok
	case []any:
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || i >= len(t) {
			return nil, false
		}
		if len(tokens) > 1 {
			var ok bool
			t[i], ok = drop(t[i], tokens[1:])
			return t, ok
		}
		// The others keep their places, so that pointers stay true; null fits
		// every type.
		t[i] = nil
		return t, true
	default:
		return nil, false
	}
}

// Check reports whether data is strict JSON of the form, without reading it
// into anything.
func Check(data []byte, form Form) error {
	if len(data) > form.MaxBytes {
		return Problems{{"", fmt.Sprintf("has %d bytes; at most %d are accepted", len(data), form.MaxBytes)}}
	}
	if err := checkDepth(data); err != nil {
		return err
	}
	v := jsontext.Value(data)
	if !v.IsValid() {
		return syntaxProblem(data)
	}
	if err := checkValue(bytes.TrimSpace(data), "", form); err != nil {
		return err
	}
	if !form.Canonical && !form.Sets {
		return nil
	}
	canon, err := jcs.Transform(data)
	if err != nil {
		return Problems{{"", err.Error()}}
	}
	if !bytes.Equal(canon, data) {
		return Problems{{"", "is not in its canonical form (RFC 8785: no white space, members in order)"}}
	}
	return nil
}

// checkDepth stands before every recursion over data, this package's and
// that of the libraries it calls.
func checkDepth(data []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		if _, err := dec.ReadToken(); err != nil {
			// The end, or a syntax error that is reported in its own words.
			return nil //nolint:nilerr // see above
		}
		if dec.StackDepth() > maxDepth {
			return Problems{{string(dec.StackPointer()), fmt.Sprintf("is nested deeper than %d levels", maxDepth)}}
		}
	}
}

func syntaxProblem(data []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		_, err := dec.ReadToken()
		if err == nil {
			continue
		}
		var syn *jsontext.SyntacticError
		if errors.As(err, &syn) {
			msg := "is not JSON"
			if syn.Err != nil {
				msg = syn.Err.Error()
			}
			if errors.Is(syn.Err, jsontext.ErrDuplicateName) {
				msg = "stands twice"
			}
			return Problems{{string(syn.JSONPointer), msg}}
		}
		return Problems{{"", "is not one JSON document"}}
	}
}

// integer is the one spelling of an integer.
var integer = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,15})$`)

const maxSafe = 1<<53 - 1

func checkValue(v jsontext.Value, ptr string, form Form) error {
	if zero := string(v); form.Sets && slices.Contains([]string{`""`, "0", "false", "{}"}, zero) {
		return Problems{{ptr, "is " + zero + ", which says nothing; leave it out"}}
	}
	switch v.Kind() {
	case 'n':
		if form.Nulls {
			return nil
		}
		return Problems{{ptr, "is null; leave the member out"}}
	case '0':
		n, err := strconv.ParseInt(string(v), 10, 64)
		if !integer.Match(v) || err != nil || n > maxSafe || n < -maxSafe {
			return Problems{{ptr, "is not an integer within 2^53-1, without fraction or exponent"}}
		}
	case '"':
		return checkString(v, ptr, form)
	case '{':
		return checkObject(v, ptr, form)
	case '[':
		return checkArray(v, ptr, form)
	}
	return nil
}

func checkString(v jsontext.Value, ptr string, form Form) error {
	s, err := jsontext.AppendUnquote(nil, v)
	if err != nil || !utf8.Valid(s) {
		return Problems{{ptr, "is not valid UTF-8"}}
	}
	if !norm.NFC.IsNormal(s) {
		return Problems{{ptr, "is not in Unicode Normalization Form C"}}
	}
	for _, r := range string(s) {
		if unicode.IsControl(r) && (r != '\n' || !form.Lines) {
			return Problems{{ptr, fmt.Sprintf("has the control character %U", r)}}
		}
	}
	return nil
}

func checkObject(v jsontext.Value, ptr string, form Form) error {
	dec := jsontext.NewDecoder(bytes.NewReader(v))
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return err
		}
		child := ptr + string(jsontext.Pointer("").AppendToken(unquote(name)))
		if err := checkString(name, child, Form{}); err != nil {
			return err
		}
		val, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := checkValue(val, child, form); err != nil {
			return err
		}
	}
	return nil
}

func unquote(v jsontext.Value) string {
	s, _ := jsontext.AppendUnquote(nil, v)
	return string(s)
}

func checkArray(v jsontext.Value, ptr string, form Form) error {
	dec := jsontext.NewDecoder(bytes.NewReader(v))
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	var before jsontext.Value
	for i := 0; dec.PeekKind() != ']'; i++ {
		val, err := dec.ReadValue()
		if err != nil {
			return err
		}
		child := ptr + "/" + strconv.Itoa(i)
		if err := checkValue(val, child, form); err != nil {
			return err
		}
		if !form.Sets {
			continue
		}
		switch bytes.Compare(before, val) {
		case 0:
			return Problems{{child, "stands twice in a set"}}
		case 1:
			return Problems{{child, "is out of order; a set is sorted by its elements' RFC 8785 form"}}
		}
		before = val.Clone()
	}
	if form.Sets && before == nil {
		return Problems{{ptr, "is an empty set; leave it out where there is no limit"}}
	}
	return nil
}

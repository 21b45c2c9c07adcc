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
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
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

// MaxInteger is the largest integer that every reader of JSON reads alike
// (RFC 7493); the smallest is its negative.
const MaxInteger = 1<<53 - 1

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

// MaxProblems bounds what is said of one document: a megabyte can have a
// hundred thousand mistakes.
const MaxProblems = 64

// Err returns p as an error, nil when there is no problem. Where there are more
// than [MaxProblems], the last that it has says so.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	if len(p) > MaxProblems {
		p = slices.Clone(p[:MaxProblems-1])
		p.Add("", "has more mistakes; these are the first %d", MaxProblems-1)
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

const unknownMember = "unknown member"

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
		return &Problem{p, unknownMember}
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

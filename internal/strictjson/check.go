package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gowebpki/jcs"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/unicode/rangetable"
)

// Check reports whether data is strict JSON of the form, without reading it
// into anything. Its cost is linear in data.
func Check(data []byte, form Form) error {
	if len(data) > form.MaxBytes {
		return Problems{{"", fmt.Sprintf("has %d bytes; at most %d are accepted", len(data), form.MaxBytes)}}
	}
	if err := checkDepth(data); err != nil {
		return err
	}
	if !jsontext.Value(data).IsValid() {
		return syntaxProblem(data)
	}
	c := checker{data, walk(data), form}
	if msg := c.value(); msg != "" {
		return Problems{{string(c.dec.StackPointer()), msg}}
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

// walk returns a decoder that does not look for members that stand twice:
// somebody else does.
func walk(data []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true))
}

// checkDepth stands before every recursion over data, this package's and
// that of the libraries it calls.
func checkDepth(data []byte) error {
	// No deeper than there are brackets that open, in strings or not.
	if bytes.Count(data, []byte("{"))+bytes.Count(data, []byte("[")) <= maxDepth {
		return nil
	}
	dec := walk(data)
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

// A checker walks over a document that is JSON. Its methods return the first
// mistake in words, "" for none, and leave the decoder at the value at fault.
type checker struct {
	data []byte
	dec  *jsontext.Decoder
	form Form
}

// value checks the next value.
func (c *checker) value() string {
	switch c.dec.PeekKind() {
	case '{':
		return c.object()
	case '[':
		return c.array()
	}
	v, err := c.dec.ReadValue()
	if err != nil {
		return err.Error()
	}
	return c.form.scalar(v)
}

func (c *checker) object() string {
	if _, err := c.dec.ReadToken(); err != nil {
		return err.Error()
	}
	empty := c.dec.PeekKind() == '}'
	for c.dec.PeekKind() != '}' {
		name, err := c.dec.ReadValue()
		if err != nil {
			return err.Error()
		}
		if msg := checkString(name, Form{}); msg != "" {
			return msg
		}
		if msg := c.value(); msg != "" {
			return msg
		}
	}
	if _, err := c.dec.ReadToken(); err != nil {
		return err.Error()
	}
	if empty && c.form.Sets {
		return "is {}, which says nothing; leave it out"
	}
	return ""
}

func (c *checker) array() string {
	if _, err := c.dec.ReadToken(); err != nil {
		return err.Error()
	}
	var before []byte
	for c.dec.PeekKind() != ']' {
		start := c.dec.InputOffset()
		if msg := c.value(); msg != "" {
			return msg
		}
		if !c.form.Sets {
			continue
		}
		element := bytes.TrimLeft(c.data[start:c.dec.InputOffset()], ", \t\r\n")
		switch bytes.Compare(before, element) {
		case 0:
			return "stands twice in a set"
		case 1:
			return "is out of order; a set is sorted by its elements' RFC 8785 form"
		}
		before = element
	}
	if _, err := c.dec.ReadToken(); err != nil {
		return err.Error()
	}
	if c.form.Sets && before == nil {
		return "is an empty set; leave it out where there is no limit"
	}
	return ""
}

// integer is the one spelling of an integer.
var integer = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,15})$`)

// scalar checks a value that has no members or elements.
func (form Form) scalar(v jsontext.Value) string {
	if form.Sets {
		switch zero := string(v); zero {
		case `""`, "0", "false":
			return "is " + zero + ", which says nothing; leave it out"
		}
	}
	switch v.Kind() {
	case 'n':
		if !form.Nulls {
			return "is null; leave the member out"
		}
	case '0':
		n, err := strconv.ParseInt(string(v), 10, 64)
		if !integer.Match(v) || err != nil || n > MaxInteger || n < -MaxInteger {
			return "is not an integer within 2^53-1, without fraction or exponent"
		}
	case '"':
		return checkString(v, form)
	}
	return ""
}

// assigned are the code points of Unicode 15.0. What a later version knows may
// normalise otherwise there than where it is unknown: with those refused, every
// verifier agrees on what is in Normalization Form C, whatever its Unicode.
var assigned = sync.OnceValue(func() *unicode.RangeTable { return rangetable.Assigned("15.0.0") })

func checkString(v jsontext.Value, form Form) string {
	s, err := jsontext.AppendUnquote(nil, v)
	if err != nil || !utf8.Valid(s) {
		return "is not valid UTF-8"
	}
	if !norm.NFC.IsNormal(s) {
		return "is not in Unicode Normalization Form C"
	}
	for _, r := range string(s) {
		if r >= utf8.RuneSelf && !unicode.Is(assigned(), r) {
			return fmt.Sprintf("has %U, which Unicode 15.0 does not know", r)
		}
		if unicode.IsControl(r) && (r != '\n' || !form.Lines) {
			return fmt.Sprintf("has the control character %U", r)
		}
	}
	return ""
}

package screening

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// An ftmEntity is what is read of a FollowTheMoney entity. Other members and
// properties are passed over: the vocabulary is open.
type ftmEntity struct {
	ID         string                    `json:"id"`
	Schema     string                    `json:"schema"`
	Datasets   []string                  `json:"datasets"`
	LastSeen   string                    `json:"last_seen"`
	Target     *bool                     `json:"target"`
	Properties map[string]jsontext.Value `json:"properties"`
}

// ftmNames are the properties that name an entity, its first name first.
var ftmNames = []string{"name", "alias", "previousName", "weakAlias", "abbreviation"}

// readFTM reads entities, one after another or in one array.
func readFTM(b *builder, text []byte) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(text))
	array := dec.PeekKind() == '['
	if array {
		if _, err := dec.ReadToken(); err != nil {
			return jsonError(text, dec, err)
		}
	}
	for dec.PeekKind() != ']' {
		v, err := dec.ReadValue()
		if errors.Is(err, io.EOF) && !array {
			return nil
		}
		if err != nil {
			return jsonError(text, dec, err)
		}
		if pointer, wrong := b.ftm(v); wrong != "" {
			return fmt.Errorf("%s: %s", position(text, int(dec.InputOffset())-len(v), pointer), wrong)
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return jsonError(text, dec, err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("line %d: something stands behind the array", lineOf(text, int(dec.InputOffset())))
	}
	return nil
}

func jsonError(text []byte, dec *jsontext.Decoder, err error) error {
	at, pointer, why := dec.InputOffset(), dec.StackPointer(), err
	if syn, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at, pointer = syn.ByteOffset, syn.JSONPointer
		if syn.Err != nil {
			why = syn.Err
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("line %d: ends inside an entity: download the list again", lineOf(text, len(text)))
	}
	return fmt.Errorf("%s: is not JSON, or is cut short: %w", position(text, int(at), string(pointer)), why)
}

func position(text []byte, at int, pointer string) string {
	if pointer == "" {
		return fmt.Sprintf("line %d", lineOf(text, at))
	}
	return fmt.Sprintf("line %d, member %s", lineOf(text, at), quote(pointer))
}

// ftm adds an entity, if it is a restricted party. It returns what is wrong
// with it, and where.
func (b *builder) ftm(v jsontext.Value) (pointer, wrong string) {
	if len(v) > maxRecord {
		return "", fmt.Sprintf("has %d bytes; an entry can have %d", len(v), maxRecord)
	}
	var f ftmEntity
	if err := json.Unmarshal(v, &f); err != nil {
		if sem, ok := errors.AsType[*json.SemanticError](err); ok {
			return string(sem.JSONPointer), fmt.Sprintf("is not what a FollowTheMoney entity has there, but a JSON %s", kind(sem.JSONKind))
		}
		return "", err.Error()
	}
	switch {
	case f.ID == "":
		return "/id", "is missing: is this a FollowTheMoney entity?"
	case f.Schema == "":
		return "/schema", "is missing: is this a FollowTheMoney entity?"
	case f.Properties == nil:
		return "/properties", "is missing: names and identifiers stand there"
	case f.Target != nil && !*f.Target:
		return "", ""
	}
	if isMoment(f.LastSeen) {
		b.list.version = max(b.list.version, f.LastSeen)
	}
	e, pointer, wrong := f.entry()
	if wrong != "" || len(e.names) == 0 && len(e.ids) == 0 {
		return pointer, wrong
	}
	if len(e.names) == 0 {
		e.names = []string{f.ID} // identifiers alone
	}
	return "", b.add(e)
}

func kind(k jsontext.Kind) string {
	switch k {
	case '"':
		return "string"
	case '0':
		return "number"
	case 't', 'f':
		return "boolean"
	case '{':
		return "object"
	case '[':
		return "array"
	default:
		return "null"
	}
}

// isMoment reports whether s is a time as FollowTheMoney writes it, such as
// 2026-06-09T20:32:01; such times sort as strings.
func isMoment(s string) bool {
	_, err := time.Parse("2006-01-02T15:04:05", s)
	return err == nil
}

func (f *ftmEntity) entry() (e entry, pointer, wrong string) {
	e = entry{ref: f.ID, source: strings.Join(f.Datasets, ", ")}
	for _, name := range ftmNames {
		values, wrong := f.values(name)
		if wrong != "" {
			return entry{}, "/properties/" + name, wrong
		}
		e.names = append(e.names, values...)
	}
	programmes, wrong := f.values("program")
	if wrong != "" {
		return entry{}, "/properties/program", wrong
	}
	e.programme = strings.Join(programmes, "; ")
	country, pointer, wrong := f.country()
	if wrong != "" {
		return entry{}, pointer, wrong
	}
	for _, p := range ftmNumbers {
		values, wrong := f.values(p.property)
		if wrong != "" {
			return entry{}, "/properties/" + p.property, wrong
		}
		for _, v := range values {
			mapped := p.ids(v, country)
			e.ids = append(e.ids, mapped...)
			if len(mapped) == 0 {
				e.unmapped = append(e.unmapped, p.property+", "+v)
			}
		}
	}
	return e, "", ""
}

// values returns the strings of a property.
func (f *ftmEntity) values(property string) (values []string, wrong string) {
	v, ok := f.Properties[property]
	if !ok {
		return nil, ""
	}
	if err := json.Unmarshal(v, &values); err != nil || v.Kind() != '[' {
		return nil, "want an array of strings"
	}
	return values, ""
}

// country returns the one country that the entity names, "" where it names
// several or none.
func (f *ftmEntity) country() (country, pointer, wrong string) {
	var all []string
	for _, p := range []string{"jurisdiction", "mainCountry", "country"} {
		values, wrong := f.values(p)
		if wrong != "" {
			return "", "/properties/" + p, wrong
		}
		all = append(all, values...)
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) == 1 {
		return strings.ToUpper(all[0]), "", ""
	}
	return "", "", ""
}

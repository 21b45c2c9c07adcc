package web

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// checkFields are the fields of the form, and for each the pointers into the request
// document whose mistakes are told at it: these, and what lies below them.
var checkFields = []struct {
	name     string
	pointers []string
}{
	{"act", []string{"/act"}},
	{"sandbox", []string{"/sandbox"}},
	{"authority", []string{"/authority"}},
	{"programme", []string{"/programme"}},
	{"transferor", []string{"/transferor"}},
	{"transferee", []string{"/transferee"}},
	{"presented_name", []string{"/transferee_presented"}},
	{"destination_site", []string{"/destination_site"}},
	{"items", []string{"/items", "/item"}},
	{"end_use", []string{"/end_use"}},
	{"effective_at", []string{"/effective_at"}},
	{"mode", []string{"/mode"}},
	{"via", []string{"/via"}},
	{"end_user", []string{"/end_user"}},
	{"activity", []string{"/activity"}},
	{"classification", []string{"/classification"}},
	{"value_amount", []string{"/value/amount", "/value"}},
	{"value_currency", []string{"/value/currency"}},
	{"quantity_amount", []string{"/quantity/amount", "/quantity"}},
	{"quantity_unit", []string{"/quantity/unit"}},
	{"first", []string{"/ledger"}},
	{"person_nationalities", []string{"/person_nationalities"}},
	{"nobody", nil},
	{"laden_at", []string{"/laden_at"}},
	{"contract_signed_at", []string{"/contract_signed_at"}},
	{"consent_ref", []string{"/consent_ref"}},
	{"originating_authority", []string{"/originating_authority"}},
	{"known_at", []string{"/known_at"}},
	{"reference", []string{"/reference"}},
	{"requested_by", []string{"/requested_by"}},
}

// mainFields are those that nearly every question needs; the others are folded
// away until one of them is given or wrong.
const mainFields = 11

// checkPage is what the page of a check shows.
type checkPage struct {
	Fields map[string]field
	Wrong  []field
	// More says that one of the fields that are folded away is given or wrong.
	More        bool
	Acts, Modes []string
	Levels      []attest.Level
	Authorities []authority
	Decision    *policy.Decision
	// Again are the fields of the question as it was decided, its known_at
	// included: what is asked again with them is answered the same.
	Again []field
}

// What the field give asks for in place of a page: one of two files.
const (
	giveEvidence = "evidence"
	giveRequest  = "request"
)

// check serves /check: an empty form, one with what the query names already in
// it, or the answer to one.
func (p *Pages) check(x *exchange) (*page, error) {
	known := []string{"give"}
	for _, f := range checkFields {
		known = append(known, f.name)
	}
	if x.Method == http.MethodPost {
		if t, _, err := mime.ParseMediaType(x.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
			return nil, wrong(http.StatusUnsupportedMediaType, "error.media")
		}
	}
	if err := x.read(true, known); err != nil {
		return nil, err
	}
	v := &checkPage{Fields: make(map[string]field), Acts: policy.Acts(), Modes: policy.Modes(), Levels: attest.Levels(), Authorities: p.authorities()}
	pg := &page{template: "check", Title: say("check.title"), Here: "/check", Body: v}
	for i, f := range checkFields {
		v.Fields[f.name] = field{Name: f.name, Given: x.fields[f.name]}
		v.More = v.More || i >= mainFields && x.fields[f.name] != ""
	}
	if x.Method != http.MethodPost {
		if v.Fields["effective_at"].Given == "" {
			m, _ := when(p.now().Truncate(time.Minute))
			v.Fields["effective_at"] = field{Name: "effective_at", Given: m.Text}
		}
		return pg, nil
	}
	req, document, mistakes := requestOf(x.fields)
	if len(mistakes) == 0 {
		return p.answer(x, pg, v, req, document)
	}
	v.mistaken(mistakes)
	pg.Title, pg.status = say("mistake.title", pg.Title), http.StatusUnprocessableEntity
	return pg, nil
}

// answer decides, and shows the decision or gives one of the files.
func (p *Pages) answer(x *exchange, pg *page, v *checkPage, req *policy.Request, document []byte) (*page, error) {
	d, evidence, err := p.reg.Explain(x.Context(), req, req.Times(p.now()))
	if err != nil {
		return nil, err
	}
	switch x.fields["give"] {
	case giveEvidence:
		pg.file = &file{"evidence.json", verify.MediaType, evidence}
		return pg, nil
	case giveRequest:
		pg.file = &file{"request.json", "application/json", document}
		return pg, nil
	case "":
	default:
		return nil, wrong(http.StatusBadRequest, "error.unknown_field", "give")
	}
	v.Decision = d
	v.More = v.More || slices.Contains(d.Codes(), policy.MissingFact)
	for _, f := range checkFields {
		given := x.fields[f.name]
		if f.name == "known_at" && strings.TrimSpace(given) == "" {
			given = d.KnownAt.Time().Format(time.RFC3339Nano)
		}
		if given != "" {
			v.Again = append(v.Again, field{Name: f.name, Given: given})
		}
	}
	pg.Title = say("check.answered", string(d.Decision))
	return pg, nil
}

// mistaken notes each mistake at its field.
func (v *checkPage) mistaken(mistakes []attest.Problem) {
	for _, m := range mistakes {
		name := fieldOf(m.Pointer)
		f := v.Fields[name]
		if f.Wrong != "" {
			f.Wrong += "; "
		}
		f.Name, f.Wrong = name, f.Wrong+m.Message
		v.Fields[name] = f
	}
	for i, f := range checkFields {
		if v.Fields[f.name].Wrong != "" {
			v.Wrong = append(v.Wrong, v.Fields[f.name])
			v.More = v.More || i >= mainFields
		}
	}
	if f := v.Fields[""]; f.Wrong != "" {
		v.Wrong = append(v.Wrong, f)
	}
}

// fieldOf is the field that a mistake at a pointer is told at, "" for none.
func fieldOf(pointer string) string {
	name, longest := "", -1
	for _, f := range checkFields {
		for _, at := range f.pointers {
			if (pointer == at || strings.HasPrefix(pointer, at+"/")) && len(at) > longest {
				name, longest = f.name, len(at)
			}
		}
	}
	return name
}

// requestOf makes the request document of what was entered, and reads it as the
// API would: what is refused there is refused here, with the same words.
func requestOf(fields map[string]string) (*policy.Request, []byte, []attest.Problem) {
	b := &document{fields: fields, members: make(map[string]any)}
	for _, name := range []string{
		"act", "sandbox", "authority", "programme", "transferor", "transferee", "destination_site", "end_use", "mode", "end_user",
		"activity", "classification", "consent_ref", "originating_authority", "reference", "requested_by",
	} {
		b.text(name)
	}
	for _, name := range []string{"effective_at", "laden_at", "contract_signed_at", "known_at"} {
		b.time(name)
	}
	b.items()
	b.list("via")
	b.list("person_nationalities")
	if fields["nobody"] != "" {
		if b.members["person_nationalities"] != nil {
			b.mistake("/person_nationalities", say("check.nobody_and_some"))
		}
		b.members["person_nationalities"] = []string{}
	}
	if fields["first"] != "" {
		b.members["ledger"] = []string{}
	}
	b.pair("value", "value_amount", "value_currency", "currency")
	b.pair("quantity", "quantity_amount", "quantity_unit", "unit")
	if name := b.given("presented_name"); name != "" {
		b.members["transferee_presented"] = map[string]string{"name": name}
	}
	return b.read()
}

// A document is a request that is being made of a form.
type document struct {
	fields   map[string]string
	members  map[string]any
	mistakes []attest.Problem
}

func (b *document) mistake(pointer, message string) {
	b.mistakes = append(b.mistakes, attest.Problem{Pointer: pointer, Message: message})
}

func (b *document) given(name string) string { return strings.TrimSpace(b.fields[name]) }

func (b *document) text(name string) {
	if text := b.given(name); text != "" {
		b.members[name] = text
	}
}

func (b *document) time(name string) {
	text := b.given(name)
	if text == "" {
		return
	}
	t, err := readTime(text)
	if err != nil {
		b.mistake("/"+name, err.Error())
		return
	}
	b.members[name] = t.Format(time.RFC3339Nano)
}

// list reads what is separated by commas, semicolons or spaces.
func (b *document) list(name string) {
	if list := strings.FieldsFunc(b.given(name), func(r rune) bool { return strings.ContainsRune(",; \t\r\n", r) }); len(list) > 0 {
		b.members[name] = list
	}
}

// items reads a list and an entry from every line.
func (b *document) items() {
	var items []map[string]string
	for i, l := range strings.Split(b.given("items"), "\n") {
		switch words := strings.Fields(l); {
		case len(words) == 0:
		case len(words) == 2:
			items = append(items, map[string]string{"list": words[0], "entry": words[1]})
		default:
			b.mistake("/items/"+strconv.Itoa(i), say("check.item_wrong", i+1))
			return
		}
	}
	if len(items) > 0 {
		b.members["items"] = items
	}
}

func (b *document) pair(member, amount, unit, unitName string) {
	pair := make(map[string]string)
	for name, text := range map[string]string{"amount": b.given(amount), unitName: b.given(unit)} {
		if text != "" {
			pair[name] = text
		}
	}
	if len(pair) > 0 {
		b.members[member] = pair
	}
}

// read reads the request, with everything that is wrong in it.
func (b *document) read() (*policy.Request, []byte, []attest.Problem) {
	data, err := json.MarshalIndent(b.members, "", "  ")
	if err != nil {
		b.mistake("", err.Error())
		return nil, nil, b.mistakes
	}
	req, err := policy.ParseRequest(data)
	if problems, ok := errors.AsType[attest.Problems](err); ok {
		told := make(map[string]bool)
		for _, m := range b.mistakes {
			told[m.Pointer] = true
		}
		for _, m := range problems {
			// What could not be read has been left out, and is not missing.
			if !told[m.Pointer] {
				b.mistakes = append(b.mistakes, m)
			}
		}
	} else if err != nil {
		b.mistake("", err.Error())
	}
	if len(b.mistakes) > 0 {
		return nil, nil, b.mistakes
	}
	return req, append(data, '\n'), nil
}

package web

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

// checkFields are the fields of the form, and for each the pointers into the request
// document whose mistakes are told at it: these, and what lies below them.
var checkFields = []struct {
	name     string
	pointers []string
}{
	{"sandbox", []string{"/sandbox"}},
	{"authority", []string{"/authority"}},
	{"programme", []string{"/programme"}},
	{"transferor", []string{"/transferor"}},
	{"transferee", []string{"/transferee"}},
	{"presented_name", []string{"/transferee_presented"}},
	{"destination_site", []string{"/destination_site"}},
	{"act", []string{"/act"}},
	{"effective_at", []string{"/effective_at"}},
	{"end_use", []string{"/end_use"}},
	{"items", []string{"/items", "/item"}},
	{"mode", []string{"/mode"}},
	{"via", []string{"/via"}},
	{"end_user", []string{"/end_user"}},
	{"presented_identifiers", []string{"/transferee_presented/identifiers"}},
	{"activity", []string{"/activity"}},
	{"classification", []string{"/classification"}},
	{"value_amount", []string{"/value/amount", "/value"}},
	{"value_currency", []string{"/value/currency"}},
	{"quantity_amount", []string{"/quantity/amount", "/quantity"}},
	{"quantity_unit", []string{"/quantity/unit"}},
	{"ledger", []string{"/ledger"}},
	{"first", nil},
	{"person_nationalities", []string{"/person_nationalities"}},
	{"nobody", nil},
	{"laden_at", []string{"/laden_at"}},
	{"contract_signed_at", []string{"/contract_signed_at"}},
	{"consent_ref", []string{"/consent_ref"}},
	{"originating_authority", []string{"/originating_authority"}},
	{"attests", []string{"/attests"}},
	{"disclosures", []string{"/disclosures"}},
	{"known_at", []string{"/known_at"}},
	{"checked_at", []string{"/checked_at"}},
	{"reference", []string{"/reference"}},
	{"requested_by", []string{"/requested_by"}},
}

// mainFields are those that nearly every question needs; the others are folded
// away until one of them is given or wrong.
const mainFields = 11

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

// A question is what was entered, as the API would be asked it.
type question struct {
	req *policy.Request
	// document is the request as a file.
	document []byte
	// disclosed is what a holder has disclosed, which is no part of the request.
	disclosed []attest.Disclosure
}

// questionOf makes the request document of what was entered, and reads it as the
// API would: what is refused there is refused here, with the same words.
func questionOf(fields map[string]string) (*question, []attest.Problem) {
	b := &document{fields: fields, members: make(map[string]any), lines: make(map[string]int)}
	for _, name := range []string{
		"act", "sandbox", "authority", "programme", "transferor", "transferee", "destination_site", "end_use", "mode", "end_user",
		"activity", "classification", "consent_ref", "originating_authority", "reference", "requested_by",
	} {
		b.text(name)
	}
	for _, name := range []string{"effective_at", "laden_at", "contract_signed_at", "known_at", "checked_at"} {
		b.time(name)
	}
	b.table("items", say("check.item_wrong"), itemRow)
	b.table("ledger", say("check.ledger_wrong"), ledgerRow)
	b.table("attests", say("check.attest_wrong"), attestRow)
	b.list("via")
	b.list("person_nationalities")
	b.none("nobody", "person_nationalities", say("check.nobody_and_some"))
	b.none("first", "ledger", say("check.first_and_some"))
	b.pair("value", "value_amount", "value_currency", "currency")
	b.pair("quantity", "quantity_amount", "quantity_unit", "unit")
	b.presented()
	disclosed := b.disclosures()
	req, data := b.read()
	if len(b.mistakes) > 0 {
		return nil, b.mistakes
	}
	return &question{req, data, disclosed}, nil
}

// A document is a request that is being made of a form.
type document struct {
	fields   map[string]string
	members  map[string]any
	mistakes []attest.Problem
	// lines are those of the form, counted from 1, that elements were read from, by
	// the elements' pointers.
	lines map[string]int
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

// split reads what is separated by commas, semicolons or spaces.
func (b *document) split(name string) []string {
	return strings.FieldsFunc(b.given(name), func(r rune) bool { return strings.ContainsRune(",; \t\r\n", r) })
}

func (b *document) list(name string) {
	if list := b.split(name); len(list) > 0 {
		b.members[name] = list
	}
}

// table reads an element from every line that is not empty. A line that row does
// not take is a mistake, as wrong says.
func (b *document) table(name, wrong string, row func(line string) map[string]string) {
	var rows []map[string]string
	for i, l := range strings.Split(b.fields[name], "\n") {
		if l = strings.TrimSpace(l); l == "" {
			continue
		}
		r := row(l)
		if r == nil {
			b.mistake("/"+name, say("check.line", i+1, wrong))
			return
		}
		b.lines["/"+name+"/"+strconv.Itoa(len(rows))] = i + 1
		rows = append(rows, r)
	}
	if rows != nil {
		b.members[name] = rows
	}
}

// itemRow is a control list and an entry.
func itemRow(line string) map[string]string {
	words := strings.Fields(line)
	if len(words) != 2 {
		return nil
	}
	return map[string]string{"list": words[0], "entry": words[1]}
}

var isCurrency = regexp.MustCompile(`^[A-Z]{3}$`)

// ledgerRow is a time, an amount, and a currency or a unit, with commas, semicolons or
// tabs between them, as a spreadsheet has them.
func ledgerRow(line string) map[string]string {
	parts := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(",;\t", r) })
	if len(parts) == 2 {
		parts = append(parts[:1], strings.Fields(parts[1])...)
	}
	if len(parts) != 3 {
		return nil
	}
	t, err := readTime(parts[0])
	if err != nil {
		return nil
	}
	row := map[string]string{"date": t.Format(time.RFC3339Nano), "amount": strings.TrimSpace(parts[1])}
	of := "unit"
	if parts[2] = strings.TrimSpace(parts[2]); isCurrency.MatchString(parts[2]) {
		of = "currency"
	}
	row[of] = parts[2]
	return row
}

// attestRow is an issuer, the name of its statement, the pointer of a limitation in
// it, and the SHA-256 of its words.
func attestRow(line string) map[string]string {
	words := strings.Fields(line)
	if len(words) != 4 {
		return nil
	}
	return map[string]string{"issuer": words[0], "jti": words[1], "pointer": words[2], "sha256": words[3]}
}

// none reads a box that says that there are none of a member.
func (b *document) none(box, member, both string) {
	if b.fields[box] == "" {
		return
	}
	if b.members[member] != nil {
		b.mistake("/"+member, both)
	}
	b.members[member] = []string{}
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

func (b *document) presented() {
	shown := make(map[string]any)
	if name := b.given("presented_name"); name != "" {
		shown["name"] = name
	}
	if ids := b.split("presented_identifiers"); len(ids) > 0 {
		shown["identifiers"] = ids
	}
	if len(shown) > 0 {
		b.members["transferee_presented"] = shown
	}
}

// disclosures are a line each, as the holder has them in a file.
func (b *document) disclosures() []attest.Disclosure {
	texts := strings.Fields(b.fields["disclosures"])
	if len(texts) == 0 {
		return nil
	}
	ds, err := attest.ParseDisclosures(texts)
	if err != nil {
		b.mistake("/disclosures", err.Error())
	}
	return ds
}

// read reads the request, and notes everything that is wrong in it.
func (b *document) read() (*policy.Request, []byte) {
	data, err := json.MarshalIndent(b.members, "", "  ")
	if err != nil {
		b.mistake("", err.Error())
		return nil, nil
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
				b.mistake(m.Pointer, b.atLine(m))
			}
		}
	} else if err != nil {
		b.mistake("", err.Error())
	}
	return req, append(data, '\n')
}

// atLine is what a mistake says, with the line that it is in.
func (b *document) atLine(m attest.Problem) string {
	parts := strings.SplitN(m.Pointer, "/", 4)
	if n := b.lines[strings.Join(parts[:min(3, len(parts))], "/")]; n > 0 {
		return say("check.line", n, m.Message)
	}
	return m.Message
}

// tick adds to the lines of a field those whose boxes were ticked and that it has not
// yet.
func tick(fields map[string]string, name string, ticked []string) {
	have := strings.FieldsFunc(fields[name], func(r rune) bool { return r == '\n' || r == '\r' })
	for i := range have {
		have[i] = strings.Join(strings.Fields(have[i]), " ")
	}
	for _, line := range ticked {
		if line = strings.Join(strings.Fields(line), " "); line != "" && !slices.Contains(have, line) {
			have = append(have, line)
			fields[name] = strings.TrimRight(fields[name], " \t\r\n") + "\n" + line
		}
	}
	fields[name] = strings.TrimLeft(fields[name], "\n")
}

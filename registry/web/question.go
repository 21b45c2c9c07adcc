package web

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

// checkFields are the fields of the form of a check; the pointers lead into the request.
var checkFields = formFields{
	{name: "sandbox", pointers: []string{"/sandbox"}},
	{name: "authority", pointers: []string{"/authority"}},
	{name: "programme", pointers: []string{"/programme"}},
	{name: "transferor", pointers: []string{"/transferor"}},
	{name: "transferee", pointers: []string{"/transferee"}},
	{name: "presented_name", pointers: []string{"/transferee_presented"}},
	{name: "destination_site", pointers: []string{"/destination_site"}},
	{name: "act", pointers: []string{"/act"}},
	{name: "effective_at", pointers: []string{"/effective_at"}},
	{name: "end_use", pointers: []string{"/end_use"}},
	{name: "items", pointers: []string{"/items", "/item"}},
	{name: "mode", pointers: []string{"/mode"}, folded: true},
	{name: "via", pointers: []string{"/via"}, folded: true},
	{name: "end_user", pointers: []string{"/end_user"}, folded: true},
	{name: "presented_identifiers", pointers: []string{"/transferee_presented/identifiers"}, folded: true},
	{name: "activity", pointers: []string{"/activity"}, folded: true},
	{name: "classification", pointers: []string{"/classification"}, folded: true},
	{name: "value_amount", pointers: []string{"/value/amount", "/value"}, folded: true},
	{name: "value_currency", pointers: []string{"/value/currency"}, folded: true},
	{name: "quantity_amount", pointers: []string{"/quantity/amount", "/quantity"}, folded: true},
	{name: "quantity_unit", pointers: []string{"/quantity/unit"}, folded: true},
	{name: "ledger", pointers: []string{"/ledger"}, folded: true},
	{name: "first", folded: true},
	{name: "person_nationalities", pointers: []string{"/person_nationalities"}, folded: true},
	{name: "nobody", folded: true},
	{name: "laden_at", pointers: []string{"/laden_at"}, folded: true},
	{name: "contract_signed_at", pointers: []string{"/contract_signed_at"}, folded: true},
	{name: "consent_ref", pointers: []string{"/consent_ref"}, folded: true},
	{name: "originating_authority", pointers: []string{"/originating_authority"}, folded: true},
	{name: "attests", pointers: []string{"/attests"}, folded: true},
	{name: "disclosures", pointers: []string{"/disclosures"}, folded: true},
	{name: "known_at", pointers: []string{"/known_at"}, folded: true},
	{name: "checked_at", pointers: []string{"/checked_at"}, folded: true},
	{name: "reference", pointers: []string{"/reference"}, folded: true},
	{name: "requested_by", pointers: []string{"/requested_by"}, folded: true},
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
func questionOf(entered map[string]string) (*question, []attest.Problem) {
	b := &document{form: newForm(entered), members: make(map[string]any)}
	for _, name := range []string{
		"act", "sandbox", "authority", "programme", "transferor", "transferee", "destination_site", "end_use", "mode", "end_user",
		"activity", "classification", "consent_ref", "originating_authority", "reference", "requested_by",
	} {
		b.text(name)
	}
	for _, name := range []string{"effective_at", "laden_at", "contract_signed_at", "known_at", "checked_at"} {
		b.moment(name)
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
	form
	members  map[string]any
	mistakes []attest.Problem
}

func (b *document) mistake(pointer, message string) {
	b.mistakes = append(b.mistakes, attest.Problem{Pointer: pointer, Message: message})
}

func (b *document) text(name string) {
	if text := b.given(name); text != "" {
		b.members[name] = text
	}
}

func (b *document) moment(name string) {
	text, err := b.time(name)
	if err != nil {
		b.mistake("/"+name, err.Error())
	} else if text != "" {
		b.members[name] = text
	}
}

func (b *document) list(name string) {
	if list := b.words(name); len(list) > 0 {
		b.members[name] = list
	}
}

// table reads an element from every line that is not empty. A line that row does
// not take is a mistake, as wrong says.
func (b *document) table(name, wrong string, row func(line string) map[string]string) {
	var rows []map[string]string
	n := b.elements(name, func(line string) bool {
		r := row(line)
		if r != nil {
			rows = append(rows, r)
		}
		return r != nil
	})
	if n > 0 {
		b.mistake("/"+name, say("check.line", n, wrong))
	} else if rows != nil {
		b.members[name] = rows
	}
}

// itemRow is a control list and an entry.
func itemRow(line string) map[string]string {
	list, entry, ok := entryOf(line)
	if !ok {
		return nil
	}
	return map[string]string{"list": list, "entry": entry}
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
	if b.entered[box] == "" {
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
	if ids := b.words("presented_identifiers"); len(ids) > 0 {
		shown["identifiers"] = ids
	}
	if len(shown) > 0 {
		b.members["transferee_presented"] = shown
	}
}

// disclosures are a line each, as the holder has them in a file.
func (b *document) disclosures() []attest.Disclosure {
	texts := strings.Fields(b.entered["disclosures"])
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
	if n, _ := b.line(m.Pointer); n > 0 {
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

package policy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

func pointers(t *testing.T, err error) []string {
	t.Helper()
	var p attest.Problems
	if !errors.As(err, &p) {
		t.Fatalf("error %v is not a list of problems", err)
	}
	var out []string
	for _, q := range p {
		if q.Message == "" {
			t.Errorf("problem at %s without words", q.Pointer)
		}
		out = append(out, q.Pointer)
	}
	slices.Sort(out)
	return out
}

func TestParseRequestNamesTheMistake(t *testing.T) {
	many := func(n int, v any) []any {
		out := make([]any, n)
		for i := range out {
			out[i] = v
		}
		return out
	}
	for _, row := range []struct {
		name string
		over ask
		want string
	}{
		{"no effective_at", ask{"effective_at": nil}, "/effective_at"},
		{"a date without a time", ask{"effective_at": "2026-05-04"}, "/effective_at"},
		{"a time without an offset", ask{"effective_at": "2026-05-04T09:00:00"}, "/effective_at"},
		{"a time before there were any", ask{"known_at": "1969-12-31T23:59:59Z"}, "/known_at"},
		{"a time as a number", ask{"checked_at": 1770000000}, "/checked_at"},
		{"an unknown member", ask{"colour": "red"}, "/colour"},
		{"a member in another case", ask{"End_Use": "x"}, "/End_Use"},
		{"an unknown act", ask{"act": "import"}, "/act"},
		{"an act in another case", ask{"act": "Export"}, "/act"},
		{"no act", ask{"act": nil}, "/act"},
		{"an unknown mode", ask{"mode": "by_air"}, "/mode"},
		{"neither sandbox nor programme", ask{"sandbox": nil}, "/sandbox"},
		{"an authority without a programme", ask{"sandbox": nil, "authority": "auth-us"}, "/sandbox"},
		{"a programme without an authority", ask{"sandbox": nil, "programme": "VEU"}, "/sandbox"},
		{"sandbox and programme", ask{"authority": "auth-us", "programme": "VEU"}, "/sandbox"},
		{"sandbox and authority", ask{"authority": "auth-us"}, "/sandbox"},
		{"a sandbox that can be none", ask{"sandbox": "sbx"}, "/sandbox"},
		{"an authority that can be none", ask{"sandbox": nil, "programme": "VEU", "authority": "US"}, "/authority"},
		{"a name for an identifier", ask{"transferee": "Varuna Deepsense"}, "/transferee"},
		{"a wrong check digit", ask{"transferor": "lei:999900HALCYONMAR0135"}, "/transferor"},
		{"an end user in another case", ask{"end_user": "LEI:999900HALCYONMAR0134"}, "/end_user"},
		{"one of via", ask{"via": []string{"meridian", "x", "corvus"}}, "/via/1"},
		{"too many via", ask{"via": many(65, idOf("corvus"))}, "/via"},
		{"a site that can be none", ask{"destination_site": "vtz 1"}, "/destination_site"},
		{"item and items", ask{"items": []ask{item("US_CCL", "5A001")}}, "/items"},
		{"too many items", ask{"item": nil, "items": many(65, item("US_CCL", "5A001"))}, "/items"},
		{"an unknown member of the item", ask{"item": ask{"list": "US_CCL", "entry": "5A001", "x": 1}}, "/item/x"},
		{"an unknown level", ask{"classification": "TOP_SECRET"}, "/classification"},
		{"a fraction", ask{"value": ask{"amount": json.Number("1.5"), "currency": "USD"}}, "/value/amount"},
		{"an exponent", ask{"value": ask{"amount": json.Number("1e6"), "currency": "USD"}}, "/value/amount"},
		{"an exponent in a string", ask{"value": usd("1e6")}, "/value/amount"},
		{"a negative amount", ask{"value": usd("-1")}, "/value/amount"},
		{"a negative number", ask{"value": ask{"amount": -1, "currency": "USD"}}, "/value/amount"},
		{"an amount with commas", ask{"value": usd("1,000")}, "/value/amount"},
		{"an amount that is none", ask{"value": ask{"amount": true, "currency": "USD"}}, "/value/amount"},
		{"no amount", ask{"value": ask{"currency": "USD"}}, "/value/amount"},
		{"no currency", ask{"value": ask{"amount": "1"}}, "/value/currency"},
		{"an unknown currency", ask{"value": ask{"amount": "1", "currency": "usd"}}, "/value/currency"},
		{"no unit", ask{"quantity": ask{"amount": "1"}}, "/quantity/unit"},
		{"no amount of units", ask{"quantity": ask{"unit": "piece"}}, "/quantity/amount"},
		{"a country that is none", ask{"person_nationalities": []string{"US", "UK"}}, "/person_nationalities/1"},
		{"an authority of origin that is none", ask{"originating_authority": "US"}, "/originating_authority"},
		{"a consent that can be none", ask{"consent_ref": "a b"}, "/consent_ref"},
		{"a ledger entry without date", ask{"ledger": []ask{{"amount": "1", "currency": "USD"}}}, "/ledger/0"},
		{"a ledger entry without amount", ask{"ledger": []ask{{"date": "2026-01-01T00:00:00Z", "currency": "USD"}}}, "/ledger/0"},
		{"a ledger entry without currency or unit", ask{"ledger": []ask{{"date": "2026-01-01T00:00:00Z", "amount": "1"}}}, "/ledger/0"},
		{"a ledger entry with both", ask{"ledger": []ask{{"date": "2026-01-01T00:00:00Z", "amount": "1", "currency": "USD", "unit": "piece"}}}, "/ledger/0"},
		{"a control character", ask{"reference": "a\x07b"}, "/reference"},
		{"text not in NFC", ask{"requested_by": "Zoe\u0308"}, "/requested_by"},
		{"too large", ask{"reference": strings.Repeat("x", 1<<20)}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			req, err := policy.ParseRequest(row.over.document(t))
			if req != nil || err == nil {
				t.Fatalf("ParseRequest = %v, %v; want it refused", req, err)
			}
			if diff := cmp.Diff([]string{row.want}, pointers(t, err)); diff != "" {
				t.Errorf("problems (-want +got):\n%s%v", diff, err)
			}
		})
	}
	for _, text := range []string{"", "null", "[]", "{", `{"act":"export","act":"export"}`, "{}{}", "\xff"} {
		if req, err := policy.ParseRequest([]byte(text)); err == nil {
			t.Errorf("ParseRequest(%q) = %v, want it refused", text, req)
		}
	}
}

func TestParseRequestNamesAllMistakesAtOnce(t *testing.T) {
	doc := ask{
		"effective_at": "2026-05-04", "colour": "red", "act": "import", "transferor": nil, "via": []string{"x"},
		"value": ask{"amount": "-1", "currency": "usd"}, "ledger": []ask{{}}, "classification": 7,
	}.document(t)
	_, err := policy.ParseRequest(doc)
	want := []string{"/act", "/classification", "/colour", "/effective_at", "/ledger/0", "/value/amount", "/value/currency", "/via/0"}
	if diff := cmp.Diff(want, pointers(t, err)); diff != "" {
		t.Errorf("problems (-want +got):\n%s%v", diff, err)
	}
}

// What is null is as not given; nobody is given access is not.
func TestParseRequestNulls(t *testing.T) {
	nulls := ask{}
	for m := range template() {
		nulls[m] = nil
	}
	for _, m := range []string{"effective_at", "sandbox", "act", "transferor", "transferee"} {
		delete(nulls, m)
	}
	doc := nulls.document(t)
	all, err := policy.ParseRequest(doc)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(doc, &members); err != nil {
		t.Fatal(err)
	}
	for m, v := range members {
		if v == nil {
			delete(members, m)
		}
	}
	short, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	none, err := policy.ParseRequest(short)
	if err != nil {
		t.Fatal(err)
	}
	if all.Digest() != none.Digest() || all.PersonNationalities != nil || all.Ledger != nil {
		t.Errorf("nulls read as %+v, absence as %+v", all, none)
	}
	if ask(nil).request(t).PersonNationalities == nil {
		t.Error("an empty list of nationalities is read as none given")
	}
}

func TestNumbersAreExact(t *testing.T) {
	for _, text := range []string{"0", "1", "0.000000001", "123456789012345678901234567890.123456789", "007"} {
		if _, err := policy.NumberOf(text); err != nil {
			t.Errorf("NumberOf(%s): %v", text, err)
		}
	}
	for _, text := range []string{"", "-1", "+1", "1.", ".5", "1e3", "1,0", " 1", "1 ", "0x1", "NaN", "Inf", "1.0000000000", strings.Repeat("1", 31)} {
		if n, err := policy.NumberOf(text); err == nil {
			t.Errorf("NumberOf(%s) = %v, want it refused", text, n)
		}
	}
	req := ask{"value": ask{"amount": 250000, "currency": "USD"}}.request(t)
	if other := (ask{"value": usd("250000.0")}).request(t); req.Digest() != other.Digest() {
		t.Error("an integer is read as another amount than its string")
	}
}

// What is accepted is decided without a panic, and gives the same digest when
// it is written and read again.
func FuzzParseRequest(f *testing.F) {
	for _, a := range []ask{
		nil,
		{"sandbox": nil, "authority": "auth-us", "programme": "VEU"},
		{"act": "retransfer", "consent_ref": "C-1", "originating_authority": "auth-in", "via": []string{"corvus", "oriole"}},
		{"item": nil, "items": []ask{item("US_CCL", "5A001"), item("", "")}, "end_user": "meridian"},
		{"quantity": ask{"amount": 1, "unit": "piece"}, "ledger": []ask{entry("2026-03-01T00:00:00Z", "1.50", "USD")}},
		{"known_at": "2026-05-05T00:00:00.123456789+05:30", "checked_at": nil, "end_use": nil, "reference": "a\nb"},
		attests("TEA", "/eligible_items/0/limitation", words),
	} {
		f.Add(a.document(f))
	}
	f.Add([]byte(`{"effective_at":"2026-05-04","act":5}`))
	st := joint(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		req, err := policy.ParseRequest(doc)
		if err != nil {
			if req != nil {
				t.Fatalf("error %v beside request %v", err, req)
			}
			return
		}
		st.t = t
		at := times(req)
		d, err := policy.Decide(req, st.prove(req, at.KnownAt), at)
		if err != nil {
			t.Fatalf("decide what was accepted: %v", err)
		}
		if _, err := d.Marshal(); err != nil {
			t.Fatalf("marshal: %v", err)
		}
		text, err := jsonv2.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		again, err := policy.ParseRequest(text)
		if err != nil {
			t.Fatalf("what was written is refused: %v\n%s", err, text)
		}
		if again.Digest() != req.Digest() {
			t.Fatalf("%s is read as another request", text)
		}
		// What digests are over is what is written, which has to be the one form.
		if canon, err := jcs.Transform(text); err != nil || !bytes.Equal(canon, text) {
			t.Fatalf("%s is not written in its RFC 8785 form, which is %s, %v", text, canon, err)
		}
	})
}

func TestMembersOfARequestStandInTheOrderOfTheirNames(t *testing.T) {
	var check func(typ reflect.Type)
	check = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			return
		}
		before := ""
		for _, f := range reflect.VisibleFields(typ) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				continue
			}
			if name <= before {
				t.Errorf("%v has %s behind %s", typ, name, before)
			}
			before = name
			check(f.Type)
		}
	}
	check(reflect.TypeFor[policy.Request]())
}

func TestReasonTextsSpeakOfTheFact(t *testing.T) {
	st := joint(t)
	for member, word := range map[string]string{
		"end_use": "end_use", "destination_site": "destination_site", "person_nationalities": "person_nationalities",
		"classification": "classification", "value": "value", "ledger": "ledger", "item": "item",
	} {
		d := st.check(t, check{member, ask{member: nil}, policy.REFER, "MISSING_FACT"})
		for _, r := range d.Reasons {
			if !contains(r.Message, word) {
				t.Errorf("%s: the reason does not name the fact: %s", member, r.Message)
			}
		}
	}
	if got := len(st.decide(ask{"end_use": nil}).Reasons); got != 1 {
		t.Errorf("a fact of the joint terms is asked for %d times", got)
	}
}

package issuing_test

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/issuing"
)

var now = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// head is a map up to its members.
const head = `kind: entity
aud: example.org/register
iss: auth-us
series: S
key: ${No}
backdated: It is older.
members:
  entity: lei:${LEI}
  legal_name: ${Name}
  country: IN
  legal_effect: authorization
`

const varuna = "999900VARUNADEEP0174"

func parseMap(t testing.TB, text string) *issuing.Map {
	t.Helper()
	m, err := issuing.ParseMap("map.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func readTable(t testing.TB, text string) *issuing.Table {
	t.Helper()
	table, err := issuing.ReadTable([]byte(text), ',')
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func read(t testing.TB, mapText, tableText string) *issuing.Reading {
	t.Helper()
	r, err := parseMap(t, mapText).Read(readTable(t, tableText), issuing.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// approval is the claims of the only row, as they are signed.
func approval(t testing.TB, mapText, tableText string) *attest.EntityApproval {
	t.Helper()
	r := read(t, mapText, tableText)
	if len(r.Mistakes) > 0 || len(r.Rows) != 1 {
		t.Fatalf("%d rows, mistakes %v", len(r.Rows), r.Mistakes)
	}
	changes := compare(t, mapText, tableText, nil)
	c, err := changes[0].Claims(issuing.Terms{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return c.(*attest.EntityApproval) //nolint:forcetypeassert // the maps here make no others
}

func compare(t testing.TB, mapText, tableText string, statements []attest.Claims) []*issuing.Change {
	t.Helper()
	return compareWith(t, mapText, tableText, statements, false)
}

func compareWith(t testing.TB, mapText, tableText string, statements []attest.Claims, adopt bool) []*issuing.Change {
	t.Helper()
	m := parseMap(t, mapText)
	r := read(t, mapText, tableText)
	changes, err := issuing.Compare(m, r.Rows, issuing.Standing(m.Scope(""), statements), issuing.Terms{Now: now, Adopt: adopt})
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// issue makes what changes make.
func issue(t testing.TB, changes []*issuing.Change, terms issuing.Terms) (out []attest.Claims) {
	t.Helper()
	for _, c := range changes {
		if c.Makes() || c.Effect == issuing.Ended && terms.End != "" {
			claims, err := c.Claims(terms)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, claims)
		}
	}
	return out
}

func effects(changes []*issuing.Change) string {
	var out []string
	for _, c := range changes {
		out = append(out, c.Key+" "+string(c.Effect))
	}
	return strings.Join(out, ", ")
}

func mistakes(ms []issuing.Mistake) string {
	var out []string
	for _, m := range ms {
		out = append(out, m.In("t"))
	}
	return strings.Join(out, "\n")
}

func TestARowBecomesAStatement(t *testing.T) {
	got := approval(t, head+`  nbf: {date: "${From}", format: D Mon YYYY, zone: Asia/Kolkata}
  exp: {date: "${Last}", format: YYYY-MM-DD, zone: "+05:30", last_day: true}
  identifiers: ["lei:${LEI}", "uei:${UEI}"]
  authorised_roles: {split: "${Roles}", separator: "/"}
  eligible_items: {items: "${Items}", separator: ";"}
  approved_sites:
    split: ${Sites}
    separator: "\n"
    parts: "|"
    each: {id: "${1}", address: "${2}, ${Town}", country: IN}
  obligations: [{kind: keep_records, years: "${Years}"}]
  caveats: {in_scope: {US_CCL: ["${Scope}"]}}
  programme: "A${None}B"
`, "No,LEI,Name,From,Last,UEI,Roles,Items,Sites,Town,Years,Scope,None\r\n"+
		`n/1,`+varuna+`," Varuna, $ India ",5 Jan 2026,2027-03-31,,transferee / end_user,US_USML:XI(a)(3) (a; b (c)); US_CCL:3A001 [A-1],"B-2|Plot 2`+"\r\n"+`A-1|Plot 1",Vizag,5,3A001,`+"\r\n")
	want := &attest.EntityApproval{
		Common: attest.Common{Aud: "example.org/register", Iss: "auth-us", Sub: "entity:lei:" + varuna + "/auth-us", IAT: attest.NumericDate(now.Unix())},
		Grant: attest.Grant{
			NBF:         attest.NumericDate(time.Date(2026, 1, 4, 18, 30, 0, 0, time.UTC).Unix()),
			EXP:         attest.NumericDate(time.Date(2027, 3, 31, 18, 30, 0, 0, time.UTC).Unix()),
			Retroactive: true, RetroactiveReason: "It is older.",
		},
		VCT: attest.VCT, LegalName: "Varuna, $ India", Country: "IN", LegalEffect: attest.Authorization,
		AuthorisedRoles: []attest.Role{attest.Transferee, attest.EndUser},
		EligibleItems: []attest.Item{
			{List: "US_USML", Entry: "XI(a)(3)", Limitation: "a; b (c)"},
			{List: "US_CCL", Entry: "3A001", Sites: []string{"A-1"}},
		},
		ApprovedSites: []attest.Site{{ID: "B-2", Address: "Plot 2, Vizag", Country: "IN"}, {ID: "A-1", Address: "Plot 1, Vizag", Country: "IN"}},
		Obligations:   []attest.Obligation{{Kind: attest.KeepRecords, Years: 5}},
		Caveats:       &attest.Limits{InScope: attest.Scope{"US_CCL": []string{"3A001"}}},
	}
	want.JTI = got.JTI
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(got.JTI, "S.n-1.") || strings.Count(got.JTI, ".") != 3 {
		t.Errorf("jti %s", got.JTI)
	}
}

func TestEveryMistakeOfAMapIsNamed(t *testing.T) {
	_, err := issuing.ParseMap("m", []byte(`kind: domain
aud: "not an origin"
iss: auth us
series: has space
key: constant
delimiter: xx
ignore: Remarks
speed: 1
`))
	want := []string{
		`m:1: kind: unknown kind "domain": want entity or registration`,
		`m:2: aud: "not an origin" is no origin: want a schema-less URL such as example.org/register`,
		`m:4: series: "has space" is no series: want at most 32 letters, digits, _ and -`,
		`m:5: key: has no ${Column}: every row would have the same key`,
		`m:6: delimiter: is the text "xx"; want what stands between two cells; want one of ",", ";", "|" and tab`,
		`m:7: ignore: is the text "Remarks"; want a list of columns`,
		`m:8: speed: unknown member; here may stand aud, backdated, delimiter, ignore, iss, key, kind, members, series`,
		`m:1: members: is missing: the members of the statement, each with what goes into it`,
	}
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("want %s in:\n%v", w, err)
		}
	}
	for _, c := range []struct{ members, want string }{
		{"nbf: ${From}", `members/nbf: is a date: write {date: "${From}", format: YYYY-MM-DD, zone: UTC}`},
		{"nbf: 2026-01-01", `members/nbf: "2026-01-01" is no time`},
		{"nbf: {date: \"${F}\"}", `members/nbf/format: is missing`},
		{"nbf: {date: \"${F}\", format: DD/MM/YY, zone: UTC}", `members/nbf/format: "DD/MM/YY" is no form of a date`},
		{"nbf: {date: \"${F}\", format: YYYY-MM, zone: UTC}", `members/nbf/format: "YYYY-MM" is no form of a date, a part is missing`},
		{"nbf: {date: \"${F}\", format: YYYY-MM-DD}", `members/nbf/zone: is missing`},
		{"nbf: {date: \"${F}\", format: YYYY-MM-DD, zone: Local}", `members/nbf/zone: is the zone of whatever machine`},
		{"nbf: {date: \"${F}\", format: YYYY-MM-DD, zone: Mars/Base}", `members/nbf/zone: "Mars/Base" is no zone`},
		{"nbf: {date: \"${F}\", format: RFC3339, zone: UTC}", `members/nbf/zone: is not for dates that have an offset`},
		{"nbf: {date: \"${F}\", format: YYYY-MM-DD hh:mm, zone: UTC, last_day: true}", `members/nbf/last_day: goes with a day`},
		{"nbf: {date: \"${F}\", format: YYYY-MM-DD, zone: UTC, guess: true}", `members/nbf/guess: unknown member; beside date may stand format, zone, last_day`},
		{"nbf: {date: F, format: YYYY-MM-DD, zone: UTC}", `members/nbf/date: has no ${Column}`},
		{"jti: ${No}", `members/jti: is not for a map to say`},
		{"retroactive: true", `members/retroactive: is not for a map to say: backdated`},
		{"legalname: x", `members/legalname: unknown member; here may stand`},
		{"programme: 5", `members/programme: is the number 5; want text`},
		{"programme: ~", `members/programme: has no value`},
		{"programme: $x", `members/programme: has a $ that begins no ${Column}; a dollar sign is written $$`},
		{"programme: ${x", `members/programme: has a ${ that is not closed`},
		{"programme: {items: x, separator: y}", `members/programme: items does not go here`},
		{"programme: {lookup: \"${P}\"}", `members/programme/to: has no value; want members`},
		{"programme: {first: x}", `members/programme/first: is the text "x"; want a list of texts`},
		{"eligible_items: {items: \"${I}\", separator: \"\"}", `members/eligible_items/separator: is the text ""`},
		{"eligible_items: {items: \"${I}\", separator: \";\", list: US}", `members/eligible_items/list: unknown list "US"`},
		{"approved_sites: {split: \"${S}\", separator: \";\"}", `members/approved_sites/each: is missing`},
		{"approved_sites: {split: \"${S}\", separator: \";\", each: {id: \"${1}\", where: x}}", `members/approved_sites/each/where: unknown member; here may stand address, country, id, name`},
		{"approved_sites: x", `members/approved_sites: is the text "x"; want a list, or split`},
		{"obligations: [{kind: keep_records, years: true}]", `members/obligations/0/years: is true; want text`},
		{"caveats: 5", `members/caveats: is the number 5; want members`},
	} {
		_, err := issuing.ParseMap("m", []byte(head+"  "+c.members+"\n"))
		if err == nil || !strings.Contains(err.Error(), "m:12: "+c.want) {
			t.Errorf("%s: want %s, got\n%v", c.members, c.want, err)
		}
	}
}

func TestWhatAMapSaysIsCheckedWithTheRows(t *testing.T) {
	text := strings.Replace(head, "country: IN", "country: Atlantis", 1) + "  nbf: 2027-01-01T00:00:00Z\n"
	_, err := parseMap(t, text).Read(readTable(t, "No,LEI,Name\n1,"+varuna+",A\n2,"+varuna+",B\n"), issuing.Options{Now: now})
	if err == nil || strings.Count(err.Error(), "\n") != 0 || !strings.Contains(err.Error(), `map.yaml:10: members/country: `) {
		t.Errorf("got %v", err)
	}
	_, err = parseMap(t, head+"  nbf: 2027-01-01T00:00:00Z\nignore: [Nowhere, Name]\n").Read(readTable(t, "No,LEI,Name,More\n"), issuing.Options{Now: now})
	for _, want := range []string{
		`map.yaml:13: ignore/0: the table has no column "Nowhere"; it has "No", "LEI", "Name", "More"`,
		`map.yaml:13: ignore/1: column "Name" is not ignored: the map takes it`,
		`map.yaml:13: ignore: the table has "More", which goes nowhere; take it into a member, or name it here`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got\n%v", want, err)
		}
	}
}

func TestEveryBadRowIsNamedByLineAndColumn(t *testing.T) {
	r := read(t, head+`  nbf: {date: "${From}", format: YYYY-MM-DD hh:mm, zone: Europe/Berlin}
  eligible_items: {items: "${Items}", separator: ";", list: US_CCL}
  obligations: [{kind: keep_records, years: "${Years}"}]
`, "No,LEI,Name,From,Items,Years\n"+
		"1,"+varuna+",Good,2026-01-05 09:00,3A001,5\n"+
		",,,,,\n"+
		"2,"+varuna+",,2026-03-29 02:30,3A001; 3A001; x y; US_USML:XI(a),five\n"+
		"3,"+varuna+",\"two\nlines\",2026-10-25 02:30,3A001,5\n"+
		",,e\u0301,5 Jan,,\n")
	want := strings.Join([]string{
		`t:4:24: column 3 "Name": legal_name: is missing`,
		`t:4:25: column 4 "From": nbf: 2026-03-29 02:30:00 is shown by no clock of Europe/Berlin: there the clocks are put forward`,
		`t:4:42: column 5 "Items": eligible_items/1: "3A001" stands twice`,
		`t:4:75: column 6 "Years": obligations/0/years: "five" is no whole number`,
		`t:5:24: column 3 "Name": legal_name: has more than one line`,
		`t:6:8: column 4 "From": nbf: 2026-10-25 02:30:00 is shown twice by the clocks of Europe/Berlin: there they are put back`,
		`t:7:1: column 1 "No": key: is empty; every row has a key`,
		`t:7:3: column 3 "Name": legal_name: has letters and accents apart; write it in Unicode Normalization Form C`,
	}, "\n")
	got := mistakes(r.Mistakes)
	for _, w := range strings.Split(want, "\n") {
		if !strings.Contains(got, w) {
			t.Errorf("want %s in\n%s", w, got)
		}
	}
	if r.Bad != 3 || len(r.Rows) != 1 || r.Rows[0].Line != 2 {
		t.Errorf("%d bad, %d good", r.Bad, len(r.Rows))
	}
}

func TestRegistrationsOfOneIdentifierAreTwice(t *testing.T) {
	r := read(t, strings.NewReplacer("kind: entity", "kind: registration", "  legal_effect: authorization\n", "").Replace(head)+
		"  nbf: 2027-01-01T00:00:00Z\n  identifiers: [\"cage:${C}\"]\n",
		"No,LEI,Name,C\n1,"+varuna+",A,1ABC2\n2,999900HALCYONMAR0134,B,1ABC2\n3,"+varuna+",C,\n")
	want := `t:2:3: column 2 "LEI": entity: lei:` + varuna + ` stands for the entity on line 4, too
t:2:26: column 4 "C": identifiers/0: cage:1ABC2 stands for the entity on line 3, too
t:3:26: column 4 "C": identifiers/0: cage:1ABC2 stands for the entity on line 2, too
t:4:3: column 2 "LEI": entity: lei:` + varuna + ` stands for the entity on line 2, too`
	if diff := cmp.Diff(want, mistakes(r.Mistakes)); diff != "" {
		t.Error(diff)
	}
	if len(r.Rows) != 0 || r.Bad != 3 {
		t.Errorf("%d rows are good, %d bad", len(r.Rows), r.Bad)
	}
}

// Which of two rows with one key is the wrong one, the table does not say: where
// one is bad for something else, too, the other is not good for that.
func TestARowWithTheKeyOfABadOneIsBad(t *testing.T) {
	for name, first := range map[string]string{
		"bad for something else": simpleRow("1", "A", "2026-13-01", "", "3A001"),
		"not to be read":         simpleRow("1", "A", "2026-01-01", "", "3A001") + ",more",
		"cut short":              "1," + varuna,
		"good":                   simpleRow("1", "A", "2026-01-01", "", "3A001"),
	} {
		t.Run(name, func(t *testing.T) {
			r := read(t, simple, simpleTable(first, simpleRow("1", "B", "2026-01-01", "", "3A001"), simpleRow("2", "C", "2026-01-01", "", "3A001")))
			if want := `t:3:1: column 1 "No": key: "1" is the key of the row on line 2, too`; !strings.Contains(mistakes(r.Mistakes), want) {
				t.Errorf("want %s in\n%s", want, mistakes(r.Mistakes))
			}
			if len(r.Rows) != 1 || r.Rows[0].Key != "2" || r.Bad != 2 {
				t.Errorf("%d rows are good, %d bad", len(r.Rows), r.Bad)
			}
		})
	}
}

func TestARegistrationOfWhomABadRowIsAboutIsBad(t *testing.T) {
	r := read(t, strings.NewReplacer("kind: entity", "kind: registration", "  legal_effect: authorization\n", "").Replace(head)+
		"  nbf: 2027-01-01T00:00:00Z\n",
		"No,LEI,Name\n1,"+varuna+",\n2,"+varuna+",B\n")
	if want := "t:3:3: column 2 \"LEI\": entity: lei:" + varuna + " stands for the entity on line 2, too"; !strings.Contains(mistakes(r.Mistakes), want) || len(r.Rows) != 0 {
		t.Errorf("want %s in\n%s", want, mistakes(r.Mistakes))
	}
}

func TestWhatIsNoTableIsRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "table:1: the file is empty; its first row names the columns"},
		{"Latin-1", "a,b\nc,caf\xe9\n", `table:2:6: the file is not UTF-8 text: save it as "CSV UTF-8"`},
		{"UTF-16", "\xff\xfea\x00", `table:1:1: the file is not UTF-8 text: save it as "CSV UTF-8"`},
		{"no name", "a,,a\n", "table:1:3: column 2 \"\": has no name; the first row names every column\ntable:1:4: column 3 \"a\": is the name of column 1, too"},
		{"quotes", "a,b\nx\"y,1\n\"z\"z,1\n\"open,1\n", "table:2:2: has a quote in a cell that does not begin with one; such a cell stands in quotes, and each quote in it twice"},
		{"wide", strings.Repeat("a,", issuing.MaxColumns) + "a\n", "table:1: names 257 columns; at most 256 are accepted"},
		{"large", strings.Repeat("x", issuing.MaxBytes+1), "table:1: the file has 16777217 bytes; at most 16777216 are accepted"},
		{"many", "a\n" + strings.Repeat("x\n", issuing.MaxRows+1), "table:20002: is one row more than the 20000 that are accepted; cut the table in two"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := issuing.ReadTable([]byte(c.text), ',')
			if _, ok := errors.AsType[issuing.Mistakes](err); !ok || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

// A row with too few or too many cells is bad like every other one: the others
// are read, and their mistakes told.
func TestARowThatCannotBeReadIsABadOne(t *testing.T) {
	r := read(t, simple, simpleTable(
		simpleRow("1", "A", "2026-01-01", "", "3A001"),
		"2,"+varuna,
		simpleRow("3", "A", "2026-13-01", "", "3A001"),
		simpleRow("4", "A", "2026-01-01", "", "3A001")+",more",
		simpleRow("5", strings.Repeat("x", issuing.MaxCell+1), "2026-01-01", "", "3A001"),
	))
	got := mistakes(r.Mistakes)
	for _, want := range []string{
		"t:3: has 2 cells; the header names 6: a cell with a comma or a line end in it stands in quotes",
		`t:4:26: column 4 "From": nbf: `,
		"t:5: has 7 cells; the header names 6",
		`t:6:24: column 3 "Name": has 32769 bytes; at most 32768 are accepted`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("not told: %s\n%s", want, got)
		}
	}
	if len(r.Rows) != 1 || r.Bad != 4 {
		t.Errorf("%d rows, %d bad", len(r.Rows), r.Bad)
	}
}

func TestByteOrderMarkCRLFAndBlankRowsAreAccepted(t *testing.T) {
	table, err := issuing.ReadTable([]byte("\ufeffa;b\r\n 1 ;\"x;\r\ny\"\r\n;\r\n\r\n2;\r\n"), ';')
	if err != nil || table.Len() != 2 || cmp.Diff([]string{"a", "b"}, table.Columns()) != "" {
		t.Errorf("%d rows of %q: %v", table.Len(), table.Columns(), err)
	}
}

// No member of a statement is called as a form, or it could not be said.
func TestFormsAreNoMembers(t *testing.T) {
	seen := make(map[reflect.Type]bool)
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(typ.Elem())
		case reflect.Struct:
			if seen[typ] {
				return
			}
			seen[typ] = true
			for _, f := range reflect.VisibleFields(typ) {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				switch name {
				case "date", "first", "items", "lookup", "split":
					t.Errorf("%v has a member %s", typ, name)
				}
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[attest.EntityApproval]())
	walk(reflect.TypeFor[attest.Registration]())
}

const simple = head + "  nbf: {date: \"${From}\", format: YYYY-MM-DD, zone: UTC}\n  exp: {date: \"${To}\", format: YYYY-MM-DD, zone: UTC}\n  eligible_items: {items: \"${Items}\", separator: \";\", list: US_CCL}\n"

func simpleTable(rows ...string) string {
	return "No,LEI,Name,From,To,Items\n" + strings.Join(rows, "\n") + "\n"
}

func simpleRow(key, name, from, to, items string) string {
	return key + "," + varuna + "," + name + "," + from + "," + to + "," + items
}

func TestWhatARowComesTo(t *testing.T) {
	row := simpleRow("1", "A", "2026-01-01", "2030-01-01", "3A001.a; 3A002 (only x)")
	standing := issue(t, compare(t, simple, simpleTable(row), nil), issuing.Terms{Now: now})
	for _, c := range []struct{ row, want, details string }{
		{row, "1 unchanged", ""},
		{simpleRow("1", "A", "2026-01-01", "2030-01-01", "3A002 (only x); 3A001.a"), "1 unchanged", ""},
		{simpleRow("1", "B", "2026-01-01", "2030-01-01", "3A001.a; 3A002 (only x)"), "1 changed", "legal_name changed It has another legal name"},
		{simpleRow("1", "A", "2026-01-01", "2029-01-01", "3A001.a; 3A002 (only x)"), "1 narrowed", "exp narrowed It ends earlier"},
		{simpleRow("1", "A", "2026-01-01", "", "3A001.a; 3A002 (only x)"), "1 widened", "exp widened It holds for longer"},
		{simpleRow("1", "A", "2026-01-01", "2030-01-01", "3A001; 3A002 (only x)"), "1 widened", "eligible_items/0 widened item 3A001 of US_CCL in place of 3A001.a of US_CCL"},
		{simpleRow("1", "A", "2026-01-01", "2030-01-01", "3A001.a.1; 3A002 (only x)"), "1 narrowed", "eligible_items/0 narrowed item 3A001.a.1 of US_CCL in place of 3A001.a of US_CCL"},
		{simpleRow("1", "A", "2026-01-01", "2030-01-01", "3A001.a; 3A002"), "1 widened", "eligible_items/1 widened item 3A002 of US_CCL is no longer limited in words"},
		{simpleRow("1", "A", "2026-01-01", "2030-01-01", "3A001.a; 3A002 (only y)"), "1 changed", "eligible_items/1/limitation changed item 3A002 of US_CCL is limited in other words"},
		{simpleRow("1", "A", "2026-01-01", "2030-01-01", ""), "1 widened", "eligible_items widened No longer limited by item"},
		{simpleRow("1", "A", "2026-01-01", "2029-01-01", "3A001; 3A002 (only x)"), "1 changed", "exp narrowed It ends earlier; eligible_items/0 widened item 3A001 of US_CCL in place of 3A001.a of US_CCL"},
		{simpleRow("2", "A", "2026-01-01", "2030-01-01", "3A001.a; 3A002 (only x)"), "2 added, 1 ended", ""},
		// Another entity in the row is another approval.
		{"1,999900HALCYONMAR0134,A,2026-01-01,2030-01-01,3A001.a", "1 added, 1 ended", ""},
	} {
		changes := compare(t, simple, simpleTable(c.row), standing)
		var details []string
		for _, d := range changes[0].Details {
			details = append(details, fmt.Sprintf("%s %s %s", d.Member, d.Effect, d.Text))
		}
		if diff := cmp.Diff([]string{c.want, c.details}, []string{effects(changes), strings.Join(details, "; ")}); diff != "" {
			t.Errorf("%s: %s", c.row, diff)
		}
	}
}

func TestANewVersionHoldsFromATimeThatIsSaid(t *testing.T) {
	first := issue(t, compare(t, simple, simpleTable(simpleRow("1", "A", "2026-01-01", "", "3A001")), nil), issuing.Terms{Now: now})
	changes := compare(t, simple, simpleTable(simpleRow("1", "A", "2026-01-01", "", "3A002")), first)
	if _, err := changes[0].Claims(issuing.Terms{Now: now}); err == nil || !strings.Contains(err.Error(), `column 4 "From": nbf: is no later than that of S.1.`) {
		t.Errorf("without a time: %v", err)
	}
	later := now.Add(48 * time.Hour)
	second := issue(t, changes, issuing.Terms{Now: now, Effective: later})
	if g := attest.GrantOf(second[0]); g.NBF.Time() != later || g.Supersedes != first[0].Head().JTI || g.Retroactive {
		t.Errorf("second version: %+v", g)
	}
	// Another time does not make another version of what stands.
	all := append(first, second...)
	if got := effects(compare(t, simple, simpleTable(simpleRow("1", "A", "2026-01-01", "", "3A002")), all)); got != "1 unchanged" {
		t.Error(got)
	}
	// The row's own date counts where it is later.
	third := issue(t, compare(t, simple, simpleTable(simpleRow("1", "A", "2027-06-01", "", "3A003")), all), issuing.Terms{Now: now})
	if g := attest.GrantOf(third[0]); g.NBF.Time() != time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC) || g.Supersedes != second[0].Head().JTI {
		t.Errorf("third version: %+v", g)
	}
	// Without a reason nothing lies before the day of import.
	forward := strings.Replace(simple, "backdated: It is older.\n", "", 1)
	_, err := compare(t, forward, simpleTable(simpleRow("1", "A", "2026-01-01", "", "3A002")), nil)[0].Claims(issuing.Terms{Now: now})
	if err == nil || !strings.Contains(err.Error(), `column 4 "From": nbf: is 2026-01-01T00:00:00Z, before the day of import`) {
		t.Errorf("without a reason: %v", err)
	}
	// And nothing ends before it begins.
	_, err = compare(t, simple, simpleTable(simpleRow("1", "A", "2026-01-01", "2026-11-03", "3A009")), first)[0].Claims(issuing.Terms{Now: now, Effective: later})
	if err == nil || !strings.Contains(err.Error(), `column 5 "To": exp: is not after nbf`) {
		t.Errorf("ends before it begins: %v", err)
	}
}

func TestARowThatIsGoneEndsAndMayComeBack(t *testing.T) {
	table := simpleTable(simpleRow("1", "A", "2026-01-01", "", "3A001"))
	terms := issuing.Terms{Now: now, Effective: now.Add(time.Hour), End: attest.Withdraw}
	all := issue(t, compare(t, simple, table, nil), terms)
	ends := issue(t, compare(t, simple, simpleTable(), all), terms)
	if e, ok := ends[0].(*attest.Event); !ok || e.Event != attest.Withdraw || e.Target != all[0].Head().JTI || e.EffectiveAt.Time() != terms.Effective {
		t.Errorf("ends by %+v", ends[0])
	}
	all = append(all, ends...)
	if got := effects(compare(t, simple, simpleTable(), all)); got != "" {
		t.Errorf("ends twice: %s", got)
	}
	back := issue(t, compare(t, simple, table, all), terms)
	if len(back) != 1 || back[0].Head().JTI == all[0].Head().JTI || attest.GrantOf(back[0]).Supersedes != "" {
		t.Fatalf("comes back as %+v", back)
	}
	all = append(all, back...)
	if got := effects(compare(t, simple, table, all)); got != "1 unchanged" {
		t.Error(got)
	}
	// By somebody who thought of it, it ends for good.
	all = append(all, &attest.Event{Common: *all[2].Head(), Event: attest.Revoke, Target: all[2].Head().JTI, EffectiveAt: 1})
	all[3].Head().JTI = "REV-1"
	if got := effects(compare(t, simple, table, all)); got != "1 blocked" {
		t.Error(got)
	}
	// What ends by itself is not told, and not what others said.
	other := *all[0].(*attest.EntityApproval) //nolint:forcetypeassert // the map makes no others
	other.JTI = "BY-HAND"
	if got := effects(compare(t, simple, simpleTable(), []attest.Claims{&other})); got != "" {
		t.Error(got)
	}
}

func TestARowIsTheNextVersionOfWhatWasSignedByHand(t *testing.T) {
	row := simpleRow("1", "A", "2026-01-01", "2030-01-01", "3A001")
	made := issue(t, compare(t, simple, simpleTable(row), nil), issuing.Terms{Now: now})
	byHand := *made[0].(*attest.EntityApproval) //nolint:forcetypeassert // the map makes no others
	byHand.JTI = "BY-HAND"
	standing := []attest.Claims{&byHand}
	if got := effects(compare(t, simple, simpleTable(row), standing)); got != "1 unchanged" {
		t.Errorf("says the same: %s", got)
	}
	changes := compare(t, simple, simpleTable(simpleRow("1", "A", "2026-01-01", "2029-01-01", "3A001")), standing)
	if got := effects(changes); got != "1 narrowed" || changes[0].Stands != "BY-HAND" || !strings.Contains(changes[0].Note, "signed by hand") {
		t.Fatalf("%s: %+v", got, changes[0])
	}
	terms := issuing.Terms{Now: now, Effective: now.Add(time.Hour), End: attest.Revoke}
	next := issue(t, changes, terms)
	if g := attest.GrantOf(next[0]); g.Supersedes != "BY-HAND" {
		t.Errorf("supersedes %q", g.Supersedes)
	}
	standing = append(standing, next...)
	if got := effects(compare(t, simple, simpleTable(simpleRow("1", "A", "2026-01-01", "2029-01-01", "3A001")), standing)); got != "1 unchanged" {
		t.Errorf("again: %s", got)
	}
	if got := effects(compare(t, simple, simpleTable(), standing)); got != "1 ended" {
		t.Errorf("gone after it was taken up: %s", got)
	}

	// What was narrowed by hand is not made wide again by a table that nobody asked.
	wider := simpleTable(simpleRow("1", "A", "2026-01-01", "", "3A001"))
	if got := effects(compare(t, simple, wider, standing[:1])); got != "1 blocked" {
		t.Errorf("allows more: %s", got)
	}
	if got := effects(compareWith(t, simple, wider, standing[:1], true)); got != "1 widened" {
		t.Errorf("adopted: %s", got)
	}

	// Of another programme or entity, or ended, it is something else; of two, or for
	// two rows, nobody can tell.
	elsewhere, ended, second := byHand, byHand, byHand
	elsewhere.Programme, second.JTI = "OTHER", "BY-HAND-2"
	end := &attest.Event{Common: *ended.Head(), Event: attest.Revoke, Target: "BY-HAND", EffectiveAt: 1}
	end.JTI = "REV-1"
	two := simpleTable(row, simpleRow("2", "A", "2026-01-01", "2030-01-01", "3A002"))
	for name, c := range map[string]struct {
		table    string
		standing []attest.Claims
		want     string
	}{
		"another programme": {simpleTable(row), []attest.Claims{&elsewhere}, "1 added"},
		"it has ended":      {simpleTable(row), []attest.Claims{&ended, end}, "1 added"},
		"two of them":       {simpleTable(row), []attest.Claims{&byHand, &second}, "1 blocked"},
		"two rows":          {two, []attest.Claims{&byHand}, "1 blocked, 2 blocked"},
	} {
		changes := compare(t, simple, c.table, c.standing)
		if got := effects(changes); got != c.want {
			t.Errorf("%s: %s %q, want %s", name, got, changes[0].Note, c.want)
		}
	}
}

func TestExamplesAreReadWhole(t *testing.T) {
	for dir, rows := range map[string]int{"veu-table": 3, "certified-recipients": 3} {
		mapText, err := os.ReadFile("../examples/" + dir + "/map.yaml")
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile("../examples/" + dir + "/table.csv")
		if err != nil {
			t.Fatal(err)
		}
		m := parseMap(t, string(mapText))
		table, err := issuing.ReadTable(data, m.Delimiter())
		if err != nil {
			t.Fatal(err)
		}
		r, err := m.Read(table, issuing.Options{Now: now})
		if err != nil || len(r.Mistakes) > 0 || len(r.Rows) != rows {
			t.Errorf("%s: %d rows, %v, %v", dir, len(r.Rows), mistakes(r.Mistakes), err)
		}
	}
}

// Whatever happens to a table from one import to the next, a second import of it
// makes nothing, no name is given twice, and what stands is what the table says.
func TestASecondImportMakesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var all []attest.Claims
		names := make(map[string]bool)
		at := now
		for range rapid.IntRange(1, 6).Draw(rt, "imports") {
			at = at.Add(time.Hour)
			var rows []string
			for key := range 4 {
				if rapid.Bool().Draw(rt, "there") {
					item := rapid.SampledFrom([]string{"3A001", "3A001.a", "3A002", ""}).Draw(rt, "items")
					rows = append(rows, simpleRow(fmt.Sprint(key), "A", rapid.SampledFrom([]string{"2026-01-01", "2026-02-01"}).Draw(rt, "from"), "", item))
				}
			}
			table := simpleTable(rows...)
			terms := issuing.Terms{Now: at, Effective: at.Add(time.Minute)}
			if rapid.Bool().Draw(rt, "end") {
				terms.End = attest.Revoke
			}
			made := issue(t, compare(t, simple, table, all), terms)
			// An interruption leaves some of them.
			if len(made) > 1 && rapid.Bool().Draw(rt, "interrupted") {
				all = append(all, made[:len(made)/2]...)
				again := issue(t, compare(t, simple, table, all), terms)
				if len(again) != len(made)-len(made)/2 {
					rt.Fatalf("goes on with %d of %d", len(again), len(made)-len(made)/2)
				}
				for i, c := range again {
					if diff := cmp.Diff(made[len(made)/2+i], c); diff != "" {
						rt.Fatalf("goes on with something else: %s", diff)
					}
				}
				made = append(made[:len(made)/2:len(made)/2], again...)
				all = all[:len(all)-len(made)/2]
			}
			for _, c := range made {
				if names[c.Head().JTI] {
					rt.Fatalf("%s is given twice", c.Head().JTI)
				}
				names[c.Head().JTI] = true
			}
			all = append(all, made...)
			lineage := new(attest.Lineage)
			for _, c := range all {
				if _, err := lineage.Next(c); err != nil {
					rt.Fatalf("%s %v", c.Head().JTI, err)
				}
			}
			if again := issue(t, compare(t, simple, table, all), issuing.Terms{Now: at, Effective: at.Add(time.Hour), End: terms.End}); len(again) > 0 {
				rt.Fatalf("a second import makes %+v", again[0])
			}
		}
	})
}

func FuzzParseMap(f *testing.F) {
	for _, name := range []string{"veu-table", "certified-recipients"} {
		text, err := os.ReadFile("../examples/" + name + "/map.yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(simple)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := issuing.ParseMap("m", []byte(text))
		if err != nil {
			return
		}
		// What is accepted reads every table.
		table, err := issuing.ReadTable([]byte("No,LEI,Name,From,To,Items\n1,"+varuna+",A,2026-01-01,,3A001\n,,,,,\n2,x,,y,z,((;[\n"), ',')
		if err != nil {
			t.Fatal(err)
		}
		_, _ = m.Read(table, issuing.Options{Now: now, Aud: "example.org/register", Iss: "auth-us"})
	})
}

func FuzzReadTable(f *testing.F) {
	for _, s := range []string{
		simpleTable(simpleRow("1", "A", "2026-01-01", "2030-01-01", "3A001.a; 3A002 (only x)")),
		"\ufeffNo,LEI,Name,From,To,Items\r\n1,,\"a\r\nb\",,,\r\n", "No,LEI,Name,From,To,Items\n\"", "a,b\n",
	} {
		f.Add([]byte(s))
	}
	m := parseMap(f, simple)
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := issuing.ReadTable(data, ',')
		if err != nil {
			ms, ok := errors.AsType[issuing.Mistakes](err)
			if !ok || len(ms) == 0 {
				t.Fatalf("not mistakes: %v", err)
			}
			return
		}
		r, err := m.Read(table, issuing.Options{Now: now})
		if err != nil {
			return
		}
		lines := strings.Count(string(data), "\n") + 1
		for _, x := range r.Mistakes {
			if x.Line < 1 || x.Line > lines || x.Column < 0 || x.Column > len(table.Columns()) {
				t.Fatalf("at no place of the table: %s", x.In("t"))
			}
		}
		changes, err := issuing.Compare(m, r.Rows, nil, issuing.Terms{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		made := issue(t, changes, issuing.Terms{Now: now})
		for _, c := range made {
			if _, err := attest.Payload(c); err != nil {
				t.Fatalf("a good row makes a bad statement: %v", err)
			}
		}
		changes, err = issuing.Compare(m, r.Rows, issuing.Standing(m.Scope(""), made), issuing.Terms{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if c.Effect != issuing.Unchanged {
				t.Fatalf("a second import of line %d is %s", c.Line, c.Effect)
			}
		}
	})
}

// A register holds an issuer to the addresses that it has given to site ids, and
// to the entities that identifiers stand for; so do the statements of one table.
func TestWhatIsSettledIsNotContradicted(t *testing.T) {
	registration := func(jti, sub, address string, identifiers ...string) *attest.Registration {
		return &attest.Registration{
			Common:      attest.Common{Iss: "auth-in", JTI: jti, Sub: "entity:" + sub},
			Identifiers: identifiers, Sites: []attest.Site{{ID: "VTZ-1", Country: "IN", Address: address}},
		}
	}
	var p issuing.Precedents
	if got := p.Contradict(registration("A", "x-own:1", "1 Road")); len(got) > 0 {
		t.Errorf("nothing is settled, and is contradicted: %v", got)
	}
	p.Follow(registration("A", "x-own:1", "1 Road", "cage:1ABC2"))
	other := registration("B", "x-own:1", "1 Road")
	other.Iss = "auth-us"
	approval := &attest.EntityApproval{
		Common:        attest.Common{Iss: "auth-in", JTI: "C", Sub: "entity:x-own:1/auth-in"},
		ApprovedSites: []attest.Site{{ID: "VTZ-2", Country: "IN", Address: "2 Road"}, {ID: "VTZ-1", Country: "LK", Address: "1 Road"}},
	}
	for _, c := range []struct {
		name string
		of   attest.Claims
		want []string
	}{
		{"the same", registration("B", "x-own:1", "1 Road"), nil},
		{"another address", registration("B", "x-own:1", "2 Road"), []string{"/sites/0"}},
		{"another entity", registration("B", "x-own:2", "2 Road"), nil},
		{"another issuer", other, nil},
		{"an identifier of another entity", registration("B", "x-own:2", "2 Road", "lei:"+varuna, "cage:1ABC2"), []string{"/identifiers/1"}},
		{"an approval in another country", approval, []string{"/approved_sites/1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, p := range p.Contradict(c.of) {
				got = append(got, p.Pointer)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

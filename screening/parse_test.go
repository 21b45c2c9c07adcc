package screening_test

import (
	"os"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/screening"
)

func TestWrongLists(t *testing.T) {
	const head = "# list: l\n# version: 1\n"
	cslHead := first(t, "testdata/csl.csv")
	blank := strings.Repeat(",", strings.Count(cslHead, ","))
	for _, row := range []struct{ name, text, want string }{
		{"empty", "", "is empty"},
		{"white space", " \n\n", "is empty"},
		{"another text", "Varuna Deep\nOcean\n", `begins with "# list: NAME"`},
		{"HTML", "<!DOCTYPE html>\n<html>", "download the list again"},
		{"gzip", "\x1f\x8b\x08\x00", "unpack it first"},
		{"zip", "PK\x03\x04", "unpack it first"},
		{"another CSV", "a,b,c\n1,2,3\n", "Consolidated Screening List"},
		{"Latin-1", head + "Varuna\nSoci\xe9t\xe9\n", "line 4: is not UTF-8"},

		{"no list", "# lst: l\n# version: 1\nA\n", `line 1: want "# list: "`},
		{"no name", "# list: \n# version: 1\nA\n", "line 1"},
		{"no version", "# list: l\nA\n", `line 2: want "# version: "`},
		{"no entries", head + "# A\n\n", "has no entries"},
		{"unknown member", head + "A\n\nB\tsource=x\tids=lei:1\n", `line 5, column 12: unknown member "ids": want id, also`},
		{"a member without a key", head + "A\tlei:999900VARUNADEEP0174\n", "line 3, column 3: "},
		{"a typo in an identifier", head + "A\tid=lei:999900VARUNADEEP0175\n", "check digits"},
		{"an unknown scheme", head + "A\tid=lie:999900VARUNADEEP0174\n", "did you mean lei?"},
		{"an identifier in lower case", head + "A\tid=pan:aavcd1234k\n", "did you mean"},
		{"a tab too many", head + "A\t\tid=pan:AAVCD1234K\n", "line 3, column 3: two tabs"},
		{"a tab at the end", head + "A\t\n", "line 3, column 3: two tabs"},
		{"no name in front", head + "\tid=pan:AAVCD1234K\n", "line 3, column 1"},
		{"white space around", head + "A \n", "line 3, column 1"},
		{"an empty member", head + "A\talso=\n", "line 3, column 3"},
		{"twice", head + "A\tref=1\tref=2\n", "line 3, column 9: ref stands twice"},
		{"a control character", head + "A\x00B\n", "control character"},
		{"a long name", head + strings.Repeat("a", 4097) + "\n", "line 3: has a name of 4097 bytes"},
		{"many names", head + "A" + manyNames(5000) + "\n", "has 5001 names"},
		{"a long line", head + strings.Repeat("a", 5<<20) + "\n", "line 3: has 5242880 bytes"},

		{"CSL: unknown column", "source,name,alt_names,previous_names\n", `line 1, column 23: "previous_names" is no column`},
		{"CSL: a column twice", "source,name,alt_names,name\n", "line 1, column 23: name stands twice"},
		{"CSL: no alt_names", "source,name,ids\n", "column alt_names is missing"},
		{"CSL: no entries", cslHead + "\n", "has no entries"},
		{"CSL: no name", cslHead + "\n" + blank + "\n", "line 2: has no name"},
		{"CSL: cut short", cslHead + "\n" + blank[:20] + "\n", "line 2: has another number of fields"},
		{"CSL: a quote is missing", "source,name,alt_names\na,\"b,c\n", "is not CSV"},
		{"CSL: a quote inside", "source,name,alt_names\na,b\"c,d\n", "line 2, column 4: is not CSV"},
		{"CSL: huge", "source,name,alt_names\na,b,\"" + strings.Repeat("c", 5<<20) + "\"\n", "line 2: has 5242"},

		{"FtM: not JSON", "{\"id\": \"a\"\n\"schema\": 1}", "line 2"},
		{"FtM: cut short", "{\"id\": \"a\", \"schema\": \"Company\", \"prop", "download the list again"},
		{"FtM: an array cut short", "[{\"id\": \"a\", \"schema\": \"Company\", \"properties\": {\"name\": [\"A\"]}},", "download the list again"},
		{"FtM: behind the array", "[]\n[]", "line"},
		{"FtM: an empty array", "[]", "has no entries"},
		{"FtM: no entity", "{}\n", `line 1, member "/id"`},
		{"FtM: no schema", "{\"id\": \"a\"}\n", `member "/schema"`},
		{"FtM: no properties", "\n{\"id\": \"a\", \"schema\": \"Company\"}\n", `line 2, member "/properties"`},
		{"FtM: a number for a name", entity(`{"name": [1]}`), `member "/properties/name": want an array of strings`},
		{"FtM: a string for an array", entity(`{"name": "A"}`), `member "/properties/name": want an array of strings`},
		{"FtM: null", entity(`{"name": null}`), `member "/properties/name": want an array of strings`},
		{"FtM: a member twice", "{\"id\": \"a\", \"id\": \"b\"}", "duplicate"},
		{"FtM: a number for an id", "{\"id\": 1}", `member "/id"`},
		{"FtM: another document", "{\"results\": [], \"id\": \"x\"}", `member "/schema"`},
	} {
		l, err := screening.Parse("lists/x", strings.NewReader(row.text))
		switch {
		case err == nil:
			t.Errorf("%s: no error, %d entries", row.name, l.Len())
		case !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "list lists/x: "):
			t.Errorf("%s: error %q does not say %q", row.name, err, row.want)
		case len(err.Error()) > 500:
			t.Errorf("%s: an error of %d bytes", row.name, len(err.Error()))
		}
	}
}

func entity(properties string) string {
	return `{"id": "a", "schema": "Company", "properties": ` + properties + "}\n"
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("\talso=" + strings.Repeat("b", i%50+1) + string(rune('a'+i/50%26)) + string(rune('a'+i/1300)))
	}
	return b.String()
}

func first(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return line
}

func FuzzPlain(f *testing.F) { fuzz(f, "plain.txt") }
func FuzzCSL(f *testing.F)   { fuzz(f, "csl.csv") }
func FuzzFTM(f *testing.F)   { fuzz(f, "ftm.json", "ftm.jsonl") }

// fuzz parses whatever comes: it is refused, or every entry can be found.
func fuzz(f *testing.F, seeds ...string) {
	for _, s := range seeds {
		data, err := os.ReadFile("testdata/" + s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := screening.Parse("fuzzed", strings.NewReader(string(data)))
		if err != nil {
			return
		}
		for _, id := range screening.AllIDs(l) {
			if len(l.ByID(id)) == 0 {
				t.Errorf("%s is not found", id)
			}
		}
		for _, name := range screening.AllNames(l) {
			if len(l.ByName(name)) == 0 && screening.Normalise(name) != "" {
				t.Errorf("%q is not found", name)
			}
		}
	})
}

func FuzzNormalise(f *testing.F) {
	for _, s := range []string{"Halcyon Maritime Systems, Inc.", "ООО «Вега»", "㈱東京音響", "S. de R.L. de C.V.", "a'\u0301", "\u1100'\u1161", "İ\u0307"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		once := screening.Normalise(name)
		if again := screening.Normalise(once); again != once {
			t.Errorf("Normalise(%q) = %q, again %q", name, once, again)
		}
	})
}

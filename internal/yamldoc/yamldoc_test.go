package yamldoc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/internal/strictjson"
	"github.com/safeconduct/safeconduct/internal/yamldoc"
)

func parse(t *testing.T, text string) *yamldoc.Doc {
	t.Helper()
	d, err := yamldoc.Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return d
}

func TestPlainScalarsStandForWhatTheyShow(t *testing.T) {
	for yaml, want := range map[string]string{
		"1":                     `1`,
		"-7":                    `-7`,
		"99999999999999999999":  `99999999999999999999`,
		"007":                   `"007"`,
		"0x1F":                  `"0x1F"`,
		"1_000":                 `"1_000"`,
		"250000.50":             `"250000.50"`,
		"1E001":                 `"1E001"`,
		"5A001.b.1":             `"5A001.b.1"`,
		"126.7":                 `"126.7"`,
		".inf":                  `".inf"`,
		"true":                  `true`,
		"FALSE":                 `false`,
		"yes":                   `"yes"`,
		"NO":                    `"NO"`,
		"on":                    `"on"`,
		"2026-01-01T00:00:00Z":  `"2026-01-01T00:00:00Z"`,
		"2026-01-01":            `"2026-01-01"`,
		"~":                     `null`,
		"":                      `null`,
		"null":                  `null`,
		`"1"`:                   `"1"`,
		`'true'`:                `"true"`,
		`""`:                    `""`,
		`"a\tb\u00e9"`:          `"a\tbé"`,
		">-\n  two\n  lines":    `"two lines"`,
		"|\n  two\n  lines\n":   `"two\nlines\n"`,
		"[a, {b: 1}, []]":       `["a",{"b":1},[]]`,
		"two\n  lines # remark": `"two lines"`,
		"a#b":                   `"a#b"`,
	} {
		if got := string(parse(t, "v: "+yaml).JSON()); got != `{"v":`+want+`}` {
			t.Errorf("%q: got %s, want %s", yaml, got, want)
		}
	}
}

func TestJSONIsReadToo(t *testing.T) {
	const text = `{"a": [1, "x", true, null], "b": {"c": "d/e"}}`
	if got := string(parse(t, text).JSON()); got != `{"a":[1,"x",true,null],"b":{"c":"d/e"}}` {
		t.Errorf("got %s", got)
	}
}

func TestNullMembersMayBeLeftOut(t *testing.T) {
	d := parse(t, "a: null\nb: {c: ~, d: 1}\ne:\nf: [null, \"null\"]\n")
	if got := string(d.WithoutNulls().JSON()); got != `{"b":{"d":1},"f":[null,"null"]}` {
		t.Errorf("got %s", got)
	}
	if got := string(d.JSON()); got != `{"a":null,"b":{"c":null,"d":1},"e":null,"f":[null,"null"]}` {
		t.Errorf("got %s", got)
	}
}

func TestAnchorsAndAliasesAreCopies(t *testing.T) {
	d := parse(t, "a: &t   # an anchor\n  x: 1\nb: *t\nc: [*t, *t]\n")
	if got := string(d.JSON()); got != `{"a":{"x":1},"b":{"x":1},"c":[{"x":1},{"x":1}]}` {
		t.Errorf("got %s", got)
	}
	if got := d.Line("/b"); got != 3 {
		t.Errorf("the alias stands on line %d", got)
	}
	if got := d.Line("/b/x"); got != 2 {
		t.Errorf("what it stands for stands on line %d", got)
	}
}

func TestLinesAreThoseOfTheFile(t *testing.T) {
	d := parse(t, "# remark\n\na: 1\nb:\n  - x\n  - y/z: 2\n    w: 3\n'c~d': 4\r\nlong: >-\n  words\n  more\nz: 1\n")
	for pointer, want := range map[string]int{
		"":               3,
		"/a":             3,
		"/b":             4,
		"/b/0":           5,
		"/b/1":           6,
		"/b/1/y~1z":      6,
		"/b/1/w":         7,
		"/b/1/gone/more": 6,
		"/b/7":           4,
		"/b/x":           4,
		"/c~0d":          8,
		"/long":          9,
		"/z":             12,
		"/gone":          3,
		"/a/below/text":  3,
	} {
		if got := d.Line(pointer); got != want {
			t.Errorf("Line(%q) = %d, want %d", pointer, got, want)
		}
	}
}

func TestProblemsAreExplainedByLine(t *testing.T) {
	d := parse(t, "a: 1\nb:\n  c: 2\n")
	err := d.Explain("draft.yaml", strictjson.Problems{
		{Pointer: "/b/c", Message: "is odd"},
		{Pointer: "/a", Message: "is even"},
		{Pointer: "/b/c", Message: "is odd"},
		{Pointer: "", Message: "is much"},
	})
	want := "draft.yaml:1: a: is even\ndraft.yaml:1: is much\ndraft.yaml:3: b/c: is odd"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	if err := d.Explain("draft.yaml", nil); err != nil {
		t.Errorf("no problems: %v", err)
	}
}

// However many members there are, the line of each is found, and as fast as they are read.
func TestTheLinesOfVeryManyMembersAreFoundInTheTimeThatTheyTakeToRead(t *testing.T) {
	const members = 45_000
	var text strings.Builder
	text.WriteString("a: {b/~c: 1}\nmany:\n")
	for i := range members {
		fmt.Fprintf(&text, "  m/%d: 1\n", i)
	}
	begun := time.Now()
	d := parse(t, text.String())
	read := time.Since(begun)
	begun = time.Now()
	for i := range members {
		if got := d.Line(fmt.Sprintf("/many/m~1%d", i)); got != i+3 {
			t.Fatalf("member %d stands on line %d, want %d", i, got, i+3)
		}
	}
	if took := time.Since(begun); took > 2*read+100*time.Millisecond {
		t.Errorf("their lines took %v, to read them %v", took, read)
	}
	for pointer, want := range map[string]int{"/a/b~1~0c": 1, "/many": 2, "/many/none": 2, "/many/m~10/x": 3} {
		if got := d.Line(pointer); got != want {
			t.Errorf("%s stands on line %d, want %d", pointer, got, want)
		}
	}
}

func TestBadDocumentsAreRefusedWithLineColumnAndHint(t *testing.T) {
	deep := strings.Repeat("[", 20) + strings.Repeat("]", 20)
	for _, c := range []struct{ name, text, want string }{
		{"tab", "a: 1\nb:\n\tc: 2\n", "f:3:1: a tab indents this line: indent with spaces"},
		{"tab behind spaces", "b:\n  \tc: 2\n  d\n", "f:2:3: a tab indents this line: indent with spaces"},
		{"no colon in the middle", "a: 1\n\nb\nc: 2\n", "f:3:1: a colon is missing: want name: value"},
		{"no colon at the start", "jti\nkind: event\n", "f:1:1: a colon is missing: want name: value"},
		{"no colon at the end", "a: 1\nb\n", "f:2:1: a colon is missing: want name: value"},
		{"no colon at all", "hello\n", "f:1:1: has text alone; want members, each a name, a colon, a space and a value: is a colon missing?"},
		{"no space", "a: 1\nb:2\nc: 3\n", "f:2:1: there is no space behind the colon: want name: value"},
		{"colon in a value", "a: 1\nb: GE: India\n", "f:2:1: has a colon in its value: put the value in quotes"},
		{"odd indent", "a: 1\n b: 2\n", "f:2:2: does not fit the line before it: members of one thing begin in the same column, and a value with a colon in it stands in quotes"},
		{"open quote", "a: \"x\nb: 1\n", "f:2:1: found unexpected end of stream: a quote is not closed"},
		{"open bracket", "a: [x, y\n", "f:1:1: did not find expected ',' or ']': a bracket is not closed, or a comma is missing"},
		{"at sign", "a: @x\n", "f:1:1: found character that cannot start any token: put text that begins with @, ` or % in quotes"},
		{"unknown alias", "a: 1\nb: *x\n", "f:2:4: *x names an anchor that is nowhere; text that begins with * stands in quotes"},
		{"alias within itself", "a: &x\n  b: *x\n", "f:2:6: a/b: *x stands within &x itself"},
		{"merge key", "a: &x {c: 1}\nb:\n  <<: *x\n", "f:3:3: b: << is not read; write the members out"},
		{"tag", "a: !!str 1\n", "f:1:4: a: has the tag !!str; write the value without it"},
		{"own tag", "a: !x [1]\n", "f:1:4: a: has the tag !x; write the value without it"},
		{"name that is a list", "? [a]\n: b\n", "f:1:3: the name of a member must be plain text"},
		{"no name", "\"\": 1\n", "f:1:1: a member has no name; is there a colon too many?"},
		{"two documents", "a: 1\n---\nb: 2\n", "f:2:1: a second document begins here; a file has one"},
		{"list", "- a\n", "f:1:1: has a list at its top; want members, each a name, a colon, a space and a value"},
		{"empty", "", "f:1:1: the file is empty"},
		{"remarks only", "# nothing\n", "f:1:1: the file is empty"},
		{"deep", "a: " + deep, "f:1:20: a/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0: is nested deeper than 16 levels"},
		{"Latin-1", "a: caf\xe9\n", "f:1:7: the file is not UTF-8 text: save it as UTF-8"},
		{"UTF-16", "\xff\xfea\x00:\x00", "f:1:1: the file is not UTF-8 text: save it as UTF-8"},
		{"bell", "a: 1\nb: \a\n", "f:2:4: has the character U+0007, which an editor does not show: delete it"},
		{"line separator", "a: x\u2028y\n", "f:1:5: has the character U+2028, which an editor does not show: delete it"},
		{"large", strings.Repeat("#", yamldoc.MaxBytes+1), "f:1:1: the file has 1048577 bytes; at most 1048576 are accepted"},
		{
			"several at once", "a: 1\nb: !x 2\na: 3\nc: {d: 1, d: 2}\n",
			"f:2:4: b: has the tag !x; write the value without it\n" +
				"f:3:1: member \"a\" stands twice, first on line 1\n" +
				"f:4:11: c: member \"d\" stands twice, first on line 4",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := yamldoc.Parse([]byte(c.text))
			if err == nil {
				t.Fatal("was accepted")
			}
			if diff := cmp.Diff(c.want, yamldoc.InFile("f", err).Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrorsWithoutFileNameLineAndColumn(t *testing.T) {
	_, err := yamldoc.Parse([]byte("a: 1\n\tb: 2\n"))
	if want := "line 2, column 1: a tab indents this line: indent with spaces"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAliasesCannotMakeALargeDocument(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := range 9 {
		prev := "*a" + string(rune('0'+i))
		laughs.WriteString("a" + string(rune('1'+i)) + ": &a" + string(rune('1'+i)) + " [" + strings.TrimSuffix(strings.Repeat(prev+", ", 9), ", ") + "]\n")
	}
	long := "a: &a " + strings.Repeat("x", 100_000) + "\nb: [" + strings.Repeat("*a, ", 1000) + "]\n"
	for name, text := range map[string]string{
		"than 100000 values": laughs.String(),
		"than 4194304 bytes": long,
	} {
		_, err := yamldoc.Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want %q, got %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"a: 1\n", "a: &t {b: [1, ~, x]}\nc: *t\n", "{\"a\": \"b\"}", "a:\n\tb", "a: >-\n  x\n", "%YAML 1.2\n---\na: !x 1\n...\n",
		"a: &a [*a]\n", "? a\n: b\n", "a: 'it''s'\n", "\ufeffa: é\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := yamldoc.Parse(data)
		if err != nil {
			m, ok := errors.AsType[*yamldoc.Mistakes](err)
			if !ok || len(m.List) == 0 {
				t.Fatalf("not mistakes: %v", err)
			}
			for _, x := range m.List {
				if x.Line < 1 || x.Column < 1 || x.Line > strings.Count(string(data), "\n")+1 {
					t.Fatalf("line %d, column %d: %s", x.Line, x.Column, x.Message)
				}
			}
			return
		}
		for _, d := range []*yamldoc.Doc{d, d.WithoutNulls()} {
			if !json.Valid(d.JSON()) {
				t.Fatalf("not JSON: %s", d.JSON())
			}
		}
		again, err := yamldoc.Parse(d.JSON())
		if err != nil {
			// JSON may write what no YAML may: control characters, escaped.
			return
		}
		if diff := cmp.Diff(string(d.JSON()), string(again.JSON())); diff != "" {
			t.Fatal(diff)
		}
	})
}

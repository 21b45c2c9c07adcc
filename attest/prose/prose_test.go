package prose_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/attest/prose"
)

var kinds = []attest.Kind{
	attest.KindRegistration, attest.KindEntityApproval, attest.KindDomainApproval, attest.KindConsent,
	attest.KindEvent, attest.KindEntityEvent, attest.KindSuccession, attest.KindFreeze, attest.KindRoot,
}

// A leaf is a member of filled claims that has no members itself.
type leaf struct {
	pointer, words string
	value          reflect.Value
}

// fill gives every member of v, two elements to every array, a value that
// stands nowhere else, and lists them.
func fill(t *testing.T, v reflect.Value, at string, n *int, leaves *[]leaf) {
	t.Helper()
	*n++
	add := func(words string) { *leaves = append(*leaves, leaf{at, words, v}) }
	switch {
	case v.Type() == reflect.TypeFor[attest.NumericDate]():
		at := time.Date(2030, 1, 1, 0, 0, *n, 0, time.UTC)
		v.SetInt(at.Unix())
		add(at.Format(time.RFC3339))
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprintf("zq%dqz", *n))
		add(v.String())
	case v.Kind() == reflect.Int64:
		v.SetInt(int64(70000 + *n))
		add(fmt.Sprint(v.Int()))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
		add("")
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), at, n, leaves)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(t, v.Index(i), fmt.Sprintf("%s/%d", at, i), n, leaves)
		}
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			*n++
			key := fmt.Sprintf("LIST%d", *n)
			list := reflect.New(v.Type().Elem()).Elem()
			fill(t, list, at+"/"+key, n, leaves)
			v.SetMapIndex(reflect.ValueOf(key), list)
			*leaves = append(*leaves, leaf{at + "/" + key, key, reflect.Value{}})
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.Anonymous {
				name = "/" + name
			}
			fill(t, v.Field(i), at+name, n, leaves)
		}
	default:
		t.Fatalf("%s is a %s: teach the test and the words", at, v.Type())
	}
}

func filled(t *testing.T, k attest.Kind) (attest.Claims, []leaf) {
	t.Helper()
	c := attest.NewClaims(k)
	var leaves []leaf
	n := 0
	fill(t, reflect.ValueOf(c).Elem(), "", &n, &leaves)
	return c, leaves
}

func TestTheWordsLeaveNoMemberOut(t *testing.T) {
	for _, k := range kinds {
		c, leaves := filled(t, k)
		lines := prose.Of(c)
		all := prose.Text(lines...)
		for _, l := range leaves {
			// The member's own value, in a line about it or about what it is in.
			said := false
			for _, line := range lines {
				said = said || strings.Contains(line.Text, l.words) && about(l.pointer, line.Pointer)
			}
			if !said {
				t.Errorf("%s: the words do not say %s, %q", k, l.pointer, l.words)
			}
			if !l.value.IsValid() {
				continue
			}
			// Without it, they differ.
			old := reflect.New(l.value.Type()).Elem()
			old.Set(l.value)
			l.value.SetZero()
			if prose.Text(prose.Of(c)...) == all {
				t.Errorf("%s: the words are the same without %s", k, l.pointer)
			}
			l.value.Set(old)
		}
	}
}

// about reports whether a line's pointer names the member, or the nearest one
// that it stands in.
func about(member, line string) bool {
	if member == line {
		return true
	}
	for range 2 {
		if i := strings.LastIndex(member, "/"); i > 0 {
			member = member[:i]
		}
		if strings.HasPrefix(line, member+"/") || line == member {
			return true
		}
	}
	return false
}

// declared are the kinds that package attest declares: a new one has no words
// until somebody writes them.
func declared(t *testing.T) (out []attest.Kind) {
	t.Helper()
	source, err := os.ReadFile("../claims.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\tKind\w+ Kind = "([a-z-]+)"$`).FindAllStringSubmatch(string(source), -1) {
		out = append(out, attest.Kind(m[1]))
	}
	return out
}

func TestEveryKindHasWords(t *testing.T) {
	if diff := cmp.Diff(slices.Sorted(slices.Values(kinds)), slices.Sorted(slices.Values(declared(t)))); diff != "" {
		t.Errorf("the tests are not of all kinds: %s", diff)
	}
	for _, k := range kinds {
		lines := prose.Of(attest.NewClaims(k))
		if len(lines) == 0 || lines[0].Pointer != "" || lines[0].Depth != 0 {
			t.Errorf("%s: %v", k, lines)
		}
		for _, l := range lines[min(1, len(lines)):] {
			if l.Depth < 1 {
				t.Errorf("%s: the line %q is not below the first", k, l.Text)
			}
		}
	}
	if lines := prose.Of(nil); lines != nil {
		t.Errorf("nothing has the words %v", lines)
	}
}

func TestTheWordsOfTheTemplates(t *testing.T) {
	for _, k := range kinds {
		c, err := draft.Parse("t.yaml", []byte(draft.Template(k)), draft.Options{Now: time.Date(2026, 12, 15, 9, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", string(k)+".txt")
		got := prose.Text(prose.Of(c)...)
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s: %s", k, diff)
		}
	}
}

func TestQuoteKeepsTextBetweenItsMarks(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"Varuna Deepsense", `"Varuna Deepsense"`},
		{"", `""`},
		{"Société Générale, Zürich №5", `"Société Générale, Zürich №5"`},
		{"समुद्र तकनीक", `"समुद्र तकनीक"`},
		{"東京計器", `"東京計器"`},
		{"חברה בע״מ", `"חברה בע״מ"`},
		{`a"b\c`, `"a\"b\\c"`},
		{"a\x1b[2Jb", `"a\u001b[2Jb"`},
		{"a\nb\tc\r", `"a\u000ab\u0009c\u000d"`},
		{"a\u0085b\u2028c", `"a\u0085b\u2028c"`},
		{"a\u202eb\u2066c\u200fd\u061ce", `"a\u202eb\u2066c\u200fd\u061ce"`},
		{"a\u200bb\ufeffc\u00add\u2060e", `"a\u200bb\ufeffc\u00add\u2060e"`},
		{"a\u00a0b\u3000c", `"a\u00a0b\u3000c"`},
		{"a  b ", `"a \u0020b\u0020"`},
		{"a\u3164b\u115fc\u2800d\u034fe\ufe0f", `"a\u3164b\u115fc\u2800d\u034fe\ufe0f"`},
		{"\u0301a", `"\u0301a"`},
		{"a \u0301", `"a \u0301"`},
		{"\"\u0301", `"\"\u0301"`},
		{"e\u0301\u0301\u0301\u0301\u0301x", "\"e\u0301\u0301\u0301\u0301\\u0301x\""},
		{"\U000e0041\U000f0000", `"\U000e0041\U000f0000"`},
		{"a\xffb\uFFFDc", `"a\xffb` + "\uFFFD" + `c"`},
	} {
		if got := prose.Quote(tt.text); got != tt.want {
			t.Errorf("Quote(%q) is %s, want %s", tt.text, got, tt.want)
		}
	}
}

// hostile are texts that want to be read as something else.
var hostile = []string{
	"x\nIn force until: 2099-01-01T00:00:00Z", "\x1b[1A\x1b[2KIn force until: no end", "x\u202e99 litnu", "\u2067\u2066a\u2069",
	"x\", in force until \"", "x" + strings.Repeat(" ", 80) + "In force until: 2099-01-01T00:00:00Z", strings.Repeat("wide ", 200),
	strings.Repeat("a", 500), strings.Repeat("א", 300) + " In force until: 2099", "שלום 5", "\u0301\u0301", "a\u3164\u3164b", "\xff\xfe", ",;\"\\",
}

func TestHostileTextStaysText(t *testing.T) {
	for _, k := range kinds {
		for _, text := range hostile {
			c, leaves := filled(t, k)
			for _, l := range leaves {
				if l.value.IsValid() && l.value.Kind() == reflect.String {
					l.value.SetString(text)
				}
			}
			lines := prose.Of(c)
			for _, l := range lines {
				wantSafe(t, l.Text)
				wantQuoted(t, l.Text)
			}
			for line := range strings.Lines(prose.Text(lines...)) {
				wantSafe(t, strings.TrimSuffix(line, "\n"))
			}
		}
	}
}

// wantSafe checks that a line shows all that it has, and reads from left to
// right.
func wantSafe(t *testing.T, line string) {
	t.Helper()
	for _, r := range line {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Bidi_Control, r) || !unicode.IsPrint(r) {
			t.Errorf("%q has %U", line, r)
		}
	}
	// Who shows the line takes its direction from its first letter.
	first := strings.IndexFunc(line, unicode.IsLetter)
	if strings.ContainsAny(line, "אבגדהוזחטיכלמנסעפצקרשת") && line[first] >= 0x80 {
		t.Errorf("%q begins from the right", line)
	}
}

// wantQuoted checks that what is not ASCII stands in a quotation that ends its
// line.
func wantQuoted(t *testing.T, line string) {
	t.Helper()
	i := strings.IndexFunc(line, func(r rune) bool { return r >= 0x80 })
	if i < 0 {
		return
	}
	rest := strings.NewReplacer(`\\`, "", `\"`, "").Replace(line[i:])
	if strings.Count(rest, `"`) != 1 || !strings.HasSuffix(rest, `"`) {
		t.Errorf("%q goes on behind free text", line)
	}
}

func TestTextIsAtMost79ColumnsWide(t *testing.T) {
	long := prose.Line{Depth: 3, Text: "Details: " + prose.Quote(strings.Repeat("word ", 40)+strings.Repeat("x", 200)+strings.Repeat("界", 100))}
	got := prose.Text(long)
	if strings.Count(got, "\n") < 5 {
		t.Errorf("not folded: %s", got)
	}
	var again strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(got, "\n"), "\n") {
		n := 0
		for _, r := range line {
			n++
			if r >= 0x1100 {
				n++
			}
		}
		if n > 79 {
			t.Errorf("%d columns: %s", n, line)
		}
		if i > 0 && !strings.HasPrefix(line, "        | ") {
			t.Errorf("goes on without a bar: %q", line)
		}
		again.WriteString(strings.TrimPrefix(strings.TrimSpace(line), "| "))
	}
	squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
	if diff := cmp.Diff(squeeze(long.Text), squeeze(again.String())); diff != "" {
		t.Errorf("folding lost something: %s", diff)
	}
}

func TestDatesOfNoCalendarAreShown(t *testing.T) {
	for d, want := range map[attest.NumericDate]string{
		0: "no time", 1: "1970-01-01T00:00:01Z", -5: "-5 seconds after 1970", 1 << 50: "1125899906842624 seconds after 1970", 253402300799: "9999-12-31T23:59:59Z",
	} {
		if got := prose.Date(d); got != want {
			t.Errorf("Date(%d) is %q, want %q", d, got, want)
		}
	}
}

// FuzzQuote: whatever the text, it stays on its line and between its marks.
func FuzzQuote(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := prose.Quote(s)
		if !strings.HasPrefix(q, `"`) || !strings.HasSuffix(q, `"`) || len(q) < 2 {
			t.Fatalf("Quote(%q) is %s", s, q)
		}
		wantSafe(t, "Name: "+q)
		wantQuoted(t, "Name: "+q)
		// Every quotation mark inside is escaped.
		inside := strings.NewReplacer(`\\`, "", `\"`, "").Replace(q[1 : len(q)-1])
		if strings.Contains(inside, `"`) {
			t.Fatalf("Quote(%q) ends before its end: %s", s, q)
		}
		for line := range strings.Lines(prose.Text(prose.Line{Depth: 1, Text: "Name: " + q})) {
			wantSafe(t, strings.TrimSuffix(line, "\n"))
		}
	})
}

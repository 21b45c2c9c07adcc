package controllist_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/attest/controllist"
)

func ExampleEntry_Covers() {
	scope, err := controllist.Parse(controllist.USCCL, "5A001.b.1")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range []string{"5A001.b.1", "5A001.b.1.a", "5A001.b.10", "5A001.b"} {
		item, err := controllist.Parse(controllist.USCCL, s)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(item, scope.Covers(item), item.StrictAncestorOf(scope))
	}
	// Output:
	// 5A001.b.1 true false
	// 5A001.b.1.a true false
	// 5A001.b.10 false false
	// 5A001.b false true
}

// Entries that stand, or stood, in the published lists, or differ from such a
// one by the mistake that the row is about.
var entries = []struct{ list, good, bad string }{
	{
		list: controllist.USCCL,
		good: `5A001 5A001.b 5A001.b.1 5A001.b.1.a 5A001.b.10 0A002 0A501.y.1 1C002.b.1.a 1C350.d.7 2B350.g.3
			3A090.a 3A611.x 4E001 5A992.c 5D002.c.1 6A001.a.1.e 6A003.b.4 6A003.b.4.b.1.a 6A008.d 8A002.r 9A004
			9A515.a.1 9A610.y.30 9E003.a.11 EAR99`,
		bad: `6A01 6A0011 5F001 AA001 5a001 5A001.B 5A001b1 5A001. .5A001 5A001..b 5A001.b. 5A001.b.01 5A001.b.0
			5A001.b.1a 5A001.abc 5A001.b.1000 5A001.b-1 5A001(b) 5A001.é ５A001 EAR99.a EAR9 ear99 EAR 5 5A 5.A.1`,
	},
	{
		list: controllist.USUSML,
		good: `I I(a) I(a)(1) II III(d) IV(h)(1) IV(a) V(c)(5) VIII(a)(5)(i) VIII(h)(26) IX XI XI(a)(1) XI(a)(3)(ii)
			XI(a)(3)(xxix) XII(b)(1) XII(c)(2)(i)(A) XIV(i) XV(e)(11)(iv) XIX(f)(2) XX XXI XXI(a) XI(a)(1)(i)(A)(1)(i)`,
		bad: `xi xi(a) Xi(a) IIII VV IIX XXII XXX L 11(a) XIa XI.a.1 XI(A) XI(1) XI(a)(a) XI(a)(i) XI(a)(01) XI(a)(0)
			XI(a)(1)(1) XI(a)(1)(iiii) XI(a)(1)(I) XI(a)(1)(i)(a) XI(a XI(a)) XI() XI(a)() (a) XI(ab) *XI(a)
			XI(a)(1)(i)(A)(1)(i)(a) 5A001`,
	},
	{
		list: controllist.INSCOMET,
		good: `0A301 0B001 1A001 1C004 2A001 2D003 2H001 3A101 4A001 5A101 5B001.a 6A001 6A001.a.1 6A010.c 6A022 7A001
			8A501.b.1 8A601.a.1 8A603.b.4 8A608.d 8D501 8E501.a`,
		bad: `0 8A5 8E 9A001 8I501 8a501 8A501.B 8A501.b.01 8A501.b1 8A501(b) 8A501.1b 8A501. 8A5011 5.A.1 6A01 EAR99 XI(a)`,
	},
	{
		list: controllist.Wassenaar,
		good: `5.A.1 5.A.1.b 5.A.1.b.1 5.A.1.b.1.a 1.C.10 1.A.4.c.2 2.B.6 6.A.1.a.1.e 6.A.3.b.4 5.A.2 9.E.3.a.1 ML1 ML1.a
			ML9 ML9.a ML9.a.1 ML10.c ML22 ML22.b.1`,
		bad: `5 5.A 5.A.0 5.A.01 5.A.100 0.A.1 5.F.1 5.a.1 5A1 5A001 5.A.1.1 5.A.1.b.c 5.A.1.bb 5.A.1.b.1. 5.A.1..b ML ML0
			ML09 ML23 ML9.A ML9a ML9.1 ml9.a ML9. WML9`,
	},
	{
		list: controllist.EUDualUse,
		good: `5A001 5A001b 5A001b1 5A001b1a 5A001b10 1C350 1C3501 1C35012 1C450a1 6A001a1e 6A003b4 0B001b 9E003a11 1C351d4`,
		bad: `5A001.b.1 5A001b.1 5A001B 5a001 5A001bb 5A001b01 5A001b0 5A001b1000 5A0011 1C450123 1C3500 1C350a1b2c3-
			5F001 5A01 5A001b1_ ML9.a ML9a`,
	},
}

func TestParse(t *testing.T) {
	for _, row := range entries {
		for _, s := range strings.Fields(row.good) {
			e, err := controllist.Parse(row.list, s)
			if err != nil {
				t.Error(err)
				continue
			}
			if e.List() != row.list || e.String() != s || !e.Covers(e) || e.StrictAncestorOf(e) {
				t.Errorf("Parse(%s, %s) = %s %s", row.list, s, e.List(), e)
			}
		}
		for _, s := range append(strings.Fields(row.bad), "", " ", "5A001 ", " 5A001", "5A001\n", "5A001\x00", "\xff") {
			if e, err := controllist.Parse(row.list, s); err == nil || e != (controllist.Entry{}) {
				t.Errorf("Parse(%s, %q) = %v, %v, want an error", row.list, s, e, err)
			}
		}
	}
}

func TestCovers(t *testing.T) {
	for _, row := range []struct{ list, entry, descendants, ancestors, unrelated string }{
		{
			controllist.USCCL, "5A001.b.1", "5A001.b.1.a 5A001.b.1.a.2 5A001.b.1.x", "5A001 5A001.b",
			"5A001.b.10 5A001.b.10.a 5A001.b.2 5A001.a 5A002.b.1 5B001.b.1 EAR99",
		},
		{controllist.USCCL, "EAR99", "", "", "5A001 0A002"},
		{controllist.USUSML, "XI(a)(1)", "XI(a)(1)(i) XI(a)(1)(i)(A)", "XI XI(a)", "XI(a)(10) XI(b)(1) X(a)(1) XII(a)(1) I"},
		{controllist.INSCOMET, "8A501.b.1", "8A501.b.1.a", "8A501 8A501.b", "8A501.b.10 8A502.b.1 5A501.b.1"},
		{controllist.Wassenaar, "5.A.1.b.1", "5.A.1.b.1.a", "5.A.1 5.A.1.b", "5.A.1.b.10 5.A.10.b.1 5.A.1.a ML5.a.1"},
		{controllist.Wassenaar, "ML1", "ML1.a ML1.a.1", "", "ML10 ML10.a ML11 1.A.1"},
		{controllist.EUDualUse, "5A001b1", "5A001b1a 5A001b1a2", "5A001 5A001b", "5A001b10 5A001b2 5A002b1"},
		{controllist.EUDualUse, "1C3501", "", "1C350", "1C35012 1C35010"},
	} {
		e := parse(t, row.list, row.entry)
		check := func(others string, covers, above bool) {
			for _, s := range strings.Fields(others) {
				o := parse(t, row.list, s)
				if e.Covers(o) != covers || e.StrictAncestorOf(o) != covers || o.StrictAncestorOf(e) != above {
					t.Errorf("%s %s and %s: covers %t, is its strict ancestor %t, has it as strict ancestor %t", row.list, e, o,
						e.Covers(o), e.StrictAncestorOf(o), o.StrictAncestorOf(e))
				}
			}
		}
		check(row.descendants, true, false)
		check(row.ancestors, false, true)
		check(row.unrelated, false, false)
	}
}

// The same characters on two lists are two entries.
func TestListsAreApart(t *testing.T) {
	us, eu, in := parse(t, controllist.USCCL, "6A001"), parse(t, controllist.EUDualUse, "6A001"), parse(t, controllist.INSCOMET, "6A001")
	if us.Covers(eu) || eu.Covers(us) || us.Covers(in) || us == eu || us == in {
		t.Errorf("entries of different lists are related: %v %v %v", us, eu, in)
	}
}

func TestZeroEntry(t *testing.T) {
	var zero controllist.Entry
	e := parse(t, controllist.USCCL, "5A001")
	if zero.Covers(e) || e.Covers(zero) || zero.Covers(zero) || zero.StrictAncestorOf(e) || zero.StrictAncestorOf(zero) {
		t.Error("the zero Entry is related to an entry")
	}
	if zero.List() != "" || zero.String() != "" {
		t.Errorf("zero Entry = %q %q, want empty", zero.List(), zero)
	}
}

func TestLists(t *testing.T) {
	want := []string{"EU_DU", "IN_SCOMET", "US_CCL", "US_USML", "WASSENAAR"}
	if diff := cmp.Diff(want, controllist.Lists()); diff != "" {
		t.Errorf("Lists (-want +got):\n%s", diff)
	}
	controllist.Lists()[0] = "changed"
	for _, list := range want {
		if !controllist.Known(list) {
			t.Errorf("Known(%s) = false", list)
		}
	}
	for _, list := range []string{"", "us_ccl", "US_CCL ", "CCL", "US_CCL/5A001"} {
		if controllist.Known(list) {
			t.Errorf("Known(%q) = true", list)
		}
	}
}

func TestErrors(t *testing.T) {
	deep := "5A001" + strings.Repeat(".a", controllist.MaxSegments)
	for _, row := range []struct {
		list, entry string
		want        []string
	}{
		{controllist.USCCL, "6A01", []string{"US_CCL", `"6A01"`, "5A001.b.1", "EAR99"}},
		{controllist.USUSML, "xi(a)", []string{"US_USML", `"xi(a)"`, "XI(a)(1)"}},
		{controllist.INSCOMET, "8A5", []string{"IN_SCOMET", `"8A5"`, "8A501.b.1"}},
		{controllist.Wassenaar, "5A1", []string{"WASSENAAR", `"5A1"`, "5.A.1.b.1", "ML9.a"}},
		{controllist.EUDualUse, "5A001.b", []string{"EU_DU", `"5A001.b"`, "5A001b1"}},
		{"CCL", "5A001", []string{`unknown list "CCL"`, "US_CCL", "WASSENAAR"}},
		{controllist.USCCL, deep, []string{"13 segments", "at most 12"}},
		{controllist.USCCL, "5A001" + strings.Repeat(".a", 1<<16), []string{"131077 bytes", "at most 64"}},
		{strings.Repeat("L", 1<<16), "5A001", []string{"unknown list"}},
	} {
		_, err := controllist.Parse(row.list, row.entry)
		if err == nil {
			t.Errorf("Parse(%.20q, %.20q): no error", row.list, row.entry)
			continue
		}
		for _, w := range row.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("error %q does not name %q", err, w)
			}
		}
		if len(err.Error()) > 400 {
			t.Errorf("error of %d bytes: hostile input is to be cut short", len(err.Error()))
		}
	}
}

func TestBounds(t *testing.T) {
	parse(t, controllist.USCCL, "5A001"+strings.Repeat(".a", controllist.MaxSegments-1))
	parse(t, controllist.USUSML, "VIII(a)(100)(xxxviii)(A)(100)(xxxviii)")
}

func TestCoversIsAPartialOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyEntry(t, "a"), anyEntry(t, "b"), anyEntry(t, "c")
		if !a.Covers(a) {
			t.Fatalf("%v does not cover itself", a)
		}
		if a.Covers(b) && b.Covers(c) && !a.Covers(c) {
			t.Fatalf("%v covers %v, which covers %v, yet not the first the last", a, b, c)
		}
		if a.Covers(b) && b.Covers(a) && a != b {
			t.Fatalf("%v and %v cover each other", a, b)
		}
		if a.StrictAncestorOf(b) != (a.Covers(b) && !b.Covers(a)) {
			t.Fatalf("%v strict ancestor of %v: %t", a, b, a.StrictAncestorOf(b))
		}
	})
}

// What covers an entry is exactly the prefixes of its segments.
func TestCoversBySegments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SampledFrom(controllist.Lists()).Draw(t, "list")
		a, b := anyPath(list).Draw(t, "a"), anyPath(list).Draw(t, "b")
		want := len(a) <= len(b) && slices.Equal(a, b[:len(a)])
		x, y := parse(t, list, join(list, a)), parse(t, list, join(list, b))
		if got := x.Covers(y); got != want {
			t.Fatalf("%v covers %v = %t, want %t", x, y, got, want)
		}
	})
}

// The form of an ECCN is written out by hand in the package; here it is as an
// expression.
func TestECCNsHaveTheirForm(t *testing.T) {
	for list, form := range map[string]string{
		controllist.USCCL:    `^([0-9][A-E][0-9]{3}(\.([a-z]{1,2}|[1-9][0-9]{0,2})){0,11}|EAR99)$`,
		controllist.INSCOMET: `^[0-8][A-H][0-9]{3}(\.([a-z]{1,2}|[1-9][0-9]{0,2})){0,11}$`,
	} {
		re := regexp.MustCompile(form)
		rapid.Check(t, func(t *rapid.T) {
			s := rapid.StringMatching(`[0-9][A-I][0-9]{2,4}(\.?[a-z0-9]{0,4}){0,13}[^.]?|EAR99?.?`).Draw(t, "entry")
			_, err := controllist.Parse(list, s)
			if want := len(s) <= controllist.MaxLength && re.MatchString(s); (err == nil) != want {
				t.Fatalf("%s %q: %v, want accepted %t", list, s, err, want)
			}
		})
	}
}

func TestParseStringIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEntry(t, "e")
		if again := parse(t, e.List(), e.String()); again != e {
			t.Fatalf("Parse(%v) = %v", e, again)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, row := range entries {
		for _, s := range strings.Fields(row.good + " " + row.bad) {
			f.Add(row.list, s)
		}
	}
	f.Add("", "")
	f.Fuzz(func(t *testing.T, list, entry string) {
		e, err := controllist.Parse(list, entry)
		if err != nil {
			if e != (controllist.Entry{}) {
				t.Fatalf("error %v beside entry %v", err, e)
			}
			return
		}
		if e.List() != list || e.String() != entry || !e.Covers(e) || e.StrictAncestorOf(e) || len(entry) > controllist.MaxLength {
			t.Fatalf("Parse(%q, %q) = %q %q", list, entry, e.List(), e)
		}
		for _, c := range []byte(entry) {
			if c <= ' ' || c > '~' {
				t.Fatalf("Parse(%q, %q) accepts byte %#x", list, entry, c)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := controllist.Parse(controllist.USCCL, "6A003.b.4.b.1.a"); err != nil {
			b.Fatal(err)
		}
	}
}

func parse(t interface {
	Helper()
	Fatalf(string, ...any)
}, list, entry string,
) controllist.Entry {
	t.Helper()
	e, err := controllist.Parse(list, entry)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return e
}

// Few heads and few paragraphs, so that ancestors and near misses come up.
var heads = map[string][]string{
	controllist.USCCL:     {"5A001", "5A002"},
	controllist.USUSML:    {"X", "XI"},
	controllist.INSCOMET:  {"8A501", "8A601"},
	controllist.Wassenaar: {"5.A.1", "5.A.10", "ML1"},
	controllist.EUDualUse: {"5A001", "6A001"},
}

func anyPath(list string) *rapid.Generator[[]string] {
	return rapid.Custom(func(t *rapid.T) []string {
		path := []string{rapid.SampledFrom(heads[list]).Draw(t, "head")}
		levels := [][]string{{"a", "b"}, {"1", "10", "2"}, {"a", "b"}, {"1", "11"}, {"a", "b"}}
		if list == controllist.USUSML {
			levels = [][]string{{"a", "i"}, {"1", "10"}, {"i", "ii", "v"}, {"A", "B"}, {"1", "11"}}
		}
		depth := rapid.IntRange(0, len(levels)).Draw(t, "depth")
		for _, level := range levels[:depth] {
			path = append(path, rapid.SampledFrom(level).Draw(t, "paragraph"))
		}
		return path
	})
}

func join(list string, path []string) string {
	switch list {
	case controllist.EUDualUse:
		return strings.Join(path, "")
	case controllist.USUSML:
		s := path[0]
		for _, p := range path[1:] {
			s += "(" + p + ")"
		}
		return s
	default:
		return strings.Join(path, ".")
	}
}

func anyEntry(t *rapid.T, label string) controllist.Entry {
	list := rapid.SampledFrom([]string{controllist.USCCL, controllist.USUSML, controllist.EUDualUse}).Draw(t, label+" list")
	return parse(t, list, join(list, anyPath(list).Draw(t, label)))
}

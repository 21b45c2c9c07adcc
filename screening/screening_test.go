package screening_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/screening"
)

func ExampleParse() {
	const file = "# list: Acme denied partners\n" +
		"# version: 2026-11-02\n" +
		"Varuna Deep Pvt Ltd\tid=lei:999900VARUNADEEP0174\talso=Varuna Marine\n"
	list, err := screening.Parse("acme.txt", strings.NewReader(file))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(list.Name(), list.Version(), list.Len())
	for _, h := range list.Screen(screening.Party{
		IDs:   []string{"lei:999900HALCYONMAR0134"},
		Names: []string{"VARUNA-MARINE, LTD."},
	}) {
		fmt.Printf("%s: %s is %s of %s\n", h.By, h.Given, h.Matched, h.Entry)
	}
	// Output:
	// Acme denied partners 2026-11-02 1
	// name: VARUNA-MARINE, LTD. is Varuna Marine of Varuna Deep Pvt Ltd
}

func list(t testing.TB, file string) *screening.List {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(data))
}

func parse(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string,
) *screening.List {
	t.Helper()
	l, err := screening.Parse("given", strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return l
}

func TestWhatAListSaysOfItself(t *testing.T) {
	for _, row := range []struct {
		file, name, version  string
		entries, identifiers int
	}{
		{"plain.txt", "Fictional denied partners", "2026-11-02", 3, 2},
		{"csl.csv", "given", "2026-05-09", 5, 7},
		{"ftm.jsonl", "given", "2026-11-01T04:05:06", 2, 8},
		{"ftm.json", "given", "2026-11-01T04:05:06", 2, 8},
	} {
		l := list(t, row.file)
		if l.Name() != row.name || l.Version() != row.version || l.Len() != row.entries || l.Identifiers() != row.identifiers {
			t.Errorf("%s: %s, version %s, %d entries, %d identifiers", row.file, l.Name(), l.Version(), l.Len(), l.Identifiers())
		}
		if len(l.Digest()) != 43 {
			t.Errorf("%s: digest %s", row.file, l.Digest())
		}
	}
	// SHA-256 of the bytes as they came, a byte order mark and line ends included.
	const text = "\ufeff# list: A\r\n# version: 1\r\nVaruna Deep\r\n"
	l := parse(t, text)
	if l.Name() != "A" || l.Version() != "1" || len(l.ByName("varuna deep")) != 1 {
		t.Errorf("as Windows writes it: %s, version %s", l.Name(), l.Version())
	}
	sum := sha256.Sum256([]byte(text))
	if want := base64.RawURLEncoding.EncodeToString(sum[:]); l.Digest() != want {
		t.Errorf("digest %s, want %s", l.Digest(), want)
	}
}

// shown is what tests compare of a hit.
func shown(hits []screening.Hit) []string {
	out := []string{}
	for _, h := range hits {
		out = append(out, fmt.Sprintf("%s %s = %s: %s", h.By, h.Given, h.Matched, h.Entry))
	}
	return out
}

func TestIdentifiersFirst(t *testing.T) {
	l := list(t, "plain.txt")
	for _, row := range []struct {
		name  string
		party screening.Party
		want  []string
	}{
		{"nobody", screening.Party{}, []string{}},
		{"equal identifier", screening.Party{IDs: []string{"duns:123456789", "pan:AAVCD1234K"}}, []string{"identifier pan:AAVCD1234K = pan:AAVCD1234K: Varuna Deep Pvt Ltd"}},
		{
			"identifier and name are one hit, by identifier",
			screening.Party{IDs: []string{"lei:999900VARUNADEEP0174", "pan:AAVCD1234K"}, Names: []string{"Varuna Deep"}},
			[]string{"identifier lei:999900VARUNADEEP0174 = lei:999900VARUNADEEP0174: Varuna Deep Pvt Ltd"},
		},
		{
			"the same name, another identifier",
			screening.Party{IDs: []string{"lei:999900HALCYONMAR0134"}, Names: []string{"VARUNA DEEP LLC"}},
			[]string{"name VARUNA DEEP LLC = Varuna Deep Pvt Ltd: Varuna Deep Pvt Ltd"},
		},
		{
			"a former name",
			screening.Party{Names: []string{"varuna marine and sons"}},
			[]string{"name varuna marine and sons = Varuna Marine & Sons: Varuna Deep Pvt Ltd"},
		},
		{
			"one entry by identifier, another by name",
			screening.Party{IDs: []string{"pan:AAVCD1234K"}, Names: []string{"ОКЕАН ГИДРОАКУСТИКА"}},
			[]string{
				"identifier pan:AAVCD1234K = pan:AAVCD1234K: Varuna Deep Pvt Ltd",
				"name ОКЕАН ГИДРОАКУСТИКА = Океан Гидроакустика ООО: Ocean \"Hydro-Akustik\" GmbH & Co. KG",
			},
		},
		{"an identifier's own spelling only", screening.Party{IDs: []string{"PAN:AAVCD1234K", "pan:aavcd1234k", "iec:AAVCD1234K", "AAVCD1234K", ""}}, []string{}},
		{"an identifier is no name", screening.Party{Names: []string{"pan:AAVCD1234K"}, IDs: []string{"Varuna Deep"}}, []string{}},
		{"punctuation alone names nobody", screening.Party{Names: []string{"Ltd.", "", "---"}}, []string{}},
		{"legal forms alone name who is called by them", screening.Party{Names: []string{"P.L.C."}}, []string{"name P.L.C. = PLC: PLC"}},
		{"part of a name is another name", screening.Party{Names: []string{"Varuna"}}, []string{}},
	} {
		if diff := cmp.Diff(row.want, shown(l.Screen(row.party))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
	}
}

func TestCSL(t *testing.T) {
	l := list(t, "csl.csv")
	for _, row := range []struct{ given, want string }{
		{"csl-registration-id:C-122-790", "identifier: Blue Trench Research Institute (BTRI)"},
		{"lei:999900HALCYONMAR0134", "identifier: Blue Trench Research Institute (BTRI)"},
		{"csl-legal-entity-number:GB-999900HALCYONMAR0134", ""},
		{"csl-passport:KP-X-1234567", "identifier: DOE, Jana Maria"},
		{"csl-passport:X-1234567", ""},
		{"csl-gender:FEMALE", ""},
		{"csl-email-address:OFFICE-BTRI-EXAMPLE", ""},
		{"pan:AAVCD1234K", "identifier: Tidal Sensors (P) Ltd."},
		{"csl-tax-id-no:IN-AAVCD1234K", "identifier: Tidal Sensors (P) Ltd."},
		{"iec:AAVCD1234K", ""},
		{"duns:123456789", "identifier: Tidal Sensors (P) Ltd."},
		{"imo-ship:9074729", "identifier: SEA OTTER"},
		{"Meridian Torpedo Works", "name: Meridian Torpedo Works; and any successor, sub-unit, or subsidiary thereof"},
		{"blue trench research institute", "name: Blue Trench Research Institute (BTRI)"},
		{"BTRI No. 9", "name: Blue Trench Research Institute (BTRI)"},
		{"BTRI", ""},
		{"Institute of Blue Trenches, Ltd", "name: Blue Trench Research Institute (BTRI)"},
		{"Jana Maria Doe", "name: DOE, Jana Maria"},
		{"J.M. Doe", "name: DOE, Jana Maria"},
		{"Tidal Sensors Private Limited", "name: Tidal Sensors (P) Ltd."},
	} {
		hits := l.ByName(row.given)
		if strings.Contains(row.given, ":") {
			hits = l.ByID(row.given)
		}
		got := ""
		for _, h := range hits {
			got += fmt.Sprintf("%s: %s", h.By, h.Entry)
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.given, got, row.want)
		}
	}
	want := []screening.Hit{{
		By: screening.Identifier, Given: "duns:123456789", Matched: "duns:123456789", List: "given", Entry: "Tidal Sensors (P) Ltd.",
		Source: "Fictional Entity List (FEL)", Ref: "1004",
		IDs: []string{"pan:AAVCD1234K", "csl-tax-id-no:IN-AAVCD1234K", "duns:123456789"}, Unmapped: []string{"Public Registration Number, Ю-17"},
	}}
	if diff := cmp.Diff(want, l.ByID("duns:123456789")); diff != "" {
		t.Errorf("hit (-want +got):\n%s", diff)
	}
}

func TestFollowTheMoney(t *testing.T) {
	for _, file := range []string{"ftm.jsonl", "ftm.json"} {
		l := list(t, file)
		for _, row := range []struct{ given, want string }{
			{"lei:999900HALCYONMAR0134", "F-1"},
			{"ru-inn:7701234567", "F-1"},
			{"cin:U26515AP2019PTC098765", "F-1"},
			{"ftm-registration-number:12-34", "F-1"},
			{"cage:9HMS1", "F-2"},
			{"ncage:B1234", "F-2"},
			{"ncage:9HMS1", ""},
			{"duns:NONSENSE", ""},
			{"Nautilus Acoustics, JSC", "F-1"},
			{"НАУТИЛУС АКУСТИКА", "F-1"},
			{"mariner acoustics", "F-1"},
			{"Kraken Group", "F-2"},
			{"KG", "F-2"},
			{"GmbH & Co. KG", ""},
			{"Uninvolved Relative", ""},
			{"1 Quay", ""},
		} {
			hits := append(l.ByName(row.given), l.ByID(row.given)...)
			got := ""
			for _, h := range hits {
				got += h.Ref
			}
			if got != row.want {
				t.Errorf("%s: %s: %q, want %q", file, row.given, got, row.want)
			}
		}
		h := l.ByName("Kraken Group")[0]
		if diff := cmp.Diff([]string{"passportNumber, Ы 5"}, h.Unmapped); diff != "" {
			t.Errorf("unmapped (-want +got):\n%s", diff)
		}
		if h := l.ByName("mariner acoustics")[0]; h.Source != "fiction_sanctions" || h.Programme != "Fiction Act" {
			t.Errorf("source %q, programme %q", h.Source, h.Programme)
		}
	}
}

// Whatever a list calls a number, its identifiers are of package identifier.
func TestIdentifiersOfHitsAreIdentifiers(t *testing.T) {
	for _, file := range []string{"plain.txt", "csl.csv", "ftm.json"} {
		l := list(t, file)
		for _, name := range []string{"Varuna Deep", "Blue Trench Research Institute", "DOE, Jana Maria", "Tidal Sensors", "Sea Otter", "Nautilus Acoustics", "Kraken Group"} {
			for _, h := range l.ByName(name) {
				for _, id := range h.IDs {
					if _, err := identifier.Parse(id); err != nil {
						t.Errorf("%s: %v", file, err)
					}
				}
			}
		}
	}
}

func TestHitsAreTheCallers(t *testing.T) {
	l := list(t, "csl.csv")
	l.ByName("Tidal Sensors")[0].IDs[0] = "changed"
	if got := l.ByName("Tidal Sensors")[0].IDs[0]; got != "pan:AAVCD1234K" {
		t.Errorf("a caller changed the list: %s", got)
	}
}

func TestConcurrentUse(t *testing.T) {
	l := list(t, "csl.csv")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if n := len(l.Screen(screening.Party{IDs: []string{"duns:123456789"}, Names: []string{"Déjà vu", "J. M. Doe"}})); n != 2 {
					t.Errorf("%d hits, want 2", n)
				}
			}
		})
	}
	wg.Wait()
}

// The same entries in another order are the same hits in the same order.
func TestOrderOfEntriesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SampledFrom(strings.Fields("alpha beta gamma & delta, Ltd. OOO co"))
		name := rapid.Map(rapid.SliceOfN(words, 1, 4), func(ws []string) string { return "x " + strings.Join(ws, " ") })
		entries := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			line := name.Draw(t, "name")
			for range rapid.IntRange(0, 2).Draw(t, "members") {
				line += rapid.SampledFrom([]string{"\tid=duns:000000001", "\tid=duns:000000002", "\talso=alpha beta"}).Draw(t, "member")
			}
			return line + fmt.Sprintf("\tref=%d", rapid.IntRange(1, 3).Draw(t, "ref"))
		}), 1, 8).Draw(t, "entries")
		shuffled := rapid.Permutation(entries).Draw(t, "shuffled")
		const head = "# list: l\n# version: 1\n"
		party := screening.Party{
			IDs:   rapid.SliceOfN(rapid.SampledFrom([]string{"duns:000000001", "duns:000000002"}), 0, 2).Draw(t, "ids"),
			Names: rapid.SliceOfN(name, 0, 3).Draw(t, "names"),
		}
		a := parse(t, head+strings.Join(entries, "\n")).Screen(party)
		b := parse(t, head+strings.Join(shuffled, "\n")).Screen(party)
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatalf("in another order (-want +got):\n%s", diff)
		}
		if !slices.IsSortedFunc(a, func(a, b screening.Hit) int { return strings.Compare(string(a.By), string(b.By)) }) {
			t.Fatalf("a hit by name before one by identifier: %v", shown(a))
		}
	})
}

// Package screening is a function of its input.
func TestImportsAreNoInput(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for _, p := range strings.Fields(string(out)) {
		for _, banned := range []string{"os", "net", "net/http", "context", "math/rand", "math/rand/v2", "crypto/rand"} {
			if p == banned {
				t.Errorf("screening imports %s", p)
			}
		}
	}
}

func TestParseReportsTheReader(t *testing.T) {
	_, err := screening.Parse("sanctions.csv", failing{})
	if err == nil || !strings.Contains(err.Error(), "sanctions.csv") || !strings.Contains(err.Error(), "gone") {
		t.Errorf("error %v", err)
	}
	if _, err = screening.ReadUpTo(endless{}, 3<<20); err == nil || !strings.Contains(err.Error(), "larger than 3 MiB") {
		t.Errorf("error %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, fmt.Errorf("the disk is gone") }

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

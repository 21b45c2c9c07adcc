package screening_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/screening"
)

// big is as large as the Consolidated Screening List: 26,000 entries of two names.
func big() string {
	var b strings.Builder
	b.WriteString("# list: big\n# version: 1\n")
	for i := range 26_000 {
		fmt.Fprintf(&b, "Fictional Trading and Engineering Group No. %d Co., Ltd.\talso=OOO «Вымышленная компания %d»\tid=duns:%09d\tsource=A list of fictional parties\n", i, i, i)
	}
	return b.String()
}

func BenchmarkParse(b *testing.B) {
	text := big()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		parse(b, text)
	}
}

// Entries of as many names as there may be: time is linear in them, too.
func BenchmarkParseManyNames(b *testing.B) {
	text := "# list: l\n# version: 1\n" + strings.Repeat("A"+manyNames(4999)+"\n", 10)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		parse(b, text)
	}
}

func BenchmarkScreen(b *testing.B) {
	l := parse(b, big())
	for _, row := range []struct {
		name  string
		party screening.Party
	}{
		{"identifier", screening.Party{IDs: []string{"duns:000012345"}}},
		{"name", screening.Party{Names: []string{"FICTIONAL TRADING & ENGINEERING GROUP NO 12345 LLC"}}},
		{"nobody", screening.Party{IDs: []string{"lei:999900HALCYONMAR0134"}, Names: []string{"Halcyon Maritime Systems, Inc."}}},
		{"Cyrillic", screening.Party{Names: []string{"АО «ВЫМЫШЛЕННАЯ КОМПАНИЯ 12345»"}}},
	} {
		b.Run(row.name, func(b *testing.B) {
			for b.Loop() {
				l.Screen(row.party)
			}
		})
	}
}

func BenchmarkNormalise(b *testing.B) {
	for b.Loop() {
		screening.Normalise("Obshchestvo s ogranichennoy otvetstvennost'yu «Halcyon Maritime Systems»")
	}
}

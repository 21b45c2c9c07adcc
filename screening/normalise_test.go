package screening_test

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/screening"
)

func TestNormalise(t *testing.T) {
	for _, row := range []struct{ want, names string }{
		{"halcyon maritime systems", `Halcyon Maritime Systems|HALCYON MARITIME SYSTEMS, INC.|halcyon-maritime systems inc|Halcyon  Maritime	Systems L.L.C.|"Halcyon Maritime Systems" Co., Ltd.
			|Halcyon Maritime Systems (Pvt.) Ltd|Halcyon Maritime Systems (P) Ltd|Halcyon Maritime Systems Pvt. Ltd.|Halcyon Maritime Systems Private Limited|Halcyon Maritime Systems LLP
			|Halcyon Maritime Systems Pty Ltd|Halcyon Maritime Systems Pte. Ltd.|Halcyon Maritime Systems Sdn. Bhd.|Halcyon Maritime Systems P.L.C.|Halcyon Maritime Systems PTY. LIMITED
			|Halcyon Maritime Systems G.m.b.H.|Halcyon Maritime Systems GmbH & Co. KG|Halcyon Maritime Systems UG (haftungsbeschränkt)|Halcyon Maritime Systems AG
			|Halcyon Maritime Systems, S.A.|Halcyon Maritime Systems S.A.R.L.|Halcyon Maritime Systems S.A. de C.V.|Halcyon Maritime Systems S. de R.L. de C.V.|Halcyon Maritime Systems Sp. z o.o.
			|Halcyon Maritime Systems d.o.o.|Halcyon Maritime Systems A/S|Halcyon Maritime Systems Oy|Halcyon Maritime Systems A.Ş.|Halcyon Maritime Systems ANONİM ŞİRKETİ|Halcyon Maritime Systems Ltd. Şti.
			|Halcyon Maritime Systems FZE|Halcyon Maritime Systems FZ-LLC|Halcyon Maritime Systems W.L.L.|Halcyon Maritime Systems K.K.|OOO Halcyon Maritime Systems|AO «Halcyon Maritime Systems»|PAO Halcyon Maritime Systems
			|Obshchestvo s ogranichennoy otvetstvennost'yu "Halcyon Maritime Systems"|Joint-Stock Company Halcyon Maritime Systems|PT Halcyon Maritime Systems Tbk|Halcyon Maritime Systems B.V.|Halcyon Maritime Systems S.p.A.
			|Ｈａｌｃｙｏｎ　Ｍａｒｉｔｉｍｅ　Ｓｙｓｔｅｍｓ|Halcyon Maritime Systems™ Inc.`},
		{"вега", "ООО «Вега»|Вега, ООО|ВЕГА|Акционерное общество «Вега»|АО Вега|ПАО «ВЕГА»"},
		{"华为技术", "华为技术有限公司|华为技术股份有限公司|华为技术"},
		{"東京音響", "株式会社東京音響|東京音響株式会社|㈱東京音響|(株) 東京音響"},
		{"한빛", "주식회사 한빛|㈜한빛|한빛주식회사"},
		{"abc", "A.B.C.|ABC|a b c|A. B. C. Ltd|ABC, L.L.C.|A.B.C"},
		{"oneil peoples", "O'Neil People’s|ONeil Peoples|O’NEIL PEOPLE'S"},
		{"johnson johnson", "Johnson & Johnson|Johnson Johnson|Johnson+Johnson"},
		{"istanbul işik", "İstanbul Işık|ISTANBUL İŞIK|istanbul işık"},
		{"strasse", "Straße|STRASSE|STRAẞE"},
		{"société générale", "SOCIÉTÉ GÉNÉRALE|Socie\u0301te\u0301 Ge\u0301ne\u0301rale S.A."},
		{"societe generale", "SOCIETE GENERALE"},
		{"halcyon", "Hal\u200bcyon|\u202eHalcyon\u202c|\ufeffHALCYON\u200f|Hal\u00adcyon|Hal\u2060cy\ufe0fon|Halcyon\u034f"},
		{"the company store", "The Company Store"},
		{"limited brands", "Limited Brands"},
		{"company x", "Company X, S.A."},
		{"3m", "3M Company|3M Co."},
		{"", "|---|™|…|\u200b\u202e"},
		{"plc", "PLC|P.L.C.|plc"},
		{"co ltd", "Co., Ltd.|CO LTD"},
		{"pte ooo", "PTE OOO|«PTE» OOO"},
		{"gmbh co kg", "G.m.b.H. & Co. KG"},
		{"vinh long", "Vinh Long Joint Stock Company Ltd|Vinh Long Joint Stock Co., Ltd.|Vinh Long Limited Liability Company, Limited|Vinh Long Open Joint-Stock Company (Inc.)"},
		{"grupo w", `Grupo W S.A.|"Grupo W S.A."|«Grupo W S.A.»|(Grupo W S.A.)|Grupo W (S.A.)`},
	} {
		for _, name := range strings.Split(row.names, "|") {
			if got := screening.Normalise(strings.TrimSuffix(name, "\n\t\t\t")); got != row.want {
				t.Errorf("Normalise(%q) = %q, want %q", name, got, row.want)
			}
		}
	}
}

func TestOtherNamesStayOthers(t *testing.T) {
	l := parse(t, "# list: l\n# version: 1\nVaruna Deep Ltd\nЗАО Сокол\nAB Volga\nJohnson and Johnson\nAlpha Beta\n")
	for _, name := range []string{
		"Varuna", "Deep Varuna", "Varuna Deeps", "Varuna Deep Industries", "Värūna Deep", "3AO Cокол", "Cokol", "Vаruna Deep" /* Cyrillic а */, "Johnson Johnson", "Alpha and Beta",
	} {
		if hits := l.ByName(name); len(hits) > 0 {
			t.Errorf("%s: %v", name, shown(hits))
		}
	}
	for _, name := range []string{"Johnson & Johnson Inc.", "Alpha & Beta", "Alpha＆Beta", "AlphaBeta", "alpha-beta", "Volga", "СОКОЛ ЗАО"} {
		if hits := l.ByName(name); len(hits) != 1 {
			t.Errorf("%s: %d hits, want 1", name, len(hits))
		}
	}
}

func TestHostileNames(t *testing.T) {
	l := parse(t, "# list: l\n# version: 1\nVaruna Deep Ltd\n")
	for what, name := range map[string]string{
		"padded with what is not seen": "Varuna" + strings.Repeat("\u200b", 100_000) + " Deep",
		"padded with punctuation":      strings.Repeat("-", 100_000) + "Varuna Deep",
		"padded with legal forms":      "Varuna Deep" + strings.Repeat(" Ltd", 10_000),
		"line ends":                    "Varuna\r\n\x00Deep",
		"control characters":           "\x1b[31mVaruna\x1b Deep"[5:],
	} {
		if len(l.ByName(name)) != 1 {
			t.Errorf("%s: not found", what)
		}
	}
	for _, name := range []string{
		strings.Repeat("a", 100_000), strings.Repeat("a ", 100_000), strings.Repeat("有限公司", 50_000), strings.Repeat("e\u0301", 50_000),
		"e" + strings.Repeat("\u0301", 100_000), strings.Repeat("&", 100_000), strings.Repeat("(p) ltd", 20_000), "\xff\xfe\xfa", strings.Repeat("a, ", 50_000), strings.Repeat("ﷺ", 5_000),
	} {
		if hits := l.ByName(name); len(hits) > 0 {
			t.Errorf("%.20q: %v", name, shown(hits))
		}
	}
}

func TestNormaliseIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := anyName().Draw(t, "name")
		once := screening.Normalise(name)
		if again := screening.Normalise(once); again != once {
			t.Fatalf("Normalise(%q) = %q, again %q", name, once, again)
		}
		for _, r := range once {
			// Cherokee folds to upper case.
			if unicode.IsUpper(r) && !unicode.Is(unicode.Cherokee, r) || r != ' ' && !unicode.In(r, unicode.L, unicode.M, unicode.N) {
				t.Fatalf("Normalise(%q) = %q has %q", name, once, r)
			}
		}
	})
}

func anyName() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.OneOf(
			rapid.SampledFrom(strings.Split("a b c s.a. & , ( ) (p) ltd co kg gmbh ooo ООО İ ı ß ﬁ ǰ ΐ 公司 有限公司 株 주식회사 จำกัด ' ’ \u0301 \u0307 \u200b \u034f ᄀ ᅡ ™ ½ . - é E\u0301 ª ﷺ", " ")),
			rapid.SampledFrom([]string{" ", ""}),
			rapid.StringN(0, 2, 8),
		)), func(parts []string) string { return strings.Join(parts, "") }),
	)
}

// A name is found in another case, with other punctuation and another legal
// form, and with characters inside that nobody sees.
func TestVariantsAreFound(t *testing.T) {
	forms := strings.Split("|, Inc.| Ltd| LIMITED| L.L.C.| GmbH| Co., Ltd.| Pvt. Ltd.| (Pvt) Ltd.| S.A.| PLC| LLC FZE| Pty Ltd|, A.Ş.| OOO", "|")
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[b-z][a-zßéşжш]{3,8}x`), 1, 4).Draw(t, "words")
		form := rapid.SampledFrom(forms)
		l := parse(t, "# list: l\n# version: 1\n"+strings.Join(words, " ")+form.Draw(t, "listed form")+"\n")
		for i, w := range words {
			switch rapid.IntRange(0, 4).Draw(t, "case") {
			case 0:
				w = strings.ToUpper(w)
			case 1:
				w = strings.ToUpper(w[:1]) + w[1:]
			case 2:
				w = w[:1] + "\u200d" + w[1:]
			case 3:
				w = `"` + w + `"`
			}
			words[i] = w
		}
		join := rapid.SampledFrom([]string{" ", "-", "  ", ", ", " . ", "\u00a0", "/"}).Draw(t, "between")
		name := strings.Join(words, join) + form.Draw(t, "presented form")
		if hits := l.ByName(name); len(hits) != 1 {
			t.Fatalf("%q: %d hits, want 1", name, len(hits))
		}
	})
}

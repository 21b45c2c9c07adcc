package screening

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Normalise returns the words of a name that count when names are compared, in
// one case, with single spaces between them; "" where none do.
//
// It applies Unicode NFKC and full case folding (with the Turkish dotted and
// dotless i as i); drops what cannot be seen, apostrophes, and single letters'
// full stops ("A.B.C." is "abc"); takes all other punctuation, symbols and
// white space as space; and drops legal forms at the end and, where that is the
// custom, at the beginning: "OOO Vega" is "Vega, Ltd.", but nothing is dropped
// inside "The Company Store", and of what is only legal forms nothing is, since
// there are companies called by them. Accents stay.
//
// It is idempotent, and takes time linear in the length of the name.
func Normalise(name string) string {
	// A legal form that is dropped, or a comma, may have kept letters apart
	// that are initials without it. Every pass has fewer words or is the last.
	for range maxPasses {
		words := pass(name)
		next := strings.Join(words, " ")
		if next == name || settled(words) {
			return next
		}
		name = next
	}
	return name
}

const maxPasses = 16

// pass normalises once.
func pass(name string) []string {
	name = undot(fold(name))
	if strings.Contains(name, "(p)") {
		name = privateLimited.Replace(name)
	}
	ts := tokens(name)
	if !ascii(name) {
		whole := ts
		ts = nil
		for _, t := range whole {
			ts = append(ts, unglue(t)...)
		}
	}
	return dropForms(joinInitials(ts))
}

// undot takes the full stops out of words of dotted letters, each by itself: of
// "P.V.T. L.T.D." two legal forms are left, not six initials in a row.
func undot(name string) string {
	if !strings.Contains(name, ".") {
		return name
	}
	words := strings.Split(name, " ")
	for i, w := range words {
		if dotted(strings.TrimFunc(w, aroundWords)) {
			words[i] = strings.ReplaceAll(w, ".", "")
		}
	}
	return strings.Join(words, " ")
}

// aroundWords reports punctuation that a word of dotted letters may stand in.
func aroundWords(r rune) bool {
	return r != '.' && !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r)
}

// dotted reports whether a word is at least two letters, with a full stop after
// each but perhaps the last.
func dotted(w string) bool {
	letters, stop := 0, true
	for _, r := range w {
		switch {
		case stop && unicode.IsLetter(r):
			letters++
			stop = false
		case !stop && r == '.':
			stop = true
		default:
			return false
		}
	}
	return letters >= 2
}

// settled reports whether another pass would certainly change nothing.
func settled(words []string) bool {
	before := false
	for _, w := range words {
		now := initial(w)
		if now && before || !plain(w) {
			return false
		}
		before = now
	}
	return true
}

// keys returns what the name is found by: names are the same where they have a
// key in common.
func keys(name string) []string {
	key := squeeze(Normalise(name))
	if key == "" {
		return nil
	}
	if !strings.ContainsAny(name, "&＆﹠") {
		return []string{key}
	}
	if and := squeeze(Normalise(ampersands.Replace(name))); and != "" && and != key {
		return []string{key, and}
	}
	return []string{key}
}

var ampersands = strings.NewReplacer("&", " and ", "＆", " and ", "﹠", " and ")

func squeeze(s string) string { return strings.ReplaceAll(s, " ", "") }

// fold brings the name into one case and one composition.
func fold(s string) string {
	if ascii(s) {
		return strings.ToLower(s)
	}
	// Folding can undo composition, and the other way round.
	for range maxPasses {
		next := norm.NFKC.String(visible(s))
		next = norm.NFKC.String(cases.Fold().String(next))
		next = strings.ReplaceAll(next, "i\u0307", "i")
		if next == s || plain(next) {
			return next
		}
		s = next
	}
	return s
}

// plain reports that a folded text has nothing that could compose: letters of
// Latin, Greek and Cyrillic, and no marks.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x530 || unicode.IsMark(r) })
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// maxMarks bounds the marks on one letter: no script has as many, and package
// norm parts longer runs with a character of its own.
const maxMarks = 8

// visible drops what cannot be seen, and folds what folding leaves.
func visible(s string) string {
	marks := 0
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.M, r) {
			marks++
		} else if !invisible(r) {
			marks = 0
		}
		switch {
		case invisible(r), marks > maxMarks:
			return -1
		case r == 'İ' || r == 'ı':
			return 'i'
		case r == '™' || r == '℠':
			return ' ' // not the letters that NFKC makes of them
		}
		return r
	}, s)
}

func invisible(r rune) bool {
	return r >= 0x80 && unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// A token is a word of a name. An apart one does not belong with the one
// before it: more than white space and full stops stand between them.
type token struct {
	word  string
	apart bool
}

// tokens returns the words of a folded name.
func tokens(s string) []token {
	ts := make([]token, 0, 8)
	var word []byte
	apart, after := false, false // after a letter, which a mark belongs to
	for _, r := range s + " " {
		switch {
		case apostrophe(r):
			after = false
		case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) && after:
			word = utf8.AppendRune(word, r)
			after = true
		case unicode.IsMark(r):
		default:
			if len(word) > 0 {
				ts = append(ts, token{string(word), apart})
				word, apart = word[:0], false
			}
			apart = apart || r != '.' && !unicode.IsSpace(r)
			after = false
		}
	}
	return ts
}

// apostrophe reports what stands inside words.
func apostrophe(r rune) bool {
	switch r {
	case '\'', '`', '´', '‘', '’', '‛', '′', '\u02b9', '\u02ba', '\u02bb', '\u02bc', '\u02bd', '\u02be', '\u02bf', '\u02c8':
		return true
	}
	return false
}

// joinInitials makes one word of single letters in a row: s. a. r. l. is sarl.
func joinInitials(ts []token) []string {
	var words []string
	for len(ts) > 0 {
		n := 1
		if initial(ts[0].word) {
			for n < len(ts) && initial(ts[n].word) && !ts[n].apart {
				n++
			}
		}
		word := ts[0].word
		if n > 1 {
			var b strings.Builder
			for _, t := range ts[:n] {
				b.WriteString(t.word)
			}
			word = b.String()
		}
		words, ts = append(words, word), ts[n:]
	}
	return words
}

// initial reports whether a word is one letter of a script that abbreviates
// by letters.
func initial(word string) bool {
	r, n := utf8.DecodeRuneInString(word)
	return n == len(word) && unicode.IsLetter(r) && unicode.In(r, unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Hebrew)
}

package controllist

import (
	"regexp"
	"slices"
	"strings"
)

// The lists known, by the names that statements and requests use.
const (
	// USCCL is the US Commerce Control List. An entry is an ECCN (category
	// digit, product group A to E, three digits; the 600 series and 9x515 are
	// ECCNs like any other) and then dotted paragraphs, or EAR99, which stands
	// alone: it has neither ancestors nor descendants. That paragraphs
	// alternate between letters and numbers is not checked.
	USCCL = "US_CCL"

	// USUSML is the US Munitions List. An entry is a category I to XXI in
	// upper-case roman, then paragraphs in the CFR's own order: (a), (1), (i),
	// (A), (1), (i). Romans must be well formed: (iv), never (iiii). The
	// asterisk of significant military equipment is no part of an entry.
	USUSML = "US_USML"

	// INSCOMET is India's SCOMET list. An entry is category 0 to 8, a letter A
	// to H (category 2 runs to 2H, others end sooner, which is not checked) and
	// three digits, then dotted paragraphs as in [USCCL]. A heading alone (0,
	// 8A5) is too coarse to approve or to classify by, and is refused.
	INSCOMET = "IN_SCOMET"

	// Wassenaar is the Wassenaar Arrangement's dual-use list (category 1 to 9,
	// group A to E, item: 5.A.1) and munitions list (ML1 to ML22), each with
	// dotted paragraphs that alternate, letter first.
	Wassenaar = "WASSENAAR"

	// EUDualUse is Annex I to the EU Dual-Use Regulation in the undotted form
	// of customs declarations: category, group and three digits, then
	// paragraphs that alternate between one letter and a number, letter first,
	// but for 1C350, whose chemicals are numbered directly (1C35012). The
	// dotted form is refused.
	EUDualUse = "EU_DU"
)

// A syntax says how the entries of one list are written. split returns the
// segments of an entry, nil if it does not fit.
type syntax struct {
	list, form, example string
	split               func(entry string) []string
}

// In the order of Lists.
var syntaxes = []syntax{
	{EUDualUse, "a digit, A to E and three digits, then alternately one lower-case letter and a number", "5A001b1", splitEU},
	{INSCOMET, "a digit 0 to 8, A to H and three digits, then .paragraphs of lower-case letters or numbers", "8A501.b.1", splitSCOMET},
	{USCCL, "EAR99, or a digit, A to E and three digits, then .paragraphs of lower-case letters or numbers", "5A001.b.1", splitCCL},
	{USUSML, "a roman category I to XXI, then paragraphs in the order (a)(1)(i)(A)", "XI(a)(1)", splitUSML},
	{Wassenaar, "category.group.item or ML1 to ML22, then alternately .letter and .number", "5.A.1.b.1 or ML9.a", splitWassenaar},
}

// Known reports whether list is the name of a list that [Parse] reads.
func Known(list string) bool {
	_, ok := lookup(list)
	return ok
}

// Lists returns the names of all lists that [Parse] reads, sorted. The slice
// is the caller's own.
func Lists() []string {
	names := make([]string, len(syntaxes))
	for i, s := range syntaxes {
		names[i] = s.list
	}
	return names
}

func lookup(list string) (syntax, bool) {
	i := slices.IndexFunc(syntaxes, func(s syntax) bool { return s.list == list })
	if i < 0 {
		return syntax{}, false
	}
	return syntaxes[i], true
}

var (
	wassenaarForm = regexp.MustCompile(`^([1-9]\.[A-E]\.[1-9][0-9]?|ML(?:[1-9]|1[0-9]|2[0-2]))((?:\.[a-z0-9]+)*)$`)
	euForm        = regexp.MustCompile(`^([0-9][A-E][0-9]{3})([a-z0-9]*)$`)
	usmlForm      = regexp.MustCompile(`^([IVX]+)((?:\([a-zA-Z0-9]+\))*)$`)

	letterOrNumber = regexp.MustCompile(`[a-z]+|[0-9]+`)
	oneLetter      = regexp.MustCompile(`^[a-z]$`)
	oneNumber      = regexp.MustCompile(`^[1-9][0-9]{0,2}$`)
)

func splitCCL(entry string) []string {
	if entry == "EAR99" {
		return []string{entry}
	}
	return splitECCN(entry, '9', 'E')
}

func splitSCOMET(entry string) []string { return splitECCN(entry, '8', 'H') }

func splitWassenaar(entry string) []string {
	m := wassenaarForm.FindStringSubmatch(entry)
	if m == nil {
		return nil
	}
	segments := append([]string{m[1]}, strings.Split(m[2], ".")[1:]...)
	if !alternate(segments[1:], oneLetter, oneNumber) {
		return nil
	}
	return segments
}

func splitEU(entry string) []string {
	m := euForm.FindStringSubmatch(entry)
	if m == nil {
		return nil
	}
	paragraphs := letterOrNumber.FindAllString(m[2], -1)
	numbered := m[1] == "1C350" && alternate(paragraphs, oneNumber, oneLetter)
	if !numbered && !alternate(paragraphs, oneLetter, oneNumber) {
		return nil
	}
	return append([]string{m[1]}, paragraphs...)
}

// splitECCN splits "5A001.b.1": a digit, a letter and three digits, then dotted
// paragraphs, each a letter or two, or a number below 1000. It is written out
// because every item of every approval passes here.
func splitECCN(entry string, lastDigit, lastLetter byte) []string {
	const head = len("5A001")
	if len(entry) < head || entry[0] < '0' || entry[0] > lastDigit || entry[1] < 'A' || entry[1] > lastLetter ||
		!digit(entry[2]) || !digit(entry[3]) || !digit(entry[4]) {
		return nil
	}
	segments := append(make([]string, 0, 1+strings.Count(entry, ".")), entry[:head])
	for rest := entry[head:]; rest != ""; {
		if rest[0] != '.' {
			return nil
		}
		n := paragraph(rest[1:])
		if n == 0 {
			return nil
		}
		segments = append(segments, rest[1:1+n])
		rest = rest[1+n:]
	}
	return segments
}

// paragraph returns the length of the paragraph that s begins with, 0 for none.
// Where one is too long, what is left of it does not begin with a dot.
func paragraph(s string) int {
	n := 0
	for n < len(s) && n < 2 && 'a' <= s[n] && s[n] <= 'z' {
		n++
	}
	if n > 0 || s == "" || s[0] == '0' {
		return n
	}
	for n < len(s) && n < 3 && digit(s[n]) {
		n++
	}
	return n
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// alternate reports whether the segments match even, odd, even, and so on.
func alternate(segments []string, even, odd *regexp.Regexp) bool {
	for i, s := range segments {
		want := even
		if i%2 == 1 {
			want = odd
		}
		if !want.MatchString(s) {
			return false
		}
	}
	return true
}

// The categories of 22 CFR 121.1.
var usmlCategories = strings.Fields("I II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX XX XXI")

// The levels of paragraphs in the Code of Federal Regulations, outermost
// first; the last two are the first ones again, there in italics.
var usmlLevels = []*regexp.Regexp{
	oneLetter, oneNumber, lowerRoman, regexp.MustCompile(`^[A-Z]$`), oneNumber, lowerRoman,
}

// Well-formed romans from i to xcix, and the empty string, which usmlForm excludes.
var lowerRoman = regexp.MustCompile(`^(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})$`)

func splitUSML(entry string) []string {
	m := usmlForm.FindStringSubmatch(entry)
	if m == nil || !slices.Contains(usmlCategories, m[1]) {
		return nil
	}
	segments := []string{m[1]}
	for level, p := range strings.FieldsFunc(m[2], func(r rune) bool { return r == '(' || r == ')' }) {
		if level >= len(usmlLevels) || !usmlLevels[level].MatchString(p) {
			return nil
		}
		segments = append(segments, p)
	}
	return segments
}

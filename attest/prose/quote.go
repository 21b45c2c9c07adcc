package prose

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/bidi"
)

// Quote returns text between quotation marks, so that it reads as what it is
// and stays between them. Everything is escaped, as in Go and JSON, that could
// be read as something else or not be seen at all: the quotation mark and the
// backslash; control, format and direction-changing characters; white space
// other than single spaces; characters that show nothing; accents that stand
// on nothing or are piled up; what is no valid UTF-8.
//
// Letters that are written from right to left are shown as they are. Whoever
// puts the text into a line puts nothing behind it.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	marks := maxMarks // nothing to stand on yet
	before := ' '
	for i, r := range s {
		switch {
		case unicode.IsMark(r):
			marks++
		default:
			marks = 0
		}
		switch {
		case r == unicode.ReplacementChar && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
			marks = maxMarks
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
			marks = maxMarks
		case r == ' ' && (before == ' ' || i == len(s)-1), hidden(r), marks > maxMarks:
			escape(&b, r)
			marks = maxMarks
		default:
			b.WriteRune(r)
			if r == ' ' {
				marks = maxMarks
			}
		}
		before = r
	}
	b.WriteByte('"')
	return b.String()
}

// maxMarks is how many accents a letter has at most; Vietnamese has two, Vedic
// Sanskrit three.
const maxMarks = 4

// hidden reports whether a character shows nothing, moves others, or ends a
// line somewhere.
func hidden(r rune) bool {
	return r != ' ' && !unicode.IsPrint(r) ||
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r) ||
		// A braille cell without dots, a null notehead, and hieroglyphic blanks.
		r == 0x2800 || r == 0x1d159 || r == 0x13441 || r == 0x13442
}

func escape(b *strings.Builder, r rune) {
	if r > 0xffff {
		fmt.Fprintf(b, `\U%08x`, r)
	} else {
		fmt.Fprintf(b, `\u%04x`, r)
	}
}

// Code returns an identifier or a code as it stands, or quoted in ASCII where it
// is none, so that other words may follow it in a line.
func Code(s string) string {
	if s == "" {
		return "(none)"
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == ',' || c == ';' {
			return strconv.QuoteToASCII(s)
		}
	}
	return s
}

func idents(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = Code(s)
	}
	return strings.Join(out, ", ")
}

// width is how wide Text makes its lines: what a terminal of 80 columns breaks
// anew, somebody else's words could begin a line.
const width = 79

// Text lays lines out for a terminal: indented by depth, at most 79 columns
// wide. What does not fit goes on in lines that begin with a bar, so that
// nothing in a long text can pass for a line of its own.
func Text(lines ...Line) string {
	var b strings.Builder
	for _, l := range lines {
		indent := strings.Repeat("  ", l.Depth)
		room := max(width-len(indent), 40)
		for i, part := range fold(l.Text, room, room-len(barFromLeft)) {
			b.WriteString(indent)
			if i > 0 {
				b.WriteString(bar(part))
			}
			b.WriteString(part)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

const barFromLeft = "  | on: "

// bar begins a line that goes on. Where the rest is written from right to left
// it has letters, so that whoever shows it takes the line for one from left to
// right and does not move the bar to its other end.
func bar(rest string) string {
	for _, r := range rest {
		if p, _ := bidi.LookupRune(r); p.Class() == bidi.R || p.Class() == bidi.AL {
			return barFromLeft
		}
	}
	return "  | "
}

// fold cuts text into parts, the first and the others so wide at most, at
// spaces where there are such.
func fold(text string, first, others int) (parts []string) {
	room := first
	for {
		end, space, w := 0, -1, 0
		for i, r := range text {
			if w += columns(r); w > room && end > 0 {
				break
			}
			if r == ' ' && i > 0 {
				space = i
			}
			end = i + len(string(r))
		}
		if end == len(text) {
			return append(parts, text)
		}
		if space > 0 {
			parts, text = append(parts, text[:space]), text[space+1:]
		} else {
			parts, text = append(parts, text[:end]), text[end:]
		}
		room = others
	}
}

// columns is how many columns of a terminal a character takes at most.
func columns(r rune) int {
	switch {
	case unicode.IsMark(r):
		return 0
	case r >= 0x1100:
		return 2
	}
	return 1
}

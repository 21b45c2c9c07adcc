package yamldoc

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkText refuses what is not text, and the characters that end a line for a
// YAML reader but not for an editor, so that both count the same lines.
func checkText(data []byte) error {
	line, column := 1, 1
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		switch {
		case c == utf8.RuneError && size == 1 || c == 0:
			return mistake(line, column, "the file is not UTF-8 text: save it as UTF-8")
		case c == '\ufeff' && i == 0, c == '\t', c == '\n':
		case c == '\r' && bytes.HasPrefix(data[i+1:], []byte("\n")):
		case unicode.IsControl(c), c == '\u2028', c == '\u2029', c == '\ufeff':
			return mistake(line, column, fmt.Sprintf("has the character %U, which an editor does not show: delete it", c))
		}
		i += size
		column++
		if c == '\n' {
			line, column = line+1, 1
		}
	}
	return nil
}

var (
	yamlError     = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	// member begins a line that has a name and a colon; a list's dash may
	// stand before it.
	member = regexp.MustCompile(`^[\s-]*("[^"]*"|'[^']*'|[^\s:#'"][^:#]*):(\s|$)`)
	// glued is a name, a colon and a value without the space between them.
	glued = regexp.MustCompile(`^[\s-]*[a-z_]+:[^\s]`)
)

// syntaxMistake says in an officer's words what the YAML reader found, and
// where: it names no column, at times not the line, and what is wrong often
// stands on the line before the one that it names.
func syntaxMistake(data []byte, err error) error {
	n, msg := 1, err.Error()
	if m := yamlError.FindStringSubmatch(msg); m != nil {
		msg = m[2]
		if i, err := strconv.Atoi(m[1]); err == nil {
			n = i
		}
	}
	lines := strings.Split(strings.TrimRight(string(data), "\r\n"), "\n")
	n = min(n, len(lines))
	if m := unknownAnchor.FindStringSubmatch(msg); m != nil {
		i, column := place(lines, "*"+m[1])
		return mistake(i, column, fmt.Sprintf("*%s names an anchor that is nowhere; text that begins with * stands in quotes", m[1]))
	}
	if i, column, ok := tab(lines); ok {
		return mistake(i, column, "a tab indents this line: indent with spaces")
	}
	if i, hint, ok := colon(lines, n, msg); ok {
		return mistake(i, begin(lines[i-1]), hint)
	}
	return mistake(n, begin(lines[n-1]), msg+hintFor(msg))
}

// place returns the line and column of the first occurrence of s.
func place(lines []string, s string) (line, column int) {
	for i, l := range lines {
		if at := strings.Index(l, s); at >= 0 {
			return i + 1, utf8.RuneCountInString(l[:at]) + 1
		}
	}
	return 1, 1
}

// begin returns the column of the first character of a line.
func begin(line string) int {
	return utf8.RuneCountInString(line) - utf8.RuneCountInString(strings.TrimLeft(line, " \t")) + 1
}

// tab finds the first line that a tab indents.
func tab(lines []string) (line, column int, ok bool) {
	for i, l := range lines {
		indent := l[:len(l)-len(strings.TrimLeft(l, " \t"))]
		if at := strings.IndexByte(indent, '\t'); at >= 0 && strings.TrimSpace(l) != "" {
			return i + 1, at + 1, true
		}
	}
	return 0, 0, false
}

// colon finds, at line n or just before it, a line whose colon is missing, has
// no space behind it, or is one too many.
func colon(lines []string, n int, msg string) (line int, hint string, ok bool) {
	if !strings.Contains(msg, "expected ':'") && !strings.Contains(msg, "mapping values") {
		return 0, "", false
	}
	for i := n; i >= max(1, n-1); i-- {
		l := lines[i-1]
		switch trimmed := strings.TrimSpace(l); {
		case trimmed == "", strings.HasPrefix(trimmed, "#"):
		case glued.MatchString(l):
			return i, "there is no space behind the colon: want name: value", true
		case !member.MatchString(l):
			return i, "a colon is missing: want name: value", true
		case strings.Count(l, ": ") > 1:
			return i, "has a colon in its value: put the value in quotes", true
		}
	}
	return n, "does not fit the line before it: members of one thing begin in the same column, and a value with a colon in it stands in quotes", true
}

// hintFor returns what to do about a message of the YAML reader.
func hintFor(msg string) string {
	switch {
	case strings.Contains(msg, "cannot start any token"):
		return ": put text that begins with @, ` or % in quotes"
	case strings.Contains(msg, "unexpected end of stream"):
		return ": a quote is not closed"
	case strings.Contains(msg, "',' or"):
		return ": a bracket is not closed, or a comma is missing"
	case strings.Contains(msg, "expected key"), strings.Contains(msg, "'-' indicator"):
		return ": members of one thing begin in the same column, and a ' within '…' is doubled"
	default:
		return ""
	}
}

package screening

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/safeconduct/safeconduct/attest/identifier"
)

// readPlain reads the project's own form.
func readPlain(b *builder, text []byte) error {
	var err error
	if b.list.name, text, err = head(text, 1, "# list: ", "the list's name"); err != nil {
		return err
	}
	if b.list.version, text, err = head(text, 2, "# version: ", "the list's version, such as a date"); err != nil {
		return err
	}
	for n := 3; len(text) > 0; n++ {
		var line []byte
		line, text = cutLine(text)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if len(line) > maxRecord {
			return fmt.Errorf("line %d: has %d bytes; an entry can have %d", n, len(line), maxRecord)
		}
		e, err := plainEntry(string(line))
		if err != nil {
			return fmt.Errorf("line %d, %w", n, err)
		}
		if wrong := b.add(e); wrong != "" {
			return fmt.Errorf("line %d: %s", n, wrong)
		}
	}
	return nil
}

// head reads one of the first two lines.
func head(text []byte, n int, prefix, what string) (value string, rest []byte, err error) {
	line, rest := cutLine(text)
	value, ok := strings.CutPrefix(string(line), prefix)
	if !ok || value == "" || strings.TrimSpace(value) != value || len(value) > maxName || hasControl(value) {
		return "", nil, fmt.Errorf("line %d: want %q and %s", n, prefix, what)
	}
	return value, rest, nil
}

// cutLine takes a line, which ends as Unix or as Windows ends lines.
func cutLine(text []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(text, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// plainEntry reads a line. Its errors begin with the column.
func plainEntry(line string) (entry, error) {
	var e entry
	column := 1
	for i, field := range strings.Split(line, "\t") {
		if wrong := e.field(i, field); wrong != "" {
			return entry{}, fmt.Errorf("column %d: %s", column, wrong)
		}
		column += utf8.RuneCountInString(field) + 1
	}
	return e, nil
}

// field reads a field of a line into the entry. It returns what is wrong with
// it, in words.
func (e *entry) field(i int, field string) string {
	key, value, member := strings.Cut(field, "=")
	if i == 0 {
		value = field
	}
	switch {
	case field == "":
		return "two tabs in a row, or one at an end: every field says something"
	case hasControl(field):
		return "a control character"
	case i > 0 && !member:
		return fmt.Sprintf("%s: want a member after the tab, such as id=lei:213800KUD8LAJWSQ9D15 or also=NAME", quote(field))
	case value == "" || strings.TrimSpace(value) != value:
		return fmt.Sprintf("%s: want no white space around what it says", quote(field))
	case i == 0:
		e.names = []string{value}
		return ""
	}
	switch key {
	case "id":
		if _, err := identifier.Parse(value); err != nil {
			return err.Error()
		}
		e.ids = append(e.ids, value)
		return ""
	case "also":
		e.names = append(e.names, value)
		return ""
	case "source":
		return once(key, &e.source, value)
	case "programme":
		return once(key, &e.programme, value)
	case "ref":
		return once(key, &e.ref, value)
	}
	return fmt.Sprintf("unknown member %s: want id, also, source, programme or ref", quote(key))
}

func once(key string, to *string, value string) string {
	if *to != "" {
		return key + " stands twice"
	}
	*to = value
	return ""
}

// quote is %q, cut short.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		return fmt.Sprintf("%q...", strings.ToValidUTF8(s[:most], ""))
	}
	return fmt.Sprintf("%q", s)
}

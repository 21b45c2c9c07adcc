package issuing

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A template is text with columns in it: "us-veu:${No}". $$ stands for a dollar
// sign.
type template struct {
	// at is where it stands in the map.
	at    string
	parts []part
}

// A part is text, or the column with that name, or one piece of what an each
// splits: ${1}.
type part struct {
	text   string
	column bool
}

func parseTemplate(s, at string) (template, error) {
	t := template{at: at}
	add := func(text string) {
		if n := len(t.parts); n > 0 && !t.parts[n-1].column {
			t.parts[n-1].text += text
		} else if text != "" {
			t.parts = append(t.parts, part{text: text})
		}
	}
	for s != "" {
		before, rest, found := strings.Cut(s, "$")
		add(before)
		switch {
		case !found:
			return t, nil
		case strings.HasPrefix(rest, "$"):
			add("$")
			s = rest[1:]
		case strings.HasPrefix(rest, "{"):
			name, after, closed := strings.Cut(rest[1:], "}")
			if !closed || strings.TrimSpace(name) == "" {
				return t, errors.New("has a ${ that is not closed, or names no column; want ${Column}")
			}
			t.parts = append(t.parts, part{strings.TrimSpace(name), true})
			s = after
		default:
			return t, errors.New("has a $ that begins no ${Column}; a dollar sign is written $$")
		}
	}
	return t, nil
}

// constant is the text of a template without columns.
func (t template) constant() (string, bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && !t.parts[0].column:
		return t.parts[0].text, true
	default:
		return "", false
	}
}

var piece = regexp.MustCompile(`^[1-9]$`)

func (t template) columns(visit func(at, name string)) {
	for _, p := range t.parts {
		if p.column {
			visit(t.at, p.text)
		}
	}
}

// fill returns the text for a row, which is of the columns returned; ok is
// false where there is none: all its columns are empty.
func (t template) fill(r *rowReader) (text string, from []int, ok bool, err error) {
	var b strings.Builder
	empty, full := "", false
	for _, p := range t.parts {
		if !p.column {
			b.WriteString(p.text)
			continue
		}
		v, column := r.value(p.text)
		from = append(from, column)
		if v == "" {
			empty = p.text
		} else {
			full = true
		}
		b.WriteString(v)
	}
	from = slices.Compact(from)
	switch {
	case from == nil:
		return b.String(), nil, true, nil
	case !full:
		return "", from, false, nil
	case empty != "":
		return "", from, false, fmt.Errorf("wants %q too, which is empty in this row", clip(empty))
	default:
		return b.String(), from, true, nil
	}
}

// wellFormed says what no text of a statement may have.
func wellFormed(s string) error {
	switch {
	case strings.ContainsAny(s, "\r\n"):
		return errors.New("has more than one line")
	case strings.ContainsFunc(s, unicode.IsControl):
		return errors.New("has a control character, such as a tab")
	case !norm.NFC.IsNormalString(s):
		return errors.New("has letters and accents apart; write it in Unicode Normalization Form C")
	default:
		return nil
	}
}

package web

import (
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A formField is a field of a form.
type formField struct {
	name string
	// pointers lead into the document that is made of the form: a mistake at one of
	// them, or below, is told at the field.
	pointers []string
	// folded says that few need it: it is out of sight until one such is given or wrong.
	folded bool
}

// formFields are those of a form, in the order in which their mistakes are told.
type formFields []formField

func (fs formFields) names() (out []string) {
	for _, f := range fs {
		out = append(out, f.name)
	}
	return out
}

// at is the field that a mistake at a pointer is told at, "" for none.
func (fs formFields) at(pointer string) (name string) {
	longest := -1
	for _, f := range fs {
		for _, p := range f.pointers {
			if (pointer == p || strings.HasPrefix(pointer, p+"/")) && len(p) > longest {
				name, longest = f.name, len(p)
			}
		}
	}
	return name
}

// A form is what was entered, as a document is made of it.
type form struct {
	entered map[string]string
	// lines are those of the fields, counted from 1, that parts of the document were read
	// from, by their pointers.
	lines map[string]int
}

func newForm(entered map[string]string) form { return form{entered, make(map[string]int)} }

// given is what a field has in it, without the white space around.
func (f *form) given(name string) string { return strings.TrimSpace(f.entered[name]) }

// words are those of a field.
func (f *form) words(name string) []string { return wordsOf(f.entered[name]) }

// wordsOf are words with commas, semicolons or white space between, such as the spaces
// that do not break a line in what is copied from a document.
func wordsOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || unicode.IsSpace(r) })
}

// time is a field that has a time, as documents have it: "" where it is empty, and as it
// was entered where it is none, which the error says.
func (f *form) time(name string) (string, error) {
	text := f.given(name)
	if text == "" {
		return "", nil
	}
	t, err := readTime(text)
	if err != nil {
		return text, err
	}
	return t.Format(time.RFC3339Nano), nil
}

// elements has take read an element of the list of this name from every line of its field
// that is not empty. It ends at one that take does not take, and returns its number.
func (f *form) elements(name string, take func(line string) bool) (wrong int) {
	n := 0
	for i, l := range strings.Split(f.entered[name], "\n") {
		if l = strings.TrimSpace(l); l == "" {
			continue
		}
		if !take(l) {
			return i + 1
		}
		f.lines["/"+name+"/"+strconv.Itoa(n)] = i + 1
		n++
	}
	return 0
}

// line is the line that what stands at a pointer, or the nearest above it, was read from,
// 0 where it was not read from one, and the pointer within that.
func (f *form) line(pointer string) (n int, within string) {
	for at := pointer; at != ""; at = at[:strings.LastIndexByte(at, '/')] {
		if n, ok := f.lines[at]; ok {
			return n, strings.TrimPrefix(pointer[len(at):], "/")
		}
	}
	return 0, ""
}

// entryOf reads a control list and an entry of it, with white space between; ok is false
// where text has fewer words or more, of which all but the first are then the entry.
func entryOf(text string) (list, entry string, ok bool) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return "", "", false
	}
	return words[0], strings.Join(words[1:], " "), len(words) == 2
}

// A field is one of a form as it is shown: what was entered, and what is wrong with it,
// "" for nothing.
type field struct {
	Name, Given, Wrong string
	// Options are what is suggested for it or, where None says what the choice of none
	// of them is called, all that may be chosen.
	Options []suggestion
	None    string
}

// A formMistake is one at a field, "" for none.
type formMistake struct{ field, text string }

// A shownForm is a form as a page shows it.
type shownForm struct {
	Fields map[string]field
	// Wrong are the fields with mistakes.
	Wrong []field
	// More says that one of the fields that are folded away is given or wrong.
	More bool
}

// fill keeps what was entered.
func (s *shownForm) fill(fs formFields, entered map[string]string) {
	if s.Fields == nil {
		s.Fields = make(map[string]field, len(fs))
	}
	for _, f := range fs {
		was := s.Fields[f.name]
		was.Name, was.Given = f.name, entered[f.name]
		s.Fields[f.name] = was
		s.More = s.More || f.folded && entered[f.name] != ""
	}
}

// choose has a field chosen from these or, as none calls it, from none of them.
func (s *shownForm) choose(name, none string, options []suggestion) {
	f := s.Fields[name]
	f.None, f.Options = none, options
	s.Fields[name] = f
}

// codes are options that the catalogue has words for, by a prefix; without words, a code
// is shown as it is.
func codes[T ~string](prefix string, all []T) (out []suggestion) {
	for _, c := range all {
		out = append(out, suggestion{string(c), word(prefix, string(c))})
	}
	return out
}

// mistaken notes each mistake at its field, several one after the other, and at last what
// is told at none of the fields.
func (s *shownForm) mistaken(fs formFields, mistakes []formMistake) {
	at := make(map[string][]string)
	for _, m := range mistakes {
		at[m.field] = append(at[m.field], m.text)
	}
	for _, f := range append(fs[:len(fs):len(fs)], formField{}) {
		if texts := at[f.name]; len(texts) > 0 {
			shown := s.Fields[f.name]
			shown.Wrong = strings.Join(texts, "; ")
			s.Wrong = append(s.Wrong, shown)
			s.More = s.More || f.folded
			if f.name != "" {
				s.Fields[f.name] = shown
			}
		}
	}
}

package screening

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// MaxBytes is the largest list that [Parse] reads.
const MaxBytes = 256 << 20

// The other bounds of a list.
const (
	maxEntries = 2_000_000
	maxRecord  = 4 << 20 // bytes of an entry
	maxNames   = 5000    // of an entry
	maxIDs     = 5000    // of an entry, those without a scheme included
	maxName    = 4096    // bytes
)

// Parse reads a list in any of the forms that the package comment describes;
// it finds out which. The name is what the list is called, unless it names
// itself. An error says where the list is wrong and what to do; no part of a
// list that is wrong is used.
func Parse(name string, r io.Reader) (*List, error) {
	data, err := readUpTo(r, MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("read list %s: %w", name, err)
	}
	l, err := parse(name, data)
	if err != nil {
		return nil, fmt.Errorf("parse list %s: %w", name, err)
	}
	return l, nil
}

func readUpTo(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("it is larger than %d MiB", most>>20)
	}
	return data, err
}

func parse(name string, data []byte) (*List, error) {
	text := bytes.TrimPrefix(data, []byte("\ufeff"))
	read, err := form(text)
	if err != nil {
		return nil, err
	}
	if at := invalidUTF8(text); at >= 0 {
		return nil, fmt.Errorf("line %d: is not UTF-8: save the list as UTF-8", lineOf(text, at))
	}
	b := &builder{list: &List{name: name}, words: make(map[string]string)}
	if err := read(b, text); err != nil {
		return nil, err
	}
	return b.finish(data)
}

// form returns what reads the list.
func form(text []byte) (func(*builder, []byte) error, error) {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	start := bytes.TrimSpace(text[:min(len(text), 512)])
	switch {
	case len(start) == 0:
		return nil, fmt.Errorf("is empty")
	case start[0] == '{' || start[0] == '[':
		return readFTM, nil
	case start[0] == '#':
		return readPlain, nil
	case isCSL(first):
		return readCSL, nil
	}
	what := "is none of the three forms"
	switch {
	case bytes.HasPrefix(start, []byte("\x1f\x8b")) || bytes.HasPrefix(start, []byte("PK")):
		what = "is compressed: unpack it first"
	case start[0] == '<':
		what = "is HTML or XML, perhaps a page with an error: download the list again"
	}
	return nil, fmt.Errorf("line 1: %s; want CSV that begins with the column names of the Consolidated Screening List, "+
		"FollowTheMoney JSON, or a plain list that begins with \"# list: NAME\"", what)
}

func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	at := 0
	for at < len(b) {
		r, n := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	return at
}

func lineOf(b []byte, at int) int { return bytes.Count(b[:min(at, len(b))], []byte("\n")) + 1 }

// A builder makes a list of entries.
type builder struct {
	list  *List
	words map[string]string // sources and programmes, each kept once
}

// add adds an entry. It returns what is wrong with it, in words.
func (b *builder) add(e entry) string {
	e.names = unique(e.names)
	e.ids = unique(e.ids)
	e.unmapped = unique(e.unmapped)
	switch {
	case len(b.list.entries) == maxEntries:
		return fmt.Sprintf("is one more than the %d entries that a list can have: split the list", maxEntries)
	case len(e.names) == 0:
		return "has no name"
	case len(e.names) > maxNames:
		return fmt.Sprintf("has %d names; an entry can have %d", len(e.names), maxNames)
	case len(e.ids)+len(e.unmapped) > maxIDs:
		return fmt.Sprintf("has %d identifiers; an entry can have %d", len(e.ids)+len(e.unmapped), maxIDs)
	}
	for i, n := range e.names {
		if len(n) > maxName {
			return fmt.Sprintf("has a name of %d bytes; a name can have %d", len(n), maxName)
		}
		e.names[i] = strings.Clone(n)
	}
	for i, s := range e.unmapped {
		e.unmapped[i] = strings.Clone(s)
	}
	e.source, e.programme, e.ref = b.once(e.source), b.once(e.programme), strings.Clone(e.ref)
	b.list.entries = append(b.list.entries, e)
	return ""
}

func (b *builder) once(s string) string {
	kept, ok := b.words[s]
	if !ok {
		kept = strings.Clone(s)
		b.words[kept] = kept
	}
	return kept
}

// unique drops white space around values, empty values, and those that stand
// twice.
func unique(values []string) []string {
	var kept []string
	seen := make(map[string]bool, len(values))
	for _, v := range values {
		if v = strings.TrimSpace(v); v != "" && !seen[v] {
			seen[v] = true
			kept = append(kept, v)
		}
	}
	return kept
}

// finish indexes the list.
func (b *builder) finish(data []byte) (*List, error) {
	l := b.list
	if len(l.entries) == 0 {
		return nil, fmt.Errorf("has no entries: nothing could be found in it")
	}
	sum := sha256.Sum256(data)
	l.digest = base64.RawURLEncoding.EncodeToString(sum[:])
	l.ids, l.names = make(map[string][]int32), make(map[string][]place, len(l.entries))
	for i, e := range l.entries {
		i := int32(i)
		for _, id := range e.ids {
			l.ids[id] = append(l.ids[id], i)
		}
		for n, name := range e.names {
			for _, key := range keys(name) {
				// The entry's other names with this key stand right before.
				at := l.names[key]
				if len(at) == 0 || at[len(at)-1].entry != i {
					l.names[key] = append(at, place{i, int32(n)})
				}
			}
		}
	}
	return l, nil
}

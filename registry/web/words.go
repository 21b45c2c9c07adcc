package web

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"regexp"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest/prose"
	"github.com/safeconduct/safeconduct/policy"
)

//go:embed words/en.json
var english []byte

// words is the catalogue: what pages say, by key.
var words = readWords(english)

func readWords(catalogue []byte) map[string]string {
	var all map[string]string
	if err := json.Unmarshal(catalogue, &all); err != nil {
		panic(err) // it is in the binary
	}
	return all
}

// say returns the words of a key, with args in it. A key that is not in the
// catalogue is shown as it is.
func say(key string, args ...any) string {
	text, ok := words[key]
	if !ok {
		return key
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// functions are those of the templates.
var functions = template.FuncMap{
	// say fails where the catalogue lacks the key, so that no page goes without.
	"say": func(key string, args ...any) (string, error) {
		if _, ok := words[key]; !ok {
			return "", fmt.Errorf("the catalogue lacks %q", key)
		}
		return say(key, args...), nil
	},
	"name":   plain,
	"when":   when,
	"status": statusOf,
	"ref":    refTo,
	"short":  short,
	// warning is what a warning of the trust means, "" where that is not known.
	"warning": func(code string) string { return words["warning."+code] },
	// word is what a code is called, the code itself where the catalogue lacks it.
	"word":    func(prefix, code string) string { return cmp.Or(words[prefix+code], code) },
	"moments": moments,
	"join":    func(list []string) string { return strings.Join(list, ", ") },
	// keys are shown under a heading, by its id.
	"keys": func(heading string, keys []listedKey) any {
		return struct {
			Heading string
			Keys    []listedKey
		}{heading, keys}
	},
	// next counts from 1 what a template counts from 0.
	"next": func(i int) int { return i + 1 },
	// Both are of what has been said of a participant.
	"registers": registers,
	"rolesOf":   rolesOf,
}

// plain is text of a statement, such as a name, with everything escaped that could
// be read as something else or not be seen, see [prose.Quote]; quotation marks
// need not be, since it does not stand between such.
func plain(text string) string {
	q := prose.Quote(text)
	return unquoted.Replace(q[1 : len(q)-1])
}

var unquoted = strings.NewReplacer(`\\`, `\`, `\"`, `"`)

// A moment is a time as it is shown, and as programs read it.
type moment struct{ Text, Machine string }

// when is a time in UTC, to the second or millisecond where it has such. It takes
// a [time.Time] or a [policy.Instant].
func when(of any) (moment, error) {
	var t time.Time
	switch v := of.(type) {
	case time.Time:
		t = v
	case policy.Instant:
		t = v.Time()
	default:
		return moment{}, fmt.Errorf("%T is no time", of)
	}
	if t.IsZero() {
		return moment{}, nil
	}
	t = t.UTC()
	form := "2006-01-02 15:04 UTC"
	switch {
	case t.Nanosecond() != 0:
		form = "2006-01-02 15:04:05.000 UTC"
	case t.Second() != 0:
		form = "2006-01-02 15:04:05 UTC"
	}
	return moment{t.Format(form), t.Format(time.RFC3339Nano)}, nil
}

var written = regexp.MustCompile(`\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}Z\b`)

// moments writes the times in a sentence as pages do. What quotes somebody is left
// as it was signed.
func moments(text string) string {
	if strings.Contains(text, `"`) {
		return text
	}
	return written.ReplaceAllStringFunc(text, func(s string) string {
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return s
		}
		m, _ := when(t)
		return m.Text
	})
}

// A status is a state as it is shown: a word, what it means, and how it looks.
type status struct{ Word, Meaning, Look string }

func statusOf(s policy.State) status {
	look := "bad"
	switch s {
	case policy.InForce:
		look = "good"
	case policy.NotYet, policy.NotJoint, policy.Suspended:
		look = "wait"
	case policy.Superseded, policy.Ended:
		look = "past"
	}
	return status{say("state." + string(s)), say("state." + string(s) + ".means"), look}
}

// A cutLine is a line of prose in two: what it is about, and what that is.
type cutLine struct{ Label, Value string }

func cut(line string) cutLine {
	if label, value, ok := strings.Cut(line, ": "); ok {
		return cutLine{label, value}
	}
	return cutLine{Value: line}
}

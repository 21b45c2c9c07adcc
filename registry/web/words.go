package web

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"reflect"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/web/display"
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

// word is what a code is called, the code itself where the catalogue lacks it.
func word(prefix, code string) string { return cmp.Or(words[prefix+code], code) }

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
	// warning is what a warning of the trust means, "" where that is not known.
	"warning": func(code string) string { return words["warning."+code] },
	"word":    word,
	"moments": display.Moments,
	"join":    func(list []string) string { return strings.Join(list, ", ") },
	// next counts from 1 what a template counts from 0.
	"next": func(i int) int { return i + 1 },
	// few and fewGrants are for lists that may be very long.
	"few":       few,
	"fewGrants": fewGrants,
}

// A someOf is the first of a list, and how many are left out.
type someOf struct {
	List any
	Left int
}

// few is the first of a list, most of them at most.
func few(most int, list any) someOf {
	v := reflect.ValueOf(list)
	n := min(most, v.Len())
	return someOf{v.Slice(0, n).Interface(), v.Len() - n}
}

// plain is text of a statement, such as a name, as pages show it.
func plain(text string) string { return display.Text(text) }

// when is a time as pages show it: a [time.Time] or a [policy.Instant].
func when(of any) (display.Moment, error) {
	switch v := of.(type) {
	case time.Time:
		return display.MomentOf(v), nil
	case policy.Instant:
		return display.MomentOf(v.Time()), nil
	default:
		return display.Moment{}, fmt.Errorf("%T is no time", of)
	}
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

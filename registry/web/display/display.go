// Package display says how pages show text and times that come from outside, those
// that the service makes and those that are made in the browser alike.
package display

import (
	"regexp"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest/prose"
)

// Text is text of a statement, such as a name, with everything escaped that could
// be read as something else or not be seen, see [prose.Quote]; quotation marks
// need not be, since it does not stand between such.
func Text(text string) string {
	q := prose.Quote(text)
	return unquoted.Replace(q[1 : len(q)-1])
}

var unquoted = strings.NewReplacer(`\\`, `\`, `\"`, `"`)

// A Moment is a time as it is shown, and as programs read it; both are "" for none.
type Moment struct {
	Text    string `json:"text,omitzero"`
	Machine string `json:"machine,omitzero"`
}

// MomentOf is a time in UTC, to the second or millisecond where it has such.
func MomentOf(t time.Time) Moment {
	if t.IsZero() {
		return Moment{}
	}
	t = t.UTC()
	form := "2006-01-02 15:04 UTC"
	switch {
	case t.Nanosecond() != 0:
		form = "2006-01-02 15:04:05.000 UTC"
	case t.Second() != 0:
		form = "2006-01-02 15:04:05 UTC"
	}
	return Moment{t.Format(form), t.Format(time.RFC3339Nano)}
}

var written = regexp.MustCompile(`\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}Z\b`)

// Moments writes the times in a sentence as pages do. What quotes somebody is left
// as it was signed.
func Moments(text string) string {
	if strings.Contains(text, `"`) {
		return text
	}
	return written.ReplaceAllStringFunc(text, func(s string) string {
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return s
		}
		return MomentOf(t).Text
	})
}

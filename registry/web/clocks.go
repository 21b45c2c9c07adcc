package web

import (
	"errors"
	"strings"
	"time"
)

// clocks are the two times of a page: what is in force at Force, by what was
// logged by Known, which is zero for all that is. What was entered stays as it was,
// with what is wrong with it.
type clocks struct {
	Force, Known           time.Time
	ForceGiven, KnownGiven string
	ForceWrong, KnownWrong string
	// Asked says that either was given.
	Asked bool
	// Sliders move them over the moments at which something changes, where a script
	// can.
	Sliders []*slider
	now     time.Time
}

// clockFields are the fields of both.
var clockFields = []string{"at", "known"}

// clocks reads both. Legal times are whole seconds, and so is now.
func (x *exchange) clocks(now time.Time) clocks {
	now = now.UTC().Truncate(time.Second)
	c := clocks{Force: now, now: now, ForceGiven: x.fields["at"], KnownGiven: x.fields["known"]}
	c.Asked = c.ForceGiven+c.KnownGiven != ""
	read := func(given string, to *time.Time, wrong *string) {
		if strings.TrimSpace(given) == "" {
			return
		}
		t, err := readTime(given)
		if err != nil {
			*wrong = err.Error()
			return
		}
		*to = t
	}
	read(c.ForceGiven, &c.Force, &c.ForceWrong)
	read(c.KnownGiven, &c.Known, &c.KnownWrong)
	return c
}

// Wrong reports whether either cannot be read: nothing is shown then, since it
// would be of another time than was asked about.
func (c clocks) Wrong() bool { return c.ForceWrong+c.KnownWrong != "" }

// knownBy is by when all that is shown was logged: nothing is known of what is yet to
// come, whatever was asked.
func (c clocks) knownBy(now time.Time) time.Time {
	if c.Known.IsZero() || c.Known.After(now) {
		return now
	}
	return c.Known
}

// timeForms are how a time may be written. One without an offset is in UTC, as
// every label says.
var timeForms = []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339Nano}

// readTime reads a time as pages show it. A date alone is none: which moment of
// the day would be a guess.
func readTime(given string) (time.Time, error) {
	text := strings.TrimSuffix(strings.TrimSpace(given), " UTC")
	for _, form := range timeForms {
		t, err := time.Parse(form, text)
		// An offset may lead out of the years that can be shown in UTC.
		if t = t.UTC(); err == nil && t.Year() >= 1970 && t.Year() <= 9999 {
			return t, nil
		}
	}
	return time.Time{}, errors.New(say("clocks.wrong"))
}

package issuing

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

// A form is how a column writes dates.
type form struct {
	// text is it as the map says it, layout as package time does.
	text, layout string
	// clock says that it has a time of day, offset that it has an offset.
	clock, offset bool
}

// tokens are what a form is made of. There is no year of two digits, which would
// be a guess.
var tokens = []struct{ is, layout string }{
	{"YYYY", "2006"},
	{"Month", "January"},
	{"Mon", "Jan"},
	{"MM", "01"},
	{"M", "1"},
	{"DD", "02"},
	{"D", "2"},
	{"hh", "15"},
	{"mm", "04"},
	{"ss", "05"},
}

const formHint = "want one made of YYYY, MM or M, Month or Mon, DD or D, perhaps hh, mm and ss, and what stands between them, such as YYYY-MM-DD or DD.MM.YYYY; or RFC3339"

var between = regexp.MustCompile(`^[ ./,:T-]`)

func parseForm(s string) (form, error) {
	if s == "RFC3339" {
		return form{s, time.RFC3339, true, true}, nil
	}
	f := form{text: s}
	seen := make(map[string]bool)
	for rest := s; rest != ""; {
		i := 0
		for i < len(tokens) && !strings.HasPrefix(rest, tokens[i].is) {
			i++
		}
		switch {
		case i < len(tokens):
			kind := tokens[i].is[:1]
			if seen[kind] {
				return form{}, fmt.Errorf("%q is no form of a date, it has a part twice: %s", clip(s), formHint)
			}
			seen[kind] = true
			f.layout += tokens[i].layout
			rest = rest[len(tokens[i].is):]
		case between.MatchString(rest):
			f.layout += rest[:1]
			rest = rest[1:]
		default:
			return form{}, fmt.Errorf("%q is no form of a date: %s", clip(s), formHint)
		}
	}
	if !seen["Y"] || !seen["M"] || !seen["D"] || seen["m"] != seen["h"] || seen["s"] && !seen["m"] {
		return form{}, fmt.Errorf("%q is no form of a date, a part is missing: %s", clip(s), formHint)
	}
	f.clock = seen["h"]
	return f, nil
}

var offsetForm = regexp.MustCompile(`^[+-](0[0-9]|1[0-4]):[0-5][0-9]$`)

// parseZone reads UTC, an offset, or a name of the IANA time zone database.
func parseZone(s string) (*time.Location, error) {
	if offsetForm.MatchString(s) {
		t, err := time.Parse("-07:00", s)
		if err != nil {
			return nil, err
		}
		_, seconds := t.Zone()
		return time.FixedZone(s, seconds), nil
	}
	// What the machine is set to says nothing of the table.
	if s == "Local" {
		return nil, errors.New("is the zone of whatever machine this runs on; name the table's, such as UTC, +05:30 or Asia/Kolkata")
	}
	zone, err := time.LoadLocation(s)
	if err != nil {
		return nil, fmt.Errorf("%q is no zone: want UTC, an offset such as +05:30, or a name such as Asia/Kolkata", clip(s))
	}
	return zone, nil
}

// A date is a column of dates.
type date struct {
	template
	at      string
	form    form
	zone    *time.Location
	lastDay bool
}

func (d date) read(r *rowReader, at string) (any, bool) {
	s, ok := r.fill(d.template, at)
	if !ok {
		return nil, false
	}
	t, err := d.time(s)
	if err == nil && (t.Unix() <= 0 || attest.NumericDate(t.Unix()) > lastDate) {
		err = fmt.Errorf("%q is not between 1970 and 9999", clip(s))
	}
	if err != nil {
		r.bad(at, "%v", err)
		return nil, false
	}
	return json.Number(strconv.FormatInt(t.Unix(), 10)), true
}

// lastDate is 9999-12-31T23:59:59Z.
const lastDate attest.NumericDate = 253402300799

func (d date) time(s string) (time.Time, error) {
	if d.form.offset {
		t, err := time.Parse(d.form.layout, s)
		if err != nil || t.Nanosecond() != 0 {
			return t, fmt.Errorf("%q is no time: want date, time and offset, such as 2026-01-01T00:00:00Z", clip(s))
		}
		return t, nil
	}
	wall, err := time.ParseInLocation(d.form.layout, s, time.UTC)
	if err != nil || wall.Nanosecond() != 0 {
		return wall, fmt.Errorf("%q is no date of the form %s, or on no calendar", clip(s), d.form.text)
	}
	if d.lastDay {
		wall = wall.AddDate(0, 0, 1)
	}
	return only(wall, d.zone)
}

// only is the one time at which clocks of the zone show what wall shows in UTC.
func only(wall time.Time, zone *time.Location) (time.Time, error) {
	var found []time.Time
	for _, day := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := wall.Add(day).In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if _, there := t.Zone(); there == offset && (found == nil || !found[0].Equal(t)) {
			found = append(found, t)
		}
	}
	const clock = "2006-01-02 15:04:05"
	switch len(found) {
	case 0:
		return time.Time{}, fmt.Errorf("%s is shown by no clock of %s: there the clocks are put forward", wall.Format(clock), zone)
	case 1:
		return found[0], nil
	default:
		return time.Time{}, fmt.Errorf("%s is shown twice by the clocks of %s: there they are put back", wall.Format(clock), zone)
	}
}

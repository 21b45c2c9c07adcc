package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/policy"
)

// A slider moves a clock over the moments at which something changes.
type slider struct {
	// Name is of the field that it fills in.
	Name    string
	Options []option
	// At is the place of what is shown.
	At int
}

// An option is a moment: what it is in the field, and in words.
type option struct{ Field, Text string }

// Last is the place of the last option.
func (s *slider) Last() int { return len(s.Options) - 1 }

// Shown is what is shown, in words.
func (s *slider) Shown() string { return s.Options[s.At].Text }

// sliderOf makes the slider of a clock, nil where there is nowhere to go. What is
// shown stands among the moments, and so does what an empty field means: now, or
// behind all of them.
func sliderOf(name string, moments []time.Time, shown time.Time, given bool, empty time.Time, words string) (*slider, error) {
	near, _, _ := nearest(moments, shown, mostMoments)
	all := slices.Clone(near)
	if given {
		all = append(all, shown)
	}
	s := &slider{Name: name}
	passed := false
	add := func(o option, is bool) {
		if is {
			s.At = len(s.Options)
		}
		s.Options = append(s.Options, o)
	}
	for _, t := range distinct(all) {
		if !passed && !empty.IsZero() && t.After(empty) {
			passed = true
			add(option{"", words}, !given)
		}
		m, err := when(t)
		if err != nil {
			return nil, err
		}
		add(option{m.Text, m.Text}, given && t.Equal(shown))
	}
	if !passed {
		add(option{"", words}, !given)
	}
	if len(s.Options) < 2 {
		return nil, nil
	}
	return s, nil
}

// slide gives both clocks their sliders: over the moments at which something comes to
// something else, and those at which what is recorded was logged.
func (c *clocks) slide(legal []time.Time, recorded map[int64]policy.Recorded) error {
	for _, one := range []struct {
		name    string
		moments []time.Time
		shown   time.Time
		given   bool
		empty   time.Time
		words   string
	}{
		{"at", legal, c.Force, strings.TrimSpace(c.ForceGiven) != "", c.now, say("clocks.is_now")},
		{"known", loggedMoments(recorded), c.Known, !c.Known.IsZero(), time.Time{}, say("clocks.is_all")},
	} {
		s, err := sliderOf(one.name, one.moments, one.shown, one.given, one.empty, one.words)
		if err != nil {
			return fmt.Errorf("make the slider %s: %w", one.name, err)
		}
		if s != nil {
			c.Sliders = append(c.Sliders, s)
		}
	}
	return nil
}

// loggedMoments are when anything was logged, ascending.
func loggedMoments(recorded map[int64]policy.Recorded) []time.Time {
	out := make([]time.Time, 0, len(recorded))
	for _, r := range recorded {
		out = append(out, r.Time.UTC())
	}
	return distinct(out)
}

func distinct(ts []time.Time) []time.Time {
	slices.SortFunc(ts, time.Time.Compare)
	return slices.CompactFunc(ts, time.Time.Equal)
}

// nearest are the moments around a time, as many as most, and how many are left
// out on either side.
func nearest(moments []time.Time, around time.Time, most int) (near []time.Time, earlier, later int) {
	at, _ := slices.BinarySearchFunc(moments, around, time.Time.Compare)
	from := max(0, min(at-most/2, len(moments)-most))
	to := min(len(moments), from+most)
	return moments[from:to], from, len(moments) - to
}

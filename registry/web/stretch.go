package web

import (
	"strconv"
	"time"
)

// A stretch is the legal time that a timeline shows.
type stretch struct{ from, until time.Time }

// stretchOf is from before the first to after the last, with both clocks in it where
// they are not so far away that nothing else would be seen.
func stretchOf(moments []time.Time, clocks ...time.Time) stretch {
	s := stretch{moments[0], moments[len(moments)-1]}
	const year = 365 * 24 * time.Hour
	far := 40 * year
	if length := s.until.Sub(s.from); length > 0 {
		far = 10 * min(length, 20*year)
	}
	first, last := s.from, s.until
	for _, c := range clocks {
		if c.Before(s.from) && first.Sub(c) <= far {
			s.from = c
		}
		if c.After(s.until) && c.Sub(last) <= far {
			s.until = c
		}
	}
	pad := max(s.until.Sub(s.from), 24*time.Hour) / 16
	return stretch{s.from.Add(-pad), s.until.Add(pad)}
}

// share is where a time lies, in percent, within what is shown.
func (s stretch) share(t time.Time) float64 {
	// Durations end after 292 years; a stretch may be longer.
	return 100 * min(1, max(0, float64(t.Unix()-s.from.Unix())/float64(max(1, s.until.Unix()-s.from.Unix()))))
}

func percent(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) + "%" }

// place puts a segment in its place.
func (s stretch) place(seg *segment) {
	from, until := 0.0, 100.0
	if !seg.From.IsZero() {
		from = s.share(seg.From)
	}
	if !seg.Until.IsZero() {
		until = s.share(seg.Until)
	}
	seg.X, seg.Width = percent(from), percent(until-from)
	// A letter takes some seven pixels, of 900 or 280 that a bar has.
	room := float64(7*len(seg.Word) + 14)
	seg.Wide, seg.Widest = until-from >= room/9, until-from >= room/2.8
}

// mark is the place of a clock, "" where it lies outside.
func (s stretch) mark(t time.Time) string {
	if t.Before(s.from) || t.After(s.until) {
		return ""
	}
	return percent(s.share(t))
}

// ticks are at most some six dates, the rounder the longer the stretch.
func (s stretch) ticks() (out []dateTick) {
	const most = 5
	edge := 4.0
	days := int(float64(s.until.Unix()-s.from.Unix())/86_400) + 1
	add := func(t time.Time, form string) {
		if x := s.share(t); t.After(s.from) && x >= edge && x <= 100-edge {
			out = append(out, dateTick{percent(x), t.Format(form)})
		}
	}
	from := s.from.UTC()
	switch {
	case days > 365*3:
		step := 1
		for _, years := range []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000} {
			if step = years; days/365/years <= most {
				break
			}
		}
		for y := from.Year() / step * step; y <= min(s.until.Year(), 9999); y += step {
			add(time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC), "2006")
		}
	case days > 90:
		step := max(1, days/30/most)
		for m := 0; m <= days/28+step; m += step {
			add(time.Date(from.Year(), from.Month()+time.Month(m), 1, 0, 0, 0, 0, time.UTC), "2006-01")
		}
	default:
		step := max(1, days/3)
		edge = 12
		for d := 0; d <= days; d += step {
			add(time.Date(from.Year(), from.Month(), from.Day()+d, 0, 0, 0, 0, time.UTC), time.DateOnly)
		}
	}
	return out
}

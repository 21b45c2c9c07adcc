package web

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

// The bounds of a timeline.
const (
	// mostMoments is how many moments at which anything changes it has at most, and
	// mostStandings how many statements are read at all of them together.
	mostMoments   = 60
	mostStandings = 6_000
	mostBars      = 24
)

// A timeline shows what grants come to over legal time, by what was known at one
// time: a bar for each, with all its versions.
type timeline struct {
	Bars []bar
	// Left is how many grants are left out, Earlier and Later how many changes before
	// and after those that are shown.
	Left, Earlier, Later int
	// Force and Known are the places of both clocks, "" for one that lies outside.
	Force, Known string
	// KnownAt is the time of the second.
	KnownAt time.Time
	Ticks   []dateTick
	// Looks are the states that are shown, for the key.
	Looks []look
}

// A bar is a grant.
type bar struct {
	// Kind is of a registration or an approval, JTI of its newest version.
	Kind        attest.Kind
	Issuer, JTI string
	Segments    []segment
	// Versions are its statements, in log order.
	versions []int64
}

// A segment is a part of a bar in which nothing changes. From and Until are zero
// where it has no beginning or end.
type segment struct {
	From, Until time.Time
	JTI         string
	look
	X, Width string
	// Wide says that its word has room, Widest that it has on a narrow screen, too.
	Wide, Widest bool
}

// A look is how a state is shown: a word, a pattern beside its colour.
type look struct {
	Word, Look, Pattern string
}

// A dateTick is a date below the bars.
type dateTick struct{ X, Text string }

// lookOf is that of a state; away says that somebody else holds what is shown.
func lookOf(s policy.State, away bool) look {
	if away {
		return look{say("timeline.away"), "past", "bars"}
	}
	pattern := ""
	switch s {
	case policy.InForce:
	case policy.NotYet, policy.NotJoint:
		pattern = "dots"
	case policy.Suspended:
		pattern = "hatch"
	case policy.Revoked, policy.Withdrawn, policy.Absorbed:
		pattern = "cross"
	default:
		pattern = "lines"
	}
	st := statusOf(s)
	return look{st.Word, st.Look, pattern}
}

// A drafting makes a timeline.
type drafting struct {
	// holder is the entity that grants are shown as those of, "" where nobody holds
	// them.
	holder string
	// recorded are the statements that are known, by index.
	recorded map[int64]policy.Recorded
	// moments are when any of them may come to something else, ascending.
	moments []time.Time
	// bars says of a statement whether it has a place in a bar.
	bars func(policy.Recorded) bool
	// read reads the same statements at another legal time.
	read func(at time.Time) (map[int64]policy.Recorded, error)
}

// timeline draws what the grants come to, and the clocks on it; logged is when the
// last of the log was logged.
func (d *drafting) timeline(c clocks, logged time.Time) (*timeline, error) {
	t := &timeline{Bars: d.grants(), KnownAt: c.Known}
	if c.Known.IsZero() {
		t.KnownAt = logged
	}
	if len(t.Bars) == 0 {
		return nil, nil
	}
	t.Left = max(0, len(t.Bars)-mostBars)
	t.Bars = registrationsFirst(t.Bars[t.Left:])
	moments, earlier, later := nearest(d.moments, c.Force, min(mostMoments, max(8, mostStandings/len(d.recorded))))
	if len(moments) == 0 {
		return nil, nil
	}
	t.Earlier, t.Later = earlier, later
	stretch := stretchOf(moments, c.Force, t.KnownAt)
	// What is left out on either side is not drawn: it would not be so.
	first, last := -1, len(moments)
	if t.Earlier > 0 {
		first = 0
	}
	if t.Later > 0 {
		last--
	}
	for i := first; i < last; i++ {
		at, from := moments[0].Add(-time.Second), time.Time{}
		if i >= 0 {
			at, from = moments[i], moments[i]
		}
		var until time.Time
		if i+1 < len(moments) {
			until = moments[i+1]
		}
		now, err := d.read(at)
		if err != nil {
			return nil, err
		}
		for b := range t.Bars {
			t.Bars[b].goOn(d.holder, now, from, until)
		}
	}
	for b := range t.Bars {
		for s := range t.Bars[b].Segments {
			seg := &t.Bars[b].Segments[s]
			stretch.place(seg)
			if !slices.Contains(t.Looks, seg.look) {
				t.Looks = append(t.Looks, seg.look)
			}
		}
	}
	t.Force, t.Known, t.Ticks = stretch.mark(c.Force), stretch.mark(t.KnownAt), stretch.ticks()
	return t, nil
}

// grants are the bars, in log order, each with its versions.
func (d *drafting) grants() (bars []bar) {
	type version struct{ iss, sub, jti string }
	of := make(map[version]int)
	for _, index := range indexes(d.recorded) {
		r := d.recorded[index]
		c := r.Statement.Claims()
		g, h := attest.GrantOf(c), c.Head()
		if g == nil || r.Void || !d.bars(r) {
			continue
		}
		i, ok := of[version{h.Iss, h.Sub, g.Supersedes}]
		if g.Supersedes == "" || !ok {
			i = len(bars)
			bars = append(bars, bar{Kind: c.Kind(), Issuer: h.Iss})
		}
		bars[i].JTI = h.JTI
		bars[i].versions = append(bars[i].versions, index)
		of[version{h.Iss, h.Sub, h.JTI}] = i
	}
	return bars
}

// registrationsFirst puts the bars of registrations before the others, each kind in
// log order.
func registrationsFirst(bars []bar) []bar {
	first := func(b bar) int {
		if b.Kind == attest.KindRegistration {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(bars, func(a, b bar) int { return first(a) - first(b) })
	return bars
}

// goOn adds what a grant comes to from one moment to the next: that of the version
// that governs then.
func (b *bar) goOn(holder string, now map[int64]policy.Recorded, from, until time.Time) {
	var governs policy.Recorded
	for _, index := range b.versions {
		r := now[index]
		if r.Standing == nil {
			continue
		}
		if governs = r; r.Standing.State != policy.Superseded {
			break
		}
	}
	if governs.Standing == nil {
		return
	}
	h := governs.Statement.Claims().Head()
	away := false
	if a, ok := governs.Statement.Claims().(*attest.EntityApproval); ok {
		has := governs.Standing.Holder
		if has == "" {
			has = a.Entity()
		}
		away = has != holder
	}
	s := segment{From: from, Until: until, JTI: h.JTI, look: lookOf(governs.Standing.State, away)}
	if n := len(b.Segments); n > 0 && b.Segments[n-1].look == s.look && b.Segments[n-1].JTI == s.JTI {
		b.Segments[n-1].Until = until
		return
	}
	b.Segments = append(b.Segments, s)
}

func indexes(recorded map[int64]policy.Recorded) []int64 {
	out := make([]int64, 0, len(recorded))
	for i := range recorded {
		out = append(out, i)
	}
	slices.Sort(out)
	return out
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

// Described is what a bar shows, in a sentence.
func (b *bar) Described() (string, error) {
	text := say("timeline.of", say("kind."+string(b.Kind)), b.Issuer, b.JTI)
	for _, s := range b.Segments {
		from, err := when(s.From)
		if err != nil {
			return "", err
		}
		if from.Text == "" {
			text += " " + say("timeline.first", s.Word)
		} else {
			text += " " + say("timeline.then", from.Text, s.Word)
		}
	}
	return text, nil
}

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

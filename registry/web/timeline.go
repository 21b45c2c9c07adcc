package web

import (
	"cmp"
	"slices"
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
	// versions are its statements, in log order.
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
	t.Bars, t.Left = foremost(t.Bars, mostBars, func(a, b bar) int {
		return cmp.Or(d.rank(a)-d.rank(b), cmp.Compare(b.versions[0], a.versions[0]))
	})
	t.Bars = registrationsFirst(t.Bars)
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

// rank is how much a bar matters to whoever can be shown only some of all.
func (d *drafting) rank(b bar) int {
	var all []policy.Recorded
	for _, index := range b.versions {
		all = append(all, d.recorded[index])
	}
	return foremostOf(all)
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

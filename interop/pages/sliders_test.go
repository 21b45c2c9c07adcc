package pages_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/safeconduct/safeconduct/attest"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

// revoked is [joint], and later an approval of Varuna that is revoked from a month
// before.
func revoked(t *testing.T) *stage {
	s := joint(t)
	s.clock.Set(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	s.submit(rt.Event("revoke-1", us, attest.ApprovalSubject(rt.Varuna, us), "approval-varuna", attest.Revoke, time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)))
	s.clock.Add(time.Hour)
	return s
}

// statusOfVaruna is what the page of Varuna says of its approval.
func (b *tab) statusOfVaruna() string {
	return b.text("[aria-label='auth-us approval-varuna'] .status")
}

// TestTheSlidersOfTheClocksAreMovedByArrowKeys over the moments at which something
// changes; the status follows, the words say the moment, and the focus stays.
func TestTheSlidersOfTheClocksAreMovedByArrowKeys(t *testing.T) {
	s := revoked(t)
	b := newTab(t, s)
	type option struct{ Label, Moment string }
	for _, c := range []struct {
		clock string
		// moments are those before what an empty field means, the last one first.
		moments, statuses []string
		empty             string
	}{
		{"known", []string{"2026-03-01 12:00", "2026-01-05 09:00"}, []string{"revoked", "in force"}, "all that is logged"},
		{"at", []string{"2026-02-01 00:00", "2026-01-05 09:00"}, []string{"revoked", "in force"}, "now"},
	} {
		slider := "s-" + c.clock
		b.open("/entities/"+rt.Varuna, 200)
		b.tabTo(slider)
		options := evaluate[[]option](b, `[...document.querySelectorAll("#m-`+c.clock+` option")].map((o) => ({label: o.label, moment: o.dataset.moment}))`)
		// is expects the slider at an option, with the focus, and the page to be of it.
		is := func(place int, words, status string) {
			t.Helper()
			got := evaluate[struct{ Value, Words, Shown, Focus, Given string }](b, `((at) => ({
				value: at.value, words: at.getAttribute("aria-valuetext"), shown: at.parentNode.querySelector("output").innerText, focus: document.activeElement.id,
				given: new URLSearchParams(location.search).get("`+c.clock+`") || "",
			}))(document.getElementById("`+slider+`"))`)
			o := options[place]
			if got.Value != strconv.Itoa(place) || !strings.HasPrefix(got.Words, words) || got.Words != o.Label || got.Shown != o.Label || got.Focus != slider || got.Given != o.Moment {
				t.Errorf("%s: it is at %+v, want place %d, %+v", c.clock, got, place, o)
			}
			if f := b.focused(); !f.visible() {
				t.Errorf("%s: the focus is not to be seen: %+v", c.clock, f)
			}
			if is := b.statusOfVaruna(); is != status {
				t.Errorf("%s %s: it is %q, want %q", c.clock, words, is, status)
			}
		}
		empty := slices.IndexFunc(options, func(o option) bool { return o.Moment == "" })
		is(empty, c.empty, "revoked")
		for i, moment := range c.moments {
			b.goes(200, chromedp.KeyEvent(kb.ArrowLeft))
			is(empty-1-i, moment, c.statuses[i])
		}
		// Whoever goes on is not held up by a page for every moment.
		before := len(s.requests())
		b.goes(200, chromedp.KeyEvent(kb.ArrowRight+kb.ArrowRight))
		is(empty, c.empty, "revoked")
		if n := len(s.requests()) - before; n != 1 {
			t.Errorf("%s: two keys ask for %d pages", c.clock, n)
		}
	}
}

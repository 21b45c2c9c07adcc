package pages_test

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

func TestAnEntityIsFoundByAFormerNameAndByItsLEI(t *testing.T) {
	b := newTab(t, joint(t))
	for _, typed := range []string{"Samudra Acoustics", "samudra acustics", "999900VARUNADEEP0174", rt.Varuna} {
		b.open("/", 200)
		b.fill("q", typed)
		b.follow("form[role=search] button")
		b.reads("1 in all.", "Varuna Deepsense Private Limited", "Formerly: Samudra Acoustics")
		b.follow("#entities ~ ul a")
		if h := b.text("h1"); h != "Varuna Deepsense Private Limited" {
			t.Errorf("%q leads to %q", typed, h)
		}
	}
}

func TestBothClocksMoveOverABackdatedRevocation(t *testing.T) {
	b := newTab(t, revoked(t))
	b.open("/entities/"+rt.Varuna, 200)
	status := func(want string) {
		t.Helper()
		if is := b.statusOfVaruna(); is != want {
			t.Errorf("it is %q, want %q", is, want)
		}
	}
	status("revoked")
	for _, step := range []struct{ at, known, want string }{
		{"2026-01-31 23:59", "", "in force"},
		{"2026-02-15 00:00", "", "revoked"},
		{"2026-02-15 00:00", "2026-02-20 00:00", "in force"},
		{"2026-02-15 00:00", "2026-03-01 13:00", "revoked"},
	} {
		b.fill("at", step.at)
		b.fill("known", step.known)
		b.follow(".clocks button")
		status(step.want)
	}
	b.follow(".clocks a")
	status("revoked")
}

func TestATimeTellsTheLocalTimeOnHover(t *testing.T) {
	b := newTab(t, joint(t))
	call(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Kolkata"})
	b.open("/entities/"+rt.Varuna, 200)
	const selector = ".card time[datetime='2026-01-05T09:00:00Z']"
	if text := b.text(selector); text != "2026-01-05 09:00 UTC" {
		t.Errorf("it is shown as %q", text)
	}
	// A browser shows the title of what the pointer is on.
	run(b, chromedp.ScrollIntoView(chromedp.CSS(selector)))
	title := evaluate[string](b, `(() => {
		const r = document.querySelector("`+selector+`").getBoundingClientRect();
		return document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2).title;
	})()`)
	if title = strings.Join(strings.Fields(title), " "); title != "Monday, January 5, 2026 at 2:30:00 PM GMT+5:30" {
		t.Errorf("on hover it tells %q", title)
	}
}

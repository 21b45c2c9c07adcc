package pages_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

// A place is a page to look at. Whatever is promised of every page is tested on all
// of them, so that a new page is a line here.
type place struct {
	// name is also that of its screenshots.
	name, path string
	// sent says that the page is the answer to the form at the path.
	sent bool
	// given is a question; the page is given the files of its answer.
	given url.Values
	// status is 200 where it is left out.
	status int64
}

// A setting is a stage, and the places that are on it.
type setting struct {
	name string
	set  func(*testing.T) *stage
	// pictured says that screenshots are taken of it.
	pictured bool
	places   []place
}

// settings have all places.
var settings = []setting{
	{"told", told, true, []place{
		{name: "find", path: "/"},
		{name: "search", path: "/?q=samsng+china"},
		{name: "partners", path: "/partners?purpose=underwater+communications&country=IN"},
		{name: "entity", path: "/entities/" + rt.Varuna},
		{name: "entity-revoked", path: "/entities/us-bis-veu:SAMSUNG-CHINA"},
		{name: "entity-earlier", path: "/entities/us-bis-veu:SAMSUNG-CHINA?at=2025-12-01+00:00&known=2025-09-01+00:00"},
		{name: "sandbox", path: "/sandboxes/" + rt.Sandbox},
		{name: "sandbox-waiting", path: "/sandboxes/" + waiting},
		{name: "check", path: "/check"},
		{name: "check-permit", path: "/check?" + asked().Encode(), sent: true},
		{name: "check-refer", path: "/check?" + asked("end_use", "").Encode(), sent: true},
		{name: "check-deny", path: "/check?" + asked("destination_site", "BLR-1").Encode(), sent: true},
		{name: "check-mistake", path: "/check?" + asked("effective_at", "4/5/2026", "transferee", "Varuna Ltd").Encode(), sent: true, status: 422},
		{name: "verify", path: "/verify"},
		{name: "verify-permit", path: "/verify", given: asked()},
		{name: "log", path: "/log"},
		{name: "statement", path: "/statements/us-bis/VEU-SAMSUNG-CHINA"},
		{name: "authorities", path: "/authorities"},
		{name: "authority", path: "/authorities/us-bis"},
		{name: "compose", path: "/compose"},
		{name: "compose-from", path: "/compose?from=us-bis/VEU-SAMSUNG-CHINA"},
		{name: "compose-sandbox", path: "/compose?from=auth-us/PDA-US-AUV&for=auth-in"},
		{name: "api", path: "/api"},
		{name: "error", path: "/entities/" + rt.Corvus, status: 404},
	}},
	{"hostile", hostile, false, []place{
		{name: "find", path: "/"},
		{name: "search", path: "/?country=" + longest, status: 422},
		{name: "partners", path: "/partners?purpose=underwater+communications&country=IN"},
		{name: "entity", path: "/entities/" + rt.Varuna},
		{name: "markup", path: "/entities/" + rt.Halcyon},
		{name: "marks", path: "/entities/" + rt.Corvus},
		{name: "identifier", path: "/entities/" + longID},
		{name: "sandbox", path: "/sandboxes/" + rt.Sandbox},
		{name: "check", path: "/check?" + asked("reference", longest, "presented_name", longest).Encode(), sent: true},
		{name: "mistake", path: "/check?" + asked("items", longest, "transferee", longest, "value_amount", longest).Encode(), sent: true, status: 422},
		{name: "log", path: "/log"},
		{name: "authority", path: "/authorities/" + rt.US},
		{name: "error", path: "/entities/" + longest, status: 404},
	}},
}

// longest is longer than any line, and has nowhere to break.
var longest = strings.Repeat("W", 1500)

// asked is a question that is permitted on the stage that is told, with some of its
// fields otherwise.
func asked(other ...string) url.Values {
	q := url.Values{
		"act": {"export"}, "sandbox": {rt.Sandbox}, "effective_at": {"2026-05-04 09:00"}, "mode": {"tangible"},
		"transferor": {rt.Halcyon}, "transferee": {rt.Varuna}, "destination_site": {"VTZ-1"}, "items": {"US_CCL 5A001.b.1"},
		"end_use": {"joint_challenge_prototype"}, "classification": {"UNCLASSIFIED"}, "value_amount": {"100000"}, "value_currency": {"USD"},
		"nobody": {"yes"}, "first": {"yes"},
	}
	for i := 0; i < len(other); i += 2 {
		q.Set(other[i], other[i+1])
	}
	return q
}

// visit goes there.
func (p place) visit(b *tab) {
	b.t.Helper()
	status := p.status
	if status == 0 {
		status = 200
	}
	switch {
	case p.sent:
		b.open(p.path, 200)
		b.goes(status, chromedp.Click(chromedp.CSS("main form button:not([name])")))
		if status == 200 {
			needVerifier(b.t)
			b.found()
		}
	case p.given != nil:
		needVerifier(b.t)
		files := b.taken(p.given)
		b.verifying("")
		b.whenVerified(func() { b.give("#f-file", b.file("evidence.json", files["evidence.json"])) })
		b.whenVerified(func() { b.give("#f-request_file", b.file("request.json", files["request.json"])) })
	default:
		b.open(p.path, status)
	}
}

// unfold opens whatever is folded.
func (b *tab) unfold() {
	b.t.Helper()
	evaluate[int](b, "[...document.querySelectorAll('details')].map((d) => d.open = true).length")
}

// each looks at every page of the setting, one after another in a tab.
func (st setting) each(t *testing.T, look func(*tab, place)) {
	needChromium(t)
	t.Run(st.name, func(t *testing.T) {
		b := newTab(t, st.set(t))
		for _, p := range st.places {
			b.within(p.name, func() {
				b.wide(1100)
				b.looks("light", "")
				p.visit(b)
				look(b, p)
			})
		}
	})
}

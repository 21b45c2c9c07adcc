package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// bar is what the bar of a statement says to who cannot see it.
func (d *document) bar(jti string) string {
	d.t.Helper()
	bars := d.find("svg", func(n *html.Node) bool { return strings.Contains(attr(n, "aria-label"), " "+jti+":") })
	if len(bars) != 1 {
		d.t.Fatalf("%d bars of %s in\n%s", len(bars), jti, d.text())
	}
	return attr(bars[0], "aria-label")
}

func date(month time.Month, day int) time.Time {
	return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC)
}

func TestATimelineShowsWhatEachComesToAtEachMoment(t *testing.T) {
	s := newJointSandbox(t)
	sub := attest.ApprovalSubject(registrytest.Varuna, us)
	suspend := registrytest.Event("suspend-1", us, sub, "approval-varuna", attest.Suspend, date(3, 1))
	suspend.Until = attest.NumericDate(date(4, 1).Unix())
	s.MustSubmit(suspend)
	s.Clock.Set(date(6, 1))
	s.MustSubmit(registrytest.Event("revoke-1", us, sub, "approval-varuna", attest.Revoke, date(5, 1)))
	s.Clock.Add(time.Hour)
	path := "/entities/" + registrytest.Varuna
	d := s.get(path).shown(http.StatusOK).has("Timeline", "as known on 2026-06-01 00:00 UTC")
	if got, want := d.bar("approval-varuna"), "approval of auth-us, approval-varuna: at first not yet in force. From 2026-01-05 09:00 UTC: in force. "+
		"From 2026-03-01 00:00 UTC: suspended. From 2026-04-01 00:00 UTC: in force. From 2026-05-01 00:00 UTC: revoked."; got != want {
		t.Errorf("the bar says\n%s, want\n%s", got, want)
	}
	if got, want := d.bar("reg-varuna"), "registration of auth-in, reg-varuna: at first not yet in force. From 2026-01-05 09:00 UTC: in force. From 2027-01-05 09:00 UTC: expired."; got != want {
		t.Errorf("the bar says\n%s, want\n%s", got, want)
	}
	// The same in a table, for who cannot see it.
	d.has("The timeline as a table", "auth-us approval-varuna 2026-04-01 00:00 UTC 2026-05-01 00:00 UTC in force auth-us approval-varuna 2026-05-01 00:00 UTC no end revoked")
	// By what was known before, it has not been revoked.
	before := s.get(path + "?known=2026-02-01+00:00").shown(http.StatusOK)
	if got := before.bar("approval-varuna"); strings.Contains(got, "revoked") || !strings.Contains(got, "From 2027-01-05 09:00 UTC: expired.") {
		t.Errorf("by what was known before: %s", got)
	}
	// No state by its colour alone: all but one have patterns of their own, and each
	// has its word.
	patterns := make(map[string]bool)
	for _, n := range d.find("rect", func(n *html.Node) bool { return strings.HasPrefix(attr(n, "fill"), "url(#p-") }) {
		patterns[attr(n, "fill")] = true
		if id := strings.TrimSuffix(strings.TrimPrefix(attr(n, "fill"), "url(#"), ")"); len(d.find("pattern", func(n *html.Node) bool { return attr(n, "id") == id })) != 1 {
			t.Errorf("there is no pattern %s", id)
		}
	}
	if len(patterns) != 4 {
		t.Errorf("not yet, suspended, revoked and expired have the patterns %v, want four", patterns)
	}
}

func TestATimelineGoesOnFromVersionToVersion(t *testing.T) {
	s := newJointSandbox(t)
	a := registrytest.Approval("approval-varuna-2", us, registrytest.Varuna, "IN")
	a.Supersedes, a.NBF, a.EXP = "approval-varuna", attest.NumericDate(date(9, 1).Unix()), attest.NumericDate(date(9, 1).AddDate(2, 0, 0).Unix())
	a.Retroactive, a.RetroactiveReason = false, ""
	s.MustSubmit(a)
	suspend := registrytest.Event("suspend-1", us, a.Sub, "approval-varuna", attest.Suspend, date(3, 1))
	suspend.Until = attest.NumericDate(date(4, 1).Unix())
	s.MustSubmit(suspend)
	s.Clock.Add(time.Minute)
	d := s.get("/entities/" + registrytest.Varuna).shown(http.StatusOK)
	if got, want := d.bar("approval-varuna-2"), "From 2026-01-05 09:00 UTC: in force. From 2026-03-01 00:00 UTC: suspended. From 2026-04-01 00:00 UTC: in force. From 2026-09-01 00:00 UTC: in force. From 2028-09-01 00:00 UTC: expired."; !strings.HasSuffix(got, want) {
		t.Errorf("the bar says\n%s, want\n%s", got, want)
	}
	d.has("auth-us approval-varuna 2026-04-01 00:00 UTC 2026-09-01 00:00 UTC in force auth-us approval-varuna-2 2026-09-01 00:00 UTC 2028-09-01 00:00 UTC in force")
}

func TestATimelineSaysThatAnApprovalHasPassedOn(t *testing.T) {
	s := newJointSandbox(t)
	s.MustSubmit(&attest.Succession{
		Common: attest.Common{Iss: us, Sub: attest.ApprovalSubject(registrytest.Varuna, us), JTI: "succession-1"}, Target: "approval-varuna",
		EffectiveAt: attest.NumericDate(date(2, 1).Unix()), Successor: "us-own:DEEP-2", LegalName: "Deep Two Holdings", Country: "IN",
	})
	s.Clock.Set(date(3, 1))
	for id, want := range map[string]string{
		registrytest.Varuna: "From 2026-01-05 09:00 UTC: in force. From 2026-02-01 00:00 UTC: held by another.",
		"us-own:DEEP-2":     "at first held by another. From 2026-02-01 00:00 UTC: in force. From 2027-01-05 09:00 UTC: expired.",
	} {
		if got := s.get("/entities/" + id).shown(http.StatusOK).bar("approval-varuna"); !strings.HasSuffix(got, want) {
			t.Errorf("the bar of %s says\n%s, want\n%s", id, got, want)
		}
	}
}

// What has passed on stays suspended by what happened to whoever gave it up.
func TestATimelineKnowsWhatHappenedToFormerHolders(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	a := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN")
	a.Conditions = &attest.Conditions{ChangeOfControl: attest.AutoSuspend}
	s.MustSubmit(a)
	s.Clock.Set(date(6, 1))
	s.MustSubmit(&attest.EntityEvent{
		Common: attest.Common{Iss: us, Sub: attest.EntitySubject(registrytest.Varuna), JTI: "control-1"}, Event: attest.ChangeOfControl,
		EffectiveAt: attest.NumericDate(date(2, 1).Unix()), AcquirerName: "Acquirer",
	})
	s.MustSubmit(&attest.Succession{
		Common: attest.Common{Iss: us, Sub: a.Sub, JTI: "succession-1"}, Target: "approval-varuna",
		EffectiveAt: attest.NumericDate(date(3, 1).Unix()), Successor: "us-own:DEEP-2", LegalName: "Deep Two Holdings", Country: "IN", Retroactive: true, RetroactiveReason: "It was so.",
	})
	s.Clock.Add(time.Hour)
	d := s.get("/entities/us-own:DEEP-2").shown(http.StatusOK)
	if got, want := d.bar("approval-varuna"), "From 2026-03-01 00:00 UTC: suspended. From 2027-01-05 09:00 UTC: expired."; !strings.HasSuffix(got, want) {
		t.Errorf("the bar says\n%s, want\n%s", got, want)
	}
	if got := d.find("option", func(n *html.Node) bool { return attr(n, "data-moment") == "2026-02-01 00:00 UTC" }); len(got) != 1 {
		t.Errorf("the slider stops %d times when the former holder changed hands", len(got))
	}
}

func TestATimelineIsBoundedAndSaysWhatIsLeftOut(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	s.MustSubmit(registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN"))
	sub := attest.ApprovalSubject(registrytest.Varuna, us)
	for i := range 50 {
		e := registrytest.Event(fmt.Sprintf("suspend-%d", i), us, sub, "approval-varuna", attest.Suspend, date(2, 1).AddDate(0, 0, 4*i))
		e.Until = attest.NumericDate(date(2, 3).AddDate(0, 0, 4*i).Unix())
		s.MustSubmit(e)
	}
	s.Clock.Set(date(5, 15))
	d := s.get("/entities/"+registrytest.Varuna).shown(http.StatusOK).has("earlier changes are left out here.", "later changes are left out here.")
	// What is left out is not drawn as something else.
	if got := d.bar("approval-varuna"); strings.Contains(got, "at first") || strings.Contains(got, "expired") {
		t.Errorf("the bar says what is left out: %s", got)
	}
	rects := d.find("svg", func(n *html.Node) bool { return attr(n, "height") == "28" })
	if len(rects) < 50 || len(rects) > 61 {
		t.Errorf("%d segments are drawn", len(rects))
	}
	for _, n := range d.find("input", func(n *html.Node) bool { return attr(n, "type") == "range" }) {
		if last, err := strconv.Atoi(attr(n, "max")); err != nil || last > 61 {
			t.Errorf("the slider %s has places up to %s", attr(n, "id"), attr(n, "max"))
		}
	}
	// One approval with very many companions does not fill the page.
	for i := range 40 {
		s.MustSubmit(registrytest.Approval(fmt.Sprintf("more-%d", i), us, registrytest.Varuna, "IN"))
	}
	s.Clock.Add(time.Hour)
	d = s.get("/entities/" + registrytest.Varuna).shown(http.StatusOK).has("17 are left out here: those that have ended")
	if bars := d.find("svg", func(n *html.Node) bool { return attr(n, "role") == "img" }); len(bars) != 24 {
		t.Errorf("%d bars are drawn", len(bars))
	}
}

// The registrations stand first, and are not what is left out for that.
func TestTheOldestBarsAreLeftOutAndNoRegistrationForItsPlace(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	for i := range 30 {
		s.MustSubmit(registrytest.Approval(fmt.Sprintf("approval-%02d", i), us, registrytest.Varuna, "IN"))
	}
	s.MustSubmit(registrytest.Registration("reg-varuna", in, registrytest.Varuna, "IN"))
	s.Clock.Add(time.Hour)
	d := s.get("/entities/" + registrytest.Varuna).shown(http.StatusOK).has("7 are left out here: those that have ended")
	bars := d.find("svg", func(n *html.Node) bool { return attr(n, "role") == "img" })
	if len(bars) != 24 || !strings.Contains(attr(bars[0], "aria-label"), " reg-varuna:") || !strings.Contains(attr(bars[1], "aria-label"), " approval-07:") {
		t.Errorf("%d bars are drawn, the first %q and %q", len(bars), attr(bars[0], "aria-label"), attr(bars[1], "aria-label"))
	}
}

// What is drawn lies within the page, whatever times are signed or asked for.
func TestATimelineOfAnyTimesStaysWithinItsBounds(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	a := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN")
	a.NBF, a.EXP = 1, 253402300799
	s.MustSubmit(a)
	s.Clock.Add(time.Minute)
	for _, q := range []string{"", "?at=1970-01-01+00:00", "?at=9999-12-31+23:59&known=9999-12-31+23:59", "?at=1970-01-01+00:00&known=2026-01-05+09:30"} {
		d := s.get("/entities/" + registrytest.Varuna + q).shown(http.StatusOK)
		if len(d.find("text", nil)) > 30 {
			t.Errorf("%s: %d words are drawn", q, len(d.find("text", nil)))
		}
		for _, n := range d.find("", nil) {
			for _, name := range []string{"x", "x1", "x2", "width"} {
				if v, ok := strings.CutSuffix(attr(n, name), "%"); ok {
					if f, err := strconv.ParseFloat(v, 64); err != nil || f < 0 || f > 100 {
						t.Errorf("%s: %s is %s%%", q, name, v)
					}
				}
			}
		}
	}
}

// A single change that nobody knows the end of is drawn with both clocks beside it.
func TestBothClocksAreDrawnWhereverTheyAreNotFarAway(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	a := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN")
	a.EXP = 0
	s.MustSubmit(a)
	s.Clock.Add(time.Minute)
	marks := func(query string) int {
		d := s.get("/entities/" + registrytest.Varuna + query).shown(http.StatusOK)
		return len(d.find("line", func(n *html.Node) bool {
			return strings.HasPrefix(attr(n, "class"), "mark") && strings.HasSuffix(attr(n, "x1"), "%")
		}))
	}
	for query, want := range map[string]int{"": 2, "?at=2016-01-05+00:00": 2, "?at=2040-01-05+00:00&known=2030-01-05+00:00": 2, "?at=9000-01-05+00:00": 1} {
		if got := marks(query); got != want {
			t.Errorf("%s: %d clocks are drawn, want %d", query, got, want)
		}
	}
	s.get("/entities/" + registrytest.Varuna + "?at=9000-01-05+00:00").shown(http.StatusOK).has("in force on 9000-01-05 00:00 UTC (outside of what is drawn)")
}

func TestSlidersSnapOverTheMomentsAtWhichSomethingChanges(t *testing.T) {
	s := newJointSandbox(t)
	s.Clock.Set(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	s.MustSubmit(registrytest.Event("revoke-1", us, attest.ApprovalSubject(registrytest.Varuna, us), "approval-varuna", attest.Revoke, date(2, 1)))
	s.Clock.Add(time.Hour)
	path := "/entities/" + registrytest.Varuna
	slider := func(d *document, name string) (at string, shown, fields []string) {
		t.Helper()
		box := d.find("div", func(n *html.Node) bool { return attr(n, "data-field") == "f-"+name })
		if len(box) != 1 {
			t.Fatalf("%d sliders of %s in\n%s", len(box), name, d.body)
		}
		// Without a script there is none, and nothing of it is sent.
		hidden := false
		for _, a := range box[0].Attr {
			hidden = hidden || a.Key == "hidden"
		}
		in := d.find("input", func(n *html.Node) bool { return attr(n, "id") == "s-"+name })[0]
		if !hidden || attr(in, "name") != "" || attr(in, "aria-valuetext") == "" {
			t.Errorf("the slider of %s is %+v, hidden %t", name, in.Attr, hidden)
		}
		for _, o := range d.find("option", func(n *html.Node) bool { return n.Parent != nil && attr(n.Parent, "id") == "m-"+name }) {
			shown, fields = append(shown, attr(o, "label")), append(fields, attr(o, "data-moment"))
		}
		i, err := strconv.Atoi(attr(in, "value"))
		if err != nil || i >= len(shown) || attr(in, "aria-valuetext") != shown[i] || attr(in, "max") != strconv.Itoa(len(shown)-1) {
			t.Fatalf("the slider of %s stands at %q of %q", name, attr(in, "value"), shown)
		}
		return shown[i], shown, fields
	}
	d := s.get(path).shown(http.StatusOK)
	at, shown, _ := slider(d, "at")
	if want := "2026-01-05 09:00 UTC 2026-02-01 00:00 UTC now 2027-01-05 09:00 UTC"; strings.Join(shown, " ") != want || at != "now" {
		t.Errorf("in force on: %q at %s, want %q", shown, at, want)
	}
	at, shown, fields := slider(d, "known")
	if len(shown) < 3 || at != "all that is logged" || shown[len(shown)-1] != at {
		t.Errorf("as known on: %q at %s", shown, at)
	}
	// Each moment that was logged says what it is in the field, and the page of it
	// stands there.
	for i, f := range fields {
		d := s.get(path + "?" + url.Values{"known": {f}, "at": {"2026-02-15 00:00"}}.Encode()).shown(http.StatusOK)
		if at, _, _ := slider(d, "known"); at != shown[i] {
			t.Errorf("known=%s stands at %s, want %s", f, at, shown[i])
		}
		if at, _, _ := slider(d, "at"); at != "2026-02-15 00:00 UTC" {
			t.Errorf("what was asked for is not among the moments, but %s", at)
		}
		if i == len(fields)-2 || i == len(fields)-1 {
			d.has("revoked since 2026-02-01")
		} else if i > 0 && strings.Contains(d.text(), "revoked since") {
			t.Errorf("by what was logged by %s it is revoked", f)
		}
	}
	scripts := d.find("script", func(n *html.Node) bool { return strings.HasPrefix(attr(n, "src"), "/clocks-") })
	if len(scripts) != 1 {
		t.Errorf("%d scripts show the sliders", len(scripts))
	}
	slider(s.get("/sandboxes/"+registrytest.Sandbox).shown(http.StatusOK), "at")
	slider(s.get("/sandboxes/"+registrytest.Sandbox).shown(http.StatusOK), "known")
}

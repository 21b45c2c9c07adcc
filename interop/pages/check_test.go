package pages_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// question is what is permitted on the joint stage.
func question() url.Values {
	return url.Values{
		"act": {"technology_release"}, "sandbox": {rt.Sandbox}, "effective_at": {"2026-01-05 09:00"},
		"transferor": {rt.Halcyon}, "transferee": {rt.Varuna}, "destination_site": {"VTZ-1"},
		"items": {"US_CCL 5A001.b.1"}, "end_use": {"sea_trial"},
	}
}

// ask fills in the empty form of a check, and sends it.
func (b *tab) ask(q url.Values) {
	b.t.Helper()
	b.open("/check", 200)
	for name := range q {
		b.fill(name, q.Get(name))
	}
	b.follow("main > form button")
}

// takenAway are the files of an answer, by their names in its archive.
func (b *tab) takenAway() map[string][]byte {
	b.t.Helper()
	z := b.download(chromedp.Click(chromedp.CSS("button[value=all]")))
	if z.name != "check.zip" {
		b.t.Errorf("it is saved as %s", z.name)
	}
	return unpacked(b.t, z.content)
}

// printed expects what a sheet of paper has of an answer.
func (b *tab) printed(texts ...string) {
	b.t.Helper()
	b.looks("light", "print")
	b.reads(texts...)
	b.looks("light", "")
}

func TestACheckIsFilledInAndPermitted(t *testing.T) {
	b := newTab(t, joint(t))
	b.ask(question())
	all := []string{"PERMIT", "Nothing speaks against it.", "Rule by rule", "What was asked", "Due", "2026-02-04 09:00 UTC"}
	b.reads(all...)
	b.printed(all...)
}

func TestACheckIsFilledInAndReferred(t *testing.T) {
	b := newTab(t, joint(t))
	q := question()
	q.Del("end_use")
	b.ask(q)
	all := []string{"REFER", "for a person", "MISSING_FACT", "What would have to change"}
	b.reads(all...)
	b.printed(all...)
}

func TestACheckIsFilledInAndDenied(t *testing.T) {
	b := newTab(t, joint(t))
	q := question()
	q.Set("destination_site", "BLR-1")
	b.ask(q)
	all := []string{"DENY", "against it", "SITE_NOT_APPROVED"}
	b.reads(all...)
	b.printed(all...)
	// What was asked can be changed, and asked again.
	b.fill("destination_site", "VTZ-1")
	b.follow("main > form button")
	b.reads("PERMIT")
}

func TestAMistakeIsNamedAndWhatWasEnteredIsKept(t *testing.T) {
	b := newTab(t, joint(t))
	b.open("/check", 200)
	q := question()
	q.Set("effective_at", "4/5/2026")
	for name := range q {
		b.fill(name, q.Get(name))
	}
	b.goes(422, chromedp.Click(chromedp.CSS("main > form button")))
	b.reads("Please correct this", "is no date and time")
	// The mistake leads to its field.
	b.click(".mistakes a")
	if at := evaluate[string](b, "location.hash"); at != "#f-effective_at" {
		t.Errorf("the mistake leads to %q", at)
	}
	for name := range q {
		if is := evaluate[string](b, "document.querySelector('[name="+name+"]').value"); is != q.Get(name) {
			t.Errorf("%s was %q, and is %q", name, q.Get(name), is)
		}
	}
}

// TestTheEvidenceThatIsDownloadedVerifiesTheAnswer, by what the library makes of it,
// whatever is logged meanwhile.
func TestTheEvidenceThatIsDownloadedVerifiesTheAnswer(t *testing.T) {
	s := joint(t)
	b := newTab(t, s)
	b.ask(question())
	b.reads("PERMIT")
	s.clock.Add(time.Minute)
	s.submit(rt.Event("revoke-1", us, attest.SandboxSubject(rt.Sandbox), "domain-us", attest.Revoke, rt.Start))
	s.clock.Add(time.Minute)
	evidence := b.download(chromedp.Click(chromedp.CSS("button[value=evidence]")))
	request := b.download(chromedp.Click(chromedp.CSS("button[value=request]")))
	if evidence.name != "evidence.json" || request.name != "request.json" {
		t.Errorf("the files are called %q and %q", evidence.name, request.name)
	}
	req, err := policy.ParseRequest(request.content)
	if err != nil {
		t.Fatal(err)
	}
	d, err := verify.Decide(evidence.content, s.trust, req, req.Times(s.clock.Now()))
	if err != nil || d.Decision != policy.PERMIT {
		t.Errorf("verified: %+v, %v; want the PERMIT", d, err)
	}
	b.reads("PERMIT")
}

package pages_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/safeconduct/safeconduct/attest"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

// TestAPrintedAnswerThatWasDecidedOnDisclosuresIsHeldAgainstItsFiles, and whatever was
// found is put away as soon as it is not of what is chosen and entered. The question is
// as of the stage's own time: no clock of the browser has a part in it.
func TestAPrintedAnswerThatWasDecidedOnDisclosuresIsHeldAgainstItsFiles(t *testing.T) {
	needVerifier(t)
	s := joint(t)
	a := rt.Approval("approval-corvus", us, rt.Corvus, "IN")
	a.Programme, a.Caveats = "VEU", &attest.Limits{Value: &attest.ValueCeiling{Currency: "USD", PerTransaction: "12345"}}
	a, ds, err := a.Conceal([]string{"/caveats/value"})
	if err != nil {
		t.Fatal(err)
	}
	s.submit(a)
	s.clock.Add(time.Minute)
	b := newTab(t, s)
	const unfold = "document.querySelectorAll('details').forEach((d) => { d.open = true; }), true"
	b.open("/check", 200)
	evaluate[bool](b, unfold)
	q := question()
	q.Del("sandbox")
	now := s.clock.Now().UTC().Format(time.RFC3339)
	for name, v := range map[string]string{
		"transferee": rt.Corvus, "authority": us, "programme": "VEU", "value_amount": "100", "value_currency": "USD",
		"disclosures": ds[0].String(), "known_at": now, "checked_at": now,
	} {
		q.Set(name, v)
	}
	for name := range q {
		b.fill(name, q.Get(name))
	}
	b.follow("main > form button")
	b.reads("PERMIT")
	b.until("document.getElementById('own').dataset.found")
	if found := evaluate[string](b, "document.getElementById('own').dataset.found"); found != "good" {
		t.Errorf("of its own answer the page finds %q", found)
	}
	if all := b.text("main"); strings.Contains(all, "The clock of this device") {
		t.Error("what was asked for is taken for a clock")
	}
	code := evaluate[string](b, "document.querySelector('figcaption code').textContent")
	_, fragment, _ := strings.Cut(code, "#")
	give := func(what string) []byte {
		return b.download(chromedp.Click(chromedp.CSS("button[value=" + what + "]"))).content
	}
	evidence, request := give("evidence"), give("request")
	s.submit(rt.Registration("reg-later", us, "us-own:LATER", "US"))
	s.clock.Add(time.Minute)
	later := give("evidence")
	b.open("/verify#"+fragment, 200)
	b.until("document.getElementById('progress').textContent.includes('From now on')")
	const (
		same     = "These are the files of the printed answer"
		another  = "This is not what the printed answer says"
		atOther  = "this was taken at another time"
		accuses  = "Do not rely on this file"
		disclose = "#f-disclosures_file"
	)
	// finds expects a result with a text, and none of the others.
	finds := func(text string) {
		t.Helper()
		b.until(isShown)
		all := b.text("#result")
		for _, other := range []string{same, another, atOther, accuses} {
			if strings.Contains(all, other) != (other == text) {
				t.Errorf("the page says %s\nwant %q", all, text)
			}
		}
	}
	nothing := func(after string) {
		t.Helper()
		if evaluate[bool](b, isShown) || evaluate[bool](b, "[...document.querySelectorAll('.steps .status')].some((s) => !s.hidden)") {
			t.Errorf("%s leaves what was found", after)
		}
	}
	b.give("#f-file", b.file("evidence.json", evidence))
	b.until(isShown)
	nothingYet := b.text("#result")
	if !strings.Contains(nothingYet, "The file stands") {
		t.Errorf("the page says %s", nothingYet)
	}
	b.give("#f-request_file", b.file("request.json", request))
	finds(another) // without what was disclosed it is referred
	b.reads("REFER", "A fact is missing", "MISSING_FACT", "The trust asks for no mirror", "insecure_unmirrored")
	b.give(disclose, b.file("disclosures", []byte(ds[0].String()+"\n")))
	finds(same)
	b.reads("PERMIT", "This is with what a holder has disclosed: disclosures", "This is the answer by what was known then", "This is the answer by evidence that was fresh then")
	b.give("#f-file", b.file("later.json", later))
	finds(atOther)
	b.reads("PERMIT", "File: later.json")
	changed := bytes.Replace(evidence, []byte(`"index":1`), []byte(`"index":2`), 1)
	if bytes.Equal(changed, evidence) {
		t.Fatal("nothing is changed")
	}
	b.give("#f-file", b.file("changed.json", changed))
	finds(accuses)

	b.give("#f-file", b.file("evidence.json", evidence))
	finds(same)
	evaluate[bool](b, "document.getElementById('presented').open = true")
	run(b, chromedp.SendKeys(chromedp.CSS("#f-audience"), "x"))
	nothing("another audience")
	b.click("#verify button")
	b.until("!document.getElementById('e-audience').hidden")
	nothing("evidence for an audience")
	evaluate[bool](b, "(() => { const a = document.getElementById('f-audience'); a.value = ''; a.dispatchEvent(new Event('input')); return true; })()")
	b.click("#verify button")
	finds(same)
	b.give("#f-trust_file", b.file("trust.yaml", []byte("origin: x\n")))
	b.until("!document.getElementById('e-trust_file').hidden")
	nothing("a trust file that is none")
	clear := func(id string) {
		evaluate[bool](b, "(() => { const f = document.getElementById("+quoted(id)+"); f.value = ''; for (const e of ['input', 'change']) f.dispatchEvent(new Event(e)); return true; })()")
	}
	clear("f-trust_file")
	finds(same)
	clear("f-file")
	nothing("a file that was taken away")

	// Dropped all at once, with what is of no use here.
	for _, id := range []string{"f-request_file", "f-disclosures_file"} {
		clear(id)
	}
	b.drop(
		dropped{"request.json", string(request)},
		dropped{"decision.json", `{"decision": "PERMIT", "replaces_licence": true, "effective_at": "x"}`},
		dropped{"disclosures", ds[0].String() + "\n"},
		dropped{"receipt.jws", "eyJhIjoxfQ.eyJhIjoxfQ.AAAA"},
		dropped{"evidence.json", string(evidence)},
	)
	finds(same)
}

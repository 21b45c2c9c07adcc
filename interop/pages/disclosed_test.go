package pages_test

import (
	"bytes"
	"os"
	"path/filepath"
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
	until := func(expression string) {
		t.Helper()
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if evaluate[bool](b, "Boolean("+expression+")") {
				return
			}
		}
		t.Fatalf("it never comes to %s", expression)
	}
	until("document.getElementById('own').dataset.found")
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
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	b.open("/verify#"+fragment, 200)
	until("document.getElementById('progress').textContent.includes('From now on')")
	const (
		isFound  = "!document.getElementById('result').hidden"
		same     = "These are the files of the printed answer"
		another  = "This is not what the printed answer says"
		atOther  = "this was taken at another time"
		accuses  = "Do not rely on this file"
		disclose = "#f-disclosures_file"
	)
	// finds expects a result with a text, and none of the others.
	finds := func(text string) {
		t.Helper()
		until(isFound)
		all := b.text("#result")
		for _, other := range []string{same, another, atOther, accuses} {
			if strings.Contains(all, other) != (other == text) {
				t.Errorf("the page says %s\nwant %q", all, text)
			}
		}
	}
	nothing := func(after string) {
		t.Helper()
		if evaluate[bool](b, isFound) || evaluate[bool](b, "[...document.querySelectorAll('.steps .status')].some((s) => !s.hidden)") {
			t.Errorf("%s leaves what was found", after)
		}
	}
	b.give("#f-file", file("evidence.json", evidence))
	until(isFound)
	nothingYet := b.text("#result")
	if !strings.Contains(nothingYet, "The file stands") {
		t.Errorf("the page says %s", nothingYet)
	}
	b.give("#f-request_file", file("request.json", request))
	finds(another) // without what was disclosed it is referred
	b.reads("REFER", "A fact is missing", "MISSING_FACT", "The trust asks for no mirror", "insecure_unmirrored")
	b.give(disclose, file("disclosures", []byte(ds[0].String()+"\n")))
	finds(same)
	b.reads("PERMIT", "This is with what a holder has disclosed: disclosures", "This is the answer by what was known then", "This is the answer by evidence that was fresh then")
	b.give("#f-file", file("later.json", later))
	finds(atOther)
	b.reads("PERMIT", "File: later.json")
	changed := bytes.Replace(evidence, []byte(`"index":1`), []byte(`"index":2`), 1)
	if bytes.Equal(changed, evidence) {
		t.Fatal("nothing is changed")
	}
	b.give("#f-file", file("changed.json", changed))
	finds(accuses)

	b.give("#f-file", file("evidence.json", evidence))
	finds(same)
	evaluate[bool](b, "document.getElementById('presented').open = true")
	run(b, chromedp.SendKeys(chromedp.CSS("#f-audience"), "x"))
	nothing("another audience")
	b.click("#verify button")
	until("!document.getElementById('e-audience').hidden")
	nothing("evidence for an audience")
	evaluate[bool](b, "(() => { const a = document.getElementById('f-audience'); a.value = ''; a.dispatchEvent(new Event('input')); return true; })()")
	b.click("#verify button")
	finds(same)
	b.give("#f-trust_file", file("trust.yaml", []byte("origin: x\n")))
	until("!document.getElementById('e-trust_file').hidden")
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
	all := `{"request.json": ` + quoted(string(request)) + `, "decision.json": ` + quoted(`{"decision": "PERMIT", "replaces_licence": true, "effective_at": "x"}`) +
		`, "disclosures": ` + quoted(ds[0].String()+"\n") + `, "receipt.jws": "eyJhIjoxfQ.eyJhIjoxfQ.AAAA", "evidence.json": ` + quoted(string(evidence)) + `}`
	evaluate[bool](b, `(() => {
		const dropped = new DataTransfer();
		for (const [name, text] of Object.entries(`+all+`)) dropped.items.add(new File([text], name));
		document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, cancelable: true, bubbles: true }));
		return true;
	})()`)
	finds(same)
}

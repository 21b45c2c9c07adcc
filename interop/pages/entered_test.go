package pages_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// become waits until an expression holds in the page.
func (b *tab) become(what, expression string) {
	b.t.Helper()
	for end := time.Now().Add(patience); !evaluate[bool](b, expression); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("it does not come to %s", what)
		}
	}
}

const (
	isShown  = `!document.getElementById("result").hidden`
	isHidden = `document.getElementById("result").hidden`
)

// What was found is of the files and words that are entered, of the code that was
// opened last, and of nothing else.
func TestAResultOfTheVerifierIsOfWhatIsEntered(t *testing.T) {
	needVerifier(t)
	s := joint(t)
	b := newTab(t, s)
	document := []byte(`{"act":"technology_release","sandbox":"SBX-UCOMMS","effective_at":"2026-01-05T09:00:00Z","transferor":"lei:999900HALCYONMAR0134","transferee":"lei:999900VARUNADEEP0174","destination_site":"VTZ-1","items":[{"list":"US_CCL","entry":"5A001.b.1"}],"end_use":"sea_trial","known_at":"2026-01-05T09:01:00Z","checked_at":"2026-01-05T09:01:00Z"}`)
	req, err := policy.ParseRequest(document)
	if err != nil {
		t.Fatal(err)
	}
	evidence, err := s.Evidence(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	d, err := verify.Decide(evidence, s.trust, req, req.Times(s.clock.Now()))
	if err != nil {
		t.Fatal(err)
	}
	code := func(request string) string {
		return "#decision=" + string(d.Decision) + "&effective_at=2026-01-05T09:00:00Z&known_at=2026-01-05T09:01:00Z&request=" + request + "&evidence=" + d.Replay.Evidence
	}
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, asked := file("evidence.json", evidence), file("request.json", document)
	b.open("/verify"+code(d.Replay.Request), 200)
	b.become("a verifier", `!document.getElementById("verify").hidden && document.getElementById("progress").textContent.includes("ready")`)
	if evaluate[bool](b, isShown) {
		t.Error("a code alone shows a result")
	}
	b.give("#f-request_file", asked)
	b.give("#f-file", good)
	b.become("a result", isShown)
	b.reads("evidence.json", "request.json", "These are the files of the printed answer")

	b.within("another code", func() {
		evaluate[bool](b, "location.replace("+quoted(code("another"))+"), true")
		b.become("a result of the other code", isShown+` && !document.querySelector('[data-if="printed.other"]').hidden`)
		evaluate[bool](b, `location.replace("#main"), true`)
		b.reads("This is not what the printed answer says")
	})
	b.within("a word is entered", func() {
		evaluate[bool](b, `document.getElementById("presented").open = true`)
		evaluate[bool](b, `document.getElementById("f-nonce").focus(), true`)
		b.press("x")
		if !evaluate[bool](b, isHidden) {
			b.t.Error("the result stays where the nonce is another")
		}
		evaluate[bool](b, `document.getElementById("f-nonce").value = "", true`)
		b.click("#verify button")
		b.become("a result", isShown)
	})
	b.within("no file is chosen any more", func() {
		evaluate[bool](b, `(() => { const f = document.getElementById("f-file"); f.value = ""; f.dispatchEvent(new Event("change", { bubbles: true })); return true; })()`)
		if !evaluate[bool](b, isHidden) {
			b.t.Error("the result stays without its file")
		}
	})
	b.within("a file follows another", func() {
		evaluate[bool](b, `(() => {
			const at = document.getElementById("f-file");
			const choose = (name, text) => { const d = new DataTransfer(); d.items.add(new File([text], name)); at.files = d.files; at.dispatchEvent(new Event("change", { bubbles: true })); };
			choose("first.json", `+quoted(string(evidence))+`);
			choose("second.json", "{}");
			return true;
		})()`)
		b.become("a result", isShown)
		b.reads("second.json", "Do not rely on this file")
	})
	b.within("an empty request", func() {
		b.give("#f-file", good)
		b.give("#f-request_file", file("empty.json", nil))
		b.become("a mistake", `document.getElementById("f-request_file").getAttribute("aria-invalid") === "true"`)
		if !evaluate[bool](b, isHidden) {
			b.t.Error("what was not asked has a result")
		}
	})
}

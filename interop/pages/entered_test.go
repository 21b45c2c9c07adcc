package pages_test

import (
	"testing"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

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
	good, asked := b.file("evidence.json", evidence), b.file("request.json", document)
	b.open("/verify"+code(d.Replay.Request), 200)
	b.until(`!document.getElementById("verify").hidden && document.getElementById("progress").textContent.includes("ready")`)
	if evaluate[bool](b, isShown) {
		t.Error("a code alone shows a result")
	}
	b.give("#f-request_file", asked)
	b.give("#f-file", good)
	b.until(isShown)
	b.reads("evidence.json", "request.json", "These are the files of the printed answer")

	b.within("another code", func() {
		evaluate[bool](b, "location.replace("+quoted(code("another"))+"), true")
		b.until(isShown + ` && !document.querySelector('[data-if="printed.other"]').hidden`)
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
		b.until(isShown)
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
		b.until(isShown)
		b.reads("second.json", "Do not rely on this file")
	})
	b.within("an empty request", func() {
		b.give("#f-file", good)
		b.give("#f-request_file", b.file("empty.json", nil))
		b.until(`document.getElementById("f-request_file").getAttribute("aria-invalid") === "true"`)
		if !evaluate[bool](b, isHidden) {
			b.t.Error("what was not asked has a result")
		}
	})
}

package pages_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/web/verifier"
)

// A dropped is a file for [tab.drop].
type dropped struct{ Name, Text string }

// drop drops files where they are verified.
func (b *tab) drop(files ...dropped) {
	b.t.Helper()
	list, err := json.Marshal(files)
	if err != nil {
		b.t.Fatal(err)
	}
	evaluate[bool](b, fmt.Sprintf(`(() => {
		const dropped = new DataTransfer();
		for (const { Name, Text } of %s) dropped.items.add(new File([Text], Name));
		const at = document.getElementById("h-drop");
		for (const type of ["dragenter", "dragover", "drop"]) at.dispatchEvent(new DragEvent(type, {dataTransfer: dropped, bubbles: true, cancelable: true}));
		return true;
	})()`, list))
}

// chosen are the names of the files of an input.
func (b *tab) chosen(input string) string {
	b.t.Helper()
	return evaluate[string](b, fmt.Sprintf(`[...document.getElementById(%q).files].map((f) => f.name).join()`, input))
}

func TestFilesThatAreDroppedAreVerified(t *testing.T) {
	s := live(t)
	trust, err := s.trust.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	b := newTab(t, s)
	all := b.taken(nowAsked())
	b.verifying("")
	// In any order, whatever they are called.
	b.whenVerified(func() {
		b.drop(dropped{"file 0", string(trust)}, dropped{"file 1", string(all["request.json"])}, dropped{"file 2", string(all["evidence.json"])})
	})
	b.passes(false)
	if is := b.decided(); is != "PERMIT" {
		t.Errorf("it is %q", is)
	}
	b.reads("File: file 2", "This is by the trust file that you have chosen: file 0")
	// Beside the place, too, a file does not take the place of the page.
	if evaluate[bool](b, `document.querySelector("h1").dispatchEvent(new DragEvent("drop", {dataTransfer: new DataTransfer(), bubbles: true, cancelable: true}))`) {
		t.Error("the browser would open what is dropped beside the place")
	}
}

// TestWhatIsDroppedAndLeftAsideIsTold, since an earlier result would be taken for its own.
func TestWhatIsDroppedAndLeftAsideIsTold(t *testing.T) {
	b := newTab(t, live(t))
	all := b.taken(nowAsked())
	evidence, request := string(all["evidence.json"]), string(all["request.json"])
	b.verifying("")
	b.whenVerified(func() { b.drop(dropped{"evidence.json", evidence}, dropped{"request.json", request}) })
	b.passes(false)
	b.whenVerified(func() { b.drop(dropped{"evidence.json", `{"replaces_licence": true}`}) })
	b.neverPermits()
	b.reads("What you dropped was left aside")
	b.whenVerified(func() {
		b.drop(dropped{"first", evidence}, dropped{"second", evidence}, dropped{"decision.json", string(all["decision.json"])})
	})
	b.passes(false)
	b.reads("File: second", "No part of this result, although dropped here: first decision.json")
	// One that reads as a list is told to be one.
	b.whenVerified(func() {
		b.drop(dropped{"evidence.json", `{"id": "x", "schema": "Company", "properties": {"name": ["Nobody"]}}`})
	})
	b.reads("File: second", "by the names of their files: evidence.json")
	b.whenVerified(func() { b.drop(slices.Repeat([]dropped{{"evidence.json", evidence}}, 21)...) })
	b.neverPermits()
	b.reads("At most 20 files can be dropped at once.")
}

func TestARequestIsNoListWhateverItMentions(t *testing.T) {
	b := newTab(t, live(t))
	b.verifying("")
	for _, text := range []string{
		"# list: of what we ask\neffective_at: 2026-01-01T00:00:00Z\n",
		"note: 'see \"schema\": x'\neffective_at: 2026-01-01T00:00:00Z\n",
		"{\"schema\": \"x\", \"effective_at\": \"2026-01-01T00:00:00Z\"}",
		"note: a,alt_names,b\neffective_at: 2026-01-01T00:00:00Z\n",
	} {
		b.drop(dropped{text, text})
		b.until(fmt.Sprintf(`[...document.getElementById("f-request_file").files].some((f) => f.name === %s)`, quoted(text)))
		if is := b.chosen("f-lists_file"); is != "" {
			t.Errorf("%q is taken for a list", text)
		}
	}
}

func TestTheLastDropCountsHoweverLongAnEarlierOneTakesToBeRead(t *testing.T) {
	b := newTab(t, live(t))
	all := b.taken(nowAsked())
	evidence, request := string(all["evidence.json"]), string(all["request.json"])
	b.verifying("")
	evaluate[bool](b, `(() => {
		const slice = Blob.prototype.slice;
		Blob.prototype.slice = function (...of) {
			const part = slice.apply(this, of);
			if (this.name === "slow") part.text = () => new Promise((resolve) => setTimeout(() => { window.slow = true; resolve(""); }, 1000));
			return part;
		};
		return true;
	})()`)
	b.drop(dropped{"evidence.json", evidence}, dropped{"slow", request})
	b.drop(dropped{"evidence.json", evidence}, dropped{"fast", request})
	b.until(`window.slow && !document.getElementById("result").hidden && document.getElementById("f-request_file").files[0].name === "fast"`)
	b.reads("Request: fast")
}

func TestMoreListsThanAreReadAreRefusedUnread(t *testing.T) {
	b := newTab(t, live(t))
	all := b.taken(nowAsked())
	b.verifying("")
	evaluate[bool](b, `(() => {
		const read = Blob.prototype.arrayBuffer;
		Blob.prototype.arrayBuffer = function () { window.read = true; return read.apply(this); };
		return true;
	})()`)
	files := slices.Repeat([]dropped{{"l", "# list: L\n# version: 1\nNobody\n"}}, verifier.MaxLists+1)
	b.whenVerified(func() { b.drop(append(files, dropped{"evidence.json", string(all["evidence.json"])})...) })
	if is := b.text("#e-lists_file"); is != "At most 8 lists are read here." {
		t.Errorf("it says %q", is)
	}
	if evaluate[bool](b, `Boolean(window.read)`) {
		t.Error("files are read for nothing")
	}
}

// TestWhatIsWantedNoMoreIsNotVerified, so that nobody waits for it.
func TestWhatIsWantedNoMoreIsNotVerified(t *testing.T) {
	b := newTab(t, live(t))
	all := b.taken(nowAsked())
	b.verifying("")
	evaluate[bool](b, `(() => {
		const post = Worker.prototype.postMessage;
		window.asked = 0;
		Worker.prototype.postMessage = function (...of) { window.asked++; setTimeout(() => post.apply(this, of), 2000); };
		return true;
	})()`)
	b.give("#f-file", b.file("evidence.json", all["evidence.json"]))
	b.until(`window.asked === 1`)
	for range 3 {
		evaluate[bool](b, `(document.getElementById("verify").requestSubmit(), true)`)
		time.Sleep(200 * time.Millisecond)
	}
	b.until(`!document.getElementById("result").hidden`)
	if is := evaluate[int](b, `window.asked`); is != 2 {
		t.Errorf("%d are verified, want the first and the last", is)
	}
}

func TestListsThatAreDroppedOrChosenScreenTheParties(t *testing.T) {
	b := newTab(t, live(t))
	all := b.taken(nowAsked())
	b.verifying("")
	at := b.mark()
	b.offline()
	b.whenVerified(func() { b.give("#f-file", b.file("evidence.json", all["evidence.json"])) })
	b.whenVerified(func() { b.give("#f-request_file", b.file("request.json", all["request.json"])) })
	b.passes(false)
	b.reads("The parties were not screened here")
	b.whenVerified(func() {
		b.drop(dropped{"list 0", "# list: Board\n# version: 1\nNobody\n"}, dropped{"list 1", "_id,source,entity_number,type,programs,name,title,addresses,federal_register_notice,start_date,end_date,alt_names\n1,X,1,Entity,,Somebody,,,,2026-01-01,,\n"})
	})
	b.passes(false)
	b.reads("screened here against", "Board 1", "list 1", "by the names of their files: list 0 list 1")
	if is := b.decided(); is != "PERMIT" {
		t.Errorf("it is %q", is)
	}
	b.whenVerified(func() {
		b.give("#f-lists_file", b.file("denied.txt", []byte("# list: Board\n# version: 2\nVaruna\tid="+rt.Varuna+"\n")))
	})
	b.passes(false)
	b.reads("Board 2", "RESTRICTED_PARTY")
	if is := b.decided(); is != "DENY" {
		t.Errorf("it is %q", is)
	}
	b.silent(at)
	said := b.whenVerified(func() { b.give("#f-lists_file", b.file("denied.txt", []byte("hull"))) })
	if is := b.text("#e-lists_file"); !strings.Contains(is, "denied.txt") || said == "" {
		t.Errorf("a list that is none: %q, %q", is, said)
	}
	b.neverPermits()
}

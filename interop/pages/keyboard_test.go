package pages_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A focus is what has the focus, and how it is seen.
type focus struct {
	Is string
	// Outline is the width of its outline in pixels, Contrast whether that has another
	// colour than what is around it.
	Outline  float64
	Contrast bool
	// Seen says that it is in the window, and that nothing lies on it.
	Seen bool
}

// visible: there is an outline, which stands out, and it is not hidden (WCAG 2.2,
// 2.4.7 and 2.4.11).
func (f focus) visible() bool { return f.Outline >= 2 && f.Contrast && f.Seen }

// focused is what has the focus.
func (b *tab) focused() focus {
	b.t.Helper()
	return evaluate[focus](b, `(() => {
		const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
		const x = Math.min(Math.max(r.x + r.width / 2, 0), innerWidth - 1), y = Math.min(Math.max(r.y + Math.min(r.height / 2, 10), 0), innerHeight - 1);
		const top = document.elementFromPoint(x, y);
		return {
			is: e.name || (e.matches("a") ? e.getAttribute("href") : e.matches("button, summary") ? e.innerText : e.tagName),
			outline: s.outlineStyle === "none" ? 0 : parseFloat(s.outlineWidth),
			contrast: s.outlineColor !== getComputedStyle(document.documentElement).backgroundColor,
			seen: r.right > 0 && r.left < innerWidth && r.bottom > 0 && r.top < innerHeight && (e === top || e.contains(top) || top.contains(e)),
		};
	})()`)
}

// tabTo presses Tab until that has the focus, and expects that the focus is seen
// all the way.
func (b *tab) tabTo(is string) {
	b.t.Helper()
	for range 100 {
		b.press(kb.Tab)
		f := b.focused()
		if !f.visible() {
			b.t.Errorf("the focus is not to be seen on it: %+v", f)
		}
		if f.Is == is {
			return
		}
	}
	b.t.Fatalf("Tab does not lead to %q", is)
}

// TestAWholeCheckIsDoneByKeyboardAlone, from the first page to the evidence, with
// the focus to be seen at every step.
func TestAWholeCheckIsDoneByKeyboardAlone(t *testing.T) {
	b := newTab(t, joint(t))
	b.open("/", 200)
	b.press(kb.Tab)
	if f := b.focused(); f.Is != "#main" || !f.visible() {
		t.Errorf("the first that Tab leads to is %+v, want the skip link", f)
	}
	b.press(kb.Enter)
	b.press(kb.Tab)
	if f := b.focused(); f.Is != "q" {
		t.Errorf("what follows the skip link is %+v, want the first field of the content", f)
	}
	b.open("/", 200)
	b.tabTo("/check")
	b.enter()
	q := question()
	b.tabTo("act")
	// Typing chooses among the options of a select.
	b.press("Rel")
	if is := evaluate[string](b, "document.activeElement.value"); is != q.Get("act") {
		t.Errorf("typing has chosen %q", is)
	}
	for _, name := range []string{"effective_at", "end_use", "items", "sandbox", "transferor", "transferee", "destination_site"} {
		b.tabTo(name)
		// What is in a text field is selected, so that typing takes its place.
		b.press(q.Get(name))
	}
	b.tabTo("Check")
	b.enter()
	b.reads("PERMIT")
	b.tabTo("give")
	if f := b.download(chromedp.KeyEvent(kb.Enter)); f.name != "evidence.json" || len(f.content) == 0 {
		t.Errorf("Enter saves %d bytes as %q", len(f.content), f.name)
	}
}

// showsTheFocus on everything that Tab leads to.
func (b *tab) showsTheFocus() {
	b.wide(1100)
	for range 200 {
		b.press(kb.Tab)
		f := b.focused()
		if f.Is == "BODY" {
			return
		}
		if !f.visible() {
			b.t.Errorf("the focus is not to be seen on it: %+v", f)
		}
	}
	b.t.Error("Tab does not come to an end")
}

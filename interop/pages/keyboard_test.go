package pages_test

import (
	"testing"

	"github.com/chromedp/cdproto/input"
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

// focused is what has the focus, as an expression.
const focused = `(() => {
		const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
		const x = Math.min(Math.max(r.x + r.width / 2, 0), innerWidth - 1), y = Math.min(Math.max(r.y + Math.min(r.height / 2, 10), 0), innerHeight - 1);
		const top = document.elementFromPoint(x, y);
		return {
			is: e.name || (e.matches("a") ? e.getAttribute("href") : e.matches("button, summary") ? e.innerText : e.id || e.tagName),
			outline: s.outlineStyle === "none" ? 0 : parseFloat(s.outlineWidth),
			contrast: s.outlineColor !== getComputedStyle(document.documentElement).backgroundColor,
			seen: r.right > 0 && r.left < innerWidth && r.bottom > 0 && r.top < innerHeight && (e === top || e.contains(top) || top.contains(e)),
		};
	})()`

// focused is what has the focus.
func (b *tab) focused() focus {
	b.t.Helper()
	return evaluate[focus](b, focused)
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

// TestAWholeCheckIsDoneByKeyboardAlone, from the first page to its files, with
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
	if f := b.focused(); f.Is != "/partners" {
		t.Errorf("what follows the skip link is %+v, want the first link of the content", f)
	}
	b.open("/", 200)
	b.tabTo("/check")
	b.enter()
	q := question()
	for _, name := range []string{"sandbox", "transferor", "transferee", "destination_site", "act", "effective_at", "end_use", "items"} {
		b.tabTo(name)
		if name != "act" {
			// What is in a text field is selected, so that typing takes its place.
			b.press(q.Get(name))
			continue
		}
		// Typing chooses among the options of a select.
		b.press("Rel")
		if is := evaluate[string](b, "document.activeElement.value"); is != q.Get("act") {
			t.Errorf("typing has chosen %q", is)
		}
	}
	b.tabTo("Check")
	b.enter()
	b.reads("PERMIT")
	b.tabTo("give")
	if f := b.download(chromedp.KeyEvent(kb.Enter)); f.name != "check.zip" || len(f.content) == 0 {
		t.Errorf("Enter saves %d bytes as %q", len(f.content), f.name)
	}
}

// showsTheFocus on everything that Tab leads to, until it leaves the page. Every key
// tells what has had the focus before it.
func (b *tab) showsTheFocus() {
	const batch, most = 25, 1000
	b.wide(1100)
	evaluate[bool](b, `globalThis.were = [], globalThis.left = false, addEventListener("keydown", () => {
		if (document.activeElement === document.body) left = were.length > 0;
		else if (!left) were.push(`+focused+`);
	}, true), true`)
	for range most / batch {
		for range batch {
			call(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeRawKeyDown, Key: "Tab", Code: "Tab", WindowsVirtualKeyCode: 9})
		}
		if !evaluate[bool](b, "left") {
			continue
		}
		were := evaluate[[]focus](b, "were")
		// The skip link, and the navigation.
		if len(were) < 7 {
			b.t.Errorf("Tab leads only to %+v", were)
		}
		for _, f := range were {
			if !f.visible() {
				b.t.Errorf("the focus is not to be seen on it: %+v", f)
			}
		}
		return
	}
	b.t.Error("Tab does not come to an end")
}

package pages_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

// axe is axe-core, of npm/package.json.
const axe = "../npm/node_modules/axe-core/axe.min.js"

// axeTags are the rules that hold here.
const axeTags = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`

// readAxe is the source of axe-core. It skips a test where it is not there, or
// fails it where SAFECONDUCT_MUST_NPM says that it must be.
func readAxe(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(axe)
	if err != nil {
		if os.Getenv("SAFECONDUCT_MUST_NPM") == "1" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED, NOTHING IS SHOWN ABOUT THE PAGES BY axe-core: %v (`make npm` installs it)", err)
	}
	return string(source)
}

// `make test` runs this one again, aloud, to say at its end what was not run.
func TestAxeIsThere(t *testing.T) { readAxe(t) }

// A finding is a rule of axe-core, and where it is broken.
type finding struct {
	ID, Help string
	Nodes    []struct {
		HTML           string
		FailureSummary string
	}
}

// TestEveryPage keeps what is promised of each; [tab] says what else fails it.
func TestEveryPage(t *testing.T) {
	for _, st := range settings {
		st.each(t, func(b *tab, _ place) {
			b.unfold()
			b.within("fits 320 pixels and a wide screen with controls that are large enough", b.fitsEveryScreen)
			// What is signed changes how much there is, and adds no control.
			whole := st.name != "hostile"
			if whole {
				b.within("shows the focus", b.showsTheFocus)
			}
			b.within("prints", b.prints)
			if whole {
				// Last: it leaves its own script in the page.
				b.within("axe-core finds nothing", b.pleasesAxe)
			}
		})
	}
}

// pleasesAxe: WCAG 2.2 AA, as far as a machine can tell, in light and in dark
// colours.
func (b *tab) pleasesAxe() {
	source := readAxe(b.t)
	b.wide(1100)
	evaluate[bool](b, source+"; true")
	all := `{runOnly: {type: "tag", values: ` + axeTags + `}, rules: {"target-size": {enabled: true}}, resultTypes: ["violations"]}`
	for scheme, options := range map[string]string{
		// target-size is not on by itself.
		"light": all,
		// In other colours, only what looks at colours could find something else.
		"dark": `{runOnly: ["color-contrast", "link-in-text-block"]}`,
	} {
		b.looks(scheme, "")
		var got struct {
			Violations []finding
			Passed     []string
		}
		result := evaluate[string](b, `axe.run(document, `+options+`).then((r) => JSON.stringify({violations: r.violations, passed: r.passes.map((p) => p.id)}))`)
		if err := json.Unmarshal([]byte(result), &got); err != nil {
			b.t.Fatal(err)
		}
		for _, v := range got.Violations {
			for _, n := range v.Nodes {
				b.t.Errorf("%s: %s: %s\n%.300s\n%s", scheme, v.ID, v.Help, n.HTML, n.FailureSummary)
			}
		}
		if !slices.Contains(got.Passed, "color-contrast") || scheme == "light" && !slices.Contains(got.Passed, "target-size") {
			b.t.Errorf("%s: axe-core has passed only %q", scheme, got.Passed)
		}
	}
}

// fitsEveryScreen: it does not scroll sideways at 320 pixels, which is 1280 at 400 %
// (WCAG 2.2, 1.4.10), nor on a wide screen, and has controls of 24 pixels (2.5.8).
// Links within text, which need not be, axe-core measures.
func (b *tab) fitsEveryScreen() {
	for _, width := range []int64{320, 1100} {
		b.wide(width)
		b.fits(width)
		for _, what := range evaluate[[]string](b, `[...document.querySelectorAll("button, input:not([type=hidden]), select, textarea, summary, nav a")].filter((e) => {
			const r = e.getBoundingClientRect();
			return e.getClientRects().length && (r.width < 24 || r.height < 24);
		}).map((e) => e.outerHTML.slice(0, 200))`) {
			b.t.Errorf("at %d pixels it is too small: %s", width, what)
		}
	}
}

// fits expects that the page is no wider than that, and that nothing stands out.
func (b *tab) fits(width int64) {
	b.t.Helper()
	if is := evaluate[int64](b, "document.scrollingElement.scrollWidth"); is > width {
		b.t.Errorf("at %d pixels it is %d wide", width, is)
	}
	for _, what := range evaluate[[]string](b, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter((e) => !e.closest(".wide > *, .skip") && e.getBoundingClientRect().right > %d + 1)
		.map((e) => e.outerHTML.slice(0, 200) + " ends at " + e.getBoundingClientRect().right)`, width)) {
		b.t.Errorf("at %d pixels: %s", width, what)
	}
}

var pdfPage = regexp.MustCompile(`/Type\s*/Page\b`)

// prints: on paper there is no navigation and no form, all else fits the sheet, and
// it is black on white whatever the screen is.
func (b *tab) prints() {
	const sheet = 718 // A4 between margins of a centimetre, in pixels of 1/96 inch
	b.wide(sheet)
	b.looks("dark", "print")
	for _, what := range evaluate[[]string](b, `[...document.querySelectorAll("nav, form, button, .skip")].filter((e) => e.getClientRects().length).map((e) => e.outerHTML.slice(0, 200))`) {
		b.t.Errorf("on paper there is %s", what)
	}
	for _, what := range evaluate[[]string](b, `[...document.querySelectorAll(".wide")].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.outerHTML.slice(0, 200))`) {
		b.t.Errorf("on paper there is no scrolling to the end of %s", what)
	}
	b.fits(sheet)
	if colours := evaluate[string](b, `(({color, backgroundColor}) => color + " on " + backgroundColor)(getComputedStyle(document.documentElement))`); colours != "rgb(0, 0, 0) on rgb(255, 255, 255)" {
		b.t.Errorf("it is %s", colours)
	}
	pdf := run(b, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4)))
	if n := len(pdfPage.FindAll(pdf, -1)); n < 1 || n > 60 {
		b.t.Errorf("%d sheets: %.100s", n, pdf)
	}
}

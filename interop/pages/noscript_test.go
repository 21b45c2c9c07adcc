package pages_test

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

// TestWithoutJavaScriptAnEntityIsFoundAndACheckIsDone, and whoever wants to verify a
// file is told of the command.
func TestWithoutJavaScriptAnEntityIsFoundAndACheckIsDone(t *testing.T) {
	b := newTab(t, revoked(t))
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open("/", 200)
	b.fill("q", "Samudra Acoustics")
	b.follow("form[role=search] button")
	b.reads("1 in all.", "Varuna Deepsense Private Limited")
	b.follow("#entities ~ ul a")
	if is := b.statusOfVaruna(); is != "revoked" {
		t.Errorf("it is %q", is)
	}
	if evaluate[bool](b, `document.querySelector("time").title !== ""`) {
		t.Error("scripts run, so that this shows nothing")
	}
	if evaluate[bool](b, `[...document.querySelectorAll(".slider")].some((e) => e.getClientRects().length)`) {
		t.Error("there are sliders, which nothing would move")
	}
	b.fill("at", "2026-02-15 00:00")
	b.fill("known", "2026-02-20 00:00")
	b.follow(".clocks button")
	if is := b.statusOfVaruna(); is != "in force" {
		t.Errorf("by what was known before it is %q", is)
	}
	q := question()
	q.Set("effective_at", "2026-01-15 09:00")
	b.ask(q)
	b.reads("PERMIT", "Rule by rule", "This answer is the register's word so far.")
	if f := b.download(chromedp.Click(chromedp.CSS("button[value=evidence]"))); f.name != "evidence.json" || len(f.content) == 0 {
		t.Errorf("%d bytes are saved as %q", len(f.content), f.name)
	}
	b.open("/verify", 200)
	b.reads("Verify with the command", "safeconduct verify evidence.json --request request.json --trust trust.yaml", "What is checked, step by step")
	if evaluate[bool](b, `[...document.querySelectorAll("main form, main input, main button")].some((e) => e.getClientRects().length)`) {
		t.Error("there is a form, which nothing would answer")
	}
	b.open("/entities/"+rt.Varuna+"?at=nonsense", 422)
}

package pages_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long a tab waits for anything at most.
const patience = 30 * time.Second

// A tab of the browser, with cookies and storage of its own. Whatever it is told of
// what a page may not do fails the test when it ends: a violation of the page's
// policy or another issue, an exception, a message on the console, a request that
// fails or that does not go to the register.
type tab struct {
	*stage
	t   *testing.T
	ctx context.Context
	// logged says that what is there to see has been logged.
	logged bool

	mu    sync.Mutex
	sent  []string
	wrong []string

	// dir is where downloads go, each under the id that the browser gives it.
	dir       string
	names     map[string]string
	downloads chan download

	// choosing is told of each dialog for files that the page has opened.
	choosing chan struct{}
}

// A download is one that is complete.
type download struct{ id, name string }

// newTab opens an empty tab, 1100 pixels wide and in light colours.
func newTab(t *testing.T, s *stage) *tab {
	t.Helper()
	needChromium(t)
	root, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	b := &tab{stage: s, t: t, dir: t.TempDir(), names: make(map[string]string), downloads: make(chan download, 10), choosing: make(chan struct{}, 10)}
	ctx, stop := chromedp.NewContext(root, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.told))
	b.ctx = ctx
	t.Cleanup(func() {
		b.verdict(t)
		stop()
	})
	// The first is what the tab lives by: it may have no deadline.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	call(b, audits.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	call(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	call(b, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName, BrowserContextID: chromedp.FromContext(ctx).BrowserContextID,
		DownloadPath: b.dir, EventsEnabled: new(true),
	})
	b.wide(1100)
	b.looks("light", "")
	return b
}

// call sends a command.
func call[P, R any](b *tab, c cdp.Command[P, R], params P) R {
	b.t.Helper()
	return run(b, func(ctx context.Context, to *chromedp.Target) (R, error) { return cdp.Call(ctx, to, c, params) })
}

// run runs an action.
func run[R any](b *tab, a chromedp.Action[R]) R {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	r, err := chromedp.Run(ctx, a)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// evaluate is the value of an expression, which may be a promise, in the page. The
// page's policy does not hold for it.
func evaluate[R any](b *tab, expression string) R {
	b.t.Helper()
	return run(b, chromedp.Evaluate[R](expression, chromedp.EvalAwaitPromise))
}

// until waits until an expression is true in the page.
func (b *tab) until(expression string) {
	b.t.Helper()
	if !evaluate[bool](b, fmt.Sprintf(`new Promise((done) => {
		const last = Date.now() + %d;
		const look = () => (%s) ? done(true) : Date.now() > last ? done(false) : setTimeout(look, 20);
		look();
	})`, (patience-5*time.Second).Milliseconds(), expression)) {
		b.t.Fatalf("it never comes to this: %s", expression)
	}
}

// quoted is text as an expression.
func quoted(text string) string {
	q, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string is marshalled
	}
	return string(q)
}

// told takes note of what the browser tells.
func (b *tab) told(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch ev := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		b.complain("the console says (%s): %s", ev.Type, shown(ev.Args))
	case *runtime.EventExceptionThrown:
		b.complain("an exception: %s", shown(ev.ExceptionDetails))
	case *log.EventEntryAdded:
		// What cannot be loaded is told by the status that it has, too.
		if ev.Entry.Source != log.EntrySourceNetwork {
			b.complain("the browser says (%s, %s): %s", ev.Entry.Source, ev.Entry.Level, ev.Entry.Text)
		}
	case *audits.EventIssueAdded:
		b.complain("an issue: %s", shown(ev.Issue))
	case *network.EventRequestWillBeSent:
		b.sent = append(b.sent, ev.Request.Method+" "+ev.Request.URL)
		if !strings.HasPrefix(ev.Request.URL, b.url+"/") {
			b.complain("a request to somewhere else: %s", ev.Request.URL)
		}
	case *network.EventResponseReceived:
		if ev.Type != network.ResourceTypeDocument && ev.Response.Status != 200 {
			b.complain("%s: status %d", ev.Response.URL, ev.Response.Status)
		}
	case *network.EventLoadingFailed:
		// That of a file to save is cancelled: it becomes a download.
		if !ev.Canceled || ev.BlockedReason != "" {
			b.complain("something of type %s is not loaded: %s %s", ev.Type, ev.ErrorText, ev.BlockedReason)
		}
	case *page.EventFileChooserOpened:
		b.choosing <- struct{}{}
	case *browser.EventDownloadWillBegin:
		b.names[ev.GUID] = ev.SuggestedFilename
	case *browser.EventDownloadProgress:
		if ev.State == browser.DownloadProgressStateCompleted {
			b.downloads <- download{ev.GUID, b.names[ev.GUID]}
		}
	}
}

func (b *tab) complain(format string, args ...any) {
	b.wrong = append(b.wrong, fmt.Sprintf(format, args...))
}

func shown(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%+v", v)
	}
	return string(data)
}

// verdict fails the test where anything has gone wrong in the tab since the last
// one, and shows what was there to see where the test has failed.
func (b *tab) verdict(t *testing.T) {
	t.Helper()
	// The browser tells in order: what it has told before the answer is there.
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[int]("1")); err != nil {
		t.Error(err)
	}
	b.mu.Lock()
	for _, w := range b.wrong {
		t.Error(w)
	}
	b.wrong = nil
	b.mu.Unlock()
	if t.Failed() && !b.logged {
		t.Log(b.seen())
		b.logged = true
	}
}

// within runs a part of a test in the tab.
func (b *tab) within(name string, part func()) {
	outer := b.t
	outer.Run(name, func(t *testing.T) {
		b.t = t
		defer func() { b.t = outer }()
		defer b.verdict(t)
		part()
	})
}

// seen is what is in the tab: its address, its text, and a file with its picture,
// which is kept by the flag -artifacts of go test.
func (b *tab) seen() string {
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText.replace(/\n+/g, "\n").replace(/.{300,}/g, (l) => l.slice(0, 300) + "…")`))
	if err != nil {
		return fmt.Sprintf("(the page cannot be read: %v)", err)
	}
	if len(text) > 8000 {
		text = text[:8000] + "…"
	}
	if picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100)); err == nil {
		if file, err := os.CreateTemp(b.t.ArtifactDir(), "seen-*.png"); err == nil {
			defer file.Close()
			if _, err := file.Write(picture); err == nil {
				text += "\npicture (kept with go test -artifacts): " + file.Name()
			}
		}
	}
	return text
}

// open goes to a path of the register, where it expects the status.
func (b *tab) open(path string, status int64) {
	b.t.Helper()
	b.goes(status, chromedp.Func(func(ctx context.Context, to *chromedp.Target) error {
		_, err := cdp.Call(ctx, to, page.Navigate, page.NavigateParams{URL: b.url + path})
		return err
	}))
}

// goes does what leads to another page, and expects its status.
func (b *tab) goes(status int64, a chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	b.logged = false
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	resp, err := chromedp.RunResponse(ctx, a)
	if err != nil {
		b.t.Fatal(err)
	}
	if resp == nil || resp.Status != status {
		b.t.Fatalf("the answer is %+v, want status %d", resp, status)
	}
}

// click clicks on what a CSS selector selects first, a button that leads nowhere
// else.
func (b *tab) click(selector string) {
	b.t.Helper()
	run(b, chromedp.Click(chromedp.CSS(selector)))
}

// follow clicks on what leads to another page.
func (b *tab) follow(selector string) {
	b.t.Helper()
	b.goes(200, chromedp.Click(chromedp.CSS(selector)))
}

// fill types into a field, in place of what is in it; of a select it chooses the
// option of that value.
func (b *tab) fill(name, text string) {
	b.t.Helper()
	selector := chromedp.CSS("[name=" + name + "]:not([type=hidden]), #f-" + name + ":not([name])")
	if evaluate[bool](b, "document.querySelector("+quoted(string(selector))+").matches('select')") {
		run(b, chromedp.SetValue(selector, text))
		return
	}
	evaluate[bool](b, "(() => { const e = document.querySelector("+quoted(string(selector))+"); e.focus(); e.select(); return true; })()")
	if text == "" {
		text = kb.Backspace
	}
	b.press(text)
}

// give has a file input take files.
func (b *tab) give(selector string, files ...string) {
	b.t.Helper()
	run(b, chromedp.SetUploadFiles(chromedp.CSS(selector), files))
}

// press presses keys, as somebody does who has no pointer.
func (b *tab) press(keys string) {
	b.t.Helper()
	run(b, chromedp.KeyEvent(keys))
}

// enter presses Enter on what leads to another page.
func (b *tab) enter() {
	b.t.Helper()
	b.goes(200, chromedp.KeyEvent(kb.Enter))
}

// text is what can be read of the first that a selector selects.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return strings.Join(strings.Fields(evaluate[string](b, "document.querySelector("+quoted(selector)+")?.innerText ?? ''")), " ")
}

// reads expects texts in what can be read of the page.
func (b *tab) reads(texts ...string) {
	b.t.Helper()
	all := b.text("main")
	for _, text := range texts {
		if !strings.Contains(all, text) {
			b.t.Errorf("the page does not say %q", text)
		}
	}
}

// wide makes the window so many pixels wide.
func (b *tab) wide(width int64) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1})
}

// looks sets the colours that are preferred, light or dark, and the medium; "" is
// the screen.
func (b *tab) looks(scheme, medium string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: medium, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// offline takes the network off.
func (b *tab) offline() {
	b.t.Helper()
	call(b, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Offline: true, DownloadThroughput: -1, UploadThroughput: -1}},
	})
	call(b, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: true, DownloadThroughput: -1, UploadThroughput: -1})
}

// A mark is what had been sent at some moment: by the tab, and to the register by
// anything, such as a worker of the tab.
type mark struct{ sent, received int }

// mark waits until the page and its icon, which a browser fetches when it likes,
// have been fetched.
func (b *tab) mark() mark {
	b.t.Helper()
	var at mark
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(250 * time.Millisecond) {
		b.mu.Lock()
		is, icon := mark{len(b.sent), len(b.requests())}, slices.ContainsFunc(b.sent, func(r string) bool { return strings.Contains(r, "/icon-") })
		b.mu.Unlock()
		if icon && is == at {
			return at
		}
		at = is
	}
	b.t.Fatal("the page does not come to rest")
	return at
}

// silent expects that nothing has been sent since.
func (b *tab) silent(since mark) {
	b.t.Helper()
	evaluate[int](b, "1")
	b.mu.Lock()
	defer b.mu.Unlock()
	if more := append(slices.Clone(b.sent[since.sent:]), b.requests()[since.received:]...); len(more) > 0 {
		b.t.Errorf("there were requests: %q", more)
	}
}

// A saved file is one that was downloaded.
type saved struct {
	name    string
	content []byte
}

// download does what saves a file.
func (b *tab) download(a chromedp.Action[chromedp.Void]) saved {
	b.t.Helper()
	run(b, a)
	select {
	case d := <-b.downloads:
		content, err := os.ReadFile(filepath.Join(b.dir, d.id))
		if err != nil {
			b.t.Fatal(err)
		}
		return saved{d.name, content}
	case <-time.After(patience):
		b.t.Fatal("nothing is saved")
	}
	return saved{}
}

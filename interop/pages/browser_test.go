// Package pages_test looks at the pages of package web in a real browser: headless
// Chromium, over a register on a loopback port.
package pages_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestMain(m *testing.M) {
	code := m.Run()
	stopChromium()
	os.Exit(code)
}

// chromium is the one browser of all tests: a context to open tabs in.
var chromium = sync.OnceValues(startChromium)

// stopChromium stops it, where it was started.
var stopChromium = func() {}

// chromiumThere is the program, or says why there is none.
func chromiumThere() (path string, err error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err = exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no chromium on the PATH (Debian's package chromium has it; `make setup` installs it)")
}

func startChromium() (context.Context, error) {
	path, err := chromiumThere()
	if err != nil {
		return nil, err
	}
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		// What is not on this machine cannot be reached, whatever a page asks for.
		chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		// The same on every machine.
		chromedp.Flag("lang", "en-GB"),
		chromedp.Flag("font-render-hinting", "none"),
		chromedp.Flag("disable-lcd-text", true),
	)
	if os.Getuid() == 0 {
		flags = append(flags, chromedp.NoSandbox)
	}
	ctx, stopAllocator := chromedp.NewExecAllocator(context.Background(), flags...)
	ctx, stop := chromedp.NewContext(ctx)
	if err := chromedp.Do(ctx); err != nil {
		stop()
		stopAllocator()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	stopChromium = func() { stop(); stopAllocator() }
	return ctx, nil
}

// needChromium skips a test where there is no browser, or fails it where
// SAFECONDUCT_MUST_BROWSE says that there must be one.
func needChromium(t *testing.T) {
	t.Helper()
	if _, err := chromiumThere(); err != nil {
		if os.Getenv("SAFECONDUCT_MUST_BROWSE") == "1" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED, NOTHING IS SHOWN ABOUT THE PAGES: %v", err)
	}
}

// `make test` runs this one again, aloud, to say at its end what was not run.
func TestChromiumIsThere(t *testing.T) { needChromium(t) }

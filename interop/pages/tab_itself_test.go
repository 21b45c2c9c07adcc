package pages_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/safeconduct/safeconduct/registry/web"
)

// TestATabTellsWhatAPageMayNotDo: it would be no proof that nothing is told, did
// nobody listen.
func TestATabTellsWhatAPageMayNotDo(t *testing.T) {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/own.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, `console.warn("a warning"); document.querySelector("p").style = "color: red"; fetch("/sent").catch(() => {}); throw new Error("thrown");`)
		case "/gone.js":
			w.WriteHeader(http.StatusNotFound)
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", web.ContentSecurityPolicy)
			fmt.Fprint(w, `<!doctype html><html lang="en"><title>x</title><script>1</script><p style="color: red">x</p><input type="file"><img src="http://192.0.2.1/x.png" alt="">`+
				`<script src="/own.js" defer></script><script src="/gone.js" defer></script>`)
		}
	}))
	t.Cleanup(h.Close)
	b := newTab(t, &stage{t: t, url: h.URL})
	b.open("/", 200)
	b.click("p")
	own := filepath.Join(t.TempDir(), "evidence.json")
	if err := os.WriteFile(own, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.give("input", own)
	if name := evaluate[string](b, "document.querySelector('input').files[0].name"); name != "evidence.json" {
		t.Errorf("the page is given %q", name)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	all := strings.Join(b.wrong, "\n")
	for _, want := range []string{
		"a warning", "Error: thrown", "inline script", "inline style", "http://192.0.2.1/x.png", "/gone.js: status 404", "/sent", "ContentSecurityPolicyIssue",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("the tab tells nothing of %q, but\n%s", want, all)
		}
	}
	b.wrong = nil
}

// TestATabWithoutNetworkReachesNothing.
func TestATabWithoutNetworkReachesNothing(t *testing.T) {
	s := joint(t)
	b := newTab(t, s)
	b.open("/", 200)
	at := b.mark()
	b.offline()
	b.silent(at)
	if evaluate[bool](b, "navigator.onLine") {
		t.Error("the page believes that there is a network")
	}
	if _, err := chromedp.Run(b.ctx, chromedp.NavigateResponse(b.url+"/check")); err == nil || !strings.Contains(err.Error(), "ERR_INTERNET_DISCONNECTED") {
		t.Errorf("without a network: %v", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.requests()); n != at.received {
		t.Errorf("the register has got %d requests more", n-at.received)
	}
	if len(b.wrong) == 0 {
		t.Error("the tab tells nothing of what it could not load")
	}
	b.wrong = nil
}

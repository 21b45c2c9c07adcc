package web_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/web"
)

// hostile are names that would be something else than a name on a page that does
// not take care.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title></textarea></select><h1>Approved</h1>`,
	"Varuna \u202edetimiL\u202c \u2066x\u2069", `=HYPERLINK("http://evil.example","x")`, "{{.Trust}} ${x} &lt;b&gt;", strings.Repeat("W", 4000),
}

// TestAHostileNameIsTextOnEveryPage: 58, markup and marks in what is signed.
func TestAHostileNameIsTextOnEveryPage(t *testing.T) {
	for _, name := range hostile {
		s := newSite(t, httpapi.Options{})
		reg := registrytest.Registration("reg-varuna", in, registrytest.Varuna, "IN")
		reg.LegalName = name
		reg.FormerNames = []string{name}
		approval := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN")
		approval.LegalName, approval.ApprovedSites[0].Address, approval.Listed = name, name, true
		approval.Mentor = registrytest.Halcyon
		for _, c := range []attest.Claims{reg, approval, titled("domain-us", us, name), titled("domain-in", in, name), registrytest.Registration("reg-halcyon", us, registrytest.Halcyon, "US")} {
			s.MustSubmit(c)
		}
		s.Clock.Add(time.Minute)
		q := question()
		q.Set("presented_name", name)
		for what, d := range map[string]*document{
			"find": s.get("/"), "entity": s.get("/entities/" + registrytest.Varuna), "sandbox": s.get("/sandboxes/" + registrytest.Sandbox),
			"log": s.get("/log"), "registration": s.get("/statements/auth-in/reg-varuna"), "approval": s.get("/statements/auth-us/approval-varuna"),
			"domain":   s.get("/statements/auth-us/domain-us"),
			"partners": s.get("/partners?sandbox=" + registrytest.Sandbox),
		} {
			d.shown(http.StatusOK)
			text := d.text()
			// Prose quotes what is quoted in it.
			if d.find("h2", func(n *html.Node) bool { return attr(n, "id") == "says" }) != nil {
				text = strings.NewReplacer(`\"`, `"`).Replace(text)
			}
			if want := strings.NewReplacer("\u202e", `\u202e`, "\u202c", `\u202c`, "\u2066", `\u2066`, "\u2069", `\u2069`).Replace(name); !strings.Contains(text, want) {
				t.Errorf("%s does not show the name %.60q:\n%.2000s", what, want, text)
			}
			for _, r := range d.body {
				if r == '\u202e' || r == '\u202c' || r == '\u2066' || r == '\u2069' {
					t.Errorf("%s has a mark that turns the direction", what)
					break
				}
			}
			if n := len(d.find("img", nil)); n > 0 {
				t.Errorf("%s has %d images", what, n)
			}
		}
		for what, d := range map[string]*document{
			"check": s.get("/check?transferee=" + registrytest.Varuna + "&sandbox=" + registrytest.Sandbox), "answer": s.ask(q), "api": s.get("/api"),
		} {
			d.shown(http.StatusOK)
			d.textAlone(what, name)
			if strings.Contains(d.body, strings.Repeat("W", 500)) && what != "answer" {
				t.Errorf("%s shows all of a name of %d bytes", what, len(name))
			}
		}
		if got := s.get("/check?transferee=" + registrytest.Varuna).options("destination_site"); len(got) != 1 {
			t.Errorf("sites suggested: %q", got)
		}
	}
}

// textAlone expects of what was sent or signed that the page takes it for text: it makes
// no element, and turns no direction outside of the field that it was entered in.
func (d *document) textAlone(what, text string) {
	d.t.Helper()
	shown := d.text()
	for _, n := range d.find("textarea", nil) {
		shown = strings.ReplaceAll(shown, textOf(n), "")
	}
	if strings.ContainsAny(shown, "\u202e\u202c\u2066\u2069") || len(d.find("img", nil)) > 0 || len(d.find("h1", nil)) != 1 {
		d.t.Errorf("%s: %.60q is taken for something else:\n%.2000s", what, text, shown)
	}
}

func titled(jti, iss, title string) *attest.DomainApproval {
	d := registrytest.Domain(jti, iss)
	d.Title = title
	d.Challenge = &attest.Challenge{Name: title, Citation: title}
	return d
}

// TestWhatIsSentIsTextInEveryField: 58, markup and marks in what is asked, however
// long.
func TestWhatIsSentIsTextInEveryField(t *testing.T) {
	s := newJointSandbox(t)
	form := s.get("/check").shown(http.StatusOK)
	for _, sent := range append(hostile, strings.Repeat("x", 10_000), "a\x00b", "a\nb") {
		for _, n := range form.find("", func(n *html.Node) bool { return strings.HasPrefix(attr(n, "id"), "f-") }) {
			q := question()
			q.Set(attr(n, "name"), sent)
			d := s.ask(q)
			if d.status != http.StatusOK && d.status != http.StatusUnprocessableEntity {
				t.Errorf("%s=%.40q: status %d: %.400s", attr(n, "name"), sent, d.status, d.body)
			}
			d.textAlone(attr(n, "name"), sent)
		}
		for _, name := range []string{"q", "authority", "programme", "sandbox", "country", "status", "after"} {
			d := s.get("/?" + url.Values{name: {sent}}.Encode())
			if d.status >= 500 {
				t.Errorf("/?%s=%.40q: status %d", name, sent, d.status)
			}
			d.textAlone(name, sent)
		}
		for _, name := range []string{"purpose", "country", "item", "role", "sandbox", "authority", "programme", "after"} {
			d := s.get("/partners?" + url.Values{name: {sent}}.Encode())
			if d.status >= 500 {
				t.Errorf("/partners?%s=%.40q: status %d", name, sent, d.status)
			}
			d.textAlone(name, sent)
		}
		for _, path := range []string{"/entities/" + registrytest.Varuna, "/sandboxes/" + registrytest.Sandbox} {
			s.get(path+"?"+url.Values{"at": {sent}, "known": {sent}}.Encode()).shown(http.StatusUnprocessableEntity).textAlone("at", sent)
		}
		if d := s.get("/log?" + url.Values{"before": {sent}}.Encode()); d.status != http.StatusBadRequest {
			t.Errorf("/log?before=%.40q: status %d", sent, d.status)
		}
		for _, path := range []string{"/entities/", "/sandboxes/", "/statements/auth-us/"} {
			if d := s.get(path + url.PathEscape(sent)); d.status != http.StatusNotFound {
				t.Errorf("%s%.40q: status %d", path, sent, d.status)
			} else if d.root != nil {
				// Some are at no path, and so no page's.
				d.textAlone(path, sent)
			}
		}
	}
}

// A time that no page could show, or that nothing could be dated after, is a mistake
// and no fault.
func TestATimeBeyondTheCalendarIsAMistake(t *testing.T) {
	s := newJointSandbox(t)
	for _, at := range []string{"9999-12-31T23:59:59-23:59", "1970-01-01T00:00:00+23:59"} {
		for _, path := range []string{"/entities/" + registrytest.Varuna, "/sandboxes/" + registrytest.Sandbox} {
			s.get(path + "?" + url.Values{"at": {at}}.Encode()).shown(http.StatusUnprocessableEntity)
			s.get(path + "?" + url.Values{"known": {at}}.Encode()).shown(http.StatusUnprocessableEntity)
		}
	}
	q := question()
	q.Set("effective_at", "9999-12-31 23:59:59")
	s.ask(q).shown(http.StatusUnprocessableEntity).has("is after the year 9899")
}

func TestWhatNoFormSendsIsRefusedWithAPage(t *testing.T) {
	s := newJointSandbox(t)
	s.ask(url.Values{"act": {"export", "reexport"}}).shown(http.StatusBadRequest)
	s.ask(url.Values{"item": {"US_CCL 5A001.b.1"}}).shown(http.StatusBadRequest)
	s.ask(url.Values{"act": {"\xff"}}).shown(http.StatusBadRequest)
	s.do(http.MethodPost, "/check?act=export", url.Values{}).shown(http.StatusBadRequest)
	s.ask(url.Values{"reference": {strings.Repeat("x", 1<<20)}}).shown(http.StatusRequestEntityTooLarge)
	for _, path := range []string{"/check", "/compose"} {
		s.do(http.MethodPost, path, nil).shown(http.StatusUnsupportedMediaType)
	}
	// Of several mistakes the same one is named each time.
	for range 8 {
		s.get("/?b=1&c=1&a=1&d=1").shown(http.StatusBadRequest).has(`The field "a"`)
	}
	q := question()
	q.Set("give", "root.key")
	s.ask(q).shown(http.StatusBadRequest)
	for path, allow := range map[string]string{
		"/": "GET, HEAD", "/partners": "GET, HEAD", "/entities/" + registrytest.Varuna: "GET, HEAD", "/log": "GET, HEAD", "/statements/auth-us/domain-us": "GET, HEAD",
		"/check": "GET, HEAD, POST",
	} {
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodOptions} {
			if d := s.do(method, path, nil).shown(http.StatusMethodNotAllowed); d.header.Get("Allow") != allow {
				t.Errorf("%s %s: Allow is %q, want %q", method, path, d.header.Get("Allow"), allow)
			}
		}
	}
}

func TestPagesAreLimitedAsTheAPIIs(t *testing.T) {
	s := newSite(t, httpapi.Options{Limits: httpapi.Limits{Rate: 1, Burst: 12}})
	s.get("/").shown(http.StatusOK)
	s.get("/").shown(http.StatusOK)
	if d := s.get("/").shown(http.StatusTooManyRequests).has("Wait a little"); d.header.Get("Retry-After") == "" {
		t.Error("it does not say for how long")
	}
	s.Clock.Add(3 * time.Second)
	s.get("/").shown(http.StatusOK)
	s.Clock.Add(time.Hour)
	s.ask(question()).shown(http.StatusOK)
	s.ask(question()).shown(http.StatusTooManyRequests)
	// An empty form of a draft costs less than what a draft may.
	s = newSite(t, httpapi.Options{Limits: httpapi.Limits{Rate: 1, Burst: 50}})
	s.compose(approval()).shown(http.StatusOK)
	s.get("/compose").shown(http.StatusTooManyRequests)
	s.Clock.Add(time.Hour)
	for range 5 {
		s.get("/compose").shown(http.StatusOK)
	}
	s.compose(approval()).shown(http.StatusTooManyRequests)
}

func TestAPageHasOnlyItsOwnStylesheet(t *testing.T) {
	s := newSite(t, httpapi.Options{})
	sheets := s.get("/").shown(http.StatusOK).find("link", nil)
	if len(sheets) != 2 {
		t.Fatalf("%d links, want the stylesheet and the icon", len(sheets))
	}
	for _, n := range sheets {
		d := s.get(attr(n, "href"))
		if d.status != http.StatusOK || d.body == "" || d.header.Get("Content-Security-Policy") == "" || !strings.Contains(d.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", attr(n, "href"), d.status, d.header)
		}
		if strings.Contains(d.body, "url(") || strings.Contains(d.body, "@import") {
			t.Errorf("%s fetches something", attr(n, "href"))
		}
	}
}

// faulty is a register whose decisions fail with what only its operator may know.
type faulty struct{ *registrytest.Register }

func (faulty) Explain(context.Context, *policy.Request, policy.Times, ...attest.Disclosure) (*policy.Decision, []byte, error) {
	return nil, nil, errors.New("the disk at /secret has failed")
}

func TestAFaultIsAPageThatTellsNothingAndALineInTheLog(t *testing.T) {
	s := newJointSandbox(t)
	var log bytes.Buffer
	pages := web.New(faulty{s.Register}, web.Options{Now: s.Clock.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	s.behind(pages, httpapi.Options{})
	d := s.ask(question()).shown(http.StatusInternalServerError)
	name := d.header.Get("X-Request-Id")
	d.has(name).lacks("secret", registrytest.Varuna)
	if line := log.String(); !strings.Contains(line, "/secret") || !strings.Contains(line, name) || strings.Contains(line, "VARUNA") {
		t.Errorf("the log says %q", line)
	}
}

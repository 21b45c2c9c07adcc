package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/web"
)

const (
	us = registrytest.US
	in = registrytest.IN
)

// site is a register of a test behind its API and pages.
type site struct {
	t *testing.T
	*registrytest.Register
	url string
}

func newSite(t *testing.T, o httpapi.Options) *site {
	t.Helper()
	s := &site{t: t, Register: registrytest.New(t)}
	s.serve(o)
	return s
}

// serve begins to serve the site.
func (s *site) serve(o httpapi.Options) {
	s.behind(web.New(s.Register, web.Options{Now: s.Clock.Now}), o)
}

// behind serves the pages beside the register's API.
func (s *site) behind(pages *web.Pages, o httpapi.Options) {
	o.Now = s.Clock.Now
	s.url = address(s.t, s.Register, pages, o)
}

// serving is a site that has no register of a test: pages of a reader, beside an API.
func serving(t *testing.T, api httpapi.Reader, reader web.Reader, now func() time.Time) *site {
	t.Helper()
	return &site{t: t, url: address(t, api, web.New(reader, web.Options{Now: now}), httpapi.Options{Now: now})}
}

// address is where pages are served beside an API, until the test ends.
func address(t *testing.T, api httpapi.Reader, pages *web.Pages, o httpapi.Options) string {
	t.Helper()
	o.Beside = pages.Paths()
	h := httptest.NewServer(httpapi.NewHandler(api, o))
	t.Cleanup(h.Close)
	return h.URL
}

// newJointSandbox is a site on which [question] is permitted.
func newJointSandbox(t *testing.T) *site {
	t.Helper()
	s := newSite(t, httpapi.Options{})
	s.approveBoth()
	return s
}

// approveBoth has all logged that [question] needs.
func (s *site) approveBoth() {
	reg := registrytest.Registration("reg-varuna", in, registrytest.Varuna, "IN")
	reg.LegalName, reg.FormerNames = "Varuna Deepsense Private Limited", []string{"Samudra Acoustics"}
	reg.Identifiers = []string{"iec:0388012345"}
	approval := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN")
	approval.LegalName = reg.LegalName
	approval.Obligations = []attest.Obligation{{Kind: "report_within", Days: 30}}
	s.MustSubmit(registrytest.Registration("reg-halcyon", us, registrytest.Halcyon, "US"))
	s.MustSubmit(reg)
	s.MustSubmit(approval)
	s.MustSubmit(registrytest.Approval("approval-halcyon", in, registrytest.Halcyon, "US"))
	s.MustSubmit(registrytest.Domain("domain-us", us))
	s.MustSubmit(registrytest.Domain("domain-in", in))
	// A frozen clock's batches are dated after it.
	s.Clock.Add(time.Minute)
}

// question is what the form of a check is filled in with.
func question() url.Values {
	return url.Values{
		"act": {"technology_release"}, "sandbox": {registrytest.Sandbox}, "effective_at": {"2026-01-05 09:00"},
		"transferor": {registrytest.Halcyon}, "transferee": {registrytest.Varuna}, "destination_site": {"VTZ-1"},
		"items": {"US_CCL 5A001.b.1"}, "end_use": {"sea_trial"},
	}
}

// document is an answer that has been read.
type document struct {
	t      *testing.T
	status int
	header http.Header
	body   string
	root   *html.Node
}

func (s *site) do(method, path string, form url.Values) *document {
	s.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	d := &document{s.t, resp.StatusCode, resp.Header, string(b), nil}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		if d.root, err = html.Parse(strings.NewReader(d.body)); err != nil {
			s.t.Fatal(err)
		}
		d.sound(method + " " + path)
	}
	return d
}

func (s *site) get(path string) *document { s.t.Helper(); return s.do(http.MethodGet, path, nil) }

func (s *site) ask(form url.Values) *document {
	s.t.Helper()
	return s.do(http.MethodPost, "/check", form)
}

// shown expects a page.
func (d *document) shown(status int) *document {
	d.t.Helper()
	if d.status != status || d.root == nil {
		d.t.Fatalf("status %d, want %d and a page: %s", d.status, status, d.body)
	}
	return d
}

// has expects text among what is shown.
func (d *document) has(texts ...string) *document {
	d.t.Helper()
	all := d.text()
	for _, text := range texts {
		if !strings.Contains(all, text) {
			d.t.Errorf("the page does not say %q:\n%s", text, all)
		}
	}
	return d
}

func (d *document) lacks(texts ...string) {
	d.t.Helper()
	all := d.text()
	for _, text := range texts {
		if strings.Contains(all, text) {
			d.t.Errorf("the page says %q:\n%s", text, all)
		}
	}
}

// text is what the page says in <main>, with white space as it is shown.
func (d *document) text() string { return textOf(d.find("main", nil)[0]) }

// apart are elements before which a browser begins anew.
var apart = []string{"td", "th", "dt", "dd", "li", "p", "h1", "h2", "h3", "h4", "ul", "summary", "legend", "text", "svg", "option", "output", "br", "div"}

func textOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		} else if slices.Contains(apart, c.Data) {
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// find returns the elements of a name for which is holds; "" is any name.
func (d *document) find(name string, is func(*html.Node) bool) (out []*html.Node) {
	for n := range d.root.Descendants() {
		if n.Type == html.ElementNode && (name == "" || n.Data == name) && (is == nil || is(n)) {
			out = append(out, n)
		}
	}
	return out
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasAttr(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// control returns the control of a field.
func (d *document) control(name string) *html.Node {
	d.t.Helper()
	at := d.find("", func(n *html.Node) bool { return attr(n, "id") == "f-"+name })
	if len(at) != 1 {
		d.t.Fatalf("%d controls %s", len(at), name)
	}
	return at[0]
}

// given is what a field has in it.
func (d *document) given(name string) string {
	d.t.Helper()
	n := d.control(name)
	switch {
	case n.Data == "textarea" && n.FirstChild != nil:
		return n.FirstChild.Data
	case n.Data == "select":
		for _, o := range d.find("option", func(o *html.Node) bool { return o.Parent == n && hasAttr(o, "selected") }) {
			return attr(o, "value")
		}
		return ""
	case attr(n, "type") == "checkbox" && !hasAttr(n, "checked"):
		return ""
	}
	return attr(n, "value")
}

// card is what is said in the card of a statement.
func (d *document) card(jti string) string {
	d.t.Helper()
	cards := d.find("article", func(n *html.Node) bool { return strings.HasSuffix(attr(n, "aria-label"), " "+jti) })
	if len(cards) != 1 {
		d.t.Fatalf("%d cards of %s in\n%s", len(cards), jti, d.text())
	}
	return textOf(cards[0])
}

// urls are the attributes by which a page has something fetched, or goes
// somewhere.
var urls = []string{"href", "src", "action", "formaction", "srcset", "data", "poster", "cite", "background", "ping", "manifest"}

// sound checks what every page promises: its headers, that all that it has is its
// own and nothing of it a script, and that every control has a label.
func (d *document) sound(what string) {
	d.t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": web.ContentSecurityPolicy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
	} {
		if got := d.header.Get(name); got != want {
			d.t.Errorf("%s: %s is %q, want %q", what, name, got, want)
		}
	}
	if got := d.header.Values("Set-Cookie"); len(got) > 0 {
		d.t.Errorf("%s sets cookies: %q", what, got)
	}
	labels, ids := make(map[string]bool), make(map[string]int)
	for _, n := range d.find("", nil) {
		if n.Data == "label" {
			labels[attr(n, "for")] = textOf(n) != ""
		}
		if id := attr(n, "id"); id != "" {
			ids[id]++
		}
	}
	for _, n := range d.find("", nil) {
		switch n.Data {
		case "style", "iframe", "object", "embed", "base":
			d.t.Errorf("%s has a <%s>", what, n.Data)
		case "script":
			if attr(n, "src") == "" || n.FirstChild != nil {
				d.t.Errorf("%s has a script within", what)
			}
		case "input", "select", "textarea":
			if attr(n, "type") != "hidden" && !labels[attr(n, "id")] {
				d.t.Errorf("%s: the control %q has no label", what, attr(n, "name"))
			}
		case "button":
			if textOf(n) == "" {
				d.t.Errorf("%s has a button without a word", what)
			}
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				d.t.Errorf("%s: <%s> has %s=%q", what, n.Data, a.Key, a.Val)
			}
			for _, u := range urls {
				own := strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "//") || strings.HasPrefix(a.Val, "#")
				if a.Key == u && !own {
					d.t.Errorf("%s: <%s> leads to %s=%q", what, n.Data, a.Key, a.Val)
				}
			}
			if a.Key == "aria-describedby" || a.Key == "aria-labelledby" {
				for _, id := range strings.Fields(a.Val) {
					if ids[id] == 0 {
						d.t.Errorf("%s: <%s> is described by %q, which is not there", what, n.Data, id)
					}
				}
			}
		}
	}
	for id, n := range ids {
		if n > 1 {
			d.t.Errorf("%s has the id %q %d times", what, id, n)
		}
	}
	if n := len(d.find("h1", nil)); n != 1 {
		d.t.Errorf("%s has %d first headings, want one", what, n)
	}
}

package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/finder"
	"github.com/safeconduct/safeconduct/registry/httpapi"
)

//go:embed template/*.html
var templateFiles embed.FS

// templates are those of the pages, by name, each with the layout around it.
var templates = parseTemplates(
	"find", "partners", "entity", "sandbox",
	"check", "verify",
	"log", "statement",
	"authorities", "authority", "compose",
	"api", "error",
)

func parseTemplates(names ...string) map[string]*template.Template {
	layout := template.Must(template.New("layout.html").Funcs(functions).ParseFS(templateFiles, "template/layout.html", "template/parts.html", "template/verification.html"))
	all := make(map[string]*template.Template, len(names))
	for _, name := range names {
		all[name] = template.Must(template.Must(layout.Clone()).ParseFS(templateFiles, "template/"+name+".html"))
	}
	return all
}

// An exchange is a request that a page answers.
type exchange struct {
	*http.Request
	w http.ResponseWriter
	// fields are what was given, in the query or in the body, each once.
	fields map[string]string
}

// A page is what is answered.
type page struct {
	// template names it, Body is what it shows.
	template string
	Title    string
	// Here is the path of the navigation's entry that it stands under.
	Here string
	Body any

	status int
	// file is answered in place of a page where it is not nil.
	file *file

	// Scripts are those that do more on it than a page without scripts can.
	Scripts []*asset
	// Places are the entries of the navigation.
	Places []place

	Origin      string
	Style, Icon string
	// Size is that of the log, Time when the last of it was logged; zero where there
	// is none.
	Size int64
	Time time.Time
}

// A place is an entry of the navigation; its words are those of Key.
type place struct{ Path, Key string }

var places = []place{
	{"/", "nav.find"},
	{"/check", "nav.check"},
	{"/verify", "nav.verify"},
	{"/log", "nav.log"},
	{"/authorities", "nav.authorities"},
	{"/api", "nav.api"},
}

// A file is what somebody takes away.
type file struct {
	name, contentType string
	body              []byte
}

// secure sets the headers that every answer has.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", ContentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

// serve is the one way from a request to a page.
func (p *Pages) serve(route string, show func(*exchange) (*page, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		pg, err := show(&exchange{Request: r, w: w})
		if err != nil {
			pg = p.failed(w, r, route, err)
		}
		body, contentType := []byte(nil), "text/html; charset=utf-8"
		if pg.file != nil {
			contentType, body = pg.file.contentType, pg.file.body
			w.Header().Set("Content-Disposition", `attachment; filename="`+pg.file.name+`"`)
		} else if body, err = p.render(pg); err != nil {
			p.fault(w, r, route, err)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		if pg.status != 0 {
			w.WriteHeader(pg.status)
		}
		// Whoever does not read the answer has gone away.
		_, _ = w.Write(body)
	})
}

// render makes the whole page before any of it is sent: one that fails half way
// could leave out what matters.
func (p *Pages) render(pg *page) ([]byte, error) {
	pg.Origin, pg.Style, pg.Icon, pg.Places = p.reg.Origin(), style.path, icon.path, places
	pg.Scripts = append([]*asset{localTime}, pg.Scripts...)
	if e, err := p.reg.Published(); err == nil && pg.Size == 0 {
		pg.Size, pg.Time = e.Size(), e.Time()
	}
	var b bytes.Buffer
	if err := templates[pg.template].ExecuteTemplate(&b, "layout.html", pg); err != nil {
		return nil, fmt.Errorf("make the page %s: %w", pg.template, err)
	}
	return b.Bytes(), nil
}

// at says which edition a page shows.
func (pg *page) at(e *registry.Edition) *page {
	pg.Size, pg.Time = e.Size(), e.Time()
	return pg
}

// A mistake is of whoever asks: a status, and a sentence of the catalogue.
type mistake struct {
	status int
	key    string
	args   []any
}

func (m *mistake) Error() string { return say(m.key, m.args...) }

func wrong(status int, key string, args ...any) error { return &mistake{status, key, args} }

func tooOften(*exchange) (*page, error) {
	return nil, wrong(http.StatusTooManyRequests, "error.too_often")
}

// failure is what the page of an error shows.
type failure struct {
	Detail  string
	Request string
}

// failed is the page of an error.
func (p *Pages) failed(w http.ResponseWriter, r *http.Request, route string, err error) *page {
	status, detail := 0, ""
	if m, ok := errors.AsType[*mistake](err); ok {
		status, detail = m.status, m.Error()
	} else if errors.Is(err, finder.ErrBuilding) {
		status, detail = http.StatusServiceUnavailable, say("error.building")
		w.Header().Set("Retry-After", "5")
	} else {
		refused := httpapi.RefusalOf(err)
		status, detail = refused.Status, refused.Detail
		if refused.RetryAfter != "" {
			w.Header().Set("Retry-After", refused.RetryAfter)
		}
	}
	if status == http.StatusInternalServerError {
		p.fault(w, r, route, err)
	}
	return &page{template: "error", Title: say("error.title", status), status: status, Body: failure{detail, w.Header().Get("X-Request-Id")}}
}

// fault tells the log what whoever asks is not told.
func (p *Pages) fault(w http.ResponseWriter, r *http.Request, route string, err error) {
	p.logger.LogAttrs(r.Context(), slog.LevelError, "page failed",
		slog.String("route", route), slog.String("request_id", w.Header().Get("X-Request-Id")), slog.Any("error", err))
}

// maxForm bounds the body of a form, in bytes.
const maxForm = 512 << 10

// read reads what was given: the fields of the query or, where post says that the
// page takes one, of a form. An unknown field would be a question that nobody
// asked, and one that is given twice two of them: both are refused.
func (x *exchange) read(post bool, known []string) error {
	if allow, ok := allowed(x.Request, post); !ok {
		x.w.Header().Set("Allow", allow)
		return wrong(http.StatusMethodNotAllowed, "error.method")
	}
	if x.Method == http.MethodPost {
		if t, _, err := mime.ParseMediaType(x.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
			return wrong(http.StatusUnsupportedMediaType, "error.media")
		}
	}
	values, err := url.ParseQuery(x.URL.RawQuery)
	if err != nil {
		return wrong(http.StatusBadRequest, "error.query")
	}
	if x.Method == http.MethodPost {
		if len(values) > 0 {
			return wrong(http.StatusBadRequest, "error.query")
		}
		x.Body = http.MaxBytesReader(x.w, x.Body, maxForm)
		if err := x.ParseForm(); err != nil {
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				return wrong(http.StatusRequestEntityTooLarge, "error.too_large", maxForm)
			}
			return wrong(http.StatusBadRequest, "error.form")
		}
		values = x.PostForm
	}
	x.fields = make(map[string]string, len(values))
	// Of several that are wrong, the same one is named each time.
	for _, name := range slices.Sorted(maps.Keys(values)) {
		given := values[name]
		switch {
		case !slices.Contains(known, name):
			return wrong(http.StatusBadRequest, "error.unknown_field", name)
		case len(given) > 1:
			return wrong(http.StatusBadRequest, "error.field_twice", name)
		case !utf8.ValidString(given[0]):
			return wrong(http.StatusBadRequest, "error.utf8", name)
		}
		x.fields[name] = given[0]
	}
	return nil
}

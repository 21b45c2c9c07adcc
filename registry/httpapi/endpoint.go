package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/policy"
)

// A route is a path and the one thing that may be done there.
type route struct {
	path, method string
	endpoint
	// other answers for itself, by any method; nil where the endpoint does.
	other http.Handler
}

// An endpoint says what it takes and how it answers.
type endpoint struct {
	// accepts is the media type of the body, "" for none; limit its bytes.
	accepts string
	limit   int64
	// streams says that the endpoint reads the body itself.
	streams bool
	// params are the query parameters, each given at most once.
	params []string
	// cost is in tokens, see [Limits]; below one it is free.
	cost int
	// open says that pages of any origin may ask.
	open bool
	// tagged says that an answer has an ETag: it says the same until the log has
	// more.
	tagged bool
	// serve answers. The query has been checked, the body been read.
	serve func(r *http.Request, body []byte) (answer, error)
}

// An answer is what is written where nothing is wrong.
type answer struct {
	status      int
	contentType string
	// cache is the Cache-Control; "" stands for no-store.
	cache string
	// etag is without its quotes, "" for none.
	etag string
	// more are further headers.
	more map[string]string
	body []byte
	// kept is the buffer that body is in, which goes back to buffers once it is
	// written; nil where it is nobody else's.
	kept *bytes.Buffer
	// stream writes the body where it is not known beforehand.
	stream func(p *paced) error
}

// buffers are those of answers that are written again and again. To make and clear
// a new one for each takes as long as to decide.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxKept bounds the buffers that are kept, in bytes: most answers are shorter.
const maxKept = 64 << 10

// written has the buffer of an answer be used again.
func (a *answer) written() {
	if a.kept != nil && a.kept.Cap() <= maxKept {
		a.kept.Reset()
		buffers.Put(a.kept)
	}
}

// decisionAnswer is a decision as it is.
func decisionAnswer(d *policy.Decision) (answer, error) {
	b, _ := buffers.Get().(*bytes.Buffer)
	if err := d.Write(b); err != nil {
		return answer{}, err
	}
	return answer{contentType: "application/json", body: b.Bytes(), kept: b}, nil
}

// jsonAnswer encodes v.
func jsonAnswer(v any) (answer, error) {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return answer{}, fmt.Errorf("encode the answer: %w", err)
	}
	return answer{contentType: "application/json", body: b}, nil
}

// serve is the one way from a request to its answer: what an endpoint returns
// is encoded here, an error mapped to its problem, a panic caught, and the
// exchange told to the log.
func (h *handler) serve(route string, e *endpoint, serve func(http.ResponseWriter, *http.Request) (answer, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		if e.open {
			allowOrigins(w.Header())
		}
		a := h.answer(w, r, route, e, serve)
		// A stream that is cut off is told, too.
		defer func() { h.log(r, route, a.status, len(a.body), time.Since(start)) }()
		if a.stream != nil {
			h.streamed(w, r, route, a)
			return
		}
		if e.tagged {
			a = tagged(r, a)
		}
		a.write(w)
		a.written()
	})
}

func (h *handler) answer(w http.ResponseWriter, r *http.Request, route string, e *endpoint, serve func(http.ResponseWriter, *http.Request) (answer, error)) (a answer) {
	x := exchangeOf(r.Context())
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			panic(v)
		default:
			h.logger.LogAttrs(r.Context(), slog.LevelError, "panic in a request",
				h.named(r.Context(), slog.String("route", route), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))...)
			a = (&problem{kind: internal, detail: internalDetail}).answer(x)
		}
	}()
	// Asked before the body is read.
	if wait := h.limiter.take(x.client, e.cost); wait > 0 {
		return problemOf(tooOften(wait)).answer(x)
	}
	a, err := serve(w, r)
	if err == nil {
		if a.status == 0 {
			a.status = http.StatusOK
		}
		return a
	}
	p := problemOf(err)
	if p.kind == internal {
		h.fault(r.Context(), route, err)
	}
	return p.answer(x)
}

// fault tells the log what the asker is not told.
func (h *handler) fault(ctx context.Context, route string, err error) {
	h.logger.LogAttrs(ctx, slog.LevelError, "request failed", h.named(ctx, slog.String("route", route), slog.Any("error", err))...)
}

func (a answer) write(w http.ResponseWriter) {
	a.head(w)
	if a.contentType != "" {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if len(a.body) == 0 {
		return
	}
	// Whoever does not read the answer has gone away.
	_, _ = w.Write(a.body)
}

// head sets the headers that every answer has.
func (a answer) head(w http.ResponseWriter) {
	head := w.Header()
	// Without a body there is nothing to describe.
	if a.contentType != "" {
		head.Set("Content-Type", a.contentType)
	}
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cache-Control", "no-store")
	if a.cache != "" {
		head.Set("Cache-Control", a.cache)
	}
	if a.etag != "" {
		head.Set("ETag", `"`+a.etag+`"`)
	}
	for k, v := range a.more {
		head.Set(k, v)
	}
}

// dispatch checks method, media type, query and body, in this order, before
// the endpoint serves.
func (rt *route) dispatch(w http.ResponseWriter, r *http.Request) (answer, error) {
	a, err := rt.answer(w, r)
	if err != nil && rt.streams {
		unawaited(w)
	}
	return a, err
}

func (rt *route) answer(w http.ResponseWriter, r *http.Request) (answer, error) {
	allowed := []string{rt.method}
	if rt.method == http.MethodGet {
		allowed = append(allowed, http.MethodHead)
	}
	if rt.open && isPreflight(r) {
		return preflight(allowed), nil
	}
	if !slices.Contains(allowed, r.Method) {
		return answer{}, methodNotAllowed(r.Method, allowed)
	}
	if err := rt.checkMedia(r); err != nil {
		return answer{}, err
	}
	if err := rt.checkQuery(r); err != nil {
		return answer{}, err
	}
	if rt.accepts == "" || rt.streams {
		return rt.serve(r, nil)
	}
	if r.ContentLength > rt.limit {
		return answer{}, unreadable(&http.MaxBytesError{Limit: rt.limit})
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, rt.limit))
	exchangeOf(r.Context()).read = len(body)
	if err != nil {
		return answer{}, unreadable(err)
	}
	return rt.serve(r, body)
}

func (e *endpoint) checkMedia(r *http.Request) error {
	if e.accepts == "" {
		return nil
	}
	if enc := r.Header.Values("Content-Encoding"); len(enc) > 0 {
		return &problem{
			kind: mediaType, more: map[string]string{"Accept-Encoding": "identity"},
			detail: "the body has a Content-Encoding; send it as it is",
		}
	}
	given := r.Header.Values("Content-Type")
	if len(given) == 1 {
		if t, _, err := mime.ParseMediaType(given[0]); err == nil && t == e.accepts {
			return nil
		}
	}
	return &problem{
		kind: mediaType, more: map[string]string{"Accept-Post": e.accepts},
		detail: fmt.Sprintf("the Content-Type is %q; want %s", given, e.accepts),
	}
}

// checkQuery refuses a misspelt parameter, which would otherwise be a question
// that nobody asked.
func (e *endpoint) checkQuery(r *http.Request) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return malformedQuery("cannot be read: %v", err)
	}
	for name, values := range q {
		if !slices.Contains(e.params, name) {
			return malformedQuery("has the unknown parameter %q", name)
		}
		if len(values) > 1 {
			return malformedQuery("has the parameter %q twice", name)
		}
	}
	return nil
}

func malformedQuery(format string, args ...any) error {
	return &problem{kind: malformed, detail: "the query " + fmt.Sprintf(format, args...)}
}

package httpapi

import (
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
	"time"

	"github.com/go-json-experiment/json"
)

// A route is a path and the one thing that may be done there.
type route struct {
	path, method string
	endpoint
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
	// serve answers. The query has been checked, the body been read.
	serve func(r *http.Request, body []byte) (answer, error)
}

// An answer is what is written where nothing is wrong.
type answer struct {
	status      int
	contentType string
	// cache is the Cache-Control; "" stands for no-store.
	cache string
	// more are further headers.
	more map[string]string
	body []byte
	// stream writes the body where it is not known beforehand.
	stream func(p *paced) error
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
func (h *handler) serve(route string, serve func(http.ResponseWriter, *http.Request) (answer, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		a := h.answer(w, r, route, serve)
		// A stream that is cut off is told, too.
		defer func() {
			h.logger.LogAttrs(r.Context(), slog.LevelInfo, "request",
				slog.String("method", r.Method), slog.String("route", route),
				slog.Int("status", a.status), slog.Duration("took", time.Since(start)))
		}()
		if a.stream != nil {
			h.streamed(w, r, route, a)
			return
		}
		a.write(w)
	})
}

func (h *handler) answer(w http.ResponseWriter, r *http.Request, route string, serve func(http.ResponseWriter, *http.Request) (answer, error)) (a answer) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			panic(v)
		default:
			h.logger.LogAttrs(r.Context(), slog.LevelError, "panic in a request",
				slog.String("route", route), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			a = (&problem{kind: internal, detail: internalDetail}).answer()
		}
	}()
	a, err := serve(w, r)
	if err == nil {
		a.status = http.StatusOK
		return a
	}
	p := problemOf(err)
	if p.kind == internal {
		h.fault(r.Context(), route, err)
	}
	return p.answer()
}

// fault tells the log what the asker is not told.
func (h *handler) fault(ctx context.Context, route string, err error) {
	h.logger.LogAttrs(ctx, slog.LevelError, "request failed",
		slog.String("route", route), slog.Any("error", err))
}

func (a answer) write(w http.ResponseWriter) {
	a.head(w)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	// Whoever does not read the answer has gone away.
	_, _ = w.Write(a.body)
}

// head sets the headers that every answer has.
func (a answer) head(w http.ResponseWriter) {
	head := w.Header()
	head.Set("Content-Type", a.contentType)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cache-Control", "no-store")
	if a.cache != "" {
		head.Set("Cache-Control", a.cache)
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
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, rt.limit))
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

package httpapi

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"
)

// requestIDHeader names a request, in the answer and by whoever asks.
const requestIDHeader = "X-Request-Id"

// maxRequestID bounds what a caller may name a request.
const maxRequestID = 128

// An exchange is what is known of a request before it is routed.
type exchange struct {
	// id names it.
	id string
	// client is who asks, as the limits tell clients apart.
	client string
	// read is how many bytes of the body have been read.
	read int
}

type exchangeKey struct{}

// begin names a request and takes up its trace, before anything is looked at.
func (h *handler) begin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{id: requestID(r.Header.Values(requestIDHeader)), client: h.clients.of(r)}
		w.Header().Set(requestIDHeader, x.id)
		ctx := context.WithValue(withTrace(r.Context(), r.Header), exchangeKey{}, x)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return new(exchange)
}

// requestID is the caller's name of the request where it is one that may stand
// anywhere, and else a new one.
func requestID(given []string) string {
	if len(given) == 1 && isRequestID(given[0]) {
		return given[0]
	}
	return rand.Text()
}

// isRequestID reports whether s is letters, digits, dots, dashes and
// underscores, as UUIDs and ULIDs are: nothing that a log, a URN or a terminal
// could take for something else.
func isRequestID(s string) bool {
	if s == "" || len(s) > maxRequestID {
		return false
	}
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if digit := '0' <= c && c <= '9'; !letter && !digit && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// instance is the request's name as a problem has it (RFC 9457): a URN.
func (x *exchange) instance() string {
	if x.id == "" {
		return ""
	}
	return "urn:safeconduct:request:" + x.id
}

// log tells the log and the metrics of a request that was answered.
func (h *handler) log(r *http.Request, route string, status, wrote int, took time.Duration) {
	h.options.Metrics.answered(route, r.Method, status, took)
	if !h.logger.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	h.logger.LogAttrs(r.Context(), slog.LevelInfo, "request", h.named(r.Context(),
		slog.String("method", methodOf(r.Method)), slog.String("route", route), slog.Int("status", status), slog.Duration("took", took),
		slog.Int("bytes_in", exchangeOf(r.Context()).read), slog.Int("bytes_out", wrote))...)
}

// named adds what every line of the log says of a request. The caller's address
// is not in it, nor anything else that the caller has sent but the names of the
// request and of its trace, which have no room for more.
func (h *handler) named(ctx context.Context, said ...slog.Attr) []slog.Attr {
	x := exchangeOf(ctx)
	said = append(said, slog.String("request_id", x.id), slog.String("client", h.clients.shown(x.client)))
	return append(said, traceAttrs(ctx)...)
}

// methodOf is a method as logs and metrics show it: a caller may send any word.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

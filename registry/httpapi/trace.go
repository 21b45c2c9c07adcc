package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traceContext reads and writes the headers of W3C Trace Context.
var traceContext propagation.TraceContext

// withTrace takes up the trace that a request is part of. What is not exactly
// one good traceparent is none.
func withTrace(ctx context.Context, head http.Header) context.Context {
	parent := head.Values("Traceparent")
	if len(parent) != 1 {
		return ctx
	}
	return traceContext.Extract(ctx, propagation.MapCarrier{
		"traceparent": parent[0],
		// It may come in several lines, and is then one list (section 3.3.1.1).
		"tracestate": strings.Join(head.Values("Tracestate"), ","),
	})
}

// traceAttrs name the trace and the caller's span, where there are any.
func traceAttrs(ctx context.Context) []slog.Attr {
	s := trace.SpanContextFromContext(ctx)
	if !s.IsValid() {
		return nil
	}
	return []slog.Attr{slog.String("trace_id", s.TraceID().String()), slog.String("span_id", s.SpanID().String())}
}

// Traced returns a transport that passes on, with every request that is made on
// behalf of one which the handler serves, the trace that this one is part of and
// its name. What a mirror asks the register while the register waits for it goes
// by it. The server makes no span of its own: the caller's stays the parent.
func Traced(by http.RoundTripper) http.RoundTripper { return &traced{by} }

type traced struct{ by http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t *traced) RoundTrip(r *http.Request) (*http.Response, error) {
	// A transport does not change what it is given.
	r = r.Clone(r.Context())
	traceContext.Inject(r.Context(), propagation.HeaderCarrier(r.Header))
	if x := exchangeOf(r.Context()); x.id != "" {
		r.Header.Set(requestIDHeader, x.id)
	}
	return t.by.RoundTrip(r)
}

package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// streamed writes an answer that has no end known beforehand. Whatever goes
// wrong after its head can no longer be answered: the exchange is cut off, so
// that nobody takes it for whole.
func (h *handler) streamed(w http.ResponseWriter, r *http.Request, route string, a answer) {
	p := &paced{w: w, conn: http.NewResponseController(w), ctx: r.Context(), patience: h.streamPatience}
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			panic(v)
		default:
			h.logger.LogAttrs(r.Context(), slog.LevelError, "panic in a stream",
				slog.String("route", route), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			panic(http.ErrAbortHandler)
		}
	}()
	a.head(w)
	w.WriteHeader(a.status)
	err := a.stream(p)
	if err == nil {
		p.restore()
		return
	}
	p.hangUp()
	if !errors.Is(err, errLeft) && r.Context().Err() == nil {
		h.logger.LogAttrs(r.Context(), slog.LevelError, "stream failed", slog.String("route", route), slog.Any("error", err))
	}
	panic(http.ErrAbortHandler)
}

// errLeft says that whoever asked does not read the answer, or sends no more of
// the question.
var errLeft = errors.New("the client has left")

// paced writes to a client that has to read: what it does not take within its
// patience ends the stream. It is an [http.ResponseWriter] whose head is written.
type paced struct {
	w        http.ResponseWriter
	conn     *http.ResponseController
	ctx      context.Context //nolint:containedctx // it is that of the exchange
	patience time.Duration
}

// Header implements [http.ResponseWriter].
func (p *paced) Header() http.Header { return p.w.Header() }

// WriteHeader does nothing: the head is written.
func (p *paced) WriteHeader(int) {}

// Write writes to the client.
func (p *paced) Write(b []byte) (int, error) {
	p.await()
	n, err := p.w.Write(b)
	if err != nil {
		err = fmt.Errorf("%w: %w", errLeft, err)
	}
	return n, err
}

// FlushError sends what was written.
func (p *paced) FlushError() error {
	p.await()
	if err := p.conn.Flush(); err != nil {
		return fmt.Errorf("%w: %w", errLeft, err)
	}
	// A server that could not send has ended the context.
	if err := context.Cause(p.ctx); err != nil {
		return fmt.Errorf("%w: %w", errLeft, err)
	}
	return nil
}

// await begins the patience anew. What is no connection has no deadline, and
// does not block.
func (p *paced) await() { _ = p.conn.SetWriteDeadline(time.Now().Add(p.patience)) }

// restore leaves the connection's patience as the server would have it: it sets
// it anew for the next request only where it has one.
func (p *paced) restore() {
	var write time.Time
	if s, ok := p.ctx.Value(http.ServerContextKey).(*http.Server); ok && s.WriteTimeout > 0 {
		write = time.Now().Add(s.WriteTimeout)
	}
	_ = p.conn.SetWriteDeadline(write)
}

// hangUp lets nothing wait any more that the server does to end the exchange,
// such as reading what is left of the body.
func (p *paced) hangUp() {
	_ = p.conn.SetWriteDeadline(time.Now())
	_ = p.conn.SetReadDeadline(time.Now())
}

// lingering is how long a client whose body is not read may take to see why.
const lingering = 2 * time.Second

// unawaited has a server answer before the body has come to its end, which may be
// never, and then close the connection.
func unawaited(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lingering))
}

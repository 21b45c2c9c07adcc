package httpapi

import (
	"bytes"
	"log"
	"log/slog"
	"net/http"
	"time"
)

// maxStreams bounds what one HTTP/2 connection asks at a time.
const maxStreams = 100

// NewServer returns a server of h that bounds what a slow client can hold, of
// time and of memory: 5 s for a header of 16 KiB, 30 s for a request, a minute
// for an answer, 100 requests at a time on a connection of HTTP/2. What the
// server itself has to say, such as of a TLS handshake that failed, goes to
// logger without the client's address; nil is nowhere.
func NewServer(h http.Handler, logger *slog.Logger) *http.Server {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		// OPTIONS * is at no path, as others.
		DisableGeneralOptionsHandler: true,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:                     log.New(&serverLog{logger}, "", 0),
	}
}

// serverLog is where a server writes lines.
type serverLog struct{ logger *slog.Logger }

var (
	handshake = []byte("http: TLS handshake error from ")
	colon     = []byte(": ")
)

// Write implements [io.Writer].
func (l *serverLog) Write(line []byte) (int, error) {
	said := bytes.TrimSpace(line)
	if from, ok := bytes.CutPrefix(said, handshake); ok {
		// An address of IPv6 has colons, but none before a space.
		_, said, _ = bytes.Cut(from, colon)
		l.logger.Info("a TLS handshake failed", slog.String("error", string(said)))
		return len(line), nil
	}
	l.logger.Warn("the server", slog.String("says", string(said)))
	return len(line), nil
}

package httpapi

import (
	"cmp"
	"net/http"
	"time"
)

// A Beside answers for itself at a path that is not the API's.
type Beside struct {
	http.Handler
	// Cost is in tokens, see [Limits]: such as [CostPage]. Zero is 2, what one
	// statement costs. PostCost is that of a POST; zero is Cost.
	Cost, PostCost int
	// TooOften answers, with 429, whoever asks for more than it may; Retry-After is
	// set. Nil answers with a problem.
	TooOften http.Handler
}

// beside serves what answers for itself, limited, logged and counted as the
// routes of the API are.
func (h *handler) beside(route string, b Beside) http.Handler {
	cost := cmp.Or(b.Cost, costOne)
	postCost := cmp.Or(b.PostCost, cost)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, serve, asked := time.Now(), b.Handler, cost
		if r.Method == http.MethodPost {
			asked = postCost
		}
		if wait := h.limiter.take(exchangeOf(r.Context()).client, asked); wait > 0 {
			if b.TooOften == nil {
				h.refuse(w, r, route, tooOften(wait), start)
				return
			}
			w.Header().Set("Retry-After", seconds(wait))
			serve = b.TooOften
		}
		s := &statusWriter{ResponseWriter: w}
		defer func() {
			if s.status == 0 {
				s.status = http.StatusOK
			}
			h.log(r, route, s.status, s.wrote, time.Since(start))
		}()
		serve.ServeHTTP(s, r)
	})
}

// refuse answers with a problem.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, route string, err error, start time.Time) {
	a := problemOf(err).answer(exchangeOf(r.Context()))
	a.write(w)
	h.log(r, route, a.status, len(a.body), time.Since(start))
}

// A statusWriter remembers what was answered.
type statusWriter struct {
	http.ResponseWriter
	status, wrote int
}

// WriteHeader implements [http.ResponseWriter].
func (s *statusWriter) WriteHeader(status int) {
	if s.status == 0 && status >= http.StatusOK {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (s *statusWriter) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	n, err := s.ResponseWriter.Write(b)
	s.wrote += n
	return n, err
}

// Unwrap is for [http.ResponseController].
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

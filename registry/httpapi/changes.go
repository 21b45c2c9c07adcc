package httpapi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/tmaxmax/go-sse"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

const (
	// eventStream is the media type of Server-Sent Events.
	eventStream = "text/event-stream"
	// maxChanges is how many statements a page of changes has at most, and how many
	// a stream has in hand.
	maxChanges = 1000
	streamPart = 100
)

// A change is a statement that was logged, and whom it is about.
type change struct {
	Index    int64       `json:"index"`
	Time     string      `json:"time"`
	Kind     attest.Kind `json:"kind"`
	Issuer   string      `json:"issuer"`
	JTI      string      `json:"jti"`
	Subjects []string    `json:"subjects"`
}

func changeOf(c registry.Change) change {
	return change{c.Index, writeTime(c.Time), c.Kind, c.Issuer, c.JTI, c.Subjects}
}

// changes serves GET /v1/changes, as a page or, for whoever accepts it before
// JSON, as a stream that goes on with what is published next.
func (h *handler) changes(r *http.Request, _ []byte) (answer, error) {
	since, err := position(r, "since", 0)
	if err != nil {
		return answer{}, err
	}
	limit, err := limitOf(r, maxChanges, maxChanges)
	if err != nil {
		return answer{}, err
	}
	if wantsEvents(r.Header.Values("Accept")) {
		if r.URL.Query().Has("limit") {
			return answer{}, malformedQuery("has the parameter limit; a stream has no end")
		}
		return h.stream(r, since)
	}
	list, next, size, err := h.reg.Changes(r.Context(), since, limit)
	if err != nil {
		return answer{}, err
	}
	page := struct {
		Size    int64    `json:"size"`
		Changes []change `json:"changes"`
		Next    int64    `json:"next"`
	}{size, make([]change, len(list)), next}
	for i, c := range list {
		page.Changes[i] = changeOf(c)
	}
	a, err := jsonAnswer(page)
	a.more = map[string]string{"Vary": "Accept"}
	return a, err
}

// stream answers with the events from a log index on. The log is what a client
// that comes back continues from, at the id that it has seen last.
func (h *handler) stream(r *http.Request, since int64) (answer, error) {
	if ids := r.Header.Values("Last-Event-ID"); len(ids) > 0 {
		last, err := verify.ParseSize(ids[0])
		if err != nil || len(ids) > 1 || last == verify.MaxSize {
			return answer{}, &problem{kind: malformed, detail: fmt.Sprintf("the Last-Event-ID is %q; want the id of an event", ids)}
		}
		since = last + 1
	}
	// Nothing of it gets shorter that would not come later.
	a := answer{contentType: eventStream, more: map[string]string{"Vary": "Accept"}}
	for k, v := range neverPacked {
		a.more[k] = v
	}
	if r.Method == http.MethodHead {
		return a, nil
	}
	leave, err := h.streams.take(exchangeOf(r.Context()).client)
	if err != nil {
		return answer{}, err
	}
	a.stream = func(p *paced) error {
		defer leave()
		return h.follow(r, p, since)
	}
	return a, nil
}

// follow sends the statements from an index on, and heartbeats while there are
// none, until the exchange is ended.
func (h *handler) follow(r *http.Request, p *paced, since int64) error {
	ctx := r.Context()
	// A client sends nothing, which is no reason to end.
	_ = p.conn.SetReadDeadline(time.Time{})
	s, err := sse.Upgrade(p, r)
	if err != nil {
		return err
	}
	for {
		list, next, size, err := h.reg.Changes(ctx, since, streamPart)
		if err != nil {
			return ended(ctx, err)
		}
		for _, c := range list {
			if err := send(s, c); err != nil {
				return err
			}
		}
		since = next
		if since < size {
			continue
		}
		if len(list) == 0 {
			// Whoever waits sees that it is alive, and a client that has left is found.
			beat := new(sse.Message)
			beat.AppendComment("size " + strconv.FormatInt(size, 10))
			if err := s.Send(beat); err != nil {
				return err
			}
		}
		if err := p.FlushError(); err != nil {
			return err
		}
		within, cancel := context.WithTimeout(ctx, h.heartbeat)
		err = h.reg.Await(within, max(since, size))
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return ended(ctx, err)
		}
	}
}

// ended tells the end of an exchange, which is no fault, from one.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errLeft
	}
	return err
}

func send(s *sse.Session, c registry.Change) error {
	data, err := json.Marshal(changeOf(c), json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	m := &sse.Message{ID: sse.ID(strconv.FormatInt(c.Index, 10)), Type: sse.Type("statement")}
	m.AppendData(string(data))
	return s.Send(m)
}

// wantsEvents tells whether a client takes events, and rather than JSON.
func wantsEvents(accept []string) bool {
	var events, document float64
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, params, _ := strings.Cut(part, ";")
		q := 1.0
		for p := range strings.SplitSeq(params, ";") {
			if v, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
				var err error
				if q, err = strconv.ParseFloat(v, 64); err != nil || math.IsNaN(q) {
					q = 0
				}
			}
		}
		switch strings.ToLower(strings.TrimSpace(media)) {
		case eventStream:
			events = max(events, q)
		case "application/json":
			document = max(document, q)
		}
	}
	return events > 0 && events >= document
}

// position reads a parameter that is a size or an index of the log.
func position(r *http.Request, name string, absent int64) (int64, error) {
	q := r.URL.Query()
	if !q.Has(name) {
		return absent, nil
	}
	n, err := verify.ParseSize(q.Get(name))
	if err != nil {
		return 0, malformedQuery("has the parameter %s=%q; want a decimal number within 2^53-1", name, q.Get(name))
	}
	return n, nil
}

// limitOf reads the parameter limit: how much a page has at most.
func limitOf(r *http.Request, most, absent int) (int, error) {
	q := r.URL.Query()
	if !q.Has("limit") {
		return absent, nil
	}
	n, err := verify.ParseSize(q.Get("limit"))
	if err != nil || n < 1 || n > int64(most) {
		return 0, malformedQuery("has the parameter limit=%q; want a number from 1 to %d", q.Get("limit"), most)
	}
	return int(n), nil
}

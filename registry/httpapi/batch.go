package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
)

// jsonLines is the media type of one JSON document a line.
const jsonLines = "application/jsonl"

// The bounds of a batch of checks.
const (
	maxBatchLines = 10_000
	maxBatchLine  = 64 << 10
	maxBatchBytes = 16 << 20
	// maxBatchTime is how long a batch takes at most.
	maxBatchTime = 5 * time.Minute
)

// batch serves POST /v1/check/batch. All decisions are at one edition of the
// register, and at one now.
func (h *handler) batch(r *http.Request, _ []byte) (answer, error) {
	leave, err := h.batches.take(exchangeOf(r.Context()).client)
	if err != nil {
		return answer{}, err
	}
	begun := false
	// Whatever goes wrong before the stream has the place, a panic too.
	defer func() {
		if !begun {
			leave()
		}
	}()
	e, err := h.reg.Edition(r.Context())
	if err != nil {
		return answer{}, err
	}
	b := &batchOfChecks{h: h, edition: e, now: h.now()}
	begun = true
	return answer{contentType: jsonLines, stream: func(p *paced) error {
		defer leave()
		ctx, cancel := context.WithTimeout(r.Context(), maxBatchTime)
		defer cancel()
		return b.run(ctx, r.Body, p)
	}}, nil
}

// A batchOfChecks is one that is being answered.
type batchOfChecks struct {
	h       *handler
	edition *registry.Edition
	now     time.Time
	out     *bufio.Writer
}

// checkedLine is the answer to a line; it has one of both.
type checkedLine struct {
	Line     int            `json:"line"`
	Decision jsontext.Value `json:"decision,omitzero"`
	Problem  jsontext.Value `json:"problem,omitzero"`
}

func (b *batchOfChecks) run(ctx context.Context, body io.Reader, p *paced) error {
	// Answers are written while the body still comes. What cannot do both at once,
	// such as a recorder, has it whole.
	_ = p.conn.EnableFullDuplex()
	in := readAhead(body, p, maxBatchBytes, maxBatchLine)
	err := b.answers(ctx, in, p)
	// Where not all was read, the connection cannot go on.
	if whole := in.stop(body); err == nil && !whole {
		err = fmt.Errorf("%w: the rest of the batch is not read", errLeft)
	}
	return err
}

// answers writes the lines of the answer.
func (b *batchOfChecks) answers(ctx context.Context, in *ahead, p *paced) error {
	b.out = bufio.NewWriterSize(p, 32<<10)
	err := b.write(struct {
		Checkpoint string         `json:"checkpoint"`
		Size       int64          `json:"size"`
		KnownAt    policy.Instant `json:"known_at"`
	}{string(b.edition.Checkpoint()), b.edition.Size(), policy.InstantOf(b.now)})
	for n := 1; err == nil; n++ {
		line, unread := in.ready()
		if errors.Is(unread, errNotYet) {
			if err = b.flush(p); err != nil {
				break
			}
			line, unread = in.next(ctx)
		}
		if errors.Is(unread, io.EOF) {
			break
		}
		answer, last := b.answer(ctx, n, line, unread)
		if err = b.write(answer); last {
			break
		}
	}
	if err == nil {
		err = b.flush(p)
	}
	return err
}

func (b *batchOfChecks) write(v any) error {
	line, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("encode a line: %w", err)
	}
	_, err = b.out.Write(append(line, '\n'))
	return err
}

func (b *batchOfChecks) flush(p *paced) error {
	if err := b.out.Flush(); err != nil {
		return err
	}
	return p.FlushError()
}

// answer answers a line. It is the last where the register cannot go on, or the
// rest of the batch is not read.
func (b *batchOfChecks) answer(ctx context.Context, n int, line []byte, unread error) (a checkedLine, last bool) {
	a.Line = n
	decision, err := b.check(ctx, n, line, unread)
	if err == nil {
		a.Decision = decision
		return a, false
	}
	p := problemOf(err)
	if p.kind == internal {
		b.h.fault(ctx, "/v1/check/batch", err)
	}
	a.Problem = p.answer(exchangeOf(ctx)).body
	return a, p.kind.status >= http.StatusInternalServerError || n > maxBatchLines || unread != nil && !errors.Is(unread, errLongLine)
}

func (b *batchOfChecks) check(ctx context.Context, n int, line []byte, unread error) (jsontext.Value, error) {
	switch {
	case n > maxBatchLines:
		return nil, &problem{kind: tooLarge, detail: fmt.Sprintf("a batch has at most %d lines; the rest is not read", maxBatchLines)}
	case errors.Is(unread, errLongLine):
		return nil, &problem{kind: tooLarge, detail: fmt.Sprintf("the line is larger than the %d bytes that are accepted", maxBatchLine)}
	case errors.Is(unread, errLongBody):
		return nil, &problem{kind: tooLarge, detail: fmt.Sprintf("the body is larger than the %d bytes that are accepted; the rest is not read", maxBatchBytes)}
	case errors.Is(unread, errUnread):
		return nil, &problem{kind: malformed, detail: errUnread.Error()}
	case unread != nil:
		return nil, unread
	case len(line) == 0:
		return nil, attest.Refuse(attest.Malformed, errors.New("the line is empty; want a request"))
	}
	req, err := parseRequest(line)
	if err != nil {
		return nil, err
	}
	d, _, err := b.edition.Decide(ctx, req, req.Times(b.now))
	if err != nil {
		return nil, undecidable(req, err)
	}
	return d.Marshal()
}

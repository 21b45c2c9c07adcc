package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/tmaxmax/go-sse"

	"github.com/safeconduct/safeconduct/verify"
)

const (
	// eventStream is the media type of Server-Sent Events.
	eventStream = "text/event-stream"
	// maxEvent is the largest event that is read, in bytes: a statement has 60 KiB,
	// and its subjects are not much longer than what it says of them.
	maxEvent = 256 << 10
	// lively is how long a stream has to last for the next one to be no further
	// attempt of the same.
	lively = time.Minute
)

// Silence is how long a stream may have nothing before [Client.Follow] takes it for
// broken: a register shows every 15 seconds that it is alive.
const Silence = 45 * time.Second

var (
	errSilent = fmt.Errorf("nothing has come for %s", Silence)
	errEnded  = errors.New("the stream has ended")
)

// Follow yields the statements from a log index on, and then each that is published,
// until ctx ends or the loop is left. An error is the last that is yielded.
//
// A stream that breaks, ends or is silent for [Silence] is taken up behind the last
// statement that was yielded, as the client's [Retry] says; each that brings
// something, or lasts a minute, counts anew. Without a Retry it ends there, with a
// *[UnreachableError]. The client's timeout does not bound it. A loop that takes more
// than half a minute for one statement may be cut off by the register, and goes on
// likewise.
//
// A register that goes back, to an index that was yielded or is before since, is an
// error, and is not asked again. That nothing is left out is the register's word: a
// decision is checked again by its evidence.
func (c *Client) Follow(ctx context.Context, since int64) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		f := &following{c: c, last: since - 1}
		for n := 1; ; n++ {
			last, began := f.last, time.Now()
			err := f.stream(ctx, func(ch Change) bool { return yield(ch, nil) })
			if err == nil {
				return
			}
			if f.last > last || time.Since(began) >= lively {
				n = 1
			}
			if err := c.pause(ctx, err, n); err != nil {
				yield(Change{}, err)
				return
			}
			f.resumes = true
		}
	}
}

// A following is where somebody stands who follows the log.
type following struct {
	c *Client
	// last is the index of the last statement that was yielded.
	last int64
	// resumes says that a stream was broken.
	resumes bool
}

// stream yields what one stream brings, until it breaks. It returns nil where the
// loop is left.
func (f *following) stream(ctx context.Context, yield func(Change) bool) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alive := &watched{silent: time.AfterFunc(Silence, func() { cancel(errSilent) })}
	defer alive.silent.Stop()
	broken := func(err error) error {
		if ctx.Err() == nil && inner.Err() != nil {
			return &UnreachableError{URL: f.c.base, Err: errSilent}
		}
		return err
	}
	resp, err := f.begin(inner)
	if err != nil {
		return broken(err)
	}
	defer resp.Body.Close()
	alive.Reader = resp.Body
	for e, err := range sse.Read(alive, &sse.ReadConfig{MaxEventSize: maxEvent}) {
		switch {
		case errors.Is(err, bufio.ErrTooLong):
			return fmt.Errorf("follow the changes: an event is larger than %d bytes, which none of a register is", maxEvent)
		case err != nil:
			return broken(f.c.unreached(ctx, err))
		}
		ch, err := f.read(e)
		if err != nil {
			return fmt.Errorf("follow the changes: %w", err)
		}
		f.last = ch.Index
		if !yield(ch) {
			return nil
		}
	}
	return broken(f.c.unreached(ctx, errEnded))
}

// begin begins a stream.
func (f *following) begin(ctx context.Context) (*http.Response, error) {
	req, err := f.c.request(ctx, http.MethodGet, fmt.Sprintf("/v1/changes?since=%d", f.last+1), "", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", eventStream)
	if f.resumes && f.last >= 0 {
		req.Header.Set("Last-Event-ID", strconv.FormatInt(f.last, 10))
	}
	endless := *f.c.http
	endless.Timeout = 0
	resp, err := f.c.begin(&endless, req)
	if err != nil {
		return nil, err
	}
	if t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || t != eventStream {
		resp.Body.Close()
		return nil, fmt.Errorf("follow the changes: the answer is %.80q; want %s", resp.Header.Get("Content-Type"), eventStream)
	}
	return resp, nil
}

// read reads an event, which has to be behind the last.
func (f *following) read(e sse.Event) (ch Change, err error) {
	if e.Type != "statement" {
		return ch, fmt.Errorf("an event is of the type %.40q; want a statement", e.Type)
	}
	if err := json.Unmarshal([]byte(e.Data), &ch); err != nil {
		return ch, fmt.Errorf("read an event: %w", err)
	}
	if e.LastEventID != strconv.FormatInt(ch.Index, 10) {
		return ch, fmt.Errorf("the event %.40q is of the statement at index %d", e.LastEventID, ch.Index)
	}
	_, err = ch.follows(f.last+1, verify.MaxSize)
	return ch, err
}

// watched tells when a stream was silent for too long. Time counts while it is begun
// or read, and not while what it has brought is looked at.
type watched struct {
	io.Reader
	silent *time.Timer
}

// Read implements [io.Reader].
func (w *watched) Read(b []byte) (int, error) {
	w.silent.Reset(Silence)
	defer w.silent.Stop()
	return w.Reader.Read(b)
}

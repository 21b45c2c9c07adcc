package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// ahead reads a body before its lines are asked for. Whoever sends all of a
// question before reading any of the answer would else wait for the register,
// and the register for them. What it keeps is bounded by the body's limit.
type ahead struct {
	p *paced
	// most bounds the bytes of the body, line those of a line.
	most, line int

	mu sync.Mutex
	// unread has been read and not been taken; the first scanned bytes have no
	// end of a line in them.
	unread  []byte
	scanned int
	read    int
	// err is what reading has ended with, io.EOF at the end.
	err error
	// skipping says that the line was too long and its rest is passed over.
	skipping bool
	ended    bool
	come     chan struct{}
	done     chan struct{}
}

// What the lines of a body come to.
var (
	errLongLine = errors.New("the line is too long")
	errLongBody = errors.New("the body is too long")
	errUnread   = errors.New("the body could not be read to its end")
	errNotYet   = errors.New("no line has come yet")
)

// readAhead begins to read a body. The caller ends it with stop.
func readAhead(body io.Reader, p *paced, most, line int) *ahead {
	a := &ahead{p: p, most: most, line: line, come: make(chan struct{}, 1), done: make(chan struct{})}
	go a.run(body)
	return a
}

func (a *ahead) run(body io.Reader) {
	defer close(a.done)
	chunk := make([]byte, 32<<10)
	for a.goOn() {
		n, err := body.Read(chunk)
		if !a.take(chunk[:n], err) {
			return
		}
	}
}

// goOn gives the client another while to send something, unless it is over.
func (a *ahead) goOn() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ended {
		_ = a.p.conn.SetReadDeadline(time.Now().Add(a.p.patience))
	}
	return !a.ended
}

func (a *ahead) take(b []byte, err error) (more bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.read += len(b)
	a.unread = append(a.unread, b...)
	switch {
	case a.read > a.most:
		a.unread = a.unread[:max(0, len(a.unread)-(a.read-a.most))]
		a.err = errLongBody
	case errors.Is(err, io.EOF):
		a.err = io.EOF
		// Else the server would take a long answer for a client that sends nothing.
		if !a.ended {
			_ = a.p.conn.SetReadDeadline(time.Time{})
		}
	case err != nil:
		a.err = fmt.Errorf("%w: %w", errUnread, err)
	}
	select {
	case a.come <- struct{}{}:
	default:
	}
	return a.err == nil
}

// next returns the next line, without its end, once it is there. It returns
// io.EOF behind the last, [errLongLine] in place of one that is too long, and
// else what ends the body early.
func (a *ahead) next(ctx context.Context) ([]byte, error) {
	for {
		line, err := a.ready()
		if !errors.Is(err, errNotYet) {
			return line, err
		}
		select {
		case <-a.come:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ready is next, but returns errNotYet where it would wait.
func (a *ahead) ready() ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		i := bytes.IndexByte(a.unread[a.scanned:], '\n')
		if i >= 0 {
			line := a.unread[:a.scanned+i]
			a.unread, a.scanned = a.unread[a.scanned+i+1:], 0
			if a.skipping {
				a.skipping = false
				continue
			}
			if len(line) > a.line {
				return nil, errLongLine
			}
			return bytes.Clone(line), nil
		}
		a.scanned = len(a.unread)
		if a.scanned > a.line && !a.skipping {
			// It is told at once, and passed over up to its end.
			a.skipping = true
			return nil, errLongLine
		}
		if a.skipping {
			a.unread, a.scanned = nil, 0
		}
		if a.err == nil {
			return nil, errNotYet
		}
		if !errors.Is(a.err, io.EOF) || len(a.unread) == 0 {
			return nil, a.err
		}
		line := a.unread
		a.unread, a.scanned = nil, 0
		return line, nil
	}
}

// stop ends the reading, and returns when it has ended: a server must not have a
// body read after its handler. What is left of a body that ends soon is passed
// over, so that its client gets to the answer; whole is false where it does not.
func (a *ahead) stop(body io.Reader) (whole bool) {
	a.mu.Lock()
	a.ended = true
	reading := a.err == nil
	if reading {
		_ = a.p.conn.SetReadDeadline(time.Now())
	}
	a.mu.Unlock()
	<-a.done
	if errors.Is(a.err, io.EOF) {
		return true
	}
	if reading || errors.Is(a.err, errUnread) {
		return false
	}
	_ = a.p.conn.SetReadDeadline(time.Now().Add(a.p.patience))
	n, err := io.CopyN(io.Discard, body, int64(a.most))
	return n < int64(a.most) && errors.Is(err, io.EOF)
}

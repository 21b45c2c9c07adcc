package client

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// A Retry says how often a client asks again what may pass: the register (or a
// proxy before it) is busy or not there for now, with the status 429, 502, 503 or
// 504, or it was not reached. What is refused is never asked again.
//
// Asking again is harmless: a statement that is submitted twice has the first
// receipt, and nothing else changes anything, but for presentations, whose nonce is
// good once ([Client.Present]).
//
// The zero value asks once.
type Retry struct {
	// Attempts is how often to ask in all; below two is once.
	Attempts int
	// Unreached is how often in all where the register is not reached; zero is
	// Attempts.
	Unreached int
	// First is about how long to wait before asking again; it doubles each time.
	// Zero is a quarter of a second. Up to half of a wait is left out by chance,
	// so that clients which failed together do not come back together.
	First time.Duration
	// Longest bounds a wait; zero is half a minute. A register that asks for more
	// patience (Retry-After) is not asked again: whoever wants the answer has to
	// come back later. Nor is one where the context would end before that.
	Longest time.Duration
}

// Retrying returns a client that is like c and asks again as r says.
func (c *Client) Retrying(r Retry) *Client {
	if r.First <= 0 {
		r.First = 250 * time.Millisecond
	}
	if r.Longest <= 0 {
		r.Longest = 30 * time.Second
	}
	if r.Unreached == 0 {
		r.Unreached = r.Attempts
	}
	again := *c
	again.retry = r
	return &again
}

// do makes an exchange, again and again as the client's Retry says.
func (c *Client) do(ctx context.Context, method, path, contentType string, body []byte, limit int64) ([]byte, error) {
	for n := 1; ; n++ {
		answer, err := c.once(ctx, method, path, contentType, body, limit)
		if err == nil {
			return answer, nil
		}
		if err := c.pause(ctx, err, n); err != nil {
			return nil, err
		}
	}
}

// pause waits before asking again after the n-th attempt has ended with err, and
// returns nil; or the error to end with, where it is not asked again.
func (c *Client) pause(ctx context.Context, err error, n int) error {
	wait, again := c.retry.after(err, n)
	if until, ends := ctx.Deadline(); !again || ends && time.Until(until) <= wait {
		return err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return c.unreached(ctx, err)
	}
}

// after returns how long to wait before asking again after the n-th attempt has
// ended with err.
func (r Retry) after(err error, n int) (wait time.Duration, again bool) {
	// The shift is bounded by what it is compared with.
	pause := min(r.First<<min(n-1, 16), r.Longest)
	if p, ok := errors.AsType[*Problem](err); ok {
		if n >= r.Attempts || !p.Passes() || p.RetryAfter > r.Longest {
			return 0, false
		}
		if p.RetryAfter > 0 {
			return p.RetryAfter + rand.N(pause/2+1), true
		}
	} else if n >= r.Unreached || !mayBeReached(err) {
		return 0, false
	}
	return pause - rand.N(pause/2+1), true
}

// Passes reports whether asking again later may be answered otherwise: by its
// status, 429, 502, 503 or 504.
func (p *Problem) Passes() bool {
	return slices.Contains([]int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, p.Status)
}

// mayBeReached reports whether a register that was not reached may be later. One
// that shows a certificate which is not good is somebody else.
func mayBeReached(err error) bool {
	_, unreached := errors.AsType[*UnreachableError](err)
	_, stranger := errors.AsType[*tls.CertificateVerificationError](err)
	return unreached && !stranger
}

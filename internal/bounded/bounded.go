// Package bounded calls what may hang: drivers of devices and clients that take
// no context.
package bounded

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// grace is what f may take to end after its context.
const grace = time.Second

// Call returns what f returns, or the error of ctx, or after the limit an error
// that is a context.DeadlineExceeded, whichever comes first. When its context has
// ended, f has a second to end in order, such as with the process that it waits
// for. One that does not goes on, and what it returns is dropped.
func Call[T any](ctx context.Context, limit time.Duration, f func(context.Context) (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	bounded, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v: %w", limit, context.DeadlineExceeded))
	defer cancel()
	done := make(chan result, 1)
	if bounded.Err() != nil {
		var none T
		return none, ended(ctx, bounded)
	}
	go func() {
		v, err := f(bounded)
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, because(ctx, bounded, r.err)
	case <-bounded.Done():
	}
	select {
	case r := <-done:
		return r.v, because(ctx, bounded, r.err)
	case <-time.After(grace):
		var none T
		return none, ended(ctx, bounded)
	}
}

// because adds to an error that the context had ended: what gives up with it may
// only say that a process was killed.
func because(outer, bounded context.Context, err error) error {
	if err == nil || bounded.Err() == nil {
		return err
	}
	if e := ended(outer, bounded); !errors.Is(err, e) {
		return fmt.Errorf("%w (%w)", e, err)
	}
	return err
}

// ended says which of the two contexts ended, and why.
func ended(outer, bounded context.Context) error {
	err := outer.Err()
	if err == nil {
		return context.Cause(bounded)
	}
	if cause := context.Cause(outer); !errors.Is(cause, err) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return context.Cause(outer)
}

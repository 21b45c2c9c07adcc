// Package bounded calls what may hang: drivers of devices and clients that take
// no context.
package bounded

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Call returns what f returns, or the error of ctx, or after the limit an error
// that is a context.DeadlineExceeded, whichever comes first. An f that is not
// waited for goes on, and what it returns is dropped; its context has ended.
func Call[T any](ctx context.Context, limit time.Duration, f func(context.Context) (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	bounded, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v: %w", limit, context.DeadlineExceeded))
	defer cancel()
	done := make(chan result, 1)
	if bounded.Err() == nil {
		go func() {
			v, err := f(bounded)
			done <- result{v, err}
		}()
	}
	select {
	case r := <-done:
		// What gives up with its context would only say that a process was killed.
		if r.err != nil && bounded.Err() != nil {
			return r.v, fmt.Errorf("%w (%w)", ended(ctx, bounded), r.err)
		}
		return r.v, r.err
	case <-bounded.Done():
		var none T
		return none, ended(ctx, bounded)
	}
}

// ended says which of the two contexts ended, and why. The cause of one that a
// signal ended is no context.Canceled.
func ended(outer, bounded context.Context) error {
	err := outer.Err()
	if cause := context.Cause(outer); err != nil && cause != nil && !errors.Is(cause, err) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	if err != nil {
		return err
	}
	return context.Cause(bounded)
}

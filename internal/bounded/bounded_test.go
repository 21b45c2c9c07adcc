package bounded_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/safeconduct/safeconduct/internal/bounded"
)

// hang takes no notice of its context, as a driver does, until it is let go.
func hang(until chan struct{}) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		<-until
		return "late", nil
	}
}

func TestCallReturnsWhatItsFunctionReturns(t *testing.T) {
	broken := errors.New("broken")
	got, err := bounded.Call(t.Context(), time.Minute, func(context.Context) (string, error) { return "x", broken })
	if got != "x" || !errors.Is(err, broken) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCallDoesNotWaitForWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := make(chan struct{})
		defer close(until)
		start := time.Now()
		got, err := bounded.Call(t.Context(), time.Minute, hang(until))
		if got != "" || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 1m0s") {
			t.Errorf("got %q, %v", got, err)
		}
		if took := time.Since(start); took != time.Minute+time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestCallEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := make(chan struct{})
		defer close(until)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := bounded.Call(ctx, time.Minute, hang(until)); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		// What has ended before starts nothing.
		if _, err := bounded.Call(ctx, time.Minute, func(context.Context) (string, error) {
			t.Error("called")
			return "", nil
		}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestCallLetsWhatHeedsItsContextEndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		ended := false
		_, err := bounded.Call(ctx, time.Minute, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			time.Sleep(time.Second / 2)
			ended = true
			return 0, errors.New("signal: killed")
		})
		if !ended || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "signal: killed") {
			t.Errorf("ended: %v, got %v", ended, err)
		}
	})
}

func TestCallSaysWhyItsContextEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := make(chan struct{})
		defer close(until)
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errors.New("tired")) })
		_, err := bounded.Call(ctx, time.Minute, hang(until))
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "tired") {
			t.Errorf("got %v", err)
		}
	})
}

func TestCallSaysThatTheTimeWasUpWhereItsFunctionOnlySaysThatItStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		killed := errors.New("signal: killed")
		_, err := bounded.Call(t.Context(), time.Minute, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, killed
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

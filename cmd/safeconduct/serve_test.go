package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// A waiter is a handler that waits, as for a quorum, until its request ends.
type waiter struct {
	begun   chan struct{}
	running atomic.Int32
}

func newWaiter() *waiter { return &waiter{begun: make(chan struct{}, 1)} }

func (h *waiter) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	h.running.Add(1)
	defer h.running.Add(-1)
	h.begun <- struct{}{}
	<-r.Context().Done()
	time.Sleep(50 * time.Millisecond)
}

// ask asks in the background and ignores the answer.
func ask(t *testing.T, url string) {
	t.Helper()
	go func() {
		if resp, err := http.Get(url); err == nil {
			resp.Body.Close()
		}
	}()
}

// ends serves until stop ends it, and tells how long the end took.
func ends(t *testing.T, s *service, h *waiter, stop func()) (time.Duration, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if stop == nil {
		stop = cancel
	}
	var began time.Time
	err := serveUntilDone(ctx, s, "127.0.0.1:0", func(url string) {
		ask(t, url)
		<-h.begun
		began = time.Now()
		stop()
	})
	if n := h.running.Load(); n != 0 {
		t.Errorf("%d requests run after the end", n)
	}
	return time.Since(began), err
}

func TestServingEndsInOrderWhileAClientWaits(t *testing.T) {
	h := newWaiter()
	took, err := ends(t, &service{handler: h}, h, nil)
	if err != nil || took > 5*time.Second {
		t.Errorf("ends after %v with %v", took, err)
	}
}

func TestNoRequestRunsOnWhenServingFails(t *testing.T) {
	h, fail := newWaiter(), make(chan struct{})
	broken := errors.New("broken")
	s := &service{handler: h, meanwhile: []func(context.Context) error{func(context.Context) error { <-fail; return broken }}}
	if took, err := ends(t, s, h, func() { close(fail) }); !errors.Is(err, broken) || took > 5*time.Second {
		t.Errorf("ends after %v with %v, want %v", took, err, broken)
	}
}

func TestWhatIsDoneMeanwhileHasEndedAfterServing(t *testing.T) {
	h := newWaiter()
	var running atomic.Bool
	s := &service{handler: h, meanwhile: []func(context.Context) error{func(ctx context.Context) error {
		running.Store(true)
		defer running.Store(false)
		<-ctx.Done()
		time.Sleep(50 * time.Millisecond)
		return ctx.Err()
	}}}
	if _, err := ends(t, s, h, nil); err != nil {
		t.Error(err)
	}
	if running.Load() {
		t.Error("it runs after the end")
	}
}

func TestAnAnswerThatIsUnderWayWhenServingEndsIsGiven(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answer := make(chan string, 1)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		select {
		case <-r.Context().Done():
		case <-time.After(500 * time.Millisecond):
			_, _ = io.WriteString(w, "logged")
		}
	})
	err := serveUntilDone(ctx, &service{handler: h}, "127.0.0.1:0", func(url string) {
		go func() {
			resp, err := http.Get(url)
			if err != nil {
				answer <- err.Error()
				return
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			answer <- string(b)
		}()
	})
	if got := <-answer; err != nil || got != "logged" {
		t.Errorf("answers %q and ends with %v", got, err)
	}
}

func TestServingWhereAnotherListensFails(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	err = serveUntilDone(t.Context(), &service{handler: newWaiter()}, ln.Addr().String(), func(string) {})
	if err == nil {
		t.Error("two listen at one address")
	}
	if hint := listenHint(err); hint == "" {
		t.Errorf("%v, and what to do next is not said", err)
	}
}

package mirror_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/mirror"
)

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	s := play(t)
	asked, answer := make(chan struct{}, 1), make(chan struct{})
	s.via(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/checkpoint" {
			asked <- struct{}{}
			<-answer
		}
		return false
	})
	caught := make(chan error, 1)
	go func() { caught <- s.mirror.CatchUp(context.Background()) }()
	<-asked
	closed := make(chan error, 1)
	go func() { closed <- s.mirror.Close() }()
	for _, what := range []chan error{caught, closed} {
		select {
		case err := <-what:
			if what == caught && err == nil || what == closed && err != nil {
				t.Errorf("ends with %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("it does not end before the register answers")
		}
	}
	close(answer)
}

func TestAClosedMirrorDoesNothing(t *testing.T) {
	s := play(t)
	size := s.liar.size()
	signed := s.liar.checkpoints[size]
	body := []byte("old 0\n\n" + string(signed))
	if err := s.mirror.Close(); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := s.mirror.CatchUp(t.Context()); !errors.Is(err, registry.ErrClosed) {
			t.Fatalf("catching up says %v", err)
		}
		if line, err := s.mirror.AddCheckpoint(t.Context(), body); !errors.Is(err, registry.ErrClosed) {
			t.Fatalf("asked to cosign, it says %q, %v", line, err)
		}
	}
}

// Close waits for a cosignature that is being made.
func TestCloseWhileItIsAskedToCosign(t *testing.T) {
	s := play(t)
	signed := s.liar.checkpoints[s.liar.size()]
	for range 5 {
		s.again(s.dir)
		body := []byte("old 0\n\n" + string(signed))
		done := make(chan error, 20)
		for range cap(done) {
			go func() {
				_, err := s.mirror.AddCheckpoint(t.Context(), body)
				done <- err
			}()
		}
		if err := s.mirror.Close(); err != nil {
			t.Fatal(err)
		}
		for range cap(done) {
			if err := <-done; err != nil && !isRefusal(err) {
				t.Errorf("asked to cosign, it says %v", err)
			}
		}
		s.open()
	}
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*mirror.Refusal](err)
	return ok
}

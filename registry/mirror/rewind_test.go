package mirror_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

func TestARewindStopsTheMirror(t *testing.T) {
	s := play(t)
	before := s.liar.size()
	s.log("app-1", lie{})
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.liar.show(before)
	// A cache may lag.
	for range 3 {
		if err := s.mirror.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.clock.Add(2 * time.Minute)
	r := s.stops(registry.Rewind)
	if len(r.Checkpoints) != 2 {
		t.Fatalf("%d checkpoints, want two", len(r.Checkpoints))
	}
	if a, b := s.signed(r.Checkpoints[0]), s.signed(r.Checkpoints[1]); a.Tree.N <= b.Tree.N {
		t.Errorf("sizes %d and then %d are no rewind", a.Tree.N, b.Tree.N)
	}
}

func TestACacheThatLagsIsNoRewind(t *testing.T) {
	s := play(t)
	before := s.liar.size()
	s.log("app-1", lie{})
	for range 3 {
		s.liar.show(s.liar.size())
		if err := s.mirror.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.clock.Add(50 * time.Second)
		s.liar.show(before)
		if err := s.mirror.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// One stale answer before an hour without the register and one after it are no
// minute of looks.
func TestTwoStaleAnswersFarApartAreNoRewind(t *testing.T) {
	s := play(t)
	before := s.liar.size()
	s.log("app-1", lie{})
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.liar.show(before)
	for range 3 {
		if err := s.mirror.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.liar.show(999)
	if err := s.mirror.CatchUp(t.Context()); err == nil {
		t.Fatal("what is not there is followed")
	}
	s.clock.Add(time.Hour)
	s.liar.show(before)
	for range 5 {
		if err := s.mirror.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLessThanBeforeThatNobodyHasSignedIsNoRewind(t *testing.T) {
	for name, forged := range map[string]string{
		"of nobody":         registrytest.Origin + "\n1\n" + strings.Repeat("A", 43) + "=\n\n\u2014 nobody " + strings.Repeat("A", 92) + "\n",
		"of nothing at all": registrytest.Origin + "\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\u2014 nobody " + strings.Repeat("A", 92) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t)
			s.via(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/checkpoint" {
					_, _ = w.Write([]byte(forged))
				}
				return r.URL.Path == "/checkpoint"
			})
			for range 6 {
				if err := s.mirror.CatchUp(t.Context()); err == nil || isStopped(err) {
					t.Fatalf("a forged checkpoint: %v", err)
				}
				s.clock.Add(time.Minute)
			}
			if w := s.get("/healthz"); w.Code != http.StatusServiceUnavailable {
				t.Errorf("healthz answers %d: %s", w.Code, w.Body)
			}
		})
	}
}

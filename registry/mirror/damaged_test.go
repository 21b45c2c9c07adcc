package mirror_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// via puts somebody between register and mirror, who answers in the register's
// place where he returns true.
func (s *scene) via(somebody func(w http.ResponseWriter, r *http.Request) bool) {
	s.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !somebody(w, r) {
			s.liar.ServeHTTP(w, r)
		}
	}))
	s.Cleanup(server.Close)
	s.url = server.URL
	s.again(s.dir)
}

// goesOn expects that the mirror accuses nobody of what it was given, says that
// it does not follow, and follows again once that is mended.
func (s *scene) goesOn(mend func()) {
	s.Helper()
	held := s.mirror.Reader().Size()
	for range 3 {
		if err := s.mirror.CatchUp(s.Context()); err == nil || isStopped(err) {
			s.Fatalf("following says %v", err)
		}
	}
	if w := s.get("/healthz"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "not followed") {
		s.Errorf("healthz answers %d: %s", w.Code, w.Body)
	}
	if size := s.mirror.Reader().Size(); size != held {
		s.Errorf("the mirror holds %d leaves, %d before", size, held)
	}
	mend()
	if err := s.mirror.CatchUp(s.Context()); err != nil {
		s.Fatal(err)
	}
	if size := s.mirror.Reader().Size(); size != s.liar.size() {
		s.Errorf("the mirror holds %d of %d leaves", size, s.liar.size())
	}
}

// stranger signs in the log's name with a key of its own.
func stranger(t testing.TB) note.Signer {
	t.Helper()
	skey, _, err := note.GenerateKey(zeroes{}, registrytest.Origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestACheckpointThatIsDamagedOnceIsFetchedAgain(t *testing.T) {
	for name, harm := range map[string]func([]byte) []byte{
		"a signature": func(b []byte) []byte { b[len(b)-10] ^= 1; return b },
		"cut short":   func(b []byte) []byte { return b[:20] },
		"the origin":  func(b []byte) []byte { return append([]byte("x"), b...) },
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t)
			left := 0
			s.via(func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/checkpoint" || left == 0 {
					return false
				}
				left--
				answer := httptest.NewRecorder()
				s.liar.ServeHTTP(answer, r)
				_, _ = w.Write(harm(answer.Body.Bytes()))
				return true
			})
			s.log("app-1", lie{})
			left = 1
			if err := s.mirror.CatchUp(t.Context()); err != nil {
				t.Error(err)
			}
			if s.mirror.Reader().Size() != s.liar.size() || left != 0 {
				t.Errorf("holds %d of %d", s.mirror.Reader().Size(), s.liar.size())
			}
			s.log("app-2", lie{})
			left = 1000
			s.goesOn(func() { left = 0 })
		})
	}
}

// What none of its keys has signed convicts no register: anybody can send it.
func TestACheckpointUnderAnotherKeyAccusesNobody(t *testing.T) {
	s := play(t)
	signed := s.log("app-1", lie{signer: stranger(t)})
	if w := s.ask(0, nil, signed); w.Code != http.StatusForbidden {
		t.Errorf("asked to cosign it, the mirror answers %d: %s", w.Code, w.Body)
	}
	s.goesOn(func() { s.log("app-2", lie{}) })
}

// Whatever stands between register and mirror may damage what is read.
func TestLeavesThatAreNotThoseSignedAccuseNobody(t *testing.T) {
	long := bytes.Repeat([]byte("x"), attest.MaxBytes+1)
	for name, tt := range map[string]struct {
		harm  func(s *scene, leaf []byte) []byte
		x     lie
		after int64
	}{
		"a bit":                         {func(_ *scene, leaf []byte) []byte { b := bytes.Clone(leaf); b[len(b)-3] ^= 1; return b }, lie{}, 0},
		"too long":                      {func(*scene, []byte) []byte { return long }, lie{}, 0},
		"too long, nobody's checkpoint": {func(*scene, []byte) []byte { return long }, lie{signer: stranger(t)}, 0},
		"another statement": {func(s *scene, _ []byte) []byte {
			return statement(s.T, registrytest.Approval("app-1", registrytest.US, registrytest.Corvus, "AU"), s.clock.Now())
		}, lie{}, 0},
		"no status leaf": {func(*scene, []byte) []byte { return []byte("none") }, lie{}, 1},
		"all status":     {func(s *scene, _ []byte) []byte { return s.liar.leaves[3] }, lie{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t)
			at := s.liar.size() + tt.after
			s.liar.served = func(index int64, leaf []byte) []byte {
				if index == at {
					return tt.harm(s, leaf)
				}
				return leaf
			}
			s.log("app-1", tt.x)
			s.goesOn(func() {
				s.liar.mu.Lock()
				s.liar.served = nil
				s.liar.mu.Unlock()
				s.log("app-2", lie{})
			})
		})
	}
}

func TestALeafThatIsServedWronglyOnceIsNoDivergence(t *testing.T) {
	s := play(t)
	s.log("app-1", lie{})
	before := s.mirror.Reader().Size()
	wrong := 1
	s.liar.served = func(index int64, leaf []byte) []byte {
		if index != before || wrong == 0 {
			return leaf
		}
		wrong--
		return append(leaf[:len(leaf)-1:len(leaf)-1], 'x')
	}
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if wrong != 0 || s.mirror.Reader().Size() != s.liar.size() {
		t.Errorf("holds %d of %d", s.mirror.Reader().Size(), s.liar.size())
	}
}

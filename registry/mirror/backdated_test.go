package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/mirror"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/verify"
)

// cosignedLater lets time pass, and has the mirror look and cosign.
func (s *scene) cosignedLater(after time.Duration) (at time.Time) {
	s.Helper()
	s.clock.Add(after)
	if err := s.mirror.CatchUp(s.Context()); err != nil {
		s.Fatal(err)
	}
	return s.cosigned(s.ask(0, nil, s.liar.checkpoints[s.liar.size()]))
}

// dated checks that the report's batch is in the signed tree, with the trust
// root alone, and returns the tree and the status leaf.
func dated(t *testing.T, r mirror.Report, trusted *attest.Root) (tlog.Tree, verify.StatusLeaf) {
	t.Helper()
	if len(r.Checkpoints) != 1 {
		t.Fatalf("%d checkpoints, want one", len(r.Checkpoints))
	}
	tree := openedWith(t, trusted, r.Checkpoints[0])
	status, err := verify.ParseStatusLeaf([]byte(r.StatusLeaf))
	if err != nil {
		t.Fatal(err)
	}
	if err := tlog.CheckRecord(r.StatusProof, tree.N, tree.Hash, status.Index, tlog.RecordHash([]byte(r.StatusLeaf))); err != nil {
		t.Fatalf("the status leaf is not in the tree: %v", err)
	}
	return tree, status
}

// openedWith verifies a checkpoint with a log key of the trust root.
func openedWith(t *testing.T, trusted *attest.Root, signed string) tlog.Tree {
	t.Helper()
	key, err := note.NewVerifier(trusted.LogKeys[0])
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(signed), note.VerifierList(key))
	if err != nil {
		t.Fatalf("the checkpoint is not signed by the log: %v", err)
	}
	tree, err := tlog.ParseTree([]byte("go.sum database tree" + n.Text[len(registrytest.Origin):]))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// third is what somebody has who has neither the register nor the mirror.
func third(t *testing.T) *attest.Root {
	t.Helper()
	st, err := attest.OpenRoot(root(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return st.TrustRoot().Root()
}

func TestABatchBeforeTheOneBeforeStopsTheMirror(t *testing.T) {
	for name, same := range map[string]bool{"held already": false, "in one reading": true} {
		t.Run(name, func(t *testing.T) {
			s := play(t)
			at := registrytest.Start.Add(time.Second)
			if same {
				s.log("app-1", lie{})
				at = at.Add(2 * time.Second)
			}
			s.liar.batch(at, lie{}, s.registration("reg-2", registrytest.Corvus))
			r := s.stops(registry.Backdated)
			s.proves(r, false)
			tree, status := dated(t, r, third(t))
			if err := tlog.CheckRecord(r.PreviousProof, tree.N, tree.Hash, status.Previous, tlog.RecordHash([]byte(r.PreviousLeaf))); err != nil {
				t.Fatalf("the status leaf before is not in the tree: %v", err)
			}
			before, err := verify.ParseStatusLeaf([]byte(r.PreviousLeaf))
			if err != nil || status.Time.After(before.Time) || r.Cosigned != "" {
				t.Errorf("a batch of %s after one of %s (%v) is shown for backdated", status.Time, before.Time, err)
			}
		})
	}
}

// The report has what convicts the register: its own signature on a batch, and
// the mirror's on a smaller tree, at that time or later.
func TestABatchNotAfterAnOwnCosignatureStopsTheMirror(t *testing.T) {
	for name, reopen := range map[string]bool{"at once": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			s := play(t)
			at := s.cosignedLater(10 * time.Minute)
			if want := s.clock.Now().Add(-6 * time.Minute); !at.Equal(want) {
				t.Fatalf("cosigned %s, want %s", at, want)
			}
			if reopen {
				s.again(s.dir)
			}
			s.liar.batch(at, lie{}, s.registration("reg-2", registrytest.Corvus))
			r := s.stops(registry.Backdated)
			s.proves(r, false)

			trusted := third(t)
			_, status := dated(t, r, trusted)
			if small := openedWith(t, trusted, r.Cosigned); status.Index < small.N {
				t.Errorf("batch %d is in the tree of size %d that was cosigned", status.Index, small.N)
			}
			var mirrors []note.Verifier
			for _, c := range trusted.Cosigners {
				if c.Role != attest.Mirror {
					continue
				}
				v, err := fnote.NewVerifierForCosignatureV1(c.VKey)
				if err != nil {
					t.Fatal(err)
				}
				mirrors = append(mirrors, v)
			}
			n, err := note.Open([]byte(r.Cosigned), note.VerifierList(mirrors...))
			if err != nil {
				t.Fatalf("no mirror of the trust root has cosigned: %v", err)
			}
			if known, err := fnote.CoSigV1Timestamp(n.Sigs[0]); err != nil || status.Time.After(known) {
				t.Errorf("a batch of %s after a cosignature of %s (%v) is shown for backdated", status.Time, known, err)
			}
		})
	}
}

func TestABatchJustAfterAnOwnCosignatureIsFollowed(t *testing.T) {
	s := play(t)
	at := s.cosignedLater(10 * time.Minute)
	s.liar.batch(at.Add(time.Millisecond), lie{}, statement(t, registrytest.Registration("reg-2", registrytest.US, registrytest.Corvus, "US"), at))
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Error(err)
	}
}

// Clocks may be five minutes apart, and a batch be on its way while the one
// before is cosigned.
func TestAnHonestRegisterIsNotAccusedByAClockFiveMinutesOff(t *testing.T) {
	for _, ahead := range []time.Duration{-5 * time.Minute, -time.Minute, time.Minute, 61 * time.Second, 2 * time.Minute, 5 * time.Minute} {
		t.Run(ahead.String(), func(t *testing.T) {
			s := play(t)
			registers := registrytest.NewClock(s.clock.Now().Add(time.Hour))
			mirrors := func() { s.clock.Set(registers.Now().Add(ahead)) }
			logged := func(jti string) []byte {
				registers.Add(time.Second)
				at := registers.Now()
				return s.liar.batch(at, lie{unpublished: true}, statement(t, registrytest.Approval(jti, registrytest.US, registrytest.Varuna, "IN"), at))
			}
			held := int64(0)
			for n := range 4 {
				signed := logged(fmt.Sprintf("app-%d", 2*n))
				size := s.liar.size()
				// What is in no published tree yet when that one is cosigned.
				logged(fmt.Sprintf("app-%d", 2*n+1))
				mirrors()
				if ahead < 0 {
					// It waits for its own clock to come to the batch.
					s.clock.Add(-ahead)
				}
				w := s.ask(held, s.liar.prove(size, held), signed)
				if w.Code != http.StatusOK {
					t.Fatalf("answers %d: %s", w.Code, w.Body)
				}
				held = size
				registers.Add(20 * time.Second)
				mirrors()
				s.liar.show(size)
				if ahead < 0 {
					s.clock.Add(-ahead)
				}
				if err := s.mirror.CatchUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				// A quiet log is cosigned anew.
				s.clock.Add(time.Second)
				if w := s.ask(held, nil, signed); w.Code != http.StatusOK {
					t.Fatalf("asked again, it answers %d: %s", w.Code, w.Body)
				}
			}
			s.liar.show(s.liar.size())
			if err := s.mirror.CatchUp(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Whoever cuts the mirror off and asks it for a checkpoint of before gets no date
// that the register does not know of.
func TestAMirrorThatIsCutOffDatesNothingLater(t *testing.T) {
	s := play(t)
	size := s.liar.size()
	signed := s.liar.checkpoints[size]
	off := true
	s.via(func(w http.ResponseWriter, _ *http.Request) bool {
		if off {
			w.WriteHeader(http.StatusNotFound)
		}
		return off
	})
	s.clock.Add(time.Minute)
	s.liar.batch(s.clock.Now(), lie{}, s.registration("reg-2", registrytest.Corvus))
	s.clock.Add(time.Hour)
	if err := s.mirror.CatchUp(t.Context()); err == nil {
		t.Fatal("it is not cut off")
	}
	s.cosigned(s.ask(0, nil, signed))
	off = false
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Error(err)
	}
}

// A register, asked to publish with its mirror's word, and a mirror whose clock
// is ahead.
func TestARegisterGoesOnBesideAMirrorWhoseClockIsAhead(t *testing.T) {
	if testing.Short() {
		t.Skip("runs for seconds")
	}
	for _, quorum := range []string{"any", "all"} {
		for _, ahead := range []time.Duration{90 * time.Second, 150 * time.Second, 5 * time.Minute} {
			t.Run(fmt.Sprintf("quorum %s, %s ahead", quorum, ahead), func(t *testing.T) {
				t.Parallel()
				besideAMirror(t, quorum, ahead)
			})
		}
	}
}

func besideAMirror(t *testing.T, quorum string, ahead time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	begun := time.Now()
	now := func() time.Time { return registrytest.Start.Add(time.Since(begun)) }
	var mu sync.Mutex
	asked := http.NotFoundHandler()
	mirrors := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := asked
		mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	defer mirrors.Close()
	reg, log, err := registrytest.Serve(t.TempDir(), now, nil, func(c *registry.Config) {
		c.BatchInterval = 0
		c.Cosigning = registry.Cosigning{Policy: fmt.Sprintf("witness own %s\nwitness m %s %s\ngroup q %s own m\nquorum q\n",
			registrytest.Cosigner().VKey(), cosigner(t).VKey(), mirrors.URL, quorum)}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(reg.Close(), log.Close()); err != nil {
			t.Error(err)
		}
	}()
	registers := httptest.NewServer(httpapi.NewHandler(reg, httpapi.Options{Now: now}))
	defer registers.Close()
	m, err := mirror.Open(mirror.Config{
		Dir: t.TempDir(), Register: &tlogtiles.Client{BaseURL: registers.URL}, Trust: trust(t, root(t)), Cosigner: cosigner(t),
		Now: func() time.Time { return now().Add(ahead) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	mu.Lock()
	asked = m.Handler()
	mu.Unlock()
	if err := reg.WaitConfirmed(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := reg.Init(ctx, root(t)); err != nil {
		t.Fatal(err)
	}
	for _, c := range approved()[:4] {
		receipt, err := reg.Submit(ctx, statement(t, c, now()))
		if err != nil {
			t.Fatal(err)
		}
		if err := reg.WaitQuorum(ctx, receipt.Size); err != nil {
			t.Fatal(err)
		}
		if err := m.CatchUp(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

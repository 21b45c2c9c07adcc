package mirror_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
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

// noteKey makes the skey of a fixed key under a name.
func cosigner(t testing.TB) *registry.Cosigner {
	t.Helper()
	skey, _, err := note.GenerateKey(zeroes{}, "mirror.example.org")
	if err != nil {
		t.Fatal(err)
	}
	c, err := registry.NewCosigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// zeroes are the randomness of a key that is nobody's.
type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// root is the signed trust root, which lists the mirror.
func root(t testing.TB) []byte {
	t.Helper()
	r := registrytest.Root(registrytest.Start)
	r.Cosigners = append(r.Cosigners, attest.Cosigner{VKey: cosigner(t).VKey(), Role: attest.Mirror})
	st, err := registrytest.Sign(r)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// trust asks for the mirror's cosignature, and is insecure in nothing.
func trust(t testing.TB, signed []byte) *verify.Trust {
	t.Helper()
	st, err := attest.OpenRoot(signed, nil)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := verify.TrustFor(st, "witness mirror "+cosigner(t).VKey()+"\nquorum mirror\n", 24*time.Hour, verify.Insecure{})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// A scene is a register, what it logs first, and a mirror of it.
type scene struct {
	*testing.T
	clock  *registrytest.Clock
	liar   *liar
	url    string
	dir    string
	mirror *mirror.Mirror
}

// play sets a scene: a trust root and a registration in two batches, a second
// apart, that the mirror has checked.
func play(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, clock: registrytest.NewClock(registrytest.Start), liar: newLiar(t), dir: t.TempDir()}
	server := httptest.NewServer(s.liar)
	t.Cleanup(server.Close)
	s.url = server.URL
	s.liar.batch(s.clock.Now(), lie{}, root(t))
	s.clock.Add(time.Second)
	s.liar.batch(s.clock.Now(), lie{}, s.registration("reg-1", registrytest.Halcyon))
	s.clock.Add(time.Second)
	s.open()
	t.Cleanup(func() { s.mirror.Close() })
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) config() mirror.Config {
	return mirror.Config{
		Dir: s.dir, Register: &tlogtiles.Client{BaseURL: s.url}, Trust: trust(s.T, root(s.T)), Cosigner: cosigner(s.T),
		Now: s.clock.Now, Wait: 2 * time.Second, Interval: 10 * time.Millisecond,
	}
}

func (s *scene) open() {
	s.Helper()
	m, err := mirror.Open(s.config())
	if err != nil {
		s.Fatal(err)
	}
	s.mirror = m
}

func (s *scene) registration(jti, entity string) []byte {
	s.Helper()
	return statement(s.T, registrytest.Registration(jti, registrytest.US, entity, "US"), s.clock.Now())
}

// log has the register log one more registration, honestly or not, a second
// later.
func (s *scene) log(jti string, x lie) []byte {
	s.Helper()
	s.clock.Add(time.Second)
	defer s.clock.Add(time.Second)
	return s.liar.batch(s.clock.Now(), x, statement(s.T, registrytest.Approval(jti, registrytest.US, registrytest.Varuna, "IN"), s.clock.Now()))
}

// ask asks the mirror to cosign.
func (s *scene) ask(old int64, proof tlog.TreeProof, signed []byte) *httptest.ResponseRecorder {
	s.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "old %d\n", old)
	for _, h := range proof {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteString("\n" + string(signed))
	return s.post(b.String())
}

func (s *scene) post(body string) *httptest.ResponseRecorder {
	s.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(s.Context(), http.MethodPost, "/add-checkpoint", strings.NewReader(body))
	s.handler().ServeHTTP(w, r)
	return w
}

func (s *scene) get(path string) *httptest.ResponseRecorder {
	s.Helper()
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, httptest.NewRequestWithContext(s.Context(), http.MethodGet, path, nil))
	return w
}

func (s *scene) handler() http.Handler {
	return served(s.mirror, s.clock.Now)
}

// served is a mirror's whole API.
func served(m *mirror.Mirror, now func() time.Time) http.Handler {
	o := httpapi.Options{Now: now, Healthy: m.Healthy, Ready: m.CaughtUp}
	if cosigning := m.Handler(); cosigning != nil {
		o.Beside = map[string]httpapi.Beside{"/add-checkpoint": {Handler: cosigning}}
	}
	return httpapi.NewHandler(m.Reader(), o)
}

// stops expects that the mirror stops with this kind of divergence, and returns
// the report as it is kept.
func (s *scene) stops(kind registry.DivergenceKind) mirror.Report {
	s.Helper()
	held := s.mirror.Reader().Size()
	err := s.mirror.CatchUp(s.Context())
	stopped, ok := errors.AsType[*mirror.Stopped](err)
	if !ok {
		s.Fatalf("the mirror goes on: %v", err)
	}
	s.stopped(held)
	data, err := os.ReadFile(filepath.Join(s.dir, "divergence.json"))
	if err != nil {
		s.Fatal(err)
	}
	var r mirror.Report
	if err := json.Unmarshal(data, &r, json.RejectUnknownMembers(true)); err != nil {
		s.Fatal(err)
	}
	if r.Kind != kind || stopped.Report.Kind != kind || r.Origin != registrytest.Origin {
		s.Fatalf("stopped for %q (%s), want %q", r.Kind, r.Cause, kind)
	}
	if text := r.Text(); !strings.Contains(text, r.Cause) || strings.Contains(text, "diverges (") {
		s.Errorf("the text does not say what happened:\n%s", text)
	}
	s.Logf("%v", stopped)
	return r
}

// stopped expects a mirror that neither follows nor cosigns any more, and goes
// on serving.
func (s *scene) stopped(held int64) {
	s.Helper()
	if w := s.get("/healthz"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "this mirror has stopped") {
		s.Errorf("healthz answers %d: %s", w.Code, w.Body)
	}
	if w := s.get("/checkpoint"); w.Code != http.StatusOK {
		s.Errorf("what was checked is not served any more: %d", w.Code)
	}
	if size := s.mirror.Reader().Size(); size != held {
		s.Errorf("the mirror holds %d leaves, %d before", size, held)
	}
	signed, err := s.mirror.Reader().CheckpointAt(held)
	if err != nil {
		s.Fatal(err)
	}
	if w := s.ask(0, nil, signed); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "" {
		s.Errorf("asked to cosign, it answers %d: %s", w.Code, w.Body)
	}
	if err := s.mirror.Follow(s.Context()); !isStopped(err) {
		s.Errorf("it follows on: %v", err)
	}
	if err := s.mirror.Close(); err != nil {
		s.Error(err)
	}
	if m, err := mirror.Open(s.config()); !isStopped(err) {
		s.Errorf("it starts again: %v, %v", m, err)
	}
	s.mirror = reopened(s)
}

// reopened takes the report away and opens the mirror again, as whoever runs it
// does.
func reopened(s *scene) *mirror.Mirror {
	s.Helper()
	name := filepath.Join(s.dir, "divergence.json")
	if err := os.Rename(name, name+".settled"); err != nil {
		s.Fatal(err)
	}
	m, err := mirror.Open(s.config())
	if err != nil {
		s.Fatalf("with the report taken away: %v", err)
	}
	if err := os.Rename(name+".settled", name); err != nil {
		s.Fatal(err)
	}
	return m
}

func isStopped(err error) bool {
	_, ok := errors.AsType[*mirror.Stopped](err)
	return ok
}

// signed expects that the log key has signed, and returns what.
func (s *scene) signed(checkpoint string) verify.Checkpoint {
	s.Helper()
	_, vkey := registrytest.LogSigner()
	v, err := note.NewVerifier(vkey)
	if err != nil {
		s.Fatal(err)
	}
	if _, err := note.Open([]byte(checkpoint), note.VerifierList(v)); err != nil {
		s.Fatalf("the report's checkpoint: %v", err)
	}
	c, err := verify.ParseCheckpoint([]byte(checkpoint))
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// proves expects that the report shows its status leaf, and the statement where
// it has one, to whoever has the log key alone.
func (s *scene) proves(r mirror.Report, statement bool) {
	s.Helper()
	if len(r.Checkpoints) != 1 {
		s.Fatalf("%d checkpoints, want one", len(r.Checkpoints))
	}
	tree := s.signed(r.Checkpoints[0]).Tree
	status, err := verify.ParseStatusLeaf([]byte(r.StatusLeaf))
	index := tree.N - 1
	if err == nil && status.Index < tree.N {
		index = status.Index
	}
	if err := tlog.CheckRecord(r.StatusProof, tree.N, tree.Hash, index, tlog.RecordHash([]byte(r.StatusLeaf))); err != nil {
		s.Errorf("the status leaf is not proven: %v", err)
	}
	if (r.Statement != "") != statement {
		s.Fatalf("the statement shown is %q", r.Statement)
	}
	if statement {
		if err := tlog.CheckRecord(r.Proof, tree.N, tree.Hash, r.Index, tlog.RecordHash([]byte(r.Statement))); err != nil {
			s.Errorf("the statement is not proven: %v", err)
		}
	}
}

// contradict expects two signed checkpoints of different trees of one size.
func (s *scene) contradict(r mirror.Report) {
	s.Helper()
	if len(r.Checkpoints) != 2 {
		s.Fatalf("%d checkpoints, want two", len(r.Checkpoints))
	}
	a, b := s.signed(r.Checkpoints[0]), s.signed(r.Checkpoints[1])
	if a.Tree.N != b.Tree.N || a.Tree.Hash == b.Tree.Hash {
		s.Errorf("the checkpoints do not contradict each other:\n%s\n%s", r.Checkpoints[0], r.Checkpoints[1])
	}
}

func TestAForkAtTheSameSizeStopsTheMirror(t *testing.T) {
	s := play(t)
	f := s.liar.fork()
	s.log("app-1", lie{})
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.batch(s.clock.Now(), lie{}, s.registration("reg-2", registrytest.Corvus))
	s.liar.become(f)
	s.contradict(s.stops(registry.Fork))
}

func TestAForkThatHasGrownStopsTheMirror(t *testing.T) {
	s := play(t)
	f := s.liar.fork()
	s.log("app-1", lie{})
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.batch(s.clock.Now(), lie{}, s.registration("reg-2", registrytest.Corvus))
	s.clock.Add(time.Second)
	f.batch(s.clock.Now(), lie{}, s.registration("reg-3", registrytest.Varuna))
	s.liar.become(f)
	s.contradict(s.stops(registry.Fork))
}

// A register that keeps no checkpoint but its newest is shown to have forked by
// a consistency proof.
func TestAForkIsProvenWithoutAnOlderCheckpoint(t *testing.T) {
	s := play(t)
	f := s.liar.fork()
	s.log("app-1", lie{})
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.batch(s.clock.Now(), lie{}, s.registration("reg-2", registrytest.Corvus))
	s.clock.Add(time.Second)
	signed := f.batch(s.clock.Now(), lie{}, s.registration("reg-3", registrytest.Varuna))
	f.checkpoints = map[int64][]byte{f.size(): signed}
	s.liar.become(f)
	r := s.stops(registry.Fork)
	if len(r.Checkpoints) != 2 {
		t.Fatalf("%d checkpoints, want two", len(r.Checkpoints))
	}
	small, large := s.signed(r.Checkpoints[0]).Tree, s.signed(r.Checkpoints[1]).Tree
	if err := tlog.CheckTree(r.Consistency, large.N, large.Hash, small.N, r.Prefix); err != nil || r.Prefix == small.Hash {
		t.Errorf("size %d begins with %v, %v is signed: %v", large.N, r.Prefix, small.Hash, err)
	}
}

// A mirror that has lost its log, but not what it cosigned, is not led astray.
func TestAForkOfWhatWasCosignedStopsAMirrorThatLostItsLog(t *testing.T) {
	s := play(t)
	f := s.liar.fork()
	size := s.liar.size()
	s.log("app-1", lie{})
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.cosigned(s.ask(0, nil, s.liar.checkpoints[size+2]))
	f.batch(s.clock.Now(), lie{}, s.registration("reg-2", registrytest.Corvus))
	s.clock.Add(time.Second)
	signed := f.batch(s.clock.Now(), lie{}, s.registration("reg-3", registrytest.Varuna))
	f.checkpoints = map[int64][]byte{f.size(): signed}
	s.liar.become(f)
	if err := s.mirror.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(s.dir, "db")); err != nil {
		t.Fatal(err)
	}
	s.open()
	stopped, ok := errors.AsType[*mirror.Stopped](s.mirror.CatchUp(t.Context()))
	if !ok || stopped.Report.Kind != registry.Fork || len(stopped.Report.Checkpoints) != 2 {
		t.Fatalf("the mirror says %v", stopped)
	}
	r := stopped.Report
	small, large := s.signed(r.Checkpoints[0]).Tree, s.signed(r.Checkpoints[1]).Tree
	if err := tlog.CheckTree(r.Consistency, large.N, large.Hash, small.N, r.Prefix); err != nil || r.Prefix == small.Hash || small.N != size+2 {
		t.Errorf("size %d begins with %v, %v is signed for size %d: %v", large.N, r.Prefix, small.Hash, small.N, err)
	}
}

// Asked to cosign the other branch, the mirror sees both.
func TestAForkThatIsOnlySubmittedStopsTheMirror(t *testing.T) {
	s := play(t)
	f := s.liar.fork()
	s.log("app-1", lie{})
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := f.batch(s.clock.Now(), lie{}, s.registration("reg-2", registrytest.Corvus))
	if w := s.ask(0, nil, other); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "has stopped") {
		t.Errorf("answers %d: %s", w.Code, w.Body)
	}
	s.contradict(s.stops(registry.Fork))
}

func TestAStatementLeftOutOfTheMapStopsTheMirror(t *testing.T) {
	s := play(t)
	s.log("app-1", lie{omit: true})
	r := s.stops(registry.Dropped)
	s.proves(r, true)
	if want := s.liar.size() - 2; r.Index != want {
		t.Errorf("the statement stands at %d, the report says %d", want, r.Index)
	}
}

func TestAFalseMapStopsTheMirror(t *testing.T) {
	s := play(t)
	s.log("app-1", lie{status: func(l *verify.StatusLeaf) { l.MapRoot[7] ^= 1 }})
	s.proves(s.stops(registry.FalseMap), false)
}

func TestAPostdatedBatchStopsTheMirror(t *testing.T) {
	s := play(t)
	s.liar.batch(s.clock.Now().Add(5*time.Minute+time.Second), lie{}, s.registration("reg-2", registrytest.Corvus))
	s.proves(s.stops(registry.Postdated), false)
}

func TestAStatementThatMayNotBeLoggedStopsTheMirror(t *testing.T) {
	for name, make := range map[string]func(*scene) []byte{
		"by whom it is not for": func(s *scene) []byte {
			return statement(s.T, registrytest.Registration("reg-2", registrytest.US, registrytest.Varuna, "IN"), s.clock.Now())
		},
		"with too few signers": func(s *scene) []byte {
			return statement(s.T, registrytest.Registration("reg-2", registrytest.US, registrytest.Corvus, "US"), s.clock.Now(), registrytest.SignerNamed("us-1"))
		},
		"written long before": func(s *scene) []byte {
			return statement(s.T, registrytest.Registration("reg-2", registrytest.US, registrytest.Corvus, "US"), s.clock.Now().AddDate(0, 0, -15))
		},
		"under a name that is taken": func(s *scene) []byte { return s.registration("reg-1", registrytest.Corvus) },
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t)
			s.liar.batch(s.clock.Now(), lie{}, make(s))
			r := s.stops(registry.Inadmissible)
			s.proves(r, true)
			if want := s.liar.size() - 2; r.Index != want {
				t.Errorf("the statement stands at %d, the report says %d", want, r.Index)
			}
		})
	}
}

func TestWhatIsNoLogOfThisKindStopsTheMirror(t *testing.T) {
	for name, x := range map[string]lie{
		"a status leaf at another place":        {status: func(l *verify.StatusLeaf) { l.Index++ }},
		"a status leaf that skips one":          {status: func(l *verify.StatusLeaf) { l.Previous = 1 }},
		"a status leaf that forgets the others": {status: func(l *verify.StatusLeaf) { l.Previous = verify.NoPrevious }},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t)
			s.log("app-1", x)
			s.proves(s.stops(registry.Misformed), false)
		})
	}
}

// The last leaf of a signed tree is a status leaf.
func TestACheckpointWithinABatchStopsTheMirror(t *testing.T) {
	s := play(t)
	signed := s.log("app-1", lie{open: true})
	if w := s.ask(0, nil, signed); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "has stopped") {
		t.Errorf("asked to cosign it, the mirror answers %d: %s", w.Code, w.Body)
	}
	r := s.stops(registry.Misformed)
	if len(r.Checkpoints) != 1 {
		t.Fatalf("%d checkpoints, want one", len(r.Checkpoints))
	}
	tree := s.signed(r.Checkpoints[0]).Tree
	if r.Index != tree.N-1 || verify.IsStatusLeaf([]byte(r.Statement)) {
		t.Errorf("leaf %d of %d is shown: %q", r.Index, tree.N, r.Statement)
	}
	if err := tlog.CheckRecord(r.Proof, tree.N, tree.Hash, r.Index, tlog.RecordHash([]byte(r.Statement))); err != nil {
		t.Errorf("the last leaf is not proven: %v", err)
	}
}

// A leaf that is longer than any may be is shown whole.
func TestALeafWithoutBoundsStopsTheMirror(t *testing.T) {
	s := play(t)
	long := bytes.Repeat([]byte("x"), attest.MaxBytes+1)
	s.liar.batch(s.clock.Now(), lie{}, long)
	r := s.stops(registry.Misformed)
	tree := s.signed(r.Checkpoints[0]).Tree
	if err := tlog.CheckRecord(r.Proof, tree.N, tree.Hash, r.Index, tlog.RecordHash([]byte(r.Statement))); err != nil || r.Statement != string(long) {
		t.Errorf("a leaf of %d bytes is not proven: %v", len(r.Statement), err)
	}
}

func TestARegisterThatIsNotThereIsTriedAgain(t *testing.T) {
	s := play(t)
	s.log("app-1", lie{})
	s.liar.show(999)
	if err := s.mirror.CatchUp(t.Context()); err == nil || isStopped(err) {
		t.Fatalf("a checkpoint that is not there: %v", err)
	}
	if w := s.get("/healthz"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "not followed") {
		t.Errorf("healthz answers %d: %s", w.Code, w.Body)
	}
	s.liar.show(s.liar.size())
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := s.get("/healthz"); w.Code != http.StatusOK {
		t.Errorf("healthz answers %d: %s", w.Code, w.Body)
	}
}

func TestAnotherRootThanThePinnedOneIsNotMirrored(t *testing.T) {
	l := newLiar(t)
	other := registrytest.Root(registrytest.Start)
	st, err := registrytest.Sign(other)
	if err != nil {
		t.Fatal(err)
	}
	l.batch(registrytest.Start, lie{}, st)
	server := httptest.NewServer(l)
	defer server.Close()
	m, err := mirror.Open(mirror.Config{
		Dir: t.TempDir(), Register: &tlogtiles.Client{BaseURL: server.URL}, Trust: trust(t, root(t)), Now: registrytest.NewClock(registrytest.Start).Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.CatchUp(t.Context()); err == nil || !strings.Contains(err.Error(), "pins") {
		t.Errorf("it is mirrored: %v", err)
	}
	if m.Reader().Checkpoint() != nil {
		t.Error("it is shown")
	}
}

// A register that cannot be followed is asked less and less often.
func TestFollowWaitsLongerWhereItFails(t *testing.T) {
	s := play(t)
	s.liar.show(999)
	s.liar.asks()
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	if err := s.mirror.Follow(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Follow returns %v", err)
	}
	// After 10, 20 and 40 milliseconds, and then every 60.
	if looks := len(s.liar.asks()); looks < 2 || looks > 13 {
		t.Errorf("%d looks in 600ms at an interval of 10ms", looks)
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	s := play(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.mirror.Follow(ctx) }()
	s.log("app-1", lie{})
	for s.mirror.Reader().Size() < s.liar.size() {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow returns %v", err)
	}
}

func TestAMirrorIsReadyOnceItHasCaughtUpAndForAsLongAsItDoes(t *testing.T) {
	s := play(t)
	if err := s.mirror.Close(); err != nil {
		t.Fatal(err)
	}
	s.open()
	ready := func() int { return s.get("/readyz").Code }
	if got := ready(); got != http.StatusServiceUnavailable || s.get("/healthz").Code != http.StatusOK {
		t.Errorf("before it has looked: %d", got)
	}
	if err := s.mirror.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := ready(); got != http.StatusOK {
		t.Errorf("when it has caught up: %d, %v", got, s.mirror.CaughtUp())
	}
	// Two intervals and a minute later it may be far behind.
	s.clock.Add(time.Hour)
	if got := ready(); got != http.StatusServiceUnavailable || s.get("/healthz").Code != http.StatusOK {
		t.Errorf("an hour later: %d", got)
	}
}

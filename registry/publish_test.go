package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// A cosigned register has three witnesses, a, b and c. Its clock goes.
type cosigned struct {
	*registry.Registry
	t       *testing.T
	dir     string
	root    []byte
	policy  string
	trust   *verify.Trust
	a, b, c *rt.Witness
	now     func() time.Time
	log     *badgerlog.Log
	logged  *logbook
}

// ticking is a clock that goes, from where the tests' clocks begin.
func ticking() func() time.Time {
	begun := time.Now()
	return func() time.Time { return rt.Start.Add(time.Since(begun)) }
}

// cosignedBy makes a register whose policy asks for the quorum given, such as
// "group q 2 a b c"; it is not started.
func cosignedBy(t *testing.T, quorum string) *cosigned {
	t.Helper()
	now := ticking()
	r := &cosigned{t: t, dir: t.TempDir(), now: now, logged: new(logbook)}
	r.a, r.b, r.c = rt.NewWitness(t, "a", now), rt.NewWitness(t, "b", now), rt.NewWitness(t, "c", now)
	root := rt.Root(rt.Start)
	for _, w := range []*rt.Witness{r.a, r.b, r.c} {
		r.policy += fmt.Sprintf("witness %s %s %s\n", w.Name, w.VKey, w.URL)
		root.Cosigners = append(root.Cosigners, attest.Cosigner{VKey: w.VKey, Role: attest.Witness})
	}
	r.policy += quorum + "\nquorum q\n"
	var err error
	if r.root, err = rt.Sign(root); err != nil {
		t.Fatal(err)
	}
	st, err := attest.OpenRoot(r.root, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The very policy of the register, as its verifiers pin it.
	if r.trust, err = verify.TrustFor(st, r.policy, 24*time.Hour, verify.Insecure{Unmirrored: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	return r
}

// open starts the register.
func (r *cosigned) open(config ...func(*registry.Config)) error {
	r.t.Helper()
	reg, log, err := rt.Serve(r.dir, r.now, r.trust, append([]func(*registry.Config){func(c *registry.Config) {
		c.Logger = slog.New(slog.NewTextHandler(r.logged, nil))
		c.Cosigning = registry.Cosigning{Policy: r.policy, Timeout: 5 * time.Second, WaitForMore: 50 * time.Millisecond, Refresh: time.Hour}
	}}, config...)...)
	r.Registry, r.log = reg, log
	return err
}

// start starts the register, logs its root and waits for that to be published.
func (r *cosigned) start(config ...func(*registry.Config)) {
	r.t.Helper()
	if err := r.open(config...); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.Init(r.t.Context(), r.root); err != nil {
		r.t.Fatal(err)
	}
	r.await(r.Size())
}

func (r *cosigned) stop() {
	if r.Registry == nil {
		return
	}
	if err := errors.Join(r.Close(), r.log.Close()); err != nil {
		r.t.Error(err)
	}
	r.Registry = nil
}

func (r *cosigned) submit(n int) registry.Receipt {
	r.t.Helper()
	receipt, err := r.try(n)
	if err != nil {
		r.t.Fatal(err)
	}
	return receipt
}

func (r *cosigned) try(n int) (registry.Receipt, error) {
	a := approvalNumber(n)
	a.Aud, a.IAT = rt.Origin, attest.NumericDate(rt.Start.Unix())
	st, err := rt.Sign(a)
	if err != nil {
		return registry.Receipt{}, err
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	return r.Submit(ctx, st)
}

// await waits until a size is published.
func (r *cosigned) await(size int64) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	if err := r.WaitQuorum(ctx, size); err != nil {
		r.t.Fatal(err)
	}
}

// unpublished waits a moment for a size, and returns why it is not published.
func (r *cosigned) unpublished(size int64) error {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 400*time.Millisecond)
	defer cancel()
	err := r.WaitQuorum(ctx, size)
	if !errors.Is(err, registry.ErrNoQuorum) || !errors.Is(err, context.DeadlineExceeded) {
		r.t.Fatalf("size %d: %v, want ErrNoQuorum", size, err)
	}
	return err
}

// report checks the register's evidence with the trust that pins its policy.
func (r *cosigned) report() *verify.Report {
	r.t.Helper()
	evidence, err := r.Evidence(r.t.Context(), request())
	if err != nil {
		r.t.Fatal(err)
	}
	report, err := verify.Check(evidence, r.trust, r.now())
	if err != nil {
		r.t.Fatalf("the register's own evidence: %v", err)
	}
	return report
}

// signers are the names of those who have signed the published checkpoint, in
// order.
func (r *cosigned) signers() (names []string) {
	r.t.Helper()
	_, lines, _ := strings.Cut(string(r.Checkpoint()), "\n\n")
	for l := range strings.Lines(lines) {
		names = append(names, strings.TrimPrefix(strings.Fields(l)[1], "witness.example/"))
	}
	return names
}

// eventually fails the test where that does not come true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come true: %s", what)
		}
	}
}

// A logbook keeps what is logged.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) has(s string) bool { return l.count(s) > 0 }

func (l *logbook) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), s)
}

func TestAQuorumIsEnough(t *testing.T) {
	r := cosignedBy(t, "group q 2 a b c")
	r.start()
	if got := strings.Join(r.signers(), " "); got != rt.Origin+" "+rt.Origin+"/cosigner a b c" {
		t.Errorf("signed by %s; want the log, the operator's own, and then all by name", got)
	}
	r.b.Stop()
	receipt := r.submit(1)
	r.await(receipt.Size)
	if got := strings.Join(r.signers(), " "); got != rt.Origin+" "+rt.Origin+"/cosigner a c" {
		t.Errorf("signed by %s", got)
	}
	if report := r.report(); report.Size != r.Size() {
		t.Errorf("evidence of size %d, want %d", report.Size, r.Size())
	}
	if err := r.Healthy(); err != nil {
		t.Errorf("healthy: %v", err)
	}
	eventually(t, "the log says who is gone", func() bool { return r.logged.has("cosigner=b") })
	// It comes back with what it had, and is brought up to date.
	held := r.b.Held().N
	r.b.Start()
	receipt = r.submit(2)
	eventually(t, "b cosigns again", func() bool { return r.b.Held().N == receipt.Size && len(r.signers()) == 5 })
	if held >= receipt.Size {
		t.Errorf("b held %d before", held)
	}
	// The receipt is durable before anybody has cosigned it, and stays so.
	kept, err := r.CheckpointAt(receipt.Size)
	if err != nil || !bytes.Equal(kept, r.Checkpoint()) {
		t.Errorf("kept is\n%s, %v; published\n%s", kept, err, r.Checkpoint())
	}
}

func TestWithoutQuorumNothingIsPublishedUntilItRecovers(t *testing.T) {
	r := cosignedBy(t, "group q 2 a b c")
	r.start()
	published := r.Size()
	shown := r.Checkpoint()
	r.b.Stop()
	r.c.Answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "gone fishing", http.StatusTeapot) })
	// Logging does not wait for witnesses.
	for n := range 3 {
		r.submit(n)
	}
	size := r.Size()
	err := r.unpublished(size)
	for _, says := range []string{"b (", "refused", "c (", "gone fishing"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%v\ndoes not say %q", err, says)
		}
	}
	if strings.Contains(err.Error(), "a (") {
		t.Errorf("%v\nnames who has answered", err)
	}
	eventually(t, "the register says that it is not healthy", func() bool { return errors.Is(r.Healthy(), registry.ErrNoQuorum) })
	if !bytes.Equal(r.Checkpoint(), shown) {
		t.Errorf("published is\n%s", r.Checkpoint())
	}
	// What was published stays good evidence; of what came after, nothing shows.
	if report := r.report(); report.Size != published {
		t.Errorf("evidence of size %d, want the published %d", report.Size, published)
	}
	if h, err := r.History(t.Context(), attest.EntitySubject(rt.Varuna)); err != nil || len(h) > 0 {
		t.Errorf("history: %v, %v", h, err)
	}
	if _, err := r.Leaf(size - 1); err != nil {
		t.Errorf("the newest leaf cannot be read by a mirror: %v", err)
	}
	// That outlives the register.
	r.stop()
	if err := r.open(func(c *registry.Config) { c.Cosigning.Without = []string{"b", "c"} }); err != nil {
		t.Fatal(err)
	}
	if report := r.report(); report.Size != published {
		t.Errorf("evidence of size %d after a restart, want the published %d", report.Size, published)
	}
	r.unpublished(size)
	r.c.Answer(nil)
	r.await(size)
	eventually(t, "the register is healthy", func() bool { return r.Healthy() == nil })
	if report := r.report(); report.Size != size {
		t.Errorf("evidence of size %d, want %d", report.Size, size)
	}
}

func TestNothingIsShownBeforeTheFirstQuorum(t *testing.T) {
	r := cosignedBy(t, "group q all a b c")
	r.b.Stop()
	if err := r.open(func(c *registry.Config) { c.Cosigning.Without = []string{"b"} }); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Init(t.Context(), r.root); err != nil {
		t.Fatal(err)
	}
	receipt := r.submit(1)
	eventually(t, "the register says who is missing", func() bool {
		err := r.Healthy()
		return errors.Is(err, registry.ErrNoQuorum) && strings.Contains(err.Error(), "b (") && !strings.Contains(err.Error(), "a (")
	})
	if _, err := r.Evidence(t.Context(), request()); !errors.Is(err, registry.ErrNoQuorum) || !strings.Contains(err.Error(), "b (") || strings.Contains(err.Error(), "a (") {
		t.Errorf("evidence: %v, want ErrNoQuorum, which names b alone", err)
	}
	if _, _, err := r.Decide(t.Context(), request(), request().Times(r.now())); !errors.Is(err, registry.ErrNoQuorum) {
		t.Errorf("decide: %v", err)
	}
	if c, root := r.Checkpoint(), r.Root(); c != nil || root != nil {
		t.Errorf("published is\n%s\nwith the root %v", c, root)
	}
	if h, err := r.History(t.Context(), attest.RootSubject); err != nil || len(h) > 0 {
		t.Errorf("history of the root: %v, %v", h, err)
	}
	// That outlives the register, too.
	r.stop()
	if err := r.open(func(c *registry.Config) { c.Cosigning.Without = []string{"b"} }); err != nil {
		t.Fatal(err)
	}
	if c := r.Checkpoint(); c != nil {
		t.Errorf("published after a restart is\n%s", c)
	}
	r.b.Start()
	r.await(receipt.Size)
	if report := r.report(); report.Size != receipt.Size {
		t.Errorf("evidence of size %d, want %d", report.Size, receipt.Size)
	}
}

// A policy may ask for nobody but the operator's own cosigner, which has no URL.
func TestTheOperatorsOwnCosignerMayBeThePolicy(t *testing.T) {
	r := cosignedBy(t, "group q all a b c")
	r.policy = "witness own " + rt.Cosigner().VKey() + "\nquorum own\n"
	var err error
	if r.trust, err = rt.Trust(r.root); err != nil {
		t.Fatal(err)
	}
	short := func(c *registry.Config) { c.Cosigning.Refresh = 200 * time.Millisecond }
	r.start(short)
	receipt := r.submit(1)
	r.await(receipt.Size)
	first := r.report()
	if first.Size != receipt.Size || first.ProvenUntil.Before(receipt.Time) {
		t.Errorf("evidence of size %d, proven until %s; logged was size %d at %s", first.Size, first.ProvenUntil, receipt.Size, receipt.Time)
	}
	eventually(t, "a quiet log stays fresh", func() bool { return r.report().ProvenUntil.After(first.ProvenUntil) })
	r.stop()
	if err := r.open(short); err != nil {
		t.Fatal(err)
	}
	r.await(r.submit(2).Size)
	if err := r.Healthy(); err != nil {
		t.Errorf("healthy: %v", err)
	}
}

func TestNothingIsLoggedBeforeEveryCosignerHasConfirmed(t *testing.T) {
	r := cosignedBy(t, "group q 2 a b c")
	r.start()
	r.submit(1)
	r.await(r.Size())
	size := r.Size()
	r.stop()
	r.c.Stop()
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	// Two make the quorum, and yet the third may hold more.
	_, err := r.try(2)
	if !errors.Is(err, registry.ErrUnconfirmed) || !strings.Contains(err.Error(), "witness c") || strings.Contains(err.Error(), "witness a") {
		t.Fatalf("submit: %v, want ErrUnconfirmed, which names c", err)
	}
	if err := r.Healthy(); !errors.Is(err, registry.ErrUnconfirmed) || !strings.Contains(err.Error(), "serve --without-cosigner c") {
		t.Errorf("healthy: %v", err)
	}
	// It is said again and again.
	const warning = "nothing is logged yet"
	for until := time.Now().Add(20 * time.Second); r.logged.count(warning) < 2 && time.Now().Before(until); {
		time.Sleep(50 * time.Millisecond)
	}
	if n := r.logged.count(warning); n < 2 {
		t.Errorf("said %d times", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.WaitConfirmed(ctx); !errors.Is(err, registry.ErrUnconfirmed) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait: %v", err)
	}
	if r.Size() != size || r.report().Size != size {
		t.Errorf("size %d, evidence of %d; want %d", r.Size(), r.report().Size, size)
	}
	r.c.Start()
	if err := r.WaitConfirmed(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.await(r.submit(2).Size)
}

func TestALogThatWasRolledBackIsNotContinued(t *testing.T) {
	r := cosignedBy(t, "group q 2 a b c")
	r.start()
	r.submit(1)
	r.await(r.Size())
	size, held := r.Size(), r.c.Held()
	eventually(t, "c has cosigned", func() bool { held = r.c.Held(); return held.N == size })
	r.stop()
	for name, dir := range map[string]string{"an older log": r.dir, "no log": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			s := *r
			s.t, s.dir = t, dir
			defer s.stop()
			has := size
			if name == "no log" {
				has = 0
			}
			r.c.Hold(tlog.Tree{N: size + 5, Hash: held.Hash})
			if err := s.open(); err != nil {
				t.Fatal(err)
			}
			err := s.WaitConfirmed(t.Context())
			if !errors.Is(err, registry.ErrRolledBack) || has > 0 && !strings.Contains(err.Error(), fmt.Sprintf("witness c to cosign size %d: it holds a checkpoint of size %d", has, size+5)) {
				t.Fatalf("%v, want ErrRolledBack, which names c", err)
			}
			submit := func() error {
				if has == 0 {
					_, err := s.Init(t.Context(), s.root)
					return err
				}
				_, err := s.try(7)
				return err
			}
			if err := submit(); !errors.Is(err, registry.ErrRolledBack) {
				t.Errorf("submit: %v", err)
			}
			if s.Size() != has {
				t.Errorf("size %d, want %d", s.Size(), has)
			}
			s.stop()
			if has == 0 {
				// a and b hold more of the log as well.
				return
			}
			// Whoever knows that c lies does without it.
			if err := s.open(func(c *registry.Config) { c.Cosigning.Without = []string{"c"} }); err != nil {
				t.Fatal(err)
			}
			if err := submit(); err != nil {
				t.Fatal(err)
			}
			s.await(s.Size())
		})
	}
}

func TestAWitnessOfAnotherLogStopsTheRegister(t *testing.T) {
	r := cosignedBy(t, "group q 2 a b c")
	r.start()
	size := r.Size()
	r.stop()
	for what, held := range map[string]tlog.Tree{
		"another tree of that size": {N: size, Hash: tlog.Hash{1}},
		"another, smaller tree":     {N: size - 1, Hash: tlog.Hash{1}},
	} {
		t.Run(what, func(t *testing.T) {
			s := *r
			s.t = t
			defer s.stop()
			s.b.Hold(held)
			if err := s.open(); err != nil {
				t.Fatal(err)
			}
			if err := s.WaitConfirmed(t.Context()); !errors.Is(err, registry.ErrRolledBack) || !strings.Contains(err.Error(), "witness b") {
				t.Errorf("%v, want ErrRolledBack", err)
			}
		})
	}
}

// Two registers under one key are found where the one has cosigned what the
// other has not.
func TestACosignerThatHoldsMoreLaterStopsTheRegister(t *testing.T) {
	for _, test := range []struct {
		what string
		held func(size int64) tlog.Tree
		says string
	}{
		{"more than the log has", func(size int64) tlog.Tree { return tlog.Tree{N: size + 100, Hash: tlog.Hash{1}} }, "witness c to cosign"},
		{"another tree", func(size int64) tlog.Tree { return tlog.Tree{N: size, Hash: tlog.Hash{1}} }, "witness c to cosign"},
		{"another tree of the next size", func(size int64) tlog.Tree { return tlog.Tree{N: size + 2, Hash: tlog.Hash{1}} }, "it holds another checkpoint of size 4"},
	} {
		t.Run(test.what, func(t *testing.T) {
			r := cosignedBy(t, "group q 2 a b c")
			r.start()
			size := r.Size()
			eventually(t, "c has cosigned", func() bool { return r.c.Held().N == size })
			r.c.Hold(test.held(size))
			// What a and b cosign before c answers may be published.
			next := r.submit(1).Size
			eventually(t, "it says that the log is not whole", func() bool { return errors.Is(r.Healthy(), registry.ErrRolledBack) })
			if err := r.WaitConfirmed(t.Context()); !errors.Is(err, registry.ErrRolledBack) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want ErrRolledBack, which says %q", err, test.says)
			}
			if _, err := r.try(2); !errors.Is(err, registry.ErrRolledBack) {
				t.Errorf("submit: %v, want ErrRolledBack", err)
			}
			if r.Size() != next {
				t.Errorf("size %d, want %d", r.Size(), next)
			}
			if err := r.WaitQuorum(t.Context(), next+1); !errors.Is(err, registry.ErrRolledBack) {
				t.Errorf("wait: %v, want ErrRolledBack", err)
			}
			if report := r.report(); report.Size < size {
				t.Errorf("it shows size %d", report.Size)
			}
			r.stop()
			// Whoever knows that c lies does without it, at the start and later.
			if err := r.open(func(c *registry.Config) { c.Cosigning.Without = []string{"c"} }); err != nil {
				t.Fatal(err)
			}
			r.await(r.submit(3).Size)
			r.await(r.submit(4).Size)
			if err := r.Healthy(); err != nil {
				t.Errorf("healthy without c: %v", err)
			}
		})
	}
}

// A cosigner may have got and cosigned what the register has had no answer to.
func TestACosignerThatWasNotHeardIsNotOneThatHoldsMore(t *testing.T) {
	r := cosignedBy(t, "group q 2 a b c")
	r.start(func(c *registry.Config) { c.Cosigning.Timeout = 300 * time.Millisecond })
	gate := make(chan struct{})
	r.c.Before(func() { <-gate })
	for n := range 3 {
		r.await(r.submit(n).Size)
	}
	eventually(t, "c is not heard", func() bool { return r.logged.has("cosigner=c") })
	close(gate)
	r.await(r.submit(4).Size)
	eventually(t, "c cosigns again", func() bool { return r.c.Held().N == r.Size() })
	if err := r.Healthy(); err != nil {
		t.Errorf("healthy: %v", err)
	}
}

func TestACosigningPolicyHasToFit(t *testing.T) {
	r := cosignedBy(t, "group q 2 a b c")
	stranger := rt.NewWitness(t, "stranger", r.now)
	_, logKey := rt.LogSigner()
	_, other, err := note.GenerateKey(zeros{}, "other.example/log")
	if err != nil {
		t.Fatal(err)
	}
	own := rt.Cosigner().VKey()
	for name, test := range map[string]struct {
		change func(*registry.Cosigning)
		says   string
	}{
		"no policy at all":         {func(c *registry.Cosigning) { c.Policy = "nonsense" }, "cosigning policy: line 1"},
		"a line without its URL":   {func(c *registry.Cosigning) { c.Policy = strings.Replace(c.Policy, r.b.URL, "", 1) }, "witness b has no URL"},
		"a URL that is none":       {func(c *registry.Cosigning) { c.Policy = strings.Replace(c.Policy, r.b.URL, "https://", 1) }, "witness b: "},
		"an unknown one":           {func(c *registry.Cosigning) { c.Without = []string{"d"} }, `no cosigner "d" to do without; it has a, b, c`},
		"nobody to do without":     {func(c *registry.Cosigning) { *c = registry.Cosigning{Without: []string{"a"}} }, "no cosigning policy"},
		"the policy of other logs": {func(c *registry.Cosigning) { c.Policy = "log " + other + "\n" + c.Policy }, "none of its log lines"},
		"of this log and others":   {func(c *registry.Cosigning) { c.Policy = "log " + other + "\nlog " + logKey + "\n" + c.Policy }, ""},
		"the operator's own":       {func(c *registry.Cosigning) { c.Policy = "witness own " + own + "\n" + c.Policy }, ""},
		"one that the root does not list": {func(c *registry.Cosigning) {
			c.Policy = fmt.Sprintf("witness d %s %s\n", stranger.VKey, stranger.URL) + c.Policy
		}, "does not list " + stranger.VKey},
	} {
		t.Run(name, func(t *testing.T) {
			s := *r
			s.t, s.dir = t, t.TempDir()
			defer s.stop()
			// The first start has the root logged, the second finds it.
			if err := s.open(func(c *registry.Config) { c.Cosigning = registry.Cosigning{} }); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Init(t.Context(), s.root); err != nil {
				t.Fatal(err)
			}
			s.stop()
			log, err := badgerlog.Open(filepath.Join(s.dir, "log"), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			signer, _ := rt.LogSigner()
			c := registry.Config{Log: log, Origin: rt.Origin, LogSigners: []note.Signer{signer}, Cosigner: rt.Cosigner(), Now: s.now, BatchInterval: -1, Cosigning: registry.Cosigning{Policy: s.policy}}
			test.change(&c.Cosigning)
			reg, err := registry.New(c)
			if err == nil {
				defer reg.Close()
			}
			if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
}

// zeros reads as zeros: a key that is nobody's.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestARootThatDropsACosignerOfThePolicyIsRefused(t *testing.T) {
	r := cosignedBy(t, "group q 2 a b c")
	r.start()
	first, err := attest.OpenRoot(r.root, nil)
	if err != nil {
		t.Fatal(err)
	}
	next, err := first.TrustRoot().Successor()
	if err != nil {
		t.Fatal(err)
	}
	next.IAT = attest.NumericDate(rt.Start.Unix())
	next.Cosigners = next.Cosigners[:len(next.Cosigners)-1]
	st, err := rt.Sign(next)
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Submit(t.Context(), st)
	wantRefusal(t, err, attest.Conflict, "/cosigners")
}

func TestAQuietLogStaysFresh(t *testing.T) {
	r := cosignedBy(t, "group q 2 a b c")
	r.start(func(c *registry.Config) { c.Cosigning.Refresh = 300 * time.Millisecond })
	size, first := r.Size(), r.report().ProvenUntil
	eventually(t, "what it proves reaches further", func() bool { return r.report().ProvenUntil.After(first.Add(time.Second)) })
	if r.Size() != size {
		t.Errorf("size %d, want %d: a quiet log does not grow", r.Size(), size)
	}
	// A witness that is gone keeps its line, with its old date.
	r.c.Stop()
	last := r.report().ProvenUntil
	eventually(t, "what it proves reaches further without c", func() bool { return r.report().ProvenUntil.After(last.Add(time.Second)) })
	if got := len(r.signers()); got != 5 {
		t.Errorf("signed by %v", r.signers())
	}
}

func TestAWitnessWithAWrongClockIsDoneWithout(t *testing.T) {
	for name, test := range map[string]struct {
		off  time.Duration
		says string
	}{
		"far ahead":    {time.Hour, "ahead of the register's clock"},
		"far behind":   {-time.Hour, "long before the batch"},
		"a bit ahead":  {30 * time.Second, ""},
		"a bit behind": {-30 * time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := cosignedBy(t, "group q 2 a b c")
			r.a.Now(func() time.Time { return r.now().Add(test.off) })
			r.start()
			for n := range 3 {
				receipt := r.submit(n)
				r.await(receipt.Size)
				if ahead := receipt.Time.Sub(r.now()); ahead > 5*time.Second {
					t.Errorf("a batch is dated %s ahead of the clock", ahead)
				}
			}
			r.report()
			if test.off == -30*time.Second {
				return
			}
			for _, by := range r.signers() {
				if by == "a" {
					t.Errorf("signed by %v", r.signers())
				}
			}
			if test.says != "" && !r.logged.has(test.says) {
				t.Errorf("the log does not say %q", test.says)
			}
			// Where the quorum needs it, a little is let pass, and much is not.
			r.b.Stop()
			size := r.submit(3).Size
			if test.says != "" {
				if err := r.unpublished(size); !strings.Contains(err.Error(), test.says) {
					t.Errorf("%v does not say %q", err, test.says)
				}
				return
			}
			r.await(size)
			receipt := r.submit(4)
			if at := r.report().LastBatch; !receipt.Time.After(at) {
				t.Errorf("a batch of %s after one of %s", receipt.Time, at)
			}
		})
	}
}

// Batches have to be dated after every cosignature held, and may not run ahead
// of the clock for it: not with the one that is the furthest ahead, either.
func TestAClockAheadThatTheQuorumNeedsDoesNotStopTheLog(t *testing.T) {
	r := cosignedBy(t, "group q all a b c")
	r.start(func(c *registry.Config) { c.BatchInterval = 50 * time.Millisecond })
	r.a.Now(func() time.Time { return r.now().Add(59900 * time.Millisecond) })
	for begun, n := time.Now(), 0; time.Since(begun) < 4*time.Second; n++ {
		if _, err := r.try(n); err != nil {
			t.Fatalf("after %s: %v", time.Since(begun), err)
		}
	}
	r.await(r.Size())
}

// A replayed cosignature of the same checkpoint is no harm, and no news.
func TestAnOldCosignatureDoesNotTakeBackANewerOne(t *testing.T) {
	r := cosignedBy(t, "group q 2 a b c")
	r.start(func(c *registry.Config) { c.Cosigning.Refresh = 200 * time.Millisecond })
	old := r.a.Cosign(r.Checkpoint(), rt.Start)
	proven := r.report().ProvenUntil
	r.a.Answer(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(old) })
	asked := r.a.Requests()
	eventually(t, "a is asked again", func() bool { return r.a.Requests() > asked+2 })
	if now := r.report().ProvenUntil; now.Before(proven) {
		t.Errorf("proven until %s, and before until %s", now, proven)
	}
}

func TestASlowCosignerHoldsNobodyUpAndIsHeard(t *testing.T) {
	r := cosignedBy(t, "group q 2 a b c")
	r.start()
	slow := make(chan struct{})
	r.c.Before(func() { <-slow })
	// What comes after the quorum joins the checkpoint that is shown.
	r.await(r.submit(1).Size)
	if got := strings.Join(r.signers(), " "); strings.HasSuffix(got, "c") {
		t.Errorf("signed by %s", got)
	}
	close(slow)
	eventually(t, "its line joins", func() bool { return strings.HasSuffix(strings.Join(r.signers(), " "), "a b c") })
	r.report()
	// Where it comes too late for that, it is asked again for what is shown by
	// then.
	slow = make(chan struct{})
	gate := slow
	r.c.Before(func() { <-gate })
	r.await(r.submit(2).Size)
	r.await(r.submit(3).Size)
	if got := strings.Join(r.signers(), " "); strings.HasSuffix(got, "c") {
		t.Errorf("signed by %s", got)
	}
	close(slow)
	eventually(t, "its line joins", func() bool { return strings.HasSuffix(strings.Join(r.signers(), " "), "a b c") })
	r.report()
}

func TestACosignerThatIsStillCheckingIsAskedAgain(t *testing.T) {
	r := cosignedBy(t, "group q all a b c")
	r.start()
	r.b.Answer(func(w http.ResponseWriter, _ *http.Request) {
		r.b.Answer(nil)
		w.Header().Set("Retry-After", "1")
		http.Error(w, "still checking", http.StatusServiceUnavailable)
	})
	r.await(r.submit(1).Size)
	if r.logged.has("not published") || r.logged.has("does not cosign") {
		t.Error("a cosigner that asks for patience was taken for missing")
	}
}

func TestWhoeverSubmitsMayWaitForTheQuorum(t *testing.T) {
	r := cosignedBy(t, "group q all a b c")
	r.start()
	var all sync.WaitGroup
	for n := range 24 {
		all.Go(func() {
			receipt, err := r.try(n)
			if err != nil {
				t.Error(err)
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := r.WaitQuorum(ctx, receipt.Size); err != nil {
				t.Error(err)
				return
			}
			c, err := verify.ParseCheckpoint(r.Checkpoint())
			if err != nil || c.Tree.N < receipt.Size {
				t.Errorf("published is size %d, %v; waited for %d", c.Tree.N, err, receipt.Size)
			}
		})
	}
	all.Wait()
	if report := r.report(); report.Size != r.Size() || len(report.Cosignatures) != 4 {
		t.Errorf("evidence of size %d with %d cosignatures", report.Size, len(report.Cosignatures))
	}
	// Whoever waits for what never comes learns of the end.
	failed := make(chan error)
	size := r.Size()
	reg := r.Registry
	go func() { failed <- reg.WaitQuorum(context.Background(), size+1) }()
	r.stop()
	if err := <-failed; !errors.Is(err, registry.ErrClosed) {
		t.Errorf("wait: %v, want ErrClosed", err)
	}
}

// With the interval that registers have, batches keep their time by the clock,
// and no batch is dated before what cosigners may have dated.
func TestBatchesAreDatedAfterWhatCosignersHaveSeen(t *testing.T) {
	r := cosignedBy(t, "group q 2 a b c")
	r.start(func(c *registry.Config) { c.BatchInterval = 50 * time.Millisecond })
	type asked struct {
		size int64
		at   time.Time
	}
	var seen []asked
	for begun, n := time.Now(), 0; time.Since(begun) < 3500*time.Millisecond; n++ {
		receipt := r.submit(n)
		if ahead := receipt.Time.Sub(r.now()); ahead > 100*time.Millisecond {
			t.Errorf("batch %d is dated %s ahead of the clock", n, ahead)
		}
		seen = append(seen, asked{receipt.Size, receipt.Time})
		time.Sleep(20 * time.Millisecond)
	}
	r.await(r.Size())
	// Every checkpoint that anybody has cosigned.
	cosigned := 0
	for i, s := range seen[:len(seen)-1] {
		signed, err := r.CheckpointAt(s.size)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(signed), "witness.example") {
			continue
		}
		cosigned++
		whole := s.at.Truncate(time.Second)
		if whole.Before(s.at) {
			whole = whole.Add(time.Second)
		}
		if !seen[i+1].at.After(whole) {
			t.Errorf("size %d of %s was cosigned, and the next batch is dated %s", s.size, s.at, seen[i+1].at)
		}
	}
	if cosigned < 2 || cosigned > 6 {
		t.Errorf("%d of %d checkpoints were cosigned in 3.5 seconds; want one a second", cosigned, len(seen))
	}
}

// What a cosigner is asked for may be cosigned before the register hears of it,
// and then by the whole second.
func TestABatchIsDatedAfterWhatACosignerIsStillAskedFor(t *testing.T) {
	r := cosignedBy(t, "group q all a b c")
	r.start()
	gate := make(chan struct{})
	asked := r.b.Requests()
	r.b.Before(func() { <-gate })
	first := r.submit(1)
	eventually(t, "b is asked", func() bool { return r.b.Requests() > asked })
	whole := first.Time.Truncate(time.Second).Add(time.Second)
	second := r.submit(2)
	if !second.Time.After(whole) {
		t.Errorf("the batch of %s may have been cosigned at %s, and the next is dated %s", first.Time, whole, second.Time)
	}
	close(gate)
	r.await(second.Size)
	r.stop()
	// Nor is that forgotten over a restart.
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	whole = second.Time.Truncate(time.Second).Add(time.Second)
	if third := r.submit(3); !third.Time.After(whole) {
		t.Errorf("after a restart, a batch is dated %s; the last one may have been cosigned at %s", third.Time, whole)
	}
}

func TestARegisterThatHasShownNothingYetIsNotHealthy(t *testing.T) {
	r := cosignedBy(t, "group q all a b c")
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	if err := r.WaitConfirmed(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked, answer := make(chan struct{}, 1), make(chan struct{})
	r.c.Answer(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		<-answer
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	defer close(answer)
	if _, err := r.Init(t.Context(), r.root); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := r.Healthy(); !errors.Is(err, registry.ErrNoQuorum) {
		t.Errorf("healthy: %v, want ErrNoQuorum", err)
	}
}

func TestAStoreThatFailsWhilePublishingEndsAllWriting(t *testing.T) {
	r := cosignedBy(t, "group q 2 a b c")
	var faulty *unkept
	r.start(func(c *registry.Config) {
		faulty = &unkept{Log: c.Log}
		c.Log = faulty
	})
	faulty.fail(registry.ErrFull)
	size := r.submit(1).Size
	eventually(t, "it says that there is no room", func() bool { return errors.Is(r.Healthy(), registry.ErrFull) })
	faulty.fail(nil)
	r.await(size)
	shown := r.Checkpoint()
	faulty.fail(errors.New("input/output error"))
	size = r.submit(2).Size
	eventually(t, "it only reads", func() bool { return errors.Is(r.Healthy(), registry.ErrReadOnly) })
	if err := r.WaitQuorum(t.Context(), size); !errors.Is(err, registry.ErrReadOnly) {
		t.Errorf("wait: %v, want ErrReadOnly", err)
	}
	if !bytes.Equal(r.Checkpoint(), shown) {
		t.Error("what is not kept was published")
	}
	r.report()
}

// unkept is a log whose Keep fails as told.
type unkept struct {
	registry.Log
	mu   sync.Mutex
	err  error
	kept []registry.Standing
}

func (u *unkept) fail(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
}

func (u *unkept) Keep(ctx context.Context, s registry.Standing) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.kept = append(u.kept, s)
	if u.err != nil {
		return u.err
	}
	return u.Log.Keep(ctx, s)
}

func (u *unkept) keeps() []registry.Standing {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.kept)
}

// Each write is synced, and nothing is sequenced meanwhile. Nor may a checkpoint
// be kept and that it has its quorum be lost.
func TestWhatIsPublishedIsKeptInOneWrite(t *testing.T) {
	r := cosignedBy(t, "group q all a b c")
	var log *unkept
	r.start(func(c *registry.Config) {
		log = &unkept{Log: c.Log}
		c.Log = log
	})
	before := len(log.keeps())
	size := r.submit(1).Size
	r.await(size)
	kept := log.keeps()[before:]
	if len(kept) != 1 {
		t.Fatalf("%d writes, want 1: %+v", len(kept), kept)
	}
	s := kept[0]
	sizes := map[string]int64{r.a.VKey: size, r.b.VKey: size, r.c.VKey: size}
	if !bytes.Equal(s.Checkpoint.Checkpoint, r.Checkpoint()) || s.Checkpoint.Size != size || s.Quorate != size || !maps.Equal(s.Sizes, sizes) {
		t.Errorf("kept is %+v", s)
	}
}

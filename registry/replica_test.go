package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// sameReads compares everything that two readers show.
func sameReads(t *testing.T, want, got *registry.Reader) {
	t.Helper()
	ctx := context.Background()
	if diff := cmp.Diff(string(want.Checkpoint()), string(got.Checkpoint())); diff != "" {
		t.Errorf("checkpoint (-want +got):\n%s", diff)
	}
	if want.Size() != got.Size() || !bytes.Equal(want.Root().Statement().Bytes(), got.Root().Statement().Bytes()) {
		t.Errorf("size %d and %d, or another root", want.Size(), got.Size())
	}
	w, err := want.Evidence(ctx, request())
	if err != nil {
		t.Fatal(err)
	}
	g, err := got.Evidence(ctx, request())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(w), string(g)); diff != "" {
		t.Errorf("evidence (-want +got):\n%s", diff)
	}
	for _, subject := range []string{attest.RootSubject, attest.EntitySubject(rt.Varuna), attest.SandboxSubject(rt.Sandbox)} {
		w, werr := want.History(ctx, subject)
		g, gerr := got.History(ctx, subject)
		place := func(l registry.Logged) string { return fmt.Sprint(l.Index, l.Time, string(l.Statement.Bytes())) }
		if diff := cmp.Diff(w, g, cmp.Transformer("place", place)); diff != "" || werr != nil || gerr != nil {
			t.Errorf("history of %s: %v, %v (-want +got):\n%s", subject, werr, gerr, diff)
		}
	}
}

// sameReceipts compares the receipts of all statements.
func sameReceipts(t *testing.T, want, got *registry.Reader) {
	t.Helper()
	ctx := context.Background()
	for i := range want.Size() {
		w, werr := want.Receipt(ctx, i)
		g, gerr := got.Receipt(ctx, i)
		if diff := cmp.Diff(w, g); diff != "" || errors.Is(werr, registry.ErrNotFound) != errors.Is(gerr, registry.ErrNotFound) {
			t.Errorf("receipt %d: %v, %v (-want +got):\n%s", i, werr, gerr, diff)
		}
	}
}

// busyRegister logs something of every kind, a second trust root included.
func busyRegister(t *testing.T) *rt.Register {
	r := joint(t)
	r.MustSubmit(rt.Domain("PDA-1", rt.IN))
	r.MustSubmit(successor(t, r))
	r.Clock.Add(time.Minute)
	r.MustSubmit(rt.Event("EV-1", rt.US, attest.ApprovalSubject(rt.Varuna, rt.US), "TEA-1", attest.Suspend, rt.Start))
	third := rt.Registration("REG-2", rt.IN, rt.Varuna, "IN")
	third.Supersedes = "REG-1"
	r.MustSubmit(third)
	r.Clock.Add(time.Minute)
	return r
}

func TestAReplicaShowsWhatTheRegisterShows(t *testing.T) {
	r := busyRegister(t)
	mustEvidence(t, r)
	for name, opt := range map[string]registry.ExtendOptions{"every checkpoint": {AllCheckpoints: true}, "a chunk at once": {}} {
		t.Run(name, func(t *testing.T) {
			log := emptyLog(t)
			config := func(c *registry.ReplicaConfig) { c.Trust, c.Now = r.Trust, r.Clock.Now }
			replica := newReplica(t, log, config)
			if err := replica.Extend(context.Background(), registry.StoreSource(r.Log()), r.Checkpoint(), opt); err != nil {
				t.Fatal(err)
			}
			sameReads(t, r.Reader, replica.Reader)
			if opt.AllCheckpoints {
				sameReceipts(t, r.Reader, replica.Reader)
			}
			for i := range r.Size() {
				receipt, err := replica.Receipt(context.Background(), i)
				if leaf, _ := r.Leaf(i); err == nil {
					checkReceipt(t, leaf, receipt)
				} else if !verify.IsStatusLeaf(leaf) {
					t.Error(err)
				}
			}
			again := newReplica(t, log, config)
			sameReads(t, replica.Reader, again.Reader)
			sameReceipts(t, replica.Reader, again.Reader)

			// A replica is a source, too.
			second := newReplica(t, emptyLog(t), config)
			extend(t, second, registry.StoreSource(log), replica.Checkpoint())
			sameReads(t, replica.Reader, second.Reader)
		})
	}
}

// stuckSource gives one leaf that no register logs, and then nothing until it is
// told that nothing more is wanted.
type stuckSource struct {
	registry.Source
	leaf []byte
}

func (s stuckSource) Leaves(ctx context.Context, _, _ int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if yield(s.leaf, nil) {
			<-ctx.Done()
			yield(nil, ctx.Err())
		}
	}
}

func TestAReplicaThatWantsNoMoreLeavesDoesNotWaitForThem(t *testing.T) {
	r := rt.New(t)
	replica := newReplica(t, emptyLog(t))
	src := stuckSource{registry.StoreSource(r.Log()), bytes.Repeat([]byte("x"), 5<<20)}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- replica.Extend(ctx, src, r.Checkpoint(), registry.ExtendOptions{}) }()
	select {
	case err := <-ended:
		if err == nil || ctx.Err() != nil {
			t.Errorf("extended with a leaf of 5 MiB (%v)", ctx.Err())
		}
	case <-time.After(20 * time.Second):
		cancel()
		t.Errorf("it waits for leaves that it does not want: %v", <-ended)
	}
}

func TestAReplicaFollowsAGrowingRegister(t *testing.T) {
	r := rt.New(t)
	replica := newReplica(t, emptyLog(t), func(c *registry.ReplicaConfig) { c.Trust, c.Now = r.Trust, r.Clock.Now })
	for i := range 12 {
		r.MustSubmit(approvalNumber(i))
		r.Clock.Add(time.Second)
		if i%3 == 0 {
			if err := r.Cosign(context.Background()); err != nil {
				t.Fatal(err)
			}
			extend(t, replica, registry.StoreSource(r.Log()), r.Checkpoint())
			sameReads(t, r.Reader, replica.Reader)
		}
	}
}

func TestAQuietRegistersCosignaturesReachTheReplica(t *testing.T) {
	r := busyRegister(t)
	mustEvidence(t, r)
	replica := newReplica(t, emptyLog(t), func(c *registry.ReplicaConfig) { c.Trust, c.Now = r.Trust, r.Clock.Now })
	src := registry.StoreSource(r.Log())
	extend(t, replica, src, r.Checkpoint())
	before := r.Checkpoint()
	r.Clock.Add(time.Hour)
	mustEvidence(t, r)
	extend(t, replica, src, r.Checkpoint())
	sameReads(t, r.Reader, replica.Reader)
	// An older one changes nothing.
	extend(t, replica, src, before)
	sameReads(t, r.Reader, replica.Reader)
	// Lines of strangers are not kept.
	junk := append(bytes.Clone(r.Checkpoint()), "\u2014 stranger.example AAAAAAA=\n"...)
	extend(t, replica, src, junk)
	sameReads(t, r.Reader, replica.Reader)
}

// stage is a forged log of some honest batches, and a replica of it.
func forgedStage(t *testing.T) (*forgedLog, *registry.Replica) {
	f := newForgedLog(t)
	f.batch(rt.Start.Add(time.Minute), nil, f.sign(rt.Approval("TEA-1", rt.IN, rt.Halcyon, "US")), f.sign(rt.Approval("TEA-2", rt.IN, rt.Varuna, "IN")))
	replica := newReplica(t, emptyLog(t))
	extend(t, replica, f, f.latest())
	return f, replica
}

func TestARegisterThatMisbehavesIsFoundOut(t *testing.T) {
	at := func(d time.Duration) time.Time { return rt.Start.Add(time.Minute + d) }
	approval := func(f *forgedLog, jti string) []byte { return f.sign(rt.Approval(jti, rt.IN, rt.Halcyon, "US")) }
	lied := func(*verify.StatusLeaf) {}
	for _, test := range []struct {
		name string
		kind registry.DivergenceKind
		// index is that of the fault, relative to the honest log's size.
		index int64
		says  string
		lie   func(honest, f *forgedLog)
	}{
		{"another tree of the same size", registry.Fork, 0, "has signed the root", func(_, f *forgedLog) {
			*f = *newForgedLog(f.t)
			f.batch(at(0), nil, approval(f, "TEA-1"), approval(f, "TEA-3"))
		}},
		{"another tree, larger", registry.Fork, 0, "continue the tree", func(_, f *forgedLog) {
			*f = *newForgedLog(f.t)
			f.batch(at(0), nil, approval(f, "TEA-1"), approval(f, "TEA-3"))
			f.batch(at(time.Second), nil, approval(f, "TEA-4"))
		}},
		{"another tree, smaller", registry.Fork, -1, "has signed the root", func(_, f *forgedLog) {
			*f = *newForgedLog(f.t)
			f.batch(at(0), nil, approval(f, "TEA-3"))
		}},
		{"an older checkpoint", registry.Rewind, -3, "it had", func(_, f *forgedLog) { *f = *newForgedLog(f.t) }},
		{"a statement that is not in the map", registry.Dropped, 1, "not in the history", func(_, f *forgedLog) {
			f.batch(at(time.Second), nil, approval(f, "TEA-3"), approval(f, "TEA-4"))
			dropped := f.clone()
			*f = *dropped
			f.leaves, f.hashes = f.leaves[:f.size()-1], f.hashes[:tlog.StoredHashCount(f.size()-1)]
			f.add(verify.StatusLeaf{Index: f.size(), Time: at(time.Second), MapRoot: f.without(f.size() - 1), Previous: f.size() - 3}.Marshal())
		}},
		{"a map of something else", registry.FalseMap, 1, "map root", func(_, f *forgedLog) {
			f.batch(at(time.Second), func(s *verify.StatusLeaf) { s.MapRoot[0] ^= 1 }, approval(f, "TEA-3"))
		}},
		{"a batch of next week", registry.Postdated, 1, "ahead of the clock", func(_, f *forgedLog) {
			f.batch(rt.Start.AddDate(0, 0, 7), nil, approval(f, "TEA-3"))
		}},
		{"a batch no later than the one before", registry.Backdated, 1, "not after the one before", func(_, f *forgedLog) {
			f.batch(at(0), nil, approval(f, "TEA-3"))
		}},
		{"a batch before the replica's cosignature", registry.Backdated, 1, "was cosigned here", func(_, f *forgedLog) {
			f.batch(at(time.Millisecond), nil, approval(f, "TEA-3"))
		}},
		{"a name twice", registry.Inadmissible, 0, "is taken", func(_, f *forgedLog) {
			other := rt.Approval("TEA-1", rt.IN, rt.Halcyon, "US")
			other.LegalName = "Other"
			f.batch(at(time.Second), lied, f.sign(other))
		}},
		{"a stranger's statement", registry.Inadmissible, 0, "no key of authority", func(_, f *forgedLog) {
			f.batch(at(time.Second), lied, f.sign(rt.Approval("TEA-3", rt.IN, rt.Halcyon, "US"), rt.Signers(rt.US)...))
		}},
		{"another register's trust root", registry.Inadmissible, 0, "is addressed to", func(_, f *forgedLog) {
			root, err := f.derived.trust.Successor()
			if err != nil {
				f.t.Fatal(err)
			}
			root.JTI, root.IAT, root.Aud = "root-2", date(rt.Start), "example.org/other"
			root.LogKeys = []string{otherOriginKey}
			s, err := rt.Sign(root)
			if err != nil {
				f.t.Fatal(err)
			}
			f.batch(at(time.Second), lied, s)
		}},
		{"no statement at all", registry.Inadmissible, 0, "statement", func(_, f *forgedLog) {
			f.batch(at(time.Second), lied, []byte("buy cheap watches"))
		}},
		{"an empty batch", registry.Misformed, 0, "without statements", func(_, f *forgedLog) { f.batch(at(time.Second), nil) }},
		{"a status leaf of elsewhere", registry.Misformed, 1, "says that it stands", func(_, f *forgedLog) {
			f.batch(at(time.Second), func(s *verify.StatusLeaf) { s.Index++ }, approval(f, "TEA-3"))
		}},
		{"a status leaf that skips one", registry.Misformed, 1, "the one before", func(_, f *forgedLog) {
			f.batch(at(time.Second), func(s *verify.StatusLeaf) { s.Previous-- }, approval(f, "TEA-3"))
		}},
		{"a batch that does not end", registry.Misformed, 69, "larger than a register makes", func(_, f *forgedLog) {
			for range 80 {
				f.add(bytes.Repeat([]byte("x"), 60<<10))
			}
			f.batch(at(time.Second), lied)
		}},
		{"a leaf without bounds", registry.Misformed, 0, "at most", func(_, f *forgedLog) {
			f.batch(at(time.Second), lied, bytes.Repeat([]byte("x"), 61<<10))
		}},
		{"a checkpoint within a batch", registry.Misformed, 1, "without a status leaf", func(_, f *forgedLog) {
			f.add(approval(f, "TEA-3"))
			f.add(approval(f, "TEA-4"))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			honest, replica := forgedStage(t)
			before := replica.Checkpoint()
			f := honest.clone()
			f.t = t
			test.lie(honest, f)
			opt := registry.ExtendOptions{}
			if strings.Contains(test.name, "cosignature") {
				opt.LatestCosigned, opt.CosignedSize, opt.Cosigned = at(30*time.Second), honest.size(), before
			}
			err := replica.Extend(context.Background(), f, f.latest(), opt)
			d, ok := errors.AsType[*registry.Divergence](err)
			if !ok || d.Kind != test.kind || d.Index != honest.size()+test.index || !strings.Contains(d.Error(), test.says) {
				t.Fatalf("got %v, want %s at %d that says %q", err, test.kind, honest.size()+test.index, test.says)
			}
			if !bytes.Equal(before, replica.Checkpoint()) || replica.Size() != honest.size() {
				t.Error("the replica changed")
			}
			checkDivergence(t, d, before)
			// What it holds is still whole, and an honest continuation is taken.
			honest.batch(at(time.Minute), nil, approval(honest, "TEA-9"))
			extend(t, replica, honest, honest.latest())
		})
	}
}

// checkDivergence checks a report as somebody does who holds the log's key.
func checkDivergence(t *testing.T, d *registry.Divergence, held []byte) {
	t.Helper()
	_, vkey := rt.LogSigner()
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	var trees []tlog.Tree
	for _, c := range d.Checkpoints {
		if _, err := note.Open(c, note.VerifierList(v)); err != nil {
			t.Errorf("a checkpoint of the report: %v", err)
		}
		cp, err := verify.ParseCheckpoint(c)
		if err != nil {
			t.Fatal(err)
		}
		trees = append(trees, cp.Tree)
	}
	if d.Kind == registry.Fork || d.Kind == registry.Rewind {
		if len(trees) != 2 || trees[0] == trees[1] || trees[0].N == trees[1].N && d.Kind == registry.Rewind {
			t.Errorf("a report of %d checkpoints: %v", len(trees), trees)
		}
		if d.Index >= trees[0].N && !bytes.Equal(d.Checkpoints[0], held) {
			t.Error("the first checkpoint is not the one that is held")
		}
		if d.Kind == registry.Fork && trees[0].N != trees[1].N {
			checkOtherBeginning(t, d, trees)
		}
		return
	}
	if len(trees) != 1 {
		t.Fatalf("%d checkpoints", len(trees))
	}
	if d.StatusLeaf != nil {
		if err := tlog.CheckRecord(d.StatusProof, trees[0].N, trees[0].Hash, d.StatusIndex, tlog.RecordHash(d.StatusLeaf)); err != nil {
			t.Errorf("the status leaf: %v", err)
		}
	}
	if d.Kind == registry.Backdated {
		checkEarlier(t, d, trees[0])
	}
	if d.Statement != nil {
		if err := tlog.CheckRecord(d.Proof, trees[0].N, trees[0].Hash, d.Index, tlog.RecordHash(d.Statement)); err != nil {
			t.Errorf("the statement: %v", err)
		}
	}
}

// checkOtherBeginning checks that the larger of two trees does not begin with the
// smaller.
func checkOtherBeginning(t *testing.T, d *registry.Divergence, trees []tlog.Tree) {
	t.Helper()
	small, large := trees[0], trees[1]
	if small.N > large.N {
		small, large = large, small
	}
	if err := tlog.CheckTree(d.Consistency, large.N, large.Hash, small.N, d.Prefix); err != nil || d.Prefix == small.Hash {
		t.Errorf("size %d begins with the root %v, %v is signed: %v", large.N, d.Prefix, small.Hash, err)
	}
}

// checkEarlier checks what a batch is not dated after.
func checkEarlier(t *testing.T, d *registry.Divergence, tree tlog.Tree) {
	t.Helper()
	status, err := verify.ParseStatusLeaf(d.StatusLeaf)
	if err != nil {
		t.Fatal(err)
	}
	if d.Cosigned != nil {
		return
	}
	if err := tlog.CheckRecord(d.PreviousProof, tree.N, tree.Hash, status.Previous, tlog.RecordHash(d.Previous)); err != nil {
		t.Errorf("the status leaf before: %v", err)
	}
	if before, err := verify.ParseStatusLeaf(d.Previous); err != nil || status.Time.After(before.Time) {
		t.Errorf("a batch of %s after one of %s (%v) is not backdated", status.Time, before.Time, err)
	}
}

func TestNobodyIsAccusedOfWhatASourceBroke(t *testing.T) {
	honest, replica := forgedStage(t)
	honest.batch(rt.Start.Add(2*time.Minute), nil, honest.sign(rt.Approval("TEA-3", rt.IN, rt.Halcyon, "US")))
	accused := func(src registry.Source, checkpoint []byte) error {
		t.Helper()
		err := replica.Extend(context.Background(), src, checkpoint, registry.ExtendOptions{})
		if d, ok := errors.AsType[*registry.Divergence](err); ok || err == nil {
			t.Errorf("got %v (%v), want another error", err, d)
		}
		return err
	}
	broken := errors.New("connection reset")
	short := honest.clone()
	short.leaves = short.leaves[:short.size()-1]
	accused(short, honest.latest())
	accused(failing{honest, honest.size() - 1, broken}, honest.latest())
	accused(honest, []byte("not a note"))
	accused(honest, bytes.Replace(honest.latest(), []byte(rt.Origin), []byte("example.org/other"), 1))
	if err := accused(failing{honest, honest.size() - 1, broken}, honest.latest()); !errors.Is(err, broken) {
		t.Errorf("%v, want the cause", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := replica.Extend(ctx, honest, honest.latest(), registry.ExtendOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	// Leaves and checkpoints that the register has not signed.
	size := replica.Size()
	for name, leaf := range map[string][]byte{
		"a bit":       append(bytes.Clone(honest.leaves[size][:9]), honest.leaves[size][10:]...),
		"too long":    bytes.Repeat([]byte("x"), 61<<10),
		"status gone": honest.leaves[size],
	} {
		harmed := honest.clone()
		at := size
		if name == "status gone" {
			at++
		}
		harmed.leaves = slices.Clone(harmed.leaves)
		harmed.leaves[at] = leaf
		if err := accused(harmed, honest.latest()); !errors.Is(err, registry.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
	stranger := honest.clone()
	skey, _, err := note.GenerateKey(nil, rt.Origin)
	if err == nil {
		stranger.signer, err = note.NewSigner(skey)
	}
	if err != nil {
		t.Fatal(err)
	}
	unsigned := func(src registry.Source, checkpoint []byte) {
		t.Helper()
		if err := accused(src, checkpoint); !errors.Is(err, registry.ErrUnsigned) {
			t.Errorf("%v, want ErrUnsigned", err)
		}
	}
	unsigned(honest, stranger.latest())
	for _, held := range []int64{size, size - 3} {
		signed, err := stranger.signed(held)
		if err != nil {
			t.Fatal(err)
		}
		unsigned(honest, signed)
	}
	// What has not the form of a log, and no signature either.
	stranger.add(bytes.Repeat([]byte("x"), 61<<10))
	unsigned(stranger, stranger.latest())
	extend(t, replica, honest, honest.latest())
}

// failing is a source that breaks off.
type failing struct {
	registry.Source
	after int64
	err   error
}

func (f failing) Leaves(ctx context.Context, from, to int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		i := from
		for leaf, err := range f.Source.Leaves(ctx, from, to) {
			if i >= f.after {
				yield(nil, f.err)
				return
			}
			if !yield(leaf, err) {
				return
			}
			i++
		}
	}
}

// aLongLog has more than one chunk holds: a first batch of two leaves, many of
// a hundred, and one of two.
var aLongLog = sync.OnceValue(func() *forgedLog {
	f := newForgedLog(&testing.T{})
	f.many(6000, 99)
	f.batch(rt.Start.Add(time.Hour), nil, f.sign(rt.Approval("LAST", rt.IN, rt.Halcyon, "US")))
	return f
})

func longLog(t *testing.T) *forgedLog {
	f := aLongLog().clone()
	f.t = t
	return f
}

func TestAReplicaGoesOnWhereItWasStopped(t *testing.T) {
	f := longLog(t)
	dir := t.TempDir()
	log := openLog(t, dir)
	stopped := errors.New("pulled the plug")
	replica := newReplica(t, log)
	err := replica.Extend(context.Background(), failing{f, 5500, stopped}, f.latest(), registry.ExtendOptions{})
	if !errors.Is(err, stopped) || replica.Size() < 3000 || replica.Size() >= 5500 {
		t.Fatalf("at size %d: %v", replica.Size(), err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	replica = newReplica(t, openLog(t, dir))
	if replica.Size() == 0 {
		t.Fatal("nothing was kept")
	}
	var sizes []int64
	err = replica.Extend(context.Background(), f, f.latest(), registry.ExtendOptions{Progress: func(size int64) { sizes = append(sizes, size) }})
	if err != nil || replica.Size() != f.size() || len(sizes) == 0 || sizes[len(sizes)-1] != f.size() {
		t.Errorf("size %d of %d, progress %v: %v", replica.Size(), f.size(), sizes, err)
	}
}

// sparse is a source with few checkpoints.
type sparse struct {
	*forgedLog
	every int64
	asked int
}

func (s *sparse) Checkpoint(ctx context.Context, size int64) ([]byte, error) {
	s.asked++
	if size%s.every != 0 {
		return nil, registry.ErrNotFound
	}
	return s.forgedLog.Checkpoint(ctx, size)
}

func TestAReplicaMakesDoWithTheCheckpointsThatASourceHas(t *testing.T) {
	f := longLog(t)
	src := &sparse{forgedLog: f, every: 2502}
	replica := newReplica(t, emptyLog(t))
	extend(t, replica, src, f.latest())
	if replica.Size() != f.size() {
		t.Errorf("size %d, want %d", replica.Size(), f.size())
	}
	none := newReplica(t, emptyLog(t))
	err := none.Extend(context.Background(), &sparse{forgedLog: f, every: 1 << 40}, f.latest(), registry.ExtendOptions{})
	if err == nil || !strings.Contains(err.Error(), "no checkpoint of a size between") {
		t.Errorf("%v", err)
	}
}

func TestABatchAheadOfTheClockIsWaitedFor(t *testing.T) {
	honest, _ := forgedStage(t)
	clock := rt.NewClock(rt.Start.Add(time.Minute))
	replica := newReplica(t, emptyLog(t), func(c *registry.ReplicaConfig) { c.Now = clock.Now })
	extend(t, replica, honest, honest.latest())
	honest.batch(rt.Start.Add(5*time.Minute), nil, honest.sign(rt.Approval("TEA-3", rt.IN, rt.Halcyon, "US")))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err := replica.Extend(ctx, honest, honest.latest(), registry.ExtendOptions{})
	if d, ok := errors.AsType[*registry.Divergence](err); ok || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v (%v), want DeadlineExceeded", err, d)
	}
	var wait sync.WaitGroup
	wait.Go(func() { extend(t, replica, honest, honest.latest()) })
	time.Sleep(20 * time.Millisecond)
	clock.Set(rt.Start.Add(5 * time.Minute))
	wait.Wait()
	if replica.Size() != honest.size() {
		t.Errorf("size %d", replica.Size())
	}
}

func TestAReplicaOfAnotherRegisterIsNotShown(t *testing.T) {
	f := newForgedLog(t)
	other, err := rt.Sign(rt.Root(rt.Start.Add(time.Second)))
	if err != nil {
		t.Fatal(err)
	}
	trust, err := rt.Trust(other)
	if err != nil {
		t.Fatal(err)
	}
	replica := newReplica(t, emptyLog(t), func(c *registry.ReplicaConfig) { c.Trust = trust })
	err = replica.Extend(context.Background(), f, f.latest(), registry.ExtendOptions{})
	if err == nil || !strings.Contains(err.Error(), "the trust file pins") || replica.Size() != 0 {
		t.Errorf("size %d: %v", replica.Size(), err)
	}
}

// A log that ends before the trust root that is pinned may be anybody's.
func TestALogWithoutThePinnedRootIsNeitherTakenNorAccused(t *testing.T) {
	honest := newForgedLog(t)
	honest.batch(rt.Start.Add(time.Minute), nil, honest.sign(rt.Approval("TEA-1", rt.IN, rt.Halcyon, "US")))
	pinsNext := func(c *registry.ReplicaConfig) {
		trust, err := rt.Trust(honest.leaves[0])
		if err != nil {
			t.Fatal(err)
		}
		doc, err := trust.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if c.Trust, err = verify.ParseTrust(bytes.Replace(doc, []byte(`"version":1`), []byte(`"version":2`), 1)); err != nil {
			t.Fatal(err)
		}
	}
	lying := honest.clone()
	lying.batch(rt.Start.Add(2*time.Minute), func(s *verify.StatusLeaf) { s.MapRoot[0] ^= 1 }, lying.sign(rt.Approval("TEA-2", rt.IN, rt.Varuna, "IN")))
	junk := honest.clone()
	junk.add(bytes.Repeat([]byte("x"), 61<<10))
	for name, f := range map[string]*forgedLog{"an honest one": honest, "one that lies": lying, "one that has no form": junk} {
		replica := newReplica(t, emptyLog(t), pinsNext)
		// Asked again, it knows no more.
		for range 2 {
			err := replica.Extend(context.Background(), f, f.latest(), registry.ExtendOptions{})
			if d, ok := errors.AsType[*registry.Divergence](err); ok || err == nil || !strings.Contains(err.Error(), "the trust file pins") {
				t.Errorf("%s: %v (%v)", name, err, d)
			}
		}
		if replica.Size() != 0 || replica.Pinned() == nil {
			t.Errorf("%s: %d leaves are taken, pinned: %v", name, replica.Size(), replica.Pinned())
		}
	}
}

func TestOnlyWhatHasItsQuorumIsShown(t *testing.T) {
	r := busyRegister(t)
	mustEvidence(t, r)
	dir := t.TempDir()
	allowed := r.Size()
	config := func(c *registry.ReplicaConfig) {
		c.Trust, c.Now = r.Trust, r.Clock.Now
		c.Quorate = func(checkpoint []byte) error {
			if cp, err := verify.ParseCheckpoint(checkpoint); err != nil || cp.Tree.N > allowed {
				return errors.New("nobody has cosigned that")
			}
			return nil
		}
	}
	log := openLog(t, dir)
	replica := newReplica(t, log, config)
	src := registry.StoreSource(r.Log())
	extend(t, replica, src, r.Checkpoint())
	shown := replica.Checkpoint()
	evidence, err := replica.Evidence(context.Background(), request())
	if err != nil {
		t.Fatal(err)
	}
	// What comes then concerns the same subjects, new ones, and the root.
	r.MustSubmit(rt.Event("EV-9", rt.IN, attest.SandboxSubject(rt.Sandbox), "PDA-1", attest.Revoke, rt.Start))
	r.MustSubmit(rt.Approval("TEA-NEW", rt.IN, rt.Corvus, "AU"))
	root, err := r.Root().Successor()
	if err != nil {
		t.Fatal(err)
	}
	root.JTI = "root-3"
	r.MustSubmit(root)
	r.Clock.Add(time.Minute)
	mustEvidence(t, r)
	extend(t, replica, src, r.Checkpoint())
	for _, when := range []string{"at once", "after a restart"} {
		if replica.Size() != r.Size() || !bytes.Equal(shown, replica.Checkpoint()) {
			t.Errorf("%s: size %d of %d, checkpoint\n%s", when, replica.Size(), r.Size(), replica.Checkpoint())
		}
		got, err := replica.Evidence(context.Background(), request())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(evidence), string(got)); diff != "" {
			t.Errorf("%s: evidence (-before +now):\n%s", when, diff)
		}
		for id, err := range replica.Entities("") {
			if id == rt.Corvus || err != nil {
				t.Errorf("%s: shows %s (%v)", when, id, err)
			}
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		log = openLog(t, dir)
		replica = newReplica(t, log, config)
	}
	allowed = r.Size()
	extend(t, replica, src, r.Checkpoint())
	sameReads(t, r.Reader, replica.Reader)
}

func TestAReplicaThatLosesItsStoreSaysSo(t *testing.T) {
	f := newForgedLog(t)
	broken := errors.New("input/output error")
	log := &faultyLog{Log: emptyLog(t)}
	replica := newReplica(t, log)
	log.fail(registry.ErrFull)
	if err := replica.Extend(context.Background(), f, f.latest(), registry.ExtendOptions{}); !errors.Is(err, registry.ErrFull) {
		t.Errorf("%v, want ErrFull", err)
	}
	log.fail(nil)
	extend(t, replica, f, f.latest())
	if err := replica.Healthy(); err != nil {
		t.Error(err)
	}
	f.batch(rt.Start.Add(time.Minute), nil, f.sign(rt.Approval("TEA-1", rt.IN, rt.Halcyon, "US")))
	log.fail(broken)
	for range 2 {
		if err := replica.Extend(context.Background(), f, f.latest(), registry.ExtendOptions{}); !errors.Is(err, broken) {
			t.Errorf("%v, want the cause", err)
		}
		log.fail(nil)
	}
	if err := replica.Healthy(); !errors.Is(err, broken) {
		t.Errorf("healthy: %v", err)
	}
}

func BenchmarkReplay(b *testing.B) {
	f := newForgedLog(b)
	f.many(20_000, 200)
	leaves := f.leaves
	b.Run("replay", func(b *testing.B) {
		for b.Loop() {
			replica := newReplica(b, emptyLog(b))
			extend(b, replica, f, f.latest())
		}
		b.ReportMetric(float64(b.N)*20_000/b.Elapsed().Seconds(), "statements/s")
	})
	b.Run("open", func(b *testing.B) {
		root := f.derived.trust
		for b.Loop() {
			var wait sync.WaitGroup
			cores := runtime.GOMAXPROCS(0)
			for c := range cores {
				wait.Go(func() {
					for i := c; i < len(leaves); i += cores {
						if i > 0 && !verify.IsStatusLeaf(leaves[i]) {
							if _, err := attest.Open(leaves[i], root); err != nil {
								b.Error(err)
							}
						}
					}
				})
			}
			wait.Wait()
		}
		b.ReportMetric(float64(b.N)*20_000/b.Elapsed().Seconds(), "statements/s")
	})
}

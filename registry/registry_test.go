package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/verify"
)

// checkReceipt: the checkpoint opens with the log's key, and the statement is
// in its tree.
func checkReceipt(t *testing.T, statement []byte, r registry.Receipt) {
	t.Helper()
	_, vkey := rt.LogSigner()
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(r.Checkpoint, note.VerifierList(v)); err != nil {
		t.Errorf("checkpoint: %v", err)
	}
	cp, err := verify.ParseCheckpoint(r.Checkpoint)
	origin, size, root := cp.Origin, cp.Tree.N, cp.Tree.Hash
	if err != nil || origin != rt.Origin || size != r.Size {
		t.Errorf("checkpoint of %q, size %d (%v), want %q, %d", origin, size, err, rt.Origin, r.Size)
	}
	if err := tlog.CheckRecord(r.Proof, size, root, r.Index, tlog.RecordHash(statement)); err != nil {
		t.Errorf("index %d: %v", r.Index, err)
	}
	if r.LeafHash != tlog.RecordHash(statement) {
		t.Errorf("index %d: leaf hash of something else", r.Index)
	}
}

func approvalNumber(i int) *attest.EntityApproval {
	return rt.Approval(fmt.Sprintf("TEA-%04d", i), rt.IN, rt.Halcyon, "US")
}

func TestReceiptsProveTheOrder(t *testing.T) {
	r := rt.New(t)
	last := int64(0)
	for i := range 20 {
		s := r.Sign(approvalNumber(i))
		receipt, err := r.Submit(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		checkReceipt(t, s, receipt)
		if receipt.Index <= last {
			t.Errorf("index %d after %d", receipt.Index, last)
		}
		last = receipt.Index
		r.Clock.Add(time.Duration(i) * 100 * time.Millisecond)
	}
	checkLog(t, r)
}

// checkLog replays the log as a mirror does: a status leaf closes every batch,
// every statement passes admission, and the map root is what a rebuild from the
// statements alone gives.
func checkLog(t *testing.T, r *rt.Register) {
	t.Helper()
	r.Stop()
	log, err := badgerlog.Open(r.Dir+"/log", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}()
	head, err := log.Head()
	if err != nil {
		t.Fatal(err)
	}
	m := newMirror()
	var pending []int64
	previous, lastTime := int64(verify.NoPrevious), time.Time{}
	for i := range head.Size {
		leaf, err := log.Leaf(i)
		if err != nil {
			t.Fatal(err)
		}
		if !verify.IsStatusLeaf(leaf) {
			pending = append(pending, i)
			continue
		}
		status, err := verify.ParseStatusLeaf(leaf)
		if err != nil || status.Index != i || status.Previous != previous || !status.Time.After(lastTime) || len(pending) == 0 {
			t.Fatalf("status leaf %d: %+v (%v)", i, status, err)
		}
		for _, p := range pending {
			statement, err := log.Leaf(p)
			if err == nil {
				err = m.replay(statement, p, status.Time)
			}
			if err != nil {
				t.Fatalf("statement %d: %v", p, err)
			}
		}
		if m.root() != status.MapRoot {
			t.Fatalf("status leaf %d: another map root", i)
		}
		previous, lastTime, pending = i, status.Time, nil
	}
	if len(pending) > 0 {
		t.Error("the last leaf is no status leaf")
	}
}

func TestTheStatusMapIsARebuildOfTheLog(t *testing.T) {
	r := stage(t)
	// An identifier that the first version does not name.
	second := rt.Registration("REG-2", rt.IN, rt.Varuna, "IN")
	second.Supersedes, second.Identifiers = "REG-1", []string{"pan:AAVCD1234K", "iec:AAVCD1234K"}
	r.MustSubmit(second)
	third := rt.Registration("REG-3", rt.IN, rt.Varuna, "IN")
	third.Supersedes, third.Identifiers = "REG-2", []string{"pan:AAVCD1234K"}
	r.MustSubmit(third)
	checkLog(t, r)
}

func TestTheSameStatementGetsTheSameReceipt(t *testing.T) {
	r := rt.New(t)
	ctx := context.Background()
	approval := rt.Approval("TEA-1", rt.US, rt.Varuna, "IN")
	event := rt.Event("EV-1", rt.US, approval.Sub, "TEA-1", attest.Suspend, rt.Start)
	r.MustSubmit(approval)
	one, both := r.Sign(event, rt.Signers(rt.US)[0]), r.Sign(event)
	first, err := r.Submit(ctx, one)
	if err != nil {
		t.Fatal(err)
	}
	r.MustSubmit(approvalNumber(1))
	r.Clock.Add(30 * 24 * time.Hour)
	for name, statement := range map[string][]byte{"again": one, "with more signatures": both} {
		got, err := r.Submit(ctx, statement)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, got); diff != "" {
			t.Errorf("%s (-first +got):\n%s", name, diff)
		}
	}
	root, err := r.Submit(ctx, r.RootStatement)
	if err != nil || root.Index != 0 {
		t.Errorf("the trust root again: index %d, %v", root.Index, err)
	}
	r.Restart()
	got, err := r.Submit(ctx, one)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, got); diff != "" {
		t.Errorf("after a restart (-first +got):\n%s", diff)
	}
	forged := slices.Clone(both)
	forged[len(forged)-2] ^= 1
	_, err = r.Submit(ctx, forged)
	wantRefusal(t, err, attest.Forbidden, "")
}

// A receipt is made of what the sequencer has in memory, and later ones of what
// is stored.
func TestEveryReceiptOfABatchIsTheStoredOne(t *testing.T) {
	r := rt.New(t)
	ctx := context.Background()
	n := 0
	for round := range 24 {
		receipts, errs := make([]registry.Receipt, 1+round), make([]error, 1+round)
		var wg sync.WaitGroup
		for i := range receipts {
			n++
			statement := r.Sign(approvalNumber(n))
			wg.Go(func() { receipts[i], errs[i] = r.Submit(ctx, statement) })
		}
		wg.Wait()
		for i, first := range receipts {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			stored, err := r.Receipt(ctx, first.Index)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(first, stored); diff != "" {
				t.Errorf("index %d (-first +stored):\n%s", first.Index, diff)
			}
		}
		if round%5 == 0 {
			r.Restart()
		}
	}
}

func TestConcurrentDuplicatesAreLoggedOnce(t *testing.T) {
	r, g := gated(t)
	size := sizeOf(t, r)
	statement := r.Sign(approvalNumber(1))
	other := r.Sign(changed(approvalNumber(1), func(a *attest.EntityApproval) { a.LegalName = "Other" }))
	release := g.hold(t, r)
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := make(map[string][]registry.Receipt)
	refused := make(map[string]int)
	for i := range 40 {
		name, s := "one", statement
		if i%2 == 1 {
			name, s = "other", other
		}
		wg.Go(func() {
			receipt, err := r.Submit(context.Background(), s)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				wantRefusal(t, err, attest.Conflict, "/jti")
				refused[name]++
				return
			}
			won[name] = append(won[name], receipt)
		})
	}
	waitFor(r, 40)
	release()
	wg.Wait()
	if len(won) != 1 || len(refused) != 1 {
		t.Fatalf("%d payloads were logged, %d refused; want one each", len(won), len(refused))
	}
	for name, receipts := range won {
		if len(receipts) != 20 || refused[name] != 0 {
			t.Errorf("%s: %d receipts and %d refusals", name, len(receipts), refused[name])
		}
		for _, got := range receipts {
			if diff := cmp.Diff(receipts[0], got); diff != "" {
				t.Errorf("receipts differ:\n%s", diff)
			}
		}
	}
	if got := sizeOf(t, r); got != size+4 {
		t.Errorf("size %d, want %d: twice a statement and a status leaf", got, size+4)
	}
}

func TestManySubmitters(t *testing.T) {
	r := rt.New(t)
	var wg sync.WaitGroup
	statements := make([][]byte, 160)
	for i := range statements {
		statements[i] = r.Sign(approvalNumber(i))
	}
	receipts := make([]registry.Receipt, len(statements))
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < len(statements); i += 16 {
				var err error
				if receipts[i], err = r.Submit(context.Background(), statements[i]); err != nil {
					t.Errorf("submit: %v", err)
				}
				if i%8 != 0 {
					continue
				}
				// A decision checks what evidence shows of a log that grows.
				at := request().Times(r.Clock.Now())
				if _, _, err := r.Decide(context.Background(), request(), at); err != nil {
					t.Errorf("decide: %v", err)
				}
			}
		})
	}
	wg.Wait()
	seen := make(map[int64]bool)
	for i, receipt := range receipts {
		checkReceipt(t, statements[i], receipt)
		if seen[receipt.Index] {
			t.Errorf("index %d twice", receipt.Index)
		}
		seen[receipt.Index] = true
	}
	checkLog(t, r)
}

func TestARestartContinues(t *testing.T) {
	r := stage(t)
	before := r.Checkpoint()
	r.Restart()
	if diff := cmp.Diff(string(before), string(r.Checkpoint())); diff != "" {
		t.Errorf("another checkpoint (-before +after):\n%s", diff)
	}
	s := r.Sign(rt.Domain("PDA-2", rt.IN))
	receipt, err := r.Submit(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	checkReceipt(t, s, receipt)
	checkLog(t, r)
}

func TestAnEmptyLogTakesItsTrustRootFirst(t *testing.T) {
	ctx := context.Background()
	clock := rt.NewClock(rt.Start)
	reg, log, err := rt.Serve(t.TempDir(), clock.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(reg.Close(), log.Close()); err != nil {
			t.Error(err)
		}
	}()
	if err := reg.Healthy(); !errors.Is(err, registry.ErrNoRoot) {
		t.Errorf("healthy: %v, want ErrNoRoot", err)
	}
	sign := func(c attest.Claims) []byte {
		s, err := rt.Sign(c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	approval := rt.Approval("TEA-1", rt.IN, rt.Halcyon, "US")
	approval.Aud, approval.IAT = rt.Origin, date(rt.Start)
	if _, err := reg.Submit(ctx, sign(approval)); !errors.Is(err, registry.ErrNoRoot) {
		t.Errorf("submit: %v, want ErrNoRoot", err)
	}
	_, err = reg.Init(ctx, sign(approval))
	wantRefusal(t, err, attest.Malformed, "")
}

func TestInitRefusesARootForAnotherRegister(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(*attest.Root)
		class   attest.Class
		pointer string
	}{
		{"version 2", func(r *attest.Root) {
			r.Version, r.JTI, r.Previous = 2, "root-2", strings.Repeat("A", 43)+"="
		}, attest.Conflict, "/version"},
		{"without the register's key", func(r *attest.Root) { r.LogKeys = []string{otherLogKey} }, attest.Conflict, "/log_keys"},
		{"another register's", func(r *attest.Root) {
			r.Aud, r.LogKeys = "example.org/other", []string{otherOriginKey}
		}, attest.Forbidden, "/aud"},
	} {
		t.Run(test.name, func(t *testing.T) {
			reg, log, err := rt.Serve(t.TempDir(), rt.NewClock(rt.Start).Now, nil)
			if err != nil {
				t.Fatal(err)
			}
			statement, err := rt.Sign(changed(rt.Root(rt.Start), test.change))
			if err != nil {
				t.Fatal(err)
			}
			_, err = reg.Init(context.Background(), statement)
			wantRefusal(t, err, test.class, test.pointer)
			if reg.Checkpoint() != nil {
				t.Error("something is logged")
			}
			if err := errors.Join(reg.Close(), log.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestInitAgain(t *testing.T) {
	r := rt.New(t)
	receipt, err := r.Init(context.Background(), r.RootStatement)
	if err != nil || receipt.Index != 0 {
		t.Errorf("the same root: index %d, %v", receipt.Index, err)
	}
	other, err := rt.Sign(rt.Root(rt.Start.Add(time.Second)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Init(context.Background(), other)
	wantRefusal(t, err, attest.Conflict, "")
}

func TestAStorageErrorEndsWriting(t *testing.T) {
	broken := errors.New("no space left on device")
	var faulty *faultyLog
	r := rt.New(t, func(c *registry.Config) {
		faulty = &faultyLog{Log: c.Log}
		c.Log = faulty
	})
	first := r.Sign(approvalNumber(1))
	receipt, err := r.Submit(context.Background(), first)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Cosign(context.Background()); err != nil {
		t.Fatal(err)
	}
	checkpoint := r.Checkpoint()
	faulty.fail(broken)
	if _, err := r.Submit(context.Background(), r.Sign(approvalNumber(2))); !errors.Is(err, registry.ErrReadOnly) || !errors.Is(err, broken) {
		t.Errorf("submit: %v, want ErrReadOnly and the cause", err)
	}
	faulty.fail(nil)
	if _, err := r.Submit(context.Background(), r.Sign(approvalNumber(3))); !errors.Is(err, registry.ErrReadOnly) {
		t.Errorf("submit later: %v, want ErrReadOnly", err)
	}
	if err := r.Healthy(); !errors.Is(err, registry.ErrReadOnly) {
		t.Errorf("healthy: %v, want ErrReadOnly", err)
	}
	r.Clock.Add(time.Hour)
	if _, err := r.Evidence(context.Background(), request()); err != nil {
		t.Errorf("evidence: %v", err)
	}
	if !bytes.Equal(checkpoint, r.Checkpoint()) {
		t.Error("the checkpoint changed")
	}
	again, err := r.Submit(context.Background(), first)
	if diff := cmp.Diff(receipt, again); err != nil || diff != "" {
		t.Errorf("a receipt given before: %v\n%s", err, diff)
	}
	r.Restart()
	r.MustSubmit(approvalNumber(3))
}

// Badger shows readers a transaction whose sync has failed.
func TestNothingIsShownOfABatchThatMayNotBeDurable(t *testing.T) {
	ctx := context.Background()
	for name, change := range map[string]func(*registry.Config){
		"with its own cosigner": func(*registry.Config) {},
		"without a cosigner":    func(c *registry.Config) { c.Cosigner = nil },
	} {
		t.Run(name, func(t *testing.T) {
			unsynced := errors.New("sync: input/output error")
			var faulty *unsyncedLog
			r := rt.New(t, change, func(c *registry.Config) {
				faulty = &unsyncedLog{Log: c.Log}
				c.Log = faulty
			})
			size, checkpoint := r.Size(), r.Checkpoint()
			lost := r.Sign(rt.Approval("TEA-1", rt.IN, rt.Halcyon, "US"))
			faulty.err = unsynced
			if _, err := r.Submit(ctx, lost); !errors.Is(err, registry.ErrReadOnly) || !errors.Is(err, unsynced) {
				t.Errorf("submit: %v, want ErrReadOnly and the cause", err)
			}
			if head, err := r.Log().Head(); err != nil || head.Size != size+2 {
				t.Fatalf("the log ends at %d (%v), want %d: the test needs it written", head.Size, err, size+2)
			}
			for range 2 {
				if receipt, err := r.Submit(ctx, lost); !errors.Is(err, registry.ErrReadOnly) {
					t.Errorf("submitted again: a receipt of size %d (%v), want ErrReadOnly", receipt.Size, err)
				}
			}
			if got, err := r.CheckpointAt(size + 2); !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("its checkpoint: %q (%v), want ErrNotFound", got, err)
			}
			for _, index := range []int64{size, size + 1} {
				if _, err := r.Leaf(index); !errors.Is(err, registry.ErrNotFound) {
					t.Errorf("leaf %d: %v, want ErrNotFound", index, err)
				}
				if _, err := r.ReadHashes([]int64{0, tlog.StoredHashIndex(0, index)}); !errors.Is(err, registry.ErrNotFound) {
					t.Errorf("hash of leaf %d: %v, want ErrNotFound", index, err)
				}
			}
			for _, err := range r.Leaves(size) {
				t.Errorf("leaves behind the size: %v", err)
			}
			if h, err := r.History(ctx, attest.EntitySubject(rt.Halcyon)); err != nil || len(h) > 0 {
				t.Errorf("its history: %d entries, %v", len(h), err)
			}
			for id, err := range r.Entities("") {
				t.Errorf("its entity is listed: %s, %v", id, err)
			}
			if !bytes.Equal(r.Checkpoint(), checkpoint) || r.Size() != size {
				t.Errorf("size %d, checkpoint\n%s", r.Size(), r.Checkpoint())
			}
			if got, err := r.CheckpointAt(size); err != nil || !bytes.Equal(got, checkpoint) {
				t.Errorf("the checkpoint before: %v\n%s", err, got)
			}
		})
	}
}

func TestABundleIsReadAtOnce(t *testing.T) {
	var counting *countingLog
	r := rt.New(t, func(c *registry.Config) {
		counting = &countingLog{Log: c.Log}
		c.Log = counting
	})
	for i := range 4 {
		r.MustSubmit(approvalNumber(i))
	}
	counting.leaves = 0
	bundle, err := tlogtiles.Read(r, r.Size(), tlog.Tile{H: tlogtiles.Height, L: tlogtiles.Entries, W: 10})
	if err != nil {
		t.Fatal(err)
	}
	if counting.leaves > 0 {
		t.Errorf("%d leaves were read one by one", counting.leaves)
	}
	leaves, err := tlogtiles.ParseBundle(bundle, 10)
	if err != nil {
		t.Fatal(err)
	}
	for i, leaf := range leaves {
		if want, err := r.Leaf(int64(i)); err != nil || !bytes.Equal(leaf, want) {
			t.Errorf("leaf %d is another (%v)", i, err)
		}
	}
	for from, want := range map[int64]int{-1: 10, 0: 10, 3: 7, 10: 0, 11: 0} {
		n := 0
		for _, err := range r.Leaves(from) {
			if n++; err != nil {
				t.Error(err)
			}
		}
		if n != want {
			t.Errorf("%d leaves from index %d on, want %d", n, from, want)
		}
	}
}

// A cosignature that is lost would let a later batch be dated before it.
func TestNothingIsShownOfACosignatureThatMayNotBeDurable(t *testing.T) {
	unsynced := errors.New("sync: input/output error")
	var faulty *unsyncedLog
	r := rt.New(t, func(c *registry.Config) {
		faulty = &unsyncedLog{Log: c.Log}
		c.Log = faulty
	})
	receipt := r.MustSubmit(approvalNumber(1))
	before, err := r.CheckpointAt(receipt.Size)
	if err != nil {
		t.Fatal(err)
	}
	faulty.err = unsynced
	if err := r.Cosign(context.Background()); !errors.Is(err, registry.ErrReadOnly) {
		t.Errorf("cosign: %v, want ErrReadOnly", err)
	}
	if got, err := r.CheckpointAt(receipt.Size); err != nil || !bytes.Equal(got, before) {
		t.Errorf("the checkpoint has changed (%v):\n%s", err, got)
	}
}

// unsyncedLog writes, and fails nevertheless where err is set.
type unsyncedLog struct {
	registry.Log
	err error
}

func (u *unsyncedLog) Append(ctx context.Context, b registry.Batch) error {
	return errors.Join(u.Log.Append(ctx, b), u.err)
}

func (u *unsyncedLog) Keep(ctx context.Context, s registry.Standing) error {
	return errors.Join(u.Log.Keep(ctx, s), u.err)
}

type faultyLog struct {
	registry.Log
	mu  sync.Mutex
	err error
}

func (f *faultyLog) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *faultyLog) Append(ctx context.Context, b registry.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	return f.Log.Append(ctx, b)
}

func TestAFullQueueRefuses(t *testing.T) {
	// The one that is held is on its way too.
	r, g := gated(t, func(c *registry.Config) { c.QueueSize = 5 })
	release := g.hold(t, r)
	errs := make(chan error, 4)
	for i := range 4 {
		statement := r.Sign(approvalNumber(i))
		go func() {
			_, err := r.Submit(context.Background(), statement)
			errs <- err
		}()
	}
	waitFor(r, 4)
	late := r.Sign(approvalNumber(5))
	if _, err := r.Submit(context.Background(), late); !errors.Is(err, registry.ErrOverloaded) {
		t.Errorf("submit: %v, want ErrOverloaded", err)
	}
	release()
	for range 4 {
		if err := <-errs; err != nil {
			t.Errorf("submit of one that waited: %v", err)
		}
	}
	if _, err := r.Submit(context.Background(), late); err != nil {
		t.Errorf("submit later: %v", err)
	}
}

func TestAnImpatientSubmitterHarmsNobody(t *testing.T) {
	r, g := gated(t)
	release := g.hold(t, r)
	ctx, cancel := context.WithCancel(context.Background())
	impatient := r.Sign(approvalNumber(1))
	errs := make(chan error)
	go func() {
		_, err := r.Submit(ctx, impatient)
		errs <- err
	}()
	waitFor(r, 1)
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("submit: %v, want context.Canceled", err)
	}
	release()
	r.MustSubmit(approvalNumber(2))
	// Submitting again tells.
	receipt, err := r.Submit(context.Background(), impatient)
	if err != nil {
		t.Fatal(err)
	}
	checkReceipt(t, impatient, receipt)
	checkLog(t, r)
}

func TestCloseAnswersWhoWaits(t *testing.T) {
	r, g := gated(t)
	release := g.hold(t, r)
	statement := r.Sign(approvalNumber(1))
	errs := make(chan error, 1)
	go func() {
		_, err := r.Submit(context.Background(), statement)
		errs <- err
	}()
	waitFor(r, 1)
	closed := make(chan error, 1)
	go func() { closed <- r.Close() }()
	for !errors.Is(r.Healthy(), registry.ErrClosed) {
		time.Sleep(time.Millisecond)
	}
	release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := <-errs; err != nil {
		t.Errorf("submit of one that waited: %v", err)
	}
	if _, err := r.Submit(context.Background(), r.Sign(approvalNumber(2))); !errors.Is(err, registry.ErrClosed) {
		t.Errorf("submit after close: %v, want ErrClosed", err)
	}
}

func TestBatchesAreDatedAfterEveryCosignature(t *testing.T) {
	r := rt.New(t)
	r.Clock.Set(rt.Start.Add(10*time.Second + 700*time.Millisecond))
	first := r.MustSubmit(approvalNumber(1))
	if got := first.Time.Sub(rt.Start); got != 10700*time.Millisecond {
		t.Errorf("dated %v after the start", got)
	}
	// Cosigned at 20 s, by a clock that then falls back.
	r.Clock.Set(rt.Start.Add(20 * time.Second))
	if err := r.Cosign(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.Clock.Set(rt.Start.Add(15 * time.Second))
	second := r.MustSubmit(approvalNumber(2))
	if got := second.Time.Sub(rt.Start); got != 20001*time.Millisecond {
		t.Errorf("dated %v after the start, want 20.001s", got)
	}
	third := r.MustSubmit(approvalNumber(3))
	if got := third.Time.Sub(rt.Start); got != 20002*time.Millisecond {
		t.Errorf("dated %v after the start, want 20.002s", got)
	}
	r.Clock.Set(rt.Start.Add(-time.Hour))
	if _, err := r.Submit(context.Background(), r.Sign(approvalNumber(4))); !errors.Is(err, registry.ErrClock) {
		t.Errorf("submit by a clock an hour behind: %v, want ErrClock", err)
	}
	r.Clock.Set(rt.Start.Add(time.Hour))
	r.MustSubmit(approvalNumber(4))
}

func TestASignerThatFailsLogsNothing(t *testing.T) {
	signer, _ := rt.LogSigner()
	faulty := &faultySigner{Signer: signer}
	r := rt.New(t, func(c *registry.Config) { c.LogSigners = []note.Signer{faulty} })
	size := sizeOf(t, r)
	faulty.broken.Store(true)
	if _, err := r.Submit(context.Background(), r.Sign(approvalNumber(1))); !errors.Is(err, registry.ErrSigner) {
		t.Errorf("submit: %v, want ErrSigner", err)
	}
	if got := sizeOf(t, r); got != size {
		t.Errorf("size %d, want %d", got, size)
	}
	faulty.broken.Store(false)
	r.MustSubmit(approvalNumber(1))
	checkLog(t, r)
}

type faultySigner struct {
	note.Signer
	broken atomic.Bool
}

func (f *faultySigner) Sign(msg []byte) ([]byte, error) {
	if f.broken.Load() {
		return nil, errors.New("no such device")
	}
	return f.Signer.Sign(msg)
}

func TestARegisterDoesNotStartUnderAnotherKeyOrName(t *testing.T) {
	r := rt.New(t)
	r.Stop()
	for name, change := range map[string]func(*registry.Config){
		"another log key": func(c *registry.Config) {
			skey, _, err := note.GenerateKey(nil, rt.Origin)
			if err != nil {
				t.Fatal(err)
			}
			signer, err := note.NewSigner(skey)
			if err != nil {
				t.Fatal(err)
			}
			c.LogSigners = []note.Signer{signer}
		},
		"another origin":           func(c *registry.Config) { c.Origin = "example.org/other" },
		"a malformed origin":       func(c *registry.Config) { c.Origin = "https://example.org" },
		"a log signer that is nil": func(c *registry.Config) { c.LogSigners = append(c.LogSigners, nil) },
		"no log signer whatever":   func(c *registry.Config) { c.LogSigners = nil },
	} {
		if _, _, err := rt.Serve(r.Dir, r.Clock.Now, nil, change); err == nil {
			t.Errorf("%s: started", name)
		}
	}
}

package registry_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"testing"
	"time"

	flog "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
	"github.com/safeconduct/safeconduct/verify/statusmap"
)

// A forgedLog is a register that logs whatever it is told to, and signs it
// with the register's key. It is a [registry.Source].
type forgedLog struct {
	t      testing.TB
	leaves [][]byte
	hashes []tlog.Hash
	signer note.Signer
	// derived is what an honest register would have derived.
	derived  *mirror
	previous int64
}

func newForgedLog(t testing.TB) *forgedLog {
	signer, _ := rt.LogSigner()
	f := &forgedLog{t: t, signer: signer, derived: newMirror(), previous: verify.NoPrevious}
	f.batch(rt.Start, nil, f.sign(rt.Root(rt.Start)))
	return f
}

// clone returns a log that continues this one.
func (f *forgedLog) clone() *forgedLog {
	c := *f
	c.leaves, c.hashes = c.leaves[:len(c.leaves):len(c.leaves)], c.hashes[:len(c.hashes):len(c.hashes)]
	d := *f.derived
	d.statements, d.names, d.histories, d.lineages, d.values = maps.Clone(d.statements), maps.Clone(d.names), maps.Clone(d.histories), maps.Clone(d.lineages), maps.Clone(d.values)
	for s, l := range d.lineages {
		same := *l
		d.lineages[s] = &same
	}
	c.derived = &d
	return &c
}

// sign signs claims as their issuer's officers do.
func (f *forgedLog) sign(c attest.Claims, signers ...attest.Signer) []byte {
	f.t.Helper()
	h := c.Head()
	h.Aud = rt.Origin
	if h.IAT == 0 {
		h.IAT = date(rt.Start)
	}
	s, err := rt.Sign(c, signers...)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

func (f *forgedLog) size() int64 { return int64(len(f.leaves)) }

func (f *forgedLog) add(leaf []byte) {
	f.t.Helper()
	hs, err := tlog.StoredHashes(f.size(), leaf, tlog.HashReaderFunc(f.read))
	if err != nil {
		f.t.Fatal(err)
	}
	f.leaves, f.hashes = append(f.leaves, leaf), append(f.hashes, hs...)
}

func (f *forgedLog) read(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = f.hashes[x]
	}
	return out, nil
}

// batch logs statements and a status leaf, which lie may change. What is
// admitted is derived.
func (f *forgedLog) batch(at time.Time, lie func(*verify.StatusLeaf), statements ...[]byte) {
	f.t.Helper()
	for _, s := range statements {
		if err := f.derived.replay(s, f.size(), at); err != nil && lie == nil {
			f.t.Fatalf("an honest batch: %v", err)
		}
		f.add(s)
	}
	status := verify.StatusLeaf{Index: f.size(), Time: at, MapRoot: f.derived.root(), Previous: f.previous}
	if lie != nil {
		lie(&status)
	}
	f.previous = f.size()
	f.add(status.Marshal())
}

// without is the map root when the statement at an index is not derived.
func (f *forgedLog) without(index int64) [32]byte {
	values := make(map[[32]byte][]byte)
	for s, h := range f.derived.histories {
		var v verify.MapValue
		for _, e := range h {
			if e.Index != index {
				v = v.Next(e.Index, e.Time.UnixMilli(), e.LeafHash, e.Tag)
			}
		}
		if v.Count > 0 {
			values[verify.MapKey(s)] = v.Bytes()
		}
	}
	return new(statusmap.Map).Set(maps.All(values)).Root()
}

func (f *forgedLog) Checkpoint(_ context.Context, size int64) ([]byte, error) {
	if size > f.size() || size > 0 && !verify.IsStatusLeaf(f.leaves[size-1]) {
		return nil, registry.ErrNotFound
	}
	return f.signed(size)
}

// Hashes implements [registry.Prover].
func (f *forgedLog) Hashes(context.Context, tlog.Tree) tlog.HashReader {
	return tlog.HashReaderFunc(f.read)
}

// signed is the checkpoint of a size, wherever in a batch that is.
func (f *forgedLog) signed(size int64) ([]byte, error) {
	hash, err := tlog.TreeHash(size, tlog.HashReaderFunc(f.read))
	if err != nil {
		return nil, err
	}
	return note.Sign(&note.Note{Text: string(flog.Checkpoint{Origin: rt.Origin, Size: uint64(size), Hash: hash[:]}.Marshal())}, f.signer)
}

func (f *forgedLog) latest() []byte {
	f.t.Helper()
	c, err := f.signed(f.size())
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func (f *forgedLog) Leaves(_ context.Context, from, to int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for i := from; i < to; i++ {
			if i >= f.size() {
				yield(nil, fmt.Errorf("leaf %d: %w", i, registry.ErrNotFound))
				return
			}
			if !yield(f.leaves[i], nil) {
				return
			}
		}
	}
}

// many logs approvals, so many in each batch.
func (f *forgedLog) many(n, each int) {
	f.t.Helper()
	at := rt.Start
	if s, err := verify.ParseStatusLeaf(f.leaves[f.size()-1]); err == nil {
		at = s.Time
	}
	for i := 0; i < n; i += each {
		var batch [][]byte
		for j := range min(each, n-i) {
			a := rt.Approval(fmt.Sprintf("TEA-%d", f.size()+int64(j)), rt.IN, fmt.Sprintf("in-own:E%d", (i+j)%997), "US")
			a.ApprovedSites = nil
			batch = append(batch, f.sign(a))
		}
		at = at.Add(time.Millisecond)
		f.batch(at, nil, batch...)
	}
}

// emptyLog opens an empty log in a directory of the test.
func emptyLog(t testing.TB) *badgerlog.Log {
	t.Helper()
	return openLog(t, t.TempDir())
}

func openLog(t testing.TB, dir string) *badgerlog.Log {
	t.Helper()
	log, err := badgerlog.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return log
}

// openUnchecked opens a log that may be damaged.
func openUnchecked(t testing.TB, dir string) *badgerlog.Log {
	t.Helper()
	log, err := badgerlog.OpenUnchecked(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return log
}

func newReplica(t testing.TB, log registry.Log, change ...func(*registry.ReplicaConfig)) *registry.Replica {
	t.Helper()
	c := registry.ReplicaConfig{Log: log, Origin: rt.Origin, Now: rt.NewClock(rt.Start.Add(24 * time.Hour)).Now}
	for _, f := range change {
		f(&c)
	}
	r, err := registry.NewReplica(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func extend(t testing.TB, r *registry.Replica, src registry.Source, checkpoint []byte) {
	t.Helper()
	if err := r.Extend(context.Background(), src, checkpoint, registry.ExtendOptions{}); err != nil {
		t.Fatal(err)
	}
}

package badgerlog_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/verify"
)

// A raw is a log without a register: leaves of noise, a real tree, and
// checkpoints that nobody has signed.
type raw struct {
	leaves [][]byte
	hashes []tlog.Hash
	// sizes are those that have a checkpoint.
	sizes []int64
	noise *rand.ChaCha8
}

func newRaw() *raw { return &raw{noise: rand.NewChaCha8([32]byte{1})} }

// ReadHashes implements [tlog.HashReader].
func (r *raw) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = r.hashes[x]
	}
	return out, nil
}

// checkpoint returns that of a size, the same one always.
func (r *raw) checkpoint(t testing.TB, size int64) []byte {
	t.Helper()
	root, err := tlog.TreeHash(size, r)
	if err != nil {
		t.Fatal(err)
	}
	text := tlog.FormatTree(tlog.Tree{N: size, Hash: root})
	return []byte(strings.Replace(string(text), "go.sum database tree", "example.org/raw", 1) + "\n— example.org/raw AAAAAAAAAAAAAAAA\n")
}

// batch grows the log by n leaves of some length and returns them as a batch.
func (r *raw) batch(t testing.TB, n, length int) registry.Batch {
	t.Helper()
	b := registry.Batch{Start: int64(len(r.leaves))}
	from := len(r.hashes)
	for range n {
		index := int64(len(r.leaves))
		leaf := make([]byte, length)
		_, _ = r.noise.Read(leaf)
		hs, err := tlog.StoredHashes(index, leaf, r)
		if err != nil {
			t.Fatal(err)
		}
		place := registry.Place{Index: index, Size: b.Start + int64(n), LeafHash: tlog.RecordHash(leaf)}
		entry := registry.HistoryEntry{Index: index, LeafHash: place.LeafHash, Chain: [32]byte(place.LeafHash)}
		r.leaves, r.hashes = append(r.leaves, leaf), append(r.hashes, hs...)
		b.Leaves = append(b.Leaves, leaf)
		b.Statements = append(b.Statements, registry.Named{Iss: "raw", JTI: fmt.Sprint(index), Place: place})
		b.Entries = append(b.Entries, registry.SubjectEntry{
			Subject: "entity:" + fmt.Sprint(index%7), HistoryEntry: entry, Value: verify.MapValue{Count: index/7 + 1},
		})
	}
	b.Hashes = r.hashes[from:]
	size := int64(len(r.leaves))
	b.Checkpoint, r.sizes = r.checkpoint(t, size), append(r.sizes, size)
	return b
}

// forget takes the batch back.
func (r *raw) forget(b registry.Batch) {
	r.leaves = r.leaves[:b.Start]
	r.hashes = r.hashes[:len(r.hashes)-len(b.Hashes)]
	r.sizes = r.sizes[:len(r.sizes)-1]
}

// grow appends a batch.
func (r *raw) grow(t testing.TB, log *badgerlog.Log, n, length int) {
	t.Helper()
	if err := log.Append(context.Background(), r.batch(t, n, length)); err != nil {
		t.Fatal(err)
	}
}

// same tells how the log differs from what was written to it.
func (r *raw) same(t testing.TB, log *badgerlog.Log) error {
	t.Helper()
	size := int64(len(r.leaves))
	head, err := log.Head()
	if err != nil || head.Size != size {
		return fmt.Errorf("the head is at %d of %d (%w)", head.Size, size, err)
	}
	at := 0
	for leaf, err := range log.Leaves(0) {
		if err != nil {
			return err
		}
		if string(leaf) != string(r.leaves[at]) {
			return fmt.Errorf("leaf %d is another", at)
		}
		at++
	}
	if at != len(r.leaves) {
		return fmt.Errorf("%d leaves of %d", at, size)
	}
	for x, want := range r.hashes {
		hs, err := log.ReadHashes([]int64{int64(x)})
		if err != nil || hs[0] != want {
			return fmt.Errorf("stored hash %d is another (%w)", x, err)
		}
	}
	for _, size := range r.sizes {
		have, err := log.Checkpoint(size)
		if err != nil || string(have) != string(r.checkpoint(t, size)) {
			return fmt.Errorf("checkpoint %d is another (%w)", size, err)
		}
	}
	for i := range r.leaves {
		place, ok, err := log.Find("raw", fmt.Sprint(i))
		if err != nil || !ok || place.Index != int64(i) {
			return fmt.Errorf("name %d is another (%w)", i, err)
		}
	}
	count := 0
	for s, err := range log.Subjects("", "") {
		if err != nil {
			return err
		}
		h, err := log.History(s.Name)
		if err != nil || int64(len(h)) != s.Value.Count {
			return fmt.Errorf("%d entries of %s, want %d (%w)", len(h), s.Name, s.Value.Count, err)
		}
		count += len(h)
	}
	if count != len(r.leaves) {
		return fmt.Errorf("%d entries of %d", count, size)
	}
	return nil
}

// openSmall opens a log that flushes after a few batches.
func openSmall(t testing.TB, dir string) *badgerlog.Log {
	t.Helper()
	log, err := badgerlog.OpenSmall(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func closeLog(t testing.TB, log *badgerlog.Log) {
	t.Helper()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

// copyStore copies a directory of a log, without the zeros at the end of
// write-ahead logs. Of a log that is open and idle it is what a kill leaves.
func copyStore(t testing.TB, dir string) string {
	t.Helper()
	other := t.TempDir()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if ext := filepath.Ext(e.Name()); ext == ".mem" || ext == ".vlog" {
			used := strings.TrimRight(string(data[min(20, len(data)):]), "\x00")
			data = data[:min(len(data), 20+len(used)+64)]
		}
		if err := os.WriteFile(filepath.Join(other, e.Name()), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return other
}

// overwrite writes into a file at an offset.
func overwrite(t testing.TB, name string, at int64, data []byte) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(data, at); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// flip changes one bit.
func flip(t testing.TB, name string, at int64, bit int) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	overwrite(t, name, at, []byte{b[0] ^ 1<<bit})
}

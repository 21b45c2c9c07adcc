package badgerlog_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// The second one is refused before it looks at the files, which it would mend.
func TestASecondOpenOfADirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	held := openSmall(t, dir)
	defer closeLog(t, held)
	newRaw().grow(t, held, 3, 100)
	settled(t, dir)
	empty := filepath.Join(dir, "00099.mem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	for name, open := range map[string]func(string, *slog.Logger) (*badgerlog.Log, error){
		"open": badgerlog.Open, "open unchecked": badgerlog.OpenUnchecked,
	} {
		log, err := open(dir, nil)
		if err == nil {
			t.Fatal("opened twice", log.Close())
		}
		if !strings.Contains(err.Error(), "another process") {
			t.Errorf("%s: %v does not say that another process may use it", name, err)
		}
	}
	if !maps.Equal(before, contents(t, dir)) {
		t.Error("the files were changed")
	}
	if err := os.Remove(empty); err != nil {
		t.Fatal(err)
	}
}

func TestBadgerHoldsALog(t *testing.T) {
	rt.TestLog(t, func(t *testing.T) registry.Log {
		log, err := badgerlog.Open(t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := log.Close(); err != nil {
				t.Error(err)
			}
		})
		return log
	})
}

// filled is a log that was closed with more hashes than one chunk has.
func filled(t *testing.T) (dir string, size int64) {
	t.Helper()
	r := rt.New(t)
	for i := range 60 {
		r.MustSubmit(rt.Approval(fmt.Sprintf("TEA-%02d", i), rt.IN, rt.Halcyon, "US"))
	}
	cp, err := verify.ParseCheckpoint(r.Checkpoint())
	size = cp.Tree.N
	if err != nil {
		t.Fatal(err)
	}
	r.Stop()
	return r.Dir, size
}

func TestAHistoryIsItsSubjectsOwn(t *testing.T) {
	dir, size := filled(t)
	log, err := badgerlog.Open(filepath.Join(dir, "log"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}()
	subject := attest.ApprovalSubject(rt.Halcyon, rt.IN)
	h, err := log.History(subject)
	if err != nil || len(h) != 60 {
		t.Fatalf("%d entries, %v", len(h), err)
	}
	for i, e := range h {
		if i > 0 && e.Index <= h[i-1].Index {
			t.Errorf("entry %d is not in order", i)
		}
	}
	if h, err := log.History(subject[:len(subject)-1]); len(h) != 0 || err != nil {
		t.Errorf("a prefix of the subject has %d entries, %v", len(h), err)
	}
	count := 0
	for s, err := range log.Subjects("", "") {
		if err != nil {
			t.Fatal(err)
		}
		if count++; s.Value.Count == 0 {
			t.Errorf("%s counts nothing", s.Name)
		}
		break
	}
	if count != 1 {
		t.Errorf("%d subjects before the break", count)
	}
	// Every leaf has its hash, across chunks.
	for i := range size {
		leaf, err := log.Leaf(i)
		if err != nil {
			t.Fatal(err)
		}
		hs, err := log.ReadHashes([]int64{tlog.StoredHashIndex(0, i)})
		if err != nil || hs[0] != tlog.RecordHash(leaf) {
			t.Errorf("leaf %d: another hash (%v)", i, err)
		}
	}
	if _, err := log.ReadHashes([]int64{tlog.StoredHashCount(size)}); err == nil {
		t.Error("a hash beyond the end was read")
	}
}

// Damage that badger cannot see is found when the log is opened.
func TestADamagedLogIsRefused(t *testing.T) {
	whole, size := filled(t)
	key := func(prefix byte, n byte) []byte { return []byte{prefix, 0, 0, 0, 0, 0, 0, 0, n} }
	for _, test := range []struct {
		name   string
		damage func(txn *badger.Txn, size int64) error
		want   string
	}{
		{"a changed leaf", func(txn *badger.Txn, size int64) error { return txn.Set(key('l', byte(size-2)), []byte("other")) }, "does not have the hash"},
		{"a lost leaf", func(txn *badger.Txn, size int64) error { return txn.Delete(key('l', byte(size-1))) }, "leaf"},
		{"a leaf too many", func(txn *badger.Txn, size int64) error { return txn.Set(key('l', byte(size)), []byte("more")) }, "beyond the checkpoint"},
		{"lost hashes", func(txn *badger.Txn, _ int64) error { return txn.Delete(key('h', 1)) }, "stored hash"},
		{"no checkpoint", func(txn *badger.Txn, _ int64) error { return txn.Delete([]byte("c")) }, "beyond the checkpoint"},
		{"another layout", func(txn *badger.Txn, _ int64) error { return txn.Set([]byte("f"), []byte("other/2")) }, "layout"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			damage(t, dir, func(txn *badger.Txn) error { return test.damage(txn, size) })
			log, err := badgerlog.Open(filepath.Join(dir, "log"), nil)
			if err == nil {
				t.Fatal("opened", log.Close())
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v does not say %q", err, test.want)
			}
		})
	}
}

// Damage beyond the log's end is found by the register.
func TestADamagedMapIsRefused(t *testing.T) {
	dir, _ := filled(t)
	damage(t, dir, func(txn *badger.Txn) error { return txn.Delete([]byte("vroot")) })
	_, _, err := rt.Serve(dir, rt.NewClock(rt.Start).Now, nil)
	if err == nil || !strings.Contains(err.Error(), "status map") {
		t.Errorf("start: %v, want the status map refused", err)
	}
}

func damage(t *testing.T, dir string, change func(*badger.Txn) error) {
	t.Helper()
	db, err := badger.Open(badger.DefaultOptions(filepath.Join(dir, "log")).WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// Badger would delete the tables.
func TestATableWithoutItsManifestIsLeftAlone(t *testing.T) {
	dir, _ := filled(t)
	dir = filepath.Join(dir, "log")
	if err := os.Remove(filepath.Join(dir, "MANIFEST")); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := badgerlog.Open(dir, nil); err == nil || !strings.Contains(err.Error(), "MANIFEST") {
		t.Errorf("open: %v", err)
	}
	after, err := os.ReadDir(dir)
	if err != nil || len(after) != len(before) {
		t.Errorf("%d files left of %d, %v", len(after), len(before), err)
	}
}

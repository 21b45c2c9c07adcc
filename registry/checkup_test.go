package registry_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// damageable makes a store of some thousand leaves in a directory, and returns
// the log that it is a replica of.
func damageable(t *testing.T) (*forgedLog, string) {
	t.Helper()
	f := newForgedLog(t)
	f.batch(rt.Start.Add(time.Second), nil,
		f.sign(rt.Registration("REG-1", rt.IN, rt.Varuna, "IN")), f.sign(rt.Approval("TEA-1", rt.US, rt.Varuna, "IN")))
	second := rt.Approval("TEA-2", rt.US, rt.Varuna, "IN")
	second.Supersedes = "TEA-1"
	f.batch(rt.Start.Add(2*time.Second), nil, f.sign(second))
	f.many(900, 50)
	// A history is read again, from before the damage and behind it.
	third := rt.Approval("TEA-3", rt.US, rt.Varuna, "IN")
	third.Supersedes = "TEA-2"
	f.batch(rt.Start.Add(time.Minute), nil, f.sign(third))
	dir := t.TempDir()
	log, err := badgerlog.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := registry.Restore(context.Background(), f, f.latest(), log, nil); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return f, dir
}

// damage changes a copy of a store beneath badgerlog.
func damage(t *testing.T, dir string, do func(*badger.Txn) error) string {
	t.Helper()
	other := filepath.Join(t.TempDir(), "log")
	if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	db, err := badger.Open(badger.DefaultOptions(other).WithLogger(nil).WithValueThreshold(1 << 20).WithValueLogFileSize(64 << 20).WithMemTableSize(64 << 20))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(do); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return other
}

func key(prefix string, n int64) []byte {
	return binary.BigEndian.AppendUint64([]byte(prefix), uint64(n))
}

// flip changes a bit of a value.
func flip(k []byte, at int) func(*badger.Txn) error {
	return func(txn *badger.Txn) error {
		item, err := txn.Get(k)
		if err != nil {
			return err
		}
		v, err := item.ValueCopy(nil)
		if err != nil {
			return err
		}
		v[at] ^= 1
		return txn.Set(k, v)
	}
}

func remove(k []byte) func(*badger.Txn) error {
	return func(txn *badger.Txn) error {
		if _, err := txn.Get(k); err != nil {
			return err
		}
		return txn.Delete(k)
	}
}

func put(k, v []byte) func(*badger.Txn) error {
	return func(txn *badger.Txn) error { return txn.Set(k, v) }
}

func TestACheckFindsEveryDamageAndARebuildHealsWhatIsDerived(t *testing.T) {
	f, dir := damageable(t)
	ctx := context.Background()
	approvals := attest.ApprovalSubject(rt.Varuna, rt.US)
	leaf := func(i int64) []byte { return key("l", i) }
	for _, test := range []struct {
		name    string
		damage  func(*badger.Txn) error
		derived bool
		says    string
	}{
		{"nothing", put([]byte("unknown"), nil), true, ""},
		{"a leaf with a bit flipped", flip(leaf(3), 100), false, "leaf 3 "},
		{"a status leaf with a bit flipped", flip(leaf(4), 30), false, "leaf 4 "},
		{"a leaf that is gone", remove(leaf(3)), false, "leaf 3 "},
		{"a leaf that another stands for", func(txn *badger.Txn) error { return txn.Set(leaf(3), f.leaves[2]) }, false, "leaf 3 "},
		{"the first leaf", flip(leaf(0), 100), false, "leaf 0 "},
		{"a stored hash of a leaf", flip(key("h", 0), int(tlog.StoredHashIndex(0, 3))*32), true, "stored hash 4"},
		{"a stored hash of a subtree", flip(key("h", 1), 40*32), true, "stored hash"},
		{"stored hashes that are gone", remove(key("h", 2)), true, "stored hash"},
		{"a name that is gone", remove([]byte("n" + rt.US + "\x00TEA-1")), true, "the name TEA-1 of auth-us"},
		{"a name that leads elsewhere", flip([]byte("n"+rt.US+"\x00TEA-2"), 7), true, "the name TEA-2 of auth-us"},
		{"a name of another size", flip([]byte("n"+rt.US+"\x00TEA-2"), 15), true, "the name TEA-2 of auth-us"},
		{"a name that is cut", put([]byte("n"+rt.US+"\x00TEA-2"), []byte("x")), true, "the name TEA-2 of auth-us"},
		{"an entry that is gone", remove(key("e"+approvals+"\x00", 3)), true, "the history of " + approvals},
		{"an entry with another time", flip(key("e"+approvals+"\x00", 3), 7), true, "the history of " + approvals},
		{"an entry with another tag", flip(key("e"+approvals+"\x00", 5), 8), true, "the history of " + approvals},
		{"an entry with another chain", flip(key("e"+approvals+"\x00", 3), 103), true, "the history of " + approvals},
		{"an entry that is cut", put(key("e"+approvals+"\x00", 3), []byte("x")), true, "the history of " + approvals},
		{"an entry of nothing", put(key("e"+approvals+"\x00", 4), make([]byte, 104)), true, "the history of " + approvals},
		{"an entry of a later time", put(key("e"+attest.EntitySubject(rt.Varuna)+"\x00", 800), make([]byte, 104)), true, "the history of " + attest.EntitySubject(rt.Varuna)},
		{"a trust root that is not listed", remove(key("e"+attest.RootSubject+"\x00", 0)), true, "the history of root"},
		{"a value of another count", flip([]byte("v"+approvals), 7), true, approvals},
		{"a value of another chain", flip([]byte("v"+approvals), 30), true, approvals},
		{"a value that is gone", remove([]byte("v" + approvals)), true, "lack their value"},
		{"a value of nothing", put([]byte("v"+approvals+"x"), verify.MapValue{Count: 1}.Bytes()), true, "nothing is logged of it"},
		{"a kept checkpoint with a bit flipped", flip(key("k", 7), 60), true, "checkpoint of size 7"},
		{"a kept checkpoint of another size", func(txn *badger.Txn) error {
			c, err := f.Checkpoint(ctx, 5)
			if err != nil {
				return err
			}
			return txn.Set(key("k", 7), c)
		}, true, "checkpoint of size 7"},
		{"a quorum of nothing", put([]byte("q"), key("", 6)), true, "quorum"},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := openUnchecked(t, damage(t, dir, test.damage))
			report, err := (&registry.Checkup{Log: log, Origin: rt.Origin}).Run(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if test.says == "" {
				if !report.OK() || report.Replayed != f.size() || report.Statements != f.size()-report.Batches {
					t.Fatalf("a whole log: %+v", report)
				}
				return
			}
			found := false
			for _, d := range report.Differences {
				found = found || strings.Contains(d.Text, test.says) && d.Derived == test.derived && d.Advice != ""
			}
			if !found || report.OK() || report.Healable() != test.derived {
				t.Errorf("the report says (healable: %v)\n%+v", report.Healable(), report.Differences)
			}
			fresh := emptyLog(t)
			err = registry.Rebuild(ctx, log, fresh, nil)
			if (err == nil) != test.derived {
				t.Fatalf("rebuild: %v", err)
			}
			if err != nil {
				return
			}
			again, err := (&registry.Checkup{Log: fresh, Origin: rt.Origin}).Run(ctx)
			if err != nil || !again.OK() || again.Replayed != f.size() {
				t.Errorf("after rebuilding: %+v, %v", again, err)
			}
			head, err := fresh.Head()
			if err != nil || !bytes.Equal(head.Checkpoint, f.latest()) {
				t.Errorf("another head: %v", err)
			}
		})
	}
}

func TestACheckOfALyingLogSaysWhereItLies(t *testing.T) {
	f := newForgedLog(t)
	f.batch(rt.Start.Add(time.Second), nil, f.sign(rt.Approval("TEA-1", rt.IN, rt.Halcyon, "US")))
	log := emptyLog(t)
	if err := registry.Restore(context.Background(), f, f.latest(), log, nil); err != nil {
		t.Fatal(err)
	}
	// A store that was written by somebody who does not check.
	size := f.size()
	f.batch(rt.Start.Add(2*time.Second), func(s *verify.StatusLeaf) { s.MapRoot[0] ^= 1 }, f.sign(rt.Approval("TEA-2", rt.IN, rt.Halcyon, "US")))
	err := log.Append(context.Background(), registry.Batch{
		Start: size, Leaves: f.leaves[size:], Hashes: f.hashes[tlog.StoredHashCount(size):], Checkpoint: f.latest(),
	})
	if err != nil {
		t.Fatal(err)
	}
	report, err := (&registry.Checkup{Log: log, Origin: rt.Origin}).Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := []registry.Difference{{
		Text:   report.Differences[0].Text,
		Advice: "the store is as it was written, and the register logged what it may not: keep it as it is and ask who ran it",
	}}
	if diff := cmp.Diff(want, report.Differences); diff != "" || !strings.HasPrefix(want[0].Text, "index 5 (map)") || report.Healable() {
		t.Errorf("%s (-want +got):\n%s", want[0].Text, diff)
	}
}

func TestACheckHoldsTheTrustFileAgainstTheLog(t *testing.T) {
	r := busyRegister(t)
	report, err := (&registry.Checkup{Log: r.Log(), Origin: rt.Origin, Trust: r.Trust}).Run(context.Background())
	if err != nil || !report.OK() || report.Subjects == 0 {
		t.Errorf("%+v, %v", report, err)
	}
	other, err := rt.Sign(rt.Root(rt.Start.Add(time.Second)))
	if err != nil {
		t.Fatal(err)
	}
	trust, err := rt.Trust(other)
	if err != nil {
		t.Fatal(err)
	}
	report, err = (&registry.Checkup{Log: r.Log(), Origin: rt.Origin, Trust: trust}).Run(context.Background())
	if err != nil || report.OK() {
		t.Errorf("another register's trust: %+v, %v", report, err)
	}
	if _, err := (&registry.Checkup{Log: r.Log(), Origin: "example.org/other"}).Run(context.Background()); err == nil {
		t.Error("another origin was accepted")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (&registry.Checkup{Log: r.Log(), Origin: rt.Origin}).Run(ctx); err == nil {
		t.Error("a check that was ended says nothing of it")
	}
}

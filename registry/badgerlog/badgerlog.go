// Package badgerlog keeps a register's log in badger, in one directory: the
// default [registry.Log].
//
// [Open] it, give it to [registry.New], and Close it after the register. A
// batch is one badger transaction, synced to disk before Append returns; leaf
// values stay in badger's LSM tree, so that one write-ahead log carries the
// whole transaction. One process at a time can have a directory open.
package badgerlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// A Log is an open log. It may be used concurrently.
type Log struct {
	db *badger.DB
	// write is held while the head is looked at and moved.
	write sync.Mutex
}

var _ registry.Log = (*Log)(nil)

// memtable is the size of badger's tables in memory. A transaction may have
// some 15 % of it, which the largest batch (4 MiB of leaves and 4,096 entries
// of histories) does not reach.
const memtable = 64 << 20

// Open opens the log in dir, which is made where it does not exist, and checks
// that its end holds together: the checkpoint, the tree's edge and the last
// leaves. Badger's own messages go to logger, nil for nowhere. It returns an
// error that says what is wrong where another process has the log open, or
// what is stored does not agree.
func Open(dir string, logger *slog.Logger) (*Log, error) {
	o := badger.DefaultOptions(dir).
		WithSyncWrites(true).
		// Badger's largest: every leaf has less and so stays in the LSM tree.
		WithValueThreshold(1 << 20).
		WithValueLogFileSize(64 << 20).
		WithMemTableSize(memtable).
		WithNumMemtables(3).
		WithBlockCacheSize(64 << 20).
		WithIndexCacheSize(64 << 20).
		WithCompression(options.Snappy).
		// Two compactors and a deep level 0 keep compaction from rewriting
		// leaves while batches are written.
		WithNumCompactors(2).
		WithNumLevelZeroTables(20).
		WithNumLevelZeroTablesStall(60).
		// There is one writer.
		WithDetectConflicts(false).
		WithMetricsEnabled(false).
		WithLogger(nil)
	if logger != nil {
		o = o.WithLogger(bridge{logger})
	}
	if err := whole(dir); err != nil {
		return nil, fmt.Errorf("open the log in %s: %w", dir, err)
	}
	db, err := badger.Open(o)
	if err != nil {
		return nil, fmt.Errorf("open the log in %s (is another process using it?): %w", dir, err)
	}
	l := &Log{db: db}
	if err = l.claim(); err == nil {
		err = l.check()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the log in %s: %w", dir, err), db.Close())
	}
	return l, nil
}

// Close closes the log. Whoever uses it has to be done before.
func (l *Log) Close() error {
	if err := l.db.Close(); err != nil {
		return fmt.Errorf("close the log: %w", err)
	}
	return nil
}

// claim writes the layout into a new log and refuses one of another layout.
func (l *Log) claim() error {
	return l.db.Update(func(txn *badger.Txn) error {
		have, err := get(txn, layoutKey)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return txn.Set(layoutKey, []byte(layout))
		}
		if err == nil && string(have) != layout {
			err = fmt.Errorf("it has the layout %q; this version reads %q", have, layout)
		}
		return err
	})
}

// checkedLeaves is how many of the last leaves are hashed on opening: more
// than the largest batch has.
const checkedLeaves = 512

// check compares the end of what is stored.
func (l *Log) check() error {
	head, err := l.Head()
	if err != nil {
		return err
	}
	switch _, err := l.Leaf(head.Size); {
	case err == nil:
		return fmt.Errorf("there is a leaf at index %d, beyond the checkpoint of size %d", head.Size, head.Size)
	case !errors.Is(err, registry.ErrNotFound):
		return err
	}
	if head.Size == 0 {
		return nil
	}
	c, err := verify.ParseCheckpoint(head.Checkpoint)
	if err != nil {
		return err
	}
	got, err := tlog.TreeHash(head.Size, l)
	if err != nil {
		return fmt.Errorf("read the edge of the tree: %w", err)
	}
	if want := c.Tree.Hash; got != want {
		return fmt.Errorf("the tree of size %d has the root %v, its checkpoint %v: the store is damaged; restore a backup", head.Size, got, want)
	}
	for i := max(0, head.Size-checkedLeaves); i < head.Size; i++ {
		leaf, err := l.Leaf(i)
		if err != nil {
			return fmt.Errorf("leaf %d: %w", i, err)
		}
		hs, err := l.ReadHashes([]int64{tlog.StoredHashIndex(0, i)})
		if err != nil {
			return err
		}
		if hs[0] != tlog.RecordHash(leaf) {
			return fmt.Errorf("leaf %d does not have the hash that the tree has: the store is damaged; restore a backup", i)
		}
	}
	return nil
}

// Append implements [registry.Log].
func (l *Log) Append(ctx context.Context, b registry.Batch) error {
	l.write.Lock()
	defer l.write.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	txn := l.db.NewTransaction(true)
	defer txn.Discard()
	head, err := headOf(txn)
	if err != nil {
		return err
	}
	if head.Size != b.Start {
		return fmt.Errorf("append at %d: %w (size %d)", b.Start, registry.ErrHeadMoved, head.Size)
	}
	if err := put(txn, b); err != nil {
		return fmt.Errorf("append at %d: %w", b.Start, err)
	}
	if err := txn.Commit(); err != nil {
		return fmt.Errorf("append at %d: commit: %w", b.Start, err)
	}
	return nil
}

// put writes a batch into a transaction.
func put(txn *badger.Txn, b registry.Batch) error {
	for i, leaf := range b.Leaves {
		if err := txn.Set(leafKey(b.Start+int64(i)), leaf); err != nil {
			return err
		}
	}
	if err := putHashes(txn, tlog.StoredHashCount(b.Start), b.Hashes); err != nil {
		return err
	}
	for _, s := range b.Statements {
		if err := txn.Set(nameKey(s.Iss, s.JTI), encodePlace(s.Place)); err != nil {
			return err
		}
	}
	for _, e := range b.Entries {
		if err := txn.Set(entryKey(e.Subject, e.Index), encodeEntry(e.HistoryEntry)); err != nil {
			return err
		}
		if err := txn.Set(valueKey(e.Subject), e.Value.Bytes()); err != nil {
			return err
		}
	}
	return txn.Set(headKey, b.Checkpoint)
}

// SetCheckpoint implements [registry.Log].
func (l *Log) SetCheckpoint(ctx context.Context, size int64, checkpoint []byte) error {
	l.write.Lock()
	defer l.write.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	err := l.db.Update(func(txn *badger.Txn) error {
		head, err := headOf(txn)
		if err != nil {
			return err
		}
		if head.Size != size {
			return fmt.Errorf("%w (size %d)", registry.ErrHeadMoved, head.Size)
		}
		return txn.Set(headKey, checkpoint)
	})
	if err != nil {
		return fmt.Errorf("keep the checkpoint of size %d: %w", size, err)
	}
	return nil
}

// Head implements [registry.Log].
func (l *Log) Head() (head registry.Head, err error) {
	err = l.db.View(func(txn *badger.Txn) error {
		head, err = headOf(txn)
		return err
	})
	return head, err
}

func headOf(txn *badger.Txn) (registry.Head, error) {
	checkpoint, err := get(txn, headKey)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return registry.Head{}, nil
	}
	if err != nil {
		return registry.Head{}, fmt.Errorf("read the checkpoint: %w", err)
	}
	c, err := verify.ParseCheckpoint(checkpoint)
	if err != nil {
		return registry.Head{}, fmt.Errorf("read the checkpoint: %w", err)
	}
	return registry.Head{Size: c.Tree.N, Checkpoint: checkpoint}, nil
}

// Leaf implements [registry.Log].
func (l *Log) Leaf(index int64) (leaf []byte, err error) {
	err = l.db.View(func(txn *badger.Txn) error {
		leaf, err = get(txn, leafKey(index))
		return err
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, fmt.Errorf("leaf %d: %w", index, registry.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read leaf %d: %w", index, err)
	}
	return leaf, nil
}

// Find implements [registry.Log].
func (l *Log) Find(iss, jti string) (place registry.Place, ok bool, err error) {
	err = l.db.View(func(txn *badger.Txn) error {
		b, err := get(txn, nameKey(iss, jti))
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		ok = true
		place, err = decodePlace(b)
		return err
	})
	if err != nil {
		return registry.Place{}, false, fmt.Errorf("look up %s of %s: %w", jti, iss, err)
	}
	return place, ok, nil
}

// History implements [registry.Log].
func (l *Log) History(subject string) (entries []registry.HistoryEntry, err error) {
	err = l.db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix = entryPrefix(subject)
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			err := it.Item().Value(func(v []byte) error {
				e, err := decodeEntry(it.Item().Key(), v)
				entries = append(entries, e)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", subject, err)
	}
	return entries, nil
}

// Subjects implements [registry.Log].
func (l *Log) Subjects(prefix string) iter.Seq2[registry.Subject, error] {
	return func(yield func(registry.Subject, error) bool) {
		err := l.db.View(func(txn *badger.Txn) error {
			o := badger.DefaultIteratorOptions
			o.Prefix = valueKey(prefix)
			it := txn.NewIterator(o)
			defer it.Close()
			for it.Rewind(); it.Valid(); it.Next() {
				s := registry.Subject{Name: string(bytes.TrimPrefix(it.Item().Key(), valueKey("")))}
				err := it.Item().Value(func(v []byte) (err error) {
					s.Value, err = verify.ParseMapValue(v)
					return err
				})
				if err != nil {
					return fmt.Errorf("%s: %w", s.Name, err)
				}
				if !yield(s, nil) {
					return errStopped
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(registry.Subject{}, fmt.Errorf("list subjects: %w", err))
		}
	}
}

// errStopped ends a listing that its caller has seen enough of.
var errStopped = errors.New("stopped")

// get returns a copy of a value.
func get(txn *badger.Txn, key []byte) ([]byte, error) {
	item, err := txn.Get(key)
	if err != nil {
		return nil, err
	}
	return item.ValueCopy(nil)
}

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
	"os"
	"path/filepath"
	"sync"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// A Log is an open log. It may be used concurrently.
type Log struct {
	db     *database
	dir    string
	logger *slog.Logger
	// memtable is the size of badger's tables in memory.
	memtable int64
	chunks   chunks
	// write is held while the head is looked at and moved, and guards what
	// follows.
	write sync.Mutex
	acked *acknowledged
	// wal is the number of the newest write-ahead log that has its blocks.
	wal int
}

var _ registry.Log = (*Log)(nil)

// Open opens the log in dir, which is made where it does not exist, and checks
// that all badger's files are whole, that nothing is missing that was
// acknowledged, and that the end of the log holds together: the checkpoint, the
// tree's edge and the last leaves. Badger's own messages go to logger, nil for
// nowhere.
//
// Its error says what is wrong and what to do: where another process has the
// log open, the disk is full ([registry.ErrFull]) or cannot be written to, or
// what is stored is damaged. Of a damaged store it changes nothing that a
// repair would need.
func Open(dir string, logger *slog.Logger) (*Log, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	l, err := open(dir, memtable, logger, (*Log).begin)
	if err != nil {
		return nil, fmt.Errorf("open the log in %s: %w", dir, err)
	}
	return l, nil
}

// open opens badger and has begin look at what it has opened; wal is what stood
// in the write-ahead logs.
func open(dir string, memtable int64, logger *slog.Logger, begin func(l *Log, wal span) error) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, full(err)
	}
	acked, err := openAcknowledged(dir)
	if err != nil {
		return nil, err
	}
	l := &Log{dir: dir, memtable: memtable, logger: logger, acked: acked}
	wal, err := inspect(dir, acked)
	if err == nil {
		err = roomToOpen(dir, memtable)
	}
	if err == nil {
		l.wal, err = newestWAL(dir)
	}
	if err == nil {
		var db *badger.DB
		if db, err = badger.Open(settings(dir, memtable, logger)); err != nil {
			err = reason(err)
		}
		l.db = newDatabase(db)
	}
	if err != nil {
		return nil, errors.Join(err, acked.close())
	}
	if err := begin(l, wal); err != nil {
		return nil, errors.Join(err, l.db.Close(), acked.close())
	}
	return l, nil
}

// begin looks at what badger has opened; wal is what stood in the write-ahead
// logs. Where the MANIFEST was damaged, it is the leaves before it that are
// missing.
func (l *Log) begin(wal span) error {
	if err := l.claim(); err != nil {
		return err
	}
	head, err := l.check()
	if err != nil {
		return err
	}
	if err := l.checkLeaves(wal.first); err != nil {
		return err
	}
	if err := l.checkAcknowledged(head); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(l.dir, setAside)); err != nil {
		return err
	}
	return l.allocate()
}

// Close closes the log: it waits for whoever reads or writes, and from then on
// all methods return [registry.ErrClosed]. It is not to be called from within a
// listing. Where the disk has no room for what badger writes on closing it
// returns [registry.ErrFull] and leaves the log open: make room and Close again,
// or end the process, and the next [Open] has all of it.
func (l *Log) Close() error {
	if err := l.close(); err != nil {
		return fmt.Errorf("close the log: %w", err)
	}
	return nil
}

func (l *Log) close() error {
	if err := l.db.enter(); err != nil {
		return err
	}
	err := roomToClose(l.dir)
	l.db.leave()
	if err == nil {
		err = l.db.shut()
	}
	if err != nil {
		return err
	}
	return errors.Join(l.db.Close(), l.acked.close())
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

// checkedLeaves is how many leaves before an edge are hashed on opening: more
// than the largest batch has.
const checkedLeaves = 4096

// check compares the end of what is stored.
func (l *Log) check() (head registry.Head, err error) {
	if head, err = l.Head(); err != nil {
		return head, err
	}
	switch _, err := l.Leaf(head.Size); {
	case err == nil:
		return head, fmt.Errorf("there is a leaf at index %d, beyond the checkpoint of size %d: the store is damaged; %s", head.Size, head.Size, advice)
	case !errors.Is(err, registry.ErrNotFound):
		return head, err
	}
	if head.Size == 0 {
		return head, nil
	}
	c, err := verify.ParseCheckpoint(head.Checkpoint)
	if err != nil {
		return head, err
	}
	if err := l.checkTree(c.Tree); err != nil {
		return head, err
	}
	return head, l.checkLeaves(head.Size)
}

// checkTree compares a root with the stored hashes.
func (l *Log) checkTree(want tlog.Tree) error {
	got, err := tlog.TreeHash(want.N, l)
	if err != nil {
		return fmt.Errorf("read the edge of the tree: %w: the store is damaged; %s", err, advice)
	}
	if got != want.Hash {
		return fmt.Errorf("the tree of size %d has the root %v, its checkpoint %v: the store is damaged; %s", want.N, got, want.Hash, advice)
	}
	return nil
}

// checkLeaves hashes the leaves before an index.
func (l *Log) checkLeaves(end int64) error {
	for i := max(0, end-checkedLeaves); i < end; {
		leaves, err := l.leaves(i, end)
		if err != nil {
			return err
		}
		for _, leaf := range leaves {
			hs, err := l.ReadHashes([]int64{tlog.StoredHashIndex(0, i)})
			if err != nil {
				return err
			}
			if hs[0] != tlog.RecordHash(leaf) {
				return fmt.Errorf("leaf %d does not have the hash that the tree has: the store is damaged; %s", i, advice)
			}
			i++
		}
	}
	return nil
}

// checkAcknowledged compares the store with what was acknowledged, and then
// takes all of it for that: who asks will be answered from it.
func (l *Log) checkAcknowledged(head registry.Head) error {
	var writes int64
	err := l.db.View(func(txn *badger.Txn) (err error) {
		writes, err = getNumber(txn, writesKey)
		return err
	})
	if err != nil {
		return err
	}
	if l.acked.known {
		if writes < l.acked.writes || head.Size < l.acked.size {
			return l.acked.missing(writes, head.Size)
		}
		if l.acked.size > 0 {
			if err := l.checkTree(tlog.Tree{N: l.acked.size, Hash: l.acked.root}); err != nil {
				return fmt.Errorf("what was acknowledged: %w", err)
			}
		}
		if writes == l.acked.writes {
			return nil
		}
	} else if head.Size > 0 {
		l.logger.Warn("nothing says what was acknowledged before; what is stored is taken for it", "dir", l.dir, "size", head.Size)
	}
	root := tlog.Hash{}
	if head.Size > 0 {
		if root, err = tlog.TreeHash(head.Size, l); err != nil {
			return err
		}
	}
	return l.acked.set(writes, head.Size, root)
}

// update writes durably, where there is room.
func (l *Log) update(ctx context.Context, change func(txn *badger.Txn) error) error {
	l.write.Lock()
	defer l.write.Unlock()
	return l.commit(ctx, l.acked.size, l.acked.root, change)
}

// commit writes durably, and what the tree is then.
func (l *Log) commit(ctx context.Context, size int64, root tlog.Hash, change func(txn *badger.Txn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := l.db.enter(); err != nil {
		return err
	}
	defer l.db.leave()
	if err := l.room(); err != nil {
		return err
	}
	txn := l.db.NewTransaction(true)
	defer txn.Discard()
	writes := l.acked.writes + 1
	if err := errors.Join(change(txn), txn.Set(writesKey, number(nil, writes))); err != nil {
		return err
	}
	if err := txn.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return l.acked.set(writes, size, root)
}

// Append implements [registry.Log].
func (l *Log) Append(ctx context.Context, b registry.Batch) error {
	if err := l.append(ctx, b); err != nil {
		return fmt.Errorf("append at %d: %w", b.Start, err)
	}
	return nil
}

func (l *Log) append(ctx context.Context, b registry.Batch) error {
	l.write.Lock()
	defer l.write.Unlock()
	head, err := l.Head()
	if err != nil {
		return err
	}
	if head.Size != b.Start {
		return fmt.Errorf("%w (size %d)", registry.ErrHeadMoved, head.Size)
	}
	c, err := verify.ParseCheckpoint(b.Checkpoint)
	if err != nil {
		return err
	}
	if want := b.Start + int64(len(b.Leaves)); c.Tree.N != want {
		return fmt.Errorf("the checkpoint is of size %d, the leaves end at %d", c.Tree.N, want)
	}
	var written map[int64][]byte
	err = l.commit(ctx, c.Tree.N, c.Tree.Hash, func(txn *badger.Txn) (err error) {
		if err := put(txn, b); err != nil {
			return err
		}
		written, err = putHashes(txn, tlog.StoredHashCount(b.Start), b.Hashes)
		return err
	})
	if err != nil {
		return err
	}
	for n, value := range written {
		l.chunks.add(n, value)
	}
	return nil
}

// put writes a batch without its hashes into a transaction.
func put(txn *badger.Txn, b registry.Batch) error {
	for i, leaf := range b.Leaves {
		if err := txn.Set(leafKey(b.Start+int64(i)), leaf); err != nil {
			return err
		}
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
	for _, k := range b.Kept {
		if err := putCheckpoint(txn, k.Size, k.Checkpoint); err != nil {
			return err
		}
	}
	if err := putCheckpoint(txn, b.Start+int64(len(b.Leaves)), b.Checkpoint); err != nil {
		return err
	}
	return txn.Set(headKey, b.Checkpoint)
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
func (l *Log) Subjects(prefix, from string) iter.Seq2[registry.Subject, error] {
	return func(yield func(registry.Subject, error) bool) {
		err := l.db.View(func(txn *badger.Txn) error {
			o := badger.DefaultIteratorOptions
			o.Prefix = valueKey(prefix)
			it := txn.NewIterator(o)
			defer it.Close()
			for it.Seek(valueKey(max(prefix, from))); it.Valid(); it.Next() {
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

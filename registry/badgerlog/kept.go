package badgerlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/dgraph-io/badger/v4"

	"github.com/safeconduct/safeconduct/registry"
)

// putCheckpoint keeps the checkpoint of a size.
func putCheckpoint(txn *badger.Txn, size int64, checkpoint []byte) error {
	return txn.Set(checkpointKey(size), checkpoint)
}

// Keep implements [registry.Log].
func (l *Log) Keep(ctx context.Context, s registry.Standing) error {
	if err := l.update(ctx, func(txn *badger.Txn) error { return putStanding(txn, s) }); err != nil {
		return fmt.Errorf("keep what cosigners say: %w", err)
	}
	return nil
}

func putStanding(txn *badger.Txn, s registry.Standing) error {
	if s.Checkpoint.Size > 0 {
		if err := replaceCheckpoint(txn, s.Checkpoint); err != nil {
			return fmt.Errorf("the checkpoint of size %d: %w", s.Checkpoint.Size, err)
		}
	}
	if s.Quorate > 0 {
		if err := txn.Set(quorateKey, number(nil, s.Quorate)); err != nil {
			return err
		}
	}
	for vkey, size := range s.Sizes {
		if err := txn.Set(sizeKey(vkey), number(nil, size)); err != nil {
			return err
		}
	}
	return nil
}

// replaceCheckpoint replaces the kept checkpoint of a size.
func replaceCheckpoint(txn *badger.Txn, c registry.Head) error {
	head, err := headOf(txn)
	if err != nil {
		return err
	}
	if _, err := get(txn, checkpointKey(c.Size)); err != nil {
		if errors.Is(err, badger.ErrKeyNotFound) {
			return fmt.Errorf("no batch ended there: %w", registry.ErrNotFound)
		}
		return err
	}
	if err := putCheckpoint(txn, c.Size, c.Checkpoint); err != nil || head.Size != c.Size {
		return err
	}
	return txn.Set(headKey, c.Checkpoint)
}

// Checkpoint implements [registry.Log].
func (l *Log) Checkpoint(size int64) (checkpoint []byte, err error) {
	err = l.db.View(func(txn *badger.Txn) error {
		checkpoint, err = get(txn, checkpointKey(size))
		return err
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, fmt.Errorf("checkpoint of size %d: %w", size, registry.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint of size %d: %w", size, err)
	}
	return checkpoint, nil
}

// Quorate implements [registry.Log].
func (l *Log) Quorate() (size int64, err error) {
	err = l.db.View(func(txn *badger.Txn) error {
		size, err = getNumber(txn, quorateKey)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read the size of the newest checkpoint with a quorum: %w", err)
	}
	return size, nil
}

// Sizes implements [registry.Log].
func (l *Log) Sizes() (map[string]int64, error) {
	sizes := make(map[string]int64)
	err := l.db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix = sizeKey("")
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			size, err := getNumber(txn, it.Item().KeyCopy(nil))
			if err != nil {
				return err
			}
			sizes[string(bytes.TrimPrefix(it.Item().Key(), sizeKey("")))] = size
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the sizes that cosigners confirmed: %w", err)
	}
	return sizes, nil
}

// getNumber reads a size, 0 where none is kept.
func getNumber(txn *badger.Txn, key []byte) (int64, error) {
	b, err := get(txn, key)
	switch {
	case errors.Is(err, badger.ErrKeyNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case len(b) != 8:
		return 0, errLength
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// page is how many bytes of leaves are read at once, so that a slow reader
// keeps no table from being deleted.
const page = 1 << 20

// Leaves implements [registry.Log].
func (l *Log) Leaves(from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		head, err := l.Head()
		if err != nil {
			yield(nil, fmt.Errorf("read leaves: %w", err))
			return
		}
		for next := max(from, 0); next < head.Size; {
			leaves, err := l.leaves(next, head.Size)
			for _, leaf := range leaves {
				if !yield(leaf, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, fmt.Errorf("read leaves: %w", err))
				return
			}
			next += int64(len(leaves))
		}
	}
}

// leaves returns leaves from one index on, a page of them and not beyond size.
// With an error it returns those before it.
func (l *Log) leaves(from, size int64) (leaves [][]byte, err error) {
	err = l.db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix = leafKey(0)[:1]
		it := txn.NewIterator(o)
		defer it.Close()
		it.Seek(leafKey(from))
		for read, next := 0, from; next < size && read < page; next++ {
			if !it.Valid() || !bytes.Equal(it.Item().Key(), leafKey(next)) {
				return fmt.Errorf("leaf %d is missing: the store is damaged; %s", next, advice)
			}
			leaf, err := it.Item().ValueCopy(nil)
			if err != nil {
				return fmt.Errorf("leaf %d: %w", next, err)
			}
			leaves, read = append(leaves, leaf), read+len(leaf)+1
			it.Next()
		}
		return nil
	})
	return leaves, err
}

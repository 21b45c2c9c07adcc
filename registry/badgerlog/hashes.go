package badgerlog

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/mod/sumdb/tlog"
)

// chunk is how many stored hashes stand under one key: one key a hash costs
// badger more than rewriting the last 4 KiB in every batch.
const chunk = 128

// ReadHashes implements [tlog.HashReader].
func (l *Log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	err := l.db.View(func(txn *badger.Txn) error {
		var have []byte
		at := int64(-1)
		for i, index := range indexes {
			if n := index / chunk; n != at {
				var err error
				if have, err = get(txn, hashKey(n)); err != nil {
					return fmt.Errorf("stored hash %d: %w", index, err)
				}
				at = n
			}
			offset := int(index%chunk) * tlog.HashSize
			if len(have) < offset+tlog.HashSize {
				return fmt.Errorf("stored hash %d: is missing", index)
			}
			hashes[i] = tlog.Hash(have[offset:])
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read hashes: %w", err)
	}
	return hashes, nil
}

// putHashes appends hashes from stored index start on.
func putHashes(txn *badger.Txn, start int64, hashes []tlog.Hash) error {
	for len(hashes) > 0 {
		n, offset := start/chunk, int(start%chunk)*tlog.HashSize
		var value []byte
		if offset > 0 {
			have, err := get(txn, hashKey(n))
			if err != nil {
				return fmt.Errorf("stored hash %d: %w", start-1, err)
			}
			if len(have) != offset {
				return errors.New("the stored hashes do not end where the batch starts")
			}
			value = have
		}
		take := min(len(hashes), chunk-int(start%chunk))
		for _, h := range hashes[:take] {
			value = append(value, h[:]...)
		}
		if err := txn.Set(hashKey(n), value); err != nil {
			return err
		}
		start, hashes = start+int64(take), hashes[take:]
	}
	return nil
}

package badgerlog

import (
	"errors"
	"fmt"
	"sync"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/mod/sumdb/tlog"
)

// chunk is how many stored hashes stand under one key: one key a hash costs
// badger more than rewriting the last 4 KiB in every batch.
const chunk = 128

// ReadHashes implements [tlog.HashReader].
func (l *Log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	var txn *badger.Txn
	defer func() {
		if txn != nil {
			txn.Discard()
			l.db.leave()
		}
	}()
	for i, index := range indexes {
		n, offset := index/chunk, int(index%chunk)*tlog.HashSize
		have := l.chunks.get(n)
		if len(have) < offset+tlog.HashSize {
			if txn == nil {
				if err := l.db.enter(); err != nil {
					return nil, fmt.Errorf("read stored hash %d: %w", index, err)
				}
				txn = l.db.NewTransaction(false)
			}
			var err error
			if have, err = get(txn, hashKey(n)); err != nil {
				return nil, fmt.Errorf("read stored hash %d: %w", index, err)
			}
			if len(have) < offset+tlog.HashSize {
				return nil, fmt.Errorf("read stored hash %d: is missing", index)
			}
			l.chunks.add(n, have)
		}
		hashes[i] = tlog.Hash(have[offset:])
	}
	return hashes, nil
}

// putHashes appends hashes from stored index start on, and returns the chunks
// that it wrote.
func putHashes(txn *badger.Txn, start int64, hashes []tlog.Hash) (written map[int64][]byte, err error) {
	written = make(map[int64][]byte)
	for len(hashes) > 0 {
		n, offset := start/chunk, int(start%chunk)*tlog.HashSize
		value := make([]byte, 0, chunk*tlog.HashSize)
		if offset > 0 {
			have, err := get(txn, hashKey(n))
			if err != nil {
				return nil, fmt.Errorf("stored hash %d: %w", start-1, err)
			}
			if len(have) != offset {
				return nil, errors.New("the stored hashes do not end where the batch starts")
			}
			value = append(value, have...)
		}
		take := min(len(hashes), chunk-int(start%chunk))
		for _, h := range hashes[:take] {
			value = append(value, h[:]...)
		}
		if err := txn.Set(hashKey(n), value); err != nil {
			return nil, err
		}
		written[n] = value
		start, hashes = start+int64(take), hashes[take:]
	}
	return written, nil
}

// chunks has chunks of hashes that were read or written lately. A chunk only
// ever gets longer, so what stands in an older state of one stays right.
type chunks struct {
	mu   sync.RWMutex
	have map[int64][]byte
}

// maxChunks bounds the memory of chunks to 16 MiB. The tree's right edge at
// 10^9 leaves has 30.
const maxChunks = 4096

func (c *chunks) get(n int64) []byte {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.have[n]
}

// add keeps a chunk that is stored, in the place of any when there are too
// many: the edge, which every proof asks for, is soon back.
func (c *chunks) add(n int64, value []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(value) <= len(c.have[n]) {
		return
	}
	if c.have == nil {
		c.have = make(map[int64][]byte)
	}
	c.have[n] = value
	for other := range c.have {
		if len(c.have) <= maxChunks {
			break
		}
		if other != n {
			delete(c.have, other)
		}
	}
}

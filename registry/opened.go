package registry

import (
	"sync"

	"github.com/safeconduct/safeconduct/attest"
)

// openedBytes bounds the statements of one generation of the cache.
const openedBytes = 16 << 20

// An openedCache keeps opened statements by log index, so that their
// signatures are not verified again for every decision. What stands at an
// index never changes. When the newer generation is full, the older one is
// dropped: what is used stays. The zero openedCache is empty.
type openedCache struct {
	mu         sync.Mutex
	newer, old map[int64]*attest.Statement
	bytes      int
}

func (c *openedCache) get(index int64) (*attest.Statement, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.newer[index]; ok {
		return s, true
	}
	s, ok := c.old[index]
	if ok {
		c.add(index, s)
	}
	return s, ok
}

func (c *openedCache) put(index int64, s *attest.Statement) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(index, s)
}

func (c *openedCache) add(index int64, s *attest.Statement) {
	if c.newer == nil || c.bytes > openedBytes {
		c.old, c.newer, c.bytes = c.newer, make(map[int64]*attest.Statement), 0
	}
	c.newer[index] = s
	c.bytes += len(s.Bytes())
}

// statement returns the opened statement at a log index below the snapshot's
// size, ErrNotFound where a status leaf stands there.
func (r *Registry) statement(s *snapshot, index int64) (*attest.Statement, error) {
	if st, ok := r.opened.get(index); ok {
		return st, nil
	}
	leaf, err := r.log.Leaf(index)
	if err != nil {
		return nil, err
	}
	st, err := openLeaf(s, index, leaf)
	if err != nil {
		return nil, err
	}
	r.opened.put(index, st)
	return st, nil
}

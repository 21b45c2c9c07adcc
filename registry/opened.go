package registry

import (
	"errors"
	"fmt"
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

// leaf returns a leaf that is in the log.
func (r *Reader) leaf(index int64) ([]byte, error) {
	leaf, err := r.log.Leaf(index)
	if errors.Is(err, ErrNotFound) {
		return nil, damaged(index, err)
	}
	return leaf, err
}

// damaged says that the log is not what it was when it was written. Its cause
// is not wrapped: ErrNotFound or a refusal would look like the asker's fault.
func damaged(index int64, cause error) error {
	return fmt.Errorf("the log is damaged at index %d (%v); restore a backup", index, cause) //nolint:errorlint // see above
}

// statement returns the opened statement that the log says stands at an index
// below the snapshot's size.
func (r *Reader) statement(s *snapshot, index int64) (*attest.Statement, error) {
	if st, ok := r.opened.get(index); ok {
		return st, nil
	}
	leaf, err := r.leaf(index)
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

// openLeaf opens a logged statement with the trust root in force at its index.
func openLeaf(s *snapshot, index int64, leaf []byte) (*attest.Statement, error) {
	u, err := attest.Parse(leaf)
	if err != nil {
		return nil, damaged(index, err)
	}
	st, err := open(u, leaf, rootBefore(s.roots, index))
	if err != nil {
		return nil, damaged(index, err)
	}
	return st, nil
}

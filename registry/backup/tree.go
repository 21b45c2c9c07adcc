package backup

import "golang.org/x/mod/sumdb/tlog"

// A tree is an RFC 6962 tree that grows by leaves, of which nothing is asked but
// its root: it keeps one hash for each bit of its size that is 1, and the log may
// be as long as it likes.
type tree struct {
	size int64
	// whole are the roots of the subtrees that no leaf is added to any more, the
	// largest and first one first.
	whole []tlog.Hash
}

// add adds a leaf by its hash.
func (t *tree) add(leaf tlog.Hash) {
	h := leaf
	for size := t.size; size&1 == 1; size >>= 1 {
		last := len(t.whole) - 1
		h = tlog.NodeHash(t.whole[last], h)
		t.whole = t.whole[:last]
	}
	t.whole = append(t.whole, h)
	t.size++
}

// root returns the root hash; that of a tree without leaves is of no use.
func (t *tree) root() tlog.Hash {
	var root tlog.Hash
	for i := len(t.whole) - 1; i >= 0; i-- {
		if i == len(t.whole)-1 {
			root = t.whole[i]
		} else {
			root = tlog.NodeHash(t.whole[i], root)
		}
	}
	return root
}

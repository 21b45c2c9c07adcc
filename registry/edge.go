package registry

import (
	"fmt"
	"maps"

	"golang.org/x/mod/sumdb/tlog"
)

// An edge is what of a tree the next leaf is hashed with: at each level, the
// last whole subtree. All that is said of later leaves (their hashes, the root
// of a larger tree, their proofs in it) needs no other hash of the tree before
// them.
type edge map[int]edgeHash

type edgeHash struct {
	n    int64
	hash tlog.Hash
}

// readEdge reads the edge of the tree of that size.
func readEdge(log tlog.HashReader, size int64) (edge, error) {
	var indexes []int64
	for level := 0; size>>level > 0; level++ {
		indexes = append(indexes, tlog.StoredHashIndex(level, size>>level-1))
	}
	hashes, err := log.ReadHashes(indexes)
	if err != nil {
		return nil, fmt.Errorf("read the edge of the tree of size %d: %w", size, err)
	}
	e := make(edge)
	for level, h := range hashes {
		e[level] = edgeHash{size>>level - 1, h}
	}
	return e, nil
}

// add takes stored hashes from a stored index on.
func (e edge) add(start int64, hashes []tlog.Hash) {
	for i, h := range hashes {
		level, n := tlog.SplitStoredHashIndex(start + int64(i))
		e[level] = edgeHash{n, h}
	}
}

// ReadHashes implements [tlog.HashReader].
func (e edge) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		h, err := e.at(x)
		if err != nil {
			return nil, err
		}
		out[i] = h
	}
	return out, nil
}

// at returns a stored hash.
func (e edge) at(x int64) (tlog.Hash, error) {
	level, n := tlog.SplitStoredHashIndex(x)
	h, ok := e[level]
	if !ok || h.n != n {
		return tlog.Hash{}, fmt.Errorf("stored hash %d is not at the edge of the tree", x)
	}
	return h.hash, nil
}

// A growth is a tree's edge and the stored hashes of the leaves behind it, in
// memory: the end of a larger tree. It does not change, and gives the root of
// that tree, and the proofs of the leaves behind the edge in it.
type growth struct {
	edge  edge
	start int64
	added []tlog.Hash
}

// grow adds leaves, by their hashes, behind the edge of the tree of that size.
func grow(e edge, size int64, leaves []tlog.Hash) (*growth, error) {
	g := &growth{edge: e, start: tlog.StoredHashCount(size)}
	g.added = make([]tlog.Hash, 0, tlog.StoredHashCount(size+int64(len(leaves)))-g.start)
	for i, leaf := range leaves {
		hs, err := tlog.StoredHashesForRecordHash(size+int64(i), leaf, g)
		if err != nil {
			return nil, err
		}
		g.added = append(g.added, hs...)
	}
	return g, nil
}

// grown is the edge of the larger tree.
func (g *growth) grown() edge {
	e := maps.Clone(g.edge)
	if e == nil {
		e = make(edge)
	}
	e.add(g.start, g.added)
	return e
}

// ReadHashes implements [tlog.HashReader].
func (g *growth) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		switch {
		case x >= g.start+int64(len(g.added)):
			return nil, fmt.Errorf("stored hash %d is beyond the end of the batch", x)
		case x >= g.start:
			out[i] = g.added[x-g.start]
		default:
			h, err := g.edge.at(x)
			if err != nil {
				return nil, err
			}
			out[i] = h
		}
	}
	return out, nil
}

// joined are the hashes of a log and of what has grown behind it.
type joined struct {
	log  tlog.HashReader
	tree *growth
}

// ReadHashes implements [tlog.HashReader].
func (j joined) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		from := tlog.HashReader(j.tree)
		if x < j.tree.start {
			from = j.log
		}
		h, err := from.ReadHashes([]int64{x})
		if err != nil {
			return nil, err
		}
		out[i] = h[0]
	}
	return out, nil
}

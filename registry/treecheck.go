package registry

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// A lineup is what was found out of line in one reading of the tree.
type lineup struct {
	edge  edge
	first []int64
	count int
}

func (l *lineup) differs(stored int64) {
	l.count++
	if len(l.first) < maxDifferences {
		l.first = append(l.first, stored)
	}
}

// tree hashes the leaves, and compares the stored hashes and the signed root.
// It returns the number of leaves, from the first on, that are those signed
// for.
//
// It builds the tree twice: from the leaves as they are, and with the stored
// hash of every leaf that has another. Whichever has the signed root tells what
// is damaged, the leaf or the hash.
func (c *Checkup) tree(ctx context.Context, report *Report, signed tlog.Tree) (whole int64, err error) {
	leaves, hashes := &lineup{edge: make(edge)}, &lineup{edge: make(edge)}
	var suspects lineup
	first := signed.N
	unreadable := 0
	window := newWindow(c.Log, signed.N)
	add := func(i int64, leaf []byte, unread error) error {
		stored, err := window.at(i)
		if err != nil {
			return err
		}
		own := tlog.RecordHash(leaf)
		kept, ok := stored[0], window.has(i, 0)
		switch {
		case unread != nil:
			unreadable++
			first = min(first, i)
			report.add(false, adviceRestore, "leaf %d cannot be read: %v", i, unread)
			own = kept
		case !ok:
			kept = own
		case own != kept:
			suspects.differs(i)
			first = min(first, i)
		}
		for _, side := range []struct {
			*lineup
			hash tlog.Hash
		}{{leaves, own}, {hashes, kept}} {
			hs, err := tlog.StoredHashesForRecordHash(i, side.hash, side.edge)
			if err != nil {
				return err
			}
			start := tlog.StoredHashIndex(0, i)
			for k, h := range hs {
				if !window.has(i, k) || stored[k] != h {
					side.differs(start + int64(k))
				}
			}
			side.edge.add(start, hs)
		}
		if i%4096 == 0 {
			c.progress("hashed", i)
		}
		return nil
	}
	if err := c.eachLeaf(ctx, signed.N, add); err != nil {
		return 0, err
	}
	root := func(l *lineup) tlog.Hash {
		h, err := tlog.TreeHash(signed.N, l.edge)
		if err != nil {
			return tlog.Hash{}
		}
		return h
	}
	fromLeaves, fromHashes := root(leaves), root(hashes)
	stored := func(l *lineup) {
		for _, x := range l.first {
			level, n := tlog.SplitStoredHashIndex(x)
			report.add(true, adviceRebuild, "the stored hash %d (level %d, number %d) is missing or not that of the leaves below it", x, level, n)
		}
		report.Unlisted += l.count - len(l.first)
	}
	switch {
	case fromLeaves == signed.Hash && unreadable == 0:
		stored(leaves)
		return signed.N, nil
	case fromHashes == signed.Hash:
		for _, i := range suspects.first {
			report.add(false, adviceRestore, "leaf %d is not what was logged: the tree that was signed has another hash there", i)
		}
		report.Unlisted += suspects.count - len(suspects.first)
		stored(hashes)
		return first, nil
	default:
		report.add(false, adviceRestore, "the leaves have the root %v; the newest checkpoint, of size %d, signs %v: a leaf, or that checkpoint, is damaged", fromLeaves, signed.N, signed.Hash)
		for _, i := range suspects.first {
			report.add(false, adviceRestore, "leaf %d does not have the hash that is stored for it", i)
		}
		return first, nil
	}
}

// eachLeaf reads every leaf; what cannot be read is given as an error and
// passed over.
func (c *Checkup) eachLeaf(ctx context.Context, size int64, do func(i int64, leaf []byte, unread error) error) error {
	for next := int64(0); next < size; {
		from := next
		for leaf, err := range c.Log.Leaves(next) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if next == size {
				return nil
			}
			if err := do(next, leaf, err); err != nil {
				return err
			}
			next++
			if err != nil {
				break
			}
		}
		if next == from {
			if err := do(next, nil, errors.New("the store ends before it")); err != nil {
				return err
			}
			next++
		}
	}
	return nil
}

// A window reads stored hashes some leaves ahead.
type window struct {
	log tlog.HashReader
	// size is that of the tree, end that up to which leaves' hashes are read.
	size, end int64
	// first is the stored index of the first of hashes.
	first   int64
	hashes  []tlog.Hash
	missing map[int64]bool
}

// windowLeaves is how many leaves' hashes are read at once.
const windowLeaves = 1024

func newWindow(log tlog.HashReader, size int64) *window { return &window{log: log, size: size} }

// at returns the stored hashes of a leaf and of the subtrees that it completes.
func (w *window) at(i int64) ([]tlog.Hash, error) {
	if i >= w.end {
		w.end = min(i+windowLeaves, w.size)
		w.read(tlog.StoredHashIndex(0, i), tlog.StoredHashCount(w.end))
	}
	from, to := tlog.StoredHashIndex(0, i)-w.first, tlog.StoredHashCount(i+1)-w.first
	if from < 0 || to > int64(len(w.hashes)) {
		return nil, fmt.Errorf("the hashes of leaf %d were asked for out of order", i)
	}
	return w.hashes[from:to], nil
}

// has tells whether the k-th of a leaf's stored hashes could be read.
func (w *window) has(i int64, k int) bool {
	return !w.missing[tlog.StoredHashIndex(0, i)+int64(k)]
}

// read reads the stored hashes from one index up to another, one by one where
// they cannot be read together.
func (w *window) read(first, end int64) {
	indexes := make([]int64, 0, end-first)
	for x := first; x < end; x++ {
		indexes = append(indexes, x)
	}
	w.first, w.missing = first, nil
	hs, err := w.log.ReadHashes(indexes)
	if err == nil {
		w.hashes = hs
		return
	}
	w.hashes, w.missing = make([]tlog.Hash, len(indexes)), make(map[int64]bool)
	for i, x := range indexes {
		h, err := w.log.ReadHashes([]int64{x})
		if err != nil {
			w.missing[x] = true
			continue
		}
		w.hashes[i] = h[0]
	}
}

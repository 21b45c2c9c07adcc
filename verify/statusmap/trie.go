package statusmap

import (
	"sort"
	"sync"
)

// A node is a tree that is not empty: a *leaf or an *inner. Once in a tree a
// node is complete, hash included, and never changes: that is what lets
// versions share it, and readers do without locks.
type node interface {
	root() [32]byte
	count() int
	// any returns a leaf of the tree. What precedes the tree's own bit is the
	// same in all of them, so one will do to compare with.
	any() *leaf
	// fork returns the bit at which the tree splits, and its two sides. A leaf
	// splits beyond the last bit, into nothing.
	fork() (bit int, sides [2]node)
}

type leaf struct {
	hash  [32]byte
	key   [32]byte
	value string
}

func (l *leaf) root() [32]byte       { return l.hash }
func (l *leaf) count() int           { return 1 }
func (l *leaf) any() *leaf           { return l }
func (l *leaf) fork() (int, [2]node) { return keyBits, [2]node{} }

type inner struct {
	hash  [32]byte
	sides [2]node
	first *leaf
	size  uint32 // 32 bits keep an inner node within 80 bytes
	bit   uint8
}

func (n *inner) root() [32]byte       { return n.hash }
func (n *inner) count() int           { return int(n.size) }
func (n *inner) any() *leaf           { return n.first }
func (n *inner) fork() (int, [2]node) { return int(n.bit), n.sides }

func newInner(bit int, left, right node) *inner {
	return &inner{
		hash:  innerHash(bit, left.root(), right.root()),
		sides: [2]node{left, right},
		first: left.any(),
		size:  uint32(left.count() + right.count()),
		bit:   uint8(bit),
	}
}

// descend looks key up under n. It returns the leaf where that ends, and the
// inner nodes met on the way appended to met.
func descend(n node, key [32]byte, met []*inner) (*leaf, []*inner) {
	for {
		switch at := n.(type) {
		case *leaf:
			return at, met
		case *inner:
			met = append(met, at)
			n = at.sides[bitAt(&key, int(at.bit))]
		}
	}
}

// parallel is the number of updates from which the two sides of a node are
// made at once. Far below it a goroutine costs more than it saves.
const parallel = 1 << 12

// merge returns the tree of what n holds, overridden by the batch, which is
// sorted and has no key twice. A nil node is the empty tree.
func merge(n node, batch []update) node {
	if len(batch) == 0 {
		return n
	}
	bit, sides := forkWith(n, batch)
	if bit == keyBits {
		l := batch[0].leaf
		l.hash = leafHash(l.key, l.value)
		return l
	}

	zeros, ones := cut(batch, bit)
	if len(batch) < parallel {
		return newInner(bit, merge(sides[0], zeros), merge(sides[1], ones))
	}
	var left, right node
	var wg sync.WaitGroup
	wg.Go(func() { left = merge(sides[0], zeros) })
	right = merge(sides[1], ones)
	wg.Wait()
	return newInner(bit, left, right)
}

// forkWith returns the bit at which the tree of n and the batch together
// splits, and what of n falls to either side.
func forkWith(n node, batch []update) (bit int, sides [2]node) {
	first, last := &batch[0].key, &batch[len(batch)-1].key
	if n == nil {
		return firstDifference(first, last), sides
	}
	// The batch being sorted, no key in it leaves n's earlier than both ends do.
	key := &n.any().key
	leaves := min(firstDifference(first, key), firstDifference(last, key))
	if bit, sides = n.fork(); leaves >= bit {
		return bit, sides
	}
	sides = [2]node{}
	sides[bitAt(key, leaves)] = n
	return leaves, sides
}

// cut cuts a sorted batch, whose keys agree before bit, into those that have a
// 0 there and those that have a 1.
func cut(batch []update, bit int) (zeros, ones []update) {
	i := sort.Search(len(batch), func(i int) bool { return bitAt(&batch[i].key, bit) == 1 })
	return batch[:i], batch[i:]
}

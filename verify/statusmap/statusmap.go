// Package statusmap is the status map of a register: an authenticated map
// from 32-byte keys to byte values, whose whole content is fixed by one hash,
// the root, and of which anybody who knows the root can be shown that a key
// has a certain value or that it has none.
//
// A verifier needs [CheckPresent] and [CheckAbsent]. Whoever keeps the map
// starts from the zero [Map], makes each next version of it with [Map.Set],
// and answers with [Map.Get] and [Map.Prove]:
//
//	next := m.Set(maps.All(changes))
//	proof := next.Prove(key)
//	if value, ok := next.Get(key); ok {
//		err = statusmap.CheckPresent(next.Root(), key, value, proof)
//	} else {
//		err = statusmap.CheckAbsent(next.Root(), key, proof)
//	}
//
// The rest of this comment specifies the format. Hashes and proofs are byte
// for byte those that the mpt package of filippo.io/torchwood produces for
// lookups of 32-byte keys.
//
// # Notation
//
// H is SHA-256, ‖ joins byte strings, and uvarint(n) is n in the unsigned
// LEB128 encoding of [encoding/binary], in as few bytes as possible. The bits
// of a key are numbered from 0, the most significant bit of its first byte, to
// 255, the least significant bit of its last.
//
// # Tree
//
// The map is a binary Merkle Patricia tree. A tree over no key is empty. A tree
// over one key is a leaf, holding the key and its value. A tree over two or
// more keys is an inner node, holding a bit index: that of the first bit in
// which its keys are not all alike. The keys that have a 0 there form the tree
// on its left, those that have a 1 the tree on its right. So the tree depends
// on what the map holds and on nothing else, indices grow on the way down, and
// no path has more than 256 inner nodes.
//
// The hash of a tree is
//
//	empty tree   H()
//	leaf         H(0x00 ‖ uvarint(32) ‖ key ‖ uvarint(len(value)) ‖ value)
//	inner node   H(0x01 ‖ uvarint(index) ‖ hash of left ‖ hash of right)
//
// and the root is the hash of the whole tree.
//
// # Proofs
//
// A lookup goes down from the root, at every inner node to the side which the
// key's bit at that index names, until it meets a leaf. Its path is the list of
// inner nodes passed, from the leaf upwards; an inner node is written as its
// index and the hash of the child not taken:
//
//	step   uvarint(index) ‖ sibling (32 bytes)
//	path   step ‖ step ‖ …    with indices that strictly decrease
//
// If the leaf met holds the key, the proof of presence is the path alone; who
// checks it supplies key and value, and they are hashed from there. If the leaf
// met holds another key, the proof of absence is that leaf and the path:
//
//	uvarint(32) ‖ other key ‖ uvarint(len(value)) ‖ value ‖ path
//
// In an empty map the proof of absence is the empty string, which proves it
// against no root but H().
//
// A path is checked by starting from the hash of the leaf and working upwards:
// at each step the sibling goes on the right if the key's bit at that index is
// 0, and on the left if it is 1. The result must be the root. For absence, the
// other key must differ from the key, and must have the same bit as the key at
// every index of the path: it is where the lookup of the key really ends.
//
// Every byte of a proof is accounted for: an integer in more bytes than it
// needs, an index that does not decrease or exceeds 255, a key that is not 32
// bytes long, or a byte too many makes the proof invalid. There is thus exactly
// one proof for a key.
//
// # What a proof is worth
//
// A root, whoever made it and however, has at most one answer for a key,
// because every hash fixes what it was computed from and the key alone says
// which way to go. Nobody can hence find proofs of both presence and absence,
// or of two values, under one root without breaking SHA-256. That the root was
// computed from the right content is not for a proof to show.
//
// # Compatibility
//
// The format is part of the register's: roots stand in its log, proofs in
// evidence kept for years. It does not change.
package statusmap

import (
	"iter"
	"slices"
)

// A Map is one version of the map. It never changes: Set returns another
// version, which shares with this one whatever did not change. The zero Map,
// and a nil *Map, is the empty map. All methods may be called concurrently.
type Map struct {
	top node // nil if the map is empty
}

// Root returns the root of the map. It hashes nothing.
func (m *Map) Root() [32]byte {
	if m.empty() {
		return emptyRoot
	}
	return m.top.root()
}

// Len returns the number of keys in the map.
func (m *Map) Len() int {
	if m.empty() {
		return 0
	}
	return m.top.count()
}

// Get returns a copy of the value of key, and whether the map holds that key.
// If not, value is nil. A value may be empty: only ok tells.
func (m *Map) Get(key [32]byte) (value []byte, ok bool) {
	if m.empty() {
		return nil, false
	}
	end, _ := descend(m.top, key, make([]*inner, 0, usualDepth))
	if end.key != key {
		return nil, false
	}
	return []byte(end.value), true
}

// Prove returns the proof for key: if the map holds it, the proof of presence,
// to be checked by [CheckPresent] with the value that [Map.Get] returns, and if
// not, the proof of absence, for [CheckAbsent]. It never fails.
func (m *Map) Prove(key [32]byte) []byte {
	if m.empty() {
		return []byte{}
	}
	end, met := descend(m.top, key, make([]*inner, 0, usualDepth))

	proof := make([]byte, 0, 64+len(end.value)+34*len(met))
	if end.key != key {
		proof = appendLeaf(proof, end.key, end.value)
	}
	for _, n := range slices.Backward(met) {
		bit := int(n.bit)
		proof = appendStep(proof, bit, n.sides[1-bitAt(&key, bit)].root())
	}
	return proof
}

// Set returns the version of the map that follows m when every key in updates
// is given the value beside it, in place of the one it had, if any. Order does
// not matter, except that of several values for one key the last counts. No key
// is ever removed. Keys and values are copied, so the iterator may reuse its
// buffers.
//
// All hashing is done when Set returns, on several processors where that pays.
// It makes and hashes each node that changes once: one Set of many keys is much
// cheaper than many Sets.
func (m *Map) Set(updates iter.Seq2[[32]byte, []byte]) *Map {
	var top node
	if m != nil {
		top = m.top
	}
	return &Map{merge(top, collect(updates))}
}

// usualDepth is more inner nodes than a lookup meets among 2^32 hashed keys, so
// that a list of them seldom has to be allocated.
const usualDepth = 64

func (m *Map) empty() bool {
	return m == nil || m.top == nil
}

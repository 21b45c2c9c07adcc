package statusmap

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

const keyBits = 256

// What is hashed begins with one of these, so that no leaf passes for an inner
// node.
const (
	leafPrefix  = 0x00
	innerPrefix = 0x01
)

var emptyRoot = sha256.Sum256(nil)

func leafHash[V string | []byte](key [32]byte, value V) [32]byte {
	// Room for the register's 40-byte values, so that nothing is allocated.
	b := append(make([]byte, 0, 128), leafPrefix)
	return sha256.Sum256(appendLeaf(b, key, value))
}

func innerHash(bit int, left, right [32]byte) [32]byte {
	b := append(make([]byte, 0, 128), innerPrefix)
	b = appendStep(b, bit, left)
	return sha256.Sum256(append(b, right[:]...))
}

// appendLeaf appends a leaf as it is hashed and as it stands in a proof.
func appendLeaf[V string | []byte](b []byte, key [32]byte, value V) []byte {
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = append(b, key[:]...)
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}

// appendStep appends a step of a path.
func appendStep(b []byte, bit int, sibling [32]byte) []byte {
	b = binary.AppendUvarint(b, uint64(bit))
	return append(b, sibling[:]...)
}

// bitAt returns bit i of the key, 0 or 1.
func bitAt(key *[32]byte, i int) int {
	return int(key[i/8]>>(7-i%8)) & 1
}

// firstDifference returns the first bit in which a and b differ, or keyBits if
// they are equal.
func firstDifference(a, b *[32]byte) int {
	for i := 0; i < len(a); i += 8 {
		x := binary.BigEndian.Uint64(a[i:]) ^ binary.BigEndian.Uint64(b[i:])
		if x != 0 {
			return 8*i + bits.LeadingZeros64(x)
		}
	}
	return keyBits
}

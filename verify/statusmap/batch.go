package statusmap

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
)

// An update is a leaf that is to be in the map. It is hashed only when it is
// put there.
type update struct {
	head uint64 // first 8 bytes of the key: sorting then seldom touches the leaf
	nth  int    // place among the updates given
	*leaf
}

// collect returns the updates by ascending key, only the last of each key.
func collect(updates iter.Seq2[[32]byte, []byte]) []update {
	var batch []update
	for key, value := range updates {
		batch = append(batch, update{
			head: binary.BigEndian.Uint64(key[:]),
			nth:  len(batch),
			leaf: &leaf{key: key, value: string(value)},
		})
	}
	slices.SortFunc(batch, func(a, b update) int {
		if a.head != b.head {
			return cmp.Compare(a.head, b.head)
		}
		if c := bytes.Compare(a.key[:], b.key[:]); c != 0 {
			return c
		}
		return b.nth - a.nth
	})
	return slices.CompactFunc(batch, func(a, b update) bool {
		return a.head == b.head && a.key == b.key
	})
}

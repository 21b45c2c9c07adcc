package tlogtiles

import (
	"encoding/binary"
	"fmt"
)

// AppendEntry appends a leaf to a bundle. It refuses one that is larger than
// [MaxLeaf].
func AppendEntry(bundle, leaf []byte) ([]byte, error) {
	if len(leaf) > MaxLeaf {
		return nil, fmt.Errorf("has %d bytes, and a bundle holds leaves of %d at most", len(leaf), MaxLeaf)
	}
	return append(binary.BigEndian.AppendUint16(bundle, uint16(len(leaf))), leaf...), nil
}

// ParseBundle splits a bundle of exactly width leaves. The leaves share the
// bundle's memory.
func ParseBundle(bundle []byte, width int) ([][]byte, error) {
	leaves := make([][]byte, 0, min(width, Width))
	for rest := bundle; len(rest) > 0; {
		if len(leaves) == width {
			return nil, fmt.Errorf("the bundle has %d bytes after the %d leaves asked for", len(rest), width)
		}
		if len(rest) < 2 {
			return nil, fmt.Errorf("the bundle ends in the length of leaf %d", len(leaves))
		}
		n := int(binary.BigEndian.Uint16(rest))
		if rest = rest[2:]; n > len(rest) {
			return nil, fmt.Errorf("the bundle ends in leaf %d", len(leaves))
		}
		leaves = append(leaves, rest[:n:n])
		rest = rest[n:]
	}
	if len(leaves) != width {
		return nil, fmt.Errorf("the bundle has %d leaves; %d were asked for", len(leaves), width)
	}
	return leaves, nil
}

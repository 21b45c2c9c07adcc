package statusmap

import (
	"encoding/binary"
	"errors"
)

// CheckPresent checks a proof that the map with the given root holds key, and
// beside it value; an empty value is a value like any other. It returns nil if
// that is proven, and otherwise an error that says what is wrong with the
// proof. It is a pure function, made for proofs that come from an adversary.
func CheckPresent(root, key [32]byte, value, proof []byte) error {
	return checkPath(root, key, key, leafHash(key, value), proof)
}

// CheckAbsent checks a proof that the map with the given root does not hold
// key. It returns nil if that is proven, and otherwise an error that says what
// is wrong with the proof. It is a pure function, made for proofs that come
// from an adversary.
func CheckAbsent(root, key [32]byte, proof []byte) error {
	if len(proof) == 0 {
		if root != emptyRoot {
			return errors.New("empty proof of absence, but the map is not empty")
		}
		return nil
	}
	other, value, path, err := cutLeaf(proof)
	if err != nil {
		return err
	}
	if other == key {
		return errors.New("proof of absence ends at the key itself")
	}
	return checkPath(root, key, other, leafHash(other, value), path)
}

// checkPath checks that path leads from a leaf with this hash up to root, and
// that a lookup of key comes down the same way. met is the leaf's key.
func checkPath(root, key, met, hash [32]byte, path []byte) error {
	for below := keyBits; len(path) > 0; {
		bit, sibling, rest, err := cutStep(path)
		if err != nil {
			return err
		}
		if bit >= below {
			return errors.New("bit indices of the path do not decrease")
		}
		side := bitAt(&key, bit)
		if side != bitAt(&met, bit) {
			return errors.New("path is not the one on which the key is looked up")
		}
		if side == 0 {
			hash = innerHash(bit, hash, sibling)
		} else {
			hash = innerHash(bit, sibling, hash)
		}
		below, path = bit, rest
	}
	if hash != root {
		return errors.New("path does not lead to the root")
	}
	return nil
}

func cutLeaf(b []byte) (key [32]byte, value, rest []byte, err error) {
	n, b, ok := cutUvarint(b)
	if !ok || n != uint64(len(key)) || len(b) < len(key) {
		return key, nil, nil, errors.New("key in the proof is not 32 bytes long")
	}
	key, b = [32]byte(b[:32]), b[32:]
	n, b, ok = cutUvarint(b)
	if !ok || n > uint64(len(b)) {
		return key, nil, nil, errors.New("value in the proof is malformed")
	}
	return key, b[:n], b[n:], nil
}

func cutStep(b []byte) (bit int, sibling [32]byte, rest []byte, err error) {
	n, b, ok := cutUvarint(b)
	if !ok || n >= keyBits || len(b) < len(sibling) {
		return 0, sibling, nil, errors.New("step of the path is malformed")
	}
	return int(n), [32]byte(b[:32]), b[32:], nil
}

// cutUvarint cuts an integer in the fewest possible bytes off b.
func cutUvarint(b []byte) (n uint64, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || size > 1 && b[size-1] == 0 {
		return 0, nil, false
	}
	return n, b[size:], true
}

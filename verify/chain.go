package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
)

// MapKey returns the key of a subject in the status map: SHA-256(subject).
func MapKey(subject string) [32]byte { return sha256.Sum256([]byte(subject)) }

// mapValueSize is the length of a value of the status map.
const mapValueSize = 8 + 32

// A MapValue is what the status map says of a subject: how many statements
// there are about it, and the hash chain over them. The zero MapValue is that
// of a subject without any, which the map does not have.
type MapValue struct {
	Count int64
	Chain [32]byte
}

// Bytes returns the value as it stands in the status map:
// u64be(count) ‖ chain.
func (v MapValue) Bytes() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, mapValueSize), uint64(v.Count))
	return append(b, v.Chain[:]...)
}

// Next returns the value after one more statement about the subject; see
// [Chain].
func (v MapValue) Next(index, timeMS int64, leaf tlog.Hash, tag attest.Tag) MapValue {
	return MapValue{v.Count + 1, Chain(v.Chain, index, timeMS, leaf, tag)}
}

// ParseMapValue reads what [MapValue.Bytes] returns.
func ParseMapValue(value []byte) (MapValue, error) {
	if len(value) != mapValueSize {
		return MapValue{}, fmt.Errorf("a value of the status map has %d bytes, not %d", len(value), mapValueSize)
	}
	count := int64(binary.BigEndian.Uint64(value))
	if count < 1 {
		return MapValue{}, fmt.Errorf("a value of the status map counts %d statements", uint64(count))
	}
	return MapValue{count, [32]byte(value[8:])}, nil
}

// Chain returns the hash chain over the statements about a subject when one
// more, with that log index, time of logging in Unix milliseconds, RFC 6962
// leaf hash and lineage tag, follows those that made prev:
//
//	chain_n = SHA-256(0x02 ‖ chain_{n-1} ‖ u64be(index) ‖ u64be(time_ms) ‖ leaf_hash ‖ tag)
//
// chain_0 is zero.
func Chain(prev [32]byte, index, timeMS int64, leaf tlog.Hash, tag attest.Tag) [32]byte {
	b := append(make([]byte, 0, 1+32+8+8+32+32), 0x02)
	b = append(b, prev[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(index))
	b = binary.BigEndian.AppendUint64(b, uint64(timeMS))
	b = append(b, leaf[:]...)
	b = append(b, tag[:]...)
	return sha256.Sum256(b)
}

// EvidenceDigest names evidence for the replay of a decision, whatever
// signatures and proofs it was shown with: the SHA-256, in base64url without
// padding, of
//
//	<note text of the checkpoint: origin, size, root, each with a newline>
//	<empty line>
//	<subject> <count, decimal> <standard base64 of chain>
//	…
//
// with a line, ended by a newline, for each shown subject, ascending by their
// bytes; count 0 and a zero chain for one that has no statements. Values maps
// the subjects to what the status map holds, the zero value for nothing.
func EvidenceDigest(checkpointText string, values map[string]MapValue) string {
	b := []byte(checkpointText + "\n")
	for _, subject := range slices.Sorted(maps.Keys(values)) {
		v := values[subject]
		b = append(append(b, subject...), ' ')
		b = append(strconv.AppendInt(b, v.Count, 10), ' ')
		b = append(base64.StdEncoding.AppendEncode(b, v.Chain[:]), '\n')
	}
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

package badgerlog

import (
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
)

// layout names how keys and values are written:
//
//	f                              layout
//	w                              u64be(number of write transactions)
//	c                              newest checkpoint
//	k u64be(size)                  the checkpoint of a size
//	q                              u64be(size) of the newest checkpoint with a full quorum
//	s vkey                         u64be(size) that a cosigner last confirmed
//	l u64be(index)                 leaf
//	h u64be(n)                     stored hashes from n*chunk on, one after the other
//	n iss 0x00 jti                 u64be(index) u64be(size) leaf hash
//	e subject 0x00 u64be(index)    u64be(ms) tag, leaf hash, chain
//	v subject                      value in the status map
//
// All but f, w, c, k, q, s, v and the last h are written once.
const layout = "safeconduct/badgerlog/2"

var (
	layoutKey  = []byte("f")
	writesKey  = []byte("w")
	headKey    = []byte("c")
	quorateKey = []byte("q")
)

func leafKey(index int64) []byte { return number([]byte("l"), index) }

func hashKey(n int64) []byte { return number([]byte("h"), n) }

func checkpointKey(size int64) []byte { return number([]byte("k"), size) }

func sizeKey(vkey string) []byte { return []byte("s" + vkey) }

func nameKey(iss, jti string) []byte { return []byte("n" + iss + "\x00" + jti) }

// entryPrefix ends in a byte that no subject has, so that no subject's keys
// begin with another's.
func entryPrefix(subject string) []byte { return []byte("e" + subject + "\x00") }

func entryKey(subject string, index int64) []byte { return number(entryPrefix(subject), index) }

func valueKey(subject string) []byte { return []byte("v" + subject) }

func number(prefix []byte, n int64) []byte { return binary.BigEndian.AppendUint64(prefix, uint64(n)) }

var errLength = errors.New("a stored value does not have its length: the store is damaged")

func encodePlace(p registry.Place) []byte {
	return append(number(number(nil, p.Index), p.Size), p.LeafHash[:]...)
}

func decodePlace(b []byte) (registry.Place, error) {
	if len(b) != 8+8+tlog.HashSize {
		return registry.Place{}, errLength
	}
	return registry.Place{
		Index: int64(binary.BigEndian.Uint64(b)), Size: int64(binary.BigEndian.Uint64(b[8:])),
		LeafHash: tlog.Hash(b[16:]),
	}, nil
}

func encodeEntry(e registry.HistoryEntry) []byte {
	b := number(nil, e.Time.UnixMilli())
	b = append(b, e.Tag[:]...)
	b = append(b, e.LeafHash[:]...)
	return append(b, e.Chain[:]...)
}

func decodeEntry(key, b []byte) (registry.HistoryEntry, error) {
	if len(b) != 8+3*32 || len(key) < 8 {
		return registry.HistoryEntry{}, errLength
	}
	return registry.HistoryEntry{
		Index: int64(binary.BigEndian.Uint64(key[len(key)-8:])),
		Time:  time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC(),
		Tag:   attest.Tag(b[8:40]), LeafHash: tlog.Hash(b[40:72]), Chain: [32]byte(b[72:]),
	}, nil
}

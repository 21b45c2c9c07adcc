package registry

import (
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// A Value is what the status map says of a subject: how many statements there
// are about it, and the hash chain over them. The zero Value is that of a
// subject without any, which the map does not have.
type Value struct {
	Count int64
	Chain [32]byte
}

// Bytes returns the value as it stands in the status map.
func (v Value) Bytes() []byte { return verify.MapValue(v.Count, v.Chain) }

// ParseValue reads what [Value.Bytes] returns.
func ParseValue(b []byte) (Value, error) {
	count, chain, err := verify.ParseMapValue(b)
	return Value{count, chain}, err
}

// Next returns the value after one more statement about the subject.
func (v Value) Next(index int64, at time.Time, leaf tlog.Hash, tag attest.Tag) Value {
	return Value{v.Count + 1, verify.Chain(v.Chain, index, at.UnixMilli(), leaf, tag)}
}

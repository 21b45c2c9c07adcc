package verify

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// An InclusionProof is an RFC 6962 inclusion proof, from the leaf's sibling
// upwards. In JSON it is one string, the standard base64 of its hashes joined,
// from the root downwards. An array of them would be a tenth longer, and
// evidence is mostly proofs; those of one tree begin alike that way, which
// compresses.
type InclusionProof []tlog.Hash

// MarshalText returns the base64 of the hashes.
func (p InclusionProof) MarshalText() ([]byte, error) {
	b := make([]byte, 0, len(p)*tlog.HashSize)
	for _, h := range slices.Backward(p) {
		b = append(b, h[:]...)
	}
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

var errInclusionProof = errors.New("is not the strict base64 of a number of times 32 bytes")

// UnmarshalText reads what [InclusionProof.MarshalText] returns, where there is
// any.
func (p *InclusionProof) UnmarshalText(text []byte) error {
	b, err := strict64.AppendDecode(nil, text)
	if err != nil || len(b)%tlog.HashSize != 0 || len(b) == 0 || len(text) != base64.StdEncoding.EncodedLen(len(b)) {
		return errInclusionProof
	}
	out := make(InclusionProof, 0, len(b)/tlog.HashSize)
	for at := len(b); at > 0; at -= tlog.HashSize {
		out = append(out, tlog.Hash(b[at-tlog.HashSize:at]))
	}
	*p = out
	return nil
}

// check returns an error where the proof does not lead from the leaf at index
// to the tree.
func (p InclusionProof) check(tree tlog.Tree, index int64, leaf tlog.Hash) error {
	if err := tlog.CheckRecord(tlog.RecordProof(p), tree.N, tree.Hash, index, leaf); err != nil {
		return fmt.Errorf("the inclusion proof of the leaf at index %d does not lead to the checkpoint: %w", index, err)
	}
	return nil
}

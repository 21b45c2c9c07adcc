package mirror

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/verify"
)

const (
	// maxRequest bounds the body of an add-checkpoint request.
	maxRequest = 64 << 10
	// maxProof is how many hashes a consistency proof has at most.
	maxProof = 63
)

// A Request is the body of a C2SP tlog-witness add-checkpoint request:
//
//	old <size>
//	<standard base64 of a hash of the consistency proof> *
//	<empty line>
//	<checkpoint, a signed note>
type Request struct {
	// Old is the size of the checkpoint that the mirror cosigned last, as the
	// asker thinks; 0 for none.
	Old int64
	// Proof shows that the checkpoint's tree extends the one of size Old.
	Proof tlog.TreeProof
	// Signed is the checkpoint, and Checkpoint what its text says. Its
	// signatures are not verified.
	Signed     []byte
	Checkpoint verify.Checkpoint
}

// ParseRequest reads a request, of which there is one spelling, of at most 64
// KiB and 63 hashes.
func ParseRequest(body []byte) (Request, error) {
	r, err := readRequest(body)
	if err != nil {
		return Request{}, fmt.Errorf("add-checkpoint request: %w", err)
	}
	return r, nil
}

func readRequest(body []byte) (r Request, err error) {
	if len(body) > maxRequest {
		return r, fmt.Errorf("has %d bytes; at most %d are read", len(body), maxRequest)
	}
	head, signed, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok {
		return r, errors.New("has no empty line before the checkpoint")
	}
	lines := bytes.Split(head, []byte("\n"))
	old, ok := bytes.CutPrefix(lines[0], []byte("old "))
	if !ok {
		return r, errors.New(`does not begin with a line "old <size>"`)
	}
	if r.Old, err = verify.ParseSize(string(old)); err != nil {
		return r, fmt.Errorf("old size: %w", err)
	}
	if lines = lines[1:]; len(lines) > maxProof {
		return r, fmt.Errorf("the consistency proof has %d hashes; none has more than %d", len(lines), maxProof)
	}
	for i, l := range lines {
		b, err := base64.StdEncoding.Strict().DecodeString(string(l))
		// DecodeString skips carriage returns.
		if err != nil || len(b) != tlog.HashSize || len(l) != base64.StdEncoding.EncodedLen(tlog.HashSize) {
			return r, fmt.Errorf("hash %d of the consistency proof: is not the standard base64 of 32 bytes", i)
		}
		r.Proof = append(r.Proof, tlog.Hash(b))
	}
	r.Signed = signed
	r.Checkpoint, err = verify.ParseCheckpoint(signed)
	return r, err
}

// follows checks the consistency proof from a tree that the mirror holds.
func (r Request) follows(old tlog.Tree) error {
	size, hash := r.Checkpoint.Tree.N, r.Checkpoint.Tree.Hash
	if old.N > 0 && old.N < size {
		if err := tlog.CheckTree(r.Proof, size, hash, old.N, old.Hash); err != nil {
			return fmt.Errorf("the consistency proof from size %d to %d does not hold: %w", old.N, size, err)
		}
		return nil
	}
	if len(r.Proof) > 0 {
		return fmt.Errorf("from size %d to %d the consistency proof is empty; this one has %d hashes", old.N, size, len(r.Proof))
	}
	if old.N == size && old.Hash != hash {
		return fmt.Errorf("at size %d this mirror holds another tree", size)
	}
	return nil
}

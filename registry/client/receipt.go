package client

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/verify"
)

// A Receipt says where a statement was logged, and proves that the log of its
// checkpoint has it there.
type Receipt struct {
	// Index is the statement's log index.
	Index int64 `json:"index"`
	// Time is when it was logged, RFC 3339 with milliseconds.
	Time string `json:"time"`
	// LeafHash is the RFC 6962 leaf hash of what stands at Index. It is not the
	// submitted statement's where the same payload had been logged before under
	// other signatures.
	LeafHash tlog.Hash `json:"leaf_hash"`
	// Size is the checkpoint's, and the one that Proof is for.
	Size int64 `json:"size"`
	// Proof is the RFC 6962 inclusion proof.
	Proof []tlog.Hash `json:"proof"`
	// Checkpoint is the signed note.
	Checkpoint string `json:"checkpoint"`
}

// Of reports whether it is this very statement that the receipt is of, rather
// than one that says the same under other signatures, which the register
// answers a resubmission with.
func (r *Receipt) Of(statement []byte) bool { return r.LeafHash == tlog.RecordHash(statement) }

// Check reports whether the proof leads from the leaf hash to the root of the
// checkpoint. It checks no signature of the checkpoint.
func (r *Receipt) Check() error {
	c, err := verify.ParseCheckpoint([]byte(r.Checkpoint))
	if err != nil {
		return fmt.Errorf("check the receipt: %w", err)
	}
	if c.Tree.N != r.Size {
		return fmt.Errorf("check the receipt: it is for %d leaves, its checkpoint for %d", r.Size, c.Tree.N)
	}
	if r.Index < 0 || r.Index >= r.Size {
		return fmt.Errorf("check the receipt: index %d lies outside of %d leaves", r.Index, r.Size)
	}
	if err := tlog.CheckRecord(r.Proof, r.Size, c.Tree.Hash, r.Index, r.LeafHash); err != nil {
		return fmt.Errorf("check the receipt: it does not prove that the statement is logged: %w", err)
	}
	return nil
}

package registry

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// A Receipt says where a statement stands in the log, and proves it. The
// receipt of a statement is the same whenever it is asked for.
type Receipt struct {
	// Index is its log index.
	Index int64
	// Time is when it was logged, to the millisecond.
	Time time.Time
	// LeafHash is the RFC 6962 leaf hash of what is logged. Where the same
	// payload was submitted with other signatures before, it is of those.
	LeafHash tlog.Hash
	// Size is that of Checkpoint.
	Size int64
	// Proof is the inclusion proof of the leaf in the tree of that size.
	Proof tlog.RecordProof
	// Checkpoint is the one that closed the statement's batch, with the log's
	// signature.
	Checkpoint []byte
}

// receiptAt makes the receipt of a place in the log: the one that was given
// first where the checkpoint that closed the statement's batch is kept, which a
// restored log need not have, and else one of the newest checkpoint.
func (r *Reader) receiptAt(p Place) (Receipt, error) {
	s := r.newest()
	status, err := r.statusAt(p.Size - 1)
	if err != nil {
		return Receipt{}, err
	}
	receipt := Receipt{Index: p.Index, Time: status.Time, LeafHash: p.LeafHash, Size: p.Size}
	switch kept, err := r.log.Checkpoint(p.Size); {
	case err == nil:
		if receipt.Checkpoint, err = logSigned(kept, rootBefore(s.roots, p.Size)); err != nil {
			return Receipt{}, damaged(p.Size-1, err)
		}
	case errors.Is(err, ErrNotFound):
		receipt.Size, receipt.Checkpoint = s.size, s.signed
	default:
		return Receipt{}, err
	}
	return receipt, receipt.prove(r.log)
}

// prove gives the receipt its proof.
func (r *Receipt) prove(tree tlog.HashReader) (err error) {
	if r.Proof, err = tlog.ProveRecord(r.Size, r.Index, tree); err != nil {
		return fmt.Errorf("prove index %d: %w", r.Index, err)
	}
	return nil
}

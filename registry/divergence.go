package registry

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// A DivergenceKind names what a register did that it may not.
type DivergenceKind string

// The kinds of divergence.
const (
	// Fork: two trees were signed of which neither continues the other.
	Fork DivergenceKind = "fork"
	// Rewind: a smaller checkpoint is shown than before.
	Rewind DivergenceKind = "rewind"
	// Dropped: a logged statement was left out of the status map.
	Dropped DivergenceKind = "dropped"
	// Postdated: a batch is dated more than five minutes ahead of the clock.
	Postdated DivergenceKind = "postdated"
	// Backdated: a batch is not dated after the one before it, or not after
	// a cosignature of a smaller size.
	Backdated DivergenceKind = "backdated"
	// FalseMap: a status leaf has another root than the map of what is logged.
	FalseMap DivergenceKind = "map"
	// Inadmissible: a statement is logged that admission refuses.
	Inadmissible DivergenceKind = "admission"
	// Misformed: what is logged has not the form of a log of this kind.
	Misformed DivergenceKind = "form"
)

// ErrDamaged says that what a source gave is not what the register has signed.
// Anybody on the way may have changed it, and so it accuses nobody: it is asked
// for again. ErrUnsigned is the case of a checkpoint that no log key in force
// has signed.
var (
	ErrDamaged  = errors.New("what was given is not what the register has signed")
	ErrUnsigned = fmt.Errorf("%w: no log key in force has signed the checkpoint", ErrDamaged)
)

// A Divergence is what a register did that it may not, with what shows it to
// others. It is returned by [Replica.Extend], which appended nothing of the
// chunk where it stands.
type Divergence struct {
	Kind DivergenceKind
	// Index is that of the leaf at fault; of a fork or a rewind, the smaller
	// size.
	Index int64
	// Checkpoints are signed notes. Of a fork and a rewind these are two: the
	// one that the replica holds and the one that it was shown. Of what stands
	// in a leaf it is one: of the tree that has the leaf.
	Checkpoints [][]byte
	// Prefix is, of a fork whose checkpoints are of two sizes, the root at the
	// smaller size of the larger one's tree, which is not the root that is signed
	// for that size. The consistency proof Consistency shows it.
	Prefix      tlog.Hash
	Consistency tlog.TreeProof
	// StatusLeaf closes the batch at fault. It stands at StatusIndex, which
	// StatusProof proves in the tree of the checkpoint.
	StatusLeaf  []byte
	StatusIndex int64
	StatusProof tlog.RecordProof
	// Statement is the leaf at Index where that is a statement, and Proof proves
	// that it is in the tree of the checkpoint.
	Statement []byte
	Proof     tlog.RecordProof
	// Previous is, where a batch is not dated after the one before it, that
	// one's status leaf, which StatusLeaf names; PreviousProof proves it in the
	// tree of the checkpoint.
	Previous      []byte
	PreviousProof tlog.RecordProof
	// Cosigned is, where a batch is not dated after a cosignature of a smaller
	// size, [ExtendOptions].Cosigned.
	Cosigned []byte
	// Err says what is wrong.
	Err error
}

// Error says what the register did and where.
func (d *Divergence) Error() string {
	at := fmt.Sprintf("at index %d", d.Index)
	if d.Kind == Fork || d.Kind == Rewind {
		at = fmt.Sprintf("from size %d on", d.Index)
	}
	return fmt.Sprintf("the register diverges (%s) %s: %v", d.Kind, at, d.Err)
}

// Unwrap returns Err.
func (d *Divergence) Unwrap() error { return d.Err }

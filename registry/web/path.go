package web

import (
	"errors"
	"fmt"

	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// A path leads from what is logged to the root of the tree, and has been walked.
type path struct {
	Index, Size int64
	Leaf        tlog.Hash
	Steps       []step
	// Root is what it leads to, the root hash of the checkpoint.
	Root  tlog.Hash
	proof tlog.RecordProof
}

// A step joins the node that the path has come to with its sibling. What they make
// is the next step's, or the root.
type step struct {
	Left, Right node
	Makes       tlog.Hash
	// SiblingLeft says on which side the sibling is.
	SiblingLeft bool
	// From and To are where the path comes from and where it goes on, in parts of a
	// hundred of the width.
	From, To int
}

// A node is a hash of the tree.
type node struct {
	tlog.Hash
	// OnPath tells it from a sibling, and Left which one is hashed first.
	OnPath, Left bool
	// MadeIn is the step that has made it, 0 for what is logged and for siblings.
	MadeIn int
}

// short is the beginning of a hash.
func short(h tlog.Hash) string { return h.String()[:8] + "…" }

// Short is the beginning of the hash.
func (n node) Short() string { return short(n.Hash) }

// ShortRoot is the beginning of the root hash.
func (p *path) ShortRoot() string { return short(p.Root) }

// Sibling is what the path has been joined with.
func (s step) Sibling() tlog.Hash {
	if s.SiblingLeft {
		return s.Left.Hash
	}
	return s.Right.Hash
}

// newPath walks from a statement to the root of an edition's checkpoint. It returns
// an error where that is not where the path leads.
func newPath(e *registry.Edition, r policy.Recorded) (*path, error) {
	c, err := verify.ParseCheckpoint(e.Checkpoint())
	if err != nil {
		return nil, err
	}
	p := &path{Index: r.Index, Size: c.Tree.N, Leaf: r.Statement.LeafHash(), Root: c.Tree.Hash}
	if p.proof, err = e.Prove(r.Index); err != nil {
		return nil, err
	}
	if err := tlog.CheckRecord(p.proof, p.Size, p.Root, p.Index, p.Leaf); err != nil {
		return nil, errPath(p.Index, err)
	}
	left, err := leftSiblings(p.Size, p.Index)
	if err != nil {
		return nil, errPath(p.Index, err)
	}
	at := p.Leaf
	for i, sibling := range p.proof {
		own, other := node{Hash: at, OnPath: true, Left: !left[i], MadeIn: i}, node{Hash: sibling, Left: left[i]}
		s := step{Left: own, Right: other, SiblingLeft: left[i], From: leftSlot}
		if s.SiblingLeft {
			s.Left, s.Right, s.From = other, own, rightSlot
		}
		at = tlog.NodeHash(s.Left.Hash, s.Right.Hash)
		s.Makes, s.To = at, middleSlot
		if n := len(p.Steps); n > 0 {
			p.Steps[n-1].To = s.From
		}
		p.Steps = append(p.Steps, s)
	}
	// What is drawn, too, has to lead there.
	if at != p.Root {
		return nil, errPath(p.Index, errors.New("its steps make another root"))
	}
	return p, nil
}

func errPath(index int64, err error) error {
	return fmt.Errorf("the log is damaged: the path from index %d does not lead to the root of its checkpoint: %w", index, err)
}

// Where nodes are drawn, in parts of a hundred of the width.
const (
	leftSlot   = 25
	middleSlot = 50
	rightSlot  = 75
)

// leftSiblings tells of each hash of an inclusion proof whether it goes on the left.
// It has tlog make the proof from marks in place of hashes: a sibling on the left is
// a hash that is stored, of leaves before the one that is proven, and so its mark.
func leftSiblings(size, index int64) ([]bool, error) {
	mark := tlog.Hash{1}
	marks := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, stored := range indexes {
			if level, n := tlog.SplitStoredHashIndex(stored); n<<level < index {
				out[i] = mark
			}
		}
		return out, nil
	})
	proof, err := tlog.ProveRecord(size, index, marks)
	left := make([]bool, len(proof))
	for i, h := range proof {
		left[i] = h == mark
	}
	return left, err
}

// file is the path as a C2SP tlog-proof.
func (p *path) file(e *registry.Edition) []byte {
	out := proof.TLogProof{Index: uint64(p.Index), Checkpoint: e.Checkpoint()}
	for _, h := range p.proof {
		out.Hashes = append(out.Hashes, h)
	}
	return out.Marshal()
}

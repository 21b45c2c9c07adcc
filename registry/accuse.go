package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/verify"
)

// anchor looks for the pinned trust root in the log and a chunk behind it. It
// returns an error where there is another one of its version.
func (x *extension) anchor(chunk []*received) (err error) {
	x.met, err = x.r.pinned(&snapshot{roots: rootsWith(x.r.newest(), chunk)})
	return err
}

// rootsWith are the trust roots of a snapshot and those in a chunk behind it,
// each of which was opened with the one before.
func rootsWith(base *snapshot, chunk []*received) []rootAt {
	roots := slices.Clip(base.roots)
	for _, b := range chunk {
		for i := range b.statements {
			if st := b.statements[i].opened; st != nil && st.TrustRoot() != nil {
				roots = append(roots, rootAt{b.start + int64(i), st.TrustRoot()})
			}
		}
	}
	return roots
}

// signedIn returns an error where a checkpoint is signed neither by a log key in
// force before a chunk, nor by one of a root in it: whether that one may change
// the keys is told when it is admitted.
func signedIn(base *snapshot, chunk []*received, signed []byte) error {
	roots := rootsWith(base, chunk)
	roots = roots[max(len(base.roots)-1, 0):]
	if len(roots) == 0 {
		return errors.New("the log does not begin with a trust root")
	}
	var keys []note.Verifier
	for _, r := range roots {
		for _, v := range logKeys(r.root) {
			same := func(k note.Verifier) bool { return k.Name() == v.Name() && k.KeyHash() == v.KeyHash() }
			if !slices.ContainsFunc(keys, same) {
				keys = append(keys, v)
			}
		}
	}
	if _, err := note.Open(signed, note.VerifierList(keys...)); err != nil {
		return fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	return nil
}

// tree hashes the leaves of a chunk, and compares the tree with that of a
// checkpoint.
func (x *extension) tree(ctx context.Context, chunk []*received, c verify.Checkpoint, signed []byte) (*growth, error) {
	base := x.r.newest()
	if err := signedIn(base, chunk, signed); err != nil {
		return nil, err
	}
	var leaves []tlog.Hash
	for _, b := range chunk {
		leaves = append(leaves, b.hashes...)
	}
	tree, err := grow(base.edge, base.size, leaves)
	if err != nil {
		return nil, err
	}
	hash, err := tlog.TreeHash(c.Tree.N, tree)
	if err != nil {
		return nil, err
	}
	if hash != c.Tree.Hash {
		return nil, x.otherTree(ctx, base, c.Tree, signed, hash)
	}
	return tree, nil
}

// otherTree says why what was received does not make the tree of a signed
// checkpoint: that one begins otherwise than the log, or leaves were damaged.
func (x *extension) otherTree(ctx context.Context, base *snapshot, tree tlog.Tree, signed []byte, got tlog.Hash) error {
	damaged := fmt.Errorf("%w: with the leaves from index %d on the tree of size %d has the root %v, not %v", ErrDamaged, base.size, tree.N, got, tree.Hash)
	src, ok := x.src.(Prover)
	if base.size == 0 || !ok {
		return damaged
	}
	prefix, consistency, err := proveBeginning(tree, base.size, src.Hashes(ctx, tree))
	switch {
	case err != nil:
		return fmt.Errorf("%w; whether it begins as the log does could not be told: %w", damaged, err)
	case prefix == base.hash:
		return damaged
	}
	return &Divergence{
		Kind: Fork, Index: base.size, Checkpoints: [][]byte{base.checkpoint, signed}, Prefix: prefix, Consistency: consistency,
		Err: fmt.Errorf("the tree of size %d that the register has signed does not continue the tree of size %d that it signed before: it begins with the root %v, not %v", tree.N, base.size, prefix, base.hash),
	}
}

// proveBeginning returns the root at a smaller size of a tree, and the proof
// that the tree begins so.
func proveBeginning(tree tlog.Tree, size int64, hashes tlog.HashReader) (root tlog.Hash, p tlog.TreeProof, err error) {
	if root, err = tlog.TreeHash(size, hashes); err != nil || size == 0 {
		return root, nil, err
	}
	if p, err = tlog.ProveTree(tree.N, size, hashes); err != nil {
		return root, nil, err
	}
	return root, p, tlog.CheckTree(p, tree.N, tree.Hash, size, root)
}

// accuse completes a divergence of form, which shows before a chunk is whole in
// the batch that is open: the leaf at fault has to be one of the signed tree.
// That the signed tree ends within the batch is such a divergence.
func (x *extension) accuse(ctx context.Context, open *received, err error) error {
	d, ok := errors.AsType[*Divergence](err)
	if u, ends := errors.AsType[*unclosed](err); ends && u.end == x.to.Tree.N {
		last := open.statements[len(open.statements)-1]
		d, ok = &Divergence{Kind: Misformed, Index: u.end - 1, Statement: last.raw, Err: err}, true
	}
	if !ok {
		return err
	}
	chunk := append(slices.Clone(x.queue), open)
	if err := x.anchor(chunk); err != nil {
		return err
	}
	if err := signedIn(x.r.newest(), chunk, x.to.signed); err != nil {
		return err
	}
	tree := x.to.Tree
	src, ok := x.src.(Prover)
	if !ok {
		return fmt.Errorf("the source cannot prove what it gives: %w", d.Err)
	}
	if d.Proof, err = tlog.ProveRecord(tree.N, d.Index, src.Hashes(ctx, tree)); err != nil {
		return fmt.Errorf("prove the leaf at index %d (%w): %w", d.Index, d.Err, err)
	}
	if tlog.CheckRecord(d.Proof, tree.N, tree.Hash, d.Index, tlog.RecordHash(d.Statement)) != nil {
		return fmt.Errorf("%w: the leaf at index %d: %w", ErrDamaged, d.Index, d.Err)
	}
	d.Checkpoints = [][]byte{x.to.signed}
	return d
}

// bearWitness adds to a divergence what shows it to others.
func bearWitness(err error, c verify.Checkpoint, signed []byte, tree tlog.HashReader) error {
	x, ok := errors.AsType[*Divergence](err)
	if !ok {
		return err
	}
	x.Checkpoints = [][]byte{signed}
	if x.Statement != nil {
		if x.Proof, err = tlog.ProveRecord(c.Tree.N, x.Index, tree); err != nil {
			return err
		}
	}
	if x.StatusLeaf != nil {
		if x.StatusProof, err = tlog.ProveRecord(c.Tree.N, x.StatusIndex, tree); err != nil {
			return err
		}
	}
	if x.Previous == nil {
		return x
	}
	status, err := verify.ParseStatusLeaf(x.StatusLeaf)
	if err != nil {
		return err
	}
	if x.PreviousProof, err = tlog.ProveRecord(c.Tree.N, status.Previous, tree); err != nil {
		return err
	}
	return x
}

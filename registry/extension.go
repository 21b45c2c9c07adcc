package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/verify"
)

// What a chunk holds at most beside what a batch does.
const (
	maxChunkLeaves = 8192
	// statusBytes is about what a status leaf and a kept checkpoint take.
	statusBytes = 768
)

// An extension is a replica on its way to a target.
type extension struct {
	r     *Replica
	src   Source
	to    *target
	opt   ExtendOptions
	clock almanac
	// queue are the batches received and not yet appended.
	queue []*received
	// met says that the pinned trust root is in the log, or in what was received.
	met bool
}

// fits tells whether one more batch goes into a chunk.
func fits(chunk []*received, b *received) bool {
	bytes, entries, leaves := b.bytes, b.entries, len(b.statements)+1
	for _, q := range chunk {
		bytes += q.bytes + statusBytes
		entries += q.entries
		leaves += len(q.statements) + 1
	}
	return len(chunk) == 0 || bytes <= maxBatchBytes && entries <= maxBatchEntries && leaves <= maxChunkLeaves
}

// cut returns how many batches of the queue end in a size that the source has
// the checkpoint of, as many as possible, and that checkpoint.
func (x *extension) cut(ctx context.Context) (n int, signed []byte, err error) {
	for n = len(x.queue); n > 0; n-- {
		size := x.queue[n-1].size()
		if size == x.to.Tree.N {
			return n, x.to.signed, nil
		}
		signed, err = x.checkpoint(ctx, size)
		if err == nil {
			return n, signed, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return 0, nil, err
		}
	}
	return 0, nil, fmt.Errorf("the source has no checkpoint of a size between %d and %d; without one nothing can be kept",
		x.queue[0].size(), x.queue[len(x.queue)-1].size())
}

// checkpoint fetches a checkpoint and reads what it says.
func (x *extension) checkpoint(ctx context.Context, size int64) ([]byte, error) {
	signed, err := x.src.Checkpoint(ctx, size)
	if err != nil {
		return nil, fmt.Errorf("fetch the checkpoint of size %d: %w", size, err)
	}
	c, err := verify.ParseCheckpoint(signed)
	if err == nil && (c.Origin != x.r.origin || c.Tree.N != size) {
		err = fmt.Errorf("it is one of %q of size %d", c.Origin, c.Tree.N)
	}
	if err != nil && x.opt.lenient {
		err = fmt.Errorf("%w (%v)", ErrNotFound, err) //nolint:errorlint // it counts as none
	}
	if err != nil {
		return nil, fmt.Errorf("the source's checkpoint of size %d: %w", size, err)
	}
	return signed, nil
}

// append repeats as much of the queue as it can and makes it durable.
func (x *extension) append(ctx context.Context) error {
	r, base := x.r, x.r.newest()
	n, signed, err := x.cut(ctx)
	if err != nil {
		return err
	}
	chunk := x.queue[:n]
	c, err := verify.ParseCheckpoint(signed)
	if err != nil {
		return err
	}
	if err := x.anchor(chunk); err != nil {
		return err
	}
	if !x.met && c.Tree.N == x.to.Tree.N {
		return errUnpinned
	}
	// Nobody is accused of leaves that the register has not signed.
	tree, err := x.tree(ctx, chunk, c, signed)
	if err != nil {
		return err
	}
	d := r.newDraft(base, len(tree.added)/2)
	for _, b := range chunk {
		if err := d.repeat(ctx, b, x.clock); err != nil {
			return bearWitness(err, c, signed, joined{r.log, tree})
		}
	}
	batch, next, err := d.finish(tree)
	if err != nil {
		return err
	}
	if err := r.adopt(next, signed); err != nil {
		return err
	}
	batch.Checkpoint = next.checkpoint
	if x.opt.AllCheckpoints {
		if batch.Kept, err = x.kept(ctx, chunk[:n-1], next, joined{r.log, tree}); err != nil {
			return err
		}
	}
	if err := r.log.Append(ctx, batch); err != nil {
		return r.fail(ctx, err)
	}
	d.keep()
	r.advance(next)
	if err := r.show(ctx, next); err != nil {
		return err
	}
	x.queue = slices.Clone(x.queue[n:])
	if x.opt.Progress != nil {
		x.opt.Progress(next.size)
	}
	return nil
}

// kept fetches the checkpoints of the sizes within a chunk.
func (x *extension) kept(ctx context.Context, batches []*received, next *snapshot, tree tlog.HashReader) ([]Head, error) {
	var heads []Head
	for _, b := range batches {
		head, err := x.keep(ctx, b.size(), next, tree)
		if errors.Is(err, ErrNotFound) || err != nil && x.opt.lenient && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		heads = append(heads, head)
	}
	return heads, nil
}

// keep fetches the checkpoint of one size within a chunk and checks it.
func (x *extension) keep(ctx context.Context, size int64, next *snapshot, tree tlog.HashReader) (Head, error) {
	signed, err := x.checkpoint(ctx, size)
	if err != nil {
		return Head{}, err
	}
	c, err := verify.ParseCheckpoint(signed)
	if err != nil {
		return Head{}, err
	}
	hash, err := tlog.TreeHash(size, tree)
	if err != nil {
		return Head{}, err
	}
	s := &snapshot{size: size, roots: next.roots}
	if err := x.r.adopt(s, signed); err != nil {
		return Head{}, err
	}
	if hash != c.Tree.Hash {
		prefix, consistency, err := proveBeginning(tlog.Tree{N: next.size, Hash: next.hash}, size, tree)
		if err != nil {
			return Head{}, err
		}
		return Head{}, &Divergence{Kind: Fork, Index: size, Checkpoints: [][]byte{next.checkpoint, s.checkpoint}, Prefix: prefix, Consistency: consistency,
			Err: fmt.Errorf("the register has signed the root %v for size %d; the log that it signed at size %d has %v there", c.Tree.Hash, size, next.size, hash)}
	}
	return Head{size, s.checkpoint}, nil
}

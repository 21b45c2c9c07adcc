package registry

import (
	"context"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"
)

// A Prover is a [Source] that gives a tree's hashes as well, as tiles have them.
// With it a replica tells another tree from leaves that were damaged on their
// way, and proves a leaf before it has all of the tree. What it gives is not
// trusted: a proof is checked.
type Prover interface {
	// Hashes returns the hashes of the tree of a signed checkpoint, which are
	// fetched when they are needed; that ends with ctx.
	Hashes(ctx context.Context, tree tlog.Tree) tlog.HashReader
}

// A Store is what leaves and signed checkpoints can be read from: every [Log]
// is one.
type Store interface {
	Order
	Checkpoint(size int64) ([]byte, error)
}

// StoreSource returns a source that gives what a store holds.
func StoreSource(s Store) Source { return storeSource{s} }

type storeSource struct{ store Store }

// Checkpoint implements [Source].
func (s storeSource) Checkpoint(ctx context.Context, size int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.store.Checkpoint(size)
}

// Leaves implements [Source].
func (s storeSource) Leaves(ctx context.Context, from, to int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		next := from
		for leaf, err := range s.store.Leaves(from) {
			if next == to {
				return
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, fmt.Errorf("leaf %d: %w", next, err))
				return
			}
			if !yield(leaf, nil) {
				return
			}
			next++
		}
		if next < to {
			yield(nil, fmt.Errorf("leaf %d: %w", next, ErrNotFound))
		}
	}
}

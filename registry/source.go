package registry

import (
	"context"
	"fmt"
	"iter"
)

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

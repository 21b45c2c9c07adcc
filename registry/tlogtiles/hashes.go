package tlogtiles

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/verify"
)

// Hashes returns the hashes of a tree, the one of a checkpoint whose signatures
// the caller has verified. They are computed from tiles that are fetched when
// they are needed and proven to belong to the tree, or else refused; proofs
// made of them are thus good. Fetching ends with ctx. It may be used
// concurrently, and remembers the tiles of a few megabytes.
func (c *Client) Hashes(ctx context.Context, tree tlog.Tree) tlog.HashReader {
	if tree.N <= 0 || tree.N > verify.MaxSize {
		return tlog.HashReaderFunc(func([]int64) ([]tlog.Hash, error) {
			return nil, fmt.Errorf("no log with leaves has the size %d", tree.N)
		})
	}
	return tlog.TileHashReader(tree, &tiles{client: c, ctx: ctx, known: make(map[tlog.Tile][]byte)})
}

const (
	// parallel is how many tiles are on their way at once.
	parallel = 4
	// maxKnown is how many tiles are remembered: 8 MiB.
	maxKnown = 1024
)

// tiles is a [tlog.TileReader].
type tiles struct {
	client *Client
	// tlog.TileReader takes no context.
	ctx context.Context

	mu    sync.Mutex
	known map[tlog.Tile][]byte
}

// Height implements [tlog.TileReader].
func (*tiles) Height() int { return Height }

// ReadTiles implements [tlog.TileReader].
func (r *tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	ctx, cancel := context.WithCancelCause(r.ctx)
	defer cancel(nil)
	data := make([][]byte, len(want))
	places := make(chan struct{}, parallel)
	var fetching sync.WaitGroup
	for i, t := range want {
		if data[i] = r.remembered(t); data[i] != nil {
			continue
		}
		places <- struct{}{}
		fetching.Go(func() {
			defer func() { <-places }()
			var err error
			if data[i], err = r.client.hashes(ctx, t); err != nil {
				cancel(fmt.Errorf("fetch tiles: %w", err))
			}
		})
	}
	fetching.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return data, nil
}

func (r *tiles) remembered(t tlog.Tile) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[t]
}

// SaveTiles implements [tlog.TileReader]: it gets what has been proven.
func (r *tiles) SaveTiles(proven []tlog.Tile, data [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, t := range proven {
		if len(r.known) >= maxKnown {
			clear(r.known)
		}
		r.known[t] = data[i]
	}
}

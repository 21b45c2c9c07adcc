package tlogtiles

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// A Client reads one log. It is a [registry.Source]. It may be used
// concurrently; its fields are set before.
//
// An exchange that fails, or that the log answers with a status of 429, 500,
// 502, 503 or 504, is made again up to four times, after a quarter of a second
// at first and ten seconds at most. No redirect is followed, and no answer is
// read further than what was asked for can be long. A partial tile or bundle
// that the log no longer has is cut from the full one.
type Client struct {
	// BaseURL is the log's address, http or https, that paths are put after.
	BaseURL string
	// HTTP makes the exchanges; nil for one of this package. Where it has no
	// timeout, an exchange ends after [Timeout].
	HTTP *http.Client
}

var _ registry.Source = (*Client)(nil)

// Latest fetches the published checkpoint, a signed note that is not verified.
func (c *Client) Latest(ctx context.Context) ([]byte, error) {
	b, err := c.get(ctx, "checkpoint", verify.MaxCheckpoint)
	if err != nil {
		return nil, fmt.Errorf("fetch the newest checkpoint: %w", err)
	}
	return b, nil
}

// Checkpoint fetches the kept checkpoint of a size, a signed note that is not
// verified; [ErrNotFound] where the log kept none of that size.
func (c *Client) Checkpoint(ctx context.Context, size int64) ([]byte, error) {
	if size < 0 || size > verify.MaxSize {
		return nil, fmt.Errorf("fetch the checkpoint of size %d: %w", size, ErrNotFound)
	}
	b, err := c.get(ctx, "checkpoint/"+strconv.FormatInt(size, 10), verify.MaxCheckpoint)
	if err != nil {
		return nil, fmt.Errorf("fetch the checkpoint of size %d: %w", size, err)
	}
	return b, nil
}

// Leaf fetches one leaf of a log of that size, of which the caller has a
// checkpoint. It is not verified.
func (c *Client) Leaf(ctx context.Context, index, size int64) ([]byte, error) {
	t, ok := Tile(Entries, index>>Height, size)
	if !ok || index < 0 || index >= size {
		return nil, fmt.Errorf("fetch leaf %d of %d: %w", index, size, ErrNotFound)
	}
	leaves, err := c.bundle(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("fetch leaf %d: %w", index, err)
	}
	return leaves[index%Width], nil
}

// ahead is how many bundles are on their way while one is read.
const ahead = 4

// Leaves fetches the leaves from index from on until to, the size of a log of
// which the caller has a checkpoint. They are not verified. The sequence ends
// after the first error. Leaves of one bundle share memory, and may be kept.
func (c *Client) Leaves(ctx context.Context, from, to int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if from < 0 || from > to || to > verify.MaxSize {
			yield(nil, fmt.Errorf("fetch the leaves from %d to %d: there are no such", from, to))
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		var fetching sync.WaitGroup
		defer fetching.Wait()
		defer cancel()
		type fetched struct {
			leaves [][]byte
			err    error
		}
		var queue []chan fetched
		next, at := from>>Height, from
		for at < to {
			for len(queue) <= ahead {
				t, ok := Tile(Entries, next, to)
				if !ok {
					break
				}
				done := make(chan fetched, 1)
				queue, next = append(queue, done), next+1
				fetching.Go(func() {
					leaves, err := c.bundle(ctx, t)
					done <- fetched{leaves, err}
				})
			}
			b := <-queue[0]
			queue = queue[1:]
			if b.err != nil {
				yield(nil, fmt.Errorf("fetch the leaves from %d on: %w", at, b.err))
				return
			}
			for _, leaf := range b.leaves[at%Width:] {
				if !yield(leaf, nil) {
					return
				}
				at++
			}
		}
	}
}

// bundle fetches the leaves of a bundle.
func (c *Client) bundle(ctx context.Context, t tlog.Tile) ([][]byte, error) {
	b, got, err := c.tile(ctx, t, 2+MaxLeaf)
	if err != nil {
		return nil, err
	}
	leaves, err := ParseBundle(b, got.W)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Path(got), err)
	}
	return leaves[:t.W], nil
}

// hashes fetches the data of a tile.
func (c *Client) hashes(ctx context.Context, t tlog.Tile) ([]byte, error) {
	b, got, err := c.tile(ctx, t, tlog.HashSize)
	if err != nil {
		return nil, err
	}
	if len(b) != got.W*tlog.HashSize {
		return nil, fmt.Errorf("%s: has %d bytes, want %d", Path(got), len(b), got.W*tlog.HashSize)
	}
	return b[:t.W*tlog.HashSize], nil
}

// tile fetches a tile or the full one that it has grown into since; each of
// its elements has at most so many bytes.
func (c *Client) tile(ctx context.Context, t tlog.Tile, element int64) ([]byte, tlog.Tile, error) {
	b, err := c.get(ctx, Path(t), int64(t.W)*element)
	if errors.Is(err, ErrNotFound) && t.W < Width {
		full := t
		full.W = Width
		if b, err2 := c.get(ctx, Path(full), Width*element); err2 == nil {
			return b, full, nil
		}
	}
	if err != nil {
		return nil, t, fmt.Errorf("%s: %w", Path(t), err)
	}
	return b, t, nil
}

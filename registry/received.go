package registry

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// A received is a batch of a register as it comes out of a log.
type received struct {
	// start is the index of its first leaf.
	start      int64
	statements []receivedLeaf
	status     []byte
	// hashes are those of all its leaves.
	hashes []tlog.Hash
	// bytes and entries are what it takes of a transaction.
	bytes, entries int
}

// size is that of the tree that its status leaf closes.
func (b *received) size() int64 { return b.start + int64(len(b.statements)) + 1 }

// A receivedLeaf is a statement leaf, opened with the trust root that was in
// force at it if all went well; otherwise err says why not.
type receivedLeaf struct {
	raw    []byte
	hash   tlog.Hash
	status bool
	parsed *attest.Unopened
	opened *attest.Statement
	root   *attest.TrustRoot
	err    error
}

// What is read ahead of what is admitted: blocks are opened while a chunk is
// admitted and made durable, and the next one is fetched.
const (
	blockLeaves = 1024
	blockBytes  = 4 << 20
	// blocksAhead have about as many leaves as a chunk.
	blocksAhead = 4
)

// receive cuts a log's leaves from start on into batches. Signatures are
// verified on all cores, a block ahead. The leaves are made with a context that
// ends when no more of them is wanted. root is the trust root in force before
// start. It ends after the first error, which comes with the batch that it
// stands in; leaves after the last status leaf are one, an *[unclosed].
func receive(ctx context.Context, leaves func(context.Context) iter.Seq2[[]byte, error], start int64, root *attest.TrustRoot) iter.Seq2[*received, error] {
	return func(yield func(*received, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		fetched := make(chan block)
		opened := make(chan block, blocksAhead)
		running.Go(func() {
			defer close(fetched)
			fetch(ctx, leaves(ctx), fetched)
		})
		running.Go(func() {
			defer close(opened)
			for b := range fetched {
				b.open(&root)
				if !send(ctx, opened, b) {
					return
				}
			}
		})
		c := &cutter{batch: &received{start: start}}
		for b := range opened {
			for _, l := range b.leaves {
				done, err := c.add(l)
				if err != nil {
					yield(c.batch, err)
					return
				}
				if done != nil && !yield(done, nil) {
					return
				}
			}
			if b.err != nil {
				yield(c.batch, b.err)
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(c.batch, err)
			return
		}
		if n := len(c.batch.statements); n > 0 {
			yield(c.batch, &unclosed{end: c.batch.start + int64(n), leaves: n})
		}
	}
}

// An unclosed says that leaves end within a batch: so many, up to a size.
type unclosed struct {
	end    int64
	leaves int
}

func (u *unclosed) Error() string {
	return fmt.Sprintf("the leaves end at index %d, without a status leaf after the last %d", u.end, u.leaves)
}

// A block is some leaves and the error that ended them, if one did.
type block struct {
	leaves []receivedLeaf
	err    error
}

func send(ctx context.Context, to chan<- block, b block) bool {
	select {
	case to <- b:
		return true
	case <-ctx.Done():
		return false
	}
}

// fetch sends the leaves in blocks.
func fetch(ctx context.Context, leaves iter.Seq2[[]byte, error], to chan<- block) {
	var b block
	bytes := 0
	for leaf, err := range leaves {
		if err != nil {
			b.err = fmt.Errorf("fetch leaves: %w", err)
			break
		}
		b.leaves = append(b.leaves, receivedLeaf{raw: leaf, status: verify.IsStatusLeaf(leaf)})
		if bytes += len(leaf); len(b.leaves) == blockLeaves || bytes >= blockBytes {
			if !send(ctx, to, b) {
				return
			}
			b, bytes = block{}, 0
		}
	}
	if len(b.leaves) > 0 || b.err != nil {
		send(ctx, to, b)
	}
}

// open opens the block's statements. *root is the trust root in force before
// the block, and then after it.
func (b *block) open(root **attest.TrustRoot) {
	b.parallel(func(l *receivedLeaf) {
		l.hash = tlog.RecordHash(l.raw)
		if l.status {
			return
		}
		if l.parsed, l.err = attest.Parse(l.raw); l.err != nil {
			l.parsed = nil
		}
	})
	for i := range b.leaves {
		l := &b.leaves[i]
		l.root = *root
		if l.parsed == nil {
			continue
		}
		if !l.parsed.ClaimsUnsafe().Kind().ChangesTrust() {
			continue
		}
		// Each is opened with the one before, and so in order.
		if l.opened, l.err = attest.OpenRoot(l.raw, *root); l.err == nil {
			*root = l.opened.TrustRoot()
		}
	}
	b.parallel(func(l *receivedLeaf) {
		if l.parsed != nil && l.err == nil && l.opened == nil {
			l.opened, l.err = l.parsed.Open(l.root)
		}
	})
}

// parallel does something with every leaf.
func (b *block) parallel(do func(*receivedLeaf)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				// A few at once: one costs less than the next number.
				end := int(next.Add(8))
				for i := end - 8; i < min(end, len(b.leaves)); i++ {
					do(&b.leaves[i])
				}
				if end >= len(b.leaves) {
					return
				}
			}
		})
	}
	workers.Wait()
}

// A cutter makes batches of leaves.
type cutter struct{ batch *received }

// add takes the next leaf, and returns the batch where that closes one.
func (c *cutter) add(l receivedLeaf) (*received, error) {
	b := c.batch
	index := b.start + int64(len(b.statements))
	b.bytes += len(l.raw)
	b.hashes = append(b.hashes, l.hash)
	if len(l.raw) > attest.MaxBytes {
		return nil, &Divergence{Kind: Misformed, Index: index, Statement: l.raw, Err: fmt.Errorf("the leaf has %d bytes; at most %d are logged", len(l.raw), attest.MaxBytes)}
	}
	if l.status {
		b.status = l.raw
		c.batch = &received{start: b.size()}
		return b, nil
	}
	if l.parsed != nil {
		b.entries += len(l.parsed.ClaimsUnsafe().Subjects())
	}
	b.statements = append(b.statements, l)
	if len(b.statements) > 1 && (b.bytes > maxBatchBytes+attest.MaxBytes || b.entries > maxBatchEntries || len(b.statements) > maxBatchEntries) {
		return nil, &Divergence{Kind: Misformed, Index: index, Statement: l.raw, Err: errors.New("the batch is larger than a register makes one: no status leaf closes it")}
	}
	return nil, nil
}

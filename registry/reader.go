package registry

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// A Reader is the read side of a register or of a replica: everything that can
// be asked of a log at a checkpoint. All methods may be called concurrently.
//
// It has two snapshots. The durable one is of the newest checkpoint that the
// log keeps; the published one is of the newest that satisfies the register's
// cosigning policy, which is the same where there is none. Whatever is shown
// (statements, histories, evidence) is shown at the published one. Only leaves,
// hashes and checkpoints are given up to the durable size, so that a mirror can
// check what it is asked to cosign.
type Reader struct {
	log    Log
	origin string
	trust  *verify.Trust
	// screening are the lists that decisions are taken with.
	screening []*screening.List
	// notary signs decisions; nil for none.
	notary   attest.Signer
	now      func() time.Time
	opened   openedCache
	exhibits exhibits
	// foreseeing is held by whoever reads all of the log to foresee.
	foreseeing sync.Mutex
	// accounts are the writer's.
	accounts accounts
	// cosigners are verifier keys whose cosignatures count beside those that
	// the trust root lists.
	cosigners []string
	// refresh returns the snapshot that evidence is given at; nil stands for
	// the published one.
	refresh func(ctx context.Context) (*snapshot, error)

	durable, published atomic.Pointer[snapshot]
	// turned wakes those who wait for what is published next.
	turned turnstile
}

func newReader(log Log, origin string, trust *verify.Trust, now func() time.Time) *Reader {
	if now == nil {
		now = time.Now
	}
	return &Reader{log: log, origin: origin, trust: trust, now: now}
}

// newest returns the durable snapshot.
func (r *Reader) newest() *snapshot { return r.durable.Load() }

// shown returns the published snapshot.
func (r *Reader) shown() *snapshot { return r.published.Load() }

// advance sets the durable snapshot.
func (r *Reader) advance(s *snapshot) { r.durable.Store(s) }

// publish sets the published snapshot.
func (r *Reader) publish(s *snapshot) {
	r.published.Store(s)
	r.turned.turn()
}

// exhibitable returns the snapshot that evidence is given at.
func (r *Reader) exhibitable(ctx context.Context) (*snapshot, error) {
	if r.refresh != nil {
		return r.refresh(ctx)
	}
	if s := r.shown(); s.size > 0 {
		return s, nil
	}
	return nil, ErrNoRoot
}

// Origin names the register, in checkpoints and in every statement's aud.
func (r *Reader) Origin() string { return r.origin }

// OwnTrust is what the register's own answers trust ([Config].Trust), nil for
// nothing. Whoever relies on it relies on the register's word.
func (r *Reader) OwnTrust() *verify.Trust { return r.trust }

// Size returns the number of durable leaves, which may be more than the
// published checkpoint covers.
func (r *Reader) Size() int64 { return r.newest().size }

// Checkpoint returns the published checkpoint with its cosignatures, nil where
// none is published. The caller does not change it.
func (r *Reader) Checkpoint() []byte { return r.shown().checkpoint }

// CheckpointAt returns the kept checkpoint of a size up to [Reader.Size],
// published or not, or [ErrNotFound] where none of that size is kept.
func (r *Reader) CheckpointAt(size int64) ([]byte, error) {
	newest, shown := r.newest(), r.shown()
	// Where a write has failed, what the log has for these may not be durable.
	switch {
	case size > newest.size:
		return nil, fmt.Errorf("checkpoint of size %d: %w", size, ErrNotFound)
	case size <= 0:
	case size == newest.size:
		return newest.checkpoint, nil
	case size == shown.size:
		return shown.checkpoint, nil
	}
	checkpoint, err := r.log.Checkpoint(size)
	if err != nil {
		return nil, fmt.Errorf("checkpoint of size %d: %w", size, err)
	}
	return checkpoint, nil
}

// Root returns the trust root in force at the published checkpoint, nil where
// none is published.
func (r *Reader) Root() *attest.TrustRoot { return r.shown().root() }

// Leaf returns a leaf below [Reader.Size], a statement or a status leaf, or
// [ErrNotFound].
func (r *Reader) Leaf(index int64) ([]byte, error) {
	if index < 0 || index >= r.Size() {
		return nil, fmt.Errorf("leaf %d: %w", index, ErrNotFound)
	}
	return r.leaf(index)
}

// Leaves yields the leaves from an index on, in order, up to [Reader.Size] as it
// stands at the call. It ends after the first error.
func (r *Reader) Leaves(from int64) iter.Seq2[[]byte, error] {
	size := r.Size()
	return func(yield func([]byte, error) bool) {
		next := max(from, 0)
		// What the log has behind it may not be durable.
		if next >= size {
			return
		}
		for leaf, err := range r.log.Leaves(next) {
			if !yield(leaf, err) || err != nil {
				return
			}
			if next++; next == size {
				return
			}
		}
	}
}

// ReadHashes implements [tlog.HashReader], for the tree up to [Reader.Size].
func (r *Reader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	size := r.Size()
	end := tlog.StoredHashCount(size)
	for _, x := range indexes {
		if x >= end {
			return nil, fmt.Errorf("stored hash %d is not of the tree of size %d: %w", x, size, ErrNotFound)
		}
	}
	return r.log.ReadHashes(indexes)
}

// Healthy returns nil where there is something to show.
func (r *Reader) Healthy() error {
	if r.shown().size == 0 {
		return ErrNoRoot
	}
	return nil
}

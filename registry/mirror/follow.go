package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// rewindGrace is for how long a register may show a smaller checkpoint than
// before: caches and machines behind one name lag by seconds.
const rewindGrace = time.Minute

// Follow looks at the register's checkpoint, again and again, and checks what
// is new. It returns a *[Stopped] when the register has diverged, and
// otherwise ctx's error when that is done; whatever else goes wrong is tried
// anew at the next look, and [Mirror.Healthy] tells.
func (m *Mirror) Follow(ctx context.Context) error {
	for {
		err := m.CatchUp(ctx)
		if s, ok := errors.AsType[*Stopped](err); ok {
			return s
		}
		if ctx.Err() == nil && err != nil {
			m.Logger.Warn("the register could not be followed; it is tried again", slog.Any("error", err))
		}
		next := time.NewTimer(m.Interval)
		select {
		case <-next.C:
		case <-ctx.Done():
			next.Stop()
			return context.Cause(ctx)
		case <-m.ctx.Done():
			next.Stop()
			return registry.ErrClosed
		}
	}
}

// CatchUp looks at the register once and checks what is new, up to its
// published checkpoint. It returns a *[Stopped] where the register has
// diverged.
func (m *Mirror) CatchUp(ctx context.Context) error {
	err := m.catchUp(ctx)
	switch {
	case err == nil:
		m.trouble.Store(nil)
	case ctx.Err() == nil:
		m.trouble.Store(&err)
	}
	return err
}

func (m *Mirror) catchUp(ctx context.Context) error {
	if s := m.stopped.Load(); s != nil {
		return s
	}
	signed, err := m.Register.Latest(ctx)
	if err != nil {
		return err
	}
	c, err := m.ours(signed)
	if err != nil {
		return err
	}
	if c.Tree.N == 0 {
		return nil
	}
	return m.reach(ctx, signed, c, true)
}

// ours reads a checkpoint that must be of this register.
func (m *Mirror) ours(signed []byte) (verify.Checkpoint, error) {
	c, err := verify.ParseCheckpoint(signed)
	if err != nil {
		return c, err
	}
	if c.Origin != m.Trust.Origin() {
		return c, fmt.Errorf("the checkpoint is of the log %q; the trust file is for %q", c.Origin, m.Trust.Origin())
	}
	return c, nil
}

// reach checks everything up to a checkpoint, and where it is published shows
// it. When ctx is done first, checking goes on: whoever asks next finds more
// done.
func (m *Mirror) reach(ctx context.Context, signed []byte, c verify.Checkpoint, published bool) error {
	if err := m.take(ctx); err != nil {
		return fmt.Errorf("wait until what came before is checked: %w", err)
	}
	done := make(chan error, 1)
	m.work.Go(func() {
		defer m.giveBack()
		done <- m.check(signed, c, published)
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait until size %d is checked: %w", c.Tree.N, context.Cause(ctx))
	}
}

// check is reach for the one whose turn it is.
func (m *Mirror) check(signed []byte, c verify.Checkpoint, published bool) error {
	if s := m.stopped.Load(); s != nil {
		return s
	}
	if published {
		if d := m.rewind(signed, c); d != nil {
			return m.stop(d)
		}
	}
	err := m.extend(signed, c)
	d, diverges := errors.AsType[*registry.Divergence](err)
	if diverges && d.Kind == registry.Unsigned && !published {
		// Anybody may have submitted it.
		return refuse(http.StatusForbidden, "%w", err)
	}
	if diverges && m.ctx.Err() == nil {
		m.Logger.Warn("the register seems to diverge; it is asked anew", slog.Any("error", err))
		if err = m.extend(signed, c); sameDivergence(err, d) {
			return m.stop(m.evidence(d))
		}
	}
	if err != nil || !published {
		return err
	}
	return m.publish(signed, c)
}

// maxVersions is how many versions wait to be published. A register publishes
// what it had cosigned seconds before.
const maxVersions = 64

// publish shows what the register has published, where it is a version that
// was reached; else a later one will be.
func (m *Mirror) publish(signed []byte, c verify.Checkpoint) error {
	i := slices.IndexFunc(m.versions, func(v registry.Version) bool { return v.Size() == c.Tree.N })
	if i < 0 {
		return nil
	}
	if err := m.replica.Publish(m.ctx, m.versions[i], signed); err != nil {
		return err
	}
	m.versions = slices.Delete(m.versions, 0, i)
	return nil
}

// reached notes the replica's version as one that may be published.
func (m *Mirror) reached() {
	v := m.replica.Version()
	if n := len(m.versions); n > 0 && m.versions[n-1].Size() == v.Size() {
		return
	}
	if m.versions = append(m.versions, v); len(m.versions) > maxVersions {
		m.versions = slices.Delete(m.versions, 0, 1)
	}
}

func sameDivergence(err error, d *registry.Divergence) bool {
	again, ok := errors.AsType[*registry.Divergence](err)
	return ok && again.Kind == d.Kind && again.Index == d.Index
}

// extend has the replica check everything up to a checkpoint.
func (m *Mirror) extend(signed []byte, c verify.Checkpoint) error {
	held := m.cosigned.Load()
	if size := m.replica.Size(); c.Tree.N <= size && size > 0 {
		hash, err := tlog.TreeHash(c.Tree.N, m.log)
		if err != nil {
			return err
		}
		if hash == c.Tree.Hash {
			return m.signedByLog(signed, c.Tree.N)
		}
	}
	opt := registry.ExtendOptions{LatestCosigned: held.Time, CosignedSize: held.Size}
	if m.Progress != nil {
		opt.Progress = func(size int64) { m.Progress(size, c.Tree.N) }
	}
	if err := m.replica.Extend(m.ctx, source{m.Register}, signed, opt); err != nil {
		return err
	}
	m.reached()
	if held.Size == 0 || m.replica.Size() < held.Size {
		return nil
	}
	hash, err := tlog.TreeHash(held.Size, m.log)
	if err != nil {
		return err
	}
	if hash != held.Hash {
		return &registry.Divergence{
			Kind: registry.Fork, Index: held.Size, Checkpoints: [][]byte{signed},
			Err: fmt.Errorf("the tree of size %d has the root %v; this mirror cosigned %v", held.Size, hash, held.Hash),
		}
	}
	return nil
}

// rewind tells whether a register has gone on showing less than it published
// before.
func (m *Mirror) rewind(signed []byte, c verify.Checkpoint) *registry.Divergence {
	before := m.Reader().Checkpoint()
	if before == nil {
		return nil
	}
	old, err := verify.ParseCheckpoint(before)
	if err != nil {
		return nil //nolint:nilerr // it was read when it was published
	}
	if c.Tree.N >= old.Tree.N {
		m.rewound = time.Time{}
		return nil
	}
	now := m.Now()
	if m.rewound.IsZero() {
		m.rewound = now
	}
	since := now.Sub(m.rewound)
	if since < rewindGrace {
		return nil
	}
	return &registry.Divergence{
		Kind: registry.Rewind, Index: c.Tree.N, Checkpoints: [][]byte{before, signed},
		Err: fmt.Errorf("the register published size %d and has shown size %d for %s since", old.Tree.N, c.Tree.N, since.Round(time.Second)),
	}
}

// evidence completes a divergence. Two checkpoints of different sizes are a
// fork only beside the leaves; where the register keeps another one of either
// size, the two of them are one by themselves.
func (m *Mirror) evidence(d *registry.Divergence) *registry.Divergence {
	if d.Kind != registry.Fork || sameSize(d.Checkpoints) {
		return d
	}
	for _, signed := range d.Checkpoints {
		c, err := verify.ParseCheckpoint(signed)
		if err != nil {
			continue
		}
		kept, err := m.Register.Checkpoint(m.ctx, c.Tree.N)
		if err != nil {
			continue
		}
		k, err := m.ours(kept)
		if err != nil || k.Tree.N != c.Tree.N || k.Tree.Hash == c.Tree.Hash || m.signedByLog(kept, k.Tree.N) != nil {
			continue
		}
		return &registry.Divergence{
			Kind: registry.Fork, Index: c.Tree.N, Checkpoints: [][]byte{signed, kept},
			Err: fmt.Errorf("the register has signed two trees of size %d: %w", c.Tree.N, d.Err),
		}
	}
	return d
}

// sameSize tells whether two checkpoints are of one size.
func sameSize(signed [][]byte) bool {
	if len(signed) != 2 {
		return false
	}
	a, errA := verify.ParseCheckpoint(signed[0])
	b, errB := verify.ParseCheckpoint(signed[1])
	return errA == nil && errB == nil && a.Tree.N == b.Tree.N
}

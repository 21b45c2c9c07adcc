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

// maxBackoff is how many intervals lie at most between two looks at a register
// that cannot be followed.
const maxBackoff = 6

// Follow looks at the register's checkpoint, again and again, and checks what
// is new. It returns a *[Stopped] when the register has diverged, and
// otherwise ctx's error when that is done; whatever else goes wrong is tried
// anew, after twice the time each time, up to six intervals, and
// [Mirror.Healthy] tells.
func (m *Mirror) Follow(ctx context.Context) error {
	wait := m.config.Interval
	for {
		err := m.CatchUp(ctx)
		if s, ok := errors.AsType[*Stopped](err); ok {
			return s
		}
		if err == nil {
			wait = m.config.Interval
		} else if ctx.Err() == nil {
			m.config.Logger.Warn("the register could not be followed; it is tried again", slog.Any("error", err))
		}
		next := time.NewTimer(wait)
		if err != nil {
			wait = min(2*wait, maxBackoff*m.config.Interval)
		}
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
//
// What the register has not signed, be it a checkpoint or leaves, is fetched
// once more, and is then an error: it never stops the mirror for good, since
// anybody on the way can send it and it convicts nobody. A register that itself
// signs with another key than its trust root's is neither followed nor cosigned
// for as long as it does.
func (m *Mirror) CatchUp(ctx context.Context) error {
	ctx, leave, err := m.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	err = m.look(ctx)
	if errors.Is(err, registry.ErrDamaged) && ctx.Err() == nil {
		err = m.look(ctx)
	}
	switch {
	case err == nil:
		m.trouble.Store(nil)
	case ctx.Err() == nil:
		m.lag.end()
		m.trouble.Store(&err)
	}
	return err
}

// look is CatchUp with what it is given once.
func (m *Mirror) look(ctx context.Context) error {
	if s := m.stopped.Load(); s != nil {
		return s
	}
	at := m.config.Now()
	signed, err := m.config.Register.Latest(ctx)
	if err != nil {
		return err
	}
	c, err := m.ours(signed)
	if err != nil {
		return err
	}
	if c.Tree.N == 0 && m.replica.Size() == 0 {
		return nil
	}
	return m.reach(ctx, sighting{c, signed, at})
}

// A sighting is a checkpoint that the mirror was shown.
type sighting struct {
	verify.Checkpoint
	signed []byte
	// published is when the mirror looked and the register had published it;
	// zero for one that was submitted.
	published time.Time
}

// ours reads a checkpoint that must be of this register.
func (m *Mirror) ours(signed []byte) (verify.Checkpoint, error) {
	c, err := verify.ParseCheckpoint(signed)
	if err == nil && c.Origin != m.config.Trust.Origin() {
		err = fmt.Errorf("it is of the log %q; the trust file is for %q", c.Origin, m.config.Trust.Origin())
	}
	if err != nil {
		return c, fmt.Errorf("%w: the checkpoint: %w", registry.ErrDamaged, err)
	}
	return c, nil
}

// reach checks everything up to a checkpoint, and where it is published shows
// it. When ctx is done first, checking goes on: whoever asks next finds more
// done.
func (m *Mirror) reach(ctx context.Context, s sighting) error {
	if err := m.take(ctx); err != nil {
		return fmt.Errorf("wait until what came before is checked: %w", err)
	}
	return m.checked(ctx, s)
}

// checked is reach for the one who has the turn, which is given back when
// everything is checked.
func (m *Mirror) checked(ctx context.Context, s sighting) error {
	done := make(chan error, 1)
	go func() {
		defer m.giveBack()
		done <- m.check(s)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait until size %d is checked: %w", s.Tree.N, context.Cause(ctx))
	}
}

// check is reach for the one whose turn it is.
func (m *Mirror) check(s sighting) error {
	if stopped := m.stopped.Load(); stopped != nil {
		return stopped
	}
	err := m.extend(s)
	if d, diverges := errors.AsType[*registry.Divergence](err); diverges && m.ctx.Err() == nil {
		// The register has signed it; that the mirror has read it right is made
		// sure of.
		m.config.Logger.Warn("the register seems to diverge; it is asked anew", slog.Any("error", err))
		if err = m.extend(s); sameDivergence(err, d) {
			return m.stop(m.evidence(d))
		}
	}
	submitted := s.published.IsZero()
	if submitted && errors.Is(err, registry.ErrUnsigned) {
		// Anybody may have submitted it.
		return refuse(http.StatusForbidden, "%w", err)
	}
	if err != nil || submitted {
		return err
	}
	lags, d := m.behindPublished(s.signed, s.Checkpoint)
	switch {
	case d != nil:
		return m.stop(d)
	case lags, s.Tree.N == 0:
		return nil
	}
	m.looked = s.published
	m.caughtUp.Store(&s.published)
	return m.publish(s.signed, s.Checkpoint)
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

// extend has the replica check everything up to a checkpoint that a log key in
// force has signed.
func (m *Mirror) extend(s sighting) error {
	if err := m.replicate(s); err != nil {
		return err
	}
	return m.contradicted(s)
}

// replicate is extend without a look at what was cosigned.
func (m *Mirror) replicate(s sighting) error {
	if size := m.replica.Size(); s.Tree.N <= size && size > 0 {
		if err := m.replica.Pinned(); err != nil {
			return err
		}
		hash, err := tlog.TreeHash(s.Tree.N, m.log)
		if err != nil {
			return err
		}
		if hash == s.Tree.Hash {
			return m.signedByLog(s.signed, s.Tree.N)
		}
	}
	held := m.cosigned.Load()
	opt := registry.ExtendOptions{LatestCosigned: held.Time, CosignedSize: held.Size, Cosigned: []byte(held.Checkpoint)}
	if m.config.Progress != nil {
		opt.Progress = func(size int64) { m.config.Progress(size, s.Tree.N) }
	}
	if err := m.replica.Extend(m.ctx, m.config.Register, s.signed, opt); err != nil {
		return err
	}
	m.reached()
	return nil
}

// contradicted tells whether the mirror has cosigned another tree than the
// checkpoint's begins with: one that has lost its log finds it out.
func (m *Mirror) contradicted(s sighting) error {
	held := m.cosigned.Load()
	if held.Size == 0 || held.Checkpoint == "" || held.Size > s.Tree.N {
		return nil
	}
	prefix, err := tlog.TreeHash(held.Size, m.log)
	if err != nil || prefix == held.Hash {
		return err
	}
	consistency, err := tlog.ProveTree(s.Tree.N, held.Size, m.log)
	if err != nil {
		return err
	}
	return &registry.Divergence{
		Kind: registry.Fork, Index: held.Size, Checkpoints: [][]byte{[]byte(held.Checkpoint), s.signed}, Prefix: prefix, Consistency: consistency,
		Err: fmt.Errorf("the tree of size %d has the root %v; this mirror cosigned %v", held.Size, prefix, held.Hash),
	}
}

// evidence makes the plainest of a divergence. Two checkpoints of different
// sizes are a fork by a consistency proof; where the register keeps another one
// of either size, the two of them are one by themselves.
func (m *Mirror) evidence(d *registry.Divergence) *registry.Divergence {
	if d.Kind != registry.Fork || sameSize(d.Checkpoints) {
		return d
	}
	for _, signed := range d.Checkpoints {
		c, err := verify.ParseCheckpoint(signed)
		if err != nil {
			continue
		}
		kept, err := m.config.Register.Checkpoint(m.ctx, c.Tree.N)
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

package registry

import (
	"context"
	"fmt"

	"github.com/safeconduct/safeconduct/verify"
)

// A Version is a replica at one checkpoint that it has reached. It does not
// change, and shares most of what it holds with other versions.
type Version struct{ s *snapshot }

// Size is that of the version's tree.
func (v Version) Size() int64 { return v.s.size }

// Version returns the replica at its newest checkpoint.
func (r *Replica) Version() Version { return Version{r.newest()} }

// Publish shows a version of the replica to readers, under a checkpoint of its
// tree with the signatures that the register has published it with; those of
// unknown keys are left out. It is for a replica whose [ReplicaConfig].Quorate
// shows nothing by itself, and does nothing for a version that is smaller than
// what is shown, or whose checkpoint has no newer cosignature.
func (r *Replica) Publish(ctx context.Context, v Version, checkpoint []byte) error {
	r.write.Lock()
	defer r.write.Unlock()
	if err := r.failed.Load(); err != nil {
		return *err
	}
	c, err := verify.ParseCheckpoint(checkpoint)
	if err != nil {
		return fmt.Errorf("publish size %d of the replica: %w", v.s.size, err)
	}
	if c.Origin != r.origin || c.Tree.N != v.s.size || c.Tree.Hash != v.s.hash {
		return fmt.Errorf("publish size %d of the replica: the checkpoint is of another tree", v.s.size)
	}
	next, shown := *v.s, r.shown()
	if err := r.adopt(&next, checkpoint); err != nil {
		return fmt.Errorf("publish size %d of the replica: %w", v.s.size, err)
	}
	if next.size == 0 || next.size < shown.size || next.size == shown.size && !next.cosigned.After(shown.cosigned) {
		return nil
	}
	if met, err := r.pinned(&next); err != nil || !met {
		return err
	}
	if err := r.log.Keep(ctx, Standing{Checkpoint: next.head(), Quorate: next.size}); err != nil {
		return r.fail(ctx, err)
	}
	if r.newest().size == next.size {
		r.advance(&next)
	}
	r.publish(&next)
	return nil
}

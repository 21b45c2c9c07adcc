package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/safeconduct/safeconduct/verify"
)

// Rebuild derives everything anew from the leaves and signed checkpoints of
// one store into an empty log: hashes, names, histories, map. It heals what
// a [Checkup] calls derived; leaves that are not those signed for end it with an
// error, and have to come from a backup or a mirror. Kept checkpoints that are
// damaged are left out, but the newest has to be whole. What the register knew
// of its cosigners is copied where from is a [Log]. Progress, which may be nil,
// is told each size that is durable.
func Rebuild(ctx context.Context, from Store, to Log, progress func(size int64)) error {
	head, err := from.Head()
	if err != nil {
		return fmt.Errorf("rebuild the log: %w", err)
	}
	if head.Size == 0 {
		return errors.New("rebuild the log: it is empty")
	}
	if err := copyOf(ctx, StoreSource(from), head.Checkpoint, to, ExtendOptions{
		Progress: progress, AllCheckpoints: true, AnyTime: true, lenient: true,
	}); err != nil {
		return fmt.Errorf("rebuild the log: %w", err)
	}
	if old, ok := from.(Log); ok {
		if err := copyCosigners(ctx, old, to); err != nil {
			return fmt.Errorf("rebuild the log: copy what is known of cosigners: %w", err)
		}
	}
	return nil
}

// Restore brings an empty log, or one that an earlier Restore was stopped in,
// to the checkpoint given, with every checkpoint that the source has. The
// checkpoint is taken on the caller's word: what it signs becomes the log.
// Progress, which may be nil, is told each size that is durable.
func Restore(ctx context.Context, src Source, checkpoint []byte, to Log, progress func(size int64)) error {
	err := copyOf(ctx, src, checkpoint, to, ExtendOptions{Progress: progress, AllCheckpoints: true, AnyTime: true})
	if err != nil {
		return fmt.Errorf("restore the log: %w", err)
	}
	return nil
}

func copyOf(ctx context.Context, src Source, checkpoint []byte, to Log, opt ExtendOptions) error {
	c, err := verify.ParseCheckpoint(checkpoint)
	if err != nil {
		return err
	}
	r, err := NewReplica(ReplicaConfig{Log: to, Origin: c.Origin})
	if err != nil {
		return err
	}
	return r.Extend(ctx, src, checkpoint, opt)
}

func copyCosigners(ctx context.Context, from, to Log) error {
	sizes, err := from.Sizes()
	if err != nil {
		return err
	}
	quorate, err := from.Quorate()
	if err != nil {
		return err
	}
	if _, err := to.Checkpoint(quorate); err != nil {
		// Damaged and left out; the cosigners are asked anew.
		quorate = 0
	}
	return to.Keep(ctx, Standing{Quorate: quorate, Sizes: sizes})
}

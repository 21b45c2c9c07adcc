package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// A Source is a log that a replica follows: the tiles of a register, a backup,
// a store. Nothing that it gives is trusted.
type Source interface {
	// Checkpoint returns the signed checkpoint of a size, or [ErrNotFound]
	// where the source has none of that size.
	Checkpoint(ctx context.Context, size int64) ([]byte, error)
	// Leaves yields the leaves from one index up to but without another, in
	// order. It ends after the first error. The replica may keep a leaf.
	Leaves(ctx context.Context, from, to int64) iter.Seq2[[]byte, error]
}

// A ReplicaConfig says what a replica is made of.
type ReplicaConfig struct {
	// Log keeps what is replicated. The caller closes it, after the replica
	// has been used.
	Log Log
	// Origin names the register.
	Origin string
	// Trust is what [Reader.Decide] trusts, and pins a version of the trust
	// root: nothing is published before the log has that version, and another
	// one of its number ends the replica. It may be nil where the checkpoint
	// itself comes from somebody trusted, such as in a restore.
	Trust *verify.Trust
	// Cosigners are verifier keys whose cosignatures are kept beside those of
	// the cosigners that the trust root lists. Lines of others are dropped.
	Cosigners []string
	// Quorate tells whether a checkpoint, with its signatures, may be shown to
	// readers. Nil lets every checkpoint be shown.
	Quorate func(checkpoint []byte) error
	// DecisionSigner is that of [Config].
	DecisionSigner attest.Signer
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// A Replica is a copy of a register's log that was derived anew from its
// leaves: a mirror, a restored backup, an audit. It reads like the register.
// All methods may be called concurrently.
type Replica struct {
	*Reader
	quorate func(checkpoint []byte) error

	// write is held while the log changes.
	write  sync.Mutex
	failed atomic.Pointer[error]
}

// NewReplica starts a replica on what its log holds, with the checks that
// [New] makes.
func NewReplica(c ReplicaConfig) (*Replica, error) {
	if c.Log == nil {
		return nil, errors.New("start the replica: a log is needed")
	}
	if err := attest.Origin(c.Origin); err != nil {
		return nil, fmt.Errorf("start the replica: %w", err)
	}
	r := &Replica{Reader: newReader(c.Log, c.Origin, c.Trust, c.Now), quorate: c.Quorate}
	r.cosigners, r.notary = c.Cosigners, c.DecisionSigner
	if err := r.start(); err != nil {
		return nil, fmt.Errorf("start the replica: %w", err)
	}
	return r, nil
}

func (r *Replica) start() error {
	published := int64(asNewest)
	if r.quorate != nil {
		var err error
		if published, err = r.log.Quorate(); err != nil {
			return err
		}
	}
	if err := r.load(published); err != nil {
		return err
	}
	met, err := r.pinned(r.shown())
	if err == nil && !met {
		r.publish(&snapshot{statuses: emptyMap()})
	}
	return err
}

// Healthy returns nil while the replica can go on and has something to show.
func (r *Replica) Healthy() error {
	if err := r.failed.Load(); err != nil {
		return *err
	}
	return r.Reader.Healthy()
}

// ExtendOptions may be left zero.
type ExtendOptions struct {
	// Progress is told each size that is durable.
	Progress func(size int64)
	// LatestCosigned is the date of the newest cosignature that was given from
	// this replica, of size CosignedSize: a batch behind that size has to be
	// dated after it.
	LatestCosigned time.Time
	CosignedSize   int64
	// Cosigned is the checkpoint of that size with the cosignature, for a
	// [Divergence]; it may be nil.
	Cosigned []byte
	// AllCheckpoints has every checkpoint fetched and kept that the source has,
	// one for each batch; else only those are that a chunk ends with.
	AllCheckpoints bool
	// AnyTime does not hold the times of batches against the clock: what is
	// repeated is old, and the clock may be wrong.
	AnyTime bool
	// lenient passes over kept checkpoints that are damaged.
	lenient bool
}

// Extend brings the replica to a signed checkpoint. It fetches the leaves that
// it lacks, admits each statement anew ([Admit]), derives histories, tags and
// map, and compares every status leaf and, at the end of each chunk, the
// signed root. A chunk is durable before the next is begun, so that a replica
// that was stopped goes on where it was. At its own size, it takes over newer
// cosignatures.
//
// A batch dated up to five minutes ahead of the clock is waited for, as long as
// ctx lasts.
//
// It returns a *[Divergence] where the register has signed what it may not, and
// other errors where that could not be told: the source failed, or what it gave
// is not what was signed ([ErrDamaged], [ErrUnsigned]), or the log does not have
// the pinned trust root. Nobody is accused, and of a chunk nothing is appended,
// before its leaves are those of a signed tree. For some kinds the source has to
// be a [Prover]. Caches give old checkpoints: whoever asks one compares sizes
// with [Reader.Size] before taking a smaller one for a rewind.
func (r *Replica) Extend(ctx context.Context, src Source, checkpoint []byte, opt ExtendOptions) error {
	r.write.Lock()
	defer r.write.Unlock()
	if err := r.failed.Load(); err != nil {
		return *err
	}
	c, err := verify.ParseCheckpoint(checkpoint)
	if err != nil {
		return fmt.Errorf("extend the replica: %w", err)
	}
	if c.Origin != r.origin {
		return fmt.Errorf("extend the replica: the checkpoint is of the log %q; this is a replica of %q", c.Origin, r.origin)
	}
	base := r.newest()
	met, err := r.pinned(base)
	switch {
	case err != nil:
	case !met && base.size > 0 && c.Tree.N <= base.size:
		err = errUnpinned
	case c.Tree.N < base.size:
		err = r.rewound(base, c, checkpoint)
	case c.Tree.N == base.size:
		err = r.again(ctx, base, c, checkpoint)
	default:
		err = r.follow(ctx, src, &target{c, checkpoint}, opt)
	}
	if err != nil {
		return fmt.Errorf("extend the replica from size %d to %d: %w", r.newest().size, c.Tree.N, err)
	}
	return nil
}

// A target is the checkpoint that a replica is brought to.
type target struct {
	verify.Checkpoint
	signed []byte
}

// rewound judges a checkpoint that is smaller than the replica.
func (r *Replica) rewound(base *snapshot, c verify.Checkpoint, checkpoint []byte) error {
	if err := signedBy(checkpoint, rootBefore(base.roots, max(c.Tree.N, 1))); err != nil {
		return err
	}
	x := &Divergence{Kind: Rewind, Index: c.Tree.N, Checkpoints: [][]byte{base.checkpoint, checkpoint},
		Err: fmt.Errorf("the register shows the size %d; it had %d before", c.Tree.N, base.size)}
	hash, err := tlog.TreeHash(c.Tree.N, r.log)
	if err != nil {
		return err
	}
	if hash == c.Tree.Hash {
		return x
	}
	x.Kind = Fork
	x.Err = fmt.Errorf("the register has signed the root %v for size %d; here that tree has the root %v", c.Tree.Hash, c.Tree.N, hash)
	if ours, err := r.log.Checkpoint(c.Tree.N); err == nil {
		x.Checkpoints[0] = ours
		return x
	}
	if x.Prefix, x.Consistency, err = proveBeginning(tlog.Tree{N: base.size, Hash: base.hash}, c.Tree.N, r.log); err != nil {
		return err
	}
	return x
}

// again judges a checkpoint of the replica's own size, and takes over its
// cosignatures where they are newer.
func (r *Replica) again(ctx context.Context, base *snapshot, c verify.Checkpoint, checkpoint []byte) error {
	if base.size == 0 {
		return nil
	}
	if c.Tree.Hash != base.hash {
		if err := signedBy(checkpoint, base.root()); err != nil {
			return err
		}
		return &Divergence{Kind: Fork, Index: base.size, Checkpoints: [][]byte{base.checkpoint, checkpoint},
			Err: fmt.Errorf("the register has signed the root %v for size %d, and %v before", c.Tree.Hash, base.size, base.hash)}
	}
	next := *base
	if err := r.adopt(&next, checkpoint); err != nil {
		return err
	}
	if bytes.Equal(next.checkpoint, base.checkpoint) || next.cosigned.Before(base.cosigned) {
		return r.show(ctx, base)
	}
	if r.quorate != nil && r.quorate(next.checkpoint) != nil && r.quorate(base.checkpoint) == nil {
		return nil
	}
	if err := r.log.Keep(ctx, Standing{Checkpoint: next.head()}); err != nil {
		return r.fail(ctx, err)
	}
	r.advance(&next)
	return r.show(ctx, &next)
}

// adopt gives a snapshot its checkpoint, with the signatures of the log keys in
// force and of known cosigners alone.
func (r *Reader) adopt(s *snapshot, checkpoint []byte) error {
	root := s.root()
	signed, err := logSigned(checkpoint, root)
	if err != nil {
		return fmt.Errorf("the checkpoint of size %d: %w", s.size, err)
	}
	cosigners := r.cosignerKeys(root)
	n, err := note.Open(checkpoint, note.VerifierList(append(logKeys(root), cosigners...)...))
	if err != nil {
		return fmt.Errorf("the cosignatures of the checkpoint of size %d: %w", s.size, err)
	}
	s.signed, s.checkpoint, s.cosigned = signed, noteOf(n), lastCosigned(n, cosigners)
	return nil
}

// signedBy returns an error where no log key of the root has signed: then the
// register has not said it.
func signedBy(checkpoint []byte, root *attest.TrustRoot) error {
	if root == nil {
		return errors.New("no trust root is known that lists the keys which sign such a checkpoint")
	}
	_, err := logSigned(checkpoint, root)
	return err
}

// show publishes a durable snapshot where it may be shown.
func (r *Replica) show(ctx context.Context, s *snapshot) error {
	met, err := r.pinned(s)
	if err != nil || !met {
		return err
	}
	if r.quorate != nil {
		if r.quorate(s.checkpoint) != nil {
			return nil //nolint:nilerr // it waits for its cosignatures
		}
		if err := r.log.Keep(ctx, Standing{Quorate: s.size}); err != nil {
			return r.fail(ctx, err)
		}
	}
	r.publish(s)
	return nil
}

// fail ends the replica after a storage error, unless nothing was tried: what
// the log holds is then unknown.
func (r *Replica) fail(ctx context.Context, cause error) error {
	if errors.Is(cause, ErrFull) || ctx.Err() != nil && errors.Is(cause, ctx.Err()) {
		return cause
	}
	err := fmt.Errorf("storage has failed; open the replica again: %w", cause)
	r.failed.CompareAndSwap(nil, &err)
	return err
}

// follow fetches what is missing, batch by batch, and appends it in chunks. A
// log that has not shown whose it is accuses nobody.
func (r *Replica) follow(ctx context.Context, src Source, to *target, opt ExtendOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	base := r.newest()
	x := &extension{r: r, src: src, to: to, opt: opt}
	x.clock = almanac{cosigned: opt.LatestCosigned, cosignedSize: opt.CosignedSize, cosignedNote: opt.Cosigned, now: r.now}
	if opt.AnyTime {
		x.clock.now = nil
	}
	err := x.receive(ctx, base)
	if d, ok := errors.AsType[*Divergence](err); ok && !x.met {
		return fmt.Errorf("%w: %w", errUnpinned, d.Err)
	}
	return err
}

// receive is follow for an extension.
func (x *extension) receive(ctx context.Context, base *snapshot) error {
	to := x.to
	leaves := func(ctx context.Context) iter.Seq2[[]byte, error] { return x.src.Leaves(ctx, base.size, to.Tree.N) }
	for b, err := range receive(ctx, leaves, base.size, base.root()) {
		if err != nil {
			return x.accuse(ctx, b, err)
		}
		if b.size() > to.Tree.N {
			return fmt.Errorf("the source has given leaves beyond size %d", to.Tree.N)
		}
		for !fits(x.queue, b) {
			if err := x.append(ctx); err != nil {
				return err
			}
		}
		x.queue = append(x.queue, b)
	}
	for len(x.queue) > 0 {
		if err := x.append(ctx); err != nil {
			return err
		}
	}
	if size := x.r.newest().size; size != to.Tree.N {
		return fmt.Errorf("the source's leaves end at size %d", size)
	}
	return nil
}

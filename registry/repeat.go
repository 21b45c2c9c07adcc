package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// An almanac is what the times of batches are held against.
type almanac struct {
	// now is the clock; nil for none.
	now func() time.Time
	// cosigned is the replica's own latest cosignature, of the size given.
	cosigned     time.Time
	cosignedSize int64
	// cosignedNote is the checkpoint with that cosignature.
	cosignedNote []byte
}

// repeat does again what the register did when it made a batch: it admits
// its statements, derives, and closes it; and it compares the status leaf. It
// returns a *[Divergence] without checkpoints where the register did
// otherwise, or why it could not be told.
func (d *draft) repeat(ctx context.Context, b *received, clock almanac) error {
	index := b.size() - 1
	diverges := func(kind DivergenceKind, at int64, err error) *Divergence {
		x := &Divergence{Kind: kind, Index: at, StatusLeaf: b.status, StatusIndex: index, Err: err}
		if at < index {
			x.Statement = b.statements[at-b.start].raw
		}
		return x
	}
	status, err := verify.ParseStatusLeaf(b.status)
	switch {
	case err != nil:
		return diverges(Misformed, index, err)
	case status.Index != index:
		return diverges(Misformed, index, fmt.Errorf("the status leaf says that it stands at %d", status.Index))
	case status.Previous != b.start-1:
		return diverges(Misformed, index, fmt.Errorf("the status leaf says that the one before stands at %d; it stands at %d", status.Previous, b.start-1))
	case len(b.statements) == 0:
		return diverges(Misformed, index, errors.New("the status leaf closes a batch without statements"))
	}
	if err := clock.check(ctx, status.Time, d, b.size()); err != nil {
		if x, ok := errors.AsType[*untimely](err); ok {
			wrong := diverges(x.kind, index, err)
			wrong.Previous, wrong.Cosigned = x.previous, x.cosigned
			return wrong
		}
		return err
	}
	d.begin(status.Time)
	for i := range b.statements {
		l := &b.statements[i]
		if err := d.readmit(l); err != nil {
			if _, refused := errors.AsType[*attest.Refusal](err); refused {
				return diverges(Inadmissible, b.start+int64(i), fmt.Errorf("the statement may not be logged: %w", err))
			}
			return fmt.Errorf("admit the statement at index %d: %w", b.start+int64(i), err)
		}
	}
	before := d.statuses
	entries := d.entries[d.entered:]
	if leaf := d.close(); !bytes.Equal(leaf, b.status) {
		if at, subject, ok := omitted(before, entries, status.MapRoot); ok {
			return diverges(Dropped, at, fmt.Errorf("the statement is not in the history of %s that the status leaf %d commits to", subject, index))
		}
		return diverges(FalseMap, index, fmt.Errorf("the status leaf has the map root %x; what is logged gives %x", status.MapRoot, d.statuses.Root()))
	}
	return nil
}

// lastStatus is the status leaf of the last closed batch, nil for none.
func (d *draft) lastStatus() []byte {
	if d.closed > 0 {
		return d.status
	}
	return d.base.status
}

// last is the time of the last closed batch, zero for none.
func (d *draft) last() time.Time {
	if d.closed > 0 {
		return d.closedAt
	}
	return d.base.at
}

// readmit takes a received statement into the open batch as the register must
// have: by admission with the trust root in force.
func (d *draft) readmit(l *receivedLeaf) error {
	root := d.Root()
	if l.parsed == nil {
		return l.err
	}
	if l.root != root {
		l.opened, l.err = open(l.parsed, l.raw, root)
	}
	if l.err != nil {
		return l.err
	}
	if t := l.opened.TrustRoot(); t != nil && t.Root().Aud != d.r.origin {
		return attest.Refuse(attest.Forbidden, attest.Problems{{Pointer: "/aud", Message: fmt.Sprintf("is addressed to the register %q; this one is %q", t.Root().Aud, d.r.origin)}})
	}
	if err := unused(d, l.opened); err != nil {
		return err
	}
	if err := admit(d, l.opened, d.at); err != nil {
		return err
	}
	return d.add(l.opened, l.hash)
}

// untimely is a batch's time that may not be.
type untimely struct {
	kind DivergenceKind
	text string
	// previous and cosigned are the status leaf or the cosigned checkpoint that
	// the batch is not dated after.
	previous, cosigned []byte
}

func (u *untimely) Error() string { return u.text }

// pollClock is how often a clock is looked at that a batch is ahead of.
const pollClock = 200 * time.Millisecond

// check holds the time of a draft's next batch, which closes the tree of that
// size, against the batch before, the replica's own cosignature and the clock.
// It waits until the clock has come to it where that is within five minutes.
func (a almanac) check(ctx context.Context, at time.Time, d *draft, size int64) error {
	last := d.last()
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
	if !at.After(last) {
		return &untimely{kind: Backdated, previous: d.lastStatus(), text: fmt.Sprintf("the batch is dated %s, not after the one before it, %s", stamp(at), stamp(last))}
	}
	if size > a.cosignedSize && !a.cosigned.IsZero() && !at.After(a.cosigned) {
		return &untimely{kind: Backdated, cosigned: a.cosignedNote, text: fmt.Sprintf("the batch is dated %s, not after %s, when size %d was cosigned here", stamp(at), stamp(a.cosigned), a.cosignedSize)}
	}
	if a.now == nil {
		return nil
	}
	for {
		now := a.now()
		ahead := at.Sub(now)
		if ahead <= 0 {
			return nil
		}
		if ahead > maxAhead {
			return &untimely{kind: Postdated, text: fmt.Sprintf("the batch is dated %s, more than 5 minutes ahead of the clock, %s", stamp(at), stamp(now))}
		}
		wait := time.NewTimer(min(ahead, pollClock))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return fmt.Errorf("wait for the time of a batch, %s: %w", stamp(at), ctx.Err())
		}
	}
}

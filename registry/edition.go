package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// An Edition is the register at one published checkpoint, which it stays at
// whatever is logged meanwhile: for whoever asks many questions that are to
// agree with each other. [Reader.Edition] gives the newest. All methods may be
// called concurrently.
//
// Its evidence does not get fresher: who keeps an edition for longer than the
// trust accepts is told so by every decision.
type Edition struct {
	r *Reader
	s *snapshot

	exhibits exhibits
}

// Edition returns the edition that evidence is given at now, see
// [Reader.Evidence], with the errors of that.
func (r *Reader) Edition(ctx context.Context) (*Edition, error) {
	s, err := r.exhibitable(ctx)
	if err != nil {
		return nil, err
	}
	return &Edition{r: r, s: s}, nil
}

// Published returns the edition of the published checkpoint as it stands, or
// ErrNoRoot where none is published. Unlike [Reader.Edition] it has nothing
// cosigned anew: it is for what is shown, and proves nothing.
func (r *Reader) Published() (*Edition, error) {
	if s := r.shown(); s.size > 0 {
		return &Edition{r: r, s: s}, nil
	}
	return nil, ErrNoRoot
}

// Checkpoint returns the checkpoint with its cosignatures. The caller does not
// change it.
func (e *Edition) Checkpoint() []byte { return e.s.checkpoint }

// Signatures returns what the signature lines of the checkpoint are worth by the
// trust root in force, see [verify.SignatureLines].
func (e *Edition) Signatures() ([]verify.SignatureLine, error) {
	return verify.SignatureLines(e.s.checkpoint, e.s.root().Root())
}

// Prove returns the inclusion proof of what stands at a log index, in the tree of
// the checkpoint, or [ErrNotFound].
func (e *Edition) Prove(index int64) (tlog.RecordProof, error) {
	if index < 0 || index >= e.s.size {
		return nil, fmt.Errorf("prove index %d: %w", index, ErrNotFound)
	}
	proof, err := tlog.ProveRecord(e.s.size, index, e.r.log)
	if err != nil {
		return nil, fmt.Errorf("prove index %d: %w", index, err)
	}
	return proof, nil
}

// Size returns the number of leaves that the checkpoint covers.
func (e *Edition) Size() int64 { return e.s.size }

// Time returns when the last of them were logged.
func (e *Edition) Time() time.Time { return e.s.at }

// Decide is [Reader.Decide] at this edition. Of requests that have the same
// evidence only the first costs its verification.
func (e *Edition) Decide(ctx context.Context, req *policy.Request, at policy.Times) (*policy.Decision, []byte, error) {
	q, err := policy.Ask(req)
	if err != nil {
		return nil, nil, fmt.Errorf("decide: %w", err)
	}
	o, err := e.exhibits.exhibit(ctx, e.r, e.s, req, q, at, false)
	if err != nil {
		return nil, nil, err
	}
	d, err := o.Decide(q, at, e.r.screening...)
	if err != nil {
		return nil, nil, err
	}
	return d, o.Bytes(), nil
}

// History returns the statements about a subject that were logged by known, in
// log order, and what each comes to at the legal time at, as
// [policy.Histories.History] does; zero times ask for all, and for nothing. It
// returns [ErrNotFound] where there is none at all, a refusal of class
// [attest.Invalid] for what is no subject, and [verify.ErrTooLarge] where more
// is logged of it, and of what it depends on, than evidence may hold.
func (e *Edition) History(ctx context.Context, subject string, known, at time.Time) ([]policy.Recorded, error) {
	if err := attest.CheckSubject(subject); err != nil {
		return nil, fmt.Errorf("read a history: %w", attest.Refuse(attest.Invalid, err))
	}
	if !e.s.has(subject) {
		return nil, fmt.Errorf("read the history of %s: %w", subject, ErrNotFound)
	}
	return e.NewReading().History(ctx, subject, known, at)
}

// Statement returns what an issuer has said under a jti, without what it comes to,
// or [ErrNotFound].
func (e *Edition) Statement(ctx context.Context, iss, jti string) (policy.Recorded, error) {
	l, err := e.r.named(ctx, e.s, iss, jti)
	if err != nil {
		return policy.Recorded{}, err
	}
	return e.s.recorded(l), nil
}

// recorded says by the trust root of a snapshot which signatures count (RULES R20).
func (s *snapshot) recorded(l Logged) policy.Recorded {
	root := s.root()
	return policy.Recorded{
		Index: l.Index, Time: l.Time, Statement: l.Statement,
		Void: root.Voids(l.Statement, l.Index), Disregarded: root.Disregards(l.Statement, l.Index),
	}
}

// Subjects returns those of an entity: its own, and one for each authority that
// ever was said to approve it, ascending, as far as anything is logged of them;
// none for an entity that is not in the log.
func (e *Edition) Subjects(entity string) ([]string, error) {
	subjects, err := e.r.ofEntity(e.s, entity)
	if err != nil {
		return nil, fmt.Errorf("list the subjects of %s: %w", entity, err)
	}
	if !e.s.has(subjects[0]) {
		subjects = subjects[1:]
	}
	return subjects, nil
}

// A Reading reads the histories of an edition, what several of them need only
// once, and no more in all than evidence may hold. It is used by one goroutine.
type Reading struct {
	e    *Edition
	room *allowance
	set  *proven.Set
	// read is of the subjects in set; nil where one was added since.
	read *policy.Histories
}

// NewReading begins one.
func (e *Edition) NewReading() *Reading {
	// All that is in the log by then was logged by then.
	return &Reading{e: e, room: newAllowance(true), set: &proven.Set{Origin: e.r.origin, Size: e.s.size, Fresh: e.s.at}}
}

// History is [Edition.History], but of a subject without statements it returns
// none.
func (r *Reading) History(ctx context.Context, subject string, known, at time.Time) ([]policy.Recorded, error) {
	return readWith(ctx, r, subject, func(h *policy.Histories) ([]policy.Recorded, error) { return h.History(subject, known, at) })
}

// Moments returns when the statements about a subject may come to something else, by
// what was logged by known, as [policy.Histories.Moments] does; none for a subject
// without statements. It has the errors of [Reading.History].
func (r *Reading) Moments(ctx context.Context, subject string, known time.Time) ([]time.Time, error) {
	return readWith(ctx, r, subject, func(h *policy.Histories) ([]time.Time, error) { return h.Moments(subject, known) })
}

// readWith reads what a subject's history comes to.
func readWith[T any](ctx context.Context, r *Reading, subject string, read func(*policy.Histories) ([]T, error)) ([]T, error) {
	for _, s := range []string{attest.RootSubject, subject} {
		if err := r.prove(ctx, s); err != nil {
			return nil, fmt.Errorf("read the history of %s: %w", subject, err)
		}
	}
	for {
		if r.read == nil {
			r.read = policy.Read(r.set)
		}
		found, err := read(r.read)
		missing, ok := errors.AsType[*policy.Unproven](err)
		if !ok {
			return found, err
		}
		// What a statement comes to depends on another history. Each is proven once,
		// and the allowance ends it.
		if err := r.prove(ctx, missing.Subject); err != nil {
			return nil, fmt.Errorf("read the history of %s: %w", subject, err)
		}
	}
}

func (r *Reading) prove(ctx context.Context, subject string) error {
	if _, ok := r.set.History(subject); ok {
		return nil
	}
	entries, err := r.e.r.within(ctx, r.e.s, subject, r.room)
	if err != nil {
		return err
	}
	// Whoever has read the set before reads it again.
	r.set.Prove(subject, entries)
	r.read = nil
	return nil
}

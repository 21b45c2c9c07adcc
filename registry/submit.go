package registry

import (
	"bytes"
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
)

// A submission is a statement on its way through the sequencer.
type submission struct {
	statement *attest.Statement
	// hash is that of its leaf.
	hash tlog.Hash
	// lookedUp is the size of the log in which its name was not found.
	lookedUp int64
	// root is what it was opened with; first says that it is the first root.
	root  *attest.TrustRoot
	first bool
	// together says that where it is refused, the whole batch is.
	together bool
	ctx      context.Context
	answer   chan answer
}

// An answer is a place and the batch that it is in, or why there is none.
// Without the batch, the place is one of an earlier batch.
type answer struct {
	place Place
	batch *batched
	err   error
}

// batched is a batch that is durable: the snapshot at its end, and the tree,
// which has the proofs of its leaves.
type batched struct {
	*snapshot
	tree *growth
}

// Submit has a statement logged and returns its receipt when that is durable.
// A statement that is logged already, or has the same issuer, jti and payload
// as one that is, gets that one's receipt.
//
// It returns a *[attest.Refusal] for what may not be logged, ErrOverloaded,
// ErrReadOnly, ErrNoRoot, ErrSigner, ErrClock or ErrClosed, or ctx's error; after the
// latter the statement may be logged all the same, and submitting it again
// tells.
func (r *Registry) Submit(ctx context.Context, statement []byte) (Receipt, error) {
	// Asked before anything is read: a register that has no room must not spend
	// itself on those who try again, nor on what it then has no room for.
	release, err := r.room()
	if err != nil {
		return Receipt{}, err
	}
	defer release()
	u, err := attest.Parse(statement)
	if err != nil {
		return Receipt{}, err
	}
	head := u.ClaimsUnsafe().Head()
	s := r.newest()
	if s.size == 0 {
		return Receipt{}, ErrNoRoot
	}
	place, logged, err := r.log.Find(head.Iss, head.JTI)
	if err != nil {
		return Receipt{}, err
	}
	// After a write that failed, or before one has succeeded, the log may show
	// a batch that is not durable: that is for the sequencer to tell.
	logged = logged && place.Size <= r.newest().size
	hash := tlog.RecordHash(statement)
	if logged && place.LeafHash == hash {
		return r.receipt(answer{place: place})
	}
	root := s.root()
	if u.ClaimsUnsafe().Kind().ChangesTrust() && logged {
		// A root that is logged is signed by its predecessor's officers, and a key
		// that is frozen may have signed the freeze.
		root = rootBefore(r.newest().roots, place.Index)
	}
	st, err := open(u, statement, root)
	if err != nil {
		return Receipt{}, err
	}
	if logged {
		if err := r.samePayload(place, statement); err != nil {
			return Receipt{}, err
		}
		return r.receipt(answer{place: place})
	}
	return r.enqueue(ctx, &submission{statement: st, hash: hash, lookedUp: s.size, root: root})
}

// open opens a statement; only the first root has none to be opened with.
func open(u *attest.Unopened, statement []byte, root *attest.TrustRoot) (*attest.Statement, error) {
	if u.ClaimsUnsafe().Kind().ChangesTrust() {
		return attest.OpenRoot(statement, root)
	}
	return u.Open(root)
}

// samePayload refuses a statement whose payload is not that of the one logged
// under its name.
func (r *Registry) samePayload(place Place, statement []byte) error {
	leaf, err := r.leaf(place.Index)
	if err != nil {
		return err
	}
	return samePayload(leaf, place.Index, statement)
}

func samePayload(logged []byte, index int64, statement []byte) error {
	if bytes.Equal(payload(logged), payload(statement)) {
		return nil
	}
	return attest.Refuse(attest.Conflict, attest.Problems{{
		Pointer: "/jti",
		Message: fmt.Sprintf("is taken by another statement of this issuer, at log index %d; what says something else has another jti", index),
	}})
}

// payload returns the payload segment of a statement, which all its lines have
// in common.
func payload(statement []byte) []byte {
	_, rest, _ := bytes.Cut(statement, []byte("."))
	segment, _, _ := bytes.Cut(rest, []byte("."))
	return segment
}

// enqueue gives a submission to the sequencer and waits for its answer.
func (r *Registry) enqueue(ctx context.Context, s *submission) (Receipt, error) {
	if err := r.publisher.ready(ctx); err != nil {
		return Receipt{}, err
	}
	s.ctx, s.answer = ctx, make(chan answer, 1)
	if err := r.offer(s); err != nil {
		return Receipt{}, err
	}
	select {
	case a := <-s.answer:
		return r.receipt(a)
	case <-ctx.Done():
		return Receipt{}, fmt.Errorf("wait for the statement to be logged: %w", ctx.Err())
	}
}

// room takes one of the places for statements on their way, until it is
// released.
func (r *Registry) room() (release func(), err error) {
	select {
	case r.places <- struct{}{}:
		return func() { <-r.places }, nil
	default:
		return nil, ErrOverloaded
	}
}

func (r *Registry) offer(s *submission) error {
	r.intake.RLock()
	defer r.intake.RUnlock()
	if err := r.failed.Load(); err != nil {
		return *err
	}
	if r.closed {
		return ErrClosed
	}
	select {
	case r.queue <- s:
		return nil
	default:
		return ErrOverloaded
	}
}

// receipt makes the receipt of an answer: for a batch that is just durable of
// what is in memory, else of what is stored, which is the same.
func (r *Registry) receipt(a answer) (Receipt, error) {
	if a.err != nil {
		return Receipt{}, a.err
	}
	if a.batch == nil {
		return r.receiptAt(a.place)
	}
	b := a.batch
	receipt := Receipt{Index: a.place.Index, Time: b.at, LeafHash: a.place.LeafHash, Size: b.size, Checkpoint: b.signed}
	return receipt, receipt.prove(b.tree)
}

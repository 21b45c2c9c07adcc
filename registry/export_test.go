package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// Waiting returns how many statements wait for the sequencer.
func (r *Registry) Waiting() int { return len(r.queue) }

// A Roster has the names of the statements logged lately.
type Roster = roster

// RosterSize is how many names one half of it has at least.
const RosterSize = rosterSize

// NewRoster returns that of a log of that size.
func NewRoster(size int64) *Roster { return newRoster(size) }

// Add takes the names of a batch.
func (r *Roster) Add(start int64, names []Named) { r.add(start, names) }

// Find returns where a name leads that was not in the log of that size.
func (r *Roster) Find(iss, jti string, size int64) (place Place, ok, sure bool) {
	return r.find(iss, jti, size)
}

// Pretend has the published status map count so many statements of a subject.
func (r *Reader) Pretend(subject string, count int64) {
	s := *r.shown()
	s.statuses = s.statuses.Set(func(yield func([32]byte, []byte) bool) {
		yield(verify.MapKey(subject), verify.MapValue{Count: count}.Bytes())
	})
	r.publish(&s)
	r.advance(&s)
}

// History returns the whole history of a subject at the published checkpoint.
func (r *Reader) History(ctx context.Context, subject string) ([]Logged, error) {
	s := r.shown()
	h, err := r.entries(ctx, s, subject)
	if err != nil {
		return nil, err
	}
	return r.logged(ctx, s, h)
}

// Receipt returns the receipt of the statement at a log index, as whoever
// submits it again gets it; ErrNotFound where there is none.
func (r *Reader) Receipt(ctx context.Context, index int64) (Receipt, error) {
	if err := ctx.Err(); err != nil {
		return Receipt{}, err
	}
	leaf, err := r.Leaf(index)
	if err != nil {
		return Receipt{}, err
	}
	if verify.IsStatusLeaf(leaf) {
		return Receipt{}, fmt.Errorf("statement %d: a status leaf stands there: %w", index, ErrNotFound)
	}
	st, err := attest.Parse(leaf)
	if err != nil {
		return Receipt{}, damaged(index, err)
	}
	head := st.ClaimsUnsafe().Head()
	place, ok, err := r.log.Find(head.Iss, head.JTI)
	if err != nil {
		return Receipt{}, err
	}
	if !ok || place.Index != index {
		return Receipt{}, damaged(index, errors.New("its name leads elsewhere"))
	}
	return r.receiptAt(place)
}

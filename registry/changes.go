package registry

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// A Change says what a statement is about, and who made it, for those who
// follow the log. What it does to a decision, only its subjects' histories say.
type Change struct {
	// Index is the statement's log index, Time when it was logged.
	Index int64
	Time  time.Time
	// Kind, Issuer and JTI name the statement.
	Kind   attest.Kind
	Issuer string
	JTI    string
	// Subjects are all in whose histories it stands, its own first.
	Subjects []string
}

// Changes returns the statements from a log index on, most of them at most, in
// log order, as far as the published checkpoint goes, and what to go on from:
// next is that checkpoint's size where there are no others, and since where
// since is beyond it. They are read and not verified, which admission did.
func (r *Reader) Changes(ctx context.Context, since int64, most int) (changes []Change, next, size int64, err error) {
	s := r.shown()
	if since >= s.size || most <= 0 {
		return nil, since, s.size, nil
	}
	next = since
	// dated is how many of the changes have their time.
	dated := 0
	for leaf, err := range r.log.Leaves(since) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, 0, 0, fmt.Errorf("read what was logged since %d: %w", since, err)
		}
		if len(changes) == most && !verify.IsStatusLeaf(leaf) {
			break
		}
		if !verify.IsStatusLeaf(leaf) {
			c, err := changeAt(next, leaf)
			if err != nil {
				return nil, 0, 0, err
			}
			changes = append(changes, c)
		} else if dated, err = date(changes, dated, leaf); err != nil {
			return nil, 0, 0, damaged(next, err)
		}
		if next++; next == s.size {
			return changes, next, s.size, nil
		}
	}
	// The page ends within a batch.
	if dated < len(changes) {
		last := changes[len(changes)-1]
		at, err := r.timeOf(last.Issuer, last.JTI, last.Index)
		if err != nil {
			return nil, 0, 0, err
		}
		for ; dated < len(changes); dated++ {
			changes[dated].Time = at
		}
	}
	return changes, next, s.size, nil
}

// date gives the changes from one on the time of the status leaf behind them.
func date(changes []Change, from int, leaf []byte) (dated int, err error) {
	status, err := verify.ParseStatusLeaf(leaf)
	if err != nil {
		return from, err
	}
	for i := range changes[from:] {
		changes[from+i].Time = status.Time
	}
	return len(changes), nil
}

func changeAt(index int64, leaf []byte) (Change, error) {
	st, err := attest.Parse(leaf)
	if err != nil {
		return Change{}, damaged(index, err)
	}
	c := st.ClaimsUnsafe()
	h := c.Head()
	return Change{Index: index, Kind: c.Kind(), Issuer: h.Iss, JTI: h.JTI, Subjects: c.Subjects()}, nil
}

// timeOf is when a statement was logged.
func (r *Reader) timeOf(iss, jti string, index int64) (time.Time, error) {
	status, err := r.closing(iss, jti, index)
	return status.Time, err
}

// closing is the status leaf that closes the batch of the statement at an index.
func (r *Reader) closing(iss, jti string, index int64) (verify.StatusLeaf, error) {
	place, ok, err := r.log.Find(iss, jti)
	if err != nil {
		return verify.StatusLeaf{}, err
	}
	if !ok || place.Index != index {
		return verify.StatusLeaf{}, damaged(index, fmt.Errorf("%s of %s is not found there", jti, iss))
	}
	return r.statusAt(place.Size - 1)
}

// batchOf is the status leaf that closes the batch of what stands at an index.
func (r *Reader) batchOf(index int64, leaf []byte) (verify.StatusLeaf, error) {
	if verify.IsStatusLeaf(leaf) {
		return r.statusAt(index)
	}
	c, err := changeAt(index, leaf)
	if err != nil {
		return verify.StatusLeaf{}, err
	}
	return r.closing(c.Issuer, c.JTI, index)
}

// statusAt is the status leaf that stands at an index.
func (r *Reader) statusAt(index int64) (verify.StatusLeaf, error) {
	leaf, err := r.leaf(index)
	if err != nil {
		return verify.StatusLeaf{}, err
	}
	status, err := verify.ParseStatusLeaf(leaf)
	if err != nil {
		return verify.StatusLeaf{}, damaged(index, err)
	}
	return status, nil
}

// Await returns nil once a checkpoint is published that is larger than size, and
// ctx's error where that comes first.
func (r *Reader) Await(ctx context.Context, size int64) error {
	for {
		turned := r.turned.wait()
		if r.shown().size > size {
			return nil
		}
		select {
		case <-turned:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A turnstile lets all go on that wait, each time that it turns. The zero
// turnstile is ready.
type turnstile struct {
	mu   sync.Mutex
	next chan struct{}
}

// wait returns what is closed at the next turn.
func (t *turnstile) wait() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == nil {
		t.next = make(chan struct{})
	}
	return t.next
}

func (t *turnstile) turn() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next != nil {
		close(t.next)
		t.next = nil
	}
}

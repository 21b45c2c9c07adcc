package verify

import (
	"errors"
	"fmt"
	"time"

	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/screening"
)

// Opened is evidence that was checked and stands: to decide on it again costs
// microseconds. It is for whoever holds evidence and is asked often, such as the
// gate of a data room. The zero Opened decides nothing.
type Opened struct {
	in        *inspection
	set       *proven.Set
	histories *policy.Histories
}

// Open checks the evidence as [Decide] does, as of checkedAt. Evidence that does
// not stand gives an *[Error].
func Open(evidence []byte, t *Trust, checkedAt time.Time) (*Opened, error) {
	in, err := inspect(evidence, t, checkedAt)
	if err != nil {
		return nil, err
	}
	set := in.set()
	return &Opened{in, set, policy.Read(set)}, nil
}

// Decide decides a question on the evidence, as the function [Decide] does. A
// question that is asked before the evidence was opened is refused: whether a
// cosignature was of the future then has not been looked at. One that is asked
// later goes by the cosignatures that counted at the opening, which never makes
// the evidence fresher than it is.
func (e *Opened) Decide(q *policy.Question, at policy.Times, lists ...*screening.List) (*policy.Decision, error) {
	return e.ask((*policy.Histories).Decide, q, at, lists)
}

// Explain is like [Opened.Decide], with an explanation in the decision.
func (e *Opened) Explain(q *policy.Question, at policy.Times, lists ...*screening.List) (*policy.Decision, error) {
	return e.ask((*policy.Histories).Explain, q, at, lists)
}

func (e *Opened) ask(
	by func(*policy.Histories, *policy.Question, policy.Times, ...*screening.List) (*policy.Decision, error),
	q *policy.Question, at policy.Times, lists []*screening.List,
) (*policy.Decision, error) {
	if e == nil || e.in == nil {
		return nil, errors.New("decide: there is no opened evidence")
	}
	if at.CheckedAt.Before(e.in.checkedAt) {
		return nil, fmt.Errorf("decide: checked_at is %v, before the evidence was opened as of %v; open it as of then", at.CheckedAt, e.in.checkedAt)
	}
	d, err := by(e.histories, q, at, lists...)
	var missing *policy.Unproven
	if errors.As(err, &missing) {
		// No silent "nothing known": that a subject has no statements is proven like
		// everything else.
		return nil, &Error{StepHistory, fmt.Errorf("the history of %s, which the decision touches, %w; ask the register for evidence of this very request", missing.Subject, ErrNotShown)}
	}
	return d, err
}

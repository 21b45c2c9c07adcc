// Package policy decides: it folds the histories of subjects into the state of
// approvals, and answers whether an act may go ahead with PERMIT, REFER or
// DENY and every reason that applies.
//
// [Decide] is a pure function of a request, proven histories and three times.
// It takes no clock, context or network, so that the register and everybody
// who holds evidence get the same answer to the byte. Proven histories come
// from package verify or from the registry, never from elsewhere; whoever
// wants a decision calls verify.Decide.
//
// [Touched] names the subjects that a decision needs. The rules R1 to R20 that
// comments cite are those of the decision rules in docs/rules.md.
package policy

import (
	"fmt"
	"time"

	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/screening"
)

// Times are the three times of a decision.
type Times struct {
	// EffectiveAt is the legal time of the act.
	EffectiveAt time.Time
	// KnownAt: what the register had logged by then counts.
	KnownAt time.Time
	// CheckedAt is when the question is asked.
	CheckedAt time.Time
}

// Decide decides the request on the proven histories. It returns an error,
// and no decision, where a history that the decision touches is not in the
// set, a time is missing, or the request says what [ParseRequest] refuses
// ([attest.Problems]); its own times are not read.
//
// Lists are what the parties are screened against (R15). Whoever has many
// questions to the same histories reads them once ([Read]).
func Decide(req *Request, set *proven.Set, at Times, lists ...*screening.List) (*Decision, error) {
	return decide((*Histories).Decide, req, set, at, lists)
}

// Explain is like [Decide], with an explanation in the decision.
func Explain(req *Request, set *proven.Set, at Times, lists ...*screening.List) (*Decision, error) {
	return decide((*Histories).Explain, req, set, at, lists)
}

type decider func(*Histories, *Question, Times, ...*screening.List) (*Decision, error)

func decide(by decider, req *Request, set *proven.Set, at Times, lists []*screening.List) (*Decision, error) {
	q, err := Ask(req)
	if err != nil {
		return nil, fmt.Errorf("decide: %w", err)
	}
	return by(Read(set), q, at, lists...)
}

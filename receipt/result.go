package receipt

import (
	"errors"
	"slices"

	"github.com/safeconduct/safeconduct/verify"
)

// An Outcome is what became of a step. The zero Outcome is none.
type Outcome string

// The outcomes.
const (
	Passed Outcome = "passed"
	Failed Outcome = "failed"
	// Unchecked: what the step needs was not given, or a step before it has failed.
	Unchecked Outcome = "unchecked"
)

// A Step is one step of [Verify].
type Step struct {
	// Name is one of the Step constants.
	Name    string  `json:"step"`
	Outcome Outcome `json:"outcome"`
	// Why says why it has not passed.
	Why string `json:"why,omitzero"`

	err error
}

// A Result says what was verified of a receipt and what was not. The zero Result
// verifies nothing.
type Result struct {
	// Steps are all of them, in order.
	Steps []Step
	// Receipt is what the receipt says, nil unless a listed key has signed it. That
	// the rest stands, only [Result.Holds] tells.
	Receipt *Receipt
	// Kid is the id of that key.
	Kid string
	// Evidence is what the evidence proves, nil where it does not stand.
	Evidence *verify.Report
	// Differs are JSON pointers into the decision: the first of what came out
	// otherwise when it was decided again.
	Differs []string
	// Reworded are those of sentences that this release puts otherwise than the one
	// that decided; they stand as they were signed, and what they say has been decided
	// again.
	Reworded []string

	replayed bool
}

// Holds reports whether every step has passed.
func (r *Result) Holds() bool { return r.Err() == nil }

// Err returns nil where every step has passed, and else what [Verify] returns.
func (r *Result) Err() error {
	if r == nil || !r.replayed {
		return errors.New("no receipt was verified")
	}
	for _, o := range []Outcome{Failed, Unchecked} {
		if i := slices.IndexFunc(r.Steps, func(s Step) bool { return s.Outcome == o }); i >= 0 {
			s := r.Steps[i]
			return &Error{s.Name, o == Unchecked, s.err}
		}
	}
	return nil
}

// note takes down what became of a step.
func (r *Result) note(name string, err error) {
	s := Step{Name: name, Outcome: Passed, err: err}
	if err != nil {
		s.Outcome, s.Why = Failed, err.Error()
		if _, ok := errors.AsType[unchecked](err); ok {
			s.Outcome = Unchecked
		}
	}
	r.Steps = append(r.Steps, s)
	r.replayed = name == StepReplay
}

// A Standing is what newer evidence says of the key of a receipt. It takes nothing
// away from the receipt: a key counts where it is listed at the checkpoint. But
// whoever had the key may have dated a receipt back.
type Standing struct {
	// Size is that of the log, RootVersion the version of the trust root in force.
	Size        int64 `json:"size"`
	RootVersion int64 `json:"root_version"`
	// Listed says that the key still signs decisions.
	Listed bool `json:"listed"`
	// Compromised says that the key is declared compromised, Since which log index.
	Compromised bool  `json:"compromised,omitzero"`
	Since       int64 `json:"since,omitzero"`
}

// KeyIn returns what newer evidence of the same register says of the key that
// signed the receipt.
func (r *Result) KeyIn(newer *verify.Opened) (Standing, error) {
	switch {
	case r == nil || r.Receipt == nil:
		return Standing{}, errors.New("look up the key of a receipt: nobody's signature on it was verified")
	case newer.TrustRoot() == nil || newer.Checkpoint().Origin != r.Receipt.Issuer:
		return Standing{}, errors.New("look up the key of a receipt: the newer evidence is not of its register")
	case newer.Tree().N < r.Evidence.Size:
		return Standing{}, errors.New("look up the key of a receipt: the evidence is older than that of the receipt")
	}
	root := newer.TrustRoot()
	s := Standing{Size: newer.Tree().N, RootVersion: root.Root().Version}
	s.Since, s.Compromised = root.CompromisedSince(r.Kid)
	_, s.Listed = root.DecisionKey(r.Kid)
	return s, nil
}

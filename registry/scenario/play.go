package scenario

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// The paths on which a decision is taken.
const (
	Online  = "online"
	Offline = "offline"
)

// A Result is one decision of a scenario, beside what was expected.
type Result struct {
	// Scenario and Check are the ids in the file.
	Scenario, Check string
	// Path is [Online] or [Offline].
	Path string
	// Decision was taken, with an explanation; nil where Err says why not.
	Decision *policy.Decision
	Err      error
	// Want and Codes are what the file expects.
	Want  policy.Result
	Codes []policy.Code
}

// OK reports whether the decision is the expected one, with just the expected
// reasons.
func (r *Result) OK() bool {
	return r.Err == nil && r.Decision != nil && r.Decision.Decision == r.Want && slices.Equal(r.Decision.Codes(), r.codes())
}

func (r *Result) codes() []policy.Code {
	if r.Codes == nil {
		return []policy.Code{}
	}
	return r.Codes
}

// Play plays the scenarios of a file, one after another, and yields two results
// for each check, in the order in which a scenario's checks are taken. It ends
// after an error. What the register refuses to log is a mistake of the file and
// told like those of [Parse], as *yamldoc.Mistakes; all else is none of it.
func (f *File) Play(ctx context.Context) iter.Seq2[*Result, error] {
	return func(yield func(*Result, error) bool) {
		for _, s := range f.scenarios {
			for r, err := range s.play(ctx) {
				if err != nil {
					yield(nil, f.explain(s, err))
					return
				}
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// explain says where the file has said what a register does not take.
func (f *File) explain(s *scenario, err error) error {
	if m, ok := errors.AsType[*mistake](err); ok {
		return f.doc.Explain(f.Name, attest.Problems{{Pointer: m.at, Message: fmt.Sprintf("scenario %s: no register takes this: %v", s.id, m.err)}})
	}
	return fmt.Errorf("%s: scenario %s: %w", f.Name, s.id, err)
}

func (s *scenario) play(ctx context.Context) iter.Seq2[*Result, error] {
	return func(yield func(*Result, error) bool) {
		st, err := newStage(ctx, s)
		if err != nil {
			yield(nil, err)
			return
		}
		more := true
		events := s.events
		for _, c := range slices.SortedStableFunc(slices.Values(s.checks), byEvidence) {
			if events, err = s.happen(ctx, st, events, c); err != nil {
				break
			}
			for _, r := range s.decide(ctx, st, c) {
				if more = more && yield(r, nil); !more {
					break
				}
			}
			if !more {
				break
			}
		}
		if closed := st.close(); err == nil {
			err = closed
		}
		if err != nil && more {
			yield(nil, err)
		}
	}
}

// happen logs what happens up to a check's evidence, what is of one instant in
// one batch, and has the log cosigned then. It returns what happens later.
func (s *scenario) happen(ctx context.Context, st *stage, events []event, c *check) ([]event, error) {
	for len(events) > 0 && !events[0].at.After(c.question.evidence) {
		at := events[0].at
		var batch []statement
		for len(events) > 0 && events[0].at.Equal(at) {
			batch = append(batch, events[0].statement)
			events = events[1:]
		}
		st.set(at)
		if err := st.submit(ctx, batch); err != nil {
			return nil, fmt.Errorf("what is published at %s: %w", at.Format("2006-01-02T15:04:05Z07:00"), err)
		}
	}
	st.set(c.question.evidence)
	return events, st.reg.Cosign(ctx)
}

// decide takes a decision online, and offline from the evidence for it.
func (s *scenario) decide(ctx context.Context, st *stage, c *check) []*Result {
	q := c.question
	result := func(path string) *Result {
		return &Result{Scenario: s.id, Check: c.id, Path: path, Want: c.expect.decision, Codes: c.expect.codes}
	}
	online, offline := result(Online), result(Offline)
	var evidence []byte
	online.Decision, evidence, online.Err = st.reg.Decide(ctx, q.req, q.at)
	if online.Err != nil {
		offline.Err = fmt.Errorf("there is no evidence: %w", online.Err)
		return []*Result{online, offline}
	}
	offline.Decision, offline.Err = verify.Decide(evidence, st.trust, q.req, q.at, s.lists...)
	if offline.Err == nil {
		if same, err := online.Decision.Same(offline.Decision); err != nil || !same {
			offline.Err = fmt.Errorf("the decisions online and offline are not the same to the byte")
		}
	}
	if !online.OK() || !offline.OK() {
		if d, err := verify.Explain(evidence, st.trust, q.req, q.at, s.lists...); err == nil {
			online.Decision, offline.Decision = d, d
		}
	}
	return []*Result{online, offline}
}

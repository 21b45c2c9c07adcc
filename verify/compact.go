package verify

import (
	"fmt"
	"slices"

	"github.com/safeconduct/safeconduct/internal/omissible"
	"github.com/safeconduct/safeconduct/policy"
)

// Compact returns evidence that shows no more than a decision of the request
// needs: of an authority's approvals of an entity those that the decision rests
// on, the others as stubs, see [Stub]; no trust roots that only they need; and no
// inclusion proofs of statements, whose places the status map fixes. Decided at
// the same times, it gives the same decision, to the byte. Where the trust asks
// for no mirror, see [Trust.ReliesOnMirror], it is the given evidence.
//
// The holder of hundreds of approvals hands over one like this. At other times,
// or for another request, the result may say less than the evidence did, and to
// whoever relies on no mirror it says nothing: keep the evidence, and make
// another one of it.
func Compact(evidence []byte, t *Trust, req *policy.Request, at policy.Times) ([]byte, error) {
	e, err := Open(evidence, t, at.CheckedAt)
	if err != nil {
		return nil, err
	}
	q, err := policy.Ask(req)
	if err != nil {
		return nil, fmt.Errorf("compact evidence: %w", err)
	}
	if _, err := e.Decide(q, at); err != nil {
		return nil, err
	}
	if !t.ReliesOnMirror() {
		return evidence, nil
	}
	pinned, _ := t.Pin()
	return e.in.compact(omissible.In(e.set, req, at, pinned)).Marshal()
}

// compact returns the evidence with stubs for the statements at the omitted
// indexes, and the others without inclusion proofs.
func (in *inspection) compact(omit map[int64]bool) *Evidence {
	e := *in.evidence
	e.Histories = slices.Clone(e.Histories)
	for i := range e.Histories {
		h := &e.Histories[i]
		old := h.Entries
		h.Entries, h.Stubs = nil, slices.Clone(h.Stubs)
		for _, x := range old {
			if omit[x.Index] {
				h.Stubs = append(h.Stubs, Stub{x.Index, x.Time, in.statements[x.Index].leaf, x.Tag})
			} else {
				h.Entries = append(h.Entries, x)
			}
		}
	}
	e.Statements = slices.DeleteFunc(slices.Clone(e.Statements), func(s LoggedStatement) bool { return omit[s.Index] })
	for i := range e.Statements {
		e.Statements[i].Proof = nil
	}
	return &e
}

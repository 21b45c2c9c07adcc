package registry

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// Evidence returns the evidence that a decision on the request needs, in its
// one byte form, at the newest checkpoint. Where the operator's cosignature of
// that is missing or more than a minute old, it is cosigned first. It returns
// ErrNoRoot for an empty log, ErrReadOnly where the checkpoint would have to be
// cosigned and nothing is written any more, and [verify.ErrTooLarge] where more
// is logged than evidence may hold.
func (r *Registry) Evidence(ctx context.Context, req *policy.Request) ([]byte, error) {
	s, err := r.fresh(ctx)
	if err != nil {
		return nil, fmt.Errorf("make evidence: %w", err)
	}
	e := exhibit{r: r, s: s, shown: make(map[int64]bool)}
	e.Checkpoint = string(s.checkpoint)
	if err := e.touched(ctx, req); err != nil {
		return nil, fmt.Errorf("make evidence: %w", err)
	}
	e.Status = verify.StatusProof{Index: s.size - 1, Leaf: string(s.status)}
	if e.Status.Proof, err = tlog.ProveRecord(s.size, s.size-1, r.log); err != nil {
		return nil, fmt.Errorf("make evidence: status leaf: %w", err)
	}
	return e.Marshal()
}

// Decide decides the request at the newest checkpoint, on the evidence that it
// returns beside the decision, with what everybody who holds that evidence
// runs: [verify.Decide].
func (r *Registry) Decide(ctx context.Context, req *policy.Request, at policy.Times) (*policy.Decision, []byte, error) {
	if r.trust == nil {
		return nil, nil, errors.New("decide: the register has no trust of its own")
	}
	evidence, err := r.Evidence(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	d, err := verify.Decide(evidence, r.trust, req, at)
	if err != nil {
		return nil, nil, err
	}
	return d, evidence, nil
}

// An exhibit is evidence in the making, at one snapshot.
type exhibit struct {
	r     *Registry
	s     *snapshot
	shown map[int64]bool
	// bytes are those of the statements.
	bytes int
	verify.Evidence
}

// touched adds the subjects that the decision touches: each history may lead
// to others.
func (e *exhibit) touched(ctx context.Context, req *policy.Request) error {
	set := &proven.Set{Origin: e.r.origin, Size: e.s.size}
	for more := true; more; {
		more = false
		for _, subject := range policy.Touched(req, set) {
			if _, ok := set.History(subject); ok {
				continue
			}
			entries, err := e.add(ctx, subject)
			if err != nil {
				return err
			}
			set.Prove(subject, entries)
			more = true
		}
	}
	return nil
}

// add adds a subject's history and the statements in it.
func (e *exhibit) add(ctx context.Context, subject string) ([]proven.Entry, error) {
	entries, err := e.r.history(ctx, e.s, subject)
	if err != nil {
		return nil, err
	}
	h := verify.History{Subject: subject, Proof: e.s.statuses.Prove(verify.MapKey(subject))}
	for _, x := range entries {
		h.Entries = append(h.Entries, verify.Entry{Index: x.Index, Time: x.Time.UnixMilli(), Tag: x.Tag})
		if err := e.show(x); err != nil {
			return nil, err
		}
		// Marshal tells, too, but only when all has been proven.
		if e.bytes > verify.MaxEvidence {
			return nil, fmt.Errorf("%w: with the history of %s, of %d statements, it has more than %d bytes",
				verify.ErrTooLarge, subject, len(entries), verify.MaxEvidence)
		}
	}
	e.Histories = append(e.Histories, h)
	return entries, nil
}

// show adds a statement, once.
func (e *exhibit) show(x proven.Entry) error {
	if e.shown[x.Index] {
		return nil
	}
	e.shown[x.Index] = true
	e.bytes += len(x.Statement.Bytes())
	proof, err := tlog.ProveRecord(e.s.size, x.Index, e.r.log)
	if err != nil {
		return fmt.Errorf("prove index %d: %w", x.Index, err)
	}
	e.Statements = append(e.Statements, verify.LoggedStatement{Index: x.Index, Proof: proof, Statement: string(x.Statement.Bytes())})
	return nil
}

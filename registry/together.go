package registry

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
)

// A RefusedTogether says which of several statements is at fault.
type RefusedTogether struct {
	// Statement counts from 0.
	Statement int
	Err       error
}

func (e *RefusedTogether) Error() string {
	return fmt.Sprintf("submit together: statement %d: %v", e.Statement+1, e.Err)
}

// Unwrap returns why it is refused.
func (e *RefusedTogether) Unwrap() error { return e.Err }

// errTogether is the answer of what is not logged because of another statement.
var errTogether = errors.New("another statement is refused")

// SubmitTogether has statements logged in one batch, in the order given, each
// admitted after those before it, and returns their receipts when that is
// durable. Where one is refused, none is logged, and the error
// is a [RefusedTogether]. What is logged already is an error here.
func (r *Registry) SubmitTogether(ctx context.Context, statements ...[]byte) ([]Receipt, error) {
	if len(statements) == 0 || len(statements) > maxBatch {
		return nil, fmt.Errorf("submit together: %d statements; want 1 to %d", len(statements), maxBatch)
	}
	if err := r.publisher.ready(ctx); err != nil {
		return nil, err
	}
	s := r.newest()
	if s.size == 0 {
		return nil, ErrNoRoot
	}
	var batch []*submission
	for i, statement := range statements {
		st, err := attest.Open(statement, s.root())
		if err != nil {
			return nil, &RefusedTogether{i, err}
		}
		batch = append(batch, &submission{statement: st, hash: tlog.RecordHash(statement), lookedUp: s.size, root: s.root(), ctx: ctx, together: true})
	}
	var receipts []Receipt
	for i, a := range r.sequence(batch) {
		if errors.Is(a.err, errTogether) {
			continue
		}
		receipt, err := r.receipt(a)
		if err == nil && a.batch == nil {
			err = errors.New("it is logged already")
		}
		if err != nil {
			return nil, &RefusedTogether{i, err}
		}
		receipts = append(receipts, receipt)
	}
	return receipts, nil
}

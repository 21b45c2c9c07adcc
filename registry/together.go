package registry

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
)

// SubmitTogether has statements logged in one batch, in the order given, each
// admitted after those before it, and returns their receipts when that is
// durable. Where one is refused, none is logged. What is logged already is an
// error here.
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
			return nil, fmt.Errorf("submit together: statement %d of %d: %w", i+1, len(statements), err)
		}
		batch = append(batch, &submission{statement: st, hash: tlog.RecordHash(statement), lookedUp: s.size, root: s.root(), ctx: ctx, together: true})
	}
	var receipts []Receipt
	for i, a := range r.sequence(batch) {
		receipt, err := r.receipt(a)
		if err == nil && a.batch == nil {
			err = errors.New("it is logged already")
		}
		if err != nil {
			return nil, fmt.Errorf("submit together: statement %d of %d: %w", i+1, len(statements), err)
		}
		receipts = append(receipts, receipt)
	}
	return receipts, nil
}

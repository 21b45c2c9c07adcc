package registry

import (
	"context"
	"fmt"
	"time"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// Recent returns the statements before a log index, newest first, most of them at
// most, and what to go on from: next is 0 where there are no others. Any index from
// the edition's size on asks for the newest. Of none is said what it comes to, see
// [Edition.History], but which are void. It reads no more of the log than what it
// returns and the status leaves between.
func (e *Edition) Recent(ctx context.Context, before int64, most int) (recent []policy.Recorded, next int64, err error) {
	failed := func(err error) ([]policy.Recorded, int64, error) {
		return nil, 0, fmt.Errorf("read what was logged before %d: %w", before, err)
	}
	// at is the time of the batch that is being read.
	var at time.Time
	for next = max(0, min(before, e.s.size)); next > 0 && len(recent) < most; next-- {
		if err := ctx.Err(); err != nil {
			return failed(err)
		}
		index := next - 1
		leaf, err := e.r.leaf(index)
		if err != nil {
			return failed(err)
		}
		isStatus := verify.IsStatusLeaf(leaf)
		if isStatus || at.IsZero() {
			status, err := e.r.batchOf(index, leaf)
			if err != nil {
				return failed(err)
			}
			at = status.Time
		}
		if isStatus {
			continue
		}
		st, err := e.r.statement(e.s, index)
		if err != nil {
			return failed(err)
		}
		recent = append(recent, e.s.recorded(Logged{index, at, st}))
	}
	return recent, next, nil
}

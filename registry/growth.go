package registry

import (
	"context"
	"fmt"
	"time"
)

// A Grown is how large the log was, once.
type Grown struct {
	// Time is when a batch was logged, Size how many leaves the log had with it.
	Time time.Time
	Size int64
}

// Growth returns how the log has grown up to the edition, oldest first: the first
// batch, the last, and those of leaves that lie evenly between; at most `most`, and
// never fewer than two where there are two. It reads no others.
func (e *Edition) Growth(ctx context.Context, most int) (points []Grown, err error) {
	last := e.s.size - 1
	parts := max(1, min(int64(most)-1, last))
	for i := range parts + 1 {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("read how the log has grown: %w", err)
		}
		// last*i may not be a number.
		index := last/parts*i + last%parts*i/parts
		leaf, err := e.r.leaf(index)
		if err != nil {
			return nil, fmt.Errorf("read how the log has grown: %w", err)
		}
		status, err := e.r.batchOf(index, leaf)
		if err != nil {
			return nil, fmt.Errorf("read how the log has grown: %w", err)
		}
		if n := len(points); n == 0 || points[n-1].Size <= status.Index {
			points = append(points, Grown{status.Time, status.Index + 1})
		}
	}
	return points, nil
}

package mirror

import (
	"context"
	"errors"
	"fmt"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
)

// A source is a register as a replica reads it: what is not there is
// [registry.ErrNotFound], whoever says so.
type source struct{ Register }

// Checkpoint implements [registry.Source].
func (s source) Checkpoint(ctx context.Context, size int64) ([]byte, error) {
	signed, err := s.Register.Checkpoint(ctx, size)
	if errors.Is(err, tlogtiles.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", registry.ErrNotFound, err)
	}
	return signed, err
}

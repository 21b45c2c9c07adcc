package mirror

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/verify"
)

// AuditOptions may be left zero.
type AuditOptions struct {
	// Log is where the register is replayed into; nil is a temporary directory,
	// which is removed. A log that holds a part already is gone on with.
	Log registry.Log
	// Progress is told how many leaves of how many are checked; nil for nobody.
	Progress func(size, target int64)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Audit checks a whole register once, as a mirror does, up to its published
// checkpoint, and says what it holds. Without a trust the register is taken at
// its word for its name and its first trust root: it is then consistent, and may
// be anybody's.
//
// Where the register did what it may not, the error is a
// *[registry.Divergence], of which [NewReport] makes a report.
func Audit(ctx context.Context, reg Register, trust *verify.Trust, o AuditOptions) (*Summary, error) {
	began := time.Now()
	s, err := audit(ctx, reg, trust, o)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	s.Took = time.Since(began)
	return s, nil
}

func audit(ctx context.Context, reg Register, trust *verify.Trust, o AuditOptions) (s *Summary, err error) {
	signed, err := reg.Latest(ctx)
	if err != nil {
		return nil, err
	}
	c, err := verify.ParseCheckpoint(signed)
	if err != nil {
		return nil, err
	}
	if trust != nil && trust.Origin() != c.Origin {
		return nil, fmt.Errorf("the checkpoint is of the log %q; the trust file is for %q", c.Origin, trust.Origin())
	}
	if c.Tree.N == 0 {
		return nil, registry.ErrNoRoot
	}
	log := o.Log
	if log == nil {
		dir, err := os.MkdirTemp("", "safeconduct-audit-")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		own, err := badgerlog.Open(dir, nil)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, own.Close()) }()
		log = own
	}
	replica, err := registry.NewReplica(registry.ReplicaConfig{Log: log, Origin: c.Origin, Trust: trust, Now: o.Now})
	if err != nil {
		return nil, err
	}
	opt := registry.ExtendOptions{}
	if o.Progress != nil {
		opt.Progress = func(size int64) { o.Progress(size, c.Tree.N) }
	}
	if err := replica.Extend(ctx, reg, signed, opt); err != nil {
		return nil, err
	}
	return summarize(log, replica.Reader, signed, trust)
}

// FromStore returns a register that is read from a log on this machine. Its
// latest checkpoint is that of its head.
func FromStore(log registry.Log) Register { return stored{registry.StoreSource(log), log} }

type stored struct {
	registry.Source
	log registry.Log
}

// Hashes implements [registry.Prover].
func (s stored) Hashes(context.Context, tlog.Tree) tlog.HashReader { return s.log }

// Latest implements [Register].
func (s stored) Latest(context.Context) ([]byte, error) {
	head, err := s.log.Head()
	if err == nil && head.Size == 0 {
		err = registry.ErrNoRoot
	}
	return head.Checkpoint, err
}

package mirror

import (
	"fmt"
	"sync"
	"time"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// When a register that shows less than before has rewound: caches, and machines
// behind one name, lag by seconds. So many looks in a row have to show it, for
// so long.
const (
	rewindLooks = 4
	rewindGrace = time.Minute
)

// A lag is how many looks in a row have shown less than was published before,
// and since when. The zero lag is none.
type lag struct {
	mu    sync.Mutex
	looks int
	since time.Time
}

// seen notes one more such look, and returns how long it has gone on, zero
// before it is a rewind.
func (l *lag) seen(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.looks++; l.looks == 1 {
		l.since = now
	}
	lasts := now.Sub(l.since)
	if l.looks < rewindLooks || lasts < rewindGrace {
		return 0
	}
	return lasts
}

// end notes a look that has shown as much as before, or nothing.
func (l *lag) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looks = 0
}

// behindPublished judges a published checkpoint of a tree that the mirror holds,
// whose signature is verified: whether it is less than was published before,
// and a divergence once that has gone on for long enough.
func (m *Mirror) behindPublished(signed []byte, c verify.Checkpoint) (lags bool, d *registry.Divergence) {
	before := m.Reader().Checkpoint()
	if before == nil {
		return false, nil
	}
	old, err := verify.ParseCheckpoint(before)
	if err != nil {
		return false, nil //nolint:nilerr // it was read when it was published
	}
	if c.Tree.N >= old.Tree.N {
		m.lag.end()
		return false, nil
	}
	lasts := m.lag.seen(m.config.Now())
	if lasts == 0 {
		return true, nil
	}
	return true, &registry.Divergence{
		Kind: registry.Rewind, Index: c.Tree.N, Checkpoints: [][]byte{before, signed},
		Err: fmt.Errorf("the register published size %d and has shown size %d for %s since", old.Tree.N, c.Tree.N, lasts.Round(time.Second)),
	}
}

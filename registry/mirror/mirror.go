// Package mirror follows a register that somebody else runs, believes nothing
// of it, and cosigns what it has checked.
//
//	m, err := mirror.Open(mirror.Config{Dir: dir, Register: &tlogtiles.Client{BaseURL: url}, Trust: trust, Cosigner: key})
//	options.Healthy, options.Beside = m.Healthy, map[string]httpapi.Beside{"/add-checkpoint": {Handler: m.Handler()}}
//	go http.Serve(ln, httpapi.NewHandler(m.Reader(), options))
//	err = m.Follow(ctx)                           // until ctx is done or the register diverges
//	err = m.Close()
//
// A mirror reads the register's leaves by tiles and does again all that the
// register did (see [registry.Replica]): it opens every statement, admits it,
// recomputes tree, histories and status map, and compares hash, checkpoint and
// status leaf. It keeps what it has checked in a log of its own, and serves the
// whole read API from there.
//
// # What its cosignature says
//
// The register asks a mirror to cosign as it asks a witness: the handler
// answers C2SP tlog-witness add-checkpoint, under the mirror's own key. The
// cosignature says more than a witness's: the mirror holds all leaves of the
// tree, has admitted every statement, and has found the status map complete. A
// trust root lists such a key with the role mirror.
//
// A cosignature dated T fixes for good what was known at T: every later batch
// has to be dated after T. So it is dated, to whole seconds, six minutes behind
// the mirror's last look at what the register has published, which allows for
// clocks that are five minutes apart and a batch that is a minute on its way;
// but never before the status leaf that closes the tree; never before the
// mirror's last cosignature; and never after the mirror's clock or the next
// batch, where the mirror has that already. What was cosigned last is durable
// before it is answered.
//
// # Divergence
//
// A register that forks, rewinds, drops a statement, dates a batch before or
// after what it may, lies in its map, or logs what may not be logged makes the
// mirror stop for good: a [Report] is kept in the mirror's directory with the
// signed checkpoints, the leaves and the proofs that show it to others, Follow
// and every later [Open] return it in a *[Stopped], and nothing is cosigned any
// more. What was checked before is still served. Whoever runs the mirror takes
// the file away when it is settled.
//
// What comes over the network may be damaged by others than the register: only
// what a log key in force has signed is a divergence, and all else is an error
// that is tried again.
//
// # Directory
//
//	db/              the log, in badger
//	cosigned.json    what the mirror cosigned last
//	divergence.json  the report, where the mirror has stopped
//
// A mirror that forgets what it cosigned could contradict itself: a directory
// that is lost, or put back from a copy, gets a new key.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/verify"
)

// A Register is one that is followed, a *tlogtiles.Client. What it says is not
// trusted.
type Register interface {
	registry.Source
	registry.Prover
	// Latest returns the published checkpoint.
	Latest(ctx context.Context) ([]byte, error)
}

// A Config says what a mirror is made of.
type Config struct {
	// Dir is the mirror's own directory. It is made where it is not there.
	Dir string
	// Register is followed.
	Register Register
	// Trust pins the register's trust root, and names the register.
	Trust *verify.Trust
	// Cosigner cosigns, under a key that nobody else has; nil for a mirror that
	// does not.
	Cosigner *registry.Cosigner
	// DecisionSigner signs what the mirror decides; nil for none. The trust root has
	// to list its key, which is another one than the register's.
	DecisionSigner attest.Signer
	// Interval is the time between two looks at the register; zero is 10
	// seconds.
	Interval time.Duration
	// Wait is how long an asker for a cosignature waits for the mirror to have
	// checked the tree; zero is 8 seconds. It goes on checking after that.
	Wait time.Duration
	// Progress is told how many leaves of how many are checked; nil for nobody.
	Progress func(size, target int64)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Logger is told what goes wrong; nil for nowhere.
	Logger *slog.Logger
}

// A Mirror is a running mirror. All methods may be called concurrently.
type Mirror struct {
	config  Config
	log     *badgerlog.Log
	replica *registry.Replica

	// ctx ends when the mirror is closed.
	ctx context.Context //nolint:containedctx // it is the mirror's own, not a caller's
	end context.CancelFunc
	// calls is held for reading by every call that uses the log, and by Close.
	calls sync.RWMutex
	// turn is held by the one who changes log or cosigned; that may outlast the
	// call.
	turn chan struct{}
	// ahead is held by the one who asks the register for what a stranger submits.
	ahead chan struct{}
	// cosigned is what was cosigned last.
	cosigned atomic.Pointer[cosigned]
	// stopped is set for good.
	stopped atomic.Pointer[Stopped]
	// trouble is why the last look at the register failed, nil where it did not.
	trouble atomic.Pointer[error]
	// lag is how long the register shows less than before.
	lag lag
	// looked is when the mirror last looked at the register and then held all
	// that it had published; zero before it has. Who has the turn may use it.
	looked time.Time
	// caughtUp is looked for whoever has no turn.
	caughtUp atomic.Pointer[time.Time]
	// versions are those that may yet be published, in order.
	versions []registry.Version
}

// Open opens a mirror. It returns a *[Stopped] where the mirror has stopped
// before. The caller closes it.
func Open(c Config) (*Mirror, error) {
	if c.Register == nil || c.Trust == nil || c.Dir == "" {
		return nil, errors.New("open the mirror: a directory, a register and a trust file are needed: a mirror that pins no trust root would check one stranger by another")
	}
	c.Interval = orElse(c.Interval, 10*time.Second)
	c.Wait = orElse(c.Wait, 8*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	m, err := open(c)
	if err != nil {
		return nil, fmt.Errorf("open the mirror in %s: %w", c.Dir, err)
	}
	return m, nil
}

func orElse(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

func open(c Config) (*Mirror, error) {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, err
	}
	if err := hasStopped(c.Dir); err != nil {
		return nil, err
	}
	log, err := badgerlog.Open(filepath.Join(c.Dir, "db"), c.Logger)
	if err != nil {
		return nil, err
	}
	m := &Mirror{config: c, log: log, turn: make(chan struct{}, 1), ahead: make(chan struct{}, 1)}
	m.ctx, m.end = context.WithCancel(context.Background())
	if err := m.load(); err != nil {
		m.end()
		return nil, errors.Join(err, log.Close())
	}
	return m, nil
}

func (m *Mirror) load() error {
	var err error
	m.replica, err = registry.NewReplica(registry.ReplicaConfig{
		Log: m.log, Origin: m.config.Trust.Origin(), Trust: m.config.Trust, Now: m.config.Now, Cosigners: m.config.Trust.Cosigners(),
		DecisionSigner: m.config.DecisionSigner,
		// What is shown is what the register has published, see check.
		Quorate: func([]byte) error { return errUnpublished },
	})
	if err != nil {
		return err
	}
	m.versions = []registry.Version{m.replica.Version()}
	var held cosigned
	if m.config.Cosigner != nil {
		if held, err = loadCosigned(m.config.Dir, m.log, m.config.Cosigner.VKey(), m.config.Trust.Origin()); err != nil {
			return err
		}
	}
	m.cosigned.Store(&held)
	return nil
}

var errUnpublished = errors.New("the register has not published it")

// Close ends what the mirror does, calls that are under way among it, and closes
// its log. Its reader may not be used any more.
func (m *Mirror) Close() error {
	m.end()
	m.calls.Lock()
	defer m.calls.Unlock()
	m.turn <- struct{}{}
	defer m.giveBack()
	return m.log.Close()
}

// enter begins a call that uses the log; it returns the call's context, which
// ends with the mirror, and what ends the call.
func (m *Mirror) enter(ctx context.Context) (inner context.Context, leave func(), err error) {
	if !m.calls.TryRLock() {
		return nil, nil, registry.ErrClosed
	}
	if m.ctx.Err() != nil {
		m.calls.RUnlock()
		return nil, nil, registry.ErrClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(m.ctx, func() { cancel(registry.ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
		m.calls.RUnlock()
	}, nil
}

// Reader returns what the mirror has checked, as it is served.
func (m *Mirror) Reader() *registry.Reader { return m.replica.Reader }

// Healthy returns nil while the mirror follows the register, and otherwise why
// it does not: a *[Stopped], or what went wrong when it last looked.
func (m *Mirror) Healthy() error {
	if err := m.sick(); err != nil {
		return err
	}
	return m.replica.Healthy()
}

// CaughtUp returns nil while the mirror has all that the register publishes: a
// minute ago and two intervals, it did. A mirror that has much to check, after a
// break or at the first start, says so for as long as that takes.
func (m *Mirror) CaughtUp() error {
	at := m.caughtUp.Load()
	switch late := 2*m.config.Interval + time.Minute; {
	case at == nil:
		return errors.New("the mirror has not yet checked all that the register has published")
	case m.config.Now().Sub(*at) > late:
		return fmt.Errorf("the mirror had checked all that the register had published at %s, and not since", at.UTC().Format(time.RFC3339))
	}
	return nil
}

// sick says why the register is not followed.
func (m *Mirror) sick() error {
	if s := m.stopped.Load(); s != nil {
		return s
	}
	if err := m.trouble.Load(); err != nil {
		return fmt.Errorf("the register is not followed: %w", *err)
	}
	return nil
}

// take waits for the turn to change something; who has taken it gives it back.
func (m *Mirror) take(ctx context.Context) error {
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-m.ctx.Done():
		return registry.ErrClosed
	}
	// Of two cases that are ready, either may be taken.
	if m.ctx.Err() != nil {
		m.giveBack()
		return registry.ErrClosed
	}
	return nil
}

func (m *Mirror) giveBack() { <-m.turn }

// Package registry is the service behind a register: it admits statements,
// puts them in order, looks them up and gives evidence.
//
//	log, err := badgerlog.Open(dir, logger)
//	reg, err := registry.New(registry.Config{Log: log, Origin: …, LogSigner: …})
//	receipt, err := reg.Init(ctx, root)           // once, into an empty log
//	receipt, err = reg.Submit(ctx, statement)
//	evidence, err := reg.Evidence(ctx, request)
//	decision, evidence, err := reg.Decide(ctx, request, times)
//	err = errors.Join(reg.Close(), log.Close())
//
// One goroutine, the sequencer, groups what is submitted into batches. A batch
// is its statement leaves and a status leaf that carries the root of the
// status map; a submitter is answered once its batch is durable. What a batch
// may hold is in [Admit], which a mirror runs again over the same log.
//
// Readers use a snapshot: one checkpoint, the version of the status map that
// it commits to, and histories cut at its size. They never wait for a batch,
// but for a checkpoint that has to be cosigned anew.
//
// A storage error ends all writing until the register is opened again: what
// the log holds is then unknown, and nothing may be signed on a guess.
package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// What a caller may want to tell apart. Refused statements are
// *[attest.Refusal].
var (
	// ErrNotFound: there is no such leaf or statement.
	ErrNotFound = errors.New("not in the log")
	// ErrNoRoot: the log is empty and takes its first trust root only, see
	// [Registry.Init].
	ErrNoRoot = errors.New("the register has no trust root yet")
	// ErrOverloaded: too many statements wait already; try again later.
	ErrOverloaded = errors.New("too many statements are waiting; try again later")
	// ErrReadOnly: storage has failed, and nothing is logged until the
	// register is opened again.
	ErrReadOnly = errors.New("the register only reads, since its storage has failed")
	// ErrSigner: the log's signer failed, and nothing of the batch is logged.
	ErrSigner = errors.New("the register could not sign its checkpoint; try again later")
	// ErrClock: the clock stands too far behind the last batch.
	ErrClock = errors.New("the register's clock stands behind its log; set it right")
	// ErrClosed: the register is closed.
	ErrClosed = errors.New("the register is closed")
)

// A Config says what a register is made of.
type Config struct {
	// Log keeps the order. The caller closes it, after the register.
	Log Log
	// Origin names the register in checkpoints and in every statement's aud.
	Origin string
	// LogSigner signs checkpoints, under a key that the trust root lists.
	LogSigner note.Signer
	// Cosigner is the operator's own; nil for none.
	Cosigner *Cosigner
	// Trust is what [Registry.Decide] trusts; nil makes it fail.
	Trust *verify.Trust
	// Now is the clock; nil is time.Now. It is called concurrently.
	Now func() time.Time
	// BatchInterval is the least time between the starts of two batches while
	// statements wait; an idle register sequences at once. Zero is a second,
	// below zero none. Where evidence has been given within the same second, a
	// batch waits until that second is over, so that its time follows the clock;
	// below zero it does not wait for that either, and an idle register's
	// checkpoint is cosigned for evidence alone.
	BatchInterval time.Duration
	// QueueSize is how many statements may wait; zero is 4,096.
	QueueSize int
	// Logger is told what ends the sequencer; nil for nowhere.
	Logger *slog.Logger
}

// A Registry is a running register. All methods may be called concurrently.
type Registry struct {
	log      Log
	origin   string
	signer   note.Signer
	cosigner *Cosigner
	trust    *verify.Trust
	now      func() time.Time
	interval time.Duration
	logger   *slog.Logger

	// write is held while the log or its newest checkpoint changes.
	write  sync.Mutex
	state  atomic.Pointer[snapshot]
	failed atomic.Pointer[error]
	opened openedCache

	// intake guards closed, and queue against a send after it is closed.
	intake sync.RWMutex
	closed bool
	queue  chan *submission
	done   chan struct{}
}

// New starts a register on what the log holds. It returns an error where the
// log's status map, checkpoint and trust roots do not agree, or the trust root
// in force does not list the log signer's key or the operator's cosigner. The
// caller closes it.
func New(c Config) (*Registry, error) {
	if c.Log == nil || c.LogSigner == nil {
		return nil, errors.New("start the register: a log and a log signer are needed")
	}
	if err := attest.Origin(c.Origin); err != nil {
		return nil, fmt.Errorf("start the register: %w", err)
	}
	if c.LogSigner.Name() != c.Origin {
		return nil, fmt.Errorf("start the register: the log key is named %q; it has to be named as the origin, %q", c.LogSigner.Name(), c.Origin)
	}
	r := &Registry{
		log: c.Log, origin: c.Origin, signer: c.LogSigner, cosigner: c.Cosigner, trust: c.Trust,
		now: c.Now, interval: c.BatchInterval, logger: c.Logger, done: make(chan struct{}),
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.interval == 0 {
		r.interval = time.Second
	}
	if r.logger == nil {
		r.logger = slog.New(slog.DiscardHandler)
	}
	size := c.QueueSize
	if size == 0 {
		size = 4096
	}
	r.queue = make(chan *submission, size)
	s, err := r.load()
	if err != nil {
		return nil, fmt.Errorf("start the register: %w", err)
	}
	r.state.Store(s)
	go r.run()
	return r, nil
}

// Init logs the first trust root, which nobody but its own officers vouch for,
// into an empty log. It refuses a root that is not version 1, is for another
// register, or does not list the log signer's key and the operator's cosigner. Where the log begins with
// the same statement already, it returns that one's receipt.
func (r *Registry) Init(ctx context.Context, root []byte) (Receipt, error) {
	if r.snapshot().size > 0 {
		first, err := r.leaf(0)
		if err != nil {
			return Receipt{}, err
		}
		if !bytes.Equal(first, root) {
			return Receipt{}, attest.Refuse(attest.Conflict, errors.New("the log begins with another trust root"))
		}
		return r.Submit(ctx, root)
	}
	st, err := attest.OpenRoot(root, nil)
	if err != nil {
		return Receipt{}, err
	}
	return r.enqueue(ctx, &submission{statement: st, first: true})
}

// Close stops taking statements, sequences those that wait, and returns when
// that is done. It does not close the log.
func (r *Registry) Close() error {
	r.intake.Lock()
	if !r.closed {
		r.closed = true
		close(r.queue)
	}
	r.intake.Unlock()
	<-r.done
	return nil
}

// Healthy returns nil while the register logs statements, and otherwise why it
// does not.
func (r *Registry) Healthy() error {
	if err := r.failed.Load(); err != nil {
		return *err
	}
	r.intake.RLock()
	defer r.intake.RUnlock()
	if r.closed {
		return ErrClosed
	}
	if r.snapshot().size == 0 {
		return ErrNoRoot
	}
	return nil
}

// fail ends all writing; the first cause is kept.
func (r *Registry) fail(cause error) error {
	err := fmt.Errorf("%w: %w", ErrReadOnly, cause)
	if r.failed.CompareAndSwap(nil, &err) {
		r.logger.Error("storage has failed; the register only reads until it is opened again", slog.Any("error", cause))
	}
	return *r.failed.Load()
}

// snapshot returns the newest one.
func (r *Registry) snapshot() *snapshot { return r.state.Load() }

// sign returns the checkpoint of the tree of that size with the log's own
// signature. root is the trust root that must list the log's key.
func (r *Registry) sign(size int64, hash tlog.Hash, root *attest.TrustRoot) ([]byte, error) {
	v, ok := r.logKey(root)
	if !ok {
		return nil, fmt.Errorf("sign the checkpoint of size %d: %w", size, errLogKey)
	}
	signed, err := note.Sign(&note.Note{Text: checkpointText(r.origin, size, hash)}, r.signer)
	if err != nil {
		return nil, fmt.Errorf("%w: size %d: %w", ErrSigner, size, err)
	}
	// A key that signs otherwise than the root says would make a checkpoint
	// that nobody accepts.
	if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
		return nil, fmt.Errorf("%w: size %d: the fresh signature: %w", ErrSigner, size, err)
	}
	return signed, nil
}

var errLogKey = errors.New("the trust root in force does not list the log signer's key")

// logKey finds the log signer's key in a trust root.
func (r *Registry) logKey(root *attest.TrustRoot) (note.Verifier, bool) {
	for _, v := range logKeys(root) {
		if v.Name() == r.signer.Name() && v.KeyHash() == r.signer.KeyHash() {
			return v, true
		}
	}
	return nil, false
}

// logKeys are the log keys that a trust root lists.
func logKeys(root *attest.TrustRoot) []note.Verifier {
	var out []note.Verifier
	for _, k := range root.Root().LogKeys {
		// attest has read every key already.
		if v, err := note.NewVerifier(k); err == nil {
			out = append(out, v)
		}
	}
	return out
}

// cosign adds the operator's cosignature, dated at, to a signed checkpoint.
func (r *Registry) cosign(signed []byte, at time.Time) ([]byte, error) {
	if r.cosigner == nil {
		return signed, nil
	}
	text, _, _ := bytes.Cut(signed, []byte("\n\n"))
	line, err := note.Sign(&note.Note{Text: string(text) + "\n"}, r.cosigner.at(at))
	if err != nil {
		return nil, fmt.Errorf("cosign the checkpoint: %w", err)
	}
	return append(bytes.Clone(signed), line[len(text)+2:]...), nil
}

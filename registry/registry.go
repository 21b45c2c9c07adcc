// Package registry is the service behind a register: it admits statements,
// puts them in order, looks them up and gives evidence.
//
//	log, err := badgerlog.Open(dir, logger)
//	reg, err := registry.New(registry.Config{Log: log, Origin: …, LogSigners: …})
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
// Readers (type [Reader], the read side of a [Registry] and of a replica) use a
// snapshot: one checkpoint, the version of the status map that it commits to,
// and histories cut at its size. They never wait for a batch, but for a
// checkpoint that has to be cosigned anew.
//
// With a cosigning policy ([Cosigning]), what is logged is shown once witnesses
// and mirrors have cosigned it and make the quorum; the sequencer goes on
// meanwhile. At every start it waits until each of them has confirmed that it
// holds no larger size than the log: one that was put back from an old copy is
// not continued. Nor is one of which a cosigner turns out to hold more later:
// somebody else writes under the same key.
//
// A [Replica] is a copy that was derived anew from the leaves of a [Source],
// with the very code that made the register's batches: it is what mirrors,
// audits and restored backups are made of, and finds every [Divergence].
// A [Checkup] compares a log with itself, and [Rebuild] derives it anew.
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

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/screening"
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
	// ErrNoTrust: the register, or mirror, has no trust of its own to decide and to
	// open presentations by.
	ErrNoTrust = errors.New("nothing is decided here: no trust of its own is configured")
	// ErrNoDecisionKey: the register, or mirror, has no key to sign decisions with.
	ErrNoDecisionKey = errors.New("no decision is signed here: there is no decision key")
	// ErrDecisionSigner: the key that signs decisions could not.
	ErrDecisionSigner = errors.New("the decision could not be signed; try again later")
	// ErrSigner: the log's signer failed, and nothing of the batch is logged.
	ErrSigner = errors.New("the register could not sign its checkpoint; try again later")
	// ErrClock: the clock stands too far behind the last batch.
	ErrClock = errors.New("the register's clock stands behind its log; set it right")
	// ErrNoQuorum: the newest checkpoint lacks cosignatures that the policy
	// asks for; the error says whose. What is logged is durable, but not shown.
	ErrNoQuorum = errors.New("the register's cosigners do not make its quorum")
	// ErrUnconfirmed: a cosigner has not confirmed yet, since the register was
	// started, that it holds no larger size than the log has. Nothing is logged
	// before.
	ErrUnconfirmed = errors.New("the register waits for its cosigners to confirm that its log is whole")
	// ErrRolledBack: a cosigner holds a larger size than the log has, or another
	// log, at the start or later. Nothing is logged and published until the
	// register is started again.
	ErrRolledBack = errors.New("the log is not whole: a cosigner holds more of it, or another one")
	// ErrClosed: the register is closed.
	ErrClosed = errors.New("the register is closed")
)

// A Config says what a register is made of.
type Config struct {
	// Log keeps the order. The caller closes it, after the register.
	Log Log
	// Origin names the register in checkpoints and in every statement's aud.
	Origin string
	// LogSigners sign checkpoints: of them, all whose keys the trust root in
	// force lists. See [Registry.AddLogSigner].
	LogSigners []note.Signer
	// Cosigner is the operator's own; nil for none.
	Cosigner *Cosigner
	// Cosigning says who else cosigns, and when a checkpoint is published.
	Cosigning Cosigning
	// Trust is what [Reader.Decide] and [Reader.Present] trust; nil makes them fail
	// with [ErrNoTrust].
	Trust *verify.Trust
	// Screening are the lists that [Reader.Decide] screens parties against.
	Screening []*screening.List
	// DecisionSigner signs decisions, see [Reader.DecideSigned]; nil for none. The
	// trust root has to list its key.
	DecisionSigner attest.Signer
	// Now is the clock; nil is time.Now. It is called concurrently.
	Now func() time.Time
	// BatchInterval is the least time between the starts of two batches while
	// statements wait; an idle register sequences at once. Zero is a second,
	// below zero none. Where evidence has been given within the same second, a
	// batch waits until that second is over, so that its time follows the clock;
	// below zero it does not wait for that either, and an idle register's
	// checkpoint is cosigned for evidence alone.
	BatchInterval time.Duration
	// QueueSize is how many statements may be on their way at once, from
	// [Registry.Submit] to their receipts; zero is 4,096.
	QueueSize int
	// Logger is told what ends the sequencer; nil for nowhere.
	Logger *slog.Logger
	// Batched is told how many statements each batch has, once it is durable; nil
	// for nobody. It holds the sequencer up.
	Batched func(statements int)
}

// A Registry is a running register. All methods may be called concurrently.
type Registry struct {
	*Reader

	// signers are replaced, never changed.
	signers  atomic.Pointer[[]note.Signer]
	cosigner *Cosigner
	interval time.Duration
	logger   *slog.Logger
	batched  func(statements int)

	// write is held while the log or its newest checkpoint changes.
	write  sync.Mutex
	failed atomic.Pointer[error]
	// full says that the last batch found no room.
	full atomic.Bool
	// covered is the newest snapshot that the operator's cosigner has covered.
	covered atomic.Pointer[snapshot]

	// publisher is nil without a cosigning policy.
	publisher *publisher

	// intake guards closed, and queue against a send after it is closed.
	intake sync.RWMutex
	closed bool
	queue  chan *submission
	// places holds one element for each statement on its way.
	places chan struct{}
	// lately is the sequencer's.
	lately *roster
	done   chan struct{}
}

// New starts a register on what the log holds. It returns an error where the
// log's status map, checkpoint and trust roots do not agree, or the trust root
// in force lists no log signer's key, or not the operator's cosigner. The caller
// closes it.
func New(c Config) (*Registry, error) {
	if c.Log == nil || len(c.LogSigners) == 0 {
		return nil, errors.New("start the register: a log and a log signer are needed")
	}
	if err := attest.Origin(c.Origin); err != nil {
		return nil, fmt.Errorf("start the register: %w", err)
	}
	r := &Registry{
		Reader:   newReader(c.Log, c.Origin, c.Trust, c.Now),
		cosigner: c.Cosigner,
		interval: c.BatchInterval, logger: c.Logger, batched: c.Batched, done: make(chan struct{}),
	}
	if r.batched == nil {
		r.batched = func(int) {}
	}
	r.refresh, r.screening, r.notary = r.fresh, c.Screening, c.DecisionSigner
	r.signers.Store(new([]note.Signer))
	for _, s := range c.LogSigners {
		if err := r.AddLogSigner(s); err != nil {
			return nil, fmt.Errorf("start the register: %w", err)
		}
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
	r.queue, r.places = make(chan *submission, size), make(chan struct{}, size)
	if c.Cosigner != nil {
		r.cosigners = []string{c.Cosigner.VKey()}
	}
	var err error
	if r.publisher, err = newPublisher(r, c.Cosigning); err != nil {
		return nil, fmt.Errorf("start the register: %w", err)
	}
	if err := r.start(); err != nil {
		return nil, fmt.Errorf("start the register: %w", err)
	}
	if r.publisher != nil {
		if err := r.publisher.start(); err != nil {
			return nil, fmt.Errorf("start the register: %w", err)
		}
	}
	go r.run()
	return r, nil
}

// start loads what the log holds, and checks that this register may go on with
// it.
func (r *Registry) start() error {
	published := int64(asNewest)
	if r.publisher != nil {
		var err error
		if published, err = r.log.Quorate(); err != nil {
			return err
		}
	}
	if err := r.load(published); err != nil {
		return err
	}
	s := r.newest()
	r.lately = newRoster(s.size)
	if s.size == 0 {
		return nil
	}
	if err := r.listed(s.root().Root()); err != nil {
		return err
	}
	if !s.cosigned.Before(s.at) {
		r.covered.Store(s)
	}
	if key, ok := r.unheld(s.root().Root()); ok {
		r.logger.Warn("the trust root lists a log key that this register does not sign with; a root that leaves it out makes good for it", slog.String("key", key))
	}
	// That the signers sign, before anybody waits for them.
	_, err := r.sign(s.size, s.hash, s.root())
	return err
}

// Init logs the first trust root, which nobody but its own officers vouch for,
// into an empty log. It refuses a root that is not version 1, is for another
// register, lists other log keys than those of the log signers, or not the
// operator's cosigner. Where the log begins with the same statement already, it
// returns that one's receipt.
func (r *Registry) Init(ctx context.Context, root []byte) (Receipt, error) {
	if r.newest().size > 0 {
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
	return r.enqueue(ctx, &submission{statement: st, hash: st.LeafHash(), first: true})
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
	if r.publisher != nil {
		r.publisher.close()
	}
	return nil
}

// Healthy returns nil while the register logs statements, and otherwise why it
// does not: among others [ErrClock] where its clock stands too far behind its
// last batch, [ErrFull] until a batch finds room again, [ErrUnconfirmed] and
// [ErrRolledBack] while it may not go on, and [ErrNoQuorum] where what it logs
// is not published.
func (r *Registry) Healthy() error {
	if err := r.failed.Load(); err != nil {
		return *err
	}
	r.intake.RLock()
	defer r.intake.RUnlock()
	if r.closed {
		return ErrClosed
	}
	s := r.newest()
	unconfirmed, missing := r.publisher.standing()
	if s.size == 0 {
		return errors.Join(ErrNoRoot, unconfirmed)
	}
	if r.full.Load() {
		return ErrFull
	}
	if r.publisher != nil && r.shown().size == 0 {
		return r.publisher.why()
	}
	if err := checkClock(r.now(), r.batchTime(r.now(), s), s); err != nil {
		return err
	}
	return errors.Join(unconfirmed, missing)
}

// fail ends all writing; the first cause is kept.
func (r *Registry) fail(cause error) error {
	err := fmt.Errorf("%w: %w", ErrReadOnly, cause)
	if r.failed.CompareAndSwap(nil, &err) {
		r.logger.Error("storage has failed; the register only reads until it is opened again", slog.Any("error", cause))
		r.publisher.wake()
	}
	return *r.failed.Load()
}

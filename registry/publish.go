package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/safeconduct/safeconduct/internal/tlogpolicy"
	"github.com/safeconduct/safeconduct/verify"
)

// askEvery is the least time between two rounds of questions about new sizes.
// A cosignature may be dated by the whole second after the status leaf, and no
// later batch may be dated before that: asked more often, batch times would run
// ahead of the clock.
const askEvery = time.Second

// A publisher has checkpoints cosigned, and publishes those that have enough.
// The sequencer does not wait for it, but at the start.
//
// One goroutine goes round by round: it takes a snapshot, asks every cosigner
// that is not busy with an older one, and publishes when the quorum is there
// and a little time for more has passed. Nobody is cut short: a slow cosigner
// goes on, and its answer is added if that checkpoint is still the one shown.
type publisher struct {
	r         *Registry
	config    Cosigning
	policy    *tlogpolicy.Policy
	outsiders []*outsider
	// own is the policy's line of the operator's cosigner, nil where it has none.
	own *tlogpolicy.Witness
	// pace is the least time between two new sizes, pause that after a round
	// without quorum.
	pace, pause time.Duration

	// news tells of a new durable snapshot.
	news chan struct{}
	// answers has room for one of each cosigner.
	answers chan answered
	asking  sync.WaitGroup
	stop    context.CancelFunc
	done    chan struct{}
	// asked is closed when every cosigner has been asked once at the start,
	// decided when all have confirmed, or one has contradicted.
	asked, decided chan struct{}
	firstAsked     sync.Once

	// bound is a time, in Unix milliseconds, that every further batch has to be
	// dated after: a cosigner may by then have cosigned at it. It is raised
	// under the register's write lock.
	bound atomic.Int64
	// settled is the newest snapshot but one with the property that every later
	// batch is dated after the whole second that follows it. The register's
	// write lock guards it.
	settled *snapshot

	// said is when it was last said that nothing is logged yet, again after how long
	// it is said again.
	said  time.Time
	again time.Duration

	// begun and over are when the last round began and ended; misses counts the rounds
	// without quorum since the last one with.
	begun, over time.Time
	misses      int

	mu sync.Mutex
	// unconfirmed is why nothing is sequenced and published, missing why the newest checkpoint
	// is not published, nil where all is well; pending is who has not answered
	// yet in this round.
	unconfirmed, missing, pending error
	// published is closed when a checkpoint is published, and replaced.
	published chan struct{}
}

func makePublisher(r *Registry, c Cosigning, policy *tlogpolicy.Policy) *publisher {
	p := &publisher{
		r: r, config: c, policy: policy, pace: askEvery, pause: askEvery, again: sayAgain,
		news: make(chan struct{}, 1), published: make(chan struct{}),
		done: make(chan struct{}), asked: make(chan struct{}), decided: make(chan struct{}),
		unconfirmed: ErrUnconfirmed,
	}
	if r.interval < 0 {
		p.pace, p.pause, p.again = 0, 50*time.Millisecond, time.Second
	}
	return p
}

// start begins to ask. Until every cosigner has confirmed, nothing is
// sequenced.
func (p *publisher) start() error {
	s := p.r.newest()
	if err := p.remembered(s.size); err != nil {
		return err
	}
	p.limit(p.r.shown().cosigned)
	if s.size > 0 {
		// It may have been sent before the register was stopped.
		p.limit(wholeSecond(s.at))
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	go p.run(ctx)
	return nil
}

// close ends the publisher and all that it asks.
func (p *publisher) close() {
	p.stop()
	<-p.done
	p.asking.Wait()
}

func (p *publisher) run(ctx context.Context) {
	defer close(p.done)
	if !p.confirm(ctx) {
		return
	}
	for ctx.Err() == nil && p.r.failed.Load() == nil && p.whole() {
		if s, at, wait := p.next(); s == nil {
			p.idle(ctx, wait)
		} else {
			p.round(ctx, s, at)
		}
	}
}

// idle waits for news, for a late answer, or as long as told.
func (p *publisher) idle(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-p.news:
	case a := <-p.answers:
		p.late(ctx, a)
		if shown := p.r.shown(); a.err == nil && a.s.size < shown.size {
			p.begin(ctx, a.from, shown)
		}
	}
}

// tell says that there is a new durable snapshot, next after base. The
// register's write lock is held.
func (p *publisher) tell(base, next *snapshot) {
	if base.size > 0 && wholeSecond(base.at).Before(next.at) {
		p.settled = base
	}
	p.wake()
}

// wake has the publisher look what there is to do.
func (p *publisher) wake() {
	if p == nil {
		return
	}
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// next returns the snapshot to have cosigned now, and what the operator's own
// cosigner dates it; or nil, and after how long to look again. It sees to it
// that no later batch is dated before what cosigners may answer with.
func (p *publisher) next() (s *snapshot, at time.Time, wait time.Duration) {
	p.r.write.Lock()
	defer p.r.write.Unlock()
	newest, shown := p.r.newest(), p.r.shown()
	fresh := newest.size == shown.size
	switch {
	case newest.size == 0:
		return nil, at, p.config.Refresh
	case p.misses > 0:
		// The shift is bounded by what it is compared with.
		wait = min(p.pause<<min(p.misses-1, 10), maxPause) - time.Since(p.over)
	case fresh:
		wait = p.config.Refresh - time.Since(p.begun)
	default:
		wait = p.pace - time.Since(p.begun)
	}
	if wait > 0 {
		return nil, at, wait
	}
	s = newest
	// Where its second is not over, asking now would have later batches dated
	// ahead of the clock, and the sequencer wait for it.
	if early := wholeSecond(newest.at).Sub(p.r.now()); p.r.interval >= 0 && !fresh && early > 0 && early <= time.Second {
		if p.settled == nil || p.settled.size <= shown.size {
			return nil, at, early
		}
		s = p.settled
	}
	if at = wholeSecond(s.at); s == newest {
		at = p.r.ownDate(s)
	}
	p.limit(at)
	return s, at, 0
}

// limit has further batches dated after t. The register's write lock is held,
// or nothing is sequenced yet.
func (p *publisher) limit(t time.Time) {
	if ms := t.UnixMilli(); ms > p.bound.Load() {
		p.bound.Store(ms)
	}
}

// round asks all cosigners for a snapshot, and publishes it when they make the
// quorum.
func (p *publisher) round(ctx context.Context, s *snapshot, at time.Time) {
	p.begun = time.Now()
	got, err := p.cosigned(s, at)
	if err == nil {
		got, err = p.gather(ctx, s, got)
	}
	if err == nil {
		err = p.r.publishCosigned(ctx, s, got)
	}
	p.over = time.Now()
	if ctx.Err() != nil || !p.whole() {
		return
	}
	p.mu.Lock()
	was := p.missing
	p.missing, p.pending = err, nil
	if err == nil {
		close(p.published)
		p.published = make(chan struct{})
	}
	p.mu.Unlock()
	if err == nil {
		p.misses = 0
	} else {
		p.misses++
	}
	switch {
	case err != nil && was == nil:
		p.r.logger.Warn("the newest checkpoint is not published", slog.Int64("size", s.size), slog.Any("error", err))
	case err == nil && was != nil:
		p.r.logger.Info("the newest checkpoint is published again", slog.Int64("size", s.size))
	}
}

// gather asks all cosigners at once, and returns what has come when the quorum
// is there and a little time for more has passed, or all have answered.
func (p *publisher) gather(ctx context.Context, s *snapshot, got []answered) ([]answered, error) {
	left := len(p.outsiders)
	for _, o := range p.outsiders {
		p.begin(ctx, o, s)
	}
	var more <-chan time.Time
	for left > 0 {
		if unconfirmed, _ := p.standing(); unconfirmed != nil {
			return nil, unconfirmed
		}
		missed := p.missed(got, false)
		if missed == nil && more == nil {
			timer := time.NewTimer(max(p.config.WaitForMore, 0))
			defer timer.Stop()
			more = timer.C
		}
		p.mu.Lock()
		p.pending = missed
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-more:
			left = 0
		case a := <-p.answers:
			if a.s != s {
				p.late(ctx, a)
				p.begin(ctx, a.from, s)
				continue
			}
			p.ended(a)
			p.report(a)
			got = append(got, a)
			left--
		}
	}
	if unconfirmed, _ := p.standing(); unconfirmed != nil {
		return nil, unconfirmed
	}
	if p.missed(got, false) == nil {
		return slices.DeleteFunc(got, func(a answered) bool { return a.err != nil || a.ahead }), nil
	}
	// A clock that is a little ahead is better than no quorum.
	missed := p.missed(got, true)
	return slices.DeleteFunc(got, func(a answered) bool { return a.err != nil }), missed
}

// report logs that a cosigner has begun or ceased to answer.
func (p *publisher) report(a answered) {
	silent := a.err != nil
	switch {
	case silent && !a.from.silent:
		p.r.logger.Warn("a cosigner does not cosign", slog.String("cosigner", a.from.Name()), slog.Any("error", a.err))
	case !silent && a.from.silent:
		p.r.logger.Info("a cosigner cosigns again", slog.String("cosigner", a.from.Name()))
	}
	a.from.silent = silent
}

// late adds an answer to the checkpoint that is shown, where it is of that.
func (p *publisher) late(ctx context.Context, a answered) {
	p.ended(a)
	p.report(a)
	if a.err != nil || a.ahead || a.s.size != p.r.shown().size {
		return
	}
	if err := p.r.publishCosigned(ctx, a.s, []answered{a}); err != nil && ctx.Err() == nil {
		p.r.logger.Warn("a late cosignature is not published", slog.Any("error", err))
	}
}

// publishCosigned keeps a checkpoint with its cosignatures, and only then
// shows it.
func (r *Registry) publishCosigned(ctx context.Context, s *snapshot, answers []answered) error {
	r.write.Lock()
	defer r.write.Unlock()
	if err := r.failed.Load(); err != nil {
		return *err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	next := *s
	if shown := r.shown(); shown.size == s.size {
		// Newer cosignatures of the same size join those held.
		next = *shown
	}
	var lines [][]byte
	for _, a := range answers {
		lines = append(lines, a.Line)
		if a.Time.After(next.cosigned) {
			next.cosigned = a.Time
		}
	}
	var err error
	if next.checkpoint, err = verify.MergeCheckpoint(next.checkpoint, lines...); err != nil {
		return fmt.Errorf("put the cosignatures onto the checkpoint of size %d: %w", s.size, err)
	}
	// From here on it is kept or the storage has failed, whoever still waits.
	if err := r.keepCosigned(context.WithoutCancel(ctx), &next, answers); err != nil {
		return err
	}
	r.publisher.limit(next.cosigned)
	if r.newest().size == next.size {
		r.advance(&next)
	}
	r.publish(&next)
	return nil
}

// keepCosigned keeps a checkpoint with its cosignatures, that it satisfies the
// policy, and who has confirmed its size.
func (r *Registry) keepCosigned(ctx context.Context, s *snapshot, answers []answered) error {
	standing := Standing{Checkpoint: s.head(), Sizes: make(map[string]int64, len(answers))}
	if s.size != r.shown().size {
		standing.Quorate = s.size
	}
	for _, a := range answers {
		if a.from != nil && a.from.kept != s.size {
			standing.Sizes[a.from.VKey()] = s.size
		}
	}
	if err := r.log.Keep(ctx, standing); err != nil {
		return r.storage(err)
	}
	for _, a := range answers {
		if a.from != nil {
			a.from.kept = s.size
		}
	}
	r.full.Store(false)
	return nil
}

// storage returns an error of the log: with [ErrFull] nothing was written, and
// after any other error all writing ends.
func (r *Registry) storage(err error) error {
	if errors.Is(err, ErrFull) {
		r.full.Store(true)
		return err
	}
	return r.fail(err)
}

// WaitQuorum returns nil when a checkpoint of at least that size is published,
// and an error of ctx that says who is missing where that takes too long.
func (r *Registry) WaitQuorum(ctx context.Context, size int64) error {
	p := r.publisher
	for {
		var published chan struct{}
		if p != nil {
			p.mu.Lock()
			published = p.published
			p.mu.Unlock()
		}
		if r.shown().size >= size {
			return nil
		}
		if p == nil {
			return fmt.Errorf("wait for the checkpoint of size %d: %w", size, ErrNotFound)
		}
		select {
		case <-published:
		case <-p.done:
			if r.shown().size >= size {
				return nil
			}
			return fmt.Errorf("wait for the quorum of size %d: %w", size, r.ended())
		case <-ctx.Done():
			return fmt.Errorf("wait for the quorum of size %d: %w: %w", size, ctx.Err(), p.why())
		}
	}
}

// ended is why the publisher has come to its end.
func (r *Registry) ended() error {
	if err := r.failed.Load(); err != nil {
		return *err
	}
	if unconfirmed, _ := r.publisher.standing(); unconfirmed != nil {
		return unconfirmed
	}
	return ErrClosed
}

// why is what keeps a checkpoint from being published.
func (p *publisher) why() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, err := range []error{p.unconfirmed, p.missing, p.pending} {
		if err != nil {
			return err
		}
	}
	return ErrNoQuorum
}

// standing returns why nothing is sequenced, and why the newest checkpoint is
// not published, nil where all is well.
func (p *publisher) standing() (unconfirmed, missing error) {
	if p == nil {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unconfirmed, p.missing
}

// after is the time that the next batch is dated after, whatever the clock
// says.
func (p *publisher) after() time.Time {
	if p == nil {
		return time.Time{}
	}
	return time.UnixMilli(p.bound.Load()).UTC()
}

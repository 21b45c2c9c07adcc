package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

// What a batch holds at most, so that it fits one transaction of the store.
const (
	maxBatch        = 1024
	maxBatchBytes   = 4 << 20
	maxBatchEntries = 4096
)

// maxBehind is how far the clock may stand behind the time of a batch. It is
// less than the five minutes by which a verifier and a mirror let a status
// leaf lead their clocks.
const maxBehind = time.Minute

// run is the sequencer. It ends when the queue is closed and empty. Batches are
// not cosigned one by one, since each cosignature, dated up to a second ahead,
// would push the next batch as far ahead of the clock: that is done when
// evidence is asked for, or nothing more is submitted.
func (r *Registry) run() {
	defer close(r.done)
	var carried *submission
	var started time.Time
	busy := false
	for {
		first := carried
		if first == nil {
			var ok bool
			if first, ok = r.receive(); !ok {
				return
			}
		}
		r.keepPace()
		wait := time.Duration(0)
		if busy {
			wait = r.interval - time.Since(started)
		}
		var batch []*submission
		batch, carried = r.collect(first, wait)
		started = time.Now()
		answers := r.sequence(batch)
		// Asked before anybody is answered: who submits one after the other
		// does not make the register busy.
		busy = carried != nil || len(r.queue) > 0
		for i, s := range batch {
			s.answer <- answers[i]
		}
	}
}

// receive waits for the next submission. Meanwhile, an idle register's
// checkpoint is cosigned, once the clock has come to the whole second that a
// cosignature of it is dated.
func (r *Registry) receive() (first *submission, ok bool) {
	s := r.newest()
	if r.interval < 0 || r.cosigner == nil || r.publisher != nil || s.size == 0 || !s.cosigned.Before(s.at) {
		first, ok = <-r.queue
		return first, ok
	}
	idle := time.NewTimer(min(wholeSecond(s.at).Sub(r.now()), maxBehind))
	defer idle.Stop()
	select {
	case first, ok = <-r.queue:
		return first, ok
	case <-idle.C:
	}
	// Nobody waits for this: evidence has it done where it has not been.
	if err := r.Cosign(context.Background()); err != nil {
		r.logger.Warn("the idle register's checkpoint was not cosigned", slog.Any("error", err))
	}
	first, ok = <-r.queue
	return first, ok
}

// keepPace waits, a second at most, until the clock has passed the newest
// cosignature. Batch times would else run ahead of the clock, by up to a second
// for each batch that evidence is asked for.
func (r *Registry) keepPace() {
	if ahead := r.newest().cosigned.Sub(r.now()); r.interval >= 0 && ahead >= 0 {
		time.Sleep(min(ahead+time.Millisecond, time.Second))
	}
}

// collect fills a batch from the queue: it waits as told, and then takes what
// is there. What does not fit any more is carried into the next batch.
func (r *Registry) collect(first *submission, wait time.Duration) (batch []*submission, carried *submission) {
	bytes, entries := 0, 0
	add := func(s *submission) bool {
		bytes += len(s.statement.Bytes())
		entries += len(s.statement.Claims().Subjects())
		if len(batch) > 0 && (bytes > maxBatchBytes || entries > maxBatchEntries) {
			carried = s
			return false
		}
		batch = append(batch, s)
		return len(batch) < maxBatch
	}
	if !add(first) {
		return batch, carried
	}
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		for {
			select {
			case s, ok := <-r.queue:
				if !ok || !add(s) {
					return batch, carried
				}
				continue
			case <-timer.C:
			}
			break
		}
	}
	for {
		select {
		case s, ok := <-r.queue:
			if !ok || !add(s) {
				return batch, carried
			}
		default:
			return batch, carried
		}
	}
}

// sequence admits a batch, makes it durable, and returns the answer of each
// submission.
func (r *Registry) sequence(batch []*submission) []answer {
	r.write.Lock()
	defer r.write.Unlock()
	answers := make([]answer, len(batch))
	refuse := func(err error) []answer {
		for i := range answers {
			// What is refused or stands in an earlier batch stays so.
			if answers[i].err == nil && answers[i].place.Size == 0 {
				answers[i] = answer{err: err}
			}
		}
		return answers
	}
	if err := r.failed.Load(); err != nil {
		return refuse(*err)
	}
	if err, _ := r.publisher.standing(); err != nil {
		return refuse(err)
	}
	base := r.newest()
	now := r.now()
	at := r.batchTime(now, base)
	if err := checkClock(now, at, base); err != nil {
		return refuse(err)
	}
	d := r.newDraft(base, len(batch))
	d.begin(at)
	for i, s := range batch {
		answers[i] = r.take(d, s)
		if err := answers[i].err; err != nil && !isRefusal(err) {
			return refuse(r.fail(err))
		} else if err != nil && s.together {
			return refuse(errTogether)
		}
	}
	if d.pending() == 0 {
		d.keep()
		return answers
	}
	done, err := r.commit(d)
	if err != nil {
		return refuse(err)
	}
	for i := range answers {
		if a := &answers[i]; a.err == nil && a.place.Size == 0 {
			a.place.Size, a.batch = done.size, done
		}
	}
	return answers
}

// commit makes a draft durable. The snapshot that follows is published, at once
// or when it has been cosigned.
func (r *Registry) commit(d *draft) (*batched, error) {
	d.close()
	tree, err := grow(d.base.edge, d.base.size, d.hashes)
	if err != nil {
		return nil, r.fail(err)
	}
	batch, next, err := d.finish(tree)
	if err != nil {
		return nil, r.fail(err)
	}
	if next.signed, err = r.sign(next.size, next.hash, next.root()); err != nil {
		// Nothing is written yet: the next batch may be luckier.
		return nil, err
	}
	next.checkpoint, batch.Checkpoint = next.signed, next.signed
	// Nobody's context ends what all submitters of the batch wait for.
	if err := r.log.Append(context.Background(), batch); errors.Is(err, ErrFull) {
		r.full.Store(true)
		return nil, err
	} else if err != nil {
		return nil, r.fail(err)
	}
	r.full.Store(false)
	d.keep()
	r.lately.add(batch.Start, batch.Statements)
	r.batched(len(batch.Statements))
	r.advance(next)
	if r.publisher != nil {
		r.publisher.tell(d.base, next)
	} else {
		r.publish(next)
	}
	return &batched{next, tree}, nil
}

// checkClock refuses a batch time that the clock is too far behind.
func checkClock(now, at time.Time, base *snapshot) error {
	if behind := at.Sub(now); behind > maxBehind {
		return fmt.Errorf("%w: it is %s behind the time of the last batch, %s", ErrClock, behind, base.at.Format(time.RFC3339))
	}
	return nil
}

// batchTime is the clock's, to the millisecond, but after the last batch and
// after every cosignature held: what a cosigner has signed at T fixes what was
// known at T.
func (r *Registry) batchTime(now time.Time, base *snapshot) time.Time {
	at := now.Truncate(time.Millisecond).UTC()
	for _, before := range []time.Time{base.at, base.cosigned, r.publisher.after()} {
		if !at.After(before) {
			at = before.Add(time.Millisecond)
		}
	}
	return at
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*attest.Refusal](err)
	return ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrNoRoot)
}

// take adds a submission to the draft, and returns its answer as far as it is
// known: a place of size 0 is one in this batch.
func (r *Registry) take(d *draft, s *submission) answer {
	if err := s.ctx.Err(); err != nil {
		return answer{err: err}
	}
	st := s.statement
	if a, dup := r.duplicate(d, s); dup {
		return a
	}
	if s.first != (d.Root() == nil) {
		return answer{err: attest.Refuse(attest.Conflict, errors.New("the log has a trust root already"))}
	}
	if root := d.Root(); root != s.root {
		// A new trust root has come in between.
		var err error
		if st, err = attest.Open(st.Bytes(), root); err != nil {
			return answer{err: err}
		}
	}
	if err := r.admitRoot(st); err != nil {
		return answer{err: err}
	}
	if err := admit(d, st, d.at); err != nil {
		return answer{err: err}
	}
	index := d.next()
	if err := d.add(st, s.hash); err != nil {
		return answer{err: err}
	}
	return answer{place: Place{Index: index, LeafHash: s.hash}}
}

// duplicate answers a statement whose name is taken: with the place of the
// one that has the same payload, or with a conflict.
func (r *Registry) duplicate(d *draft, s *submission) (a answer, dup bool) {
	st := s.statement
	head := st.Claims().Head()
	if i, ok := d.names[[2]string{head.Iss, head.JTI}]; ok {
		n := i - d.base.size
		if err := samePayload(d.leaves[n], i, st.Bytes()); err != nil {
			return answer{err: err}, true
		}
		return answer{place: Place{Index: i, LeafHash: d.hashes[n]}}, true
	}
	// It was not there when it was submitted.
	place, ok, sure := r.lately.find(head.Iss, head.JTI, s.lookedUp)
	var err error
	if !sure {
		place, ok, err = r.log.Find(head.Iss, head.JTI)
	}
	if err != nil {
		return answer{err: err}, true
	}
	if !ok {
		return answer{}, false
	}
	if place.LeafHash != s.hash {
		if err := r.samePayload(place, st.Bytes()); err != nil {
			return answer{err: err}, true
		}
	}
	return answer{place: place}, true
}

// admitRoot refuses a trust root under which this register could not sign.
// It is no rule of admission: a mirror does not know the signer.
func (r *Registry) admitRoot(st *attest.Statement) error {
	root := st.TrustRoot()
	if root == nil {
		return nil
	}
	if aud := root.Root().Aud; aud != r.origin {
		return attest.Refuse(attest.Forbidden, attest.Problems{{Pointer: "/aud", Message: fmt.Sprintf("is addressed to the register %q; this one is %q", aud, r.origin)}})
	}
	if p := r.unsuited(root.Root()); p != nil {
		return attest.Refuse(attest.Conflict, p)
	}
	return nil
}

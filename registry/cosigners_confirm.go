package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry/witness"
)

// Longest waits between two rounds of questions, at the start and later.
const (
	maxConfirmPause = 10 * time.Second
	maxPause        = 5 * time.Second
)

// confirm asks every cosigner that is not done without, again and again, until
// it has cosigned the checkpoint that the log ends with, and so holds no larger
// one. A log that was put back from an old copy would else be continued
// otherwise than it was, under the same key. It returns false where that cannot
// come any more.
func (p *publisher) confirm(ctx context.Context) bool {
	defer func() { p.firstAsked.Do(p.closeAsked) }()
	s := p.r.newest()
	signed, err := s.signed, error(nil)
	if s.size == 0 {
		// A log that is gone altogether is asked for, too.
		signed, err = note.Sign(&note.Note{Text: checkpointText(p.r.origin, 0, emptyTree)}, *p.r.signers.Load()...)
	}
	if err != nil {
		p.stopped(fmt.Errorf("%w: %w: size 0: %w", ErrUnconfirmed, ErrSigner, err))
		return false
	}
	waiting := slices.DeleteFunc(slices.Clone(p.outsiders), func(o *outsider) bool {
		return slices.Contains(p.config.Without, o.Name())
	})
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, maxConfirmPause) {
		var missing []string
		if waiting, missing, err = p.unconfirmedOf(ctx, waiting, s, signed); err != nil {
			p.stopped(err)
			return false
		}
		if ctx.Err() != nil {
			return false
		}
		if len(waiting) == 0 {
			p.confirmed()
			return true
		}
		p.unconfirmedBy(waiting, missing)
		p.firstAsked.Do(p.closeAsked)
		if !sleep(ctx, pause) {
			return false
		}
	}
}

// emptyTree is the root of a tree without leaves.
var emptyTree, _ = tlog.TreeHash(0, nil)

// unconfirmedOf asks cosigners at once and returns those that have not
// confirmed, and why. It returns ErrRolledBack where one contradicts.
func (p *publisher) unconfirmedOf(ctx context.Context, waiting []*outsider, s *snapshot, signed []byte) (left []*outsider, missing []string, err error) {
	answers := make(chan answered, len(waiting))
	for _, o := range waiting {
		old := min(o.held, s.size)
		p.asking.Go(func() { answers <- p.ask(ctx, o, s, signed, old) })
	}
	for range waiting {
		a := <-answers
		cause := a.err
		if cause != nil && len(a.Line) > 0 {
			// Its clock is wrong; its size is not.
			cause = nil
		}
		err := p.contradiction(a)
		switch {
		case err != nil:
			return nil, nil, err
		case cause == nil:
			a.from.held = s.size
		case s.size == 0 && refused(cause):
			// It does not cosign an empty log, and holds none that is larger.
		default:
			left = append(left, a.from)
			missing = append(missing, cause.Error())
		}
	}
	slices.Sort(missing)
	return left, missing, nil
}

// contradiction returns ErrRolledBack where an answer says that the cosigner
// holds more than the log has, or another log: an old copy was put back, or
// somebody else writes under the same key. It returns nil where nobody asks for
// the cosigner's word.
func (p *publisher) contradiction(a answered) error {
	if a.err == nil || slices.Contains(p.config.Without, a.from.Name()) {
		return nil
	}
	size := p.r.newest().size
	// One that holds more than it was asked for may have been asked for that,
	// and not have been heard.
	other, _ := errors.AsType[*witness.SizeError](a.err)
	holds := other != nil && (other.Held > size || other.Held == other.Sent)
	if !holds && (a.s.size == 0 || !refused(a.err)) {
		return nil
	}
	return fmt.Errorf("%w: the log ends at size %d: %w; see that no other register signs with its key, put the newest copy of the log back, or do without %s by its name if it is wrong", ErrRolledBack, size, a.err, a.from.Name())
}

// refused tells whether a cosigner was not convinced that the log continues the
// tree that it holds.
func refused(err error) bool {
	status, ok := errors.AsType[*witness.StatusError](err)
	return ok && status.Status == http.StatusUnprocessableEntity
}

// contradicted ends all writing, and publishing, where an answer contradicts
// the log.
func (p *publisher) contradicted(a answered) {
	err := p.contradiction(a)
	if err == nil {
		return
	}
	p.mu.Lock()
	p.unconfirmed = err
	p.mu.Unlock()
	p.r.logger.Error("nothing is logged until the register is started again", slog.Any("error", err))
}

// whole tells that no cosigner contradicts the log.
func (p *publisher) whole() bool {
	unconfirmed, _ := p.standing()
	return unconfirmed == nil
}

func (p *publisher) closeAsked() { close(p.asked) }

// confirmed lets the sequencer begin.
func (p *publisher) confirmed() {
	p.mu.Lock()
	was := p.unconfirmed
	p.unconfirmed = nil
	p.mu.Unlock()
	close(p.decided)
	if was != nil && was != ErrUnconfirmed { //nolint:errorlint // the bare one says that nobody was missing so far
		p.r.logger.Info("all cosigners have confirmed that the log is whole")
	}
}

// sayAgain is after how long it is said again that nothing is logged.
const sayAgain = time.Minute

// unconfirmedBy keeps who is missing, for those who ask, and tells whoever runs the
// register.
func (p *publisher) unconfirmedBy(waiting []*outsider, missing []string) {
	var without []string
	for _, o := range waiting {
		without = append(without, "--without-cosigner "+o.Name())
	}
	slices.Sort(without)
	err := fmt.Errorf("%w; missing: %s; one that is gone for good can be done without, by its name: serve %s",
		ErrUnconfirmed, strings.Join(missing, ", "), strings.Join(without, " "))
	p.mu.Lock()
	p.unconfirmed = err
	p.mu.Unlock()
	if now := time.Now(); now.Sub(p.said) >= p.again {
		p.said = now
		p.r.logger.Warn("nothing is logged yet", slog.Any("error", err))
	}
}

// stopped ends all writing.
func (p *publisher) stopped(err error) {
	p.mu.Lock()
	p.unconfirmed = err
	p.mu.Unlock()
	close(p.decided)
	p.r.logger.Error("nothing is logged until the register is started again", slog.Any("error", err))
}

// ready waits until every cosigner has been asked once at the start, and
// returns why nothing is sequenced, nil where all have confirmed.
func (p *publisher) ready(ctx context.Context) error {
	if p == nil {
		return nil
	}
	select {
	case <-p.asked:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnconfirmed, ctx.Err())
	}
	unconfirmed, _ := p.standing()
	return unconfirmed
}

// WaitConfirmed returns nil once every cosigner has confirmed, since the
// register was started, that it holds no larger size than the log has:
// [ErrRolledBack] where one contradicts, which no waiting mends, and
// [ErrUnconfirmed], saying who is missing, where ctx is done before.
func (r *Registry) WaitConfirmed(ctx context.Context) error {
	p := r.publisher
	if p == nil {
		return nil
	}
	select {
	case <-p.decided:
	case <-p.done:
	case <-ctx.Done():
		unconfirmed, _ := p.standing()
		return fmt.Errorf("wait for the cosigners to confirm: %w: %w", ctx.Err(), unconfirmed)
	}
	// A publisher that was contradicted has come to its end, too.
	select {
	case <-p.decided:
		unconfirmed, _ := p.standing()
		return unconfirmed
	default:
		return ErrClosed
	}
}

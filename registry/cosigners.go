package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/tlogpolicy"
	"github.com/safeconduct/safeconduct/internal/vkey"
	"github.com/safeconduct/safeconduct/registry/witness"
)

// Cosigning says who cosigns a register's checkpoints, and when they are
// enough. The zero Cosigning asks nobody: every checkpoint is published.
type Cosigning struct {
	// Policy is a C2SP tlog-policy. Each witness line has the URL where it is
	// asked, but that of the operator's own [Config].Cosigner, which is asked in
	// any case. Witnesses and mirrors that the quorum does not name are asked all
	// the same. The trust root has to list every one of them: who verifies
	// evidence refuses lines by others.
	Policy string
	// Client is used to ask them; nil is one of the register's own.
	Client *http.Client
	// Timeout is how long one answer may take; zero is 15 seconds. A mirror
	// fetches and checks what is new before it answers.
	Timeout time.Duration
	// WaitForMore is how long cosignatures beyond the quorum are waited for;
	// zero is 250 milliseconds, below zero not at all. What comes later is
	// added when it comes, unless a newer checkpoint is published by then.
	WaitForMore time.Duration
	// Refresh is after how long a quiet log's checkpoint is cosigned anew; zero
	// is a minute.
	Refresh time.Duration
	// Without names cosigners of the policy that need not confirm at the start
	// that they hold no larger size, and that stop nothing where they hold one
	// later. They are asked for cosignatures.
	Without []string
}

// The defaults of [Cosigning].
const (
	defaultTimeout = 15 * time.Second
	defaultMore    = 250 * time.Millisecond
	defaultRefresh = time.Minute
)

// How far from the register's clock a cosignature may be dated.
const (
	// farAhead: what is dated later is not held, since every later batch has to
	// be dated after what is held.
	farAhead = time.Minute
	// nearAhead: what is dated later is held only where the quorum needs it.
	nearAhead = 2 * time.Second
	// farBehind is how far it may be dated before the batch that it covers; a
	// verifier allows for no more.
	farBehind = 5 * time.Minute
)

// An outsider is a cosigner that is asked over HTTP.
type outsider struct {
	*witness.Witness
	line *tlogpolicy.Witness
	// held is the size that it confirmed last, kept what of that is in the log.
	held, kept int64
	// busy says that a request to it is under way.
	busy bool
	// silent says that its last request came to nothing.
	silent bool
}

// An answered is what asking one cosigner has come to.
type answered struct {
	by *tlogpolicy.Witness
	// from is nil for the operator's own.
	from *outsider
	s    *snapshot
	witness.Cosignature
	// ahead says that it is dated after [nearAhead].
	ahead bool
	err   error
}

// newPublisher reads the policy; it returns nil where there is none.
func newPublisher(r *Registry, c Cosigning) (*publisher, error) {
	if c.Policy == "" {
		if len(c.Without) > 0 {
			return nil, fmt.Errorf("there is no cosigning policy, and so no cosigner %s to do without", c.Without[0])
		}
		return nil, nil //nolint:nilnil // without a policy there is no publisher
	}
	policy, err := tlogpolicy.Parse(c.Policy)
	if err != nil {
		return nil, fmt.Errorf("the cosigning policy: %w", err)
	}
	if err := r.ownPolicy(policy); err != nil {
		return nil, fmt.Errorf("the cosigning policy: %w", err)
	}
	for d, v := range map[*time.Duration]time.Duration{&c.Timeout: defaultTimeout, &c.WaitForMore: defaultMore, &c.Refresh: defaultRefresh} {
		if *d == 0 {
			*d = v
		}
	}
	p := makePublisher(r, c, policy)
	names := make([]string, len(policy.Witnesses))
	for i, w := range policy.Witnesses {
		names[i] = w.Name
		if !slices.Contains(r.cosigners, w.VKey) {
			r.cosigners = append(r.cosigners, w.VKey)
		}
		if p.isOwn(w) {
			p.own = w
			continue
		}
		if w.URL == "" {
			return nil, fmt.Errorf("the cosigning policy: witness %s has no URL: add it at the end of its line", w.Name)
		}
		asked, err := witness.New(w.Name, w.VKey, w.URL, c.Client)
		if err != nil {
			return nil, fmt.Errorf("the cosigning policy: %w", err)
		}
		p.outsiders = append(p.outsiders, &outsider{Witness: asked, line: w})
	}
	p.answers = make(chan answered, len(p.outsiders))
	for _, name := range c.Without {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("the cosigning policy has no cosigner %q to do without; it has %s", name, strings.Join(names, ", "))
		}
	}
	return p, nil
}

// ownPolicy refuses a policy whose log lines are of other logs alone.
func (r *Registry) ownPolicy(policy *tlogpolicy.Policy) error {
	ours := func(k vkey.Key) bool { _, ok := r.signerOf(k.Verifier); return ok }
	if len(policy.Logs) > 0 && !slices.ContainsFunc(policy.Logs, ours) {
		return errors.New("none of its log lines has a key that this register signs with")
	}
	return nil
}

// isOwn reports whether a witness line is the operator's own cosigner.
func (p *publisher) isOwn(w *tlogpolicy.Witness) bool {
	c := p.r.cosigner
	return c != nil && w.Public == string(c.public()[1:])
}

// listed returns an error where a trust root lacks a cosigner of the policy:
// evidence with its line would be refused.
func (p *publisher) listed(root *attest.Root) error {
	if p == nil {
		return nil
	}
	for _, w := range p.policy.Witnesses {
		listed := func(c attest.Cosigner) bool { return c.VKey == w.VKey }
		if !slices.ContainsFunc(root.Cosigners, listed) {
			return fmt.Errorf("version %d of the trust root does not list %s, the cosigner %s of the cosigning policy; list it, or take it out of the policy first", root.Version, w.VKey, w.Name)
		}
	}
	return nil
}

// remembered takes over what the cosigners had confirmed when the log was last
// written. It returns an error where that is more than the log has.
func (p *publisher) remembered(size int64) error {
	sizes, err := p.r.log.Sizes()
	if err != nil {
		return err
	}
	for _, o := range p.outsiders {
		o.held = sizes[o.VKey()]
		o.kept = o.held
		if o.held > size {
			return fmt.Errorf("the log has %d leaves, and says itself that cosigner %s has confirmed %d: %s", size, o.Name(), o.held, advice)
		}
	}
	return nil
}

// begin asks a cosigner for a cosignature of a snapshot, unless it is still
// asked for another.
func (p *publisher) begin(ctx context.Context, o *outsider, s *snapshot) {
	if o.busy {
		return
	}
	o.busy = true
	old := min(o.held, s.size)
	p.asking.Go(func() { p.answers <- p.ask(ctx, o, s, s.signed, old) })
}

// ended takes note of an answer.
func (p *publisher) ended(a answered) {
	a.from.busy = false
	if a.err == nil {
		a.from.held = a.s.size
	}
	p.contradicted(a)
}

// ask asks a cosigner to cosign a snapshot, as often as it wants to be asked
// again within the time that it has.
func (p *publisher) ask(ctx context.Context, o *outsider, s *snapshot, signed []byte, old int64) answered {
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	until, _ := ctx.Deadline()
	prove := func(old int64) (tlog.TreeProof, error) { return tlog.ProveTree(s.size, old, p.r.log) }
	for {
		c, err := o.AddCheckpoint(ctx, old, signed, prove)
		if err == nil {
			return p.judge(answered{by: o.line, from: o, s: s, Cosignature: c})
		}
		busy, ok := errors.AsType[*witness.StatusError](err)
		again := ok && busy.Status == http.StatusServiceUnavailable && busy.RetryAfter > 0
		if !again || time.Until(until) < busy.RetryAfter || !sleep(ctx, busy.RetryAfter) {
			return answered{by: o.line, from: o, s: s, err: err}
		}
	}
}

// judge refuses a cosignature that is dated otherwise than a clock that is
// right would have it.
func (p *publisher) judge(a answered) answered {
	now := p.r.now()
	switch ahead := a.Time.Sub(now); {
	case ahead > farAhead:
		a.err = fmt.Errorf("its cosignature is dated %s, %s ahead of the register's clock: one of the two is wrong", a.Time.Format(time.RFC3339), ahead.Round(time.Second))
	case a.s.at.Sub(a.Time) > farBehind:
		a.err = fmt.Errorf("its cosignature is dated %s, long before the batch that it covers, of %s: one of the clocks is wrong", a.Time.Format(time.RFC3339), a.s.at.Format(time.RFC3339))
	default:
		a.ahead = ahead > nearAhead
	}
	return a
}

// cosigned is the cosignature of the operator's own cosigner, if any.
func (p *publisher) cosigned(s *snapshot, at time.Time) ([]answered, error) {
	c := p.r.cosigner
	if c == nil {
		return nil, nil
	}
	line, err := c.Cosign(s.signed, at)
	if err != nil {
		return nil, err
	}
	return []answered{{by: p.own, s: s, Cosignature: witness.Cosignature{Line: line, Time: at}}}, nil
}

// missed returns ErrNoQuorum, saying who is missing and why, where the answers
// do not make the quorum.
func (p *publisher) missed(got []answered, heldAhead bool) error {
	var missing []string
	_, ok := p.policy.Quorum.Latest(func(w *tlogpolicy.Witness) (time.Time, bool) {
		why := "has not answered yet"
		for _, a := range got {
			switch {
			case a.by != w:
			case a.err != nil:
				why = a.err.Error()
			case a.ahead && !heldAhead:
				why = "its clock is ahead of the register's"
			default:
				return a.Time, true
			}
		}
		missing = append(missing, fmt.Sprintf("%s (%s)", w.Name, why))
		return time.Time{}, false
	})
	if ok {
		return nil
	}
	return fmt.Errorf("%w; missing: %s", ErrNoQuorum, strings.Join(missing, ", "))
}

// sleep returns false where ctx is done first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

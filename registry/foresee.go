package registry

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// A Foresight is what a version of the trust root would do, told before anybody
// signs it.
type Foresight struct {
	// Voided are the statements that it would void, in log order.
	Voided []VoidedStatement `json:"voided"`
	// Changed are those of the requests asked about whose decision would be
	// another.
	Changed []ForeseenDecision `json:"changed"`
	// More says that it would void more than are told.
	More bool `json:"more,omitzero"`
	// Refused is why the register would not take it, however it is signed: a log key
	// that it does not have, or a cosigner that is not listed.
	Refused attest.Problems `json:"refused,omitzero"`
}

// maxForeseen is how many voided statements are told.
const maxForeseen = 10_000

// A VoidedStatement is a [Voided] one, for people.
type VoidedStatement struct {
	policy.Ref
	Kind attest.Kind `json:"kind"`
	// What is what an event does, "version" for what supersedes another one, and
	// the kind of all else.
	What string `json:"what"`
	// Subject is whose history it stands in.
	Subject string `json:"subject"`
	// Takes says that it suspends or ends an approval, or stands in another one's
	// place: the version is refused unless it is Reissued, by another key, or
	// Declared false.
	Takes    bool `json:"takes,omitzero"`
	Reissued bool `json:"reissued,omitzero"`
	Declared bool `json:"declared_false,omitzero"`
}

// Settled is [Voided.Settled].
func (v *VoidedStatement) Settled() bool { return !v.Takes || v.Reissued || v.Declared }

// A ForeseenDecision is of the request with that number, from 0 on.
type ForeseenDecision struct {
	Request   int           `json:"request"`
	Now       policy.Result `json:"now"`
	NowCodes  []policy.Code `json:"now_codes"`
	Then      policy.Result `json:"then"`
	ThenCodes []policy.Code `json:"then_codes"`
}

// Foresee tells what a next version of the trust root, which nobody need have
// signed, would do at the newest checkpoint: which statements it would void, and
// how it would change the decisions of requests at a time. It returns a
// *[attest.Refusal] where the root is none that could follow, and ErrOverloaded
// where another one is looked at: for a key that is newly distrusted, all of the
// log is read.
func (r *Reader) Foresee(ctx context.Context, next *attest.Root, requests []*policy.Request, now time.Time) (*Foresight, error) {
	s := r.shown()
	root := s.root()
	if root == nil {
		return nil, ErrNoRoot
	}
	if err := root.Precedes(next); err != nil {
		return nil, err
	}
	if !r.foreseeing.TryLock() {
		return nil, ErrOverloaded
	}
	defer r.foreseeing.Unlock()
	out := &Foresight{Voided: []VoidedStatement{}, Changed: []ForeseenDecision{}}
	for v, err := range voided(shownView{ctx, r, s}, next) {
		if err != nil {
			return nil, fmt.Errorf("foresee: %w", err)
		}
		if out.More = len(out.Voided) == maxForeseen; out.More {
			break
		}
		h := v.Statement.Claims().Head()
		out.Voided = append(out.Voided, VoidedStatement{
			policy.Ref{Issuer: h.Iss, JTI: h.JTI, Index: v.Index}, v.Statement.Claims().Kind(), what(v.Statement.Claims()), h.Sub,
			v.Takes, v.Reissued, v.Declared,
		})
	}
	for i, req := range requests {
		d, err := r.foresee(ctx, s, next, req, now)
		if err != nil {
			return nil, fmt.Errorf("foresee request %d: %w", i, err)
		}
		if d != nil {
			d.Request = i
			out.Changed = append(out.Changed, *d)
		}
	}
	return out, nil
}

// foresee decides a request twice, nil where that is the same.
func (r *Reader) foresee(ctx context.Context, s *snapshot, next *attest.Root, req *policy.Request, now time.Time) (*ForeseenDecision, error) {
	set, err := r.touched(ctx, s, req, true)
	if err != nil {
		return nil, err
	}
	// What is logged is known; how fresh evidence will be is not asked.
	set.Fresh, set.MaxAge = now, time.Minute
	q, err := policy.Ask(req)
	if err != nil {
		return nil, err
	}
	at := req.TimesNow(now)
	before, err := policy.Read(set).Decide(q, at, r.screening...)
	if err != nil {
		return nil, err
	}
	after, err := policy.ReadUnder(set, next).Decide(q, at, r.screening...)
	if err != nil {
		return nil, err
	}
	if before.Decision == after.Decision && slices.Equal(before.Codes(), after.Codes()) {
		return nil, nil
	}
	return &ForeseenDecision{Now: before.Decision, NowCodes: before.Codes(), Then: after.Decision, ThenCodes: after.Codes()}, nil
}

// shownView is the [View] of what a snapshot shows.
type shownView struct {
	ctx context.Context //nolint:containedctx // it is of one call
	r   *Reader
	s   *snapshot
}

func (v shownView) Root() *attest.TrustRoot { return v.s.root() }

func (v shownView) Find(iss, jti string) (int64, bool, error) {
	p, ok, err := v.r.log.Find(iss, jti)
	return p.Index, ok && p.Index < v.s.size, err
}

func (v shownView) Statement(index int64) (*attest.Statement, error) {
	return v.r.statement(v.s, index)
}

func (v shownView) History(subject string) ([]HistoryEntry, error) {
	return v.r.entries(v.ctx, v.s, subject)
}

func (v shownView) Signed(kids []string, from int64) iter.Seq2[int64, error] {
	return signed(kids, from, v.s.size, func(i int64) ([]byte, error) {
		if err := v.ctx.Err(); err != nil {
			return nil, err
		}
		return v.r.leaf(i)
	})
}

// signed yields the indexes, up to a size, of the statements that name a key. It
// reads the log once: a key is stolen seldom.
func signed(kids []string, from, size int64, leafAt func(int64) ([]byte, error)) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		for i := from; i < size; i++ {
			leaf, err := leafAt(i)
			if err != nil {
				yield(0, err)
				return
			}
			if verify.IsStatusLeaf(leaf) {
				continue
			}
			u, err := attest.Parse(leaf)
			if err != nil {
				yield(0, damaged(i, err))
				return
			}
			if slices.ContainsFunc(kids, u.SignedBy) && !yield(i, nil) {
				return
			}
		}
	}
}

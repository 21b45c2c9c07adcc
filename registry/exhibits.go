package registry

import (
	"context"
	"sync"
	"time"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// What of opened evidence is kept at most: opened, it takes several times its
// bytes.
const (
	exhibitsKept  = 256
	exhibitsBytes = verify.MaxEvidence
)

// openedBefore is how long before the newest cosignature kept evidence is opened
// as of. Own cosignatures are dated up to a second ahead of the clock; five
// minutes ahead they count already (docs/format.md, step quorum).
const openedBefore = time.Minute

// exhibits keeps the evidence that was made at one snapshot, opened, so that of
// questions about the same histories only the first costs its proofs and their
// verification: whatever else is touched is found in those that the cast names. The
// zero exhibits is empty.
type exhibits struct {
	mu     sync.Mutex
	of     *snapshot
	opened map[policy.Cast]*verify.Opened
	bytes  int
}

func (x *exhibits) get(s *snapshot, cast policy.Cast) (*verify.Opened, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.of != s {
		return nil, false
	}
	o, ok := x.opened[cast]
	return o, ok
}

func (x *exhibits) put(s *snapshot, cast policy.Cast, o *verify.Opened) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := len(o.Bytes())
	if x.of != s || len(x.opened) >= exhibitsKept || x.bytes+n > exhibitsBytes {
		x.of, x.opened, x.bytes = s, make(map[policy.Cast]*verify.Opened), 0
	}
	x.opened[cast] = o
	x.bytes += n
}

// exhibit is the evidence that a request and its question are decided on at a
// snapshot, see [Reader.ownEvidence], opened: what it decides is to the byte what
// [verify.Decide] does. With whole, nothing is left out for who relies on a mirror:
// what is disclosed afterwards may make the decision rest on something else.
func (x *exhibits) exhibit(ctx context.Context, r *Reader, s *snapshot, req *policy.Request, q *policy.Question, at policy.Times, whole bool) (*verify.Opened, error) {
	// From then on all cosignatures count, and checked_at opens nothing more. Who
	// asks as of before is told which of them do not.
	from := s.cosigned.Add(-openedBefore)
	kept := !s.cosigned.IsZero() && !at.CheckedAt.Before(from)
	if !kept {
		from = at.CheckedAt
	} else if o, ok := x.get(s, q.Cast()); ok {
		return o, nil
	}
	evidence, whole, err := r.ownEvidence(ctx, s, req, at, whole)
	if err != nil {
		return nil, err
	}
	o, err := verify.Open(evidence, r.trust, from)
	if err != nil {
		return nil, err
	}
	// What is left out depends on the whole question.
	if kept && whole {
		x.put(s, q.Cast(), o)
	}
	return o, nil
}

package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// A laterStatement was logged after the time that an answer is compared with.
type laterStatement struct {
	policy.Ref
	at time.Time
}

// blame returns those of the statements behind another answer that have made the
// difference. The request is decided as of each time at which something was logged
// since: those count with which the answer became another one, and after which it
// did not become the first again. What the answer rests on now, and rested on before
// in other words, is so left out. Where that tells nothing, all are returned.
func blame(e *verify.Opened, req *policy.Request, h *policy.Hindsight, then, now time.Time, lists []*screening.List) ([]policy.Ref, error) {
	later, err := laterIn(e, then)
	if err != nil {
		return nil, err
	}
	q, err := policy.Ask(req)
	if err != nil {
		return nil, err
	}
	answer := func(known time.Time) (*policy.Decision, error) {
		times := req.Times(now)
		times.KnownAt = known
		return e.Decide(q, times, lists...)
	}
	first, err := answer(then)
	if err != nil {
		return nil, err
	}
	var turns []time.Time
	for before, rest := first, later; len(rest) > 0; {
		at := rest[0].at
		d, err := answer(at)
		if err != nil {
			return nil, err
		}
		switch {
		case sameAnswer(d, first):
			turns = nil
		case !sameAnswer(d, before):
			turns = append(turns, at)
		}
		before = d
		rest = slices.DeleteFunc(slices.Clone(rest), func(s laterStatement) bool { return s.at.Equal(at) })
	}
	var rests, touching []policy.Ref
	for _, s := range later {
		if !slices.ContainsFunc(turns, s.at.Equal) {
			continue
		}
		touching = append(touching, s.Ref)
		if slices.Contains(h.Statements, s.Ref) {
			rests = append(rests, s.Ref)
		}
	}
	for _, found := range [][]policy.Ref{rests, touching} {
		if len(found) > 0 {
			return found, nil
		}
	}
	return h.Statements, nil
}

func sameAnswer(a, b *policy.Decision) bool {
	return a.Decision == b.Decision && slices.Equal(a.Codes(), b.Codes())
}

// laterIn are the statements in evidence that were logged after a time, in log
// order.
func laterIn(e *verify.Opened, then time.Time) (out []laterStatement, err error) {
	for _, s := range e.Report().Subjects {
		list, err := e.History(s.Subject, time.Time{}, time.Time{})
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			h := r.Statement.Claims().Head()
			x := laterStatement{policy.Ref{Issuer: h.Iss, JTI: h.JTI, Index: r.Index}, r.Time}
			if r.Time.After(then) && !slices.Contains(out, x) {
				out = append(out, x)
			}
		}
	}
	slices.SortFunc(out, func(a, b laterStatement) int { return cmp.Compare(a.Index, b.Index) })
	return out, nil
}

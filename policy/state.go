package policy

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// A state is why a version of an approval is not in force: its one code, empty
// where it is in force.
type state struct {
	code    Code
	message string
	// causes are all that put it out of force, of which those with the code are
	// reported, first among them the one that is named.
	causes   []cause
	reported []cause
	// saved are the clauses that let it stand all the same (R11).
	saved []Reason
}

// A cause alone puts an approval out of force.
type cause struct {
	code    Code
	by      proven.Entry
	pointer string
	// since is when it did so.
	since time.Time
	// control is the change of control that it is, nil for all else.
	control *attest.EntityEvent
	// savings are its clauses, which stand at savingsAt.
	savings   []attest.Savings
	savingsAt string
}

// precedence is the order in which states are reported (R10).
var precedence = []Code{ApprovalRevoked, ApprovalWithdrawn, ApprovalExpired, ApprovalNotYetEffective, ApprovalSuspended}

// forever is later than every time that a statement can name.
var forever = time.Unix(math.MaxInt32*1000, 0)

// stateOf returns the state that causes put a version in.
func stateOf(causes []cause, version proven.Entry) state {
	if len(causes) == 0 {
		return state{}
	}
	s := state{causes: causes}
	for _, code := range precedence {
		for _, c := range causes {
			if c.code == code {
				s.reported = append(s.reported, c)
			}
		}
		if s.reported != nil {
			break
		}
	}
	slices.SortStableFunc(s.reported, func(a, b cause) int { return a.since.Compare(b.since) })
	s.code = s.reported[0].code
	s.message = s.say(version)
	return s
}

// state is that of a version for the request: savings that cover let it stand.
func (j *judgement) state(causes []cause, version proven.Entry) state {
	if j.saving && len(causes) > 0 {
		if saved, ok := j.save(causes); ok {
			return state{saved: saved}
		}
	}
	j.clauses = j.clauses || claused(causes)
	return stateOf(causes, version)
}

// claused reports whether a cause has savings clauses.
func claused(causes []cause) bool {
	return slices.ContainsFunc(causes, func(c cause) bool { return len(c.savings) > 0 })
}

func (s *state) say(version proven.Entry) string {
	since := utc(s.reported[0].since)
	switch s.code {
	case ApprovalRevoked:
		return fmt.Sprintf("%s was revoked with effect from %s.", name(version), since)
	case ApprovalWithdrawn:
		return fmt.Sprintf("%s was withdrawn with effect from %s.", name(version), since)
	case ApprovalExpired:
		return fmt.Sprintf("%s ended at %s.", name(version), since)
	case ApprovalNotYetEffective:
		return fmt.Sprintf("%s comes into force at %s.", name(version), since)
	default:
		return fmt.Sprintf("%s is suspended since %s.", name(version), since)
	}
}

// causes lists what puts a version out of force at t.
func (l *lineage) causes(version proven.Entry, controls []proven.Entry, t time.Time) (out []cause) {
	g := attest.GrantOf(version.Statement.Claims())
	if g.EXP != 0 && !t.Before(g.EXP.Time()) {
		out = append(out, cause{
			code: ApprovalExpired, by: version, pointer: "/exp", since: g.EXP.Time(),
			savings: expirySavings(version), savingsAt: "/expiry_savings",
		})
	}
	if t.Before(g.NBF.Time()) {
		out = append(out, cause{code: ApprovalNotYetEffective, by: version, pointer: "/nbf", since: g.NBF.Time()})
	}
	for _, e := range l.events {
		ev := event(e)
		if t.Before(ev.EffectiveAt.Time()) {
			continue
		}
		c := cause{by: e, pointer: "/effective_at", since: ev.EffectiveAt.Time(), savings: ev.Savings, savingsAt: "/savings"}
		switch ev.Event {
		case attest.Revoke:
			c.code = ApprovalRevoked
		case attest.Withdraw:
			c.code = ApprovalWithdrawn
		case attest.Suspend:
			if c.code = ApprovalSuspended; !t.Before(l.endOf(e, ev.EffectiveAt, ev.Until, attest.BySuspension)) {
				continue
			}
		default:
			continue
		}
		out = append(out, c)
	}
	for _, e := range controls {
		ev := entityEvent(e)
		if since := ev.EffectiveAt.Time(); !t.Before(since) && t.Before(l.endOf(e, ev.EffectiveAt, 0, attest.ByChangeOfControl)) {
			out = append(out, cause{code: ApprovalSuspended, by: e, pointer: "/effective_at", since: since, control: ev})
		}
	}
	return out
}

// endOf is when a suspension ends: at its until, or by a lift that names its
// kind, was logged after it and takes effect when it has begun.
func (l *lineage) endOf(suspension proven.Entry, since, until attest.NumericDate, kind attest.Suspension) time.Time {
	end := forever
	if until != 0 {
		end = until.Time()
	}
	for _, e := range l.events {
		lift := event(e)
		if lift.Event == attest.Lift && slices.Contains(lift.Ends, kind) && e.Index > suspension.Index && lift.EffectiveAt >= since {
			end = earlier(end, lift.EffectiveAt.Time())
		}
	}
	return end
}

func expirySavings(version proven.Entry) []attest.Savings {
	switch c := version.Statement.Claims().(type) {
	case *attest.EntityApproval:
		return c.ExpirySavings
	case *attest.DomainApproval:
		return c.ExpirySavings
	default:
		return nil
	}
}

// reasons gives the state as reasons, with R14 for a change of control, R12 for
// what was backdated, and R11 for clauses that do not cover.
func (j *judgement) reasons(s state, authority, p string) []Reason {
	if s.code == "" {
		return s.saved
	}
	first := s.reported[0]
	about := func(code Code, by proven.Entry, pointer, format string, args ...any) Reason {
		return Reason{Code: code, Message: fmt.Sprintf(format, args...), Authority: authority, Party: p, Statement: refOf(by), Pointer: pointer}
	}
	out := []Reason{about(s.code, first.by, first.pointer, "%s", s.message)}
	for _, c := range s.reported {
		if c.control != nil {
			out = append(out, about(ChangeOfControl, c.by, "/event", "%s", controlMessage(c.control)))
		}
		if c.code != ApprovalExpired && c.code != ApprovalNotYetEffective && j.t.Before(c.by.Time) {
			out = append(out, about(RetroactiveStatusChange, c.by, "/effective_at",
				"This was logged at %s, after the act that it reaches back to: who acted before could not have known.", utc(c.by.Time)))
		}
		if _, covers := j.covering(c); len(c.savings) > 0 && !covers {
			out = append(out, about(SavingsClauseNotMet, c.by, c.savingsAt, "%s", j.unmet(c)))
		}
	}
	return out
}

func controlMessage(e *attest.EntityEvent) string {
	who := cmp.Or(e.AcquirerName, e.Acquirer, "somebody else")
	part := ""
	if e.Percent != "" {
		part = fmt.Sprintf(" (%s %%)", e.Percent)
	}
	return fmt.Sprintf("Control of %s passed to %s%s at %s; the approval is suspended until its authority lifts that.", e.Entity(), who, part, utc(e.EffectiveAt.Time()))
}

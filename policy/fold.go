package policy

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// A view is the set as it is seen at the three times: what was logged later
// than known_at, and what is void, is not there.
type view struct {
	set  *proven.Set
	at   Times
	root *attest.TrustRoot
	// err says that a history was read that is not proven: what is decided on
	// the view is void then.
	err error
}

func newView(set *proven.Set, at Times) *view {
	v := &view{set: set, at: at}
	for _, e := range v.proven(attest.RootSubject) {
		if r := e.Statement.TrustRoot(); r != nil && v.seen(e) {
			v.root = r
		}
	}
	return v
}

// seen: evidence proves knowledge up to E, and a statement in it counts where
// known_at reaches that far, or the statement was logged by then.
func (v *view) seen(e proven.Entry) bool {
	return !v.at.KnownAt.Before(v.set.Fresh) || !e.Time.After(v.at.KnownAt)
}

// void is R20: too few signatures are left by keys that are to be trusted.
func (v *view) void(e proven.Entry) bool {
	return v.root == nil || !e.Statement.Holds(func(kid string) bool {
		since, compromised := v.root.CompromisedSince(kid)
		return compromised && e.Index >= since
	})
}

// proven returns the whole history of a subject, and notes where there is none:
// what is not proven is not what does not exist.
func (v *view) proven(subject string) []proven.Entry {
	entries, ok := v.set.History(subject)
	if !ok && v.err == nil {
		v.err = unproven(subject)
	}
	return entries
}

func unproven(subject string) error { return fmt.Errorf("the history of %s is not proven", subject) }

// history returns what is seen of a subject and not void.
func (v *view) history(subject string) []proven.Entry {
	var out []proven.Entry
	for _, e := range v.proven(subject) {
		if v.seen(e) && !v.void(e) {
			out = append(out, e)
		}
	}
	return out
}

// A lineage is an approval or registration: all its versions and the events on
// any of them, in log order (R10).
type lineage struct {
	versions []proven.Entry
	events   []proven.Entry
	// digests are those of the versions' terms, by index, as far as asked for.
	digests map[int64]digestOfTerms
}

// lineages groups a history, keeping the lineages that have versions of the
// wanted kind. An event may come before the first version that is left: it was
// on one that is void, and acts on the version re-issued in its place too.
func lineages(entries []proven.Entry, wanted func(attest.Claims) bool) []*lineage {
	var out []*lineage
	byTag := make(map[attest.Tag]*lineage)
	for _, e := range entries {
		l, ok := byTag[e.Tag]
		if !ok {
			l = new(lineage)
			byTag[e.Tag] = l
			out = append(out, l)
		}
		if event(e) != nil {
			l.events = append(l.events, e)
		} else if wanted(e.Statement.Claims()) {
			l.versions = append(l.versions, e)
		}
	}
	return slices.DeleteFunc(out, func(l *lineage) bool { return l.versions == nil })
}

// governing returns the version that governs at t: the newest whose nbf has
// come, else the first.
func (l *lineage) governing(t time.Time) proven.Entry {
	for _, e := range slices.Backward(l.versions) {
		if !t.Before(attest.GrantOf(e.Statement.Claims()).NBF.Time()) {
			return e
		}
	}
	return l.versions[0]
}

// A state is why a version of an approval is not in force: its one code, empty
// where it is in force, with the event behind it.
type state struct {
	code    Code
	by      proven.Entry
	pointer string
	message string
	// backdated are the events behind it that were logged after the act (R12).
	backdated []proven.Entry
}

// behind adds an event behind the state at t; the earliest in legal time is
// the one that is named.
func (s *state) behind(e proven.Entry, t time.Time) {
	if t.Before(e.Time) {
		s.backdated = append(s.backdated, e)
	}
	if s.by.Statement == nil || event(e).EffectiveAt < event(s.by).EffectiveAt {
		s.by, s.pointer = e, "/effective_at"
	}
}

// state returns the state of a version of the lineage at t, by the precedence
// of R10.
func (l *lineage) state(version proven.Entry, t time.Time) state {
	for _, end := range []struct {
		event attest.EventType
		code  Code
		word  string
	}{{attest.Revoke, ApprovalRevoked, "revoked"}, {attest.Withdraw, ApprovalWithdrawn, "withdrawn"}} {
		if s, ok := l.ended(end.event, t); ok {
			s.code = end.code
			s.message = fmt.Sprintf("%s was %s with effect from %s.", name(version), end.word, utc(event(s.by).EffectiveAt.Time()))
			return s
		}
	}
	g := attest.GrantOf(version.Statement.Claims())
	if g.EXP != 0 && !t.Before(g.EXP.Time()) {
		return state{code: ApprovalExpired, by: version, pointer: "/exp", message: fmt.Sprintf("%s ended at %s.", name(version), utc(g.EXP.Time()))}
	}
	if t.Before(g.NBF.Time()) {
		return state{code: ApprovalNotYetEffective, by: version, pointer: "/nbf", message: fmt.Sprintf("%s comes into force at %s.", name(version), utc(g.NBF.Time()))}
	}
	if s, ok := l.suspended(t); ok {
		s.code = ApprovalSuspended
		s.message = fmt.Sprintf("%s is suspended since %s.", name(version), utc(event(s.by).EffectiveAt.Time()))
		return s
	}
	return state{}
}

func event(e proven.Entry) *attest.Event {
	ev, _ := e.Statement.Claims().(*attest.Event)
	return ev
}

// ended finds the events of a final type that have taken effect.
func (l *lineage) ended(typ attest.EventType, t time.Time) (s state, ok bool) {
	for _, e := range l.events {
		ev := event(e)
		if ev.Event == typ && !t.Before(ev.EffectiveAt.Time()) {
			s.behind(e, t)
			ok = true
		}
	}
	return s, ok
}

// suspended finds the suspensions that hold at t: each over
// [effective_at, min(until, lift)).
func (l *lineage) suspended(t time.Time) (s state, ok bool) {
	for _, e := range l.events {
		ev := event(e)
		if ev.Event == attest.Suspend && !t.Before(ev.EffectiveAt.Time()) && t.Before(l.suspendedUntil(e)) {
			s.behind(e, t)
			ok = true
		}
	}
	return s, ok
}

// suspendedUntil is when a suspension ends. A lift ends the suspensions that
// were logged before it and begun at or before its effective_at.
func (l *lineage) suspendedUntil(suspension proven.Entry) time.Time {
	ev := event(suspension)
	until := time.Unix(math.MaxInt32*1000, 0)
	if ev.Until != 0 {
		until = ev.Until.Time()
	}
	for _, e := range l.events {
		lift := event(e)
		if lift.Event == attest.Lift && e.Index > suspension.Index && lift.EffectiveAt >= ev.EffectiveAt {
			until = earlier(until, lift.EffectiveAt.Time())
		}
	}
	return until
}

// reasons gives the state as reasons, with R12 for what was backdated.
func (s state) reasons(authority string, p string) []Reason {
	if s.code == "" {
		return nil
	}
	out := []Reason{{
		Code: s.code, Message: s.message, Authority: authority, Party: p,
		Statement: refOf(s.by), Pointer: s.pointer,
	}}
	for _, e := range s.backdated {
		out = append(out, Reason{
			Code: RetroactiveStatusChange, Authority: authority, Party: p, Statement: refOf(e), Pointer: "/effective_at",
			Message: fmt.Sprintf("This was logged at %s, after the act that it reaches back to: who acted before could not have known.", utc(e.Time)),
		})
	}
	return out
}

func refOf(e proven.Entry) *Ref {
	h := e.Statement.Claims().Head()
	return &Ref{Issuer: h.Iss, JTI: h.JTI, Index: e.Index}
}

// name is what people call a statement.
func name(e proven.Entry) string {
	h := e.Statement.Claims().Head()
	what := "Approval"
	switch e.Statement.Claims().Kind() {
	case attest.KindRegistration:
		what = "Registration"
	case attest.KindDomainApproval:
		what = "Approval of sandbox " + strings.TrimPrefix(h.Sub, "sandbox:")
	}
	return fmt.Sprintf("%s %s of %s", what, h.JTI, h.Iss)
}

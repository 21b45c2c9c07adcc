package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// A Recorded is a statement of a history, for people to read.
type Recorded struct {
	// Index is its log index, Time when it was logged.
	Index int64
	Time  time.Time
	// Statement was opened with the trust root in force at Index.
	Statement *attest.Statement
	// Disregarded are the ids of those of its keys that are not to be trusted
	// there (R20), Void says that too few others are left.
	Disregarded []string
	Void        bool
	// Standing is what it comes to at the legal time asked about, nil where none
	// was.
	Standing *Standing
}

// A Standing is what a statement comes to at a legal time.
type Standing struct {
	// State says it.
	State State
	// Since is when that began, the zero time where it always was so or nothing
	// says when.
	Since time.Time
	// By is the statement that says so, nil for the statement itself.
	By *Ref
	// Holder is the entity that an approval has passed to, "" where it is still
	// that of the one that it was given to.
	Holder string
	// Joint says of a version of an approval of a sandbox that its terms are those
	// that the authorities concur on (R2, R10), whatever has since become of one of
	// the approvals: of terms that others have replaced, an approval may still be in
	// force.
	Joint bool
	// Sites are those that an approval which has ever passed on is for in the hands of
	// its holder (R4); nil of any other, which is for those that it lists.
	Sites []attest.Site
}

// A State is what a statement comes to.
type State string

// The states. Of several that hold, the one is told that R10 puts first.
const (
	// InForce: it stands. Of an event, it has taken effect, and a suspension has
	// not ended.
	InForce State = "in_force"
	// NotYet: its time has not come.
	NotYet State = "not_yet_effective"
	// NotJoint: its time has come, but not enough authorities concur on its terms
	// yet; the ones before stay.
	NotJoint State = "not_yet_joint"
	// Superseded: a newer version governs.
	Superseded State = "superseded"
	// Suspended, Revoked, Withdrawn, Expired: as R10 has it.
	Suspended State = "suspended"
	Revoked   State = "revoked"
	Withdrawn State = "withdrawn"
	Expired   State = "expired"
	// Absorbed: a merger has ended the entity that it is about.
	Absorbed State = "absorbed"
	// Ended: a suspension that is over, or a freeze that was undone.
	Ended State = "ended"
	// Voided: as R20 has it.
	Voided State = "void"
)

// Stands reports whether what is in the state is in force, or may come to be. What is not
// has ended for good, or has a newer version in its place, and waits for nobody.
func (s State) Stands() bool {
	switch s {
	case InForce, NotYet, NotJoint, Suspended:
		return true
	default:
		return false
	}
}

// states are those of the reasons why an approval is not in force.
var states = map[Code]State{
	ApprovalRevoked: Revoked, ApprovalWithdrawn: Withdrawn, ApprovalExpired: Expired,
	ApprovalNotYetEffective: NotYet, ApprovalSuspended: Suspended,
}

// History returns the statements about a subject that were logged by known, in
// log order; the zero time stands for all that is proven. With a legal time at,
// it says what each comes to then, by what was logged by known; the zero time
// asks nothing. It returns *[Unproven] where the history is not in the set, or
// another one is not on which what a statement comes to depends.
//
// That an approval of a sandbox is in force does not say that enough others
// concur ([Standing.Joint]), and that an event has taken effect not that its issuer is heard on
// every approval (R14): [Histories.Decide] decides that for a request.
func (h *Histories) History(subject string, known, at time.Time) ([]Recorded, error) {
	if h == nil {
		return nil, &Unproven{Subject: subject}
	}
	k := h.knownBy(known)
	entries, ok := h.set.History(subject)
	if partly := h.set.Withheld(subject); !ok || partly {
		return nil, &Unproven{Subject: subject, Partly: partly}
	}
	out := []Recorded{}
	v := &view{knowledge: k, t: at}
	found := make(map[string]map[int64]Standing)
	for _, e := range entries {
		if !k.seen(e) {
			continue
		}
		r := Recorded{Index: e.Index, Time: e.Time, Statement: e.Statement, Disregarded: k.disregarded(e), Void: k.void(e)}
		if !at.IsZero() {
			s := Standing{State: Voided}
			if !r.Void {
				sub := e.Statement.Claims().Head().Sub
				if found[sub] == nil {
					found[sub] = v.standings(sub)
				}
				s = found[sub][e.Index]
			}
			r.Standing = &s
		}
		out = append(out, r)
	}
	if v.err != nil {
		return nil, v.err
	}
	return out, nil
}

// knownBy is what was known by a time, the zero time for all that is proven.
func (h *Histories) knownBy(known time.Time) *knowledge {
	if known.IsZero() || !known.Before(h.set.Fresh) {
		return h.all
	}
	return know(h.set, known, h.next)
}

// disregarded are the keys of a statement whose signatures do not count.
func (k *knowledge) disregarded(e proven.Entry) (kids []string) {
	switch {
	case k.distrust != nil:
		return k.distrust.Disregards(e.Statement, e.Index)
	case e.Statement.TrustRoot() != nil:
		return nil
	default:
		return e.Statement.Signers()
	}
}

// Standing says what the statement at a log index, of the history of an approval's
// subject, comes to at a legal time. Other approvals of the subject may be left out
// of what is proven. It returns *[Unproven] where the history is not in the set, or
// another one is not on which that depends; and the zero Standing where there is no
// such statement, or it is void.
func (h *Histories) Standing(subject string, index int64, at time.Time) (Standing, error) {
	if h == nil {
		return Standing{}, &Unproven{Subject: subject}
	}
	v := &view{knowledge: h.all, t: at}
	found := v.shownStandings(subject)
	return found[index], v.err
}

// standings is what the statements come to whose sub a subject is, by index.
func (v *view) standings(sub string) map[int64]Standing {
	if v.err == nil && v.set.Withheld(sub) {
		v.err = &Unproven{Subject: sub, Partly: true}
	}
	return v.shownStandings(sub)
}

// shownStandings is standings of what is shown.
func (v *view) shownStandings(sub string) map[int64]Standing {
	out := make(map[int64]Standing)
	// What others are about stands in their own subjects' histories.
	entries := slices.DeleteFunc(slices.Clone(v.history(sub)), func(e proven.Entry) bool { return e.Statement.Claims().Head().Sub != sub })
	ls := lineages(entries, func(c attest.Claims) bool { return attest.GrantOf(c) != nil })
	joint := v.jointIn(ls)
	for _, l := range ls {
		v.versions(l, joint, out)
		for _, e := range l.events {
			out[e.Index] = v.happened(l, e)
		}
	}
	for _, e := range entries {
		if _, ok := out[e.Index]; ok {
			continue
		}
		switch c := e.Statement.Claims().(type) {
		case *attest.Root:
			out[e.Index] = v.rootStanding(e, c)
		case *attest.Freeze:
			out[e.Index] = v.frozen(e, c)
		case *attest.EntityEvent:
			out[e.Index] = v.from(c.EffectiveAt)
		case *attest.Succession:
			out[e.Index] = v.from(c.EffectiveAt)
		case *attest.Event:
			// All versions of what it is on are void.
			out[e.Index] = v.from(c.EffectiveAt)
		}
	}
	return out
}

// from is the standing of what begins at a time.
func (v *view) from(at attest.NumericDate) Standing {
	if v.t.Before(at.Time()) {
		return Standing{State: NotYet}
	}
	return Standing{State: InForce, Since: at.Time()}
}

// rootStanding: the newest trust root is in force, whatever the legal time.
func (v *view) rootStanding(e proven.Entry, r *attest.Root) Standing {
	if v.root != nil && v.root.Root().Version == r.Version {
		return Standing{State: InForce, Since: e.Time}
	}
	return Standing{State: Superseded}
}

// frozen: so is a freeze, until a version of the trust root undoes it.
func (v *view) frozen(e proven.Entry, f *attest.Freeze) Standing {
	if v.root != nil && v.root.Freezes(f.Kid) != nil && v.root.Freezes(f.Kid).LeafHash() == e.Statement.LeafHash() {
		return Standing{State: InForce, Since: e.Time}
	}
	return Standing{State: Ended}
}

// happened is the standing of an event on a lineage.
func (v *view) happened(l *lineage, e proven.Entry) Standing {
	ev := event(e)
	s := v.from(ev.EffectiveAt)
	if s.State == InForce && ev.Event == attest.Suspend {
		if end := l.endOf(e, ev.EffectiveAt, ev.Until, attest.BySuspension); !v.t.Before(end) {
			return Standing{State: Ended, Since: end}
		}
	}
	return s
}

// jointIn are the terms that the lineages of a sandbox concur on, nil where
// there are no such terms, or no sandbox.
func (v *view) jointIn(ls []*lineage) *digestOfTerms {
	if len(ls) == 0 || !isDomain(ls[0].versions[0].Statement.Claims()) {
		return nil
	}
	terms := claimsOf(ls[0].versions[0]).Terms
	byAuthority := make(map[string][]*lineage)
	for _, l := range ls {
		if iss := claimsOf(l.versions[0]).Iss; slices.Contains(terms.Authorities, iss) {
			byAuthority[iss] = append(byAuthority[iss], l)
		}
	}
	if dg, ok := jointTerms(byAuthority, int(terms.Concurrence), v.t); ok {
		return &dg
	}
	return nil
}

// versions puts in what each version of a lineage comes to.
func (v *view) versions(l *lineage, joint *digestOfTerms, out map[int64]Standing) {
	governs := l.governing(v.t)
	if joint != nil {
		governs = l.governingTerms(v.t, *joint, governs)
	}
	for _, e := range l.versions {
		nbf := attest.GrantOf(e.Statement.Claims()).NBF.Time()
		switch {
		case e.Index < governs.Index:
			out[e.Index] = Standing{State: Superseded, Since: attest.GrantOf(governs.Statement.Claims()).NBF.Time(), By: refOf(governs)}
			continue
		case e.Index > governs.Index && !v.t.Before(nbf):
			// What has ended for good waits for nobody.
			s := v.version(l, e)
			if s.State != Revoked && s.State != Withdrawn && s.State != Expired {
				s = Standing{State: NotJoint}
			}
			out[e.Index] = s
			continue
		}
		out[e.Index] = v.version(l, e)
	}
	for _, e := range l.versions {
		s := out[e.Index]
		s.Joint = joint != nil && e.Statement.TermsDigest() == *joint
		out[e.Index] = s
	}
}

// version is the standing of a version that governs, or whose time has not come.
func (v *view) version(l *lineage, e proven.Entry) Standing {
	c := e.Statement.Claims()
	h := c.Head()
	var controls []proven.Entry
	var holder, passed string
	var sites []attest.Site
	switch c.Kind() {
	case attest.KindRegistration:
		holder = entityOf(h.Sub)
	case attest.KindEntityApproval:
		held := tenure{lineage: l, given: entityOf(h.Sub)}
		if by, ok := l.succeeded(v.t); ok {
			held.by = by
			sites, _ = held.sites(e)
		}
		if holder = held.holder(v.t); holder != held.given {
			passed = holder
		}
		controls = v.controls(held, e, h.Iss)
	}
	s := stateOf(l.causes(e, controls, v.t), e)
	if s.code != "" {
		by := s.reported[0]
		out := Standing{State: states[s.code], Holder: passed, Sites: sites}
		if s.code != ApprovalNotYetEffective {
			out.Since = by.since
		}
		if by.by.Index != e.Index {
			out.By = refOf(by.by)
		}
		return out
	}
	if holder != "" {
		if m := v.absorbed(holder, h.Iss); m.Statement != nil {
			return Standing{State: Absorbed, Since: entityEvent(m).EffectiveAt.Time(), By: refOf(m), Holder: passed, Sites: sites}
		}
	}
	return Standing{State: InForce, Since: attest.GrantOf(c).NBF.Time(), Holder: passed, Sites: sites}
}

// String says the standing in words.
func (s Standing) String() string {
	words := strings.ReplaceAll(string(s.State), "_", " ")
	if !s.Since.IsZero() {
		words += " since " + utc(s.Since)
	}
	if s.By != nil {
		words += fmt.Sprintf(", by %s %s (log index %d)", s.By.Issuer, s.By.JTI, s.By.Index)
	}
	if s.Holder != "" {
		words += ", passed to " + s.Holder
	}
	return words
}

package attest

import (
	"strings"

	"github.com/safeconduct/safeconduct/attest/identifier"
)

// An Event changes the state of a registration, approval or consent, of all
// versions of it. It stands in the target's history.
type Event struct {
	Common
	// Event is what happens.
	Event EventType `json:"event"`
	// Target is the jti of the registration, approval or consent, any version.
	Target string `json:"target"`
	// EffectiveAt is when it takes effect.
	EffectiveAt NumericDate `json:"effective_at"`
	// Until is when a suspension ends by itself.
	Until NumericDate `json:"until,omitzero"`
	// Ends is what a lift ends for its target, as far as it was logged before
	// it.
	Ends []Suspension `json:"ends,omitzero"`
	// Savings are what may still go ahead after the event.
	Savings []Savings `json:"savings,omitzero"`
	// Cause is a code, CauseText its words, which may be withheld.
	Cause     string `json:"cause,omitzero"`
	CauseText string `json:"cause_text,omitzero"`
	// Retroactive says that a lift takes effect before it is logged, and
	// RetroactiveReason why.
	Retroactive       bool   `json:"retroactive,omitzero"`
	RetroactiveReason string `json:"retroactive_reason,omitzero"`
	// LegalBasis is the law that the issuer acts under.
	LegalBasis string `json:"legal_basis,omitzero"`
	// Publication is where it was published officially.
	Publication *Publication `json:"publication,omitzero"`
}

// An EventType is what an event does.
type EventType string

// The types of event.
const (
	// Suspend puts out of force, until lifted or until its until.
	Suspend EventType = "suspend"
	// Lift ends suspensions that were logged before it.
	Lift EventType = "lift"
	// Revoke ends for good.
	Revoke EventType = "revoke"
	// Withdraw ends for good, at the holder's request.
	Withdraw EventType = "withdraw"
)

// A Suspension is what a lift can end.
type Suspension string

// What a lift can end.
const (
	// BySuspension: suspensions by the issuer.
	BySuspension Suspension = "suspension"
	// ByChangeOfControl: those that a change of control has brought.
	ByChangeOfControl Suspension = "change_of_control"
)

var suspensions = []Suspension{ByChangeOfControl, BySuspension}

var eventTypes = []EventType{Suspend, Lift, Revoke, Withdraw}

// Revokes reports whether the event takes away, so that the revoking threshold
// is enough.
func (t EventType) Revokes() bool { return t == Suspend || t == Revoke || t == Withdraw }

// TakesAway reports whether a statement suspends or ends what somebody has: it is
// a suspension, revocation, withdrawal or change of control.
func TakesAway(c Claims) bool {
	switch c := c.(type) {
	case *Event:
		return c.Event.Revokes()
	case *EntityEvent:
		return c.Event == ChangeOfControl
	default:
		return false
	}
}

// Kind returns [KindEvent].
func (*Event) Kind() Kind { return KindEvent }

func (e *Event) check() Problems {
	p := new(checker)
	e.Common.check(p, "")
	e.checkSub(p)
	oneOf(p, "/event", e.Event, eventTypes)
	p.missing("/target", e.Target)
	p.is("/target", e.Target, identifier.JTI)
	p.date("/effective_at", e.EffectiveAt)
	if e.Until != 0 {
		p.date("/until", e.Until)
		switch {
		case e.Event != Suspend:
			p.Add("/until", "goes with suspend only")
		case e.Until <= e.EffectiveAt:
			p.Add("/until", "is not after effective_at")
		}
	}
	e.checkEnds(p)
	checkSavings(p, "/savings", e.Savings)
	if e.Savings != nil && !e.Event.Revokes() {
		p.Add("/savings", "goes with suspend, revoke and withdraw only")
	}
	p.code("/cause", e.Cause)
	p.text("/cause_text", e.CauseText)
	checkRetroactive(p, e.Retroactive, e.RetroactiveReason)
	if e.Retroactive && e.Event != Lift {
		p.Add("/retroactive", "is for what grants; a %s may be backdated without it", e.Event)
	}
	p.text("/legal_basis", e.LegalBasis)
	e.Publication.check(p)
	return p.Problems
}

// checkEnds: a lift says what it ends, so that nobody lifts what he did not
// think of.
func (e *Event) checkEnds(p *checker) {
	switch {
	case e.Event == Lift && len(e.Ends) == 0:
		p.Add("/ends", "is missing: what the lift ends, of %q", suspensions)
	case e.Event != Lift && e.Ends != nil:
		p.Add("/ends", "goes with lift only")
	}
	for i, s := range e.Ends {
		oneOf(p.element("/ends", i), "", s, suspensions)
	}
}

// checkSub: the subject of a registration, approval or consent.
func (e *Event) checkSub(p *checker) {
	if rest, consent := strings.CutPrefix(e.Sub, "consent:"); consent {
		if iss, jti, _ := strings.Cut(rest, "/"); iss != e.Iss || jti != e.Target {
			p.Add("/sub", "is %q; want %s, the consent in target", e.Sub, ConsentSubject(e.Iss, e.Target))
		}
		return
	}
	rest, entity := strings.CutPrefix(e.Sub, "entity:")
	if !entity {
		sandbox, ok := strings.CutPrefix(e.Sub, "sandbox:")
		if !ok {
			p.Add("/sub", "is %q; want the subject of the target: entity:<id>, entity:<id>/%s, sandbox:<id> or consent:%s/<jti>", e.Sub, e.Iss, e.Iss)
			return
		}
		p.is("/sub", sandbox, identifier.Sandbox)
		return
	}
	id, authority, approval := strings.Cut(rest, "/")
	if approval && authority != e.Iss {
		p.Add("/sub", "is %q; an event on an approval is for its issuer: want …/%s", e.Sub, e.Iss)
	}
	if _, err := identifier.Parse(id); err != nil {
		p.Add("/sub", "%v", err)
	}
}

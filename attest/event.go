package attest

import (
	"strings"

	"github.com/safeconduct/safeconduct/attest/identifier"
)

// An Event changes the state of an approval or registration, of all versions
// of it. It stands in the target's history.
type Event struct {
	Common
	// Event is what happens.
	Event EventType `json:"event"`
	// Target is the jti of the approval or registration, any version.
	Target string `json:"target"`
	// EffectiveAt is when it takes effect.
	EffectiveAt NumericDate `json:"effective_at"`
	// Until is when a suspension ends by itself.
	Until NumericDate `json:"until,omitzero"`
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

var eventTypes = []EventType{Suspend, Lift, Revoke, Withdraw}

// Revokes reports whether the event takes away, so that the revoking threshold
// is enough.
func (t EventType) Revokes() bool { return t == Suspend || t == Revoke || t == Withdraw }

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
	p.code("/cause", e.Cause)
	p.text("/cause_text", e.CauseText)
	if e.Retroactive != (e.RetroactiveReason != "") {
		p.Add("/retroactive_reason", "goes with retroactive: true, and must say why")
	}
	if e.Retroactive && e.Event != Lift {
		p.Add("/retroactive", "is for what grants; a %s may be backdated without it", e.Event)
	}
	p.text("/retroactive_reason", e.RetroactiveReason)
	p.text("/legal_basis", e.LegalBasis)
	e.Publication.check(p)
	return p.Problems
}

// checkSub: an approval's or registration's subject.
func (e *Event) checkSub(p *checker) {
	rest, entity := strings.CutPrefix(e.Sub, "entity:")
	if !entity {
		sandbox, ok := strings.CutPrefix(e.Sub, "sandbox:")
		if !ok {
			p.Add("/sub", "is %q; want the subject of the target: entity:<id>, entity:<id>/%s or sandbox:<id>", e.Sub, e.Iss)
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

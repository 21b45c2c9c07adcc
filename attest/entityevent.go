package attest

import (
	"fmt"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/safeconduct/safeconduct/attest/identifier"
)

// An EntityEvent is something that happens to an entity and not to one approval
// of it: it stands in the history of entity:<id>, and a merger in those of
// both.
type EntityEvent struct {
	Common
	// Event is what happens.
	Event EntityEventType `json:"event"`
	// EffectiveAt is when it takes effect; of a change of control, the closing
	// date.
	EffectiveAt NumericDate `json:"effective_at"`
	// NewName is the legal name after a rename.
	NewName string `json:"new_name,omitzero"`
	// Survivor is the id of the entity that the one in sub is absorbed by; of a
	// merger.
	Survivor string `json:"survivor,omitzero"`
	// Acquirer is the id of whoever gains control, AcquirerName the name, and
	// Percent how much of the entity it then holds; of a change of control.
	Acquirer     string `json:"acquirer,omitzero"`
	AcquirerName string `json:"acquirer_name,omitzero"`
	Percent      Amount `json:"percent,omitzero"`
	// Cause is a code, CauseText its words.
	Cause     string `json:"cause,omitzero"`
	CauseText string `json:"cause_text,omitzero"`
	// LegalBasis is the law that the issuer acts under.
	LegalBasis string `json:"legal_basis,omitzero"`
	// Publication is where it was published officially.
	Publication *Publication `json:"publication,omitzero"`
}

// An EntityEventType is what happens to an entity.
type EntityEventType string

// The types of event on an entity.
const (
	// Rename gives it another legal name; identifiers and approvals stay.
	Rename EntityEventType = "rename"
	// Merger ends it: another one survives.
	Merger EntityEventType = "merger"
	// ChangeOfControl suspends the approvals that ask for that.
	ChangeOfControl EntityEventType = "change_of_control"
)

var entityEventTypes = []EntityEventType{Rename, Merger, ChangeOfControl}

// Kind returns [KindEntityEvent].
func (*EntityEvent) Kind() Kind { return KindEntityEvent }

// Entity returns the id of the entity that it happens to.
func (e *EntityEvent) Entity() string { return strings.TrimPrefix(e.Sub, "entity:") }

// Subjects returns the entity and, of a merger, the survivor.
func (e *EntityEvent) Subjects() []string {
	if e.Event == Merger {
		return []string{e.Sub, EntitySubject(e.Survivor)}
	}
	return []string{e.Sub}
}

func (e *EntityEvent) check() Problems {
	p := new(checker)
	e.Common.check(p, "entity:")
	p.is("/sub", e.Sub, func(s string) error { return entityID(strings.TrimPrefix(s, "entity:")) })
	oneOf(p, "/event", e.Event, entityEventTypes)
	p.date("/effective_at", e.EffectiveAt)
	goesWith := func(pointer, value string, typ EntityEventType, needed bool) {
		switch {
		case value != "" && e.Event != typ:
			p.Add(pointer, "goes with %s only", typ)
		case value == "" && e.Event == typ && needed:
			p.Add(pointer, "is missing")
		}
	}
	goesWith("/new_name", e.NewName, Rename, true)
	p.text("/new_name", e.NewName)
	goesWith("/survivor", e.Survivor, Merger, true)
	p.is("/survivor", e.Survivor, entityID)
	if e.Survivor != "" && EntitySubject(e.Survivor) == e.Sub {
		p.Add("/survivor", "is the absorbed entity itself")
	}
	goesWith("/acquirer", e.Acquirer, ChangeOfControl, false)
	p.is("/acquirer", e.Acquirer, entityID)
	goesWith("/acquirer_name", e.AcquirerName, ChangeOfControl, false)
	p.text("/acquirer_name", e.AcquirerName)
	goesWith("/percent", string(e.Percent), ChangeOfControl, false)
	p.is("/percent", string(e.Percent), isPercentage)
	p.code("/cause", e.Cause)
	p.text("/cause_text", e.CauseText)
	p.text("/legal_basis", e.LegalBasis)
	e.Publication.check(p)
	return p.Problems
}

func entityID(s string) error {
	_, err := identifier.Parse(s)
	return err
}

// isPercentage: nobody holds more than the whole.
func isPercentage(s string) error {
	a, err := ParseAmount(s)
	if err == nil && a.Decimal().GreaterThan(decimal.NewFromInt(100)) {
		err = fmt.Errorf("%q is more than 100 percent", s)
	}
	return err
}

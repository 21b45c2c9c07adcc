package attest

import "slices"

// A Savings clause lets an act go ahead although an approval has been suspended,
// revoked or withdrawn, or has expired (RULES R11). Without one, an end is an
// end.
type Savings struct {
	// Kind says what the clause saves.
	Kind SavingsKind `json:"kind"`
	// DeliverBefore is when what was laden must be delivered; of [InTransit].
	DeliverBefore NumericDate `json:"deliver_before,omitzero"`
	// Until is when the wind-down ends, and Modes how items may still move, only
	// tangibly where there are none; of [WindDown].
	Until NumericDate `json:"until,omitzero"`
	Modes []Mode      `json:"modes,omitzero"`
}

// A SavingsKind is what a savings clause saves.
type SavingsKind string

// The kinds of savings.
const (
	// InTransit saves what was laden before the end took effect.
	InTransit SavingsKind = "in_transit"
	// WindDown saves what a contract from before the end calls for.
	WindDown SavingsKind = "wind_down"
)

var savingsKinds = []SavingsKind{InTransit, WindDown}

// A Mode is how an item moves.
type Mode string

// The modes.
const (
	// Tangible is a thing that is shipped or handed over.
	Tangible Mode = "tangible"
	// Intangible is technology or software that is sent or shown.
	Intangible Mode = "intangible"
)

var modes = []Mode{Intangible, Tangible}

// checkSavings checks the clauses of one end: at most one of each kind.
func checkSavings(p *checker, pointer string, clauses []Savings) {
	for i, s := range clauses {
		at := p.element(pointer, i)
		oneOf(at, "/kind", s.Kind, savingsKinds)
		if slices.ContainsFunc(clauses[:i], func(b Savings) bool { return b.Kind == s.Kind }) {
			at.Add("/kind", "stands twice; an end has one clause of a kind")
		}
		switch s.Kind {
		case InTransit:
			at.date("/deliver_before", s.DeliverBefore)
			if s.Until != 0 {
				at.Add("/until", "goes with wind_down only")
			}
			if s.Modes != nil {
				at.Add("/modes", "goes with wind_down only")
			}
		case WindDown:
			at.date("/until", s.Until)
			if s.DeliverBefore != 0 {
				at.Add("/deliver_before", "goes with in_transit only")
			}
		}
		for j, m := range s.Modes {
			oneOf(at.element("/modes", j), "", m, modes)
		}
	}
}

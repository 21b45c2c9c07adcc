package attest

import (
	"maps"
	"slices"
)

// A Distrust says which keys are declared compromised, and since which log index:
// what was declared for an authority by the newest version of the trust root that
// lists it, so that to remove an authority does not make its stolen keys good
// again. Nor does it to have it back: what was declared before it left goes on
// until a version that follows one with it says otherwise. The zero Distrust
// trusts all.
type Distrust struct {
	compromised map[string][]Compromised
	// listed are the authorities of the version.
	listed map[string]bool
}

// CompromisedSince returns the log index since which a key is declared compromised.
func (d Distrust) CompromisedSince(kid string) (index int64, compromised bool) {
	for _, cs := range d.compromised {
		for _, c := range cs {
			if c.Kid == kid && (!compromised || c.Since < index) {
				index, compromised = c.Since, true
			}
		}
	}
	return index, compromised
}

// Voids reports whether too few of the signatures on a statement at a log index
// are left, so that it is void (RULES R20). Trust roots and freezes never are.
func (d Distrust) Voids(s *Statement, index int64) bool {
	return s.trust == nil && !s.Holds(func(kid string) bool { return d.Distrusts(kid, index) })
}

// Distrusts reports whether the signatures that a key made at a log index are
// disregarded (RULES R20).
func (d Distrust) Distrusts(kid string, index int64) bool {
	since, compromised := d.CompromisedSince(kid)
	return compromised && index >= since
}

// After returns what is to be distrusted once another version of the trust root
// is in force. Nobody need have signed it: it says what would become void, and
// opens nothing.
func (d Distrust) After(next *Root) Distrust {
	out := Distrust{make(map[string][]Compromised), make(map[string]bool)}
	maps.Copy(out.compromised, d.compromised)
	for _, a := range next.Authorities {
		out.listed[a.ID] = true
		if d.listed[a.ID] {
			out.compromised[a.ID] = a.Compromised
		} else {
			out.compromised[a.ID] = slices.Concat(a.Compromised, d.compromised[a.ID])
		}
	}
	return out
}

package attest

import (
	"maps"
	"slices"
)

// A Distrust says which keys are declared compromised, and since which log index:
// what was declared for an authority by the newest version of the trust root that
// lists it, so that to remove an authority does not make its stolen keys good
// again. A version that has it back repeats what was declared (see
// [TrustRoot.Precedes]). The zero Distrust trusts all.
type Distrust struct{ compromised map[string][]Compromised }

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

// Disregards lists the keys whose signatures on a statement at a log index do not count
// (RULES R20), none of a trust root.
func (d Distrust) Disregards(s *Statement, index int64) (kids []string) {
	if s.trust != nil {
		return nil
	}
	for _, kid := range s.Signers() {
		if d.Distrusts(kid, index) {
			kids = append(kids, kid)
		}
	}
	return kids
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
	out := Distrust{make(map[string][]Compromised)}
	maps.Copy(out.compromised, d.compromised)
	for _, a := range next.Authorities {
		out.compromised[a.ID] = a.Compromised
	}
	return out
}

// forgotten is a declaration of an authority that comes back in next, and that
// next does not repeat.
func (d Distrust) forgotten(a *Authority) (c Compromised, ok bool) {
	for _, c := range d.compromised[a.ID] {
		if !slices.ContainsFunc(a.Compromised, func(now Compromised) bool { return now.Kid == c.Kid && now.Since <= c.Since }) {
			return c, true
		}
	}
	return Compromised{}, false
}

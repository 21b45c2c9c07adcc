package attest

import (
	"fmt"
	"maps"
	"slices"
)

// A Freeze takes an authority's own key out of use at once: from its log index
// on no statement that the key has signed is admitted. It voids nothing that was
// logged before, and it stands until a trust root thaws it. It needs the authority's revoking threshold, and the key itself may
// be among those that sign it. It stands in the history of root, which all
// evidence has.
type Freeze struct {
	Common
	// Kid is the key's RFC 7638 thumbprint.
	Kid string `json:"kid"`
	// Cause is a code, CauseText its words, which may be withheld.
	Cause     string `json:"cause,omitzero"`
	CauseText string `json:"cause_text,omitzero"`
}

// Kind returns [KindFreeze].
func (*Freeze) Kind() Kind { return KindFreeze }

func (f *Freeze) check() Problems {
	p := new(checker)
	f.Common.check(p, "")
	if f.Sub != RootSubject {
		p.Add("/sub", "is %q; want %q: a freeze stands beside the trust roots", f.Sub, RootSubject)
	}
	if !isThumbprint(f.Kid) {
		p.Add("/kid", "is %q; want the RFC 7638 thumbprint of a key", f.Kid)
	}
	p.code("/cause", f.Cause)
	p.text("/cause_text", f.CauseText)
	return p.Problems
}

// openFreeze opens a freeze with the trust root in force before it: the
// statement's [Statement.TrustRoot] is that, with the key frozen.
func (u *Unopened) openFreeze(f *Freeze, root *TrustRoot) (*Statement, error) {
	s, err := u.open(root)
	if err != nil {
		return nil, err
	}
	switch h, ok := root.keys[f.Kid]; {
	case !ok || h.authority != f.Iss:
		return nil, Refuse(Forbidden, Problems{{Pointer: "/kid", Message: fmt.Sprintf("is no key of authority %s, which freezes none but its own", f.Iss)}})
	case root.Frozen(f.Kid):
		return nil, Refuse(Conflict, Problems{{Pointer: "/kid", Message: "is frozen already"}})
	}
	next := *root
	next.frozen = maps.Clone(root.frozen)
	if next.frozen == nil {
		next.frozen = make(map[string]*Statement)
	}
	next.frozen[f.Kid] = s
	s.trust = &next
	return s, nil
}

// Frozen reports whether a key is frozen: new signatures by it do not count,
// old ones do.
func (t *TrustRoot) Frozen(kid string) bool { return t.frozen[kid] != nil }

// Freezes returns the freeze by which a key is frozen, nil where it is not.
func (t *TrustRoot) Freezes(kid string) *Statement { return t.frozen[kid] }

// thaw takes over the freezes of the version before, without those that this
// version undoes.
func (t *TrustRoot) thaw(previous *TrustRoot) {
	t.frozen = maps.Clone(previous.frozen)
	for _, a := range t.root.Authorities {
		for _, kid := range a.Thawed {
			delete(t.frozen, kid)
		}
	}
}

// checkThawed: a kid that is no key of the authority would thaw nothing.
func (a *Authority) checkThawed(p *checker) {
	for i, kid := range a.Thawed {
		if !slices.ContainsFunc(a.Officers, func(o Officer) bool { return o.HasKey(kid) }) {
			p.element("/thawed", i).Add("", "is %q; want the thumbprint of a key of an officer of %s", kid, a.ID)
		}
	}
}

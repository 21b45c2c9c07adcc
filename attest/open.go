package attest

import (
	"fmt"
	"slices"
	"strings"
)

// Open checks a statement against the trust root in force where it is logged,
// and is the only source of a [Statement] beside [OpenRoot]. It refuses, with
// a *[Refusal], what is not in the one byte form, is addressed to another
// register, has a signature that does not verify or is by a key that the root
// does not give to the issuer, has too few officers for its kind, or oversteps
// the issuer's jurisdiction.
//
// Whether it fits what is logged already (its target, its predecessor) is
// admission, which the registry does.
func Open(statement []byte, root *TrustRoot) (*Statement, error) {
	u, err := Parse(statement)
	if err != nil {
		return nil, err
	}
	return u.Open(root)
}

// Open is like the function Open, for a statement that is parsed already.
func (u *Unopened) Open(root *TrustRoot) (*Statement, error) {
	if root == nil {
		return nil, forbidden("there is no trust root to open it with")
	}
	switch c := u.claims.(type) {
	case *Root:
		return OpenRoot(u.raw, root)
	case *Freeze:
		return u.openFreeze(c, root)
	default:
		return u.open(root)
	}
}

// open is Open for what changes no trust.
func (u *Unopened) open(root *TrustRoot) (*Statement, error) {
	h := u.claims.Head()
	if h.Aud != root.root.Aud {
		return nil, Refuse(Forbidden, Problems{{Pointer: "/aud", Message: fmt.Sprintf("is addressed to the register %q; this one is %q", h.Aud, root.root.Aud)}})
	}
	a, ok := root.Authority(h.Iss)
	if !ok {
		return nil, Refuse(Forbidden, Problems{{Pointer: "/iss", Message: fmt.Sprintf("%q is no authority of this register", h.Iss)}})
	}
	s := &Statement{claims: u.claims, raw: u.raw, threshold: int(a.threshold(u.claims))}
	for _, l := range u.lines {
		k, ok := root.keys[l.kid]
		if !ok || k.authority != h.Iss {
			return nil, forbidden("key %s is no key of authority %s", l.kid, h.Iss)
		}
		if _, compromised := root.CompromisedSince(l.kid); compromised {
			return nil, forbidden("key %s of authority %s is declared compromised", l.kid, h.Iss)
		}
		if root.Frozen(l.kid) {
			return nil, forbidden("key %s of authority %s is frozen; sign with another key, or have a trust root thaw it", l.kid, h.Iss)
		}
		if err := l.verify(k.key, u.claims.Kind().typ()); err != nil {
			return nil, forbidden("%w", err)
		}
		s.signers = append(s.signers, signer{l.kid, k.officer})
	}
	if n := officers(s.signers); n < s.threshold {
		return nil, forbidden("%d of the %d officers whom authority %s needs for this have signed; %d missing",
			n, s.threshold, h.Iss, s.threshold-n)
	}
	if p := a.oversteps(u.claims); len(p) > 0 {
		return nil, Refuse(Forbidden, p)
	}
	return s, nil
}

func forbidden(format string, args ...any) error {
	return Refuse(Forbidden, fmt.Errorf("statement: "+format, args...))
}

func officers(ss []signer) int {
	n := 0
	for i, s := range ss {
		if !slices.ContainsFunc(ss[:i], func(before signer) bool { return before.officer == s.officer }) {
			n++
		}
	}
	return n
}

// threshold is how many officers must sign c.
func (a *Authority) threshold(c Claims) int64 {
	if TakesAway(c) || c.Kind() == KindFreeze {
		return a.Thresholds.Revoking
	}
	return a.Thresholds.Granting
}

// outside reports whether a value is not among those allowed, where they are
// limited.
func outside(allowed []string, value string) bool {
	return len(allowed) > 0 && value != "" && !slices.Contains(allowed, value)
}

// oversteps lists where c goes beyond the authority's jurisdiction.
func (a *Authority) oversteps(c Claims) (p Problems) {
	j := a.Jurisdiction
	within := func(allowed []string, value, pointer, noun string) {
		if outside(allowed, value) {
			p.Add(pointer, "%s %q is outside the jurisdiction of authority %s (%s)", noun, value, a.ID, strings.Join(allowed, ", "))
		}
	}
	scope := func(s Scope, pointer string) {
		for _, list := range sortedKeys(s) {
			within(j.Lists, list, pointer+"/"+list, "list")
		}
	}
	switch c := c.(type) {
	case *Registration:
		within(a.Countries, c.Country, "/country", "country")
	case *EntityApproval:
		within(j.Countries, c.Country, "/country", "country")
		within(j.Programmes, c.Programme, "/programme", "programme")
		// What says nothing would say everything.
		if len(j.Programmes) > 0 && c.Programme == "" {
			p.Add("/programme", "is missing; authority %s approves under %s only", a.ID, strings.Join(j.Programmes, ", "))
		}
		if len(j.Lists) > 0 && len(c.EligibleItems) == 0 {
			p.Add("/eligible_items", "is missing, which is no limit; authority %s approves items of %s only", a.ID, strings.Join(j.Lists, ", "))
		}
		for i, it := range c.EligibleItems {
			if outside(j.Lists, it.List) {
				within(j.Lists, it.List, fmt.Sprintf("/eligible_items/%d/list", i), "list")
			}
		}
		if c.Caveats != nil {
			scope(c.Caveats.InScope, "/caveats/in_scope")
			scope(c.Caveats.Excluded, "/caveats/excluded")
		}
	case *Succession:
		within(j.Countries, c.Country, "/country", "country")
	case *Consent:
		if len(j.Lists) > 0 && len(c.InScope) == 0 {
			p.Add("/in_scope", "is missing, which is no limit; authority %s consents to items of %s only", a.ID, strings.Join(j.Lists, ", "))
		}
		scope(c.InScope, "/in_scope")
	case *DomainApproval:
		within(j.Sandboxes, strings.TrimPrefix(c.Sub, "sandbox:"), "/sub", "sandbox")
		within(j.Programmes, c.Programme, "/programme", "programme")
		if c.Caveats != nil {
			scope(c.Caveats.InScope, "/caveats/in_scope")
			scope(c.Caveats.Excluded, "/caveats/excluded")
		}
	}
	return p
}

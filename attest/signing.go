package attest

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// A Signing says how far a statement is signed, as a trust root sees it:
// before [Open] accepts it, and after.
type Signing struct {
	// Signatures are all that the statement has, ascending by Kid.
	Signatures []Signature
	// Quorums are the officers who must sign, so many of each: those of the
	// issuer; of a trust root those of its own version, and those of the version
	// before. There is none where the trust root does not know the issuer.
	Quorums []Quorum
	// Problems are where the statement is for another register, or beyond the
	// issuer's jurisdiction: no signature helps against that.
	Problems Problems
	// Err is what [Open] says, nil where it accepts the statement.
	Err error
}

// A Signature is one of a statement, as a trust root sees it.
type Signature struct {
	// Kid is the id of the key.
	Kid string
	// Authority and Officer say whose key it is, Authority "root" of a root
	// officer's; both are "" where the trust root does not know the key.
	Authority, Officer string
	// Err says why the signature does not count, nil where it does.
	Err error
}

// A Quorum is so many of some officers.
type Quorum struct {
	// Authority is whose officers they are, "root" for root officers; Version is
	// then the version of the trust root that lists them.
	Authority string
	Version   int64
	// Needed is how many must sign.
	Needed int
	// Signed and Absent are the officers who have, with a signature that counts,
	// and those who have not, in the order of the trust root. Barred are those who
	// have not and cannot: each of their keys is frozen or declared compromised.
	Signed, Absent, Barred []string
}

// Missing returns how many officers are still to sign.
func (q *Quorum) Missing() int { return max(0, q.Needed-len(q.Signed)) }

// Missing returns how many officers are still to sign, of the quorum that
// misses the most.
func (s *Signing) Missing() int {
	n := 0
	for i := range s.Quorums {
		n = max(n, s.Quorums[i].Missing())
	}
	return n
}

// SigningOf says who has to sign claims that nobody has signed, by the trust root
// in force, and where no signature helps. Its Err is nil. A nil root knows no issuer:
// there is then no quorum but, of a trust root, that of its own officers.
func SigningOf(c Claims, root *TrustRoot) *Signing {
	s := new(Signing)
	r, isRoot := c.(*Root)
	if !isRoot {
		s.issuer(c, root)
		return s
	}
	s.Quorums = append(s.Quorums, quorum("root", r.Version, r.Threshold, r.Officers))
	if root != nil && root.root.Version < r.Version {
		s.Quorums = append(s.Quorums, quorum("root", root.root.Version, root.root.Threshold, root.root.Officers))
	}
	return s
}

// Signers returns the key ids of the signatures, ascending. Nobody has checked
// them: [Unopened.Signing] does.
func (u *Unopened) Signers() []string {
	var kids []string
	for _, l := range u.lines {
		kids = append(kids, l.kid)
	}
	return kids
}

// Signing says who has signed the statement and who has not, by a trust root:
// the one in force, which is the version before where the statement is a trust
// root itself. Such a one may be shown without: root is then nil, and only its
// own officers are known.
func (u *Unopened) Signing(root *TrustRoot) *Signing {
	s := new(Signing)
	own, isRoot := u.claims.(*Root)
	if isRoot {
		_, s.Err = OpenRoot(u.raw, root)
		s.Quorums = SigningOf(own, root).Quorums
	} else {
		_, s.Err = u.Open(root)
		s.issuer(u.claims, root)
	}
	for _, l := range u.lines {
		sig := u.Signer(l.kid, root)
		if sig.Err == nil {
			k, _ := u.holder(l.kid, root)
			if err := l.verify(k.key, u.claims.Kind().typ()); err != nil {
				sig.Err = fmt.Errorf("does not verify: %w", err)
			}
		}
		s.Signatures = append(s.Signatures, sig)
	}
	for i := range s.Quorums {
		q := &s.Quorums[i]
		q.count(s.Signatures, func(kid string) string { return q.officer(kid, u, root) })
	}
	return s
}

// issuer says what the trust root has of the statement's issuer.
func (s *Signing) issuer(c Claims, root *TrustRoot) {
	if root == nil {
		return
	}
	h := c.Head()
	if h.Aud != root.root.Aud {
		s.Problems.Add("/aud", "is addressed to the register %q; this one is %q", h.Aud, root.root.Aud)
	}
	a, ok := root.Authority(h.Iss)
	if !ok {
		s.Problems.Add("/iss", "%q is no authority of this register", h.Iss)
		return
	}
	s.Problems = append(s.Problems, a.oversteps(c)...)
	q := quorum(a.ID, 0, a.threshold(c), nil)
	for _, o := range a.Officers {
		if root.bars(o) {
			q.Barred = append(q.Barred, o.ID)
		} else {
			q.Absent = append(q.Absent, o.ID)
		}
	}
	s.Quorums = append(s.Quorums, q)
}

// bars reports whether no key of an authority's officer can sign any more.
func (t *TrustRoot) bars(o Officer) bool {
	return !slices.ContainsFunc(o.Keys, func(j JWK) bool {
		k, err := j.Key()
		if err != nil {
			return false
		}
		_, compromised := t.CompromisedSince(k.ID())
		return !compromised && !t.Frozen(k.ID())
	})
}

func quorum(authority string, version, needed int64, officers []Officer) Quorum {
	q := Quorum{Authority: authority, Version: version, Needed: int(needed)}
	for _, o := range officers {
		q.Absent = append(q.Absent, o.ID)
	}
	return q
}

// officer returns which of the quorum's officers has the key, "" for none. An
// officer may have another id in the next version of a trust root.
func (q *Quorum) officer(kid string, u *Unopened, root *TrustRoot) string {
	from := u.keys
	if own, ok := u.claims.(*Root); !ok || q.Version != own.Version {
		from = root.keys
	}
	if k, ok := from[kid]; ok && k.authority == q.Authority {
		return k.officer
	}
	return ""
}

// count moves the officers who have signed from Absent to Signed.
func (q *Quorum) count(signatures []Signature, officer func(kid string) string) {
	all := q.Absent
	q.Absent = nil
	for _, id := range all {
		if slices.ContainsFunc(signatures, func(s Signature) bool { return s.Err == nil && officer(s.Kid) == id }) {
			q.Signed = append(q.Signed, id)
		} else {
			q.Absent = append(q.Absent, id)
		}
	}
}

// holder finds whose key it is: of a trust root an officer's of its own
// version, else of the one before.
func (u *Unopened) holder(kid string, root *TrustRoot) (holder, bool) {
	k, ok := u.keys[kid]
	if ok && k.authority == "root" {
		return k, true
	}
	if root == nil {
		return holder{}, false
	}
	k, ok = root.keys[kid]
	return k, ok
}

// Signer says whose key it is, and in Err why a signature by it would not count;
// whether there is one, and a good one, is not looked at.
func (u *Unopened) Signer(kid string, root *TrustRoot) Signature {
	sig := Signature{Kid: kid}
	own, isRoot := u.claims.(*Root)
	k, ok := u.holder(kid, root)
	if !ok {
		sig.Err = errors.New("is by a key that the trust root does not know")
		if isRoot && own.Version > 1 && root == nil {
			sig.Err = errors.New("is by no officer of this version; whether of the one before, only that one tells")
		}
		return sig
	}
	sig.Authority, sig.Officer = k.authority, k.officer
	if iss := u.claims.Head().Iss; k.authority != iss {
		sig.Err = fmt.Errorf("is by a key of %s, not of %s", k.authority, iss)
	} else if !isRoot {
		if _, compromised := root.CompromisedSince(kid); compromised {
			sig.Err = errors.New("is by a key that is declared compromised")
		} else if root.Frozen(kid) {
			sig.Err = errors.New("is by a key that is frozen")
		}
	}
	return sig
}

// Sign returns the statement with signatures added, each by a key that has not
// signed it yet. What is signed and the signatures that are there stay the same
// bytes; whether those are good, and the keys may sign, is for the trust root:
// [Unopened.Signing] tells.
func (u *Unopened) Sign(ctx context.Context, signers ...Signer) ([]byte, error) {
	lines := slices.Clone(u.lines)
	for _, s := range signers {
		kid := s.Key().ID()
		if slices.ContainsFunc(lines, func(l line) bool { return l.kid == kid }) {
			return nil, fmt.Errorf("sign: key %s has signed it already", kid)
		}
		l, err := signLine(ctx, u.lines[0].token.Payload, u.claims.Kind().typ(), s)
		if err != nil {
			return nil, fmt.Errorf("sign with key %s: %w", kid, err)
		}
		lines = append(lines, l)
	}
	out, err := join(lines)
	if err != nil {
		return nil, err
	}
	// What is handed out is what everybody can read.
	if _, err := Parse(out); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return out, nil
}

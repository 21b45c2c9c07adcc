// Package attest has the statements that export authorities sign: their kinds,
// their one byte form, signing and opening, and the trust root that says who
// may sign what.
//
// A statement is one or more compact JWS (RFC 7515) over byte-identical
// payload segments, one a line, strictly ascending by kid, joined by a
// newline, with none at the end. One signature is thus a plain JWT, and a
// threshold of several needs no second format. The protected header is
// exactly {"alg":…,"kid":…,"typ":…}; kid is the RFC 7638 thumbprint; the
// payload is strict JSON in its RFC 8785 form whose arrays are sets.
// docs/format.md is the normative text.
//
// Start with [Sign], which makes a statement from [Claims], and [Open], which
// is the only source of a [Statement]. Who may sign is in a [TrustRoot], which
// comes from [OpenRoot].
package attest

import (
	"crypto/sha256"
	"errors"
	"slices"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/internal/jws"
	"github.com/safeconduct/safeconduct/internal/strictjson"
)

// MaxBytes is the largest statement: an entry of a C2SP tlog-tiles bundle has
// at most 65,535 bytes.
const MaxBytes = 60 << 10

// maxSignatures bounds the lines of a statement.
const maxSignatures = 32

// A Key is a public key with its algorithm pinned, see [ParseKey].
type Key = jws.Key

// ParseKey reads a public key in JWK form (RFC 7517) with alg: "EdDSA" with an
// Ed25519 key, "ES256", or "ES384".
func ParseKey(jwk []byte) (Key, error) { return jws.ParseKey(jwk) }

// Algorithms lists the signature algorithms that statements are signed with.
func Algorithms() []string { return jws.Algorithms() }

// A Problem is one mistake in a document, at a JSON pointer.
type Problem = strictjson.Problem

// Problems are all mistakes found in a document, as an error.
type Problems = strictjson.Problems

// A Class says what kind of refusal a [Refusal] is, for callers that answer
// differently.
type Class int

// The classes of refusal.
const (
	// Malformed: not a statement in its one byte form.
	Malformed Class = iota + 1
	// Invalid: a statement that says what no statement may say.
	Invalid
	// Forbidden: not for this register, or signed by somebody who may not.
	Forbidden
	// TooLarge: larger than MaxBytes.
	TooLarge
	// NotFound: speaks of a statement that is not logged.
	NotFound
	// Conflict: contradicts what is logged.
	Conflict
)

// A Refusal says why a statement is not accepted.
type Refusal struct {
	// Class is the kind of refusal.
	Class Class
	// Err says what is wrong. It is [Problems] where members are at fault.
	Err error
}

// Refuse returns a [Refusal] of the class, nil where err is nil.
func Refuse(c Class, err error) error {
	if err == nil {
		return nil
	}
	return &Refusal{c, err}
}

func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns what is wrong.
func (r *Refusal) Unwrap() error { return r.Err }

// A Statement has been opened: it is well formed, every signature on it
// verifies, and enough officers who may sign it did, by the trust root that it
// was opened with. The zero Statement says nothing. It does not change and may
// be used concurrently.
type Statement struct {
	claims    Claims
	raw       []byte
	signers   []signer
	threshold int
	// trust is what the statement says where it is a trust root.
	trust *TrustRoot
	// terms is the digest of the terms of a domain approval, once asked for.
	terms atomic.Pointer[[sha256.Size]byte]
}

// TermsDigest returns the digest of the terms of a domain approval, see
// [Terms.Digest]; zero for other statements. It is worked out once.
func (s *Statement) TermsDigest() [sha256.Size]byte {
	d, ok := s.claims.(*DomainApproval)
	if !ok {
		return [sha256.Size]byte{}
	}
	if p := s.terms.Load(); p != nil {
		return *p
	}
	digest := d.Terms.signed()
	s.terms.Store(&digest)
	return digest
}

type signer struct{ kid, officer string }

// Claims returns what the statement says; the caller does not change it. It is
// nil for the zero Statement.
func (s *Statement) Claims() Claims { return s.claims }

// Disclose returns the statement of an approval with confidential members in its
// claims, see [EntityApproval.Disclose]. What was signed stays what it is.
func (s *Statement) Disclose(ds []Disclosure) (*Statement, error) {
	a, ok := s.claims.(*EntityApproval)
	if !ok {
		return nil, errors.New("only an approval of an entity has disclosures")
	}
	disclosed, err := a.Disclose(ds)
	if err != nil {
		return nil, err
	}
	return &Statement{claims: disclosed, raw: s.raw, signers: s.signers, threshold: s.threshold}, nil
}

// Bytes returns the statement as it was signed and is logged. The caller does
// not change it.
func (s *Statement) Bytes() []byte { return s.raw }

// LeafHash returns the statement's RFC 6962 leaf hash.
func (s *Statement) LeafHash() tlog.Hash { return tlog.RecordHash(s.raw) }

// Signers returns the key ids of the signatures, ascending.
func (s *Statement) Signers() []string {
	var kids []string
	for _, x := range s.signers {
		kids = append(kids, x.kid)
	}
	return kids
}

// Signatures returns the signatures that count, ascending by key id, with the
// officers to whom the trust root that the statement was opened with gives their
// keys. Those on a trust root by officers of the version before alone are not
// among them.
func (s *Statement) Signatures() []Signature {
	out := make([]Signature, len(s.signers))
	for i, x := range s.signers {
		out[i] = Signature{Kid: x.kid, Authority: s.claims.Head().Iss, Officer: x.officer}
	}
	return out
}

// Holds reports whether the statement still has its threshold of officers when
// the signatures of distrusted keys are disregarded (RULES R20). The zero
// Statement does not hold.
func (s *Statement) Holds(distrusted func(kid string) bool) bool {
	var officers []string
	for _, x := range s.signers {
		if !distrusted(x.kid) && !slices.Contains(officers, x.officer) {
			officers = append(officers, x.officer)
		}
	}
	return s.claims != nil && len(officers) >= s.threshold && s.threshold > 0
}

// A Tag names an approval's lineage, or is zero for what concerns a whole
// subject.
type Tag [sha256.Size]byte

// TagOf returns the tag of the lineage whose first version has that issuer and
// jti: SHA-256(iss ‖ 0x00 ‖ jti).
func TagOf(iss, jti string) Tag {
	return sha256.Sum256([]byte(iss + "\x00" + jti))
}

// LineageOf reports whether a statement belongs to a lineage, and returns the jti
// of the one before that says which: what it supersedes or is on. "" begins one.
func LineageOf(c Claims) (before string, of bool) {
	switch c := c.(type) {
	case *Event:
		return c.Target, true
	case *Succession:
		return c.Target, true
	default:
		if g := GrantOf(c); g != nil {
			return g.Supersedes, true
		}
		return "", false
	}
}

// A Lineage finds the tag of a statement among the statements of its subject:
// it is called with each in log order, and knows what it has seen. The zero
// Lineage has seen none.
type Lineage struct {
	// seen are the statements by issuer and jti.
	seen map[[2]string]place
}

// A place is that of a statement in its subject's history.
type place struct {
	tag Tag
	// version says that it is a version of a lineage, newest that no later one is.
	version, newest bool
}

// What no history has, whoever made it.
var (
	errNoTarget  = errors.New("names a statement that its subject does not have")
	errTwice     = errors.New("has the jti of a statement that its subject has already")
	errNotNewest = errors.New("supersedes a version that is not the newest")
)

// Next returns the tag of the next statement of the subject. It returns an
// error where the statement stands in the history already, supersedes or
// targets one that has not come before, or supersedes one that is not the
// newest version: a history is not made to say something else by logging a
// part of it again.
func (l *Lineage) Next(c Claims) (Tag, error) {
	id := [2]string{c.Head().Iss, c.Head().JTI}
	if _, ok := l.seen[id]; ok {
		return Tag{}, errTwice
	}
	at, err := l.place(c, id)
	if err != nil {
		return Tag{}, err
	}
	if l.seen == nil {
		l.seen = make(map[[2]string]place)
	}
	l.seen[id] = at
	return at.tag, nil
}

// place is that of the next statement; the version that it supersedes is not the
// newest any more.
func (l *Lineage) place(c Claims, id [2]string) (place, error) {
	before, of := LineageOf(c)
	grant := GrantOf(c) != nil
	switch {
	case !of:
		return place{}, nil
	case before == "":
		return place{TagOf(id[0], id[1]), grant, grant}, nil
	}
	id[1] = before
	target, ok := l.seen[id]
	if !ok || !target.version {
		return place{}, errNoTarget
	}
	if !grant {
		return place{tag: target.tag}, nil
	}
	if !target.newest {
		return place{}, errNotNewest
	}
	l.seen[id] = place{target.tag, true, false}
	return place{target.tag, true, true}, nil
}

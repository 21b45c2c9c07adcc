// Package jws checks one signature: a compact JWS (RFC 7515) by one key whose
// algorithm is pinned.
//
// go-jose says what a JWS is. A header that is nothing but alg, kid and typ in
// plain text, as every statement has, leaves it nothing to say: such a token is
// checked with the standard library at once, see [Key.Check]. A fuzz test holds
// the two together.
//
// It is stricter than RFC 7515 asks, so that a signature has one byte form:
// base64url without padding, white space or stray bits, three parts, and for
// ECDSA the smaller of the two values of s. What stands in the header beyond
// alg is for the caller, who compares it byte for byte.
package jws

import (
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// An algorithm is a row of the registry of signature algorithms. A new one,
// such as ML-DSA (RFC 9964), is a new row.
type algorithm struct {
	name   jose.SignatureAlgorithm
	curve  elliptic.Curve // nil for Ed25519
	digest func([]byte) []byte
}

var algorithms = []algorithm{
	{jose.EdDSA, nil, nil},
	{jose.ES256, elliptic.P256(), func(b []byte) []byte { d := sha256.Sum256(b); return d[:] }},
	{jose.ES384, elliptic.P384(), func(b []byte) []byte { d := sha512.Sum384(b); return d[:] }},
}

// Algorithms lists the accepted values of alg (RFC 7518, RFC 8037).
func Algorithms() []string {
	var names []string
	for _, a := range algorithms {
		names = append(names, string(a.name))
	}
	return names
}

func algorithmNamed(name string) (algorithm, bool) {
	i := slices.IndexFunc(algorithms, func(a algorithm) bool { return string(a.name) == name })
	if i < 0 {
		return algorithm{}, false
	}
	return algorithms[i], true
}

// size returns the bytes of each of the two numbers of an ECDSA signature.
func (a algorithm) size() int { return (a.curve.Params().BitSize + 7) / 8 }

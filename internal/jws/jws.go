// Package jws checks one signature: a compact JWS (RFC 7515) by one key whose
// algorithm is pinned.
//
// It is stricter than RFC 7515 asks, so that a signature has one byte form:
// base64url without padding, white space or stray bits, three parts, and for
// ECDSA the smaller of the two values of s. What stands in the header beyond
// alg is for the caller, who compares it byte for byte.
package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// An algorithm is a row of the registry of signature algorithms. A new one,
// such as ML-DSA (RFC 9964), is a new row.
type algorithm struct {
	name  jose.SignatureAlgorithm
	curve elliptic.Curve // nil for Ed25519
}

var algorithms = []algorithm{
	{jose.EdDSA, nil},
	{jose.ES256, elliptic.P256()},
	{jose.ES384, elliptic.P384()},
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

// A Key is a public key with its algorithm pinned. The zero Key verifies
// nothing. A Key may be used concurrently.
type Key struct {
	jwk jose.JSONWebKey
	alg algorithm
	kid string
}

// NewKey pins alg to a public key: "EdDSA" for ed25519.PublicKey, "ES256" and
// "ES384" for *ecdsa.PublicKey on their curve.
func NewKey(pub crypto.PublicKey, alg string) (Key, error) {
	a, ok := algorithmNamed(alg)
	if !ok {
		return Key{}, fmt.Errorf("unknown signature algorithm %q: want one of %s", alg, strings.Join(Algorithms(), ", "))
	}
	switch p := pub.(type) {
	case ed25519.PublicKey:
		if a.curve != nil || len(p) != ed25519.PublicKeySize {
			return Key{}, fmt.Errorf("an Ed25519 key does not sign %s", alg)
		}
	case *ecdsa.PublicKey:
		if a.curve != p.Curve {
			return Key{}, fmt.Errorf("an ECDSA key on %s does not sign %s", p.Params().Name, alg)
		}
	default:
		return Key{}, fmt.Errorf("a %T does not sign %s", pub, alg)
	}
	k := Key{jwk: jose.JSONWebKey{Key: pub, Algorithm: alg}, alg: a}
	if !k.jwk.Valid() {
		return Key{}, errors.New("the key is incomplete")
	}
	// Valid does not look whether the coordinates are a point.
	if p, ok := pub.(*ecdsa.PublicKey); ok {
		if _, err := p.ECDH(); err != nil {
			return Key{}, errors.New("the key is not a point of its curve")
		}
	}
	sum, err := k.jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return Key{}, fmt.Errorf("thumbprint: %w", err)
	}
	k.kid = base64.RawURLEncoding.EncodeToString(sum)
	return k, nil
}

// ParseKey reads a public key in JWK form (RFC 7517). It must have alg, and
// use and key_ops must allow verifying; a private or symmetric key is refused.
func ParseKey(data []byte) (Key, error) {
	var j jose.JSONWebKey
	if err := j.UnmarshalJSON(data); err != nil {
		return Key{}, err
	}
	if !j.IsPublic() {
		return Key{}, errors.New("not a public key")
	}
	if j.Use != "" && j.Use != "sig" {
		return Key{}, fmt.Errorf("the key is for use %q, not \"sig\"", j.Use)
	}
	// go-jose does not read key_ops.
	var may struct {
		Ops []string `json:"key_ops"`
	}
	if err := json.Unmarshal(data, &may); err != nil {
		return Key{}, err
	}
	if may.Ops != nil && !slices.Contains(may.Ops, "verify") {
		return Key{}, fmt.Errorf("the key's key_ops are %q, without \"verify\"", may.Ops)
	}
	return NewKey(j.Key, j.Algorithm)
}

// ID returns the RFC 7638 thumbprint, SHA-256, base64url.
func (k Key) ID() string { return k.kid }

// Algorithm returns the pinned alg.
func (k Key) Algorithm() string { return string(k.alg.name) }

// Public returns the key itself.
func (k Key) Public() crypto.PublicKey { return k.jwk.Key }

// MarshalJSON returns the JWK with alg and without kid.
func (k Key) MarshalJSON() ([]byte, error) { return k.jwk.MarshalJSON() }

// MaxBytes is the largest compact JWS that is read.
const MaxBytes = 60 << 10

// Split cuts a compact JWS into its decoded header, its payload segment as it
// stands, and its decoded signature, and refuses whatever is not the one
// spelling of them. It verifies nothing.
func Split(compact string) (header []byte, payload string, signature []byte, err error) {
	if len(compact) > MaxBytes {
		return nil, "", nil, fmt.Errorf("has %d bytes; at most %d are accepted", len(compact), MaxBytes)
	}
	h, rest, ok1 := strings.Cut(compact, ".")
	p, s, ok2 := strings.Cut(rest, ".")
	if !ok1 || !ok2 || strings.Contains(s, ".") {
		return nil, "", nil, errors.New("is not header.payload.signature (compact JWS, RFC 7515 section 7.1)")
	}
	if header, err = decode(h); err != nil {
		return nil, "", nil, fmt.Errorf("header: %w", err)
	}
	if _, err = decode(p); err != nil {
		return nil, "", nil, fmt.Errorf("payload: %w", err)
	}
	if signature, err = decode(s); err != nil {
		return nil, "", nil, fmt.Errorf("signature: %w", err)
	}
	return header, p, signature, nil
}

// decode reads strict base64url: RFC 7515 section 2, and no unused bits set.
func decode(s string) ([]byte, error) {
	if s == "" {
		return nil, errors.New("is empty")
	}
	// The decoder skips line ends even when strict.
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("is not base64url: has a line end")
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("is not base64url without padding: %w", err)
	}
	return b, nil
}

// Verify checks the signature of a compact JWS under k and returns its payload.
func (k Key) Verify(compact string) (payload []byte, err error) {
	if k.kid == "" {
		return nil, errors.New("no key")
	}
	_, _, sig, err := Split(compact)
	if err != nil {
		return nil, err
	}
	if k.alg.curve != nil && !lowS(sig, k.alg.curve) {
		return nil, errors.New("the ECDSA signature is not in low-s form")
	}
	j, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{k.alg.name})
	if err != nil {
		return nil, err
	}
	if payload, err = j.Verify(k.jwk); err != nil {
		return nil, fmt.Errorf("the signature does not verify under key %s", k.kid)
	}
	return payload, nil
}

// lowS reports whether s of the raw r||s is at most half the group's order:
// of s and n-s, which both verify, one is the signature.
func lowS(sig []byte, c elliptic.Curve) bool {
	size := (c.Params().BitSize + 7) / 8
	if len(sig) != 2*size {
		return false
	}
	s := new(big.Int).SetBytes(sig[size:])
	half := new(big.Int).Rsh(c.Params().N, 1)
	return s.Cmp(half) <= 0
}

// FromRS turns the two numbers of an ECDSA signature into the raw r||s of
// RFC 7518 section 3.4 with the smaller s.
func (k Key) FromRS(r, s *big.Int) ([]byte, error) {
	if k.alg.curve == nil {
		return nil, errors.New("not an ECDSA key")
	}
	n := k.alg.curve.Params().N
	if r.Sign() <= 0 || s.Sign() <= 0 || r.Cmp(n) >= 0 || s.Cmp(n) >= 0 {
		return nil, errors.New("the ECDSA signature is out of range")
	}
	if half := new(big.Int).Rsh(n, 1); s.Cmp(half) > 0 {
		s = new(big.Int).Sub(n, s)
	}
	size := (k.alg.curve.Params().BitSize + 7) / 8
	out := make([]byte, 2*size)
	r.FillBytes(out[:size])
	s.FillBytes(out[size:])
	return out, nil
}

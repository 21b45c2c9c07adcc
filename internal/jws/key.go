package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

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

// KeyOf returns the key of a JWK that has exactly these members: alg, crv, kty,
// x, and for an ECDSA key y. It takes only the one spelling of each, and says
// no more than no: [ParseKey] says what is wrong.
func KeyOf(alg, crv, kty, x, y string) (Key, bool) {
	a, ok := algorithmNamed(alg)
	if !ok {
		return Key{}, false
	}
	px, err := decode([]byte(x))
	if err != nil {
		return Key{}, false
	}
	var pub crypto.PublicKey
	var thumbprint string // what RFC 7638 has hashed
	if a.curve == nil {
		if kty != "OKP" || crv != "Ed25519" || y != "" || len(px) != ed25519.PublicKeySize || SmallOrder(px) {
			return Key{}, false
		}
		pub = ed25519.PublicKey(px)
		thumbprint = `{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`
	} else {
		py, err := decode([]byte(y))
		if err != nil || kty != "EC" || crv != a.curve.Params().Name || len(px) != a.size() || len(py) != a.size() {
			return Key{}, false
		}
		// This also looks whether it is a point of the curve.
		if pub, err = ecdsa.ParseUncompressedPublicKey(a.curve, slices.Concat([]byte{4}, px, py)); err != nil {
			return Key{}, false
		}
		thumbprint = `{"crv":"` + crv + `","kty":"EC","x":"` + x + `","y":"` + y + `"}`
	}
	sum := sha256.Sum256([]byte(thumbprint))
	return Key{
		jwk: jose.JSONWebKey{Key: pub, Algorithm: alg}, alg: a,
		kid: base64.RawURLEncoding.EncodeToString(sum[:]),
	}, true
}

// ID returns the RFC 7638 thumbprint, SHA-256, base64url.
func (k Key) ID() string { return k.kid }

// Algorithm returns the pinned alg.
func (k Key) Algorithm() string { return string(k.alg.name) }

// Public returns the key itself.
func (k Key) Public() crypto.PublicKey { return k.jwk.Key }

// MarshalJSON returns the JWK with alg and without kid.
func (k Key) MarshalJSON() ([]byte, error) { return k.jwk.MarshalJSON() }

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
	size := k.alg.size()
	out := make([]byte, 2*size)
	r.FillBytes(out[:size])
	s.FillBytes(out[size:])
	return out, nil
}

package registrytest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"math/big"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/jws"
)

// An ECSigner is the fixed ECDSA key of a name. It is an [attest.Signer].
type ECSigner struct {
	key *ecdsa.PrivateKey
	pub attest.Key
}

// ECSignerNamed returns the signer of a name and an algorithm, ES256 or ES384,
// always the same one.
func ECSignerNamed(name, alg string) *ECSigner {
	curve, size := elliptic.P256(), 32
	if alg == "ES384" {
		curve, size = elliptic.P384(), 48
	}
	seed := sha512.Sum384([]byte("registrytest/" + alg + "/" + name))
	seed[0] = 0 // below the order of either curve
	key, err := ecdsa.ParseRawPrivateKey(curve, seed[:size])
	if err != nil {
		panic(err)
	}
	pub, err := jws.NewKey(key.Public(), alg)
	if err != nil {
		panic(err)
	}
	return &ECSigner{key, pub}
}

// Key returns the public key.
func (s *ECSigner) Key() attest.Key { return s.pub }

// Sign signs as [attest.Signer] asks.
func (s *ECSigner) Sign(_ context.Context, signingInput []byte) ([]byte, error) {
	r, v := s.RS(signingInput)
	return s.pub.FromRS(r, v)
}

// RS returns the two numbers of a signature as they come, s in either half of the
// order.
func (s *ECSigner) RS(signingInput []byte) (r, v *big.Int) {
	var digest []byte
	if s.pub.Algorithm() == "ES384" {
		d := sha512.Sum384(signingInput)
		digest = d[:]
	} else {
		d := sha256.Sum256(signingInput)
		digest = d[:]
	}
	r, v, err := ecdsa.Sign(rand.Reader, s.key, digest)
	if err != nil {
		panic(err)
	}
	return r, v
}

// Order is that of the key's curve.
func (s *ECSigner) Order() *big.Int { return s.key.Params().N }

// JWK returns the public key as a trust root lists it.
func (s *ECSigner) JWK() attest.JWK {
	j, err := attest.JWKOf(s.pub)
	if err != nil {
		panic(err)
	}
	return j
}

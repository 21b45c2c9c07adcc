package registrytest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"math/big"
	"slices"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/jws"
)

// A MixedSigner is an Ed25519 key of a name, with signatures of which verifiers who
// multiply by the cofactor think otherwise than those who do not: RFC 8032 lets
// either stand, so that one statement would be good here and not there. Ours is
// refused.
type MixedSigner struct {
	pub    ed25519.PublicKey
	scalar *big.Int
	key    attest.Key
	// r is whether R is mixed, odd whether the challenge has to be, for the part of
	// small order to matter.
	r   bool
	odd uint
}

// MixedKey returns a signer whose key has a part of small order.
func MixedKey(name string) *MixedSigner {
	s := mixed(SignerNamed(name))
	s.pub = plusOrderTwo(s.pub)
	k, err := jws.NewKey(s.pub, "EdDSA")
	if err != nil {
		panic(err)
	}
	s.key, s.odd = k, 1
	return s
}

// Agreed returns a signer with the same mixed key, of whose signatures all think the
// same: they are good.
func (s *MixedSigner) Agreed() *MixedSigner {
	agreed := *s
	agreed.odd = 0
	return &agreed
}

// MixedR returns a signer with the key of [SignerNamed], whose signatures have an R
// with a part of small order.
func MixedR(name string) *MixedSigner {
	s := mixed(SignerNamed(name))
	s.r = true
	return s
}

func mixed(s *Signer) *MixedSigner {
	return &MixedSigner{pub: s.key.Public().(ed25519.PublicKey), scalar: scalarOf(s.key.Seed()), key: s.pub}
}

// Key returns the public key.
func (s *MixedSigner) Key() attest.Key { return s.key }

// Sign returns a signature that is good with the cofactor, and without it is not, but
// for [MixedSigner.Agreed].
func (s *MixedSigner) Sign(_ context.Context, signingInput []byte) ([]byte, error) {
	for i := byte(0); ; i++ {
		// The public key of a seed is its scalar's multiple of the base.
		nonce := sha256.Sum256(append([]byte{i}, signingInput...))
		r := []byte(ed25519.NewKeyFromSeed(nonce[:]).Public().(ed25519.PublicKey))
		if s.r {
			r = plusOrderTwo(r)
		}
		sum := sha512.Sum512(slices.Concat(r, s.pub, signingInput))
		k := littleEndian(sum[:])
		k.Mod(k, order)
		if !s.r && k.Bit(0) != s.odd {
			continue // an even multiple of the key has no part of order two
		}
		v := new(big.Int).Mul(k, s.scalar)
		v.Add(v, scalarOf(nonce[:])).Mod(v, order)
		b := v.FillBytes(make([]byte, 32))
		slices.Reverse(b)
		return append(r, b...), nil
	}
}

// order is that of the base point of Curve25519, prime its field's.
var (
	order, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	prime    = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
)

func littleEndian(b []byte) *big.Int {
	be := slices.Clone(b)
	slices.Reverse(be)
	return new(big.Int).SetBytes(be)
}

// scalarOf is the secret number of a seed (RFC 8032, section 5.1.5).
func scalarOf(seed []byte) *big.Int {
	h := sha512.Sum512(seed)
	h[0] &= 248
	h[31] = h[31]&127 | 64
	return littleEndian(h[:32])
}

// plusOrderTwo adds (0, -1), the point of order two: (x, y) becomes (-x, -y).
func plusOrderTwo(point []byte) []byte {
	b := slices.Clone(point)
	sign := b[31] & 0x80
	b[31] &= 0x7f
	y := new(big.Int).Sub(prime, littleEndian(b))
	y.FillBytes(b)
	slices.Reverse(b)
	b[31] |= sign ^ 0x80
	return b
}

// NotReduced returns an Ed25519 signature with the order added to its S: the same to
// whoever does not look.
func NotReduced(signature []byte) []byte {
	s := littleEndian(signature[32:])
	b := s.Add(s, order).FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return append(slices.Clone(signature[:32]), b...)
}

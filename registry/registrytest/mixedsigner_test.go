package registrytest_test

import (
	"crypto/ed25519"
	"crypto/sha512"
	"math/big"
	"slices"
	"testing"

	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

// A point of edwards25519, affine.
type point struct{ x, y *big.Int }

var (
	prime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d     = mod(new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), prime)))
)

func mod(n *big.Int) *big.Int { return n.Mod(n, prime) }

func mul(ns ...*big.Int) *big.Int {
	out := big.NewInt(1)
	for _, n := range ns {
		mod(out.Mul(out, n))
	}
	return out
}

func (p point) add(q point) point {
	t := mul(d, p.x, q.x, p.y, q.y)
	one := big.NewInt(1)
	x := mod(new(big.Int).Add(mul(p.x, q.y), mul(q.x, p.y)))
	y := mod(new(big.Int).Add(mul(p.y, q.y), mul(p.x, q.x)))
	x = mul(x, new(big.Int).ModInverse(mod(new(big.Int).Add(one, t)), prime))
	return point{x, mul(y, new(big.Int).ModInverse(mod(new(big.Int).Sub(one, t)), prime))}
}

func (p point) times(n *big.Int) point {
	out := point{new(big.Int), big.NewInt(1)}
	for i := n.BitLen() - 1; i >= 0; i-- {
		out = out.add(out)
		if n.Bit(i) == 1 {
			out = out.add(p)
		}
	}
	return out
}

func number(b []byte) *big.Int {
	be := slices.Clone(b)
	slices.Reverse(be)
	return new(big.Int).SetBytes(be)
}

func decode(t *testing.T, b []byte) point {
	t.Helper()
	b = slices.Clone(b)
	sign := uint(b[31] >> 7)
	b[31] &= 0x7f
	y := number(b)
	y2 := mul(y, y)
	u := mod(new(big.Int).Sub(y2, big.NewInt(1)))
	v := mod(new(big.Int).Add(mul(d, y2), big.NewInt(1)))
	x := new(big.Int).ModSqrt(mul(u, new(big.Int).ModInverse(v, prime)), prime)
	if x == nil {
		t.Fatalf("%x is no point", b)
	}
	if x.Bit(0) != sign {
		x.Sub(prime, x)
	}
	return point{x, y}
}

// What is refused for want of the cofactor is good with it, so that the attack is one.
func TestAMixedSignatureIsGoodWithTheCofactorAlone(t *testing.T) {
	base := decode(t, append([]byte{0x58}, slices.Repeat([]byte{0x66}, 31)...))
	eight := big.NewInt(8)
	for name, s := range map[string]*rt.MixedSigner{"the key": rt.MixedKey("in-1"), "R": rt.MixedR("in-1")} {
		pub := s.Key().Public().(ed25519.PublicKey)
		sig, err := s.Sign(t.Context(), []byte("hello"))
		if err != nil {
			t.Fatal(err)
		}
		if ed25519.Verify(pub, []byte("hello"), sig) {
			t.Errorf("%s is mixed, and the signature is good without the cofactor", name)
		}
		sum := sha512.Sum512(slices.Concat(sig[:32], pub, []byte("hello")))
		left := base.times(number(sig[32:])).times(eight)
		right := decode(t, sig[:32]).add(decode(t, pub).times(number(sum[:]))).times(eight)
		if left.x.Cmp(right.x) != 0 || left.y.Cmp(right.y) != 0 {
			t.Errorf("%s is mixed, and the signature is not good with the cofactor either", name)
		}
	}
	agreed := rt.MixedKey("in-1").Agreed()
	if sig, err := agreed.Sign(t.Context(), []byte("hello")); err != nil || !ed25519.Verify(agreed.Key().Public().(ed25519.PublicKey), []byte("hello"), sig) {
		t.Errorf("a signature that all think good of is not: %v", err)
	}
}

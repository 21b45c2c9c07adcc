package attest_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

// The benchmarks measure what opening costs beside the signatures that it
// must check: each iteration does both, a round of this and a round of that,
// so that a noisy machine is as noisy for either. They report the bare
// signatures in ns/bare and the ratio of the two as x-bare.

// benchWorld has a trust root whose authority needs one officer, and a typical
// entity approval of about 1 KiB.
func benchWorld(b *testing.B, alg string) (raw []byte, root *attest.TrustRoot, bare func() bool) {
	b.Helper()
	w := newWorld(b)
	key := newKey(b, alg, "bench")
	one := w.next(2, func(r *attest.Root) {
		r.Authorities[0].Thresholds.Granting = 1
		r.Authorities[0].Officers = append(r.Authorities[0].Officers, officer(b, "carol", key))
		r.Previous = w.root.Statement().LeafHash().String()
	})
	raw = sign(b, benchApproval(), key)
	return raw, openRoot(b, sign(b, one, w.chief1, w.chief2), w.root), bareVerify(b, key, string(raw))
}

func benchApproval() *attest.EntityApproval {
	a := entityApproval()
	a.EligibleItems = nil
	for _, e := range []string{"1C002.a.1", "3A001.a.2", "3B001.b", "5A001.b.1", "5E002", "6A001.a.1"} {
		a.EligibleItems = append(a.EligibleItems, attest.Item{List: "US_CCL", Entry: e})
	}
	a.EligibleItems[0].Limitation = "for wafers of 300 mm only"
	a.EligibleItems[0].Sites = []string{"VTZ-1"}
	return a
}

// bareVerify returns the check of one line's signature and nothing else.
func bareVerify(tb testing.TB, key *testKey, compact string) func() bool {
	tb.Helper()
	i := strings.LastIndexByte(compact, '.')
	input, sig := []byte(compact[:i]), unb64(tb, compact[i+1:])
	switch pub := key.key.Public().(type) {
	case ed25519.PublicKey:
		return func() bool { return ed25519.Verify(pub, input, sig) }
	case *ecdsa.PublicKey:
		r, s := new(big.Int).SetBytes(sig[:len(sig)/2]), new(big.Int).SetBytes(sig[len(sig)/2:])
		return func() bool { digest := sha256.Sum256(input); return ecdsa.Verify(pub, digest[:], r, s) }
	}
	tb.Fatal("no such key")
	return nil
}

func beside(b *testing.B, bare func() bool, open func() error) {
	b.Helper()
	b.ReportAllocs()
	var ours, theirs []time.Duration
	for b.Loop() {
		start := time.Now()
		if !bare() {
			b.Fatal("the bare signature does not verify")
		}
		middle := time.Now()
		if err := open(); err != nil {
			b.Fatal(err)
		}
		ours = append(ours, time.Since(middle))
		theirs = append(theirs, middle.Sub(start))
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	o, t := ours[len(ours)/2], theirs[len(theirs)/2]
	b.ReportMetric(float64(o.Nanoseconds()), "ns/open")
	b.ReportMetric(float64(t.Nanoseconds()), "ns/bare")
	b.ReportMetric(float64(o)/float64(t), "x-bare")
}

func BenchmarkOpenEdDSA(b *testing.B) { benchmarkOpen(b, "EdDSA") }

func BenchmarkOpenES256(b *testing.B) { benchmarkOpen(b, "ES256") }

func benchmarkOpen(b *testing.B, alg string) {
	raw, root, bare := benchWorld(b, alg)
	b.ReportMetric(float64(len(raw)), "bytes")
	beside(b, bare, func() error { _, err := attest.Open(raw, root); return err })
}

func BenchmarkParse(b *testing.B) {
	raw, _, _ := benchWorld(b, "EdDSA")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := attest.Parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpenRoot: a root of ten officers, signed by four of them.
func BenchmarkOpenRoot(b *testing.B) {
	w := newWorld(b)
	r := w.claims
	r.Threshold, r.Officers = 4, nil
	var chiefs []*testKey
	for _, name := range []string{"r1", "r2", "r3", "r4", "r5"} {
		k := newKey(b, "EdDSA", name)
		chiefs = append(chiefs, k)
		r.Officers = append(r.Officers, officer(b, name, k))
	}
	for _, name := range []string{"a1", "a2"} {
		r.Authorities[0].Officers = append(r.Authorities[0].Officers, officer(b, name, newKey(b, "EdDSA", name)))
	}
	raw := sign(b, r, chiefs[:4]...)
	lines := strings.Split(string(raw), "\n")
	var checks []func() bool
	for _, l := range lines {
		for _, k := range chiefs[:4] {
			if check := bareVerify(b, k, l); check() {
				checks = append(checks, check)
			}
		}
	}
	if len(checks) != 4 {
		b.Fatalf("%d signatures", len(checks))
	}
	bare := func() bool {
		for _, check := range checks {
			if !check() {
				return false
			}
		}
		return true
	}
	b.ReportMetric(float64(len(raw)), "bytes")
	beside(b, bare, func() error { _, err := attest.OpenRoot(raw, nil); return err })
}

func unb64(tb testing.TB, s string) []byte {
	tb.Helper()
	out, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

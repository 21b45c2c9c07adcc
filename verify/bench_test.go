package verify_test

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/verify"
)

// BenchmarkDecide and BenchmarkDecideOnce stand beside
// BenchmarkBareSignatures, as many Ed25519 verifications as the evidence has
// signatures. Of these, BenchmarkDecide, whose trust is kept, does not repeat
// the ones on trust roots.
func BenchmarkDecide(b *testing.B) {
	r := story()
	data := marshal(b, r.evidence(r.checkpoint(quorum(cosign)...), touched[:8]...))
	tr := trust(b, r, bothMirrors(), verify.Insecure{})
	req, at := joint(), times()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if d, err := verify.Decide(data, tr, req, at); err != nil || !d.Permitted() {
			b.Fatal(d, err)
		}
	}
	b.ReportMetric(float64(signatures(b, r)), "signatures")
}

// BenchmarkDecideOnce reads the trust anew for each decision, which then opens
// the trust roots too.
func BenchmarkDecideOnce(b *testing.B) {
	r := story()
	data := marshal(b, r.evidence(r.checkpoint(quorum(cosign)...), touched[:8]...))
	file := must(trust(b, r, bothMirrors(), verify.Insecure{}).MarshalJSON())
	for b.Loop() {
		if d, err := verify.Decide(data, must(verify.ParseTrust(file)), joint(), times()); err != nil || !d.Permitted() {
			b.Fatal(d, err)
		}
	}
}

// signatures counts those of the benchmark's evidence.
func signatures(b *testing.B, r *register) int {
	e := r.evidence(r.checkpoint(quorum(cosign)...), touched[:8]...)
	n := len(quorum(cosign))
	for _, s := range e.Statements {
		n += 1 + strings.Count(s.Statement, "\n")
	}
	return n
}

func BenchmarkBareSignatures(b *testing.B) {
	n := signatures(b, story())
	message := []byte(strings.Repeat("x", 1000))
	key := public("bench")
	sig := ed25519.Sign(seed("bench"), message)
	for b.Loop() {
		for range n {
			if !ed25519.Verify(key, message, sig) {
				b.Fatal("does not verify")
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	r := story()
	data := marshal(b, r.evidence(r.checkpoint(quorum(cosign)...), touched[:8]...))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := verify.Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}

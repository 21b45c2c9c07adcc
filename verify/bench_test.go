package verify_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/verify"
)

// A signature is one that evidence has, with what it is over.
type signature struct {
	key     ed25519.PublicKey
	message string
	sig     []byte
}

// bare lists the signatures on the statements of evidence and on its
// checkpoint, those of trust roots apart.
func bare(b *testing.B, e *verify.Evidence) (roots, others []signature) {
	b.Helper()
	keys := make(map[string]ed25519.PublicKey)
	for _, o := range []officer{"r1", "r2", "auth-us", "auth-in"} {
		keys[o.Key().ID()] = public(string(o))
	}
	for _, s := range e.Statements {
		for l := range strings.SplitSeq(s.Statement, "\n") {
			input := l[:strings.LastIndex(l, ".")]
			head := string(must(base64.RawURLEncoding.DecodeString(input[:strings.Index(input, ".")])))
			_, kid, _ := strings.Cut(head, `"kid":"`)
			x := signature{keys[kid[:43]], input, must(base64.RawURLEncoding.DecodeString(l[len(input)+1:]))}
			if strings.Contains(head, "root") {
				roots = append(roots, x)
			} else {
				others = append(others, x)
			}
		}
	}
	text, lines, _ := strings.Cut(e.Checkpoint, "\n\n")
	for l := range strings.Lines(lines) {
		f := strings.Fields(l)
		sig := must(base64.StdEncoding.DecodeString(f[2]))
		if f[1] == origin {
			others = append(others, signature{public("log"), text + "\n", sig[4:]})
			continue
		}
		message := fmt.Sprintf("cosignature/v1\ntime %d\n%s\n", binary.BigEndian.Uint64(sig[4:]), text)
		others = append(others, signature{public(strings.TrimPrefix(f[1], "example.net/")), message, sig[12:]})
	}
	return roots, others
}

func verifyAll(b *testing.B, signatures []signature) {
	for _, s := range signatures {
		if !ed25519.Verify(s.key, []byte(s.message), s.sig) {
			b.Fatal("does not verify")
		}
	}
}

// BenchmarkDecide decides a two-party joint request by turns with a trust that
// was just read (cold), with one that is kept and remembers the trust roots
// (warm), and verifies the bare signatures that each has to: the metrics are
// the ratios of the median times.
func BenchmarkDecide(b *testing.B) {
	r := story()
	e := whole(r)
	data := marshal(b, e)
	file := must(trust(b, r, bothMirrors(), verify.Insecure{}).MarshalJSON())
	kept := must(verify.ParseTrust(file))
	roots, others := bare(b, e)
	req, at := joint(), times()
	decide := func(t *verify.Trust) {
		if d, err := verify.Decide(data, t, req, at); err != nil || !d.Permitted() {
			b.Fatal(d, err)
		}
	}
	decide(kept)
	all := append(slices.Clone(roots), others...)
	var times [4][]time.Duration
	for b.Loop() {
		for i, run := range []func(){
			func() { decide(must(verify.ParseTrust(file))) }, func() { verifyAll(b, all) },
			func() { decide(kept) }, func() { verifyAll(b, others) },
		} {
			start := time.Now()
			run()
			times[i] = append(times[i], time.Since(start))
		}
	}
	median := func(i int) float64 {
		slices.Sort(times[i])
		return float64(times[i][len(times[i])/2].Nanoseconds())
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(len(data)), "bytes")
	b.ReportMetric(float64(len(all)), "cold-signatures")
	b.ReportMetric(float64(len(others)), "warm-signatures")
	b.ReportMetric(median(0)/median(1), "cold/bare")
	b.ReportMetric(median(2)/median(3), "warm/bare")
	b.ReportMetric(median(2)/1000, "warm-µs")
}

func BenchmarkDecideWarm(b *testing.B) {
	r := story()
	data := marshal(b, whole(r))
	tr := trust(b, r, bothMirrors(), verify.Insecure{})
	b.ReportAllocs()
	for b.Loop() {
		if d, err := verify.Decide(data, tr, joint(), times()); err != nil || !d.Permitted() {
			b.Fatal(d, err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	data := marshal(b, whole(story()))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := verify.Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}

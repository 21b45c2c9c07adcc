package attest_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/attest"
)

// FuzzParse: no input makes Parse panic, it refuses with a *Refusal, and what
// it accepts has one byte form: its claims give its payload again.
func FuzzParse(f *testing.F) {
	w := newWorld(f)
	for _, c := range everyKind(w) {
		f.Add(sign(f, c, w.alice))
		f.Add(sign(f, c, w.aliceSpare, w.bob))
	}
	f.Add([]byte(""))
	f.Add([]byte("\n\n\n"))
	f.Add([]byte("e30.e30.AA"))
	f.Fuzz(func(t *testing.T, statement []byte) { parseIsStable(t, w, statement) })
}

// FuzzParsePayload is FuzzParse on the claims alone, which no mutation of
// base64 gets into.
func FuzzParsePayload(f *testing.F) {
	w := newWorld(f)
	kinds := []attest.Kind{
		attest.KindRoot, attest.KindRegistration, attest.KindEntityApproval, attest.KindDomainApproval, attest.KindEvent,
	}
	for _, c := range everyKind(w) {
		for i, k := range kinds {
			if k == c.Kind() {
				f.Add(byte(i), payload(f, c))
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, claims []byte) {
		k := kinds[int(kind)%len(kinds)]
		line := b64([]byte(header("EdDSA", w.alice.key.ID(), typ[k]))) + "." + b64(claims) + ".AA"
		parseIsStable(t, w, []byte(line))
	})
}

func parseIsStable(t *testing.T, w *world, statement []byte) {
	u, err := attest.Parse(statement)
	if err != nil {
		var r *attest.Refusal
		if !errors.As(err, &r) {
			t.Fatalf("%T: %v", err, err)
		}
		return
	}
	again, err := attest.Payload(u.ClaimsUnsafe())
	if err != nil {
		t.Fatalf("what was read is refused: %v", err)
	}
	_, p, _ := cut(strings.Split(string(statement), "\n")[0])
	if p != b64(again) {
		t.Fatalf("read %s, which is written %s", p, b64(again))
	}
	if s, err := u.Open(w.root); err == nil && !bytes.Equal(s.Bytes(), statement) {
		t.Fatal("opened other bytes")
	}
}

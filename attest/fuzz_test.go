package attest_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/safeconduct/safeconduct/attest"
)

// FuzzStatement: no input makes Parse panic, it refuses with a *Refusal, what
// it accepts has one byte form, its claims give its payload again, and every
// signature on what is opened is good by go-jose too.
func FuzzStatement(f *testing.F) {
	w := newWorld(f)
	for _, c := range everyKind(w) {
		f.Add(sign(f, c, w.alice))
		f.Add(sign(f, c, w.aliceSpare, w.bob))
	}
	f.Fuzz(func(t *testing.T, statement []byte) { parseIsStable(t, w, statement) })
}

// FuzzParsePayload is FuzzStatement on the claims alone, which no mutation of
// base64 gets into.
func FuzzParsePayload(f *testing.F) {
	w := newWorld(f)
	kinds := []attest.Kind{
		attest.KindRoot, attest.KindRegistration, attest.KindEntityApproval, attest.KindDomainApproval,
		attest.KindConsent, attest.KindEvent, attest.KindEntityEvent, attest.KindSuccession, attest.KindFreeze,
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
	if (u == nil) != (err != nil) {
		t.Fatalf("parsed %v beside the error %v", u, err)
	}
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
	s, err := u.Open(w.root)
	signingAgrees(t, w, u, err)
	if err != nil {
		return
	}
	if !bytes.Equal(s.Bytes(), statement) {
		t.Fatal("opened other bytes")
	}
	keys := make(map[string]*testKey)
	for _, k := range []*testKey{w.chief1, w.chief2, w.chief3, w.alice, w.aliceSpare, w.bob, w.ravi} {
		keys[k.key.ID()] = k
	}
	for i, line := range strings.Split(string(statement), "\n") {
		k := keys[s.Signers()[i]]
		if k == nil {
			t.Fatalf("line %d is by key %s, which signs nothing", i+1, s.Signers()[i])
		}
		j, err := jose.ParseSignedCompact(line, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.key.Algorithm())})
		if err == nil {
			_, err = j.Verify(k.priv.Public())
		}
		if err != nil {
			t.Fatalf("go-jose refuses line %d of what is opened: %v", i+1, err)
		}
	}
}

// signingAgrees checks that Signing explains every refusal of Open, and that
// whoever signs beside others leaves what they signed.
func signingAgrees(t *testing.T, w *world, u *attest.Unopened, refused error) {
	t.Helper()
	s := u.Signing(w.root)
	u.Signing(nil)
	good := s.Missing() == 0 && len(s.Problems) == 0 && len(s.Quorums) > 0
	for _, sig := range s.Signatures {
		good = good && sig.Err == nil
	}
	if (s.Err == nil) != (refused == nil) || s.Err == nil && !good || s.Err != nil && good && u.ClaimsUnsafe().Kind() != attest.KindRoot {
		t.Fatalf("Open says %v, Signing %+v", refused, s)
	}
	more, err := u.Sign(t.Context(), w.stranger)
	if err != nil {
		return
	}
	again, err := attest.Parse(more)
	if err != nil {
		t.Fatalf("what was signed beside others is refused: %v", err)
	}
	if len(again.Signers()) != len(u.Signers())+1 {
		t.Fatalf("signed by %v, then by %v", u.Signers(), again.Signers())
	}
}

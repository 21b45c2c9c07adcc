package attest_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
)

// next returns the claims of a version after the first, as change makes them.
func (w *world) next(version int64, change func(*attest.Root)) *attest.Root {
	r := *w.claims
	r.Version = version
	r.JTI = "root-" + strconv.FormatInt(version, 10)
	if version > 1 {
		r.Previous = w.root.Statement().LeafHash().String()
	}
	r.Officers = slices.Clone(r.Officers)
	r.Authorities = slices.Clone(r.Authorities)
	if change != nil {
		change(&r)
	}
	return &r
}

func TestRootFollowsByTheThresholdsOfBothVersions(t *testing.T) {
	w := newWorld(t)
	newcomer := newKey(t, "EdDSA", "newcomer")
	lowered := func(r *attest.Root) { r.Threshold = 1 }
	raised := func(r *attest.Root) { r.Threshold = 3 }
	replaced := func(r *attest.Root) { // chief1 leaves, newcomer comes
		r.Officers = []attest.Officer{r.Officers[1], r.Officers[2], officer(t, "newcomer", newcomer)}
	}
	for _, c := range []struct {
		name   string
		claims *attest.Root
		keys   []*testKey
		class  attest.Class // zero where it is accepted
		want   string
	}{
		{"the next version", w.next(2, nil), []*testKey{w.chief1, w.chief3}, 0, ""},
		{"more than enough", w.next(2, nil), []*testKey{w.chief1, w.chief2, w.chief3}, 0, ""},
		{"the same version", w.next(1, lowered), []*testKey{w.chief1, w.chief2}, attest.Conflict, "/version: is 1; the next version is 2"},
		{"on another version 1", w.next(2, func(r *attest.Root) { r.Previous = strings.Repeat("A", 43) + "=" }), []*testKey{w.chief1, w.chief2}, attest.Conflict, "/previous: is "},
		{"a skipped version", w.next(3, nil), []*testKey{w.chief1, w.chief2}, attest.Conflict, "/version: is 3; the next version is 2"},
		{"too few", w.next(2, nil), []*testKey{w.chief1}, attest.Forbidden, "1 of the 2 root officers of version 2"},
		{"lowered without the old threshold", w.next(2, lowered), []*testKey{w.chief1}, attest.Forbidden, "1 of the 2 root officers of version 1"},
		{"lowered with it", w.next(2, lowered), []*testKey{w.chief1, w.chief2}, 0, ""},
		{"raised without the new threshold", w.next(2, raised), []*testKey{w.chief1, w.chief2}, attest.Forbidden, "2 of the 3 root officers of version 2"},
		{"raised with it", w.next(2, raised), []*testKey{w.chief1, w.chief2, w.chief3}, 0, ""},
		{"a removed officer signs for the old version", w.next(2, replaced), []*testKey{w.chief1, w.chief2, newcomer}, 0, ""},
		{"a removed officer does not count for the new one", w.next(2, replaced), []*testKey{w.chief1, w.chief2}, attest.Forbidden, "1 of the 2 root officers of version 2"},
		{"a newcomer does not count for the old one", w.next(2, replaced), []*testKey{w.chief2, newcomer}, attest.Forbidden, "1 of the 2 root officers of version 1"},
		{"a stranger beside enough", w.next(2, nil), []*testKey{w.chief1, w.chief2, w.stranger}, attest.Forbidden, "is no root officer's key"},
		{"an authority's officer", w.next(2, nil), []*testKey{w.chief1, w.alice}, attest.Forbidden, "is no root officer's key"},
		{"another register", w.next(2, func(r *attest.Root) {
			_, key, err := note.GenerateKey(bytes.NewReader(make([]byte, 64)), "register.example/other")
			if err != nil {
				t.Fatal(err)
			}
			r.Aud, r.LogKeys = "register.example/other", []string{key}
		}), []*testKey{w.chief1, w.chief2}, attest.Forbidden, "/aud: is addressed to the register"},
	} {
		t.Run(c.name, func(t *testing.T) {
			statement := sign(t, c.claims, c.keys...)
			for _, open := range []func([]byte, *attest.TrustRoot) (*attest.Statement, error){attest.OpenRoot, attest.Open} {
				s, err := open(statement, w.root)
				if c.class != 0 {
					wantRefusal(t, err, c.class, c.want)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := s.TrustRoot().Root().Version; got != c.claims.Version {
					t.Errorf("opened version %d", got)
				}
			}
		})
	}
}

func TestARemovedOfficerSignsNoMore(t *testing.T) {
	w := newWorld(t)
	second := openRoot(t, sign(t, w.next(2, func(r *attest.Root) { r.Officers = r.Officers[1:] }), w.chief1, w.chief2, w.chief3), w.root)
	_, err := attest.OpenRoot(sign(t, w.next(3, func(r *attest.Root) {
		r.Officers = r.Officers[1:]
		r.Previous = second.Statement().LeafHash().String()
	}), w.chief1, w.chief2, w.chief3), second)
	wantRefusal(t, err, attest.Forbidden, "key "+w.chief1.key.ID()+" is no root officer's key")

	third := openRoot(t, sign(t, w.next(3, func(r *attest.Root) {
		r.Authorities[0].Officers = r.Authorities[0].Officers[1:]
		r.Authorities[0].Thresholds.Granting = 1
		r.Officers = r.Officers[1:]
		r.Previous = second.Statement().LeafHash().String()
	}), w.chief2, w.chief3), second)
	if _, err := attest.Open(sign(t, event(attest.Revoke), w.alice), second); err != nil {
		t.Error(err)
	}
	_, err = attest.Open(sign(t, event(attest.Revoke), w.alice), third)
	wantRefusal(t, err, attest.Forbidden, "is no key of authority us-bis")
}

// Officers of the version before sign too, and nobody sees their keys without it.
func TestALaterRootIsReadWithoutTheOneBefore(t *testing.T) {
	w := newWorld(t)
	newcomers := []*testKey{newKey(t, "EdDSA", "new 1"), newKey(t, "ES256", "new 2")}
	next := w.next(2, func(r *attest.Root) {
		r.Officers, r.Threshold = nil, 2
		for i, k := range newcomers {
			r.Officers = append(r.Officers, attest.Officer{ID: fmt.Sprintf("n%d", i), Keys: []attest.JWK{k.jwk(t)}})
		}
	})
	all := sign(t, next, append([]*testKey{w.chief1, w.chief2}, newcomers...)...)
	for _, previous := range []*attest.TrustRoot{w.root, nil} {
		s, err := attest.OpenRoot(all, previous)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(s.Signers()); got != 2 {
			t.Errorf("%d signers of its own, want 2", got)
		}
	}
	_, err := attest.OpenRoot(sign(t, next, w.chief1, w.chief2, newcomers[0]), nil)
	wantRefusal(t, err, attest.Forbidden, "1 of the 2 root officers of version 2")
	_, err = attest.OpenRoot(sign(t, w.claims, w.chief1, w.chief2, w.stranger), nil)
	wantRefusal(t, err, attest.Forbidden, "is no root officer's key")
}

func TestFirstRootIsSignedByItsOwnThreshold(t *testing.T) {
	w := newWorld(t)
	_, err := attest.OpenRoot(sign(t, w.claims, w.chief1), nil)
	wantRefusal(t, err, attest.Forbidden, "1 of the 2 root officers of version 1")
	_, err = attest.OpenRoot(sign(t, w.claims, w.chief1, w.chief2, w.stranger), nil)
	wantRefusal(t, err, attest.Forbidden, "is no root officer's key")
	_, err = attest.OpenRoot(sign(t, registration(), w.alice), nil)
	wantRefusal(t, err, attest.Malformed, "not a trust root")
	bad := []byte(w.stranger.forge(t, header("EdDSA", w.chief1.key.ID(), typ[attest.KindRoot]), payload(t, w.claims)))
	_, err = attest.OpenRoot(bad, nil)
	wantRefusal(t, err, attest.Forbidden, "does not verify")
}

func TestRootThatIsNoneIsRefusedByMember(t *testing.T) {
	w := newWorld(t)
	good := payload(t, w.claims)
	tree := func(v any) (out any) {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	// The compromised key stands in the first authority; x is base64url of 32
	// bytes, whose last letter has two unused bits.
	loose := w.chief1.jwk(t)
	loose.X = unusedBitsOf32(loose.X)
	withY := w.chief1.jwk(t)
	withY.Y = "AA"
	offCurve := w.chief2.jwk(t)
	offCurve.X, offCurve.Y = offCurve.Y, offCurve.X
	wrongAlg := w.chief2.jwk(t)
	wrongAlg.Alg = "ES384"
	noAlg := map[string]any{"crv": "Ed25519", "kty": "OKP", "x": w.chief1.jwk(t).X}
	rsa := map[string]any{"alg": "RS256", "crv": "", "kty": "RSA", "x": "AQAB"}
	delete(rsa, "crv")
	small := w.chief1.jwk(t)
	small.X = b64(smallOrder[:])
	logKey, err := note.NewEd25519VerifierKey(register, smallOrder[:])
	if err != nil {
		t.Fatal(err)
	}
	one := func(jwk any) any { return []any{map[string]any{"id": "chief1", "keys": []any{tree(jwk)}}} }

	for _, c := range []saying{
		{"/iss", "us-bis", "", "iss and sub"},
		{"/sub", "root2", "/iss", "iss and sub"},
		{"/version", nil, "", "is missing"},
		{"/version", 2, "/jti", `want "root-2"`},
		{"/threshold", nil, "", "is 0"},
		{"/threshold", 4, "", "is 4; want how many of the 3 officers"},
		{"/threshold", -1, "", "is -1"},
		{"/officers", nil, "", "is missing"},
		{"/officers/0/id", nil, "/officers/2/id", "is missing"},
		{"/officers/0/id", "a b", "", "want 1 to 128"},
		{"/officers/1/id", "chief1", "/officers/1/id", "stands twice"},
		{"/officers/0/keys", nil, "", "is missing"},
		{"/officers/1/keys", []any{tree(w.chief1.jwk(t))}, "/officers/1/keys/0", "is the key of /officers/0 already"},
		{"/authorities/1/officers/0/keys", []any{tree(w.alice.jwk(t))}, "/authorities/1/officers/0/keys/0", "is the key of /authorities/0/officers/0 already"},
		{"/authorities/0/officers/1/keys", []any{tree(w.chief3.jwk(t))}, "/authorities/0/officers/1/keys/0", "is the key of /officers/2 already"},
		{"/officers", one(loose), "/officers/0/keys/0", "one form"},
		{"/officers", one(withY), "/officers/0/keys/0", "one form"},
		{"/officers", one(offCurve), "/officers/0/keys/0", ""},
		{"/officers", one(wrongAlg), "/officers/0/keys/0", "does not sign ES384"},
		{"/officers", one(noAlg), "/officers/0/keys/0", "unknown signature algorithm"},
		{"/officers", one(rsa), "/officers/0/keys/0", ""},
		{"/officers", one(small), "/officers/0/keys/0", "of small order"},
		{"/log_keys", nil, "", "is missing"},
		{"/log_keys/0", logKey, "", "of small order"},
		{"/cosigners", []any{map[string]any{"role": "witness", "vkey": cosignerKey("witness.example", smallOrder[:])}}, "/cosigners/0/vkey", "of small order"},
		{"/log_keys/0", "register.example/test+00000000+AAAA", "", "is no verifier key"},
		{"/cosigners", []any{map[string]any{"role": "witness", "vkey": "x"}}, "/cosigners/0/vkey", "want <name>+<id>+<key>"},
		{"/cosigners", []any{map[string]any{"role": "judge", "vkey": "x"}}, "/cosigners/0/role", "unknown value"},
		{"/authorities", nil, "", "is missing"},
		{"/authorities/0/id", "root", "", "is no authority's id"},
		{"/authorities/0/id", "in-dgft", "/authorities/1/id", "stands twice"},
		{"/authorities/0/name", nil, "", "is missing"},
		{"/authorities/0/countries", nil, "", "is missing"},
		{"/authorities/0/countries/0", "EU", "", "no ISO 3166-1"},
		{"/authorities/0/thresholds/granting", 3, "", "is 3; want how many of the 2 officers"},
		{"/authorities/0/thresholds/revoking", nil, "", "is 0"},
		{"/authorities/0/jurisdiction/countries/0", "cn", "/authorities/0/jurisdiction/countries/1", "upper-case, CN"},
		{"/authorities/0/jurisdiction/lists/0", "CCL", "", "unknown control list"},
		{"/authorities/0/jurisdiction/sandboxes/0", "sbx", "", "sandbox"},
		{"/authorities/0/compromised/0/kid", nil, "/authorities/0/compromised/0", "wants a kid"},
		{"/authorities/0/compromised/0/since", -1, "/authorities/0/compromised/0", "wants a kid"},
	} {
		t.Run(strings.TrimSpace(c.pointer+" "+c.message), func(t *testing.T) {
			if c.problem == "" {
				c.problem = c.pointer
			}
			bad := edit(t, good, c.pointer, c.value)
			_, err := attest.Parse(forgePayload(t, typ[attest.KindRoot], bad, w.chief1))
			wantProblem(t, err, attest.Invalid, c.problem, c.message)
		})
	}
	private := edit(t, good, "/officers/0/keys/0/d", "AA")
	_, err = attest.Parse(forgePayload(t, typ[attest.KindRoot], private, w.chief1))
	wantProblem(t, err, attest.Malformed, "/officers/0/keys/0/d", "unknown member")
}

// smallOrder is the neutral element of Curve25519, written otherwise than RFC
// 8032 writes it.
var smallOrder = [32]byte{0: 1, 31: 0x80}

// cosignerKey returns a verifier key for cosignature/v1 (C2SP signed-note).
func cosignerKey(name string, pub []byte) string {
	data := append([]byte{4}, pub...)
	h := sha256.Sum256(append([]byte(name+"\n"), data...))
	return fmt.Sprintf("%s+%x+%s", name, h[:4], base64.StdEncoding.EncodeToString(data))
}

// Why such a key is refused: one signature fits every message.
func TestAnybodySignsUnderAKeyOfSmallOrder(t *testing.T) {
	sig := append(smallOrder[:], make([]byte, 32)...)
	sig[31] = 0 // R is the neutral element, S zero
	for _, message := range []string{"grant", "revoke"} {
		if !ed25519.Verify(smallOrder[:], []byte(message), sig) {
			t.Errorf("%s does not verify", message)
		}
	}
}

// unusedBitsOf32 sets a bit behind the last of 32 bytes.
func unusedBitsOf32(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + alphabet[i+1:i+2]
}

// withCosigners is the payload of the root with those cosigners.
func (w *world) withCosigners(t *testing.T, vkeys ...string) []byte {
	t.Helper()
	var cosigners []any
	for _, k := range vkeys {
		cosigners = append(cosigners, map[string]any{"role": "mirror", "vkey": k})
	}
	return edit(t, payload(t, w.claims), "/cosigners", cosigners)
}

// Such a key in a root that is logged would have every verifier refuse all
// evidence from there on.
func TestARootWithAVerifierKeyThatNobodyReadsIsRefused(t *testing.T) {
	w := newWorld(t)
	good := cosignerKey("mirror.example", w.chief1.key.Public().(ed25519.PublicKey))
	part := strings.SplitN(good, "+", 3)
	_, plain, err := note.GenerateKey(bytes.NewReader(make([]byte, 64)), "mirror.example")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attest.Parse(forgePayload(t, typ[attest.KindRoot], w.withCosigners(t, good), w.chief1)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, vkey, message string }{
		{"another id", part[0] + "+00000000+" + part[2], "name and key make " + part[1]},
		{"an id in upper case", part[0] + "+" + strings.ToUpper(part[1]) + "+" + part[2], "in lower case"},
		{"another name", "x" + good, "a letter may be mistyped"},
		{"a log's type", plain, "want one of type 0x04, cosignature/v1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.vkey == good {
				t.Fatal("the test changes nothing")
			}
			_, err := attest.Parse(forgePayload(t, typ[attest.KindRoot], w.withCosigners(t, c.vkey), w.chief1))
			wantProblem(t, err, attest.Invalid, "/cosigners/0/vkey", c.message)
		})
	}
	log := strings.SplitN(w.claims.LogKeys[0], "+", 3)
	upper := edit(t, payload(t, w.claims), "/log_keys/0", log[0]+"+"+strings.ToUpper(log[1])+"+"+log[2])
	_, err = attest.Parse(forgePayload(t, typ[attest.KindRoot], upper, w.chief1))
	wantProblem(t, err, attest.Invalid, "/log_keys/0", "in lower case")
	cosigner := edit(t, payload(t, w.claims), "/log_keys/0", good)
	_, err = attest.Parse(forgePayload(t, typ[attest.KindRoot], cosigner, w.chief1))
	wantProblem(t, err, attest.Invalid, "/log_keys/0", "want one of type 0x01")
}

func TestACosignerHasOneRole(t *testing.T) {
	w := newWorld(t)
	k := cosignerKey("mirror.example", w.chief1.key.Public().(ed25519.PublicKey))
	bad := edit(t, payload(t, w.claims), "/cosigners", []any{map[string]any{"role": "mirror", "vkey": k}, map[string]any{"role": "witness", "vkey": k}})
	_, err := attest.Parse(forgePayload(t, typ[attest.KindRoot], bad, w.chief1))
	wantProblem(t, err, attest.Invalid, "/cosigners/1/vkey", "has the name and id of /cosigners/0/vkey")
}

// numberedKey are 32 bytes that a verifier takes for a key.
func numberedKey(n uint64) []byte {
	return append(binary.BigEndian.AppendUint64(nil, n), bytes.Repeat([]byte{7}, 24)...)
}

// An id has 32 bits: keys that share it with their name are soon found.
func TestNoTwoKeysOfARootAreNamedAlike(t *testing.T) {
	w := newWorld(t)
	one, two := cosignerKey("mirror.example", numberedKey(50370)), cosignerKey("mirror.example", numberedKey(50715))
	_, err := attest.Parse(forgePayload(t, typ[attest.KindRoot], w.withCosigners(t, one, two), w.chief1))
	wantProblem(t, err, attest.Invalid, "/cosigners/1/vkey", "has the name and id of /cosigners/0/vkey, mirror.example+b59bee63")
}

func TestTrustRootKnowsItsAuthoritiesAndCompromisedKeys(t *testing.T) {
	w := newWorld(t)
	if a, ok := w.root.Authority("in-dgft"); !ok || a.Countries[0] != "IN" {
		t.Errorf("got %+v, %t", a, ok)
	}
	if _, ok := w.root.Authority("root"); ok {
		t.Error("root is an authority")
	}
	if i, ok := w.root.CompromisedSince(w.lost.key.ID()); !ok || i != 7 {
		t.Errorf("got %d, %t, want 7", i, ok)
	}
	if _, ok := w.root.CompromisedSince(w.bob.key.ID()); ok {
		t.Error("a good key is compromised")
	}
	if s := w.root.Statement(); s == nil || s.TrustRoot().Root().Version != 1 {
		t.Error("the trust root does not know its statement")
	}
}

func TestOnlyARootIsATrustRoot(t *testing.T) {
	w := newWorld(t)
	s, err := attest.Open(sign(t, event(attest.Revoke), w.alice), w.root)
	if err != nil {
		t.Fatal(err)
	}
	if s.TrustRoot() != nil {
		t.Error("an event is a trust root")
	}
	var zero attest.Statement
	if zero.TrustRoot() != nil {
		t.Error("nothing is a trust root")
	}
}

func TestARemovedAuthoritysStolenKeyStaysCompromised(t *testing.T) {
	w := newWorld(t)
	kid := w.alice.key.ID()
	declared := openRoot(t, sign(t, w.next(2, func(r *attest.Root) {
		r.Authorities[0].Compromised = append(slices.Clone(r.Authorities[0].Compromised), attest.Compromised{Kid: kid, Since: 3})
	}), w.chief1, w.chief2), w.root)
	next, err := declared.Successor()
	if err != nil {
		t.Fatal(err)
	}
	next.Authorities = next.Authorities[1:]
	removed := openRoot(t, sign(t, next, w.chief1, w.chief2), declared)
	if since, ok := removed.CompromisedSince(kid); !ok || since != 3 {
		t.Errorf("compromised since %d, %v", since, ok)
	}

	// It does not come back with a clean slate.
	back := func(cs ...attest.Compromised) *attest.Root {
		again, err := removed.Successor()
		if err != nil {
			t.Fatal(err)
		}
		a := w.claims.Authorities[0]
		a.Compromised = cs
		again.Authorities = append(again.Authorities, a)
		return again
	}
	lost := w.claims.Authorities[0].Compromised[0]
	for _, cs := range [][]attest.Compromised{nil, {lost}, {lost, {Kid: kid, Since: 4}}} {
		_, err = attest.OpenRoot(sign(t, back(cs...), w.chief1, w.chief2), removed)
		wantRefusal(t, err, attest.Conflict, "was declared compromised since log index 3 before us-bis left")
	}
	returned := openRoot(t, sign(t, back(lost, attest.Compromised{Kid: kid, Since: 2}), w.chief1, w.chief2), removed)
	if since, ok := returned.CompromisedSince(kid); !ok || since != 2 {
		t.Errorf("compromised since %d, %v", since, ok)
	}
}

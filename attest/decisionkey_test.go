package attest_test

import (
	"crypto/ed25519"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
)

func TestAKeyThatSignsDecisionsSignsNothingElse(t *testing.T) {
	w := newWorld(t)
	notary := newKey(t, "ES256", "notary")
	logKey, mirror := newKey(t, "EdDSA", "log"), newKey(t, "EdDSA", "mirror")
	public := func(k *testKey) ed25519.PublicKey { return k.key.Public().(ed25519.PublicKey) }
	vkey, err := note.NewEd25519VerifierKey(register, public(logKey))
	if err != nil {
		t.Fatal(err)
	}
	w.claims.LogKeys = append(w.claims.LogKeys, vkey)
	w.claims.Cosigners = []attest.Cosigner{{VKey: cosignerKey("mirror.example", public(mirror)), Role: attest.Mirror}}
	for _, c := range []struct {
		name string
		keys []attest.JWK
		at   string
		says string
	}{
		{"its own", []attest.JWK{notary.jwk(t)}, "", ""},
		{"several", []attest.JWK{notary.jwk(t), w.stranger.jwk(t)}, "", ""},
		{"twice", []attest.JWK{notary.jwk(t), notary.jwk(t)}, "/decision_keys/1", "stands twice"},
		{"a root officer's", []attest.JWK{w.chief1.jwk(t)}, "/decision_keys/0", "is the key of /officers/0 already"},
		{"an officer's", []attest.JWK{notary.jwk(t), w.aliceSpare.jwk(t)}, "/decision_keys/1", "is the key of /authorities/0/officers/0 already"},
		{"the log's", []attest.JWK{logKey.jwk(t)}, "/decision_keys/0", "is the key of /log_keys/1 already"},
		{"a mirror's", []attest.JWK{mirror.jwk(t)}, "/decision_keys/0", "is the key of /cosigners/0 already"},
		{"none", []attest.JWK{{Alg: "EdDSA", Crv: "Ed25519", Kty: "OKP", X: b64(smallOrder[:])}}, "/decision_keys/0", "of small order"},
		{"of another alg", []attest.JWK{{Alg: "HS256", Crv: "Ed25519", Kty: "OKP", X: w.stranger.jwk(t).X}}, "/decision_keys/0", "unknown signature algorithm"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := *w.claims
			r.DecisionKeys = c.keys
			err := attest.Check(&r)
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantProblem(t, attest.Refuse(attest.Invalid, err), attest.Invalid, c.at, c.says)
		})
	}
}

func TestADecisionKeyCountsFromTheVersionThatListsItToTheOneThatDoesNot(t *testing.T) {
	w := newWorld(t)
	notary := newKey(t, "ES256", "notary")
	kid := notary.key.ID()
	follow := func(before *attest.TrustRoot, version int64, change func(*attest.Root)) *attest.TrustRoot {
		return openRoot(t, sign(t, w.next(version, func(r *attest.Root) {
			change(r)
			r.Previous = before.Statement().LeafHash().String()
		}), w.chief1, w.chief2), before)
	}
	lists := func(r *attest.Root) { r.DecisionKeys = []attest.JWK{notary.jwk(t)} }
	second := follow(w.root, 2, lists)
	third := follow(second, 3, func(*attest.Root) {})
	stolen := follow(second, 3, func(r *attest.Root) {
		lists(r)
		r.Authorities[1].Compromised = []attest.Compromised{{Kid: kid, Since: 40}}
	})
	for _, c := range []struct {
		name string
		root *attest.TrustRoot
		want bool
	}{{"before", w.root, false}, {"listed", second, true}, {"left out", third, false}, {"declared compromised", stolen, false}} {
		k, ok := c.root.DecisionKey(kid)
		if ok != c.want || ok && k.ID() != kid {
			t.Errorf("%s: %v, want %v", c.name, ok, c.want)
		}
	}
	if _, ok := second.DecisionKey(w.alice.key.ID()); ok {
		t.Error("an officer's key signs decisions")
	}
	// Nor does the key sign statements.
	_, err := attest.Open(sign(t, event(attest.Revoke), notary), second)
	wantRefusal(t, err, attest.Forbidden, "is no key of authority us-bis")
	_, err = attest.OpenRoot(sign(t, w.next(3, func(r *attest.Root) { r.Previous = second.Statement().LeafHash().String() }), w.chief1, w.chief2, notary), second)
	wantRefusal(t, err, attest.Forbidden, "is no root officer's key")
}

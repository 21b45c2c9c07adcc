package keyref_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"path/filepath"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/attest/signer"
	"github.com/safeconduct/safeconduct/attest/signer/keyref"
	"github.com/safeconduct/safeconduct/internal/kmstest"
)

func TestReferenceSaysWhereAKeyIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "alice.key")
	k, err := signer.Generate("ES256")
	if err == nil {
		err = signer.Write(file, k, []byte("open sesame"))
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := keyref.Load(t.Context(), file, func(bool) ([]byte, error) { return []byte("open sesame"), nil })
	if err != nil || s.Key().ID() != k.Key().ID() {
		t.Errorf("a file: %v", err)
	}

	v := kmstest.NewTransit(t)
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	v.Add("alice", priv, nil)
	t.Setenv("VAULT_ADDR", v.URL)
	t.Setenv("VAULT_TOKEN", kmstest.Token)
	if s, err := keyref.Load(t.Context(), "hashivault://alice", nil); err != nil || s.Key().Algorithm() != "EdDSA" {
		t.Errorf("a service: %v", err)
	}
}

func TestErrorsNameTheReferenceWithoutItsPIN(t *testing.T) {
	for ref, want := range map[string]string{
		"pkcs11:object=a;x=1?pin-value=sesame": "load key pkcs11:object=a;x=1?…: has an attribute there",
		"PKCS11:pin-value=sesame;object=a":     "load key PKCS11:pin-…: has an attribute there",
		"awskms:///alias/alice":                "load key awskms:///alias/alice: keys at awskms://",
		"nowhere.key":                          "load key nowhere.key: ",
	} {
		if _, err := keyref.Load(t.Context(), ref, nil); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: got %v, want it to say %q", ref, err, want)
		}
	}
}

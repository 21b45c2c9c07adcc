package kms_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature/kms/fake"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/signer"
	"github.com/safeconduct/safeconduct/attest/signer/kms"
	"github.com/safeconduct/safeconduct/internal/kmstest"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func revocation() attest.Claims {
	const day = 1772323200
	return &attest.Event{
		Common: attest.Common{Aud: "register.example/test", Iss: "us-bis", Sub: "sandbox:SBX-1", JTI: "EV-1", IAT: day},
		Event:  attest.Revoke, Target: "DOM-1", EffectiveAt: day,
	}
}

// keys has one of each algorithm.
func keys() map[string]crypto.Signer {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	return map[string]crypto.Signer{
		"EdDSA": must(ed, err),
		"ES256": must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		"ES384": must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
	}
}

// signs loads a key, and signs a few times: attest.Sign verifies each, low s
// included, which half of all have anyway.
func signs(ctx context.Context, t *testing.T, ref, alg string) {
	t.Helper()
	s, err := kms.Load(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	if s.Key().Algorithm() != alg {
		t.Errorf("signs %s", s.Key().Algorithm())
	}
	for range 4 {
		if _, err := attest.Sign(ctx, revocation(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// transit is a server that speaks as Vault's transit engine does.
func transit(t *testing.T) *kmstest.Transit {
	v := kmstest.NewTransit(t)
	t.Setenv("VAULT_ADDR", v.URL)
	t.Setenv("VAULT_TOKEN", kmstest.Token)
	t.Setenv("HOME", t.TempDir())
	return v
}

func TestKeyBehindTheTransitAPISignsStatements(t *testing.T) {
	v := transit(t)
	for alg, priv := range keys() {
		v.Add(strings.ToLower(alg), priv, nil)
		signs(t.Context(), t, "hashivault://"+strings.ToLower(alg), alg)
		signs(t.Context(), t, "openbao://"+strings.ToLower(alg), alg)
	}
}

func TestKeysThatSignNoStatementsAreRefusedByWhatTheyAre(t *testing.T) {
	v := transit(t)
	v.Add("rsa", must(rsa.GenerateKey(rand.Reader, 2048)), nil)
	v.Add("p521", must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)), nil)
	for name, want := range map[string]string{
		"rsa": "an RSA key signs no statements", "p521": "an ECDSA key on P-521 signs no statements", "none": "could not read data from transit key path",
	} {
		if _, err := kms.Load(t.Context(), "hashivault://"+name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it to say %q", name, err, want)
		}
	}
	t.Setenv("VAULT_TOKEN", "hvs.wrong")
	if _, err := kms.Load(t.Context(), "hashivault://rsa"); err == nil || !strings.Contains(err.Error(), "permission denied") || strings.Contains(err.Error(), "hvs.wrong") {
		t.Errorf("got %v", err)
	}
}

// The service shows one public key and signs with another private key.
func TestSignatureOfALyingServiceDoesNotLeave(t *testing.T) {
	v := transit(t)
	others := keys()
	for alg, priv := range keys() {
		v.Add("liar", priv, others[alg].Public())
		s, err := kms.Load(t.Context(), "hashivault://liar")
		if err != nil {
			t.Fatal(err)
		}
		if st, err := attest.Sign(t.Context(), revocation(), s); err == nil || !strings.Contains(err.Error(), "the fresh signature is not good") {
			t.Errorf("%s: got %q, %v", alg, st, err)
		}
	}
}

func TestHangingServiceEndsWithItsContext(t *testing.T) {
	stop := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer srv.Close()
	defer close(stop)
	t.Setenv("VAULT_ADDR", srv.URL)
	t.Setenv("VAULT_TOKEN", kmstest.Token)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	if _, err := kms.Load(ctx, "hashivault://x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestEmptyAnswersAreErrors(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		v := kmstest.NewTransit(t)
		v.Add("x", keys()["ES256"], nil)
		v.Config.Handler.ServeHTTP(w, r)
	}))
	defer srv.Close()
	t.Setenv("VAULT_ADDR", srv.URL)
	t.Setenv("VAULT_TOKEN", kmstest.Token)
	s, err := kms.Load(t.Context(), "hashivault://x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign(t.Context(), []byte("x")); err == nil || !strings.Contains(err.Error(), "the answer makes no sense") {
		t.Errorf("got %v", err)
	}
}

func TestPluginOnThePathSignsStatements(t *testing.T) {
	t.Setenv("PATH", kmstest.Pocket(t)+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, alg := range attest.Algorithms() {
		path := filepath.Join(t.TempDir(), "key")
		if err := signer.Write(path, must(signer.Generate(alg)), nil); err != nil {
			t.Fatal(err)
		}
		signs(t.Context(), t, "pocket://"+path, alg)
	}

	path := filepath.Join(t.TempDir(), "key")
	if err := signer.Write(path, must(signer.Generate("ES256")), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := kms.Load(t.Context(), "pocket://"+path+".none"); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
	for mode, want := range map[string]string{
		"lie": "the fresh signature is not good", "empty": "the answer makes no sense", "noise": "parsing plugin response",
		"hang": "context canceled", "hang at sign": "context canceled",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Setenv("POCKET", mode)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if strings.HasPrefix(mode, "hang") {
				time.AfterFunc(2*time.Second, cancel)
			}
			s, err := kms.Load(ctx, "pocket://"+path)
			if err == nil {
				_, err = attest.Sign(ctx, revocation(), s)
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want it to say %q", err, want)
			}
		})
	}
}

func TestWithoutItsPluginAReferenceIsRefusedWithItsName(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for ref, want := range map[string]string{
		"awskms:///alias/officer":                "keys at awskms:// need the program sigstore-kms-awskms on the PATH",
		"gcpkms://projects/p/locations/global/…": "keys at gcpkms:// need the program sigstore-kms-gcpkms on the PATH",
		"azurekms://vault.example/officer":       "keys at azurekms:// need the program sigstore-kms-azurekms on the PATH",
		"../../tmp/x://officer":                  `"../../tmp/x" is no scheme`,
		"://officer":                             `"" is no scheme`,
		"hashivault://a/b":                       "hashivault://<key>",
	} {
		if _, err := kms.Load(t.Context(), ref); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it to say %q", ref, err, want)
		}
	}
}

// Sigstore's own fake shows that any provider that is registered serves.
func TestAnyProviderOfSigstoreServes(t *testing.T) {
	for alg, priv := range keys() {
		signs(context.WithValue(t.Context(), fake.KmsCtxKey{}, priv), t, "fakekms://key", alg)
	}
}

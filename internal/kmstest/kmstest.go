// Package kmstest has what plays key management services in tests.
package kmstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Token is what a [Transit] has to be shown.
const Token = "hvs.test"

// Transit is not Vault. It speaks as much of the HTTP API of Vault's transit
// engine as signing takes, after what that engine's source says: it wants a
// token, answers what it does not know with an error, signs a digest with ECDSA
// and a message with Ed25519.
type Transit struct {
	*httptest.Server
	mu   sync.Mutex
	keys map[string]transitKey
}

func (v *Transit) key(name string) (transitKey, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	k, ok := v.keys[name]
	return k, ok
}

func (v *Transit) keep(name string, k transitKey) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keys[name] = k
}

type transitKey struct {
	name   string // as Vault has it: P-256, ed25519
	public string
	signs  crypto.Signer
}

// NewTransit starts one, which ends with the test.
func NewTransit(t testing.TB) *Transit {
	v := &Transit{keys: map[string]transitKey{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/transit/keys/{name}", v.read)
	mux.HandleFunc("PUT /v1/transit/sign/{name}/{hash}", v.sign)
	mux.HandleFunc("PUT /v1/transit/sign/{name}", v.sign)
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Vault-Token") != Token {
			fail(w, http.StatusForbidden, "permission denied")
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(v.Close)
	return v
}

// Add keeps a key under a name. public is what it shows as the public key, which
// an honest one leaves nil.
func (v *Transit) Add(name string, priv crypto.Signer, public crypto.PublicKey) {
	if public == nil {
		public = priv.Public()
	}
	k := transitKey{name: "rsa-2048", signs: priv}
	switch p := public.(type) {
	case ed25519.PublicKey:
		v.keep(name, transitKey{"ed25519", base64.StdEncoding.EncodeToString(p), priv})
		return
	case *ecdsa.PublicKey:
		k.name = p.Params().Name
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err)
	}
	k.public = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	v.keep(name, k)
}

func (v *Transit) read(w http.ResponseWriter, r *http.Request) {
	k, ok := v.key(r.PathValue("name"))
	if !ok {
		fail(w, http.StatusNotFound)
		return
	}
	answer(w, map[string]any{"latest_version": 1, "keys": map[string]any{"1": map[string]any{"name": k.name, "public_key": k.public}}})
}

func (v *Transit) sign(w http.ResponseWriter, r *http.Request) {
	k, ok := v.key(r.PathValue("name"))
	var in struct {
		Input     []byte `json:"input"`
		Prehashed bool   `json:"prehashed"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || !ok {
		fail(w, http.StatusBadRequest, "signing key not found")
		return
	}
	var opts crypto.SignerOpts = crypto.Hash(0)
	if _, ed := k.signs.(ed25519.PrivateKey); !ed {
		opts = map[string]crypto.Hash{"sha2-256": crypto.SHA256, "sha2-384": crypto.SHA384}[r.PathValue("hash")]
	}
	if opts != crypto.Hash(0) != in.Prehashed {
		fail(w, http.StatusBadRequest, "prehashed is not what this key takes")
		return
	}
	sig, err := k.signs.Sign(rand.Reader, in.Input, opts)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	answer(w, map[string]any{"signature": "vault:v1:" + base64.StdEncoding.EncodeToString(sig)})
}

func answer(w http.ResponseWriter, data any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"data": data}) //nolint:errcheck // the client will miss it
}

func fail(w http.ResponseWriter, code int, errs ...string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(map[string]any{"errors": append([]string{}, errs...)}) //nolint:errcheck // the client will miss it
}

// Pocket builds the plugin sigstore-kms-pocket and returns its directory.
func Pocket(t testing.TB) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	const program = "sigstore-kms-pocket"
	dir := t.TempDir()
	c := exec.Command("go", "build", "-o", filepath.Join(dir, program), "./attest/signer/kms/testdata/"+program)
	c.Dir = strings.TrimSuffix(filepath.Dir(here), filepath.FromSlash("internal/kmstest"))
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return dir
}

package signer_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/signer"
)

var password = []byte("correct horse")

func ask(bool) ([]byte, error) { return password, nil }

func never(t *testing.T) func(bool) ([]byte, error) {
	return func(bool) ([]byte, error) {
		t.Error("asked for the password of a plain key")
		return nil, nil
	}
}

func revocation() attest.Claims {
	const day = 1772323200
	return &attest.Event{
		Common: attest.Common{
			Aud: "register.example/test", Iss: "us-bis", Sub: "sandbox:SBX-1", JTI: "EV-1", IAT: day,
		},
		Event: attest.Revoke, Target: "DOM-1", EffectiveAt: day,
	}
}

func generate(t *testing.T, alg string) *signer.PrivateKey {
	t.Helper()
	k, err := signer.Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeySignsAsBeforeOnceWrittenAndLoaded(t *testing.T) {
	for _, alg := range attest.Algorithms() {
		for name, pw := range map[string][]byte{"plain": nil, "encrypted": password} {
			t.Run(alg+" "+name, func(t *testing.T) {
				k := generate(t, alg)
				if k.Key().Algorithm() != alg {
					t.Errorf("signs %s", k.Key().Algorithm())
				}
				path := filepath.Join(t.TempDir(), "officer.key")
				if err := signer.Write(path, k, pw); err != nil {
					t.Fatal(err)
				}
				pass := never(t)
				if pw != nil {
					pass = ask
				}
				s, err := signer.Load(t.Context(), path, pass)
				if err != nil {
					t.Fatal(err)
				}
				if s.Key().ID() != k.Key().ID() || s.Key().Algorithm() != alg {
					t.Errorf("loaded %s %s, wrote %s", s.Key().Algorithm(), s.Key().ID(), k.Key().ID())
				}
				// Sign verifies each signature, low s included: a few, since half
				// of all ECDSA signatures have it anyway.
				for range 8 {
					if _, err := attest.Sign(t.Context(), revocation(), s); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

func TestKeyFileIsItsOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	for name, pw := range map[string][]byte{"plain": nil, "encrypted": password} {
		path := filepath.Join(dir, name)
		if err := signer.Write(path, generate(t, "EdDSA"), pw); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v", name, info.Mode())
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(data)
		want := map[string]string{"plain": "PRIVATE KEY", "encrypted": "ENCRYPTED SIGSTORE PRIVATE KEY"}[name]
		if block == nil || block.Type != want {
			t.Errorf("%s: got a file of %q", name, data[:40])
		}
		if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); (err == nil) != (name == "plain") {
			t.Errorf("%s: reads as PKCS#8: %v", name, err)
		}
	}
}

func TestWriteNeverOverwrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "officer.key")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := generate(t, "EdDSA")
	for _, err := range []error{signer.Write(path, k, nil), signer.WritePublic(path, k.Key())} {
		if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "never overwritten") || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v", err)
		}
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "precious" {
		t.Errorf("the file has %q, %v", data, err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(t.TempDir(), "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	if err := signer.Write(link, k, nil); err == nil {
		t.Error("wrote a key through a symbolic link")
	}
	missing := filepath.Join(t.TempDir(), "no", "dir")
	if err := signer.Write(missing, k, nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "write key") {
		t.Errorf("got %v", err)
	}
}

func TestPublicKeyIsAJWKOnOneLine(t *testing.T) {
	for _, alg := range attest.Algorithms() {
		k := generate(t, alg)
		path := signer.PublicPath(filepath.Join(t.TempDir(), "officer.key"))
		if !strings.HasSuffix(path, "officer.key.pub.jwk") {
			t.Errorf("stands in %s", path)
		}
		if err := signer.WritePublic(path, k.Key()); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		line, ok := strings.CutSuffix(string(data), "\n")
		if !ok || strings.Contains(line, "\n") || !strings.HasPrefix(line, `{"alg":"`+alg+`","crv":`) {
			t.Errorf("got %q", data)
		}
		if strings.Contains(line, `"d"`) {
			t.Fatal("the private key is in the public one")
		}
		pub, err := attest.ParseKey(data)
		if err != nil || pub.ID() != k.Key().ID() {
			t.Errorf("reads as %s, %v", pub.ID(), err)
		}
	}
}

func TestGenerateRefusesOtherAlgorithms(t *testing.T) {
	for _, alg := range []string{"", "none", "RS256", "ES512", "eddsa", "Ed25519", "Ed25519ph", "HS256"} {
		if _, err := signer.Generate(alg); err == nil || !strings.Contains(err.Error(), "want one of EdDSA, ES256, ES384") {
			t.Errorf("%q: got %v", alg, err)
		}
	}
}

func pkcs8(t *testing.T, priv crypto.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	return block("PRIVATE KEY", der)
}

func block(typ string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestLoadSaysWhatIsWrongWithAFile(t *testing.T) {
	p256 := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	good := pkcs8(t, p256)
	spki := must(x509.MarshalPKIXPublicKey(p256.Public()))
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	//nolint:staticcheck // the old way is what is refused
	old := must(x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", must(x509.MarshalECPrivateKey(p256)), password, x509.PEMCipherAES256))
	for _, c := range []struct{ name, content, want string }{
		{"nothing", "", "is not a PEM file"},
		{"text", "hello", "is not a PEM file"},
		{"a JWK", `{"kty":"OKP"}`, "as public keys are (.pub.jwk)"},
		{"a public key", block("PUBLIC KEY", spki), "is a public key; signing needs the private key"},
		{"a certificate", block("CERTIFICATE", []byte("x")), `type "CERTIFICATE"`},
		{"parameters first", block("EC PARAMETERS", []byte("x")) + good, `type "EC PARAMETERS"`},
		{"two keys", good + good, "more than one PEM block"},
		{"a damaged key", block("PRIVATE KEY", []byte("x")), "cannot be read; is the file damaged?"},
		{"an SSH key", block("OPENSSH PRIVATE KEY", []byte("x")), "OpenSSH key"},
		{"the old encryption", string(pem.EncodeToMemory(old)), "openssl pkcs8 -topk8"},
		{"RSA", pkcs8(t, rsaKey), "an RSA key signs no statements: want an Ed25519"},
		{"RSA in PKCS#1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), "an RSA key signs no statements"},
		{"P-521", pkcs8(t, must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))), "an ECDSA key on P-521 signs no statements"},
		{"P-224", pkcs8(t, must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))), "an ECDSA key on P-224 signs no statements"},
		{"large", strings.Repeat("x", 70_000), "is larger than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := signer.Load(t.Context(), path, never(t))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "load key "+path) {
				t.Errorf("got %v, want it to name the file and say %q", err, c.want)
			}
		})
	}
}

func TestLoadReadsOtherFormsOfTheSameKey(t *testing.T) {
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	for alg, content := range map[string]string{
		"ES384": block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(p384))),
		"EdDSA": "a comment in front\n" + pkcs8(t, ed) + "\n\n",
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := signer.Load(t.Context(), path, never(t))
		if err != nil || s.Key().Algorithm() != alg {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

func TestLoadRefusesAFileThatOthersMayUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := signer.Write(path, generate(t, "EdDSA"), nil); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o604, 0o640, 0o644, 0o602, 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := signer.Load(t.Context(), path, nil); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("%o: got %v", mode, err)
		}
	}
	// A public key is another mistake, whoever may read it.
	public := path + ".pub.jwk"
	if err := os.WriteFile(public, []byte(`{"kty":"OKP"}`), 0o644); err != nil { //nolint:gosec // it is public
		t.Fatal(err)
	}
	if _, err := signer.Load(t.Context(), public, nil); err == nil || !strings.Contains(err.Error(), "needs the private key") {
		t.Errorf("a public key: %v", err)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Load(t.Context(), path, nil); err != nil {
		t.Error(err)
	}
}

func TestLoadRefusesWhatIsNoFile(t *testing.T) {
	for ref, want := range map[string]string{
		filepath.Join(t.TempDir(), "missing"): "no such file",
		t.TempDir():                           "is not a regular file",
		"awskms:///alias/officer":             "awskms:// is no path of a key file",
	} {
		if _, err := signer.Load(t.Context(), ref, nil); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "load key") {
			t.Errorf("%s: got %v, want it to say %q", ref, err, want)
		}
	}
}

func TestEncryptedKeyNeedsItsPassword(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := signer.Write(path, generate(t, "ES256"), password); err != nil {
		t.Fatal(err)
	}
	hangUp := errors.New("no terminal")
	for _, c := range []struct {
		name string
		pass func(bool) ([]byte, error)
		want string
	}{
		{"no function", nil, "set SAFECONDUCT_PASSWORD"},
		{"none", func(bool) ([]byte, error) { return nil, nil }, "set SAFECONDUCT_PASSWORD"},
		{"empty", func(bool) ([]byte, error) { return []byte{}, nil }, "set SAFECONDUCT_PASSWORD"},
		{"wrong", func(bool) ([]byte, error) { return []byte("wrong"), nil }, "the password is wrong, or the file is damaged; check SAFECONDUCT_PASSWORD"},
		{"an error", func(bool) ([]byte, error) { return nil, hangUp }, "get its password: no terminal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := signer.Load(t.Context(), path, c.pass)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
		})
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := pem.Decode(data)
	damaged := filepath.Join(t.TempDir(), "damaged")
	if err := os.WriteFile(damaged, []byte(block(p.Type, append(p.Bytes[:len(p.Bytes)-8], `AAAA"}`...))), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Load(t.Context(), damaged, ask); err == nil {
		t.Error("loaded a damaged key")
	}
}

func TestSignStopsWithItsContext(t *testing.T) {
	k := generate(t, "EdDSA")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Sign(ctx, []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := signer.Load(ctx, "key", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestZeroPrivateKeySignsNothing(t *testing.T) {
	var k signer.PrivateKey
	if _, err := k.Sign(t.Context(), []byte("x")); err == nil {
		t.Error("signed")
	}
	for _, p := range []*signer.PrivateKey{nil, &k} {
		path := filepath.Join(t.TempDir(), "key")
		if err := signer.Write(path, p, nil); err == nil {
			t.Error("wrote no key")
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Error("left a file")
		}
	}
}

func TestSignersAreSafeForConcurrentUse(t *testing.T) {
	for _, alg := range attest.Algorithms() {
		k := generate(t, alg)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := attest.Sign(t.Context(), revocation(), k); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

func TestECDSASignatureIsTheDEROfTwoPositiveIntegers(t *testing.T) {
	k := generate(t, "ES256")
	seq := func(inner ...byte) []byte { return append([]byte{0x30, byte(len(inner))}, inner...) }
	one := []byte{0x02, 0x01, 0x01, 0x02, 0x01, 0x01}
	n := elliptic.P256().Params().N.Bytes()
	raw, err := signer.RawECDSA(k.Key(), seq(one...))
	if err != nil || len(raw) != 64 || raw[31] != 1 || raw[63] != 1 {
		t.Errorf("got %x, %v", raw, err)
	}
	highS := append([]byte{0x02, 0x01, 0x01, 0x02, 0x21, 0x00}, new(big.Int).Sub(elliptic.P256().Params().N, big.NewInt(5)).Bytes()...)
	if raw, err = signer.RawECDSA(k.Key(), seq(highS...)); err != nil || raw[63] != 5 {
		t.Errorf("a high s is not replaced: %x, %v", raw, err)
	}
	for name, der := range map[string][]byte{
		"nothing":             nil,
		"raw":                 make([]byte, 64),
		"a trailing byte":     append(seq(one...), 0),
		"a third integer":     seq(append(one, 0x02, 0x01, 0x01)...),
		"one integer":         seq(one[:3]...),
		"zero":                seq(0x02, 0x01, 0x01, 0x02, 0x01, 0x00),
		"negative":            seq(0x02, 0x01, 0xff, 0x02, 0x01, 0x01),
		"not minimal":         seq(0x02, 0x02, 0x00, 0x01, 0x02, 0x01, 0x01),
		"a long length":       append([]byte{0x30, 0x81, 0x06}, one...),
		"the order of group":  seq(append([]byte{0x02, 0x01, 0x01, 0x02, 0x21, 0x00}, n...)...),
		"another tag":         append([]byte{0x31, 0x06}, one...),
		"an indefinite frame": append(append([]byte{0x30, 0x80}, one...), 0, 0),
	} {
		if raw, err := signer.RawECDSA(k.Key(), der); err == nil {
			t.Errorf("%s: got %x", name, raw)
		}
	}
}

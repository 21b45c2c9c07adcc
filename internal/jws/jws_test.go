package jws_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/internal/jws"
)

// The key and the signature of RFC 8037, appendices A.1, A.2 and A.4.
const (
	rfc8037Key   = `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	rfc8037ID    = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
	rfc8037Token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)

func TestEdDSAKeyAndSignatureOfRFC8037(t *testing.T) {
	k, err := jws.ParseKey([]byte(rfc8037Key))
	if err != nil {
		t.Fatal(err)
	}
	if k.ID() != rfc8037ID || k.Algorithm() != "EdDSA" {
		t.Errorf("key %s signs %s", k.ID(), k.Algorithm())
	}
	payload, err := k.Verify(rfc8037Token)
	if err != nil || string(payload) != "Example of Ed25519 signing" {
		t.Errorf("got %q, %v", payload, err)
	}
}

// The key and the signature of RFC 7515, appendix A.3.
const (
	rfc7515Key = `{"kty":"EC","crv":"P-256","alg":"ES256",
	 "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	rfc7515Token = "eyJhbGciOiJFUzI1NiJ9." +
		"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ." +
		"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)

func TestES256SignatureOfRFC7515InItsLowSForm(t *testing.T) {
	k, err := jws.ParseKey([]byte(rfc7515Key))
	if err != nil {
		t.Fatal(err)
	}
	// The signature as printed has the larger s: refused, and its twin accepted.
	if _, err := k.Verify(rfc7515Token); err == nil || !strings.Contains(err.Error(), "low-s") {
		t.Errorf("the printed signature: %v", err)
	}
	i := strings.LastIndexByte(rfc7515Token, '.')
	sig, err := base64.RawURLEncoding.DecodeString(rfc7515Token[i+1:])
	if err != nil {
		t.Fatal(err)
	}
	low, err := k.FromRS(new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Verify(rfc7515Token[:i+1] + base64.RawURLEncoding.EncodeToString(low)); err != nil {
		t.Errorf("its low-s form: %v", err)
	}
}

func TestKeyReadsBackAsItWasWritten(t *testing.T) {
	for alg, pub := range publicKeys(t) {
		k, err := jws.NewKey(pub, alg)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		again, err := jws.ParseKey(data)
		if err != nil {
			t.Fatal(err)
		}
		if again.ID() != k.ID() || again.Algorithm() != alg || !again.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(pub) {
			t.Errorf("%s: wrote %s, read another key", alg, data)
		}
	}
}

func publicKeys(t *testing.T) map[string]crypto.PublicKey {
	t.Helper()
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]crypto.PublicKey{"EdDSA": ed}
	for alg, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		out[alg] = k.Public()
	}
	return out
}

func TestAlgorithmIsPinnedToTheTypeOfKey(t *testing.T) {
	keys := publicKeys(t)
	for alg := range keys {
		for own, pub := range keys {
			if _, err := jws.NewKey(pub, alg); (err == nil) != (alg == own) {
				t.Errorf("%s with the key of %s: %v", alg, own, err)
			}
		}
		for _, other := range []string{"", "none", "HS256", "RS256", "ES512", "Ed25519", strings.ToLower(alg)} {
			if _, err := jws.NewKey(keys[alg], other); err == nil {
				t.Errorf("pinned %q to a key of %s", other, alg)
			}
		}
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, pub := range []crypto.PublicKey{
		nil, p521.Public(), weak.Public(), []byte("secret"), ed25519.PublicKey("short"), p521,
		&ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)},
	} {
		for _, alg := range jws.Algorithms() {
			if _, err := jws.NewKey(pub, alg); err == nil {
				t.Errorf("%s with a %T", alg, pub)
			}
		}
	}
}

func TestParseKeyRefusesWhatDoesNotVerifyOurStatements(t *testing.T) {
	with := func(members string) string { return rfc8037Key[:len(rfc8037Key)-1] + members + "}" }
	for name, jwk := range map[string]string{
		"nothing":              "",
		"no object":            `"x"`,
		"no alg":               strings.Replace(rfc8037Key, `"alg":"EdDSA",`, "", 1),
		"another alg":          strings.Replace(rfc8037Key, "EdDSA", "ES256", 1),
		"private":              with(`,"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"`),
		"symmetric":            `{"kty":"oct","alg":"HS256","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}`,
		"symmetric as EdDSA":   `{"kty":"oct","alg":"EdDSA","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}`,
		"for encryption":       with(`,"use":"enc"`),
		"key_ops to sign":      with(`,"key_ops":["sign"]`),
		"no key_ops at all":    with(`,"key_ops":[]`),
		"key_ops is a string":  with(`,"key_ops":"verify"`),
		"a short x":            strings.Replace(rfc8037Key, "11qY", "", 1),
		"an unknown curve":     strings.Replace(rfc8037Key, "Ed25519", "Ed448", 1),
		"a point off the line": strings.Replace(rfc7515Key, "f83O", "f83P", 1),
		"the wrong curve":      strings.Replace(rfc7515Key, "P-256", "P-384", 1),
	} {
		if k, err := jws.ParseKey([]byte(jwk)); err == nil {
			t.Errorf("%s: read key %s", name, k.ID())
		}
	}
	for name, jwk := range map[string]string{
		"use sig": with(`,"use":"sig"`), "key_ops": with(`,"key_ops":["sign","verify"]`), "kid": with(`,"kid":"mine"`),
	} {
		if k, err := jws.ParseKey([]byte(jwk)); err != nil || k.ID() != rfc8037ID {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestZeroKeyVerifiesNothing(t *testing.T) {
	var k jws.Key
	if _, err := k.Verify(rfc8037Token); err == nil {
		t.Error("verified")
	}
	if _, err := k.FromRS(big.NewInt(1), big.NewInt(1)); err == nil {
		t.Error("made an ECDSA signature")
	}
}

func TestVerifyTakesNoAlgorithmFromTheHeader(t *testing.T) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := jws.NewKey(pub, "EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{`{"alg":"none"}`, `{"alg":"HS256"}`, `{"alg":"ES256"}`, `{}`, `{"alg":"EdDSA","crit":["x"],"x":1}`} {
		input := b64(header) + "." + b64("payload")
		token := input + "." + b64(string(ed25519.Sign(priv, []byte(input))))
		if _, err := k.Verify(token); err == nil {
			t.Errorf("verified under %s", header)
		}
	}
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestSplitReadsOneSpelling(t *testing.T) {
	header, payload, sig, err := jws.Split("aGVhZA.cGF5.c2ln")
	if err != nil || string(header) != "head" || payload != "cGF5" || string(sig) != "sig" {
		t.Errorf("got %q %q %q %v", header, payload, sig, err)
	}
	for compact, want := range map[string]string{
		"":                                  "header.payload.signature",
		"a":                                 "header.payload.signature",
		"aGVhZA.cGF5":                       "header.payload.signature",
		"aGVhZA.cGF5.c2ln.":                 "header.payload.signature",
		".cGF5.c2ln":                        "header: is empty",
		"aGVhZA..c2ln":                      "payload: is empty",
		"aGVhZA.cGF5.":                      "signature: is empty",
		"aGVhZA==.cGF5.c2ln":                "header: is not base64url",
		"aGVhZB.cGF5.c2ln":                  "header: is not base64url",
		"aGVh\nZA.cGF5.c2ln":                "header: is not base64url",
		"aGVhZA.cGF5\r\n.c2ln":              "payload: is not base64url",
		"aGVhZA.cGF5. c2ln":                 "signature: is not base64url",
		"aGVhZA.cGF5.c2+n":                  "signature: is not base64url",
		"aGVhZA.c.c2ln":                     "payload: is not base64url",
		"aGVhZA.cGF5.c2\u017fn":             "signature: is not base64url",
		strings.Repeat("a", jws.MaxBytes+1): "bytes; at most",
	} {
		if _, _, _, err := jws.Split(compact); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want it to say %q", compact, err, want)
		}
	}
}

func TestSplitGivesBackTheBytesOfEveryToken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SliceOfN(rapid.Byte(), 1, 80)
		h, p, s := part.Draw(t, "header"), part.Draw(t, "payload"), part.Draw(t, "signature")
		header, payload, sig, err := jws.Split(b64(string(h)) + "." + b64(string(p)) + "." + b64(string(s)))
		if err != nil || !slices.Equal(header, h) || payload != b64(string(p)) || !slices.Equal(sig, s) {
			t.Fatalf("got %x %s %x, %v", header, payload, sig, err)
		}
	})
}

func TestFromRSChoosesTheSmallerS(t *testing.T) {
	for alg, pub := range publicKeys(t) {
		ec, ok := pub.(*ecdsa.PublicKey)
		if !ok {
			continue
		}
		k, err := jws.NewKey(pub, alg)
		if err != nil {
			t.Fatal(err)
		}
		n := ec.Params().N
		one, last := big.NewInt(1), new(big.Int).Sub(n, big.NewInt(1))
		half := new(big.Int).Rsh(n, 1)
		low, err := k.FromRS(one, one)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []*big.Int{last, one} {
			got, err := k.FromRS(one, s)
			if diff := cmp.Diff(low, got); err != nil || diff != "" {
				t.Errorf("%s: %v\n%s", alg, err, diff)
			}
		}
		a, _ := k.FromRS(one, half)
		b, _ := k.FromRS(one, new(big.Int).Add(half, one))
		if a == nil || !slices.Equal(a, b) {
			t.Errorf("%s: the two halves do not meet", alg)
		}
		for _, bad := range [][2]*big.Int{
			{big.NewInt(0), one}, {one, big.NewInt(0)}, {n, one}, {one, n}, {big.NewInt(-1), one}, {one, big.NewInt(-1)},
		} {
			if _, err := k.FromRS(bad[0], bad[1]); err == nil {
				t.Errorf("%s: accepted r %v, s %v", alg, bad[0], bad[1])
			}
		}
	}
}

// FuzzSplit: what is split is spelled in no other way.
func FuzzSplit(f *testing.F) {
	f.Add(rfc8037Token)
	f.Add("..")
	f.Add("aGVhZA.cGF5.c2ln")
	f.Fuzz(func(t *testing.T, compact string) {
		h, p, s, err := jws.Split(compact)
		if err == nil && b64(string(h))+"."+p+"."+b64(string(s)) != compact {
			t.Errorf("%q has another spelling", compact)
		}
	})
}

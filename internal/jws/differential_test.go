package jws_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/internal/jws"
)

var update = flag.Bool("update", false, "write the seeds of FuzzDifferential")

// A signer is one of the fixed keys of the differential tests.
type signer struct {
	alg  string
	key  jws.Key
	priv crypto.Signer
}

// signers has a key of each algorithm.
func signers(t testing.TB) []signer {
	t.Helper()
	seed := sha512.Sum384([]byte("differential"))
	seed[0] = 0 // below the order of either curve
	p256, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:32])
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.ParseRawPrivateKey(elliptic.P384(), seed[:])
	if err != nil {
		t.Fatal(err)
	}
	out := []signer{{alg: "EdDSA", priv: ed25519.NewKeyFromSeed(seed[:32])}, {alg: "ES256", priv: p256}, {alg: "ES384", priv: p384}}
	for i, s := range out {
		if out[i].key, err = jws.NewKey(s.priv.Public(), s.alg); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// sign signs deterministically; for ECDSA it returns the two numbers too.
func (s signer) sign(t testing.TB, input string) (sig []byte, r, ss *big.Int) {
	t.Helper()
	var digest []byte
	switch s.alg {
	case "EdDSA":
		return ed25519.Sign(s.priv.(ed25519.PrivateKey), []byte(input)), nil, nil
	case "ES256":
		d := sha256.Sum256([]byte(input))
		digest = d[:]
	default:
		d := sha512.Sum384([]byte(input))
		digest = d[:]
	}
	der, err := s.priv.Sign(nil, digest, map[string]crypto.Hash{"ES256": crypto.SHA256, "ES384": crypto.SHA384}[s.alg])
	if err != nil {
		t.Fatal(err)
	}
	var n struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &n); err != nil {
		t.Fatal(err)
	}
	if sig, err = s.key.FromRS(n.R, n.S); err != nil {
		t.Fatal(err)
	}
	return sig, n.R, new(big.Int).SetBytes(sig[len(sig)/2:])
}

// token signs any header and payload.
func (s signer) token(t testing.TB, header, payload string) string {
	t.Helper()
	input := b64(header) + "." + b64(payload)
	sig, _, _ := s.sign(t, input)
	return input + "." + b64(string(sig))
}

var threeParts = regexp.MustCompile(`\A[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\z`)

// judge decides by go-jose and the strict form as the package documents it, in
// as few words as possible and none of the package's.
func judge(k jws.Key, compact string) (payload []byte, ok bool) {
	if len(compact) > 60<<10 || !threeParts.MatchString(compact) {
		return nil, false
	}
	parts := strings.Split(compact, ".")
	for _, p := range parts {
		b, err := base64.RawURLEncoding.DecodeString(p)
		if err != nil || base64.RawURLEncoding.EncodeToString(b) != p {
			return nil, false
		}
	}
	if ec, isEC := k.Public().(*ecdsa.PublicKey); isEC {
		sig, _ := base64.RawURLEncoding.DecodeString(parts[2])
		twice := new(big.Int).Lsh(new(big.Int).SetBytes(sig[len(sig)/2:]), 1)
		if twice.Cmp(ec.Params().N) > 0 {
			return nil, false
		}
	}
	j, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.Algorithm())})
	if err != nil {
		return nil, false
	}
	payload, err = j.Verify(k.Public())
	return payload, err == nil
}

// alike checks one token under every key.
func alike(t testing.TB, keys []signer, compact string) {
	t.Helper()
	for _, s := range keys {
		want, ok := judge(s.key, compact)
		got, err := s.key.Verify(compact)
		if ok != (err == nil) || ok && !bytes.Equal(got, want) {
			t.Errorf("%q under %s: go-jose and the strict form say %t (%q), Verify %v (%q)", compact, s.key.ID(), ok, want, err, got)
		}
	}
}

// FuzzDifferential: Verify judges every token as go-jose and the strict form
// do, under every key.
func FuzzDifferential(f *testing.F) {
	keys := signers(f)
	f.Fuzz(func(t *testing.T, compact string) { alike(t, keys, compact) })
}

// FuzzDifferentialSigned is FuzzDifferential over headers and payloads that
// are signed, as they are and with one bit flipped, where no mutation of a
// token gets to.
func FuzzDifferentialSigned(f *testing.F) {
	keys := signers(f)
	for _, h := range headers() {
		f.Add(byte(0), []byte(h), []byte("payload"), uint(0))
		f.Add(byte(1), []byte(h), []byte("payload"), uint(300))
	}
	f.Fuzz(func(t *testing.T, key byte, header, payload []byte, flip uint) {
		token := keys[int(key)%len(keys)].token(t, string(header), string(payload))
		alike(t, keys, token)
		i := strings.LastIndexByte(token, '.')
		sig, err := base64.RawURLEncoding.DecodeString(token[i+1:])
		if err != nil {
			t.Fatal(err)
		}
		flip %= uint(8 * len(sig))
		sig[flip/8] ^= 1 << (flip % 8)
		alike(t, keys, token[:i+1]+b64(string(sig)))
	})
}

// headers has one of every attack on a header.
func headers() map[string]string {
	plain := `{"alg":"EdDSA","kid":"k","typ":"t"}`
	m := map[string]string{
		"plain": plain, "ES256": strings.Replace(plain, "EdDSA", "ES256", 1), "ES384": strings.Replace(plain, "EdDSA", "ES384", 1),
		"empty kid": `{"alg":"EdDSA","kid":"","typ":""}`,
		"alg alone": `{"alg":"EdDSA"}`, "another order": `{"typ":"t","kid":"k","alg":"EdDSA"}`,
		"alg empty": `{"alg":"","kid":"k","typ":"t"}`, "no alg": `{"kid":"k","typ":"t"}`, "alg twice": `{"alg":"EdDSA","alg":"none","kid":"k","typ":"t"}`,
		"alg a number": `{"alg":1,"kid":"k","typ":"t"}`, "alg an array": `{"alg":["EdDSA"],"kid":"k","typ":"t"}`, "alg null": `{"alg":null,"kid":"k","typ":"t"}`,
		"alg escaped": `{"alg":"\u0045dDSA","kid":"k","typ":"t"}`, "alg twice, escaped": `{"alg":"EdDSA","\u0061lg":"none","kid":"k","typ":"t"}`,
		"ALG beside alg": `{"ALG":"none","alg":"EdDSA","kid":"k","typ":"t"}`, "Kid": `{"alg":"EdDSA","Kid":"x","kid":"k","typ":"t"}`,
		"jwk of a stranger": `{"alg":"EdDSA","jwk":` + rfc8037Key + `,"kid":"k","typ":"t"}`,
		"jwk private":       `{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},"kid":"k","typ":"t"}`,
		"jku":               `{"alg":"EdDSA","jku":"http://169.254.169.254/","kid":"k","typ":"t"}`,
		"x5u":               `{"alg":"EdDSA","kid":"k","typ":"t","x5u":"file:///etc/passwd"}`,
		"x5c":               `{"alg":"EdDSA","kid":"k","typ":"t","x5c":["AA=="]}`,
		"kid a path":        `{"alg":"EdDSA","kid":"../../etc/passwd","typ":"t"}`, "kid SQL": `{"alg":"EdDSA","kid":"' OR 1=1 --","typ":"t"}`,
		"kid with NUL": `{"alg":"EdDSA","kid":"k\u0000","typ":"t"}`, "kid raw NUL": "{\"alg\":\"EdDSA\",\"kid\":\"k\x00\",\"typ\":\"t\"}",
		"kid a number": `{"alg":"EdDSA","kid":1,"typ":"t"}`, "kid look-alike": `{"alg":"EdDSA","kid":"к","typ":"t"}`, "kid null": `{"alg":"EdDSA","kid":null,"typ":"t"}`,
		"kid long": `{"alg":"EdDSA","kid":"` + strings.Repeat("k", 4096) + `","typ":"t"}`, "kid with a quote": `{"alg":"EdDSA","kid":"k\"","typ":"t"}`,
		"kid ends the header": `{"alg":"EdDSA","kid":"k"}","typ":"t"}`, "kid with DEL": "{\"alg\":\"EdDSA\",\"kid\":\"k\x7f\",\"typ\":\"t\"}",
		"no typ": `{"alg":"EdDSA","kid":"k"}`, "typ a number": `{"alg":"EdDSA","kid":"k","typ":7}`, "typ more": `{"alg":"EdDSA","kid":"k","typ":"t","x":1}`,
		"typ escaped": `{"alg":"EdDSA","kid":"k","typ":"\u0074"}`, "typ with a backslash": `{"alg":"EdDSA","kid":"k","typ":"t\"}`,
		"crit unknown": `{"alg":"EdDSA","crit":["x"],"kid":"k","typ":"t","x":1}`, "crit empty": `{"alg":"EdDSA","crit":[],"kid":"k","typ":"t"}`,
		"crit twice": `{"alg":"EdDSA","b64":true,"crit":["b64","b64"],"kid":"k","typ":"t"}`, "crit names alg": `{"alg":"EdDSA","crit":["alg"],"kid":"k","typ":"t"}`,
		"crit names nothing": `{"alg":"EdDSA","crit":["b64"],"kid":"k","typ":"t"}`,
		"b64 false":          `{"alg":"EdDSA","b64":false,"kid":"k","typ":"t"}`, "b64 false, crit": `{"alg":"EdDSA","b64":false,"crit":["b64"],"kid":"k","typ":"t"}`,
		"b64 true": `{"alg":"EdDSA","b64":true,"kid":"k","typ":"t"}`, "zip": `{"alg":"EdDSA","kid":"k","typ":"t","zip":"DEF"}`, "nonce": `{"alg":"EdDSA","kid":"k","nonce":1,"typ":"t"}`,
		"space behind": plain + " ", "newline behind": plain + "\n", "space within": strings.Replace(plain, ",", ", ", 1), "BOM": "\ufeff" + plain, "two": plain + plain,
		"invalid UTF-8": "{\"alg\":\"EdDSA\",\"kid\":\"\xff\",\"typ\":\"t\"}", "lone surrogate": `{"alg":"EdDSA","kid":"\ud800","typ":"t"}`, "U+2028": "{\"alg\":\"EdDSA\",\"kid\":\"\u2028\",\"typ\":\"t\"}",
		"array": `[]`, "string": `"EdDSA"`, "nothing": ` `, "null": `null`, "no object": plain[:len(plain)-1], "deep": `{"alg":"EdDSA","kid":"k","typ":"t","x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`,
	}
	for i, alg := range []string{"none", "NONE", "nOnE", "HS256", "RS256", "PS512", "ES512", "Ed25519", "eddsa", "es256", "EdDSA "} {
		m[fmt.Sprintf("other alg %d %s", i, alg)] = strings.Replace(plain, "EdDSA", alg, 1)
	}
	return m
}

// seeds has a token for every attack on compact JWS that we know of, by the
// key that signs it, and some good ones.
func seeds(t testing.TB) map[string]string {
	t.Helper()
	out := map[string]string{
		"empty": "", "dots": "..", "many dots": strings.Repeat(".", 1000), "one part": "a", "no JWS": "hello",
		"RFC 8037": rfc8037Token, "RFC 7515": rfc7515Token,
	}
	all := signers(t)
	for i, s := range all {
		add := func(name, token string) { out[s.alg+" "+name] = token }
		header := strings.Replace(headers()["plain"], "EdDSA", s.alg, 1)
		for name, h := range headers() {
			// One key shows what becomes of a header.
			if i == 0 {
				add("header "+name, s.token(t, h, "payload"))
			}
		}
		good := s.token(t, header, "payload")
		h, rest, _ := strings.Cut(good, ".")
		p, sig, _ := strings.Cut(rest, ".")
		raw, err := base64.RawURLEncoding.DecodeString(sig)
		if err != nil {
			t.Fatal(err)
		}
		with := func(sig []byte) string { return h + "." + p + "." + b64(string(sig)) }
		add("good", good)
		add("payload not JSON", s.token(t, header, "\xff\x00"))
		add("alg none without signature", b64(headers()["other alg 0 none"])+"."+p+".")
		add("detached", h+".."+sig)
		add("two parts", h+"."+p)
		add("four parts", good+".AA")
		add("no header", "."+p+"."+sig)
		add("JSON serialization", `{"payload":"`+p+`","protected":"`+h+`","signature":"`+sig+`"}`)
		add("JSON serialization, two signatures", `{"payload":"`+p+`","signatures":[{"protected":"`+h+`","signature":"`+sig+`"},{"protected":"`+h+`","signature":"AA"}]}`)
		add("padded", h+"="+"."+p+"=."+sig+"==")
		add("newline in the signature", h+"."+p+"."+sig[:4]+"\n"+sig[4:])
		add("carriage return in the payload", h+"."+p[:4]+"\r"+p[4:]+"."+sig)
		add("newline behind", good+"\n")
		add("space in front", " "+good)
		add("standard alphabet", h+"."+p+"."+"+/"+sig[2:])
		add("unused bits", h+"."+p+"."+sig[:len(sig)-1]+string(next(sig[len(sig)-1])))
		add("other payload", h+"."+b64("Payload")+"."+sig)
		add("short signature", with(raw[:len(raw)-1]))
		add("long signature", with(append(slices.Clone(raw), 0)))
		add("zero signature", with(make([]byte, len(raw))))
		add("signature of all ones", with(bytes.Repeat([]byte{0xff}, len(raw))))
		// The public key, which everybody has, as the secret of an HMAC.
		jwk, err := json.Marshal(s.key)
		if err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(sha256.New, jwk)
		input := b64(headers()["other alg 3 HS256"]) + "." + p
		mac.Write([]byte(input))
		add("HMAC under the public key", input+"."+b64(string(mac.Sum(nil))))
		for _, other := range all {
			if other.alg != s.alg {
				add("signed by "+other.alg, other.token(t, header, "payload"))
			}
		}
		if pub, ok := s.key.Public().(*ecdsa.PublicKey); ok {
			_, r, low := s.sign(t, h+"."+p)
			n, size := pub.Params().N, len(raw)/2
			rs := func(r, s *big.Int) []byte {
				return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
			}
			half := new(big.Int).Rsh(n, 1)
			der, err := asn1.Marshal(struct{ R, S *big.Int }{r, low})
			if err != nil {
				t.Fatal(err)
			}
			add("DER", with(der))
			add("high s", with(rs(r, new(big.Int).Sub(n, low))))
			add("s zero", with(rs(r, new(big.Int))))
			add("r zero", with(rs(new(big.Int), low)))
			add("s is n", with(rs(r, n)))
			add("r is n", with(rs(n, low)))
			add("r and s one", with(rs(big.NewInt(1), big.NewInt(1))))
			add("s the half", with(rs(r, half)))
			add("s above the half", with(rs(r, new(big.Int).Add(half, big.NewInt(1)))))
		} else {
			// S + L: the same signature to whoever does not reduce.
			order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
			le := slices.Clone(raw[32:])
			slices.Reverse(le)
			more := new(big.Int).Add(new(big.Int).SetBytes(le), order).FillBytes(make([]byte, 32))
			slices.Reverse(more)
			add("S not reduced", with(append(slices.Clone(raw[:32]), more...)))
			for name, point := range map[string]string{
				"neutral":              "0100000000000000000000000000000000000000000000000000000000000000",
				"neutral, other sign":  "0100000000000000000000000000000000000000000000000000000000000080",
				"neutral, not reduced": "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
				"order 2":              "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
				"order 8":              "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
			} {
				r, err := hex.DecodeString(point)
				if err != nil {
					t.Fatal(err)
				}
				add("R "+name, with(append(r, raw[32:]...)))
				add("R "+name+", S zero", with(append(r, make([]byte, 32)...)))
			}
		}
	}
	return out
}

// next returns the character behind c in base64url: another spelling of the
// same bytes where c has unused bits.
func next(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_A"
	return alphabet[strings.IndexByte(alphabet, c)+1]
}

var notInFileNames = regexp.MustCompile(`[^a-z0-9]+`)

// The seeds are stored, so that the fuzzer has them and they are there to read.
func TestSeedsOfTheDifferentialTestAreStored(t *testing.T) {
	dir := filepath.Join("testdata", "fuzz", "FuzzDifferential")
	for name, token := range seeds(t) {
		file := filepath.Join(dir, notInFileNames.ReplaceAllString(strings.ToLower(name), "-"))
		want := fmt.Sprintf("go test fuzz v1\nstring(%q)\n", token)
		if *update {
			if err := os.MkdirAll(dir, 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		} else if string(got) != want {
			t.Errorf("%s is not the seed %q any more; go test -update writes it", file, name)
		}
	}
}

// The differential test would say nothing if all seeds were refused.
func TestGoodSeedsVerify(t *testing.T) {
	all := seeds(t)
	for _, s := range signers(t) {
		for _, name := range []string{"good", "payload not JSON"} {
			if _, err := s.key.Verify(all[s.alg+" "+name]); err != nil {
				t.Errorf("%s %s: %v", s.alg, name, err)
			}
		}
	}
	var n int
	for name, token := range all {
		if _, err := signers(t)[0].key.Verify(token); err == nil && strings.Contains(name, " header ") {
			n++
		}
	}
	if n < 10 {
		t.Errorf("%d headers verify that are not ours: go-jose is not asked", n)
	}
}

// The points of small order, with and without sign, as RFC 8032 writes them and
// as it does not.
func TestKeysOfSmallOrderAreNone(t *testing.T) {
	for _, y := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		for _, sign := range []byte{0, 0x80} {
			x, err := hex.DecodeString(y)
			if err != nil {
				t.Fatal(err)
			}
			x[31] |= sign
			_, errNew := jws.NewKey(ed25519.PublicKey(x), "EdDSA")
			_, errParse := jws.ParseKey([]byte(`{"alg":"EdDSA","crv":"Ed25519","kty":"OKP","x":"` + b64(string(x)) + `"}`))
			_, ok := jws.KeyOf("EdDSA", "Ed25519", "OKP", b64(string(x)), "")
			if !jws.SmallOrder(x) || errNew == nil || errParse == nil || ok {
				t.Errorf("%x is a key: %v, %v, %t", x, errNew, errParse, ok)
			}
		}
	}
	if k := signers(t)[0].key.Public().(ed25519.PublicKey); jws.SmallOrder(k) {
		t.Errorf("%x is of small order", k)
	}
}

// KeyOf reads no key that ParseKey does not, and none otherwise.
func TestKeyOfReadsAsParseKeyDoes(t *testing.T) {
	type members struct {
		Alg string `json:"alg"`
		Crv string `json:"crv"`
		Kty string `json:"kty"`
		X   string `json:"x"`
		Y   string `json:"y,omitempty"`
	}
	var good []members
	for _, s := range signers(t) {
		data, err := json.Marshal(s.key)
		if err != nil {
			t.Fatal(err)
		}
		var m members
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		k, ok := jws.KeyOf(m.Alg, m.Crv, m.Kty, m.X, m.Y)
		if !ok || k.ID() != s.key.ID() {
			t.Errorf("%s is not read", data)
		}
		good = append(good, m)
	}
	rapid.Check(t, func(t *rapid.T) {
		from := func(label string, of func(members) string) string {
			s := of(rapid.SampledFrom(good).Draw(t, label+" of"))
			if rapid.IntRange(0, 9).Draw(t, label+" changed") > 0 || s == "" {
				return s
			}
			i := rapid.IntRange(0, len(s)-1).Draw(t, "at")
			return s[:i] + rapid.StringMatching(`[A-Za-z0-9_=+ -]{0,2}`).Draw(t, "put") + s[i+1:]
		}
		m := members{
			from("alg", func(m members) string { return m.Alg }), from("crv", func(m members) string { return m.Crv }),
			from("kty", func(m members) string { return m.Kty }), from("x", func(m members) string { return m.X }),
			from("y", func(m members) string { return m.Y }),
		}
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		fast, ok := jws.KeyOf(m.Alg, m.Crv, m.Kty, m.X, m.Y)
		slow, err := jws.ParseKey(data)
		var one members
		if err == nil {
			again, _ := json.Marshal(slow)
			if err := json.Unmarshal(again, &one); err != nil {
				t.Fatal(err)
			}
		}
		if want := err == nil && one == m; ok != want {
			t.Fatalf("%s: KeyOf says %t; ParseKey says %v, and writes %+v", data, ok, err, one)
		}
		if ok && (fast.ID() != slow.ID() || fast.Algorithm() != slow.Algorithm() || !fast.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(slow.Public())) {
			t.Fatalf("%s: read as another key", data)
		}
	})
}

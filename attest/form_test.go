package attest_test

import (
	"bytes"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/attest"
)

func TestOneByteFormOfALine(t *testing.T) {
	w := newWorld(t)
	const reg = "safeconduct-registration+jwt"
	p := payload(t, registration())
	kid, good := w.alice.key.ID(), w.alice.forge(t, header("EdDSA", w.alice.key.ID(), reg), p)
	h, pl, sig := cut(good)
	forge := func(header string) string { return w.alice.forge(t, header, p) }
	for _, c := range []struct{ name, statement, want string }{
		{"empty", "", "header.payload.signature"},
		{"text", "hello", "header.payload.signature"},
		{"two parts", h + "." + pl, "header.payload.signature"},
		{"four parts", good + ".AA", "header.payload.signature"},
		{"JSON serialization", `{"payload":"` + pl + `","signatures":[{"protected":"` + h + `","signature":"` + sig + `"}]}`, "header.payload.signature"},
		{"empty signature", h + "." + pl + ".", "signature: is empty"},
		{"empty header", "." + pl + "." + sig, "header: is empty"},
		{"empty payload", h + ".." + sig, "payload: is empty"},
		{"alg none", forge(header("none", kid, reg)), `unknown alg "none"`},
		{"alg HS256", forge(header("HS256", kid, reg)), `unknown alg "HS256"`},
		{"alg RS256", forge(header("RS256", kid, reg)), `unknown alg "RS256"`},
		{"alg ES512", forge(header("ES512", kid, reg)), `unknown alg "ES512"`},
		{"alg in another case", forge(header("eddsa", kid, reg)), `unknown alg "eddsa"`},
		{"alg Ed25519", forge(header("Ed25519", kid, reg)), `unknown alg "Ed25519"`},
		{"typ JWT", forge(header("EdDSA", kid, "JWT")), `unknown typ "JWT"`},
		{"typ in another case", forge(header("EdDSA", kid, strings.ToUpper(reg))), "unknown typ"},
		{"extra member", forge(`{"alg":"EdDSA","crit":["b64"],"kid":"` + kid + `","typ":"` + reg + `"}`), "/crit: unknown member"},
		{"embedded key", forge(`{"alg":"EdDSA","jwk":{},"kid":"` + kid + `","typ":"` + reg + `"}`), "/jwk: unknown member"},
		{"no kid", forge(`{"alg":"EdDSA","typ":"` + reg + `"}`), "is not exactly"},
		{"no alg", forge(`{"kid":"` + kid + `","typ":"` + reg + `"}`), "unknown alg"},
		{"another order", forge(`{"kid":"` + kid + `","alg":"EdDSA","typ":"` + reg + `"}`), "is not exactly"},
		{"white space", forge(`{"alg":"EdDSA", "kid":"` + kid + `","typ":"` + reg + `"}`), "is not exactly"},
		{"newline behind", forge(header("EdDSA", kid, reg) + "\n"), "is not exactly"},
		{"escaped letter", forge(`{"alg":"\u0045dDSA","kid":"` + kid + `","typ":"` + reg + `"}`), "is not exactly"},
		{"repeated member", forge(`{"alg":"EdDSA","alg":"EdDSA","kid":"` + kid + `","typ":"` + reg + `"}`), "/alg: stands twice"},
		{"member in another case", forge(`{"Alg":"EdDSA","kid":"` + kid + `","typ":"` + reg + `"}`), "/Alg: unknown member"},
		{"null", forge(`{"alg":"EdDSA","kid":null,"typ":"` + reg + `"}`), "/kid: is null"},
		{"header is an array", forge(`[]`), "want an object"},
		{"padded header", h + "=." + pl + "." + sig, "header: is not base64url"},
		{"padded payload", h + "." + pl + "=." + sig, "payload: is not base64url"},
		{"padded signature", good + "==", "signature: is not base64url"},
		{"standard base64", h + "." + pl + "." + standard(sig), "signature: is not base64url"},
		{"unused bits in the signature", h + "." + pl + "." + unusedBits(t, sig), "signature: is not base64url"},
		{"newline in a part", h + "." + pl + "." + sig[:8] + "\r" + sig[8:], "signature: is not base64url"},
		{"space in front", " " + good, "header: is not base64url"},
		{"trailing newline", good + "\n", "line 2"},
		{"trailing carriage return", good + "\r", "has a line end"},
		{"leading newline", "\n" + good, "line 1"},
		{"repeated line", good + "\n" + good, "line 2: the lines are not strictly ascending"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := attest.Open([]byte(c.statement), w.root)
			wantRefusal(t, err, attest.Malformed, c.want)
		})
	}
}

func cut(compact string) (h, p, s string) {
	parts := strings.Split(compact, ".")
	return parts[0], parts[1], parts[2]
}

// standard writes base64url in the alphabet of base64; a part that has none of
// the letters that differ gets one.
func standard(s string) string {
	return "+" + strings.NewReplacer("-", "+", "_", "/").Replace(s[1:])
}

// unusedBits sets a bit behind the last byte of 64.
func unusedBits(t testing.TB, s string) string {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, s[len(s)-1])
	if len(s)%4 != 2 || i%16 != 0 {
		t.Fatalf("%s has no unused bits", s)
	}
	return s[:len(s)-1] + alphabet[i+1:i+2]
}

func TestLinesSignOneThingInOrder(t *testing.T) {
	w := newWorld(t)
	lines := strings.Split(string(sign(t, registration(), w.alice, w.bob)), "\n")
	slices.Reverse(lines)
	_, err := attest.Open([]byte(strings.Join(lines, "\n")), w.root)
	wantRefusal(t, err, attest.Malformed, "line 2: the lines are not strictly ascending by kid")

	_, err = attest.Open([]byte(lines[1]+"\r\n"+lines[0]), w.root)
	wantRefusal(t, err, attest.Malformed, "line 1")

	other := registration()
	other.JTI = "REG-2"
	_, err = attest.Open(joined(w.alice, w.bob, string(sign(t, registration(), w.alice)), string(sign(t, other, w.bob))), w.root)
	wantRefusal(t, err, attest.Malformed, "line 2 signs something else than line 1")

	p := payload(t, event(attest.Revoke))
	a := w.alice.forge(t, header("EdDSA", w.alice.key.ID(), typ[attest.KindEvent]), p)
	b := w.bob.forge(t, header("ES384", w.bob.key.ID(), typ[attest.KindRegistration]), p)
	_, err = attest.Open(joined(w.alice, w.bob, a, b), w.root)
	wantRefusal(t, err, attest.Malformed, "line 2 signs something else than line 1")
}

// joined joins the lines of two keys in the order of their ids.
func joined(a, b *testKey, lineA, lineB string) []byte {
	if a.key.ID() > b.key.ID() {
		lineA, lineB = lineB, lineA
	}
	return []byte(lineA + "\n" + lineB)
}

func TestNothingIsParsedOfWhatIsRefused(t *testing.T) {
	w := newWorld(t)
	good := payload(t, event(attest.Revoke))
	for name, statement := range map[string][]byte{
		"no form":    []byte("x"),
		"no payload": forgePayload(t, typ[attest.KindEvent], []byte("x"), w.alice),
		"no claims":  forgePayload(t, typ[attest.KindEvent], edit(t, good, "/event", "annul"), w.alice),
	} {
		if u, err := attest.Parse(statement); u != nil || err == nil {
			t.Errorf("%s: %v, %v", name, u, err)
		}
	}
}

func TestStatementIsBoundedInBytesAndSignatures(t *testing.T) {
	w := newWorld(t)
	_, err := attest.Open(bytes.Repeat([]byte("a"), attest.MaxBytes+1), w.root)
	wantRefusal(t, err, attest.TooLarge, "61441 bytes")

	var keys []*testKey
	for i := range 33 {
		keys = append(keys, newKey(t, "EdDSA", strings.Repeat("x", i+1)))
	}
	_, err = attest.Parse(sign(t, event(attest.Revoke), keys...))
	wantRefusal(t, err, attest.Malformed, "more than 32 signatures")
	if _, err = attest.Parse(sign(t, event(attest.Revoke), keys[:32]...)); err != nil {
		t.Error(err)
	}
}

func TestNoKindOpensAsAnother(t *testing.T) {
	w := newWorld(t)
	for _, c := range everyKind(w) {
		for kind, other := range typ {
			if kind == c.Kind() {
				continue
			}
			_, err := attest.Open(forgePayload(t, other, payload(t, c), w.alice, w.bob), w.root)
			wantRefusal(t, err, attest.Malformed, "unknown member")
		}
	}
}

func TestPayloadIsOneByteForm(t *testing.T) {
	w := newWorld(t)
	good := string(payload(t, registration()))
	deep := strings.Repeat(`[`, 20) + strings.Repeat(`]`, 20)
	swap := func(from, to string) string {
		if strings.Count(good, from) != 1 {
			t.Fatalf("%q does not stand once in %s", from, good)
		}
		return strings.Replace(good, from, to, 1)
	}
	for _, c := range []struct{ name, payload, pointer, message string }{
		{"not JSON", "hello", "", "invalid"},
		{"two documents", good + good, "", ""},
		{"byte order mark", "\ufeff" + good, "", ""},
		{"white space", swap(`"iat":`, `"iat": `), "", "canonical form"},
		{"trailing newline", good + "\n", "", "canonical form"},
		{"members out of order", `{"iss":"us-bis",` + strings.Replace(good[1:], `"iss":"us-bis",`, "", 1), "", "canonical form"},
		{"needless escape", swap(`Deepsound`, `Deep\u0073ound`), "", "canonical form"},
		{"escaped slash", swap(`register.example/test`, `register.example\/test`), "", "canonical form"},
		{"repeated member", swap(`"country":"US","former`, `"country":"US","country":"US","former`), "/country", "stands twice"},
		{"case-variant member", `{"Country":"US",` + strings.Replace(good[1:], `"country":"US","former`, `"former`, 1), "/Country", "unknown member"},
		{"case-variant beside the member", `{"AUD":"x",` + good[1:], "/AUD", "unknown member"},
		{"unknown member", swap(`"legal_name":`, `"jtj":"x","legal_name":`), "/jtj", "unknown member"},
		{"unknown member inside", swap(`,"name":"Headquarters"}`, `,"name":"Headquarters","phone":"x"}`), "/sites/0/phone", "unknown member"},
		{"null", swap(`"legal_name":"Deepsound Inc."`, `"legal_name":null`), "/legal_name", "is null"},
		{"null in a set", swap(`["cage:9HMS1","uei:H4LCYNMRTM26"]`, `["cage:9HMS1",null]`), "/identifiers/1", "is null"},
		{"fraction", swap(`"nbf":1772323200`, `"nbf":1772323200.5`), "/nbf", "integer"},
		{"needless fraction", swap(`"nbf":1772323200`, `"nbf":1772323200.0`), "/nbf", "integer"},
		{"exponent", swap(`"nbf":1772323200`, `"nbf":1e9`), "/nbf", "integer"},
		{"2^53", swap(`"nbf":1772323200`, `"nbf":9007199254740992`), "/nbf", "2^53-1"},
		{"-2^53", swap(`"nbf":1772323200`, `"nbf":-9007199254740992`), "/nbf", "2^53-1"},
		{"minus zero", swap(`"nbf":1772323200`, `"nbf":-0`), "/nbf", "integer"},
		{"number as string", swap(`"nbf":1772323200`, `"nbf":"1772323200"`), "/nbf", "want an integer"},
		{"string as number", swap(`"legal_name":"Deepsound Inc."`, `"legal_name":7`), "/legal_name", "want a string"},
		{"object as string", swap(`"legal_name":"Deepsound Inc."`, `"legal_name":{"a":"b"}`), "/legal_name", "want a string"},
		{"not NFC", swap("Älterer", "A\u0308lterer"), "/former_names/1", "Normalization Form C"},
		{"invalid UTF-8", swap("Deepsound", "Deep\xff"), "", "UTF-8"},
		{"lone surrogate", swap("Deepsound", `Deep\ud800`), "", ""},
		{"control character", swap("Deepsound", `Deep\u0001`), "/legal_name", "control character U+0001"},
		{"line feed", swap("Deepsound", `Deep\n`), "/legal_name", "control character U+000A"},
		{"C1 control character", swap("Deepsound", "Deep\u0085"), "/legal_name", "control character U+0085"},
		{"control character in a name", swap(`"jti":`, `"j\u0000ti":`), "/j\x00ti", "control character"},
		{"set out of order", swap(`["cage:9HMS1","uei:H4LCYNMRTM26"]`, `["uei:H4LCYNMRTM26","cage:9HMS1"]`), "/identifiers/1", "out of order"},
		{"repeated element", swap(`["cage:9HMS1","uei:H4LCYNMRTM26"]`, `["cage:9HMS1","cage:9HMS1"]`), "/identifiers/1", "stands twice"},
		{"empty set", swap(`["cage:9HMS1","uei:H4LCYNMRTM26"]`, `[]`), "/identifiers", "empty set"},
		{"empty string", swap(`"name":"Headquarters"`, `"name":""`), "/sites/0/name", "leave it out"},
		{"empty element", swap(`["cage:9HMS1","uei:H4LCYNMRTM26"]`, `["","cage:9HMS1"]`), "/identifiers/0", "leave it out"},
		{"false", swap(`"sites":`, `"retroactive":false,"sites":`), "/retroactive", "leave it out"},
		{"zero", swap(`"former_names":`, `"exp":0,"former_names":`), "/exp", "leave it out"},
		{"empty object", swap(`"sites":`, `"publication":{},"sites":`), "/publication", "leave it out"},
		{"deep nesting", swap(`"legal_name":"Deepsound Inc."`, `"legal_name":`+deep), "", "nested deeper"},
		{"array", `["a"]`, "", "want an object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := attest.Open(forgePayload(t, typ[attest.KindRegistration], []byte(c.payload), w.alice, w.bob), w.root)
			if c.pointer == "" {
				wantRefusal(t, err, attest.Malformed, c.message)
				return
			}
			wantProblem(t, err, attest.Malformed, c.pointer, c.message)
		})
	}
}

func TestECDSASignatureHasOneForm(t *testing.T) {
	w := newWorld(t)
	// One officer is enough to revoke.
	for _, k := range []*testKey{w.aliceSpare, w.bob} {
		input := b64([]byte(header(k.key.Algorithm(), k.key.ID(), typ[attest.KindEvent]))) + "." + b64(payload(t, event(attest.Revoke)))
		r, s, err := k.rs([]byte(input))
		if err != nil {
			t.Fatal(err)
		}
		low, err := k.key.FromRS(r, s)
		if err != nil {
			t.Fatal(err)
		}
		size := len(low) / 2
		order := map[string]string{
			"ES256": "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
			"ES384": "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
		}[k.key.Algorithm()]
		n, _ := new(big.Int).SetString(order, 16)
		high := slices.Clone(low)
		new(big.Int).Sub(n, new(big.Int).SetBytes(low[size:])).FillBytes(high[size:])
		der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := attest.Open([]byte(input+"."+b64(low)), w.root); err != nil {
			t.Fatal(err)
		}
		for name, sig := range map[string][]byte{
			"high s": high, "DER": der, "a zero in front": append([]byte{0}, low...), "a zero behind": append(slices.Clone(low), 0),
			"cut": low[:len(low)-1], "all zero": make([]byte, len(low)), "r only": append(slices.Clone(low[:size]), make([]byte, size)...),
			"r and s swapped": append(slices.Clone(low[size:]), low[:size]...),
		} {
			_, err := attest.Open([]byte(input+"."+b64(sig)), w.root)
			var want []string
			if name == "high s" {
				want = []string{"low-s"}
			}
			t.Run(k.key.Algorithm()+" "+name, func(t *testing.T) { wantRefusal(t, err, attest.Forbidden, want...) })
		}
	}
}

package httpapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/registry/registrytest"
)

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// TestEveryAttackOnAStatementIsRefusedAndLogsNothing: by the numbers of the list that
// the threat model goes by, 1 to 31, on what is submitted. Each is signed anew by the
// officer whose key it names, where a signature could make a difference.
func TestEveryAttackOnAStatementIsRefusedAndLogsNothing(t *testing.T) {
	s := newServer(t)
	claims := registrytest.Registration("REG-9", registrytest.IN, registrytest.Varuna, "IN")
	officer := registrytest.Signers(registrytest.IN)[0]
	good := string(s.Sign(claims, officer))
	parts := strings.Split(good, ".")
	if len(parts) != 3 {
		t.Fatalf("the statement has %d parts", len(parts))
	}
	read := func(part string) string {
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	header, payload, signature := read(parts[0]), read(parts[1]), read(parts[2])
	signed := func(header, payload string) string {
		input := b64(header) + "." + b64(payload)
		sig, err := officer.Sign(t.Context(), []byte(input))
		if err != nil {
			t.Fatal(err)
		}
		return input + "." + b64(string(sig))
	}
	if signed(header, payload) != good {
		t.Fatal("what is signed anew is another statement")
	}
	headed := func(from, to string) string { return signed(strings.Replace(header, from, to, 1), payload) }
	said := func(from, to string) string {
		changed := strings.Replace(payload, from, to, 1)
		if changed == payload {
			t.Fatalf("%s has no %s", payload, from)
		}
		return signed(header, changed)
	}
	withSignature := func(sig string) string { return parts[0] + "." + parts[1] + "." + b64(sig) }
	kid := officer.Key().ID()
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	malleable := func() string {
		le := []byte(signature[32:])
		be := make([]byte, 32)
		for i, b := range le {
			be[31-i] = b
		}
		n := new(big.Int).Add(new(big.Int).SetBytes(be), order)
		n.FillBytes(be)
		for i, b := range be {
			le[31-i] = b
		}
		return signature[:32] + string(le)
	}
	var flat map[string]any
	if err := json.Unmarshal([]byte(payload), &flat); err != nil {
		t.Fatal(err)
	}
	other := registrytest.Signers(registrytest.US)[0]
	for _, a := range []struct {
		number    int
		name      string
		statement string
		status    int
		kind      string
	}{
		{1, "alg none", headed(`"EdDSA"`, `"none"`), 400, "malformed"},
		{1, "alg none without a signature", b64(strings.Replace(header, "EdDSA", "none", 1)) + "." + parts[1] + ".", 400, "malformed"},
		{1, "alg NONE", headed(`"EdDSA"`, `"NONE"`), 400, "malformed"},
		{1, "alg empty", headed(`"EdDSA"`, `""`), 400, "malformed"},
		{2, "HS256 with the public key", headed(`"EdDSA"`, `"HS256"`), 400, "malformed"},
		{3, "the alg of another key", headed(`"EdDSA"`, `"ES256"`), 403, "forbidden"},
		{3, "Ed25519 for EdDSA", headed(`"EdDSA"`, `"Ed25519"`), 400, "malformed"},
		{4, "alg missing", headed(`"alg":"EdDSA",`, ``), 400, "malformed"},
		{4, "alg a number", headed(`"EdDSA"`, `1`), 400, "malformed"},
		{4, "alg an array", headed(`"EdDSA"`, `["EdDSA"]`), 400, "malformed"},
		{5, "an embedded key", headed(`"kid"`, `"jwk":{"kty":"OKP"},"kid"`), 400, "malformed"},
		{6, "jku", headed(`"kid"`, `"jku":"http://169.254.169.254/","kid"`), 400, "malformed"},
		{6, "x5u", headed(`}`, `,"x5u":"file:///etc/passwd"}`), 400, "malformed"},
		{7, "x5c", headed(`}`, `,"x5c":["AA"]}`), 400, "malformed"},
		{8, "kid a path", headed(kid, "../../etc/passwd"), 403, "forbidden"},
		{8, "kid with NUL", headed(kid, `\u0000`), 400, "malformed"},
		{8, "kid of a quarter of a megabyte", headed(kid, strings.Repeat("A", 1<<18)), 413, "too-large"},
		{8, "kid of another authority's officer", headed(kid, other.Key().ID()), 403, "forbidden"},
		{8, "kid absent", headed(`"kid":"`+kid+`",`, ``), 400, "malformed"},
		{9, "typ missing", headed(`,"typ":`, `,"typ_":`), 400, "malformed"},
		{9, "typ of an approval", headed(`registration`, `entity-approval`), 400, "malformed"},
		{9, "typ in other case", headed(`"typ":"s`, `"typ":"S`), 400, "malformed"},
		{9, "typ with application/", headed(`"typ":"`, `"typ":"application/`), 400, "malformed"},
		{10, "crit", headed(`"kid"`, `"crit":["exp"],"kid"`), 400, "malformed"},
		{11, "b64", headed(`"kid"`, `"b64":false,"kid"`), 400, "malformed"},
		{12, "zip", headed(`}`, `,"zip":"DEF"}`), 400, "malformed"},
		{13, "a member of the header twice", headed(`{`, `{"alg":"EdDSA",`), 400, "malformed"},
		{14, "a member of the payload twice", said(`"iss":`, `"iss":"auth-us","iss":`), 400, "malformed"},
		{14, "a member of the payload twice, escaped", said(`"iss":`, `"\u0069ss":"auth-us","iss":`), 400, "malformed"},
		{15, "a member in other case", said(`"iss":`, `"Iss":`), 400, "malformed"},
		{16, "an unknown claim", said(`{`, `{"admin":true,`), 400, "malformed"},
		{17, "padding", good + "=", 400, "malformed"},
		{17, "white space", good + " ", 400, "malformed"},
		{17, "the other alphabet", strings.ReplaceAll(strings.ReplaceAll(good, "-", "+"), "_", "/"), 400, "malformed"},
		{18, "two parts", parts[0] + "." + parts[1], 400, "malformed"},
		{18, "four parts", good + ".AA", 400, "malformed"},
		{18, "dots", strings.Repeat(".", 1<<15), 400, "malformed"},
		{19, "the JSON serialization", fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, parts[1], parts[0], parts[2]), 400, "malformed"},
		{19, "two signatures, one of them good", good + "\n" + good, 400, "malformed"},
		{20, "a detached payload", parts[0] + ".." + parts[2], 400, "malformed"},
		{21, "a signature of zeros", withSignature(strings.Repeat("\x00", 64)), 403, "forbidden"},
		{21, "a short signature", withSignature(signature[:63]), 403, "forbidden"},
		{21, "DER for a signature", withSignature("\x30\x44\x02\x20" + signature[:32] + "\x02\x20" + signature[32:]), 403, "forbidden"},
		{22, "one bit of the signature", withSignature(string(signature[0]^1) + signature[1:]), 403, "forbidden"},
		{23, "S beyond the order", withSignature(malleable()), 403, "forbidden"},
		{26, "another payload under the signature", parts[0] + "." + b64(strings.Replace(payload, "IN", "AU", 1)) + "." + parts[2], 403, "forbidden"},
		{26, "for another authority", said(`"iss":"`+registrytest.IN+`"`, `"iss":"`+registrytest.US+`"`), 403, "forbidden"},
		{27, "nested deep", said(`{`, `{"a":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+`,`), 400, "malformed"},
		{27, "iat beyond a double", said(fmt.Sprintf(`"iat":%v`, json.Number(fmt.Sprint(int64(flat["iat"].(float64))))), `"iat":9007199254740993`), 400, "malformed"},
		{27, "iat beyond any number", said(fmt.Sprintf(`"iat":%d`, int64(flat["iat"].(float64))), `"iat":1e400`), 400, "malformed"},
		{27, "iat minus zero", said(fmt.Sprintf(`"iat":%d`, int64(flat["iat"].(float64))), `"iat":-0`), 400, "malformed"},
		{28, "invalid UTF-8", said(`"IN"`, "\"I\xff\""), 400, "malformed"},
		{28, "a lone surrogate", said(`"IN"`, `"\ud800"`), 400, "malformed"},
		{28, "a byte order mark", said(`{`, "\ufeff{"), 400, "malformed"},
		{29, "iat in the future", said(fmt.Sprintf(`"iat":%d`, int64(flat["iat"].(float64))), `"iat":253402300799`), 422, "invalid"},
		{29, "iat a fraction", said(fmt.Sprintf(`"iat":%d`, int64(flat["iat"].(float64))), `"iat":1.5`), 400, "malformed"},
		{29, "iat a string", said(fmt.Sprintf(`"iat":%d`, int64(flat["iat"].(float64))), `"iat":"now"`), 400, "malformed"},
		{32, "for another register", said(`"aud":"`+registrytest.Origin, `"aud":"`+registrytest.Origin+`2`), 403, "forbidden"},
		{50, "an id with a Cyrillic letter", said("entity:"+registrytest.Varuna, "entity:"+strings.Replace(registrytest.Varuna, "A", "\u0410", 1)), 422, "invalid"},
		{50, "an id with a zero-width space", said("entity:"+registrytest.Varuna, "entity:"+registrytest.Varuna+"\u200b"), 422, "invalid"},
		{50, "an id in other case", said("entity:"+registrytest.Varuna, "entity:"+strings.ToLower(registrytest.Varuna)), 422, "invalid"},
		{50, "an id with a trailing dot", said("entity:"+registrytest.Varuna, "entity:"+registrytest.Varuna+"."), 422, "invalid"},
		{50, "a name that is not in form C", said(`"legal_name":"`, `"legal_name":"e`+"\u0301"), 400, "malformed"},
		{51, "an LEI whose sum is wrong", said("entity:"+registrytest.Varuna, "entity:"+registrytest.Varuna[:len(registrytest.Varuna)-1]+"0"), 422, "invalid"},
		{51, "a country in other case", said(`"IN"`, `"in"`), 422, "invalid"},
		{51, "a country that is none", said(`"IN"`, `"ZZ"`), 422, "invalid"},
	} {
		t.Run(fmt.Sprintf("%d %s", a.number, a.name), func(t *testing.T) {
			before := s.size()
			r := s.post("/v1/statements", "application/jose", a.statement)
			refused(t, r, a.status, a.kind)
			if s.size() != before {
				t.Errorf("the log has grown")
			}
		})
	}
	if r := s.post("/v1/statements", "application/jose", good); r.status != http.StatusOK {
		t.Errorf("the good one: %d %s", r.status, r.body)
	}
	size := s.size()
	// 31: what is submitted again has its first receipt, and is not logged twice.
	if r := s.post("/v1/statements", "application/jose", good); r.status != http.StatusOK || s.size() != size || !bytes.Contains(r.body, []byte(`"index"`)) {
		t.Errorf("31 the good one again: %d, size %d: %s", r.status, s.size(), r.body)
	}
}

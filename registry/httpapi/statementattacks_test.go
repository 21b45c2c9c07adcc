package httpapi_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func unb64(t *testing.T, part string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// forger signs statements that no officer would, with an officer's key.
type forger struct {
	*testing.T
	signer          attest.Signer
	header, payload string
	// good has the three parts of the statement that all others are made of.
	good []string
}

func (s *server) forger(c attest.Claims, signer attest.Signer) *forger {
	s.t.Helper()
	good := strings.Split(string(s.Sign(c, signer)), ".")
	if len(good) != 3 {
		s.t.Fatalf("the statement has %d parts", len(good))
	}
	return &forger{s.t, signer, unb64(s.t, good[0]), unb64(s.t, good[1]), good}
}

func (f *forger) statement() string { return strings.Join(f.good, ".") }

func (f *forger) by(signer attest.Signer, header, payload string) string {
	f.Helper()
	input := b64(header) + "." + b64(payload)
	sig, err := signer.Sign(f.Context(), []byte(input))
	if err != nil {
		f.Fatal(err)
	}
	return input + "." + b64(string(sig))
}

func changed(t *testing.T, text, from, to string) string {
	t.Helper()
	out := strings.Replace(text, from, to, 1)
	if out == text {
		t.Fatalf("%s has no %s", text, from)
	}
	return out
}

// headed is the statement under a changed header, said the one with a changed
// payload; both are signed anew.
func (f *forger) headed(from, to string) string {
	f.Helper()
	return f.by(f.signer, changed(f.T, f.header, from, to), f.payload)
}

func (f *forger) said(from, to string) string {
	f.Helper()
	return f.by(f.signer, f.header, changed(f.T, f.payload, from, to))
}

func (f *forger) withSignature(sig string) string {
	return f.good[0] + "." + f.good[1] + "." + b64(sig)
}

// mac signs with a secret that everybody has.
func (f *forger) mac(secret []byte) string {
	input := b64(changed(f.T, f.header, "EdDSA", "HS256")) + "." + f.good[1]
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(input))
	return input + "." + b64(string(m.Sum(nil)))
}

// An affront is a statement that is refused, and with what: its name begins with the
// number that docs/attacks.md has for it.
type affront struct {
	name, statement string
	status          int
	// kind is that of the problem, says what its detail says.
	kind, says string
}

// TestEveryAttackOnAStatementIsRefusedAndLogsNothing: each is signed by the officer
// whose key it names, where a signature could make a difference, so that nothing else
// is wrong with it.
func TestEveryAttackOnAStatementIsRefusedAndLogsNothing(t *testing.T) {
	s := newServer(t)
	const malformed, forbidden, invalid = 400, 403, 422
	kinds := map[int]string{malformed: "malformed", forbidden: "forbidden", invalid: "invalid", 413: "too-large"}
	var all []affront
	add := func(name, statement string, status int, says string) {
		all = append(all, affront{name, statement, status, kinds[status], says})
	}

	// Beside in-1 India has officers with keys of each kind.
	p256, p384, mixed := registrytest.ECSignerNamed("in-p256", "ES256"), registrytest.ECSignerNamed("in-p384", "ES384"), registrytest.MixedKey("in-mixed")
	mixedJWK, err := attest.JWKOf(mixed.Key())
	if err != nil {
		t.Fatal(err)
	}
	root, err := s.Root().Successor()
	if err != nil {
		t.Fatal(err)
	}
	root.IAT = attest.NumericDate(s.Clock.Now().Unix())
	india := slices.IndexFunc(root.Authorities, func(a attest.Authority) bool { return a.ID == in })
	root.Authorities[india].Officers = append(root.Authorities[india].Officers,
		attest.Officer{ID: "in-mixed", Keys: []attest.JWK{mixedJWK}}, attest.Officer{ID: "in-p256", Keys: []attest.JWK{p256.JWK()}}, attest.Officer{ID: "in-p384", Keys: []attest.JWK{p384.JWK()}})
	s.MustSubmit(root)
	s.Clock.Add(time.Minute)

	officer := registrytest.SignerNamed("in-1")
	f := s.forger(registrytest.Registration("REG-9", in, registrytest.Varuna, "IN"), officer)
	good, payload, kid := f.statement(), f.payload, officer.Key().ID()
	signature := unb64(t, f.good[2])
	if f.by(officer, f.header, payload) != good {
		t.Fatal("what is signed anew is another statement")
	}
	under := func(signer attest.Signer, alg string) string {
		return f.by(signer, strings.NewReplacer("EdDSA", alg, kid, signer.Key().ID()).Replace(f.header), payload)
	}

	// Nobody is called whom a header names.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	called := make(chan struct{}, 1)
	go func() {
		if _, err := ln.Accept(); err == nil {
			called <- struct{}{}
		}
	}()

	for _, alg := range []string{"none", "NONE", "nOnE", ""} {
		add("1 alg "+alg, f.headed(`"EdDSA"`, strconv.Quote(alg)), malformed, fmt.Sprintf("unknown alg %q", alg))
	}
	add("1 alg none without a signature", b64(changed(t, f.header, "EdDSA", "none"))+"."+f.good[1]+".", malformed, "signature: is empty")
	pub := officer.Key().Public().(ed25519.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(officer.Key())
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string][]byte{"bytes": pub, "DER": der, "JWK": jwk, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})} {
		add("2 HS256 with the public key as "+name, f.mac(secret), malformed, `unknown alg "HS256"`)
	}
	for _, c := range []struct {
		signer attest.Signer
		alg    string
	}{{officer, "ES256"}, {officer, "ES384"}, {p256, "EdDSA"}, {p256, "ES384"}, {p384, "EdDSA"}, {p384, "ES256"}} {
		add("3 "+c.alg+" under a key for "+c.signer.Key().Algorithm(), under(c.signer, c.alg), forbidden, "")
	}
	add("3 Ed25519 for EdDSA", f.headed(`"EdDSA"`, `"Ed25519"`), malformed, `unknown alg "Ed25519"`)
	priv, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range []string{"RS256", "PS256"} {
		header := changed(t, f.header, "EdDSA", alg)
		sum := sha256.Sum256([]byte(b64(header) + "." + f.good[1]))
		var o crypto.SignerOpts = crypto.SHA256
		if alg == "PS256" {
			o = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
		}
		sig, err := priv.Sign(rand.Reader, sum[:], o)
		if err != nil {
			t.Fatal(err)
		}
		add("3 "+alg, b64(header)+"."+f.good[1]+"."+b64(string(sig)), malformed, "unknown alg "+strconv.Quote(alg))
	}
	add("4 alg missing", f.headed(`"alg":"EdDSA",`, ``), malformed, "header")
	add("4 alg a number", f.headed(`"EdDSA"`, `1`), malformed, "header")
	add("4 alg an array", f.headed(`"EdDSA"`, `["EdDSA"]`), malformed, "header")
	stranger, err := json.Marshal(registrytest.SignerNamed("mallory").Key())
	if err != nil {
		t.Fatal(err)
	}
	add("5 a stranger's key embedded", f.by(registrytest.SignerNamed("mallory"), changed(t, f.header, `"kid"`, `"jwk":`+string(stranger)+`,"kid"`), payload), malformed, "header: /jwk")
	for _, u := range []string{"http://169.254.169.254/", "file:///etc/passwd", "http://" + ln.Addr().String() + "/"} {
		add("6 jku "+u, f.headed(`"kid"`, `"jku":"`+u+`","kid"`), malformed, "header: /jku")
		add("6 x5u "+u, f.headed(`}`, `,"x5u":"`+u+`"}`), malformed, "header: /x5u")
	}
	add("7 x5c", f.headed(`}`, `,"x5c":["`+base64.StdEncoding.EncodeToString(der)+`"]}`), malformed, "header: /x5c")
	for name, k := range map[string]string{"a path": "../../etc/passwd", "SQL": "' OR 1=1 --", "a look-alike": strings.Replace(kid, kid[:1], "\u0430", 1), "empty": "", "with bits to spare": kid[:42] + "_", "padded": kid + "="} {
		add("8 kid "+name, f.headed(kid, k), forbidden, "is no key of authority auth-in")
	}
	add("8 kid with NUL", f.headed(kid, `\u0000`), malformed, "header")
	add("8 kid of a megabyte", f.headed(kid, strings.Repeat("A", 1<<20)), 413, "61440 bytes")
	add("8 kid as long as fits", f.headed(kid, strings.Repeat("A", 40<<10)), malformed, "")
	add("8 kid twice", good+"\n"+good, malformed, "ascending by kid")
	add("8 kid of another authority's officer", under(registrytest.SignerNamed("us-1"), "EdDSA"), forbidden, "is no key of authority auth-in")
	add("8 kid of a root officer", under(registrytest.SignerNamed("root-1"), "EdDSA"), forbidden, "is no key of authority auth-in")
	add("8 kid of a log key", under(registrytest.SignerNamed("log"), "EdDSA"), forbidden, "is no key of authority auth-in")
	add("8 kid absent", f.headed(`"kid":"`+kid+`",`, ``), malformed, "header")
	const typ = "safeconduct-registration+jwt"
	for name, other := range map[string]string{
		"of a trust root": "safeconduct-root+jwt", "of a domain approval": domainTyp, "of a consent": "safeconduct-consent+jwt", "of an event": eventTyp,
		"of an event on an entity": "safeconduct-entity-event+jwt", "of a succession": "safeconduct-succession+jwt", "of a freeze": "safeconduct-freeze+jwt",
		"of a receipt": "safeconduct-decision+jwt", "of a key binding": "kb+jwt", "of any JWT": "JWT",
		"with application/": "application/" + typ, "in other case": strings.ToUpper(typ), "empty": "",
	} {
		add("9 typ "+name, f.headed(typ, other), malformed, "")
	}
	add("9 typ of an approval", f.headed(typ, approvalTyp), invalid, "/vct")
	add("9 typ missing", f.headed(`,"typ":"`+typ+`"`, ``), malformed, "header")
	for name, crit := range map[string]string{"unknown": `["x"]`, "empty": `[]`, "twice": `["b64","b64"]`, "of standard names": `["alg"]`} {
		add("10 crit "+name, f.headed(`"kid"`, `"crit":`+crit+`,"kid"`), malformed, "header: /crit")
	}
	add("11 b64 false", f.headed(`"kid"`, `"b64":false,"kid"`), malformed, "header: /b64")
	add("11 b64 true", f.headed(`"kid"`, `"b64":true,"kid"`), malformed, "header: /b64")
	add("11 b64 false, and crit names it", f.headed(`"kid"`, `"b64":false,"crit":["b64"],"kid"`), malformed, "header: /")
	add("12 zip", f.headed(`}`, `,"zip":"DEF"}`), malformed, "header: /zip")
	add("13 a member of the header twice", f.headed(`{`, `{"alg":"none",`), malformed, "stands twice")
	add("13 a member of the header twice, escaped", f.headed(`{`, `{"\u0061lg":"none",`), malformed, "stands twice")
	add("14 a member of the payload twice", f.said(`"iss":`, `"iss":"auth-us","iss":`), malformed, "stands twice")
	add("14 a member of the payload twice, the other first", f.said(`"iss":"auth-in"`, `"iss":"auth-in","iss":"auth-us"`), malformed, "stands twice")
	add("14 a member of the payload twice, escaped", f.said(`"iss":`, `"\u0069ss":"auth-us","iss":`), malformed, "stands twice")
	add("15 a member of the header in other case", f.headed(`"alg"`, `"Alg"`), malformed, "header: /Alg")
	add("15 a member in other case", f.by(officer, f.header, `{"Iss":"auth-in",`+changed(t, payload, `"iss":"auth-in",`, "")[1:]), malformed, "unknown member")
	add("15 a member in other case beside it", f.said(`{`, `{"ISS":"auth-us",`), malformed, "unknown member")
	add("16 an unknown claim", f.said(`{`, `{"admin":true,`), malformed, "unknown member")
	add("16 a claim of crit", f.said(`"exp":`, `"crit":["x"],"exp":`), malformed, "unknown member")
	add("17 padding", good+"=", malformed, "base64url")
	add("17 white space behind", good+" ", malformed, "base64url")
	add("17 white space in front", " "+good, malformed, "base64url")
	add("17 a line end within", good[:40]+"\r\n"+good[40:], malformed, "")
	add("17 the other alphabet", strings.NewReplacer("-", "+", "_", "/").Replace(good), malformed, "base64url")
	add("17 bits to spare", good[:len(good)-1]+string("BCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_A"[strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", good[len(good)-1])]), malformed, "base64url")
	add("18 two parts", f.good[0]+"."+f.good[1], malformed, "header.payload.signature")
	add("18 four parts", good+".AA", malformed, "header.payload.signature")
	add("18 dots", strings.Repeat(".", 1<<15), malformed, "header.payload.signature")
	add("18 ten million dots", strings.Repeat(".", 10_000_000), 413, "61440 bytes")
	flattened := fmt.Sprintf(`"protected":%q,"signature":%q`, f.good[0], f.good[2])
	add("19 the JSON serialization", fmt.Sprintf(`{"payload":%q,%s}`, f.good[1], flattened), malformed, "header.payload.signature")
	add("19 the JSON serialization, two signatures", fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":"AA"},{%s}]}`, f.good[1], f.good[0], flattened), malformed, "header.payload.signature")
	two := []string{good, under(registrytest.SignerNamed("mallory"), "EdDSA")}
	if registrytest.SignerNamed("mallory").Key().ID() < kid {
		slices.Reverse(two)
	}
	add("19 two signatures, one of them a stranger's", strings.Join(two, "\n"), forbidden, "is no key of authority auth-in")
	add("20 a detached payload", f.good[0]+".."+f.good[2], malformed, "payload: is empty")
	add("21 a signature of zeros", f.withSignature(strings.Repeat("\x00", 64)), forbidden, "")
	add("21 a short signature", f.withSignature(signature[:63]), forbidden, "")
	add("21 a long signature", f.withSignature(signature+"\x00"), forbidden, "")
	for _, ec := range []*registrytest.ECSigner{p256, p384} {
		alg := ec.Key().Algorithm()
		input := b64(strings.NewReplacer("EdDSA", alg, kid, ec.Key().ID()).Replace(f.header)) + "." + f.good[1]
		r, v := ec.RS([]byte(input))
		n, size := ec.Order(), (ec.Order().BitLen()+7)/8
		low, err := ec.Key().FromRS(r, v)
		if err != nil {
			t.Fatal(err)
		}
		lowS := new(big.Int).SetBytes(low[size:])
		rs := func(r, s *big.Int) string {
			return input + "." + b64(string(append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)))
		}
		asDER, err := asn1.Marshal(struct{ R, S *big.Int }{r, lowS})
		if err != nil {
			t.Fatal(err)
		}
		add("21 r and s zero, "+alg, rs(new(big.Int), new(big.Int)), forbidden, "")
		add("21 r zero, "+alg, rs(new(big.Int), lowS), forbidden, "")
		add("21 s zero, "+alg, rs(r, new(big.Int)), forbidden, "")
		add("21 r the order, "+alg, rs(n, lowS), forbidden, "")
		add("21 s the order, "+alg, rs(r, n), forbidden, "")
		add("21 r all ones, "+alg, rs(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(8*size)), big.NewInt(1)), lowS), forbidden, "")
		add("21 DER, "+alg, input+"."+b64(string(asDER)), forbidden, "")
		add("21 a byte too few, "+alg, input+"."+b64(string(low[1:])), forbidden, "")
		add("22 the higher s, "+alg, rs(r, new(big.Int).Sub(n, lowS)), forbidden, "low-s")
	}
	add("22 one bit of the signature", f.withSignature(string(signature[0]^1)+signature[1:]), forbidden, "does not verify")
	add("23 S not reduced", f.withSignature(string(registrytest.NotReduced([]byte(signature)))), forbidden, "does not verify")
	add("23 R of mixed order", under(registrytest.MixedR("in-1"), "EdDSA"), forbidden, "does not verify")
	add("23 a key of mixed order", under(mixed, "EdDSA"), forbidden, "does not verify")
	add("23 R of small order and S zero", f.withSignature("\x01"+strings.Repeat("\x00", 63)), forbidden, "does not verify")

	// Keys are named by trust roots, and by approvals in cnf.
	root, err = s.Root().Successor()
	if err != nil {
		t.Fatal(err)
	}
	root.IAT = attest.NumericDate(s.Clock.Now().Unix())
	holder := s.approval(func(a *attest.EntityApproval) {
		a.Confirmation = &attest.Confirmation{JWK: registrytest.SignerNamed("holder").JWK()}
	})
	spelled := func(j attest.JWK) string {
		data, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for name, c := range unfitKeys(t) {
		inRoot, inApproval := c.says, c.says
		if c.status == invalid {
			inRoot, inApproval = "/authorities/1/officers/0/keys/0: ", "/cnf/jwk: "
		}
		add(name+", in a trust root", s.forge(root, "safeconduct-root+jwt", func(g *forgery) {
			g.signers = []string{"root-1", "root-2"}
			g.payload = changed(t, g.payload, spelled(registrytest.SignerNamed("us-1").JWK()), c.jwk)
		}), c.status, inRoot)
		add(name+", in cnf", s.forge(holder, approvalTyp, func(g *forgery) {
			g.payload = changed(t, g.payload, spelled(registrytest.SignerNamed("holder").JWK()), c.jwk)
		}), c.status, inApproval)
	}
	add("8 a key twice in a trust root", s.forge(root, "safeconduct-root+jwt", func(g *forgery) {
		g.signers = []string{"root-1", "root-2"}
		g.payload = changed(t, g.payload, spelled(registrytest.SignerNamed("us-1").JWK()), spelled(registrytest.SignerNamed("us-2").JWK()))
	}), invalid, "")

	add("26 another payload under the signature", f.good[0]+"."+b64(changed(t, payload, "IN", "AU"))+"."+f.good[2], forbidden, "does not verify")
	add("26 for another authority", f.said(`"iss":"`+in+`"`, `"iss":"`+us+`"`), forbidden, "is no key of authority auth-us")
	theirs := strings.Split(string(s.Sign(registrytest.Registration("REG-9", us, registrytest.Halcyon, "US"), registrytest.SignerNamed("us-1"))), ".")
	add("26 the signature of what another authority said", f.good[0]+"."+f.good[1]+"."+theirs[2], forbidden, "does not verify")
	add("26 what another authority said under the signature", f.good[0]+"."+theirs[1]+"."+f.good[2], forbidden, "")
	add("26 another authority's line beside one's own", strings.Join([]string{good, strings.Join(theirs, ".")}, "\n"), malformed, "")

	var flat struct{ IAT int64 }
	if err := json.Unmarshal([]byte(payload), &flat); err != nil {
		t.Fatal(err)
	}
	iat := func(to string) string { return f.said(fmt.Sprintf(`"iat":%d`, flat.IAT), `"iat":`+to) }
	after := func(d time.Duration) string { return strconv.FormatInt(s.Clock.Now().Add(d).Unix(), 10) }
	add("27 nested deep", f.said(`{`, `{"a":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+`,`), malformed, "")
	for name, n := range map[string]string{"beyond a double": "9007199254740993", "beyond any number": "1e400", "minus zero": "-0", "with an exponent": "1e9", "NaN": "NaN", "Infinity": "-Infinity"} {
		add("27 iat "+name, iat(n), malformed, "")
	}
	add("28 invalid UTF-8", f.said(`"IN"`, "\"I\xff\""), malformed, "")
	add("28 a lone surrogate", f.said(`"IN"`, `"\ud800"`), malformed, "")
	add("28 a byte order mark", f.said(`{`, "\ufeff{"), malformed, "")
	add("28 U+2028 escaped", f.said(`"IN"`, `"\u2028"`), malformed, "canonical form")
	add("28 U+2028 in a country", f.said(`"IN"`, "\"\u2028\""), invalid, "/country")
	add("29 iat five minutes and a second to come", iat(after(5*time.Minute+2*time.Second)), invalid, "/iat")
	add("29 iat fourteen days and a second ago", iat(after(-14*24*time.Hour-time.Second)), invalid, "/iat")
	add("29 iat in milliseconds", iat(strconv.FormatInt(s.Clock.Now().UnixMilli(), 10)), invalid, "/iat")
	add("29 iat at the end of time", iat("253402300799"), invalid, "/iat")
	add("29 iat beyond it", iat("253402300800"), invalid, "/iat")
	add("29 iat negative", iat("-1"), invalid, "/iat")
	add("29 iat zero", iat("0"), malformed, "/iat")
	add("29 iat a fraction", iat("1.5"), malformed, "/iat")
	add("29 iat a string", iat(`"now"`), malformed, "/iat")
	var grant struct{ NBF, EXP int64 }
	if err := json.Unmarshal([]byte(payload), &grant); err != nil {
		t.Fatal(err)
	}
	exp := fmt.Sprintf(`"exp":%d`, grant.EXP)
	add("29 exp at nbf", f.said(exp, fmt.Sprintf(`"exp":%d`, grant.NBF)), invalid, "/exp")
	add("29 exp before nbf", f.said(exp, fmt.Sprintf(`"exp":%d`, grant.NBF-1)), invalid, "/exp")
	add("29 exp beyond the end of time", f.said(exp, `"exp":253402300800`), invalid, "/exp")
	add("29 exp a fraction", f.said(exp, exp+".5"), malformed, "/exp")
	add("29 nbf negative", f.said(fmt.Sprintf(`"nbf":%d`, grant.NBF), `"nbf":-1`), invalid, "/nbf")

	for name, aud := range map[string]string{"another": registrytest.Origin + "2", "a host with a trailing dot": "example.org./register", "a path with dots": "example.org/../register", "a subdomain": "evil." + registrytest.Origin} {
		add("32 for another register: "+name, f.said(`"aud":"`+registrytest.Origin+`"`, `"aud":"`+aud+`"`), forbidden, "/aud")
	}
	for name, aud := range map[string]string{
		"in other case": "Example.org/register", "with a slash more": registrytest.Origin + "/", "with a port": "example.org:443/register", "with a user": "user@example.org/register", "of IPv6": "[::1]/register",
		"percent-encoded": "example%2eorg/register", "with a Cyrillic letter": "ex\u0430mple.org/register", "with a scheme": "https://example.org/register", "a wildcard": "*.example.org/register",
	} {
		add("50 an origin "+name, f.said(`"aud":"`+registrytest.Origin+`"`, `"aud":"`+aud+`"`), invalid, "/aud")
	}
	for name, of := range map[string]func(string) string{
		"a Cyrillic letter": func(id string) string { return strings.Replace(id, "A", "\u0410", 1) },
		"fullwidth letters": func(id string) string { return strings.Replace(id, "V", "\uff36", 1) },
		"a zero-width space": func(id string) string {
			return id + "\u200b"
		},
		"other case":                   strings.ToLower,
		"a trailing dot":               func(id string) string { return id + "." },
		"dots":                         func(id string) string { return "lei:../" + id },
		"a letter percent-encoded":     func(id string) string { return strings.Replace(id, "V", "%56", 1) },
		"white space":                  func(id string) string { return id + " " },
		"a scheme of Cyrillic letters": func(id string) string { return strings.Replace(id, "lei", "l\u0435i", 1) },
		"a scheme in other case":       func(id string) string { return strings.Replace(id, "lei", "LEI", 1) },
		"a wildcard":                   func(string) string { return "lei:*" },
	} {
		add("50 an id with "+name, f.said("entity:"+registrytest.Varuna, "entity:"+of(registrytest.Varuna)), invalid, "/sub")
	}
	add("50 an authority in other case", f.said(`"iss":"`+in, `"iss":"Auth-in`), invalid, "/iss")
	add("50 a name that is not in form C", f.said(`"legal_name":"`, `"legal_name":"e`+"\u0301"), malformed, "/legal_name")
	add("51 an LEI whose sum is wrong", f.said("entity:"+registrytest.Varuna, "entity:"+registrytest.Varuna[:len(registrytest.Varuna)-1]+"0"), invalid, "/sub")
	add("51 an LEI too long", f.said("entity:"+registrytest.Varuna, "entity:"+registrytest.Varuna+"0"), invalid, "/sub")
	add("51 a country in other case", f.said(`"IN"`, `"in"`), invalid, "/country")
	add("51 a country that is none", f.said(`"IN"`, `"ZZ"`), invalid, "/country")
	add("51 a country of three letters", f.said(`"IN"`, `"IND"`), invalid, "/country")

	conditioned := s.approval(func(a *attest.EntityApproval) { a.Conditions = &attest.Conditions{ChangeOfControl: attest.AutoSuspend} })
	told := func(c attest.Claims, typ, from, to string) string {
		return s.forge(c, typ, func(g *forgery) { g.payload = changed(t, g.payload, from, to) })
	}
	add("52 an unknown condition", told(conditioned, approvalTyp, `"change_of_control":"auto_suspend"`, `"expression":"true"`), malformed, "/conditions/expression")
	add("52 an unknown value of a condition", told(conditioned, approvalTyp, `"auto_suspend"`, `"auto_permit"`), invalid, "/conditions/change_of_control")
	add("52 an unknown version of the vocabulary", told(conditioned, approvalTyp, attest.VCT, strings.Replace(attest.VCT, ":1", ":2", 1)), invalid, "/vct")
	add("52 an unknown term", told(registrytest.Domain("domain-in", in), domainTyp, `"allowed_end_uses"`, `"allowed_end_use_patterns":["(a+)+$"],"allowed_end_uses"`), malformed, "/terms/allowed_end_use_patterns")
	add("52 an unknown list", told(registrytest.Domain("domain-in", in), domainTyp, `"US_CCL"`, `"US_CCL2"`), invalid, "/terms/in_scope")

	for _, a := range all {
		t.Run(a.name, func(t *testing.T) {
			before := s.size()
			p := refused(t, s.post("/v1/statements", jose, a.statement), a.status, a.kind)
			if !strings.Contains(p.Detail, a.says) {
				t.Errorf("the detail is %q, want it to say %q", p.Detail, a.says)
			}
			if s.size() != before {
				t.Errorf("the log has grown")
			}
		})
	}
	select {
	case <-called:
		t.Error("6 the address in a header was called")
	default:
	}

	first := s.post("/v1/statements", jose, good)
	if first.status != http.StatusOK {
		t.Errorf("the good one: %d %s", first.status, first.body)
	}
	size := s.size()
	for name, again := range map[string]string{
		"31 the good one again":                     good,
		"22 the same, signed by another officer":    under(p256, "ES256"),
		"22 the same, with another ECDSA signature": under(p256, "ES256"),
	} {
		if r := s.post("/v1/statements", jose, again); !bytes.Equal(r.body, first.body) || s.size() != size {
			t.Errorf("%s: %d, size %d, was %d: %s", name, r.status, s.size(), size, r.body)
		}
	}
	// The bounds of time are the last that is taken.
	for name, at := range map[string]time.Duration{"29 iat five minutes to come": 5 * time.Minute, "29 iat nearly fourteen days ago": -14*24*time.Hour + 2*time.Second} {
		next := registrytest.Approval("AT-"+strconv.Itoa(int(at.Hours())+1000), in, registrytest.Halcyon, "US")
		next.IAT = attest.NumericDate(s.Clock.Now().Add(at).Unix())
		if r := s.post("/v1/statements", jose, string(s.Sign(next))); r.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

type unfitKey struct {
	jwk    string
	status int
	says   string
}

// unfitKeys are keys that nobody may have, by number and name.
func unfitKeys(t *testing.T) map[string]unfitKey {
	t.Helper()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	ed := func(x []byte) string {
		return `{"alg":"EdDSA","crv":"Ed25519","kty":"OKP","x":"` + b64(string(x)) + `"}`
	}
	ec := func(alg, crv string, x, y []byte) string {
		return `{"alg":"` + alg + `","crv":"` + crv + `","kty":"EC","x":"` + b64(string(x)) + `","y":"` + b64(string(y)) + `"}`
	}
	rsaKey := func(alg string, e, n []byte) string {
		return `{"alg":"` + alg + `","e":"` + b64(string(e)) + `","kty":"RSA","n":"` + b64(string(n)) + `"}`
	}
	p256 := registrytest.ECSignerNamed("unfit", "ES256").JWK()
	x, y := []byte(unb64(t, p256.X)), []byte(unb64(t, p256.Y))
	off := slices.Clone(y)
	off[31] ^= 1
	prime, _ := new(big.Int).SetString("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", 16)
	out := map[string]unfitKey{
		"24 RSA of 1,024 bits":                    {rsaKey("RS256", []byte{1, 0, 1}, weak.N.Bytes()), 400, "unknown member"},
		"24 RSA with the exponent 1":              {rsaKey("RS256", []byte{1}, weak.N.Bytes()), 400, "unknown member"},
		"24 RSA with the exponent 3":              {rsaKey("PS256", []byte{3}, weak.N.Bytes()), 400, "unknown member"},
		"24 a point off its curve":                {ec("ES256", "P-256", x, off), 422, ""},
		"24 a point of zeros":                     {ec("ES256", "P-256", make([]byte, 32), make([]byte, 32)), 422, ""},
		"24 a coordinate beyond the prime":        {ec("ES256", "P-256", new(big.Int).Add(prime, big.NewInt(5)).Bytes(), y), 422, ""},
		"24 a P-256 key as one of P-384":          {ec("ES384", "P-384", x, y), 422, ""},
		"24 a P-256 key for ES384":                {ec("ES384", "P-256", x, y), 422, ""},
		"24 a key of secp256k1":                   {ec("ES256K", "secp256k1", x, y), 422, ""},
		"24 a key of Ed448":                       {`{"alg":"EdDSA","crv":"Ed448","kty":"OKP","x":"` + b64(strings.Repeat("x", 57)) + `"}`, 422, ""},
		"24 a key for EdDSA that is one of P-256": {`{"alg":"EdDSA","crv":"P-256","kty":"EC","x":"` + p256.X + `","y":"` + p256.Y + `"}`, 422, ""},
		"2 a symmetric key":                       {`{"alg":"HS256","k":"AAAA","kty":"oct"}`, 400, "unknown member"},
		"25 a private key":                        {`{"alg":"EdDSA","crv":"Ed25519","d":"` + b64(strings.Repeat("d", 32)) + `","kty":"OKP","x":"` + registrytest.SignerNamed("unfit").JWK().X + `"}`, 400, "unknown member"},
		"25 a private ECDSA key":                  {`{"alg":"ES256","crv":"P-256","d":"` + b64(strings.Repeat("d", 32)) + `","kty":"EC","x":"` + p256.X + `","y":"` + p256.Y + `"}`, 400, "unknown member"},
	}
	for name, point := range map[string]string{
		"zero": "0000000000000000000000000000000000000000000000000000000000000000", "the neutral one": "0100000000000000000000000000000000000000000000000000000000000000",
		"of order two": "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "of order eight": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"of order eight, the other": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", "the neutral one, not reduced": "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		var b []byte
		if _, err := fmt.Sscanf(point, "%x", &b); err != nil {
			t.Fatal(err)
		}
		out["23 a key of small order, "+name] = unfitKey{ed(b), 422, ""}
	}
	return out
}

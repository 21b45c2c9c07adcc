package presentation_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/presentation"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// refusal is a presentation that is refused, and at which step.
type refusal struct {
	p    []byte
	step string
	// late is how far the verifier's clock is ahead, of what it is.
	late time.Duration
}

// The names begin with the numbers that docs/attacks.md has for them. Each is bound
// by the key of the approval, where a signature could make a difference.
func TestEveryAttackIsRefusedByName(t *testing.T) {
	s := play(t)
	p256, p384, mixed := rt.ECSignerNamed("corvus", "ES256"), rt.ECSignerNamed("corvus", "ES384"), rt.MixedKey("corvus")
	mixedJWK, err := attest.JWKOf(mixed.Key())
	if err != nil {
		t.Fatal(err)
	}
	byP256, byP384, byMixed := s.with(p256, p256.JWK()), s.with(p384, p384.JWK()), s.with(mixed.Agreed(), mixedJWK)
	s.evidence = s.prove()
	// It is the evidence of a minute ago: the log is quiet.
	s.r.Clock.Add(time.Minute)
	good := s.make(s.bound(), s.disclosures...)
	rows := map[string]refusal{}
	add := func(name string, p []byte, step string) {
		if _, twice := rows[name]; twice {
			t.Fatalf("%s stands twice", name)
		}
		rows[name] = refusal{p: p, step: step}
	}
	sd := func(name string, change func(sd string) string, step string) { add(name, recut(t, good, change), step) }
	headed := func(name, header string) { add(name, s.reboundBy(good, header, nil, s.signed), presentation.StepKey) }
	member := func(name string, claim string, value any, step string) {
		add(name, s.reboundBy(good, kbHeader, func(c map[string]any) { c[claim] = value }, s.signed), step)
	}
	written := func(name string, change func(payload string) string) {
		add(name, s.rewritten(good, change), presentation.StepKey)
	}
	signature := func(name string, sign func(input string) []byte) {
		add(name, s.reboundBy(good, kbHeader, nil, sign), presentation.StepKey)
	}
	by := func(signer attest.Signer) func(string) []byte {
		return func(input string) []byte {
			sig, err := signer.Sign(t.Context(), []byte(input))
			if err != nil {
				t.Fatal(err)
			}
			return sig
		}
	}
	head := func(alg string) string { return `{"alg":"` + alg + `","typ":"kb+jwt"}` }

	for _, alg := range []string{"none", "NONE", "nOnE", ""} {
		headed("1 alg "+alg, head(alg))
	}
	add("1 alg none without a signature", s.reboundBy(good, head("none"), nil, func(string) []byte { return nil }), presentation.StepKey)
	pub := s.holder.Key().Public().(ed25519.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(s.holder.Key())
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string][]byte{"bytes": pub, "DER": der, "JWK": jwk, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})} {
		add("2 HS256 with the public key as "+name, s.reboundBy(good, head("HS256"), nil, func(input string) []byte {
			m := hmac.New(sha256.New, secret)
			m.Write([]byte(input))
			return m.Sum(nil)
		}), presentation.StepKey)
	}
	for _, c := range []struct {
		of  *scene
		alg string
	}{{s, "ES256"}, {s, "ES384"}, {byP256, "EdDSA"}, {byP256, "ES384"}, {byP384, "EdDSA"}, {byP384, "ES256"}, {s, "Ed25519"}, {byP256, "RS256"}, {byP256, "PS256"}} {
		add("3 "+c.alg+" under a key for "+c.of.holder.Key().Algorithm(), c.of.reboundBy(c.of.make(c.of.bound()), head(c.alg), nil, c.of.signed), presentation.StepKey)
	}
	headed("4 alg missing", `{"typ":"kb+jwt"}`)
	headed("4 alg a number", `{"alg":1,"typ":"kb+jwt"}`)
	headed("4 alg an array", `{"alg":["EdDSA"],"typ":"kb+jwt"}`)
	stranger, err := json.Marshal(rt.SignerNamed("us-1").Key())
	if err != nil {
		t.Fatal(err)
	}
	add("5 a stranger's key embedded", s.reboundBy(good, `{"alg":"EdDSA","jwk":`+string(stranger)+`,"typ":"kb+jwt"}`, nil, by(rt.SignerNamed("us-1"))), presentation.StepKey)
	for _, u := range []string{"http://169.254.169.254/", "file:///etc/passwd"} {
		headed("6 jku "+u, `{"alg":"EdDSA","jku":"`+u+`","typ":"kb+jwt"}`)
		headed("6 x5u "+u, `{"alg":"EdDSA","typ":"kb+jwt","x5u":"`+u+`"}`)
	}
	headed("7 x5c", `{"alg":"EdDSA","typ":"kb+jwt","x5c":["`+base64.StdEncoding.EncodeToString(der)+`"]}`)
	for name, kid := range map[string]string{"of its own": s.holder.Key().ID(), "a path": "../../etc/passwd", "SQL": "' OR 1=1 --", "NUL": `\u0000`, "a look-alike": "\u0430", "of another": rt.SignerNamed("us-1").Key().ID()} {
		headed("8 kid "+name, `{"alg":"EdDSA","kid":"`+kid+`","typ":"kb+jwt"}`)
	}
	add("8 kid of a megabyte", s.reboundBy(good, `{"alg":"EdDSA","kid":"`+strings.Repeat("k", 1<<20)+`","typ":"kb+jwt"}`, nil, s.signed), presentation.StepForm)
	headed("9 no typ", `{"alg":"EdDSA"}`)
	for _, typ := range []string{"dc+sd-jwt", "safeconduct-registration+jwt", "safeconduct-decision+jwt", "JWT", "KB+JWT", "application/kb+jwt", "kb+jwt ", ""} {
		headed("9 typ "+typ, `{"alg":"EdDSA","typ":"`+typ+`"}`)
	}
	sd("9 the approval itself for a key binding", func(sd string) string { return sd[:strings.LastIndexByte(sd, '~')+1] + tilde(sd)[0] }, presentation.StepKey)
	for name, crit := range map[string]string{"empty": `[]`, "unknown": `["x"]`, "twice": `["b64","b64"]`, "of standard names": `["alg"]`} {
		headed("10 crit "+name, `{"alg":"EdDSA","crit":`+crit+`,"typ":"kb+jwt"}`)
	}
	headed("11 b64 true", `{"alg":"EdDSA","b64":true,"typ":"kb+jwt"}`)
	headed("11 b64 false, and crit names it", `{"alg":"EdDSA","b64":false,"crit":["b64"],"typ":"kb+jwt"}`)
	headed("12 zip", `{"alg":"EdDSA","typ":"kb+jwt","zip":"DEF"}`)
	headed("13 a member twice", `{"alg":"EdDSA","alg":"EdDSA","typ":"kb+jwt"}`)
	headed("13 a member twice, escaped", `{"\u0061lg":"none","alg":"EdDSA","typ":"kb+jwt"}`)
	written("14 a claim twice", func(p string) string { return `{"nonce":"n-old",` + p[1:] })
	written("14 a claim twice, escaped", func(p string) string { return `{"\u006eonce":"n-old",` + p[1:] })
	headed("15 a member of the header in other case", `{"Alg":"EdDSA","typ":"kb+jwt"}`)
	written("15 a claim in other case", func(p string) string { return strings.Replace(p, `"aud"`, `"Aud"`, 1) })
	written("15 a claim in other case beside it", func(p string) string { return `{"AUD":"` + audience + `",` + p[1:] })
	member("16 an unknown claim", "exp", 1, presentation.StepKey)
	member("16 a claim of crit", "crit", []any{"x"}, presentation.StepKey)
	sd("17 padding", func(sd string) string { return sd + "=" }, presentation.StepForm)
	sd("17 white space", func(sd string) string { return sd + " " }, presentation.StepForm)
	sd("17 the other alphabet", func(sd string) string { return sd[:len(sd)-4] + "+/AA" }, presentation.StepForm)
	sd("17 bits to spare", func(sd string) string {
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_A"
		return sd[:len(sd)-1] + string(alphabet[strings.IndexByte(alphabet, sd[len(sd)-1])+1])
	}, presentation.StepKey)
	sd("18 two parts", func(sd string) string { return sd[:strings.LastIndexByte(sd, '.')] }, presentation.StepKey)
	sd("18 four parts", func(sd string) string { return sd + ".AA" }, presentation.StepKey)
	sd("18 dots", func(sd string) string { return sd + strings.Repeat(".", 1<<18) }, presentation.StepForm)
	sd("18 ten million dots", func(sd string) string { return sd + strings.Repeat(".", 10_000_000) }, presentation.StepForm)
	sd("18 tildes", func(sd string) string { return strings.Repeat("~", 1<<16) + sd }, presentation.StepForm)
	add("19 the JSON serialization", bytes.Replace(good, []byte(`"sd_jwt":"`), []byte(`"sd_jwt":{"payload":"`), 1), presentation.StepForm)
	sd("19 two key bindings, one of them good", func(sd string) string { return sd + "~" + sd[strings.LastIndexByte(sd, '~')+1:] }, presentation.StepForm)
	sd("20 a detached payload", func(sd string) string {
		i, j := strings.LastIndexByte(sd, '~'), strings.LastIndexByte(sd, '.')
		return sd[:i] + "~" + strings.Split(sd[i+1:], ".")[0] + "." + sd[j:]
	}, presentation.StepKey)
	signature("21 a signature of zeros", func(string) []byte { return make([]byte, 64) })
	signature("21 a short signature", func(input string) []byte { return s.signed(input)[:63] })
	signature("21 a long signature", func(input string) []byte { return append(s.signed(input), 0) })
	for ec, of := range map[*rt.ECSigner]*scene{p256: byP256, p384: byP384} {
		alg, n := ec.Key().Algorithm(), ec.Order()
		whole := of.make(of.bound())
		for name, change := range map[string]func(r, v *big.Int) []byte{
			"r and s zero": func(_, _ *big.Int) []byte { return numbers(ec, new(big.Int), new(big.Int)) },
			"r zero":       func(_, v *big.Int) []byte { return numbers(ec, new(big.Int), v) },
			"s zero":       func(r, _ *big.Int) []byte { return numbers(ec, r, new(big.Int)) },
			"r the order":  func(_, v *big.Int) []byte { return numbers(ec, n, v) },
			"s the order":  func(r, _ *big.Int) []byte { return numbers(ec, r, n) },
			"a byte too few": func(r, v *big.Int) []byte {
				return numbers(ec, r, v)[1:]
			},
			"DER": func(r, v *big.Int) []byte {
				b, err := asn1.Marshal(struct{ R, S *big.Int }{r, v})
				if err != nil {
					t.Fatal(err)
				}
				return b
			},
		} {
			add("21 "+name+", "+alg, of.reboundBy(whole, head(alg), nil, func(input string) []byte { return change(ec.RS([]byte(input))) }), presentation.StepKey)
		}
	}
	signature("23 S not reduced", func(input string) []byte { return rt.NotReduced(s.signed(input)) })
	signature("23 R of mixed order", by(rt.MixedR("varuna")))
	signature("23 R of small order and S zero", func(string) []byte { return append([]byte{1}, make([]byte, 63)...) })
	add("23 a key of mixed order", s.reboundBy(byMixed.make(byMixed.bound()), kbHeader, nil, by(mixed)), presentation.StepKey)
	signature("26 signed by another key", by(rt.SignerNamed("us-1")))
	sd("26 another payload", func(sd string) string { return strings.Replace(sd, ".eyJ", ".eyK", 2) }, presentation.StepApproval)
	sd("26 another claim under the signature", func(sd string) string {
		i := strings.LastIndexByte(sd, '~') + 1
		parts := strings.Split(sd[i:], ".")
		data, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		return sd[:i] + parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(data), nonce, "n-1S6_WzA2Mj", 1))) + "." + parts[2]
	}, presentation.StepKey)
	sd("26 the key binding of another presentation", func(sd string) string {
		theirs := byP256.make(byP256.bound())
		i, j := bytes.LastIndexByte(theirs, '~'), bytes.LastIndex(theirs, []byte(`","type"`))
		return sd[:strings.LastIndexByte(sd, '~')] + string(theirs[i:j])
	}, presentation.StepKey)
	for name, iat := range map[string]string{"too large": "1e400", "beyond a double": "9007199254740993", "a fraction": "1.5", "minus zero": "-0"} {
		member("27 iat "+name, "iat", json.Number(iat), presentation.StepKey)
	}
	written("27 iat NaN", func(p string) string { return strings.Replace(p, `"iat":`, `"iat":NaN,"x":`, 1) })
	member("27 nested deep", "x", json.RawMessage(strings.Repeat("[", 1000)+strings.Repeat("]", 1000)), presentation.StepKey)
	written("28 invalid UTF-8", func(p string) string { return strings.Replace(p, nonce, "\xff", 1) })
	written("28 a lone surrogate", func(p string) string { return strings.Replace(p, nonce, `\ud800`, 1) })
	written("28 a byte order mark", func(p string) string { return "\ufeff" + p })
	member("28 U+2028 behind the nonce", "nonce", nonce+"\u2028", presentation.StepNonce)
	member("29 iat a string", "iat", "now", presentation.StepKey)
	member("29 iat negative", "iat", -1, presentation.StepTime)
	member("29 iat in milliseconds", "iat", s.r.Clock.Now().UnixMilli(), presentation.StepTime)
	add("29 iat missing", s.reboundBy(good, kbHeader, func(c map[string]any) { delete(c, "iat") }, s.signed), presentation.StepTime)
	made := func(d time.Duration) []byte {
		b := s.bound()
		b.IssuedAt = s.r.Clock.Now().Add(d)
		return s.make(b, s.disclosures...)
	}
	add("29 made too long ago", made(-5*time.Minute-time.Second), presentation.StepTime)
	add("29 made in the future", made(time.Minute+time.Second), presentation.StepTime)
	rows["30 a clock set back before it was made"] = refusal{good, presentation.StepTime, -2 * time.Minute}
	rows["30 a clock set back before its evidence"] = refusal{good, verify.StepQuorum, -time.Hour}
	rows["30 a clock set back before the register"] = refusal{good, verify.StepQuorum, -10_000 * time.Hour}
	rows["32 shown again later"] = refusal{good, presentation.StepTime, 5*time.Minute + time.Second}

	bound := func(name string, b presentation.Binding, step string) { add(name, s.make(b, s.disclosures...), step) }
	for name, aud := range map[string]string{
		"50 an audience with a Cyrillic letter":   strings.Replace(audience, "a", "\u0430", 1),
		"50 an audience in punycode":              "https://xn--dtaroom-2fg.example.com",
		"50 an audience in other case":            strings.ToUpper(audience),
		"50 an audience with a dot behind":        audience + ".",
		"50 an audience with a slash behind":      audience + "/",
		"50 an audience with its port":            audience + ":443",
		"50 an audience with dots":                audience + "/a/..",
		"50 an audience percent-encoded":          strings.Replace(audience, "d", "%64", 1),
		"50 an audience with a user":              strings.Replace(audience, "//", "//"+"user@", 1),
		"50 an audience as a user":                audience + "@evil.example",
		"50 an audience of IPv6":                  "https://[::ffff:1.2.3.4]",
		"50 an audience with a zero-width space":  audience + "\u200b",
		"50 an audience in form D":                "https://dataroo\u0308m.example.com",
		"50 an audience that ends in another":     strings.Replace(audience, "//", "//evil-", 1),
		"50 an audience that begins with another": audience + ".evil.example",
		"50 an audience that is a wildcard":       "https://*.example.com",
		"50 an audience without its scheme":       strings.TrimPrefix(audience, "https://"),
	} {
		step := presentation.StepAudience
		if strings.Contains(aud, "\u0308") {
			step = presentation.StepKey // it is not in the one form of text
		}
		if step == presentation.StepKey {
			member(name, "aud", aud, step)
			continue
		}
		b := s.bound()
		b.Audience = aud
		bound(name, b, step)
	}
	another := s.bound()
	another.Nonce = "n-old"
	bound("32 another nonce", another, presentation.StepNonce)
	member("32 an audience of several", "aud", []any{audience}, presentation.StepKey)
	add("32 no audience", s.reboundBy(good, kbHeader, func(c map[string]any) { delete(c, "aud") }, s.signed), presentation.StepAudience)
	add("32 no nonce", s.reboundBy(good, kbHeader, func(c map[string]any) { delete(c, "nonce") }, s.signed), presentation.StepNonce)
	member("32 sd_hash of something else", "sd_hash", "AAAA", presentation.StepHash)
	add("32 no sd_hash", s.reboundBy(good, kbHeader, func(c map[string]any) { delete(c, "sd_hash") }, s.signed), presentation.StepHash)
	sd("32 a disclosure taken away", func(sd string) string { p := tilde(sd); return strings.Join(append(p[:1:1], p[2:]...), "~") }, presentation.StepHash)
	sd("32 the disclosures in another order", func(sd string) string {
		p := tilde(sd)
		p[1], p[2] = p[2], p[1]
		return strings.Join(p, "~")
	}, presentation.StepHash)
	sd("32 a disclosure twice", func(sd string) string { p := tilde(sd); return strings.Join(append(p[:2:2], p[1:]...), "~") }, presentation.StepDisclosures)
	sd("32 a disclosure of nothing", func(sd string) string {
		return strings.Replace(sd, "~", "~WyJBQUFBQUFBQUFBQUFBQUFBQUFBQUFBIiwibmFtZSIsIlgiXQ~", 1)
	}, presentation.StepDisclosures)
	sd("32 no key binding", func(sd string) string { return sd[:strings.LastIndexByte(sd, '~')+1] }, presentation.StepForm)

	elsewhere := *s.req
	elsewhere.Transferor = rt.Corvus
	second, err := s.r.Evidence(t.Context(), &elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	add("56 other evidence", []byte(strings.Replace(string(good), string(s.evidence), string(second), 1)), presentation.StepEvidence)
	add("56 evidence with a byte changed", []byte(strings.Replace(string(good), `"type":"safeconduct`, `"type":"safecondukt`, 1)), verify.StepParse)
	member("56 evd of something else", "evd", "AAAA", presentation.StepEvidence)
	add("56 no evd", s.reboundBy(good, kbHeader, func(c map[string]any) { delete(c, "evd") }, s.signed), presentation.StepEvidence)
	for name, step := range map[string]string{"the checkpoint": verify.StepStatusLeaf, "the status leaf": verify.StepStatusLeaf, "the map proof of the holder": verify.StepHistory, "the history of the holder": verify.StepHistory, "the proofs of statements": verify.StepHistory, "a history less": verify.StepHistory} {
		add("56 of another tree: "+name, s.patched(name), step)
	}
	plain := rt.Approval("TEA-2", rt.US, rt.Corvus, "AU")
	plain.Confirmation = &attest.Confirmation{JWK: rt.SignerNamed("varuna").JWK()}
	unlogged, _, _ := strings.Cut(string(s.r.Sign(plain)), "\n")
	sd("56 an approval that is not logged", func(sd string) string { return unlogged + sd[strings.IndexByte(sd, '~'):] }, presentation.StepApproval)
	add("56 white space around", append([]byte(" "), good...), presentation.StepForm)
	add("56 something behind", append(bytes.Clone(good), '\n'), presentation.StepForm)
	add("56 another version", bytes.Replace(good, []byte("presentation/v1"), []byte("presentation/v2"), 1), presentation.StepForm)
	add("56 an unknown member", bytes.Replace(good, []byte(`,"type":"safeconduct/presentation`), []byte(`,"x":1,"type":"safeconduct/presentation`), 1), presentation.StepForm)
	add("56 nothing", nil, presentation.StepForm)
	add("56 too large", make([]byte, presentation.MaxBytes+1), presentation.StepForm)

	for name, c := range rows {
		t.Run(name, func(t *testing.T) {
			o, err := presentation.Open(c.p, s.r.Trust, presentation.Expected{Audience: audience, Nonce: nonce}, s.r.Clock.Now().Add(c.late))
			var refused *presentation.Error
			if !errors.As(err, &refused) || refused.Step != c.step || o != nil {
				t.Errorf("got %v, %v; want a refusal at %s", o, err, c.step)
			}
		})
	}
	if _, err := s.open(good); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	// The bounds of time are the last that stands.
	for name, d := range map[string]time.Duration{"29 made five minutes ago": -5 * time.Minute, "29 made a minute ahead": time.Minute} {
		if _, err := s.open(made(d)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func tilde(sd string) []string { return strings.Split(sd, "~") }

// rewritten has the holder sign other bytes than any library would.
func (s *scene) rewritten(p []byte, change func(payload string) string) []byte {
	return recut(s.T, p, func(sd string) string {
		i := strings.LastIndexByte(sd, '~') + 1
		data, err := base64.RawURLEncoding.DecodeString(strings.Split(sd[i:], ".")[1])
		if err != nil {
			s.Fatal(err)
		}
		changed := change(string(data))
		if changed == string(data) {
			s.Fatalf("nothing has changed in %s", data)
		}
		enc := base64.RawURLEncoding
		input := enc.EncodeToString([]byte(kbHeader)) + "." + enc.EncodeToString([]byte(changed))
		return sd[:i] + input + "." + enc.EncodeToString(s.signed(input))
	})
}

// patched is what a holder presents who has put together evidence from two trees.
func (s *scene) patched(what string) []byte {
	s.Helper()
	e, err := verify.Parse(s.evidence)
	if err != nil {
		s.Fatal(err)
	}
	other := *s
	other.r = rt.New(s.T)
	for range 3 {
		other.r.MustSubmit(rt.Registration("REG-"+strconv.Itoa(int(other.r.Size())), rt.IN, rt.Varuna, "IN"))
	}
	if _, err := other.r.Submit(s.Context(), s.approval); err != nil {
		s.Fatal(err)
	}
	other.r.Clock.Set(s.r.Clock.Now())
	o, err := verify.Parse(other.prove())
	if err != nil {
		s.Fatal(err)
	}
	subject := attest.ApprovalSubject(rt.Varuna, rt.US)
	at := func(e *verify.Evidence) int {
		return slices.IndexFunc(e.Histories, func(h verify.History) bool { return h.Subject == subject })
	}
	switch what {
	case "the checkpoint":
		e.Checkpoint = o.Checkpoint
	case "the status leaf":
		e.Status = o.Status
	case "the map proof of the holder":
		e.Histories[at(e)].Proof = o.Histories[at(o)].Proof
	case "the history of the holder":
		e.Histories[at(e)] = o.Histories[at(o)]
	case "the proofs of statements":
		for i := range e.Statements {
			e.Statements[i].Proof = o.Statements[min(i, len(o.Statements)-1)].Proof
		}
	case "a history less":
		e.Histories = slices.Delete(e.Histories, at(e), at(e)+1)
	}
	changed, err := e.Marshal()
	if err != nil {
		s.Fatal(err)
	}
	patched := *s
	patched.evidence = changed
	return patched.make(s.bound(), s.disclosures...)
}

// TestAKeyBindingOfAnotherMakeIsGood: 22, a library of another make writes ECDSA
// signatures with the larger s, and its header in another order.
func TestAKeyBindingOfAnotherMakeIsGood(t *testing.T) {
	s := play(t)
	for _, alg := range []string{"ES256", "ES384"} {
		ec := rt.ECSignerNamed("corvus", alg)
		s := s.with(ec, ec.JWK())
		p := s.make(s.bound())
		for _, high := range []bool{false, true} {
			foreign := s.reboundBy(p, `{ "typ":"kb+jwt", "alg":"`+alg+`" }`, nil, func(input string) []byte {
				r, v := ec.RS([]byte(input))
				if low := v.Cmp(new(big.Int).Rsh(ec.Order(), 1)) <= 0; low == high {
					v.Sub(ec.Order(), v)
				}
				return numbers(ec, r, v)
			})
			if o, err := s.open(foreign); err != nil || o.Holder != rt.Corvus {
				t.Errorf("%s, high s %v: %v", alg, high, err)
			}
		}
	}
}

// numbers writes the two numbers of an ECDSA signature as they are.
func numbers(ec *rt.ECSigner, r, v *big.Int) []byte {
	size := (ec.Order().BitLen() + 7) / 8
	return append(r.FillBytes(make([]byte, size)), v.FillBytes(make([]byte, size))...)
}

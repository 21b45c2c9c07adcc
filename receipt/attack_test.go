package receipt_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/jws"
	"github.com/safeconduct/safeconduct/receipt"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/memlog"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

// ecKey is an ES256 signer.
type ecKey struct {
	priv *ecdsa.PrivateKey
	key  attest.Key
}

func newECKey(t testing.TB) *ecKey {
	t.Helper()
	seed := sha256.Sum256([]byte("receipt/ec"))
	seed[0] = 0
	priv, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	if err != nil {
		t.Fatal(err)
	}
	k, err := jws.NewKey(priv.Public(), "ES256")
	if err != nil {
		t.Fatal(err)
	}
	return &ecKey{priv, k}
}

func (k *ecKey) Key() attest.Key { return k.key }

func (k *ecKey) Sign(_ context.Context, input []byte) ([]byte, error) {
	r, s, err := k.rs(input)
	if err != nil {
		return nil, err
	}
	return k.key.FromRS(r, s)
}

func (k *ecKey) rs(input []byte) (r, s *big.Int, err error) {
	sum := sha256.Sum256(input)
	return ecdsa.Sign(rand.Reader, k.priv, sum[:])
}

// The attacks on JOSE that we know of, by name. What a receipt says is good in
// each: its form alone, or its signature, is not.
func TestAttacksOnTheTokenAreRefused(t *testing.T) {
	w := newWorld(t)
	ec := newECKey(t)
	jwk, err := attest.JWKOf(ec.key)
	if err != nil {
		t.Fatal(err)
	}
	w.nextRoot(func(r *attest.Root) { r.DecisionKeys = append(r.DecisionKeys, jwk) })
	f := w.filed(usual(""))
	wantStep(t, f, "", "")
	notary, other := rt.Notary(), rt.SignerNamed("mallory")
	good, kid := header(notary), notary.Key().ID()
	body := payload(t, f.receipt)
	h, rest, _ := strings.Cut(string(f.receipt), ".")
	p, sig, _ := strings.Cut(rest, ".")
	raw, err := b64.DecodeString(sig)
	if err != nil {
		t.Fatal(err)
	}
	pub := notary.Key().Public().(ed25519.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	public, err := json.Marshal(notary.Key())
	if err != nil {
		t.Fatal(err)
	}
	strange, err := json.Marshal(other.Key())
	if err != nil {
		t.Fatal(err)
	}

	type row struct {
		name  string
		token []byte
		step  string
	}
	var rows []row
	add := func(name, step string, token []byte) { rows = append(rows, row{name, token, step}) }
	text := func(name, step, token string) { add(name, step, []byte(token)) }
	// head is a good payload under another header, which the notary signs.
	head := func(name, header string) { add(name, "form", forge(t, header, body, notary)) }
	says := func(name, payload string) { add(name, "form", forge(t, good, payload, notary)) }
	mac := func(name, secret string) {
		input := b64.EncodeToString([]byte(strings.Replace(good, "EdDSA", "HS256", 1))) + "." + p
		m := hmac.New(sha256.New, []byte(secret))
		m.Write([]byte(input))
		text(name, "form", input+"."+b64.EncodeToString(m.Sum(nil)))
	}

	for _, alg := range []string{"none", "NONE", "nOnE", "", "HS256", "RS256", "PS256", "ES512", "Ed25519", "eddsa", "es256"} {
		head("1 alg "+alg, strings.Replace(good, "EdDSA", alg, 1))
	}
	text("1 alg none without signature", "form", b64.EncodeToString([]byte(strings.Replace(good, "EdDSA", "none", 1)))+"."+p+".")
	mac("2 HS256 with the key's PEM", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	mac("2 HS256 with the key's DER", string(der))
	mac("2 HS256 with the key's JWK", string(public))
	mac("2 HS256 with the key", string(pub))
	add("3 ES256 under the name of an Ed25519 key", "signature", forge(t, strings.Replace(good, "EdDSA", "ES256", 1), body, ec))
	add("3 ES384 under the name of an ES256 key", "signature", forge(t, `{"alg":"ES384","kid":"`+ec.key.ID()+`","typ":"`+receipt.Type+`"}`, body, ec))
	add("3 EdDSA under the name of an ES256 key", "signature", forge(t, `{"alg":"EdDSA","kid":"`+ec.key.ID()+`","typ":"`+receipt.Type+`"}`, body, notary))
	head("4 no alg", `{"kid":"`+kid+`","typ":"`+receipt.Type+`"}`)
	head("4 alg a number", strings.Replace(good, `"EdDSA"`, `1`, 1))
	head("4 alg an array", strings.Replace(good, `"EdDSA"`, `["EdDSA"]`, 1))
	add("5 a jwk of a stranger", "form", forge(t, strings.Replace(good, `,"kid"`, `,"jwk":`+string(strange)+`,"kid"`, 1), body, other))
	head("5 its own jwk", strings.Replace(good, `,"kid"`, `,"jwk":`+string(public)+`,"kid"`, 1))
	add("5 a stranger's key", "key", forge(t, header(other), body, other))
	for _, u := range []string{"http://169.254.169.254/", "file:///etc/passwd", "https://example.org/jwks"} {
		head("6 jku "+u, strings.Replace(good, `,"kid"`, `,"jku":"`+u+`","kid"`, 1))
		head("6 x5u "+u, strings.Replace(good, `"}`, `","x5u":"`+u+`"}`, 1))
	}
	head("7 x5c", strings.Replace(good, `"}`, `","x5c":["AA=="]}`, 1))
	for name, k := range map[string]string{
		"a path": "../../etc/passwd", "SQL": "' OR 1=1 --", "a NUL": "k\\u0000", "a look-alike": strings.Repeat("к", 43), "empty": "",
		"of 1 MB": strings.Repeat("k", 1<<20), "with bits to spare": kid[:42] + "_", "padded": kid + "=", "escaped": `\u0041` + kid[1:],
	} {
		head("8 kid "+name, strings.Replace(good, kid, k, 1))
	}
	head("8 no kid", `{"alg":"EdDSA","typ":"`+receipt.Type+`"}`)
	add("8 kid of an authority's key", "key", forge(t, header(rt.SignerNamed("us-1")), body, notary))
	for _, typ := range []string{
		"", "JWT", "safeconduct-root+jwt", "safeconduct-registration+jwt", "dc+sd-jwt", "safeconduct-domain+jwt", "safeconduct-consent+jwt", "safeconduct-event+jwt",
		"safeconduct-entity-event+jwt", "safeconduct-succession+jwt", "safeconduct-freeze+jwt", "application/" + receipt.Type, strings.ToUpper(receipt.Type), receipt.Type + " ",
	} {
		head("9 typ "+typ, strings.Replace(good, receipt.Type, typ, 1))
	}
	head("9 no typ", `{"alg":"EdDSA","kid":"`+kid+`"}`)
	for name, crit := range map[string]string{"unknown": `["x"]`, "empty": `[]`, "twice": `["b64","b64"]`, "alg": `["alg"]`} {
		head("10 crit "+name, strings.Replace(good, `,"kid"`, `,"crit":`+crit+`,"kid"`, 1))
	}
	head("11 b64 false", strings.Replace(good, `,"kid"`, `,"b64":false,"kid"`, 1))
	head("11 b64 false, crit", strings.Replace(good, `,"kid"`, `,"b64":false,"crit":["b64"],"kid"`, 1))
	head("12 zip", strings.Replace(good, `"}`, `","zip":"DEF"}`, 1))
	head("13 alg twice", strings.Replace(good, `{`, `{"alg":"none",`, 1))
	head("13 alg twice, escaped", strings.Replace(good, `{`, `{"\u0061lg":"none",`, 1))
	head("13 a header with white space", good+" ")
	head("13 a header in another order", `{"typ":"`+receipt.Type+`","kid":"`+kid+`","alg":"EdDSA"}`)
	says("14 a member twice", strings.Replace(body, `"iss"`, `"iss":"example.org/other","iss"`, 1))
	says("14 a member twice, escaped", strings.Replace(body, `"iss"`, `"\u0069ss":"example.org/other","iss"`, 1))
	says("14 a member of the decision twice", strings.Replace(body, `"decision":"PERMIT"`, `"decision":"DENY","decision":"PERMIT"`, 1))
	says("15 Iss in place of iss", strings.Replace(body, `"iss"`, `"Iss"`, 1))
	says("15 ISS beside iss", strings.Replace(body, `{"checkpoint"`, `{"ISS":"x","checkpoint"`, 1))
	says("15 Decision in the decision", strings.Replace(body, `{"checked_at"`, `{"Decision":"DENY","checked_at"`, 1))
	says("16 an unknown member", strings.Replace(body, `"iss"`, `"exp":1,"iss"`, 1))
	says("16 an unknown member of the decision", strings.Replace(body, `{"checked_at"`, `{"a":1,"checked_at"`, 1))
	text("17 padding", "form", h+"="+"."+p+"=."+sig+"==")
	text("17 a line end", "form", h+"."+p+"."+sig[:4]+"\n"+sig[4:])
	text("17 a line end behind", "form", string(f.receipt)+"\n")
	text("17 a space in front", "form", " "+string(f.receipt))
	text("17 the other alphabet", "form", h+"."+p+"."+"+/"+sig[2:])
	text("17 bits to spare", "form", h+"."+p+"."+sig[:len(sig)-1]+string(nextLetter(sig[len(sig)-1])))
	text("18 two parts", "form", h+"."+p)
	text("18 four parts", "form", string(f.receipt)+".AA")
	text("18 ten million dots", "form", strings.Repeat(".", 10_000_000))
	text("18 nothing", "form", "")
	text("19 JSON serialization", "form", `{"payload":"`+p+`","protected":"`+h+`","signature":"`+sig+`"}`)
	text("19 JSON serialization, two signatures", "form", `{"payload":"`+p+`","signatures":[{"protected":"`+h+`","signature":"AA"},{"protected":"`+h+`","signature":"`+sig+`"}]}`)
	text("19 two lines", "form", string(f.receipt)+"\n"+string(forge(t, header(other), body, other)))
	text("20 detached", "form", h+".."+sig)
	text("21 no signature", "form", h+"."+p+".")
	text("21 a signature of zeros", "signature", h+"."+p+"."+b64.EncodeToString(make([]byte, 64)))
	text("21 a short signature", "signature", h+"."+p+"."+b64.EncodeToString(raw[:63]))
	text("21 another payload under the signature", "signature", h+"."+b64.EncodeToString([]byte(strings.Replace(body, `"iat":1`, `"iat":2`, 1)))+"."+sig)
	ecHead := `{"alg":"ES256","kid":"` + ec.key.ID() + `","typ":"` + receipt.Type + `"}`
	input := b64.EncodeToString([]byte(ecHead)) + "." + p
	r, s, err := ec.rs([]byte(input))
	if err != nil {
		t.Fatal(err)
	}
	low, err := ec.key.FromRS(r, s)
	if err != nil {
		t.Fatal(err)
	}
	high := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(low[32:]))
	asDER, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		t.Fatal(err)
	}
	text("22 the lower s, which is good", "", input+"."+b64.EncodeToString(low))
	text("22 the higher s", "signature", input+"."+b64.EncodeToString(append(low[:32:32], high.FillBytes(make([]byte, 32))...)))
	text("22 DER", "signature", input+"."+b64.EncodeToString(asDER))
	text("22 r and s zero", "signature", input+"."+b64.EncodeToString(make([]byte, 64)))
	says("payload in another spelling", strings.Replace(body, `"iss":`, `"iss": `, 1))
	says("payload in another order", strings.Replace(body, `{"checkpoint"`, `{"zz":1,"checkpoint"`, 1))
	says("an empty array that is to be left out", strings.Replace(body, `"proven_until"`, `"notes":[],"proven_until"`, 1))
	says("a size beyond 2^53", strings.Replace(body, `"size":`, `"size":9007199254740993`, 1))
	says("payload that is no JSON", "PERMIT")
	says("payload that is null", "null")
	says("payload of nothing but brackets", strings.Repeat("[", 100_000))
	says("a decision of a hundred thousand empty reasons", strings.Replace(body, `"reasons":[]`, `"reasons":[`+strings.Repeat("{},", 100_000)+`{}]`, 1))

	for _, c := range rows {
		t.Run(c.name, func(t *testing.T) {
			g := f
			g.receipt = c.token
			res, err := g.verify()
			if got := stepOf(err); got != c.step {
				t.Fatalf("%v; want a refusal at %q", err, c.step)
			}
			if c.step != "" && res.Receipt != nil {
				t.Error("what nobody has signed is told as signed")
			}
		})
	}
}

func nextLetter(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_A"
	return alphabet[strings.IndexByte(alphabet, c)+1]
}

// No statement opens as a receipt, and no receipt as a statement.
func TestReceiptsAndStatementsAreNotTakenForOneAnother(t *testing.T) {
	w := newWorld(t)
	f := w.filed(usual(""))
	if _, err := attest.Parse(f.receipt); err == nil || !strings.Contains(err.Error(), "unknown typ") {
		t.Errorf("a receipt is a statement: %v", err)
	}
	if _, err := attest.OpenRoot(f.receipt, w.Root()); err == nil {
		t.Error("a receipt is a trust root")
	}
	if _, err := w.Submit(t.Context(), f.receipt); err == nil {
		t.Error("a receipt is logged")
	}
	for leaf, err := range w.Leaves(0) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := receipt.Parse(leaf); err == nil {
			t.Errorf("a leaf is a receipt: %.80s", leaf)
		}
		line, _, _ := bytes.Cut(leaf, []byte("\n"))
		if _, err := receipt.Parse(line); err == nil {
			t.Errorf("a line of a statement is a receipt: %.80s", line)
		}
	}
	// Nor does what a receipt says, under the header of a statement, open as one by
	// an officer's key.
	us := rt.SignerNamed("us-1")
	for _, typ := range []string{"safeconduct-event+jwt", "dc+sd-jwt", "safeconduct-root+jwt"} {
		if _, err := attest.Parse(forge(t, strings.Replace(header(us), receipt.Type, typ, 1), payload(t, f.receipt), us)); err == nil {
			t.Errorf("what a receipt says is a statement of typ %s", typ)
		}
	}
}

// Under another log that shares every key, a receipt is of this one.
func TestAReceiptIsNotCarriedToAnotherLog(t *testing.T) {
	w, v := newWorld(t), newWorld(t)
	v.MustSubmit(rt.Registration("reg-corvus", rt.US, rt.Corvus, "US"))
	v.Clock.Set(w.Clock.Now())
	f := w.filed(usual(""))
	v.Clock.Set(w.Clock.Now())
	g := v.filed(usual(""))
	g.receipt = f.receipt
	wantStep(t, g, "checkpoint", "another checkpoint")
}

// Nor to another register whose trust root lists the same key.
func TestAReceiptIsNotReplayedUnderAnotherRegister(t *testing.T) {
	const origin = "example.org/other"
	w := newWorld(t)
	skey, vkey, err := note.GenerateKey(nil, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	root := rt.Root(rt.Start)
	root.Aud, root.LogKeys = origin, []string{vkey}
	first, err := rt.Sign(root)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := rt.Trust(first)
	if err != nil {
		t.Fatal(err)
	}
	other, err := registry.New(registry.Config{
		Log: memlog.New(), Origin: origin, LogSigners: []note.Signer{signer}, Cosigner: rt.Cosigner(), Trust: trust,
		DecisionSigner: rt.Notary(), Now: w.Clock.Now, BatchInterval: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := other.Init(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	w.Clock.Add(time.Minute)
	f := w.filed(usual(""))
	req := parsed(t, usual(""))
	s, err := other.DecideSigned(t.Context(), req, req.Times(w.Clock.Now()), false)
	if err != nil {
		t.Fatal(err)
	}
	g := file{receipt: s.Receipt, request: usual(""), evidence: s.Evidence, trust: trust}
	wantStep(t, g, "", "")
	g.receipt = f.receipt
	wantStep(t, g, "checkpoint", `of the register "example.org/register"`)
	g.evidence = f.evidence
	wantStep(t, g, "evidence", `the trust file is for "example.org/other"`)
}

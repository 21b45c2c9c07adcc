package interop_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/receipt"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

type toRead struct {
	Token string       `json:"token"`
	JWK   *attest.JWK  `json:"jwk,omitempty"`
	Keys  []attest.JWK `json:"keys,omitempty"`
	Typ   string       `json:"typ,omitempty"`
	Iss   string       `json:"iss,omitempty"`
	Aud   string       `json:"aud,omitempty"`
}

type wasRead struct {
	Refused    string
	Payload    []byte
	Header     header
	Thumbprint string
}

// A signed token of ours, and what it says to the byte.
type token struct {
	name, compact, typ, iss, aud string
	payload                      []byte
	key                          attest.Key
}

// statements has one of every kind logged, and returns each of their lines.
func (m *mixed) statements() (tokens []token) {
	m.t.Helper()
	all := [][]byte{m.root}
	for _, iss := range []string{rt.US, rt.IN} {
		approval := rt.Approval("approval", iss, rt.Varuna, "IN")
		for _, c := range []attest.Claims{
			rt.Registration("reg", iss, rt.Varuna, map[string]string{rt.US: "US", rt.IN: "IN"}[iss]),
			approval,
			rt.Domain("domain", iss),
			rt.Event("event", iss, approval.Sub, "approval", attest.Suspend, time.Now().Add(time.Hour)),
		} {
			all = append(all, m.submitted(c))
		}
	}
	for _, st := range all {
		u, err := attest.Parse(st)
		if err != nil {
			m.t.Fatal(err)
		}
		c := u.ClaimsUnsafe()
		payload, err := attest.Payload(c)
		if err != nil {
			m.t.Fatal(err)
		}
		lines := strings.Split(string(st), "\n")
		if want := len(m.officer[c.Head().Iss]); len(lines) != want {
			m.t.Fatalf("%s has %d lines; want %d", c.Head().JTI, len(lines), want)
		}
		for _, l := range lines {
			h := headerOf(m.t, l)
			tokens = append(tokens, token{
				h.Alg + " " + c.Head().Iss + " " + c.Head().JTI, l, h.Typ, c.Head().Iss, rt.Origin, payload, m.keys[h.Kid],
			})
		}
	}
	return tokens
}

// receipts are of one decision, by each of the keys that sign those.
func (m *mixed) receipts() (tokens []token) {
	m.t.Helper()
	m.published()
	req := &policy.Request{
		EffectiveAt: policy.InstantOf(time.Now()), Sandbox: rt.Sandbox, Act: "export", Mode: "tangible",
		Transferor: rt.Halcyon, Transferee: rt.Varuna, DestinationSite: "VTZ-1",
		Item: &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"}, EndUse: "sea_trial", PersonNationalities: []string{},
	}
	// The register signs by one key, and who has its evidence by the others.
	now := time.Now()
	signed, err := m.DecideSigned(m.t.Context(), req, req.Times(now), false)
	if err != nil {
		m.t.Fatal(err)
	}
	first, err := receipt.Parse(signed.Receipt)
	if err != nil {
		m.t.Fatal(err)
	}
	opened, err := verify.Open(signed.Evidence, m.trust, now)
	if err != nil {
		m.t.Fatal(err)
	}
	add := func(compact []byte, key attest.Key) {
		tokens = append(tokens, token{key.Algorithm() + " receipt", string(compact), receipt.Type, rt.Origin, "", nil, key})
	}
	add(signed.Receipt, rt.Notary().Key())
	for _, n := range m.notaries {
		compact, err := receipt.Sign(m.t.Context(), opened, req, first.ReceiptUnsafe().Decision, now, n)
		if err != nil {
			m.t.Fatal(err)
		}
		add(compact, n.key)
	}
	return tokens
}

func jwkOf(t *testing.T, key attest.Key) *attest.JWK {
	t.Helper()
	j, err := attest.JWKOf(key)
	if err != nil {
		t.Fatal(err)
	}
	return &j
}

// listed are the keys of a trust root: those of its officers, and those that sign
// decisions.
func listed(r *attest.Root) (keys []attest.JWK) {
	officers := r.Officers
	for _, a := range r.Authorities {
		officers = append(officers, a.Officers...)
	}
	for _, o := range officers {
		keys = append(keys, o.Keys...)
	}
	return append(keys, r.DecisionKeys...)
}

func TestJOSEVerifiesStatementsAndReceipts(t *testing.T) {
	needNPM(t)
	m := newMixed(t)
	tokens := append(m.statements(), m.receipts()...)
	st, err := attest.OpenRoot(m.root, nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := listed(st.TrustRoot().Root())

	type want struct {
		token
		name string
		code string // "" where it is verified
	}
	var tasks []any
	var wants []want
	algs := make(map[string]bool)
	for _, k := range tokens {
		algs[k.key.Algorithm()+" "+strconv.FormatBool(k.typ == receipt.Type)] = true
		add := func(name, code string, task toRead) {
			tasks, wants = append(tasks, task), append(wants, want{k, k.name + ", " + name, code})
		}
		as := func(change func(*toRead)) toRead {
			task := toRead{k.compact, jwkOf(t, k.key), nil, k.typ, k.iss, k.aud}
			change(&task)
			return task
		}
		inDot := func(i int) func(*toRead) {
			return func(r *toRead) {
				dots := strings.Split(r.Token, ".")
				dots[i] = flipped(dots[i])
				r.Token = strings.Join(dots, ".")
			}
		}
		var without []attest.JWK
		for _, j := range keys {
			if j != *jwkOf(t, k.key) {
				without = append(without, j)
			}
		}
		if len(without) != len(keys)-1 {
			t.Fatalf("%s: its key stands %d times in the trust root", k.name, len(keys)-len(without))
		}
		add("by its key", "", as(func(*toRead) {}))
		add("by the trust root's keys", "", as(func(r *toRead) { r.JWK, r.Keys = nil, keys }))
		add("by the trust root's other keys", "ERR_JWKS_NO_MATCHING_KEY", as(func(r *toRead) { r.JWK, r.Keys = nil, without }))
		add("by another key of its algorithm", "ERR_JWS_SIGNATURE_VERIFICATION_FAILED", as(func(r *toRead) {
			r.JWK = jwkOf(t, newPair(t, k.key.Algorithm()).key)
		}))
		for _, alg := range []string{"EdDSA", "ES256", "ES384"} {
			if alg != k.key.Algorithm() {
				add("by a key of "+alg, "ERR_JOSE_ALG_NOT_ALLOWED", as(func(r *toRead) { r.JWK = jwkOf(t, newPair(t, alg).key) }))
			}
		}
		add("a byte of its payload changed", "ERR_JWS_SIGNATURE_VERIFICATION_FAILED", as(inDot(1)))
		add("a byte of its signature changed", "ERR_JWS_SIGNATURE_VERIFICATION_FAILED", as(inDot(2)))
		add("as of another typ", "ERR_JWT_CLAIM_VALIDATION_FAILED", as(func(r *toRead) { r.Typ = "kb+jwt" }))
		add("as of another issuer", "ERR_JWT_CLAIM_VALIDATION_FAILED", as(func(r *toRead) { r.Iss = "auth-xx" }))
	}
	// Statements and receipts by each of three.
	if len(algs) != 6 {
		t.Fatalf("tokens of the algorithms %v", algs)
	}
	for i, got := range run[wasRead](t, "jose.mjs", tasks...) {
		w := wants[i]
		if w.code != "" {
			if !strings.HasPrefix(got.Refused, w.code+":") {
				t.Errorf("%s: refused %q; want %s", w.name, got.Refused, w.code)
			}
			continue
		}
		if got.Refused != "" {
			t.Errorf("%s: refused: %s", w.name, got.Refused)
			continue
		}
		if want := (header{w.key.Algorithm(), w.key.ID(), w.typ}); got.Header != want {
			t.Errorf("%s: header %+v; want %+v", w.name, got.Header, want)
		}
		if w.payload != nil && !bytes.Equal(got.Payload, w.payload) {
			t.Errorf("%s: it reads\n%s\nwe wrote\n%s", w.name, got.Payload, w.payload)
		}
		// A key's id is the thumbprint that it works out, too.
		if got.Thumbprint != "" && got.Thumbprint != w.key.ID() {
			t.Errorf("%s: thumbprint %s; we say %s", w.name, got.Thumbprint, w.key.ID())
		}
	}
}

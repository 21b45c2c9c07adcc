package interop_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/jws"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

// npmThere says why the libraries of npm/package.json cannot be run, nil where
// they can: Node.js is there, and each at the very version.
func npmThere() error {
	out, err := exec.Command("node", "--version").Output()
	if err != nil {
		return fmt.Errorf("node does not run (Debian's package nodejs has it): %w", err)
	}
	version := strings.TrimSpace(string(out))
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < 18 {
		return fmt.Errorf("node is %s; the libraries need 18 or later", version)
	}
	var want struct{ Dependencies, Overrides map[string]string }
	if err := readJSON("npm/package.json", &want); err != nil {
		return err
	}
	for _, wanted := range []map[string]string{want.Dependencies, want.Overrides} {
		for name, version := range wanted {
			var is struct{ Version string }
			err := readJSON(filepath.Join("npm/node_modules", name, "package.json"), &is)
			if err == nil && is.Version != version {
				err = fmt.Errorf("it is %s; want %s", is.Version, version)
			}
			if err != nil {
				return fmt.Errorf("%s is not installed (`make npm` does that): %w", name, err)
			}
		}
	}
	return nil
}

func readJSON(name string, v any) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// needNPM skips a test whose libraries are not there, or fails it where
// SAFECONDUCT_MUST_NPM says that they must be.
func needNPM(t *testing.T) {
	t.Helper()
	if err := npmThere(); err != nil {
		if os.Getenv("SAFECONDUCT_MUST_NPM") == "1" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED, NOTHING IS SHOWN ABOUT @sd-jwt/core AND jose: %v", err)
	}
}

// `make test` runs this one again, aloud, to say at its end what was not run.
func TestNPMIsThere(t *testing.T) { needNPM(t) }

// run has a script of npm/ do tasks, and returns a result for each.
func run[Result any](t *testing.T, script string, tasks ...any) []Result {
	t.Helper()
	in, err := json.Marshal(tasks)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", filepath.Join("npm", script))
	var complaints bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node npm/%s: %v\n%s", script, err, complaints.Bytes())
	}
	var results []Result
	if err := json.Unmarshal(out, &results); err != nil || len(results) != len(tasks) {
		t.Fatalf("node npm/%s: %d results for %d tasks, %v", script, len(results), len(tasks), err)
	}
	return results
}

// A pair is a fresh key whose private half can be handed to others.
type pair struct {
	key  attest.Key
	priv crypto.Signer
}

func newPair(t *testing.T, alg string) *pair {
	t.Helper()
	var priv crypto.Signer
	var err error
	switch alg {
	case "EdDSA":
		_, priv, err = ed25519.GenerateKey(rand.Reader)
	case "ES256":
		priv, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		priv, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		err = errors.New("no algorithm of ours")
	}
	if err != nil {
		t.Fatalf("%s: %v", alg, err)
	}
	key, err := jws.NewKey(priv.Public(), alg)
	if err != nil {
		t.Fatal(err)
	}
	return &pair{key, priv}
}

func (p *pair) Key() attest.Key { return p.key }

func (p *pair) Sign(_ context.Context, input []byte) ([]byte, error) {
	priv, ok := p.priv.(*ecdsa.PrivateKey)
	if !ok {
		return p.priv.Sign(rand.Reader, input, crypto.Hash(0))
	}
	hash := crypto.SHA256
	if p.key.Algorithm() == "ES384" {
		hash = crypto.SHA384
	}
	h := hash.New()
	h.Write(input)
	r, s, err := ecdsa.Sign(rand.Reader, priv, h.Sum(nil))
	if err != nil {
		return nil, err
	}
	return p.key.FromRS(r, s)
}

// public is the JWK as a trust root and a cnf have it.
func (p *pair) public(t *testing.T) attest.JWK {
	t.Helper()
	j, err := attest.JWKOf(p.key)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// private is the JWK with d (RFC 7518, section 6.2.2; RFC 8037, section 2).
func (p *pair) private(t *testing.T) any {
	t.Helper()
	var d []byte
	switch priv := p.priv.(type) {
	case ed25519.PrivateKey:
		d = priv.Seed()
	case *ecdsa.PrivateKey:
		var err error
		if d, err = priv.Bytes(); err != nil {
			t.Fatal(err)
		}
	}
	return struct {
		attest.JWK
		D string `json:"d"`
	}{p.public(t), base64.RawURLEncoding.EncodeToString(d)}
}

// au is an authority beside those of registrytest.
const au = "auth-au"

// A mixed register is one whose officers and decisions have keys of every
// algorithm: the US signs with EdDSA and ES384, IN with ES256, AU with ES384.
type mixed struct {
	*register
	root    []byte
	keys    map[string]attest.Key // by id, all that sign statements
	officer map[string][]attest.Signer
	// notaries sign decisions, beside that of registrytest.
	notaries []*pair
}

func newMixed(t *testing.T) *mixed {
	t.Helper()
	m := &mixed{keys: make(map[string]attest.Key), notaries: []*pair{newPair(t, "ES256"), newPair(t, "ES384")}}
	m.officer = map[string][]attest.Signer{
		"root": {newPair(t, "ES256"), rt.SignerNamed("root-2")},
		rt.US:  {rt.SignerNamed("us-1"), newPair(t, "ES384")},
		rt.IN:  {newPair(t, "ES256")},
		au:     {newPair(t, "ES384")},
	}
	// The line by EdDSA is to be the first, which is presented: lines stand by id.
	for us := m.officer[rt.US]; us[1].Key().ID() < us[0].Key().ID(); {
		us[1] = newPair(t, "ES384")
	}
	jwks := func(iss string, i int) []attest.JWK {
		key := m.officer[iss][i].Key()
		m.keys[key.ID()] = key
		j, err := attest.JWKOf(key)
		if err != nil {
			t.Fatal(err)
		}
		return []attest.JWK{j}
	}
	r := rt.Root(time.Now())
	r.Authorities = append(r.Authorities, attest.Authority{
		ID: au, Name: "Export authority of AU (fictional)", Countries: []string{"AU"},
		Officers: []attest.Officer{rt.SignerNamed("au-1").Officer()}, Thresholds: attest.Thresholds{Granting: 1, Revoking: 1},
	})
	for i := range r.Officers {
		r.Officers[i].Keys = jwks("root", i)
	}
	for _, a := range r.Authorities {
		for i := range a.Officers {
			a.Officers[i].Keys = jwks(a.ID, i)
		}
	}
	for _, n := range m.notaries {
		r.DecisionKeys = append(r.DecisionKeys, n.public(t))
	}
	var err error
	if m.root, err = rt.Sign(r, m.officer["root"]...); err != nil {
		t.Fatal(err)
	}
	trust, err := rt.Trust(m.root)
	if err != nil {
		t.Fatal(err)
	}
	m.register = open(t, t.TempDir(), trust)
	m.init(m.root)
	return m
}

// submitted signs claims with all officers of their issuer, and logs them.
func (m *mixed) submitted(c attest.Claims) []byte {
	m.t.Helper()
	now := time.Now()
	h := c.Head()
	h.Aud, h.IAT = rt.Origin, attest.NumericDate(now.Unix())
	if g := attest.GrantOf(c); g != nil {
		g.NBF, g.EXP = attest.NumericDate(now.Add(-time.Hour).Unix()), attest.NumericDate(now.AddDate(1, 0, 0).Unix())
	}
	st, err := rt.Sign(c, m.officer[h.Iss]...)
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := m.Submit(m.t.Context(), st); err != nil {
		m.t.Fatal(err)
	}
	return st
}

// Package registrytest has a register for tests: fixed keys, a clock that the
// test sets, a trust root of two authorities, badger on disk.
//
//	reg := registrytest.New(t)
//	receipt := reg.MustSubmit(&attest.Registration{…})
//	reg.Clock.Add(time.Hour)
//	decision, evidence, err := reg.Decide(ctx, request, request.Times(reg.Clock.Now()))
//
// Its keys are derived from words in this file: they are nobody's.
package registrytest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/jws"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/verify"
)

// Origin is the register's.
const Origin = "example.org/register"

// The authorities of the trust root. US grants with two officers and revokes
// with one; IN has one officer.
const (
	US = "auth-us"
	IN = "auth-in"
)

// Start is where the clock stands at first.
var Start = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// A Clock is one that a test sets. It may be used concurrently.
type Clock struct {
	mu sync.Mutex
	t  time.Time
}

// NewClock returns a clock that stands at t.
func NewClock(t time.Time) *Clock { return &Clock{t: t} }

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

// Set sets the clock.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

// Add moves the clock.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// A Signer is the fixed Ed25519 key of a name. It is an [attest.Signer].
type Signer struct {
	key  ed25519.PrivateKey
	pub  attest.Key
	name string
}

// SignerNamed returns the signer of a name, always the same one.
func SignerNamed(name string) *Signer {
	seed := sha256.Sum256([]byte("registrytest/" + name))
	key := ed25519.NewKeyFromSeed(seed[:])
	pub, err := jws.NewKey(key.Public(), "EdDSA")
	if err != nil {
		panic(err) // an Ed25519 key signs EdDSA
	}
	return &Signer{key, pub, name}
}

// Key returns the public key.
func (s *Signer) Key() attest.Key { return s.pub }

// Sign signs as [attest.Signer] asks.
func (s *Signer) Sign(_ context.Context, signingInput []byte) ([]byte, error) {
	return ed25519.Sign(s.key, signingInput), nil
}

// JWK returns the public key as a trust root lists it.
func (s *Signer) JWK() attest.JWK {
	j, err := attest.JWKOf(s.pub)
	if err != nil {
		panic(err)
	}
	return j
}

// Officer returns the signer as an officer of one key.
func (s *Signer) Officer() attest.Officer {
	return attest.Officer{ID: s.name, Keys: []attest.JWK{s.JWK()}}
}

// noteKey returns the note signer key of a key name and the fixed key of word.
func noteKey(name, word string) (skey, vkey string) {
	s := SignerNamed(word)
	pub := append([]byte{1}, s.key.Public().(ed25519.PublicKey)...)
	sum := sha256.Sum256(append([]byte(name+"\n"), pub...))
	hash := binary.BigEndian.Uint32(sum[:])
	enc := base64.StdEncoding
	return fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, hash, enc.EncodeToString(append([]byte{1}, s.key.Seed()...))),
		fmt.Sprintf("%s+%08x+%s", name, hash, enc.EncodeToString(pub))
}

// LogSigner returns the signer of checkpoints and its verifier key.
func LogSigner() (note.Signer, string) {
	skey, vkey := noteKey(Origin, "log")
	s, err := note.NewSigner(skey)
	if err != nil {
		panic(err)
	}
	return s, vkey
}

// Cosigner returns the operator's cosigner.
func Cosigner() *registry.Cosigner {
	skey, _ := noteKey(Origin+"/cosigner", "cosigner")
	c, err := registry.NewCosigner(skey)
	if err != nil {
		panic(err)
	}
	return c
}

// Notary returns the signer of decisions.
func Notary() *Signer { return SignerNamed("notary") }

// Root returns version 1 of the trust root, written at iat. Its root officers
// are root-1 and root-2, of whom both sign; the authorities' are us-1, us-2 and
// in-1. Decisions are signed by [Notary].
func Root(iat time.Time) *attest.Root {
	_, vkey := LogSigner()
	officer := func(name string) attest.Officer { return SignerNamed(name).Officer() }
	return &attest.Root{
		Common:       attest.Common{Aud: Origin, Iss: "root", Sub: attest.RootSubject, JTI: "root-1", IAT: attest.NumericDate(iat.Unix())},
		Version:      1,
		Threshold:    2,
		Officers:     []attest.Officer{officer("root-1"), officer("root-2")},
		LogKeys:      []string{vkey},
		Cosigners:    []attest.Cosigner{{VKey: Cosigner().VKey(), Role: attest.Witness, Operator: true}},
		DecisionKeys: []attest.JWK{Notary().JWK()},
		Authorities: []attest.Authority{
			{
				ID: US, Name: "Export authority of the US (fictional)", Countries: []string{"US"},
				Officers:   []attest.Officer{officer("us-1"), officer("us-2")},
				Thresholds: attest.Thresholds{Granting: 2, Revoking: 1},
			},
			{
				ID: IN, Name: "Export authority of IN (fictional)", Countries: []string{"IN"},
				Officers:   []attest.Officer{officer("in-1")},
				Thresholds: attest.Thresholds{Granting: 1, Revoking: 1},
			},
		},
	}
}

// Signers returns the signers of all officers of an issuer: an authority or
// "root".
func Signers(iss string) []attest.Signer {
	names := map[string][]string{
		"root": {"root-1", "root-2"},
		US:     {"us-1", "us-2"},
		IN:     {"in-1"},
	}[iss]
	var out []attest.Signer
	for _, n := range names {
		out = append(out, SignerNamed(n))
	}
	return out
}

// Sign signs the claims with the signers, or where none are given with those
// of all officers of their issuer.
func Sign(c attest.Claims, signers ...attest.Signer) ([]byte, error) {
	if len(signers) == 0 {
		signers = Signers(c.Head().Iss)
	}
	return attest.Sign(context.Background(), c, signers...)
}

// Trust returns what a verifier of this register trusts: the trust root, and
// the operator's cosigner, which is insecure and says so.
func Trust(root []byte) (*verify.Trust, error) {
	st, err := attest.OpenRoot(root, nil)
	if err != nil {
		return nil, err
	}
	policy := "witness operator " + Cosigner().VKey() + "\nquorum operator\n"
	return verify.TrustFor(st, policy, 24*time.Hour, verify.Insecure{OperatorClock: true, Unmirrored: true})
}

// A Register is a running register of a test.
type Register struct {
	*registry.Registry
	// Clock is the register's.
	Clock *Clock
	// Dir is where its log is.
	Dir string
	// RootStatement is the logged trust root.
	RootStatement []byte
	// Trust is what the register itself, and a verifier of it, trusts.
	Trust *verify.Trust

	t      testing.TB
	log    *badgerlog.Log
	config []func(*registry.Config)
	closed bool
}

// New starts a register in a directory of the test, with the trust root
// logged; it is closed when the test ends. Each config may change how the
// register is set up.
func New(t testing.TB, config ...func(*registry.Config)) *Register {
	t.Helper()
	return Open(t, t.TempDir(), config...)
}

// Open is like [New] for a directory that may have a log already.
func Open(t testing.TB, dir string, config ...func(*registry.Config)) *Register {
	t.Helper()
	r := &Register{Clock: NewClock(Start), Dir: dir, t: t, config: config}
	var err error
	if r.RootStatement, err = Sign(Root(Start)); err != nil {
		t.Fatalf("sign the trust root: %v", err)
	}
	if r.Trust, err = Trust(r.RootStatement); err != nil {
		t.Fatalf("make the trust: %v", err)
	}
	r.start()
	if _, err := r.Init(context.Background(), r.RootStatement); err != nil {
		t.Fatalf("log the trust root: %v", err)
	}
	t.Cleanup(r.Stop)
	return r
}

func (r *Register) start() {
	r.t.Helper()
	reg, log, err := Serve(r.Dir, r.Clock.Now, r.Trust, r.config...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Registry, r.log, r.closed = reg, log, false
}

// Stop closes register and log. Stopping twice does nothing.
func (r *Register) Stop() {
	r.t.Helper()
	if r.closed {
		return
	}
	r.closed = true
	if err := errors.Join(r.Close(), r.log.Close()); err != nil {
		r.t.Errorf("stop the register: %v", err)
	}
}

// Log returns the open log of the register.
func (r *Register) Log() registry.Log { return r.log }

// Restart stops the register and starts it on the same directory.
func (r *Register) Restart() {
	r.t.Helper()
	r.Stop()
	r.start()
}

// Serve opens the log in dir and starts a register on it, without a test.
// The caller closes both, first the register.
func Serve(dir string, now func() time.Time, trust *verify.Trust, config ...func(*registry.Config)) (*registry.Registry, *badgerlog.Log, error) {
	log, err := badgerlog.Open(filepath.Join(dir, "log"), nil)
	if err != nil {
		return nil, nil, err
	}
	signer, _ := LogSigner()
	c := registry.Config{
		Log: log, Origin: Origin, LogSigners: []note.Signer{signer}, Cosigner: Cosigner(), Trust: trust, Now: now,
		BatchInterval: -1, DecisionSigner: Notary(),
	}
	for _, change := range config {
		change(&c)
	}
	reg, err := registry.New(c)
	if err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	return reg, log, nil
}

// Sign signs the claims as [Sign] does, and fills in what of their common
// claims is empty: aud, and iat from the clock.
func (r *Register) Sign(c attest.Claims, signers ...attest.Signer) []byte {
	r.t.Helper()
	h := c.Head()
	if h.Aud == "" {
		h.Aud = Origin
	}
	if h.IAT == 0 {
		h.IAT = attest.NumericDate(r.Clock.Now().Unix())
	}
	s, err := Sign(c, signers...)
	if err != nil {
		r.t.Fatalf("sign %s of %s: %v", h.JTI, h.Iss, err)
	}
	return s
}

// MustSubmit signs the claims with all officers of their issuer and submits
// them; the test fails where they are not logged.
func (r *Register) MustSubmit(c attest.Claims) registry.Receipt {
	r.t.Helper()
	receipt, err := r.Submit(context.Background(), r.Sign(c))
	if err != nil {
		r.t.Fatalf("submit %s of %s: %v", c.Head().JTI, c.Head().Iss, err)
	}
	return receipt
}

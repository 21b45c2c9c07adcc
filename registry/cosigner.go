package registry

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/verify"
)

// A Cosigner cosigns checkpoints as C2SP tlog-cosignature asks
// (cosignature/v1, Ed25519), dated by the caller's clock.
type Cosigner struct {
	name string
	key  ed25519.PrivateKey
}

// Signature type bytes of C2SP signed-note.
const (
	algEd25519       = 0x01
	algCosignatureV1 = 0x04
)

// NewCosigner reads a signer key of the form
// PRIVATE+KEY+<name>+<hash>+<base64>, as [note.GenerateKey] makes them.
func NewCosigner(skey string) (*Cosigner, error) {
	// The key's hash is of another algorithm byte; note checks the rest.
	if _, err := note.NewSigner(skey); err != nil {
		return nil, fmt.Errorf("cosigner key: %w", err)
	}
	parts := strings.SplitN(skey, "+", 5)
	seed, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(seed) != 1+ed25519.SeedSize || seed[0] != algEd25519 {
		return nil, errors.New("cosigner key: is not an Ed25519 key")
	}
	return &Cosigner{parts[2], ed25519.NewKeyFromSeed(seed[1:])}, nil
}

// public is the algorithm byte and the public key.
func (c *Cosigner) public() []byte {
	return append([]byte{algCosignatureV1}, c.key.Public().(ed25519.PublicKey)...)
}

func (c *Cosigner) keyHash() uint32 {
	sum := sha256.Sum256(append([]byte(c.name+"\n"), c.public()...))
	return binary.BigEndian.Uint32(sum[:])
}

// VKey returns the verifier key, as trust roots and policies list it.
func (c *Cosigner) VKey() string {
	return fmt.Sprintf("%s+%08x+%s", c.name, c.keyHash(), base64.StdEncoding.EncodeToString(c.public()))
}

// at returns a note signer whose cosignature is dated to the second.
func (c *Cosigner) at(t time.Time) note.Signer { return dated{c, t.Unix()} }

type dated struct {
	*Cosigner
	unix int64
}

func (d dated) Name() string    { return d.name }
func (d dated) KeyHash() uint32 { return d.keyHash() }

func (d dated) Sign(msg []byte) ([]byte, error) {
	sig := binary.BigEndian.AppendUint64(nil, uint64(d.unix))
	return append(sig, ed25519.Sign(d.key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", d.unix, msg))...), nil
}

// Name returns the cosigner's name, as its signature lines begin.
func (c *Cosigner) Name() string { return c.name }

// Cosign returns the cosigner's signature line, with its newline, for a signed
// checkpoint. It is dated to the second, down from at. What the cosignature
// says is for the caller to have checked.
func (c *Cosigner) Cosign(checkpoint []byte, at time.Time) (line []byte, err error) {
	p, err := verify.ParseCheckpoint(checkpoint)
	if err != nil {
		return nil, fmt.Errorf("cosign as %s: %w", c.name, err)
	}
	signed, err := note.Sign(&note.Note{Text: p.Text}, c.at(at))
	if err != nil {
		return nil, fmt.Errorf("cosign as %s: %w", c.name, err)
	}
	return signed[len(p.Text)+1:], nil
}

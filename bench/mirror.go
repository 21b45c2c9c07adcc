package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// The trust root lists a mirror, and what is verified offline trusts the mirror
// and not the operator, as a verifier of a real register does: only then may
// evidence leave out what a decision does not rest on.

// mirrorName is the mirror's key name. It sorts behind the operator's, as its
// line has to.
const mirrorName = "mirror.example.net"

// mirrorKey returns the mirror's key and its hash.
func mirrorKey() (key *registrytest.Signer, public []byte, hash uint32) {
	key = registrytest.SignerNamed("mirror")
	// 4 is cosignature/v1 with Ed25519 in C2SP signed-note.
	public = append([]byte{4}, key.Key().Public().(ed25519.PublicKey)...)
	sum := sha256.Sum256(append([]byte(mirrorName+"\n"), public...))
	return key, public, binary.BigEndian.Uint32(sum[:])
}

// mirrorVKey returns the mirror's verifier key.
func mirrorVKey() string {
	_, public, hash := mirrorKey()
	return fmt.Sprintf("%s+%08x+%s", mirrorName, hash, base64.StdEncoding.EncodeToString(public))
}

// rootStatement returns the signed trust root, always the same.
func rootStatement() ([]byte, error) {
	root := registrytest.Root(registrytest.Start)
	root.Cosigners = append(root.Cosigners, attest.Cosigner{VKey: mirrorVKey(), Role: attest.Mirror})
	return registrytest.Sign(root)
}

// mirrorTrust returns the document of a trust that asks for the mirror.
func mirrorTrust() ([]byte, error) {
	root, err := rootStatement()
	if err != nil {
		return nil, err
	}
	st, err := attest.OpenRoot(root, nil)
	if err != nil {
		return nil, err
	}
	t, err := verify.TrustFor(st, "witness mirror "+mirrorVKey()+"\nquorum mirror\n", 24*time.Hour, verify.Insecure{})
	if err != nil {
		return nil, err
	}
	return t.MarshalJSON()
}

// mirrored adds the mirror's cosignature to the checkpoint of evidence.
func mirrored(ctx context.Context, ev []byte, at time.Time) ([]byte, error) {
	e, err := verify.Parse(ev)
	if err != nil {
		return nil, err
	}
	c, err := verify.ParseCheckpoint([]byte(e.Checkpoint))
	if err != nil {
		return nil, err
	}
	key, _, hash := mirrorKey()
	sig, err := key.Sign(ctx, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at.Unix(), c.Text))
	if err != nil {
		return nil, err
	}
	line := binary.BigEndian.AppendUint32(nil, hash)
	line = append(binary.BigEndian.AppendUint64(line, uint64(at.Unix())), sig...)
	e.Checkpoint += fmt.Sprintf("— %s %s\n", mirrorName, base64.StdEncoding.EncodeToString(line))
	return e.Marshal()
}

package tlogpolicy

import (
	"encoding/base64"
	"fmt"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// CosignatureV1 is the signature type of cosignature/v1 with Ed25519 (C2SP
// signed-note).
const CosignatureV1 = 0x04

// A Key is a verifier key of a checkpoint.
type Key struct {
	// Verifier verifies its signatures.
	Verifier note.Verifier
	// Algorithm is the signature type (C2SP signed-note).
	Algorithm byte
	// Log says that it signs checkpoints as the log's.
	Log bool
	// Public is the public key alone: a cosignature/v1 does not sign the name,
	// so that the same key under two names is one cosigner.
	Public string
}

// LogKey reads the verifier key of a log (C2SP signed-note, type 0x01).
func LogKey(vkey string) (Key, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return Key{}, fmt.Errorf("log key %q: %w", vkey, err)
	}
	k, err := newKey(vkey, v)
	k.Log = true
	return k, err
}

// CosignerKey reads the verifier key of a cosigner (C2SP tlog-cosignature).
func CosignerKey(vkey string) (Key, error) {
	v, err := fnote.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		return Key{}, fmt.Errorf("cosigner key %q: %w", vkey, err)
	}
	return newKey(vkey, v)
}

func newKey(vkey string, v note.Verifier) (Key, error) {
	_, rest, _ := strings.Cut(vkey, "+")
	id, encoded, _ := strings.Cut(rest, "+")
	b, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(b) < 1+32 {
		return Key{}, fmt.Errorf("key %q: is not in strict base64", vkey)
	}
	k := Key{Verifier: v, Algorithm: b[0], Public: string(b[1:])}
	// Ed25519 under the log's type 0x01 stands for the same cosigner; its id is
	// that of the other type.
	if want := fmt.Sprintf("%08x", v.KeyHash()); id != want && k.Algorithm == CosignatureV1 {
		return Key{}, fmt.Errorf("key %q: its id is %s, not %s; a letter may be mistyped", vkey, want, id)
	}
	return k, nil
}

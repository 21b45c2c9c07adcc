// Package vkey reads verifier keys (C2SP signed-note) of those who sign
// checkpoints: <name>+<id>+<key>. A key has one spelling, so that whoever puts
// it into a trust root or a policy reads it as every verifier does.
package vkey

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/internal/jws"
)

// The signature types (C2SP signed-note), both with Ed25519.
const (
	typeLog      = 0x01
	typeCosigner = 0x04
)

// A Key is the verifier key of a log or of a cosigner.
type Key struct {
	// Verifier verifies its signatures.
	Verifier note.Verifier
	// Log says that it signs checkpoints as the log's.
	Log bool
	// Public is the public key alone: a cosignature/v1 does not sign the name,
	// so that the same key under two names is one cosigner.
	Public string
}

// An ID is what a signature line says of its key.
type ID struct {
	// Name is the key's, Hash its id.
	Name string
	Hash uint32
}

// ID returns what signature lines say of the key.
func (k Key) ID() ID { return ID{k.Verifier.Name(), k.Verifier.KeyHash()} }

// Signer returns what a signature line says of its key.
func Signer(s note.Signature) ID { return ID{s.Name, s.Hash} }

// String returns <name>+<id>.
func (id ID) String() string { return fmt.Sprintf("%s+%08x", id.Name, id.Hash) }

// ParseLog reads the key of a log, whose type is 0x01.
func ParseLog(text string) (Key, error) {
	k, err := Parse(text)
	if err == nil && !k.Log {
		return Key{}, errors.New("is a cosigner's key, of type 0x04: want one of type 0x01, plain Ed25519, that the log signs with")
	}
	return k, err
}

// ParseCosigner reads the key of a cosigner (C2SP tlog-cosignature), whose type is
// 0x04.
func ParseCosigner(text string) (Key, error) {
	k, err := Parse(text)
	if err == nil && k.Log {
		return Key{}, errors.New("is a log's key, of type 0x01: want one of type 0x04, cosignature/v1 with Ed25519, that the cosigner signs with")
	}
	return k, err
}

// Parse reads the key of a log or of a cosigner, as its type says.
func Parse(text string) (Key, error) {
	k, err := parse(text)
	if err != nil {
		return Key{}, fmt.Errorf("is no verifier key: %w", err)
	}
	return k, nil
}

func parse(text string) (k Key, err error) {
	name, rest, _ := strings.Cut(text, "+")
	id, encoded, _ := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	// DecodeString skips line ends.
	if err != nil || len(key) == 0 || len(encoded) != base64.StdEncoding.EncodedLen(len(key)) {
		return k, errors.New("want <name>+<id>+<key>, the key in strict base64; copy it whole")
	}
	if key[0] != typeLog && key[0] != typeCosigner {
		return k, fmt.Errorf("its signature type is %#02x: want 0x01, a log's, or 0x04, a cosigner's (cosignature/v1), both with Ed25519", key[0])
	}
	public := key[1:]
	if len(public) != ed25519.PublicKeySize {
		return k, fmt.Errorf("an Ed25519 key has %d bytes, this one %d; copy it whole", ed25519.PublicKeySize, len(public))
	}
	sum := sha256.Sum256(append([]byte(name+"\n"), key...))
	if want := fmt.Sprintf("%08x", binary.BigEndian.Uint32(sum[:])); id != want {
		return k, fmt.Errorf("its id is %q; name and key make %s, in lower case: a letter may be mistyped, copy it again", id, want)
	}
	if jws.SmallOrder(public) {
		return k, errors.New("it is of small order, under which anybody can sign: generate a new one")
	}
	k = Key{Log: key[0] == typeLog, Public: string(public)}
	if k.Log {
		k.Verifier, err = note.NewVerifier(text)
	} else {
		k.Verifier, err = fnote.NewVerifierForCosignatureV1(text)
	}
	// What is left to be wrong is the name.
	if err != nil {
		return Key{}, fmt.Errorf("the name %q is empty, or has white space: %w", name, err)
	}
	return k, nil
}

package verify

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
)

// algCosignatureV1 is the signature type of cosignature/v1 with Ed25519 (C2SP
// signed-note).
const algCosignatureV1 = 0x04

// A key is a verifier key of a checkpoint.
type key struct {
	verifier  note.Verifier
	algorithm byte
	// log says that it signs checkpoints as the log's.
	log bool
	// public is the public key alone: a cosignature/v1 does not sign the name,
	// so that the same key under two names is one cosigner.
	public string
}

// logKey reads the verifier key of a log (C2SP signed-note, type 0x01).
func logKey(vkey string) (key, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return key{}, fmt.Errorf("log key %q: %w", vkey, err)
	}
	k, err := newKey(vkey, v)
	k.log = true
	return k, err
}

// cosignerKey reads the verifier key of a cosigner (C2SP tlog-cosignature).
func cosignerKey(vkey string) (key, error) {
	v, err := fnote.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		return key{}, fmt.Errorf("cosigner key %q: %w", vkey, err)
	}
	return newKey(vkey, v)
}

func newKey(vkey string, v note.Verifier) (key, error) {
	_, rest, _ := strings.Cut(vkey, "+")
	id, encoded, _ := strings.Cut(rest, "+")
	b, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(b) < 1+32 {
		return key{}, fmt.Errorf("key %q: is not in strict base64", vkey)
	}
	k := key{verifier: v, algorithm: b[0], public: string(b[1:])}
	// Ed25519 under the log's type 0x01 stands for the same cosigner; its id is
	// that of the other type.
	if want := fmt.Sprintf("%08x", v.KeyHash()); id != want && k.algorithm == algCosignatureV1 {
		return key{}, fmt.Errorf("key %q: its id is %s, not %s; a letter may be mistyped", vkey, want, id)
	}
	return k, nil
}

// A keyring has the keys that may sign a checkpoint.
type keyring struct {
	keys map[keyID]key
	// logs are the public keys of the log.
	logs map[string]bool
	// roles are the cosigners that the root lists, by public key.
	roles map[string]attest.Cosigner
}

type keyID struct {
	name string
	hash uint32
}

// newKeyring collects the log keys and cosigners of the root and the cosigners
// of the policy.
func newKeyring(root *attest.Root, policy *cosignPolicy) (*keyring, error) {
	r := &keyring{make(map[keyID]key), make(map[string]bool), make(map[string]attest.Cosigner)}
	for _, vkey := range root.LogKeys {
		k, err := logKey(vkey)
		if err == nil {
			err = r.add(k)
		}
		if err != nil {
			return nil, err
		}
		r.logs[k.public] = true
	}
	for _, c := range root.Cosigners {
		k, err := cosignerKey(c.VKey)
		if err == nil {
			err = r.add(k)
		}
		if err != nil {
			return nil, err
		}
		r.addRole(k.public, c)
	}
	for _, c := range policy.quorum.cosigners() {
		if err := r.add(c.key); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// errSharedID: 32 bits of key id do not tell keys apart that somebody made to
// collide.
var errSharedID = errors.New("two keys share their name and key id")

func (r *keyring) add(k key) error {
	id := keyID{k.verifier.Name(), k.verifier.KeyHash()}
	if old, ok := r.keys[id]; ok && old.public != k.public {
		return fmt.Errorf("key %s+%08x: %w", id.name, id.hash, errSharedID)
	}
	r.keys[id] = k
	return nil
}

// addRole: of a key that the root lists under several names, the least holds.
func (r *keyring) addRole(public string, c attest.Cosigner) {
	if old, ok := r.roles[public]; ok {
		c.Operator = c.Operator || old.Operator
		if old.Role == attest.Witness {
			c.Role = attest.Witness
		}
	}
	r.roles[public] = c
}

// role returns what the root says of a cosigner: a key that it does not list
// is a witness, one that the log signs with is the operator's.
func (r *keyring) role(public string) (role attest.CosignerRole, operator bool) {
	role = attest.Witness
	if c, ok := r.roles[public]; ok {
		role, operator = c.Role, c.Operator
	}
	return role, operator || r.logs[public]
}

// Verifier is [note.Verifiers].
func (r *keyring) Verifier(name string, hash uint32) (note.Verifier, error) {
	k, ok := r.keys[keyID{name, hash}]
	if !ok {
		return nil, &note.UnknownVerifierError{Name: name, KeyHash: hash}
	}
	return k.verifier, nil
}

package verify

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/tlogpolicy"
	"github.com/safeconduct/safeconduct/internal/vkey"
)

// A keyring has the keys that may sign a checkpoint.
type keyring struct {
	keys map[vkey.ID]vkey.Key
	// logs are the public keys of the log.
	logs map[string]bool
	// roles are the cosigners that the root lists, by public key.
	roles map[string]attest.Cosigner
}

// newKeyring collects the log keys and cosigners of the root and the cosigners
// of the policy.
func newKeyring(root *attest.Root, policy *tlogpolicy.Policy) (*keyring, error) {
	r, err := keysOf(root)
	if err != nil {
		return nil, err
	}
	for _, c := range policy.Quorum.Cosigners() {
		if err := r.add(c.Key); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// keysOf collects the log keys and cosigners of the root.
func keysOf(root *attest.Root) (*keyring, error) {
	r := &keyring{make(map[vkey.ID]vkey.Key), make(map[string]bool), make(map[string]attest.Cosigner)}
	for _, text := range root.LogKeys {
		k, err := vkey.ParseLog(text)
		if err == nil {
			err = r.add(k)
		}
		if err != nil {
			return nil, err
		}
		r.logs[k.Public] = true
	}
	for _, c := range root.Cosigners {
		k, err := vkey.ParseCosigner(c.VKey)
		if err == nil {
			err = r.add(k)
		}
		if err != nil {
			return nil, err
		}
		r.addRole(k.Public, c)
	}
	return r, nil
}

// errSharedID: 32 bits of key id do not tell keys apart that somebody made to
// collide.
var errSharedID = errors.New("two keys share their name and key id")

func (r *keyring) add(k vkey.Key) error {
	if old, ok := r.keys[k.ID()]; ok && old.Public != k.Public {
		return fmt.Errorf("key %s: %w", k.ID(), errSharedID)
	}
	r.keys[k.ID()] = k
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
	k, ok := r.keys[vkey.ID{Name: name, Hash: hash}]
	if !ok {
		return nil, &note.UnknownVerifierError{Name: name, KeyHash: hash}
	}
	return k.Verifier, nil
}

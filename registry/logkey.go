package registry

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/vkey"
)

// logKeys are the log keys that a trust root lists.
func logKeys(root *attest.TrustRoot) []note.Verifier {
	keys, _ := vkey.Logs(root.Root().LogKeys) // attest has read every key already
	return keys
}

// AddLogSigner has the register sign with one more key from the batch on in
// which the trust root lists it, so that a log key can be replaced without a
// pause: the signer is added, then a root is logged that lists both keys, and
// when every witness has been told of the new one, a root without the old one.
// It returns an error where the key is not named as the origin. A signer whose
// key is held already replaces the one before.
func (r *Registry) AddLogSigner(s note.Signer) error {
	if s == nil || s.Name() != r.origin {
		var name string
		if s != nil {
			name = s.Name()
		}
		return fmt.Errorf("the log key is named %q; it has to be named as the origin, %q", name, r.origin)
	}
	r.write.Lock()
	defer r.write.Unlock()
	same := func(old note.Signer) bool { return old.KeyHash() == s.KeyHash() }
	signers := append(slices.DeleteFunc(slices.Clone(*r.signers.Load()), same), s)
	r.signers.Store(&signers)
	return nil
}

// sign returns the checkpoint of the tree of that size, signed by every log
// signer whose key root lists, in its order. root is the trust root in force at
// the last leaf of the tree.
func (r *Registry) sign(size int64, hash tlog.Hash, root *attest.TrustRoot) ([]byte, error) {
	keys := logKeys(root)
	var signers []note.Signer
	for _, v := range keys {
		if s, ok := r.signerOf(v); ok {
			signers = append(signers, s)
		}
	}
	if len(signers) == 0 {
		return nil, fmt.Errorf("sign the checkpoint of size %d: %w", size, errLogKey)
	}
	signed, err := note.Sign(&note.Note{Text: checkpointText(r.origin, size, hash)}, signers...)
	if err != nil {
		return nil, fmt.Errorf("%w: size %d: %w", ErrSigner, size, err)
	}
	// A key that signs otherwise than the root says would make a checkpoint
	// that nobody accepts. Open refuses a note with any false signature.
	if _, err := note.Open(signed, note.VerifierList(keys...)); err != nil {
		return nil, fmt.Errorf("%w: size %d: the fresh signature: %w", ErrSigner, size, err)
	}
	return signed, nil
}

var errLogKey = errors.New("the trust root in force lists no log signer's key")

// signerOf finds the log signer of a key.
func (r *Registry) signerOf(v note.Verifier) (note.Signer, bool) {
	signers := *r.signers.Load()
	i := slices.IndexFunc(signers, func(s note.Signer) bool { return s.Name() == v.Name() && s.KeyHash() == v.KeyHash() })
	if i < 0 {
		return nil, false
	}
	return signers[i], true
}

// unheld returns a log key that a trust root lists and that no log signer has:
// checkpoints would lack its signature.
func (r *Registry) unheld(root *attest.Root) (key string, ok bool) {
	keys, _ := vkey.Logs(root.LogKeys) // attest has read every key already
	i := slices.IndexFunc(keys, func(v note.Verifier) bool { _, ok := r.signerOf(v); return !ok })
	if i < 0 {
		return "", false
	}
	return root.LogKeys[i], true
}

// logSigned returns a signed checkpoint with the signatures of the log keys
// that a trust root lists alone, in their order; one has to verify, and none
// may be false.
func logSigned(checkpoint []byte, root *attest.TrustRoot) ([]byte, error) {
	n, err := note.Open(checkpoint, note.VerifierList(logKeys(root)...))
	if err != nil {
		return nil, fmt.Errorf("%w (version %d of the trust root): %w", ErrUnsigned, root.Root().Version, err)
	}
	return noteOf(n), nil
}

// noteOf writes a note with the signatures that were verified.
func noteOf(n *note.Note) []byte { return []byte(vkey.Signed(n.Text, n.Sigs)) }

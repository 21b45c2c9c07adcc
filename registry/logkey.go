package registry

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/vkey"
)

// logKeys are the log keys that a trust root lists.
func logKeys(root *attest.TrustRoot) []note.Verifier {
	keys, _ := vkey.Logs(root.Root().LogKeys) // attest has read every key already
	return keys
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

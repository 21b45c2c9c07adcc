package registry

import (
	"bytes"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/vkey"
)

// logKeys are the log keys that a trust root lists.
func logKeys(root *attest.TrustRoot) []note.Verifier {
	var out []note.Verifier
	for _, k := range root.Root().LogKeys {
		// attest has read every key already.
		if v, err := vkey.ParseLog(k); err == nil {
			out = append(out, v.Verifier)
		}
	}
	return out
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
func noteOf(n *note.Note) []byte {
	var b bytes.Buffer
	b.WriteString(n.Text + "\n")
	for _, s := range n.Sigs {
		fmt.Fprintf(&b, "\u2014 %s %s\n", s.Name, s.Base64)
	}
	return b.Bytes()
}

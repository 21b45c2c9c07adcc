package verify

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/vkey"
)

// A SignatureLine is what a key has signed of a checkpoint, or has not.
type SignatureLine struct {
	// Key is the key's name and id, <name>+<id>. A name that the trust root does
	// not list is whatever somebody has written there.
	Key string
	// Log says that it is a key of the log. Role is that of a cosigner in the trust
	// root, "" for every other key, and Operator says that it belongs to whoever runs
	// the register.
	Log      bool
	Role     attest.CosignerRole
	Operator bool
	// State says what it is worth.
	State SignatureState
	// Time is what a good cosignature is dated, and zero else.
	Time time.Time
}

// A SignatureState is what a signature line is worth.
type SignatureState string

// The states of signatures.
const (
	// SignatureGood: the trust root lists the key, and it has signed.
	SignatureGood SignatureState = "good"
	// SignatureMissing: the trust root lists the key, and there is no line by it.
	SignatureMissing SignatureState = "missing"
	// SignatureFalse: the trust root lists the key that the line names, which has
	// not signed that.
	SignatureFalse SignatureState = "false"
	// SignatureUnlisted: the trust root lists no such key. Nobody has checked the
	// line, which anybody could have written.
	SignatureUnlisted SignatureState = "unlisted"
)

// SignatureLines returns, for people to read, what the signature lines of a
// checkpoint are worth by a trust root: of each key that it lists, the log's first,
// its lines or that there is none, then the lines by others. It returns an error
// where the checkpoint cannot be read. That enough have signed it, for somebody's
// policy, is for [Check].
func SignatureLines(signed []byte, root *attest.Root) ([]SignatureLine, error) {
	c, err := ParseCheckpoint(signed)
	if err != nil {
		return nil, err
	}
	keys, err := keysOf(root)
	if err != nil {
		return nil, fmt.Errorf("the keys of the trust root: %w", err)
	}
	// To whom no key is known all lines are unverified.
	_, err = note.Open(signed, note.VerifierList())
	unverified, ok := errors.AsType[*note.UnverifiedNoteError](err)
	if !ok {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	lines := unverified.Note.UnverifiedSigs
	var out []SignatureLine
	for _, id := range listedIDs(root) {
		k := keys.keys[id]
		line := SignatureLine{Key: id.String(), Log: k.Log, State: SignatureMissing}
		line.Role, line.Operator = keys.role(k.Public)
		if k.Log {
			line.Role = ""
		}
		before := len(out)
		for _, s := range lines {
			if vkey.Signer(s) == id {
				line.State, line.Time = keys.judge(c.Text, s)
				out = append(out, line)
			}
		}
		if len(out) == before {
			out = append(out, line)
		}
	}
	for _, s := range lines {
		if _, listed := keys.keys[vkey.Signer(s)]; !listed {
			out = append(out, SignatureLine{Key: vkey.Signer(s).String(), State: SignatureUnlisted})
		}
	}
	return out, nil
}

// listedIDs are those of a trust root's keys, in its order.
func listedIDs(root *attest.Root) (ids []vkey.ID) {
	texts := root.LogKeys[:len(root.LogKeys):len(root.LogKeys)]
	for _, c := range root.Cosigners {
		texts = append(texts, c.VKey)
	}
	for _, text := range texts {
		if k, err := vkey.Parse(text); err == nil {
			ids = append(ids, k.ID())
		}
	}
	return ids
}

// judge verifies one line by a key that is known.
func (r *keyring) judge(text string, s note.Signature) (SignatureState, time.Time) {
	if _, err := note.Open([]byte(vkey.Signed(text, []note.Signature{s})), r); err != nil {
		return SignatureFalse, time.Time{}
	}
	if r.keys[vkey.Signer(s)].Log {
		return SignatureGood, time.Time{}
	}
	at, err := vkey.Dated(s)
	if err != nil {
		return SignatureFalse, time.Time{}
	}
	return SignatureGood, at
}

package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	flog "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/internal/vkey"
)

// A Checkpoint is what the text of a C2SP tlog-checkpoint says.
type Checkpoint struct {
	// Origin is the log's.
	Origin string
	// Tree has the log's size and root hash.
	Tree tlog.Tree
	// Text is the note text, which the signatures are over.
	Text string
}

// MaxCheckpoint is the largest signed checkpoint that is read over the network,
// in bytes: some hundred signatures.
const MaxCheckpoint = 256 << 10

// ParseCheckpoint reads the text of a checkpoint, a signed note, of which there
// is one spelling, without extension lines, of a log of at most [MaxSize]
// leaves. It checks no signature.
func ParseCheckpoint(signed []byte) (Checkpoint, error) {
	c, err := readCheckpoint(string(signed))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	return c, nil
}

func readCheckpoint(signed string) (Checkpoint, error) {
	end := strings.LastIndex(signed, "\n\n")
	if end < 0 {
		return Checkpoint{}, errors.New("is not a signed note: it has no empty line before the signatures")
	}
	text := signed[:end+1]
	var c flog.Checkpoint
	rest, err := c.Unmarshal([]byte(text))
	switch {
	case err != nil:
		return Checkpoint{}, err
	case len(rest) > 0:
		return Checkpoint{}, errors.New("it has an extension line, which this register never writes")
	case len(c.Hash) != tlog.HashSize || string(c.Marshal()) != text:
		return Checkpoint{}, errors.New("size or root hash is not in its one byte form")
	case c.Size > MaxSize:
		return Checkpoint{}, fmt.Errorf("size %d is beyond 2^53-1, the largest of a log", c.Size)
	}
	return Checkpoint{c.Origin, tlog.Tree{N: int64(c.Size), Hash: tlog.Hash(c.Hash)}, text}, nil
}

// checkpoint: a C2SP tlog-checkpoint of the register, without extension line,
// signed by a log key of the trust root in force at its last leaf. Each line
// is by a log key or a cosigner that the root or the policy knows, is valid,
// is strict base64, and stands where [MergeCheckpoint] puts it: nothing on it
// is there unread, and the same signatures make the same evidence.
func (in *inspection) checkpoint() error {
	signed := in.evidence.Checkpoint
	c, err := readCheckpoint(signed)
	switch {
	case err != nil:
		return err
	case c.Origin != in.trust.Origin():
		return fmt.Errorf("it is of the log %q; the trust file is for %q", c.Origin, in.trust.Origin())
	case c.Tree.N == 0:
		return errors.New("size 0 is no size of a log with statements")
	}
	in.text, in.tree = c.Text, c.Tree
	root := in.rootAt(in.tree.N - 1)
	if root == nil {
		return fmt.Errorf("no trust root was logged before size %d", in.tree.N)
	}
	if in.signers, err = root.signers(); err != nil {
		return err
	}
	n, err := note.Open([]byte(signed), in.signers)
	var unverified *note.UnverifiedNoteError
	if errors.As(err, &unverified) {
		n, err = unverified.Note, nil
	}
	if err != nil {
		return fmt.Errorf("signatures: %w", err)
	}
	if len(n.UnverifiedSigs) > 0 {
		return fmt.Errorf("the signature line of %s is by no log key or cosigner that the trust root or policy knows", vkey.Signer(n.UnverifiedSigs[0]))
	}
	if !rebuilds(n, signed) {
		return errors.New("a signature line stands twice or is not strict base64")
	}
	if !slices.IsSortedFunc(n.Sigs, signatureOrder) {
		return errors.New("its signature lines are not in order: those of the log's keys, then those of cosigners, each by name, then by key id")
	}
	return in.signedBy(n)
}

// rebuilds reports whether the verified signatures are all that was signed
// with, to the byte: note.Open skips a second line of one key unread.
func rebuilds(n *note.Note, signed string) bool {
	for _, s := range n.Sigs {
		if _, err := strict64.DecodeString(s.Base64); err != nil {
			return false
		}
	}
	return vkey.Signed(n.Text, n.Sigs) == signed
}

// signedBy sorts the verified signatures into the log's and the cosigners'.
func (in *inspection) signedBy(n *note.Note) error {
	byLog := make(map[string]bool)
	for _, s := range n.Sigs {
		k := in.signers.keys[vkey.Signer(s)]
		if k.Log {
			byLog[k.Public] = true
			continue
		}
		at, err := vkey.Dated(s)
		if err != nil {
			return err
		}
		role, operator := in.signers.role(k.Public)
		in.cosigned = append(in.cosigned, Cosignature{Name: s.Name, Role: role, Operator: operator, Time: at, public: k.Public})
	}
	if len(byLog) == 0 {
		return errors.New("no log key of the trust root in force has signed it")
	}
	if logs := in.trust.policy.Logs; len(logs) > 0 && !slices.ContainsFunc(logs, func(k vkey.Key) bool { return byLog[k.Public] }) {
		return errors.New("none of the logs that the trust policy lists has signed it; where the register changed its key, the policy needs the new one")
	}
	return nil
}

package verify

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/internal/vkey"
)

// MergeCheckpoint returns a signed checkpoint with more signature lines, such
// as witnesses answer with, in the one order that evidence has: those of the
// log's keys, then those of cosigners, each ascending by the bytes of the name,
// then by key id. Of cosignatures by one key the latest is kept, of other lines
// the first. More are lines, each ended by a newline.
//
// It refuses what is no signed note or has more than a hundred lines. It
// verifies no signature: merge only lines that have been verified, since a
// verifier of evidence refuses a checkpoint with a single bad one.
func MergeCheckpoint(checkpoint []byte, more ...[]byte) ([]byte, error) {
	signed := string(checkpoint)
	for _, lines := range more {
		signed += string(lines)
	}
	merged, err := mergeSignatures(signed)
	if err == nil && strings.LastIndex(merged, "\n\n") != strings.LastIndex(string(checkpoint), "\n\n") {
		err = errors.New("there is an empty line between signature lines")
	}
	if err != nil {
		return nil, fmt.Errorf("merge signature lines of a checkpoint: %w", err)
	}
	return []byte(merged), nil
}

func mergeSignatures(signed string) (string, error) {
	n, err := note.Open([]byte(signed), note.VerifierList())
	var unverified *note.UnverifiedNoteError
	if errors.As(err, &unverified) {
		n, err = unverified.Note, nil
	}
	if err != nil {
		return "", err
	}
	best := make(map[vkey.ID]note.Signature)
	for _, s := range n.UnverifiedSigs {
		id := vkey.Signer(s)
		if _, err := strict64.DecodeString(s.Base64); err != nil {
			return "", fmt.Errorf("the line of %s is not strict base64", id)
		}
		if old, ok := best[id]; !ok || cosignedAt(s) > cosignedAt(old) {
			best[id] = s
		}
	}
	var sigs []note.Signature
	for _, s := range best {
		sigs = append(sigs, s)
	}
	slices.SortFunc(sigs, signatureOrder)
	return vkey.Signed(n.Text, sigs), nil
}

// signatureOrder is the order of signature lines in evidence.
func signatureOrder(a, b note.Signature) int {
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Hash, b.Hash))
}

// The lengths of what stands in a line: key id and signature, and between them
// the time of a cosignature.
const (
	logSignature = 4 + 64
	cosignature  = 4 + 8 + 64
)

// rank is 0 for a signature of the log, which has no time, and 1 for every
// other.
func rank(s note.Signature) int {
	if b, err := base64.StdEncoding.DecodeString(s.Base64); err == nil && len(b) == logSignature {
		return 0
	}
	return 1
}

// cosignedAt returns the date of a cosignature, Unix seconds, 0 for every other
// signature.
func cosignedAt(s note.Signature) uint64 {
	b, err := base64.StdEncoding.DecodeString(s.Base64)
	if err != nil || len(b) != cosignature {
		return 0
	}
	return binary.BigEndian.Uint64(b[4:])
}

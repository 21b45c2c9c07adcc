package verify_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/verify"
)

// orderedSigners sign in the order of evidence.
func orderedSigners() []note.Signer {
	return []note.Signer{
		logKey(), noteKey{name: origin, seed: "next log"},
		cosigner("in-mirror", cosign), cosigner("us-mirror", cosign), cosigner("witness", cosign),
		noteKey{origin, "own", cosign},
	}
}

// linesOf signs a text as note.Sign does, in the given order.
func linesOf(text string, signers ...note.Signer) (head string, lines []string) {
	head, sigs, _ := strings.Cut(string(must(note.Sign(&note.Note{Text: text}, signers...))), "\n\n")
	return head + "\n\n", slices.DeleteFunc(strings.SplitAfter(sigs, "\n"), func(l string) bool { return l == "" })
}

func TestSignatureLinesMergeInOneOrder(t *testing.T) {
	r := story()
	signers := orderedSigners()
	if a, b := signers[0].KeyHash(), signers[1].KeyHash(); a > b {
		signers[0], signers[1] = signers[1], signers[0]
	}
	head, lines := linesOf(r.text(), signers...)
	want := head + strings.Join(lines, "")
	rapid.Check(t, func(t *rapid.T) {
		shuffled := rapid.Permutation(lines).Draw(t, "order")
		again := rapid.SliceOf(rapid.SampledFrom(lines)).Draw(t, "again")
		n := rapid.IntRange(1, len(shuffled)).Draw(t, "in the first")
		got, err := verify.MergeCheckpoint([]byte(head+strings.Join(shuffled[:n], "")), []byte(strings.Join(shuffled[n:], "")), []byte(strings.Join(again, "")))
		if err != nil || string(got) != want {
			t.Fatalf("%v\ngot  %q\nwant %q", err, got, want)
		}
	})
}

// Only the order of the merged form is evidence.
func TestOneOrderOfSignatureLinesIsAccepted(t *testing.T) {
	r := story()
	tr := trust(t, r, bothMirrors(), verify.Insecure{})
	head, lines := linesOf(r.text(), logKey(), cosigner("in-mirror", cosign), cosigner("us-mirror", cosign), cosigner("witness", cosign))
	accepted := 0
	for p := range permutations(lines) {
		_, err := verify.Check(marshal(t, r.evidence(head+strings.Join(p, ""), "root")), tr, asked)
		if err == nil {
			accepted++
		}
		if inOrder := slices.Equal(p, lines); (err == nil) != inOrder {
			t.Errorf("%q: %v", p, err)
		}
	}
	if accepted != 1 {
		t.Errorf("%d orders are accepted", accepted)
	}
}

func permutations(of []string) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		if len(of) < 2 {
			yield(of)
			return
		}
		for i, first := range of {
			rest := slices.Delete(slices.Clone(of), i, i+1)
			for p := range permutations(rest) {
				if !yield(append([]string{first}, p...)) {
					return
				}
			}
		}
	}
}

func TestTheLatestCosignatureIsKept(t *testing.T) {
	r := story()
	head, lines := linesOf(r.text(), logKey(), cosigner("us-mirror", cosign), cosigner("us-mirror", cosign.Add(time.Minute)), cosigner("us-mirror", cosign.Add(-time.Minute)))
	got, err := verify.MergeCheckpoint([]byte(head+lines[0]+lines[1]), []byte(lines[2]), []byte(lines[3]))
	if want := head + lines[0] + lines[2]; err != nil || string(got) != want {
		t.Errorf("%v\ngot  %q\nwant %q", err, got, want)
	}
}

func TestWhatIsNoSignedNoteIsNotMerged(t *testing.T) {
	r := story()
	signed := []byte(r.checkpoint(logKey()))
	var many bytes.Buffer
	for i := range 101 {
		_, lines := linesOf(r.text(), cosigner(fmt.Sprintf("w%d", i), cosign))
		many.WriteString(lines[0])
	}
	_, other := linesOf(r.text(), cosigner("us-mirror", cosign))
	stray := strings.Replace(other[0], "=\n", "\n", 1)
	for name, more := range map[string]string{
		"no line": "x\n", "no newline": strings.TrimSuffix(other[0], "\n"), "a text": "x\n\n" + other[0], "too many": many.String(), "no padding": stray, "an empty line": "\n",
	} {
		if got, err := verify.MergeCheckpoint(signed, []byte(more)); err == nil {
			t.Errorf("%s: merged to %q", name, got)
		}
	}
	if _, err := verify.MergeCheckpoint([]byte("text\n")); err == nil {
		t.Error("a text alone is merged")
	}
}

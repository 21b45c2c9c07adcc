package interop_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

func TestTorchwoodReadsTheLogAndItsPolicy(t *testing.T) {
	a := newForeign(t, "witness.example/a")
	text, root, start := cosignedBy(t, a)
	r := start(t.TempDir())
	r.init(root)
	r.grow(600)
	r.published()
	// The register's own policy file is read by torchwood.
	policy, err := torchwood.ParsePolicy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	tiles, err := torchwood.NewTileFetcher(r.url)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := tiles.ReadEndpoint(t.Context(), "checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, n, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil || len(n.Sigs) != 2 || checkpoint.Origin != rt.Origin {
		t.Fatalf("%v, %v of\n%s", checkpoint, err, signed)
	}
	c, err := torchwood.NewClient(tiles)
	if err != nil {
		t.Fatal(err)
	}
	next := int64(0)
	for i, entry := range c.AllEntries(t.Context(), checkpoint.Tree, 0) {
		leaf, err := r.Leaf(i)
		if i != next || err != nil || !bytes.Equal(leaf, entry) {
			t.Fatalf("entry %d, want leaf %d: %v", i, next, err)
		}
		next++
	}
	if err := c.Err(); err != nil || next != checkpoint.N {
		t.Errorf("%d of %d entries: %v", next, checkpoint.N, err)
	}
	for _, i := range []int64{0, 1, 255, 256, checkpoint.N - 1} {
		entry, p, err := c.Entry(t.Context(), checkpoint.Tree, i)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(p, checkpoint.N, checkpoint.Hash, i, tlog.RecordHash(entry)); err != nil {
			t.Errorf("index %d: %v", i, err)
		}
	}
	// Without the witness's line, the policy is not satisfied.
	without := signed[:bytes.LastIndex(signed, []byte("— witness.example/a"))]
	if _, _, err := torchwood.VerifyCheckpoint(without, policy); err == nil {
		t.Error("a checkpoint without its cosignature satisfies the policy")
	}
}

func TestTorchwoodChecksTheOperatorsCosignature(t *testing.T) {
	r := started(t)
	r.report() // evidence has it cosigned
	v, err := torchwood.NewCosignatureVerifier(rt.Cosigner().VKey())
	if err != nil || v.String() != rt.Cosigner().VKey() {
		t.Fatalf("%v, %v", v, err)
	}
	n, err := note.Open(r.Checkpoint(), note.VerifierList(v))
	if err != nil {
		t.Fatal(err)
	}
	if at, err := torchwood.CosignatureTimestamp(n.Sigs[0]); err != nil || at == 0 {
		t.Errorf("dated %d, %v", at, err)
	}
}

// A proof file that our command writes is checked by torchwood's VerifyProof.
func TestTorchwoodChecksOurProofFiles(t *testing.T) {
	a := newForeign(t, "witness.example/a")
	text, root, start := cosignedBy(t, a)
	policy, err := torchwood.ParsePolicy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	r := start(t.TempDir())
	r.init(root)
	r.grow(300)
	r.published()
	dir := t.TempDir()
	command := filepath.Join(dir, "safeconduct")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", command, "./cmd/safeconduct")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, index := range []int64{0, 1, 2, 255, 256, r.Size() - 1} {
		file := filepath.Join(dir, fmt.Sprintf("%d.tlog-proof", index))
		if out, err := exec.CommandContext(t.Context(), command, "proof", fmt.Sprint(index), "--registry", strings.TrimSuffix(r.url, "/"), "--out", file).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		proof, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := r.Leaf(index)
		if err != nil {
			t.Fatal(err)
		}
		hash := tlog.RecordHash(leaf)
		if err := torchwood.VerifyProof(policy, hash, proof); err != nil {
			t.Errorf("index %d: %v", index, err)
		}
		if err := torchwood.VerifyProof(policy, tlog.RecordHash([]byte("another")), proof); !errors.As(err, new(*torchwood.VerifyRecordError)) {
			t.Errorf("index %d, of another leaf: %v", index, err)
		}
		// Not a letter of it may be another one, up to the first line that the
		// policy does not ask for. Torchwood reads base64 whose last letter has
		// bits beyond the last byte; our own reading is strict.
		end := bytes.Index(proof, []byte("— "+rt.Origin+"/cosigner"))
		for i := range proof[:end] {
			if proof[i+1] == '=' {
				continue
			}
			changed := bytes.Clone(proof)
			changed[i] ^= 1
			if err := torchwood.VerifyProof(policy, hash, changed); err == nil {
				t.Errorf("index %d: %q was accepted with another letter at %d", index, changed, i)
			}
		}
	}
}

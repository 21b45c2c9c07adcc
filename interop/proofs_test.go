package interop_test

import (
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry/tlogtiles"
)

// upTo is the size up to which every proof is tried.
const upTo = 200

// provable is the tree of every size up to upTo of a register's log, and what
// its proofs are made of: the register's stored hashes as its tiles have them.
func provable(t *testing.T) (hashes tlog.HashReader, trees []tlog.Tree, leaves []tlog.Hash) {
	t.Helper()
	r := started(t)
	r.grow(upTo)
	tree := r.published()
	var indexes []int64
	for i := range tlog.StoredHashCount(upTo) {
		indexes = append(indexes, i)
	}
	stored, err := (&tlogtiles.Client{BaseURL: r.url}).Hashes(t.Context(), tree).ReadHashes(indexes)
	if err != nil {
		t.Fatal(err)
	}
	hashes = &memory{hashes: stored}
	for i := range int64(upTo) {
		leaf, err := r.Leaf(i)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, tlog.RecordHash(leaf))
	}
	for n := range int64(upTo + 1) {
		hash, err := tlog.TreeHash(n, r)
		if err != nil {
			t.Fatal(err)
		}
		trees = append(trees, tlog.Tree{N: n, Hash: hash})
	}
	return hashes, trees, leaves
}

// tampered yields proofs that differ from a good one: in a bit of a hash, by one
// more or less, or in their order; in a small tree at every place, and else at
// one, which goes round with n.
func tampered(good []tlog.Hash, size, n int64, check func(bad []tlog.Hash, how string)) {
	for i := range good {
		if size > 40 && int64(i) != n%int64(len(good)) {
			continue
		}
		bad := slices.Clone(good)
		bad[i][i%tlog.HashSize] ^= 1 << (i % 8)
		check(bad, "a bit is flipped")
		check(slices.Delete(slices.Clone(good), i, i+1), "one is left out")
		check(slices.Insert(slices.Clone(good), i, good[i]), "one stands twice")
		if i > 0 {
			bad = slices.Clone(good)
			bad[i-1], bad[i] = bad[i], bad[i-1]
			check(bad, "two are swapped")
		}
	}
	check(append(slices.Clone(good), tlog.Hash{}), "one more at the end")
}

func lists(p []tlog.Hash) [][]byte {
	out := make([][]byte, len(p))
	for i := range p {
		out[i] = p[i][:]
	}
	return out
}

func TestEveryInclusionProofIsAcceptedByOthersAndNoOther(t *testing.T) {
	hashes, trees, leaves := provable(t)
	for _, tree := range trees[1:] {
		for index := range tree.N {
			good, err := tlog.ProveRecord(tree.N, index, hashes)
			if err != nil {
				t.Fatal(err)
			}
			accepted := func(p []tlog.Hash, root, leaf tlog.Hash, index int64) (mod, merkle bool) {
				return tlog.CheckRecord(p, tree.N, root, index, leaf) == nil,
					proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(tree.N), leaf[:], lists(p), root[:]) == nil
			}
			refused := func(how string, p []tlog.Hash, root, leaf tlog.Hash, index int64) {
				if mod, merkle := accepted(p, root, leaf, index); mod || merkle {
					t.Errorf("index %d in %d, %s: accepted by x/mod %t, by merkle %t", index, tree.N, how, mod, merkle)
				}
			}
			if mod, merkle := accepted(good, tree.Hash, leaves[index], index); !mod || !merkle {
				t.Fatalf("index %d in %d: accepted by x/mod %t, by merkle %t", index, tree.N, mod, merkle)
			}
			tampered(good, tree.N, index, func(bad []tlog.Hash, how string) { refused(how, bad, tree.Hash, leaves[index], index) })
			other := (index + 1) % tree.N
			if other != index {
				refused("of another index", good, tree.Hash, leaves[index], other)
				refused("of another leaf", good, tree.Hash, leaves[other], index)
			}
			refused("of an index beyond the tree", good, tree.Hash, leaves[index], tree.N)
			refused("to another root", good, trees[tree.N-1].Hash, leaves[index], index)
		}
	}
}

func TestEveryConsistencyProofIsAcceptedByOthersAndNoOther(t *testing.T) {
	hashes, trees, _ := provable(t)
	for _, tree := range trees[1:] {
		for _, old := range trees[1:tree.N] {
			good, err := tlog.ProveTree(tree.N, old.N, hashes)
			if err != nil {
				t.Fatal(err)
			}
			accepted := func(p []tlog.Hash, newer, older tlog.Hash) (mod, merkle bool) {
				return tlog.CheckTree(p, tree.N, newer, old.N, older) == nil,
					proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(old.N), uint64(tree.N), lists(p), older[:], newer[:]) == nil
			}
			refused := func(how string, p []tlog.Hash, newer, older tlog.Hash) {
				if mod, merkle := accepted(p, newer, older); mod || merkle {
					t.Errorf("from %d to %d, %s: accepted by x/mod %t, by merkle %t", old.N, tree.N, how, mod, merkle)
				}
			}
			if mod, merkle := accepted(good, tree.Hash, old.Hash); !mod || !merkle {
				t.Fatalf("from %d to %d: accepted by x/mod %t, by merkle %t", old.N, tree.N, mod, merkle)
			}
			tampered(good, tree.N, old.N, func(bad []tlog.Hash, how string) { refused(how, bad, tree.Hash, old.Hash) })
			refused("to another root", good, trees[tree.N-1].Hash, old.Hash)
			refused("from another root", good, tree.Hash, trees[old.N-1].Hash)
		}
	}
}

// The proof of a receipt is one, too, of the checkpoint that closed its batch.
func TestReceiptsAreAcceptedByOthers(t *testing.T) {
	r := started(t)
	for _, jti := range []string{"ONE", "TWO", "THREE"} {
		receipt, err := r.submit(jti)
		if err != nil {
			t.Fatal(err)
		}
		root, err := tlog.TreeHash(receipt.Size, r)
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(receipt.Index), uint64(receipt.Size), receipt.LeafHash[:], lists(receipt.Proof), root[:]); err != nil {
			t.Errorf("%s: %v", jti, err)
		}
	}
}

package vectors

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// LogFile is log.json: one log in every form that it is read in.
type LogFile struct {
	About  string   `json:"about"`
	Leaves []string `json:"leaves"`
	// LeafHashes and Roots are in base64; Roots[n] is of the first n leaves.
	LeafHashes []string `json:"leaf_hashes"`
	Roots      []string `json:"roots"`
	// Checkpoints are those of the sizes that end in a status leaf.
	Checkpoints []string         `json:"checkpoints"`
	Inclusion   []InclusionProof `json:"inclusion"`
	Consistency []TreeProof      `json:"consistency"`
	// Tiles are by their paths.
	Tiles map[string][]byte `json:"tiles"`
	// TilePaths are paths and whether they are spelt as they have to be.
	TilePaths map[string]bool `json:"tile_paths"`
	// TlogProof is a C2SP tlog-proof of ProofIndex.
	TlogProof  string `json:"tlog_proof"`
	ProofIndex int64  `json:"proof_index"`
	// Backup is the backup stream.
	Backup []byte `json:"backup"`
}

// An InclusionProof is RFC 6962's of a leaf in the tree of a size.
type InclusionProof struct {
	Size  int64       `json:"size"`
	Index int64       `json:"index"`
	Proof []tlog.Hash `json:"proof"`
}

// A TreeProof is RFC 6962's that the tree of a size extends an older one.
type TreeProof struct {
	Old   int64       `json:"old"`
	Size  int64       `json:"size"`
	Proof []tlog.Hash `json:"proof"`
}

func logFile() LogFile {
	f := LogFile{About: "One log: its leaves; hashes, roots (by size), checkpoints, RFC 6962 proofs; tiles by their paths (base64); a C2SP tlog-proof; and the backup stream (base64). tile_paths tells paths that are spelt rightly from others.", Tiles: make(map[string][]byte)}
	r := story()
	f.Leaves = r.leaves
	f.Backup = []byte("safeconduct/backup/v1\n")
	record := func(kind byte, data string) {
		f.Backup = append(binary.BigEndian.AppendUint32(append(f.Backup, kind), uint32(len(data))), data...)
	}
	f.Roots = []string{must(tlog.TreeHash(0, r)).String()}
	for i, leaf := range r.leaves {
		size := int64(i) + 1
		f.LeafHashes = append(f.LeafHashes, leafHash(leaf))
		f.Roots = append(f.Roots, must(tlog.TreeHash(size, r)).String())
		record('L', leaf)
		if strings.HasPrefix(leaf, "safeconduct/status/v1\n") {
			signed := signNote(r.text(size), quorum(cosigned)...)
			f.Checkpoints = append(f.Checkpoints, signed)
			record('C', signed)
		}
		for old := int64(1); old < size; old += 2 {
			f.Consistency = append(f.Consistency, TreeProof{old, size, orEmpty(must(tlog.ProveTree(size, old, r)))})
		}
		f.Inclusion = append(f.Inclusion, InclusionProof{r.size(), int64(i), orEmpty(must(tlog.ProveRecord(r.size(), int64(i), r)))})
	}
	for _, w := range []int{1, 4, int(r.size())} {
		f.Tiles[fmt.Sprintf("tile/0/000.p/%d", w)] = must(tlog.ReadTileData(tlog.Tile{H: 8, L: 0, N: 0, W: w}, r))
		var bundle []byte
		for _, leaf := range r.leaves[:w] {
			bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(leaf))), leaf...)
		}
		f.Tiles[fmt.Sprintf("tile/entries/000.p/%d", w)] = bundle
	}
	f.TilePaths = map[string]bool{
		"tile/0/000": true, "tile/0/001": true, "tile/1/x001/234": true, "tile/63/000": true, "tile/0/x001/x234/067.p/255": true, "tile/0/x035/x184/x372/x088/831": true,
		"tile/entries/000": true, "tile/entries/x001/234.p/1": true,
		"tile/0/0": false, "tile/0/1234": false, "tile/0/x000/001": false, "tile/00/000": false, "tile/64/000": false, "tile/-1/000": false, "tile/data/000": false,
		"tile/8/0/000": false, "tile/0/000.p/0": false, "tile/0/000.p/256": false, "tile/0/000.p/01": false, "tile/0/000/": false, "/tile/0/000": false, "tile/entries/0/000": false, "tile/0/X001/234": false,
		"tile/0/x035/x184/x372/x088/832": false, "tile/entries/x035/x184/x372/x088/832": false,
	}
	f.ProofIndex = 3
	var b strings.Builder
	fmt.Fprintf(&b, "c2sp.org/tlog-proof@v1\nindex %d\n", f.ProofIndex)
	for _, h := range r.prove(f.ProofIndex) {
		b.WriteString(h.String() + "\n")
	}
	f.TlogProof = b.String() + "\n" + r.checkpoint(quorum(cosigned)...)
	return f
}

// orEmpty makes an array of what may be nil.
func orEmpty(hs []tlog.Hash) []tlog.Hash {
	if hs == nil {
		return []tlog.Hash{}
	}
	return hs
}

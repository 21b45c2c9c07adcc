package mirror

import (
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/vkey"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// A Summary says what a register holds, all of which has been checked.
type Summary struct {
	// Origin names the register, and Pinned says that its trust root is the one
	// that a trust file pins.
	Origin string `json:"origin"`
	Pinned bool   `json:"pinned"`
	// Size counts leaves, Batches status leaves, Statements the others.
	Size       int64                 `json:"size"`
	Batches    int64                 `json:"batches"`
	Statements int64                 `json:"statements"`
	Kinds      map[attest.Kind]int64 `json:"kinds"`
	// Entities and Sandboxes count ids.
	Entities  int64 `json:"entities"`
	Sandboxes int64 `json:"sandboxes"`
	// Authorities are those of the trust root in force, which is version Root;
	// Roots counts the versions.
	Authorities []string `json:"authorities"`
	Root        int64    `json:"root_version"`
	Roots       int64    `json:"root_versions"`
	// First and Last are the times of the first and the last batch.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// TreeHash and MapRoot are in standard base64 and in hex.
	TreeHash string `json:"tree_hash"`
	MapRoot  string `json:"map_root"`
	// Checkpoint is the signed note, and Cosigned its cosignatures by
	// cosigners that the trust root lists.
	Checkpoint string        `json:"checkpoint"`
	Cosigned   []Cosignature `json:"cosigned"`
	// Took is how long the audit took; it is not part of the JSON form.
	Took time.Duration `json:"-"`
}

// A Cosignature is a valid one by a cosigner of the trust root.
type Cosignature struct {
	Name     string              `json:"name"`
	Role     attest.CosignerRole `json:"role"`
	Operator bool                `json:"operator"`
	Time     time.Time           `json:"time"`
}

// summarize reads what has been checked.
func summarize(log registry.Log, r *registry.Reader, signed []byte, trust *verify.Trust) (*Summary, error) {
	c, err := verify.ParseCheckpoint(signed)
	if err != nil {
		return nil, err
	}
	root := r.Root().Root()
	s := &Summary{
		Origin: c.Origin, Pinned: trust != nil, Size: c.Tree.N, Kinds: make(map[attest.Kind]int64),
		Authorities: []string{}, Root: root.Version, TreeHash: c.Tree.Hash.String(), Checkpoint: string(signed),
	}
	for _, a := range root.Authorities {
		s.Authorities = append(s.Authorities, a.ID)
	}
	if err := s.count(log); err != nil {
		return nil, err
	}
	for _, err := range r.Entities("") {
		if err != nil {
			return nil, err
		}
		s.Entities++
	}
	for _, err := range r.Sandboxes("") {
		if err != nil {
			return nil, err
		}
		s.Sandboxes++
	}
	s.Cosigned, err = cosignatures(signed, root)
	return s, err
}

// count looks at every leaf.
func (s *Summary) count(log registry.Order) error {
	for leaf, err := range log.Leaves(0) {
		if err != nil {
			return err
		}
		if verify.IsStatusLeaf(leaf) {
			status, err := verify.ParseStatusLeaf(leaf)
			if err != nil {
				return err
			}
			if s.Batches++; s.Batches == 1 {
				s.First = status.Time
			}
			s.Last, s.MapRoot = status.Time, fmt.Sprintf("%x", status.MapRoot)
			continue
		}
		// It was opened before it was kept.
		u, err := attest.Parse(leaf)
		if err != nil {
			return err
		}
		s.Statements++
		s.Kinds[u.ClaimsUnsafe().Kind()]++
	}
	s.Roots = s.Kinds[attest.KindRoot]
	return nil
}

// cosignatures are those of a checkpoint by the cosigners that a root lists.
func cosignatures(signed []byte, root *attest.Root) ([]Cosignature, error) {
	keys, err := vkey.Logs(root.LogKeys)
	if err != nil {
		return nil, err
	}
	listed := make(map[vkey.ID]attest.Cosigner)
	for _, c := range root.Cosigners {
		k, err := vkey.ParseCosigner(c.VKey)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k.Verifier)
		listed[k.ID()] = c
	}
	n, err := note.Open(signed, note.VerifierList(keys...))
	if err != nil {
		return nil, err
	}
	out := []Cosignature{}
	for _, sig := range n.Sigs {
		c, ok := listed[vkey.Signer(sig)]
		if !ok {
			continue
		}
		at, err := vkey.Dated(sig)
		if err != nil {
			return nil, err
		}
		out = append(out, Cosignature{sig.Name, c.Role, c.Operator, at})
	}
	return out, nil
}

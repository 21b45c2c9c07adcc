package registry

import (
	"slices"
	"sort"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/vkey"
	"github.com/safeconduct/safeconduct/verify"
	"github.com/safeconduct/safeconduct/verify/statusmap"
)

// A snapshot is the register at one checkpoint. It does not change.
type snapshot struct {
	size int64
	// at is the time of the last batch.
	at time.Time
	// hash is the root hash of the tree.
	hash tlog.Hash
	// edge is that of the tree.
	edge edge
	// statuses is the version of the status map that the status leaf commits to.
	statuses *statusmap.Map
	// status is the status leaf, at index size-1.
	status []byte
	// signed is the checkpoint with the log's signature alone, checkpoint the
	// same with all cosignatures held.
	signed, checkpoint []byte
	// cosigned is the time of the newest cosignature, zero for none.
	cosigned time.Time
	// roots are the versions of the trust root, in log order.
	roots []rootAt
}

func emptyMap() *statusmap.Map { return new(statusmap.Map) }

// rootAt is a trust root and its log index.
type rootAt struct {
	index int64
	root  *attest.TrustRoot
}

// root returns the trust root in force, nil in an empty log.
func (s *snapshot) root() *attest.TrustRoot { return rootBefore(s.roots, s.size) }

// rootBefore returns the trust root that a statement at that index is judged
// by: the last one logged before it.
func rootBefore(roots []rootAt, index int64) *attest.TrustRoot {
	i := sort.Search(len(roots), func(i int) bool { return roots[i].index >= index })
	if i == 0 {
		return nil
	}
	return roots[i-1].root
}

// head is where a log of the snapshot's size ends.
func (s *snapshot) head() Head { return Head{s.size, s.checkpoint} }

// value returns what the status map says of the subject with that key.
func (s *snapshot) value(key [32]byte) (verify.MapValue, error) {
	b, ok := s.statuses.Get(key)
	if !ok {
		return verify.MapValue{}, nil
	}
	return verify.ParseMapValue(b)
}

// cosignerKeys are the cosigners that a trust root lists, and those that the
// reader was told of.
func (r *Reader) cosignerKeys(root *attest.TrustRoot) []note.Verifier {
	var vkeys []string
	for _, c := range root.Root().Cosigners {
		vkeys = append(vkeys, c.VKey)
	}
	for _, k := range r.cosigners {
		if !slices.Contains(vkeys, k) {
			vkeys = append(vkeys, k)
		}
	}
	var out []note.Verifier
	for _, k := range vkeys {
		// attest has read every key already.
		if v, err := vkey.ParseCosigner(k); err == nil {
			out = append(out, v.Verifier)
		}
	}
	return out
}

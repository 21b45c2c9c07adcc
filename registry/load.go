package registry

import (
	"fmt"
	"sort"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
	"github.com/safeconduct/safeconduct/verify/statusmap"
)

// advice is what to do about a log whose parts do not agree.
const advice = "the log is damaged; ask safeconduct fsck what is, and rebuild it or restore a backup"

// asNewest stands for the size of the newest checkpoint.
const asNewest = -1

// load makes the snapshots of what the log holds, and checks that tree, map,
// checkpoint and trust roots agree. Published is the size of the checkpoint
// that is shown to readers, 0 for none and [asNewest] for the newest one.
func (r *Reader) load(published int64) error {
	head, err := r.log.Head()
	if err != nil {
		return err
	}
	empty := &snapshot{statuses: new(statusmap.Map)}
	newest, shown := empty, empty
	if published == asNewest {
		published = head.Size
	}
	if published < 0 || published > head.Size {
		return fmt.Errorf("the log has %d leaves, and is said to have a published checkpoint of size %d: %s", head.Size, published, advice)
	}
	if head.Size > 0 {
		roots, err := r.loadRoots()
		if err != nil {
			return err
		}
		if newest, err = r.loadSnapshot(head, roots); err != nil {
			return err
		}
	}
	switch {
	case published > 0 && published < newest.size:
		shown, err = r.loadPublished(published, newest)
	case published > 0:
		shown = newest
		fallthrough
	default:
		newest.statuses, err = r.loadMap(nil)
	}
	if err != nil {
		return err
	}
	for _, s := range []*snapshot{shown, newest} {
		if err := s.agree(); err != nil {
			return err
		}
	}
	r.advance(newest)
	r.publish(shown)
	return nil
}

// loadRoots opens the versions of the trust root.
func (r *Reader) loadRoots() ([]rootAt, error) {
	entries, err := r.log.History(attest.RootSubject)
	if err != nil {
		return nil, err
	}
	var roots []rootAt
	for _, e := range entries {
		leaf, err := r.leaf(e.Index)
		if err != nil {
			return nil, err
		}
		st, err := attest.OpenRoot(leaf, rootBefore(roots, e.Index))
		if err != nil {
			return nil, fmt.Errorf("the trust root at index %d: %w: %s", e.Index, err, advice)
		}
		roots = append(roots, rootAt{e.Index, st.TrustRoot()})
	}
	if len(roots) == 0 || roots[0].index != 0 {
		return nil, fmt.Errorf("the log does not begin with a trust root: %s", advice)
	}
	return roots, nil
}

// loadSnapshot makes the snapshot at a checkpoint, without its map.
func (r *Reader) loadSnapshot(at Head, roots []rootAt) (*snapshot, error) {
	n := sort.Search(len(roots), func(i int) bool { return roots[i].index >= at.Size })
	s := &snapshot{size: at.Size, roots: roots[:n:n]}
	c, err := verify.ParseCheckpoint(at.Checkpoint)
	if err != nil {
		return nil, err
	}
	if c.Origin != r.origin || c.Tree.N != s.size {
		return nil, fmt.Errorf("the log is the one of %q with %d leaves, and has to be that of %q with %d", c.Origin, c.Tree.N, r.origin, s.size)
	}
	if s.edge, err = readEdge(r.log, s.size); err != nil {
		return nil, err
	}
	if s.hash, err = tlog.TreeHash(s.size, s.edge); err != nil {
		return nil, err
	}
	if s.hash != c.Tree.Hash {
		return nil, fmt.Errorf("the tree of size %d has the root %v, its checkpoint %v: %s", s.size, s.hash, c.Tree.Hash, advice)
	}
	if err := r.adopt(s, at.Checkpoint); err != nil {
		return nil, fmt.Errorf("the checkpoint of size %d: %w: %s", s.size, err, advice)
	}
	// What is kept stays as it is, line by line.
	s.checkpoint = at.Checkpoint
	if s.status, err = r.leaf(s.size - 1); err != nil {
		return nil, err
	}
	status, err := verify.ParseStatusLeaf(s.status)
	if err == nil && status.Index != s.size-1 {
		err = fmt.Errorf("it says that it stands at %d", status.Index)
	}
	if err != nil {
		return nil, fmt.Errorf("the last leaf of size %d: %w: %s", s.size, err, advice)
	}
	s.at = status.Time
	return s, nil
}

// agree compares the map with the status leaf.
func (s *snapshot) agree() error {
	if s.size == 0 {
		return nil
	}
	status, err := verify.ParseStatusLeaf(s.status)
	if err != nil {
		return err
	}
	if got := s.statuses.Root(); got != status.MapRoot {
		return fmt.Errorf("the status map of size %d has the root %x, the status leaf says %x: %s", s.size, got, status.MapRoot, advice)
	}
	return nil
}

// loadMap makes a status map from the subjects' values, but those given
// instead of theirs; a zero value stands for none.
func (r *Reader) loadMap(instead map[string]verify.MapValue) (*statusmap.Map, error) {
	var failed error
	m := new(statusmap.Map).Set(func(yield func([32]byte, []byte) bool) {
		for s, err := range r.log.Subjects("", "") {
			if failed = err; err != nil {
				return
			}
			if v, ok := instead[s.Name]; ok {
				s.Value = v
			}
			if s.Value.Count > 0 && !yield(verify.MapKey(s.Name), s.Value.Bytes()) {
				return
			}
		}
	})
	if failed != nil {
		return nil, failed
	}
	return m, nil
}

// loadPublished makes the snapshot of a published checkpoint that is not the
// newest, and rolls its map forward to the newest.
func (r *Reader) loadPublished(size int64, newest *snapshot) (*snapshot, error) {
	checkpoint, err := r.log.Checkpoint(size)
	if err != nil {
		return nil, fmt.Errorf("the published checkpoint of size %d: %w", size, err)
	}
	s, err := r.loadSnapshot(Head{size, checkpoint}, newest.roots)
	if err != nil {
		return nil, err
	}
	was, is, err := r.touchedSince(size)
	if err != nil {
		return nil, err
	}
	if s.statuses, err = r.loadMap(was); err != nil {
		return nil, err
	}
	newest.statuses = s.statuses.Set(func(yield func([32]byte, []byte) bool) {
		for subject, v := range is {
			if !yield(verify.MapKey(subject), v.Bytes()) {
				return
			}
		}
	})
	return s, nil
}

// touchedSince returns the values that the subjects of the statements from an
// index on had before them, and have now.
func (r *Reader) touchedSince(index int64) (was, is map[string]verify.MapValue, err error) {
	was, is = make(map[string]verify.MapValue), make(map[string]verify.MapValue)
	for leaf, err := range r.log.Leaves(index) {
		if err != nil {
			return nil, nil, err
		}
		if verify.IsStatusLeaf(leaf) {
			continue
		}
		st, err := attest.Parse(leaf)
		if err != nil {
			return nil, nil, fmt.Errorf("a statement behind index %d: %w: %s", index, err, advice)
		}
		for _, subject := range st.ClaimsUnsafe().Subjects() {
			if _, done := is[subject]; done {
				continue
			}
			h, err := r.log.History(subject)
			if err != nil {
				return nil, nil, err
			}
			n := sort.Search(len(h), func(i int) bool { return h[i].Index >= index })
			if len(h) == 0 || n == len(h) {
				return nil, nil, fmt.Errorf("the history of %s lacks a statement: %s", subject, advice)
			}
			was[subject] = verify.MapValue{}
			if n > 0 {
				was[subject] = verify.MapValue{Count: int64(n), Chain: h[n-1].Chain}
			}
			is[subject] = verify.MapValue{Count: int64(len(h)), Chain: h[len(h)-1].Chain}
		}
	}
	return was, is, nil
}

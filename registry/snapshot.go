package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
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

// value returns what the status map says of a subject.
func (s *snapshot) value(subject string) (verify.MapValue, error) {
	b, ok := s.statuses.Get(verify.MapKey(subject))
	if !ok {
		return verify.MapValue{}, nil
	}
	return verify.ParseMapValue(b)
}

// load makes the snapshot of what the log holds, and checks that its parts
// agree.
func (r *Registry) load() (*snapshot, error) {
	head, err := r.log.Head()
	if err != nil {
		return nil, err
	}
	s := &snapshot{size: head.Size, checkpoint: head.Checkpoint, statuses: new(statusmap.Map)}
	if head.Size == 0 {
		return s, nil
	}
	if err := r.loadRoots(s); err != nil {
		return nil, err
	}
	if err := r.loadCheckpoint(s); err != nil {
		return nil, err
	}
	if err := r.loadStatus(s); err != nil {
		return nil, err
	}
	return s, nil
}

func (r *Registry) loadRoots(s *snapshot) error {
	entries, err := r.log.History(attest.RootSubject)
	if err != nil {
		return err
	}
	for _, e := range entries {
		leaf, err := r.leaf(e.Index)
		if err != nil {
			return err
		}
		st, err := attest.OpenRoot(leaf, rootBefore(s.roots, e.Index))
		if err != nil {
			return fmt.Errorf("the trust root at index %d: %w", e.Index, err)
		}
		s.roots = append(s.roots, rootAt{e.Index, st.TrustRoot()})
	}
	if len(s.roots) == 0 || s.roots[0].index != 0 {
		return errors.New("the log does not begin with a trust root")
	}
	return nil
}

func (r *Registry) loadCheckpoint(s *snapshot) error {
	c, err := verify.ParseCheckpoint(s.checkpoint)
	if err != nil {
		return err
	}
	size, hash := c.Tree.N, c.Tree.Hash
	if c.Origin != r.origin || size != s.size {
		return fmt.Errorf("the log is the one of %q with %d leaves; this register is %q", c.Origin, size, r.origin)
	}
	if s.hash, err = tlog.TreeHash(size, r.log); err != nil {
		return err
	}
	if s.hash != hash {
		return fmt.Errorf("the tree of size %d has the root %v, its checkpoint %v: the log is damaged; restore a backup", size, s.hash, hash)
	}
	if _, err := note.Open(s.checkpoint, note.VerifierList(logKeys(s.root())...)); err != nil {
		return fmt.Errorf("the checkpoint of size %d: %w", size, err)
	}
	cosigners := r.cosignerKeys(s.root())
	n, err := note.Open(s.checkpoint, note.VerifierList(append(logKeys(s.root()), cosigners...)...))
	if err != nil {
		return fmt.Errorf("the checkpoint of size %d: %w", size, err)
	}
	s.cosigned = lastCosigned(n, cosigners)
	if err := r.listed(s.root()); err != nil {
		return err
	}
	s.signed, err = r.sign(size, hash, s.root())
	return err
}

// listed refuses a trust root that does not list the operator's cosigner as the
// operator's: its cosignatures would count for nothing, or for an outsider's.
func (r *Registry) listed(root *attest.TrustRoot) error {
	if r.cosigner == nil {
		return nil
	}
	own := func(c attest.Cosigner) bool { return c.VKey == r.cosigner.VKey() && c.Operator }
	if !slices.ContainsFunc(root.Root().Cosigners, own) {
		return fmt.Errorf("version %d of the trust root does not list the operator's cosigner %s with operator: true", root.Root().Version, r.cosigner.VKey())
	}
	return nil
}

// cosignerKeys are the cosigners that a trust root lists, and the operator's.
func (r *Registry) cosignerKeys(root *attest.TrustRoot) []note.Verifier {
	var vkeys []string
	for _, c := range root.Root().Cosigners {
		vkeys = append(vkeys, c.VKey)
	}
	if r.cosigner != nil && !slices.Contains(vkeys, r.cosigner.VKey()) {
		vkeys = append(vkeys, r.cosigner.VKey())
	}
	var out []note.Verifier
	for _, k := range vkeys {
		// attest has read every key already.
		if v, err := fnote.NewVerifierForCosignatureV1(k); err == nil {
			out = append(out, v)
		}
	}
	return out
}

// loadStatus rebuilds the status map and compares it with the status leaf.
func (r *Registry) loadStatus(s *snapshot) error {
	leaf, err := r.leaf(s.size - 1)
	if err != nil {
		return err
	}
	status, err := verify.ParseStatusLeaf(leaf)
	if err != nil {
		return fmt.Errorf("the last leaf, %d: %w", s.size-1, err)
	}
	if status.Index != s.size-1 {
		return fmt.Errorf("the last leaf, %d: says that it is %d", s.size-1, status.Index)
	}
	s.status, s.at = leaf, status.Time
	if s.statuses, err = r.rebuild(); err != nil {
		return err
	}
	if got := s.statuses.Root(); got != status.MapRoot {
		return fmt.Errorf("the status map has the root %x, the status leaf %d says %x: the log is damaged; restore a backup", got, status.Index, status.MapRoot)
	}
	return nil
}

// rebuild makes the status map from the subjects' values.
func (r *Registry) rebuild() (*statusmap.Map, error) {
	var failed error
	m := new(statusmap.Map).Set(func(yield func([32]byte, []byte) bool) {
		for s, err := range r.log.Subjects("") {
			if failed = err; err != nil || !yield(verify.MapKey(s.Name), s.Value.Bytes()) {
				return
			}
		}
	})
	if failed != nil {
		return nil, failed
	}
	return m, nil
}

// cosignedAfter is the age from which evidence has its checkpoint cosigned
// anew.
const cosignedAfter = time.Minute

// Checkpoint returns the newest checkpoint with its cosignatures, nil in an
// empty log. The caller does not change it.
func (r *Registry) Checkpoint() []byte { return r.snapshot().checkpoint }

// Root returns the trust root in force, nil in an empty log.
func (r *Registry) Root() *attest.TrustRoot { return r.snapshot().root() }

// Cosign has the newest checkpoint cosigned anew by the operator's cosigner,
// so that what it proves reaches up to now. A cosignature is dated to the
// second: down from now, but never before the status leaf that it covers, and
// then up to a second ahead of the clock. It does nothing without a cosigner or
// where the newest cosignature is of that second or later. The checkpoint is
// kept before it is handed out.
func (r *Registry) Cosign(ctx context.Context) error {
	r.write.Lock()
	defer r.write.Unlock()
	if err := r.failed.Load(); err != nil {
		return *err
	}
	s := *r.snapshot()
	at := r.now().Truncate(time.Second).UTC()
	if leaf := wholeSecond(s.at); at.Before(leaf) {
		at = leaf
	}
	if r.cosigner == nil || s.size == 0 || !at.After(s.cosigned) {
		return nil
	}
	var err error
	if s.checkpoint, err = r.cosign(s.signed, at); err != nil {
		return err
	}
	s.cosigned = at
	if err := ctx.Err(); err != nil {
		return err
	}
	// From here on it is kept or the storage has failed, whoever still waits.
	if err := r.log.SetCheckpoint(context.WithoutCancel(ctx), s.size, s.checkpoint); err != nil {
		return r.fail(err)
	}
	r.state.Store(&s)
	return nil
}

// wholeSecond is the first whole second that is not before t.
func wholeSecond(t time.Time) time.Time {
	s := t.Truncate(time.Second)
	if s.Before(t) {
		s = s.Add(time.Second)
	}
	return s
}

// fresh returns a snapshot whose newest cosignature is not before its status
// leaf and, where the register still writes, no older than a minute at now. The
// cosignatures of a register without a cosigner come from elsewhere.
func (r *Registry) fresh(ctx context.Context) (*snapshot, error) {
	// A batch may come between a cosignature and the next look.
	for {
		s := r.snapshot()
		if s.size == 0 {
			return nil, ErrNoRoot
		}
		covered := r.cosigner == nil || !s.cosigned.Before(s.at)
		if covered && (r.cosigner == nil || r.failed.Load() != nil || r.now().Sub(s.cosigned) < cosignedAfter) {
			return s, nil
		}
		if err := r.Cosign(ctx); err != nil {
			return nil, err
		}
		if s := r.snapshot(); !s.cosigned.Before(s.at) {
			return s, nil
		}
	}
}

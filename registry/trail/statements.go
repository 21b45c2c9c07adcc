package trail

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sort"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/verify"
)

// The bounds of a batch (format.md, section 5.1 and 12).
const (
	maxBatch      = 4096
	maxBatchBytes = 4<<20 + attest.MaxBytes
)

// Statements yields the statements of a log from an index on, in log order, up to
// the tree of opened evidence, which has the history of root. Each leaf is checked
// against that tree before anything is yielded of it, and no index is passed over:
// what is yielded is as good as the evidence, and complete when the sequence ends
// without an error. It keeps no more than a batch, and the bundles that are on
// their way.
//
// Those that are void (RULES R20) are so by the newest trust root of the evidence.
func Statements(ctx context.Context, log *tlogtiles.Client, e *verify.Opened, from int64) iter.Seq2[policy.Recorded, error] {
	return func(yield func(policy.Recorded, error) bool) {
		s := &stream{tree: e.Tree(), at: from}
		err := s.start(e)
		if err == nil && (from < 0 || from > s.tree.N) {
			err = fmt.Errorf("the log has %d leaves; there is none at index %d", s.tree.N, from)
		}
		if err == nil {
			err = s.run(ctx, log, func(r policy.Recorded) bool { return yield(r, nil) })
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(policy.Recorded{}, fmt.Errorf("read the statements of the log: %w", err))
		}
	}
}

// errEnough says that whoever reads has had enough.
var errEnough = errors.New("nobody reads on")

// A stream is a log that is being read.
type stream struct {
	tree  tlog.Tree
	roots []policy.Recorded
	// at is the index of the next leaf, chunk what was read before it and is not
	// checked yet, batch the statements that were, whose time is not known yet.
	at    int64
	chunk [][]byte
	batch []leaf
	bytes int
}

type leaf struct {
	index int64
	data  []byte
}

func (s *stream) start(e *verify.Opened) (err error) {
	s.roots, err = e.History(attest.RootSubject, time.Time{}, time.Time{})
	if err == nil && len(s.roots) == 0 {
		err = errors.New("no trust root is known")
	}
	return err
}

func (s *stream) run(ctx context.Context, log *tlogtiles.Client, yield func(policy.Recorded) bool) error {
	// What it returns has been proven to be of the tree.
	hashes := log.Hashes(ctx, s.tree)
	for data, err := range log.Leaves(ctx, s.at, s.tree.N) {
		if err != nil {
			return err
		}
		s.chunk = append(s.chunk, data)
		s.at++
		if s.at%tlogtiles.Width != 0 && s.at != s.tree.N {
			continue
		}
		if err := s.check(hashes); err != nil {
			return err
		}
		for i, data := range s.chunk {
			if err := s.next(leaf{s.at - int64(len(s.chunk)-i), data}, yield); err != nil {
				return err
			}
		}
		s.chunk = s.chunk[:0]
	}
	if s.at != s.tree.N || len(s.batch) > 0 {
		return fmt.Errorf("the leaves end at index %d; the checkpoint is of %d leaves and ends in a status leaf", s.at, s.tree.N)
	}
	return nil
}

// check compares a chunk with the tree.
func (s *stream) check(hashes tlog.HashReader) error {
	if s.at > s.tree.N {
		return fmt.Errorf("there are leaves beyond the size %d", s.tree.N)
	}
	first := s.at - int64(len(s.chunk))
	indexes := make([]int64, len(s.chunk))
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
	}
	want, err := hashes.ReadHashes(indexes)
	if err != nil {
		return err
	}
	for i, data := range s.chunk {
		if tlog.RecordHash(data) != want[i] {
			return fmt.Errorf("the leaf at index %d is not the one that the checkpoint fixes", first+int64(i))
		}
	}
	return nil
}

// next takes a leaf that has been checked: a status leaf dates the batch before
// it.
func (s *stream) next(l leaf, yield func(policy.Recorded) bool) error {
	if !verify.IsStatusLeaf(l.data) {
		s.batch = append(s.batch, l)
		if s.bytes += len(l.data); len(s.batch) > maxBatch || len(s.batch) > 1 && s.bytes > maxBatchBytes {
			return fmt.Errorf("the batch at index %d is larger than a batch may be", s.batch[0].index)
		}
		return nil
	}
	status, err := verify.ParseStatusLeaf(l.data)
	if err != nil {
		return fmt.Errorf("the status leaf at index %d: %w", l.index, err)
	}
	for _, x := range s.batch {
		r, err := s.open(x, status.Time)
		if err != nil {
			return fmt.Errorf("the statement at index %d: %w", x.index, err)
		}
		if !yield(r) {
			return errEnough
		}
	}
	s.batch, s.bytes = s.batch[:0], 0
	return nil
}

// open opens a statement with the trust root in force where it is logged.
func (s *stream) open(l leaf, at time.Time) (policy.Recorded, error) {
	n := sort.Search(len(s.roots), func(i int) bool { return s.roots[i].Index >= l.index })
	if n < len(s.roots) && s.roots[n].Index == l.index {
		return s.roots[n], nil
	}
	if n == 0 {
		return policy.Recorded{}, errors.New("no trust root was in force there")
	}
	st, err := attest.Open(l.data, s.roots[n-1].Statement.TrustRoot())
	if err != nil {
		return policy.Recorded{}, err
	}
	r := policy.Recorded{Index: l.index, Time: at, Statement: st}
	newest := s.roots[len(s.roots)-1].Statement.TrustRoot()
	for _, kid := range st.Signers() {
		if newest.Distrusts(kid, l.index) {
			r.Disregarded = append(r.Disregarded, kid)
		}
	}
	r.Void = newest.Voids(st, l.index)
	return r, nil
}

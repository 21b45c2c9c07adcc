package registry

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/verify"
)

// openLeaf opens a logged statement with the trust root in force at its index.
func openLeaf(s *snapshot, index int64, leaf []byte) (*attest.Statement, error) {
	u, err := attest.Parse(leaf)
	if err != nil {
		return nil, damaged(index, err)
	}
	st, err := open(u, leaf, rootBefore(s.roots, index))
	if err != nil {
		return nil, damaged(index, err)
	}
	return st, nil
}

// Statement returns the statement at a log index, ErrNotFound where there is
// none, such as where a status leaf stands.
func (r *Reader) Statement(ctx context.Context, index int64) (*attest.Statement, error) {
	s := r.shown()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if index < 0 || index >= s.size {
		return nil, fmt.Errorf("statement %d: %w", index, ErrNotFound)
	}
	leaf, err := r.leaf(index)
	if err != nil {
		return nil, err
	}
	if verify.IsStatusLeaf(leaf) {
		return nil, fmt.Errorf("statement %d: a status leaf stands there: %w", index, ErrNotFound)
	}
	return r.statement(s, index)
}

// A Logged is a statement at its place in the log.
type Logged struct {
	// Index is its log index.
	Index int64
	// Time is when it was logged, to the millisecond.
	Time time.Time
	// Statement was opened with the trust root in force at Index.
	Statement *attest.Statement
}

// History returns the whole history of a subject at the published checkpoint,
// in log order, empty for a subject without statements.
func (r *Reader) History(ctx context.Context, subject string) ([]Logged, error) {
	entries, err := r.history(ctx, r.shown(), subject)
	if err != nil {
		return nil, err
	}
	out := make([]Logged, len(entries))
	for i, e := range entries {
		out[i] = Logged{e.Index, e.Time, e.Statement}
	}
	return out, nil
}

// history returns a subject's history at a snapshot, with its statements.
func (r *Reader) history(ctx context.Context, s *snapshot, subject string) ([]proven.Entry, error) {
	h, err := r.entries(ctx, s, subject)
	if err != nil {
		return nil, err
	}
	return r.open(ctx, s, h, func(proven.Entry) error { return nil })
}

// entries returns a subject's history at a snapshot.
func (r *Reader) entries(ctx context.Context, s *snapshot, subject string) ([]HistoryEntry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h, err := r.log.History(subject)
	return upTo(h, s.size), err
}

// open opens the statements of entries, until took returns an error.
func (r *Reader) open(ctx context.Context, s *snapshot, h []HistoryEntry, took func(proven.Entry) error) ([]proven.Entry, error) {
	entries := make([]proven.Entry, len(h))
	for i, e := range h {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		st, err := r.statement(s, e.Index)
		if err != nil {
			return nil, err
		}
		entries[i] = proven.Entry{Index: e.Index, Time: e.Time, Tag: e.Tag, Statement: st}
		if err := took(entries[i]); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// Entities yields the ids of all entities that anything is logged of, each
// once, the identifiers that registrations name beside the main one included.
// It ends after the first error.
func (r *Reader) Entities() iter.Seq2[string, error] {
	s := r.shown()
	return func(yield func(string, error) bool) {
		last := ""
		for subject, err := range r.subjects(s, attest.EntitySubject("")) {
			if err != nil {
				yield("", err)
				return
			}
			id, _, approval := strings.Cut(subject, "/")
			// The approvals of an entity stand together, but not always beside
			// its own subject.
			if _, own := s.statuses.Get(verify.MapKey(id)); approval && (own || id == last) {
				continue
			}
			last = id
			if !yield(strings.TrimPrefix(id, attest.EntitySubject("")), nil) {
				return
			}
		}
	}
}

// Sandboxes yields the ids of all sandboxes that were ever approved, sorted.
// It ends after the first error.
func (r *Reader) Sandboxes() iter.Seq2[string, error] {
	s := r.shown()
	return func(yield func(string, error) bool) {
		for subject, err := range r.subjects(s, attest.SandboxSubject("")) {
			if !yield(strings.TrimPrefix(subject, attest.SandboxSubject("")), err) || err != nil {
				return
			}
		}
	}
}

// subjects yields the subjects with a prefix that a snapshot has.
func (r *Reader) subjects(s *snapshot, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for subject, err := range r.log.Subjects(prefix) {
			if err != nil {
				yield("", err)
				return
			}
			// What was logged since is left out.
			if _, ok := s.statuses.Get(verify.MapKey(subject.Name)); ok && !yield(subject.Name, nil) {
				return
			}
		}
	}
}

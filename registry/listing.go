package registry

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// A Logged is a statement at its place in the log.
type Logged struct {
	// Index is its log index.
	Index int64
	// Time is when it was logged, to the millisecond.
	Time time.Time
	// Statement was opened with the trust root in force at Index.
	Statement *attest.Statement
}

// Entity returns what is logged of an entity itself, and what each authority
// that ever was said of it, at the published checkpoint: the statements behind
// a log index, -1 for all, in log order, most of them at most; more says that
// others follow. It returns [ErrNotFound] where nothing is logged of it.
func (r *Reader) Entity(ctx context.Context, id string, after int64, most int) (page []Logged, more bool, err error) {
	s := r.shown()
	subjects, err := r.ofEntity(s, id)
	if err != nil {
		return nil, false, err
	}
	return r.page(ctx, s, subjects, after, most)
}

// ofEntity returns the subjects of an entity, its own first, whether anything is
// logged of that or not.
func (r *Reader) ofEntity(s *snapshot, id string) ([]string, error) {
	subjects := []string{attest.EntitySubject(id)}
	approvals := attest.ApprovalSubject(id, "")
	for subject, err := range r.subjects(s, approvals, approvals) {
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, subject)
	}
	return subjects, nil
}

// Sandbox is like [Reader.Entity] for a sandbox.
func (r *Reader) Sandbox(ctx context.Context, id string, after int64, most int) (page []Logged, more bool, err error) {
	return r.page(ctx, r.shown(), []string{attest.SandboxSubject(id)}, after, most)
}

// Statement returns what an issuer has said under a jti, at the published
// checkpoint, or [ErrNotFound].
func (r *Reader) Statement(ctx context.Context, iss, jti string) (Logged, error) {
	return r.named(ctx, r.shown(), iss, jti)
}

// named is [Reader.Statement] at a snapshot.
func (r *Reader) named(ctx context.Context, s *snapshot, iss, jti string) (Logged, error) {
	if err := ctx.Err(); err != nil {
		return Logged{}, err
	}
	place, ok, err := r.log.Find(iss, jti)
	if err != nil || !ok || place.Index >= s.size {
		return Logged{}, cmp.Or(err, fmt.Errorf("statement %s of %s: %w", jti, iss, ErrNotFound))
	}
	st, err := r.statement(s, place.Index)
	if err != nil {
		return Logged{}, err
	}
	status, err := r.statusAt(place.Size - 1)
	if err != nil {
		return Logged{}, err
	}
	return Logged{place.Index, status.Time, st}, nil
}

// page returns the first statements of subjects behind a log index, each once.
func (r *Reader) page(ctx context.Context, s *snapshot, subjects []string, after int64, most int) (page []Logged, more bool, err error) {
	var all []HistoryEntry
	found := false
	for _, subject := range subjects {
		h, err := r.entries(ctx, s, subject)
		if err != nil {
			return nil, false, err
		}
		found = found || len(h) > 0
		h = h[sort.Search(len(h), func(i int) bool { return h[i].Index > after }):]
		all = append(all, h[:min(len(h), most+1)]...)
	}
	if !found {
		return nil, false, fmt.Errorf("statements of %s: %w", subjects[0], ErrNotFound)
	}
	slices.SortFunc(all, func(a, b HistoryEntry) int { return cmp.Compare(a.Index, b.Index) })
	all = slices.CompactFunc(all, func(a, b HistoryEntry) bool { return a.Index == b.Index })
	more = len(all) > most
	page, err = r.logged(ctx, s, all[:min(len(all), most)])
	return page, more, err
}

// entries returns a subject's history at a snapshot.
func (r *Reader) entries(ctx context.Context, s *snapshot, subject string) ([]HistoryEntry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h, err := r.log.History(subject)
	return upTo(h, s.size), err
}

// logged returns the statements of entries.
func (r *Reader) logged(ctx context.Context, s *snapshot, h []HistoryEntry) ([]Logged, error) {
	out := make([]Logged, len(h))
	for i, e := range h {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		st, err := r.statement(s, e.Index)
		if err != nil {
			return nil, err
		}
		out[i] = Logged{e.Index, e.Time, st}
	}
	return out, nil
}

// Entities yields the ids of the entities that anything is logged of, those
// behind one, "" for all, ascending, the identifiers that registrations name
// beside the main one included. It ends after the first error.
func (r *Reader) Entities(after string) iter.Seq2[string, error] {
	s := r.shown()
	return func(yield func(string, error) bool) {
		last := after
		// A subject's approvals stand behind those of longer ids: "-" sorts
		// before the "/" in them. Where it has nothing else, it is brought forward.
		brought := make(map[string]bool)
		for subject, err := range r.subjects(s, attest.EntitySubject(""), attest.EntitySubject(after)) {
			if err != nil {
				yield("", err)
				return
			}
			id, _, approval := strings.Cut(strings.TrimPrefix(subject, attest.EntitySubject("")), "/")
			if id <= after || id == last || approval && (brought[id] || s.has(attest.EntitySubject(id))) {
				continue
			}
			for _, shorter := range shorterIDs(id) {
				if shorter <= after || brought[shorter] || strings.HasPrefix(last, shorter+"-") || s.has(attest.EntitySubject(shorter)) {
					continue
				}
				switch only, err := r.approved(s, shorter); {
				case err != nil:
					yield("", err)
					return
				case only:
					brought[shorter] = true
					if !yield(shorter, nil) {
						return
					}
				}
			}
			last = id
			if !yield(id, nil) {
				return
			}
		}
	}
}

// shorterIDs are the ids that an id begins with up to a hyphen, ascending.
func shorterIDs(id string) (shorter []string) {
	scheme, value, _ := strings.Cut(id, ":")
	for i := range len(value) {
		if i > 0 && value[i] == '-' {
			shorter = append(shorter, scheme+":"+value[:i])
		}
	}
	return shorter
}

// approved tells whether an entity has approvals.
func (r *Reader) approved(s *snapshot, id string) (bool, error) {
	approvals := attest.ApprovalSubject(id, "")
	for _, err := range r.subjects(s, approvals, approvals) {
		return err == nil, err
	}
	return false, nil
}

// Sandboxes yields the ids of the sandboxes that were ever approved, those
// behind one, "" for all, ascending. It ends after the first error.
func (r *Reader) Sandboxes(after string) iter.Seq2[string, error] {
	s := r.shown()
	return func(yield func(string, error) bool) {
		for subject, err := range r.subjects(s, attest.SandboxSubject(""), attest.SandboxSubject(after)) {
			id := strings.TrimPrefix(subject, attest.SandboxSubject(""))
			if err == nil && id <= after {
				continue
			}
			if !yield(id, err) || err != nil {
				return
			}
		}
	}
}

// subjects yields the subjects with a prefix, from one on, that a snapshot has.
func (r *Reader) subjects(s *snapshot, prefix, from string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for subject, err := range r.log.Subjects(prefix, from) {
			if err != nil {
				yield("", err)
				return
			}
			// What was logged since is left out.
			if s.has(subject.Name) && !yield(subject.Name, nil) {
				return
			}
		}
	}
}

// has tells whether anything is logged of a subject.
func (s *snapshot) has(subject string) bool {
	_, ok := s.statuses.Get(verify.MapKey(subject))
	return ok
}

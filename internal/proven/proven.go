// Package proven has histories that have been proven complete: by package
// verify from evidence, or by the registry from its own log. It is internal so
// that nobody else can make one; policy decides on nothing else.
package proven

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

// An Entry is a statement at its place in the log.
type Entry struct {
	// Index is its log index.
	Index int64
	// Time is when it was logged, to the millisecond.
	Time time.Time
	// Tag is its lineage's.
	Tag attest.Tag
	// Statement was opened with the trust root in force at Index.
	Statement *attest.Statement
}

// A Set is what is proven: the complete histories of some subjects at one
// checkpoint, and how far the proof reaches. The zero Set proves nothing.
type Set struct {
	// Origin is the register's.
	Origin string
	// Size is the checkpoint's.
	Size int64
	// Fresh is E: the evidence proves what was known up to it and no further.
	Fresh time.Time
	// MaxAge is the largest age of a status that the verifier accepts.
	MaxAge time.Duration
	// Warnings are what every answer must repeat, such as
	// "insecure_unmirrored".
	Warnings []string
	// TrustDigest and EvidenceDigest name the verifier's trust and the
	// evidence for replay.
	TrustDigest, EvidenceDigest string
	// DisclosuresDigest names what was disclosed of confidential members, "" for
	// nothing.
	DisclosuresDigest string

	histories map[string][]Entry
	withheld  map[string]bool
}

// Prove adds the whole history of a subject, in log order; an empty one says
// that the subject has no statements.
func (s *Set) Prove(subject string, entries []Entry) {
	if s.histories == nil {
		s.histories = make(map[string][]Entry)
	}
	s.histories[subject] = entries
}

// Withhold says that of a proven subject only some lineages have been proven:
// there are others, which nothing is known of.
func (s *Set) Withhold(subject string) {
	if s.withheld == nil {
		s.withheld = make(map[string]bool)
	}
	s.withheld[subject] = true
}

// Withheld reports whether the subject has lineages that are not in its
// history.
func (s *Set) Withheld(subject string) bool { return s.withheld[subject] }

// History returns the history of a subject; ok is false where it has not been
// proven.
func (s *Set) History(subject string) (entries []Entry, ok bool) {
	entries, ok = s.histories[subject]
	return entries, ok
}

// Disclose returns the set with approvals in which confidential members are
// disclosed, and with the digest that names the disclosures. Each is of the approvals
// that are proven and have its digest, and of no other; there has to be one, none is
// given twice, and where an entity is named, not "", the approvals are those that name
// it ([attest.EntityApproval.Names]).
func (s *Set) Disclose(ds []attest.Disclosure, entity, digest string) (*Set, error) {
	at := make(map[string]int, len(ds))
	for i, d := range ds {
		if first, twice := at[d.Digest()]; twice {
			return nil, fmt.Errorf("disclosure %d of %d is disclosure %d again; give each once", i+1, len(ds), first+1)
		}
		at[d.Digest()] = i
	}
	out := *s
	out.DisclosuresDigest = digest
	out.histories = maps.Clone(s.histories)
	used := make([]bool, len(ds))
	// others are approvals of others that have the digest.
	others := make(map[int]*attest.EntityApproval)
	for e, a := range s.Approvals() {
		var of []attest.Disclosure
		for _, concealed := range a.Concealed() {
			k, ok := at[concealed]
			switch {
			case !ok:
			case entity != "" && !a.Names(entity):
				others[k] = a
			default:
				// Versions of one approval may have the same digest.
				used[k], of = true, append(of, ds[k])
			}
		}
		if len(of) == 0 {
			continue
		}
		st, err := e.Statement.Disclose(of)
		if err != nil {
			return nil, err
		}
		changed := slices.Clone(out.histories[a.Sub])
		i := slices.IndexFunc(changed, func(x Entry) bool { return x.Index == e.Index })
		changed[i].Statement = st
		out.histories[a.Sub] = changed
	}
	for k := range used {
		switch a := others[k]; {
		case used[k]:
		case a != nil:
			return nil, fmt.Errorf("disclosure %d of %d is of approval %s of %s, which is of %s and does not name %s", k+1, len(ds), a.JTI, a.Iss, a.Entity(), entity)
		default:
			return nil, fmt.Errorf("disclosure %d of %d, with the digest %s, is of no approval that is shown", k+1, len(ds), ds[k].Digest())
		}
	}
	return &out, nil
}

// Approvals are the approvals of entities that are proven, each once, in the history of
// its own subject, and with the entry that it stands in: in the order of subjects and
// then of the log.
func (s *Set) Approvals() iter.Seq2[Entry, *attest.EntityApproval] {
	return func(yield func(Entry, *attest.EntityApproval) bool) {
		for _, subject := range s.Subjects() {
			for _, e := range s.histories[subject] {
				a, ok := e.Statement.Claims().(*attest.EntityApproval)
				if ok && a.Sub == subject && !yield(e, a) {
					return
				}
			}
		}
	}
}

// Subjects lists the proven subjects, sorted.
func (s *Set) Subjects() []string { return slices.Sorted(maps.Keys(s.histories)) }

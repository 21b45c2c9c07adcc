package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/omissible"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// Evidence returns the evidence that a decision on the request needs, in its
// one byte form, at the published checkpoint. Where the operator's cosignature
// of that is missing or more than a minute old, a register has it cosigned
// first. It returns ErrNoRoot where nothing is published, ErrReadOnly where the
// checkpoint would have to be cosigned and nothing is written any more, and
// [verify.ErrTooLarge] where more is logged than evidence may hold.
func (r *Reader) Evidence(ctx context.Context, req *policy.Request) ([]byte, error) {
	return r.evidence(ctx, nil, req, nil, true)
}

// CompactEvidence is like [Reader.Evidence] for a verifier who relies on a
// mirror ([verify.Trust.ReliesOnMirror]) and pins that version of the trust root
// ([verify.Trust.Pin]; 1 where it is not known): entries that the
// decision at those times does not rest on are stubs, and statements have no
// inclusion proofs, as with [verify.Compact].
func (r *Reader) CompactEvidence(ctx context.Context, req *policy.Request, at policy.Times, pinned int64) ([]byte, error) {
	return r.evidence(ctx, nil, req, stubsFor(req, at, pinned), false)
}

func stubsFor(req *policy.Request, at policy.Times, pinned int64) func(*proven.Set) map[int64]bool {
	return func(set *proven.Set) map[int64]bool { return omissible.In(set, req, at, pinned) }
}

// evidence makes evidence at a snapshot, nil for that of now, with stubs at the
// log indexes that omit returns; nil omits nothing. The statements have
// inclusion proofs where that is asked for.
func (r *Reader) evidence(ctx context.Context, s *snapshot, req *policy.Request, omit func(*proven.Set) map[int64]bool, inclusion bool) ([]byte, error) {
	if s == nil {
		var err error
		if s, err = r.exhibitable(ctx); err != nil {
			return nil, fmt.Errorf("make evidence: %w", err)
		}
	}
	set, err := r.touched(ctx, s, req, omit == nil)
	if err != nil {
		return nil, fmt.Errorf("make evidence: %w", err)
	}
	var omitted map[int64]bool
	if omit != nil {
		omitted = omit(set)
	}
	evidence, err := r.exhibit(s, set, omitted, inclusion)
	if err != nil {
		return nil, fmt.Errorf("make evidence: %w", err)
	}
	return evidence, nil
}

// EvidenceOf returns the whole evidence of the histories of subjects, and of
// root, for no request: for whoever reads them. It has the inclusion proofs of all
// statements. It returns the errors of [Reader.Evidence], and a refusal of class
// [attest.Invalid] where one of them is no subject. That a subject has no
// statements is shown like everything else.
func (r *Reader) EvidenceOf(ctx context.Context, subjects []string) ([]byte, error) {
	all := append([]string{attest.RootSubject}, subjects...)
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) > verify.MaxHistories {
		return nil, fmt.Errorf("make evidence: %w: %d subjects are asked for, and it has at most %d histories", verify.ErrTooLarge, len(all), verify.MaxHistories)
	}
	for _, subject := range all {
		if err := attest.CheckSubject(subject); err != nil {
			return nil, fmt.Errorf("make evidence: %w", attest.Refuse(attest.Invalid, err))
		}
	}
	s, err := r.exhibitable(ctx)
	if err != nil {
		return nil, fmt.Errorf("make evidence: %w", err)
	}
	set := &proven.Set{Origin: r.origin, Size: s.size}
	room := newAllowance(true)
	for _, subject := range all {
		entries, err := r.within(ctx, s, subject, room)
		if err != nil {
			return nil, fmt.Errorf("make evidence: %w", err)
		}
		set.Prove(subject, entries)
	}
	evidence, err := r.exhibit(s, set, nil, true)
	if err != nil {
		return nil, fmt.Errorf("make evidence: %w", err)
	}
	return evidence, nil
}

// exhibit makes evidence of what is in a set, at a snapshot.
func (r *Reader) exhibit(s *snapshot, set *proven.Set, omit map[int64]bool, inclusion bool) ([]byte, error) {
	e := exhibit{r: r, s: s, inclusion: inclusion, shown: make(map[int64]bool), omit: omit}
	for _, subject := range set.Subjects() {
		if err := e.add(subject, set); err != nil {
			return nil, err
		}
	}
	e.Checkpoint = string(s.checkpoint)
	e.Status = verify.StatusProof{Index: s.size - 1, Leaf: string(s.status)}
	proof, err := tlog.ProveRecord(s.size, s.size-1, r.log)
	if err != nil {
		return nil, fmt.Errorf("status leaf: %w", err)
	}
	e.Status.Proof = verify.InclusionProof(proof)
	return e.Marshal()
}

// Decide decides the request at the published checkpoint, on the evidence that it
// returns beside the decision, with what everybody who holds that evidence
// runs: [verify.Decide]. The parties are screened against the lists of its
// configuration. The caller does not change the evidence, which others who ask
// about the same histories are given, too.
//
// Disclosures are what the asker knows of confidential members, as
// [verify.Opened.Disclose] takes them; they are not kept. One that is not of an
// approval in the evidence is a refusal of class [attest.Invalid].
func (r *Reader) Decide(ctx context.Context, req *policy.Request, at policy.Times, ds ...attest.Disclosure) (*policy.Decision, []byte, error) {
	return r.ask(ctx, (*verify.Opened).Decide, req, at, ds)
}

// Explain is like [Reader.Decide], with an explanation in the decision.
func (r *Reader) Explain(ctx context.Context, req *policy.Request, at policy.Times, ds ...attest.Disclosure) (*policy.Decision, []byte, error) {
	return r.ask(ctx, (*verify.Opened).Explain, req, at, ds)
}

func (r *Reader) ask(
	ctx context.Context, by func(*verify.Opened, *policy.Question, policy.Times, ...*screening.List) (*policy.Decision, error),
	req *policy.Request, at policy.Times, ds []attest.Disclosure,
) (*policy.Decision, []byte, error) {
	q, err := policy.Ask(req)
	if err != nil {
		return nil, nil, fmt.Errorf("decide: %w", err)
	}
	o, err := r.disclosed(ctx, req, q, at, ds)
	if err != nil {
		return nil, nil, err
	}
	d, err := by(o, q, at, r.screening...)
	if err != nil {
		return nil, nil, err
	}
	return d, o.Bytes(), nil
}

// disclosed is the evidence that a request is decided on now, with what is disclosed
// in it.
func (r *Reader) disclosed(ctx context.Context, req *policy.Request, q *policy.Question, at policy.Times, ds []attest.Disclosure) (*verify.Opened, error) {
	s, err := r.exhibitable(ctx)
	if err != nil {
		return nil, fmt.Errorf("make evidence: %w", err)
	}
	o, err := r.exhibits.exhibit(ctx, r, s, req, q, at, len(ds) > 0)
	if err != nil || len(ds) == 0 {
		return o, err
	}
	shown, err := o.Disclose(ds)
	if err != nil {
		return nil, fmt.Errorf("decide: %w", attest.Refuse(attest.Invalid, err))
	}
	return shown, nil
}

// ownEvidence is what the register itself decides on: whole, or, where that would be
// larger than evidence may be and its trust relies on a mirror, without what the
// decision at those times does not rest on. With whole, it is
// that or none. It says whether it is.
func (r *Reader) ownEvidence(ctx context.Context, s *snapshot, req *policy.Request, at policy.Times, whole bool) (evidence []byte, isWhole bool, err error) {
	if r.trust == nil {
		return nil, false, fmt.Errorf("decide: %w", ErrNoTrust)
	}
	evidence, err = r.evidence(ctx, s, req, nil, true)
	if !errors.Is(err, verify.ErrTooLarge) || !r.trust.ReliesOnMirror() || whole {
		return evidence, err == nil, err
	}
	pinned, _ := r.trust.Pin()
	// What is kept for years shows its statements in the log, too.
	evidence, err = r.evidence(ctx, s, req, stubsFor(req, at, pinned), true)
	return evidence, false, err
}

// touched returns the histories of all subjects that the decision touches: each
// may lead to others. With whole, none of what is in them is going to be
// omitted.
func (r *Reader) touched(ctx context.Context, s *snapshot, req *policy.Request, whole bool) (*proven.Set, error) {
	set := &proven.Set{Origin: r.origin, Size: s.size}
	room := newAllowance(whole)
	for more := true; more; {
		more = false
		for _, subject := range policy.Touched(req, set) {
			if _, ok := set.History(subject); ok {
				continue
			}
			entries, err := r.within(ctx, s, subject, room)
			if err != nil {
				return nil, err
			}
			set.Prove(subject, entries)
			more = true
		}
	}
	return set, nil
}

// within returns a subject's history as far as there is room in evidence for
// it. What has no room is not opened.
func (r *Reader) within(ctx context.Context, s *snapshot, subject string, room *allowance) ([]proven.Entry, error) {
	value, err := s.value(verify.MapKey(subject))
	if err != nil {
		return nil, err
	}
	if err := room.history(subject, value.Count); err != nil {
		return nil, err
	}
	h, err := r.entries(ctx, s, subject)
	if err != nil {
		return nil, err
	}
	if err := room.statements(subject, h); err != nil {
		return nil, err
	}
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
		if err := room.opened(subject, entries[i]); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// An allowance is what evidence has room for.
type allowance struct {
	whole bool
	// most is how many statements and stubs it may have.
	most int
	// histories is how many are in it, seen the log indexes in them, each
	// whether it has been opened, and bytes those of what was opened.
	histories int
	seen      map[int64]bool
	bytes     int
}

// newAllowance returns that of empty evidence; stubs have none in whole evidence.
func newAllowance(whole bool) *allowance {
	most := verify.MaxStatements
	if !whole {
		most += verify.MaxStubs
	}
	return &allowance{whole: whole, most: most, seen: make(map[int64]bool)}
}

// history takes one more history, of so many statements.
func (r *allowance) history(subject string, count int64) error {
	if r.histories++; r.histories > verify.MaxHistories {
		return fmt.Errorf("%w: with the history of %s, it has more than %d histories", verify.ErrTooLarge, subject, verify.MaxHistories)
	}
	if count > int64(r.most) {
		return fmt.Errorf("%w: the history of %s has %d statements; at most %d have room", verify.ErrTooLarge, subject, count, r.most)
	}
	return nil
}

// statements takes those of a history; each counts once, however many histories
// it is in.
func (r *allowance) statements(subject string, h []HistoryEntry) error {
	for _, e := range h {
		if _, ok := r.seen[e.Index]; !ok {
			r.seen[e.Index] = false
		}
	}
	if len(r.seen) > r.most {
		return fmt.Errorf("%w: with the history of %s, it has %d statements; at most %d have room", verify.ErrTooLarge, subject, len(r.seen), r.most)
	}
	return nil
}

// opened takes the bytes of a statement. Of one that may be omitted they do not
// count.
func (r *allowance) opened(subject string, e proven.Entry) error {
	if !r.whole || r.seen[e.Index] {
		return nil
	}
	r.seen[e.Index] = true
	if r.bytes += len(e.Statement.Bytes()); r.bytes > verify.MaxEvidence {
		return fmt.Errorf("%w: with the history of %s, it has more than %d bytes", verify.ErrTooLarge, subject, verify.MaxEvidence)
	}
	return nil
}

// An exhibit is evidence in the making, at one snapshot.
type exhibit struct {
	r         *Reader
	s         *snapshot
	inclusion bool
	// shown and omit are log indexes of statements.
	shown, omit map[int64]bool
	// bytes are those of the statements.
	bytes int
	verify.Evidence
}

// add adds a subject's history and the statements in it.
func (e *exhibit) add(subject string, set *proven.Set) error {
	entries, _ := set.History(subject)
	e.Histories = append(e.Histories, newHistory(subject, entries, e.s.statuses.Prove(verify.MapKey(subject)), e.omit))
	for _, x := range entries {
		if e.omit[x.Index] {
			continue
		}
		if err := e.show(x); err != nil {
			return err
		}
		// Marshal tells, too, but only when all has been proven.
		if e.bytes > verify.MaxEvidence {
			return fmt.Errorf("%w: with the history of %s, of %d statements, it has more than %d bytes",
				verify.ErrTooLarge, subject, len(entries), verify.MaxEvidence)
		}
	}
	return nil
}

// show adds a statement, once.
func (e *exhibit) show(x proven.Entry) error {
	if e.shown[x.Index] {
		return nil
	}
	e.shown[x.Index] = true
	e.bytes += len(x.Statement.Bytes())
	st := verify.LoggedStatement{Index: x.Index, Statement: string(x.Statement.Bytes())}
	if e.inclusion {
		proof, err := tlog.ProveRecord(e.s.size, x.Index, e.r.log)
		if err != nil {
			return fmt.Errorf("prove index %d: %w", x.Index, err)
		}
		st.Proof = verify.InclusionProof(proof)
	}
	e.Statements = append(e.Statements, st)
	return nil
}

// newHistory makes the history of a subject from its proven entries: those at
// the omitted indexes become stubs. Proof is that of package statusmap.
func newHistory(subject string, entries []proven.Entry, proof []byte, omit map[int64]bool) verify.History {
	h := verify.History{Subject: subject, Proof: proof}
	for _, e := range entries {
		if omit[e.Index] {
			h.Stubs = append(h.Stubs, verify.Stub{Index: e.Index, Time: e.Time.UnixMilli(), Leaf: e.Statement.LeafHash(), Tag: e.Tag})
		} else {
			h.Entries = append(h.Entries, verify.Entry{Index: e.Index, Time: e.Time.UnixMilli(), Tag: e.Tag})
		}
	}
	return h
}

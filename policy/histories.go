package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/screening"
)

// Histories are proven histories, read once to be asked many questions: what
// they come to is worked out at the first question about the same parties, and
// kept, up to some megabytes; for a known_at before the end of the proof it is
// worked out anew. They may be used concurrently. The zero Histories decide
// nothing.
type Histories struct {
	set *proven.Set
	// all is what is known where known_at reaches as far as the proof, or as what
	// is in it.
	all *knowledge
	// settled is from when on that is so.
	settled time.Time
	// next is a version of the trust root that is not in force, nil for none.
	next *attest.Root
}

// Read returns the histories of a set, which may not change afterwards; nil of
// none.
func Read(set *proven.Set) *Histories {
	return ReadUnder(set, nil)
}

// ReadUnder is like [Read], but trusts the keys that a next version of the trust
// root would, where it is not nil. Nobody need have signed it: what is decided is
// what would be.
func ReadUnder(set *proven.Set, next *attest.Root) *Histories {
	if set == nil {
		return nil
	}
	return &Histories{set, know(set, set.Fresh, next), settled(set), next}
}

// settled is from when on known_at makes no difference: proof and clocks are
// often a second ahead of who asks, what was logged seldom is.
func settled(set *proven.Set) time.Time {
	var newest time.Time
	for _, s := range set.Subjects() {
		entries, _ := set.History(s)
		for _, e := range entries {
			if e.Time.After(newest) {
				newest = e.Time
			}
		}
	}
	return earlier(newest, set.Fresh)
}

// Decide decides the question as the function [Decide] does its request. It
// returns an error, and no decision, where a history that the decision touches
// is not in the set, or a time is missing.
func (h *Histories) Decide(q *Question, at Times, lists ...*screening.List) (*Decision, error) {
	j, err := h.judgement(q, at, lists)
	if err != nil {
		return nil, fmt.Errorf("decide: %w", err)
	}
	return j.decide()
}

// Explain is like [Histories.Decide], with an explanation in the decision.
func (h *Histories) Explain(q *Question, at Times, lists ...*screening.List) (*Decision, error) {
	j, err := h.judgement(q, at, lists)
	if err != nil {
		return nil, fmt.Errorf("decide: %w", err)
	}
	j.explaining = true
	return j.decide()
}

// maxYear leaves room for the longest obligation before the last year that RFC
// 3339 can write.
const maxYear = 9899

func (h *Histories) judgement(q *Question, at Times, lists []*screening.List) (judgement, error) {
	if h == nil || h.set == nil {
		return judgement{}, errors.New("proven histories are needed; read a set of them with Read")
	}
	if q == nil || q.req == nil {
		return judgement{}, errors.New("a question is needed; ask a request with Ask")
	}
	if at.EffectiveAt.IsZero() || at.KnownAt.IsZero() || at.CheckedAt.IsZero() {
		return judgement{}, errors.New("effective_at, known_at and checked_at are all needed")
	}
	if at.EffectiveAt.UTC().Year() > maxYear {
		return judgement{}, fmt.Errorf("effective_at is after the year %d: what is owed years later could not be dated", maxYear)
	}
	if !at.KnownAt.Before(h.settled) {
		return h.all.judgement(q, at, lists)
	}
	j, err := know(h.set, at.KnownAt, h.next).judgement(q, at, lists)
	j.all = h.all
	return j, err
}

// Knowledge is what of the histories was logged by a time and is not void.
type knowledge struct {
	set *proven.Set
	// by is that time. Evidence proves knowledge up to E, and where it reaches that
	// far, all in the evidence counts.
	by time.Time
	// root is the trust root in force, nil where none is known.
	root *attest.TrustRoot
	// distrust is the trust root's that is in force; nil where none is known, and
	// nothing stands.
	distrust *attest.Distrust

	mu        sync.Mutex
	histories map[string][]proven.Entry
	casts     map[Cast]*cast
	scenes    map[moment]*scene
	// kept is how many parts the casts and scenes have.
	kept int
}

func know(set *proven.Set, by time.Time, next *attest.Root) *knowledge {
	k := &knowledge{
		set: set, by: by,
		histories: make(map[string][]proven.Entry), casts: make(map[Cast]*cast), scenes: make(map[moment]*scene),
	}
	entries, _ := set.History(attest.RootSubject)
	for _, e := range entries {
		if r := e.Statement.TrustRoot(); r != nil && k.seen(e) {
			k.root, k.distrust = r, &r.Distrust
		}
	}
	if next != nil && k.distrust != nil {
		after := k.distrust.After(next)
		k.distrust = &after
	}
	return k
}

// everything says that nothing in the set was logged too late.
func (k *knowledge) everything() bool { return !k.by.Before(k.set.Fresh) }

func (k *knowledge) seen(e proven.Entry) bool { return k.everything() || !e.Time.After(k.by) }

// void is R20: too few signatures are left by keys that are to be trusted.
func (k *knowledge) void(e proven.Entry) bool {
	if k.distrust == nil {
		return e.Statement.TrustRoot() == nil
	}
	return k.distrust.Voids(e.Statement, e.Index)
}

// history returns what is seen of a subject and not void; ok is false where its
// history is not proven.
func (k *knowledge) history(subject string) (out []proven.Entry, ok bool) {
	entries, ok := k.set.History(subject)
	if !ok {
		return nil, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	out, known := k.histories[subject]
	if !known {
		out = slices.DeleteFunc(slices.Clone(entries), func(e proven.Entry) bool { return !k.seen(e) || k.void(e) })
		k.histories[subject] = out
	}
	return out, true
}

// A view is what is known, at the legal time of an act.
type view struct {
	*knowledge
	t time.Time
	// authorities are those whose approvals are asked about.
	authorities []string
	// err says that a history was read that is not proven: what was found on the
	// view is void then. What is not proven is not what does not exist.
	err error
}

// history returns what is seen of a subject and not void.
func (v *view) history(subject string) []proven.Entry {
	entries, ok := v.knowledge.history(subject)
	if !ok {
		v.missed(subject)
	}
	return entries
}

// proven returns the whole history of a subject.
func (v *view) proven(subject string) []proven.Entry {
	entries, ok := v.set.History(subject)
	if !ok {
		v.missed(subject)
	}
	return entries
}

func (v *view) missed(subject string) {
	if v.err == nil {
		v.err = &Unproven{Subject: subject}
	}
}

// Unproven is the error of a decision that touches a history that is not in the
// set.
type Unproven struct {
	Subject string
	// Partly says that some lineages of it are in the set, and others are not.
	Partly bool
}

func (u *Unproven) Error() string {
	if u.Partly {
		return fmt.Sprintf("the history of %s is proven in part only", u.Subject)
	}
	return fmt.Sprintf("the history of %s is not proven", u.Subject)
}

func refTo(e proven.Entry) Ref {
	h := e.Statement.Claims().Head()
	return Ref{Issuer: h.Iss, JTI: h.JTI, Index: e.Index}
}

func refOf(e proven.Entry) *Ref {
	r := refTo(e)
	return &r
}

// name is what people call a statement.
func name(e proven.Entry) string {
	h := e.Statement.Claims().Head()
	what := "Approval"
	switch e.Statement.Claims().Kind() {
	case attest.KindRegistration:
		what = "Registration"
	case attest.KindDomainApproval:
		what = "Approval of sandbox " + strings.TrimPrefix(h.Sub, "sandbox:")
	}
	return fmt.Sprintf("%s %s of %s", what, h.JTI, h.Iss)
}

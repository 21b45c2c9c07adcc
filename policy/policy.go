// Package policy decides: it folds the histories of subjects into the state of
// approvals, and answers whether an act may go ahead with PERMIT, REFER or
// DENY and every reason that applies.
//
// [Decide] is a pure function of a request, proven histories and three times.
// It takes no clock, context or network, so that the register and everybody
// who holds evidence get the same answer to the byte. Proven histories come
// from package verify or from the registry, never from elsewhere; whoever
// wants a decision calls verify.Decide.
//
// [Touched] names the subjects that a decision needs. The rules R1 to R20 that
// comments cite are those of the decision rules in docs/rules.md.
//
// In this version: R1 to R8, R10, R12 and R16 to R20; of R9, that without a
// consent, which cannot be logged yet, a retransfer is refused.
package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
)

// Times are the three times of a decision.
type Times struct {
	// EffectiveAt is the legal time of the act.
	EffectiveAt time.Time
	// KnownAt: what the register had logged by then counts.
	KnownAt time.Time
	// CheckedAt is when the question is asked.
	CheckedAt time.Time
}

// Decide decides the request on the proven histories. It returns an error,
// and no decision, where a history that the decision touches is not in the
// set, a time is missing, or the request says what [ParseRequest] refuses
// ([attest.Problems]); its own times are not read.
func Decide(req *Request, set *proven.Set, at Times) (*Decision, error) {
	if req == nil || set == nil {
		return nil, errors.New("decide: a request and proven histories are needed")
	}
	if at.EffectiveAt.IsZero() || at.KnownAt.IsZero() || at.CheckedAt.IsZero() {
		return nil, fmt.Errorf("decide: effective_at, known_at and checked_at are all needed")
	}
	if err := req.at(at).check().Err(); err != nil {
		return nil, fmt.Errorf("decide: read the request: %w", err)
	}
	for _, s := range Touched(req, set) {
		if _, ok := set.History(s); !ok {
			return nil, fmt.Errorf("decide: %w", unproven(s))
		}
	}
	return decide(req, set, at)
}

// decide decides a request that was checked. It fails where it reads a history
// that is not in the set, whether or not [Touched] has named it.
func decide(req *Request, set *proven.Set, at Times) (*Decision, error) {
	v := newView(set, at)
	var best *outcome
	if req.Sandbox != "" {
		best = v.sandbox(req)
	} else {
		best = v.programme(req)
	}
	best.add(v.stale()...)
	if v.err != nil {
		return nil, fmt.Errorf("decide: %w", v.err)
	}
	return v.decision(req, best), nil
}

// Touched lists the subjects that a decision of the request needs, sorted, as
// far as the histories in the set tell: whoever collects them calls it again
// until the set has all. Of each party they are those of every entity to which
// its identifier was ever given, whatever governs at the time of the act.
func Touched(req *Request, set *proven.Set) []string {
	subjects := []string{attest.RootSubject}
	authorities := []string{}
	if req.Sandbox != "" {
		sub := attest.SandboxSubject(req.Sandbox)
		subjects = append(subjects, sub)
		entries, _ := set.History(sub)
		for _, e := range entries {
			if d, ok := e.Statement.Claims().(*attest.DomainApproval); ok {
				authorities = append(authorities, d.Terms.Authorities...)
			}
		}
	} else {
		authorities = append(authorities, req.Authority)
	}
	for _, p := range req.parties() {
		alias := attest.EntitySubject(p.id)
		subjects = append(subjects, alias)
		entries, _ := set.History(alias)
		for _, id := range append(registrants(entries), p.id) {
			subjects = append(subjects, attest.EntitySubject(id))
			for _, a := range authorities {
				subjects = append(subjects, attest.ApprovalSubject(id, a))
			}
		}
	}
	if req.retransfers() && req.ConsentRef != "" && req.OriginatingAuthority != "" {
		subjects = append(subjects, attest.ConsentSubject(req.OriginatingAuthority, req.ConsentRef))
	}
	slices.Sort(subjects)
	return slices.Compact(subjects)
}

// stale is R16.
func (v *view) stale() []Reason {
	asked := v.at.CheckedAt
	if v.at.KnownAt.Before(asked) {
		asked = v.at.KnownAt
	}
	age := asked.Sub(v.set.Fresh)
	if age <= v.set.MaxAge {
		return nil
	}
	return []Reason{{
		Code: StatusStale,
		Message: fmt.Sprintf("The evidence proves the status up to %s, %s before the question; at most %s is accepted. Fetch new evidence.",
			utc(v.set.Fresh), inWords(age), inWords(v.set.MaxAge)),
	}}
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// inWords writes a duration as people say it, in days from two days on. A
// fraction of a second counts as one, so that what is too old never reads as
// just fresh.
func inWords(d time.Duration) string {
	left := int64((d + time.Second - 1) / time.Second)
	var parts []string
	for _, unit := range []struct {
		name             string
		seconds, atLeast int64
	}{{"day", 86400, 2 * 86400}, {"hour", 3600, 3600}, {"minute", 60, 60}, {"second", 1, 1}} {
		if left < unit.atLeast {
			continue
		}
		n := left / unit.seconds
		left -= n * unit.seconds
		word := fmt.Sprintf("%d %s", n, unit.name)
		if n != 1 {
			word += "s"
		}
		parts = append(parts, word)
	}
	if parts == nil {
		return "0 seconds"
	}
	return strings.Join(parts, " ")
}

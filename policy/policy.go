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
package policy

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/screening"
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
//
// Lists are what the parties are screened against (R15).
func Decide(req *Request, set *proven.Set, at Times, lists ...*screening.List) (*Decision, error) {
	if req == nil || set == nil {
		return nil, errors.New("decide: a request and proven histories are needed")
	}
	if at.EffectiveAt.IsZero() || at.KnownAt.IsZero() || at.CheckedAt.IsZero() {
		return nil, fmt.Errorf("decide: effective_at, known_at and checked_at are all needed")
	}
	if err := req.at(at).check().Err(); err != nil {
		return nil, fmt.Errorf("decide: read the request: %w", err)
	}
	subjects := Touched(req, set)
	for _, s := range subjects {
		if _, ok := set.History(s); !ok {
			return nil, fmt.Errorf("decide: %w", unproven(s))
		}
	}
	return decide(req, set, at, lists, subjects)
}

// decide decides a request that was checked. It fails where it reads a history
// that is not in the set, whether or not [Touched] has named it.
func decide(req *Request, set *proven.Set, at Times, lists []*screening.List, subjects []string) (*Decision, error) {
	v := newView(req, set, at, lists)
	o, err := v.judge()
	if err != nil {
		return nil, fmt.Errorf("decide: %w", err)
	}
	d := v.decision(req, o)
	d.NextChange = InstantOf(v.nextChange(d, subjects))
	if d.Hindsight, err = v.hindsight(d, subjects); err != nil {
		return nil, fmt.Errorf("decide with hindsight: %w", err)
	}
	return d, nil
}

// judge is what all rules say together, with savings where they cover every
// approval that is not in force, and one at least (R11): the act is then judged
// as if all were.
func (v *view) judge() (*outcome, error) {
	o := v.answer()
	if v.err == nil && o.result() != PERMIT && v.clauses {
		saving := *v
		saving.saving = true
		if saved := saving.answer(); saved.savings() > 0 && !saved.outOfForce() {
			o = saved
		}
		v.err = saving.err
	}
	return o, v.err
}

// answer is what all rules say together.
func (v *view) answer() *outcome {
	o := new(outcome)
	if v.req.Sandbox != "" {
		o.join(v.sandbox(v.req))
	} else {
		o.join(v.programme(v.req))
	}
	for _, rule := range []struct {
		name, passed string
		test         func(*outcome)
	}{
		{"R1", "Transferor and transferee are named.", v.named},
		{"R13", "The transferee is who it was shown as.", v.presented},
		{"R15", "No party stands on a list that it was screened against.", v.screen},
		{"R16", "The evidence is fresh enough.", func(o *outcome) { o.add(v.stale()...) }},
	} {
		n := len(o.reasons)
		if rule.test(o); v.explaining {
			o.tried(rule.name, n, Test{}, rule.passed)
		}
	}
	return o
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

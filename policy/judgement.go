package policy

import (
	"fmt"

	"github.com/safeconduct/safeconduct/screening"
)

// A judgement is a question put to what is known at the time of the act.
type judgement struct {
	view
	// all is what hindsight looks back from, where not all is known.
	all   *knowledge
	cast  *cast
	scene *scene
	q     *Question
	req   *Request
	at    Times
	// lists are what parties are screened against.
	lists []*screening.List
	// ledger is the request's, nil where it has none.
	ledger *ledger
	// explaining says that tests are noted.
	explaining bool
	// saving says that savings clauses are read (R11).
	saving bool
	// clauses says that something was out of force that has savings clauses.
	clauses bool
}

func (k *knowledge) judgement(q *Question, at Times, lists []*screening.List) (judgement, error) {
	c, s, err := k.scene(q, at.EffectiveAt)
	if err != nil {
		return judgement{}, err
	}
	return judgement{
		view: view{knowledge: k, t: at.EffectiveAt, authorities: c.authorities}, cast: c, scene: s,
		q: q, req: q.req, at: at, lists: lists, ledger: ledgerOf(q.req),
	}, nil
}

// decide fails where it reads a history that is not in the set, whether or not
// [Touched] has named it.
func (j *judgement) decide() (*Decision, error) {
	o, err := j.judge()
	if err != nil {
		return nil, fmt.Errorf("decide: %w", err)
	}
	d := j.decision(&o)
	d.NextChange = InstantOf(j.nextChange(d))
	if d.Hindsight, err = j.hindsight(d); err != nil {
		return nil, fmt.Errorf("decide with hindsight: %w", err)
	}
	if j.explaining {
		d.Explanation = &Explanation{Walk: sortTests(o.tests), Changes: changes(d.Reasons)}
	}
	return d, nil
}

// judge is what all rules say together, with savings where they cover every
// approval that is not in force, and one at least (R11): the act is then judged
// as if all were.
func (j *judgement) judge() (outcome, error) {
	o := j.answer()
	if j.err == nil && o.result() != PERMIT && j.clauses {
		saving := *j
		saving.saving = true
		if saved := saving.answer(); saved.savings() > 0 && !saved.outOfForce() && !saved.uncovered {
			o = saved
		}
		j.err = saving.err
	}
	return o, j.err
}

// answer is what all rules say together.
func (j *judgement) answer() (o outcome) {
	if j.req.Sandbox != "" {
		o = j.sandbox()
	} else {
		o = j.programme()
	}
	n := len(o.reasons)
	j.named(&o)
	n = j.tried(&o, n, "R1", "Transferor and transferee are named.")
	j.presented(&o)
	n = j.tried(&o, n, "R13", "The transferee is who it was shown as.")
	j.screen(&o)
	if len(j.lists) > 0 {
		n = j.tried(&o, n, "R15", "No party stands on a list that it was screened against.")
	} else if j.explaining {
		o.tests = append(o.tests, Test{Rule: "R15", Passed: true, Untested: true, Message: "No list was given: nobody was screened."})
	}
	j.stale(&o)
	j.tried(&o, n, "R16", "The evidence is fresh enough.")
	return o
}

// tried notes a test of no approval, and returns how many reasons there are.
func (j *judgement) tried(o *outcome, n int, rule, passed string) int {
	if j.explaining {
		o.tried(rule, n, Test{}, passed)
	}
	return len(o.reasons)
}

// stale is R16.
func (j *judgement) stale(o *outcome) {
	age := earlier(j.at.CheckedAt, j.at.KnownAt).Sub(j.set.Fresh)
	if age <= j.set.MaxAge {
		return
	}
	o.add(Reason{
		Code: StatusStale,
		Message: fmt.Sprintf("The evidence proves the status up to %s, %s before the question; at most %s is accepted. Fetch new evidence.",
			utc(j.set.Fresh), inWords(age), inWords(j.set.MaxAge)),
	})
}

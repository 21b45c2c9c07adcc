package policy

import (
	"slices"

	"github.com/safeconduct/safeconduct/internal/proven"
)

// Hindsight says what is decided on all that the evidence holds, where that is
// not what was decided on what had been logged by known_at.
type Hindsight struct {
	Decision Result `json:"decision"`
	Codes    []Code `json:"codes"`
	// Statements are those logged later that the answer rests on.
	Statements []Ref `json:"statements"`
}

// hindsight compares a decision with what the evidence says later, nil where
// that is the same.
func (j *judgement) hindsight(d *Decision) (*Hindsight, error) {
	if j.everything() {
		return nil, nil
	}
	var later []proven.Entry
	met := make(map[int64]bool)
	for _, s := range j.cast.subjects {
		for _, e := range j.proven(s) {
			if !j.seen(e) && !met[e.Index] {
				met[e.Index] = true
				later = append(later, e)
			}
		}
	}
	if later == nil {
		return nil, nil
	}
	at := j.at
	at.KnownAt = j.set.Fresh
	w, err := j.all.judgement(j.q, at, j.lists)
	if err != nil {
		return nil, err
	}
	o, err := w.judge()
	if err != nil {
		return nil, err
	}
	all := &Decision{Decision: o.result(), Reasons: sortReasons(o.reasons), ReliedOn: sortReliance(o.relied)}
	if all.Decision == d.Decision && slices.Equal(all.Codes(), d.Codes()) {
		return nil, nil
	}
	h := &Hindsight{Decision: all.Decision, Codes: all.Codes(), Statements: []Ref{}}
	rests := all.RestsOn()
	// Where none of them is named, such as a trust root that voids others, each
	// may be the reason.
	none := !slices.ContainsFunc(later, func(e proven.Entry) bool { return rests[e.Index] })
	for _, e := range later {
		if none || rests[e.Index] {
			h.Statements = append(h.Statements, refTo(e))
		}
	}
	slices.SortFunc(h.Statements, func(a, b Ref) int { return a.compare(&b) })
	return h, nil
}

package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"sort"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/trail"
)

// maxRecords is how many statements a page of a history has at most.
const maxRecords = 100

// history serves GET /v1/history: who has said what of a subject, and what it
// comes to at a legal time. Whoever wants it proven asks for the evidence, by
// POST /v1/histories.
func (h *handler) history(r *http.Request, _ []byte) (answer, error) {
	q := r.URL.Query()
	subject := q.Get("subject")
	if err := attest.CheckSubject(subject); err != nil {
		return answer{}, malformedQuery("has the parameter subject=%q; want a subject such as entity:<scheme>:<value>: %v", subject, err)
	}
	at, err := instantOf(r, "at")
	if err != nil {
		return answer{}, err
	}
	known, err := instantOf(r, "known")
	if err != nil {
		return answer{}, err
	}
	after, err := position(r, "after", -1)
	if err != nil {
		return answer{}, err
	}
	limit, err := limitOf(r, maxRecords, maxRecords)
	if err != nil {
		return answer{}, err
	}
	e, err := h.reg.Published()
	if err != nil {
		return answer{}, err
	}
	all, err := e.History(r.Context(), subject, known.Time(), at.Time())
	if errors.Is(err, registry.ErrNotFound) {
		return answer{}, &problem{kind: notFound, detail: fmt.Sprintf("%s is %v", subject, registry.ErrNotFound)}
	}
	if err != nil {
		return answer{}, err
	}
	page := struct {
		trail.About
		Subject    string         `json:"subject"`
		At         policy.Instant `json:"at,omitzero"`
		Known      policy.Instant `json:"known,omitzero"`
		LastBatch  policy.Instant `json:"last_batch"`
		Statements []trail.Record `json:"statements"`
		Next       *int64         `json:"next,omitzero"`
	}{
		About:   trail.About{Register: h.reg.Origin(), Size: e.Size(), Proof: trail.Word},
		Subject: subject, At: at, Known: known, LastBatch: policy.InstantOf(e.Time()), Statements: []trail.Record{},
	}
	all = all[sort.Search(len(all), func(i int) bool { return all[i].Index > after }):]
	for _, s := range all[:min(len(all), limit)] {
		page.Statements = append(page.Statements, trail.NewRecord(s))
	}
	if len(all) > limit {
		page.Next = &all[limit-1].Index
	}
	return jsonAnswer(page)
}

// instantOf reads a parameter that is a time; absent is the zero one.
func instantOf(r *http.Request, name string) (policy.Instant, error) {
	var i policy.Instant
	q := r.URL.Query()
	if !q.Has(name) {
		return i, nil
	}
	if err := i.UnmarshalText([]byte(q.Get(name))); err != nil {
		return i, malformedQuery("has the parameter %s: %v", name, err)
	}
	return i, nil
}

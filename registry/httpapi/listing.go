package httpapi

import (
	"context"
	"iter"
	"net/http"
	"slices"
)

// pageSize is how many ids a page lists.
const pageSize = 1000

// entities serves GET /v1/entities.
func (h *handler) entities(r *http.Request, _ []byte) (answer, error) {
	ids, next, err := page(r.Context(), h.reg.Entities(), r.URL.Query().Get("after"))
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(struct {
		Entities []string `json:"entities"`
		Next     string   `json:"next,omitzero"`
	}{ids, next})
}

// sandboxes serves GET /v1/sandboxes.
func (h *handler) sandboxes(r *http.Request, _ []byte) (answer, error) {
	ids, next, err := page(r.Context(), h.reg.Sandboxes(), r.URL.Query().Get("after"))
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(struct {
		Sandboxes []string `json:"sandboxes"`
		Next      string   `json:"next,omitzero"`
	}{ids, next})
}

// page returns the first ids after one, sorted, and what to ask for the next
// page with, "" on the last. ids may come in any order; no more than two pages
// of them are held.
func page(ctx context.Context, ids iter.Seq2[string, error], after string) (list []string, next string, err error) {
	list = []string{}
	cut := func(n int) {
		slices.Sort(list)
		list = slices.Compact(list)
		list = list[:min(len(list), n)]
	}
	for id, err := range ids {
		if err != nil {
			return nil, "", err
		}
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		if id <= after {
			continue
		}
		if list = append(list, id); len(list) == 2*pageSize {
			cut(pageSize + 1)
		}
	}
	cut(pageSize + 1)
	if len(list) > pageSize {
		list = list[:pageSize]
		next = list[pageSize-1]
	}
	return list, next, nil
}

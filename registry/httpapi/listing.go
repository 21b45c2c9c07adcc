package httpapi

import (
	"context"
	"iter"
	"net/http"
)

// pageSize is how many ids a page lists at most.
const pageSize = 1000

// entities serves GET /v1/entities: all of them, or those that are looked for.
func (h *handler) entities(r *http.Request, _ []byte) (answer, error) {
	q := r.URL.Query()
	if isSearch(q) {
		return h.findEntities(r)
	}
	limit, err := limitOf(r, pageSize, pageSize)
	if err != nil {
		return answer{}, err
	}
	ids, next, err := page(r.Context(), h.reg.Entities(q.Get("after")), limit)
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(struct {
		Entities []string `json:"entities"`
		Next     string   `json:"next,omitzero"`
	}{ids, next})
}

// sandboxes serves GET /v1/sandboxes: all of them, or those that are looked for.
func (h *handler) sandboxes(r *http.Request, _ []byte) (answer, error) {
	q := r.URL.Query()
	if isSearch(q) {
		return h.findSandboxes(r)
	}
	limit, err := limitOf(r, pageSize, pageSize)
	if err != nil {
		return answer{}, err
	}
	ids, next, err := page(r.Context(), h.reg.Sandboxes(q.Get("after")), limit)
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(struct {
		Sandboxes []string `json:"sandboxes"`
		Next      string   `json:"next,omitzero"`
	}{ids, next})
}

// page returns the first of ids, which ascend, and what to ask for the next page
// with, "" on the last.
func page(ctx context.Context, ids iter.Seq2[string, error], limit int) (list []string, next string, err error) {
	list = []string{}
	for id, err := range ids {
		if err != nil {
			return nil, "", err
		}
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		if len(list) == limit {
			return list, list[limit-1], nil
		}
		list = append(list, id)
	}
	return list, "", nil
}

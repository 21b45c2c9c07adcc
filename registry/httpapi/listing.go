package httpapi

import (
	"context"
	"iter"
	"net/http"
)

// pageSize is how many ids a page lists.
const pageSize = 1000

// entities serves GET /v1/entities.
func (h *handler) entities(r *http.Request, _ []byte) (answer, error) {
	ids, next, err := page(r.Context(), h.reg.Entities(r.URL.Query().Get("after")))
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
	ids, next, err := page(r.Context(), h.reg.Sandboxes(r.URL.Query().Get("after")))
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
func page(ctx context.Context, ids iter.Seq2[string, error]) (list []string, next string, err error) {
	list = []string{}
	for id, err := range ids {
		if err != nil {
			return nil, "", err
		}
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		if len(list) == pageSize {
			return list, list[pageSize-1], nil
		}
		list = append(list, id)
	}
	return list, "", nil
}

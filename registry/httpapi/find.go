package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/finder"
)

// found is how many are found where a search says no limit.
const found = 20

// searching are the parameters that make a listing a search.
var searching = []string{"q", "authority", "programme", "sandbox", "country", "status"}

func isSearch(q url.Values) bool {
	return slices.ContainsFunc(searching, q.Has)
}

// findEntities serves GET /v1/entities with what narrows it.
func (h *handler) findEntities(r *http.Request) (answer, error) {
	q, err := h.query(r)
	if err != nil {
		return answer{}, err
	}
	page, err := h.finder.Entities(r.Context(), q)
	if err != nil {
		return answer{}, notFoundYet(r, err)
	}
	doc := struct {
		Size     int64           `json:"size"`
		Entities []string        `json:"entities"`
		Found    []finder.Entity `json:"found"`
		Next     string          `json:"next,omitzero"`
	}{page.Size, make([]string, len(page.Found)), page.Found, page.Next}
	for i, e := range page.Found {
		doc.Entities[i] = e.ID
	}
	return jsonAnswer(doc)
}

// findSandboxes serves GET /v1/sandboxes with what narrows it.
func (h *handler) findSandboxes(r *http.Request) (answer, error) {
	q, err := h.query(r)
	if err != nil {
		return answer{}, err
	}
	page, err := h.finder.Sandboxes(r.Context(), q)
	if err != nil {
		return answer{}, notFoundYet(r, err)
	}
	doc := struct {
		Size      int64            `json:"size"`
		Sandboxes []string         `json:"sandboxes"`
		Found     []finder.Sandbox `json:"found"`
		Next      string           `json:"next,omitzero"`
	}{page.Size, make([]string, len(page.Found)), page.Found, page.Next}
	for i, s := range page.Found {
		doc.Sandboxes[i] = s.ID
	}
	return jsonAnswer(doc)
}

// notFoundYet maps what a finder returns.
func notFoundYet(r *http.Request, err error) error {
	switch {
	case errors.Is(err, finder.ErrBuilding):
		return &problem{kind: unavailable, detail: err.Error(), more: map[string]string{"Retry-After": retryAfter}}
	case errors.Is(err, finder.ErrCursor):
		return malformedQuery("has the parameter after=%q, which %v; want next of the page before", r.URL.Query().Get("after"), err)
	default:
		return err
	}
}

// query reads what a search asks for.
func (h *handler) query(r *http.Request) (finder.Query, error) {
	v := r.URL.Query()
	q := finder.Query{
		Text: v.Get("q"), Authority: v.Get("authority"), Programme: v.Get("programme"), Sandbox: v.Get("sandbox"),
		Country: v.Get("country"), Status: policy.State(v.Get("status")), After: v.Get("after"), Now: h.now(),
	}
	var err error
	if q.Limit, err = limitOf(r, finder.MaxLimit, found); err != nil {
		return q, err
	}
	for _, name := range searching {
		text := v.Get(name)
		if !v.Has(name) {
			continue
		}
		if strings.TrimSpace(text) == "" || len(text) > finder.MaxText || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return q, malformedQuery("has the parameter %s=%q; want text of at most %d bytes, in UTF-8 and without control characters", name, text, finder.MaxText)
		}
		switch name {
		case "authority":
			err = identifier.Authority(text)
		case "sandbox":
			err = identifier.Sandbox(text)
		}
		if err != nil {
			return q, malformedQuery("has the parameter %s: %v", name, err)
		}
	}
	if c := q.Country; c != "" && (len(c) != 2 || strings.Trim(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		return q, malformedQuery("has the parameter country=%q; want an ISO 3166-1 code such as IN", c)
	}
	if s := q.Status; s != "" && !slices.Contains(statuses, s) {
		return q, malformedQuery("has the parameter status=%q; want one of %q", s, statuses)
	}
	return q, nil
}

// statuses are what an approval that is shown may come to.
var statuses = []policy.State{
	policy.InForce, policy.NotYet, policy.NotJoint, policy.Suspended, policy.Revoked, policy.Withdrawn, policy.Expired, policy.Absorbed,
}

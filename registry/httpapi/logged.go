package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/mux"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/registry"
)

// A loggedStatement is a statement at its place in the log.
type loggedStatement struct {
	Index  int64          `json:"index"`
	Time   string         `json:"time"`
	Kind   attest.Kind    `json:"kind"`
	Issuer string         `json:"issuer"`
	JTI    string         `json:"jti"`
	Claims jsontext.Value `json:"claims"`
}

// entity serves GET /v1/entities/{id}: what is logged of the entity itself and
// what each authority that ever was said of it.
func (h *handler) entity(r *http.Request, _ []byte) (answer, error) {
	id := mux.Vars(r)["id"]
	if _, err := identifier.Parse(id); err != nil {
		return answer{}, &problem{kind: malformed, detail: fmt.Sprintf("the entity's id: %v", err)}
	}
	roots, err := h.reg.History(r.Context(), attest.RootSubject)
	if err != nil {
		return answer{}, err
	}
	subjects := []string{attest.EntitySubject(id)}
	for _, a := range authorities(roots) {
		subjects = append(subjects, attest.ApprovalSubject(id, a))
	}
	return h.logged(r.Context(), id, subjects)
}

// sandbox serves GET /v1/sandboxes/{id}.
func (h *handler) sandbox(r *http.Request, _ []byte) (answer, error) {
	id := mux.Vars(r)["id"]
	if err := identifier.Sandbox(id); err != nil {
		return answer{}, &problem{kind: malformed, detail: fmt.Sprintf("the sandbox's id: %v", err)}
	}
	return h.logged(r.Context(), id, []string{attest.SandboxSubject(id)})
}

// authorities lists those that any version of the trust root has.
func authorities(roots []registry.Logged) []string {
	var ids []string
	for _, e := range roots {
		root, ok := e.Statement.Claims().(*attest.Root)
		if !ok {
			continue
		}
		for _, a := range root.Authorities {
			ids = append(ids, a.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// logged answers with the statements of the subjects, in log order.
func (h *handler) logged(ctx context.Context, id string, subjects []string) (answer, error) {
	var entries []registry.Logged
	for _, s := range subjects {
		es, err := h.reg.History(ctx, s)
		if err != nil {
			return answer{}, err
		}
		entries = append(entries, es...)
	}
	if len(entries) == 0 {
		return answer{}, &problem{kind: notFound, detail: fmt.Sprintf("nothing is logged of %s", id)}
	}
	slices.SortFunc(entries, func(a, b registry.Logged) int { return cmp.Compare(a.Index, b.Index) })
	out := make([]loggedStatement, len(entries))
	for i, e := range entries {
		c := e.Statement.Claims()
		// What was signed is the claims' one form, and this makes it.
		payload, err := attest.Payload(c)
		if err != nil {
			return answer{}, fmt.Errorf("show the statement at index %d: %w", e.Index, err)
		}
		out[i] = loggedStatement{e.Index, writeTime(e.Time), c.Kind(), c.Head().Iss, c.Head().JTI, payload}
	}
	return jsonAnswer(struct {
		ID         string            `json:"id"`
		Statements []loggedStatement `json:"statements"`
	}{id, out})
}

// trustRoot serves GET /v1/trust-root.
func (h *handler) trustRoot(*http.Request, []byte) (answer, error) {
	root := h.reg.Root()
	if root == nil {
		return answer{}, registry.ErrNoRoot
	}
	return answer{contentType: "application/jose", body: root.Statement().Bytes()}, nil
}

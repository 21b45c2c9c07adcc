package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/mux"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
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

// loggedSize is how many statements a page has at most: a few megabytes, where
// they are as large as they may be.
const loggedSize = 100

// entity serves GET /v1/entities/{id}: what is logged of the entity itself and
// what each authority that ever was said of it.
func (h *handler) entity(r *http.Request, _ []byte) (answer, error) {
	id := mux.Vars(r)["id"]
	if _, err := identifier.Parse(id); err != nil {
		return answer{}, &problem{kind: malformed, detail: fmt.Sprintf("the entity's id: %v", err)}
	}
	return loggedPage(r, id, h.reg.Entity)
}

// sandbox serves GET /v1/sandboxes/{id}.
func (h *handler) sandbox(r *http.Request, _ []byte) (answer, error) {
	id := mux.Vars(r)["id"]
	if err := identifier.Sandbox(id); err != nil {
		return answer{}, &problem{kind: malformed, detail: fmt.Sprintf("the sandbox's id: %v", err)}
	}
	return loggedPage(r, id, h.reg.Sandbox)
}

// loggedPage answers with a page of statements, in log order.
func loggedPage(r *http.Request, id string, of func(ctx context.Context, id string, after int64, most int) ([]registry.Logged, bool, error)) (answer, error) {
	after := int64(-1)
	if q := r.URL.Query(); q.Has("after") {
		var err error
		if after, err = verify.ParseSize(q.Get("after")); err != nil {
			return answer{}, malformedQuery("has the parameter after=%q; want a log index, as next gives it", q.Get("after"))
		}
	}
	entries, more, err := of(r.Context(), id, after, loggedSize)
	if errors.Is(err, registry.ErrNotFound) {
		return answer{}, &problem{kind: notFound, detail: fmt.Sprintf("%s is %v", id, registry.ErrNotFound)}
	}
	if err != nil {
		return answer{}, err
	}
	page := struct {
		ID         string            `json:"id"`
		Statements []loggedStatement `json:"statements"`
		Next       int64             `json:"next,omitzero"`
	}{id, make([]loggedStatement, len(entries)), 0}
	for i, e := range entries {
		var err error
		if page.Statements[i], err = statementOf(e); err != nil {
			return answer{}, err
		}
		if more {
			page.Next = e.Index
		}
	}
	return jsonAnswer(page)
}

// statementOf is how a statement is shown.
func statementOf(e registry.Logged) (loggedStatement, error) {
	c := e.Statement.Claims()
	// What was signed is the claims' one form, and this makes it.
	payload, err := attest.Payload(c)
	if err != nil {
		return loggedStatement{}, fmt.Errorf("show the statement at index %d: %w", e.Index, err)
	}
	return loggedStatement{e.Index, writeTime(e.Time), c.Kind(), c.Head().Iss, c.Head().JTI, payload}, nil
}

// statement serves GET /v1/statements/{issuer}/{jti}.
func (h *handler) statement(r *http.Request, _ []byte) (answer, error) {
	iss, jti := mux.Vars(r)["issuer"], mux.Vars(r)["jti"]
	for _, err := range []error{identifier.Authority(iss), identifier.JTI(jti)} {
		if err != nil {
			return answer{}, &problem{kind: malformed, detail: fmt.Sprintf("the statement's name: %v", err)}
		}
	}
	e, err := h.reg.Statement(r.Context(), iss, jti)
	if errors.Is(err, registry.ErrNotFound) {
		return answer{}, &problem{kind: notFound, detail: fmt.Sprintf("%s of %s is %v", jti, iss, registry.ErrNotFound)}
	}
	if err != nil {
		return answer{}, err
	}
	s, err := statementOf(e)
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(s)
}

// trustRoot serves GET /v1/trust-root.
func (h *handler) trustRoot(*http.Request, []byte) (answer, error) {
	root := h.reg.Root()
	if root == nil {
		return answer{}, registry.ErrNoRoot
	}
	return answer{contentType: "application/jose", body: root.Statement().Bytes()}, nil
}

package httpapi

import (
	"errors"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// maxRequest bounds a request document.
const maxRequest = 1 << 20

// check serves POST /v1/check.
func (h *handler) check(r *http.Request, body []byte) (answer, error) {
	withEvidence := false
	switch v := r.URL.Query(); v.Get("evidence") {
	case "true":
		withEvidence = true
	case "false":
	default:
		if v.Has("evidence") {
			return answer{}, malformedQuery("has the parameter evidence=%q; want true or false", v.Get("evidence"))
		}
	}
	req, err := parseRequest(body)
	if err != nil {
		return answer{}, err
	}
	d, evidence, err := h.reg.Decide(r.Context(), req, req.Times(h.now()))
	if err != nil {
		return answer{}, undecidable(req, err)
	}
	decision, err := d.Marshal()
	if err != nil {
		return answer{}, err
	}
	if !withEvidence {
		return answer{contentType: "application/json", body: decision}, nil
	}
	return jsonAnswer(struct {
		Decision jsontext.Value `json:"decision"`
		Evidence string         `json:"evidence"`
	}{decision, string(evidence)})
}

// evidence serves POST /v1/evidence.
func (h *handler) evidence(r *http.Request, body []byte) (answer, error) {
	req, err := parseRequest(body)
	if err != nil {
		return answer{}, err
	}
	evidence, err := h.reg.Evidence(r.Context(), req)
	if err != nil {
		return answer{}, err
	}
	return answer{contentType: verify.MediaType, body: evidence}, nil
}

// parseRequest tells what is no JSON from what has mistakes.
func parseRequest(body []byte) (*policy.Request, error) {
	req, err := policy.ParseRequest(body)
	if err == nil {
		return req, nil
	}
	class := attest.Invalid
	if !jsontext.Value(body).IsValid() {
		class = attest.Malformed
	}
	return nil, attest.Refuse(class, err)
}

// undecidable says which member may be at fault where the register's own
// evidence is not enough for it: cosignatures later than checked_at do not
// count. Where the request leaves checked_at out, the register is at fault.
func undecidable(req *policy.Request, err error) error {
	e, ok := errors.AsType[*verify.Error](err)
	if !ok {
		return err
	}
	if !req.CheckedAt.IsZero() {
		p := attest.Problems{}
		p.Add("/checked_at", "the register cannot decide as of then: %v", e)
		return &problem{kind: undecided, detail: p.Error(), problems: p}
	}
	return err
}

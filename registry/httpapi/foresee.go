package httpapi

import (
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/strictjson"
	"github.com/safeconduct/safeconduct/policy"
)

// maxForeseen bounds the requests that are asked about at once.
const maxForeseen = 200

// foresee serves POST /v1/trust-root/foresee.
func (h *handler) foresee(r *http.Request, body []byte) (answer, error) {
	var ask struct {
		Root     jsontext.Value   `json:"root"`
		Requests []jsontext.Value `json:"requests,omitzero"`
	}
	if err := strictjson.Unmarshal(body, &ask, strictjson.Form{MaxBytes: policy.MaxRequest, Nulls: true}); err != nil {
		return answer{}, mistaken(body, err)
	}
	if len(ask.Requests) > maxForeseen {
		return answer{}, attest.Refuse(attest.Invalid, attest.Problems{{Pointer: "/requests", Message: fmt.Sprintf("has %d elements; at most %d are accepted", len(ask.Requests), maxForeseen)}})
	}
	if err := ask.Root.Canonicalize(); err != nil {
		return answer{}, attest.Refuse(attest.Malformed, err)
	}
	next, err := attest.ParseRoot(ask.Root)
	if err != nil {
		return answer{}, err
	}
	var requests []*policy.Request
	for _, doc := range ask.Requests {
		req, err := parseRequest(doc)
		if err != nil {
			return answer{}, err
		}
		requests = append(requests, req)
	}
	f, err := h.reg.Foresee(r.Context(), next, requests, h.now())
	if err != nil {
		return answer{}, err
	}
	return jsonAnswer(f)
}

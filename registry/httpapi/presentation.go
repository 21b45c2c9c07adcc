package httpapi

import (
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/strictjson"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
)

// maxPresented bounds a presentation with its request.
const maxPresented = presentation.MaxBytes + maxRequest

// challenge serves POST /v1/challenges.
func (h *handler) challenge(*http.Request, []byte) (answer, error) {
	nonce, until := h.nonces.New(h.now())
	return jsonAnswer(struct {
		Nonce string         `json:"nonce"`
		Until policy.Instant `json:"until"`
	}{nonce, policy.InstantOf(until.UTC().Truncate(time.Second))})
}

// present serves POST /v1/presentations: the nonce is one that was given, and is
// taken whatever comes of it.
func (h *handler) present(r *http.Request, body []byte) (answer, error) {
	var ask struct {
		Audience     string         `json:"audience"`
		Nonce        string         `json:"nonce"`
		Presentation jsontext.Value `json:"presentation"`
		Request      jsontext.Value `json:"request"`
	}
	if err := strictjson.Unmarshal(body, &ask, strictjson.Form{MaxBytes: maxPresented, Nulls: true, Lines: true}); err != nil {
		return answer{}, attest.Refuse(attest.Malformed, err)
	}
	var p attest.Problems
	for pointer, missing := range map[string]bool{"/audience": ask.Audience == "", "/nonce": ask.Nonce == "", "/presentation": len(ask.Presentation) == 0, "/request": len(ask.Request) == 0} {
		if missing {
			p.Add(pointer, "is missing")
		}
	}
	if len(p) > 0 {
		return answer{}, attest.Refuse(attest.Invalid, p)
	}
	req, err := parseRequest(ask.Request)
	if err != nil {
		return answer{}, err
	}
	now := h.now()
	if err := h.nonces.Take(ask.Nonce, now); err != nil {
		return answer{}, err
	}
	o, d, err := h.reg.Present(ask.Presentation, presentation.Expected{Audience: ask.Audience, Nonce: ask.Nonce}, req, req.TimesNow(now))
	if err != nil {
		return answer{}, undecidable(req, err)
	}
	decision, err := d.Marshal()
	if err != nil {
		return answer{}, err
	}
	claims := o.Claims()
	return jsonAnswer(struct {
		Holder   string         `json:"holder"`
		Issuer   string         `json:"issuer"`
		Approval string         `json:"approval"`
		IssuedAt policy.Instant `json:"issued_at"`
		Decision jsontext.Value `json:"decision"`
	}{o.Holder, claims.Iss, claims.JTI, policy.InstantOf(o.IssuedAt), decision})
}

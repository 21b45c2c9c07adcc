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
const maxPresented = presentation.MaxBytes + policy.MaxRequest

// challenge serves POST /v1/challenges.
func (h *handler) challenge(*http.Request, []byte) (answer, error) {
	nonce, until := h.nonces.New(h.now())
	return jsonAnswer(struct {
		Nonce string         `json:"nonce"`
		Until policy.Instant `json:"until"`
	}{nonce, policy.InstantOf(until.UTC().Truncate(time.Second))})
}

// present serves POST /v1/presentations: the nonce is one that was given here, and is
// taken once the presentation stands.
func (h *handler) present(r *http.Request, body []byte) (answer, error) {
	var ask struct {
		Audience     string         `json:"audience"`
		Nonce        string         `json:"nonce"`
		Presentation jsontext.Value `json:"presentation"`
		Request      jsontext.Value `json:"request"`
	}
	if err := strictjson.Unmarshal(body, &ask, strictjson.Form{MaxBytes: maxPresented, Nulls: true, Lines: true}); err != nil {
		return answer{}, mistaken(body, err)
	}
	var p attest.Problems
	for _, m := range []struct {
		pointer string
		missing bool
	}{{"/audience", ask.Audience == ""}, {"/nonce", ask.Nonce == ""}, {"/presentation", len(ask.Presentation) == 0}, {"/request", len(ask.Request) == 0}} {
		if m.missing {
			p.Add(m.pointer, "is missing")
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
	if err := h.nonces.Check(ask.Nonce, now); err != nil {
		return answer{}, err
	}
	// The largest take a second, and whoever sends one need not have signed it.
	leave, err := h.openings.take(exchangeOf(r.Context()).client)
	if err != nil {
		return answer{}, err
	}
	defer leave()
	o, d, err := h.reg.Present(ask.Presentation, presentation.Expected{Audience: ask.Audience, Nonce: ask.Nonce}, req, req.TimesNow(now))
	if err == nil {
		err = h.nonces.Take(ask.Nonce, now)
	}
	if err != nil {
		return answer{}, err
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

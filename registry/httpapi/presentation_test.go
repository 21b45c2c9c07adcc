package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// A counterparty has the register open what a holder shows it.
func TestAPresentationThatAnswersAChallengeIsOpenedOnce(t *testing.T) {
	s := newServer(t)
	const audience = "https://dataroom.example.com"
	a := registrytest.Approval("TEA-1", us, registrytest.Varuna, "IN")
	a.Programme = "VEU"
	a.Confirmation = &attest.Confirmation{JWK: registrytest.SignerNamed("varuna").JWK()}
	approval := s.Sign(a)
	if _, err := s.Submit(t.Context(), approval); err != nil {
		t.Fatal(err)
	}
	s.Clock.Add(time.Minute)
	ask := `{"effective_at":"` + policy.InstantOf(s.Clock.Now()).Time().Format(time.RFC3339) + `","authority":"` + us + `","programme":"VEU","act":"export","mode":"tangible",` +
		`"transferor":"` + registrytest.Halcyon + `","transferee":"` + registrytest.Varuna + `","destination_site":"VTZ-1","item":{"list":"US_CCL","entry":"5A001.b.1"}}`
	req, err := policy.ParseRequest([]byte(ask))
	if err != nil {
		t.Fatal(err)
	}
	challenge := func() string {
		c := decode[struct{ Nonce, Until string }](t, s.post("/v1/challenges", "", ""))
		if c.Nonce == "" || c.Until == "" {
			t.Fatalf("challenged with %+v", c)
		}
		return c.Nonce
	}
	show := func(nonce, bound string) string {
		t.Helper()
		evidence, err := s.Evidence(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		p, err := presentation.Make(t.Context(), evidence, approval, nil, registrytest.SignerNamed("varuna"), presentation.Binding{Audience: bound, Nonce: nonce, IssuedAt: s.Clock.Now()})
		if err != nil {
			t.Fatal(err)
		}
		return string(p)
	}
	body := func(nonce, p string) string {
		n, err := json.Marshal(nonce)
		if err != nil {
			t.Fatal(err)
		}
		return `{"audience":"` + audience + `","nonce":` + string(n) + `,"presentation":` + p + `,"request":` + ask + `}`
	}
	nonce := challenge()
	shown := show(nonce, audience)
	got := decode[struct {
		Holder, Issuer, Approval string
		Decision                 policy.Decision
	}](t, s.post("/v1/presentations", jsonDoc, body(nonce, shown)))
	if got.Holder != registrytest.Varuna || got.Issuer != us || got.Approval != "TEA-1" || !got.Decision.Permitted() {
		t.Errorf("shown: %+v", got)
	}
	for name, c := range map[string]struct{ body, step string }{
		"once more":              {body(nonce, shown), "nonce"},
		"a nonce of its own":     {body("made-up", show("made-up", audience)), "nonce"},
		"bound to somebody else": {func() string { n := challenge(); return body(n, show(n, "https://other.example.com")) }(), "audience"},
		"bound to another nonce": {body(challenge(), shown), "nonce"},
		"another's byte": {func() string {
			n := challenge()
			return body(n, strings.Replace(show(n, audience), `"sd_jwt":"ey`, `"sd_jwt":"eY`, 1))
		}(), "approval"},
		"evidence alone": {body(challenge(), `{"evidence":{}}`), "presentation"},
		"somebody else's request": {func() string {
			n := challenge()
			return strings.Replace(body(n, show(n, audience)), `"transferee":"`+registrytest.Varuna, `"transferee":"`+registrytest.Corvus, 1)
		}(), "holder"},
		"a request that names a time to check as of": {strings.Replace(body(challenge(), shown), `"act":`, `"checked_at":"2026-01-05T09:00:00Z","act":`, 1), "nonce"},
	} {
		p := refused(t, s.post("/v1/presentations", jsonDoc, c.body), http.StatusUnprocessableEntity, "not-shown")
		if !strings.Contains(p.Detail, "refused at "+c.step) || p.Step != c.step {
			t.Errorf("%s: at %q, %s", name, p.Step, p.Detail)
		}
	}
	refused(t, s.post("/v1/presentations", jsonDoc, `{"audience":"a"}`), http.StatusUnprocessableEntity, "invalid")
	refused(t, s.post("/v1/presentations", jsonDoc, `{`), http.StatusBadRequest, "malformed")
}

func TestARegisterWithoutATrustDecidesNothing(t *testing.T) {
	reg := registrytest.New(t, func(c *registry.Config) { c.Trust = nil })
	url := listen(t, reg, httpapi.Options{Now: reg.Clock.Now})
	challenge := decode[struct{ Nonce string }](t, do(t, http.MethodPost, url+"/v1/challenges", "", ""))
	body := `{"audience":"https://dataroom.example.com","nonce":"` + challenge.Nonce + `","presentation":{},"request":` + request("") + `}`
	for path, body := range map[string]string{"/v1/presentations": body, "/v1/check": request(""), "/v1/check?explain=true": request("")} {
		p := refused(t, do(t, http.MethodPost, url+path, jsonDoc, body), http.StatusNotImplemented, "no-trust")
		if !strings.Contains(p.Detail, "no trust of its own is configured; ask for the evidence, and decide by a trust of your own") {
			t.Errorf("%s: detail is %q", path, p.Detail)
		}
	}
}

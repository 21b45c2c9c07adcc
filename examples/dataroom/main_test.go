package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/presentation/gate"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

func TestTheRoomServesItsFilesToWhoeverShowsThatItIsApprovedAlone(t *testing.T) {
	r := rt.New(t)
	tea := rt.Approval("TEA-1", rt.US, rt.Varuna, "IN")
	tea.Confirmation = &attest.Confirmation{JWK: rt.SignerNamed("varuna").JWK()}
	for _, c := range []attest.Claims{
		rt.Registration("REG-1", rt.IN, rt.Varuna, "IN"), rt.Registration("REG-1", rt.US, rt.Halcyon, "US"),
		rt.Approval("TEA-1", rt.IN, rt.Halcyon, "US"), rt.Domain("PDA-1", rt.US), rt.Domain("PDA-1", rt.IN),
	} {
		r.MustSubmit(c)
	}
	approval := r.Sign(tea)
	if _, err := r.Submit(t.Context(), approval); err != nil {
		t.Fatal(err)
	}
	r.Clock.Add(time.Minute)

	dir := t.TempDir()
	trust, err := r.Trust.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{"trust.yaml": string(trust), "rotten.yaml": "origin: [", "drawing.txt": "hull"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const audience = "https://dataroom.example.com"
	ask := policy.Request{
		Act: "technology_release", Mode: "intangible", Transferor: rt.Halcyon, DestinationSite: "VTZ-1",
		Item: &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"}, EndUse: "sea_trial", PersonNationalities: []string{},
	}
	h, err := room(filepath.Join(dir, "trust.yaml"), audience, rt.Sandbox, ask, dir, r.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	get := func(authorization string) *httptest.ResponseRecorder {
		req := httptest.NewRequest(http.MethodGet, "/drawing.txt", http.NoBody)
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w
	}
	show := func() string {
		nonce, err := gate.Challenge(get("").Result(), audience)
		if err != nil {
			t.Fatal(err)
		}
		req := ask
		req.Sandbox, req.Transferee, req.EffectiveAt = rt.Sandbox, rt.Varuna, policy.InstantOf(r.Clock.Now())
		evidence, err := r.Evidence(t.Context(), &req)
		if err != nil {
			t.Fatal(err)
		}
		p, err := presentation.Make(t.Context(), evidence, approval, nil, rt.SignerNamed("varuna"), presentation.Binding{Audience: audience, Nonce: nonce, IssuedAt: r.Clock.Now()})
		if err != nil {
			t.Fatal(err)
		}
		header, err := gate.Credentials(p)
		if err != nil {
			t.Fatal(err)
		}
		return header
	}
	shown := show()
	if w := get(shown); w.Code != http.StatusOK || w.Body.String() != "hull" {
		t.Errorf("the approved gets %d: %s", w.Code, w.Body)
	}
	if w := get(shown); w.Code != http.StatusUnauthorized {
		t.Errorf("a second time it gets %d: %s", w.Code, w.Body)
	}
	r.MustSubmit(rt.Event("REV-1", rt.US, tea.Sub, "TEA-1", attest.Revoke, rt.Start))
	r.Clock.Add(time.Minute)
	if w := get(show()); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "revoked") {
		t.Errorf("the revoked gets %d: %s", w.Code, w.Body)
	}

	for name, c := range map[string]struct{ trust, audience, folder string }{
		"no trust":     {"none", audience, "."},
		"rotten trust": {"rotten.yaml", audience, "."},
		"no folder":    {"trust.yaml", audience, "none"},
		"no audience":  {"trust.yaml", "", "."},
	} {
		if h, err := room(filepath.Join(dir, c.trust), c.audience, rt.Sandbox, ask, filepath.Join(dir, c.folder), time.Now); err == nil {
			t.Errorf("%s: opens as %v", name, h)
		}
	}
}

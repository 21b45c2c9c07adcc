package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

// BenchmarkCheck is for profiles of a check without the network.
func BenchmarkCheck(b *testing.B) {
	r := rt.New(b)
	for _, c := range []attest.Claims{
		rt.Registration("REG-1", rt.IN, rt.Varuna, "IN"), rt.Registration("REG-1", rt.US, rt.Halcyon, "US"),
		rt.Approval("TEA-1", rt.US, rt.Varuna, "IN"), rt.Approval("TEA-1", rt.IN, rt.Halcyon, "US"),
		rt.Domain("PDA-1", rt.US), rt.Domain("PDA-1", rt.IN),
	} {
		r.MustSubmit(c)
	}
	r.Clock.Add(2 * time.Second)
	h := httpapi.NewHandler(r, httpapi.Options{Now: r.Clock.Now})
	question := `{"effective_at":"2026-01-05T10:00:00Z","sandbox":"` + rt.Sandbox + `","act":"export","mode":"tangible","transferor":"` + rt.Halcyon +
		`","transferee":"` + rt.Varuna + `","destination_site":"VTZ-1","item":{"list":"US_CCL","entry":"5A001.b.1"},"end_use":"sea_trial","person_nationalities":[]}`
	b.ReportAllocs()
	for b.Loop() {
		req := httptest.NewRequest(http.MethodPost, "/v1/check", strings.NewReader(question))
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code != http.StatusOK {
			b.Fatalf("%d: %s", w.Code, w.Body)
		}
	}
}

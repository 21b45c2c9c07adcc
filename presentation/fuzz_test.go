package presentation_test

import (
	"testing"

	"github.com/safeconduct/safeconduct/presentation"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

func FuzzOpen(f *testing.F) {
	r := rt.New(f)
	trust := r.Trust
	f.Add([]byte(`{"evidence":{},"sd_jwt":"a~b.c.d","type":"safeconduct/presentation/v1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o, err := presentation.Open(data, trust, presentation.Expected{Audience: audience, Nonce: nonce}, rt.Start); err == nil || o != nil {
			t.Errorf("opened %q", data)
		}
		if _, err := presentation.Nonce(data); err == nil {
			if _, err := presentation.Evidence(data); err != nil {
				t.Error(err)
			}
		}
	})
}

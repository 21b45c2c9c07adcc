package httpapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/httpapi"
)

// ailing is a register that is not well.
type ailing struct {
	*registry.Registry
	err error
}

func (a ailing) Healthy() error { return a.err }

func TestARegisterThatIsNotWellSaysWhatItLacks(t *testing.T) {
	s := newServer(t)
	for name, test := range map[string]struct {
		err        error
		kind, says string
	}{
		"no quorum":       {fmt.Errorf("%w; missing: b (it answered 500)", registry.ErrNoQuorum), "no-quorum", "missing: b (it answered 500)"},
		"not confirmed":   {fmt.Errorf("%w; missing: c", registry.ErrUnconfirmed), "unavailable", "missing: c"},
		"rolled back":     {fmt.Errorf("%w: the log ends at size 7", registry.ErrRolledBack), "unavailable", "ends at size 7"},
		"both of them":    {errors.Join(fmt.Errorf("%w; missing: c", registry.ErrUnconfirmed), registry.ErrNoQuorum), "unavailable", "missing: c"},
		"empty, and that": {errors.Join(registry.ErrNoRoot, fmt.Errorf("%w; missing: c", registry.ErrUnconfirmed)), "unavailable", "missing: c"},
		"full":            {registry.ErrFull, "full", registry.ErrFull.Error()},
		"read-only":       {fmt.Errorf("%w: /var/%s", registry.ErrReadOnly, secret), "read-only", registry.ErrReadOnly.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			url := listen(t, ailing{s.Registry, test.err}, httpapi.Options{})
			p := refused(t, do(t, http.MethodGet, url+"/healthz", "", ""), http.StatusServiceUnavailable, test.kind)
			if !strings.Contains(p.Detail, test.says) || strings.Contains(p.Detail, secret) {
				t.Errorf("detail is %q, want that it says %q", p.Detail, test.says)
			}
			// What is published can still be had.
			if r := do(t, http.MethodGet, url+"/checkpoint", "", ""); r.status != http.StatusOK {
				t.Errorf("checkpoint: %d", r.status)
			}
		})
	}
}

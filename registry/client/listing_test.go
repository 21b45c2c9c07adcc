package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

func TestWhatARegisterHasIsListed(t *testing.T) {
	reg, c := newRegister(t)
	reg.MustSubmit(registrytest.Registration("reg-halcyon", registrytest.US, registrytest.Halcyon, "US"))
	reg.MustSubmit(registrytest.Approval("approval-varuna", registrytest.US, registrytest.Varuna, "IN"))
	h, err := c.Health(t.Context())
	if err != nil || h.Origin != registrytest.Origin || h.Published != h.Size || h.Size < 4 {
		t.Errorf("health: %+v, %v", h, err)
	}
	ids, next, err := c.Entities(t.Context(), "")
	if diff := cmp.Diff([]string{registrytest.Halcyon, registrytest.Varuna}, ids); diff != "" || next != "" || err != nil {
		t.Errorf("entities: %s, next %q, %v", diff, next, err)
	}
	if ids, _, err = c.Entities(t.Context(), registrytest.Halcyon); err != nil || len(ids) != 1 {
		t.Errorf("entities behind the first: %q, %v", ids, err)
	}
	root, err := c.TrustRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attest.OpenRoot(root, nil); err != nil {
		t.Error(err)
	}
}

func TestChangesAreListedFromWhereTheyWereLastRead(t *testing.T) {
	reg, c := newRegister(t)
	first, next, err := c.Changes(t.Context(), 0)
	if err != nil || len(first) == 0 || next <= first[len(first)-1].Index {
		t.Fatalf("%d changes, next %d, %v", len(first), next, err)
	}
	reg.MustSubmit(registrytest.Registration("reg-halcyon", registrytest.US, registrytest.Halcyon, "US"))
	more, after, err := c.Changes(t.Context(), next)
	if err != nil || after <= next || len(more) != 1 || more[0].JTI != "reg-halcyon" || more[0].Index < next || more[0].Time.IsZero() || !cmp.Equal(more[0].Subjects, []string{"entity:" + registrytest.Halcyon}) {
		t.Errorf("%+v, next %d, %v", more, after, err)
	}
	if none, end, err := c.Changes(t.Context(), after); err != nil || len(none) != 0 || end != after {
		t.Errorf("%+v, next %d, %v", none, end, err)
	}
	for _, page := range []string{`{"next":3}`, `{"next":4,"changes":[{"index":4}]}`, `{"next":9,"changes":[{"index":3}]}`, `{"next":9,"changes":[{"index":6},{"index":5}]}`, `{"next":9,"changes":[{"index":6},{"index":6}]}`, `{"next":9,"changes":[{"index":9}]}`, `{"next":9007199254740992}`, `{`} {
		c := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) })
		if all, next, err := c.Changes(t.Context(), 4); err == nil {
			t.Errorf("%s: %+v, %d", page, all, next)
		}
	}
}

func TestPagesThatGoBackwardsAreRefused(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"entities":["lei:A"],"next":"lei:A"}`) })
	if _, next, err := c.Entities(t.Context(), ""); err != nil || next != "lei:A" {
		t.Errorf("the first page: %q, %v", next, err)
	}
	if _, _, err := c.Entities(t.Context(), "lei:A"); err == nil {
		t.Error("a page that ends where it begins goes on for ever")
	}
}

func TestRetryAfterIsBoundedSeconds(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "999999": time.Hour, "-1": 0, "soon": 0, "99999999999999999999": 0,
	} {
		c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		_, err := c.Health(t.Context())
		if p, ok := errors.AsType[*client.Problem](err); !ok || p.RetryAfter != want {
			t.Errorf("Retry-After %q: got %v, want %v", header, err, want)
		}
	}
}

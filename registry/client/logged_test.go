package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

func TestWhatIsLoggedIsListed(t *testing.T) {
	reg, c := newRegister(t)
	for _, claims := range []attest.Claims{
		registrytest.Registration("REG-1", "auth-in", registrytest.Varuna, "IN"),
		registrytest.Approval("TEA-1", "auth-us", registrytest.Varuna, "IN"),
		registrytest.Domain("PDA-1", "auth-us"),
	} {
		reg.MustSubmit(claims)
	}
	of := func(logged []client.Logged, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, l := range logged {
			if l.Time.IsZero() || attest.Check(l.Claims) != nil {
				t.Errorf("got %+v", l)
			}
			out = append(out, fmt.Sprintf("%d %s %s", l.Index, l.Claims.Kind(), l.Claims.Head().JTI))
		}
		return strings.Join(out, ", ")
	}
	if diff := cmp.Diff("2 registration REG-1, 4 entity TEA-1", of(c.Entity(t.Context(), registrytest.Varuna))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("6 domain PDA-1", of(c.Sandbox(t.Context(), registrytest.Sandbox))); diff != "" {
		t.Error(diff)
	}
	_, err := c.Sandbox(t.Context(), "SBX-NONE")
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != http.StatusNotFound {
		t.Errorf("got %v", err)
	}
	root, err := c.TrustRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attest.OpenRoot(root, nil); err != nil {
		t.Error(err)
	}
}

// domain is an approval as it is logged.
func domain() attest.Claims {
	d := registrytest.Domain("PDA-1", registrytest.US)
	d.Aud, d.IAT = "register.example/test", 1767603600
	return d
}

// logged is a statement as a register shows it.
func logged(t *testing.T, index int, c attest.Claims) string {
	t.Helper()
	payload, err := attest.Payload(c)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"index":%d,"time":"2026-01-05T09:00:00.000Z","kind":%q,"issuer":"auth-us","jti":"PDA-1","claims":%s}`, index, c.Kind(), payload)
}

func TestPagesAreFollowedToTheLast(t *testing.T) {
	d := domain()
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("after") == "" {
			fmt.Fprintf(w, `{"id":"S","statements":[%s,%s],"next":7}`, logged(t, 3, d), logged(t, 7, d))
			return
		}
		fmt.Fprintf(w, `{"id":"S","statements":[%s]}`, logged(t, 9, d))
	})
	all, err := c.Sandbox(t.Context(), "S")
	if err != nil || len(all) != 3 || all[2].Index != 9 {
		t.Errorf("got %v, %v", all, err)
	}
}

func TestWhatIsNoListIsRefused(t *testing.T) {
	d := domain()
	good := logged(t, 3, d)
	for answer, want := range map[string]string{
		`nothing`: "read what is logged",
		`{"statements":[` + strings.Replace(good, `"kind":"domain"`, `"kind":"treaty"`, 1) + `]}`:       "unknown kind",
		`{"statements":[` + strings.Replace(good, `"iss":"auth-us"`, `"iss":"auth-us","x":1`, 1) + `]}`: "index 3",
		`{"statements":[` + strings.Replace(good, `"iss":"auth-us"`, `"iss":"AUTH"`, 1) + `]}`:          "index 3",
		`{"statements":[` + good + `,` + good + `]}`:                                                    "comes after",
		`{"statements":[` + good + `],"next":3}`:                                                        "comes after",
		`{"statements":[` + good + `],"next":2}`:                                                        "does not follow",
		`{"statements":[],"next":0}`:                                                                    "does not follow",
	} {
		c := answering(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) })
		if all, err := c.Sandbox(t.Context(), "S"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v; want %q", answer, all, err, want)
		}
	}
}

package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	decided "github.com/safeconduct/safeconduct/receipt"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

type signedAnswer struct {
	Decision          json.RawMessage
	Evidence, Receipt string
}

func TestACheckComesSignedWhereThatIsAskedFor(t *testing.T) {
	s := newJointSandbox(t)
	alone := s.post("/v1/check", jsonDoc, request(""))
	for _, c := range []struct {
		query     string
		evidence  bool
		explained bool
	}{{"receipt=true", false, false}, {"receipt=true&evidence=true", true, false}, {"receipt=true&evidence=true&explain=true", true, true}} {
		r := s.post("/v1/check?"+c.query, jsonDoc, request(""))
		secured(t, r)
		got := decode[signedAnswer](t, r)
		if (got.Evidence != "") != c.evidence {
			t.Errorf("%s: with evidence: %t", c.query, got.Evidence != "")
		}
		u, err := decided.Parse([]byte(got.Receipt))
		if err != nil {
			t.Fatal(err)
		}
		in, err := json.Marshal(u.ReceiptUnsafe().Decision)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(compact(t, got.Decision), compact(t, in)); diff != "" {
			t.Errorf("%s: the receipt is of another decision than the answer:\n%s", c.query, diff)
		}
		if !c.explained {
			if diff := cmp.Diff(compact(t, alone.body), compact(t, got.Decision)); diff != "" {
				t.Errorf("%s: signed, it is decided otherwise:\n%s", c.query, diff)
			}
		}
		if c.evidence {
			if _, err := decided.Verify([]byte(got.Receipt), []byte(request("")), []byte(got.Evidence), s.Trust); err != nil {
				t.Errorf("%s: %v", c.query, err)
			}
		}
	}
	if r := s.post("/v1/check?receipt=false", jsonDoc, request("")); string(r.body) != string(alone.body) {
		t.Errorf("with receipt=false the answer is %s", r.body)
	}
	refused(t, s.post("/v1/check?receipt=yes", jsonDoc, request("")), http.StatusBadRequest, "malformed")
}

func TestARegisterWithoutAListedKeySaysSo(t *testing.T) {
	for says, change := range map[string]func(*registry.Config){
		"there is no decision key":    func(c *registry.Config) { c.DecisionSigner = nil },
		"list it under decision_keys": func(c *registry.Config) { c.DecisionSigner = registrytest.SignerNamed("mallory") },
	} {
		reg := registrytest.New(t, change)
		url := listen(t, reg, httpapi.Options{Now: reg.Clock.Now})
		p := refused(t, do(t, http.MethodPost, url+"/v1/check?receipt=true", jsonDoc, request("")), http.StatusNotImplemented, "unsigned")
		if !strings.Contains(p.Detail, says) {
			t.Errorf("%s; want %s", p.Detail, says)
		}
		// Without, it decides.
		if r := do(t, http.MethodPost, url+"/v1/check", jsonDoc, request("")); r.status != http.StatusOK {
			t.Errorf("unsigned, it is answered with %d", r.status)
		}
	}
}

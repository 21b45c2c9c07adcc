package httpapi_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

func TestHistoriesAreGivenAsEvidence(t *testing.T) {
	s := newJointSandbox(t)
	subject := attest.ApprovalSubject(registrytest.Varuna, registrytest.US)
	r := s.post("/v1/histories", jsonDoc, `{"subjects":["`+subject+`"]}`)
	secured(t, r)
	if r.status != http.StatusOK || r.header.Get("Content-Type") != verify.MediaType {
		t.Fatalf("status %d, Content-Type %q: %s", r.status, r.header.Get("Content-Type"), r.body)
	}
	e, err := verify.Open(r.body, s.Trust, s.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	h, err := e.History(subject, time.Time{}, time.Time{})
	if err != nil || len(h) != 1 || h[0].Statement.Claims().Head().JTI != "approval-varuna" {
		t.Errorf("history %v, %v", h, err)
	}
	for _, body := range []string{"", "[]", "{", `{"subjects":null}`, `{"subjects":"root"}`, `{"subject":["root"]}`, `{"subjects":["root"],"x":1}`} {
		kind, status := "invalid", http.StatusUnprocessableEntity
		if body == "" || body == "{" {
			kind, status = "malformed", http.StatusBadRequest
		}
		refused(t, s.post("/v1/histories", jsonDoc, body), status, kind)
	}
	refused(t, s.post("/v1/histories", jsonDoc, `{"subjects":["entity:lei:1"]}`), http.StatusUnprocessableEntity, "invalid")
	many := `"root"`
	for i := range verify.MaxHistories {
		many += fmt.Sprintf(`,"sandbox:SBX-%d"`, i)
	}
	refused(t, s.post("/v1/histories", jsonDoc, `{"subjects":[`+many+`]}`), http.StatusUnprocessableEntity, "undecided")
}

func TestAStatementIsShownByItsName(t *testing.T) {
	s := newJointSandbox(t)
	got := decode[struct {
		Index       int64
		Issuer, JTI string
		Kind        string
		Claims      struct{ Sub string }
	}](t, s.get("/v1/statements/"+us+"/domain-us"))
	if got.Issuer != us || got.JTI != "domain-us" || got.Kind != "domain" || got.Claims.Sub != attest.SandboxSubject(registrytest.Sandbox) || got.Index == 0 {
		t.Errorf("shown as %+v", got)
	}
	refused(t, s.get("/v1/statements/"+in+"/domain-us"), http.StatusNotFound, "not-found")
	refused(t, s.get("/v1/statements/"+us+"/.."), http.StatusNotFound, "not-found")
	refused(t, s.get("/v1/statements/"+us+"/a%20b"), http.StatusBadRequest, "malformed")
	refused(t, s.get("/v1/statements/US/X"), http.StatusBadRequest, "malformed")
}

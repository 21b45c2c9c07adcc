package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// request is one of the joint sandbox; more are further members, each with a
// comma behind it.
func request(more string) string {
	return `{` + more + `"effective_at":"2026-01-05T09:00:00Z","sandbox":"` + registrytest.Sandbox + `","act":"technology_release",` +
		`"transferor":"` + registrytest.Halcyon + `","transferee":"` + registrytest.Varuna + `","destination_site":"VTZ-1",` +
		`"item":{"list":"US_CCL","entry":"5A001.b.1"},"end_use":"sea_trial"}`
}

// newJointSandbox is a server on which the request is permitted.
func newJointSandbox(t *testing.T) *server {
	t.Helper()
	s := newServer(t)
	s.MustSubmit(registrytest.Registration("reg-halcyon", us, registrytest.Halcyon, "US"))
	s.MustSubmit(registrytest.Registration("reg-varuna", in, registrytest.Varuna, "IN"))
	s.MustSubmit(registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN"))
	s.MustSubmit(registrytest.Approval("approval-halcyon", in, registrytest.Halcyon, "US"))
	s.MustSubmit(registrytest.Domain("domain-us", us))
	s.MustSubmit(registrytest.Domain("domain-in", in))
	// A frozen clock's batches are dated after it.
	s.Clock.Add(time.Minute)
	return s
}

func TestASubmissionIsAnsweredWithAReceiptThatProvesIt(t *testing.T) {
	s := newServer(t)
	s.Clock.Add(1500 * time.Millisecond)
	statement := s.Sign(registrytest.Domain("domain-us", us))
	r := s.post("/v1/statements", jose, string(statement))
	secured(t, r)
	got := decode[receipt](t, r)
	if want := "2026-01-05T09:00:01.500Z"; got.Time != want {
		t.Errorf("time is %s, want %s", got.Time, want)
	}
	cp, err := verify.ParseCheckpoint([]byte(got.Checkpoint))
	origin, size, root := cp.Origin, cp.Tree.N, cp.Tree.Hash
	if err != nil {
		t.Fatal(err)
	}
	if origin != registrytest.Origin || size != got.Size {
		t.Errorf("checkpoint of %s for %d leaves, receipt for %d", origin, size, got.Size)
	}
	if err := tlog.CheckRecord(got.Proof, size, root, got.Index, tlog.RecordHash(statement)); err != nil {
		t.Error(err)
	}
	s.MustSubmit(registrytest.Domain("domain-in", in))
	if again := s.post("/v1/statements", jose, string(statement)); !bytes.Equal(again.body, r.body) {
		t.Errorf("the receipt of the resubmission is\n%s\nthe first was\n%s", again.body, r.body)
	}
}

func TestACheckIsTheDecisionOfItsEvidence(t *testing.T) {
	s := newJointSandbox(t)
	alone := s.post("/v1/check", jsonDoc, request(""))
	secured(t, alone)
	d := decode[policy.Decision](t, alone)
	if d.Decision != policy.PERMIT {
		t.Fatalf("decision is %s", alone.body)
	}
	if now := s.Clock.Now(); !d.KnownAt.Time().Equal(now) || !d.CheckedAt.Time().Equal(now) {
		t.Errorf("known_at %v, checked_at %v, want now, %v", d.KnownAt, d.CheckedAt, now)
	}
	both := decode[struct {
		Decision json.RawMessage
		Evidence string
	}](t, s.post("/v1/check?evidence=true", jsonDoc, request("")))
	req, err := policy.ParseRequest([]byte(request("")))
	if err != nil {
		t.Fatal(err)
	}
	offline, err := verify.Decide([]byte(both.Evidence), s.Trust, req, req.Times(s.Clock.Now()))
	if err != nil {
		t.Fatal(err)
	}
	want, err := offline.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(alone.body)); diff != "" {
		t.Errorf("online differs from offline (-offline +online):\n%s", diff)
	}
	if diff := cmp.Diff(compact(t, want), compact(t, both.Decision)); diff != "" {
		t.Errorf("the decision beside the evidence differs from it (-offline +online):\n%s", diff)
	}
	if got := s.post("/v1/check?evidence=false", jsonDoc, request("")); !bytes.Equal(got.body, alone.body) {
		t.Errorf("with evidence=false the answer is %s", got.body)
	}
	evidence := s.post("/v1/evidence", jsonDoc, request(""))
	if got := evidence.header.Get("Content-Type"); got != "application/vnd.safeconduct.evidence+json" {
		t.Errorf("Content-Type of evidence is %q", got)
	}
	if string(evidence.body) != both.Evidence {
		t.Errorf("the evidence alone differs from the one beside the decision")
	}
}

func compact(t *testing.T, doc []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, doc); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestACheckTakesTheTimesOfTheRequest(t *testing.T) {
	s := newJointSandbox(t)
	s.Clock.Add(time.Hour)
	s.MustSubmit(registrytest.Event("revoke-1", us, attest.SandboxSubject(registrytest.Sandbox), "domain-us", attest.Revoke, registrytest.Start))
	now := decode[policy.Decision](t, s.post("/v1/check", jsonDoc, request("")))
	then := decode[policy.Decision](t, s.post("/v1/check", jsonDoc, request(`"known_at":"2026-01-05T09:30:00Z",`)))
	if now.Decision != policy.DENY || then.Decision != policy.PERMIT {
		t.Errorf("after the revocation %s, as known before it %s; want DENY and PERMIT", now.Decision, then.Decision)
	}
	// The register's newest checkpoint was cosigned after that.
	p := refused(t, s.post("/v1/check", jsonDoc, request(`"checked_at":"2026-01-05T09:30:00Z",`)), http.StatusUnprocessableEntity, "undecided")
	if !p.names("/checked_at") {
		t.Errorf("problems are %v, want one at /checked_at", p.Problems)
	}
}

func TestWhatIsLoggedOfAnEntityIsShown(t *testing.T) {
	s := newJointSandbox(t)
	type view struct {
		ID         string
		Statements []struct {
			Index             int64
			Time              string
			Kind, Issuer, JTI string
			Claims            map[string]any
		}
	}
	r := s.get("/v1/entities/" + registrytest.Varuna)
	secured(t, r)
	got := decode[view](t, r)
	var lines []string
	for _, st := range got.Statements {
		lines = append(lines, fmt.Sprintf("%d %s %s %s %s %v", st.Index, st.Time, st.Kind, st.Issuer, st.JTI, st.Claims["sub"]))
	}
	want := []string{
		"registration auth-in reg-varuna entity:" + registrytest.Varuna,
		"entity auth-us approval-varuna entity:" + registrytest.Varuna + "/auth-us",
	}
	if got.ID != registrytest.Varuna || len(lines) != len(want) {
		t.Fatalf("got %q, want %q", lines, want)
	}
	for i := range want {
		if !strings.HasSuffix(lines[i], want[i]) || !strings.Contains(lines[i], " 2026-01-05T09:00:0") {
			t.Errorf("got %q, want …%q", lines[i], want[i])
		}
	}
	if enc := s.get("/v1/entities/" + strings.Replace(registrytest.Varuna, ":", "%3A", 1)); !bytes.Equal(enc.body, r.body) {
		t.Errorf("with the colon encoded: %s", enc.body)
	}
	sandbox := decode[view](t, s.get("/v1/sandboxes/"+registrytest.Sandbox))
	if len(sandbox.Statements) != 2 || sandbox.Statements[1].JTI != "domain-in" {
		t.Errorf("sandbox is %+v", sandbox)
	}
	refused(t, s.get("/v1/entities/"+registrytest.Corvus), http.StatusNotFound, "not-found")
	refused(t, s.get("/v1/sandboxes/SBX-NONE"), http.StatusNotFound, "not-found")
	refused(t, s.get("/v1/entities/lei:1"), http.StatusBadRequest, "malformed")
	refused(t, s.get("/v1/sandboxes/sbx"), http.StatusBadRequest, "malformed")
}

func TestWhatIsLoggedComesInPages(t *testing.T) {
	s := newServer(t)
	s.MustSubmit(registrytest.Domain("domain-us", us))
	for i := range 104 {
		s.MustSubmit(registrytest.Event(fmt.Sprintf("ev-%d", i), us, attest.SandboxSubject(registrytest.Sandbox), "domain-us", attest.Suspend, registrytest.Start))
	}
	s.Clock.Add(time.Hour)
	type view struct {
		Statements []struct {
			Index int64
			JTI   string
		}
		Next int64
	}
	path := "/v1/sandboxes/" + registrytest.Sandbox
	first := decode[view](t, s.get(path))
	if len(first.Statements) != 100 || first.Next != first.Statements[99].Index || first.Statements[0].JTI != "domain-us" {
		t.Fatalf("the first page has %d statements, next %d", len(first.Statements), first.Next)
	}
	last := s.get(fmt.Sprintf("%s?after=%d", path, first.Next))
	second := decode[view](t, last)
	if len(second.Statements) != 5 || second.Statements[0].JTI != "ev-99" || strings.Contains(string(last.body), "next") {
		t.Errorf("the last page is %s", last.body)
	}
	behind := s.get(fmt.Sprintf("%s?after=%d", path, second.Statements[4].Index))
	if got := decode[view](t, behind); len(got.Statements) > 0 || !strings.Contains(string(behind.body), `"statements":[]`) {
		t.Errorf("behind the last is %s", behind.body)
	}
	for _, bad := range []string{"-1", "1.0", "", "x"} {
		refused(t, s.get(path+"?after="+bad), http.StatusBadRequest, "malformed")
	}
}

func TestAnEntityIsFoundByItsOtherIdentifiers(t *testing.T) {
	s := newServer(t)
	reg := registrytest.Registration("reg-varuna", in, registrytest.Varuna, "IN")
	reg.Identifiers = []string{"iec:0388012345"}
	s.MustSubmit(reg)
	got := decode[struct {
		Statements []struct{ Claims struct{ Sub string } }
	}](t, s.get("/v1/entities/iec:0388012345"))
	if len(got.Statements) != 1 || got.Statements[0].Claims.Sub != attest.EntitySubject(registrytest.Varuna) {
		t.Errorf("got %+v, want the registration of %s", got, registrytest.Varuna)
	}
}

func TestEntitiesAndSandboxesAreListed(t *testing.T) {
	s := newJointSandbox(t)
	type list struct {
		Entities, Sandboxes []string
		Next                string
	}
	for path, want := range map[string]list{
		"/v1/entities":  {Entities: []string{registrytest.Halcyon, registrytest.Varuna}},
		"/v1/sandboxes": {Sandboxes: []string{registrytest.Sandbox}},
		"/v1/entities?after=" + registrytest.Halcyon:  {Entities: []string{registrytest.Varuna}},
		"/v1/sandboxes?after=" + registrytest.Sandbox: {Sandboxes: []string{}},
	} {
		if diff := cmp.Diff(want, decode[list](t, s.get(path))); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", path, diff)
		}
	}
}

func TestTheTrustRootIsServedAsItWasSigned(t *testing.T) {
	s := newServer(t)
	r := s.get("/v1/trust-root")
	if !bytes.Equal(r.body, s.RootStatement) || r.header.Get("Content-Type") != jose {
		t.Errorf("got %s %q", r.header.Get("Content-Type"), r.body)
	}
	secured(t, r)
}

func TestAHealthyRegisterSaysOK(t *testing.T) {
	s := newServer(t)
	want := fmt.Sprintf(`{"status":"ok","origin":"example.org/register","size":%d,"published":%d}`, s.Size(), s.size())
	if got := s.get("/healthz"); got.status != 200 || string(got.body) != want {
		t.Errorf("got %d %s, want %s", got.status, got.body, want)
	}
	s.Stop()
	refused(t, s.get("/healthz"), http.StatusServiceUnavailable, "unavailable")
}

package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/registry/registrytest"
)

func TestAPathHasOneSpelling(t *testing.T) {
	s := newJointSandbox(t)
	for _, path := range []string{
		"/", "/v1", "/v1/", "/v1/check/", "//v1/check", "/v1//check", "/v1/./check", "/x/../v1/check", "/V1/check",
		"/checkpoint/", "/v1/entities/", "/v1/sandboxes/" + registrytest.Sandbox + "/",
		"/v1/entities/" + registrytest.Varuna + "/auth-us", "/v1/entities/" + registrytest.Varuna + "%2Fauth-us",
		"/v1/entities/%2e%2e/check",
	} {
		refused(t, s.get(path), http.StatusNotFound, "not-found")
	}
}

func TestAnotherMethodIsRefusedWithThoseAllowed(t *testing.T) {
	s := newServer(t)
	for path, allowed := range map[string]string{
		"/v1/statements": "POST", "/v1/check": "POST", "/v1/check/batch": "POST", "/v1/evidence": "POST", "/v1/histories": "POST",
		"/v1/statements/auth-us/X-1": "GET, HEAD",
		"/v1/entities":               "GET, HEAD", "/v1/entities/lei:1": "GET, HEAD",
		"/v1/sandboxes": "GET, HEAD", "/v1/sandboxes/SBX-1": "GET, HEAD",
		"/v1/trust-root": "GET, HEAD", "/checkpoint": "GET, HEAD", "/checkpoint/3": "GET, HEAD",
		"/tile/0/000": "GET, HEAD", "/tile/x": "GET, HEAD", "/log.vkey": "GET, HEAD", "/healthz": "GET, HEAD",
		"/v1/history": "GET, HEAD", "/v1/changes": "GET, HEAD", "/openapi.json": "GET, HEAD",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			if strings.Contains(allowed, method) {
				continue
			}
			r := do(t, method, s.url+path, "", "", "X-HTTP-Method-Override", "GET")
			refused(t, r, http.StatusMethodNotAllowed, "method-not-allowed")
			if got := r.header.Get("Allow"); got != allowed {
				t.Errorf("%s %s: Allow is %q, want %q", method, path, got, allowed)
			}
		}
	}
	if r := do(t, http.MethodHead, s.url+"/checkpoint", "", ""); r.status != 200 || len(r.body) != 0 || r.header.Get("Content-Length") == "0" {
		t.Errorf("HEAD /checkpoint: %d, %v, %q", r.status, r.header, r.body)
	}
}

func TestAnotherMediaTypeIsRefused(t *testing.T) {
	s := newServer(t)
	for path, types := range map[string][]string{
		"/v1/statements":  {"", "application/json", "text/plain", "application/jose+json", "application/x-www-form-urlencoded", "application/jose, application/json"},
		"/v1/check":       {"", "application/jose", "text/json", "application/json; charset", "application/yaml"},
		"/v1/check/batch": {"", "application/json", "application/x-ndjson"},
		"/v1/evidence":    {"", "application/vnd.safeconduct.evidence+json"},
	} {
		for _, ct := range types {
			refused(t, s.post(path, ct, "{}"), http.StatusUnsupportedMediaType, "unsupported-media-type")
		}
	}
	refused(t, s.post("/v1/check", "Application/JSON; charset=utf-8", "{}"), http.StatusUnprocessableEntity, "invalid")
}

func TestACompressedBodyIsRefused(t *testing.T) {
	s := newServer(t)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, 4<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, enc := range []string{"gzip", "identity", "br, gzip", ""} {
		r := do(t, http.MethodPost, s.url+"/v1/check", jsonDoc, bomb.String(), "Content-Encoding", enc)
		refused(t, r, http.StatusUnsupportedMediaType, "unsupported-media-type")
		if got := r.header.Get("Accept-Encoding"); got != "identity" {
			t.Errorf("Accept-Encoding %q", got)
		}
	}
}

func TestAQueryThatIsNotUnderstoodIsRefused(t *testing.T) {
	s := newServer(t)
	for _, query := range []string{"evidence", "evidence=", "evidence=1", "evidence=TRUE", "evidence=true&evidence=true", "evidnce=true", "evidence=true&x=1", "%zz", "a;b"} {
		refused(t, s.post("/v1/check?"+query, jsonDoc, request("")), http.StatusBadRequest, "malformed")
	}
	for _, path := range []string{"/checkpoint?size=1", "/checkpoint/2?x=1", "/tile/0/000.p/1?v=2", "/log.vkey?a"} {
		refused(t, s.get(path), http.StatusBadRequest, "malformed")
	}
	for _, query := range []string{"wait", "wait=", "wait=true", "wait=quorum&wait=quorum", "wait=Quorum", "await=quorum"} {
		refused(t, s.post("/v1/statements?"+query, jose, "x"), http.StatusBadRequest, "malformed")
	}
}

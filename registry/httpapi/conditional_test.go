package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/registry/registrytest"
)

var tagPaths = []string{
	"/checkpoint", "/v1/trust-root", "/log.vkey", "/v1/entities", "/v1/entities/" + registrytest.Varuna, "/v1/sandboxes", "/v1/sandboxes/" + registrytest.Sandbox,
	"/v1/statements/" + us + "/domain-us", "/tile/0/000.p/5", "/tile/entries/000.p/5",
}

func TestWhatACallerHasIsNotSentAgain(t *testing.T) {
	s := newJointSandbox(t)
	for _, path := range append(tagPaths, "/checkpoint/4") {
		t.Run(path, func(t *testing.T) {
			first := do(t, http.MethodGet, s.url+path, "", "", "Accept-Encoding", "identity")
			tag := first.header.Get("ETag")
			if first.status != 200 || len(tag) < 20 || tag[0] != '"' || tag[len(tag)-1] != '"' {
				t.Fatalf("%d with the tag %q", first.status, tag)
			}
			for _, row := range []struct {
				given string
				has   bool
			}{
				{tag, true}, {"W/" + tag, true}, {"*", true}, {`"x", ` + tag, true}, {`"x" ,W/"y",` + tag, true},
				{`"x"`, false}, {tag[1:], false}, {strings.Trim(tag, `"`), false}, {`"` + tag + `"`, false}, {tag[:len(tag)-2] + `"`, false}, {"", false}, {",,,", false},
			} {
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					r := do(t, method, s.url+path, "", "", "If-None-Match", row.given, "Accept-Encoding", "identity")
					want := 200
					if row.has {
						want = 304
					}
					if r.status != want || r.header.Get("ETag") != tag {
						t.Errorf("%s with %s: %d, tag %q, want %d", method, row.given, r.status, r.header.Get("ETag"), want)
					}
					for _, h := range []string{"Cache-Control", "Vary", "X-Content-Type-Options", "Access-Control-Allow-Origin"} {
						if r.header.Get(h) != first.header.Get(h) {
							t.Errorf("%s with %s: %s is %q, and was %q", method, row.given, h, r.header.Get(h), first.header.Get(h))
						}
					}
					if row.has && (len(r.body) > 0 || r.header.Get("Content-Type") != "") {
						t.Errorf("a 304 describes a body: %v", r.header)
					}
				}
			}
		})
	}
}

func TestATagIsOfTheBytesThatWereSent(t *testing.T) {
	s := newJointSandbox(t)
	path := "/tile/entries/000.p/14" // of more than two kilobytes
	plain := do(t, http.MethodGet, s.url+path, "", "", "Accept-Encoding", "identity")
	packed := do(t, http.MethodGet, s.url+path, "", "", "Accept-Encoding", "gzip")
	z, err := gzip.NewReader(bytes.NewReader(packed.body))
	if err != nil {
		t.Fatal(err)
	}
	if unpacked, err := io.ReadAll(z); err != nil || !bytes.Equal(unpacked, plain.body) {
		t.Fatalf("packed is another answer: %v", err)
	}
	if plain.header.Get("ETag") == packed.header.Get("ETag") {
		t.Error("other bytes have the same strong tag")
	}
	for _, r := range []reply{plain, packed} {
		if r.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Vary is %q", r.header.Get("Vary"))
		}
		// Either is still good, however it is asked for now.
		for _, accept := range []string{"identity", "gzip"} {
			again := do(t, http.MethodGet, s.url+path, "", "", "Accept-Encoding", accept, "If-None-Match", r.header.Get("ETag"))
			if again.status != 304 || again.header.Get("ETag") != r.header.Get("ETag") || again.header.Get("Content-Encoding") != "" {
				t.Errorf("%s: %d, %v", accept, again.status, again.header)
			}
		}
	}
}

func TestATagLastsUntilTheAnswerChanges(t *testing.T) {
	s := newJointSandbox(t)
	varuna := "/v1/entities/" + registrytest.Varuna
	tags := map[string]string{varuna: "", "/v1/sandboxes/" + registrytest.Sandbox: "", "/checkpoint": ""}
	for path := range tags {
		tags[path] = s.get(path).header.Get("ETag")
	}
	s.Clock.Add(time.Minute)
	s.MustSubmit(registrytest.Event("suspend", us, "entity:"+registrytest.Varuna+"/"+us, "approval-varuna", "suspend", s.Clock.Now()))
	for path, changed := range map[string]bool{varuna: true, "/v1/sandboxes/" + registrytest.Sandbox: false, "/checkpoint": true} {
		r := do(t, http.MethodGet, s.url+path, "", "", "If-None-Match", tags[path])
		if (r.status == 200) != changed || changed && r.header.Get("ETag") == tags[path] {
			t.Errorf("%s: %d", path, r.status)
		}
	}
}

func TestOnlyWhatStandsInTheLogHasATag(t *testing.T) {
	s := newJointSandbox(t)
	for _, r := range []reply{s.get("/healthz"), s.get("/readyz"), s.get("/nothing"), s.get("/v1/entities/x"), s.post("/v1/check", jsonDoc, request("")), s.post("/v1/evidence", jsonDoc, request(""))} {
		if tag := r.header.Get("ETag"); tag != "" {
			t.Errorf("%d has the tag %s", r.status, tag)
		}
	}
	if r := do(t, http.MethodPost, s.url+"/v1/check", jsonDoc, request(""), "If-None-Match", "*"); r.status != 200 {
		t.Errorf("a decision is %d", r.status)
	}
}

// asks is what a browser sends before a page's request.
func (s *server) asks(path, method string) reply {
	return do(s.t, http.MethodOptions, s.url+path, "", "", "Origin", "https://page.example", "Access-Control-Request-Method", method, "Access-Control-Request-Headers", "content-type")
}

func TestPagesOfAnyOriginMayReadAndNeverWrite(t *testing.T) {
	s := newJointSandbox(t)
	for path, method := range map[string]string{"/v1/check": "POST", "/v1/evidence": "POST", "/v1/histories": "POST", "/checkpoint": "GET", "/v1/entities": "GET", "/tile/0/000.p/5": "GET"} {
		r := s.asks(path, method)
		if r.status != 204 || len(r.body) != 0 || r.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(r.header.Get("Access-Control-Allow-Methods"), method) || !strings.Contains(r.header.Get("Access-Control-Allow-Headers"), "Content-Type") {
			t.Errorf("%s: %d, %v", path, r.status, r.header)
		}
	}
	for _, r := range []reply{
		s.get("/checkpoint"), s.get("/v1/entities"), s.get("/nothing"), s.get("/checkpoint/x"),
		s.post("/v1/check", jsonDoc, request("")), s.post("/v1/check", jsonDoc, "{"), s.post("/v1/evidence", jsonDoc, request("")), s.post("/v1/histories", jsonDoc, `{"subjects":["root"]}`),
	} {
		if r.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%d: a page may not read it: %v", r.status, r.header)
		}
		for _, name := range []string{"ETag", "Retry-After", "X-Request-Id"} {
			if !strings.Contains(r.header.Get("Access-Control-Expose-Headers"), name) {
				t.Errorf("a page does not see %s", name)
			}
		}
		if _, ok := r.header["Access-Control-Allow-Credentials"]; ok {
			t.Error("credentials go along")
		}
	}
	statement := string(s.Sign(registrytest.Registration("late", us, registrytest.Halcyon, "US")))
	for _, r := range []reply{
		s.asks("/v1/statements", "POST"), s.asks("/healthz", "GET"),
		do(t, http.MethodPost, s.url+"/v1/statements", jose, statement, "Origin", "https://page.example"), s.post("/v1/statements", jose, "x"),
	} {
		for name := range r.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%d: %s is %s", r.status, name, r.header.Get(name))
			}
		}
	}
	refused(t, s.asks("/v1/statements", "POST"), 405, "method-not-allowed")
	// What is no preflight is a method as others.
	refused(t, do(t, http.MethodOptions, s.url+"/checkpoint", "", "", "Origin", "https://page.example"), 405, "method-not-allowed")
}

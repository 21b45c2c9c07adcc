package httpapi_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// told is a server whose log a test reads.
func told(t *testing.T, reg httpapi.Reader) (url string, log *logBuffer) {
	t.Helper()
	log = new(logBuffer)
	return listen(t, reg, httpapi.Options{Logger: slog.New(slog.NewTextHandler(log, nil))}), log
}

func TestARequestHasOneNameEverywhere(t *testing.T) {
	url, log := told(t, broken{err: errors.New(secret)})
	for _, row := range []struct {
		name, given string
		kept        bool
	}{
		{"a UUID", "0b0c7f5c-3f0e-4a1c-9f7e-5d1f9f6f2a11", true},
		{"letters, digits and marks", "A.b_c-9", true},
		{"the longest", strings.Repeat("x", 128), true},
		{"none", "", false},
		{"too long", strings.Repeat("x", 129), false},
		{"white space", "a b", false},
		{"quotes", `a"b`, false},
		{"escapes", "a%0ab", false},
		{"a tab", "a\tb", false},
		{"an umlaut", "a\u00e4b", false},
		{"what ends a field", "a=b", false},
		{"what makes a path", "a/b", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := do(t, http.MethodGet, url+"/v1/entities", "", "", "X-Request-Id", row.given)
			id := r.header.Get("X-Request-Id")
			if row.kept != (id == row.given) || !regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`).MatchString(id) {
				t.Fatalf("it is called %q", id)
			}
			if p := refused(t, r, 500, "internal"); p.Instance != "urn:safeconduct:request:"+id {
				t.Errorf("the problem is %q", p.Instance)
			}
			// The line of the request and that of the fault.
			if n := strings.Count(log.String(), " request_id="+id+" "); n != 2 {
				t.Errorf("the log has it %d times:\n%s", n, log.String())
			}
		})
	}
	r := do(t, http.MethodGet, url+"/checkpoint/x", "", "")
	if r.header.Get("X-Request-Id") == do(t, http.MethodGet, url+"/checkpoint/x", "", "").header.Get("X-Request-Id") {
		t.Error("two requests have one name")
	}
	twice := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/nothing", nil)
	req.Header["X-Request-Id"] = []string{"one", "two"}
	httpapi.NewHandler(broken{}, httpapi.Options{}).ServeHTTP(twice, req)
	if id := twice.Header().Get("X-Request-Id"); id == "" || id == "one" || id == "two" {
		t.Errorf("a request with two names is called %q", id)
	}
}

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	spanID  = "b7ad6b7169203331"
)

func TestATraceIsTakenUpWhereItIsExactlyOne(t *testing.T) {
	for _, row := range []struct {
		name   string
		parent []string
		taken  bool
	}{
		{"sampled", []string{"00-" + traceID + "-" + spanID + "-01"}, true},
		{"not sampled", []string{"00-" + traceID + "-" + spanID + "-00"}, true},
		{"a later version with more", []string{"01-" + traceID + "-" + spanID + "-01-more"}, true},
		{"none", nil, false},
		{"two", []string{"00-" + traceID + "-" + spanID + "-01", "00-" + traceID + "-" + spanID + "-01"}, false},
		{"the version that is none", []string{"ff-" + traceID + "-" + spanID + "-01"}, false},
		{"this version with more", []string{"00-" + traceID + "-" + spanID + "-01-more"}, false},
		{"capitals", []string{"00-" + strings.ToUpper(traceID) + "-" + spanID + "-01"}, false},
		{"a trace of zeros", []string{"00-" + strings.Repeat("0", 32) + "-" + spanID + "-01"}, false},
		{"a span of zeros", []string{"00-" + traceID + "-" + strings.Repeat("0", 16) + "-01"}, false},
		{"too short", []string{"00-" + traceID[1:] + "-" + spanID + "-01"}, false},
		{"no hex", []string{"00-" + strings.Repeat("g", 32) + "-" + spanID + "-01"}, false},
		{"white space", []string{" 00-" + traceID + "-" + spanID + "-01"}, false},
		{"a megabyte", []string{strings.Repeat("00-", 1<<20/3)}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var log logBuffer
			h := httpapi.NewHandler(broken{}, httpapi.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/nothing", nil)
			req.Header["Traceparent"] = row.parent
			h.ServeHTTP(httptest.NewRecorder(), req)
			if got := strings.Contains(log.String(), " trace_id="+traceID+" span_id="+spanID); got != row.taken {
				t.Errorf("the log has\n%s", log.String())
			}
			if !row.taken && strings.Contains(log.String(), "trace_id") {
				t.Errorf("the log has a trace:\n%s", log.String())
			}
		})
	}
}

func TestWhatIsAskedOnBehalfOfARequestIsOfItsTrace(t *testing.T) {
	var got http.Header
	behind := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer behind.Close()
	hc := &http.Client{Transport: httpapi.Traced(http.DefaultTransport)}
	// As a mirror's add-checkpoint asks the register.
	asks := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, behind.URL, nil)
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := hc.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
	})
	url := listen(t, broken{}, httpapi.Options{Beside: map[string]httpapi.Beside{"/add-checkpoint": {Handler: asks}}})
	do(t, http.MethodPost, url+"/add-checkpoint", "", "", "Traceparent", "00-"+traceID+"-"+spanID+"-01", "Tracestate", "a=1,b=2", "X-Request-Id", "R-1")
	if got.Get("Traceparent") != "00-"+traceID+"-"+spanID+"-01" || got.Get("Tracestate") != "a=1,b=2" || got.Get("X-Request-Id") != "R-1" {
		t.Errorf("asked with %v", got)
	}
	do(t, http.MethodPost, url+"/add-checkpoint", "", "", "Traceparent", "00-x", "Tracestate", "a=1")
	if got.Get("Traceparent") != "" || got.Get("Tracestate") != "" || got.Get("X-Request-Id") == "" {
		t.Errorf("a trace that is none was passed on: %v", got)
	}
}

// TestNothingThatACallerSendsIsInTheLog: a mark in every member, header, path
// and parameter that a caller may fill is not found there. A request's name is
// the caller's own word for it, and what it is for.
func TestNothingThatACallerSendsIsInTheLog(t *testing.T) {
	s := newJointSandbox(t)
	var log logBuffer
	s.url = listen(t, s.Register, httpapi.Options{Now: s.Clock.Now, Metrics: httpapi.NewMetrics(), Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	const mark = "MARK7391"
	claims := registrytest.Approval(mark, us, registrytest.Varuna, "IN")
	claims.LegalName = mark
	marked := strings.NewReplacer(
		`"sea_trial"`, `"`+mark+`"`, registrytest.Sandbox, "SBX-"+mark, `"VTZ-1"`, `"`+mark+`"`, "5A001.b.1", mark,
	).Replace(request(`"reference":"` + mark + `",`))
	decided := request(`"reference":"` + mark + `","requested_by":"` + mark + `",`)
	heads := []string{
		"User-Agent", mark, "Referer", "http://" + mark, "Authorization", "Bearer " + mark, "Cookie", mark + "=" + mark, "X-Request-Id", mark + " " + mark,
		"Traceparent", mark, "Tracestate", "a=" + mark, "X-Forwarded-For", mark, "If-None-Match", `"` + mark + `"`, "Origin", "https://" + mark, "Accept-Encoding", mark, mark, mark,
	}
	asked := 0
	ask := func(method, path, contentType, body string) {
		asked++
		do(t, method, s.url+path, contentType, body, heads...)
	}
	for _, body := range []string{marked, decided, request(`"` + mark + `":1,`), `{"` + mark, mark, `{"subjects":["entity:` + mark + `","` + mark + `"]}`, string(s.Sign(claims)), s.forge(claims, mark, nil)} {
		for _, path := range []string{"/v1/check", "/v1/evidence", "/v1/histories", "/v1/statements", "/v1/trust-root/foresee", "/v1/check?evidence=" + mark, "/v1/" + mark} {
			for _, contentType := range []string{jsonDoc, jose, mark} {
				ask(http.MethodPost, path, contentType, body)
			}
		}
	}
	for _, path := range []string{
		"/v1/entities/lei:" + mark, "/v1/entities/" + mark, "/v1/entities?after=" + mark, "/v1/entities?" + mark, "/v1/sandboxes/" + mark, "/v1/sandboxes/SBX-1?after=" + mark,
		"/v1/statements/" + mark + "/" + mark, "/v1/statements/auth-us/" + mark, "/checkpoint/" + mark, "/tile/" + mark, "/tile/0/" + mark, "/" + mark, "/%0a" + mark, "/healthz?" + mark, "/readyz?" + mark, "/metrics?" + mark,
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions, mark} {
			ask(method, path, mark, mark)
		}
	}
	if r := do(t, http.MethodPost, s.url+"/v1/check", jsonDoc, decided); r.status != 200 || !strings.Contains(string(r.body), mark) {
		t.Errorf("nothing was decided: %s", r.body)
	}
	asked++
	if n := strings.Count(log.String(), "msg=request "); n != asked {
		t.Errorf("%d requests, %d lines", asked, n)
	}
	if i := strings.Index(log.String(), mark); i >= 0 {
		t.Errorf("the log has the mark: …%s", log.String()[max(0, i-300):i+20])
	}
	metrics := do(t, http.MethodGet, s.url+"/metrics", "", "")
	if metrics.status != 200 || strings.Contains(string(metrics.body), mark) {
		t.Errorf("%d: the metrics have the mark, or none", metrics.status)
	}
	if addr := strings.TrimPrefix(s.url, "http://"); strings.Contains(log.String(), strings.Split(addr, ":")[0]) {
		t.Errorf("the log has the client's address:\n%s", log.String())
	}
}

func TestALogLineIsOneLineWhateverIsSent(t *testing.T) {
	reg := broken{err: errors.New("a fault\nlevel=ERROR msg=forged\x1b[2J")}
	url2, log := told(t, reg)
	before := 0
	for _, path := range []string{"/v1/entities/%0d%0alevel=ERROR%20msg=forged", "/%1b%5b2J", "/v1/entities?after=%0a", "/v1/entities/" + url.PathEscape("\u2028\u202e")} {
		do(t, http.MethodGet, url2+path, "", "")
		if lines := strings.Count(log.String(), "\n"); lines < before+1 || lines > before+2 {
			t.Errorf("%s makes %d lines", path, lines-before)
		}
		before = strings.Count(log.String(), "\n")
	}
	if got := log.String(); strings.ContainsAny(got, "\x1b\r\u2028\u202e") || strings.Contains(got, "\nlevel=ERROR") {
		t.Errorf("the log has\n%q", got)
	}
}

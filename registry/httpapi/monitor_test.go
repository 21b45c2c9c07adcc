package httpapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// sample is a metric's value by its name and labels, "" where it is not there.
func sample(metrics reply, name string) string {
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(metrics.body)
	if m == nil {
		return ""
	}
	return string(m[1])
}

func TestMetricsTellWhatHappens(t *testing.T) {
	m := httpapi.NewMetrics()
	reg := registrytest.New(t, func(c *registry.Config) { c.Batched = m.Batched })
	reg.MustSubmit(registrytest.Registration("reg-halcyon", us, registrytest.Halcyon, "US"))
	if err := reg.Cosign(t.Context()); err != nil {
		t.Fatal(err)
	}
	reg.Clock.Add(90 * time.Second)
	url := listen(t, reg, httpapi.Options{Now: reg.Clock.Now, Metrics: m, Limits: httpapi.Limits{Rate: 1, Burst: 10}})
	do(t, http.MethodGet, url+"/checkpoint", "", "")
	do(t, http.MethodGet, url+"/checkpoint", "", "", "If-None-Match", "*")
	do(t, http.MethodHead, url+"/v1/entities/"+registrytest.Halcyon, "", "")
	do(t, "BREW", url+"/pots/17", "", "")
	do(t, http.MethodPost, url+"/v1/check", jsonDoc, request(""))
	got := do(t, http.MethodGet, url+"/metrics", "", "")
	for name, want := range map[string]string{
		`safeconduct_http_requests_total{code="2xx",method="GET",route="/checkpoint"}`:        "1",
		`safeconduct_http_requests_total{code="3xx",method="GET",route="/checkpoint"}`:        "1",
		`safeconduct_http_requests_total{code="2xx",method="HEAD",route="/v1/entities/{id}"}`: "1",
		`safeconduct_http_requests_total{code="4xx",method="other",route="other"}`:            "1",
		`safeconduct_http_requests_total{code="4xx",method="POST",route="/v1/check"}`:         "1",
		`safeconduct_http_limited_total{route="/v1/check"}`:                                   "1",
		`safeconduct_http_request_duration_seconds_count{route="/checkpoint"}`:                "2",
		`safeconduct_log_size`:                         "4",
		`safeconduct_published_size`:                   "4",
		`safeconduct_queue_statements`:                 "0",
		`safeconduct_healthy`:                          "1",
		`safeconduct_batch_statements_count`:           "2", // the root is one
		`safeconduct_batch_statements_bucket{le="1"}`:  "2",
		`safeconduct_batch_statements_bucket{le="32"}`: "2",
	} {
		if v := sample(got, name); v != want {
			t.Errorf("%s is %q, want %s", name, v, want)
		}
	}
	if age := sample(got, "safeconduct_cosignature_age_seconds"); age != "89" && age != "90" {
		t.Errorf("the cosignature is %q seconds old", age)
	}
	for _, name := range []string{"go_goroutines", "process_open_fds"} {
		if sample(got, name) == "" {
			t.Errorf("%s is missing", name)
		}
	}
	if strings.Contains(string(got.body), registrytest.Halcyon) || strings.Contains(string(got.body), "pots") || strings.Contains(string(got.body), "BREW") {
		t.Error("the metrics tell what was asked for")
	}
}

func TestNoMetricsUnlessAsked(t *testing.T) {
	s := newServer(t)
	refused(t, s.get("/metrics"), 404, "not-found")
}

func TestWhatIsForTheOperatorMayBeServedApart(t *testing.T) {
	reg := registrytest.New(t)
	o := httpapi.Options{Now: reg.Clock.Now, Metrics: httpapi.NewMetrics(), Apart: true, Limits: httpapi.Limits{Rate: 1, Burst: 1}}
	public := listen(t, reg, o)
	monitor := httptest.NewServer(httpapi.NewMonitor(reg, o))
	defer monitor.Close()
	private := monitor.URL
	for _, path := range []string{"/metrics", "/readyz"} {
		reg.Clock.Add(time.Second)
		refused(t, do(t, http.MethodGet, public+path, "", ""), 404, "not-found")
	}
	for range 3 {
		for _, path := range []string{"/metrics", "/readyz", "/healthz"} {
			if r := do(t, http.MethodGet, private+path, "", ""); r.status != 200 {
				t.Errorf("%s: %d %s", path, r.status, r.body)
			}
		}
	}
	refused(t, do(t, http.MethodGet, private+"/checkpoint", "", ""), 404, "not-found")
}

func TestReadyIsWhoMayBeSentRequests(t *testing.T) {
	reg := registrytest.New(t)
	var mu sync.Mutex
	var healthy, ready error
	ask := func(err *error) func() error {
		return func() error { mu.Lock(); defer mu.Unlock(); return *err }
	}
	url := listen(t, reg, httpapi.Options{Now: reg.Clock.Now, Healthy: ask(&healthy), Ready: ask(&ready)})
	for _, row := range []struct {
		name           string
		healthy, ready error
		healthz        int
		readyz         int
		says           string
	}{
		{"all is well", nil, nil, 200, 200, ""},
		{"about to end, or behind", nil, errors.New("checks size 7 of 9"), 200, 503, "checks size 7 of 9"},
		{"the register is not followed", errors.New("stopped"), nil, 503, 503, "stopped"},
		{"the register has lost something", fmt.Errorf("not followed: %w", registry.ErrNotFound), nil, 503, 503, "not followed: not in the log"},
		{"storage has failed", errors.Join(registry.ErrReadOnly, errors.New(secret)), nil, 503, 503, "only reads"},
	} {
		t.Run(row.name, func(t *testing.T) {
			mu.Lock()
			healthy, ready = row.healthy, row.ready
			mu.Unlock()
			for path, want := range map[string]int{"/healthz": row.healthz, "/readyz": row.readyz} {
				r := do(t, http.MethodGet, url+path, "", "")
				if r.status != want || want != 200 && !strings.Contains(string(r.body), row.says) || strings.Contains(string(r.body), "/var/lib") {
					t.Errorf("%s: %d, %s", path, r.status, r.body)
				}
				secured(t, r)
			}
		})
	}
	if err := reg.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	healthy, ready = nil, nil
	mu.Unlock()
	refused(t, do(t, http.MethodGet, url+"/readyz", "", ""), 503, "unavailable")
}

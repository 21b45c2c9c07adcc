package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/safeconduct/safeconduct/verify"
)

// Metrics count what happens, for Prometheus:
//
//	safeconduct_http_requests_total{route,method,code}    code is 2xx, 4xx, …
//	safeconduct_http_request_duration_seconds{route}
//	safeconduct_http_limited_total{route}     refused with 429
//	safeconduct_log_size                      durable leaves
//	safeconduct_published_size                leaves of the published checkpoint
//	safeconduct_cosignature_age_seconds       of the newest on the published
//	                                          checkpoint; none without one
//	safeconduct_queue_statements              on their way to their receipts
//	safeconduct_batch_statements              of each batch
//	safeconduct_healthy                       1 or 0, what /healthz says
//
// beside those of the Go runtime and the process. No label is anything that a
// caller sends: a route is a pattern, and what is at no path is "other".
//
// They are made by [NewMetrics], and count one register or mirror.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	limited  *prometheus.CounterVec
	batches  prometheus.Histogram
}

// NewMetrics returns metrics that have counted nothing. A register tells them its
// batches where its Config has their method [Metrics.Batched], a handler
// everything else where its [Options] have them.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "safeconduct_http_requests_total", Help: "Requests answered, by route, method and class of status.",
		}, []string{"route", "method", "code"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "safeconduct_http_request_duration_seconds", Help: "How long requests took, by route.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "safeconduct_http_limited_total", Help: "Requests refused since their client had asked for more than it may, by route.",
		}, []string{"route"}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "safeconduct_batch_statements", Help: "Statements in each batch.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}),
	}
	m.registry.MustRegister(m.requests, m.took, m.limited, m.batches,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Batched counts a batch of so many statements; nil counts nothing.
func (m *Metrics) Batched(statements int) {
	if m != nil {
		m.batches.Observe(float64(statements))
	}
}

// Handler returns the handler of GET /metrics.
func (m *Metrics) Handler() http.Handler {
	// What cannot be gathered is left out, and says so in a metric of its own.
	return promhttp.InstrumentMetricHandler(m.registry, promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, DisableCompression: true,
	}))
}

// answered counts a request; nil counts nothing.
func (m *Metrics) answered(route, method string, status int, took time.Duration) {
	if m == nil {
		return
	}
	if route == "" {
		route = "other"
	}
	m.requests.WithLabelValues(route, methodOf(method), strconv.Itoa(status/100)+"xx").Inc()
	m.took.WithLabelValues(route).Observe(took.Seconds())
	if status == http.StatusTooManyRequests {
		m.limited.WithLabelValues(route).Inc()
	}
}

// What a reader may have beside what a [Reader] needs.
type (
	cosignedReader interface{ Cosigned() time.Time }
	queueing       interface{ Underway() int }
)

// watch has the gauges tell of reg from now on.
func (m *Metrics) watch(reg Reader, now func() time.Time, healthy func() error) {
	if m == nil {
		return
	}
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("safeconduct_log_size", "Durable leaves of the log.", func() float64 { return float64(reg.Size()) })
	gauge("safeconduct_published_size", "Leaves of the published checkpoint.", func() float64 {
		c, err := verify.ParseCheckpoint(reg.Checkpoint())
		if err != nil {
			return 0
		}
		return float64(c.Tree.N)
	})
	gauge("safeconduct_healthy", "Whether statements are logged and published, or the register is followed.", func() float64 {
		if healthy() != nil {
			return 0
		}
		return 1
	})
	if r, ok := reg.(cosignedReader); ok {
		m.registry.MustRegister(&cosignatureAge{r, now, prometheus.NewDesc(
			"safeconduct_cosignature_age_seconds", "Age of the newest cosignature of the published checkpoint.", nil, nil)})
	}
	if r, ok := reg.(queueing); ok {
		gauge("safeconduct_queue_statements", "Statements on their way to their receipts.", func() float64 { return float64(r.Underway()) })
	}
}

// cosignatureAge is a gauge that is not there while there is no cosignature.
type cosignatureAge struct {
	reg  cosignedReader
	now  func() time.Time
	desc *prometheus.Desc
}

// Describe implements [prometheus.Collector].
func (c *cosignatureAge) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

// Collect implements [prometheus.Collector].
func (c *cosignatureAge) Collect(to chan<- prometheus.Metric) {
	if at := c.reg.Cosigned(); !at.IsZero() {
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, c.now().Sub(at).Seconds())
	}
}

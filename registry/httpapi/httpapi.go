// Package httpapi serves a register or a mirror over HTTP. [NewHandler] makes
// the handler:
//
//	POST /v1/statements       a statement (application/jose) -> its receipt;
//	                          with ?wait=quorum the receipt is for a checkpoint
//	                          that has a quorum of cosignatures
//	POST /v1/check            a request document, or {"disclosures":[…],"request":…}
//	                          with what a holder has disclosed -> the decision;
//	                          with ?evidence=true {"decision":…,"evidence":"…"},
//	                          with ?receipt=true {"decision":…,"receipt":"…"}, and
//	                          with both all three
//	POST /v1/check/batch      up to 10,000 request documents, one a line
//	                          (application/jsonl) -> a line for each, in order:
//	                          its decision or its problem
//	POST /v1/challenges       a nonce for a holder to answer, good once
//	POST /v1/presentations    {"audience":…,"nonce":…,"presentation":…,"request":…}
//	                          -> who has shown itself, and the decision on what it
//	                          has shown
//	POST /v1/evidence         a request document -> the evidence
//	POST /v1/histories        {"subjects":[…]} -> the evidence of their histories
//	GET  /v1/statements/{issuer}/{jti}
//	                          what an issuer has said under a jti
//	GET  /v1/entities         the ids of entities, page by page; with ?q=,
//	                          authority=, programme=, sandbox=, country= or
//	                          status= the entities that are looked for, see
//	                          package finder
//	GET  /v1/entities/{id}    what is logged of one, page by page
//	GET  /v1/sandboxes        the same of sandboxes
//	GET  /v1/sandboxes/{id}   what is logged of one, page by page
//	GET  /v1/history          ?subject=, who has said what of it, and with ?at=
//	                          what that comes to
//	GET  /v1/changes          ?since=, what was logged since a size: a page, or
//	                          Server-Sent Events for whoever accepts those
//	GET  /v1/trust-root       the newest trust root, as it was signed
//	POST /v1/trust-root/foresee  {"root":…,"requests":[…]}, the claims of a next
//	                          trust root and request documents -> what it would
//	                          void, and which decisions it would change
//	GET  /checkpoint          the published checkpoint, a signed note
//	GET  /checkpoint/{size}   the kept checkpoint of a size
//	GET  /tile/…              the log as C2SP tlog-tiles, see package tlogtiles
//	GET  /log.vkey            the verifier key that the published checkpoint is
//	                          signed with, one line
//	GET  /healthz             {"status":"ok","origin":…,"size":…,"published":…},
//	                          or the problem that keeps statements out
//	GET  /readyz              {"status":"ready"}, or why no requests are to be sent
//	                          here: that problem, a mirror that has not caught up,
//	                          a service that is about to end
//	GET  /metrics             what Prometheus reads, see [Metrics]
//	GET  /openapi.json        all of this as OpenAPI 3.0
//
// A mirror takes no statements: it has every route but the first.
//
// A decision and its evidence are those of package verify, to the byte.
// Checkpoints, tiles and the trust root prove themselves; what the other pages
// say is the register's word alone, and proves nothing. /log.vkey too is a
// convenience: whoever checks signatures has the key from elsewhere.
//
// Everything is shown at the published checkpoint. Only tiles and the
// checkpoints of a size go on to what is durable and not published yet, so that
// a mirror can check what it is asked to cosign. Tiles never change, and may be
// kept for good; checkpoints gain cosignatures, and may be kept for a few
// seconds, /log.vkey and /openapi.json for minutes; nothing else is to be kept. Answers of two kilobytes and more are
// packed with gzip for whoever accepts it, except hashes, which do not get
// shorter. HEAD asks for the headers of a GET.
//
// What a GET shows of the log has a strong ETag, a digest of the answer, and is
// not sent again to whoever names it in If-None-Match. Packed it is another tag;
// either is good.
//
// A path has one spelling. One with an escaped slash, or with what need not be
// escaped, is not found, nor is one with a slash too many: a proxy before the
// handler decides on the very paths that it does. Headers that name another method
// or path are not looked at.
//
// Every answer has an X-Request-Id: the caller's, where it sent one of at most 128
// letters, digits, dots, dashes and underscores, or a new one. The log has it in
// every line of the request, and a problem as its instance,
// urn:safeconduct:request:<id>. A W3C traceparent is taken up where it is exactly
// one that is well-formed: the log has its trace_id and span_id, and what the
// server asks of others for the request goes by it ([Traced]).
//
// Pages of any origin may ask all that reads, without credentials (CORS), and
// never submit.
//
// All decisions of a batch are at one checkpoint, which the first line of the
// answer has. A line is decided when it has come; a batch is read ahead of that,
// up to its 16 MiB, so that a client may send all of it before it reads. A client
// that takes more than 30 seconds to send or read the next part is cut off, and
// an answer that was cut off has no end in HTTP. Whatever wraps the handler's
// ResponseWriter has a method Unwrap, or neither these deadlines nor events work.
//
// What is refused is answered as application/problem+json (RFC 9457) with the
// members type (urn:safeconduct:problem:<kind>), title, status and detail, and
// problems, which names every member at fault by its JSON pointer, step, which says
// where evidence or a presentation was refused, and instance:
//
//	400 malformed               cannot be read: not the one byte form, not JSON
//	403 forbidden               the trust root does not let the signers say this
//	404 not-found               no such route, target, entity, sandbox or tile
//	405 method-not-allowed      with the header Allow
//	409 conflict                contradicts what is logged
//	413 too-large               statements have 60 KiB, requests 1 MiB, with
//	                            disclosures 256 KiB more, presentations 4 MiB and
//	                            the rest, batches 16 MiB
//	415 unsupported-media-type  another Content-Type, or any Content-Encoding
//	422 invalid                 says what may not be said
//	422 not-shown               a presentation does not stand; step says where
//	422 undecided               no decision, since the evidence is not enough,
//	                            or would be larger than is accepted
//	429 too-many-requests       with the header Retry-After, see [Limits]; also where
//	                            a client has its share of what is done at once
//	501 unsigned                no decision is signed here, or by a key that the
//	                            trust root in force does not list
//	501 no-trust                nothing is decided here, nor a presentation opened:
//	                            there is no trust of its own to do it by
//	500 internal                a fault of the register, told to its log only
//	503 overloaded              with the header Retry-After
//	503 read-only               storage has failed
//	503 full                    there is no room left; what is logged is safe
//	503 no-quorum               the statement is logged, but too few cosigners
//	                            have confirmed it as yet; submitting it again
//	                            goes on waiting
//	503 unavailable             closed, not yet begun, its clock is wrong, or it
//	                            could not sign the checkpoint
//
// What cannot be read as HTTP at all, or not over TLS, the server of net/http
// refuses by itself, in plain text.
//
// The handler asks nobody who they are: a statement is its own warrant, and
// whoever wants reads kept apart stands a proxy before it, or asks for client
// certificates. It tells clients apart only to bound what each asks and has at once
// ([Limits], [Proxies]): a quarter of the batches that are checked, a sixteenth of the
// streams, half of the presentations and disclosures that are being opened,
// and always one. Behind a
// proxy that is not trusted all are one client.
//
// # Log
//
// Every request is one line: method, route, status, took, bytes_in, bytes_out,
// request_id, client, and trace_id and span_id where there is a trace. A route is
// the pattern above, never the path. The client is eight bytes of a keyed digest of
// its address or certificate, the same until the process ends: who asks about whom
// is nobody's business, and whoever has to block an address has a proxy that
// knows it. Nothing that is asked for is in the log, and nothing of the caller's
// but the names of request and trace.
package httpapi

import (
	"cmp"
	"context"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/finder"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
)

// A Reader is what the handler serves, a *[registry.Reader] such as a replica
// has. Its methods are called concurrently.
type Reader interface {
	Origin() string
	Decide(ctx context.Context, req *policy.Request, at policy.Times, ds ...attest.Disclosure) (*policy.Decision, []byte, error)
	Explain(ctx context.Context, req *policy.Request, at policy.Times, ds ...attest.Disclosure) (*policy.Decision, []byte, error)
	DecideSigned(ctx context.Context, req *policy.Request, at policy.Times, explain bool, ds ...attest.Disclosure) (*registry.Signed, error)
	Evidence(ctx context.Context, req *policy.Request) ([]byte, error)
	CompactEvidence(ctx context.Context, req *policy.Request, at policy.Times, pinned int64) ([]byte, error)
	EvidenceOf(ctx context.Context, subjects []string) ([]byte, error)
	Statement(ctx context.Context, iss, jti string) (registry.Logged, error)
	Entity(ctx context.Context, id string, after int64, most int) (page []registry.Logged, more bool, err error)
	Sandbox(ctx context.Context, id string, after int64, most int) (page []registry.Logged, more bool, err error)
	Entities(after string) iter.Seq2[string, error]
	Sandboxes(after string) iter.Seq2[string, error]
	// Edition is what a batch of checks, and whatever else has several parts, is
	// answered from.
	Edition(ctx context.Context) (*registry.Edition, error)
	Published() (*registry.Edition, error)
	Leaves(from int64) iter.Seq2[[]byte, error]
	Changes(ctx context.Context, since int64, most int) (changes []registry.Change, next, size int64, err error)
	Await(ctx context.Context, size int64) error
	Present(p []byte, want presentation.Expected, req *policy.Request, at policy.Times) (*presentation.Opened, *policy.Decision, error)
	Foresee(ctx context.Context, next *attest.Root, requests []*policy.Request, now time.Time) (*registry.Foresight, error)
	Root() *attest.TrustRoot
	Checkpoint() []byte
	CheckpointAt(size int64) ([]byte, error)
	// Size is up to where tiles are served.
	Size() int64
	tlogtiles.Log
	Healthy() error
}

// A Writer is a Reader that takes statements, a *[registry.Registry]. Where it
// also has a method
//
//	WaitQuorum(ctx context.Context, size int64) error
//
// that returns once a checkpoint of that size or a larger one has a quorum of
// cosignatures and is published, whoever submits may wait for that.
type Writer interface {
	Reader
	Submit(ctx context.Context, statement []byte) (registry.Receipt, error)
}

type quorumWaiter interface {
	WaitQuorum(ctx context.Context, size int64) error
}

// Options may be left zero.
type Options struct {
	// Now is the clock that known_at and checked_at come from where a request
	// does not give them; nil is time.Now.
	Now func() time.Time
	// Logger is told every request, by its route and never by what it asks for,
	// and every fault, which may name the place in the log where it is; nil for
	// nowhere.
	Logger *slog.Logger
	// QuorumTimeout bounds how long wait=quorum waits; zero is 30 seconds.
	QuorumTimeout time.Duration
	// Limits bound how much each client may ask; zero bounds nothing.
	Limits Limits
	// Proxies are those that are believed whom they ask for; zero for none.
	Proxies Proxies
	// Metrics count what is asked, and are served at /metrics; nil for none. One
	// handler may have them.
	Metrics *Metrics
	// Apart says that /readyz and /metrics are served elsewhere, see
	// [NewMonitor].
	Apart bool
	// Healthy is asked by /healthz and /readyz before the reader is, as what a
	// mirror has to say of the register that it follows; its error is shown. Nil
	// says that all is well.
	Healthy func() error
	// Ready is asked by /readyz beside that: whether to send requests here.
	Ready func() error
	// Beside are further paths, such as a mirror's /add-checkpoint, that are
	// answered by others, and limited, logged and counted as those of the API are.
	Beside map[string]Beside
	// Finder searches reg; nil stands for one of the handler's own, which begins to
	// read the log at the first search.
	Finder *finder.Finder
	// Batches is how many batches are checked at once, Streams how many streams
	// of changes there are; zero is 8 and 256. A client has at most a quarter of the
	// batches and a sixteenth of the streams, and always one.
	Batches, Streams int
	// StreamTimeout bounds how long a client may take to read the next part of
	// what is streamed to it, or to send the next part of a batch; zero is 30
	// seconds.
	StreamTimeout time.Duration
	// Heartbeat is how often a stream of changes shows that it is alive; zero is
	// 15 seconds.
	Heartbeat time.Duration
}

// handler has what the routes share.
type handler struct {
	reg     Reader
	options Options
	now     func() time.Time
	logger  *slog.Logger
	clients *clients
	limiter *limiter
	// patience is how long to wait for a quorum, streamPatience for a client.
	patience, streamPatience   time.Duration
	heartbeat                  time.Duration
	batches, streams, openings *places
	finder                     *finder.Finder
	// nonces are those of challenges.
	nonces presentation.Nonces
}

func newHandler(reg Reader, o Options) *handler {
	h := &handler{
		reg: reg, options: o, now: o.Now, logger: o.Logger, clients: newClients(o.Proxies),
		patience:       cmp.Or(o.QuorumTimeout, 30*time.Second),
		streamPatience: cmp.Or(o.StreamTimeout, 30*time.Second),
		heartbeat:      cmp.Or(o.Heartbeat, 15*time.Second),
		batches:        newPlaces("batches being checked", cmp.Or(o.Batches, 8), batchShare),
		streams:        newPlaces("streams of changes", cmp.Or(o.Streams, 256), streamShare),
		openings:       newPlaces("presentations and disclosures being opened", 8, openingShare),
	}
	if h.finder = o.Finder; h.finder == nil {
		h.finder = finder.New(reg)
	}
	if h.now == nil {
		h.now = time.Now
	}
	if h.logger == nil {
		h.logger = slog.New(slog.DiscardHandler)
	}
	h.limiter = newLimiter(o.Limits, h.now)
	return h
}

// NewHandler returns the handler of the API of a register, or of a mirror. It
// takes statements where reg is a [Writer].
func NewHandler(reg Reader, o Options) http.Handler {
	h := newHandler(reg, o)
	o.Metrics.watch(reg, h.now, h.healthy)
	routes := h.routes()
	if !o.Apart {
		routes = append(routes, h.monitored()...)
	}
	return h.handler(routes, o.Beside)
}

// NewMonitor returns a handler of /healthz, /readyz and /metrics alone, for an
// address that is not public. Its options are those of the handler that is
// watched; it limits nobody.
func NewMonitor(reg Reader, o Options) http.Handler {
	o.Limits = Limits{}
	h := newHandler(reg, o)
	return h.handler(append(h.monitored(), h.health()), nil)
}

// handler serves routes.
func (h *handler) handler(routes []route, beside map[string]Beside) http.Handler {
	// A path has one spelling; others are not redirected but not found.
	m := mux.NewRouter().SkipClean(true)
	for _, r := range routes {
		if r.other != nil {
			m.Path(r.path).MatcherFunc(oneSpelling).Handler(h.beside(r.path, Beside{Handler: r.other, Cost: r.cost}))
			continue
		}
		m.Path(r.path).MatcherFunc(oneSpelling).Handler(h.serve(r.path, &r.endpoint, r.dispatch))
	}
	for path, b := range beside {
		m.Path(path).MatcherFunc(oneSpelling).Handler(h.beside(path, b))
	}
	m.NotFoundHandler = h.serve("", &endpoint{cost: CostRead, open: true}, func(http.ResponseWriter, *http.Request) (answer, error) {
		return answer{}, &problem{kind: notFound, detail: "there is nothing at this path"}
	})
	return packed(h.begin(m))
}

// get is a route that shows what stands in the log.
func get(path string, params []string, cost int, serve func(*http.Request, []byte) (answer, error)) route {
	return route{path: path, method: http.MethodGet, endpoint: endpoint{params: params, cost: cost, open: true, tagged: true, serve: serve}}
}

// ask is a route that answers a question, which is a JSON document.
func ask(path string, params []string, cost int, serve func(*http.Request, []byte) (answer, error)) route {
	return route{path: path, method: http.MethodPost, endpoint: endpoint{accepts: "application/json", limit: policy.MaxRequest, params: params, cost: cost, open: true, serve: serve}}
}

// routes lists what is served.
func (h *handler) routes() []route {
	return []route{
		// Pages of other origins log nothing: it is not open.
		{path: "/v1/statements", method: http.MethodPost, endpoint: endpoint{accepts: "application/jose", limit: attest.MaxBytes, params: []string{"wait"}, cost: costSubmit, serve: h.submit}},
		{path: "/v1/check", method: http.MethodPost, endpoint: endpoint{accepts: "application/json", limit: maxChecked, params: []string{"evidence", "explain", "receipt"}, cost: CostDecision, open: true, serve: h.check}},
		{path: "/v1/check/batch", method: http.MethodPost, endpoint: endpoint{accepts: jsonLines, streams: true, cost: costBatch, open: true, serve: h.batch}},
		{path: "/v1/challenges", method: http.MethodPost, endpoint: endpoint{cost: CostRead, open: true, serve: h.challenge}},
		{path: "/v1/presentations", method: http.MethodPost, endpoint: endpoint{accepts: "application/json", limit: maxPresented, cost: costPresent, open: true, serve: h.present}},
		ask("/v1/evidence", []string{"compact", "root"}, CostDecision, h.evidence),
		ask("/v1/histories", nil, CostDecision, h.histories),
		get("/v1/statements/{issuer}/{jti}", nil, costOne, h.statement),
		get("/v1/entities", []string{"q", "authority", "programme", "sandbox", "country", "status", "after", "limit"}, CostPage, h.entities),
		get("/v1/entities/{id}", []string{"after"}, CostPage, h.entity),
		get("/v1/sandboxes", []string{"q", "authority", "programme", "status", "after", "limit"}, CostPage, h.sandboxes),
		get("/v1/sandboxes/{id}", []string{"after"}, CostPage, h.sandbox),
		get("/v1/history", []string{"subject", "at", "known", "after", "limit"}, CostPage, h.history),
		get("/v1/changes", []string{"since", "limit"}, CostPage, h.changes),
		get("/v1/trust-root", nil, costOne, h.trustRoot),
		ask("/v1/trust-root/foresee", nil, costForesee, h.foresee),
		get("/checkpoint", nil, CostRead, h.checkpoint),
		get("/checkpoint/{size}", nil, CostRead, h.checkpointAt),
		get("/tile/{tile:.*}", nil, CostRead, h.tile),
		get("/log.vkey", nil, CostRead, h.logVKey),
		get("/openapi.json", nil, CostRead, h.openapi),
		h.health(),
	}
}

func (h *handler) health() route {
	return route{path: "/healthz", method: http.MethodGet, endpoint: endpoint{serve: h.healthz}}
}

// monitored are the routes for whoever runs the service.
func (h *handler) monitored() []route {
	routes := []route{{path: "/readyz", method: http.MethodGet, endpoint: endpoint{serve: h.readyz}}}
	if h.options.Metrics != nil {
		routes = append(routes, route{path: "/metrics", other: h.options.Metrics.Handler(), endpoint: endpoint{cost: costFree}})
	}
	return routes
}

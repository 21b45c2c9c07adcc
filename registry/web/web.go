// Package web serves pages for people:
//
//	/                 find an entity or a sandbox
//	/partners         find a partner by what it is approved for
//	/entities/{id}    what is approved, by whom and since when, by both clocks
//	/sandboxes/{id}   terms, who has concurred, whose turn it is, participants
//	/check            may an act go ahead, and the evidence for the answer
//	/verify           verify a file, in the browser
//	/log              growth, the latest checkpoint, recent statements
//	/statements/…     a statement, with its way to that checkpoint
//	/authorities/…    who may sign what, and what waits for whom
//	/compose          the draft of an approval, and what it would change
//	/api              the HTTP API, with lines of curl that work
//
// A service has them beside its API:
//
//	options.Beside = web.New(reg, web.Options{Finder: find}).Paths()
//	handler := httpapi.NewHandler(reg, options)
//
// They are HTML that the service itself makes, from the templates, the words and
// the one stylesheet that are in the binary. They work without any script; those in
// asset add what a page alone cannot: the local time of a time, sliders for the
// clocks, the verifier. Nothing comes from elsewhere, and nothing is kept: no
// cookie, no session, no state. What is asked by a form that takes more than names
// goes in the body of a POST, so that no address has it.
//
// # Hostile input
//
// Names are whatever an issuer has signed. All text is escaped where it stands
// (html/template); names are shown as package prose shows them, without anything
// that turns the direction or shows nothing. Every page has a policy
// ([ContentSecurityPolicy]) by which a browser would run no script that had got in
// all the same, and no script at all could send anything. What is sent is bounded,
// and each client may ask as much as of the API ([httpapi.Limits]).
//
// # Files
//
// A file that somebody verifies (/verify) stays in the browser: package verifier
// runs there, in WebAssembly, which make builds into this package; a build without
// it says so on the page. It runs in a worker whose own policy lets it request
// nothing, whatever is in the file. What it finds is only as good as the trust file:
// that of the register itself is the register's word, and the page says by whose a
// result was reached. The page of a check verifies the register's own answer in the
// same way.
//
// # Words
//
// The words of the pages are in one catalogue, words/en.json, so that other
// languages can follow. What statements say (package prose), what a decision says
// (package policy) and what is wrong with a request are the English of those
// packages.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/finder"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/verify"
)

// ContentSecurityPolicy is what every page says: nothing but the service's own
// stylesheet, icon, scripts and forms, no script within the page, no request by
// one, and in nobody's frame.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// A Reader is what the pages show, a *[registry.Reader]. Its methods are called
// concurrently.
type Reader interface {
	finder.Register
	Origin() string
	Root() *attest.TrustRoot
	OwnTrust() *verify.Trust
	Explain(ctx context.Context, req *policy.Request, at policy.Times, ds ...attest.Disclosure) (*policy.Decision, []byte, error)
	DecideSigned(ctx context.Context, req *policy.Request, at policy.Times, explain bool, ds ...attest.Disclosure) (*registry.Signed, error)
	DecisionKey() (kid string, listed bool)
}

var _ Reader = (*registry.Reader)(nil)

// Options may be left zero.
type Options struct {
	// Now is the clock that the times of a page come from where none are asked
	// for; nil is time.Now.
	Now func() time.Time
	// Logger is told every fault, by its route and never by what was asked; nil for
	// nowhere.
	Logger *slog.Logger
	// Finder searches the register; nil stands for one of the pages' own.
	Finder *finder.Finder
}

// Pages are the pages of one register or mirror. They are made by [New], and
// safe for concurrent use.
type Pages struct {
	reg    Reader
	now    func() time.Time
	logger *slog.Logger
	finder *finder.Finder
	growth growthCache
	// openings are the places of questions with disclosures.
	openings chan struct{}
}

// New returns the pages of a register, or of a mirror.
func New(reg Reader, o Options) *Pages {
	p := &Pages{reg: reg, now: o.Now, logger: o.Logger, finder: o.Finder, openings: make(chan struct{}, maxOpenings)}
	if p.now == nil {
		p.now = time.Now
	}
	if p.logger == nil {
		p.logger = slog.New(slog.DiscardHandler)
	}
	if p.finder == nil {
		p.finder = finder.New(reg)
	}
	return p
}

// Paths are the paths of the pages and who answers there, for
// [httpapi.Options].Beside. The caller may add to the map.
func (p *Pages) Paths() map[string]httpapi.Beside {
	paths := make(map[string]httpapi.Beside)
	form := func(path string, cost, post int, show func(*exchange) (*page, error)) {
		paths[path] = httpapi.Beside{Handler: p.serve(path, show), Cost: cost, PostCost: post, TooOften: p.serve(path, tooOften)}
	}
	page := func(path string, cost int, show func(*exchange) (*page, error)) { form(path, cost, cost, show) }
	page("/", httpapi.CostPage, p.find)
	page("/partners", httpapi.CostPage, p.partners)
	page("/entities/{id}", httpapi.CostPage, p.entity)
	page("/sandboxes/{id}", httpapi.CostPage, p.sandbox)
	page("/check", httpapi.CostDecision, p.check)
	page("/verify", httpapi.CostRead, p.verify)
	page("/log", httpapi.CostPage, p.log)
	page("/statements/{issuer}/{jti}", httpapi.CostPage, p.statement)
	page("/api", httpapi.CostPage, p.api)
	page("/authorities", httpapi.CostDecision, p.authorities)
	page("/authorities/{id}", httpapi.CostDecision, p.authority)
	// To read a draft that is made to be slow takes as long as to foresee.
	form("/compose", httpapi.CostDecision, 5*httpapi.CostDecision, p.compose)
	for _, a := range assets {
		paths[a.path] = httpapi.Beside{Handler: a, Cost: httpapi.CostRead}
	}
	return paths
}

// allowed reports whether what is shown takes the request's method, and else which
// ones: those of a form where post is true.
func allowed(r *http.Request, post bool) (methods string, ok bool) {
	methods = "GET, HEAD"
	if post {
		methods += ", POST"
	}
	return methods, r.Method == http.MethodGet || r.Method == http.MethodHead || post && r.Method == http.MethodPost
}

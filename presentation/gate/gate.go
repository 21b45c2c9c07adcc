// Package gate lets HTTP requests through only from whoever shows, by a presentation
// made for this very service, that it is approved for what it asks.
//
//	g, err := gate.New(gate.Config{
//		Trust:    trust,
//		Audience: "https://dataroom.example.com",
//		Request:  gate.Within("SBX-UCOMMS", policy.Request{Act: "technology_release", Mode: "intangible", Transferor: us}),
//	})
//	http.Handle("/", g.Handler(files))
//
// Who comes without one gets 401 and a challenge: audience and nonce, in the header
// WWW-Authenticate (scheme Safeconduct) and in the problem document. It comes again
// with Authorization: Safeconduct and the presentation, as [Credentials] writes it.
// Each nonce is good for one request. What does not stand, is for somebody else or is
// not permitted is answered by name, and never let through: so is every error.
//
// Problems are of the kinds that a register answers with, and name the step where a
// presentation was refused in a member step:
//
//	401 not-shown      nothing was shown, or it does not stand; with a challenge
//	403 undecided      it could not be decided whether it is permitted
//	403 not-permitted  the rules do not permit it; with decision and codes
//	503 overloaded     too many presentations are being opened; with Retry-After
//	503 unavailable    the gate is none that [New] has made
package gate

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/internal/refusal"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// A Config says whom a gate lets through. Trust, Audience and Request must be given.
type Config struct {
	// Trust is what presentations are checked by.
	Trust *verify.Trust
	// Audience names this service; holders bind their presentations to it.
	Audience string
	// Request says what is asked for in an HTTP request, by whom: holder is the id of
	// the entity that has shown itself. An error lets nobody through.
	Request func(r *http.Request, holder string, now time.Time) (*policy.Request, error)
	// Screening are the lists that parties are screened against.
	Screening []*screening.List
	// MaxAge is how long a challenge may be answered, and how long ago a presentation
	// may have been made; zero is [presentation.DefaultAge].
	MaxAge time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// A Gate lets requests through. It may be used concurrently. The zero Gate lets
// nobody through.
type Gate struct {
	c      Config
	nonces presentation.Nonces
	// openings has what is being opened.
	openings chan struct{}
}

// The bounds of what is opened at once. Opening costs a millisecond or two of a
// processor, the largest a second and some megabytes, and whoever sends one need
// not have signed it.
const (
	maxOpenings = 8
	// patience is how long a request waits for a place, if its context lets it.
	patience = 5 * time.Second
	// retryAfter, in seconds, is when to come back that had none.
	retryAfter = "5"
)

// New returns a gate, an error where nobody could say whom it lets through.
func New(c Config) (*Gate, error) {
	if c.Trust == nil || c.Audience == "" || c.Request == nil {
		return nil, errors.New("gate: a trust, an audience, and what is asked for are needed")
	}
	if strings.ContainsAny(c.Audience, "\"\\\r\n") {
		return nil, fmt.Errorf("gate: the audience %q has a character that no header has in quotes", c.Audience)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Gate{c: c, nonces: presentation.Nonces{Life: c.MaxAge}, openings: make(chan struct{}, maxOpenings)}, nil
}

// Within asks whether the holder may have what the request template says, as its
// transferee and now, within a sandbox.
func Within(sandbox string, template policy.Request) func(*http.Request, string, time.Time) (*policy.Request, error) {
	return func(_ *http.Request, holder string, now time.Time) (*policy.Request, error) {
		r := template
		r.Sandbox, r.Transferee, r.EffectiveAt = sandbox, holder, policy.InstantOf(now)
		return &r, nil
	}
}

// scheme is that of the Authorization header.
const scheme = "Safeconduct"

// Credentials writes a presentation as the value of an Authorization header: packed
// with gzip, in base64url. Evidence of a joint sandbox comes to some twelve
// kilobytes.
func Credentials(p []byte) (string, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(p); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return scheme + " " + base64.RawURLEncoding.EncodeToString(b.Bytes()), nil
}

var challenge = regexp.MustCompile(`^Safeconduct aud="([^"\\\\]*)", nonce="([^"\\\\]*)"$`)

// Challenge returns the nonce that a gate's answer, 401, gives the holder to show
// itself by. An audience other than the one that the holder means to show itself to
// is an error: a presentation made for it would be another's to use.
func Challenge(resp *http.Response, audience string) (nonce string, err error) {
	m := challenge.FindStringSubmatch(resp.Header.Get("WWW-Authenticate"))
	if resp.StatusCode != http.StatusUnauthorized || m == nil {
		return "", fmt.Errorf("answer a challenge: the answer %d has none", resp.StatusCode)
	}
	if m[1] != audience {
		return "", fmt.Errorf("answer a challenge: it is for the audience %q, not for %q", m[1], audience)
	}
	return m[2], nil
}

// maxHeader bounds credentials; net/http allows a megabyte of headers.
const maxHeader = 768 << 10

func presented(header string) ([]byte, error) {
	text, ok := strings.CutPrefix(header, scheme+" ")
	if !ok {
		return nil, fmt.Errorf("the Authorization header is not of the scheme %s", scheme)
	}
	if len(text) > maxHeader {
		return nil, fmt.Errorf("the credentials have %d bytes; at most %d are accepted", len(text), maxHeader)
	}
	packed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("the credentials are not base64url without padding")
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, errors.New("the credentials are not packed with gzip")
	}
	// A small file may unpack to a large one.
	p, err := io.ReadAll(io.LimitReader(z, presentation.MaxBytes+1))
	if err != nil {
		return nil, errors.New("the credentials are not packed with gzip to their end")
	}
	if len(p) > presentation.MaxBytes {
		return nil, fmt.Errorf("the presentation is larger than %d bytes", presentation.MaxBytes)
	}
	return p, nil
}

// Admitted is who was let through, and on what.
type Admitted struct {
	*presentation.Opened
	// Decision permits it; its obligations are the caller's to keep.
	Decision *policy.Decision
}

type key struct{}

// From returns who was let through, in a handler behind a gate.
func From(ctx context.Context) (*Admitted, bool) {
	a, ok := ctx.Value(key{}).(*Admitted)
	return a, ok
}

// Handler returns a handler that lets requests through to next.
func (g *Gate) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Authorization")
		w.Header().Set("Cache-Control", "no-store")
		if g.c.Trust == nil {
			refuse(w, document{kind: refusal.Unavailable, Status: http.StatusServiceUnavailable, Detail: "nobody is let through: the gate has no trust to open presentations by"})
			return
		}
		a, d := g.admit(r)
		if a != nil {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, a)))
			return
		}
		switch d.Status {
		case http.StatusUnauthorized:
			var until time.Time
			d.Audience = g.c.Audience
			d.Nonce, until = g.nonces.New(g.c.Now())
			d.Until = until.UTC().Format(time.RFC3339)
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`%s aud="%s", nonce="%s"`, scheme, g.c.Audience, d.Nonce))
		case http.StatusServiceUnavailable:
			w.Header().Set("Retry-After", retryAfter)
		}
		refuse(w, *d)
	})
}

// A document says why somebody was not let through (RFC 9457).
type document struct {
	kind refusal.Kind

	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Step is where the presentation was refused.
	Step string `json:"step,omitempty"`
	// Audience and Nonce are the challenge, good until then.
	Audience string `json:"audience,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
	Until    string `json:"until,omitempty"`
	// Decision and Codes are the answer to what was asked for.
	Decision policy.Result `json:"decision,omitempty"`
	Codes    []policy.Code `json:"codes,omitempty"`
}

func refuse(w http.ResponseWriter, d document) {
	d.Type, d.Title = d.kind.Type(), d.kind.Title()
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(d.Status)
	_ = json.NewEncoder(w).Encode(d) //nolint:errchkjson // of strings; who has gone away is not told
}

// The ways to refuse.
func unshown(step string, err error) *document {
	return &document{kind: refusal.NotShown, Status: http.StatusUnauthorized, Detail: err.Error(), Step: step}
}

func undecided(err error) *document {
	return &document{kind: refusal.Undecided, Status: http.StatusForbidden, Detail: err.Error(), Decision: policy.REFER}
}

// admit says who is let through, or why nobody is.
func (g *Gate) admit(r *http.Request) (*Admitted, *document) {
	header := r.Header.Values("Authorization")
	if len(header) == 0 {
		return nil, unshown("", errors.New("show that you are approved: make a presentation for this audience and nonce (safeconduct prove)"))
	}
	if len(header) > 1 {
		return nil, unshown(presentation.StepForm, errors.New("there are several Authorization headers"))
	}
	if !g.enter(r.Context()) {
		return nil, &document{kind: refusal.Overloaded, Status: http.StatusServiceUnavailable, Detail: fmt.Sprintf("%d presentations are being opened already; try again later, with the same one", maxOpenings)}
	}
	o, now, refused := g.open(header[0])
	if refused != nil {
		return nil, refused
	}
	req, err := g.c.Request(r, o.Holder, now)
	if err != nil {
		return nil, undecided(err)
	}
	d, err := o.Answer(req, req.TimesNow(now), false, g.c.Screening...)
	if e, ok := errors.AsType[*presentation.Error](err); ok {
		return nil, unshown(e.Step, err)
	}
	if err != nil {
		return nil, undecided(err)
	}
	if !d.Permitted() {
		return nil, &document{kind: refusal.NotPermitted, Status: http.StatusForbidden, Detail: "the rules do not permit it; see the codes", Decision: d.Decision, Codes: d.Codes()}
	}
	return &Admitted{o, d}, nil
}

// enter waits for a place among those whose presentations are being opened, as long
// as the request and the gate's patience last.
func (g *Gate) enter(ctx context.Context) bool {
	select {
	case g.openings <- struct{}{}:
		return true
	default:
	}
	tired := time.NewTimer(patience)
	defer tired.Stop()
	select {
	case g.openings <- struct{}{}:
		return true
	case <-ctx.Done():
	case <-tired.C:
	}
	return false
}

// open opens what a header shows, takes its nonce, and gives back the place that enter
// took. It returns the time that it was opened at.
func (g *Gate) open(header string) (*presentation.Opened, time.Time, *document) {
	defer func() { <-g.openings }()
	now := g.c.Now()
	p, err := presented(header)
	if err != nil {
		return nil, now, unshown(presentation.StepForm, err)
	}
	nonce, err := presentation.Nonce(p)
	if err == nil {
		err = g.nonces.Check(nonce, now)
	}
	var o *presentation.Opened
	if err == nil {
		o, err = presentation.Open(p, g.c.Trust, presentation.Expected{Audience: g.c.Audience, Nonce: nonce, MaxAge: g.c.MaxAge}, now)
	}
	if err == nil {
		// No two requests at once are let through by one.
		err = g.nonces.Take(nonce, now)
	}
	if err == nil {
		return o, now, nil
	}
	step := presentation.StepForm
	if e, ok := errors.AsType[*presentation.Error](err); ok {
		step = e.Step
	}
	return nil, now, unshown(step, err)
}

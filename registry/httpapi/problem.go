package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/refusal"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/receipt"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// A kind of problem, and the status that it has here.
type kind struct {
	refusal.Kind
	status int
}

// The kinds of problem.
var (
	malformed       = kind{refusal.Malformed, http.StatusBadRequest}
	forbidden       = kind{refusal.Forbidden, http.StatusForbidden}
	notFound        = kind{refusal.NotFound, http.StatusNotFound}
	method          = kind{refusal.MethodNotAllowed, http.StatusMethodNotAllowed}
	conflict        = kind{refusal.Conflict, http.StatusConflict}
	tooLarge        = kind{refusal.TooLarge, http.StatusRequestEntityTooLarge}
	mediaType       = kind{refusal.MediaType, http.StatusUnsupportedMediaType}
	invalid         = kind{refusal.Invalid, http.StatusUnprocessableEntity}
	undecided       = kind{refusal.Undecided, http.StatusUnprocessableEntity}
	notShown        = kind{refusal.NotShown, http.StatusUnprocessableEntity}
	tooManyRequests = kind{refusal.TooManyRequests, http.StatusTooManyRequests}
	internal        = kind{refusal.Internal, http.StatusInternalServerError}
	unsigned        = kind{refusal.Unsigned, http.StatusNotImplemented}
	noTrust         = kind{refusal.NoTrust, http.StatusNotImplemented}
	overloaded      = kind{refusal.Overloaded, http.StatusServiceUnavailable}
	readOnly        = kind{refusal.ReadOnly, http.StatusServiceUnavailable}
	full            = kind{refusal.Full, http.StatusServiceUnavailable}
	noQuorum        = kind{refusal.NoQuorum, http.StatusServiceUnavailable}
	unavailable     = kind{refusal.Unavailable, http.StatusServiceUnavailable}
)

// refusals maps the classes of refusal to kinds.
var refusals = map[attest.Class]kind{
	attest.Malformed: malformed,
	attest.Invalid:   invalid,
	attest.Forbidden: forbidden,
	attest.TooLarge:  tooLarge,
	attest.NotFound:  notFound,
	attest.Conflict:  conflict,
}

// internalDetail is all that a caller is told of a fault.
const internalDetail = "the register has failed to answer; its operator finds the reason in its log"

// retryAfter, in seconds, is how long a queue that is full takes to be so no
// more.
const retryAfter = "5"

// A problem is an error with its answer.
type problem struct {
	kind   kind
	detail string
	// step is where evidence or a presentation was refused.
	step     string
	problems attest.Problems
	more     map[string]string
}

func (p *problem) Error() string { return p.detail }

// problemOf is the one place that decides which error gets which answer.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if r, ok := errors.AsType[*attest.Refusal](err); ok {
		k, known := refusals[r.Class]
		if !known {
			return &problem{kind: internal, detail: internalDetail}
		}
		// Problems further down point into something else, such as a header.
		members, _ := r.Err.(attest.Problems) //nolint:errorlint // see above
		return &problem{kind: k, detail: err.Error(), problems: members}
	}
	if e, ok := errors.AsType[*presentation.Error](err); ok {
		return &problem{kind: notShown, detail: e.Error(), step: e.Step}
	}
	if e, ok := errors.AsType[*verify.Error](err); ok {
		return &problem{kind: undecided, detail: e.Error(), step: e.Step}
	}
	switch {
	case errors.Is(err, verify.ErrTooLarge):
		return &problem{kind: undecided, detail: err.Error() + "; more is logged of what the request names than one evidence holds, and so it cannot be decided here"}
	case errors.Is(err, receipt.ErrTooLarge):
		return &problem{kind: undecided, detail: err.Error() + "; ask without a receipt, or without an explanation"}
	case errors.Is(err, registry.ErrNoDecisionKey):
		return &problem{kind: unsigned, detail: registry.ErrNoDecisionKey.Error() + "; ask without receipt=true, or ask who has one"}
	case errors.Is(err, receipt.ErrUnlisted):
		return &problem{kind: unsigned, detail: err.Error() + "; the root officers have to list it under decision_keys"}
	case errors.Is(err, registry.ErrNoTrust):
		return &problem{kind: noTrust, detail: registry.ErrNoTrust.Error() + "; ask for the evidence, and decide by a trust of your own (safeconduct verify)"}
	case errors.Is(err, registry.ErrNotFound):
		return &problem{kind: notFound, detail: registry.ErrNotFound.Error()}
	case errors.Is(err, registry.ErrOverloaded):
		return &problem{kind: overloaded, detail: registry.ErrOverloaded.Error(), more: map[string]string{"Retry-After": retryAfter}}
	case errors.Is(err, registry.ErrReadOnly):
		// What has failed is wrapped, and for the log only.
		return &problem{kind: readOnly, detail: registry.ErrReadOnly.Error()}
	case errors.Is(err, registry.ErrFull):
		// Where the disk is, too, is for the log only.
		return &problem{kind: full, detail: registry.ErrFull.Error()}
	case errors.Is(err, registry.ErrUnconfirmed), errors.Is(err, registry.ErrRolledBack):
		// Who has to do something is not only the asker, but all that rely on it.
		return &problem{kind: unavailable, detail: err.Error()}
	case errors.Is(err, registry.ErrNoQuorum):
		return &problem{kind: noQuorum, detail: err.Error()}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &problem{kind: unavailable, detail: "the exchange was ended before the answer"}
	}
	for _, e := range []error{registry.ErrNoRoot, registry.ErrSigner, registry.ErrDecisionSigner, registry.ErrClock, registry.ErrClosed} {
		if errors.Is(err, e) {
			return &problem{kind: unavailable, detail: e.Error()}
		}
	}
	return &problem{kind: internal, detail: internalDetail}
}

// A Refusal is what whoever asks is told of an error.
type Refusal struct {
	Status int
	// Detail says what is wrong in a sentence, of a fault only that there is one.
	Detail string
	// RetryAfter is in seconds, "" where it is not known.
	RetryAfter string
}

// RefusalOf returns what is told of an error of a [Reader], the same as the API
// tells. What has failed where the status is 500 is for the log only.
func RefusalOf(err error) Refusal {
	p := problemOf(err)
	return Refusal{p.kind.status, printable(p.detail), p.more["Retry-After"]}
}

// answer encodes the problem (RFC 9457) of a request.
func (p *problem) answer(x *exchange) answer {
	doc := struct {
		Type     string          `json:"type"`
		Title    string          `json:"title"`
		Status   int             `json:"status"`
		Detail   string          `json:"detail"`
		Step     string          `json:"step,omitzero"`
		Instance string          `json:"instance,omitzero"`
		Problems attest.Problems `json:"problems,omitzero"`
	}{p.kind.Type(), p.kind.Title(), p.kind.status, printable(p.detail), p.step, x.instance(), nil}
	for _, m := range p.problems {
		doc.Problems = append(doc.Problems, attest.Problem{Pointer: printable(m.Pointer), Message: printable(m.Message)})
	}
	b, err := json.Marshal(doc, json.Deterministic(true))
	if err != nil {
		b = []byte(`{"title":"Internal error"}`)
	}
	return answer{status: p.kind.status, contentType: "application/problem+json", body: b, more: p.more}
}

// printable makes valid UTF-8 of what a caller sent.
func printable(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func methodNotAllowed(got string, allowed []string) error {
	list := strings.Join(allowed, ", ")
	return &problem{kind: method, detail: fmt.Sprintf("%s is not for this path; want %s", got, list), more: map[string]string{"Allow": list}}
}

// unreadable is what reading a body ended with.
func unreadable(err error) error {
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &problem{kind: tooLarge, detail: fmt.Sprintf("the body is larger than the %d bytes that are accepted", e.Limit)}
	}
	return &problem{kind: malformed, detail: "the body could not be read to its end"}
}

// Unavailable answers with the problem unavailable, where there is no handler to.
func Unavailable(w http.ResponseWriter, why string) {
	(&problem{kind: unavailable, detail: why}).answer(new(exchange)).write(w)
}

package client

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/attest"
)

// An UnreachableError says that no answer came from the register, or that a stream
// broke off. Whether it has taken what was sent is not known; sending it again is
// harmless, but for a presentation ([Client.Present]).
type UnreachableError struct {
	// URL is the register's address.
	URL string
	// Err is what happened.
	Err error
}

func (e *UnreachableError) Error() string {
	err := e.Err
	// The address stands in the message already.
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return fmt.Sprintf("no answer from the register at %s: %v", e.URL, err)
}

// Unwrap returns what happened.
func (e *UnreachableError) Unwrap() error { return e.Err }

// A Problem is the register's refusal (RFC 9457).
type Problem struct {
	// Type is the kind of problem, urn:safeconduct:problem:<kind>.
	Type string `json:"type"`
	// Title names the kind in words.
	Title string `json:"title"`
	// Status is the HTTP status.
	Status int `json:"status"`
	// Detail says what was wrong this time.
	Detail string `json:"detail,omitzero"`
	// Step is where evidence or a presentation was refused: one of the Step constants
	// of packages verify and presentation.
	Step string `json:"step,omitzero"`
	// Instance names the request that was refused, for whoever runs the register:
	// its log has it.
	Instance string `json:"instance,omitzero"`
	// Problems are the members at fault.
	Problems []attest.Problem `json:"problems,omitzero"`
	// RetryAfter is how long to wait before asking again, where the register
	// says it in whole seconds, an hour at most; zero where it does not.
	RetryAfter time.Duration `json:"-"`
}

// Error says what was wrong, member by member where members are at fault. It
// has no control characters, whatever the register sent.
func (p *Problem) Error() string {
	what := "the register refused"
	if p.Status >= http.StatusInternalServerError {
		what = "the register could not answer"
	}
	why := p.Title
	switch {
	case len(p.Problems) > 0:
		why = attest.Problems(p.Problems).Error()
	case p.Detail != "":
		why = p.Detail
	}
	if p.Status == http.StatusInternalServerError && p.Instance != "" {
		why += ", under " + p.Instance
	}
	return printable(fmt.Sprintf("%s (status %d): %s", what, p.Status, why))
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

const maxProblem = 1 << 20

// readProblem turns an answer other than 200 into a *Problem, also one that
// comes from elsewhere, such as a proxy.
func readProblem(resp *http.Response) error {
	p := new(Problem)
	t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err == nil && t == "application/problem+json" {
		if body, err := readAtMost(resp.Body, maxProblem); err != nil || json.Unmarshal(body, p) != nil {
			*p = Problem{}
		}
	}
	// What the wire says stands, whatever the body says.
	p.Status = resp.StatusCode
	if n, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 32); err == nil {
		p.RetryAfter = min(time.Duration(n)*time.Second, time.Hour)
	}
	if p.Title == "" && p.Detail == "" {
		p.Type, p.Title = "about:blank", http.StatusText(resp.StatusCode)
		p.Detail = fmt.Sprintf("%s, in an answer that is not a register's", p.Title)
	}
	if to := resp.Header.Get("Location"); to != "" && resp.StatusCode/100 == 3 {
		p.Detail = fmt.Sprintf("it points to %s; ask there if that is the register", to)
	}
	return p
}

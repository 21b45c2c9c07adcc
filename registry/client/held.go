package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// Held is what to decide by, and what to decide from while the register cannot be
// reached.
type Held struct {
	// Trust is what the verifier trusts. Without it nothing is decided.
	Trust *verify.Trust
	// Screening are the verifier's own lists of restricted parties.
	Screening []*screening.List
	// Disclosures are what the holder of an approval has disclosed, which the register
	// is not told.
	Disclosures []attest.Disclosure
	// Evidence is an evidence file for the request, as an earlier [Answer] has it;
	// nil for none.
	Evidence []byte
	// Within is how long the register may take, all attempts together; zero is as
	// long as ctx and the client's timeout and [Retry] let it.
	Within time.Duration
	// Explain has the decision say how it came about.
	Explain bool
}

// An Answer is a decision and what it rests on.
type Answer struct {
	Decision *policy.Decision
	// Evidence is what was decided from, to be held for the next time.
	Evidence []byte
	// Offline is why the register was not asked, a *[UnreachableError] or a
	// *[Problem]; nil where the evidence is the register's newest.
	Offline error
	// Age is how old the knowledge is that was decided from: the time from
	// Decision.StatusEvidenceAt to Decision.CheckedAt, zero where that is later.
	// From Decision.RecheckBy on it is too old: whoever asks about now is referred.
	Age time.Duration
}

// Note says in a sentence that the answer was found offline, why, and how old
// what it rests on is; it is "" for one that was not.
func (a *Answer) Note() string {
	if a.Offline == nil {
		return ""
	}
	return fmt.Sprintf("decided offline, from held evidence that is %s old, proven until %s, to be rechecked by %s: %v",
		a.Age.Round(time.Second), stamp(a.Decision.ProvenUntil), stamp(a.Decision.RecheckBy), a.Offline)
}

func stamp(i policy.Instant) string {
	if i.IsZero() {
		return "never"
	}
	return i.Time().UTC().Format(time.RFC3339)
}

// CheckOrHeld decides a request on evidence that it fetches from the register,
// and where the register cannot be reached, or answers 429 or 5xx, on the evidence
// that is held. Both are decided here, by the same trust, lists and times, so that
// nothing is the register's word and the answers cannot disagree for another
// reason than their age; which of them it is, the answer says.
//
// What is held only stands in for a register that is silent. Where the register
// refuses the request, or sends evidence that is not good, that is the error, and
// so it is where ctx ends. Where what is held is not good, or is evidence for
// another request, the error has both reasons.
func (c *Client) CheckOrHeld(ctx context.Context, req *policy.Request, at policy.Times, held Held) (*Answer, error) {
	if held.Trust == nil {
		return nil, errors.New("check: no trust was given, so that nothing can be decided")
	}
	doc, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	evidence, err := c.evidenceWithin(ctx, doc, held.Within)
	var offline error
	if err != nil {
		if !silent(err) || ctx.Err() != nil || held.Evidence == nil {
			return nil, err
		}
		evidence, offline = held.Evidence, err
	}
	d, err := held.decide(evidence, req, at)
	if err != nil && offline != nil {
		return nil, fmt.Errorf("decide from held evidence: %w; it was used since %w", err, offline)
	}
	if err != nil {
		return nil, fmt.Errorf("decide from the register's evidence: %w", err)
	}
	age := max(d.CheckedAt.Time().Sub(d.StatusEvidenceAt.Time()), 0)
	return &Answer{Decision: d, Evidence: evidence, Offline: offline, Age: age}, nil
}

// decide decides on evidence, with what has been disclosed.
func (h *Held) decide(evidence []byte, req *policy.Request, at policy.Times) (*policy.Decision, error) {
	e, err := verify.Open(evidence, h.Trust, at.CheckedAt)
	if err != nil {
		return nil, err
	}
	if e, err = e.Disclose(h.Disclosures); err != nil {
		return nil, err
	}
	return e.Answer(req, at, h.Explain, h.Screening...)
}

// evidenceWithin is Evidence within a time.
func (c *Client) evidenceWithin(ctx context.Context, request []byte, within time.Duration) ([]byte, error) {
	if within <= 0 {
		return c.Evidence(ctx, request)
	}
	inner, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	evidence, err := c.Evidence(inner, request)
	if err != nil && ctx.Err() == nil && inner.Err() != nil {
		return nil, &UnreachableError{URL: c.base, Err: fmt.Errorf("no answer within %s", within)}
	}
	return evidence, err
}

// silent reports whether an error says that the register has not answered, rather
// than what.
func silent(err error) bool {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Status >= http.StatusInternalServerError || p.Status == http.StatusTooManyRequests
	}
	_, ok := errors.AsType[*UnreachableError](err)
	return ok
}

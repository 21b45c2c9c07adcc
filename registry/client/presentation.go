package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/policy"
)

// Challenge asks for a nonce that a holder is to answer in a presentation, once, and
// until when it is good.
func (c *Client) Challenge(ctx context.Context) (nonce string, until time.Time, err error) {
	body, err := c.do(ctx, http.MethodPost, "/v1/challenges", "", nil, maxChallenge)
	if err != nil {
		return "", time.Time{}, err
	}
	var ch struct {
		Nonce string         `json:"nonce"`
		Until policy.Instant `json:"until"`
	}
	if err := json.Unmarshal(body, &ch); err != nil {
		return "", time.Time{}, fmt.Errorf("read the challenge: %w", err)
	}
	if ch.Nonce == "" || ch.Until.IsZero() {
		return "", time.Time{}, errors.New("read the challenge: want a nonce, and until when it is good")
	}
	return ch.Nonce, ch.Until.Time(), nil
}

// maxChallenge is the largest challenge that is read, in bytes.
const maxChallenge = 64 << 10

// Shown is who has shown itself, and the decision on what it has shown.
type Shown struct {
	// Holder is the entity, by its id.
	Holder string
	// Issuer and Approval, a jti, name the approval that it has shown.
	Issuer, Approval string
	// IssuedAt is when the presentation was made, by its holder's word.
	IssuedAt time.Time
	// Decision is on the request, and on what was shown.
	Decision *policy.Decision
}

// Present has the register open a presentation that answers a challenge of its own
// ([Client.Challenge]) for an audience, which is the caller, and decide a request
// document (JSON) on it. That it stands is the register's word: whoever has a trust
// file opens it itself (package presentation). A *[Problem] of the type
// urn:safeconduct:problem:not-shown has the step that refused it.
//
// It is asked once, whatever the client's [Retry]: the nonce may be gone. Where no
// answer has come, the holder has to answer another challenge.
func (c *Client) Present(ctx context.Context, audience, nonce string, presentation, request []byte) (*Shown, error) {
	// Nothing of a presentation may change on its way, not even white space.
	var ask bytes.Buffer
	for _, m := range []struct {
		name  string
		value jsontext.Value
	}{{"presentation", presentation}, {"request", request}} {
		if !m.value.IsValid() {
			return nil, fmt.Errorf("present: the %s is not a JSON document", m.name)
		}
		fmt.Fprintf(&ask, `%q:%s,`, m.name, m.value)
	}
	to, err := json.Marshal(struct {
		Audience string `json:"audience"`
		Nonce    string `json:"nonce"`
	}{audience, nonce})
	if err != nil {
		return nil, fmt.Errorf("present: %w", err)
	}
	body, err := c.once(ctx, http.MethodPost, "/v1/presentations", requestType, append([]byte("{"+ask.String()), to[1:]...), maxDecision)
	if err != nil {
		return nil, err
	}
	var s struct {
		Holder   string         `json:"holder"`
		Issuer   string         `json:"issuer"`
		Approval string         `json:"approval"`
		IssuedAt policy.Instant `json:"issued_at"`
		Decision jsontext.Value `json:"decision"`
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return nil, fmt.Errorf("read who has shown itself: %w", err)
	}
	if _, err := identifier.Parse(s.Holder); err != nil {
		return nil, fmt.Errorf("read who has shown itself: the holder: %w", err)
	}
	if s.Issuer == "" || s.Approval == "" || s.IssuedAt.IsZero() {
		return nil, errors.New("read who has shown itself: want the approval, and when it was shown")
	}
	d, err := readDecision(s.Decision)
	if err != nil {
		return nil, err
	}
	return &Shown{s.Holder, s.Issuer, s.Approval, s.IssuedAt.Time(), d}, nil
}

// Package client asks a register over HTTP: it submits statements, has
// requests decided, and fetches evidence and checkpoints.
//
//	c, err := client.New("https://register.example.org", nil)
//	receipt, err := c.Submit(ctx, statement)
//	decision, evidence, err := c.Check(ctx, request, true)
//
// A decision that comes this way is the register's word. Whoever does not want
// to take it verifies the evidence with package verify.
//
// What the register refuses comes back as a *[Problem], a register that was
// not reached as an *[UnreachableError]; any other error means that the answer
// made no sense, or that the context ended.
//
// A client asks once. [Client.Retrying] makes one that asks again what may pass,
// and [Client.CheckOrHeld] decides by the caller's own trust, from held evidence
// while the register cannot be reached, and says so:
//
//	c = c.Retrying(client.Retry{Attempts: 4})
//	answer, err := c.CheckOrHeld(ctx, request, request.TimesNow(now), client.Held{Trust: trust, Evidence: held})
//
// What is logged is listed, searched and followed by iterators ([Client.FindEntities],
// [Client.Follow]), and a holder's presentation is opened for whoever has no trust file
// ([Client.Challenge], [Client.Present]).
//
// The names and certificates of TLS are the [http.Client]'s.
package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/receipt"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// The media types of the API.
const (
	statementType = "application/jose"
	requestType   = "application/json"
	linesType     = "application/jsonl"
)

// The largest answers that are read, in bytes.
const (
	maxReceipt  = 1 << 20
	maxDecision = 8 << 20
)

// Timeout bounds one exchange of a client whose [http.Client] has no timeout
// of its own.
const Timeout = 30 * time.Second

// A Client asks one register. It may be used concurrently.
type Client struct {
	base  string
	http  *http.Client
	retry Retry
}

// New returns a client of the register at baseURL, http or https, with a path
// where the register does not stand at the root. A nil hc stands for a plain
// one. hc is copied: redirects are not followed, and where it has no timeout
// it gets [Timeout].
func New(baseURL string, hc *http.Client) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil {
		return nil, fmt.Errorf("register's address: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("register's address %q: want a URL such as http://127.0.0.1:8080", baseURL)
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, fmt.Errorf("register's address %q: want no user, query or fragment in it", u.Redacted())
	}
	c := &Client{base: strings.TrimRight(u.String(), "/"), http: new(http.Client)}
	if hc != nil {
		*c.http = *hc
	}
	if c.http.Timeout == 0 {
		c.http.Timeout = Timeout
	}
	// What a company asks about is not to be carried to wherever an answer
	// points.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// Submit has a statement logged and returns its receipt, that of the first
// submission where it is logged already. The receipt has been checked by
// [Receipt.Check]; that it is of these very bytes, [Receipt.Of] tells.
func (c *Client) Submit(ctx context.Context, statement []byte) (*Receipt, error) {
	return c.submit(ctx, "/v1/statements", statement)
}

// SubmitPublished is like [Client.Submit], but waits until a published
// checkpoint covers the statement: one with the quorum of the register's
// cosigners, which the receipt then has. A *[Problem] with the status 503 may
// come of a statement that is logged and not published yet; submitting it again
// goes on waiting. A register waits up to 30 seconds, so that the client's
// timeout has to be longer.
func (c *Client) SubmitPublished(ctx context.Context, statement []byte) (*Receipt, error) {
	return c.submit(ctx, "/v1/statements?wait=quorum", statement)
}

func (c *Client) submit(ctx context.Context, path string, statement []byte) (*Receipt, error) {
	body, err := c.post(ctx, path, statementType, statement, maxReceipt)
	if err != nil {
		return nil, err
	}
	r := new(Receipt)
	if err := json.Unmarshal(body, r); err != nil {
		return nil, fmt.Errorf("read the receipt: %w", err)
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	return r, nil
}

// Check has a request document (JSON) decided. The evidence that the decision
// rests on comes with it where it is asked for, and is nil otherwise. Disclosures are
// confidential members to decide by: the register gets to see them.
func (c *Client) Check(ctx context.Context, request []byte, withEvidence bool, ds ...attest.Disclosure) (*policy.Decision, []byte, error) {
	return c.check(ctx, request, ds, withEvidence, false)
}

// Explain is like [Client.Check], with an explanation in the decision.
func (c *Client) Explain(ctx context.Context, request []byte, withEvidence bool, ds ...attest.Disclosure) (*policy.Decision, []byte, error) {
	return c.check(ctx, request, ds, withEvidence, true)
}

// checked is the body of a check.
func checked(request []byte, ds []attest.Disclosure) ([]byte, error) {
	if len(ds) == 0 {
		return request, nil
	}
	ask := struct {
		Disclosures []string       `json:"disclosures"`
		Request     jsontext.Value `json:"request"`
	}{Request: request}
	for _, d := range ds {
		ask.Disclosures = append(ask.Disclosures, d.String())
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	return body, nil
}

// CheckSigned is like [Client.Check] or, where explain asks for that,
// [Client.Explain], and has the decision signed: what is filed for years is the
// receipt, with the request, the evidence and the disclosures. The receipt has been
// compared with the decision and with the disclosures; whether its key may sign,
// package receipt verifies.
func (c *Client) CheckSigned(ctx context.Context, request []byte, explain bool, ds ...attest.Disclosure) (*registry.Signed, error) {
	ask, err := checked(request, ds)
	if err != nil {
		return nil, err
	}
	body, err := c.post(ctx, fmt.Sprintf("/v1/check?evidence=true&explain=%t&receipt=true", explain), requestType, ask, maxDecision+2*verify.MaxEvidence+receipt.MaxBytes)
	if err != nil {
		return nil, err
	}
	var all struct {
		Decision jsontext.Value `json:"decision"`
		Evidence string         `json:"evidence"`
		Receipt  string         `json:"receipt"`
	}
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, fmt.Errorf("read the decision: %w", err)
	}
	d, err := readDecision(all.Decision)
	if err != nil {
		return nil, err
	}
	if all.Evidence == "" {
		return nil, errNoEvidence
	}
	u, err := receipt.Parse([]byte(all.Receipt))
	if err != nil {
		return nil, err
	}
	if same, err := d.Same(u.ReceiptUnsafe().Decision); err != nil || !same {
		return nil, errors.Join(errors.New("read the decision: the receipt that came with it is of another one"), err)
	}
	if !u.ReceiptUnsafe().GoesBy(ds) {
		return nil, errors.New("read the decision: the receipt that came with it goes by other disclosures")
	}
	return &registry.Signed{Decision: d, Evidence: []byte(all.Evidence), Receipt: []byte(all.Receipt)}, nil
}

var errNoEvidence = errors.New("read the decision: the register sent no evidence with it")

func (c *Client) check(ctx context.Context, request []byte, ds []attest.Disclosure, withEvidence, explain bool) (*policy.Decision, []byte, error) {
	ask, err := checked(request, ds)
	if err != nil {
		return nil, nil, err
	}
	path := fmt.Sprintf("/v1/check?evidence=%t&explain=%t", withEvidence, explain)
	if !withEvidence {
		body, err := c.post(ctx, path, requestType, ask, maxDecision)
		if err != nil {
			return nil, nil, err
		}
		d, err := readDecision(body)
		return d, nil, err
	}
	// The evidence is text in JSON: some of its characters are two there.
	body, err := c.post(ctx, path, requestType, ask, maxDecision+2*verify.MaxEvidence)
	if err != nil {
		return nil, nil, err
	}
	var both struct {
		Decision jsontext.Value `json:"decision"`
		Evidence string         `json:"evidence"`
	}
	if err := json.Unmarshal(body, &both); err != nil {
		return nil, nil, fmt.Errorf("read the decision: %w", err)
	}
	d, err := readDecision(both.Decision)
	if err != nil {
		return nil, nil, err
	}
	if both.Evidence == "" {
		return nil, nil, errNoEvidence
	}
	return d, []byte(both.Evidence), nil
}

func readDecision(body []byte) (*policy.Decision, error) {
	d := new(policy.Decision)
	if err := json.Unmarshal(body, d); err != nil {
		return nil, fmt.Errorf("read the decision: %w", err)
	}
	switch d.Decision {
	case policy.PERMIT, policy.REFER, policy.DENY:
		return d, nil
	default:
		return nil, fmt.Errorf("read the decision: %q is none", d.Decision)
	}
}

// Evidence fetches the evidence for a request document (JSON).
func (c *Client) Evidence(ctx context.Context, request []byte) ([]byte, error) {
	return c.post(ctx, "/v1/evidence", requestType, request, verify.MaxEvidence)
}

// Foresee asks what a next version of the trust root, by its claims, would void,
// and which decisions on request documents (JSON) it would change. It is the
// register's word.
func (c *Client) Foresee(ctx context.Context, root []byte, requests ...[]byte) (*registry.Foresight, error) {
	ask := struct {
		Root     jsontext.Value   `json:"root"`
		Requests []jsontext.Value `json:"requests,omitzero"`
	}{Root: root}
	for _, r := range requests {
		ask.Requests = append(ask.Requests, r)
	}
	doc, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	body, err := c.post(ctx, "/v1/trust-root/foresee", requestType, doc, maxForesight)
	if err != nil {
		return nil, err
	}
	f := new(registry.Foresight)
	if err := json.Unmarshal(body, f); err != nil {
		return nil, fmt.Errorf("read what would change: %w", err)
	}
	for _, d := range f.Changed {
		if d.Request < 0 || d.Request >= len(requests) {
			return nil, fmt.Errorf("read what would change: the register tells of request %d; it was asked about %d", d.Request, len(requests))
		}
	}
	return f, nil
}

// maxForesight bounds the answer to Foresee.
const maxForesight = 64 << 20

// EvidenceOf fetches the evidence of the histories of subjects, and of root.
func (c *Client) EvidenceOf(ctx context.Context, subjects []string) ([]byte, error) {
	body, err := json.Marshal(struct {
		Subjects []string `json:"subjects"`
	}{append([]string{}, subjects...)})
	if err != nil {
		return nil, fmt.Errorf("ask for histories: %w", err)
	}
	return c.post(ctx, "/v1/histories", requestType, body, verify.MaxEvidence)
}

// SubjectOf asks in whose history a statement stands that an issuer made under a
// jti. It is the register's word: whether it stands there, the evidence of that
// history tells. A *[Problem] with the status 404 says that there is none.
func (c *Client) SubjectOf(ctx context.Context, iss, jti string) (string, error) {
	body, err := c.do(ctx, http.MethodGet, "/v1/statements/"+url.PathEscape(iss)+"/"+url.PathEscape(jti), "", nil, maxReceipt)
	if err != nil {
		return "", err
	}
	var s struct {
		Claims struct {
			Sub string `json:"sub"`
		} `json:"claims"`
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return "", fmt.Errorf("read the statement: %w", err)
	}
	if err := attest.CheckSubject(s.Claims.Sub); err != nil {
		return "", fmt.Errorf("read the statement: its sub: %w", err)
	}
	return s.Claims.Sub, nil
}

// Checkpoint fetches the newest checkpoint, a signed note.
func (c *Client) Checkpoint(ctx context.Context) ([]byte, error) {
	return c.do(ctx, http.MethodGet, "/checkpoint", "", nil, verify.MaxCheckpoint)
}

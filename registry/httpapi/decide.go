package httpapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/strictjson"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// maxChecked bounds what is checked: a request, with disclosures beside it.
const maxChecked = policy.MaxRequest + attest.MaxDisclosureBytes + 4<<10

// check serves POST /v1/check. With explain=true, the decision says how it came
// about; with receipt=true, it comes signed, too. What is disclosed beside the request
// is decided by and forgotten: neither answer nor log repeats it.
func (h *handler) check(r *http.Request, body []byte) (answer, error) {
	var with struct{ evidence, explain, receipt bool }
	for name, v := range map[string]*bool{"evidence": &with.evidence, "explain": &with.explain, "receipt": &with.receipt} {
		var err error
		if *v, err = flag(r, name); err != nil {
			return answer{}, err
		}
	}
	req, ds, err := parseChecked(body)
	if err != nil {
		return answer{}, err
	}
	if len(ds) > 0 {
		// What is disclosed has the histories read anew.
		leave, err := h.openings.take(exchangeOf(r.Context()).client)
		if err != nil {
			return answer{}, err
		}
		defer leave()
	}
	s, err := h.decide(r.Context(), req, ds, with.explain, with.receipt)
	if err != nil {
		return answer{}, undecidable(req, err)
	}
	if !with.evidence && !with.receipt {
		return decisionAnswer(s.Decision)
	}
	decision, err := s.Decision.Marshal()
	if err != nil {
		return answer{}, err
	}
	doc := struct {
		Decision jsontext.Value `json:"decision"`
		Evidence string         `json:"evidence,omitzero"`
		Receipt  string         `json:"receipt,omitzero"`
	}{Decision: decision, Receipt: string(s.Receipt)}
	if with.evidence {
		doc.Evidence = string(s.Evidence)
	}
	return jsonAnswer(doc)
}

// decide has a request decided, and the decision signed where that is asked for.
func (h *handler) decide(ctx context.Context, req *policy.Request, ds []attest.Disclosure, explain, sign bool) (*registry.Signed, error) {
	at := req.Times(h.now())
	if sign {
		return h.reg.DecideSigned(ctx, req, at, explain, ds...)
	}
	decide := h.reg.Decide
	if explain {
		decide = h.reg.Explain
	}
	d, evidence, err := decide(ctx, req, at, ds...)
	return &registry.Signed{Decision: d, Evidence: evidence}, err
}

// evidence serves POST /v1/evidence. With compact=true, what the decision does
// not rest on is shown as stubs, and no statement has an inclusion proof: for a
// verifier who relies on a mirror and pins the version of the trust root that
// root names.
func (h *handler) evidence(r *http.Request, body []byte) (answer, error) {
	compact, err := flag(r, "compact")
	if err != nil {
		return answer{}, err
	}
	pinned, err := pinnedVersion(r, compact)
	if err != nil {
		return answer{}, err
	}
	req, err := parseRequest(body)
	if err != nil {
		return answer{}, err
	}
	var evidence []byte
	if compact {
		evidence, err = h.reg.CompactEvidence(r.Context(), req, req.Times(h.now()), pinned)
	} else {
		evidence, err = h.reg.Evidence(r.Context(), req)
	}
	if err != nil {
		return answer{}, err
	}
	return answer{contentType: verify.MediaType, body: evidence}, nil
}

// histories serves POST /v1/histories.
func (h *handler) histories(r *http.Request, body []byte) (answer, error) {
	var of struct {
		Subjects []string `json:"subjects"`
	}
	if err := strictjson.Unmarshal(body, &of, strictjson.Form{MaxBytes: policy.MaxRequest}); err != nil {
		return answer{}, mistaken(body, err)
	}
	evidence, err := h.reg.EvidenceOf(r.Context(), of.Subjects)
	if errors.Is(err, verify.ErrTooLarge) {
		return answer{}, &problem{kind: undecided, detail: err.Error() + "; ask for fewer subjects at once, or read the log's tiles"}
	}
	if err != nil {
		return answer{}, err
	}
	return answer{contentType: verify.MediaType, body: evidence}, nil
}

// flag reads a parameter that is true or false; absent says false.
func flag(r *http.Request, name string) (bool, error) {
	switch v := r.URL.Query(); {
	case v.Get(name) == "true":
		return true, nil
	case v.Get(name) == "false" || !v.Has(name):
		return false, nil
	default:
		return false, malformedQuery("has the parameter %s=%q; want true or false", name, v.Get(name))
	}
}

// pinnedVersion reads the parameter root; absent says 1, which leaves no trust
// root out.
func pinnedVersion(r *http.Request, compact bool) (int64, error) {
	v := r.URL.Query()
	if !v.Has("root") {
		return 1, nil
	}
	n, err := strconv.ParseInt(v.Get("root"), 10, 64)
	if err != nil || n < 1 || !compact {
		return 0, malformedQuery("has the parameter root=%q; want the version of the trust root that is pinned, beside compact=true", v.Get("root"))
	}
	return n, nil
}

// parseChecked reads a request, or {disclosures, request}.
func parseChecked(body []byte) (*policy.Request, []attest.Disclosure, error) {
	if !hasMember(body, "disclosures") {
		if len(body) > policy.MaxRequest {
			return nil, nil, unreadable(&http.MaxBytesError{Limit: policy.MaxRequest})
		}
		req, err := parseRequest(body)
		return req, nil, err
	}
	var ask struct {
		Disclosures []string       `json:"disclosures"`
		Request     jsontext.Value `json:"request"`
	}
	if err := strictjson.Unmarshal(body, &ask, strictjson.Form{MaxBytes: maxChecked, Nulls: true, Lines: true}); err != nil {
		return nil, nil, mistaken(body, err)
	}
	var p attest.Problems
	if len(ask.Disclosures) == 0 {
		p.Add("/disclosures", "is empty; leave it out where nothing is disclosed, and give the request alone")
	}
	if len(ask.Request) == 0 {
		p.Add("/request", "is missing")
	}
	if len(ask.Request) > policy.MaxRequest {
		return nil, nil, unreadable(&http.MaxBytesError{Limit: policy.MaxRequest})
	}
	ds, err := attest.ParseDisclosures(ask.Disclosures)
	if err != nil {
		p.Add("/disclosures", "%v", err)
	}
	if len(p) > 0 {
		return nil, nil, attest.Refuse(attest.Invalid, p)
	}
	req, err := parseRequest(ask.Request)
	return req, ds, err
}

// hasMember reports whether a JSON object has a member that is spelt so.
func hasMember(body []byte, name string) bool {
	if !bytes.Contains(body, []byte(`"`+name+`"`)) {
		return false
	}
	dec := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true))
	if t, err := dec.ReadToken(); err != nil || t.Kind() != '{' {
		return false
	}
	for dec.PeekKind() == '"' {
		t, err := dec.ReadToken()
		if err != nil {
			return false
		}
		if t.String() == name {
			return true
		}
		if dec.SkipValue() != nil {
			return false
		}
	}
	return false
}

func parseRequest(body []byte) (*policy.Request, error) {
	req, err := policy.ParseRequest(body)
	if err != nil {
		return nil, mistaken(body, err)
	}
	return req, nil
}

// mistaken tells what is no JSON from what has mistakes.
func mistaken(body []byte, err error) error {
	if !jsontext.Value(body).IsValid() {
		return attest.Refuse(attest.Malformed, err)
	}
	return attest.Refuse(attest.Invalid, err)
}

// undecidable says which member may be at fault where the register's own
// evidence is not enough for it: cosignatures later than checked_at do not
// count. Where the request leaves checked_at out, the register is at fault.
func undecidable(req *policy.Request, err error) error {
	e, ok := errors.AsType[*verify.Error](err)
	if !ok {
		return err
	}
	if !req.CheckedAt.IsZero() {
		p := attest.Problems{}
		p.Add("/checked_at", "the register cannot decide as of then: %v", e)
		return &problem{kind: undecided, detail: p.Error(), step: e.Step, problems: p}
	}
	return err
}

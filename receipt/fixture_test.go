package receipt_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/receipt"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// A world is a register on which the usual request is permitted.
type world struct {
	*rt.Register
	t testing.TB
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{rt.New(t), t}
	w.MustSubmit(rt.Registration("reg-halcyon", rt.US, rt.Halcyon, "US"))
	w.MustSubmit(rt.Registration("reg-varuna", rt.IN, rt.Varuna, "IN"))
	w.MustSubmit(rt.Approval("approval-varuna", rt.US, rt.Varuna, "IN"))
	w.MustSubmit(rt.Approval("approval-halcyon", rt.IN, rt.Halcyon, "US"))
	w.MustSubmit(rt.Domain("domain-us", rt.US))
	w.MustSubmit(rt.Domain("domain-in", rt.IN))
	// A frozen clock's batches are dated after it.
	w.Clock.Add(time.Minute)
	return w
}

// usual is the document of the usual request, with more members in front.
func usual(more string) []byte {
	return []byte(`{` + more + `"effective_at":"2026-01-05T09:00:00Z","sandbox":"` + rt.Sandbox + `","act":"technology_release",` +
		`"transferor":"` + rt.Halcyon + `","transferee":"` + rt.Varuna + `","destination_site":"VTZ-1",` +
		`"item":{"list":"US_CCL","entry":"5A001.b.1"},"end_use":"sea_trial"}`)
}

// A file is what a company files, and the trust file of the time.
type file struct {
	receipt, request, evidence []byte
	disclosures                []attest.Disclosure
	trust                      *verify.Trust
	lists                      []*screening.List
}

func (f file) verify() (*receipt.Result, error) {
	return receipt.Verify(f.receipt, f.request, f.evidence, f.disclosures, f.trust, f.lists...)
}

// filed has the register decide and sign a request.
func (w *world) filed(request []byte) file {
	w.t.Helper()
	req := parsed(w.t, request)
	s, err := w.DecideSigned(context.Background(), req, req.Times(w.Clock.Now()), false)
	if err != nil {
		w.t.Fatal(err)
	}
	return file{receipt: s.Receipt, request: request, evidence: s.Evidence, trust: w.Trust}
}

func parsed(t testing.TB, request []byte) *policy.Request {
	t.Helper()
	req, err := policy.ParseRequest(request)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func (w *world) open(evidence []byte) *verify.Opened {
	w.t.Helper()
	e, err := verify.Open(evidence, w.Trust, w.Clock.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// nextRoot logs the next version of the trust root.
func (w *world) nextRoot(change func(*attest.Root)) {
	w.t.Helper()
	next, err := w.Root().Successor()
	if err != nil {
		w.t.Fatal(err)
	}
	next.IAT = attest.NumericDate(w.Clock.Now().Unix())
	change(next)
	w.MustSubmit(next)
	w.Clock.Add(time.Minute)
}

// stepOf names the step at which a receipt is refused, or not checked.
func stepOf(err error) string {
	e, ok := errors.AsType[*receipt.Error](err)
	switch {
	case !ok && err != nil:
		return "no step: " + err.Error()
	case !ok:
		return ""
	case e.Unchecked:
		return e.Step + "?"
	default:
		return e.Step
	}
}

func wantStep(t *testing.T, f file, step, says string) {
	t.Helper()
	r, err := f.verify()
	if got := stepOf(err); got != step {
		t.Fatalf("%v; want a refusal at %q", err, step)
	}
	if r.Holds() != (step == "") {
		t.Errorf("holds: %t", r.Holds())
	}
	if err != nil && !strings.Contains(err.Error(), says) {
		t.Errorf("%v; want it to say %q", err, says)
	}
}

var b64 = base64.RawURLEncoding

// header is that of a good receipt.
func header(s *rt.Signer) string {
	return `{"alg":"EdDSA","kid":"` + s.Key().ID() + `","typ":"safeconduct-decision+jwt"}`
}

// forge signs a header and a payload, whatever they say.
func forge(t testing.TB, header, payload string, s attest.Signer) []byte {
	t.Helper()
	input := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload))
	sig, err := s.Sign(t.Context(), []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(input + "." + b64.EncodeToString(sig))
}

// payload is what a receipt says, to the byte.
func payload(t testing.TB, signed []byte) string {
	t.Helper()
	b, err := b64.DecodeString(strings.Split(string(signed), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// says returns a receipt that says something else, in its one byte form, signed by
// the notary.
func says(t testing.TB, signed []byte, change func(*receipt.Receipt)) []byte {
	t.Helper()
	u, err := receipt.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	r := u.ReceiptUnsafe()
	change(r)
	b, err := json.Marshal(r, json.Deterministic(true))
	if err == nil {
		err = (*jsontext.Value)(&b).Canonicalize()
	}
	if err != nil {
		t.Fatal(err)
	}
	return forge(t, header(rt.Notary()), string(b), rt.Notary())
}

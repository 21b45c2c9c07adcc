package receipt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/jws"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// ErrUnlisted says that the trust root in force does not list the key: a receipt
// by it would be refused by everybody.
var ErrUnlisted = errors.New("is no decision key of the trust root in force")

// Sign returns the receipt of a decision that was made of a request on opened
// evidence, signed now. It refuses a key that the trust root in force at the
// checkpoint of the evidence does not list ([ErrUnlisted]), a decision on other
// evidence or of another request, and times of which [Verify] would say that they
// are not those that were asked for. A decision that goes by disclosures is signed
// with the evidence in which they are disclosed ([verify.Opened.Disclose]). The
// signature has been verified with the public key of the signer.
func Sign(ctx context.Context, e *verify.Opened, req *policy.Request, d *policy.Decision, now time.Time, s attest.Signer) ([]byte, error) {
	r, err := receiptOf(e, req, d, now)
	if err != nil {
		return nil, fmt.Errorf("sign a decision: %w", err)
	}
	kid, root := s.Key().ID(), e.TrustRoot()
	if _, ok := root.DecisionKey(kid); !ok {
		return nil, fmt.Errorf("sign a decision: key %s %w, version %d", kid, ErrUnlisted, root.Root().Version)
	}
	payload, err := r.payload()
	if err != nil {
		return nil, fmt.Errorf("sign a decision: %w", err)
	}
	// Base64 and the rest take a third more.
	if len(payload) > MaxBytes/4*3-1024 {
		return nil, fmt.Errorf("sign a decision: %w: it has %d bytes", ErrTooLarge, len(payload))
	}
	token, err := jws.Sign(ctx, s, Type, payload, MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("sign a decision with key %s: %w", kid, err)
	}
	// What is handed out is what everybody can read.
	if _, err := parse(token.Compact()); err != nil {
		return nil, fmt.Errorf("sign a decision: %w", err)
	}
	return token.Compact(), nil
}

func receiptOf(e *verify.Opened, req *policy.Request, d *policy.Decision, now time.Time) (*Receipt, error) {
	if e == nil || e.Bytes() == nil || req == nil || d == nil {
		return nil, errors.New("opened evidence, a request and the decision are all needed")
	}
	ds, _ := e.Disclosed()
	r := &Receipt{
		Checkpoint: e.Checkpoint().Text, Decision: d, Disclosures: digestsOf(ds), Evidence: digest(e.Bytes()),
		IssuedAt: attest.NumericDate(now.Unix()), Issuer: e.Checkpoint().Origin, Request: req.AskedDigest(),
	}
	for _, check := range []func() error{
		func() error { return r.agreesWith(e) },
		r.check,
		func() error { return r.madeOn(e) },
		func() error { return r.of(req) },
		func() error { return r.timely(req) },
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/receipt"
)

// A Signed is a decision with what it rests on, signed: what a company files.
type Signed struct {
	Decision *policy.Decision
	// Evidence is what was decided on.
	Evidence []byte
	// Receipt is that of package receipt.
	Receipt []byte
}

// DecideSigned is like [Reader.Decide] or, where explain asks for that,
// [Reader.Explain], and signs the decision with the decision key. It returns
// [ErrNoDecisionKey] where there is none, [receipt.ErrUnlisted] where the trust
// root in force does not list it, and [ErrDecisionSigner] where it could not sign.
func (r *Reader) DecideSigned(ctx context.Context, req *policy.Request, at policy.Times, explain bool, ds ...attest.Disclosure) (*Signed, error) {
	if r.notary == nil {
		return nil, ErrNoDecisionKey
	}
	q, err := policy.Ask(req)
	if err != nil {
		return nil, fmt.Errorf("decide: %w", err)
	}
	opened, err := r.disclosed(ctx, req, q, at, ds)
	if err != nil {
		return nil, err
	}
	decide := opened.Decide
	if explain {
		decide = opened.Explain
	}
	d, err := decide(q, at, r.screening...)
	if err != nil {
		return nil, err
	}
	signed, err := receipt.Sign(ctx, opened, req, d, r.now(), r.notary)
	switch {
	case err == nil:
		return &Signed{d, opened.Bytes(), signed}, nil
	case errors.Is(err, receipt.ErrUnlisted), errors.Is(err, receipt.ErrTooLarge), ctx.Err() != nil:
		return nil, err
	default:
		return nil, fmt.Errorf("%w: %w", ErrDecisionSigner, err)
	}
}

// DecisionKey is the id of the key that decisions are signed with, "" for none,
// and whether the trust root in force at the published checkpoint lists it.
func (r *Reader) DecisionKey() (kid string, listed bool) {
	if r.notary == nil {
		return "", false
	}
	kid = r.notary.Key().ID()
	if root := r.Root(); root != nil {
		_, listed = root.DecisionKey(kid)
	}
	return kid, listed
}

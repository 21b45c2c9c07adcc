package receipt_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/receipt"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// false signer signs something else, or not at all.
type faulty struct {
	*rt.Signer
	err error
}

func (f faulty) Sign(ctx context.Context, input []byte) ([]byte, error) {
	if f.err != nil {
		return nil, f.err
	}
	return f.Signer.Sign(ctx, append(input, 'x'))
}

func TestNothingIsSignedThatNobodyCouldVerify(t *testing.T) {
	w := newWorld(t)
	now := w.Clock.Now()
	req := parsed(t, usual(""))
	evidence, err := w.Evidence(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	e := w.open(evidence)
	d, err := decide(e, req, now)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(change func(*policy.Decision)) *policy.Decision {
		c := *d
		change(&c)
		return &c
	}
	long := changed(func(d *policy.Decision) { d.Notes = []string{strings.Repeat("x", receipt.MaxBytes)} })
	down := errors.New("the machine is down")
	for _, c := range []struct {
		name string
		e    *verify.Opened
		req  *policy.Request
		d    *policy.Decision
		now  time.Time
		s    attest.Signer
		want error
		says string
	}{
		{"good", e, req, d, now, rt.Notary(), nil, ""},
		{"a key that is not listed", e, req, d, now, rt.SignerNamed("mallory"), receipt.ErrUnlisted, "version 1"},
		{"an officer's key", e, req, d, now, rt.SignerNamed("us-1"), receipt.ErrUnlisted, ""},
		{"the log's key", e, req, d, now, rt.SignerNamed("log"), receipt.ErrUnlisted, ""},
		{"a machine that fails", e, req, d, now, faulty{rt.Notary(), down}, down, "with key"},
		{"a machine that signs something else", e, req, d, now, faulty{Signer: rt.Notary()}, nil, "the fresh signature is not good"},
		{"no evidence", nil, req, d, now, rt.Notary(), nil, "needed"},
		{"evidence that is zero", new(verify.Opened), req, d, now, rt.Notary(), nil, "needed"},
		{"no request", e, nil, d, now, rt.Notary(), nil, "needed"},
		{"no decision", e, req, nil, now, rt.Notary(), nil, "needed"},
		{"a decision that is zero", e, req, new(policy.Decision), now, rt.Notary(), nil, "which is none"},
		{"another request", e, parsed(t, usual(`"mode":"tangible",`)), d, now, rt.Notary(), nil, "of another request"},
		{"another trust", e, req, changed(func(d *policy.Decision) { d.Replay.Trust = "x" }), now, rt.Notary(), nil, "another trust"},
		{"other evidence", e, req, changed(func(d *policy.Decision) { d.Replay.Evidence = "x" }), now, rt.Notary(), nil, "other evidence"},
		{"another size", e, req, changed(func(d *policy.Decision) { d.Replay.Size-- }), now, rt.Notary(), nil, "at size"},
		{"a time that nobody asked for", e, req, changed(func(d *policy.Decision) { d.KnownAt = policy.InstantOf(rt.Start.Add(-time.Hour)) }), now, rt.Notary(), nil, "which says now"},
		{"signed an hour later", e, req, d, now.Add(time.Hour), rt.Notary(), nil, "which says now"},
		{"signed before the evidence", e, req, d, now.Add(-6 * time.Minute), rt.Notary(), nil, "signed at"},
		{"too large", e, req, long, now, rt.Notary(), receipt.ErrTooLarge, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			signed, err := receipt.Sign(t.Context(), c.e, c.req, c.d, c.now, c.s)
			if good := c.want == nil && c.says == ""; good != (err == nil) || good != (signed != nil) {
				t.Fatalf("%s, %v", signed, err)
			}
			if c.want != nil && !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want %v, %q", err, c.want, c.says)
			}
		})
	}
}

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// present measures how long a presentation takes to open, and to decide the
// joint check on it, by a verifier who has just read its trust.
func present(ctx context.Context, b *bench) error {
	saying("present")
	out, err := inFresh[presentOutput](ctx, b, "present", func(dir string) any { return presentInput{dir, b.verifications} })
	if err != nil {
		return err
	}
	what := fmt.Sprintf("a presentation with %d disclosures, trust just read", out.Disclosures)
	b.report.besideSignatures("present", what, out.Cold, out.Bare, out.Signatures, &goalPresent)
	b.report.besideSignatures("present", what+", in memory that the process has not used before", out.Fresh, out.BareFresh, out.Signatures, nil)
	b.report.add(Row{Section: "present", What: "the presentation", Unit: Bytes, Value: statOf(out.Bytes)}, nil)
	return nil
}

type presentInput struct {
	Dir           string
	Verifications int
}

type presentOutput struct {
	Bytes                   float64
	Signatures, Disclosures int
	// Cold are the times in milliseconds, Bare those of the bare signatures in
	// the same turn; Fresh and BareFresh those of the first ones in the process.
	Cold, Bare, Fresh, BareFresh []float64
}

// What the verifier of the presentation asks for.
const (
	audience = "https://dataroom.example.com"
	nonce    = "n-0S6_WzA2Mj"
)

func presentStage(ctx context.Context, in presentInput) (out presentOutput, err error) {
	now := clock(24 * time.Hour)
	reg, closeAll, err := serve(ctx, in.Dir, now, nil)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	holder := registrytest.SignerNamed("varuna")
	statements := joint()
	approval, disclosures, err := confidential(statements, holder)
	if err != nil {
		return out, err
	}
	if err := submitAll(ctx, reg, statements...); err != nil {
		return out, err
	}
	document, err := mirrorTrust()
	if err != nil {
		return out, err
	}
	ev, err := reg.Evidence(ctx, jointRequest())
	if err != nil {
		return out, err
	}
	// A mirror's cosignature is never before the status leaf.
	at := now().Add(time.Second)
	if ev, err = mirrored(ctx, ev, at); err != nil {
		return out, err
	}
	t, err := verify.ParseTrust(document)
	if err != nil {
		return out, err
	}
	if ev, err = verify.Compact(ev, t, jointRequest(), jointRequest().Times(at)); err != nil {
		return out, err
	}
	statement, err := signed(approval)
	if err != nil {
		return out, err
	}
	p, err := presentation.Make(ctx, ev, statement, disclosures, holder, presentation.Binding{Audience: audience, Nonce: nonce, IssuedAt: at})
	if err != nil {
		return out, err
	}
	sigs, err := presentationSignatures(ev, p, holder)
	if err != nil {
		return out, err
	}
	out.Bytes, out.Signatures, out.Disclosures = float64(len(p)), len(sigs), len(disclosures)
	measure := func(to, bare *[]float64) error {
		// What an earlier verification remembers is not this one's.
		cold, err := verify.ParseTrust(document)
		if err != nil {
			return err
		}
		took, err := presented(p, cold, at)
		*to, *bare = append(*to, took), append(*bare, verifyTime(sigs))
		return err
	}
	for range max(1, in.Verifications/4) {
		if err := measure(&out.Fresh, &out.BareFresh); err != nil {
			return out, err
		}
	}
	var passed []float64
	if err := settled(func() error { return measure(&passed, &passed) }); err != nil {
		return out, err
	}
	for range in.Verifications {
		if err := measure(&out.Cold, &out.Bare); err != nil {
			return out, err
		}
	}
	return out, nil
}

// confidential has the approval of Varuna name its key, and some of its members
// by their digests; it replaces it among the statements.
func confidential(statements []attest.Claims, holder *registrytest.Signer) (*attest.EntityApproval, []attest.Disclosure, error) {
	for i, c := range statements {
		a, ok := c.(*attest.EntityApproval)
		if !ok || a.Entity() != registrytest.Varuna {
			continue
		}
		a.Confirmation = &attest.Confirmation{JWK: holder.JWK()}
		a.Caveats = &attest.Limits{Value: &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000"}}
		concealed, ds, err := a.Conceal([]string{"/caveats/value", "/legal_name"})
		if err != nil {
			return nil, nil, err
		}
		statements[i] = concealed
		return concealed, ds, nil
	}
	return nil, nil, errors.New("no statement approves Varuna")
}

// presented opens the presentation and decides the joint request on it, which it
// has to permit, and returns how long that took, in milliseconds.
func presented(p []byte, t *verify.Trust, at time.Time) (float64, error) {
	req := presentedRequest()
	start := time.Now()
	shown, err := presentation.Open(p, t, presentation.Expected{Audience: audience, Nonce: nonce}, at)
	if err != nil {
		return 0, err
	}
	q, err := policy.Ask(req)
	if err != nil {
		return 0, err
	}
	d, err := shown.Decide(q, req.Times(at))
	took := time.Since(start)
	if err == nil && !d.Permitted() {
		err = fmt.Errorf("the presented joint check gives %s: %v", d.Decision, d.Codes())
	}
	return inMillis(took), err
}

// presentedRequest has the value that the disclosed ceiling is for.
func presentedRequest() *policy.Request {
	req := jointRequest()
	amount, err := policy.NumberOf("100000")
	if err != nil {
		panic(err) // it is a number
	}
	req.Value = &policy.Value{Amount: amount, Currency: "USD"}
	return req
}

// presentationSignatures are those of the evidence, and the key binding's.
func presentationSignatures(ev, p []byte, holder *registrytest.Signer) ([]signature, error) {
	roots, rest, err := evidenceSignatures(ev)
	if err != nil {
		return nil, err
	}
	// The key binding is what follows the last tilde, up to its quote.
	last := p[bytes.LastIndexByte(p, '~')+1:]
	compact, _, _ := bytes.Cut(last, []byte(`"`))
	dot := bytes.LastIndexByte(compact, '.')
	sig, err := base64.RawURLEncoding.DecodeString(string(compact[dot+1:]))
	if err != nil {
		return nil, fmt.Errorf("take the key binding apart: %w", err)
	}
	binding := signature{holder.Key().Public().(ed25519.PublicKey), compact[:dot], sig}
	if !binding.verify() {
		return nil, errors.New("the key binding is not valid")
	}
	return append(append(roots, rest...), binding), nil
}

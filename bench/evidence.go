package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// evidence measures the evidence of a check between two parties under a joint
// sandbox, given by a register of each size.
func evidence(ctx context.Context, b *bench) error {
	for _, size := range b.sizes {
		dir, err := b.full(ctx, size)
		if err != nil {
			return err
		}
		saying("evidence: %s subjects", thousands(float64(size)))
		out, err := isolated[evidenceOutput](ctx, "evidence", evidenceInput{dir, b.verifications, b.approvals})
		if err != nil {
			return err
		}
		subjects := thousands(float64(size)) + " subjects, "
		var bytesGoal, gzipGoal *goal
		if size == 1e6 {
			bytesGoal, gzipGoal = &goalEvidence, &goalGzip
		}
		b.report.add(Row{Section: "evidence", What: subjects + "a joint check of two parties, compact", Unit: Bytes, Value: statOf(out.Bytes)}, bytesGoal)
		b.report.add(Row{Section: "evidence", What: subjects + "the same, gzipped", Unit: Bytes, Value: statOf(out.Gzipped)}, gzipGoal)
		b.report.add(Row{Section: "evidence", What: subjects + "with inclusion proofs of its statements", Unit: Bytes, Value: statOf(out.Whole)}, nil)
		b.report.add(Row{Section: "evidence", What: subjects + "that, gzipped", Unit: Bytes, Value: statOf(out.WholeGzipped)}, nil)
		b.report.add(Row{
			Section: "evidence", What: subjects + fmt.Sprintf("what a party with %d approvals adds", b.approvals), Unit: Bytes, Value: statOf(out.Added),
		}, &goalApprovals)
		offline := func(what string, took, bare []float64, signatures int) {
			b.report.besideSignatures("evidence", subjects+what, took, bare, signatures, &goalOffline)
		}
		offline("verified offline, trust just read", out.Cold, out.BareCold, out.Signatures)
		offline("verified offline, trust root met before", out.Warm, out.BareWarm, out.Signatures-out.RootSignatures)
	}
	return nil
}

type evidenceInput struct {
	Dir           string
	Verifications int
	Approvals     int
}

type evidenceOutput struct {
	Bytes, Gzipped float64
	// Whole and WholeGzipped are of evidence that is not compact.
	Whole, WholeGzipped float64
	// Added is what further approvals of one party add to the evidence.
	Added float64
	// Cold and Warm are the times of verifications in milliseconds, BareCold
	// and BareWarm those of the bare signatures in the same turn.
	Cold, Warm, BareCold, BareWarm []float64
	// Signatures counts those of the evidence, RootSignatures those of them
	// that a trust does not check twice.
	Signatures, RootSignatures int
}

func evidenceStage(ctx context.Context, in evidenceInput) (out evidenceOutput, err error) {
	now := clock(24 * time.Hour)
	reg, closeAll, err := serve(ctx, in.Dir, now, nil)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	if err := submitAll(ctx, reg, joint()...); err != nil {
		return out, err
	}
	document, err := mirrorTrust()
	if err != nil {
		return out, err
	}
	// compact is what a party hands over: the mirror has cosigned, and nothing
	// is shown that the decision does not rest on.
	compact := func() (whole, ev []byte, at time.Time, err error) {
		if whole, err = reg.Evidence(ctx, jointRequest()); err != nil {
			return nil, nil, at, err
		}
		// A mirror's cosignature is never before the status leaf.
		at = now().Add(time.Second)
		if whole, err = mirrored(ctx, whole, at); err != nil {
			return nil, nil, at, err
		}
		t, err := verify.ParseTrust(document)
		if err != nil {
			return nil, nil, at, err
		}
		ev, err = verify.Compact(whole, t, jointRequest(), jointRequest().Times(at))
		return whole, ev, at, err
	}
	whole, ev, at, err := compact()
	if err != nil {
		return out, err
	}
	out.Bytes, out.Whole = float64(len(ev)), float64(len(whole))
	if out.Gzipped, err = gzipped(ev); err != nil {
		return out, err
	}
	if out.WholeGzipped, err = gzipped(whole); err != nil {
		return out, err
	}
	if err := verifications(ev, document, at, in.Verifications, &out); err != nil {
		return out, err
	}
	for i := 1; i < in.Approvals; i++ {
		if err := submitAll(ctx, reg, registrytest.Approval(fmt.Sprintf("TEA-MORE-%d", i), registrytest.US, registrytest.Varuna, "IN")); err != nil {
			return out, err
		}
	}
	_, more, at, err := compact()
	if err != nil {
		return out, err
	}
	t, err := verify.ParseTrust(document)
	if err != nil {
		return out, err
	}
	if _, err := jointDecision(more, t, at); err != nil {
		return out, err
	}
	out.Added = float64(len(more) - len(ev))
	return out, nil
}

// jointDecision decides the joint request on evidence, which has to permit it,
// and returns how long that took, in milliseconds.
func jointDecision(ev []byte, t *verify.Trust, at time.Time) (float64, error) {
	req := jointRequest()
	start := time.Now()
	d, err := verify.Decide(ev, t, req, req.Times(at))
	took := time.Since(start)
	if err == nil && !d.Permitted() {
		err = fmt.Errorf("the joint check gives %s: %v", d.Decision, d.Codes())
	}
	return inMillis(took), err
}

// joint are the statements that a check of the joint request rests on.
func joint() []attest.Claims {
	varuna := registrytest.Registration("REG-V", registrytest.IN, registrytest.Varuna, "IN")
	varuna.Identifiers = []string{"iec:AAVCD1234K"}
	return []attest.Claims{
		varuna,
		registrytest.Registration("REG-H", registrytest.US, registrytest.Halcyon, "US"),
		registrytest.Approval("TEA-V", registrytest.US, registrytest.Varuna, "IN"),
		registrytest.Approval("TEA-H", registrytest.IN, registrytest.Halcyon, "US"),
		registrytest.Domain("PDA-US", registrytest.US),
		registrytest.Domain("PDA-IN", registrytest.IN),
	}
}

func jointRequest() *policy.Request {
	return &policy.Request{
		EffectiveAt: policy.InstantOf(registrytest.Start.Add(time.Hour)),
		Sandbox:     registrytest.Sandbox, Act: "export", Mode: "tangible",
		Transferor: registrytest.Halcyon, Transferee: registrytest.Varuna, DestinationSite: "VTZ-1",
		Item:   &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"},
		EndUse: "sea_trial", PersonNationalities: []string{},
	}
}

func submitAll(ctx context.Context, reg *registry.Registry, claims ...attest.Claims) error {
	for _, c := range claims {
		st, err := signed(c)
		if err != nil {
			return err
		}
		if _, err := reg.Submit(ctx, st); err != nil {
			return fmt.Errorf("submit %s of %s: %w", c.Head().JTI, c.Head().Iss, err)
		}
	}
	return nil
}

func gzipped(data []byte) (float64, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	err = errors.Join(err, w.Close())
	return float64(b.Len()), err
}

// verifications times the verification of evidence and, in turns with it, that
// of its signatures alone, on one core.
func verifications(ev, document []byte, at time.Time, times int, out *evidenceOutput) error {
	warm, err := verify.ParseTrust(document)
	if err != nil {
		return err
	}
	rootSigs, rest, err := evidenceSignatures(ev)
	if err != nil {
		return err
	}
	out.RootSignatures, out.Signatures = len(rootSigs), len(rootSigs)+len(rest)
	// What the first verification remembers, later ones do not check.
	if err := settled(func() error { _, err := jointDecision(ev, warm, at); return err }); err != nil {
		return err
	}
	for range times {
		cold, err := verify.ParseTrust(document)
		if err != nil {
			return err
		}
		c, err := jointDecision(ev, cold, at)
		if err != nil {
			return err
		}
		w, err := jointDecision(ev, warm, at)
		if err != nil {
			return err
		}
		roots, others := verifyTime(rootSigs), verifyTime(rest)
		out.Cold, out.BareCold = append(out.Cold, c), append(out.BareCold, roots+others)
		out.Warm, out.BareWarm = append(out.Warm, w), append(out.BareWarm, others)
	}
	return nil
}

func inMillis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func verifyTime(sigs []signature) float64 {
	start := time.Now()
	for _, s := range sigs {
		s.verify()
	}
	return inMillis(time.Since(start))
}

// evidenceSignatures returns the signatures that stand in evidence: those of
// its trust roots and the rest. All are valid.
func evidenceSignatures(ev []byte) (roots, rest []signature, err error) {
	e, err := verify.Parse(ev)
	if err != nil {
		return nil, nil, err
	}
	isRoot := make(map[int64]bool)
	for _, h := range e.Histories {
		for _, x := range h.Entries {
			isRoot[x.Index] = isRoot[x.Index] || h.Subject == attest.RootSubject
		}
	}
	for _, st := range e.Statements {
		sigs, err := statementSignatures([]byte(st.Statement))
		if err != nil {
			return nil, nil, err
		}
		if isRoot[st.Index] {
			roots = append(roots, sigs...)
		} else {
			rest = append(rest, sigs...)
		}
	}
	lines, err := checkpointSignatures(e.Checkpoint)
	if err != nil {
		return nil, nil, err
	}
	rest = append(rest, lines...)
	for _, s := range append(roots[:len(roots):len(roots)], rest...) {
		if !s.verify() {
			return nil, nil, errors.New("a signature of the evidence is not valid")
		}
	}
	return roots, rest, nil
}

// checkpointSignatures takes apart the lines of the log and of its cosigners.
func checkpointSignatures(checkpoint string) ([]signature, error) {
	_, log := registrytest.LogSigner()
	vkeys := make(map[string]ed25519.PublicKey)
	for _, vkey := range []string{log, registrytest.Cosigner().VKey(), mirrorVKey()} {
		parts := strings.SplitN(vkey, "+", 3)
		key, err := base64.StdEncoding.DecodeString(parts[2])
		if err != nil {
			return nil, err
		}
		vkeys[parts[0]] = key[1:]
	}
	// Nobody is known to note, so that it hands out all lines.
	_, err := note.Open([]byte(checkpoint), note.VerifierList())
	unverified, ok := errors.AsType[*note.UnverifiedNoteError](err)
	if !ok {
		return nil, fmt.Errorf("take the checkpoint apart: %w", err)
	}
	n := unverified.Note
	var sigs []signature
	for _, s := range n.UnverifiedSigs {
		raw, err := base64.StdEncoding.DecodeString(s.Base64)
		if err != nil {
			return nil, err
		}
		key, ok := vkeys[s.Name]
		if !ok {
			return nil, fmt.Errorf("take the checkpoint apart: nobody has the key %s", s.Name)
		}
		// Behind the key hash: a signature, or a time and a cosignature.
		raw, message := raw[4:], []byte(n.Text)
		if len(raw) > ed25519.SignatureSize {
			message = fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(raw), n.Text)
			raw = raw[8:]
		}
		sigs = append(sigs, signature{key, message, raw})
	}
	return sigs, nil
}

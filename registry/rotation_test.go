package registry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// otherLogSigner makes another log key of the register.
func otherLogSigner(t *testing.T) (note.Signer, string) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(nil, rt.Origin)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return s, vkey
}

// logSignatures are the key ids by which a register's checkpoint is signed as the
// log's.
func logSignatures(t *testing.T, evidence []byte) []uint32 {
	t.Helper()
	e, err := verify.Parse(evidence)
	if err != nil {
		t.Fatal(err)
	}
	_, err = note.Open([]byte(e.Checkpoint), note.VerifierList())
	unverified, ok := errors.AsType[*note.UnverifiedNoteError](err)
	if !ok {
		t.Fatal(err)
	}
	var out []uint32
	for _, s := range unverified.Note.UnverifiedSigs {
		if s.Name == rt.Origin {
			out = append(out, s.Hash)
		}
	}
	slices.Sort(out)
	return out
}

// resigned is evidence whose checkpoint another signs as the log.
func resigned(t *testing.T, evidence []byte, by note.Signer, cosignedAt time.Time) []byte {
	t.Helper()
	e, err := verify.Parse(evidence)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(e.Checkpoint, "\n\n")
	signed, err := note.Sign(&note.Note{Text: text + "\n"}, by)
	if err != nil {
		t.Fatal(err)
	}
	line, err := rt.Cosigner().Cosign(signed, cosignedAt)
	if err != nil {
		t.Fatal(err)
	}
	e.Checkpoint = string(signed) + string(line)
	out, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func step(err error) string {
	if e, ok := errors.AsType[*verify.Error](err); ok {
		return e.Step
	}
	return fmt.Sprint(err)
}

// An exporter's desk submits all the while, and none of what it submits is
// refused.
func TestRootOfficersAndTheLogKeyAreReplacedWhileSubmissionsGoOn(t *testing.T) {
	ctx := t.Context()
	r := joint(t)
	r.MustSubmit(rt.Domain("PDA-1", rt.IN))
	oldKey, oldVKey := rt.LogSigner()
	newKey, newVKey := otherLogSigner(t)

	var desk sync.WaitGroup
	signer := new(atomic.Pointer[rt.Signer])
	signer.Store(rt.SignerNamed("in-1"))
	submitting, stop := context.WithCancel(ctx)
	defer desk.Wait()
	defer stop()
	var logged atomic.Int64
	desk.Go(func() {
		for i := 0; submitting.Err() == nil; i++ {
			a := approvalNumber(i)
			a.IAT = attest.NumericDate(rt.Start.Unix())
			if _, err := r.Submit(ctx, r.Sign(a, signer.Load())); err != nil {
				t.Errorf("approval %d: %v", i, err)
				return
			}
			logged.Add(1)
		}
	})
	// more waits until the desk has gone on for a while.
	more := func() {
		t.Helper()
		until := logged.Load() + 5
		eventually(t, "the desk submits", func() bool { return t.Failed() || logged.Load() >= until })
	}
	replace := func(change func(*attest.Root), signers ...attest.Signer) {
		t.Helper()
		next := successor(t, r)
		change(next)
		if _, err := r.Submit(ctx, r.Sign(next, signers...)); err != nil {
			t.Fatal(err)
		}
	}
	root1, root2, root3 := rt.SignerNamed("root-1"), rt.SignerNamed("root-2"), rt.SignerNamed("root-3")

	more()
	before := mustEvidence(t, r)

	// Not before the register has the key.
	listed := successor(t, r)
	listed.LogKeys = []string{oldVKey, newVKey}
	_, err := r.Submit(ctx, r.Sign(listed))
	wantRefusal(t, err, attest.Conflict, "/log_keys")
	if err := r.AddLogSigner(newKey); err != nil {
		t.Fatal(err)
	}
	more()
	if got := logSignatures(t, mustEvidence(t, r)); !slices.Equal(got, []uint32{oldKey.KeyHash()}) {
		t.Errorf("before the root lists the new key, signed by %08x", got)
	}

	// Version 2: old and new stand together.
	replace(func(next *attest.Root) {
		next.LogKeys = []string{oldVKey, newVKey}
		next.Officers = append(next.Officers, root3.Officer())
		in := authority(t, next, rt.IN)
		in.Officers = append(in.Officers, rt.SignerNamed("in-2").Officer())
	}, root1, root2)
	more()
	signer.Store(rt.SignerNamed("in-2"))
	more()
	during := mustEvidence(t, r)
	second := r.Root().Statement()

	// Version 3: the old ones are gone.
	replace(func(next *attest.Root) {
		next.LogKeys = []string{newVKey}
		next.Officers = next.Officers[1:]
		in := authority(t, next, rt.IN)
		in.Officers = in.Officers[1:]
	}, root1, root2, root3)
	more()
	after := mustEvidence(t, r)
	stop()
	desk.Wait()

	for i, c := range []struct {
		evidence []byte
		signed   []uint32
	}{{before, []uint32{oldKey.KeyHash()}}, {during, []uint32{oldKey.KeyHash(), newKey.KeyHash()}}, {after, []uint32{newKey.KeyHash()}}} {
		slices.Sort(c.signed)
		if diff := cmp.Diff(c.signed, logSignatures(t, c.evidence)); diff != "" {
			t.Errorf("evidence %d: log keys (-want +got):\n%s", i, diff)
		}
	}
	// Whoever pins version 1 walks to each; whoever pins a later one does not take
	// evidence from before it.
	req := request()
	at := req.Times(r.Clock.Now())
	for version, root := range []*attest.Statement{mustOpenRoot(t, r.RootStatement, nil), second, r.Root().Statement()} {
		tr, err := verify.TrustFor(root, "witness operator "+rt.Cosigner().VKey()+"\nquorum operator\n", 24*time.Hour, verify.Insecure{OperatorClock: true, Unmirrored: true})
		if err != nil {
			t.Fatal(err)
		}
		for i, evidence := range [][]byte{before, during, after} {
			d, err := verify.Decide(evidence, tr, req, at)
			switch {
			case i < version && step(err) != verify.StepRoot:
				t.Errorf("pinned at version %d, evidence %d: %v", version+1, i, err)
			case i >= version && (err != nil || !d.Permitted()):
				t.Errorf("pinned at version %d, evidence %d: %v, %v", version+1, i, d, err)
			}
		}
	}
	// A log key counts from the version that first lists it, and no longer than
	// the last.
	now := r.Clock.Now()
	for name, evidence := range map[string][]byte{
		"the new key, before": resigned(t, before, newKey, now),
		"the old key, after":  resigned(t, after, oldKey, now),
	} {
		if _, err := verify.Decide(evidence, r.Trust, req, at); step(err) != verify.StepCheckpoint {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, by := range []note.Signer{oldKey, newKey} {
		if _, err := verify.Decide(resigned(t, during, by, now), r.Trust, req, at); err != nil {
			t.Errorf("one of two keys: %v", err)
		}
	}

	// After it, the old key starts no register; the new one alone does.
	r.Stop()
	if _, _, err := rt.Serve(r.Dir, r.Clock.Now, r.Trust); err == nil {
		t.Fatal("started with a key that the root does not list")
	}
	reg, log, err := rt.Serve(r.Dir, r.Clock.Now, r.Trust, func(c *registry.Config) { c.LogSigners = []note.Signer{newKey} })
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(reg.Close(), log.Close()); err != nil {
		t.Error(err)
	}
}

func mustOpenRoot(t *testing.T, statement []byte, previous *attest.TrustRoot) *attest.Statement {
	t.Helper()
	st, err := attest.OpenRoot(statement, previous)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// An authority that joins speaks from its version on, and one that leaves no more.
func TestAuthoritiesJoinAndLeave(t *testing.T) {
	r := rt.New(t)
	const au = "auth-au"
	register := func(jti string) error {
		_, err := r.Submit(t.Context(), r.Sign(rt.Registration(jti, au, rt.Corvus, "AU"), rt.SignerNamed("au-1")))
		return err
	}
	wantRefusal(t, register("REG-0"), attest.Forbidden, "/iss")
	joins := successor(t, r)
	joins.Authorities = append(joins.Authorities, attest.Authority{
		ID: au, Name: "Export authority of AU (fictional)", Countries: []string{"AU"},
		Officers: []attest.Officer{rt.SignerNamed("au-1").Officer()}, Thresholds: attest.Thresholds{Granting: 1, Revoking: 1},
	})
	r.MustSubmit(joins)
	if err := register("REG-1"); err != nil {
		t.Fatal(err)
	}
	leaves := successor(t, r)
	leaves.Authorities = slices.DeleteFunc(leaves.Authorities, func(a attest.Authority) bool { return a.ID == au })
	r.MustSubmit(leaves)
	wantRefusal(t, register("REG-2"), attest.Forbidden, "/iss")
	// What it has said stands.
	evidence, err := r.EvidenceOf(t.Context(), []string{attest.EntitySubject(rt.Corvus)})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := verify.Open(evidence, r.Trust, r.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	history, err := opened.History(attest.EntitySubject(rt.Corvus), time.Time{}, r.Clock.Now())
	if err != nil || len(history) != 1 || history[0].Void {
		t.Errorf("history: %+v, %v", history, err)
	}
}

// One of two listed keys is lost: the other signs on, and a root leaves the lost
// one out.
func TestALostLogKeyIsLeftOut(t *testing.T) {
	spare, spareVKey := otherLogSigner(t)
	r := rt.New(t, func(c *registry.Config) { c.LogSigners = append(c.LogSigners, spare) })
	_, vkey := rt.LogSigner()
	both := successor(t, r)
	both.LogKeys = []string{vkey, spareVKey}
	r.MustSubmit(both)
	r.Stop()
	reg, log, err := rt.Serve(r.Dir, r.Clock.Now, r.Trust, func(c *registry.Config) { c.LogSigners = []note.Signer{spare} })
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(reg.Close(), log.Close()); err != nil {
			t.Error(err)
		}
	}()
	submit := func(c attest.Claims) error {
		_, err := reg.Submit(t.Context(), r.Sign(c))
		return err
	}
	if err := submit(approvalNumber(1)); err != nil {
		t.Fatal(err)
	}
	// What still lists it is not followed by another that does.
	r.Registry = reg
	wantRefusal(t, submit(successor(t, r)), attest.Conflict, "/log_keys")
	only := successor(t, r)
	only.LogKeys = []string{spareVKey}
	if err := submit(only); err != nil {
		t.Fatal(err)
	}
	if err := submit(approvalNumber(2)); err != nil {
		t.Fatal(err)
	}
}

func TestALogKeyOfAnotherNameIsNotTaken(t *testing.T) {
	r := rt.New(t)
	skey, _, err := note.GenerateKey(nil, "example.org/other")
	if err != nil {
		t.Fatal(err)
	}
	other, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AddLogSigner(other); err == nil || !strings.Contains(err.Error(), "named as the origin") {
		t.Errorf("got %v", err)
	}
	if err := r.AddLogSigner(nil); err == nil {
		t.Error("nothing is taken for a key")
	}
}

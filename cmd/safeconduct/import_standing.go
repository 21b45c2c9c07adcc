package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/issuing"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/verify"
)

// standing returns what stands of the map's scope: at the register, or, where
// none is named, in the directory of signed statements.
func (im *importing) standing(ctx context.Context) ([]*issuing.Lineage, error) {
	var statements []attest.Claims
	var err error
	if im.cl != nil {
		statements, err = im.logged(ctx)
	} else {
		statements, err = im.kept()
	}
	if err != nil {
		return nil, err
	}
	for _, c := range statements {
		if _, doubted := im.doubted.Load(c.Head().JTI); !doubted {
			im.settled.Follow(c)
		}
	}
	return issuing.Standing(im.m.Scope(im.iss), statements), nil
}

// kept are the statements in the directory.
func (im *importing) kept() (out []attest.Claims, err error) {
	entries, err := os.ReadDir(im.out)
	if im.out == "" || errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".jws" {
			continue
		}
		data, err := readFile(filepath.Join(im.out, e.Name()))
		if err != nil {
			return nil, err
		}
		u, err := attest.Parse(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(im.out, e.Name()), err)
		}
		out = append(out, u.ClaimsUnsafe())
	}
	return out, nil
}

// How many entities one evidence is asked for, at most; and how long to wait for
// what is logged to be shown.
const (
	atOnce   = 60
	patience = 2 * time.Minute
)

// logged are the statements of the register that are of any entity there.
func (im *importing) logged(ctx context.Context) ([]attest.Claims, error) {
	if err := im.shown(ctx); err != nil {
		return nil, err
	}
	known := trusted{url: im.url, trust: im.trustFile}
	root, _, err := known.load(im.c)
	if err != nil {
		return nil, err
	}
	im.root = root
	var ids []string
	for after := ""; ; {
		page, next, err := im.cl.Entities(ctx, after)
		if err != nil {
			return nil, err
		}
		if ids = append(ids, page...); next == "" {
			break
		}
		after = next
	}
	var out []attest.Claims
	im.bar.next("looked up")
	for done, some := range chunks(ids, atOnce) {
		claims, err := im.about(ctx, some)
		if err != nil {
			return nil, err
		}
		out = append(out, claims...)
		im.bar.show(int64(done+len(some)), int64(len(ids)))
	}
	return out, nil
}

func chunks[T any](all []T, size int) func(func(int, []T) bool) {
	return func(yield func(int, []T) bool) {
		done := 0
		for some := range slices.Chunk(all, size) {
			if !yield(done, some) {
				return
			}
			done += len(some)
		}
	}
}

// shown waits until all that is logged now is shown: what an interrupted run has
// had logged is not made a second time.
func (im *importing) shown(ctx context.Context) error {
	first, err := im.cl.Health(ctx)
	if err != nil {
		return err
	}
	for until := time.Now().Add(patience); ; {
		h, err := im.cl.Health(ctx)
		switch {
		case err != nil:
			return err
		case h.Published >= first.Size:
			return nil
		case time.Now().After(until):
			return fmt.Errorf("the register shows %d of the %d leaves that it has: its cosigners have not confirmed the rest yet", h.Published, first.Size)
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// about returns what the issuer has had logged of entities, from one evidence,
// or from several where that would be too large.
func (im *importing) about(ctx context.Context, ids []string) ([]attest.Claims, error) {
	scope := im.m.Scope(im.iss)
	// Nobody acts: it is asked for the histories of these parties.
	req := &policy.Request{
		EffectiveAt: policy.InstantOf(im.terms.Now), Authority: scope.Iss, Programme: "IMPORT", Act: "export",
		Transferor: ids[0], Via: ids[1:],
	}
	doc, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	evidence, err := im.cl.Evidence(ctx, doc)
	if p, ok := errors.AsType[*client.Problem](err); ok && p.Type == "urn:safeconduct:problem:undecided" && len(ids) > 1 {
		half := len(ids) / 2
		a, err := im.about(ctx, ids[:half])
		if err != nil {
			return nil, err
		}
		b, err := im.about(ctx, ids[half:])
		return append(a, b...), err
	}
	if err != nil {
		return nil, err
	}
	if im.trust != nil {
		if _, err := verify.Check(evidence, im.trust, time.Now()); err != nil {
			return nil, fmt.Errorf("the register's evidence does not stand: %w", err)
		}
	}
	return claimsIn(evidence, ids, scope, im.doubt)
}

// doubt keeps in mind what a key signed that was declared compromised by then: it
// may be void, and settles nothing.
func (im *importing) doubt(index int64, u *attest.Unopened) {
	if slices.ContainsFunc(u.Signers(), func(kid string) bool { return im.root.Distrusts(kid, index) }) {
		im.doubted.Store(u.ClaimsUnsafe().Head().JTI, true)
	}
}

// claimsIn are the statements of a scope's issuer in evidence, whose histories of
// the entities have to be there, and whole; each is shown to look, too.
func claimsIn(evidence []byte, ids []string, scope issuing.Scope, look func(index int64, u *attest.Unopened)) (out []attest.Claims, err error) {
	e, err := verify.Parse(evidence)
	if err != nil {
		return nil, err
	}
	shown := make(map[string]bool)
	for _, h := range e.Histories {
		if len(h.Stubs) > 0 {
			return nil, fmt.Errorf("the register's evidence does not show all of the history of %s", h.Subject)
		}
		shown[h.Subject] = true
	}
	for _, id := range ids {
		subject := attest.EntitySubject(id)
		if scope.Kind == attest.KindEntityApproval {
			subject = attest.ApprovalSubject(id, scope.Iss)
		}
		if !shown[subject] {
			return nil, fmt.Errorf("the register's evidence does not have the history of %s", subject)
		}
	}
	for _, s := range e.Statements {
		u, err := attest.Parse([]byte(s.Statement))
		if err != nil {
			return nil, fmt.Errorf("the statement at log index %d: %w", s.Index, err)
		}
		// What an authority says of another kind settles addresses, too.
		if u.ClaimsUnsafe().Head().Iss == scope.Iss {
			out = append(out, u.ClaimsUnsafe())
			look(s.Index, u)
		}
	}
	return out, nil
}

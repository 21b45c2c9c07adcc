package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/issuing"
	"github.com/safeconduct/safeconduct/registry/client"
)

// standing returns what stands of the map's scope: at the register, or, where
// none is named, in the directory of signed statements.
func (im *importing) standing(ctx context.Context, rows []*issuing.Row) ([]*issuing.Lineage, error) {
	var statements, void []attest.Claims
	var err error
	if im.cl != nil {
		statements, void, err = im.logged(ctx, rows)
	} else {
		statements, err = im.kept()
	}
	if err != nil {
		return nil, err
	}
	for _, c := range statements {
		im.settled.Follow(c)
	}
	return issuing.Standing(im.m.Scope(im.iss), statements, void...), nil
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

// How many subjects one evidence is asked for, at most; and how long to wait for
// what is logged to be shown.
const (
	atOnce   = 60
	patience = 2 * time.Minute
)

// logged are the statements of the register that are of any entity there, or of a
// row: a register that leaves an entity out of its list hides nothing of it.
func (im *importing) logged(ctx context.Context, rows []*issuing.Row) (statements, void []attest.Claims, err error) {
	if err := im.shown(ctx); err != nil {
		return nil, nil, err
	}
	scope := im.m.Scope(im.iss)
	var subjects []string
	for _, r := range rows {
		subjects = append(subjects, r.Subject())
	}
	known := trusted{url: im.url, trust: im.trustFile}
	if im.root, _, err = known.load(im.c); err != nil {
		return nil, nil, err
	}
	for after := ""; ; {
		page, next, err := im.cl.Entities(ctx, after)
		if err != nil {
			return nil, nil, err
		}
		for _, id := range page {
			// What is said of it in either settles its addresses.
			subjects = append(subjects, attest.ApprovalSubject(id, scope.Iss), attest.EntitySubject(id))
		}
		if next == "" {
			break
		}
		after = next
	}
	slices.Sort(subjects)
	subjects = slices.Compact(subjects)
	im.bar.next("looked up")
	for done, some := range chunks(subjects, atOnce) {
		said, nothing, err := im.about(ctx, some)
		if err != nil {
			return nil, nil, err
		}
		statements, void = append(statements, said...), append(void, nothing...)
		im.bar.show(int64(done+len(some)), int64(len(subjects)))
	}
	return statements, void, nil
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

// about returns what the issuer has had logged of subjects, and what of that is
// void, from one evidence, or from several where that would be too large.
func (im *importing) about(ctx context.Context, subjects []string) (statements, void []attest.Claims, err error) {
	evidence, err := im.cl.EvidenceOf(ctx, subjects)
	if p, ok := errors.AsType[*client.Problem](err); ok && p.Type == "urn:safeconduct:problem:undecided" && len(subjects) > 1 {
		for some := range slices.Chunk(subjects, (len(subjects)+1)/2) {
			said, nothing, err := im.about(ctx, some)
			if err != nil {
				return nil, nil, err
			}
			statements, void = append(statements, said...), append(void, nothing...)
		}
		return statements, void, nil
	}
	if err != nil {
		return nil, nil, err
	}
	opened, err := openEvidence(evidence, im.trust)
	if err != nil {
		return nil, nil, fmt.Errorf("the register's evidence does not stand: %w", err)
	}
	scope := im.m.Scope(im.iss)
	for _, subject := range subjects {
		history, err := opened.History(subject, time.Time{}, time.Time{})
		if err != nil {
			return nil, nil, err
		}
		for _, r := range history {
			switch c := r.Statement.Claims(); {
			case c.Head().Iss != scope.Iss:
			case r.Void:
				void = append(void, c)
			default:
				statements = append(statements, c)
			}
		}
	}
	return statements, void, nil
}

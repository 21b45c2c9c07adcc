package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/verify"
)

// logSize is how many leaves a register shows.
func logSize(ctx context.Context, cl *client.Client) (int64, error) {
	signed, err := cl.Checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	cp, err := verify.ParseCheckpoint(signed)
	if err != nil {
		return 0, err
	}
	return cp.Tree.N, nil
}

// beyondLog says that a log index is one that the log does not have yet, "" where
// it has it, or has it next.
func beyondLog(since, size int64) string {
	if since <= size {
		return ""
	}
	return fmt.Sprintf("log index %d is beyond the log, which has %s (0 to %d): whatever the key has signed so far stays good", since, leaves(size), size-1)
}

// withinLog refuses an index beyond the log of a register, where one is asked.
func withinLog(c *cobra.Command, url string, since int64) error {
	if url == "" {
		return nil
	}
	cl, err := newClient(c, url)
	if err != nil {
		return err
	}
	size, err := logSize(c.Context(), cl)
	if err != nil {
		return failed(reachHint(err), fmt.Errorf("%s: how large the log is: %w", c.Name(), err))
	}
	if text := beyondLog(since, size); text != "" {
		return failed("safeconduct history and export say at which index a statement is", fmt.Errorf("%s: --since %d: %s", c.Name(), since, text))
	}
	return nil
}

func leaves(n int64) string {
	if n == 1 {
		return "1 leaf"
	}
	return fmt.Sprintf("%d leaves", n)
}

// mistaken says what a next trust root declares, and what is not so: a log index
// beyond the log, and statements that are declared false and are not there, or
// are not voided. All is the register's word.
func mistaken(ctx context.Context, cl *client.Client, next *attest.Root, f *registry.Foresight) (out []string, err error) {
	declared, err := newlyDeclared(ctx, cl, next)
	if err != nil || len(declared) == 0 {
		return nil, err
	}
	size, err := logSize(ctx, cl)
	if err != nil {
		return nil, err
	}
	for _, d := range declared {
		if text := beyondLog(d.Since, size); text != "" {
			out = append(out, fmt.Sprintf("key %s of %s: %s", d.Kid, d.authority, text))
		}
		for _, jti := range d.False {
			if f.More || slices.ContainsFunc(f.Voided, func(v registry.VoidedStatement) bool { return v.Issuer == d.authority && v.JTI == jti }) {
				continue
			}
			_, err := cl.SubjectOf(ctx, d.authority, jti)
			p, refused := errors.AsType[*client.Problem](err)
			switch {
			case refused && p.Status == http.StatusNotFound:
				out = append(out, fmt.Sprintf("%s is declared false, and %s has no such statement in the log", jti, d.authority))
			case err != nil:
				return nil, err
			default:
				out = append(out, fmt.Sprintf("%s of %s is declared false, and does not become void: key %s has not signed it since log index %d, or enough others have", jti, d.authority, d.Kid, d.Since))
			}
		}
	}
	return out, nil
}

// A declaration is what a version of the trust root says of a key, and the one in
// force does not.
type declaration struct {
	attest.Compromised
	authority string
}

func newlyDeclared(ctx context.Context, cl *client.Client, next *attest.Root) (out []declaration, err error) {
	statement, err := cl.TrustRoot(ctx)
	if err != nil {
		return nil, err
	}
	u, err := attest.Parse(statement)
	if err != nil {
		return nil, err
	}
	now, ok := u.ClaimsUnsafe().(*attest.Root)
	if !ok {
		return nil, errors.New("the register shows no trust root")
	}
	old := make(map[[2]string]attest.Compromised)
	for _, a := range now.Authorities {
		for _, c := range a.Compromised {
			old[[2]string{a.ID, c.Kid}] = c
		}
	}
	for _, a := range next.Authorities {
		for _, c := range a.Compromised {
			before, again := old[[2]string{a.ID, c.Kid}]
			c.False = slices.DeleteFunc(slices.Clone(c.False), func(jti string) bool { return slices.Contains(before.False, jti) })
			if !again || c.Since != before.Since || len(c.False) > 0 {
				out = append(out, declaration{c, a.ID})
			}
		}
	}
	return out, nil
}

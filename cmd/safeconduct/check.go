package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/client"
)

// times are the flags that override the times of a request file.
type times struct{ known, checked string }

func (t *times) flags(c *cobra.Command) {
	c.Flags().StringVar(&t.known, "known-at", "", "decide on what was logged by then (default: the request's known_at, else now)")
	c.Flags().StringVar(&t.checked, "checked-at", "", "decide as if asked then (default: the request's checked_at, else now)")
}

// apply puts the flags into the request.
func (t *times) apply(r *policy.Request) error {
	for _, f := range []struct {
		flag, value string
		to          *policy.Instant
	}{{"--known-at", t.known, &r.KnownAt}, {"--checked-at", t.checked, &r.CheckedAt}} {
		if f.value == "" {
			continue
		}
		if err := f.to.UnmarshalText([]byte(f.value)); err != nil {
			return fmt.Errorf("%s: %w", f.flag, err)
		}
	}
	return nil
}

// request reads a request file and applies the flags; its mistakes are wrong
// usage.
func (t *times) request(c *cobra.Command, file string) (*policy.Request, error) {
	r, err := readRequest(file)
	if err != nil {
		return nil, &failure{exitUsage, fmt.Errorf("%s %s:\n%w", c.Name(), file, err), "nothing was decided; mend the request and ask again"}
	}
	if err := t.apply(r); err != nil {
		return nil, usage(c, err)
	}
	return r, nil
}

func checkCommand() *cobra.Command {
	var url, out string
	var asJSON, force, explain bool
	var ts times
	c := &cobra.Command{
		Use:   "check REQUEST.yaml --registry URL [--evidence OUT]",
		Short: "Decide online, and keep the evidence",
		Long: "Asks the register whether the act of the request may go ahead. --evidence keeps\n" +
			"what proves the answer: anybody can verify it offline, years later.\n" +
			"Exit status: 0 PERMIT, 1 DENY, 2 wrong usage, 3 REFER, 4 not decided.",
		Args: exactly("REQUEST.yaml"),
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := newClient(c, url)
			if err != nil {
				return err
			}
			r, err := ts.request(c, args[0])
			if err != nil {
				return err
			}
			// Who has no place for the evidence does not ask.
			if out != "" {
				if err := replaceable(out, force); err != nil {
					return undecided("", fmt.Errorf("check: %w", err))
				}
			}
			doc, err := json.Marshal(r)
			if err != nil {
				return undecided("", fmt.Errorf("encode the request: %w", err))
			}
			check := cl.Check
			if explain {
				check = cl.Explain
			}
			d, evidence, err := check(c.Context(), doc, out != "")
			if err != nil {
				return undecided(checkHint(err), fmt.Errorf("check %s: %w", args[0], err))
			}
			if out != "" {
				if err := writeNew(out, evidence, force); err != nil {
					return undecided("the register decided, but the evidence could not be kept", err)
				}
			}
			if err := printDecision(c, asJSON, r, d); err != nil {
				return undecided("", err)
			}
			return outcome(d)
		},
	}
	registryFlag(c, &url)
	c.Flags().StringVar(&out, "evidence", "", "file for the evidence")
	explainFlag(c, &explain)
	ts.flags(c)
	forceFlag(c, &force)
	jsonFlag(c, &asJSON)
	return c
}

func explainFlag(c *cobra.Command, v *bool) {
	c.Flags().BoolVar(v, "explain", false, "say how the answer came about, rule by rule, and what would have to change")
}

func checkHint(err error) string {
	asOf := func(p attest.Problem) bool { return p.Pointer == "/checked_at" }
	if p, ok := errors.AsType[*client.Problem](err); ok && slices.ContainsFunc(p.Problems, asOf) {
		return "the register answers as of now: leave checked_at out, or verify evidence that was kept at that time"
	}
	return reachHint(err)
}

func printDecision(c *cobra.Command, asJSON bool, r *policy.Request, d *policy.Decision) error {
	if !asJSON {
		p := &printer{w: c.OutOrStdout()}
		p.decision(r, d)
		return p.err
	}
	b, err := d.Marshal()
	if err != nil {
		return fmt.Errorf("encode the decision: %w", err)
	}
	_, err = c.OutOrStdout().Write(b)
	return err
}

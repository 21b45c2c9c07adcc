package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/client"
)

// holding is what check decides by itself, and from what while the register
// cannot be reached.
type holding struct {
	trust, evidence string
	lists           []string
	within          time.Duration
}

func (h *holding) flags(c *cobra.Command) {
	c.Flags().StringVar(&h.trust, "trust", "", "trust file, to decide on evidence")
	c.Flags().StringVar(&h.evidence, "held", "", "evidence to decide from while the register cannot be reached")
	c.Flags().DurationVar(&h.within, "within", 15*time.Second, "with --held, how long the register may take")
	listsFlag(c, &h.lists)
}

func (h *holding) check(c *cobra.Command) error {
	if h.trust == "" && (h.evidence != "" || len(h.lists) > 0) {
		return usage(c, errors.New("check: --held and --screen go with --trust: without it the register decides, on its word"))
	}
	return nil
}

// decide decides by the trust file. What was decided offline is said to be, and
// has no new evidence.
func (h *holding) decide(c *cobra.Command, cl *client.Client, r *policy.Request, ds []attest.Disclosure, explain bool) (*policy.Decision, []byte, error) {
	held := client.Held{Explain: explain, Disclosures: ds}
	var err error
	if held.Trust, err = readTrust(h.trust); err != nil {
		return nil, nil, fmt.Errorf("read what to trust from %s:\n%w", h.trust, err)
	}
	if held.Screening, err = readLists(h.lists); err != nil {
		return nil, nil, err
	}
	if h.evidence != "" {
		held.Within = h.within
		held.Evidence, err = readFile(h.evidence)
		if errors.Is(err, os.ErrNotExist) {
			// As at the first time of all, which is to make it.
			fmt.Fprintf(c.ErrOrStderr(), "safeconduct: note: nothing is held yet in %s\n", h.evidence)
		} else if err != nil {
			return nil, nil, fmt.Errorf("read what is held: %w", err)
		}
	}
	a, err := cl.CheckOrHeld(c.Context(), r, r.Times(time.Now()), held)
	if err != nil {
		return nil, nil, err
	}
	if a.Offline != nil {
		fmt.Fprintf(c.ErrOrStderr(), "safeconduct: note: %s\n", a.Note())
		return a.Decision, nil, nil //nolint:nilerr // that nobody answered was told
	}
	return a.Decision, a.Evidence, nil
}

package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/signer/keyref"
)

// decisionKeyFlag is for services that sign what they decide.
func decisionKeyFlag(c *cobra.Command, ref *string) {
	c.Flags().StringVar(ref, "decision-key", "", "reference of the key that signs decisions for check --receipt, which the trust root lists under decision_keys (a file or as key show says)")
}

// loadDecisionKey loads the key that a reference names, none for "".
func loadDecisionKey(c *cobra.Command, ref string) (attest.Signer, error) {
	if ref == "" {
		return nil, nil
	}
	s, err := keyref.Load(c.Context(), ref, password)
	if err != nil {
		return nil, failed("safeconduct keygen makes a key in a file", fmt.Errorf("%s: the key that signs decisions: %w", c.Name(), err))
	}
	return s, nil
}

// warnDecisionKey warns where receipts are asked for in vain. Before the first
// trust root is published, nobody can tell.
func warnDecisionKey(r interface {
	DecisionKey() (kid string, listed bool)
	Root() *attest.TrustRoot
}, logger *slog.Logger,
) {
	if kid, listed := r.DecisionKey(); kid != "" && !listed && r.Root() != nil {
		logger.Warn("the trust root in force does not list the key that is to sign decisions, so that none is signed; a root that has it under decision_keys makes good for it", slog.String("kid", kid))
	}
}

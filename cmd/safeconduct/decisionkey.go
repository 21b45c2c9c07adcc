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

// warnDecisionKey warns where receipts are asked for in vain.
func warnDecisionKey(r interface{ DecisionKey() (string, bool) }, logger *slog.Logger) {
	if kid, listed := r.DecisionKey(); kid != "" && !listed {
		logger.Warn("the trust root in force does not list the key that is to sign decisions, so that none is signed; a root that has it under decision_keys makes good for it", slog.String("kid", kid))
	}
}

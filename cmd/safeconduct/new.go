package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
)

func newCommand() *cobra.Command {
	kinds := []string{"registration", "entity", "domain", "consent", "event", "entity-event", "succession", "freeze", "root"}
	return &cobra.Command{
		Use:       "new KIND",
		Short:     "Print a commented draft of a statement to fill in",
		Example:   "  safeconduct new entity > approval.yaml",
		ValidArgs: kinds,
		Args:      exactly("kind"),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(kinds, args[0]) {
				return usage(c, fmt.Errorf("new: unknown kind %q: want one of %v", args[0], kinds))
			}
			_, err := fmt.Fprint(c.OutOrStdout(), draft.Template(attest.Kind(args[0])))
			return err
		},
	}
}

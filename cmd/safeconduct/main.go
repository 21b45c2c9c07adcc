// Program safeconduct signs, logs, checks, proves and verifies pre-approvals
// of entities and project domains.
//
// Answers go to stdout, everything else to stderr. An error says what was
// attempted and what was wrong, and a hint says what to do. The exit status is
// 0 for done, 1 for failed and 2 for wrong usage; that of check and verify is
// 0 for PERMIT, 1 for DENY, 2 for wrong usage, 3 for REFER and 4 where nothing
// could be decided; that of screen is 0 for nothing found, 1 for an identifier,
// 3 for a name, and 4 where a list could not be read; that of status is 0 where
// enough have signed, 1 where not, and 3 where no trust root tells; that
// of diff is 0 where there is nothing to warn of, and 3 where there is; that of
// receipt verify is 0 where the receipt holds, whatever was decided.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Who interrupts twice does not wait for what reads a pipe to its end.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run executes the command line and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           "safeconduct",
		Short:         "A register of pre-approvals that anybody can check",
		Long:          "Safeconduct is a register of pre-approved entities and project domains.\nExport authorities sign approvals, every approval goes into an append-only log,\nand companies prove that a partner, a site, an item and a use stand inside one.",
		Version:       thisBuild().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetArgs(withKeyID(args))
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(usage)
	root.SetVersionTemplate("safeconduct {{.Version}}\n")
	root.AddCommand(
		keygenCommand(), keyCommand(), rootCommand(), newCommand(), signCommand(), statusCommand(), diffCommand(),
		serveCommand(), submitCommand(), checkCommand(), verifyCommand(), proveCommand(), receiptCommand(), proofCommand(), demoCommand(),
		mirrorCommand(), auditCommand(), fsckCommand(), backupCommand(), restoreCommand(),
		simulateCommand(), recheckCommand(), reissueCommand(), screenCommand(), historyCommand(), exportCommand(), importCommand(),
		versionCommand(),
	)
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{code: exitFailed, err: err}
		// What cobra itself refuses, an unknown command, is wrong usage.
		if strings.HasPrefix(err.Error(), "unknown command") {
			f.code, f.hint = exitUsage, "safeconduct --help lists the commands"
		}
	}
	if _, ok := errors.AsType[*existing](err); ok && f.hint == "" {
		f.hint = "choose another name, or move it away"
		if c.Flags().Lookup("force") != nil {
			f.hint = "--force overwrites it"
		}
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		// What was under way says nothing to whoever has ended it.
		f = &failure{code: f.code, err: fmt.Errorf("%s: interrupted", c.Name()), hint: f.hint}
	}
	if f.err != nil {
		fmt.Fprintf(stderr, "safeconduct: error: %v\n", f.err)
	}
	if f.hint != "" {
		fmt.Fprintf(stderr, "safeconduct: hint: %s\n", f.hint)
	}
	return f.code
}

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/policy"
)

// The exit statuses.
const (
	exitOK        = 0
	exitFailed    = 1
	exitDeny      = 1
	exitUsage     = 2
	exitRefer     = 3
	exitUndecided = 4
)

// A failure ends the program with a status, saying what was wrong and what to
// do next. One without err says nothing: the answer has been printed.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit status %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// failed is a failure with status 1.
func failed(hint string, err error) error { return &failure{exitFailed, err, hint} }

// undecided is a failure of check and verify, with status 4.
func undecided(hint string, err error) error { return &failure{exitUndecided, err, hint} }

// usage is a failure with status 2 that points to the command's help.
func usage(c *cobra.Command, err error) error {
	return &failure{exitUsage, err, c.CommandPath() + " --help shows how it is used"}
}

// exactly wants n arguments, named for the message.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != len(names) {
			want := "no argument"
			if len(names) > 0 {
				want = strings.Join(names, " ")
			}
			return usage(c, fmt.Errorf("%s wants %s; got %q", c.CommandPath(), want, args))
		}
		return nil
	}
}

// atLeastOne wants one argument or more.
func atLeastOne(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage(c, fmt.Errorf("%s wants at least one %s", c.CommandPath(), name))
		}
		return nil
	}
}

// outcome turns a decision that has been printed into the exit status.
func outcome(d *policy.Decision) error {
	switch d.Decision {
	case policy.PERMIT:
		return nil
	case policy.DENY:
		return &failure{code: exitDeny}
	case policy.REFER:
		return &failure{code: exitRefer}
	default:
		return undecided("", fmt.Errorf("the decision says %q", d.Decision))
	}
}

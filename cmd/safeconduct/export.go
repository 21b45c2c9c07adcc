package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/internal/durable"
	"github.com/safeconduct/safeconduct/registry/trail"
	"github.com/safeconduct/safeconduct/verify"
)

// exporting is what export is told.
type exporting struct {
	source                                 sourceFlags
	format, authority, sandbox, since, out string
	force                                  bool
	subjects                               []inquiry
	from                                   int64
}

func exportCommand() *cobra.Command {
	var x exporting
	c := &cobra.Command{
		Use:   "export [SUBJECT…] --registry URL|--dir DIR [--trust TRUST] [--format csv|json] [--out FILE]",
		Short: "Every statement of a register, for a spreadsheet or a program",
		Long: "Writes all statements, or those about some subjects, by an authority, in a sandbox, or\n" +
			"since a size of the log, in log order: as CSV (RFC 4180) with a line of names before it,\n" +
			"or as JSON. The whole log is read, and with a trust file each leaf is checked against its\n" +
			"checkpoint, so that none can be left out. Without one it is the register's word, which\n" +
			"every line repeats.\n" +
			"In CSV, a cell that begins with = + - @, a tab or a carriage return gets an apostrophe\n" +
			"before it: spreadsheets would compute it. JSON has what was signed.\n" +
			"Exit status: 0 all was written, 1 not, 2 wrong usage.",
		Example: "  safeconduct export --registry http://127.0.0.1:8080 --trust trust.yaml --out register.csv\n" +
			"  safeconduct export --dir register --format json --authority us-bis --since 1042",
		RunE: func(c *cobra.Command, args []string) error {
			if err := x.check(args); err != nil {
				return usage(c, fmt.Errorf("export: %w", err))
			}
			s, err := x.source.open(c)
			if err != nil {
				return err
			}
			n, err := x.run(c, s)
			if err := errors.Join(err, s.close()); err != nil {
				return failed(exportHint(err), fmt.Errorf("export: %w", err))
			}
			if s.trust == nil {
				fmt.Fprintf(c.ErrOrStderr(), "safeconduct: warning: %s\n", unproven)
			}
			if x.out != "" {
				fmt.Fprintf(c.OutOrStdout(), "%s in %s\n", count(n, "statement"), x.out)
			}
			return nil
		},
	}
	x.source.flags(c)
	c.Flags().StringVar(&x.format, "format", "csv", "csv or json")
	c.Flags().StringVar(&x.authority, "authority", "", "only what this authority has said")
	c.Flags().StringVar(&x.sandbox, "sandbox", "", "only what is about this sandbox")
	c.Flags().StringVar(&x.since, "since", "0", "only what was logged from this size of the log on")
	c.Flags().StringVar(&x.out, "out", "", "file to write (default: standard output)")
	forceFlag(c, &x.force)
	return c
}

// check reads what is to be written.
func (x *exporting) check(args []string) (err error) {
	if x.format != "csv" && x.format != "json" {
		return fmt.Errorf("--format %q: want csv or json", x.format)
	}
	if x.from, err = verify.ParseSize(x.since); err != nil {
		return fmt.Errorf("--since: want a size of the log, such as 1042: %w", err)
	}
	if x.authority != "" {
		if err := identifier.Authority(x.authority); err != nil {
			return fmt.Errorf("--authority: %w", err)
		}
	}
	if x.sandbox != "" {
		if err := identifier.Sandbox(x.sandbox); err != nil {
			return fmt.Errorf("--sandbox: %w", err)
		}
	}
	for _, a := range args {
		q, err := parseAsked(a)
		if err == nil && q.jti != "" {
			err = errors.New("is a statement; safeconduct history finds its subject")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", a, err)
		}
		x.subjects = append(x.subjects, q)
	}
	return nil
}

// known refuses an authority that no version of the trust root lists: nothing
// would be found of it, and a typing mistake would look like that.
func (x *exporting) known(e *verify.Opened) error {
	if x.authority == "" || x.authority == attest.RootSubject {
		return nil
	}
	roots, err := e.History(attest.RootSubject, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	var names []string
	for _, r := range roots {
		for _, a := range r.Statement.TrustRoot().Root().Authorities {
			names = append(names, a.ID)
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); !slices.Contains(names, x.authority) {
		return fmt.Errorf("--authority %s: the register has no such authority; it has %s", x.authority, strings.Join(names, ", "))
	}
	return nil
}

// wanted reports whether a statement is to be written.
func (x *exporting) wanted(c attest.Claims) bool {
	if x.authority != "" && c.Head().Iss != x.authority {
		return false
	}
	subjects := c.Subjects()
	if x.sandbox != "" && !slices.Contains(subjects, attest.SandboxSubject(x.sandbox)) {
		return false
	}
	return len(x.subjects) == 0 || slices.ContainsFunc(x.subjects, func(q inquiry) bool {
		return slices.ContainsFunc(subjects, q.covers)
	})
}

// covers reports whether a subject is what was asked about.
func (q inquiry) covers(subject string) bool {
	return subject == q.subject || q.entity != "" && strings.HasPrefix(subject, attest.ApprovalSubject(q.entity, ""))
}

func exportHint(err error) string {
	if _, ok := errors.AsType[*existing](err); ok {
		return ""
	}
	if hint := reachHint(err); hint != "" {
		return hint
	}
	if hint := verifyHint(err); hint != "" {
		return hint
	}
	return "what was written so far, if anything, is not whole: do not use it"
}

// run writes to a file, whole or not at all, or to the output as it comes.
func (x *exporting) run(c *cobra.Command, s *source) (n int, err error) {
	if x.out == "" {
		return x.write(c.Context(), c.OutOrStdout(), s, newProgress(c.ErrOrStderr(), "read").patient())
	}
	if err := replaceable(x.out, x.force); err != nil {
		return 0, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(x.out), ".safeconduct-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, removed(tmp.Name())) }()
	n, err = x.write(c.Context(), tmp, s, newProgress(c.ErrOrStderr(), "read").patient())
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return 0, err
	}
	return n, durable.Rename(tmp.Name(), x.out)
}

func (x *exporting) write(ctx context.Context, w io.Writer, s *source, bar *progress) (n int, err error) {
	defer bar.end()
	e, _, err := s.ask(ctx, nil)
	if err != nil {
		return 0, err
	}
	if err := x.known(e); err != nil {
		return 0, err
	}
	report := e.Report()
	about := trail.About{Register: report.Origin, Size: report.Size, Proof: trail.Proven, Warnings: report.Warnings}
	if s.trust == nil {
		about.Proof, about.Warnings = trail.Word, nil
	}
	b := bufio.NewWriterSize(w, 1<<16)
	begin := trail.NewCSV
	if x.format == "json" {
		begin = trail.NewJSON
	}
	out, err := begin(b, about)
	if err != nil {
		return 0, err
	}
	for r, err := range trail.Statements(ctx, s.tiles, e, x.from) {
		if err != nil {
			return 0, errors.Join(err, b.Flush())
		}
		bar.show(r.Index, report.Size)
		if !x.wanted(r.Statement.Claims()) {
			continue
		}
		if err := out.Write(trail.NewRecord(r)); err != nil {
			return 0, err
		}
		n++
	}
	if err := out.Close(); err != nil {
		return 0, err
	}
	return n, b.Flush()
}

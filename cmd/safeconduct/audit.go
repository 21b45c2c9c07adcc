package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/registry/mirror"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/verify"
)

func auditCommand() *cobra.Command {
	var trust, dir string
	var asJSON bool
	c := &cobra.Command{
		Use:   "audit DIR|URL [--trust FILE]",
		Short: "Check a whole register once, and say what it holds",
		Long: "Does again all that a register did, as a mirror does, from its tiles at URL or from the\n" +
			"store of a register or mirror that is not running, in DIR; and says what it holds.\n" +
			"Without --trust, the register is taken at its word for its first trust root.\n" +
			"The leaves take as much room as in the register's own store: they are kept with --dir,\n" +
			"where the next audit goes on, and else in a directory under $TMPDIR until it ends.\n" +
			"Exit status: 0 all is as it should be, 1 not, or it could not be told.",
		Example: "  safeconduct audit https://register.example.org --trust trust.yaml --dir audited",
		Args:    exactly("DIR|URL"),
		RunE: func(c *cobra.Command, args []string) error {
			var t *verify.Trust
			if trust != "" {
				var err error
				if t, err = readTrust(trust); err != nil {
					return failed("a trust file says which register is trusted; safeconduct root show --trust prints one", fmt.Errorf("audit: %w", err))
				}
			}
			reg, done, err := auditee(c, args[0])
			if err != nil {
				return err
			}
			bar := newProgress(c.ErrOrStderr(), "checked")
			s, err := auditInto(c.Context(), dir, reg, t, mirror.AuditOptions{Progress: bar.show})
			bar.end()
			if err := errors.Join(err, done()); err != nil {
				return diverged(c, asJSON, args[0], err)
			}
			return printAnswer(c, asJSON, s, func(p *printer) { p.summary(s) })
		},
	}
	c.Flags().StringVar(&trust, "trust", "", "trust file, which pins the register's trust root")
	c.Flags().StringVar(&dir, "dir", "", "directory to keep what was checked in, and to go on from")
	reachFlags(c)
	jsonFlag(c, &asJSON)
	return c
}

// auditedDir in the directory that audit is given is its store. No register or
// mirror goes on with it.
const auditedDir = "audited"

// auditInto audits with what is kept in a directory, if one is given.
func auditInto(ctx context.Context, dir string, reg mirror.Register, t *verify.Trust, o mirror.AuditOptions) (s *mirror.Summary, err error) {
	if dir != "" {
		log, err := badgerlog.Open(filepath.Join(dir, auditedDir), nil)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, log.Close()) }()
		o.Log = log
	}
	return mirror.Audit(ctx, reg, t, o)
}

// auditee is the register at a URL, or in a directory.
func auditee(c *cobra.Command, name string) (reg mirror.Register, done func() error, err error) {
	if strings.Contains(name, "://") {
		r, err := registerAt(c, name)
		return r, func() error { return nil }, err
	}
	dir := filepath.Join(name, storeDir)
	if _, err := os.Stat(dir); err != nil {
		return nil, nil, failed("name the directory of a register or mirror, or its URL", fmt.Errorf("audit %s: %w", name, err))
	}
	store, err := badgerlog.Open(dir, nil)
	if err != nil {
		return nil, nil, failed("a register that is running is audited at its URL; safeconduct fsck says what is wrong with a damaged store", fmt.Errorf("audit %s: %w", name, err))
	}
	return mirror.FromStore(store), store.Close, nil
}

// diverged prints the report where the register did what it may not.
func diverged(c *cobra.Command, asJSON bool, name string, err error) error {
	d, ok := errors.AsType[*registry.Divergence](err)
	if !ok {
		hint := ""
		if errors.Is(err, tlogtiles.ErrUnreachable) {
			hint = "is the register running there? nothing could be told"
		}
		return failed(hint, fmt.Errorf("audit %s: %w", name, err))
	}
	origin := name
	if len(d.Checkpoints) > 0 {
		if p, err := verify.ParseCheckpoint(d.Checkpoints[0]); err == nil {
			origin = p.Origin
		}
	}
	r := mirror.NewReport(origin, d, time.Now(), 0)
	if err := printAnswer(c, asJSON, r, func(p *printer) { p.line("%s", r.Text()) }); err != nil {
		return failed("", err)
	}
	return failed("keep the report; "+r.Shows(), fmt.Errorf("audit %s: %w", name, d))
}

// summary writes what an audit has found.
func (p *printer) summary(s *mirror.Summary) {
	p.line("all is as it should be in %s", s.Origin)
	p.line("")
	rows := [][]string{
		{"size", fmt.Sprintf("%d leaves: %d statements in %d batches", s.Size, s.Statements, s.Batches)},
	}
	var kinds []string
	for k, n := range s.Kinds {
		kinds = append(kinds, fmt.Sprintf("%s %d", k, n))
	}
	slices.Sort(kinds)
	rows = append(rows, [][]string{
		{"of kinds", strings.Join(kinds, ", ")},
		{"entities", fmt.Sprint(s.Entities)},
		{"sandboxes", fmt.Sprint(s.Sandboxes)},
		{"authorities", strings.Join(s.Authorities, ", ")},
		{"trust root", fmt.Sprintf("version %d of %d", s.Root, s.Roots)},
		{"logged from", s.First.UTC().Format(time.RFC3339)},
		{"to", s.Last.UTC().Format(time.RFC3339)},
		{"tree hash", s.TreeHash},
		{"map root", s.MapRoot},
	}...)
	for _, c := range s.Cosigned {
		who := string(c.Role)
		if c.Operator {
			who += " of the operator's own"
		}
		rows = append(rows, []string{"cosigned by", fmt.Sprintf("%s (%s) at %s", c.Name, who, c.Time.UTC().Format(time.RFC3339))})
	}
	if len(s.Cosigned) == 0 {
		rows = append(rows, []string{"cosigned by", "nobody that the trust root lists"})
	}
	p.table(append(rows, []string{"audited in", s.Took.Round(time.Millisecond).String()})...)
	if !s.Pinned {
		p.line("warning: no trust file was given: that this is the register's own first trust root is its word")
	}
}

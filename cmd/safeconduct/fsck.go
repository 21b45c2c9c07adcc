package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/internal/durable"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/verify"
)

func fsckCommand() *cobra.Command {
	var rebuild, asJSON bool
	c := &cobra.Command{
		Use:   "fsck DIR [--rebuild]",
		Short: "Check a stopped register's log, and rebuild what is derived from its leaves",
		Long: "Compares everything in the log of a register or mirror that is not running with its\n" +
			"leaves, and these with what is signed. What is logged stays as it is, but opening the store\n" +
			"writes to its files, and clears away what a write that was cut short has left there: where\n" +
			"they are evidence, or the disk fails, copy the directory first. With --rebuild, what is\n" +
			"derived is made anew beside it, and the damaged log is kept under another name.\n" +
			"Exit status: 0 all agrees, or has been rebuilt; 1 not.",
		Example: "  safeconduct fsck register\n  safeconduct fsck register --rebuild",
		Args:    exactly("DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			report, err := fsck(c, args[0])
			if err != nil {
				return failed("", fmt.Errorf("fsck %s: %w", args[0], err))
			}
			if err := printAnswer(c, asJSON, report, func(p *printer) { p.checked(&report) }); err != nil {
				return err
			}
			switch {
			case report.OK():
				return nil
			case !report.Healable():
				return failed("restore a backup, or make the log anew from a mirror: safeconduct backup URL-OF-MIRROR", fmt.Errorf("fsck %s: the log is damaged, and not only in what is derived", args[0]))
			case !rebuild:
				return failed("safeconduct fsck --rebuild makes it anew from the leaves", fmt.Errorf("fsck %s: what is derived from the leaves is damaged", args[0]))
			}
			kept, err := rebuilt(c, args[0])
			if err != nil {
				return failed("", fmt.Errorf("rebuild %s: %w", args[0], err))
			}
			fmt.Fprintf(c.ErrOrStderr(), "rebuilt; the damaged log is kept in %s\n", kept)
			return nil
		},
	}
	c.Flags().BoolVar(&rebuild, "rebuild", false, "make what is derived anew where it is damaged")
	jsonFlag(c, &asJSON)
	return c
}

// stoppedLog opens the log in the directory of a register or mirror that is
// not running.
func stoppedLog(dir string, open func(string, *slog.Logger) (*badgerlog.Log, error)) (*badgerlog.Log, error) {
	store, err := storeIn(dir)
	if err != nil {
		return nil, err
	}
	return open(store, nil)
}

// storeIn is where the log of a register or mirror lies in its directory.
func storeIn(dir string) (string, error) {
	store := filepath.Join(dir, storeDir)
	if info, err := os.Stat(store); err != nil || !info.IsDir() {
		return "", fmt.Errorf("%s has no log, %s: name the directory of a register or mirror", dir, storeDir)
	}
	return store, nil
}

func fsck(c *cobra.Command, dir string) (registry.Report, error) {
	log, err := stoppedLog(dir, badgerlog.OpenUnchecked)
	if err != nil {
		return registry.Report{}, err
	}
	report, err := checkLog(c, log)
	if err := errors.Join(err, log.Close()); err != nil || !report.OK() {
		return report, err
	}
	// What only a store can tell: that something acknowledged is missing.
	if log, err = stoppedLog(dir, badgerlog.Open); err != nil {
		return report, err
	}
	return report, log.Close()
}

func checkLog(c *cobra.Command, log *badgerlog.Log) (registry.Report, error) {
	head, err := log.Head()
	if err != nil || head.Size == 0 {
		return registry.Report{}, err
	}
	cp, err := verify.ParseCheckpoint(head.Checkpoint)
	if err != nil {
		return registry.Report{}, err
	}
	bar := newProgress(c.ErrOrStderr(), "")
	defer bar.end()
	up := registry.Checkup{Log: log, Origin: cp.Origin, Progress: func(stage string, size int64) {
		bar.next(stage)
		bar.show(size, head.Size)
	}}
	return up.Run(c.Context())
}

// rebuilt makes the log anew, and returns under which name the old one is kept.
func rebuilt(c *cobra.Command, dir string) (kept string, err error) {
	store, err := storeIn(dir)
	if err != nil {
		return "", err
	}
	part := store + ".part"
	if err := os.RemoveAll(part); err != nil {
		return "", err
	}
	if err := rebuildInto(c, store, part); err != nil {
		return "", errors.Join(err, os.RemoveAll(part))
	}
	kept = store + ".damaged-" + time.Now().UTC().Format("20060102T150405Z")
	if err := durable.Rename(store, kept); err != nil {
		return "", err
	}
	return kept, durable.Rename(part, store)
}

func rebuildInto(c *cobra.Command, store, part string) error {
	old, err := badgerlog.OpenUnchecked(store, nil)
	if err != nil {
		return err
	}
	log, err := badgerlog.Open(part, nil)
	if err != nil {
		return errors.Join(err, old.Close())
	}
	return errors.Join(rebuildLog(c.Context(), c, old, log), log.Close(), old.Close())
}

func rebuildLog(ctx context.Context, c *cobra.Command, old, log *badgerlog.Log) error {
	head, err := old.Head()
	if err != nil {
		return err
	}
	bar := newProgress(c.ErrOrStderr(), "rebuilt")
	defer bar.end()
	return registry.Rebuild(ctx, old, log, func(size int64) { bar.show(size, head.Size) })
}

// checked writes what a check of a log has found.
func (p *printer) checked(r *registry.Report) {
	for _, d := range r.Differences {
		p.line("%s: %s", d.Text, d.Advice)
	}
	if r.Unlisted > 0 {
		p.line("and %d more", r.Unlisted)
	}
	if r.OK() && r.Size == 0 {
		p.line("the log is empty")
		return
	}
	word := "does not agree"
	if r.OK() {
		word = "agrees"
	}
	p.line("the log of %s %s: %d leaves, %d statements in %d batches, %d subjects", r.Origin, word, r.Size, r.Statements, r.Batches, r.Subjects)
}

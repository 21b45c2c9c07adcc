package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/internal/durable"
	"github.com/safeconduct/safeconduct/registry/backup"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/verify"
)

func backupCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "backup DIR|URL --out FILE",
		Short: "Write a register's log into one file",
		Long: "Writes the leaves and signed checkpoints of a log, which is all that a register can be\n" +
			"made of again: from the directory of a register that is stopped, or over the network\n" +
			"from one that runs. The register's keys are not in it. The file never replaces one.",
		Example: "  safeconduct backup https://register.example.org --out register.backup\n" +
			"  safeconduct restore register.backup --dir register",
		Args: exactly("DIR|URL"),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return usage(c, errors.New("backup: --out is missing: say where to write to"))
			}
			size, err := writeBackup(c, args[0], out)
			if err != nil {
				if f, ok := errors.AsType[*failure](err); ok {
					return f
				}
				return failed("", fmt.Errorf("backup %s: %w", args[0], err))
			}
			fmt.Fprintf(c.OutOrStdout(), "%d leaves of %s in %s\n", size, args[0], out)
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", "file to write")
	reachFlags(c)
	return c
}

// writeBackup writes the file whole or not at all.
func writeBackup(c *cobra.Command, from, out string) (size int64, err error) {
	if _, err := os.Lstat(out); err == nil {
		return 0, failed("choose another --out", fmt.Errorf("backup: write %s: it exists", out))
	}
	tmp, err := os.CreateTemp(filepath.Dir(out), ".safeconduct-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, removed(tmp.Name())) }()
	bar := newProgress(c.ErrOrStderr(), "written")
	if strings.Contains(from, "://") {
		err = backupOnline(c, from, tmp, bar)
	} else {
		err = backupStopped(c.Context(), from, tmp)
	}
	bar.end()
	if err := errors.Join(err, tmp.Sync()); err != nil {
		return 0, errors.Join(err, tmp.Close())
	}
	size, err = backedUp(tmp)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return 0, err
	}
	return size, durable.Rename(tmp.Name(), out)
}

// removed takes away what was not renamed.
func removed(name string) error {
	if err := os.Remove(name); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// backedUp reads a backup through and returns its size in leaves.
func backedUp(f *os.File) (int64, error) {
	length, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	b, err := backup.Open(f, length)
	if err != nil {
		return 0, err
	}
	return b.Size(), nil
}

func backupOnline(c *cobra.Command, url string, w io.Writer, bar *progress) error {
	reg, err := registerAt(c, url)
	if err != nil {
		return err
	}
	latest, err := reg.Latest(c.Context())
	if err != nil {
		return err
	}
	cp, err := verify.ParseCheckpoint(latest)
	if err != nil {
		return err
	}
	return backup.WriteFrom(c.Context(), w, reg, latest, func(size int64) { bar.show(size, cp.Tree.N) })
}

func backupStopped(ctx context.Context, dir string, w io.Writer) error {
	log, err := stoppedLog(dir, badgerlog.Open)
	if err != nil {
		return err
	}
	return errors.Join(backup.Write(ctx, w, log), log.Close())
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/internal/durable"
	"github.com/safeconduct/safeconduct/registry/backup"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
)

// restoredFile in a register's directory says that its log was put back from a
// copy, and nobody has confirmed yet that nothing came after it.
const restoredFile = "restored"

func restoreCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "restore FILE --dir DIR",
		Short: "Make a register's log anew from a backup",
		Long: "Puts the log of a backup into the directory of a register, which must not have one, and\n" +
			"checks all of it: every hash, signature, rule of admission and map root. What the\n" +
			"register logged after the backup is lost; serve then asks its cosigners whether\n" +
			"there was such, or wants --accept-rollback where it has none.",
		Example: "  safeconduct restore register.backup --dir register",
		Args:    exactly("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			if dir == "" {
				return usage(c, errors.New("restore: --dir is missing: say where the register lies"))
			}
			size, err := restore(c, args[0], dir)
			if err != nil {
				return failed(restoreHint(err), fmt.Errorf("restore %s: %w", args[0], err))
			}
			fmt.Fprintf(c.OutOrStdout(), "%d leaves in %s\n", size, filepath.Join(dir, storeDir))
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "directory of the register")
	return c
}

var errHasLog = errors.New("there is a log already")

func restoreHint(err error) string {
	if errors.Is(err, errHasLog) {
		return "a log is never overwritten: move it away first, and keep it"
	}
	return ""
}

func restore(c *cobra.Command, file, dir string) (size int64, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	b, err := backup.Open(f, info.Size())
	if err != nil {
		return 0, err
	}
	store := filepath.Join(dir, storeDir)
	if _, err := os.Lstat(store); err == nil {
		return 0, fmt.Errorf("%s: %w", store, errHasLog)
	}
	// Under another name until it is whole.
	part := store + ".part"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	if err := os.RemoveAll(part); err != nil {
		return 0, err
	}
	bar := newProgress(c.ErrOrStderr(), "restored")
	defer bar.end()
	if err := restoreInto(c.Context(), part, b, bar); err != nil {
		return 0, errors.Join(err, os.RemoveAll(part))
	}
	if err := writeFile(filepath.Join(dir, restoredFile), fmt.Appendf(nil, "%d\n", b.Size())); err != nil {
		return 0, err
	}
	return b.Size(), durable.Rename(part, store)
}

func restoreInto(ctx context.Context, dir string, b *backup.Backup, bar *progress) error {
	log, err := badgerlog.Open(dir, nil)
	if err != nil {
		return err
	}
	err = backup.Restore(ctx, b, log, func(size int64) { bar.show(size, b.Size()) })
	return errors.Join(err, log.Close())
}

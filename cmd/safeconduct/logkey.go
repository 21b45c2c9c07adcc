package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/internal/durable"
	"github.com/safeconduct/safeconduct/registry"
)

// The keys that sign a register's checkpoints: log.key, and beside it those
// that are to follow it, log-2.key and so on.
const (
	logKeyFile   = "log.key"
	logVKeyFile  = "log.vkey"
	laterLogKeys = "log-*.key"
)

// logSigners reads the log keys of a register's directory.
func logSigners(dir string) ([]note.Signer, error) {
	later, err := filepath.Glob(filepath.Join(dir, laterLogKeys))
	if err != nil {
		return nil, fmt.Errorf("read the register's keys: %w", err)
	}
	slices.Sort(later)
	names := append([]string{filepath.Join(dir, logKeyFile)}, later...)
	if _, err := os.Stat(names[0]); errors.Is(err, os.ErrNotExist) && len(later) > 0 {
		names = later
	}
	var signers []note.Signer
	for _, name := range names {
		skey, err := readKey(filepath.Dir(name), filepath.Base(name))
		if err != nil {
			return nil, err
		}
		s, err := note.NewSigner(skey)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", filepath.Base(name), err)
		}
		signers = append(signers, s)
	}
	return signers, nil
}

// makeLogKey makes a key that signs checkpoints. The verifier key is written
// first: a private key never stands beside another's.
func makeLogKey(dir, origin, keyFile, vkeyFile string) error {
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return fmt.Errorf("make the log key: %w", err)
	}
	if err := durable.Create(filepath.Join(dir, vkeyFile), []byte(vkey+"\n"), 0o644); err != nil {
		return err
	}
	if err := durable.Create(filepath.Join(dir, keyFile), []byte(skey+"\n"), 0o600); err != nil {
		return errors.Join(err, os.Remove(filepath.Join(dir, vkeyFile)))
	}
	return nil
}

func rootLogKeyCommand() *cobra.Command {
	var dir string
	var asJSON bool
	c := &cobra.Command{
		Use:   "log-key --dir DIR",
		Short: "Make the log key that is to follow a register's own",
		Long: "Makes one more key that signs checkpoints, beside the one that the register in DIR has.\n" +
			"A running register takes it up on SIGHUP, and signs with both from the version of the\n" +
			"trust root on that lists both. When the witnesses know the new key, a version that\n" +
			"leaves the old one out ends it; its file can then go.",
		Example: "  safeconduct root log-key --dir register",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" {
				return usage(c, errors.New("root log-key: --dir is missing: say where the register lies"))
			}
			held, err := logSigners(dir)
			if err != nil {
				return failed("a register's first keys are made by safeconduct root init", fmt.Errorf("root log-key: %w", err))
			}
			for n := 2; ; n++ {
				key, vkey := fmt.Sprintf("log-%d.key", n), fmt.Sprintf("log-%d.vkey", n)
				if isThere(filepath.Join(dir, key)) || isThere(filepath.Join(dir, vkey)) {
					continue
				}
				if err := makeLogKey(dir, held[0].Name(), key, vkey); err != nil {
					return failed("", fmt.Errorf("root log-key: %w", err))
				}
				key, vkey = filepath.Join(dir, key), filepath.Join(dir, vkey)
				text, err := readFile(vkey)
				if err != nil {
					return failed("", fmt.Errorf("root log-key: %w", err))
				}
				return printAnswer(c, asJSON, map[string]string{"key": key, "vkey": vkey}, func(p *printer) {
					p.pairs("log key", key+" (keep it)", "to list", strings.TrimSpace(string(text)))
				})
			}
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "directory of the register")
	jsonFlag(c, &asJSON)
	return c
}

// logKeysOf has the register sign with the log keys that are in its directory by
// the time that they are read again.
func logKeysOf(reg *registry.Registry, dir string) reread {
	return reread{"the log keys", func() error {
		signers, err := logSigners(dir)
		for _, s := range signers {
			err = errors.Join(err, reg.AddLogSigner(s))
		}
		return err
	}}
}

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/signer"
)

func keygenCommand() *cobra.Command {
	var out, alg string
	var asJSON bool
	c := &cobra.Command{
		Use:   "keygen --out FILE",
		Short: "Make a signing key",
		Long: "Makes a private key in FILE (PEM, mode 0600; encrypted when " + signer.PasswordVariable + " is set)\n" +
			"and its public key in FILE.pub.jwk. It never overwrites a file.",
		Example: "  safeconduct keygen --out alice.key\n  SAFECONDUCT_PASSWORD=… safeconduct keygen --out alice.key --alg ES256",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return usage(c, errors.New("keygen: --out is missing: say where to put the key"))
			}
			if !slices.Contains(attest.Algorithms(), alg) {
				return usage(c, fmt.Errorf("keygen: unknown algorithm %q: want one of %v", alg, attest.Algorithms()))
			}
			key, err := signer.Generate(alg)
			if err != nil {
				return failed("", fmt.Errorf("make a %s key: %w", alg, err))
			}
			// The public key goes first: a private key without it is of no use.
			pub := signer.PublicPath(out)
			if err := signer.WritePublic(pub, key.Key()); err != nil {
				return failed(keygenHint(err, out), err)
			}
			pw := os.Getenv(signer.PasswordVariable)
			if err := signer.Write(out, key, []byte(pw)); err != nil {
				return failed(keygenHint(err, out), errors.Join(err, os.Remove(pub)))
			}
			how := "not encrypted: " + signer.PasswordVariable + " is not set; keep it"
			if pw != "" {
				how = "encrypted with " + signer.PasswordVariable + "; keep it"
			}
			return printAnswer(c, asJSON, map[string]any{"kid": key.Key().ID(), "alg": alg, "private": out, "public": pub, "encrypted": pw != ""}, func(p *printer) {
				p.pairs("key id", key.Key().ID(), "algorithm", alg, "private", out+" ("+how+")", "public", pub+" (give it to whoever makes the trust root)")
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "file of the private key")
	c.Flags().StringVar(&alg, "alg", "EdDSA", "EdDSA, ES256 or ES384")
	jsonFlag(c, &asJSON)
	return c
}

// keygenHint says what to do where a key could not be written.
func keygenHint(err error, out string) string {
	if errors.Is(err, os.ErrNotExist) {
		return "make the directory first: mkdir -p " + filepath.Dir(out)
	}
	return "choose another --out, or move the old file away"
}

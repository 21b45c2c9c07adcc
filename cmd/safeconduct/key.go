package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/signer"
	"github.com/safeconduct/safeconduct/attest/signer/keyref"
	"github.com/safeconduct/safeconduct/attest/signer/pkcs11"
)

// references says in a command's help how a key is named.
const references = "REF names a key:\n" +
	"  alice.key                              a file; " + signer.PasswordVariable + " has its password\n" +
	"  hashivault://alice                     the transit engine of Vault or OpenBao, at VAULT_ADDR with VAULT_TOKEN\n" +
	"  NAME://…                               what the sigstore plugin sigstore-kms-NAME on the PATH knows\n" +
	"  pkcs11:token=officers;object=alice     a hardware security module (RFC 7512); " + pkcs11.ModuleVariable + "\n" +
	"                                         has the path of its driver, " + pkcs11.PINVariable + " the PIN"

func keyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "key",
		Short: "Look at a key, wherever it is kept",
		Args:  exactly("show"),
		RunE: func(c *cobra.Command, args []string) error {
			return usage(c, fmt.Errorf("key: unknown command %q: want show", args[0]))
		},
	}
	c.AddCommand(keyShowCommand())
	return c
}

func keyShowCommand() *cobra.Command {
	var asJSON, id bool
	c := &cobra.Command{
		Use:   "show REF|FILE.pub.jwk [--id]",
		Short: "Print the public JWK of a key, for a trust root, or its id",
		Long: "Prints the public key that REF names, or that is in a file, as a JWK on one line, as\n" +
			"keygen writes it to FILE.pub.jwk. --id prints the key's id instead: the KID by which\n" +
			"root show, history and revoke-key name it.\n\n" + references,
		Example: "  safeconduct key show alice.key\n" +
			"  safeconduct key show alice.key.pub.jwk --id\n" +
			"  safeconduct key show 'pkcs11:token=officers;object=alice' > alice.pub.jwk",
		Args: exactly("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			key, err := keyOf(c.Context(), args[0])
			if err != nil {
				return failed("", fmt.Errorf("key show: %w", err))
			}
			jwk, err := signer.PublicJWK(key)
			if err != nil {
				return failed("", fmt.Errorf("key show: %w", err))
			}
			answer := map[string]any{"kid": key.ID(), "alg": key.Algorithm(), "jwk": jsontext.Value(jwk)}
			return printAnswer(c, asJSON, answer, func(p *printer) {
				if id {
					p.line("%s", key.ID())
				} else {
					p.line("%s", string(jwk[:len(jwk)-1]))
				}
			})
		},
	}
	c.Flags().BoolVar(&id, "id", false, "print the key's id")
	jsonFlag(c, &asJSON)
	return c
}

// keyOf returns the public key that is in a file, or that a reference names.
func keyOf(ctx context.Context, ref string) (attest.Key, error) {
	if key, ok := publicIn(ref); ok {
		return key, nil
	}
	s, err := keyref.Load(ctx, ref, password)
	if err != nil {
		var none attest.Key
		return none, err
	}
	return s.Key(), nil
}

// publicIn returns the public key that is in a file; ok is false where that has
// none.
func publicIn(file string) (key attest.Key, ok bool) {
	if !keyref.IsFile(file) {
		return key, false
	}
	data, err := readFile(file)
	if err != nil {
		return key, false
	}
	key, err = attest.ParseKey(data)
	return key, err == nil
}

// loadKey loads a key to sign with.
func loadKey(ctx context.Context, ref string) (attest.Signer, error) {
	if _, ok := publicIn(ref); ok {
		return nil, fmt.Errorf("%s is a public key, which signs nothing: give the private one, %s", ref, cmp.Or(strings.TrimSuffix(ref, signer.PublicPath("")), "which keygen wrote beside it"))
	}
	return keyref.Load(ctx, ref, password)
}

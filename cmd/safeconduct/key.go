package main

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

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
	var asJSON bool
	c := &cobra.Command{
		Use:   "show REF",
		Short: "Print the public JWK of a key, for a trust root",
		Long:  "Prints the public key that REF names as a JWK on one line, as keygen writes it to\nFILE.pub.jwk.\n\n" + references,
		Example: "  safeconduct key show alice.key\n" +
			"  safeconduct key show 'pkcs11:token=officers;object=alice' > alice.pub.jwk",
		Args: exactly("REF"),
		RunE: func(c *cobra.Command, args []string) error {
			key, err := keyref.Load(c.Context(), args[0], password)
			if err != nil {
				return failed("", fmt.Errorf("key show: %w", err))
			}
			jwk, err := signer.PublicJWK(key.Key())
			if err != nil {
				return failed("", fmt.Errorf("key show: %w", err))
			}
			answer := map[string]any{"kid": key.Key().ID(), "alg": key.Key().Algorithm(), "jwk": jsontext.Value(jwk)}
			return printAnswer(c, asJSON, answer, func(p *printer) { p.line("%s", string(jwk[:len(jwk)-1])) })
		},
	}
	jsonFlag(c, &asJSON)
	return c
}

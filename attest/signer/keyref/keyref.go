// Package keyref loads the key that a reference names, wherever that is: in a
// file, in a key management service, or in a hardware security module.
//
//	alice.key                                    a file, see package signer
//	hashivault://alice                           a service or plugin, see package kms
//	pkcs11:token=officers;object=alice           a token, see package pkcs11
//
// It is apart from package signer so that nobody who embeds that gets a service's
// client.
package keyref

import (
	"context"
	"fmt"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/signer"
	"github.com/safeconduct/safeconduct/attest/signer/kms"
	"github.com/safeconduct/safeconduct/attest/signer/pkcs11"
)

// IsFile reports whether a reference names a file.
func IsFile(ref string) bool { return !pkcs11.IsReference(ref) && !kms.IsReference(ref) }

// Load loads the key that ref names. password is that of key files, see
// signer.Load. An error has no PIN.
func Load(ctx context.Context, ref string, password func(confirm bool) ([]byte, error)) (attest.Signer, error) {
	var load func(context.Context, string) (attest.Signer, error)
	switch {
	case pkcs11.IsReference(ref):
		load = pkcs11.Load
	case kms.IsReference(ref):
		load = kms.Load
	default:
		return signer.Load(ctx, ref, password)
	}
	s, err := load(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("load key %s: %w", pkcs11.Redact(ref), err)
	}
	return s, nil
}

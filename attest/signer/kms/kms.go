// Package kms signs with keys that a key management service keeps, through
// sigstore:
//
//	hashivault://alice    the transit engine of Vault; openbao:// is the same
//	NAME://…              whatever the program sigstore-kms-NAME on the PATH knows
//
// Vault is where VAULT_ADDR says, and is shown VAULT_TOKEN, else what its own
// command line has kept. Services in clouds, at awskms://, gcpkms:// and
// azurekms://, are reached by such a program, too: see
// docs/adr/0007-clouds-are-reached-by-plugins.md. A plugin is given the reference
// on its command line, which others on the machine may read.
package kms

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"regexp"
	"strings"

	sigkms "github.com/sigstore/sigstore/pkg/signature/kms"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/hashivault" // registers hashivault:// and openbao://
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/signer"
	"github.com/safeconduct/safeconduct/internal/bounded"
)

// scheme is that of RFC 3986 section 3.1. It is part of a program's name, so it
// has no separator of directories.
var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*$`)

// IsReference reports whether ref names a key of a service, good or not.
func IsReference(ref string) bool { return strings.Contains(ref, "://") }

// Load finds the key that a reference names, by its newest version. The service
// or plugin is not waited for longer than [signer.Limit] or ctx, then or at any
// signature.
func Load(ctx context.Context, ref string) (attest.Signer, error) {
	pub, err := bounded.Call(ctx, signer.Limit, func(ctx context.Context) (pub crypto.PublicKey, err error) {
		defer mend(&err)
		s, err := get(ctx, ref, crypto.SHA256)
		if err != nil {
			return nil, err
		}
		return s.PublicKey(options.WithContext(ctx))
	})
	if err != nil {
		return nil, err
	}
	_, hash, err := signer.Pin(pub)
	if err != nil {
		return nil, err
	}
	return signer.NewRemote(pub, func(ctx context.Context, message []byte) (sig []byte, err error) {
		defer mend(&err)
		// What is got keeps the deadline of its context.
		s, err := get(ctx, ref, hash)
		if err != nil {
			return nil, err
		}
		return s.SignMessage(bytes.NewReader(message), options.WithContext(ctx))
	})
}

// get finds the provider or plugin of a reference.
func get(ctx context.Context, ref string, hash crypto.Hash) (sigkms.SignerVerifier, error) {
	name, _, _ := strings.Cut(ref, "://")
	if !scheme.MatchString(name) {
		return nil, fmt.Errorf("%q is no scheme; want NAME://…", name)
	}
	s, err := sigkms.Get(ctx, ref, hash)
	if _, ok := errors.AsType[*sigkms.ProviderNotFoundError](err); ok {
		return nil, fmt.Errorf("keys at %s:// need the program sigstore-kms-%[1]s on the PATH; hashivault:// and openbao:// need none", name)
	}
	return s, err
}

// mend makes an error of a panic: sigstore's clients look into answers that a
// plugin or service has left empty.
func mend(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the answer makes no sense: %v", r)
	}
}

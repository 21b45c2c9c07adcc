// Package signer has the keys that statements are signed with, kept in files
// and used through sigstore.
//
// [Generate] makes a key, [Write] keeps it in a file, encrypted where a
// password is given, and [WritePublic] writes its public half as the JWK that
// goes into a trust root. [Load] reads it back as an attest.Signer:
//
//	key, err := signer.Generate("ES256")
//	err = signer.Write("officer.key", key, password)
//	err = signer.WritePublic(signer.PublicPath("officer.key"), key.Key())
//	…
//	s, err := signer.Load(ctx, "officer.key", askPassword)
//	statement, err := attest.Sign(ctx, claims, s)
//
// # Limits
//
// The algorithm follows from the key: Ed25519 signs EdDSA (RFC 8037), P-256
// ES256 and P-384 ES384 (RFC 7518); every other key is refused when it is
// loaded. A decrypted key stays in memory as long as its signer, and nothing
// wipes it.
//
// Keys that never leave a device or a service are those of packages kms and
// pkcs11; package keyref tells by its name where a key is.
package signer

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/safeconduct/safeconduct/attest"
)

// A PrivateKey signs statements. It is an attest.Signer, made by [Generate] and
// [Load], and may be used concurrently. The zero PrivateKey signs nothing.
type PrivateKey struct {
	key    attest.Key
	priv   crypto.Signer
	signer signature.Signer
}

var _ attest.Signer = (*PrivateKey)(nil)

// Generate makes a new key for the algorithm: "EdDSA", "ES256" or "ES384".
func Generate(alg string) (*PrivateKey, error) {
	var priv crypto.Signer
	var err error
	switch alg {
	case "EdDSA":
		_, priv, err = ed25519.GenerateKey(rand.Reader)
	case "ES256":
		priv, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		priv, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		return nil, fmt.Errorf("generate key: unknown algorithm %q: want one of %s", alg, strings.Join(attest.Algorithms(), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("generate %s key: %w", alg, err)
	}
	return newPrivateKey(priv)
}

// newPrivateKey pins to a key the one algorithm and hash that it signs with.
func newPrivateKey(priv crypto.PrivateKey) (*PrivateKey, error) {
	p, ok := priv.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T signs no statements", priv)
	}
	key, hash, err := Pin(p.Public())
	if err != nil {
		return nil, err
	}
	s, err := signature.LoadSigner(priv, hash)
	if err != nil {
		return nil, err
	}
	return &PrivateKey{key: key, priv: p, signer: s}, nil
}

// Key returns the public key.
func (k *PrivateKey) Key() attest.Key { return k.key }

// Sign signs the JWS signing input (RFC 7515 section 5.1) and returns the
// signature as RFC 7518 and RFC 8037 write it: for ECDSA the raw r||s, with
// the smaller s.
func (k *PrivateKey) Sign(ctx context.Context, signingInput []byte) ([]byte, error) {
	if k.signer == nil {
		return nil, fmt.Errorf("sign: no key")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sig, err := k.signer.SignMessage(bytes.NewReader(signingInput), options.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if sig, err = raw(k.key, sig); err != nil {
		return nil, err
	}
	return sig, nil
}

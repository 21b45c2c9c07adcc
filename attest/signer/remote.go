package signer

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/bounded"
	"github.com/safeconduct/safeconduct/internal/jws"
)

// Limit is how long a device or service may take to answer: enough for a person
// to touch a token.
const Limit = time.Minute

// Pin says what a public key signs: the key with its algorithm pinned, and the
// hash of what is signed, which is 0 for Ed25519, whose hash is its own. It
// refuses every key that signs no statements.
func Pin(pub crypto.PublicKey) (attest.Key, crypto.Hash, error) {
	alg, hash, err := algorithm(pub)
	if err != nil {
		return attest.Key{}, 0, err
	}
	key, err := jws.NewKey(pub, alg)
	return key, hash, err
}

// algorithm says what a key signs.
func algorithm(pub crypto.PublicKey) (alg string, hash crypto.Hash, err error) {
	const want = "want an Ed25519, ECDSA P-256 or ECDSA P-384 key"
	switch p := pub.(type) {
	case ed25519.PublicKey:
		return "EdDSA", 0, nil
	case *ecdsa.PublicKey:
		switch p.Curve {
		case elliptic.P256():
			return "ES256", crypto.SHA256, nil
		case elliptic.P384():
			return "ES384", crypto.SHA384, nil
		}
		return "", 0, fmt.Errorf("an ECDSA key on %s signs no statements: %s", p.Params().Name, want)
	case *rsa.PublicKey:
		return "", 0, fmt.Errorf("an RSA key signs no statements: %s", want)
	default:
		return "", 0, fmt.Errorf("a key of type %T signs no statements: %s", pub, want)
	}
}

// A Remote signs with a key that a device or a service keeps. It is an
// attest.Signer, made by [NewRemote], and may be used concurrently where its
// function may. The zero Remote signs nothing.
type Remote struct {
	key  attest.Key
	sign func(ctx context.Context, message []byte) ([]byte, error)
}

var _ attest.Signer = (*Remote)(nil)

// NewRemote returns the signer of a key that is kept elsewhere. sign signs a
// message, not its digest, and returns what a crypto.Signer does: for ECDSA the
// DER of the two numbers. It is not waited for longer than [Limit] or its
// context, even where it takes no notice of that.
func NewRemote(pub crypto.PublicKey, sign func(ctx context.Context, message []byte) ([]byte, error)) (*Remote, error) {
	key, _, err := Pin(pub)
	if err != nil {
		return nil, err
	}
	return &Remote{key, sign}, nil
}

// Key returns the public key.
func (r *Remote) Key() attest.Key { return r.key }

// Sign signs the JWS signing input, see [PrivateKey.Sign].
func (r *Remote) Sign(ctx context.Context, signingInput []byte) ([]byte, error) {
	if r.sign == nil {
		return nil, fmt.Errorf("sign: no key")
	}
	sig, err := bounded.Call(ctx, Limit, func(ctx context.Context) ([]byte, error) { return r.sign(ctx, signingInput) })
	if err == nil {
		sig, err = raw(r.key, sig)
	}
	if err != nil {
		return nil, err
	}
	return sig, nil
}

package signer

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/durable"
)

// PublicPath returns where the public key beside a key file stands.
func PublicPath(path string) string { return path + ".pub.jwk" }

// PublicJWK returns the public key as JWK (RFC 7517) with alg: one line of JSON
// and a newline.
func PublicJWK(key attest.Key) ([]byte, error) {
	jwk, err := key.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	if jwk, err = attest.Canonical(jwk); err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	return append(jwk, '\n'), nil
}

// WritePublic writes [PublicJWK] to a new file, which everybody may read. It
// never overwrites.
func WritePublic(path string, key attest.Key) error {
	jwk, err := PublicJWK(key)
	if err != nil {
		return err
	}
	return create(path, jwk, 0o644)
}

// Write writes the private key to a new file that only its owner may read
// (mode 0600): as sigstore encrypts it where the password is not empty, else as
// plain PKCS#8. It never overwrites: a key that is gone signs no more. The file
// is on disk when Write returns; where it fails, it leaves no file.
func Write(path string, key *PrivateKey, password []byte) error {
	if key == nil || key.priv == nil {
		return fmt.Errorf("write key %s: no key", path)
	}
	data, err := encode(key, password)
	if err != nil {
		return fmt.Errorf("write key %s: %w", path, err)
	}
	return create(path, data, 0o600)
}

func encode(key *PrivateKey, password []byte) ([]byte, error) {
	if len(password) == 0 {
		return cryptoutils.MarshalPrivateKeyToPEM(key.priv)
	}
	der, err := cryptoutils.MarshalPrivateKeyToEncryptedDER(key.priv, cryptoutils.StaticPasswordFunc(password))
	if err != nil {
		return nil, err
	}
	return cryptoutils.PEMEncode(cryptoutils.EncryptedSigstorePrivateKeyPEMType, der), nil
}

// create writes a new file, or leaves none.
func create(path string, data []byte, mode fs.FileMode) error {
	err := durable.Create(path, data, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write key %s: the file exists and is never overwritten; choose another name: %w", path, fs.ErrExist)
	}
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}

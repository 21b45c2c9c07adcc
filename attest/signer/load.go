package signer

import (
	"bytes"
	"context"
	"crypto"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/safeconduct/safeconduct/attest"
)

// PasswordVariable is the environment variable that the command line takes the
// password of key files from.
const PasswordVariable = "SAFECONDUCT_PASSWORD"

// maxFile is the largest key file that is read, in bytes.
const maxFile = 64 << 10

// The types of PEM block that hold a private key, by whether it is encrypted.
var blockTypes = map[string]bool{
	"PRIVATE KEY":                    false,
	"EC PRIVATE KEY":                 false,
	"RSA PRIVATE KEY":                false, // read, to be refused by what it is
	"ENCRYPTED PRIVATE KEY":          true,
	"ENCRYPTED SIGSTORE PRIVATE KEY": true,
	"ENCRYPTED COSIGN PRIVATE KEY":   true,
}

// Load reads the private key that ref names: the path of a file with one PEM
// block, PKCS#8 or as sigstore encrypts it, that nobody but its owner may read.
//
// password is called with false, and only where the key is encrypted. Where it
// is nil or returns none, the error names [PasswordVariable].
func Load(ctx context.Context, ref string, password func(confirm bool) ([]byte, error)) (attest.Signer, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("load key %s: %w", ref, err)
	}
	k, err := load(ref, password)
	if err != nil {
		return nil, fmt.Errorf("load key %s: %w", ref, err)
	}
	return k, nil
}

func load(ref string, password func(bool) ([]byte, error)) (*PrivateKey, error) {
	if scheme, _, ok := strings.Cut(ref, "://"); ok {
		return nil, fmt.Errorf("%s:// is no path of a key file; package keyref loads what other references name", scheme)
	}
	data, perm, err := read(ref)
	if err != nil {
		return nil, err
	}
	// Of what is no private key others may know: it is another mistake.
	encrypted, err := check(data)
	if err != nil {
		return nil, err
	}
	// Windows has no such permissions; Go makes them up there.
	if perm&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("the file may be used by others than its owner (mode %04o); run: chmod 600 %s", perm, ref)
	}
	var priv crypto.PrivateKey
	if encrypted {
		priv, err = decrypt(data, password)
	} else if priv, err = cryptoutils.UnmarshalPEMToPrivateKey(data, nil); err != nil {
		err = fmt.Errorf("the private key in it cannot be read; is the file damaged? %w", err)
	}
	if err != nil {
		return nil, err
	}
	return newPrivateKey(priv)
}

func decrypt(data []byte, password func(bool) ([]byte, error)) (crypto.PrivateKey, error) {
	if password == nil {
		return nil, errNoPassword
	}
	pw, err := password(false)
	if err != nil {
		return nil, fmt.Errorf("get its password: %w", err)
	}
	// Without this, sigstore would take the ciphertext for a key.
	if len(pw) == 0 {
		return nil, errNoPassword
	}
	priv, err := cryptoutils.UnmarshalPEMToPrivateKey(data, cryptoutils.StaticPasswordFunc(pw))
	if err != nil {
		return nil, fmt.Errorf("the password is wrong, or the file is damaged; check %s: %w", PasswordVariable, err)
	}
	return priv, nil
}

var errNoPassword = errors.New("the key is encrypted and there is no password; set " + PasswordVariable)

// read returns the contents of a key file, and who may use it.
func read(path string) ([]byte, os.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New("is not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, 0, err
	}
	if len(data) > maxFile {
		return nil, 0, fmt.Errorf("is larger than %d bytes; no key file is", maxFile)
	}
	return data, info.Mode().Perm(), nil
}

// check reports whether the key is encrypted, and says of what is no private
// key what it is instead.
func check(data []byte) (encrypted bool, err error) {
	block, rest := pem.Decode(data)
	if block == nil && bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return false, errors.New("is not a PEM file but JSON, as public keys are (.pub.jwk); signing needs the private key, which begins with -----BEGIN … PRIVATE KEY-----")
	}
	if block == nil {
		return false, errors.New("is not a PEM file; a key file begins with -----BEGIN … PRIVATE KEY-----")
	}
	encrypted, known := blockTypes[block.Type]
	switch {
	case strings.HasSuffix(block.Type, "PUBLIC KEY"):
		return false, errors.New("is a public key; signing needs the private key")
	case block.Type == "OPENSSH PRIVATE KEY":
		return false, errors.New("is an OpenSSH key; a statement key signs nothing else: make one with safeconduct keygen")
	case !known:
		return false, fmt.Errorf("has a PEM block of type %q first; want one PRIVATE KEY block", block.Type)
	case block.Headers["DEK-Info"] != "":
		// Its encryption has no integrity and a weak key derivation (RFC 1423).
		return false, errors.New("is encrypted the old way of OpenSSL; convert it with: openssl pkcs8 -topk8")
	case len(strings.TrimSpace(string(rest))) > 0:
		return false, errors.New("has more than one PEM block; want one PRIVATE KEY block and nothing else")
	}
	return encrypted, nil
}

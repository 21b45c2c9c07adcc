package jws

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/big"

	"github.com/go-jose/go-jose/v4"
)

var errHighS = errors.New("the ECDSA signature is not in low-s form")

// Verify checks the signature of a compact JWS under k and returns its payload.
func (k Key) Verify(compact string) (payload []byte, err error) {
	if k.kid == "" {
		return nil, errNoKey
	}
	t, err := Cut([]byte(compact), Token{})
	if err != nil {
		return nil, err
	}
	if err := k.Check(t); err != nil {
		return nil, err
	}
	return t.Payload, nil
}

// Check checks the signature of a token under k.
func (k Key) Check(t Token) error {
	if k.kid == "" {
		return errNoKey
	}
	if k.alg.curve != nil && !lowS(t.Signature, k.alg) {
		return errHighS
	}
	if !plain(t.Header, string(k.alg.name)) {
		return k.judge(string(t.whole))
	}
	if !k.signed(t.input, t.Signature) {
		return k.errMismatch()
	}
	return nil
}

// CheckEither is [Key.Check] for a token that somebody else's library may have
// made: of the two values of s that verify, either is good, and the header is read
// by go-jose. Such a token has no one byte form.
func (k Key) CheckEither(t Token) error {
	if k.kid == "" {
		return errNoKey
	}
	return k.judge(string(t.whole))
}

var errNoKey = errors.New("no key")

func (k Key) errMismatch() error {
	return fmt.Errorf("the signature does not verify under key %s", k.kid)
}

// judge asks go-jose, which knows what every header parameter asks for.
func (k Key) judge(compact string) error {
	j, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{k.alg.name})
	if err != nil {
		return err
	}
	if _, err = j.Verify(k.jwk); err != nil {
		return k.errMismatch()
	}
	return nil
}

// plain reports whether a header is {"alg":"<alg>","kid":"…","typ":"…"} to the
// byte, the two values in printable ASCII without escapes: then there is no
// second way to read it.
func plain(header []byte, alg string) bool {
	rest, ok := bytes.CutPrefix(header, []byte(`{"alg":"`))
	if !ok || len(rest) < len(alg) || string(rest[:len(alg)]) != alg {
		return false
	}
	rest, ok = bytes.CutPrefix(rest[len(alg):], []byte(`","kid":"`))
	if !ok {
		return false
	}
	rest = rest[text(rest):]
	rest, ok = bytes.CutPrefix(rest, []byte(`","typ":"`))
	if !ok {
		return false
	}
	return string(rest[text(rest):]) == `"}`
}

// text returns how much of b is printable ASCII that a JSON string holds as it
// is.
func text(b []byte) int {
	for i, c := range b {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return i
		}
	}
	return len(b)
}

// signed checks the signature itself.
func (k Key) signed(input, sig []byte) bool {
	switch pub := k.jwk.Key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(pub, input, sig)
	case *ecdsa.PublicKey:
		size := k.alg.size()
		r, s := new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])
		return ecdsa.Verify(pub, k.alg.digest(input), r, s)
	default:
		return false
	}
}

// lowS reports whether s of the raw r||s is at most half the group's order:
// of s and n-s, which both verify, one is the signature.
func lowS(sig []byte, a algorithm) bool {
	size := a.size()
	if len(sig) != 2*size {
		return false
	}
	s := new(big.Int).SetBytes(sig[size:])
	half := new(big.Int).Rsh(a.curve.Params().N, 1)
	return s.Cmp(half) <= 0
}

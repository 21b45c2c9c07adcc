package attest

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/safeconduct/safeconduct/internal/jws"
)

var errSmallOrder = errors.New("is an Ed25519 key of small order, under which anybody can sign: generate a new one")

// smallOrder reports whether the key is an Ed25519 key of small order.
func (j JWK) smallOrder() bool {
	x, err := base64.RawURLEncoding.DecodeString(j.X)
	return err == nil && j.Kty == "OKP" && j.Crv == "Ed25519" && jws.SmallOrder(x)
}

// vkeyOfSmallOrder is smallOrder for a verifier key that has been read already:
// a name, a hash and the base64 of one byte of algorithm and the key.
func vkeyOfSmallOrder(vkey string) bool {
	parts := strings.SplitN(vkey, "+", 3)
	data, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	return err == nil && len(data) == 1+ed25519.PublicKeySize && jws.SmallOrder(data[1:])
}

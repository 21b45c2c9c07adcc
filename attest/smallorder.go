package attest

import (
	"encoding/base64"
	"errors"

	"github.com/safeconduct/safeconduct/internal/jws"
)

var errSmallOrder = errors.New("is an Ed25519 key of small order, under which anybody can sign: generate a new one")

// smallOrder reports whether the key is an Ed25519 key of small order.
func (j JWK) smallOrder() bool {
	x, err := base64.RawURLEncoding.DecodeString(j.X)
	return err == nil && j.Kty == "OKP" && j.Crv == "Ed25519" && jws.SmallOrder(x)
}

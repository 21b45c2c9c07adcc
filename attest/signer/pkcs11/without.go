//go:build !pkcs11 || !cgo

package pkcs11

import (
	"context"

	"github.com/safeconduct/safeconduct/attest"
)

var load func(context.Context, *reference) (attest.Signer, error)

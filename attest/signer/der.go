package signer

import (
	"crypto/ecdsa"
	"errors"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/safeconduct/safeconduct/attest"
)

// raw turns what a crypto.Signer returns into the signature of RFC 7518 and
// RFC 8037.
func raw(key attest.Key, sig []byte) ([]byte, error) {
	if _, ec := key.Public().(*ecdsa.PublicKey); !ec {
		return sig, nil
	}
	return rawECDSA(key, sig)
}

// rawECDSA turns the Ecdsa-Sig-Value of RFC 3279 section 2.2.3, which sigstore
// returns, into the raw r||s of RFC 7518 section 3.4 with the smaller s.
func rawECDSA(key attest.Key, der []byte) ([]byte, error) {
	var inner cryptobyte.String
	input := cryptobyte.String(der)
	r, s := new(big.Int), new(big.Int)
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !input.Empty() ||
		!inner.ReadASN1Integer(r) || !inner.ReadASN1Integer(s) || !inner.Empty() {
		return nil, errors.New("the ECDSA signature is not the DER of two integers")
	}
	// FromRS refuses what is not positive and below the group's order.
	return key.FromRS(r, s)
}

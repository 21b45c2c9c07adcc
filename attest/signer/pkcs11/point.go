//go:build pkcs11 && cgo

package pkcs11

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// What the headers of PKCS#11 2.40 do not have yet (PKCS#11 3.0, appendix B).
const (
	ckkRSA       = 0x00
	ckkEC        = 0x03
	ckkECEdwards = 0x40
	ckmEDDSA     = 0x1057
)

const wanted = "want an Ed25519, ECDSA P-256 or ECDSA P-384 key"

// keyType refuses what is no key on a curve. value is a CK_ULONG.
func keyType(value []byte) error {
	var t uint64
	switch len(value) {
	case 4: // Windows, too, where a C long is shorter than a word
		t = uint64(binary.NativeEndian.Uint32(value))
	case 8:
		t = binary.NativeEndian.Uint64(value)
	default:
		return errors.New("does not say what type the key is of")
	}
	switch t {
	case ckkEC, ckkECEdwards:
		return nil
	case ckkRSA:
		return errors.New("an RSA key signs no statements: " + wanted)
	default:
		return fmt.Errorf("a key of PKCS#11 type %#x signs no statements: %s", t, wanted)
	}
}

// The values of CKA_EC_PARAMS: curves by object identifier or, as PKCS#11 3.0
// section 2.3.3 also has it, by name.
var curves = map[string]string{
	"06082a8648ce3d030107":         "P-256",
	"06052b81040022":               "P-384",
	"06032b6570":                   "Ed25519", // RFC 8410
	"06092b06010401da470f01":       "Ed25519", // as GnuPG has it
	"130c656477617264733235353139": "Ed25519", // edwards25519
	// These are refused by their names.
	"06052b81040021":         "P-224",
	"06052b81040023":         "P-521",
	"06052b8104000a":         "secp256k1",
	"06092b2403030208010107": "brainpoolP256r1",
	"06032b6571":             "Ed448",
}

// publicKey reads the values of CKA_EC_PARAMS and CKA_EC_POINT.
func publicKey(params, point []byte) (crypto.PublicKey, error) {
	// The point is the DER of an OCTET STRING; some tokens leave that out.
	input, inner := cryptobyte.String(point), cryptobyte.String(nil)
	if input.ReadASN1(&inner, asn1.OCTET_STRING) && input.Empty() {
		point = inner
	}
	switch name := curves[hex.EncodeToString(params)]; name {
	case "P-256":
		return ecPublicKey(elliptic.P256(), point)
	case "P-384":
		return ecPublicKey(elliptic.P384(), point)
	case "Ed25519":
		if len(point) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("its Ed25519 public key has %d bytes, not %d", len(point), ed25519.PublicKeySize)
		}
		return ed25519.PublicKey(bytes.Clone(point)), nil
	case "":
		return nil, fmt.Errorf("a key on another curve (%x) signs no statements: %s", params, wanted)
	default:
		return nil, fmt.Errorf("a key on %s signs no statements: %s", name, wanted)
	}
}

func ecPublicKey(c elliptic.Curve, point []byte) (crypto.PublicKey, error) {
	pub, err := ecdsa.ParseUncompressedPublicKey(c, point)
	if err != nil {
		return nil, fmt.Errorf("its public key is no point on %s: %w", c.Params().Name, err)
	}
	return pub, nil
}

// derOf turns the raw r||s of PKCS#11 into the DER of the two numbers.
func derOf(sig []byte) ([]byte, error) {
	if len(sig) == 0 || len(sig)%2 != 0 {
		return nil, fmt.Errorf("the token's ECDSA signature has %d bytes", len(sig))
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(sig[:len(sig)/2]))
		b.AddASN1BigInt(new(big.Int).SetBytes(sig[len(sig)/2:]))
	})
	return b.Bytes()
}

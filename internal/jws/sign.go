package jws

import (
	"context"
	"encoding/base64"
	"fmt"
)

// A Signer signs with one key, see attest.Signer.
type Signer interface {
	Key() Key
	Sign(ctx context.Context, signingInput []byte) ([]byte, error)
}

// Header returns the one protected header of what is signed here.
func Header(alg, kid, typ string) string {
	return `{"alg":"` + alg + `","kid":"` + kid + `","typ":"` + typ + `"}`
}

// Sign returns a compact JWS of at most so many bytes, whose signature has been
// verified with the signer's public key: what comes from a machine elsewhere is
// not handed out on its word.
func Sign(ctx context.Context, s Signer, typ string, payload []byte, most int) (Token, error) {
	k, enc := s.Key(), base64.RawURLEncoding
	input := enc.EncodeToString([]byte(Header(k.Algorithm(), k.ID(), typ))) + "." + enc.EncodeToString(payload)
	sig, err := s.Sign(ctx, []byte(input))
	if err != nil {
		return Token{}, err
	}
	t, err := CutLong([]byte(input+"."+enc.EncodeToString(sig)), most)
	if err == nil {
		err = k.Check(t)
	}
	if err != nil {
		return Token{}, fmt.Errorf("the fresh signature is not good: %w", err)
	}
	return t, nil
}

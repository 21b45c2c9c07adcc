package jws

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
)

// MaxBytes is the largest compact JWS that is read where nothing else is said.
const MaxBytes = 60 << 10

// A Token is a compact JWS that has been cut and decoded; nothing of it is
// verified. It shares its bytes with what it was cut from.
type Token struct {
	// Header is the protected header, decoded.
	Header []byte
	// Segment is the payload as it stands in the token, Payload decoded.
	Segment, Payload []byte
	// Signature is decoded.
	Signature []byte

	// input is what is signed: the first two segments with their dot.
	input, whole []byte
}

// Cut cuts a compact JWS of at most [MaxBytes] and refuses whatever is not the
// one spelling of its parts. It verifies nothing. Where like is the token of
// another signature over the same payload, the payload is not decoded again.
func Cut(compact []byte, like Token) (Token, error) { return cut(compact, like, MaxBytes) }

// CutLong is like Cut, for a JWS of at most so many bytes.
func CutLong(compact []byte, most int) (Token, error) { return cut(compact, Token{}, most) }

func cut(compact []byte, like Token, most int) (Token, error) {
	if len(compact) > most {
		return Token{}, fmt.Errorf("has %d bytes; at most %d are accepted", len(compact), most)
	}
	h, rest, ok1 := bytes.Cut(compact, []byte{'.'})
	p, s, ok2 := bytes.Cut(rest, []byte{'.'})
	if !ok1 || !ok2 || bytes.IndexByte(s, '.') >= 0 {
		return Token{}, errors.New("is not header.payload.signature (compact JWS, RFC 7515 section 7.1)")
	}
	t := Token{Segment: p, Payload: like.Payload, input: compact[:len(h)+1+len(p)], whole: compact}
	var err error
	if t.Header, err = decode(h); err != nil {
		return Token{}, fmt.Errorf("header: %w", err)
	}
	if len(p) == 0 || !bytes.Equal(p, like.Segment) {
		if t.Payload, err = decode(p); err != nil {
			return Token{}, fmt.Errorf("payload: %w", err)
		}
	}
	if t.Signature, err = decode(s); err != nil {
		return Token{}, fmt.Errorf("signature: %w", err)
	}
	return t, nil
}

// Compact returns the token as it was before it was cut.
func (t Token) Compact() []byte { return t.whole }

// Split cuts a compact JWS into its decoded header, its payload segment as it
// stands, and its decoded signature, and refuses whatever is not the one
// spelling of them. It verifies nothing.
func Split(compact string) (header []byte, payload string, signature []byte, err error) {
	t, err := Cut([]byte(compact), Token{})
	if err != nil {
		return nil, "", nil, err
	}
	return t.Header, string(t.Segment), t.Signature, nil
}

var strict = base64.RawURLEncoding.Strict()

// decode reads strict base64url: RFC 7515 section 2, and no unused bits set.
func decode(segment []byte) ([]byte, error) {
	if len(segment) == 0 {
		return nil, errors.New("is empty")
	}
	// The decoder skips line ends even when strict.
	if bytes.IndexByte(segment, '\n') >= 0 || bytes.IndexByte(segment, '\r') >= 0 {
		return nil, errors.New("is not base64url: has a line end")
	}
	b := make([]byte, strict.DecodedLen(len(segment)))
	n, err := strict.Decode(b, segment)
	if err != nil {
		return nil, fmt.Errorf("is not base64url without padding: %w", err)
	}
	return b[:n], nil
}

package attest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/gowebpki/jcs"

	"github.com/safeconduct/safeconduct/internal/jws"
)

// A Signer signs with one key. Package signer has those of key files.
type Signer interface {
	// Key returns the public key.
	Key() Key
	// Sign signs the JWS signing input (RFC 7515 section 5.1) and returns the
	// signature in the form of RFC 7518: for ECDSA the raw r||s, with low s.
	Sign(ctx context.Context, signingInput []byte) ([]byte, error)
}

// Check returns [Problems] where the claims say what no statement of their
// kind may say. Its pointers count the elements of arrays as they stand in c.
func Check(c Claims) error { return c.check().Err() }

// Payload returns the payload of the claims: their RFC 8785 form with sorted
// sets. It returns [Problems] where the claims say what no statement may say,
// see [Check].
func Payload(c Claims) ([]byte, error) {
	if err := Check(c); err != nil {
		return nil, err
	}
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode claims: %w", err)
	}
	if data, err = Canonical(data); err != nil {
		return nil, err
	}
	// What is signed is what everybody will read: the same reader decides.
	if _, _, err := parseClaims(c.Kind().typ(), data); err != nil {
		var r *Refusal
		if errors.As(err, &r) {
			return nil, r.Err
		}
		return nil, err
	}
	return data, nil
}

// Canonical returns the RFC 8785 form of a JSON document with the elements of
// its arrays sorted. An element that stands twice is left for the reader to
// refuse.
func Canonical(data []byte) ([]byte, error) {
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	if err := sortSets(tree); err != nil {
		return nil, err
	}
	return canonical(tree)
}

func canonical(tree any) ([]byte, error) {
	b, err := json.Marshal(tree, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	// jcs takes objects and arrays only.
	if b[0] != '{' && b[0] != '[' {
		return b, nil
	}
	if b, err = jcs.Transform(b); err != nil {
		return nil, fmt.Errorf("canonical form: %w", err)
	}
	return b, nil
}

func sortSets(tree any) error {
	switch t := tree.(type) {
	case map[string]any:
		for _, v := range t {
			if err := sortSets(v); err != nil {
				return err
			}
		}
	case []any:
		type element struct {
			form []byte
			v    any
		}
		es := make([]element, len(t))
		for i, v := range t {
			if err := sortSets(v); err != nil {
				return err
			}
			form, err := canonical(v)
			if err != nil {
				return err
			}
			es[i] = element{form, v}
		}
		slices.SortStableFunc(es, func(a, b element) int { return bytes.Compare(a.form, b.form) })
		for i, e := range es {
			t[i] = e.v
		}
	}
	return nil
}

// Sign makes a statement of the claims, signed by each signer once. Every
// signature is verified with its public key before the statement is returned.
// Whether the signers may sign it, and are enough, is for the trust root:
// [Open] tells.
func Sign(ctx context.Context, c Claims, signers ...Signer) ([]byte, error) {
	if len(signers) == 0 {
		return nil, errors.New("sign: no key given")
	}
	payload, err := Payload(c)
	if err != nil {
		return nil, err
	}
	var lines []line
	for _, s := range signers {
		l, err := signLine(ctx, payload, c.Kind().typ(), s)
		if err != nil {
			return nil, fmt.Errorf("sign with key %s: %w", s.Key().ID(), err)
		}
		lines = append(lines, l)
	}
	return join(lines)
}

// join sorts the lines by kid and makes a statement of them.
func join(lines []line) ([]byte, error) {
	slices.SortFunc(lines, func(a, b line) int { return cmp.Compare(a.kid, b.kid) })
	var out []byte
	for i, l := range lines {
		if i > 0 {
			if l.kid == lines[i-1].kid {
				return nil, fmt.Errorf("sign: key %s is given twice", l.kid)
			}
			out = append(out, '\n')
		}
		out = append(out, l.token.Compact()...)
	}
	if len(out) > MaxBytes {
		return nil, fmt.Errorf("sign: the statement would have %d bytes; at most %d are accepted", len(out), MaxBytes)
	}
	return out, nil
}

func signLine(ctx context.Context, payload []byte, typ string, s Signer) (line, error) {
	token, err := jws.Sign(ctx, s, typ, payload, jws.MaxBytes)
	if err != nil {
		return line{}, err
	}
	return line{s.Key().ID(), token}, nil
}

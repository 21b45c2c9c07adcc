package receipt

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/jws"
	"github.com/safeconduct/safeconduct/policy"
)

// Unverified is a receipt whose form has been read and whose signature has not
// been checked: what it says may be anybody's.
type Unverified struct {
	kid     string
	token   jws.Token
	receipt *Receipt
}

// Parse reads a receipt in its one byte form, and checks no signature.
func Parse(data []byte) (*Unverified, error) {
	u, err := parse(slices.Clone(data))
	if err != nil {
		return nil, fmt.Errorf("read the receipt: %w", err)
	}
	return u, nil
}

func parse(data []byte) (*Unverified, error) {
	t, err := jws.CutLong(data, MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("it %w", err)
	}
	kid, ok := keyOf(string(t.Header))
	if !ok {
		return nil, fmt.Errorf("its header is not exactly %s, with one of the algorithms %s and the thumbprint of a key",
			jws.Header("…", "…", Type), strings.Join(jws.Algorithms(), ", "))
	}
	r := new(Receipt)
	if err := json.Unmarshal(t.Payload, r, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("its payload: %w", err)
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	again, err := r.payload()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, t.Payload) {
		return nil, errors.New("its payload is not in its one byte form (RFC 8785 JSON)")
	}
	return &Unverified{kid, t, r}, nil
}

// keyOf returns the kid of a header that is to the byte one of a receipt.
func keyOf(header string) (kid string, ok bool) {
	for _, alg := range jws.Algorithms() {
		at := strings.Index(jws.Header(alg, "", Type), `","typ"`)
		if len(header) < at+thumbprint {
			continue
		}
		kid = header[at : at+thumbprint]
		if isDigest(kid) && header == jws.Header(alg, kid, Type) {
			return kid, true
		}
	}
	return "", false
}

// thumbprint is the length of a key's id.
const thumbprint = 43

// isDigest reports whether s is the strict base64url of a SHA-256.
func isDigest(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == sha256.Size && len(s) == thumbprint
}

// areDigests reports whether all are, and ascend.
func areDigests(all []string) bool {
	for i, s := range all {
		if !isDigest(s) || i > 0 && all[i-1] >= s {
			return false
		}
	}
	return true
}

// digestsOf are those of disclosures, ascending.
func digestsOf(ds []attest.Disclosure) (out []string) {
	for _, d := range ds {
		out = append(out, d.Digest())
	}
	slices.Sort(out)
	return out
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// lastDate is the end of the year 9999.
const lastDate = 253402300799

// check says what no receipt says.
func (r *Receipt) check() error {
	switch d := r.Decision; {
	case d == nil:
		return errors.New("it has no decision")
	case d.Decision != policy.PERMIT && d.Decision != policy.REFER && d.Decision != policy.DENY:
		return fmt.Errorf("its decision is %q, which is none", d.Decision)
	case saysNothing(d.Attested) || saysNothing(d.Obligations) || saysNothing(d.Screened) || saysNothing(d.Notes) || saysNothing(d.Warnings):
		return errors.New("its decision has an empty array that is to be left out")
	case saysNothing(r.Disclosures) || len(r.Disclosures) > attest.MaxDisclosures:
		return fmt.Errorf("it names %d disclosures; want 1 to %d, or no such member", len(r.Disclosures), attest.MaxDisclosures)
	case !areDigests(r.Disclosures):
		return errors.New("its disclosures are not SHA-256, base64url, ascending and each once")
	case len(r.Disclosures) > 0 != (d.Replay.Disclosures != ""):
		return errors.New("it names disclosures, and its decision goes by none, or the other way round")
	case r.IssuedAt < 1 || r.IssuedAt > lastDate:
		return errors.New("its iat is no date")
	case !isDigest(r.Evidence) || !isDigest(r.Request):
		return errors.New("evidence or request is not the base64url of a SHA-256")
	}
	return nil
}

// saysNothing reports whether an array that may be left out is there and empty.
func saysNothing[T any](a []T) bool { return a != nil && len(a) == 0 }

// payload is the one byte form of what the receipt says.
func (r *Receipt) payload() ([]byte, error) {
	b, err := json.Marshal(r, json.Deterministic(true))
	if err == nil {
		err = (*jsontext.Value)(&b).Canonicalize()
	}
	if err != nil {
		return nil, fmt.Errorf("write the receipt: %w", err)
	}
	return b, nil
}

// Kid is the id of the key that the receipt names.
func (u *Unverified) Kid() string { return u.kid }

// ReceiptUnsafe returns what the receipt says, on nobody's word. The caller does
// not change it.
func (u *Unverified) ReceiptUnsafe() *Receipt { return u.receipt }

// signedBy checks the signature under a key, whose alg the header must name.
func (u *Unverified) signedBy(k attest.Key) error {
	if string(u.token.Header) != jws.Header(k.Algorithm(), k.ID(), Type) {
		return fmt.Errorf("key %s signs %s only", k.ID(), k.Algorithm())
	}
	return k.Check(u.token)
}

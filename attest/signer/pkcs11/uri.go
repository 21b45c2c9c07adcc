// Package pkcs11 signs with keys that a hardware security module keeps, and
// names them as RFC 7512 does:
//
//	pkcs11:token=officers;object=alice?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin
//
// A reference must match one token and one private key there. It may name the
// token by token, manufacturer, serial, model and slot-id, and the key by object
// and id. The driver is module-path, else what [ModuleVariable] says. The PIN is
// in the file of pin-source, in pin-value, or else in [PINVariable]; no error
// has it.
//
// The driver is a library in C, so this needs cgo and the build tag pkcs11.
// Without them [Load] says so.
package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
)

// The environment variables that say what a reference does not.
const (
	// PINVariable has the PIN of the token.
	PINVariable = "SAFECONDUCT_PIN"
	// ModuleVariable has the path of the driver.
	ModuleVariable = "SAFECONDUCT_PKCS11_MODULE"
)

// scheme begins a reference, in any case (RFC 3986 section 3.1).
const scheme = "pkcs11:"

// secret begins what may be a PIN, in any case.
var secret = regexp.MustCompile(`(?i)pin-`)

// IsReference reports whether ref is a PKCS#11 URI, good or not.
func IsReference(ref string) bool {
	return len(ref) >= len(scheme) && strings.EqualFold(ref[:len(scheme)], scheme)
}

// Load finds the key that a reference names. The driver is not waited for longer
// than signer.Limit or ctx, then or at any signature.
func Load(ctx context.Context, ref string) (attest.Signer, error) {
	r, err := parse(ref)
	if err != nil {
		return nil, err
	}
	if load == nil {
		return nil, errors.New("this program was built without PKCS#11; build it where there is a C compiler, with: CGO_ENABLED=1 go build -tags pkcs11 ./cmd/safeconduct")
	}
	return load(ctx, r)
}

// Redact returns a reference without what may be secret in it: its query, and
// whatever stands behind a "pin" in the wrong place.
func Redact(ref string) string {
	if !IsReference(ref) {
		return ref
	}
	path, _, query := strings.Cut(ref, "?")
	if at := secret.FindStringIndex(path); at != nil {
		return path[:at[0]] + "pin-…"
	}
	if query {
		path += "?…"
	}
	return path
}

// A reference is a PKCS#11 URI.
type reference struct {
	path  map[string]string
	query map[string]string
	slot  *uint // nil for any
}

// The attributes of RFC 7512 that are read. Another would narrow down what is
// meant, or say how to get there: it is refused, not ignored.
var (
	pathAttributes  = []string{"token", "manufacturer", "serial", "model", "slot-id", "object", "id", "type"}
	queryAttributes = []string{"module-path", "pin-source", "pin-value"}
)

func parse(ref string) (*reference, error) {
	if !IsReference(ref) {
		return nil, errors.New("is no pkcs11: URI")
	}
	path, query, _ := strings.Cut(ref[len(scheme):], "?")
	var r reference
	var err error
	if r.path, err = attributes(path, ";", pathAttributes); err != nil {
		return nil, err
	}
	if r.query, err = attributes(query, "&", queryAttributes); err != nil {
		return nil, err
	}
	if id, ok := r.path["slot-id"]; ok {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, errors.New("has a slot-id that is no number of a slot")
		}
		slot := uint(n)
		r.slot = &slot
	}
	if t, ok := r.path["type"]; ok && t != "private" {
		return nil, errors.New("is of a type that does not sign; want type=private, or no type")
	}
	if r.path["object"] == "" && r.path["id"] == "" {
		return nil, errors.New("says neither by object nor by id which key of the token signs")
	}
	if _, source := r.query["pin-source"]; source {
		if _, value := r.query["pin-value"]; value {
			return nil, errors.New("has both pin-source and pin-value (RFC 7512 section 2.4)")
		}
	}
	return &r, nil
}

// attributes reads name=value pairs. Its errors have no value: it may be a PIN
// in the wrong place.
func attributes(s, separator string, known []string) (map[string]string, error) {
	m := map[string]string{}
	if s == "" {
		return m, nil
	}
	for pair := range strings.SplitSeq(s, separator) {
		name, value, ok := strings.Cut(pair, "=")
		switch _, twice := m[name]; {
		case !ok:
			return nil, fmt.Errorf("has an attribute without a value; want name=value with %q between", separator)
		case !slices.Contains(known, name):
			return nil, fmt.Errorf("has an attribute there that is none of %s", strings.Join(known, ", "))
		case twice:
			return nil, fmt.Errorf("has %s twice", name)
		}
		v, err := url.PathUnescape(value)
		if err != nil {
			return nil, fmt.Errorf("has a %s whose %% is not followed by two hexadecimal digits", name)
		}
		m[name] = v
	}
	return m, nil
}

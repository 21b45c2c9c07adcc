package pkcs11_test

import (
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/attest/signer/pkcs11"
)

func TestReferencesThatAreNotMeantAreRefused(t *testing.T) {
	for ref, want := range map[string]string{
		"pkcs11:":                                        "neither by object nor by id",
		"pkcs11:token=t":                                 "neither by object nor by id",
		"pkcs11:object=":                                 "neither by object nor by id",
		"pkcs11:object=a;object=b":                       "has object twice",
		"pkcs11:object":                                  "an attribute without a value",
		"pkcs11:object=a;":                               "an attribute without a value",
		"pkcs11:object=a;x-vendor=1":                     "none of token, manufacturer",
		"pkcs11:object=a;slot-description=":              "none of token, manufacturer",
		"pkcs11:object=a;slot-id=first":                  "a slot-id that is no number",
		"pkcs11:object=a;type=public":                    "of a type that does not sign",
		"pkcs11:object=%4":                               "not followed by two hexadecimal digits",
		"pkcs11:object=a?module-name=x":                  "none of module-path",
		"pkcs11:object=a?pin-value=1&pin-source=file:/x": "both pin-source and pin-value",
		"alice.key":                                      "is no pkcs11: URI",
	} {
		if _, err := pkcs11.Load(t.Context(), ref); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it to say %q", ref, err, want)
		}
	}
}

func TestRedactedReferenceHasNoPIN(t *testing.T) {
	for ref, want := range map[string]string{
		"pkcs11:token=t;object=a":                    "pkcs11:token=t;object=a",
		"pkcs11:token=t;object=a?pin-value=sesame":   "pkcs11:token=t;object=a?…",
		"PKCS11:object=a;pin-value=sesame":           "PKCS11:object=a;pin-…",
		"pkcs11:object=a;PIN-VALUE=sesame;x?y":       "pkcs11:object=a;pin-…",
		"hashivault://alice?pin-value=none-of-these": "hashivault://alice?pin-value=none-of-these",
		"alice.key": "alice.key",
	} {
		if got := pkcs11.Redact(ref); got != want {
			t.Errorf("%s: got %s, want %s", ref, got, want)
		}
	}
}

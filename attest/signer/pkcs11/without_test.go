//go:build !pkcs11 || !cgo

package pkcs11_test

import (
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/attest/signer/pkcs11"
)

func TestWithoutTheTagAReferenceIsRefusedWithTheWayToGetIt(t *testing.T) {
	_, err := pkcs11.Load(t.Context(), "pkcs11:token=officers;object=alice")
	if err == nil || !strings.Contains(err.Error(), "-tags pkcs11") {
		t.Errorf("got %v", err)
	}
}

// No reference makes its PIN stand in an error, wherever it has it.
func FuzzErrorsHaveNoPIN(f *testing.F) {
	f.Add("token=t;object=a?", "")
	f.Add("object=a;", "?module-path=/x")
	f.Add("?", "&pin-source=/x")
	f.Add("object=a;slot-id=", "")
	f.Add("object=a;type=", "%4")
	f.Add("\xc2\xc2\xc2\xc2\xc2\xc2\xc2\xc2", "") // longer in lower case
	f.Fuzz(func(t *testing.T, before, after string) {
		ref := "pkcs11:" + before + "pin-value=sesame" + after
		_, err := pkcs11.Load(t.Context(), ref)
		if err == nil {
			t.Fatalf("%q: loaded", ref)
		}
		if strings.Contains(before+after, "sesame") {
			return
		}
		if strings.Contains(err.Error()+pkcs11.Redact(ref), "sesame") {
			t.Errorf("%q: shows the PIN: %s: %v", ref, pkcs11.Redact(ref), err)
		}
	})
}

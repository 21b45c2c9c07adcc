package attest_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestAttestImportsNoNetwork keeps what an integrator embeds small: keys that
// are kept elsewhere are for those who sign.
func TestAttestImportsNoNetwork(t *testing.T) {
	for pkg, banned := range map[string][]string{
		".":        {"net/http", "sigstore", "hashicorp", "miekg", "dgraph-io", "gorilla", "go.yaml.in", "spf13"},
		"./signer": {"hashicorp", "miekg", "dgraph-io", "gorilla", "spf13", "sigstore/sigstore/pkg/signature/kms", "signer/kms", "signer/pkcs11"},
	} {
		out, err := exec.Command("go", "list", "-tags", "pkcs11", "-deps", pkg).CombinedOutput()
		if err != nil {
			t.Fatalf("go list: %v\n%s", err, out)
		}
		for p := range strings.FieldsSeq(string(out)) {
			for _, b := range banned {
				if strings.Contains(p, b) {
					t.Errorf("%s depends on %s", pkg, p)
				}
			}
		}
	}
}

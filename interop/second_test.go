package interop_test

import (
	"os/exec"
	"strings"
	"testing"
)

// Somebody with docs/format.md alone writes a second verifier: this one was, in
// another language. A format that changes without its page fails here.
func TestASecondVerifierAgreesWithEveryVector(t *testing.T) {
	out, err := exec.Command("node", "second/run.mjs", "../docs/vectors").CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "no mismatch\n") {
		t.Errorf("node second/run.mjs: %v (Debian's package nodejs has node)\n%s", err, out)
	}
}

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One key id in 64 begins with a dash.
func TestAKeyIDThatBeginsWithADashIsNoFlag(t *testing.T) {
	const kid = "-oBOHCgcWhjpomQfDDohSFGYr4clGE6f5daQu2Ct0GM"
	for _, c := range []struct{ given, want string }{
		{"root revoke-key " + kid + " --since 2 --out x", "root revoke-key --since 2 --out x -- " + kid},
		{"root revoke-key --since 2 -- " + kid, "root revoke-key --since 2 -- " + kid},
		{"root revoke-key N" + kid[1:] + " --since 2", "root revoke-key N" + kid[1:] + " --since 2"},
		{"root revoke-key --since 2", "root revoke-key --since 2"},
		{"root revoke-key", "root revoke-key"},
		{"key show " + kid, "key show " + kid},
	} {
		if diff := cmp.Diff(strings.Fields(c.want), withKeyID(strings.Fields(c.given))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.given, diff)
		}
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"root", "revoke-key", kid, "--since", "2", "--root", "none.jws", "--out", "x"}, &out, &errs); code != exitFailed || !strings.Contains(errs.String(), "none.jws") {
		t.Errorf("ended with %d: %s", code, errs.String())
	}
}

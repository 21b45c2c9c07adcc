package attest_test

import (
	"testing"

	"github.com/safeconduct/safeconduct/attest"
)

func TestSubjectsAreRead(t *testing.T) {
	for _, sub := range []string{
		"root", "entity:lei:999900VARUNADEEP0174", "entity:lei:999900VARUNADEEP0174/auth-us", "sandbox:SBX-1", "consent:auth-us/C-1",
	} {
		if err := attest.CheckSubject(sub); err != nil {
			t.Errorf("%s: %v", sub, err)
		}
	}
	for _, sub := range []string{
		"", "Root", "root:", "roots", "entity", "entity:", "entity:lei:1", "entity:lei:999900VARUNADEEP0174/", "entity:lei:999900VARUNADEEP0174/auth-us/x",
		"sandbox:", "sandbox:sbx", "sandbox:SBX/1", "consent:auth-us", "consent:/C-1", "consent:auth-us/", "consent:auth-us/a b", "approval:x", "entity:lei:999900VARUNADEEP0174\n",
	} {
		if err := attest.CheckSubject(sub); err == nil {
			t.Errorf("%q is taken for a subject", sub)
		}
	}
}

//go:build pkcs11 && cgo

package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestHSMScripts(t *testing.T) {
	const driver = "/usr/lib/softhsm/libsofthsm2.so"
	if _, err := os.Stat(driver); err != nil {
		if os.Getenv("SAFECONDUCT_MUST_HSM") == "1" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED, NOTHING IS SHOWN ABOUT PKCS#11: SoftHSM is not installed (Debian's package softhsm2): %v", err)
	}
	p := params("testdata/hsm")
	setup := p.Setup
	p.Setup = func(e *testscript.Env) error {
		hang, err := filepath.Abs("../../attest/signer/pkcs11/testdata/hang.c")
		if err != nil {
			return err
		}
		conf := filepath.Join(e.WorkDir, "softhsm2.conf")
		for name, value := range map[string]string{"SOFTHSM": driver, "SOFTHSM2_CONF": conf, "HANG": hang, "PIN": "open sesame"} {
			e.Setenv(name, value)
		}
		tokens := filepath.Join(e.WorkDir, "tokens")
		if err := os.Mkdir(tokens, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(conf, []byte("directories.tokendir = "+tokens+"\n"), 0o600); err != nil {
			return err
		}
		return setup(e)
	}
	p.Cmds["sleep"] = func(*testscript.TestScript, bool, []string) { time.Sleep(500 * time.Millisecond) }
	testscript.Run(t, p)
}

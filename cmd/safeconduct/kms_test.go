package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/safeconduct/safeconduct/internal/kmstest"
)

func TestKMSScripts(t *testing.T) {
	v := kmstest.NewTransit(t)
	for _, name := range []string{"alice", "bob"} {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		v.Add(name, k, nil)
	}
	plugins := kmstest.Pocket(t)
	p := params("testdata/kms")
	setup := p.Setup
	p.Setup = func(e *testscript.Env) error {
		e.Setenv("VAULT_ADDR", v.URL)
		e.Setenv("VAULT_TOKEN", kmstest.Token)
		e.Setenv("PATH", e.Getenv("PATH")+string(os.PathListSeparator)+plugins)
		return setup(e)
	}
	testscript.Run(t, p)
}

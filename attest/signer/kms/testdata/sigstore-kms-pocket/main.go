// Program sigstore-kms-pocket is a plugin of sigstore's: pocket:///path is the
// key in that file. POCKET says how it misbehaves.
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/common"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/handler"
)

// pocket adds to a key in memory what nobody asks of it.
type pocket struct{ signature.SignerVerifier }

func (pocket) CreateKey(context.Context, string) (crypto.PublicKey, error) {
	return nil, errors.New("no")
}

func (pocket) CryptoSigner(context.Context, func(error)) (crypto.Signer, crypto.SignerOpts, error) {
	return nil, nil, errors.New("no")
}
func (pocket) SupportedAlgorithms() []string { return nil }
func (pocket) DefaultAlgorithm() string      { return "" }

func main() {
	args, err := handler.GetPluginArgs(os.Args)
	if err != nil {
		fail(err)
	}
	s, err := signature.LoadSignerVerifierFromPEMFile(args.InitOptions.KeyResourceID, args.InitOptions.HashFunc, nil)
	if err != nil {
		fail(err)
	}
	sign := args.MethodName == common.SignMessageMethodName
	switch os.Getenv("POCKET") {
	case "hang":
		if f := os.Getenv("POCKET_HANGS"); f != "" { // a script waits for it
			os.WriteFile(f, nil, 0o600)
		}
		time.Sleep(time.Hour)
	case "hang at sign":
		if sign {
			time.Sleep(time.Hour)
		}
	case "lie":
		if sign {
			other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			s, _ = signature.LoadSignerVerifier(other, crypto.SHA256)
		}
	case "empty":
		fmt.Print("{}")
		return
	case "noise":
		io.Copy(os.Stdout, io.LimitReader(rand.Reader, 100))
		return
	}
	if _, err := handler.Dispatch(os.Stdout, os.Stdin, args, pocket{s}); err != nil {
		fail(err)
	}
}

func fail(err error) {
	handler.WriteErrorResponse(os.Stdout, err)
	os.Exit(1)
}

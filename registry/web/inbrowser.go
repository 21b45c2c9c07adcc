package web

import (
	"embed"
	"errors"
	"io/fs"
	"strconv"
)

// What make has built of registry/web/verifier/wasm, beside the script of Go that
// runs it. A build without make has none of it, and its pages say so; make builds none
// that is larger than its WASM_MAX.
//
//go:embed all:built
var builtFiles embed.FS

// The policies of the two workers. The one that fetches the verifier sees no file;
// the one that sees files can fetch nothing, not from the register either, whatever
// is in them.
const (
	fetchingPolicy  = "default-src 'none'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
	verifyingPolicy = "default-src 'none'; script-src 'wasm-unsafe-eval'; base-uri 'none'; frame-ancestors 'none'"
)

// browserVerifier are the parts of the verifier that runs in the browser.
type browserVerifier struct {
	// Fetching and Verifying are the scripts of two workers.
	Fetching, Verifying *asset
}

// inBrowser is nil where this build has no verifier.
var inBrowser = newBrowserVerifier(builtFiles)

func newBrowserVerifier(built fs.FS) *browserVerifier {
	module, err := fs.ReadFile(built, "built/verifier.wasm.gz")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	runtime, err2 := fs.ReadFile(built, "built/wasm_exec.js")
	if err := errors.Join(err, err2); err != nil {
		panic(err) // it is in the binary
	}
	wasm := serveAsset("verifier", "wasm", &asset{contentType: "application/wasm", body: module, zipped: true})
	fetching := append([]byte("\"use strict\";\nconst modulePath = "+strconv.Quote(wasm.path)+";\n"), readAsset("worker-fetch.js")...)
	verifying := append(append(runtime, '\n'), readAsset("worker-verify.js")...)
	return &browserVerifier{
		Fetching:  serveAsset("worker-fetch", "js", &asset{contentType: javascript, body: fetching, policy: fetchingPolicy}),
		Verifying: serveAsset("worker-verify", "js", &asset{contentType: javascript, body: verifying, policy: verifyingPolicy}),
	}
}

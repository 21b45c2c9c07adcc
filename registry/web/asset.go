package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"strconv"
)

//go:embed asset
var assetFiles embed.FS

// An asset is a file that pages are shown with. Its path has its digest: what is
// at a path never changes.
type asset struct {
	path, contentType string
	body              []byte
}

// assets are those that are served, in the order of what follows.
var assets []*asset

var (
	style = newAsset("style", "css", "text/css; charset=utf-8")
	icon  = newAsset("icon", "svg", "image/svg+xml")

	// localTime is on every page.
	localTime = newScript("local-time")

	// clockSliders is on the pages with clocks.
	clockSliders = newScript("clocks")
)

// newAsset reads one of the files of asset, and has it served.
func newAsset(name, ext, contentType string) *asset {
	body, err := assetFiles.ReadFile("asset/" + name + "." + ext)
	if err != nil {
		panic(err) // it is in the binary
	}
	digest := sha256.Sum256(body)
	a := &asset{"/" + name + "-" + hex.EncodeToString(digest[:8]) + "." + ext, contentType, body}
	assets = append(assets, a)
	return a
}

func newScript(name string) *asset { return newAsset(name, "js", "text/javascript; charset=utf-8") }

// Path is where the asset is served.
func (a *asset) Path() string { return a.path }

// ServeHTTP implements [http.Handler].
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if allow, ok := allowed(r, false); !ok {
		w.Header().Set("Allow", allow)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	// Whoever does not read the answer has gone away.
	_, _ = bytes.NewReader(a.body).WriteTo(w)
}

package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"strconv"
)

//go:embed asset/style.css
var styleCSS []byte

//go:embed asset/icon.svg
var iconSVG []byte

// An asset is a file that pages are shown with. Its path has its digest: what is
// at a path never changes.
type asset struct {
	path, contentType string
	body              []byte
}

var (
	style  = newAsset("style", "css", "text/css; charset=utf-8", styleCSS)
	icon   = newAsset("icon", "svg", "image/svg+xml", iconSVG)
	assets = []*asset{style, icon}
)

func newAsset(name, ext, contentType string, body []byte) *asset {
	digest := sha256.Sum256(body)
	return &asset{"/" + name + "-" + hex.EncodeToString(digest[:8]) + "." + ext, contentType, body}
}

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

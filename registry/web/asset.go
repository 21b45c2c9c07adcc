package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
)

//go:embed asset
var assetFiles embed.FS

// An asset is a file that pages are shown with. Its path has its digest: what is
// at a path never changes.
type asset struct {
	path, contentType string
	body              []byte
	// zipped says that body is packed with gzip.
	zipped bool
	// policy is its Content-Security-Policy where it is not that of the pages.
	policy string
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
	return serveAsset(name, ext, &asset{contentType: contentType, body: readAsset(name + "." + ext)})
}

func readAsset(name string) []byte {
	body, err := assetFiles.ReadFile("asset/" + name)
	if err != nil {
		panic(err) // it is in the binary
	}
	return body
}

// serveAsset has an asset served, by its name and digest.
func serveAsset(name, ext string, a *asset) *asset {
	digest := sha256.Sum256(a.body)
	a.path = "/" + name + "-" + hex.EncodeToString(digest[:8]) + "." + ext
	assets = append(assets, a)
	return a
}

const javascript = "text/javascript; charset=utf-8"

func newScript(name string) *asset { return newAsset(name, "js", javascript) }

// Path is where the asset is served.
func (a *asset) Path() string { return a.path }

// ServeHTTP implements [http.Handler].
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	secure(h)
	if a.policy != "" {
		h.Set("Content-Security-Policy", a.policy)
	}
	if allow, ok := allowed(r, false); !ok {
		h.Set("Allow", allow)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if a.zipped {
		h.Set("Vary", "Accept-Encoding")
		if !takesGzip(r) {
			a.unzip(w)
			return
		}
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	// Whoever does not read the answer has gone away.
	_, _ = bytes.NewReader(a.body).WriteTo(w)
}

// unzip writes the body for a client that takes it only as it is.
func (a *asset) unzip(w io.Writer) {
	z, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil {
		panic(err) // it is in the binary
	}
	_, _ = io.Copy(w, z)
}

// takesGzip reports whether a client takes answers that are packed with gzip (RFC
// 9110, section 12.5.3).
func takesGzip(r *http.Request) bool {
	other := false
	for _, header := range r.Header.Values("Accept-Encoding") {
		for one := range strings.SplitSeq(header, ",") {
			coding, weight, _ := strings.Cut(one, ";")
			taken := !isZero(weight)
			switch strings.ToLower(strings.TrimSpace(coding)) {
			case "gzip", "x-gzip":
				return taken
			case "*":
				other = taken
			}
		}
	}
	return other
}

// isZero reports whether a weight is zero.
func isZero(weight string) bool {
	value, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(weight)), "q=")
	if !ok {
		return false
	}
	q, err := strconv.ParseFloat(value, 64)
	return err == nil && q == 0
}

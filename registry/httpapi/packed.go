package httpapi

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// minPacked is from how many bytes on an answer is packed.
const minPacked = 2048

// neverPacked are the headers of an answer that would not get shorter; they are
// not sent.
var neverPacked = map[string]string{gzhttp.HeaderNoCompression: "1"}

// packed packs the answers of h with gzip for whoever accepts it.
func packed(h http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(
		gzhttp.MinSize(minPacked),
		// A bundle of statements gets to two fifths, and hardly further.
		gzhttp.CompressionLevel(1),
		gzhttp.EnableZstd(false),
		gzhttp.SuffixETag(packedSuffix),
		gzhttp.ContentTypeFilter(gzhttp.CompressAllContentTypeFilter),
	)
	if err != nil {
		panic(err) // the options are fixed
	}
	return wrap(h)
}

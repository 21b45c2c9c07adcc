package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// packedSuffix ends the ETag of an answer that was packed: it has other bytes.
const packedSuffix = "-gzip"

// tagged gives an answer its ETag, and makes it a 304 where the caller has it
// already (RFC 9110, sections 8.8.3 and 13.1.2).
//
// The tag is a digest of the body and nothing else: an answer that has not
// changed since keeps it, however far the log has grown.
func tagged(r *http.Request, a answer) answer {
	if a.status != http.StatusOK || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return a
	}
	sum := sha256.Sum256(a.body)
	a.etag = base64.RawURLEncoding.EncodeToString(sum[:18])
	if held, ok := matching(r.Header.Values("If-None-Match"), a.etag); ok {
		a.status, a.etag, a.body, a.contentType = http.StatusNotModified, held, nil, ""
	}
	return a
}

// matching returns the tag of the list that stands for the answer, packed or
// not: whichever the caller has is still good.
func matching(lines []string, tag string) (held string, ok bool) {
	for _, line := range lines {
		for given := range strings.SplitSeq(line, ",") {
			given = strings.TrimSpace(given)
			if given == "*" {
				return tag, true
			}
			// Weak comparison: a proxy may have weakened it.
			given = strings.TrimPrefix(given, "W/")
			if given == `"`+tag+`"` {
				return tag, true
			}
			if given == `"`+tag+packedSuffix+`"` {
				return tag + packedSuffix, true
			}
		}
	}
	return "", false
}

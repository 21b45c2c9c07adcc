package httpapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/mux"
)

// oneSpelling matches paths that nobody before the handler could take for
// another. An escaped slash would be a separator here and none to a proxy, and so
// go past what that allows; what need not be escaped (RFC 3986, section 2.3) would
// only be a second spelling. Anything else may be, such as the colon of an
// entity's id, which is how JavaScript writes it.
func oneSpelling(r *http.Request, _ *mux.RouteMatch) bool {
	rest := r.URL.EscapedPath()
	for {
		_, after, ok := strings.Cut(rest, "%")
		if !ok {
			return true
		}
		if len(after) < 2 {
			return false
		}
		b, err := strconv.ParseUint(after[:2], 16, 8)
		if err != nil || b == '/' || isUnreserved(byte(b)) {
			return false
		}
		rest = after[2:]
	}
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

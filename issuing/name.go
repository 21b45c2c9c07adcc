package issuing

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
)

// keyForm is that of a key that stands in a jti as it is.
var keyForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,48}$`)

var unreadable = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// handle is what the key stands as in a jti: itself, or what can be read of it
// and a digest. A handle of the latter has a dot, and so is no key.
func handle(key string) string {
	if keyForm.MatchString(key) {
		return key
	}
	readable := strings.Trim(unreadable.ReplaceAllString(key, "-"), "-")
	return readable[:min(len(readable), 24)] + "." + digest(key)[:16]
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// jti is the name of what the claims say, where the version with that jti stood
// before, "" for none.
func jti(series, handle string, content [sha256.Size]byte, before string) string {
	return series + "." + handle + "." + digest(string(content[:]), before)[:20]
}

// endJTI is the name of the event that ends the lineage with that newest version.
func endJTI(series, handle, newest string) string {
	return series + "." + handle + ".end-" + digest("end", newest)[:16]
}

// cutJTI returns the handle in a jti of the series.
func cutJTI(series, jti string) (handle string, ok bool) {
	rest, ok := strings.CutPrefix(jti, series+".")
	if !ok {
		return "", false
	}
	i := strings.LastIndexByte(rest, '.')
	if i <= 0 {
		return "", false
	}
	return rest[:i], true
}

// contentOf is the digest of what claims say but for what tells versions apart.
func contentOf(c attest.Claims) ([sha256.Size]byte, error) {
	bare := clone(c)
	h, g := bare.Head(), attest.GrantOf(bare)
	h.JTI, h.IAT = "", 0
	g.Supersedes, g.Retroactive, g.RetroactiveReason = "", false, ""
	data, err := json.Marshal(bare)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	form, err := attest.Canonical(data)
	return sha256.Sum256(form), err
}

// clone copies the claims of a registration or approval; what slices have is
// shared.
func clone(c attest.Claims) attest.Claims {
	switch c := c.(type) {
	case *attest.Registration:
		out := *c
		return &out
	case *attest.EntityApproval:
		out := *c
		return &out
	default:
		return c
	}
}

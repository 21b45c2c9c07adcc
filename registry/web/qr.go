package web

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"rsc.io/qr"

	"github.com/safeconduct/safeconduct/policy"
)

// A qrCode is a text as a QR code (ISO/IEC 18004), of error correction M.
type qrCode struct {
	Text string
	// Side is how many modules a side has, the quiet zone included.
	Side int
	// Path draws the dark modules, as the d of an SVG path.
	Path string
}

// quietModules is how many light modules are on every side.
const quietModules = 4

// newCode returns nil for a text that no code holds.
func newCode(text string) *qrCode {
	c, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil
	}
	var b strings.Builder
	for y := range c.Size {
		for x := 0; x < c.Size; x++ {
			from := x
			for x < c.Size && c.Black(x, y) {
				x++
			}
			if n := strconv.Itoa(x - from); x > from {
				b.WriteString("M" + strconv.Itoa(from+quietModules) + " " + strconv.Itoa(y+quietModules) + "h" + n + "v1h-" + n + "z")
			}
		}
	}
	return &qrCode{text, c.Size + 2*quietModules, b.String()}
}

// replayLink is the address that tells by digests what a decision was made of, see
// docs/format.md. It is in the fragment, which no browser sends.
func replayLink(base string, d *policy.Decision) string {
	text := func(i policy.Instant) string {
		b, _ := i.MarshalText() // it never fails
		return string(b)
	}
	b := base + "/verify#decision=" + string(d.Decision) + "&effective_at=" + text(d.EffectiveAt) + "&known_at=" + text(d.KnownAt) +
		"&request=" + d.Replay.Request + "&trust=" + d.Replay.Trust + "&evidence=" + d.Replay.Evidence
	if d.Replay.Disclosures != "" {
		b += "&disclosures=" + d.Replay.Disclosures
	}
	return b
}

var isHost = regexp.MustCompile(`^([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?$`)

// base is the address of the service as whoever asks has reached it, "" where the
// request does not tell. A proxy's word that it was reached over TLS is taken from
// anybody: what comes of it is shown to nobody but whoever has sent it, and no page
// of another origin can send it.
func (x *exchange) base() string {
	if !isHost.MatchString(x.Host) {
		return ""
	}
	u := url.URL{Scheme: "http", Host: x.Host}
	if x.TLS != nil || strings.EqualFold(x.Header.Get("X-Forwarded-Proto"), "https") {
		u.Scheme = "https"
	}
	return u.String()
}

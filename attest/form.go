package attest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/internal/jws"
	"github.com/safeconduct/safeconduct/internal/strictjson"
)

// payloadForm is the form of every payload.
var payloadForm = strictjson.Form{MaxBytes: MaxBytes, Sets: true}

// header returns the one protected header of a line.
func header(alg, kid, typ string) string { return jws.Header(alg, kid, typ) }

// An Unopened is a statement whose form and claims have been read and whose
// signatures have not been checked: what it says may be anybody's. It is for
// showing a draft and for finding the trust root to open it with.
type Unopened struct {
	claims Claims
	raw    []byte
	lines  []line
	keys   keyring // of a trust root
}

type line struct {
	kid   string
	token jws.Token
}

// algorithms are those that a header may name.
var algorithms = jws.Algorithms()

// ClaimsUnsafe returns what the statement says, on nobody's word.
func (u *Unopened) ClaimsUnsafe() Claims { return u.claims }

// SignedBy reports whether a line of the statement names the key. Nothing has
// been verified.
func (u *Unopened) SignedBy(kid string) bool {
	return slices.ContainsFunc(u.lines, func(l line) bool { return l.kid == kid })
}

// Parse reads the byte form and the claims of a statement and checks no
// signature. It returns a *[Refusal].
func Parse(statement []byte) (*Unopened, error) {
	if len(statement) > MaxBytes {
		return nil, Refuse(TooLarge, fmt.Errorf("the statement has %d bytes; at most %d are accepted", len(statement), MaxBytes))
	}
	u := &Unopened{raw: slices.Clone(statement)}
	typ, first := "", jws.Token{}
	rest, more := u.raw, true
	for i := 0; more; i++ {
		var compact []byte
		compact, rest, more = bytes.Cut(rest, []byte{'\n'})
		if i == maxSignatures {
			return nil, malformed("has more than %d signatures", maxSignatures)
		}
		t, l, err := parseLine(compact, first)
		if err != nil {
			return nil, malformed("line %d: %w", i+1, err)
		}
		switch {
		case i == 0:
			typ, first = t, l.token
		case t != typ || !bytes.Equal(l.token.Segment, first.Segment):
			return nil, malformed("line %d signs something else than line 1", i+1)
		case l.kid <= u.lines[i-1].kid:
			return nil, malformed("line %d: the lines are not strictly ascending by kid", i+1)
		}
		u.lines = append(u.lines, l)
	}
	var err error
	if u.claims, u.keys, err = parseClaims(typ, first.Payload); err != nil {
		return nil, err
	}
	return u, nil
}

func malformed(format string, args ...any) error {
	return Refuse(Malformed, fmt.Errorf("statement: "+format, args...))
}

// parseLine reads one compact JWS whose header is exactly ours; first is that
// of the first line.
func parseLine(compact []byte, first jws.Token) (typ string, l line, err error) {
	t, err := jws.Cut(compact, first)
	if err != nil {
		return "", line{}, err
	}
	if typ, kid, ok := readHeader(string(t.Header)); ok {
		return typ, line{kid, t}, nil
	}
	var h struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
		Typ string `json:"typ"`
	}
	if err := strictjson.Unmarshal(t.Header, &h, strictjson.Form{MaxBytes: 512}); err != nil {
		return "", line{}, fmt.Errorf("header: %w", err)
	}
	if !slices.Contains(algorithms, h.Alg) {
		return "", line{}, fmt.Errorf("header: unknown alg %q: want one of %s", h.Alg, strings.Join(algorithms, ", "))
	}
	if _, ok := kinds[h.Typ]; !ok {
		return "", line{}, fmt.Errorf("header: unknown typ %q", h.Typ)
	}
	if string(t.Header) != header(h.Alg, h.Kid, h.Typ) {
		return "", line{}, fmt.Errorf("header: is not exactly %s", header("…", "…", "…"))
	}
	return h.Typ, line{h.Kid, t}, nil
}

// readHeader reads a header whose kid is a thumbprint, as that of every key is.
func readHeader(h string) (typ, kid string, ok bool) {
	h, ok = strings.CutPrefix(h, `{"alg":"`)
	if !ok {
		return "", "", false
	}
	i := slices.IndexFunc(algorithms, func(alg string) bool { return strings.HasPrefix(h, alg+`"`) })
	if i < 0 {
		return "", "", false
	}
	h, ok = strings.CutPrefix(h[len(algorithms[i]):], `","kid":"`)
	const size = 43 // a thumbprint
	if !ok || len(h) < size || !isThumbprint(h[:size]) {
		return "", "", false
	}
	kid = h[:size]
	if h, ok = strings.CutPrefix(h[size:], `","typ":"`); !ok {
		return "", "", false
	}
	typ, ok = strings.CutSuffix(h, `"}`)
	return typ, kid, ok && kinds[typ] != nil
}

// parseClaims reads the payload of a statement with that typ; of a trust root
// it returns the keys too.
func parseClaims(typ string, payload []byte) (c Claims, keys keyring, err error) {
	c = kinds[typ]()
	if err := strictjson.Unmarshal(payload, c, payloadForm); err != nil {
		return nil, nil, Refuse(Malformed, err)
	}
	var p Problems
	if r, ok := c.(*Root); ok {
		keys, p = r.read()
	} else {
		p = c.check()
	}
	if len(p) > 0 {
		return nil, nil, Refuse(Invalid, p)
	}
	return c, keys, nil
}

// verify checks the signature on line l under k, whose alg the header of the
// line must name.
func (l line) verify(k Key, typ string) error {
	if string(l.token.Header) != header(k.Algorithm(), k.ID(), typ) {
		return fmt.Errorf("key %s signs %s only", l.kid, k.Algorithm())
	}
	return k.Check(l.token)
}

package attest

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/safeconduct/safeconduct/internal/jws"
	"github.com/safeconduct/safeconduct/internal/strictjson"
)

// payloadForm is the form of every payload.
var payloadForm = strictjson.Form{MaxBytes: MaxBytes, Sets: true}

// header returns the one protected header of a line.
func header(alg, kid, typ string) string {
	return `{"alg":"` + alg + `","kid":"` + kid + `","typ":"` + typ + `"}`
}

// An Unopened is a statement whose form and claims have been read and whose
// signatures have not been checked: what it says may be anybody's. It is for
// showing a draft and for finding the trust root to open it with.
type Unopened struct {
	claims Claims
	raw    []byte
	lines  []line
}

type line struct{ kid, compact string }

// ClaimsUnsafe returns what the statement says, on nobody's word.
func (u *Unopened) ClaimsUnsafe() Claims { return u.claims }

// Signers returns the key ids that the lines name, ascending.
func (u *Unopened) Signers() []string {
	var kids []string
	for _, l := range u.lines {
		kids = append(kids, l.kid)
	}
	return kids
}

// Parse reads the byte form and the claims of a statement and checks no
// signature. It returns a *[Refusal].
func Parse(statement []byte) (*Unopened, error) {
	if len(statement) > MaxBytes {
		return nil, Refuse(TooLarge, fmt.Errorf("the statement has %d bytes; at most %d are accepted", len(statement), MaxBytes))
	}
	u := &Unopened{raw: slices.Clone(statement)}
	typ, payload := "", ""
	for i, compact := range strings.Split(string(statement), "\n") {
		if i == maxSignatures {
			return nil, malformed("has more than %d signatures", maxSignatures)
		}
		t, kid, p, err := parseLine(compact)
		if err != nil {
			return nil, malformed("line %d: %w", i+1, err)
		}
		switch {
		case i == 0:
			typ, payload = t, p
		case t != typ || p != payload:
			return nil, malformed("line %d signs something else than line 1", i+1)
		case kid <= u.lines[i-1].kid:
			return nil, malformed("line %d: the lines are not strictly ascending by kid", i+1)
		}
		u.lines = append(u.lines, line{kid, compact})
	}
	data, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return nil, malformed("payload: %w", err)
	}
	u.claims, err = parseClaims(typ, data)
	return u, err
}

func malformed(format string, args ...any) error {
	return Refuse(Malformed, fmt.Errorf("statement: "+format, args...))
}

// parseLine reads one compact JWS whose header is exactly ours.
func parseLine(compact string) (typ, kid, payload string, err error) {
	head, payload, _, err := jws.Split(compact)
	if err != nil {
		return "", "", "", err
	}
	var h struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
		Typ string `json:"typ"`
	}
	if err := strictjson.Unmarshal(head, &h, strictjson.Form{MaxBytes: 512}); err != nil {
		return "", "", "", fmt.Errorf("header: %w", err)
	}
	if !slices.Contains(jws.Algorithms(), h.Alg) {
		return "", "", "", fmt.Errorf("header: unknown alg %q: want one of %s", h.Alg, strings.Join(jws.Algorithms(), ", "))
	}
	if _, ok := kinds[h.Typ]; !ok {
		return "", "", "", fmt.Errorf("header: unknown typ %q", h.Typ)
	}
	if string(head) != header(h.Alg, h.Kid, h.Typ) {
		return "", "", "", fmt.Errorf("header: is not exactly %s", header("…", "…", "…"))
	}
	return h.Typ, h.Kid, payload, nil
}

// parseClaims reads the payload of a statement with that typ.
func parseClaims(typ string, payload []byte) (Claims, error) {
	c := kinds[typ]()
	if err := strictjson.Unmarshal(payload, c, payloadForm); err != nil {
		return nil, Refuse(Malformed, err)
	}
	if p := c.check(); len(p) > 0 {
		return nil, Refuse(Invalid, p)
	}
	return c, nil
}

// verify checks the signature on line l under k, whose alg the header of the
// line must name.
func (l line) verify(k Key, typ string) error {
	head, _, _, err := jws.Split(l.compact)
	if err != nil {
		return err
	}
	if string(head) != header(k.Algorithm(), k.ID(), typ) {
		return fmt.Errorf("key %s signs %s only", l.kid, k.Algorithm())
	}
	_, err = k.Verify(l.compact)
	return err
}

package draft

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

// Successor returns the draft of the next version of a trust root, which says the
// same: what is to change is for whoever completes it. It parses as it stands.
func Successor(root *attest.TrustRoot) (string, error) {
	next, err := root.Successor()
	if err != nil {
		return "", err
	}
	return Root(next, fmt.Sprintf("It says what version %d does", next.Version-1)), nil
}

// Root returns a draft that says what a trust root says, but for its iat, which
// is the time of signing. says are the words of a remark that tell the reader
// what it comes to.
func Root(r *attest.Root, says string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# The trust root of %s, version %d.
# %s;
# change what is to be another. Then: safeconduct root diff shows what you have changed;
# safeconduct root sign signs it, and what it writes goes from officer to officer: each signs
# that file. The threshold of version %d and that of this one have to sign.
kind: root
`, r.Aud, r.Version, says, r.Version-1)
	object(&b, "", skip(r, "iat", "iss", "sub", "jti"))
	return b.String()
}

// Reissue returns the draft of a statement that says again what one says that
// becomes void when its key is declared compromised, for another key to sign. An
// event or consent says the same under another name. An approval or registration supersedes
// the void one, so that what has happened to it goes on acting on it, and reaches
// back to its beginning. It parses as it stands.
func Reissue(c attest.Claims, now time.Time) (string, error) {
	again := reflect.New(reflect.TypeOf(c).Elem())
	again.Elem().Set(reflect.ValueOf(c).Elem())
	d, ok := again.Interface().(attest.Claims)
	if !ok || c.Kind().ChangesTrust() {
		return "", errors.New("reissue: a trust root is followed, and a freeze stands")
	}
	h := d.Head()
	before := h.JTI
	h.JTI = nextName(h.JTI)
	const why = "The key that signed it before was declared compromised."
	switch g := attest.GrantOf(d); {
	case g != nil:
		if _, ok := d.(*attest.Consent); ok {
			// Its subject is its name: it is another one, which requests have to name.
			h.Sub = attest.ConsentSubject(h.Iss, h.JTI)
		} else {
			g.Supersedes = before
		}
		if g.NBF.Time().Before(now) {
			g.Retroactive, g.RetroactiveReason = true, why
		}
	default:
		if e, ok := d.(*attest.Event); ok && e.Event == attest.Lift && e.EffectiveAt.Time().Before(now) {
			e.Retroactive, e.RetroactiveReason = true, why
		}
		if s, ok := d.(*attest.Succession); ok && s.EffectiveAt.Time().Before(now) {
			s.Retroactive, s.RetroactiveReason = true, why
		}
	}
	if _, err := attest.Payload(d); err != nil {
		return "", fmt.Errorf("reissue %s: %w", before, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s of %s again, for another key to sign: read it as if it were new.\n# Where its jti is taken, choose another.\nkind: %s\n", before, h.Iss, d.Kind())
	object(&b, "", skip(d, "iat"))
	return b.String(), nil
}

// skip returns a copy of the claims without those of their common claims that are
// named.
func skip(c attest.Claims, names ...string) reflect.Value {
	v := reflect.New(reflect.TypeOf(c).Elem()).Elem()
	v.Set(reflect.ValueOf(c).Elem())
	for _, f := range reflect.VisibleFields(v.Type()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.Anonymous && slices.Contains(names, name) {
			v.FieldByIndex(f.Index).SetZero()
		}
	}
	return v
}

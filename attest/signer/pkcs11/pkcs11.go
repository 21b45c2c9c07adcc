//go:build pkcs11 && cgo

package pkcs11

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/signer"
	"github.com/safeconduct/safeconduct/internal/bounded"
)

var load = loadFromToken

// loadFromToken opens a session for the public key, and one for each signature,
// so that a token may be unplugged between.
func loadFromToken(ctx context.Context, r *reference) (attest.Signer, error) {
	return bounded.Call(ctx, signer.Limit, func(context.Context) (attest.Signer, error) {
		var pub crypto.PublicKey
		err := r.open(func(s *session) (err error) {
			pub, err = s.public()
			return err
		})
		if err != nil {
			return nil, err
		}
		_, hash, err := signer.Pin(pub)
		if err != nil {
			return nil, err
		}
		return signer.NewRemote(pub, func(_ context.Context, message []byte) ([]byte, error) {
			var sig []byte
			err := r.open(func(s *session) (err error) {
				sig, err = s.sign(message, hash, pub)
				return err
			})
			return sig, err
		})
	})
}

// modules are the drivers that are in use. They stay so until the program ends:
// one that is finalized ends the sessions of everybody in it.
var modules struct {
	sync.Mutex
	byPath map[string]*driver
}

// A driver is started by whoever needs it first. Each has a lock of its own: one
// that hangs holds up nobody else's.
type driver struct {
	sync.Mutex
	*pkcs11.Ctx
}

func module(path string) (*pkcs11.Ctx, error) {
	modules.Lock()
	d := modules.byPath[path]
	if d == nil {
		d = new(driver)
		if modules.byPath == nil {
			modules.byPath = map[string]*driver{}
		}
		modules.byPath[path] = d
	}
	modules.Unlock()

	d.Lock()
	defer d.Unlock()
	if d.Ctx != nil {
		return d.Ctx, nil
	}
	c := pkcs11.New(path)
	if c == nil {
		return nil, fmt.Errorf("%s is no PKCS#11 driver for this system", path)
	}
	if err := c.Initialize(); err != nil && !is(err, pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	d.Ctx = c
	return c, nil
}

func is(err error, code pkcs11.Error) bool {
	e, ok := errors.AsType[pkcs11.Error](err)
	return ok && e == code
}

// A session is with the one token that a reference names, after login.
type session struct {
	*pkcs11.Ctx
	handle pkcs11.SessionHandle
	ref    *reference
	pin    string
	key    pkcs11.ObjectHandle
}

// open lets f use the private key in a session.
func (r *reference) open(f func(*session) error) error {
	path, err := r.module()
	if err != nil {
		return err
	}
	pin, err := r.pin()
	if err != nil {
		return err
	}
	c, err := module(path)
	if err != nil {
		return err
	}
	slot, token, err := r.token(c)
	if err != nil {
		return err
	}
	h, err := c.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return fmt.Errorf("open a session with token %q: %w", token.Label, err)
	}
	// The last session that is closed logs out, too.
	defer c.CloseSession(h) //nolint:errcheck // what was asked for is there, or has an error of its own
	s := &session{c, h, r, pin, 0}
	if err := s.login(token); err != nil {
		return fmt.Errorf("log in to token %q: %w", token.Label, err)
	}
	if s.key, err = s.privateKey(); err != nil {
		return fmt.Errorf("token %q: %w", token.Label, err)
	}
	if err := f(s); err != nil {
		return fmt.Errorf("token %q: %w", token.Label, err)
	}
	return nil
}

// token finds the one token that the reference names.
func (r *reference) token(c *pkcs11.Ctx) (slot uint, token pkcs11.TokenInfo, err error) {
	slots, err := c.GetSlotList(true)
	if err != nil {
		return 0, token, fmt.Errorf("list the tokens: %w", err)
	}
	var there, found []string
	for _, id := range slots {
		t, err := c.GetTokenInfo(id)
		if is(err, pkcs11.CKR_TOKEN_NOT_PRESENT) || is(err, pkcs11.CKR_TOKEN_NOT_RECOGNIZED) {
			continue
		}
		if err != nil {
			return 0, token, fmt.Errorf("look at the token in slot %d: %w", id, err)
		}
		if t.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 {
			continue
		}
		name := fmt.Sprintf("token=%s;serial=%s", t.Label, t.SerialNumber)
		there = append(there, name)
		if r.matches(id, t) {
			found, slot, token = append(found, name), id, t
		}
	}
	switch {
	case len(found) == 1:
		return slot, token, nil
	case len(there) == 0:
		return 0, token, errors.New("the driver sees no token; is it plugged in, and has it been initialised?")
	case len(found) == 0:
		return 0, token, fmt.Errorf("no token is the one that is named; there are: %s", strings.Join(there, ", "))
	default:
		return 0, token, fmt.Errorf("the name fits more than one token, say which: %s", strings.Join(found, ", "))
	}
}

func (r *reference) matches(slot uint, t pkcs11.TokenInfo) bool {
	for name, have := range map[string]string{"token": t.Label, "manufacturer": t.ManufacturerID, "serial": t.SerialNumber, "model": t.Model} {
		// The fields of a token are padded with spaces.
		if want, ok := r.path[name]; ok && want != strings.TrimRight(have, " \x00") {
			return false
		}
	}
	return r.slot == nil || *r.slot == slot
}

// login tries the PIN once: a token locks itself after a few wrong ones.
func (s *session) login(t pkcs11.TokenInfo) error {
	if t.Flags&pkcs11.CKF_LOGIN_REQUIRED == 0 {
		return nil
	}
	// A reader with a keypad asks for the PIN itself.
	if s.pin == "" && t.Flags&pkcs11.CKF_PROTECTED_AUTHENTICATION_PATH == 0 {
		return fmt.Errorf("it wants a PIN; set %s, or add pin-source=file:… to the URI", PINVariable)
	}
	if t.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0 {
		return errors.New("its PIN is locked, after too many wrong ones")
	}
	err := s.Login(s.handle, pkcs11.CKU_USER, s.pin)
	switch {
	case err == nil, is(err, pkcs11.CKR_USER_ALREADY_LOGGED_IN):
		return nil
	case is(err, pkcs11.CKR_PIN_INCORRECT), is(err, pkcs11.CKR_PIN_INVALID), is(err, pkcs11.CKR_PIN_LEN_RANGE):
		return fmt.Errorf("the PIN is wrong; a token locks itself after a few of those: %w", err)
	case is(err, pkcs11.CKR_PIN_LOCKED):
		return fmt.Errorf("its PIN is locked, after too many wrong ones: %w", err)
	}
	return err
}

// privateKey finds the one private key that the reference names.
func (s *session) privateKey() (pkcs11.ObjectHandle, error) {
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)}
	if label := s.ref.path["object"]; label != "" {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_LABEL, label))
	}
	if id := s.ref.path["id"]; id != "" {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	}
	keys, err := s.find(template)
	switch {
	case err != nil:
		return 0, fmt.Errorf("look for the key: %w", err)
	case len(keys) == 0:
		return 0, errors.New("has no private key of that object and id")
	case len(keys) > 1:
		return 0, fmt.Errorf("has more than one private key of that name, say which by id: %s", s.ids(keys))
	}
	return keys[0], nil
}

// ids writes the ids of objects as a URI has them.
func (s *session) ids(objects []pkcs11.ObjectHandle) string {
	var out []string
	for _, o := range objects {
		var b strings.Builder
		b.WriteString("id=")
		for _, c := range s.attribute(o, pkcs11.CKA_ID) {
			fmt.Fprintf(&b, "%%%02x", c)
		}
		out = append(out, b.String())
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// find returns a few objects.
func (s *session) find(template []*pkcs11.Attribute) ([]pkcs11.ObjectHandle, error) {
	if err := s.FindObjectsInit(s.handle, template); err != nil {
		return nil, err
	}
	found, _, err := s.FindObjects(s.handle, 16)
	return found, errors.Join(err, s.FindObjectsFinal(s.handle))
}

// attribute returns nil where the object has none.
func (s *session) attribute(o pkcs11.ObjectHandle, name uint) []byte {
	a, err := s.GetAttributeValue(s.handle, o, []*pkcs11.Attribute{pkcs11.NewAttribute(name, nil)})
	if err != nil || len(a) != 1 {
		return nil
	}
	return a[0].Value
}

// public reads the public key: of the private key itself, where the token keeps
// it there, else of the public key beside it, which has the same id or label.
func (s *session) public() (crypto.PublicKey, error) {
	if err := keyType(s.attribute(s.key, pkcs11.CKA_KEY_TYPE)); err != nil {
		return nil, err
	}
	if pub, err := s.point(s.key); err != nil || pub != nil {
		return pub, err
	}
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY)}
	if id := s.attribute(s.key, pkcs11.CKA_ID); len(id) > 0 {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	} else {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_LABEL, s.attribute(s.key, pkcs11.CKA_LABEL)))
	}
	found, err := s.find(template)
	switch {
	case err != nil:
		return nil, fmt.Errorf("look for the public key: %w", err)
	case len(found) == 0:
		return nil, errors.New("has no public key beside the private one; import it with the same id")
	case len(found) > 1:
		return nil, errors.New("has more than one public key beside the private one; give each pair an id of its own")
	}
	pub, err := s.point(found[0])
	if err == nil && pub == nil {
		err = errors.New("does not show the public key")
	}
	return pub, err
}

// point reads the public key that an object has, and returns nil where it has
// none.
func (s *session) point(o pkcs11.ObjectHandle) (crypto.PublicKey, error) {
	params, point := s.attribute(o, pkcs11.CKA_EC_PARAMS), s.attribute(o, pkcs11.CKA_EC_POINT)
	if len(params) == 0 || len(point) == 0 {
		return nil, nil
	}
	return publicKey(params, point)
}

// sign signs a message as a crypto.Signer does.
func (s *session) sign(message []byte, hash crypto.Hash, pub crypto.PublicKey) ([]byte, error) {
	mechanism := uint(ckmEDDSA)
	_, ec := pub.(*ecdsa.PublicKey)
	if ec {
		// Not every token hashes itself.
		mechanism = pkcs11.CKM_ECDSA
		h := hash.New()
		h.Write(message)
		message = h.Sum(nil)
	}
	always := s.attribute(s.key, pkcs11.CKA_ALWAYS_AUTHENTICATE)
	if err := s.SignInit(s.handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}, s.key); err != nil {
		return nil, fmt.Errorf("the token does not sign with this key: %w", err)
	}
	// A key may want the PIN for every signature.
	if len(always) == 1 && always[0] != 0 {
		if err := s.Login(s.handle, pkcs11.CKU_CONTEXT_SPECIFIC, s.pin); err != nil {
			return nil, fmt.Errorf("the PIN, which the key wants for every signature: %w", err)
		}
	}
	sig, err := s.Sign(s.handle, message)
	if err != nil {
		return nil, fmt.Errorf("the token did not sign: %w", err)
	}
	if !ec {
		return sig, nil
	}
	return derOf(sig)
}

//go:build pkcs11 && cgo

package pkcs11_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/signer/pkcs11"
)

// The names of curves as CKA_EC_PARAMS has them.
const (
	p256      = "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
	p384      = "\x06\x05\x2b\x81\x04\x00\x22"
	p521      = "\x06\x05\x2b\x81\x04\x00\x23"
	secp256k1 = "\x06\x05\x2b\x81\x04\x00\x0a"
	ed25519   = "\x06\x03\x2b\x65\x70"

	ecEdwardsKeyPairGen = 0x1055
)

const pin = "open sesame"

// drivers are where Debian and others put SoftHSM.
var drivers = []string{
	"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so",
	"/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so",
}

// hsm is SoftHSM with the tokens "officers" and, twice, "twins". A driver reads
// what there is when it starts, so all tests of a process share them.
type hsm struct {
	driver string
	*p11.Ctx
}

var shared = sync.OnceValues(func() (*hsm, error) {
	var driver string
	for _, d := range drivers {
		if _, err := os.Stat(d); err == nil {
			driver = d
			break
		}
	}
	if driver == "" {
		return nil, errNoHSM
	}
	dir, err := os.MkdirTemp("", "softhsm")
	if err != nil {
		return nil, err
	}
	cleanup = func() { os.RemoveAll(dir) }
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+dir+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600); err != nil {
		return nil, err
	}
	// The driver is in C, and reads the environment of C: Setenv sets both.
	if err := os.Setenv("SOFTHSM2_CONF", conf); err != nil {
		return nil, err
	}
	for _, label := range []string{"officers", "twins", "twins"} {
		out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", "12345678").CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("softhsm2-util: %w\n%s", err, out)
		}
	}
	c := p11.New(driver)
	if c == nil {
		return nil, fmt.Errorf("%s cannot be opened", driver)
	}
	return &hsm{driver, c}, c.Initialize()
})

var (
	errNoHSM = errors.New("SoftHSM is not installed (Debian's package softhsm2)")
	cleanup  = func() {}
)

func TestMain(m *testing.M) {
	code := m.Run()
	cleanup()
	os.Exit(code)
}

// softHSM skips a test where there is no SoftHSM, except where there must be.
func softHSM(t *testing.T) *hsm {
	t.Helper()
	h, err := shared()
	if errors.Is(err, errNoHSM) && os.Getenv("SAFECONDUCT_MUST_HSM") != "1" {
		t.Skipf("SKIPPED, NOTHING IS SHOWN ABOUT PKCS#11: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// session is a writing one with the token "officers", logged in.
func (h *hsm) session(t *testing.T) p11.SessionHandle {
	t.Helper()
	slots := must(h.GetSlotList(true))
	for _, slot := range slots {
		if must(h.GetTokenInfo(slot)).Label != "officers" {
			continue
		}
		s := must(h.OpenSession(slot, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION))
		t.Cleanup(func() { check(t, h.CloseSession(s)) })
		if err := h.Login(s, p11.CKU_USER, pin); err != nil && !errors.Is(err, p11.Error(p11.CKR_USER_ALREADY_LOGGED_IN)) {
			t.Fatal(err)
		}
		return s
	}
	t.Fatal("no token")
	return 0
}

// generate makes a key pair in the token, named by the test.
func (h *hsm) generate(t *testing.T, mechanism uint, public, private []*p11.Attribute, id string) (pub, priv p11.ObjectHandle) {
	t.Helper()
	name := []*p11.Attribute{
		p11.NewAttribute(p11.CKA_TOKEN, true), p11.NewAttribute(p11.CKA_LABEL, t.Name()), p11.NewAttribute(p11.CKA_ID, id),
	}
	pub, priv, err := h.GenerateKeyPair(h.session(t), []*p11.Mechanism{p11.NewMechanism(mechanism, nil)},
		append(append([]*p11.Attribute{p11.NewAttribute(p11.CKA_VERIFY, true)}, public...), name...),
		append(append([]*p11.Attribute{p11.NewAttribute(p11.CKA_SIGN, true), p11.NewAttribute(p11.CKA_SENSITIVE, true)}, private...), name...))
	if err != nil {
		t.Fatal(err)
	}
	return pub, priv
}

func (h *hsm) curve(t *testing.T, params, id string, private ...*p11.Attribute) (pub, priv p11.ObjectHandle) {
	t.Helper()
	mechanism := uint(p11.CKM_EC_KEY_PAIR_GEN)
	if params == ed25519 {
		mechanism = ecEdwardsKeyPairGen
	}
	return h.generate(t, mechanism, []*p11.Attribute{p11.NewAttribute(p11.CKA_EC_PARAMS, []byte(params))}, private, id)
}

// uri names what generate made.
func (h *hsm) uri(t *testing.T, query string) string {
	return "pkcs11:token=officers;object=" + url.PathEscape(t.Name()) + "?module-path=" + h.driver + query
}

const withPIN = "&pin-value=open%20sesame"

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func revocation() attest.Claims {
	const day = 1772323200
	return &attest.Event{
		Common: attest.Common{Aud: "register.example/test", Iss: "us-bis", Sub: "sandbox:SBX-1", JTI: "EV-1", IAT: day},
		Event:  attest.Revoke, Target: "DOM-1", EffectiveAt: day,
	}
}

func TestHSMKeySignsStatements(t *testing.T) {
	h := softHSM(t)
	for alg, params := range map[string]string{"ES256": p256, "ES384": p384, "EdDSA": ed25519} {
		t.Run(alg, func(t *testing.T) {
			h.curve(t, params, t.Name())
			s, err := pkcs11.Load(t.Context(), h.uri(t, withPIN))
			if err != nil {
				t.Fatal(err)
			}
			if s.Key().Algorithm() != alg {
				t.Errorf("signs %s", s.Key().Algorithm())
			}
			// Sign verifies each, low s included, which half of all have anyway.
			for range 8 {
				if _, err := attest.Sign(t.Context(), revocation(), s); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestHSMSignsConcurrently(t *testing.T) {
	h := softHSM(t)
	h.curve(t, p256, t.Name())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := pkcs11.Load(t.Context(), h.uri(t, withPIN))
			if err == nil {
				_, err = attest.Sign(t.Context(), revocation(), s)
			}
			check(t, err)
		})
	}
	wg.Wait()
}

func TestHSMKeyThatWantsThePINForEverySignatureGetsIt(t *testing.T) {
	h := softHSM(t)
	h.curve(t, p256, t.Name(), p11.NewAttribute(p11.CKA_ALWAYS_AUTHENTICATE, true))
	s, err := pkcs11.Load(t.Context(), h.uri(t, withPIN))
	if err == nil {
		_, err = attest.Sign(t.Context(), revocation(), s)
	}
	check(t, err)
}

func TestHSMPINComesFromTheURIAFileOrTheEnvironment(t *testing.T) {
	h := softHSM(t)
	h.curve(t, p256, t.Name())
	file := filepath.Join(t.TempDir(), "pin")
	if err := os.WriteFile(file, []byte(pin+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{withPIN, "&pin-source=" + file, "&pin-source=file:" + file, "&pin-source=file://" + file} {
		_, err := pkcs11.Load(t.Context(), h.uri(t, query))
		check(t, err)
	}
	t.Setenv(pkcs11.PINVariable, pin)
	t.Setenv(pkcs11.ModuleVariable, h.driver)
	uri, _, _ := strings.Cut(h.uri(t, ""), "?")
	_, err := pkcs11.Load(t.Context(), uri)
	check(t, err)

	check(t, os.Chmod(file, 0o644))
	many := filepath.Join(t.TempDir(), "many")
	check(t, os.WriteFile(many, []byte("sesame\nsesame\n"), 0o600))
	for query, want := range map[string]string{
		"&pin-source=" + file:      "chmod 600 " + file,
		"&pin-source=/nowhere/pin": "no such file",
		"&pin-source=pin":          "want the absolute path",
		"&pin-source=%7Ccat":       "want the absolute path",
		"&pin-source=" + many:      "no PIN, or more than one line",
		"&pin-source=/dev/null":    "not a regular file",
	} {
		if _, err := pkcs11.Load(t.Context(), h.uri(t, query)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: got %v, want it to say %q", query, err, want)
		}
	}
}

func TestHSMErrorsHaveNoPIN(t *testing.T) {
	h := softHSM(t)
	// A token stays open for everybody in the process while somebody is logged in.
	check(t, os.Unsetenv(pkcs11.PINVariable))
	slots := must(h.GetSlotList(true))
	for _, slot := range slots {
		check(t, h.CloseAllSessions(slot))
	}
	for query, want := range map[string]string{
		"&pin-value=fiddlesticks": "the PIN is wrong",
		"&pin-value=":             "it wants a PIN; set SAFECONDUCT_PIN",
		"":                        "it wants a PIN; set SAFECONDUCT_PIN",
	} {
		_, err := pkcs11.Load(t.Context(), h.uri(t, query))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "fiddlesticks") {
			t.Errorf("%s: got %v, want it to say %q", query, err, want)
		}
	}
}

func TestHSMReferenceNamesOneKeyOfOneToken(t *testing.T) {
	h := softHSM(t)
	h.curve(t, p256, "1")
	h.curve(t, p256, "\x02\xff")
	h.curve(t, p384, "3")
	module := "?module-path=" + h.driver + withPIN
	for path, want := range map[string]string{
		"token=officers;object=" + t.Name():      "say which by id: id=%02%ff, id=%31, id=%33",
		"token=officers;object=none":             "no private key of that object and id",
		"token=officers;id=%09":                  "no private key of that object and id",
		"token=others;object=x":                  "no token is the one that is named; there are: token=",
		"token=officers;serial=00;object=x":      "no token is the one that is named",
		"token=officers;model=x;object=x":        "no token is the one that is named",
		"token=officers;slot-id=424242;object=x": "no token is the one that is named",
		"token=twins;object=x":                   "fits more than one token, say which: token=twins;serial=",
	} {
		if _, err := pkcs11.Load(t.Context(), "pkcs11:"+path+module); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it to say %q", path, err, want)
		}
	}
	s, err := pkcs11.Load(t.Context(), "pkcs11:token=officers;manufacturer=SoftHSM%20project;type=private;object="+t.Name()+";id=%33"+module)
	if err != nil || s.Key().Algorithm() != "ES384" {
		t.Errorf("got %v", err)
	}
}

func TestHSMKeysThatSignNoStatementsAreRefusedByWhatTheyAre(t *testing.T) {
	h := softHSM(t)
	for name, params := range map[string]string{"P-521": p521, "secp256k1": secp256k1} {
		t.Run(name, func(t *testing.T) {
			h.curve(t, params, t.Name())
			if _, err := pkcs11.Load(t.Context(), h.uri(t, withPIN)); err == nil || !strings.Contains(err.Error(), "a key on "+name+" signs no statements") {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("RSA", func(t *testing.T) {
		h.generate(t, p11.CKM_RSA_PKCS_KEY_PAIR_GEN, []*p11.Attribute{
			p11.NewAttribute(p11.CKA_MODULUS_BITS, 2048), p11.NewAttribute(p11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
		}, nil, t.Name())
		if _, err := pkcs11.Load(t.Context(), h.uri(t, withPIN)); err == nil || !strings.Contains(err.Error(), "an RSA key signs no statements") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no public key", func(t *testing.T) {
		pub, _ := h.curve(t, p256, t.Name())
		check(t, h.DestroyObject(h.session(t), pub))
		if _, err := pkcs11.Load(t.Context(), h.uri(t, withPIN)); err == nil || !strings.Contains(err.Error(), "no public key beside the private one") {
			t.Errorf("got %v", err)
		}
	})
}

// The token shows one public key and signs with another private key.
func TestSignatureOfALyingHSMDoesNotLeave(t *testing.T) {
	h := softHSM(t)
	for alg, params := range map[string]string{"ES256": p256, "EdDSA": ed25519} {
		t.Run(alg, func(t *testing.T) {
			pub, _ := h.curve(t, params, t.Name())
			_, other := h.curve(t, params, t.Name()+" other")
			session := h.session(t)
			check(t, h.DestroyObject(session, pub))
			check(t, h.SetAttributeValue(session, other, []*p11.Attribute{p11.NewAttribute(p11.CKA_LABEL, "away")}))
			// What is left is the private key of one pair and the public key of the
			// other, under one id.
			check(t, h.FindObjectsInit(session, []*p11.Attribute{
				p11.NewAttribute(p11.CKA_CLASS, p11.CKO_PUBLIC_KEY), p11.NewAttribute(p11.CKA_ID, t.Name()+" other"),
			}))
			found, _, err := h.FindObjects(session, 2)
			check(t, errors.Join(err, h.FindObjectsFinal(session)))
			check(t, h.SetAttributeValue(session, found[0], []*p11.Attribute{p11.NewAttribute(p11.CKA_ID, t.Name())}))

			s, err := pkcs11.Load(t.Context(), h.uri(t, withPIN))
			if err != nil {
				t.Fatal(err)
			}
			if st, err := attest.Sign(t.Context(), revocation(), s); err == nil || !strings.Contains(err.Error(), "the fresh signature is not good") {
				t.Errorf("got %q, %v", st, err)
			}
		})
	}
}

func TestDriverIsTheFileThatIsNamed(t *testing.T) {
	text := filepath.Join(t.TempDir(), "driver.so")
	check(t, os.WriteFile(text, []byte("not a library"), 0o600))
	t.Setenv(pkcs11.ModuleVariable, "")
	for query, want := range map[string]string{
		"":                                "add ?module-path=/usr/lib/….so, or set SAFECONDUCT_PKCS11_MODULE",
		"?module-path=libsofthsm2.so":     "is not an absolute path",
		"?module-path=/nowhere/driver.so": "no such file",
		"?module-path=/":                  "is no file",
		"?module-path=" + text:            "is no PKCS#11 driver",
	} {
		if _, err := pkcs11.Load(t.Context(), "pkcs11:object=a"+query); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it to say %q", query, err, want)
		}
	}
}

func TestHangingDriverDoesNotHangLoad(t *testing.T) {
	driver := filepath.Join(t.TempDir(), "hang.so")
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", driver, "testdata/hang.c").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	if _, err := pkcs11.Load(ctx, "pkcs11:object=a?module-path="+driver); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

const dataroom = "https://dataroom.example.com"

// A holder shows itself to those who ask a register.
type holder struct {
	*testing.T
	reg      *registrytest.Register
	approval []byte
	request  []byte
}

func newHolder(t *testing.T, reg *registrytest.Register) *holder {
	t.Helper()
	a := registrytest.Approval("TEA-1", registrytest.US, registrytest.Varuna, "IN")
	a.Programme = "VEU"
	a.Confirmation = &attest.Confirmation{JWK: registrytest.SignerNamed("varuna").JWK()}
	h := &holder{T: t, reg: reg, approval: reg.Sign(a)}
	if _, err := reg.Submit(t.Context(), h.approval); err != nil {
		t.Fatal(err)
	}
	reg.Clock.Add(time.Minute)
	h.request = fmt.Appendf(nil, `{"effective_at":%q,"authority":%q,"programme":"VEU","act":"export","mode":"tangible","transferor":%q,"transferee":%q,"destination_site":"VTZ-1","item":{"list":"US_CCL","entry":"5A001.b.1"}}`,
		reg.Clock.Now().Format(time.RFC3339), registrytest.US, registrytest.Halcyon, registrytest.Varuna)
	return h
}

func (h *holder) show(audience, nonce string) []byte {
	h.Helper()
	req, err := policy.ParseRequest(h.request)
	if err != nil {
		h.Fatal(err)
	}
	evidence, err := h.reg.Evidence(h.Context(), req)
	if err != nil {
		h.Fatal(err)
	}
	p, err := presentation.Make(h.Context(), evidence, h.approval, nil, registrytest.SignerNamed("varuna"), presentation.Binding{Audience: audience, Nonce: nonce, IssuedAt: h.reg.Clock.Now()})
	if err != nil {
		h.Fatal(err)
	}
	return p
}

func TestAPresentationIsOpenedByTheRegisterThatGaveTheNonce(t *testing.T) {
	reg, c := newRegister(t)
	h := newHolder(t, reg)
	challenged := func() string {
		t.Helper()
		nonce, until, err := c.Challenge(t.Context())
		if err != nil || nonce == "" || !until.After(reg.Clock.Now()) {
			t.Fatalf("challenged with %q until %v, %v", nonce, until, err)
		}
		return nonce
	}
	nonce := challenged()
	shown := h.show(dataroom, nonce)
	s, err := c.Present(t.Context(), dataroom, nonce, shown, h.request)
	if err != nil {
		t.Fatal(err)
	}
	if s.Holder != registrytest.Varuna || s.Issuer != registrytest.US || s.Approval != "TEA-1" || !s.Decision.Permitted() || !s.IssuedAt.Equal(reg.Clock.Now()) {
		t.Errorf("shown: %+v", s)
	}
	other := challenged()
	spaced := challenged()
	for name, row := range map[string]struct {
		audience, nonce string
		shown           []byte
		step            string
	}{
		"once more":         {dataroom, nonce, shown, presentation.StepNonce},
		"to somebody else":  {dataroom, other, h.show("https://other.example.com", other), presentation.StepAudience},
		"a nonce of no one": {dataroom, "made-up", h.show(dataroom, "made-up"), presentation.StepNonce},
		// What is sent is what was given, to the byte.
		"with white space": {dataroom, spaced, []byte(strings.Replace(string(h.show(dataroom, spaced)), `,"sd_jwt"`, `, "sd_jwt"`, 1)), presentation.StepForm},
		"with an escape":   {dataroom, spaced, []byte(strings.Replace(string(h.show(dataroom, spaced)), `"sd_jwt":"e`, `"sd_jwt":"\u0065`, 1)), presentation.StepForm},
	} {
		s, err := c.Present(t.Context(), row.audience, row.nonce, row.shown, h.request)
		if p, ok := errors.AsType[*client.Problem](err); !ok || s != nil || p.Type != "urn:safeconduct:problem:not-shown" || p.Step != row.step {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

// What is not one document could add a member of its own to what is asked.
func TestWhatIsPresentedIsOneDocument(t *testing.T) {
	asked := false
	c := answering(t, func(http.ResponseWriter, *http.Request) { asked = true })
	for _, bad := range []string{"", "{", `{},"nonce":"x"`, `{} {}`, "\x00", `{"a":1,"a":2}`} {
		if s, err := c.Present(t.Context(), dataroom, "n", []byte(bad), []byte(request)); err == nil || s != nil {
			t.Errorf("presentation %q: %+v", bad, s)
		}
		if s, err := c.Present(t.Context(), dataroom, "n", []byte("{}"), []byte(bad)); err == nil || s != nil {
			t.Errorf("request %q: %+v", bad, s)
		}
	}
	if asked {
		t.Error("the register was asked")
	}
}

func TestAPresentationWhoseAnswerWasLostIsNotSentAgain(t *testing.T) {
	reg := registrytest.New(t)
	s := httptest.NewServer(httpapi.NewHandler(reg, httpapi.Options{Now: reg.Clock.Now}))
	t.Cleanup(s.Close)
	h := newHolder(t, reg)
	transport := &lossy{by: http.DefaultTransport}
	c, err := client.New(s.URL, &http.Client{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	c = c.Retrying(client.Retry{Attempts: 5, First: time.Millisecond})
	nonce, _, err := c.Challenge(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	transport.sent, transport.lose = 0, 1
	got, err := c.Present(t.Context(), dataroom, nonce, h.show(dataroom, nonce), h.request)
	if _, ok := errors.AsType[*client.UnreachableError](err); !ok || got != nil || transport.sent != 1 {
		t.Errorf("sent %d times: %+v, %v", transport.sent, got, err)
	}
}

func TestWhatIsNoAnswerToAPresentationShowsNobody(t *testing.T) {
	good := `{"holder":"` + registrytest.Varuna + `","issuer":"auth-us","approval":"TEA-1","issued_at":"2026-01-05T09:00:00Z","decision":{"decision":"PERMIT"}}`
	for name, answer := range map[string]string{
		"nothing":        "",
		"no holder":      strings.Replace(good, registrytest.Varuna, "", 1),
		"a name":         strings.Replace(good, registrytest.Varuna, "Varuna Deep", 1),
		"no approval":    strings.Replace(good, "TEA-1", "", 1),
		"no issuer":      strings.Replace(good, "auth-us", "", 1),
		"no time":        strings.Replace(good, `"issued_at":"2026-01-05T09:00:00Z",`, "", 1),
		"no decision":    strings.Replace(good, `"PERMIT"`, `"permit"`, 1),
		"none at all":    strings.Replace(good, `,"decision":{"decision":"PERMIT"}`, "", 1),
		"two decisions":  strings.Replace(good, `"PERMIT"`, `"DENY","decision":"PERMIT"`, 1),
		"without bound":  good[:len(good)-1] + `,"x":"` + strings.Repeat("x", 9<<20) + `"}`,
		"and more of it": good + "{}",
	} {
		c := answering(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, answer)
		})
		if s, err := c.Present(t.Context(), dataroom, "n", []byte("{}"), []byte(request)); err == nil || s != nil {
			t.Errorf("%s: %+v", name, s)
		}
		if nonce, _, err := c.Challenge(t.Context()); err == nil || nonce != "" {
			t.Errorf("%s: challenged with %q", name, nonce)
		}
	}
}

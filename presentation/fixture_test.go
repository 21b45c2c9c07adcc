package presentation_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/screening"
)

const audience, nonce = "https://dataroom.example.com", "n-0S6_WzA2Mj"

// A scene is a register that has approved Varuna, some of whose approval is
// confidential; Varuna holds the key and the disclosures.
type scene struct {
	*testing.T
	r           *rt.Register
	holder      attest.Signer
	approval    []byte
	disclosures []attest.Disclosure
	evidence    []byte
	req         *policy.Request
}

func play(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, r: rt.New(t), holder: rt.SignerNamed("varuna")}
	a := rt.Approval("TEA-1", rt.US, rt.Varuna, "IN")
	a.Programme = "VEU"
	a.Confirmation = &attest.Confirmation{JWK: rt.SignerNamed("varuna").JWK()}
	a.Caveats = &attest.Limits{Value: &attest.ValueCeiling{Currency: "USD", PerTransaction: "1000"}}
	concealed, ds, err := a.Conceal([]string{"/caveats/value", "/legal_name"})
	if err != nil {
		t.Fatal(err)
	}
	s.disclosures = ds
	s.approval = s.r.Sign(concealed)
	if _, err := s.r.Submit(t.Context(), s.approval); err != nil {
		t.Fatal(err)
	}
	s.r.Clock.Add(time.Minute)
	s.req = &policy.Request{
		EffectiveAt: policy.InstantOf(s.r.Clock.Now()), Authority: rt.US, Programme: "VEU", Act: "export", Mode: "tangible",
		Transferor: rt.Halcyon, Transferee: rt.Varuna, DestinationSite: "VTZ-1", Item: &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"},
		Value: &policy.Value{Amount: amount("500"), Currency: "USD"},
	}
	s.evidence = s.prove()
	return s
}

func amount(text string) policy.Number {
	n, err := policy.NumberOf(text)
	if err != nil {
		panic(err)
	}
	return n
}

func (s *scene) prove() []byte {
	s.Helper()
	e, err := s.r.Evidence(s.Context(), s.req)
	if err != nil {
		s.Fatal(err)
	}
	return e
}

func (s *scene) make(b presentation.Binding, ds ...attest.Disclosure) []byte {
	s.Helper()
	p, err := presentation.Make(s.Context(), s.evidence, s.approval, ds, s.holder, b)
	if err != nil {
		s.Fatal(err)
	}
	return p
}

func (s *scene) bound() presentation.Binding {
	return presentation.Binding{Audience: audience, Nonce: nonce, IssuedAt: s.r.Clock.Now()}
}

func (s *scene) open(p []byte) (*presentation.Opened, error) {
	return presentation.Open(p, s.r.Trust, presentation.Expected{Audience: audience, Nonce: nonce}, s.r.Clock.Now())
}

func (s *scene) decide(o *presentation.Opened, lists ...*screening.List) *policy.Decision {
	s.Helper()
	q, err := policy.Ask(s.req)
	if err != nil {
		s.Fatal(err)
	}
	d, err := o.Decide(q, s.req.TimesNow(s.r.Clock.Now()), lists...)
	if err != nil {
		s.Fatal(err)
	}
	return d
}

// present opens a presentation by key of an approval, and decides the request on it.
func (s *scene) present(evidence, approval []byte, key attest.Signer) (*policy.Decision, error) {
	s.Helper()
	p, err := presentation.Make(s.Context(), evidence, approval, nil, key, s.bound())
	if err != nil {
		s.Fatal(err)
	}
	o, err := s.open(p)
	if err != nil {
		return nil, err
	}
	q, err := policy.Ask(s.req)
	if err != nil {
		s.Fatal(err)
	}
	return o.Decide(q, s.req.TimesNow(s.r.Clock.Now()))
}

// with is the same register, on which Corvus is approved and holds another key.
func (s *scene) with(holder attest.Signer, key attest.JWK) *scene {
	s.Helper()
	other := *s
	a := rt.Approval("TEA-"+holder.Key().ID()[:8], rt.US, rt.Corvus, "AU")
	a.Programme, a.Confirmation = "VEU", &attest.Confirmation{JWK: key}
	other.approval, other.disclosures, other.holder = s.r.Sign(a), nil, holder
	if _, err := s.r.Submit(s.Context(), other.approval); err != nil {
		s.Fatal(err)
	}
	s.r.Clock.Add(time.Minute)
	req := *s.req
	req.Transferee = rt.Corvus
	other.req = &req
	other.evidence = other.prove()
	return &other
}

// recut changes the SD-JWT of a presentation.
func recut(t *testing.T, p []byte, change func(sd string) string) []byte {
	t.Helper()
	i := bytes.LastIndex(p, []byte(`,"sd_jwt":"`)) + len(`,"sd_jwt":"`)
	j := i + bytes.IndexByte(p[i:], '"')
	return []byte(string(p[:i]) + change(string(p[i:j])) + string(p[j:]))
}

// reboundBy has somebody else's library make the key binding.
func (s *scene) reboundBy(p []byte, header string, change func(map[string]any), sign func(input string) []byte) []byte {
	return recut(s.T, p, func(sd string) string {
		i := strings.LastIndexByte(sd, '~') + 1
		parts := strings.Split(sd[i:], ".")
		data, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			s.Fatal(err)
		}
		claims := make(map[string]any)
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		if err := dec.Decode(&claims); err != nil {
			s.Fatal(err)
		}
		if change != nil {
			change(claims)
		}
		if data, err = json.Marshal(claims); err != nil {
			s.Fatal(err)
		}
		enc := base64.RawURLEncoding
		input := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString(data)
		return sd[:i] + input + "." + enc.EncodeToString(sign(input))
	})
}

func (s *scene) signed(input string) []byte {
	sig, err := s.holder.Sign(context.Background(), []byte(input))
	if err != nil {
		s.Fatal(err)
	}
	return sig
}

const kbHeader = `{"alg":"EdDSA","typ":"kb+jwt"}`

package presentation_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/jws"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
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

func TestAHolderShowsThatItIsApproved(t *testing.T) {
	s := play(t)
	o, err := s.open(s.make(s.bound(), s.disclosures...))
	if err != nil {
		t.Fatal(err)
	}
	if o.Holder != rt.Varuna || o.Claims().LegalName == "" || !o.IssuedAt.Equal(s.r.Clock.Now()) {
		t.Errorf("opened %+v", o)
	}
	d := s.decide(o)
	if !d.Permitted() || d.Replay.Disclosures == "" {
		t.Errorf("%s %v, disclosures %q", d.Decision, d.Reasons, d.Replay.Disclosures)
	}
	s.req.Value.Amount = amount("2000")
	if d := s.decide(o); d.Decision != policy.DENY {
		t.Errorf("above the confidential ceiling: %s", d.Decision)
	}
}

func TestWhatIsNotDisclosedAndNeededIsReferredByName(t *testing.T) {
	s := play(t)
	o, err := s.open(s.make(s.bound(), s.disclosures[1])) // the name alone
	if err != nil {
		t.Fatal(err)
	}
	d := s.decide(o)
	if d.Decision != policy.REFER || len(d.Reasons) != 1 || d.Reasons[0].Code != policy.MissingFact || d.Reasons[0].Pointer != "/caveats/value" {
		t.Errorf("%s %+v", d.Decision, d.Reasons)
	}
	// The register itself has no disclosures either.
	if d, _, err := s.r.Decide(t.Context(), s.req, s.req.TimesNow(s.r.Clock.Now())); err != nil || d.Decision != policy.REFER {
		t.Errorf("the register: %v, %v", d, err)
	}
	list, err := screening.Parse("l.txt", strings.NewReader("# list: L\n# version: 1\nSomebody else\n"))
	if err != nil {
		t.Fatal(err)
	}
	o, err = s.open(s.make(s.bound(), s.disclosures[0])) // the ceiling alone
	if err != nil {
		t.Fatal(err)
	}
	if d := s.decide(o, list); d.Decision != policy.REFER || d.Reasons[0].Pointer != "/legal_name" {
		t.Errorf("screened: %s %+v", d.Decision, d.Reasons)
	}
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

// The attacks are those of a list of attacks on JOSE and on presentations, by its
// numbers where it has them.
func TestEveryAttackIsRefusedByName(t *testing.T) {
	s := play(t)
	good := s.make(s.bound(), s.disclosures...)
	member := func(name string, value any) []byte {
		return s.reboundBy(good, kbHeader, func(c map[string]any) { c[name] = value }, s.signed)
	}
	headed := func(header string) []byte { return s.reboundBy(good, header, nil, s.signed) }
	late := s.bound()
	late.IssuedAt = s.r.Clock.Now().Add(-5*time.Minute - time.Second)
	early := s.bound()
	early.IssuedAt = s.r.Clock.Now().Add(time.Minute + time.Second)
	elsewhere, another := s.bound(), s.bound()
	elsewhere.Audience = "https://dataroom.example.com.evil.example"
	another.Nonce = "n-old"
	second, err := s.r.Evidence(t.Context(), func() *policy.Request { r := *s.req; r.Transferor = rt.Corvus; return &r }())
	if err != nil {
		t.Fatal(err)
	}
	tilde := func(sd string) []string { return strings.Split(sd, "~") }
	other := rt.SignerNamed("us-1")
	byOther := func(input string) []byte {
		sig, err := other.Sign(t.Context(), []byte(input))
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	plain := rt.Approval("TEA-2", rt.US, rt.Corvus, "AU")
	plain.Confirmation = &attest.Confirmation{JWK: rt.SignerNamed("varuna").JWK()}
	unlogged, _, _ := strings.Cut(string(s.r.Sign(plain)), "\n")

	for name, c := range map[string]struct {
		p    []byte
		step string
	}{
		"1 alg none":                   {s.reboundBy(good, `{"alg":"none","typ":"kb+jwt"}`, nil, func(string) []byte { return []byte{0} }), presentation.StepKey},
		"1 alg nOnE":                   {headed(`{"alg":"nOnE","typ":"kb+jwt"}`), presentation.StepKey},
		"2 HS256 with the public key":  {headed(`{"alg":"HS256","typ":"kb+jwt"}`), presentation.StepKey},
		"3 the alg of another key":     {headed(`{"alg":"ES256","typ":"kb+jwt"}`), presentation.StepKey},
		"3 Ed25519 for EdDSA":          {headed(`{"alg":"Ed25519","typ":"kb+jwt"}`), presentation.StepKey},
		"4 alg missing":                {headed(`{"typ":"kb+jwt"}`), presentation.StepKey},
		"4 alg a number":               {headed(`{"alg":1,"typ":"kb+jwt"}`), presentation.StepKey},
		"4 alg an array":               {headed(`{"alg":["EdDSA"],"typ":"kb+jwt"}`), presentation.StepKey},
		"5 an embedded key":            {headed(`{"alg":"EdDSA","jwk":{"kty":"OKP"},"typ":"kb+jwt"}`), presentation.StepKey},
		"6 jku":                        {headed(`{"alg":"EdDSA","jku":"http://169.254.169.254/","typ":"kb+jwt"}`), presentation.StepKey},
		"7 x5c":                        {headed(`{"alg":"EdDSA","typ":"kb+jwt","x5c":["AA"]}`), presentation.StepKey},
		"8 kid":                        {headed(`{"alg":"EdDSA","kid":"../../etc/passwd","typ":"kb+jwt"}`), presentation.StepKey},
		"9 no typ":                     {headed(`{"alg":"EdDSA"}`), presentation.StepKey},
		"9 the typ of an approval":     {headed(`{"alg":"EdDSA","typ":"dc+sd-jwt"}`), presentation.StepKey},
		"9 typ in other case":          {headed(`{"alg":"EdDSA","typ":"KB+JWT"}`), presentation.StepKey},
		"9 typ with application/":      {headed(`{"alg":"EdDSA","typ":"application/kb+jwt"}`), presentation.StepKey},
		"10 crit":                      {headed(`{"alg":"EdDSA","crit":[],"typ":"kb+jwt"}`), presentation.StepKey},
		"11 b64":                       {headed(`{"alg":"EdDSA","b64":true,"typ":"kb+jwt"}`), presentation.StepKey},
		"12 zip":                       {headed(`{"alg":"EdDSA","typ":"kb+jwt","zip":"DEF"}`), presentation.StepKey},
		"13 a member twice":            {headed(`{"alg":"EdDSA","alg":"EdDSA","typ":"kb+jwt"}`), presentation.StepKey},
		"15 a member in other case":    {headed(`{"Alg":"EdDSA","typ":"kb+jwt"}`), presentation.StepKey},
		"16 an unknown claim":          {member("exp", 1), presentation.StepKey},
		"17 padding":                   {recut(t, good, func(sd string) string { return sd + "=" }), presentation.StepForm},
		"17 white space":               {recut(t, good, func(sd string) string { return sd + " " }), presentation.StepForm},
		"18 two parts":                 {recut(t, good, func(sd string) string { return sd[:strings.LastIndexByte(sd, '.')] }), presentation.StepKey},
		"18 four parts":                {recut(t, good, func(sd string) string { return sd + ".AA" }), presentation.StepKey},
		"18 dots":                      {recut(t, good, func(sd string) string { return sd + strings.Repeat(".", 1<<18) }), presentation.StepForm},
		"18 tildes":                    {recut(t, good, func(sd string) string { return strings.Repeat("~", 1<<16) + sd }), presentation.StepForm},
		"21 a signature of zeros":      {s.reboundBy(good, kbHeader, nil, func(string) []byte { return make([]byte, 64) }), presentation.StepKey},
		"21 a short signature":         {s.reboundBy(good, kbHeader, nil, func(string) []byte { return make([]byte, 63) }), presentation.StepKey},
		"26 signed by another key":     {s.reboundBy(good, kbHeader, nil, byOther), presentation.StepKey},
		"26 another payload":           {recut(t, good, func(sd string) string { return strings.Replace(sd, ".eyJ", ".eyK", 2) }), presentation.StepApproval},
		"27 iat too large":             {member("iat", json.Number("1e400")), presentation.StepKey},
		"27 iat a fraction":            {member("iat", json.Number("1.5")), presentation.StepKey},
		"29 iat a string":              {member("iat", "now"), presentation.StepKey},
		"29 iat missing":               {s.reboundBy(good, kbHeader, func(c map[string]any) { delete(c, "iat") }, s.signed), presentation.StepTime},
		"29 made too long ago":         {s.make(late, s.disclosures...), presentation.StepTime},
		"29 made in the future":        {s.make(early, s.disclosures...), presentation.StepTime},
		"32 to another audience":       {s.make(elsewhere, s.disclosures...), presentation.StepAudience},
		"32 an audience of several":    {member("aud", []any{audience}), presentation.StepKey},
		"32 another nonce":             {s.make(another, s.disclosures...), presentation.StepNonce},
		"32 no nonce":                  {s.reboundBy(good, kbHeader, func(c map[string]any) { delete(c, "nonce") }, s.signed), presentation.StepNonce},
		"32 sd_hash of something else": {member("sd_hash", "AAAA"), presentation.StepHash},
		"32 a disclosure taken away":   {recut(t, good, func(sd string) string { p := tilde(sd); return strings.Join(append(p[:1:1], p[2:]...), "~") }), presentation.StepHash},
		"32 a disclosure twice":        {recut(t, good, func(sd string) string { p := tilde(sd); return strings.Join(append(p[:2:2], p[1:]...), "~") }), presentation.StepDisclosures},
		"a disclosure of nothing": {recut(t, good, func(sd string) string {
			return strings.Replace(sd, "~", "~WyJBQUFBQUFBQUFBQUFBQUFBQUFBQUFBIiwibmFtZSIsIlgiXQ~", 1)
		}), presentation.StepDisclosures},
		"32 no key binding":               {recut(t, good, func(sd string) string { return sd[:strings.LastIndexByte(sd, '~')+1] }), presentation.StepForm},
		"56 other evidence":               {[]byte(strings.Replace(string(good), string(s.evidence), string(second), 1)), presentation.StepEvidence},
		"56 evidence with a byte changed": {[]byte(strings.Replace(string(good), `"type":"safeconduct`, `"type":"safecondukt`, 1)), verify.StepParse},
		"an approval that is not logged":  {recut(t, good, func(sd string) string { return unlogged + sd[strings.IndexByte(sd, '~'):] }), presentation.StepApproval},
		"white space around":              {append([]byte(" "), good...), presentation.StepForm},
		"something behind":                {append(bytes.Clone(good), '\n'), presentation.StepForm},
		"another type":                    {bytes.Replace(good, []byte("presentation/v1"), []byte("presentation/v2"), 1), presentation.StepForm},
		"an unknown member":               {bytes.Replace(good, []byte(`,"type":"safeconduct/presentation`), []byte(`,"x":1,"type":"safeconduct/presentation`), 1), presentation.StepForm},
		"nothing":                         {nil, presentation.StepForm},
		"too large":                       {make([]byte, presentation.MaxBytes+1), presentation.StepForm},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := s.open(c.p)
			var refused *presentation.Error
			if !errors.As(err, &refused) || refused.Step != c.step || o != nil {
				t.Errorf("got %v, %v; want a refusal at %s", o, err, c.step)
			}
		})
	}
	if _, err := s.open(good); err != nil {
		t.Fatalf("the good one: %v", err)
	}
}

func TestAnApprovalThatIsNotInForceIsNotPresented(t *testing.T) {
	s := play(t)
	p := s.make(s.bound(), s.disclosures...)
	s.r.MustSubmit(rt.Event("SUS-1", rt.US, attest.ApprovalSubject(rt.Varuna, rt.US), "TEA-1", attest.Suspend, rt.Start))
	s.r.Clock.Add(time.Minute)
	// The old evidence proves what was known then, and is good for as long as the
	// verifier's policy lets it be.
	if _, err := s.open(p); err != nil {
		t.Errorf("evidence from before: %v", err)
	}
	s.evidence = s.prove()
	_, err := s.open(s.make(s.bound(), s.disclosures...))
	var refused *presentation.Error
	if !errors.As(err, &refused) || refused.Step != presentation.StepApproval || !strings.Contains(err.Error(), "suspended") {
		t.Errorf("got %v", err)
	}
}

// A later version names another key: the old one, which may be stolen, presents no
// more.
func TestTheKeyIsThatOfTheVersionInForce(t *testing.T) {
	s := play(t)
	next := rt.Approval("TEA-1B", rt.US, rt.Varuna, "IN")
	next.Programme, next.Supersedes = "VEU", "TEA-1"
	next.Confirmation = &attest.Confirmation{JWK: rt.SignerNamed("varuna-2").JWK()}
	s.r.MustSubmit(next)
	s.r.Clock.Add(time.Minute)
	s.evidence = s.prove()
	_, err := s.open(s.make(s.bound(), s.disclosures...))
	var refused *presentation.Error
	if !errors.As(err, &refused) || refused.Step != presentation.StepApproval || !strings.Contains(err.Error(), "superseded") {
		t.Errorf("got %v", err)
	}
}

func TestAnApprovalThatWasPassedOnIsNotItsOldHoldersToPresent(t *testing.T) {
	s := play(t)
	s.r.MustSubmit(&attest.Succession{
		Common: attest.Common{Aud: rt.Origin, Iss: rt.US, Sub: attest.ApprovalSubject(rt.Varuna, rt.US), JTI: "SUC-1", IAT: attest.NumericDate(s.r.Clock.Now().Unix())},
		Target: "TEA-1", EffectiveAt: attest.NumericDate(s.r.Clock.Now().Unix() + 30), Successor: rt.Corvus, LegalName: "Corvus", Country: "AU",
	})
	s.r.Clock.Add(time.Minute)
	s.evidence = s.prove()
	_, err := s.open(s.make(s.bound(), s.disclosures...))
	var refused *presentation.Error
	if !errors.As(err, &refused) || refused.Step != presentation.StepApproval || !strings.Contains(err.Error(), "passed on to "+rt.Corvus) {
		t.Errorf("got %v", err)
	}
}

func TestAVersionWithTheDigestsOfTheOneBeforeIsDisclosedAsItWas(t *testing.T) {
	s := play(t)
	u, err := attest.Parse(s.approval)
	if err != nil {
		t.Fatal(err)
	}
	next, ok := u.ClaimsUnsafe().(*attest.EntityApproval)
	if !ok {
		t.Fatal("it is no approval")
	}
	next.JTI, next.Supersedes = "TEA-1B", "TEA-1"
	s.approval = s.r.Sign(next)
	if _, err := s.r.Submit(t.Context(), s.approval); err != nil {
		t.Fatal(err)
	}
	s.r.Clock.Add(time.Minute)
	s.req.EffectiveAt = policy.InstantOf(s.r.Clock.Now())
	s.evidence = s.prove()
	o, err := s.open(s.make(s.bound(), s.disclosures...))
	if err != nil {
		t.Fatal(err)
	}
	if d := s.decide(o); !d.Permitted() {
		t.Errorf("decided %+v", d)
	}
}

func TestWhoeverExpectsNothingOpensNothing(t *testing.T) {
	s := play(t)
	p := s.make(s.bound())
	for _, want := range []presentation.Expected{{}, {Audience: audience}, {Nonce: nonce}} {
		if o, err := presentation.Open(p, s.r.Trust, want, s.r.Clock.Now()); err == nil || o != nil {
			t.Errorf("%+v: opened", want)
		}
	}
	var zero presentation.Opened
	if d, err := zero.Decide(nil, policy.Times{}); err == nil {
		t.Errorf("nothing decides %v", d)
	}
}

func TestOnlyTheHolderMakesAPresentation(t *testing.T) {
	s := play(t)
	unshown := rt.Approval("TEA-8", rt.US, rt.Varuna, "IN")
	unshown.Confirmation = &attest.Confirmation{JWK: rt.SignerNamed("varuna").JWK()}
	for name, c := range map[string]struct {
		statement []byte
		key       attest.Signer
		b         presentation.Binding
		want      string
	}{
		"another key":  {s.approval, rt.SignerNamed("us-1"), s.bound(), "is not the one that approval TEA-1 names"},
		"no key":       {s.r.Sign(rt.Approval("TEA-9", rt.US, rt.Corvus, "AU")), s.holder, s.bound(), "names no key of its holder"},
		"no approval":  {s.r.Sign(rt.Registration("REG-9", rt.IN, rt.Varuna, "IN")), s.holder, s.bound(), "is of kind registration"},
		"no audience":  {s.approval, s.holder, presentation.Binding{Nonce: nonce}, "an audience"},
		"no nonce":     {s.approval, s.holder, presentation.Binding{Audience: audience}, "a nonce"},
		"no time":      {s.approval, s.holder, presentation.Binding{Audience: audience, Nonce: nonce}, "IssuedAt"},
		"not shown":    {s.r.Sign(unshown), s.holder, s.bound(), "does not show the approval"},
		"no statement": {[]byte("x"), s.holder, s.bound(), "statement"},
	} {
		ds := s.disclosures
		if !bytes.Equal(c.statement, s.approval) {
			ds = nil
		}
		if p, err := presentation.Make(t.Context(), s.evidence, c.statement, ds, c.key, c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d bytes, %v", name, len(p), err)
		}
	}
}

func TestANonceIsTakenOnce(t *testing.T) {
	now := rt.Start
	n := new(presentation.Nonces)
	first, until := n.New(now)
	if until.Sub(now) != 5*time.Minute || n.Take(first, now.Add(time.Minute)) != nil {
		t.Error("a fresh nonce is not taken")
	}
	var refused *presentation.Error
	if err := n.Take(first, now); !errors.As(err, &refused) || refused.Step != presentation.StepNonce {
		t.Errorf("taken twice: %v", err)
	}
	if err := n.Take("made up", now); err == nil {
		t.Error("a made up nonce is taken")
	}
	old, _ := n.New(now)
	if err := n.Take(old, now.Add(5*time.Minute)); err == nil {
		t.Error("an old nonce is taken")
	}
	other, _ := new(presentation.Nonces).New(now)
	if err := n.Take(other, now); err == nil {
		t.Error("another's nonce is taken")
	}
	// However many are asked for, and whatever comes in their place, one is good.
	good, _ := n.New(now)
	for range 10_000 {
		fresh, _ := n.New(now)
		if err := n.Check(fresh[:len(fresh)-1]+"A", now); err == nil && fresh[len(fresh)-1] != 'A' {
			t.Fatal("a nonce that was changed is good")
		}
	}
	if err := n.Check(good, now); err != nil {
		t.Errorf("checked: %v", err)
	}
	if err := n.Check(good, now); err != nil {
		t.Errorf("checked again: %v", err)
	}
	var won atomic.Int64
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if n.Take(good, now) == nil {
				won.Add(1)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 || n.Check(good, now) == nil {
		t.Errorf("it was taken %d times", won.Load())
	}
	// What has been taken is forgotten when it is too old, and not good for it.
	later := now.Add(11 * time.Minute)
	next, _ := n.New(later)
	if n.Take(next, later) != nil || n.Take(good, later) == nil {
		t.Error("what was taken long ago is good")
	}
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

// Whoever shows itself shows nothing of others, and another authority's word for a
// key is not that of the one whose approval is relied on.
func TestNobodyIsPermittedByAnothersApproval(t *testing.T) {
	s := play(t)
	s.req.Value = nil
	mallory := rt.SignerNamed("mallory")
	with := func(jti, iss, entity, country string) []byte {
		a := rt.Approval(jti, iss, entity, country)
		a.Programme = "OTHER"
		a.Confirmation = &attest.Confirmation{JWK: mallory.JWK()}
		return s.r.Sign(a)
	}
	bare := rt.Approval("TEA-2", rt.US, rt.Varuna, "IN")
	bare.Programme = "BARE"
	bare.Confirmation = &attest.Confirmation{JWK: rt.SignerNamed("varuna").JWK()}
	own := s.r.Sign(bare)
	corvus, rogue := with("TEA-3", rt.US, rt.Corvus, "AU"), with("ROGUE", rt.IN, rt.Varuna, "IN")
	for _, st := range [][]byte{own, corvus, rogue} {
		if _, err := s.r.Submit(t.Context(), st); err != nil {
			t.Fatal(err)
		}
	}
	s.r.Clock.Add(time.Minute)
	s.req.Programme, s.req.EffectiveAt = "BARE", policy.InstantOf(s.r.Clock.Now())
	var subjects []string
	for _, id := range []string{rt.Varuna, rt.Corvus, rt.Halcyon} {
		subjects = append(subjects, attest.EntitySubject(id), attest.ApprovalSubject(id, rt.US), attest.ApprovalSubject(id, rt.IN))
	}
	evidence, err := s.r.EvidenceOf(t.Context(), subjects)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := s.present(evidence, own, s.holder); err != nil || !d.Permitted() {
		t.Fatalf("the holder itself: %+v, %v", d, err)
	}
	for name, c := range map[string]struct {
		approval []byte
		want     string
	}{
		"the approval of somebody whom the request does not name":   {corvus, "names no party"},
		"the approval of another authority, which is not relied on": {rogue, "does not rest on approval ROGUE"},
	} {
		d, err := s.present(evidence, c.approval, mallory)
		var refused *presentation.Error
		if !errors.As(err, &refused) || refused.Step != presentation.StepHolder || !strings.Contains(err.Error(), c.want) || d != nil {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	if d, err := new(presentation.Opened).Decide(nil, policy.Times{}); err == nil {
		t.Errorf("the zero one decides: %+v", d)
	}
	// Evidence that is too old shows nobody either.
	s.r.Clock.Add(48 * time.Hour)
	if d, err := s.present(evidence, own, s.holder); err == nil || !strings.Contains(err.Error(), "ask the register for fresh evidence") {
		t.Errorf("on old evidence: %+v, %v", d, err)
	}
}

// A library of another make writes its header in another order, and ECDSA
// signatures with the larger s.
func TestAKeyBindingOfAnotherMakeIsGood(t *testing.T) {
	s := play(t)
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := jws.NewKey(priv.Public(), "ES256")
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := attest.JWKOf(pub)
	if err != nil {
		t.Fatal(err)
	}
	a := rt.Approval("TEA-EC", rt.US, rt.Corvus, "AU")
	a.Programme, a.Confirmation = "VEU", &attest.Confirmation{JWK: jwk}
	s.approval = s.r.Sign(a)
	if _, err := s.r.Submit(t.Context(), s.approval); err != nil {
		t.Fatal(err)
	}
	s.r.Clock.Add(time.Minute)
	s.req.Transferee = rt.Corvus
	s.evidence = s.prove()
	s.holder = ecSigner{pub, priv}
	p := s.make(s.bound())
	for _, high := range []bool{false, true} {
		foreign := s.reboundBy(p, "{ \"typ\":\"kb+jwt\", \"alg\":\"ES256\" }", nil, func(input string) []byte {
			r, v := rs(t, priv, input)
			if low := v.Cmp(new(big.Int).Rsh(priv.Params().N, 1)) <= 0; low == high {
				v.Sub(priv.Params().N, v)
			}
			return append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...)
		})
		if o, err := s.open(foreign); err != nil || o.Holder != rt.Corvus {
			t.Errorf("high s %v: %v", high, err)
		}
	}
}

type ecSigner struct {
	key  attest.Key
	priv *ecdsa.PrivateKey
}

func (e ecSigner) Key() attest.Key { return e.key }

func (e ecSigner) Sign(_ context.Context, input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	r, s, err := ecdsa.Sign(rand.Reader, e.priv, digest[:])
	if err != nil {
		return nil, err
	}
	return e.key.FromRS(r, s)
}

func rs(t *testing.T, priv *ecdsa.PrivateKey, input string) (r, s *big.Int) {
	t.Helper()
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, priv, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

func FuzzOpen(f *testing.F) {
	r := rt.New(f)
	trust := r.Trust
	f.Add([]byte(`{"evidence":{},"sd_jwt":"a~b.c.d","type":"safeconduct/presentation/v1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o, err := presentation.Open(data, trust, presentation.Expected{Audience: audience, Nonce: nonce}, rt.Start); err == nil || o != nil {
			t.Errorf("opened %q", data)
		}
		if _, err := presentation.Nonce(data); err == nil {
			if _, err := presentation.Evidence(data); err != nil {
				t.Error(err)
			}
		}
	})
}

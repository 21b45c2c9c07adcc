package gate_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/golden"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/presentation/gate"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/screening"
)

const audience = "https://dataroom.example.com"

// A room is a data room of Halcyon's behind a gate, for what Varuna may have within
// the sandbox.
type room struct {
	*testing.T
	r        *rt.Register
	approval []byte
	server   *httptest.Server
	entered  atomic.Int64
}

func release() policy.Request {
	return policy.Request{
		Act: "technology_release", Mode: "intangible", Transferor: rt.Halcyon, DestinationSite: "VTZ-1", Item: &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"},
		EndUse: "sea_trial", PersonNationalities: []string{},
	}
}

func open(t *testing.T, change func(*gate.Config)) *room {
	t.Helper()
	m := &room{T: t, r: rt.New(t)}
	a := rt.Approval("TEA-1", rt.US, rt.Varuna, "IN")
	a.Confirmation = &attest.Confirmation{JWK: rt.SignerNamed("varuna").JWK()}
	for _, c := range []attest.Claims{
		rt.Registration("REG-1", rt.IN, rt.Varuna, "IN"), rt.Registration("REG-1", rt.US, rt.Halcyon, "US"),
		rt.Approval("TEA-1", rt.IN, rt.Halcyon, "US"), rt.Domain("PDA-1", rt.US), rt.Domain("PDA-1", rt.IN),
	} {
		m.r.MustSubmit(c)
	}
	m.approval = m.r.Sign(a)
	if _, err := m.r.Submit(t.Context(), m.approval); err != nil {
		t.Fatal(err)
	}
	m.r.Clock.Add(time.Minute)
	c := gate.Config{Trust: m.r.Trust, Audience: audience, Request: gate.Within(rt.Sandbox, release()), Now: m.r.Clock.Now}
	if change != nil {
		change(&c)
	}
	g, err := gate.New(c)
	if err != nil {
		t.Fatal(err)
	}
	m.server = httptest.NewServer(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.entered.Add(1)
		if a, ok := gate.From(r.Context()); ok {
			io.WriteString(w, "drawings for "+a.Holder)
		}
	})))
	t.Cleanup(m.server.Close)
	return m
}

// The example reads files, as whoever copies it does.
func TestTheFilesOfTheExampleAreThoseOfARoom(t *testing.T) {
	m := open(t, nil)
	req := release()
	req.Sandbox, req.Transferee, req.EffectiveAt = rt.Sandbox, rt.Varuna, policy.InstantOf(m.r.Clock.Now())
	evidence, err := m.r.Evidence(t.Context(), &req)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := m.r.Trust.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	golden.Files(t, "testdata/example", map[string][]byte{"evidence.json": evidence, "approval.jws": m.approval, "trust.json": append(trust, '\n')})
}

func TestAChallengeIsAnsweredOnlyForTheAudienceThatIsMeant(t *testing.T) {
	challenged := func(status int, header string) (string, error) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Www-Authenticate": {header}}, Body: http.NoBody}
		defer resp.Body.Close()
		return gate.Challenge(resp, audience)
	}
	good := `Safeconduct aud="https://dataroom.example.com", nonce="n"`
	if nonce, err := challenged(http.StatusUnauthorized, good); err != nil || nonce != "n" {
		t.Errorf("nonce %q, %v", nonce, err)
	}
	for name, c := range map[string]struct {
		status int
		header string
	}{
		"another audience": {http.StatusUnauthorized, `Safeconduct aud="https://evil.example.com", nonce="n"`},
		"another scheme":   {http.StatusUnauthorized, `Basic realm="x"`},
		"more behind it":   {http.StatusUnauthorized, good + `, nonce="m"`},
		"no refusal":       {http.StatusOK, good},
		"none":             {http.StatusUnauthorized, ""},
	} {
		if nonce, err := challenged(c.status, c.header); err == nil {
			t.Errorf("%s: nonce %q", name, nonce)
		}
	}
}

type answer struct {
	status                              int
	header                              http.Header
	text                                string
	Type, Step, Audience, Nonce, Detail string
	Decision                            policy.Result
	Codes                               []policy.Code
}

func (m *room) get(authorization ...string) answer {
	m.Helper()
	req, err := http.NewRequestWithContext(m.Context(), http.MethodGet, m.server.URL, http.NoBody)
	if err != nil {
		m.Fatal(err)
	}
	for _, a := range authorization {
		req.Header.Add("Authorization", a)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		m.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		m.Fatal(err)
	}
	// What one is let through to, another is not to have from a cache.
	if resp.Header.Get("Vary") != "Authorization" || resp.Header.Get("Cache-Control") != "no-store" {
		m.Errorf("status %d: Vary %q, Cache-Control %q", resp.StatusCode, resp.Header.Get("Vary"), resp.Header.Get("Cache-Control"))
	}
	a := answer{status: resp.StatusCode, header: resp.Header, text: string(data)}
	if resp.Header.Get("Content-Type") == "application/problem+json" {
		if err := json.Unmarshal(data, &a); err != nil {
			m.Fatalf("%s: %v", data, err)
		}
		if a.status == http.StatusUnauthorized && !strings.Contains(resp.Header.Get("WWW-Authenticate"), a.Nonce) {
			m.Errorf("challenged with %q", resp.Header.Get("WWW-Authenticate"))
		}
	}
	return a
}

// show answers a challenge.
func (m *room) show(nonce string) string {
	m.Helper()
	return m.showTo(presentation.Binding{Audience: audience, Nonce: nonce, IssuedAt: m.r.Clock.Now()})
}

// showTo shows what is bound so.
func (m *room) showTo(b presentation.Binding) string {
	m.Helper()
	req := release()
	req.Sandbox, req.Transferee, req.EffectiveAt = rt.Sandbox, rt.Varuna, policy.InstantOf(m.r.Clock.Now())
	evidence, err := m.r.Evidence(m.Context(), &req)
	if err != nil {
		m.Fatal(err)
	}
	p, err := presentation.Make(m.Context(), evidence, m.approval, nil, rt.SignerNamed("varuna"), b)
	if err != nil {
		m.Fatal(err)
	}
	header, err := gate.Credentials(p)
	if err != nil {
		m.Fatal(err)
	}
	return header
}

func TestWhoShowsThatItIsApprovedIsLetThroughOnce(t *testing.T) {
	m := open(t, nil)
	challenge := m.get()
	if challenge.status != http.StatusUnauthorized || challenge.Audience != audience || challenge.Nonce == "" {
		t.Fatalf("challenged: %+v", challenge)
	}
	shown := m.show(challenge.Nonce)
	if a := m.get(shown); a.status != http.StatusOK || a.text != "drawings for "+rt.Varuna {
		t.Fatalf("let through: %+v", a)
	}
	if a := m.get(shown); a.status != http.StatusUnauthorized || a.Step != presentation.StepNonce {
		t.Errorf("twice: %+v", a)
	}
	if m.entered.Load() != 1 {
		t.Errorf("entered %d times", m.entered.Load())
	}
}

func TestOfManyWithOneNonceOneIsLetThrough(t *testing.T) {
	m := open(t, nil)
	shown := m.show(m.get().Nonce)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { m.get(shown) })
	}
	group.Wait()
	if m.entered.Load() != 1 {
		t.Errorf("entered %d times", m.entered.Load())
	}
}

func TestNobodyElseIsLetThrough(t *testing.T) {
	m := open(t, nil)
	good := m.show(m.get().Nonce)
	bomb, err := gate.Credentials(make([]byte, 64<<20))
	if err != nil {
		t.Fatal(err)
	}
	packed, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(good, "Safeconduct "))
	if err != nil {
		t.Fatal(err)
	}
	unpacked := func(b []byte) string { return "Safeconduct " + base64.RawURLEncoding.EncodeToString(b) }
	checksum := bytes.Clone(packed)
	checksum[len(checksum)-8] ^= 1
	length := bytes.Clone(packed)
	length[len(length)-1] ^= 1
	empty, err := gate.Credentials(nil)
	if err != nil {
		t.Fatal(err)
	}
	nothing, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(empty, "Safeconduct "))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := m.showTo(presentation.Binding{Audience: "https://other.example.com", Nonce: m.get().Nonce, IssuedAt: m.r.Clock.Now()})
	for name, c := range map[string]struct {
		header       []string
		step, detail string
	}{
		"nothing":                         {nil, "", "make a presentation for this audience and nonce"},
		"17 padding":                      {[]string{good + "="}, presentation.StepForm, "not base64url"},
		"17 white space behind":           {[]string{good + "\t ."}, presentation.StepForm, "not base64url"},
		"17 the other alphabet":           {[]string{"Safeconduct +/AA"}, presentation.StepForm, "not base64url"},
		"17 no base64":                    {[]string{"Safeconduct %%"}, presentation.StepForm, "not base64url"},
		"32 a nonce that was not given":   {[]string{m.show("made-up")}, presentation.StepNonce, "it was not given here"},
		"32 made for somebody else":       {[]string{elsewhere}, presentation.StepAudience, "https://other.example.com"},
		"54 a bomb":                       {[]string{bomb}, presentation.StepForm, fmt.Sprintf("the presentation is larger than %d bytes", presentation.MaxBytes)},
		"54 as many empty members as fit": {[]string{unpacked(bytes.Repeat(nothing, 20_000))}, presentation.StepForm, "white space"},
		"54 cut short":                    {[]string{unpacked(packed[:len(packed)/2])}, presentation.StepForm, "not packed with gzip to their end"},
		"54 cut before its checksum":      {[]string{unpacked(packed[:len(packed)-8])}, presentation.StepForm, "not packed with gzip to their end"},
		"54 something behind":             {[]string{unpacked(append(bytes.Clone(packed), "more"...))}, presentation.StepForm, "not packed with gzip"},
		"54 a wrong checksum":             {[]string{unpacked(checksum)}, presentation.StepForm, "not packed with gzip"},
		"54 a wrong length":               {[]string{unpacked(length)}, presentation.StepForm, "not packed with gzip"},
		"54 zlib":                         {[]string{"Safeconduct eNpjAAAAAQAB"}, presentation.StepForm, "not packed with gzip"},
		"54 no gzip":                      {[]string{"Safeconduct AAAA"}, presentation.StepForm, "not packed with gzip"},
		"55 more than a header may have":  {[]string{"Safeconduct " + strings.Repeat("A", gate.MaxHeader+1)}, presentation.StepForm, fmt.Sprintf("at most %d are accepted", gate.MaxHeader)},
		"55 as many as may be":            {[]string{"Safeconduct " + strings.Repeat("A", gate.MaxHeader)}, presentation.StepForm, "not packed with gzip"},
		"60 two headers":                  {[]string{good, good}, presentation.StepForm, "several Authorization headers"},
		"60 two of them in one":           {[]string{good + ", " + good}, presentation.StepForm, "not base64url"},
		"60 another scheme":               {[]string{"Bearer x"}, presentation.StepForm, "not of the scheme Safeconduct"},
		"60 an empty header":              {[]string{""}, presentation.StepForm, "not of the scheme Safeconduct"},
	} {
		a := m.get(c.header...)
		if a.status != http.StatusUnauthorized || a.Step != c.step || a.Nonce == "" || a.Type != "urn:safeconduct:problem:not-shown" || !strings.Contains(a.Detail, c.detail) {
			t.Errorf("%s: %+v", name, a)
		}
	}
	m.r.MustSubmit(rt.Event("REV-1", rt.IN, attest.SandboxSubject(rt.Sandbox), "PDA-1", attest.Revoke, rt.Start))
	m.r.Clock.Add(time.Minute)
	if a := m.get(m.show(m.get().Nonce)); a.status != http.StatusForbidden || a.Type != "urn:safeconduct:problem:not-permitted" || a.Decision != policy.DENY || len(a.Codes) == 0 || a.Nonce != "" {
		t.Errorf("a sandbox that was revoked: %+v", a)
	}
	if m.entered.Load() != 0 {
		t.Errorf("entered %d times", m.entered.Load())
	}
}

func TestWhatCannotBeAskedLetsNobodyThrough(t *testing.T) {
	m := open(t, func(c *gate.Config) {
		c.Request = func(*http.Request, string, time.Time) (*policy.Request, error) {
			return nil, errors.New("no such drawing")
		}
	})
	if a := m.get(m.show(m.get().Nonce)); a.status != http.StatusForbidden || a.Type != "urn:safeconduct:problem:undecided" || !strings.Contains(a.Detail, "no such drawing") || m.entered.Load() != 0 {
		t.Errorf("%+v", a)
	}
	var zero gate.Gate
	w := httptest.NewRecorder()
	zero.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("entered") })).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "urn:safeconduct:problem:unavailable") {
		t.Errorf("the zero gate answers %d %s", w.Code, w.Body)
	}
	for _, c := range []gate.Config{{}, {Trust: m.r.Trust, Audience: audience}, {Trust: m.r.Trust, Request: gate.Within("X", release())}, {Trust: m.r.Trust, Audience: "a\"b", Request: gate.Within("X", release())}} {
		if g, err := gate.New(c); err == nil {
			t.Errorf("%+v makes %v", c, g)
		}
	}
}

func TestPartiesAreScreenedByTheGatesLists(t *testing.T) {
	for name, c := range map[string]struct {
		line   string
		result policy.Result
		code   policy.Code
	}{
		"an equal identifier": {"Somebody\tid=" + rt.Varuna, policy.DENY, "RESTRICTED_PARTY"},
		"an equal name":       {"Entity " + rt.Varuna, policy.REFER, "POSSIBLE_PARTY_MATCH"},
	} {
		list, err := screening.Parse("l.txt", strings.NewReader("# list: L\n# version: 1\n"+c.line+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		m := open(t, func(g *gate.Config) { g.Screening = []*screening.List{list} })
		if a := m.get(m.show(m.get().Nonce)); a.status != http.StatusForbidden || a.Decision != c.result || !slices.Contains(a.Codes, c.code) || m.entered.Load() != 0 {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestAPresentationAndAChallengeAreAsOldAsTheGateLets(t *testing.T) {
	m := open(t, func(c *gate.Config) { c.MaxAge = time.Minute })
	now := m.r.Clock.Now()
	made := func(before time.Duration) string {
		return m.showTo(presentation.Binding{Audience: audience, Nonce: m.get().Nonce, IssuedAt: now.Add(-before)})
	}
	if a := m.get(made(61 * time.Second)); a.status != http.StatusUnauthorized || a.Step != presentation.StepTime {
		t.Errorf("made too long ago: %+v", a)
	}
	if a := m.get(made(time.Minute)); a.status != http.StatusOK {
		t.Errorf("made a minute ago: %+v", a)
	}
	old, good := m.get().Nonce, m.get().Nonce
	m.r.Clock.Add(59 * time.Second)
	if a := m.get(m.show(good)); a.status != http.StatusOK {
		t.Errorf("a challenge of 59 seconds ago: %+v", a)
	}
	m.r.Clock.Add(time.Second)
	if a := m.get(m.show(old)); a.status != http.StatusUnauthorized || a.Step != presentation.StepNonce {
		t.Errorf("a challenge of a minute ago: %+v", a)
	}
}

func TestWhatIsOpenedAtOnceIsBounded(t *testing.T) {
	var within, most atomic.Int64
	var held atomic.Pointer[chan struct{}]
	m := open(t, nil)
	g, err := gate.New(gate.Config{
		Trust: m.r.Trust, Audience: audience, Request: gate.Within(rt.Sandbox, release()),
		// The clock is asked while a presentation is being opened.
		Now: func() time.Time {
			if hold := held.Load(); hold != nil {
				for n := within.Add(1); ; {
					if old := most.Load(); n <= old || most.CompareAndSwap(old, n) {
						break
					}
				}
				<-*hold
				within.Add(-1)
			}
			return m.r.Clock.Now()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	api := g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { m.entered.Add(1) }))
	ask := func(ctx context.Context, authorization ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
		r.Header["Authorization"] = authorization
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		return w
	}
	challenged := func() string {
		var a answer
		if err := json.Unmarshal(ask(t.Context()).Body.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		return m.show(a.Nonce)
	}
	const all = 3 * gate.MaxOpenings
	var shown []string
	for range all + 1 {
		shown = append(shown, challenged())
	}
	hold := make(chan struct{})
	held.Store(&hold)
	var group sync.WaitGroup
	for _, s := range shown[:all] {
		group.Go(func() {
			if w := ask(t.Context(), s); w.Code != http.StatusOK {
				t.Errorf("who had waited is answered %d %s", w.Code, w.Body)
			}
		})
	}
	for within.Load() < gate.MaxOpenings {
		time.Sleep(time.Millisecond)
	}
	// Whoever cannot wait so long is told to come back, and what it has is still good.
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	refused := make(chan *httptest.ResponseRecorder, 1)
	go func() { refused <- ask(short, shown[all]) }()
	var w *httptest.ResponseRecorder
	select {
	case w = <-refused:
	case <-time.After(4 * time.Second):
		close(hold)
		t.Fatal("one more is let in while all places are taken")
	}
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusServiceUnavailable || a.Type != "urn:safeconduct:problem:overloaded" || w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("while all are taken: %d %v %s", w.Code, w.Header(), w.Body)
	}
	held.Store(nil)
	close(hold)
	group.Wait()
	if w := ask(t.Context(), shown[all]); w.Code != http.StatusOK {
		t.Errorf("once there is room: %d %s", w.Code, w.Body)
	}
	if most.Load() != gate.MaxOpenings || m.entered.Load() != all+1 {
		t.Errorf("%d at once, %d let through", most.Load(), m.entered.Load())
	}
}

package gate_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/presentation/gate"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
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

var update = flag.Bool("update", false, "write the files of the example")

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
	for name, want := range map[string][]byte{"evidence.json": evidence, "approval.jws": m.approval, "trust.json": append(trust, '\n')} {
		file := filepath.Join("testdata", "example", name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, want, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not that of the room any more: go test ./presentation/gate -update writes it", file)
		}
	}
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
	status                        int
	text                          string
	Step, Audience, Nonce, Detail string
	Decision                      policy.Result
	Codes                         []policy.Code
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
	a := answer{status: resp.StatusCode, text: string(data)}
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
	req := release()
	req.Sandbox, req.Transferee, req.EffectiveAt = rt.Sandbox, rt.Varuna, policy.InstantOf(m.r.Clock.Now())
	evidence, err := m.r.Evidence(m.Context(), &req)
	if err != nil {
		m.Fatal(err)
	}
	p, err := presentation.Make(m.Context(), evidence, m.approval, nil, rt.SignerNamed("varuna"), presentation.Binding{Audience: audience, Nonce: nonce, IssuedAt: m.r.Clock.Now()})
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
	for name, c := range map[string]struct {
		header []string
		step   string
	}{
		"17 padding":                      {[]string{good + "="}, presentation.StepForm},
		"17 white space behind":           {[]string{good + "\t ."}, presentation.StepForm},
		"17 the other alphabet":           {[]string{"Safeconduct +/AA"}, presentation.StepForm},
		"32 a nonce that was not given":   {[]string{m.show("made-up")}, presentation.StepNonce},
		"54 a bomb":                       {[]string{bomb}, presentation.StepForm},
		"54 as many empty members as fit": {[]string{unpacked(bytes.Repeat(nothing, 20_000))}, presentation.StepForm},
		"54 cut short":                    {[]string{unpacked(packed[:len(packed)/2])}, presentation.StepForm},
		"54 cut before its checksum":      {[]string{unpacked(packed[:len(packed)-8])}, presentation.StepForm},
		"54 something behind":             {[]string{unpacked(append(bytes.Clone(packed), "more"...))}, presentation.StepForm},
		"54 a wrong checksum":             {[]string{unpacked(checksum)}, presentation.StepForm},
		"54 a wrong length":               {[]string{unpacked(length)}, presentation.StepForm},
		"54 zlib":                         {[]string{"Safeconduct eNpjAAAAAQAB"}, presentation.StepForm},
		"54 no gzip":                      {[]string{"Safeconduct AAAA"}, presentation.StepForm},
		"55 more than a header may have":  {[]string{"Safeconduct " + strings.Repeat("A", 800<<10)}, presentation.StepForm},
		"60 two headers":                  {[]string{good, good}, presentation.StepForm},
		"60 two of them in one":           {[]string{good + ", " + good}, presentation.StepForm},
		"60 another scheme":               {[]string{"Bearer x"}, presentation.StepForm},
		"60 an empty header":              {[]string{""}, presentation.StepForm},
	} {
		if a := m.get(c.header...); a.status != http.StatusUnauthorized || a.Step != c.step || a.Nonce == "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	m.r.MustSubmit(rt.Event("REV-1", rt.IN, attest.SandboxSubject(rt.Sandbox), "PDA-1", attest.Revoke, rt.Start))
	m.r.Clock.Add(time.Minute)
	if a := m.get(m.show(m.get().Nonce)); a.status != http.StatusForbidden || a.Decision != policy.DENY || len(a.Codes) == 0 {
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
	if a := m.get(m.show(m.get().Nonce)); a.status != http.StatusForbidden || !strings.Contains(a.Detail, "no such drawing") || m.entered.Load() != 0 {
		t.Errorf("%+v", a)
	}
	var zero gate.Gate
	w := httptest.NewRecorder()
	zero.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("entered") })).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusForbidden {
		t.Errorf("the zero gate answers %d", w.Code)
	}
	for _, c := range []gate.Config{{}, {Trust: m.r.Trust, Audience: audience}, {Trust: m.r.Trust, Request: gate.Within("X", release())}, {Trust: m.r.Trust, Audience: "a\"b", Request: gate.Within("X", release())}} {
		if g, err := gate.New(c); err == nil {
			t.Errorf("%+v makes %v", c, g)
		}
	}
}

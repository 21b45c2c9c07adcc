package interop_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

const audience, nonce = "https://dataroom.example.com", "n-0S6_WzA2Mj"

// concealable are the pointers of what the approvals of these tests conceal, before
// they are signed: that sorts sites.
var concealable = []string{
	"/approved_sites/0/address", "/approved_sites/1/name", "/case_number", "/caveats/quantity", "/caveats/value", "/contacts", "/legal_name",
}

// A holding is what a holder has: its key, an approval of it some of which is
// confidential, the disclosures by pointer, and evidence.
type holding struct {
	name        string
	issuer      attest.Key // of the first line
	holder      *pair
	approval    []byte
	claims      *attest.EntityApproval // as they are signed
	pointers    []string               // of what they conceal
	disclosures map[string]attest.Disclosure
	evidence    []byte
}

// holdings are those of issuers and of holders with each algorithm.
func holdings(t *testing.T) (*mixed, []*holding) {
	t.Helper()
	m := newMixed(t)
	var hs []*holding
	for _, iss := range []string{rt.US, rt.IN, au} {
		for _, alg := range []string{"EdDSA", "ES256", "ES384"} {
			h := &holding{holder: newPair(t, alg), disclosures: make(map[string]attest.Disclosure)}
			a := rt.Approval("approval-"+alg, iss, rt.Varuna, "IN")
			a.Confirmation = &attest.Confirmation{JWK: h.holder.public(t)}
			a.LegalName = `Väruna <Deep> & "Søns" 深海 🌊`
			a.CaseNumber = `D\7~1`
			a.Contacts = []string{"Asha Rao, +91 891 555 0100", "Ünal \u2028 Öz"}
			a.Caveats = &attest.Limits{
				Value:    &attest.ValueCeiling{Currency: "USD", PerTransaction: "1000000.5"},
				Quantity: &attest.QuantityCeiling{Unit: "kg", PerTransaction: "12"},
			}
			a.ApprovedSites = append(a.ApprovedSites, attest.Site{ID: "VTZ-2", Name: "Slip 2", Address: "Plot 15", Country: "IN"})
			concealed, ds, err := a.Conceal(concealable)
			if err != nil {
				t.Fatal(err)
			}
			h.approval = m.submitted(concealed)
			u, err := attest.Parse(h.approval)
			if err != nil {
				t.Fatal(err)
			}
			h.claims = u.ClaimsUnsafe().(*attest.EntityApproval) //nolint:forcetypeassert // signed above
			for _, d := range ds {
				pointer, ok := d.Of(h.claims)
				if !ok {
					t.Fatalf("a disclosure of %s is of nothing", d.Name())
				}
				h.disclosures[pointer] = d
			}
			h.pointers = slices.Sorted(maps.Keys(h.disclosures))
			hs = append(hs, h)
		}
	}
	m.published()
	for _, h := range hs {
		var err error
		if h.evidence, err = m.Evidence(t.Context(), &policy.Request{
			EffectiveAt: policy.InstantOf(time.Now()), Authority: h.claims.Iss, Act: "export", Mode: "tangible",
			Transferor: rt.Halcyon, Transferee: rt.Varuna, DestinationSite: "VTZ-1",
			Item: &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"},
		}); err != nil {
			t.Fatal(err)
		}
		h.issuer = m.keys[headerOf(t, h.line()).Kid]
		if want := map[string]string{rt.US: "EdDSA", rt.IN: "ES256", au: "ES384"}[h.claims.Iss]; h.issuer.Algorithm() != want {
			t.Fatalf("%s is first signed by %s; want %s", h.claims.JTI, h.issuer.Algorithm(), want)
		}
		h.name = fmt.Sprintf("issuer %s %s, holder %s", h.claims.Iss, h.issuer.Algorithm(), h.holder.key.Algorithm())
	}
	return m, hs
}

// line is the issuer-signed JWT that is presented.
func (h *holding) line() string {
	line, _, _ := strings.Cut(string(h.approval), "\n")
	return line
}

func (h *holding) of(pointers ...string) (ds []attest.Disclosure) {
	for _, p := range pointers {
		ds = append(ds, h.disclosures[p])
	}
	return ds
}

// shown makes a presentation and returns it, and the SD-JWT in it.
func (h *holding) shown(t *testing.T, pointers ...string) (p []byte, sd string) {
	t.Helper()
	p, err := presentation.Make(t.Context(), h.evidence, h.approval, h.of(pointers...), h.holder, presentation.Binding{
		Audience: audience, Nonce: nonce, IssuedAt: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		SDJWT string `json:"sd_jwt"`
	}
	if err := json.Unmarshal(p, &doc); err != nil {
		t.Fatal(err)
	}
	return p, doc.SDJWT
}

type header struct {
	Alg string `json:"alg"`
	Kid string `json:"kid"`
	Typ string `json:"typ"`
}

func headerOf(t *testing.T, compact string) (h header) {
	t.Helper()
	first, _, _ := strings.Cut(compact, ".")
	data, err := base64.RawURLEncoding.DecodeString(first)
	if err == nil {
		err = json.Unmarshal(data, &h)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// plain is what claims say as JSON, without what SD-JWT adds: a library that has
// put disclosures where they belong takes the digests away.
func plain(t *testing.T, claims any) any {
	t.Helper()
	data, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	var strip func(any)
	strip = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			delete(v, "_sd")
			delete(v, "_sd_alg")
			for _, x := range v {
				strip(x)
			}
		case []any:
			for _, x := range v {
				strip(x)
			}
		}
	}
	strip(tree)
	return tree
}

type toVerify struct {
	SDJWT string     `json:"sd_jwt"`
	JWK   attest.JWK `json:"jwk"`
	Aud   string     `json:"aud"`
	Nonce string     `json:"nonce"`
}

func (h *holding) toVerify(t *testing.T, sd string) toVerify {
	t.Helper()
	j, err := attest.JWKOf(h.issuer)
	if err != nil {
		t.Fatal(err)
	}
	return toVerify{sd, j, audience, nonce}
}

type verified struct {
	Refused string
	Claims  any
	KB      struct {
		Aud, Evd, Nonce string
		SDHash          string `json:"sd_hash"`
	}
}

func TestSDJWTsOfOursAreVerifiedByAnotherLibrary(t *testing.T) {
	needNPM(t)
	_, hs := holdings(t)
	type want struct {
		name     string
		claims   *attest.EntityApproval
		evidence []byte
	}
	var tasks []any
	var wants []want
	for _, h := range hs {
		sets := [][]string{nil, h.pointers}
		for _, p := range h.pointers {
			sets = append(sets, []string{p})
		}
		for _, pointers := range sets {
			p, sd := h.shown(t, pointers...)
			claims, err := h.claims.Disclose(h.of(pointers...))
			if err != nil {
				t.Fatal(err)
			}
			evidence, err := presentation.Evidence(p)
			if err != nil {
				t.Fatal(err)
			}
			tasks = append(tasks, h.toVerify(t, sd))
			wants = append(wants, want{fmt.Sprintf("%s, %q shown", h.name, pointers), claims, evidence})
		}
	}
	for i, got := range run[verified](t, "verify.mjs", tasks...) {
		w := wants[i]
		if got.Refused != "" {
			t.Errorf("%s: refused: %s", w.name, got.Refused)
			continue
		}
		if diff := cmp.Diff(plain(t, w.claims), got.Claims); diff != "" {
			t.Errorf("%s: -ours +theirs\n%s", w.name, diff)
		}
		if got.KB.Evd != hash(w.evidence) || got.KB.Aud != audience || got.KB.Nonce != nonce {
			t.Errorf("%s: the key binding says %+v", w.name, got.KB)
		}
	}
}

// flipped changes a character in the middle of a part of a token.
func flipped(s string) string {
	i := len(s) / 2
	c := byte('A')
	if s[i] == c {
		c = 'B'
	}
	return s[:i] + string(c) + s[i+1:]
}

// cut changes the parts of an SD-JWT between its tildes.
func cut(sd string, change func(parts []string) []string) string {
	return strings.Join(change(strings.Split(sd, "~")), "~")
}

// inPart changes a part between the dots of one between the tildes; part and dot
// count from the end where they are negative.
func inPart(part, dot int) func([]string) []string {
	return func(parts []string) []string {
		i := (part + len(parts)) % len(parts)
		dots := strings.Split(parts[i], ".")
		j := (dot + len(dots)) % len(dots)
		dots[j] = flipped(dots[j])
		parts[i] = strings.Join(dots, ".")
		return parts
	}
}

func TestSDJWTsThatWereTamperedWithAreRefusedByAnotherLibrary(t *testing.T) {
	needNPM(t)
	_, hs := holdings(t)
	const shown, hidden = "/caveats/value", "/legal_name"
	type want struct{ name, says string }
	const untouched, whatever = "", ": "
	var tasks []any
	var wants []want
	for n, h := range hs {
		_, sd := h.shown(t, shown)
		_, others := hs[(n+1)%len(hs)].shown(t, shown)
		last := func(s string) string { return s[strings.LastIndexByte(s, '~')+1:] }
		add := func(name, says string, task toVerify) {
			tasks, wants = append(tasks, task), append(wants, want{h.name + ": " + name, says})
		}
		tampered := func(name, says string, change func(parts []string) []string) {
			add(name, says, h.toVerify(t, cut(sd, change)))
		}
		add("as it was made", untouched, h.toVerify(t, sd))
		tampered("a disclosure less than was bound", "Invalid sd_hash", func(p []string) []string { return slices.Delete(p, 1, 2) })
		tampered("a disclosure more than was bound", "Invalid sd_hash", func(p []string) []string {
			return slices.Insert(p, 1, h.disclosures[hidden].String())
		})
		tampered("a disclosure twice", "Invalid sd_hash", func(p []string) []string { return slices.Insert(p, 1, p[1]) })
		// These may be no JSON any more, or say something else.
		tampered("a byte of the disclosure", whatever, inPart(1, 0))
		tampered("a byte of the issuer's payload", whatever, inPart(0, 1))
		tampered("a byte of the key binding's payload", whatever, inPart(-1, 1))
		tampered("a byte of the issuer's signature", "Invalid JWT Signature", inPart(0, 2))
		tampered("a byte of the key binding's signature", "Invalid JWT Signature", inPart(-1, 2))
		tampered("no key binding", "Key Binding JWT not exist", func(p []string) []string { p[len(p)-1] = ""; return p })
		tampered("the key binding of another holder", "Invalid JWT Signature", func(p []string) []string { p[len(p)-1] = last(others); return p })
		task := h.toVerify(t, sd)
		task.JWK = hs[(n+len(hs)/2)%len(hs)].toVerify(t, sd).JWK
		add("the key of another issuer", "Invalid JWT Signature", task)
		task = h.toVerify(t, sd)
		task.Nonce += "x"
		add("another nonce", "Invalid Nonce", task)
		task = h.toVerify(t, sd)
		task.Aud += ".evil.example"
		add("another audience", "it is for "+audience, task)
	}
	for i, got := range run[verified](t, "verify.mjs", tasks...) {
		if w := wants[i]; (got.Refused == "") != (w.says == untouched) || !strings.Contains(got.Refused, w.says) {
			t.Errorf("%s: refused %q; want %q", w.name, got.Refused, w.says)
		}
	}
}

// frame asks the library for members by pointer, as it is asked.
func frame(pointers ...string) map[string]any {
	root := make(map[string]any)
	for _, p := range pointers {
		names := strings.Split(p[1:], "/")
		at := root
		for _, n := range names[:len(names)-1] {
			if at[n] == nil {
				at[n] = make(map[string]any)
			}
			at = at[n].(map[string]any) //nolint:forcetypeassert // made here
		}
		at[names[len(names)-1]] = true
	}
	return root
}

type toBind struct {
	SDJWT   string         `json:"sd_jwt"`
	Frame   map[string]any `json:"frame"`
	JWK     any            `json:"jwk"`
	Payload map[string]any `json:"payload"`
}

func TestSDJWTKeyBindingsOfAnotherLibraryAreOpened(t *testing.T) {
	needNPM(t)
	m, hs := holdings(t)
	now := time.Now()
	type want struct {
		h        *holding
		name     string
		step     string // "" where it is opened
		pointers []string
		change   func(sd string) string
	}
	var tasks []any
	var wants []want
	for n, h := range hs {
		other := hs[(n+1)%len(hs)]
		whole := h.line() + "~"
		for _, p := range h.pointers {
			whole += h.disclosures[p].String() + "~"
		}
		add := func(name, step string, pointers []string, change func(*toBind), after func(string) string) {
			task := toBind{whole, frame(pointers...), h.holder.private(t), map[string]any{
				"aud": audience, "nonce": nonce, "iat": now.Unix(), "evd": hash(h.evidence),
			}}
			if change != nil {
				change(&task)
			}
			tasks = append(tasks, task)
			wants = append(wants, want{h, h.name + ": " + name, step, pointers, after})
		}
		says := func(name string, value any) func(*toBind) {
			return func(task *toBind) {
				if value == nil {
					delete(task.Payload, name)
				} else {
					task.Payload[name] = value
				}
			}
		}
		one := []string{"/caveats/value"}
		add("nothing shown", "", nil, nil, nil)
		// Of an ECDSA signature's two values of s, others take either.
		for range 8 {
			add("all shown", "", h.pointers, nil, nil)
		}
		for _, p := range h.pointers {
			add(p+" shown", "", []string{p}, nil, nil)
		}
		add("other evidence", presentation.StepEvidence, one, says("evd", hash([]byte("other"))), nil)
		add("the evidence of another", presentation.StepEvidence, one, says("evd", hash(hs[(n+len(hs)/2)%len(hs)].evidence)), nil)
		add("no evd", presentation.StepEvidence, one, says("evd", nil), nil)
		add("another nonce", presentation.StepNonce, one, says("nonce", nonce+"x"), nil)
		add("another audience", presentation.StepAudience, one, says("aud", audience+".evil.example"), nil)
		add("made ten minutes ago", presentation.StepTime, one, says("iat", now.Add(-10*time.Minute).Unix()), nil)
		add("made in ten minutes", presentation.StepTime, one, says("iat", now.Add(10*time.Minute).Unix()), nil)
		add("a claim that is not ours", presentation.StepKey, one, says("jti", "1"), nil)
		add("the key of another holder", presentation.StepKey, one, func(task *toBind) { task.JWK = other.holder.private(t) }, nil)
		add("another key of the algorithm", presentation.StepKey, one, func(task *toBind) {
			task.JWK = newPair(t, h.holder.key.Algorithm()).private(t)
		}, nil)
		add("a disclosure taken away", presentation.StepHash, one, nil, func(sd string) string {
			return cut(sd, func(p []string) []string { return slices.Delete(p, 1, 2) })
		})
		add("a disclosure put in", presentation.StepHash, one, nil, func(sd string) string {
			return cut(sd, func(p []string) []string { return slices.Insert(p, 1, h.disclosures["/legal_name"].String()) })
		})
	}
	results := run[struct {
		Refused string
		SDJWT   string `json:"sd_jwt"`
	}](t, "bind.mjs", tasks...)
	for i, r := range results {
		w := wants[i]
		if r.Refused != "" {
			t.Errorf("%s: the library makes none: %s", w.name, r.Refused)
			continue
		}
		sd := r.SDJWT
		if w.change != nil {
			sd = w.change(sd)
		}
		o, err := presentation.Open(presented(w.h.evidence, sd), m.trust, presentation.Expected{Audience: audience, Nonce: nonce}, now)
		if w.step != "" {
			if e, ok := errors.AsType[*presentation.Error](err); !ok || e.Step != w.step {
				t.Errorf("%s: %v; want it refused at %s", w.name, err, w.step)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", w.name, err)
			continue
		}
		want, err := w.h.claims.Disclose(w.h.of(w.pointers...))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain(t, want), plain(t, o.Claims())); diff != "" || o.Holder != rt.Varuna || o.IssuedAt.Unix() != now.Unix() {
			t.Errorf("%s: holder %s, issued at %s, -want +got\n%s", w.name, o.Holder, o.IssuedAt, diff)
		}
	}
}

// presented puts an SD-JWT beside evidence, as docs/format.md has it.
func presented(evidence []byte, sd string) []byte {
	return []byte(`{"evidence":` + string(evidence) + `,"sd_jwt":"` + sd + `","type":"safeconduct/presentation/v1"}`)
}

package draft_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/draft"
	"github.com/safeconduct/safeconduct/internal/jws"
)

var (
	now     = time.Date(2026, 12, 15, 9, 0, 0, 0, time.UTC)
	options = draft.Options{Now: now, ReadFile: func(name string) ([]byte, error) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}}
	kinds = []attest.Kind{
		attest.KindRegistration, attest.KindEntityApproval, attest.KindDomainApproval, attest.KindConsent,
		attest.KindEvent, attest.KindEntityEvent, attest.KindSuccession, attest.KindFreeze, attest.KindRoot,
	}
)

// fileSigner signs with an Ed25519 key.
type fileSigner struct {
	priv ed25519.PrivateKey
	key  attest.Key
}

func (s fileSigner) Key() attest.Key { return s.key }

func (s fileSigner) Sign(_ context.Context, input []byte) ([]byte, error) {
	return ed25519.Sign(s.priv, input), nil
}

func newSigner(t *testing.T) fileSigner {
	t.Helper()
	priv := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	key, err := jws.NewKey(priv.Public(), "EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	return fileSigner{priv, key}
}

// reread signs the claims and reads back what was signed.
func reread(t *testing.T, c attest.Claims) attest.Claims {
	t.Helper()
	statement, err := attest.Sign(t.Context(), c, newSigner(t))
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	u, err := attest.Parse(statement)
	if err != nil {
		t.Fatalf("attest.Parse: %v", err)
	}
	return u.ClaimsUnsafe()
}

// without returns the text less the lines that begin with one of the prefixes.
func without(text string, prefixes ...string) string {
	var out []string
	for l := range strings.Lines(text) {
		keep := true
		for _, p := range prefixes {
			keep = keep && !strings.HasPrefix(l, p)
		}
		if keep {
			out = append(out, l)
		}
	}
	return strings.Join(out, "")
}

func TestEveryTemplateParsesAndSigns(t *testing.T) {
	for _, k := range kinds {
		t.Run(string(k), func(t *testing.T) {
			c, err := draft.Parse("template.yaml", []byte(draft.Template(k)), options)
			if err != nil {
				t.Fatal(err)
			}
			if got := reread(t, c); got.Kind() != k || got.Head().IAT.Time() != now {
				t.Errorf("read back kind %s of %s", got.Kind(), got.Head().IAT.Time())
			}
		})
	}
	if draft.Template("licence") != "" {
		t.Error("there is a template of an unknown kind")
	}
}

// A remark in a template that shows a member may be taken up as it stands.
func TestEveryOptionalMemberOfATemplateParses(t *testing.T) {
	shown := regexp.MustCompile(`(?m)^( *)# (( *- |  )*[a-z_]+: ?.*|  *- .*)$`)
	for _, k := range kinds {
		text := shown.ReplaceAllString(draft.Template(k), "$1$2")
		switch k {
		case attest.KindRoot:
			text = strings.Replace(text, "    keys: [alice.pub.jwk]\n", "", 1)
			text = strings.Replace(text, "  - log.vkey\n", "", 1)
			text = strings.Replace(text, "decision_keys: [decision.pub.jwk]\n", "", 1)
		case attest.KindEvent:
			text = strings.Replace(text, "event: suspend", "event: lift", 1)
			text = without(text, "until:", "   ")
			text = without(text, "savings:", "  - kind", "    deliver_before", "    until", "    modes")
		}
		_, err := draft.Parse("template.yaml", []byte(text), options)
		if err != nil {
			t.Errorf("%s: %v\n%s", k, err, text)
		}
	}
}

func TestConveniencesMakeThePayload(t *testing.T) {
	const text = `kind: domain
jti: PDA-1
sandbox: SBX-1
title: T
legal_effect: eligibility
nbf: 2026-02-01T05:30:00+05:30
terms:
  authorities: [auth-us, auth-in]
  concurrence: ALL
  in_scope: {US_CCL: [5D001, 5A001.b.1]}
  value: {currency: USD, per_transaction: 250000.5, cumulative: 123456789012345678901}
`
	opt := options
	opt.Aud, opt.Iss = "register.example/demo", "auth-us"
	c, err := draft.Parse("d.yaml", []byte(text), opt)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := attest.Payload(c)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"aud":"register.example/demo","iat":1797325200,"iss":"auth-us","jti":"PDA-1","legal_effect":"eligibility",` +
		`"nbf":1769904000,"sub":"sandbox:SBX-1","terms":{"authorities":["auth-in","auth-us"],"concurrence":2,` +
		`"in_scope":{"US_CCL":["5A001.b.1","5D001"]},` +
		`"value":{"cumulative":"123456789012345678901","currency":"USD","per_transaction":"250000.5"}},"title":"T"}`
	if diff := cmp.Diff(want, string(payload)); diff != "" {
		t.Error(diff)
	}
}

func TestTheSubjectFollowsFromTheEntityAndTheKind(t *testing.T) {
	const event = "kind: event\naud: r.example\niss: auth-us\njti: E-1\ntarget: T-1\nevent: revoke\neffective_at: 2026-01-01T00:00:00Z\n"
	for text, want := range map[string]string{
		event + "entity: cage:9HMS1\n":                                    "entity:cage:9HMS1/auth-us",
		event + "entity: cage:9HMS1\non: approval\n":                      "entity:cage:9HMS1/auth-us",
		event + "entity: cage:9HMS1\non: registration\n":                  "entity:cage:9HMS1",
		event + "sandbox: SBX-1\n":                                        "sandbox:SBX-1",
		event + "sub: entity:cage:9HMS1\n":                                "entity:cage:9HMS1",
		draft.Template(attest.KindRegistration):                           "entity:lei:999900VARUNADEEP0174",
		draft.Template(attest.KindEntityApproval):                         "entity:lei:999900VARUNADEEP0174/auth-us",
		draft.Template(attest.KindDomainApproval):                         "sandbox:SBX-UCOMMS",
		draft.Template(attest.KindRoot):                                   "root",
		without(draft.Template(attest.KindRoot), "version:"):              "root",
		draft.Template(attest.KindEvent) + "on: registration\n":           "entity:lei:999900VARUNADEEP0174",
		draft.Template(attest.KindConsent):                                "consent:auth-us/CONS-US-0001",
		draft.Template(attest.KindEntityEvent):                            "entity:lei:999900VARUNADEEP0174",
		draft.Template(attest.KindSuccession):                             "entity:lei:999900SAGARNETAC0179/auth-us",
		event + "consent: T-1\n":                                          "consent:auth-us/T-1",
		strings.Replace(event, "target: T-1\n", "", 1) + "consent: C_1\n": "consent:auth-us/C_1",
	} {
		c, err := draft.Parse("d.yaml", []byte(text), options)
		if err != nil {
			t.Errorf("%v\n%s", err, text)
			continue
		}
		if got := c.Head().Sub; got != want {
			t.Errorf("sub is %q, want %q", got, want)
		}
	}
}

func TestWhatTheDraftSaysGoesBeforeTheOptions(t *testing.T) {
	opt := draft.Options{Now: now, Aud: "other.example", Iss: "other"}
	for _, k := range kinds {
		c, err := draft.Parse("d.yaml", []byte(draft.Template(k)+"iat: 2026-12-14T00:00:00Z\n"), opt)
		if err != nil {
			t.Fatal(err)
		}
		h := c.Head()
		if h.Aud != "register.example/demo" || h.Iss == "other" || h.IAT.Time() != time.Date(2026, 12, 14, 0, 0, 0, 0, time.UTC) {
			t.Errorf("%s: %+v", k, h)
		}
	}
}

func TestARootNamesKeyFilesBesideIt(t *testing.T) {
	dir := t.TempDir()
	template := draft.Template(attest.KindRoot)
	jwk := regexp.MustCompile(`- (\{alg.*\})`).FindStringSubmatch(template)[1]
	jwk = regexp.MustCompile(`(\w+): ([\w-]+)`).ReplaceAllString(jwk, `"$1": "$2"`)
	for name, text := range map[string]string{
		"alice.pub.jwk": strings.Replace(jwk, "}", `, "use": "sig"}`, 1),
		"log.vkey":      regexp.MustCompile(`register.example/demo\+\S+`).FindString(template) + "\n",
		"w.vkey":        regexp.MustCompile(`witness.example/w1\+\S+`).FindString(template) + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Replace(template, "      - {alg: EdDSA, kty: OKP, crv: Ed25519, x: waZ7sliXmuh9S8ji13nmPrK9XiwNYxAefe2IdYMtLzo}", "      - alice.pub.jwk", 1)
	text = regexp.MustCompile(`  - register.example/demo\+\S+`).ReplaceAllString(text, "  - log.vkey")
	text = regexp.MustCompile(`witness.example/w1\+\S+`).ReplaceAllString(text, "w.vkey")
	want, err := draft.Parse("root.yaml", []byte(template), options)
	if err != nil {
		t.Fatal(err)
	}
	got, err := draft.Parse(filepath.Join(dir, "root.yaml"), []byte(text), draft.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPrivateAndMissingKeyFilesAreRefusedByName(t *testing.T) {
	private, err := json.Marshal(map[string]string{
		"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA",
		"x": "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik", "d": strings.Repeat("A", 43),
	})
	if err != nil {
		t.Fatal(err)
	}
	opt := options
	opt.ReadFile = func(name string) ([]byte, error) {
		switch name {
		case "private.jwk", "text":
			return private, nil
		}
		return options.ReadFile(name)
	}
	text := `kind: root
aud: r.example
threshold: 1
officers: [{id: a, keys: [private.jwk, gone.jwk, 7]}]
log_keys: [gone.vkey, text, r.example+00000000+AAAA]
cosigners: [{vkey: gone.vkey, role: witness}, {vkey: m.example+00000000+AAAA, role: mirror}]
authorities: [{id: x, name: X, countries: [US], thresholds: {granting: 1, revoking: 1}, officers: [{id: b, keys: [gone.jwk]}]}]
decision_keys: [gone.jwk]
`
	_, err = draft.Parse("r.yaml", []byte(text), opt)
	if err == nil {
		t.Fatal("was accepted")
	}
	for _, want := range []string{
		"r.yaml:4: officers/0/keys/0: key file private.jwk: not a public key",
		"r.yaml:4: officers/0/keys/1: is no key file that can be read: open gone.jwk",
		"r.yaml:4: officers/0/keys/2: is a number; want members",
		"r.yaml:5: log_keys/0: is neither a verifier key (name+hash+key) nor a file that can be read: open gone.vkey",
		"r.yaml:5: log_keys/1: file text has no verifier key",
		"r.yaml:5: log_keys/2: is no verifier key",
		"r.yaml:6: cosigners/0/vkey: is neither",
		"r.yaml:6: cosigners/1/vkey: is no verifier key",
		"r.yaml:7: authorities/0/officers/0/keys/0: is no key file",
		"r.yaml:8: decision_keys/0: is no key file",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 10 {
		t.Errorf("%d mistakes:\n%v", n, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, k := range kinds {
		f.Add([]byte(draft.Template(k)))
	}
	f.Add([]byte(everythingWrong))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := draft.Parse("f.yaml", data, options)
		if err == nil {
			if _, err := attest.Payload(c); err != nil {
				t.Fatalf("parsed, but cannot be signed: %v", err)
			}
			return
		}
		if !strings.HasPrefix(err.Error(), "f.yaml:") {
			t.Fatalf("names no line: %v", err)
		}
	})
}

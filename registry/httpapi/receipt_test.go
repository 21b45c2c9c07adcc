package httpapi_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	decided "github.com/safeconduct/safeconduct/receipt"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

type signedAnswer struct {
	Decision          json.RawMessage
	Evidence, Receipt string
}

func TestACheckComesSignedWhereThatIsAskedFor(t *testing.T) {
	s := newJointSandbox(t)
	alone := s.post("/v1/check", jsonDoc, request(""))
	for _, c := range []struct {
		query     string
		evidence  bool
		explained bool
	}{{"receipt=true", false, false}, {"receipt=true&evidence=true", true, false}, {"receipt=true&evidence=true&explain=true", true, true}} {
		r := s.post("/v1/check?"+c.query, jsonDoc, request(""))
		secured(t, r)
		got := decode[signedAnswer](t, r)
		if (got.Evidence != "") != c.evidence {
			t.Errorf("%s: with evidence: %t", c.query, got.Evidence != "")
		}
		u, err := decided.Parse([]byte(got.Receipt))
		if err != nil {
			t.Fatal(err)
		}
		in, err := json.Marshal(u.ReceiptUnsafe().Decision)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(compact(t, got.Decision), compact(t, in)); diff != "" {
			t.Errorf("%s: the receipt is of another decision than the answer:\n%s", c.query, diff)
		}
		if !c.explained {
			if diff := cmp.Diff(compact(t, alone.body), compact(t, got.Decision)); diff != "" {
				t.Errorf("%s: signed, it is decided otherwise:\n%s", c.query, diff)
			}
		}
		if c.evidence {
			if _, err := decided.Verify([]byte(got.Receipt), []byte(request("")), []byte(got.Evidence), nil, s.Trust); err != nil {
				t.Errorf("%s: %v", c.query, err)
			}
		}
	}
	if r := s.post("/v1/check?receipt=false", jsonDoc, request("")); string(r.body) != string(alone.body) {
		t.Errorf("with receipt=false the answer is %s", r.body)
	}
	refused(t, s.post("/v1/check?receipt=yes", jsonDoc, request("")), http.StatusBadRequest, "malformed")
}

func TestARegisterWithoutAListedKeySaysSo(t *testing.T) {
	for says, change := range map[string]func(*registry.Config){
		"there is no decision key":    func(c *registry.Config) { c.DecisionSigner = nil },
		"list it under decision_keys": func(c *registry.Config) { c.DecisionSigner = registrytest.SignerNamed("mallory") },
	} {
		reg := registrytest.New(t, change)
		url := listen(t, reg, httpapi.Options{Now: reg.Clock.Now})
		p := refused(t, do(t, http.MethodPost, url+"/v1/check?receipt=true", jsonDoc, request("")), http.StatusNotImplemented, "unsigned")
		if !strings.Contains(p.Detail, says) {
			t.Errorf("%s; want %s", p.Detail, says)
		}
		// Without, it decides.
		if r := do(t, http.MethodPost, url+"/v1/check", jsonDoc, request("")); r.status != http.StatusOK {
			t.Errorf("unsigned, it is answered with %d", r.status)
		}
	}
}

// checkBody is the body of a check with disclosures.
func checkBody(t *testing.T, request string, texts ...string) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{"disclosures": texts, "request": json.RawMessage(request)})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// concealing is a server on which the usual request needs what an approval conceals,
// with the disclosures of that.
func concealing(t *testing.T, reg *registrytest.Register) (ds []attest.Disclosure) {
	t.Helper()
	a := registrytest.Approval("TEA-1", us, registrytest.Varuna, "IN")
	a.Programme, a.LegalName = "VEU", "Geheimwerk"
	a.Caveats = &attest.Limits{Value: &attest.ValueCeiling{Currency: "CHF", PerTransaction: "73113"}}
	concealed, ds, err := a.Conceal([]string{"/caveats/value", "/legal_name"})
	if err != nil {
		t.Fatal(err)
	}
	reg.MustSubmit(concealed)
	reg.Clock.Add(time.Minute)
	return ds
}

const veu = `{"effective_at":"2026-01-05T09:00:00Z","authority":"` + us + `","programme":"VEU","act":"export","mode":"tangible","transferor":"` + registrytest.Halcyon +
	`","transferee":"` + registrytest.Varuna + `","destination_site":"VTZ-1","item":{"list":"US_CCL","entry":"5A001.b.1"},"end_use":"disclosures","value":{"amount":"500","currency":"CHF"}}`

func TestACheckIsDecidedAndSignedByWhatIsDisclosed(t *testing.T) {
	s := newServer(t)
	ds := concealing(t, s.Register)
	value, name := ds[0].String(), ds[1].String()
	if d := decode[policy.Decision](t, s.post("/v1/check", jsonDoc, veu)); d.Decision != policy.REFER {
		t.Errorf("undisclosed it is %s", d.Decision)
	}
	for _, texts := range [][]string{{value}, {name, value}} {
		plain := decode[policy.Decision](t, s.post("/v1/check", jsonDoc, checkBody(t, veu, texts...)))
		if !plain.Permitted() || plain.Replay.Disclosures == "" {
			t.Errorf("%s %+v", plain.Decision, plain.Reasons)
		}
		got := decode[signedAnswer](t, s.post("/v1/check?receipt=true&evidence=true&explain=true", jsonDoc, checkBody(t, veu, texts...)))
		shown, err := attest.ParseDisclosures(texts)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decided.Verify([]byte(got.Receipt), []byte(veu), []byte(got.Evidence), shown, s.Trust); err != nil {
			t.Error(err)
		}
	}
	// The name alone is not what is needed.
	if d := decode[policy.Decision](t, s.post("/v1/check", jsonDoc, checkBody(t, veu, name))); d.Decision != policy.REFER {
		t.Errorf("with the name alone it is %s", d.Decision)
	}
	_, foreign, err := registrytest.Approval("TEA-9", us, registrytest.Varuna, "IN").Conceal([]string{"/legal_name"})
	if err != nil {
		t.Fatal(err)
	}
	for body, says := range map[string]string{
		checkBody(t, veu, foreign[0].String()):             foreign[0].Digest() + ", is of no approval",
		checkBody(t, veu, value, foreign[0].String()):      "disclosure 2 of 2",
		checkBody(t, veu, value, value):                    "disclosure 2 of 2 is disclosure 1 again",
		checkBody(t, veu, "x"):                             "disclosure 1 of 1",
		checkBody(t, veu):                                  "/disclosures",
		`{"disclosures":["` + value + `"]}`:                "/request: is missing",
		`{"disclosures":"` + value + `","request":{}}`:     "disclosures",
		`{"disclosures":[],"request":` + veu + `,"x":1}`:   "x",
		`{"disclosures":null,"request":` + veu + `}`:       "/disclosures",
		`{"request":` + veu + `}`:                          "request",
		checkBody(t, `{"act":"export"}`, value):            "/effective_at",
		strings.Replace(veu, `{`, `{"disclosures":[],`, 1): "unknown member",
	} {
		p := refused(t, s.post("/v1/check", jsonDoc, body), http.StatusUnprocessableEntity, "invalid")
		if !strings.Contains(p.Detail, says) {
			t.Errorf("%s; want it to say %q", p.Detail, says)
		}
	}
	refused(t, s.post("/v1/check", jsonDoc, `{"disclosures":[`), http.StatusBadRequest, "malformed")
	refused(t, s.post("/v1/check", jsonDoc, strings.Replace(veu, `{`, `{"reference":"`+strings.Repeat("x", 1<<20)+`",`, 1)), http.StatusRequestEntityTooLarge, "too-large")
	many := make([]string, 513)
	for i := range many {
		many[i] = "x"
	}
	if p := refused(t, s.post("/v1/check", jsonDoc, checkBody(t, veu, many...)), http.StatusUnprocessableEntity, "invalid"); !strings.Contains(p.Detail, "at most 512") {
		t.Error(p.Detail)
	}
}

// What is disclosed to the service stands in no log, whatever it answers, and in no
// answer but where the asker is told what is wrong with it.
func TestWhatIsDisclosedIsNowhereRepeated(t *testing.T) {
	reg := registrytest.New(t)
	ds := concealing(t, reg)
	var log logBuffer
	url := listen(t, reg, httpapi.Options{Now: reg.Clock.Now, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	var answers strings.Builder
	for _, body := range []string{
		checkBody(t, veu, ds[0].String(), ds[1].String()),
		checkBody(t, strings.Replace(veu, `"500"`, `"80000"`, 1), ds[0].String(), ds[1].String()),
		checkBody(t, strings.Replace(veu, `"CHF"`, `"USD"`, 1), ds[0].String()),
	} {
		for _, query := range []string{"", "?explain=true", "?receipt=true&evidence=true&explain=true"} {
			r := do(t, http.MethodPost, url+"/v1/check"+query, jsonDoc, body)
			answers.Write(r.body)
			if r.status != http.StatusOK {
				t.Errorf("%d %s", r.status, r.body)
			}
			if query != "" && strings.Contains(query, "receipt") {
				u, err := decided.Parse([]byte(decode[signedAnswer](t, r).Receipt))
				if err != nil {
					t.Fatal(err)
				}
				said, err := json.Marshal(u.ReceiptUnsafe())
				if err != nil {
					t.Fatal(err)
				}
				answers.Write(said)
			}
		}
	}
	do(t, http.MethodPost, url+"/v1/check", jsonDoc, checkBody(t, veu, ds[0].String()+"A"))
	for _, secret := range []string{"Geheimwerk", "73113", "CHF", ds[0].String(), ds[1].String()} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, log.String())
		}
		if strings.Contains(answers.String(), secret) {
			t.Errorf("the answers have %q:\n%s", secret, answers.String())
		}
	}
}

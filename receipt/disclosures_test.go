package receipt_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/receipt"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// What the approval of the discreet world conceals. Nothing of it stands in a
// receipt.
const (
	secretName     = "Geheimwerk Verwaltung"
	secretAmount   = "73113"
	secretSum      = "146226"
	secretCurrency = "CHF"
	secretUnit     = "hectolitre"
)

// discreet is a world in which the US has approved Varuna, most of whose approval is
// confidential, and what the holder has to disclose of it, by pointer.
func discreet(t *testing.T) (*world, map[string]attest.Disclosure) {
	t.Helper()
	w := newWorld(t)
	a := rt.Approval("TEA-1", rt.US, rt.Varuna, "IN")
	a.Programme, a.LegalName = "VEU", secretName
	a.Caveats = &attest.Limits{
		Value:    &attest.ValueCeiling{Currency: secretCurrency, PerTransaction: secretAmount, Cumulative: secretSum},
		Quantity: &attest.QuantityCeiling{Unit: secretUnit, PerTransaction: secretAmount},
	}
	pointers := []string{"/legal_name", "/approved_sites/0/address", "/caveats/value", "/caveats/quantity"}
	concealed, ds, err := a.Conceal(pointers)
	if err != nil {
		t.Fatal(err)
	}
	w.MustSubmit(concealed)
	// What it was called until it was renamed is a former name.
	w.MustSubmit(&attest.EntityEvent{
		Common: attest.Common{Iss: rt.IN, Sub: attest.EntitySubject(rt.Varuna), JTI: "rename"},
		Event:  attest.Rename, EffectiveAt: attest.NumericDate(rt.Start.Add(time.Second).Unix()), NewName: "Varuna Ocean",
	})
	w.Clock.Add(time.Minute)
	of := make(map[string]attest.Disclosure)
	for i, p := range pointers {
		of[p] = ds[i]
	}
	return w, of
}

// within is the document of a request that keeps within the ceilings, with more
// members in front.
func within(more string) []byte { return asking(more, `"50000"`, secretCurrency, secretUnit) }

func asking(more, amount, currency, unit string) []byte {
	return []byte(`{` + more + `"effective_at":"2026-01-05T09:00:30Z","authority":"` + rt.US + `","programme":"VEU","act":"export","mode":"tangible",` +
		`"transferor":"` + rt.Halcyon + `","transferee":"` + rt.Varuna + `","destination_site":"VTZ-1","item":{"list":"US_CCL","entry":"5A001.b.1"},"ledger":[],` +
		`"value":{"amount":` + amount + `,"currency":"` + currency + `"},"quantity":{"amount":` + amount + `,"unit":"` + unit + `"}}`)
}

// disclosed has the register decide by disclosures, explain and sign.
func (w *world) disclosed(request []byte, ds ...attest.Disclosure) file {
	w.t.Helper()
	req := parsed(w.t, request)
	s, err := w.DecideSigned(w.t.Context(), req, req.Times(w.Clock.Now()), true, ds...)
	if err != nil {
		w.t.Fatal(err)
	}
	return file{receipt: s.Receipt, request: request, evidence: s.Evidence, disclosures: ds, trust: w.Trust}
}

func said(t *testing.T, f file) *receipt.Receipt {
	t.Helper()
	u, err := receipt.Parse(f.receipt)
	if err != nil {
		t.Fatal(err)
	}
	return u.ReceiptUnsafe()
}

func TestAReceiptGoesByWhatWasDisclosed(t *testing.T) {
	w, of := discreet(t)
	if d := said(t, w.disclosed(within(""))); d.Disclosures != nil || d.Decision.Decision != policy.REFER {
		t.Fatalf("undisclosed it is %s, by %v", d.Decision.Decision, d.Disclosures)
	}
	f := w.disclosed(within(""), of["/caveats/value"], of["/caveats/quantity"])
	wantStep(t, f, "", "")
	r := said(t, f)
	want := []string{of["/caveats/value"].Digest(), of["/caveats/quantity"].Digest()}
	slices.Sort(want)
	if !r.Decision.Permitted() || !slices.Equal(r.Disclosures, want) {
		t.Errorf("%s by %v, want PERMIT by %v", r.Decision.Decision, r.Disclosures, want)
	}
	if !r.GoesBy(f.disclosures) || r.GoesBy(f.disclosures[:1]) || r.GoesBy(nil) {
		t.Error("it goes by other disclosures than it was decided by")
	}
	// They are filed in whatever order.
	slices.Reverse(f.disclosures)
	wantStep(t, f, "", "")
}

func TestAReceiptIsRefusedWithOtherDisclosures(t *testing.T) {
	w, of := discreet(t)
	value, quantity, name := of["/caveats/value"], of["/caveats/quantity"], of["/legal_name"]
	f := w.disclosed(within(""), value, quantity)
	_, foreign, err := rt.Approval("TEA-9", rt.US, rt.Varuna, "IN").Conceal([]string{"/legal_name"})
	if err != nil {
		t.Fatal(err)
	}
	with := func(ds ...attest.Disclosure) file { g := f; g.disclosures = ds; return g }
	saying := func(ds []attest.Disclosure, change func(*receipt.Receipt)) file {
		g := with(ds...)
		g.receipt = says(t, f.receipt, change)
		return g
	}
	both := []attest.Disclosure{value, quantity}
	plain := w.filed(usual(""))
	plain.disclosures = both[:1]
	for _, c := range []struct {
		name string
		f    file
		step string
		says string
	}{
		{"none of them is given", with(), "disclosures?", value.Digest() + ", of approval TEA-1 of " + rt.US},
		{"one is not given", with(value), "disclosures?", "are not given, with the digests " + quantity.Digest()},
		{"one that it does not go by is given", with(value, quantity, name), "disclosures", `the disclosure of "legal_name", with the digest ` + name.Digest()},
		{"another in place of one", with(value, name), "disclosures", "it was not decided with"},
		{"one is given twice", with(value, quantity, value), "disclosures", "is given twice"},
		{"one is of no approval", with(value, quantity, foreign[0]), "disclosures", foreign[0].Digest()},
		{"of a receipt that goes by none", plain, "disclosures", "it was not decided with"},
		{"it names one that no approval has", saying([]attest.Disclosure{value, quantity, foreign[0]}, func(r *receipt.Receipt) {
			r.Disclosures = append(r.Disclosures, foreign[0].Digest())
			slices.Sort(r.Disclosures)
		}), "disclosures", "which no approval of the evidence has"},
		{"it names fewer than it was decided by", saying(both[:1], func(r *receipt.Receipt) { r.Disclosures = []string{value.Digest()} }), "disclosures", "by other disclosures"},
		{"it was decided by fewer", saying(both, func(r *receipt.Receipt) { r.Decision.Replay.Disclosures = r.Evidence }), "disclosures", "by other disclosures"},
		{"it names none", saying(both, func(r *receipt.Receipt) { r.Disclosures = nil }), "form", "goes by none, or the other way round"},
		{"its decision goes by none", saying(both, func(r *receipt.Receipt) { r.Decision.Replay.Disclosures = "" }), "form", "goes by none, or the other way round"},
		{"it names an empty array", saying(nil, func(r *receipt.Receipt) { r.Disclosures, r.Decision.Replay.Disclosures = []string{}, "" }), "form", "want 1 to"},
		{"it names one twice", saying(both, func(r *receipt.Receipt) { r.Disclosures[1] = r.Disclosures[0] }), "form", "ascending and each once"},
		{"it names them in another order", saying(both, func(r *receipt.Receipt) { slices.Reverse(r.Disclosures) }), "form", "ascending"},
		{"it names what is no digest", saying(both, func(r *receipt.Receipt) { r.Disclosures[1] += "=" }), "form", "SHA-256"},
		{"it has the disclosures themselves", saying(both, func(r *receipt.Receipt) { r.Disclosures = []string{value.String()} }), "form", "SHA-256"},
		{"decided otherwise by them", saying(both, func(r *receipt.Receipt) { r.Decision.Decision = policy.DENY }), "replay", "otherwise"},
	} {
		t.Run(c.name, func(t *testing.T) { wantStep(t, c.f, c.step, c.says) })
	}
	// Without them nothing is decided again, and what else there is stands.
	r, _ := with().verify()
	for _, s := range r.Steps {
		if want := s.Name != "disclosures" && s.Name != "replay"; (s.Outcome == receipt.Passed) != want {
			t.Errorf("%+v", s)
		}
	}
}

func TestADecisionIsSignedWithTheDisclosuresThatItWasMadeBy(t *testing.T) {
	w, of := discreet(t)
	req := parsed(t, within(""))
	f := w.disclosed(within(""), of["/caveats/value"])
	e := w.open(f.evidence)
	shown, err := e.Disclose(f.disclosures)
	if err != nil {
		t.Fatal(err)
	}
	d, err := decide(shown, req, w.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := receipt.Sign(t.Context(), shown, req, d, w.Clock.Now(), rt.Notary()); err != nil {
		t.Error(err)
	}
	other, err := e.Disclose([]attest.Disclosure{of["/legal_name"]})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []*struct {
		name string
		err  error
	}{
		{"undisclosed", func() error { _, err := receipt.Sign(t.Context(), e, req, d, w.Clock.Now(), rt.Notary()); return err }()},
		{"of another", func() error {
			_, err := receipt.Sign(t.Context(), other, req, d, w.Clock.Now(), rt.Notary())
			return err
		}()},
	} {
		if e.err == nil || !strings.Contains(e.err.Error(), "by other disclosures") {
			t.Errorf("with evidence %s: %v", e.name, e.err)
		}
	}
}

// A receipt is filed, handed on and logged: whatever is decided by confidential
// members, whatever the answer and however it is explained, it has none.
func TestNoReceiptHasAConfidentialMember(t *testing.T) {
	w, of := discreet(t)
	var all []attest.Disclosure
	for _, d := range of {
		all = append(all, d)
	}
	secret := []string{secretName, screening.Normalise(secretName), "GEHEIM", secretAmount, secretSum, secretCurrency, secretUnit, "Ocean Tech Park"}
	for _, d := range all {
		secret = append(secret, d.String())
	}
	list, err := screening.Parse("l.txt", strings.NewReader("# list: L\n# version: 1\n"+strings.ToUpper(secretName)+" GmbH\n"))
	if err != nil {
		t.Fatal(err)
	}
	shownAs := func(name string) string { return `"transferee_presented":{"name":"` + name + `"},` }
	for _, c := range []struct {
		name    string
		request []byte
		lists   []*screening.List
		code    policy.Code
		message string
	}{
		{"within the ceilings", within(""), nil, "", ""},
		{"above one", asking("", `"80000"`, secretCurrency, secretUnit), nil, policy.ValueCeilingExceeded, "The value is more than the most for one transaction in "},
		{"above another", asking("", `"80000"`, secretCurrency, secretUnit), nil, policy.QuantityCeilingExceeded, "The quantity is more than the most for one transaction in "},
		{"above with the ledger", []byte(strings.Replace(string(within("")), `"ledger":[]`, `"ledger":[{"date":"2026-01-05T09:00:10Z","amount":"100000","currency":"`+secretCurrency+`"}]`, 1)), nil, policy.ValueCeilingExceeded, "With the ledger the value comes to more than the most for the period in "},
		{"in another currency", asking("", `"5"`, "USD", secretUnit), nil, policy.CurrencyConversionRequired, "The value is in USD, and the ceiling in "},
		{"in another unit", asking("", `"5"`, secretCurrency, "piece"), nil, policy.MissingFact, "The quantity is in piece, and the ceiling in "},
		{"without a quantity", []byte(strings.Replace(string(within("")), `"quantity":{"amount":"50000","unit":"`+secretUnit+`"}`, `"quantity":null`, 1)), nil, policy.MissingFact, "The request does not give quantity, which"},
		{"of a name on a list", within(""), []*screening.List{list}, policy.PossiblePartyMatch, "is or was called like an entry of list L, by a name that is confidential"},
		{"shown under the name, on a list", within(shownAs(strings.ToLower(secretName))), []*screening.List{list}, policy.PossiblePartyMatch, "by a name that is confidential"},
		{"shown under a former name", within(shownAs(secretName)), nil, policy.IdentityViaAlias, "The name that the transferee was shown with is a former name of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := parsed(t, c.request)
			evidence, err := w.Evidence(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			e, err := w.open(evidence).Disclose(all)
			if err != nil {
				t.Fatal(err)
			}
			q, err := policy.Ask(req)
			if err != nil {
				t.Fatal(err)
			}
			d, err := e.Explain(q, req.Times(w.Clock.Now()), c.lists...)
			if err != nil {
				t.Fatal(err)
			}
			signed, err := receipt.Sign(t.Context(), e, req, d, w.Clock.Now(), rt.Notary())
			if err != nil {
				t.Fatal(err)
			}
			wantStep(t, file{signed, c.request, evidence, all, w.Trust, c.lists}, "", "")
			if i := slices.IndexFunc(d.Reasons, func(r policy.Reason) bool { return r.Code == c.code && strings.Contains(r.Message, c.message) }); i < 0 && c.code != "" {
				t.Errorf("no %s that says %q: %+v", c.code, c.message, d.Reasons)
			}
			body := payload(t, signed)
			for _, s := range secret {
				if strings.Contains(strings.ToLower(body), strings.ToLower(s)) {
					t.Errorf("it has %q:\n%s", s, body)
				}
			}
		})
	}
}

// What has been disclosed is named by one digest, so that all of it is disclosed at
// once, and nothing by nobody.
func TestEvidenceIsDisclosedInOnce(t *testing.T) {
	w, of := discreet(t)
	f := w.disclosed(within(""))
	e := w.open(f.evidence)
	value, name := of["/caveats/value"], of["/legal_name"]
	shown, err := e.Disclose([]attest.Disclosure{value})
	if err != nil {
		t.Fatal(err)
	}
	if ds, digest := shown.Disclosed(); len(ds) != 1 || ds[0].Digest() != value.Digest() || digest == "" {
		t.Errorf("disclosed %v, by %q", ds, digest)
	}
	if ds, digest := e.Disclosed(); ds != nil || digest != "" {
		t.Errorf("the evidence itself has %v, by %q", ds, digest)
	}
	if same, err := e.Disclose(nil); err != nil || same != e {
		t.Errorf("nothing: %v", err)
	}
	if _, err := e.DiscloseOf(rt.Varuna, []attest.Disclosure{value, name}); err != nil {
		t.Error(err)
	}
	for name, disclose := range map[string]func() (*verify.Opened, error){
		"once more":      func() (*verify.Opened, error) { return shown.Disclose([]attest.Disclosure{name}) },
		"twice":          func() (*verify.Opened, error) { return e.Disclose([]attest.Disclosure{value, value}) },
		"of nobody":      func() (*verify.Opened, error) { return e.DiscloseOf("", []attest.Disclosure{value}) },
		"of another":     func() (*verify.Opened, error) { return e.DiscloseOf(rt.Halcyon, []attest.Disclosure{value}) },
		"no disclosure":  func() (*verify.Opened, error) { return e.Disclose(make([]attest.Disclosure, 1)) },
		"in no evidence": func() (*verify.Opened, error) { return new(verify.Opened).Disclose([]attest.Disclosure{value}) },
		"none, in none":  func() (*verify.Opened, error) { return new(verify.Opened).Disclose(nil) },
	} {
		if o, err := disclose(); err == nil || o != nil {
			t.Errorf("%s: disclosed", name)
		}
	}
}

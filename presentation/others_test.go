package presentation_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/screening"
)

// names are what Varuna is called where it is confidential.
var names = map[string]string{"TEA-0": "Varuna Wave Works", "TEA-1": "Varuna Deepsense", "IN-1": "Varuna Sagar"}

// known is a scene in which an older version of the approval that Varuna presents, and
// another authority's, conceal its name, too. Also there is an approval of Corvus, which
// takes part. The disclosures are of each of them, by jti.
func known(t *testing.T) (*scene, map[string]attest.Disclosure) {
	t.Helper()
	s := &scene{T: t, r: rt.New(t), holder: rt.SignerNamed("varuna")}
	of := make(map[string]attest.Disclosure)
	submit := func(a *attest.EntityApproval, name string) {
		a.LegalName = name
		concealed, ds, err := a.Conceal([]string{"/legal_name"})
		if err != nil {
			t.Fatal(err)
		}
		of[a.JTI] = ds[0]
		s.approval = s.r.Sign(concealed)
		if _, err := s.r.Submit(t.Context(), s.approval); err != nil {
			t.Fatal(err)
		}
	}
	cnf := &attest.Confirmation{JWK: rt.SignerNamed("varuna").JWK()}
	corvus := rt.Approval("COR-1", rt.US, rt.Corvus, "AU")
	submit(corvus, "Corvus Pacific")
	s.r.MustSubmit(rt.Approval("HAL-1", rt.IN, rt.Halcyon, "US"))
	s.r.MustSubmit(rt.Registration("reg-halcyon", rt.US, rt.Halcyon, "US"))
	s.r.MustSubmit(rt.Domain("domain-us", rt.US))
	s.r.MustSubmit(rt.Domain("domain-in", rt.IN))
	submit(rt.Approval("IN-1", rt.IN, rt.Varuna, "IN"), names["IN-1"])
	old := rt.Approval("TEA-0", rt.US, rt.Varuna, "IN")
	old.Confirmation = cnf
	submit(old, names["TEA-0"])
	next := rt.Approval("TEA-1", rt.US, rt.Varuna, "IN")
	next.Supersedes, next.Confirmation = "TEA-0", cnf
	submit(next, names["TEA-1"])
	s.r.Clock.Add(time.Minute)
	s.req = &policy.Request{
		EffectiveAt: policy.InstantOf(s.r.Clock.Now()), Sandbox: rt.Sandbox, Act: "technology_release",
		Transferor: rt.Halcyon, Transferee: rt.Varuna, DestinationSite: "VTZ-1", EndUse: "sea_trial",
		Item: &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"},
	}
	s.evidence = s.prove()
	return s, of
}

func listOf(t *testing.T, entries ...string) *screening.List {
	t.Helper()
	l, err := screening.Parse("l.txt", strings.NewReader("# list: L\n# version: 1\n"+strings.Join(entries, "\n")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Whoever screens asks for every name. The holder discloses them all, whichever
// approval of it they are of, and is permitted.
func TestAHolderDisclosesNamesOfAllItsApprovals(t *testing.T) {
	s, of := known(t)
	list := listOf(t, "Somebody else")
	show := func(ds ...attest.Disclosure) *policy.Decision {
		t.Helper()
		o, err := s.open(s.make(s.bound(), ds...))
		if err != nil {
			t.Fatal(err)
		}
		return s.decide(o, list)
	}
	missing := func(d *policy.Decision) (out []string) {
		for _, r := range d.Reasons {
			if r.Code != policy.MissingFact || r.Pointer != "/legal_name" {
				t.Errorf("%+v", r)
			}
			out = append(out, r.Statement.JTI)
		}
		slices.Sort(out)
		return out
	}
	for _, c := range []struct {
		shown   []string
		missing []string
	}{
		{nil, []string{"IN-1", "TEA-0", "TEA-1"}},
		{[]string{"TEA-1"}, []string{"IN-1", "TEA-0"}},
		{[]string{"TEA-0"}, []string{"IN-1", "TEA-1"}},
		{[]string{"TEA-0", "TEA-1"}, []string{"IN-1"}},
		{[]string{"IN-1", "TEA-1"}, []string{"TEA-0"}},
	} {
		var ds []attest.Disclosure
		for _, jti := range c.shown {
			ds = append(ds, of[jti])
		}
		if d := show(ds...); d.Decision != policy.REFER || !slices.Equal(missing(d), c.missing) {
			t.Errorf("with the names of %v: %s, missing %v; want those of %v", c.shown, d.Decision, missing(d), c.missing)
		}
	}
	if d := show(of["TEA-1"], of["TEA-0"], of["IN-1"]); !d.Permitted() {
		t.Errorf("with all names: %s %+v", d.Decision, d.Reasons)
	}
	// That is what they are asked for: each is looked up.
	for jti, name := range names {
		list = listOf(t, strings.ToUpper(name))
		d := show(of["TEA-1"], of["TEA-0"], of["IN-1"])
		if d.Decision != policy.REFER || len(d.Reasons) != 1 || d.Reasons[0].Code != policy.PossiblePartyMatch {
			t.Errorf("the name in %s is on the list: %s %+v", jti, d.Decision, d.Reasons)
		}
	}
}

// beside has disclosures of other approvals in a presentation, and the key binding name
// them.
func (s *scene) beside(p []byte, ds ...string) []byte {
	s.Helper()
	slices.Sort(ds)
	return s.besideAs(p, strings.Join(ds, "~"))
}

func (s *scene) besideAs(p []byte, others string) []byte {
	s.Helper()
	sum := sha256.Sum256([]byte(others))
	p = s.reboundBy(p, kbHeader, func(c map[string]any) { c["others_hash"] = base64.RawURLEncoding.EncodeToString(sum[:]) }, s.signed)
	return put(p, others)
}

// put puts them there, and nothing else.
func put(p []byte, others string) []byte {
	i := bytes.LastIndex(p, []byte(`,"sd_jwt":"`))
	head, _, _ := bytes.Cut(p[:i], []byte(`,"others":"`))
	return []byte(string(head) + `,"others":"` + others + `"` + string(p[i:]))
}

func TestDisclosuresOfOtherApprovalsAreTheHoldersAndBound(t *testing.T) {
	s, of := known(t)
	// Corvus' approval is in the evidence.
	s.req.Via = []string{rt.Corvus}
	s.evidence = s.prove()
	own, old, foreign := of["TEA-1"].String(), of["TEA-0"].String(), of["COR-1"].String()
	_, nowhere, err := rt.Approval("TEA-9", rt.US, rt.Varuna, "IN").Conceal([]string{"/legal_name"})
	if err != nil {
		t.Fatal(err)
	}
	bare, good := s.make(s.bound(), of["TEA-1"]), s.make(s.bound(), of["TEA-1"], of["TEA-0"])
	if got := s.beside(bare, old); !bytes.Equal(got, good) {
		t.Fatalf("it is made otherwise:\n%s\n%s", got, good)
	}
	both := []string{old, of["IN-1"].String()}
	slices.Sort(both)
	slices.Reverse(both)
	for name, c := range map[string]struct {
		p          []byte
		step, says string
	}{
		"of an approval of another entity":    {s.beside(bare, foreign), presentation.StepDisclosures, "is of approval COR-1 of " + rt.US + ", which is of " + rt.Corvus + " and does not name " + rt.Varuna},
		"of another entity's beside good":     {s.beside(bare, old, foreign), presentation.StepDisclosures, "which is of " + rt.Corvus},
		"of another entity's, in the SD-JWT":  {recut(t, bare, func(sd string) string { return strings.Replace(sd, "~", "~"+foreign+"~", 1) }), presentation.StepDisclosures, "is of no member of approval TEA-1"},
		"of the older version, in the SD-JWT": {recut(t, bare, func(sd string) string { return strings.Replace(sd, "~", "~"+old+"~", 1) }), presentation.StepDisclosures, "is of no member of approval TEA-1"},
		"of the approval that is shown":       {s.beside(bare, old, own), presentation.StepDisclosures, "is of approval TEA-1 of " + rt.US + ", which is shown"},
		"twice":                               {s.beside(bare, old, old), presentation.StepForm, "is disclosure 1 again"},
		"of no approval":                      {s.beside(bare, nowhere[0].String()), presentation.StepDisclosures, nowhere[0].Digest() + ", is of no approval"},
		"not ascending":                       {s.besideAs(bare, strings.Join(both, "~")), presentation.StepForm, "do not ascend"},
		"none":                                {s.besideAs(bare, ""), presentation.StepForm, "beside the evidence"},
		"a tilde behind":                      {s.besideAs(bare, old+"~"), presentation.StepForm, "others"},
		"what is no disclosure":               {s.besideAs(bare, "x"), presentation.StepForm, "others"},
		"a quotation mark":                    {s.besideAs(bare, old+`"x`), presentation.StepForm, "character"},
		"an array":                            {bytes.Replace(good, []byte(`"others":"`+old+`"`), []byte(`"others":["`+old+`"]`), 1), "parse", ""},
		"another member":                      {bytes.Replace(good, []byte(`"others":"`), []byte(`"other":"`), 1), presentation.StepForm, "beside the evidence"},
		"too many":                            {s.besideAs(bare, strings.Repeat("x~", 512)+"x"), presentation.StepForm, "514"},
		"too long":                            {s.besideAs(bare, strings.Repeat("x", 256<<10)), presentation.StepForm, "at most"},
		"put in by somebody else":             {put(bare, old), presentation.StepOthers, "bound"},
		"taken away":                          {bytes.Replace(good, []byte(`,"others":"`+old+`"`), nil, 1), presentation.StepOthers, "bound"},
		"exchanged":                           {put(good, of["IN-1"].String()), presentation.StepOthers, "bound"},
		"an empty hash":                       {s.reboundBy(good, kbHeader, func(c map[string]any) { c["others_hash"] = "" }, s.signed), presentation.StepOthers, "bound"},
		"a hash of none":                      {s.reboundBy(bare, kbHeader, func(c map[string]any) { c["others_hash"] = "AAAA" }, s.signed), presentation.StepOthers, "bound"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := s.open(c.p)
			var refused *presentation.Error
			if !errors.As(err, &refused) || refused.Step != c.step || o != nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, %v; want a refusal at %s that says %q", o, err, c.step, c.says)
			}
		})
	}
	if _, err := s.open(good); err != nil {
		t.Error(err)
	}
	for name, ds := range map[string][]attest.Disclosure{
		"of an approval of another entity": {of["TEA-1"], of["COR-1"]}, "of no approval": {of["TEA-0"], nowhere[0]}, "twice": {of["TEA-0"], of["TEA-0"]}, "of its own twice": {of["TEA-1"], of["TEA-1"]},
	} {
		if p, err := presentation.Make(t.Context(), s.evidence, s.approval, ds, s.holder, s.bound()); err == nil {
			t.Errorf("%s: made %d bytes", name, len(p))
		}
	}
}

// What is disclosed of another approval is known, and permits nothing by itself.
func TestNobodyIsPermittedByWhatAnotherApprovalDiscloses(t *testing.T) {
	s, _ := known(t)
	bounded := rt.Approval("TEA-5", rt.US, rt.Varuna, "IN")
	bounded.Programme = "VEU"
	bounded.Caveats = &attest.Limits{Value: &attest.ValueCeiling{Currency: "USD", PerTransaction: "1000"}}
	concealed, ds, err := bounded.Conceal([]string{"/caveats/value"})
	if err != nil {
		t.Fatal(err)
	}
	s.r.MustSubmit(concealed)
	s.r.Clock.Add(time.Minute)
	s.req.Sandbox, s.req.Authority, s.req.Programme, s.req.Mode, s.req.Act = "", rt.US, "VEU", "tangible", "export"
	s.req.EffectiveAt, s.req.Value = policy.InstantOf(s.r.Clock.Now()), &policy.Value{Amount: amount("10"), Currency: "USD"}
	s.evidence = s.prove()
	q, err := policy.Ask(s.req)
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.open(s.make(s.bound()))
	if err != nil {
		t.Fatal(err)
	}
	if d, err := o.Decide(q, s.req.TimesNow(s.r.Clock.Now())); err != nil || d.Decision != policy.REFER {
		t.Errorf("undisclosed: %+v, %v", d, err)
	}
	// TEA-5 names no key: whoever has its disclosures has not shown that it is its holder.
	if o, err = s.open(s.make(s.bound(), ds...)); err != nil {
		t.Fatal(err)
	}
	d, err := o.Decide(q, s.req.TimesNow(s.r.Clock.Now()))
	var refused *presentation.Error
	if !errors.As(err, &refused) || refused.Step != presentation.StepHolder || d != nil {
		t.Errorf("disclosed: %+v, %v", d, err)
	}
}

// An authority may know the holder by another identifier, and say so in its approval.
func TestAnApprovalThatNamesTheHolderByAnIdentifierIsItsToDisclose(t *testing.T) {
	s, of := known(t)
	const alias, stranger = "duns:123456789", "duns:987654321"
	disclosed := make(map[string]attest.Disclosure)
	for id, identifiers := range map[string][]string{alias: {rt.Varuna}, stranger: nil} {
		a := rt.Approval("IN-"+id[5:8], rt.IN, id, "IN")
		a.Identifiers, a.ApprovedSites = identifiers, nil
		concealed, ds, err := a.Conceal([]string{"/legal_name"})
		if err != nil {
			t.Fatal(err)
		}
		s.r.MustSubmit(concealed)
		disclosed[id] = ds[0]
	}
	s.r.Clock.Add(time.Minute)
	var err error
	if s.evidence, err = s.r.EvidenceOf(t.Context(), []string{
		attest.EntitySubject(rt.Varuna), attest.ApprovalSubject(rt.Varuna, rt.US), attest.ApprovalSubject(alias, rt.IN), attest.ApprovalSubject(stranger, rt.IN),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.open(s.make(s.bound(), of["TEA-1"], disclosed[alias])); err != nil {
		t.Error(err)
	}
	if _, err := s.open(s.beside(s.make(s.bound(), of["TEA-1"]), disclosed[stranger].String())); err == nil || !strings.Contains(err.Error(), "which is of "+stranger) {
		t.Errorf("of a stranger: %v", err)
	}
}

// With several that are wrong, the first is told, in the order of the approvals and not
// by chance: what was shown, then the others as they were logged.
func TestTheFirstWrongDisclosureIsTold(t *testing.T) {
	s, of := known(t)
	var twice []attest.Disclosure
	for _, jti := range []string{"IN-1", "TEA-0", "TEA-1"} {
		twice = append(twice, of[jti], of[jti])
	}
	for range 20 {
		_, err := presentation.Make(t.Context(), s.evidence, s.approval, twice, s.holder, s.bound())
		if err == nil || !strings.Contains(err.Error(), "of approval TEA-1 of") {
			t.Fatalf("each of three is given twice: %v; want the one that is shown told", err)
		}
		_, err = presentation.Make(t.Context(), s.evidence, s.approval, twice[:4], s.holder, s.bound())
		if err == nil || !strings.Contains(err.Error(), "of approval IN-1 of") {
			t.Fatalf("two of others are given twice: %v; want the first logged told", err)
		}
	}
}

package vectors

import (
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// DecisionFile is decisions.json.
type DecisionFile struct {
	About    string                    `json:"about"`
	Trusts   map[string]jsontext.Value `json:"trusts"`
	Evidence map[string]Text           `json:"evidence"`
	// Lists are lists of restricted parties, in the plain form.
	Lists   map[string]string `json:"lists"`
	Vectors []Decision        `json:"vectors"`
}

// A Decision is that of a request, on evidence and with a trust, both by name.
type Decision struct {
	Name     string `json:"name"`
	Trust    string `json:"trust"`
	Evidence string `json:"evidence"`
	// Request is the request document.
	Request string `json:"request"`
	// Lists are those that the parties are screened against, by name.
	Lists     []string  `json:"lists,omitzero"`
	KnownAt   time.Time `json:"known_at"`
	CheckedAt time.Time `json:"checked_at"`
	// Step is where the evidence is refused, "" where something is decided.
	Step string `json:"step,omitzero"`
	// What is decided.
	Decision        string        `json:"decision,omitzero"`
	ReplacesLicence bool          `json:"replaces_licence,omitzero"`
	Codes           []policy.Code `json:"codes,omitempty"`
	ProvenUntil     time.Time     `json:"proven_until,omitzero"`
	Replay          policy.Replay `json:"replay,omitzero"`
	// Screened are the lists, with their digests.
	Screened []policy.Screened `json:"screened,omitempty"`
}

func decisionFile() DecisionFile {
	f := DecisionFile{
		About:  "Requests decided on evidence: the outcome and the codes of its reasons (docs/rules.md), or the step at which the evidence is refused.",
		Trusts: make(map[string]jsontext.Value), Evidence: make(map[string]Text),
	}
	trusts := map[string]*verify.Trust{
		"usual":      trustOf(rootV1, policyOf(usMirror), verify.Insecure{}),
		"unmirrored": trustOf(rootV1, policyOf(usMirror), verify.Insecure{Unmirrored: true}),
	}
	for name, t := range trusts {
		f.Trusts[name] = must(json.Marshal(t))
	}
	gone := story()
	gone.batch(logged.Add(10*time.Second), sign(event(attest.Revoke, "TEA-US-1", "REV-US-1"), us1))
	stolen := smallRoot(3, rootV2)
	stolen.Authorities[0].Compromised = []attest.Compromised{{Kid: us1.Key().ID()}}
	void := story()
	void.batch(logged.Add(10*time.Second), sign(stolen, root1))
	f.Lists = map[string]string{
		"denied":     "# list: denied\n# version: 2026-05-01\nMeridian Trading\tid=duns:123456789\tsource=board\n",
		"restricted": "# list: restricted\n# version: 2\nSomebody else\tid=" + varuna + "\n",
	}
	shown := changedEvidence()
	for name, e := range shown {
		f.Evidence[name] = Text(must(e.Marshal()))
	}
	for name, e := range map[string]*verify.Evidence{
		"story": large(), "revoked": gone.evidence(touched()...), "void": void.evidence(touched()...),
		"stubs":  changed(large(), hideLineage("TEA-US-2", 0)),
		"hidden": changed(large(), hideLineage("TEA-US-1", 0)),
		"short":  changed(large(), func(e *verify.Evidence) { dropHistory(e, "entity:"+varuna) }),
	} {
		f.Evidence[name] = Text(must(e.Marshal()))
	}
	request := func(members string) string {
		return `{"effective_at":"2026-05-04T09:00:00Z","authority":"auth-us","programme":"VEU","act":"export","transferor":"` + halcyon +
			`","transferee":"` + varuna + `","destination_site":"VTZ-1","item":{"list":"US_CCL","entry":"5A001.b.1.a"}` + members + `}`
	}
	plain := request("")
	decide := func(name, trust, evidence, request string, known, checked time.Time, lists ...string) {
		req := must(policy.ParseRequest([]byte(request)))
		d := Decision{Name: name, Trust: trust, Evidence: evidence, Request: request, KnownAt: known, CheckedAt: checked, Lists: lists}
		at := policy.Times{EffectiveAt: req.EffectiveAt.Time(), KnownAt: known, CheckedAt: checked}
		var against []*screening.List
		for _, l := range lists {
			against = append(against, must(screening.Parse(l, strings.NewReader(f.Lists[l]))))
		}
		got, err := verify.Decide([]byte(f.Evidence[evidence]), trusts[trust], req, at, against...)
		if refused, ok := errors.AsType[*verify.Error](err); ok {
			d.Step = refused.Step
		} else {
			got := must(got, err)
			d.Decision, d.ReplacesLicence, d.Codes = string(got.Decision), got.ReplacesLicence, got.Codes()
			d.ProvenUntil, d.Replay, d.Screened = got.ProvenUntil.Time(), got.Replay, got.Screened
		}
		f.Vectors = append(f.Vectors, d)
	}
	decide("permitted", "usual", "story", plain, asked, asked)
	decide("permitted, with a warning", "unmirrored", "story", plain, asked, asked)
	decide("permitted, the other approval a stub", "usual", "stubs", plain, asked, asked)
	decide("the approval a stub", "usual", "hidden", plain, asked, asked)
	decide("stubs without a mirror", "unmirrored", "stubs", plain, asked, asked)
	decide("a subject is not shown", "usual", "short", plain, asked, asked)
	decide("revoked", "usual", "revoked", plain, asked, asked)
	decide("revoked, as known before", "usual", "revoked", plain, logged, asked)
	decide("void", "usual", "void", plain, asked, asked)
	decide("a site of a revoked approval", "usual", "story", strings.Replace(plain, "VTZ-1", "BLR-1", 1), asked, asked)
	decide("no item", "usual", "story", strings.Replace(plain, `,"item":{"list":"US_CCL","entry":"5A001.b.1.a"}`, "", 1), asked, asked)
	decide("stale", "usual", "story", plain, cosigned.Add(24*time.Hour+time.Second), cosigned.Add(24*time.Hour+time.Second))
	decide("just fresh", "usual", "story", plain, cosigned.Add(24*time.Hour), cosigned.Add(24*time.Hour))
	decide("cosigned after checked_at", "usual", "story", plain, begin, begin)
	decide("with facts that decide nothing, and a ledger", "usual", "story", request(`,"reference":"PO 7","ledger":[{"date":"2026-01-02T00:00:00Z","amount":"10","currency":"USD"}]`), asked, asked)
	asks := func(name, evidence, members string, lists ...string) {
		decide(name, "usual", evidence, request(members), asked, asked, lists...)
	}
	toCorvus := strings.Replace(plain, varuna, corvus, 1)
	const (
		laden  = `,"mode":"tangible","laden_at":"2026-01-31T00:00:00Z"`
		signed = `,"contract_signed_at":"2026-01-31T00:00:00Z"`
	)
	asks("revoked with savings, laden before", "saved", laden)
	asks("revoked with savings, laden as it took effect", "saved", `,"mode":"tangible","laden_at":"2026-02-01T00:00:00Z"`)
	asks("revoked with savings, of another mode", "saved", `,"mode":"intangible","laden_at":"2026-01-31T00:00:00Z"`)
	asks("revoked with savings, which nobody claims", "saved", "")
	asks("revoked with savings, under a contract from before", "saved", `,"mode":"intangible"`+signed)
	decide("revoked with savings, delivered too late", "usual", "saved", strings.Replace(request(laden), "2026-05-04", "2026-06-01", 1), asked, asked)
	asks("revoked with savings, and once more without", "saved once", laden)
	asks("expired with savings, laden before", "expired", laden)
	asks("expired with savings, which nobody claims", "expired", "")
	asks("a change of control", "control", "")
	asks("a change of control, lifted", "control lifted", "")
	asks("a change of control, where suspensions are lifted", "control kept", "")
	asks("a change of control, which the approval does not ask for", "other control", "")
	asks("a former name", "renamed", `,"transferee_presented":{"name":"VARUNA DEEP"}`)
	asks("the new name", "renamed", `,"transferee_presented":{"name":"Varuna Deepsense"}`)
	decide("the successor", "usual", "taken over", toCorvus, asked, asked)
	decide("the successor, before the succession was known", "usual", "taken over", toCorvus, logged, asked)
	asks("the absorbed entity", "taken over", "")
	decide("the successor, the approval revoked", "usual", "taken over, revoked", toCorvus, asked, asked)
	for _, s := range []string{"entity:" + corvus, attest.ApprovalSubject(corvus, "auth-us")} {
		decide("the absorbed entity, without "+s, "usual", "taken over without "+s, plain, asked, asked)
	}
	for _, s := range []string{"entity:" + varuna, approvals} {
		decide("the successor, without "+s, "usual", "taken over without "+s, toCorvus, asked, asked)
	}
	decide("a merger, without the absorbed entity", "usual", "merged, seen from the survivor", toCorvus, asked, asked)
	asks("a merger, without the survivor", "merged, seen from the absorbed", "")
	decide("a succession without a merger", "usual", "passed on", toCorvus, asked, asked)
	decide("a succession, without the entity that it was given to", "usual", "passed on without entity:"+varuna, toCorvus, asked, asked)
	asks("a succession, without the successor", "passed on without entity:"+corvus, "")
	again := func(members string) string { return strings.Replace(request(members), `"export"`, `"retransfer"`, 1) }
	const named = `,"consent_ref":"CON-US-1","originating_authority":"auth-us"`
	decide("a retransfer with a consent", "usual", "consent", again(named), asked, asked)
	decide("a retransfer without a consent", "usual", "consent", again(""), asked, asked)
	decide("a retransfer, the consent not shown", "usual", "story", again(named), asked, asked)
	decide("a retransfer, the consent revoked", "usual", "consent revoked", again(named), asked, asked)
	decide("a retransfer, the consent for another site", "usual", "consent", strings.Replace(again(named), "VTZ-1", "BLR-1", 1), asked, asked)
	asks("a restricted party, by an identifier", "story", "", "denied", "restricted")
	asks("a restricted party, by a name as presented", "story", `,"transferee_presented":{"name":"Meridian Trading Ltd"}`, "denied")
	asks("no restricted party", "story", "", "denied")
	return f
}

// changedEvidence is what a request touches after events of every kind.
func changedEvidence() map[string]*verify.Evidence {
	log := func(subjects []string, statements ...string) *verify.Evidence {
		r := story()
		r.batch(logged.Add(10*time.Second), statements...)
		return r.evidence(subjects...)
	}
	saved := event(attest.Revoke, "TEA-US-1", "REV-US-1")
	saved.Savings = []attest.Savings{inTransit(), windDown(attest.Intangible)}
	saving := sign(saved, us1)
	own := func(change func(*attest.EntityApproval), more ...string) *verify.Evidence {
		a := approval("TEA-US-1", "VTZ-1")
		change(a)
		r := newRegister()
		r.batch(begin.Add(-time.Hour), rootV1)
		r.batch(begin.Add(-time.Minute), append([]string{regUS, sign(a, us1)}, more...)...)
		return r.evidence(touched()...)
	}
	suspends := func(a *attest.EntityApproval) { a.Conditions = &attest.Conditions{ChangeOfControl: attest.AutoSuspend} }
	control := sign(entityEvent(attest.ChangeOfControl, "ENT-US-1"), us1)
	lift := func(ends attest.Suspension) string {
		e := event(attest.Lift, "TEA-US-1", "LIF-US-1")
		e.Ends = []attest.Suspension{ends}
		return sign(e, us1)
	}
	let := consent("CON-US-1")
	let.Sites = []string{"VTZ-1"}
	consented := append(touched(), let.Sub)
	out := map[string]*verify.Evidence{
		"saved":      log(touched(), saving),
		"saved once": log(touched(), saving, sign(event(attest.Withdraw, "TEA-US-1", "WIT-US-1"), us1)),
		"expired": own(func(a *attest.EntityApproval) {
			a.EXP, a.ExpirySavings = numeric(date("2026-03-01T00:00:00Z")), []attest.Savings{inTransit()}
		}),
		"control":                        own(suspends, control),
		"control lifted":                 own(suspends, control, lift(attest.ByChangeOfControl)),
		"control kept":                   own(suspends, control, lift(attest.BySuspension)),
		"other control":                  own(func(*attest.EntityApproval) {}, control),
		"renamed":                        log(touched(), sign(entityEvent(attest.Rename, "ENT-US-1"), us1)),
		"taken over":                     takenOver().evidence(parties()...),
		"taken over, revoked":            takenOver(revoke1).evidence(parties()...),
		"merged, seen from the survivor": log([]string{"root", "entity:" + halcyon, "entity:" + halcyon + "/auth-us", "entity:" + corvus, attest.ApprovalSubject(corvus, "auth-us")}, merger),
		"merged, seen from the absorbed": log(touched(), merger),
		"passed on":                      log(parties(), passed(nil)),
		"consent":                        log(consented, sign(let, us1)),
		"consent revoked":                log(consented, sign(let, us1), sign(onConsent("CON-US-1"), us1)),
	}
	for _, s := range []string{"entity:" + corvus, "entity:" + varuna} {
		out["passed on without "+s] = changed(log(parties(), passed(nil)), func(e *verify.Evidence) { dropHistory(e, s) })
	}
	for _, s := range []string{"entity:" + corvus, attest.ApprovalSubject(corvus, "auth-us"), "entity:" + varuna, approvals} {
		out["taken over without "+s] = changed(takenOver().evidence(parties()...), func(e *verify.Evidence) { dropHistory(e, s) })
	}
	return out
}

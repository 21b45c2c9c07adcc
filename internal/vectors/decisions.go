package vectors

import (
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/verify"
)

// DecisionFile is decisions.json.
type DecisionFile struct {
	About    string                    `json:"about"`
	Trusts   map[string]jsontext.Value `json:"trusts"`
	Evidence map[string]Text           `json:"evidence"`
	Vectors  []Decision                `json:"vectors"`
}

// A Decision is that of a request, on evidence and with a trust, both by name.
type Decision struct {
	Name     string `json:"name"`
	Trust    string `json:"trust"`
	Evidence string `json:"evidence"`
	// Request is the request document.
	Request   string    `json:"request"`
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
	decide := func(name, trust, evidence, request string, known, checked time.Time) {
		req := must(policy.ParseRequest([]byte(request)))
		d := Decision{Name: name, Trust: trust, Evidence: evidence, Request: request, KnownAt: known, CheckedAt: checked}
		at := policy.Times{EffectiveAt: req.EffectiveAt.Time(), KnownAt: known, CheckedAt: checked}
		got, err := verify.Decide([]byte(f.Evidence[evidence]), trusts[trust], req, at)
		if refused, ok := errors.AsType[*verify.Error](err); ok {
			d.Step = refused.Step
		} else {
			got := must(got, err)
			d.Decision, d.ReplacesLicence, d.Codes = string(got.Decision), got.ReplacesLicence, got.Codes()
			d.ProvenUntil, d.Replay = got.ProvenUntil.Time(), got.Replay
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
	return f
}

package policy_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/policy"
)

// An ask overrides members of the template of a request. Its member E is when
// the evidence was cosigned, known_at unless given.
type ask map[string]any

// with returns the ask with what another one overrides.
func (a ask) with(b ask) ask {
	c := maps.Clone(a)
	if c == nil {
		c = ask{}
	}
	maps.Copy(c, b)
	return c
}

func template() ask {
	return ask{
		"effective_at": "2026-05-04T09:00:00Z", "sandbox": "SBX-UCOMMS", "act": "export", "mode": "tangible",
		"transferor": "halcyon", "transferee": "varuna", "via": []string{}, "destination_site": "VTZ-1",
		"item": item("US_CCL", "5A001.b.1"), "end_use": "joint_challenge_prototype", "classification": "UNCLASSIFIED",
		"value": usd("100000"), "person_nationalities": []string{}, "ledger": []any{},
	}
}

func item(list, entry string) ask { return ask{"list": list, "entry": entry} }

func usd(amount string) ask { return ask{"amount": amount, "currency": "USD"} }

// document writes the request that an ask makes of the template.
func (a ask) document(t tb) []byte {
	t.Helper()
	doc := template().with(a)
	delete(doc, "E")
	for _, member := range []string{"transferor", "transferee", "end_user"} {
		if name, ok := doc[member].(string); ok {
			doc[member] = idOf(name)
		}
	}
	if via, ok := doc["via"].([]string); ok {
		renamed := []string{}
		for _, name := range via {
			renamed = append(renamed, idOf(name))
		}
		doc["via"] = renamed
	}
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatalf("write request: %v", err)
	}
	return data
}

func (a ask) request(t tb) *policy.Request {
	t.Helper()
	req, err := policy.ParseRequest(a.document(t))
	if err != nil {
		t.Fatalf("parse request: %v", err)
	}
	return req
}

// times are those of the request; known_at is effective_at and checked_at is
// known_at where it gives none.
func times(req *policy.Request) policy.Times {
	at := req.Times(req.EffectiveAt.Time())
	if req.CheckedAt.IsZero() {
		at.CheckedAt = at.KnownAt
	}
	return at
}

// prove collects the histories that a request touches, as the log stood at E.
func (st *stage) prove(req *policy.Request, e time.Time) *proven.Set {
	set := &proven.Set{
		Origin: origin, Size: st.next, Fresh: e, MaxAge: st.maxAge, TrustDigest: "trust", EvidenceDigest: "evidence",
		Warnings: []string{"this stage is nobody's"},
	}
	for added := true; added; {
		added = false
		for _, sub := range policy.Touched(req, set) {
			if _, ok := set.History(sub); ok {
				continue
			}
			var seen []proven.Entry
			for _, entry := range st.histories[sub] {
				if !entry.Time.After(e) {
					seen = append(seen, entry)
				}
			}
			set.Prove(sub, seen)
			added = true
		}
	}
	return set
}

func (st *stage) decide(over ask) *policy.Decision {
	st.t.Helper()
	req := over.request(st.t)
	at := times(req)
	e := at.KnownAt
	if given, ok := over["E"].(string); ok {
		e = date(given)
	}
	d, err := policy.Decide(req, st.prove(req, e), at)
	if err != nil {
		st.t.Fatalf("decide: %v", err)
	}
	return d
}

// A check is a request and what must be decided: the result and the codes of
// all reasons, sorted and separated by spaces.
type check struct {
	name    string
	ask     ask
	want    policy.Result
	reasons string
}

func (st *stage) check(t *testing.T, c check) *policy.Decision {
	t.Helper()
	st.t = t
	d := st.decide(c.ask)
	if d.Decision != c.want {
		t.Errorf("%s: decided %s, want %s", c.name, d.Decision, c.want)
	}
	if diff := cmp.Diff(strings.Fields(c.reasons), codes(d)); diff != "" {
		t.Errorf("%s: reasons (-want +got):\n%s%v", c.name, diff, d.Reasons)
	}
	if d.Permitted() != (c.want == policy.PERMIT) {
		t.Errorf("%s: Permitted() = %t at %s", c.name, d.Permitted(), d.Decision)
	}
	return d
}

func (st *stage) checks(t *testing.T, cs ...check) {
	t.Helper()
	for _, c := range cs {
		t.Run(c.name, func(t *testing.T) { st.check(t, c) })
	}
}

func codes(d *policy.Decision) []string {
	out := []string{}
	for _, c := range d.Codes() {
		out = append(out, string(c))
	}
	return out
}

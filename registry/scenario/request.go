package scenario

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/policy"
)

// A question is a check's request, with its times.
type question struct {
	req *policy.Request
	at  policy.Times
	// evidence is E.
	evidence time.Time
}

// question makes the request of a check: the template, overridden. ledgers are
// those of the sandboxes.
func (b *base) question(check *node, template, over *node, ledgers map[string][]*node) (q question) {
	doc := make(map[string]any)
	members := make(map[string]*node)
	for _, from := range []*node{template, over} {
		for name := range from.object() {
			members[name] = from.get(name)
		}
	}
	take := func(name string) *node {
		n, ok := members[name]
		delete(members, name)
		if !ok {
			return &node{at: check.at, read: check.read}
		}
		return n
	}
	known := take("known_at")
	checked := take("checked_at")
	evidence := take("status_evidence_at")
	for _, name := range []string{"transferor", "transferee", "end_user"} {
		if n := take(name); n.given() {
			doc[name] = b.isEntity(n).id
		}
	}
	if n := take("via"); n.given() {
		via := []string{}
		for _, e := range n.list() {
			via = append(via, b.isEntity(e).id)
		}
		doc["via"] = via
	}
	if n := take("transferee_presented"); n.given() {
		doc["transferee_presented"] = b.presented(n)
	}
	sandbox, _ := doc["sandbox"].(string)
	for name, n := range members {
		switch {
		case !n.given():
		case name == "value" || name == "quantity":
			doc[name] = amounted(n)
		default:
			doc[name] = n.value
			if name == "sandbox" {
				sandbox = n.text()
			}
		}
	}
	if l, ok := ledgers[sandbox]; ok && l != nil {
		if _, given := doc["ledger"]; !given {
			doc["ledger"] = ledger(l)
		}
	}
	q.req = parse(check, doc, template, over)
	if q.req == nil {
		return q
	}
	if tooEarly(q.req.EffectiveAt.Time()) {
		check.wrong("effective_at: want a time from 1971 on")
	}
	// Whatever is asked about stands before or after what happens.
	check.read.times = append(check.read.times, q.req.EffectiveAt.Time())
	q.at.EffectiveAt = q.req.EffectiveAt.Time()
	q.at.KnownAt = or(known.time(), q.at.EffectiveAt)
	q.at.CheckedAt = or(checked.time(), q.at.KnownAt)
	q.evidence = or(evidence.time(), q.at.KnownAt)
	return q
}

func or(t, u time.Time) time.Time {
	if t.IsZero() {
		return u
	}
	return t
}

// parse reads a request as everybody's requests are read. Its mistakes are told
// at the member that gives it.
func parse(check *node, doc map[string]any, template, over *node) *policy.Request {
	data, err := json.Marshal(doc)
	if err != nil {
		check.wrong("%v", err)
		return nil
	}
	req, err := policy.ParseRequest(data)
	for _, p := range problemsOf(err) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(p.Pointer, "/"), "/")
		at := check
		for _, from := range []*node{template, over} {
			if _, ok := from.object()[name]; ok {
				at = from.get(name)
			}
		}
		what := p.Message
		if rest != "" || at == check {
			what = p.Pointer + ": " + what
		}
		at.wrong("%s", what)
	}
	return req
}

// amounted is an object with an amount, as the decimal text of the file.
func amounted(n *node) map[string]any {
	out := maps.Clone(n.object())
	if a := n.get("amount"); a.given() {
		out["amount"] = string(a.amount())
	}
	return out
}

func ledger(entries []*node) []any {
	out := []any{}
	for _, e := range entries {
		m := amounted(e)
		delete(m, "sandbox")
		e.get("date").time()
		out = append(out, m)
	}
	return out
}

// presented is a name and identifiers, these as a list of <scheme>:<value>, as
// members of their own, or beside the name.
func (b *base) presented(n *node) map[string]any {
	out := make(map[string]any)
	if name := n.first("name", "legal_name"); name.given() {
		out["name"] = name.text()
	}
	if ids := identifiers(n.first("identifiers", "ids")); ids != nil {
		out["identifiers"] = ids
	}
	n.get("country")
	if n.object() != nil {
		var beside []string
		for _, scheme := range slices.Sorted(maps.Keys(n.object())) {
			if !n.used[scheme] {
				m := n.get(scheme)
				if id, err := identifier.New(scheme, m.text()); err != nil {
					m.wrong("%v", err)
				} else {
					beside = append(beside, id.String())
				}
			}
		}
		if beside != nil {
			have, _ := out["identifiers"].([]string)
			out["identifiers"] = append(have, beside...)
		}
	}
	return out
}

// identifiers are a list of <scheme>:<value>, or members named by their scheme.
func identifiers(n *node) (out []string) {
	if !n.given() {
		return nil
	}
	if _, ok := n.value.(map[string]any); !ok {
		return n.texts()
	}
	for _, scheme := range slices.Sorted(maps.Keys(n.object())) {
		out = append(out, scheme+":"+n.get(scheme).text())
	}
	return out
}

package vectors

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/receipt"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// ReceiptFile is receipts.json.
type ReceiptFile struct {
	About    string                    `json:"about"`
	Trusts   map[string]jsontext.Value `json:"trusts"`
	Evidence map[string]Text           `json:"evidence"`
	// Requests are request documents.
	Requests map[string]string `json:"requests"`
	// Lists are lists of restricted parties, in the plain form.
	Lists map[string]string `json:"lists"`
	// Disclosures are disclosures as they are handed on.
	Disclosures map[string]string `json:"disclosures"`
	Vectors     []FiledReceipt    `json:"vectors"`
}

// A FiledReceipt is a receipt, and what it was filed with, by name.
type FiledReceipt struct {
	Name     string `json:"name"`
	Trust    string `json:"trust"`
	Evidence string `json:"evidence"`
	// Request is "" where none is given.
	Request string   `json:"request,omitzero"`
	Lists   []string `json:"lists,omitzero"`
	// Disclosures are those given, by name.
	Disclosures []string `json:"disclosures,omitzero"`
	Receipt     Text     `json:"receipt"`
	// Step is where the receipt is refused, "" where it holds; Unchecked says that
	// nothing is wrong but that the step has not what it needs.
	Step      string `json:"step,omitzero"`
	Unchecked bool   `json:"unchecked,omitzero"`
	// Decision is what was decided, of a receipt that holds.
	Decision string `json:"decision,omitzero"`
}

// The keys that sign decisions: notary from version 1 of the trust root on, notary2
// from version 2 on. Version 3 leaves the first out, and declares the other
// compromised.
var (
	notary  = officer{"notary", "EdDSA"}
	notary2 = officer{"notary-2", "ES256"}
)

// deciding is a version of the trust root that lists keys for decisions.
func deciding(version int64, previous string, keys ...officer) *attest.Root {
	r := smallRoot(version, previous)
	for _, k := range keys {
		r.DecisionKeys = append(r.DecisionKeys, k.jwk())
	}
	return r
}

var (
	decidingV1 = sign(deciding(1, "", notary), root1)
	decidingV2 = sign(deciding(2, decidingV1, notary, notary2), root1)
	decidingV3 = sign(func() *attest.Root {
		r := deciding(3, decidingV2, notary2)
		r.Authorities[0].Compromised = []attest.Compromised{{Kid: notary2.Key().ID(), Since: 2}}
		return r
	}(), root1)
)

func receiptFile() ReceiptFile {
	f := ReceiptFile{
		About:  "Receipts (format.md, section 10.1) with what they are of: they hold, or are refused at a step. The step replay, which decides again by rules.md, is the last.",
		Trusts: make(map[string]jsontext.Value), Evidence: make(map[string]Text), Requests: make(map[string]string),
		Lists: map[string]string{"denied": "# list: denied\n# version: 1\nSomebody\tid=duns:123456789\n", "other": "# list: other\n# version: 1\nSomebody\tid=duns:123456789\n"},
	}
	m := &maker{f: &f, trusts: make(map[string]*verify.Trust)}
	usual := trustOf(decidingV1, policyOf(usMirror), verify.Insecure{})
	other := must(verify.TrustFor(must(attest.OpenRoot([]byte(decidingV1), nil)), policyOf(usMirror), 48*time.Hour, verify.Insecure{}))
	m.trust("usual", usual)
	m.trust("another status age", other)
	m.trust("a later root", trustOf(decidingV3, policyOf(usMirror), verify.Insecure{}))
	log := func(more ...string) *verify.Evidence {
		r := newRegister()
		r.batch(begin.Add(-time.Hour), decidingV1)
		r.batch(begin.Add(-time.Minute), regUS, tea1)
		for i, root := range more {
			r.batch(begin.Add(time.Duration(i+1)*time.Hour), root)
		}
		return r.evidence(touched()...)
	}
	for name, e := range map[string]*verify.Evidence{
		"version 1": log(), "version 2": log(decidingV2), "version 3": log(decidingV2, decidingV3),
	} {
		f.Evidence[name] = Text(must(e.Marshal()))
	}
	confidential := newRegister()
	confidential.batch(begin.Add(-time.Hour), decidingV1)
	confidential.batch(begin.Add(-time.Minute), regUS, sign(concealing(), us1))
	f.Evidence["confidential"] = Text(must(confidential.evidence(touched()...).Marshal()))
	f.Disclosures = make(map[string]string)
	for name, d := range disclosures {
		f.Disclosures[name] = b64url(d)
	}
	f.Disclosures["of nothing"] = b64url(`["AAECAwQFBgcICQoLDA0OEQ","legal_name","Mallory"]`)
	m.request("with amounts", `,"quantity":{"amount":"12","unit":"unit"},"value":{"amount":"1","currency":"USD"}`)
	compact := must(verify.Compact([]byte(f.Evidence["version 2"]), usual, m.request("plain", ""), policy.Times{EffectiveAt: asked, KnownAt: asked, CheckedAt: asked}))
	f.Evidence["version 2, compact"] = Text(compact)
	m.request("past", `,"known_at":"2026-05-04T08:45:00Z"`)
	m.request("with a ledger", `,"reference":"PO 7","ledger":[{"date":"2026-01-02T00:00:00Z","amount":"10","currency":"USD"}]`)
	f.Requests["another site"] = strings.Replace(f.Requests["plain"], "VTZ-1", "BLR-1", 1)

	good := of("version 2", "plain")
	for _, k := range []officer{notary, notary2} {
		m.add("signed with "+k.alg, good, m.sealed(good, k), "")
	}
	m.add("of version 1", of("version 1", "plain"), m.sealed(of("version 1", "plain"), notary), "")
	for _, c := range []FiledReceipt{
		of("version 2, compact", "plain"), of("version 2", "past"), of("version 2", "with a ledger"),
		of("version 2", "another site"), of("version 2", "plain", "denied"),
	} {
		name := strings.Join(append([]string{c.Evidence, c.Request}, c.Lists...), ", ")
		m.add("of "+name, c, m.sealed(c, notary), "")
	}
	m.tokens(good)
	m.keys(good)
	m.says(good)
	m.files(good)
	m.disclosed()
	return f
}

// maker makes receipts.
type maker struct {
	f      *ReceiptFile
	trusts map[string]*verify.Trust
}

func (m *maker) trust(name string, t *verify.Trust) {
	m.trusts[name], m.f.Trusts[name] = t, must(json.Marshal(t))
}

func (m *maker) request(name, members string) *policy.Request {
	m.f.Requests[name] = `{"effective_at":"2026-05-04T09:00:00Z","authority":"auth-us","programme":"VEU","act":"export","transferor":"` + halcyon +
		`","transferee":"` + varuna + `","destination_site":"VTZ-1","item":{"list":"US_CCL","entry":"5A001.b.1.a"}` + members + `}`
	return must(policy.ParseRequest([]byte(m.f.Requests[name])))
}

func of(evidence, request string, lists ...string) FiledReceipt {
	return FiledReceipt{Trust: "usual", Evidence: evidence, Request: request, Lists: lists}
}

func (m *maker) lists(names []string) (out []*screening.List) {
	for _, l := range names {
		out = append(out, must(screening.Parse(l, strings.NewReader(m.f.Lists[l]))))
	}
	return out
}

func (m *maker) disclosures(names []string) (out []attest.Disclosure) {
	for _, n := range names {
		out = append(out, must(attest.ParseDisclosure(m.f.Disclosures[n])))
	}
	return out
}

// sealed decides and signs.
func (m *maker) sealed(c FiledReceipt, by officer) string {
	req := must(policy.ParseRequest([]byte(m.f.Requests[c.Request])))
	at := req.Times(asked)
	e := must(must(verify.Open([]byte(m.f.Evidence[c.Evidence]), m.trusts[c.Trust], at.CheckedAt)).Disclose(m.disclosures(c.Disclosures)))
	d := must(e.Decide(must(policy.Ask(req)), at, m.lists(c.Lists)...))
	return string(must(receipt.Sign(context.Background(), e, req, d, asked, by)))
}

// madeUp is what the receipt says of a decision that nobody may sign.
func (m *maker) madeUp(c FiledReceipt) string {
	req := must(policy.ParseRequest([]byte(m.f.Requests[c.Request])))
	at := req.Times(asked)
	e := must(verify.Open([]byte(m.f.Evidence[c.Evidence]), m.trusts[c.Trust], at.CheckedAt))
	sum := sha256.Sum256(e.Bytes())
	return canonical(&receipt.Receipt{
		Checkpoint: e.Checkpoint().Text, Decision: must(e.Decide(must(policy.Ask(req)), at)), Evidence: b64url(string(sum[:])),
		IssuedAt: numeric(asked), Issuer: Origin, Request: req.AskedDigest(),
	})
}

// add adds a receipt with what it is filed with, which must come out as said.
func (m *maker) add(name string, c FiledReceipt, token, step string) {
	c.Name, c.Receipt = name, Text(token)
	var request []byte
	if c.Request != "" {
		request = []byte(m.f.Requests[c.Request])
	}
	r, err := receipt.Verify([]byte(token), request, []byte(m.f.Evidence[c.Evidence]), m.disclosures(c.Disclosures), m.trusts[c.Trust], m.lists(c.Lists)...)
	if refused, ok := errors.AsType[*receipt.Error](err); ok {
		c.Step, c.Unchecked = refused.Step, refused.Unchecked
	} else {
		c.Decision = string(r.Receipt.Decision.Decision)
	}
	if c.Step != step {
		panic("receipt " + name + " is refused at " + c.Step)
	}
	m.f.Vectors = append(m.f.Vectors, c)
}

// canonical is the RFC 8785 form.
func canonical(v any) string {
	b := jsontext.Value(must(json.Marshal(v, json.Deterministic(true))))
	if err := b.Canonicalize(); err != nil {
		panic(err)
	}
	return string(b)
}

// said is what a receipt says.
func said(token string) string {
	return string(must(base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])))
}

// tokens: what is not a receipt in its byte form.
func (m *maker) tokens(good FiledReceipt) {
	token := m.sealed(good, notary)
	body := said(token)
	parts := strings.Split(token, ".")
	no := func(name, token string) { m.add("form: "+name, good, token, receipt.StepForm) }
	for _, typ := range []string{"safeconduct-event+jwt", "dc+sd-jwt", "application/safeconduct-decision+jwt"} {
		no("typ "+typ, forge(header(typ), body, notary))
	}
	no("alg none", b64url(`{"alg":"none","kid":"`+notary.Key().ID()+`","typ":"`+receipt.Type+`"}`)+"."+parts[1]+".AA")
	no("a jwk in the header", forge(`{"alg":"%a","jwk":`+string(must(json.Marshal(mallory.Key())))+`,"kid":"%k","typ":"`+receipt.Type+`"}`, body, mallory))
	no("a header in another order", forge(`{"typ":"`+receipt.Type+`","alg":"%a","kid":"%k"}`, body, notary))
	no("a kid that is no thumbprint", forge(`{"alg":"%a","kid":"k","typ":"`+receipt.Type+`"}`, body, notary))
	no("a line end behind", token+"\n")
	no("bits to spare", token[:len(token)-1]+nextLetter(token[len(token)-1]))
	no("no signature", parts[0]+"."+parts[1]+".")
	say := func(name, from, to string) {
		after := strings.Replace(body, from, to, 1)
		if after == body {
			panic("receipt " + name + " does not change")
		}
		no(name, forge(header(receipt.Type), after, notary))
	}
	say("white space", `"iss":`, `"iss": `)
	say("an unknown member", `"iss"`, `"exp":1,"iss"`)
	say("an unknown member of the decision", `{"checked_at"`, `{"a":1,"checked_at"`)
	say("a member twice", `"iss"`, `"iss":"x","iss"`)
	say("no iss", `"iss":"example.org/register",`, ``)
	say("no decision that there is", `"decision":"PERMIT"`, `"decision":"ALLOW"`)
	say("a digest of another length", `},"evidence":"`, `},"evidence":"AA`)
	say("a time with an offset", `"checked_at":"2026-05-04T09:00:00Z"`, `"checked_at":"2026-05-04T10:00:00+01:00"`)
	say("a member that says nothing", `"known_at"`, `"as_far_as_shown":false,"known_at"`)
}

// keys: by whom it is signed.
func (m *maker) keys(good FiledReceipt) {
	body := func(c FiledReceipt) string { return said(m.sealed(c, notary)) }
	first, third := of("version 1", "plain"), of("version 3", "plain")
	for _, c := range []struct {
		name string
		key  officer
	}{{"a root officer's", root1}, {"an officer's", us1}, {"the log's", officer{"log", "EdDSA"}}, {"listed nowhere", mallory}} {
		m.add("key: "+c.name, good, forge(header(receipt.Type), body(good), c.key), receipt.StepKey)
	}
	m.add("key: listed later", first, forge(header(receipt.Type), body(first), notary2), receipt.StepKey)
	// Nobody may sign it any more, so that it is made up.
	late := m.madeUp(third)
	m.add("key: left out before", third, forge(header(receipt.Type), late, notary), receipt.StepKey)
	m.add("key: declared compromised", third, forge(header(receipt.Type), late, notary2), receipt.StepKey)
	m.add("signature: by another key", good, forge(`{"alg":"EdDSA","kid":"`+notary.Key().ID()+`","typ":"`+receipt.Type+`"}`, body(good), mallory), receipt.StepSignature)
	m.add("signature: another algorithm than the key's", good, forge(`{"alg":"EdDSA","kid":"`+notary2.Key().ID()+`","typ":"`+receipt.Type+`"}`, body(good), notary), receipt.StepSignature)
	p := strings.Split(m.sealed(good, notary), ".")
	m.add("signature: of another payload", good, p[0]+"."+b64url(strings.Replace(said(strings.Join(p, ".")), `"iat":1`, `"iat":2`, 1))+"."+p[2], receipt.StepSignature)
	q := strings.Split(m.sealed(good, notary2), ".")
	sig := must(base64.RawURLEncoding.DecodeString(q[2]))
	key, _ := notary2.ecdsa()
	high := new(big.Int).Sub(key.Params().N, new(big.Int).SetBytes(sig[32:])).FillBytes(make([]byte, 32))
	m.add("signature: the higher s", good, q[0]+"."+q[1]+"."+b64url(string(sig[:32])+string(high)), receipt.StepSignature)
}

// says: well signed, and not what the files show.
func (m *maker) says(good FiledReceipt) {
	token := m.sealed(good, notary)
	no := func(step, name string, change func(*receipt.Receipt)) {
		r := new(receipt.Receipt)
		if err := json.Unmarshal([]byte(said(token)), r); err != nil {
			panic(err)
		}
		change(r)
		m.add(step+": "+name, good, forge(header(receipt.Type), canonical(r), notary), strings.TrimSuffix(step, "?"))
	}
	no("checkpoint", "of another register", func(r *receipt.Receipt) { r.Issuer = "example.org/other" })
	no("checkpoint", "another root hash", func(r *receipt.Receipt) {
		r.Checkpoint = "example.org/register\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	})
	no("checkpoint", "decided at another size", func(r *receipt.Receipt) { r.Decision.Replay.Size++ })
	no("checkpoint", "decided at another register", func(r *receipt.Receipt) { r.Decision.Replay.Origin = "example.org/other" })
	no("evidence-digest", "of another file", func(r *receipt.Receipt) { r.Evidence = r.Request })
	no("evidence-digest", "decided on other evidence", func(r *receipt.Receipt) { r.Decision.Replay.Evidence = r.Request })
	no("trust", "decided with another trust", func(r *receipt.Receipt) { r.Decision.Replay.Trust = r.Request })
	no("request", "of another request", func(r *receipt.Receipt) { r.Decision.Replay.Request = r.Request })
	no("request", "asked with other times", func(r *receipt.Receipt) { r.Request = r.Evidence })
	no("times", "another effective_at", func(r *receipt.Receipt) { r.Decision.EffectiveAt = policy.InstantOf(asked.Add(time.Second)) })
	no("times", "a known_at that was not asked for", func(r *receipt.Receipt) {
		r.Decision.KnownAt = policy.InstantOf(asked.Add(-5*time.Minute - time.Second))
	})
	no("times", "signed five minutes and a second later", func(r *receipt.Receipt) { r.IssuedAt += 301 })
	no("", "signed five minutes later", func(r *receipt.Receipt) { r.IssuedAt += 300 })
	no("lists?", "with a list that is not given", func(r *receipt.Receipt) {
		r.Decision.Screened = []policy.Screened{{Name: "denied", Version: "1", Digest: r.Evidence}}
	})
	no("replay", "decided otherwise", func(r *receipt.Receipt) { r.Decision.Decision = policy.DENY })
	no("replay", "more relied on", func(r *receipt.Receipt) { r.Decision.ReliedOn = append(r.Decision.ReliedOn, r.Decision.ReliedOn[0]) })
}

// files: what a receipt is filed with.
func (m *maker) files(good FiledReceipt) {
	token := m.sealed(good, notary)
	with := func(name, step string, change func(*FiledReceipt)) {
		c := good
		change(&c)
		m.add("files: "+name, c, token, step)
	}
	with("no request", receipt.StepRequest, func(c *FiledReceipt) { c.Request = "" })
	with("another request", receipt.StepRequest, func(c *FiledReceipt) { c.Request = "another site" })
	with("a request with another time", receipt.StepRequest, func(c *FiledReceipt) { c.Request = "past" })
	with("compact evidence in place of whole", receipt.StepEvidenceDigest, func(c *FiledReceipt) { c.Evidence = "version 2, compact" })
	with("evidence of another size", receipt.StepCheckpoint, func(c *FiledReceipt) { c.Evidence = "version 1" })
	with("evidence that does not stand", receipt.StepEvidence, func(c *FiledReceipt) { c.Trust = "a later root" })
	with("another trust", receipt.StepTrust, func(c *FiledReceipt) { c.Trust = "another status age" })
	with("a list that was not used", receipt.StepLists, func(c *FiledReceipt) { c.Lists = []string{"other"} })
	screened := of("version 2", "plain", "denied")
	token = m.sealed(screened, notary)
	with("a list that was used is not given", receipt.StepLists, func(*FiledReceipt) {})
	with("another list than was used", receipt.StepLists, func(c *FiledReceipt) { c.Lists = []string{"other"} })
}

// disclosed: receipts that go by disclosures.
func (m *maker) disclosed() {
	good := of("confidential", "with amounts")
	good.Disclosures = []string{"value", "quantity"}
	token := m.sealed(good, notary)
	m.add("by disclosures", good, token, "")
	all := good
	all.Disclosures = slices.Sorted(maps.Keys(disclosures))
	m.add("by all disclosures", all, m.sealed(all, notary), "")
	with := func(name string, names ...string) {
		c := good
		c.Disclosures = names
		m.add("disclosures: "+name, c, token, receipt.StepDisclosures)
	}
	with("none is given")
	with("one is not given", "value")
	with("one more is given", "value", "quantity", "legal_name")
	with("another is given", "value", "legal_name")
	with("one is given twice", "value", "quantity", "value")
	with("one is of no approval", "value", "quantity", "of nothing")
	plain := of("version 2", "plain")
	plain.Disclosures = []string{"value"}
	m.add("disclosures: of a receipt that goes by none", plain, m.sealed(of("version 2", "plain"), notary), receipt.StepDisclosures)
	no := func(name, step string, change func(*receipt.Receipt)) {
		r := new(receipt.Receipt)
		if err := json.Unmarshal([]byte(said(token)), r); err != nil {
			panic(err)
		}
		change(r)
		m.add("disclosures: "+name, good, forge(header(receipt.Type), canonical(r), notary), step)
	}
	no("it was decided by others", receipt.StepDisclosures, func(r *receipt.Receipt) { r.Decision.Replay.Disclosures = r.Evidence })
	no("it names one that no approval has", receipt.StepDisclosures, func(r *receipt.Receipt) {
		r.Disclosures = append(r.Disclosures, digestOf(`["AAECAwQFBgcICQoLDA0OEQ","legal_name","Mallory"]`))
		slices.Sort(r.Disclosures)
	})
	no("it names none", receipt.StepForm, func(r *receipt.Receipt) { r.Disclosures = nil })
	no("its decision goes by none", receipt.StepForm, func(r *receipt.Receipt) { r.Decision.Replay.Disclosures = "" })
	no("they do not ascend", receipt.StepForm, func(r *receipt.Receipt) { slices.Reverse(r.Disclosures) })
	no("one stands twice", receipt.StepForm, func(r *receipt.Receipt) { r.Disclosures[1] = r.Disclosures[0] })
	no("one is no digest", receipt.StepForm, func(r *receipt.Receipt) { r.Disclosures[1] += "AA" })
	no("an empty array", receipt.StepForm, func(r *receipt.Receipt) { r.Disclosures, r.Decision.Replay.Disclosures = []string{}, "" })
}

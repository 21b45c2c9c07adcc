package scenario_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// A script is a stage to be: what is logged when, what is asked when, and whom
// the verifier has on a list of restricted parties.
type script struct {
	steps      []step
	restricted string
}

// A step is a batch, a trust root that declares a key of an authority
// compromised, or questions; each has a time of its own, an hour at least after
// the one before.
type step struct {
	at          time.Time
	batch       []attest.Claims
	compromised *compromise
	asks        []ask
}

// A compromise is of the first officer's key; the second one signs from then on.
type compromise struct {
	authority string
	since     int64
}

// An ask is a request document, which may give the times that it is asked about.
type ask struct {
	document []byte
	// behind is how far a mirror's cosignature is behind the register's.
	behind time.Duration
}

func (s *script) String() string {
	var b strings.Builder
	for _, st := range s.steps {
		fmt.Fprintf(&b, "%s\n", st.at.Format(time.RFC3339Nano))
		for _, c := range st.batch {
			said, err := json.Marshal(c)
			fmt.Fprintf(&b, "  %s says %T %s %v\n", c.Head().Iss, c, said, err)
		}
		if c := st.compromised; c != nil {
			fmt.Fprintf(&b, "  a key of %s is compromised since %d\n", c.authority, c.since)
		}
		for _, a := range st.asks {
			fmt.Fprintf(&b, "  asked, with a mirror %s behind: %s\n", a.behind, a.document)
		}
	}
	return fmt.Sprintf("%srestricted: %q", b.String(), s.restricted)
}

// An authority beside those of package registrytest.
const au = "auth-au"

// countries are the authorities of a stage, each with its own.
var countries = map[string]string{registrytest.US: "US", registrytest.IN: "IN", au: "AU"}

// A cast is an entity of a stage: its country, the authority there, and the sites
// that it may be approved at.
type cast struct {
	id, name, country, home string
	sites                   []string
}

const (
	oriole = "duns:123456789"
	// The transferee's other identifiers, which registrations may give.
	cin, iec = "cin:U26515AP2019PTC098765", "iec:AAVCD1234K"
)

var (
	halcyon  = cast{registrytest.Halcyon, "Halcyon Maritime Systems, Inc.", "US", registrytest.US, []string{"NPT-1"}}
	varuna   = cast{registrytest.Varuna, "Varuna Deep Pvt Ltd", "IN", registrytest.IN, []string{"VTZ-1", "BLR-1"}}
	corvus   = cast{registrytest.Corvus, "Corvus Pacific Pty Ltd", "AU", au, []string{"ADL-1"}}
	forward  = cast{oriole, "Oriole Forwarding Ltd", "GB", "", []string{"PTS-1"}}
	everyone = []cast{halcyon, varuna, corvus, forward}
)

// The sandboxes of a stage. The second one is not always there.
const ucomms, sonar = "SBX-UCOMMS", "SBX-SONAR"

// limitation are words that no machine decides.
const limitation = "Not for vessels of war."

// months are few, so that equal instants come up.
var months = []time.Time{month(1), month(2), month(3), month(4), month(5), month(6), month(7)}

func month(m time.Month) time.Time { return time.Date(2026, m, 1, 0, 0, 0, 0, time.UTC) }

func numeric(t time.Time) attest.NumericDate { return attest.NumericDate(t.Unix()) }

// An author writes a script. It knows what it has written, so that most of it is
// admitted; what is not is part of the script all the same.
type author struct {
	*rapid.T
	script
	now      time.Time
	n        int
	lineages []*written
	required map[string]attest.Terms
	limited  []written
	consents []*attest.Consent
}

// A written lineage is an approval or registration, or a consent: its versions
// by their jti.
type written struct {
	kind     attest.Kind
	iss, sub string
	versions []string
	entity   string
}

func pick[T any](a *author, label string, of ...T) T { return rapid.SampledFrom(of).Draw(a.T, label) }

// oneIn is true once in n times.
func (a *author) oneIn(n int, label string) bool { return rapid.IntRange(1, n).Draw(a.T, label) == n }

// anyScript has approvals that would permit, most of the time, whatever comes
// after them, and questions in between and at the end.
var anyScript = rapid.Custom(func(t *rapid.T) *script {
	a := &author{T: t, now: registrytest.Start.Add(time.Minute), required: make(map[string]attest.Terms)}
	if a.oneIn(8, "compromised before") {
		a.compromise()
		a.pass()
	}
	a.base()
	for range rapid.IntRange(0, 8).Draw(t, "moves") {
		a.pass()
		if a.oneIn(20, "compromised") && !slices.ContainsFunc(a.steps, func(s step) bool { return s.compromised != nil }) {
			a.compromise()
			continue
		}
		var batch []attest.Claims
		for range pick(a, "statements", 1, 1, 2) {
			batch = append(batch, a.move())
		}
		a.say(batch...)
		if a.oneIn(3, "asked in between") {
			a.pass()
			a.ask(1)
		}
	}
	a.pass()
	a.ask(rapid.IntRange(2, 3).Draw(t, "asks"))
	if a.oneIn(6, "screened") {
		a.restricted = pick(a, "restricted", varuna.name, "Varuna New", "Somebody Else", "Nobody\tid="+forward.id, "Nobody\tid="+varuna.id, "Nobody\tid="+cin)
	}
	return &a.script
})

// pass lets time pass.
func (a *author) pass() {
	hours := pick(a, "hours", 1, 24, rapid.IntRange(1, 30*24).Draw(a.T, "up to a month"))
	a.now = a.now.Add(time.Duration(hours)*time.Hour + time.Duration(rapid.IntRange(0, 999).Draw(a.T, "ms"))*time.Millisecond)
}

func (a *author) compromise() {
	a.steps = append(a.steps, step{at: a.now, compromised: &compromise{a.authority(), rapid.Int64Range(0, 30).Draw(a.T, "since")}})
}

func (a *author) say(batch ...attest.Claims) {
	for _, c := range batch {
		h := c.Head()
		h.Aud, h.IAT = registrytest.Origin, numeric(a.now)
	}
	a.steps = append(a.steps, step{at: a.now, batch: batch})
}

// moment is a legal time.
func (a *author) moment() time.Time {
	switch pick(a, "moment", "month", "month", "now", "near") {
	case "month":
		return pick(a, "month", months...)
	case "now":
		return a.now.Truncate(time.Second)
	default:
		return a.now.Truncate(time.Second).Add(time.Duration(rapid.IntRange(-40*24, 40*24).Draw(a.T, "hours")) * time.Hour)
	}
}

// after is a moment after t, or no end.
func (a *author) after(t time.Time, noEnd int) attest.NumericDate {
	if end := a.moment(); a.oneIn(noEnd, "has an end") && end.After(t) {
		return numeric(end)
	}
	return 0
}

func (a *author) base() {
	var batch []attest.Claims
	all := []string{registrytest.US, registrytest.IN, au}
	for _, sandbox := range pick(a, "sandboxes", []string{ucomms}, []string{ucomms}, []string{ucomms, sonar}) {
		of := all[:rapid.IntRange(2, 3).Draw(a.T, "authorities")]
		a.required[sandbox] = attest.Terms{Authorities: of, Concurrence: rapid.Int64Range(1, int64(len(of))).Draw(a.T, "k")}
		for _, iss := range of {
			if !a.oneIn(12, "does not approve") {
				batch = append(batch, a.domain(iss, sandbox, nil, 0, months[0]))
			}
		}
	}
	for _, iss := range all {
		for _, e := range everyone {
			switch {
			case e.home == iss && !a.oneIn(5, "not registered"):
				batch = append(batch, a.registration(iss, e, nil, months[0]))
			case e.id == halcyon.id || e.id == varuna.id || a.oneIn(2, "approved"):
				batch = append(batch, a.entity(iss, e, nil, months[0]))
			}
		}
	}
	a.say(batch...)
}

// name is a jti; of a new version it joins the lineage.
func (a *author) name(kind attest.Kind, iss, sub, entity string, of *written) (common attest.Common, supersedes string) {
	a.n++
	jti := fmt.Sprintf("S-%d", a.n)
	switch {
	case of != nil:
		supersedes = of.versions[len(of.versions)-1]
		of.versions = append(of.versions, jti)
	case attest.GrantOf(attest.NewClaims(kind)) != nil:
		a.lineages = append(a.lineages, &written{kind, iss, sub, []string{jti}, entity})
	}
	return attest.Common{Iss: iss, Sub: sub, JTI: jti}, supersedes
}

func (a *author) grant(from time.Time, supersedes string) attest.Grant {
	g := attest.Grant{NBF: numeric(from), EXP: a.after(from, 8), Supersedes: supersedes}
	if from.Before(a.now) {
		g.Retroactive, g.RetroactiveReason = true, "The law is older than the register."
	}
	return g
}

func (a *author) effect() attest.LegalEffect {
	return pick(a, "effect", attest.Authorization, attest.Authorization, attest.Authorization, attest.Eligibility, attest.PolicyBaseline)
}

func (a *author) obligations() []attest.Obligation {
	if !a.oneIn(5, "obligations") {
		return nil
	}
	return []attest.Obligation{{Kind: attest.NotifyBefore, Days: 30}, {Kind: attest.KeepRecords, Years: 5}}
}

func (a *author) savings() []attest.Savings {
	until := numeric(a.moment().AddDate(0, 2, 0))
	return pick(a, "savings",
		nil, nil,
		[]attest.Savings{{Kind: attest.InTransit, DeliverBefore: until}},
		[]attest.Savings{{Kind: attest.WindDown, Until: until, Modes: []attest.Mode{attest.Tangible, attest.Intangible}}},
		[]attest.Savings{{Kind: attest.InTransit, DeliverBefore: until}, {Kind: attest.WindDown, Until: until}},
	)
}

func (a *author) expirySavings(g attest.Grant) []attest.Savings {
	if g.EXP == 0 {
		return nil
	}
	return a.savings()
}

// narrower are limits as caveats have them.
func (a *author) narrower() *attest.Limits {
	if !a.oneIn(6, "caveats") {
		return nil
	}
	return pick(a, "caveats",
		&attest.Limits{AllowedEndUses: []string{"sea_trial"}},
		&attest.Limits{Activities: []string{"integration", "repair"}},
		&attest.Limits{Excluded: attest.Scope{"US_CCL": {"5E001.b"}}},
		&attest.Limits{Value: &attest.ValueCeiling{Currency: "USD", PerTransaction: "150000", Cumulative: "300000"}},
		&attest.Limits{Quantity: &attest.QuantityCeiling{Unit: "piece", PerTransaction: "2", Cumulative: "3"}},
		&attest.Limits{Nationality: &attest.Nationality{Permitted: []string{"IN", "US"}, Prohibited: []string{"KP"}}},
	)
}

// terms of a variant differ from those of every other one.
func (a *author) terms(sandbox string, variant int) attest.Terms {
	t := a.required[sandbox]
	t.Limits = attest.Limits{
		InScope:           attest.Scope{"US_CCL": {"5A001.b.1", "5E001", "6A001.a.1"}, "IN_SCOMET": {"8A501.b.1"}},
		Excluded:          attest.Scope{"US_CCL": {"6A001.a.1.e"}},
		AllowedEndUses:    []string{"joint_challenge_prototype", "sea_trial"},
		MaxClassification: []attest.Level{"UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL"}[variant],
		Nationality:       &attest.Nationality{Permitted: []string{"US", "IN", "AU", "GB"}, Prohibited: []string{"KP", "RU"}},
		Value:             &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000", Cumulative: "1000000"},
	}
	if variant > 0 {
		t.AllowedEndUses = t.AllowedEndUses[variant-1 : variant]
	}
	return t
}

func (a *author) domain(iss, sandbox string, of *written, variant int, from time.Time) attest.Claims {
	c, before := a.name(attest.KindDomainApproval, iss, attest.SandboxSubject(sandbox), "", of)
	d := &attest.DomainApproval{
		Common: c, Grant: a.grant(from, before), Title: sandbox, LegalEffect: a.effect(),
		Terms: a.terms(sandbox, variant), Caveats: a.narrower(), Obligations: a.obligations(),
	}
	d.ExpirySavings = a.expirySavings(d.Grant)
	return d
}

func (a *author) registration(iss string, e cast, of *written, from time.Time) attest.Claims {
	c, before := a.name(attest.KindRegistration, iss, attest.EntitySubject(e.id), e.id, of)
	r := &attest.Registration{Common: c, Grant: a.grant(from, before), LegalName: e.name, Country: countries[iss]}
	if e.id == varuna.id {
		r.Identifiers = pick(a, "identifiers", nil, []string{cin}, []string{cin, iec})
		r.FormerNames = pick(a, "former names", nil, []string{"Varuna Marine"})
	}
	return r
}

func (a *author) entity(iss string, e cast, of *written, from time.Time) attest.Claims {
	c, before := a.name(attest.KindEntityApproval, iss, attest.ApprovalSubject(e.id, iss), e.id, of)
	v := &attest.EntityApproval{
		Common: c, Grant: a.grant(from, before), VCT: attest.VCT, LegalName: e.name, Country: e.country,
		LegalEffect: a.effect(), Programme: pick(a, "programme", "", "VEU", "VEU"), Caveats: a.narrower(), Obligations: a.obligations(),
	}
	v.ExpirySavings = a.expirySavings(v.Grant)
	sites := e.sites
	if len(sites) > 1 && a.oneIn(4, "one site") {
		sites = sites[:1]
	}
	for _, id := range sites {
		v.ApprovedSites = append(v.ApprovedSites, attest.Site{ID: id, Address: "1 " + id + " Road", Country: e.country})
	}
	if a.oneIn(3, "suspends itself") {
		v.Conditions = &attest.Conditions{ChangeOfControl: attest.AutoSuspend}
	}
	if a.oneIn(10, "roles") {
		v.AuthorisedRoles = pick(a, "roles", []attest.Role{attest.Transferee, attest.EndUser}, []attest.Role{attest.Transferor, attest.Transferee}, []attest.Role{attest.Via})
	}
	if a.oneIn(6, "items") {
		words := pick(a, "limitation", "", limitation, limitation, limitation)
		v.EligibleItems = []attest.Item{{List: "US_CCL", Entry: "5A001.b", Limitation: words, Sites: pick(a, "for", nil, nil, sites[:1])}, {List: "US_CCL", Entry: "5E001"}}
		if words != "" {
			a.limited = append(a.limited, written{iss: iss, versions: []string{c.JTI}})
		}
	}
	if e.id == varuna.id && a.oneIn(6, "identifiers") {
		v.Identifiers = []string{iec}
	}
	return v
}

// of draws a lineage of a kind, nil where there is none.
func (a *author) of(label string, kinds ...attest.Kind) *written {
	var all []*written
	for _, w := range a.lineages {
		if len(kinds) == 0 || slices.Contains(kinds, w.kind) {
			all = append(all, w)
		}
	}
	if all == nil {
		return nil
	}
	return pick(a, label, all...)
}

// one draws a party: mostly the one that is asked about.
func (a *author) one(label string) cast { return pick(a, label, varuna, varuna, halcyon, corvus) }

func (a *author) authority() string {
	return pick(a, "authority", registrytest.US, registrytest.IN, au)
}

// move is something that is said after the base.
func (a *author) move() attest.Claims {
	switch pick(a, "move", "event", "event", "event", "event", "domain", "entity", "registration", "happening", "happening", "succession", "consent", "consent") {
	case "domain":
		return a.newDomain()
	case "entity":
		w := a.of("approval", attest.KindEntityApproval)
		if w == nil || a.oneIn(3, "a lineage of its own") {
			return a.entity(a.authority(), a.one("entity"), nil, a.moment())
		}
		return a.entity(w.iss, everyone[slices.IndexFunc(everyone, func(c cast) bool { return c.id == w.entity })], w, a.moment())
	case "registration":
		w := a.of("registration", attest.KindRegistration)
		if w == nil || a.oneIn(3, "a lineage of its own") {
			return a.registration(a.authority(), a.one("entity"), nil, a.moment())
		}
		return a.registration(w.iss, everyone[slices.IndexFunc(everyone, func(c cast) bool { return c.id == w.entity })], w, a.moment())
	case "happening":
		return a.happening()
	case "succession":
		if w := a.of("passes on", attest.KindEntityApproval); w != nil {
			return a.succession(w)
		}
	case "consent":
		return a.consent()
	}
	return a.event()
}

func (a *author) newDomain() attest.Claims {
	w := a.of("superseded", attest.KindDomainApproval)
	// Where none approved at first, or an end has come, one begins anew.
	if w == nil || a.oneIn(4, "a lineage of its own") {
		return a.domain(pick(a, "authority", a.required[ucomms].Authorities...), ucomms, nil, 0, a.moment())
	}
	return a.domain(w.iss, strings.TrimPrefix(w.sub, attest.SandboxSubject("")), w, pick(a, "variant", 0, 0, 1, 2), a.moment())
}

// event is on whatever was granted before.
func (a *author) event() attest.Claims {
	w := a.of("target")
	c, _ := a.name(attest.KindEvent, w.iss, w.sub, "", nil)
	e := &attest.Event{
		Common: c, Event: pick(a, "event", attest.Suspend, attest.Suspend, attest.Suspend, attest.Lift, attest.Lift, attest.Revoke, attest.Withdraw),
		Target: pick(a, "version", w.versions...), EffectiveAt: numeric(a.moment()),
	}
	switch e.Event {
	case attest.Suspend:
		e.Until = a.after(e.EffectiveAt.Time(), 2)
		e.Savings = a.savings()
	case attest.Lift:
		e.Ends = pick(a, "ends", []attest.Suspension{attest.BySuspension}, []attest.Suspension{attest.ByChangeOfControl, attest.BySuspension})
		if e.EffectiveAt.Time().Before(a.now) {
			e.Retroactive, e.RetroactiveReason = true, "It was agreed before."
		}
	default:
		e.Savings = a.savings()
	}
	return e
}

// happening is an event on an entity.
func (a *author) happening() attest.Claims {
	e := a.one("entity")
	iss := e.home
	if a.oneIn(3, "by another") {
		iss = a.authority()
	}
	c, _ := a.name(attest.KindEntityEvent, iss, attest.EntitySubject(e.id), "", nil)
	v := &attest.EntityEvent{
		Common: c, Event: pick(a, "event", attest.Rename, attest.Merger, attest.ChangeOfControl, attest.ChangeOfControl), EffectiveAt: numeric(a.moment()),
	}
	switch v.Event {
	case attest.Rename:
		v.NewName = pick(a, "name", "Varuna New Ltd", "Bharat Deep Systems")
	case attest.Merger:
		v.Survivor = corvus.id
		if e.id == corvus.id {
			v.Survivor = halcyon.id
		}
	case attest.ChangeOfControl:
		v.AcquirerName, v.Percent = "Acquirer", "51"
	}
	return v
}

func (a *author) succession(w *written) attest.Claims {
	to := a.one("successor")
	if to.id == w.entity {
		to = forward
	}
	c, _ := a.name(attest.KindSuccession, w.iss, w.sub, "", nil)
	s := &attest.Succession{
		Common: c, Target: pick(a, "version", w.versions...), EffectiveAt: numeric(a.moment()), Successor: to.id, LegalName: to.name, Country: to.country,
	}
	if a.oneIn(2, "sites of its own") {
		s.ApprovedSites = []attest.Site{{ID: to.sites[0], Address: "1 " + to.sites[0] + " Road", Country: to.country}}
	}
	if s.EffectiveAt.Time().Before(a.now) {
		s.Retroactive, s.RetroactiveReason = true, "It was agreed before."
	}
	return s
}

func (a *author) consent() attest.Claims {
	from := a.moment()
	iss := a.authority()
	jti := fmt.Sprintf("S-%d", a.n+1)
	common, _ := a.name(attest.KindConsent, iss, attest.ConsentSubject(iss, jti), "", nil)
	c := &attest.Consent{Common: common, Grant: a.grant(from, ""), Transferee: pick(a, "transferee", varuna.id, varuna.id, varuna.id, corvus.id), Obligations: a.obligations()}
	if a.oneIn(4, "bounded") {
		c.InScope, c.Sites = attest.Scope{"US_CCL": {"5A001.b.1"}}, []string{"VTZ-1"}
		c.Value = &attest.ValueCeiling{Currency: "USD", PerTransaction: "100000"}
	}
	a.consents = append(a.consents, c)
	return c
}

// ask asks a few questions, as of now and of other times.
func (a *author) ask(n int) {
	s := step{at: a.now}
	for range n {
		document, err := json.Marshal(a.request())
		if err != nil {
			a.Fatalf("write a request: %v", err)
		}
		s.asks = append(s.asks, ask{document, pick(a, "a mirror behind", 0, time.Second, 4*time.Minute)})
	}
	a.steps = append(a.steps, s)
}

// mostly is the usual value, and once in a while another.
func mostly[T any](a *author, label string, usual T, others ...T) T {
	if !a.oneIn(20, label+" is another") {
		return usual
	}
	return pick(a, label, others...)
}

type object = map[string]any

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// request is one that most stages permit, at some time; nil is not given.
func (a *author) request() object {
	usd := func(amount string) object { return object{"amount": amount, "currency": "USD"} }
	item := func(list, entry string) object { return object{"list": list, "entry": entry} }
	transferee := mostly(a, "transferee", varuna, halcyon, corvus, forward)
	r := object{
		"effective_at": rfc3339(a.moment()), "act": "export", "mode": mostly(a, "mode", "tangible", "intangible"),
		"transferor":           mostly[any](a, "transferor", halcyon.id, varuna.id, corvus.id, nil),
		"transferee":           transferee.id,
		"via":                  mostly(a, "via", []string{}, []string{oriole}, []string{corvus.id, oriole}),
		"end_user":             mostly[any](a, "end user", nil, varuna.id, corvus.id),
		"destination_site":     mostly[any](a, "site", transferee.sites[0], "BLR-1", "ADL-1", nil),
		"end_use":              mostly[any](a, "end use", "sea_trial", "joint_challenge_prototype", "production", nil),
		"activity":             mostly[any](a, "activity", "integration", "production", nil),
		"classification":       mostly[any](a, "level", "UNCLASSIFIED", "RESTRICTED", "SECRET", nil),
		"value":                mostly[any](a, "value", usd("100000"), usd("250000"), usd("250000.01"), object{"amount": "1", "currency": "INR"}, nil),
		"quantity":             mostly[any](a, "quantity", object{"amount": "2", "unit": "piece"}, object{"amount": "3", "unit": "piece"}, nil),
		"person_nationalities": mostly[any](a, "nationalities", []string{}, []string{"US", "IN"}, []string{"IN", "BR"}, []string{"RU"}, nil),
		"laden_at":             pick[any](a, "laden", nil, rfc3339(months[0])),
		"contract_signed_at":   pick[any](a, "signed", nil, rfc3339(months[0])),
		"ledger":               mostly[any](a, "ledger", []any{}, []any{object{"date": rfc3339(month(2)), "amount": "900000", "currency": "USD"}}, []any{object{"date": rfc3339(month(2)), "amount": "2", "unit": "piece"}}, nil),
		"reference":            "PO-1",
	}
	if one := mostly(a, "item", item("US_CCL", "5A001.b.1"), item("US_CCL", "5A001.b.1.a"), item("US_CCL", "5A001.b"), item("US_CCL", "6A001.a.1"), item("US_CCL", "6A001.a.1.e"), item("US_CCL", "5D001"), item("US_CCL", "5E001"), item("US_CCL", "5a001"), item("EU_DU", "5A001b1")); a.oneIn(8, "several items") {
		r["items"] = []any{one, item("IN_SCOMET", "8A501.b.1")}
	} else {
		r["item"] = one
	}
	if transferee.id == varuna.id {
		r["transferee"] = mostly[any](a, "identifier", varuna.id, cin, iec, nil)
		if a.oneIn(6, "presented") {
			r["transferee_presented"] = pick(a, "presented", object{"name": varuna.name}, object{"name": "Varuna Marine"}, object{"name": "VARUNA-NEW"}, object{"identifiers": []string{iec}}, object{"identifiers": []string{"iec:AAVCD9999K"}})
		}
	}
	r["sandbox"] = ucomms
	if _, ok := a.required[sonar]; ok && a.oneIn(3, "the other sandbox") {
		r["sandbox"] = sonar
	}
	if a.oneIn(8, "programme") {
		delete(r, "sandbox")
		r["authority"], r["programme"] = a.authority(), mostly(a, "programme", "VEU", "JCP")
	}
	a.retransfers(r)
	if len(a.limited) > 0 && a.oneIn(2, "attests") {
		r["attests"] = a.attests()
	}
	a.times(r)
	for name, v := range r {
		if v == nil {
			delete(r, name)
		}
	}
	return r
}

// retransfers makes some requests such as need a consent.
func (a *author) retransfers(r object) {
	if !a.oneIn(6, "another act") {
		return
	}
	r["act"] = pick(a, "act", "reexport", "retransfer", "technology_release")
	if len(a.consents) > 0 && !a.oneIn(6, "no consent") {
		c := pick(a, "consent", a.consents...)
		r["originating_authority"], r["consent_ref"] = c.Iss, c.JTI
	}
}

// attests are the limitations of one approval, as its requester meets them.
func (a *author) attests() (out []object) {
	w := pick(a, "attested", a.limited...)
	sum := sha256.Sum256([]byte(limitation))
	for i := range 2 {
		out = append(out, object{
			"issuer": w.iss, "jti": w.versions[0], "pointer": fmt.Sprintf("/eligible_items/%d/limitation", i), "sha256": base64.RawURLEncoding.EncodeToString(sum[:]),
		})
	}
	return out
}

// times gives some requests other times than now: those at which something was
// logged, and just before.
func (a *author) times(r object) {
	logged := pick(a, "logged", a.steps...).at.Truncate(time.Millisecond)
	switch pick(a, "times", "now", "now", "now", "now", "then", "then", "just before", "later", "far later", "too early") {
	case "then":
		r["known_at"] = rfc3339(logged)
	case "just before":
		r["known_at"] = rfc3339(logged.Add(-time.Millisecond))
	case "later":
		r["known_at"], r["checked_at"] = rfc3339(a.now.Add(24*time.Hour)), rfc3339(a.now.Add(23*time.Hour))
	case "far later":
		r["known_at"], r["checked_at"] = rfc3339(a.now.Add(72*time.Hour)), rfc3339(a.now.Add(49*time.Hour))
	case "too early":
		// Of what was cosigned later nothing may be known yet.
		r["checked_at"] = rfc3339(a.now.Add(-time.Duration(rapid.IntRange(1, 30).Draw(a.T, "minutes")) * time.Minute))
	}
}

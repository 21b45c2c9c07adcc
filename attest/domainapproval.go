package attest

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/attest/isocode"
)

// A DomainApproval says: I approve this sandbox on these terms. A joint
// sandbox has one of each authority, and they concur over equal terms.
type DomainApproval struct {
	Common
	Grant
	// Title is what the sandbox is called.
	Title string `json:"title"`
	// LegalEffect says what the approval does.
	LegalEffect LegalEffect `json:"legal_effect"`
	// Programme is the programme that it is given under.
	Programme string `json:"programme,omitzero"`
	// Challenge is the joint challenge that the sandbox belongs to. It decides nothing,
	// and no authority has to concur on it: each says it for itself.
	Challenge *Challenge `json:"challenge,omitzero"`
	// Terms are what the authorities concur on.
	Terms Terms `json:"terms"`
	// Caveats are this authority's own limits, which only narrow the terms.
	Caveats *Limits `json:"caveats,omitzero"`
	// ExpirySavings are what may still go ahead after exp.
	ExpirySavings []Savings `json:"expiry_savings,omitzero"`
	// Obligations are what it asks of whoever relies on it.
	Obligations []Obligation `json:"obligations,omitzero"`
}

// A Challenge is a joint challenge: several countries set a task together, and those
// who are chosen for it work in a sandbox.
type Challenge struct {
	// Name is what it is called.
	Name string `json:"name"`
	// Citation is where it was announced.
	Citation string `json:"citation,omitzero"`
}

// Terms are what the authorities of a sandbox concur on. They concur where
// the digests of their terms are equal.
type Terms struct {
	// Authorities are those who must approve the sandbox, and Concurrence is
	// how many of them.
	Authorities []string `json:"authorities"`
	Concurrence int64    `json:"concurrence"`
	Limits
}

// Limits bound what may go ahead. A member that is absent is no limit.
type Limits struct {
	// Value and quantity may be confidential in the caveats of an entity approval.
	Concealment
	// InScope and Excluded are control-list entries; an exclusion wins.
	InScope  Scope `json:"in_scope,omitzero"`
	Excluded Scope `json:"excluded,omitzero"`
	// AllowedEndUses and Activities are codes.
	AllowedEndUses []string `json:"allowed_end_uses,omitzero"`
	Activities     []string `json:"activities,omitzero"`
	// MaxClassification is the highest level.
	MaxClassification Level `json:"max_classification,omitzero"`
	// Nationality is of the persons given access.
	Nationality *Nationality `json:"nationality,omitzero"`
	// Value and Quantity are ceilings.
	Value    *ValueCeiling    `json:"value,omitzero"`
	Quantity *QuantityCeiling `json:"quantity,omitzero"`
}

// A Level is a level of classification.
type Level string

// levels lists them from the lowest.
var levels = []Level{"UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL", "SECRET"}

// Levels lists the levels from the lowest.
func Levels() []Level { return slices.Clone(levels) }

// ParseLevel reads the name of a level.
func ParseLevel(s string) (Level, error) {
	if !slices.Contains(levels, Level(s)) {
		return "", fmt.Errorf("unknown level %q: want one of %q", s, levels)
	}
	return Level(s), nil
}

// Above reports whether l is higher than m. A level that is unknown is above
// every other, and every other above it, so that it never passes as low enough.
func (l Level) Above(m Level) bool {
	i, j := slices.Index(levels, l), slices.Index(levels, m)
	return i < 0 || i > j
}

// A Nationality limits by ISO 3166-1 alpha-2 codes. A nationality that is in
// neither list needs review where Permitted is given.
type Nationality struct {
	Permitted  []string `json:"permitted,omitzero"`
	Prohibited []string `json:"prohibited,omitzero"`
}

// A ValueCeiling bounds value in one currency (ISO 4217).
type ValueCeiling struct {
	Currency       string `json:"currency"`
	PerTransaction Amount `json:"per_transaction,omitzero"`
	Cumulative     Amount `json:"cumulative,omitzero"`
}

// A QuantityCeiling bounds quantity in one unit, a code.
type QuantityCeiling struct {
	Unit           string `json:"unit"`
	PerTransaction Amount `json:"per_transaction,omitzero"`
	Cumulative     Amount `json:"cumulative,omitzero"`
}

// maxAuthorities bounds the authorities of a sandbox, and with it the subsets
// of k of n that a decision tries.
const maxAuthorities = 8

// Kind returns [KindDomainApproval].
func (*DomainApproval) Kind() Kind { return KindDomainApproval }

// Sandbox returns the sandbox's id.
func (d *DomainApproval) Sandbox() string { return strings.TrimPrefix(d.Sub, "sandbox:") }

// Digest returns the SHA-256 of the RFC 8785 form of the terms.
func (t *Terms) Digest() [sha256.Size]byte { return t.digest(Canonical) }

// signed is Digest of terms that were signed, whose sets are sorted: to sort them
// again takes as long as to read the statement.
func (t *Terms) signed() [sha256.Size]byte {
	return t.digest(func(data []byte) ([]byte, error) {
		err := (*jsontext.Value)(&data).Canonicalize()
		return data, err
	})
}

func (t *Terms) digest(canonical func([]byte) ([]byte, error)) [sha256.Size]byte {
	data, err := json.Marshal(t, json.Deterministic(true))
	if err == nil {
		data, err = canonical(data)
	}
	if err != nil {
		// A digest that equals no other: such terms concur with nothing. They
		// cannot come out of an opened statement.
		return sha256.Sum256(fmt.Appendf(nil, "%p %v", t, err))
	}
	return sha256.Sum256(data)
}

func (d *DomainApproval) check() Problems {
	p := new(checker)
	d.Common.check(p, "sandbox:")
	p.is("/sub", d.Sub, func(s string) error { return identifier.Sandbox(strings.TrimPrefix(s, "sandbox:")) })
	d.Grant.check(p, d.JTI)
	p.missing("/title", d.Title)
	p.text("/title", d.Title)
	d.LegalEffect.check(p)
	checkProgramme(p, d.Programme)
	if c := d.Challenge; c != nil {
		p.missing("/challenge/name", c.Name)
		p.text("/challenge/name", c.Name)
		p.text("/challenge/citation", c.Citation)
	}
	d.Terms.check(p, d.Iss)
	d.Terms.Limits.check(p.in("/terms"))
	d.Terms.notConfidential(p.in("/terms"))
	if d.Caveats != nil {
		d.Caveats.check(p.in("/caveats"))
		d.Caveats.notConfidential(p.in("/caveats"))
	}
	checkExpirySavings(p, &d.Grant, d.ExpirySavings)
	checkObligations(p, d.Obligations)
	return p.Problems
}

func (t *Terms) check(p *checker, iss string) {
	if len(t.Authorities) == 0 {
		p.Add("/terms/authorities", "is missing")
	} else if !slices.Contains(t.Authorities, iss) {
		p.Add("/terms/authorities", "does not name the issuer, %s", iss)
	}
	if len(t.Authorities) > maxAuthorities {
		p.Add("/terms/authorities", "has %d elements; at most %d are accepted", len(t.Authorities), maxAuthorities)
	}
	for i, a := range t.Authorities {
		p.element("/terms/authorities", i).is("", a, identifier.Authority)
	}
	if t.Concurrence < 1 || t.Concurrence > int64(len(t.Authorities)) {
		p.Add("/terms/concurrence", "is %d; want how many of the %d authorities must concur", t.Concurrence, len(t.Authorities))
	}
	if len(t.InScope) == 0 {
		p.Add("/terms/in_scope", "is missing; a sandbox without scope approves nothing")
	}
}

func (l *Limits) check(p *checker) {
	checkScope(p.in("/in_scope"), l.InScope)
	checkScope(p.in("/excluded"), l.Excluded)
	for i, c := range l.AllowedEndUses {
		p.element("/allowed_end_uses", i).code("", c)
	}
	for i, c := range l.Activities {
		p.element("/activities", i).code("", c)
	}
	if l.MaxClassification != "" {
		oneOf(p, "/max_classification", l.MaxClassification, levels)
	}
	if n := l.Nationality; n != nil {
		n.check(p.in("/nationality"))
	}
	if v := l.Value; v != nil {
		p.missing("/value/currency", v.Currency)
		p.is("/value/currency", v.Currency, isocode.Currency)
		checkCeiling(p.in("/value"), v.PerTransaction, v.Cumulative)
	}
	if q := l.Quantity; q != nil {
		p.missing("/quantity/unit", q.Unit)
		p.code("/quantity/unit", q.Unit)
		checkCeiling(p.in("/quantity"), q.PerTransaction, q.Cumulative)
	}
}

func (n *Nationality) check(p *checker) {
	if len(n.Permitted)+len(n.Prohibited) == 0 {
		p.Add("", "names no country")
	}
	for i, c := range n.Permitted {
		p.element("/permitted", i).is("", c, isocode.Country)
		if slices.Contains(n.Prohibited, c) {
			p.element("/permitted", i).Add("", "%s is both permitted and prohibited", c)
		}
	}
	for i, c := range n.Prohibited {
		p.element("/prohibited", i).is("", c, isocode.Country)
	}
}

func checkCeiling(p *checker, once, sum Amount) {
	if once == "" && sum == "" {
		p.Add("", "has neither per_transaction nor cumulative")
	}
	p.is("/per_transaction", string(once), isAmount)
	p.is("/cumulative", string(sum), isAmount)
}

func isAmount(s string) error { _, err := ParseAmount(s); return err }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

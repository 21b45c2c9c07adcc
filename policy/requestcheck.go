package policy

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/identifier"
	"github.com/safeconduct/safeconduct/attest/isocode"
)

// The acts, by their names in a request.
const (
	actExport            = "export"
	actReexport          = "reexport"
	actRetransfer        = "retransfer"
	actTechnologyRelease = "technology_release"
)

var (
	acts  = []string{actExport, actReexport, actRetransfer, actTechnologyRelease}
	modes = []string{"tangible", "intangible"}

	// The forms are those that statements have: what has another equals nothing
	// in them.
	unitForm      = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	programmeForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	pointerForm   = regexp.MustCompile(`^(/([^~/]|~[01])*)+$`)
	sha256Form    = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
)

// Acts lists the acts that a request may ask about.
func Acts() []string { return slices.Clone(acts) }

// Modes lists the modes of a transfer.
func Modes() []string { return slices.Clone(modes) }

// maxElements bounds the lists of a request but its ledger.
const maxElements = 64

// A checker collects the mistakes of a request. Its checks pass what is not
// given.
type checker struct{ attest.Problems }

func (p *checker) need(ptr, v string) {
	if v == "" {
		p.Add(ptr, "is missing")
	}
}

func (p *checker) amount(ptr string, n Number) {
	if !n.given {
		p.Add(ptr, "is missing")
	}
}

func (p *checker) oneOf(ptr, v string, of []string) {
	if v != "" && !slices.Contains(of, v) {
		p.Add(ptr, "unknown value %q: want one of %q", v, of)
	}
}

func (p *checker) is(ptr, v string, check func(string) error) {
	if v == "" {
		return
	}
	if err := check(v); err != nil {
		p.Add(ptr, "%v", err)
	}
}

func (p *checker) most(ptr string, n int) {
	if n > maxElements {
		p.Add(ptr, "has %d elements; at most %d are accepted", n, maxElements)
	}
}

func entityID(s string) error { _, err := identifier.Parse(s); return err }

// formed returns a check that what is given has a form, said in words.
func formed(form *regexp.Regexp, want string) func(string) error {
	return func(s string) error {
		if !form.MatchString(s) {
			return fmt.Errorf("%q is not of the form: want %s", s, want)
		}
		return nil
	}
}

var (
	isUnit      = formed(unitForm, "a unit's code, of lower-case letters, digits and _")
	isProgramme = formed(programmeForm, "a programme's name, of letters, digits, dot, _ and -")
	isPointer   = formed(pointerForm, "a JSON pointer such as /eligible_items/0/limitation")
	isSHA256    = formed(sha256Form, "a SHA-256 in base64url without padding, 43 characters")
)

// check returns the mistakes of a request.
func (r *Request) check() attest.Problems {
	p := new(checker)
	if r.EffectiveAt.IsZero() {
		p.Add("/effective_at", "is missing: the legal time of the act, such as 2026-05-04T09:00:00Z")
	} else if r.EffectiveAt.t.Year() > maxYear {
		p.Add("/effective_at", "is after the year %d: what is owed years later could not be dated", maxYear)
	}
	return append(p.Problems, r.checkFacts()...)
}

// checkFacts returns those of all but the times.
func (r *Request) checkFacts() attest.Problems {
	p := new(checker)
	r.checkQuestion(p)
	r.checkParties(p)
	r.checkItems(p)
	r.checkAmounts(p)
	for i, c := range r.PersonNationalities {
		if err := isocode.Country(c); err != nil {
			p.Add(fmt.Sprintf("/person_nationalities/%d", i), "%v", err)
		}
	}
	p.is("/originating_authority", r.OriginatingAuthority, identifier.Authority)
	p.is("/consent_ref", r.ConsentRef, identifier.JTI)
	r.checkAttests(p)
	r.checkLedger(p)
	return p.Problems
}

// checkQuestion is under what, and what act.
func (r *Request) checkQuestion(p *checker) {
	switch {
	case r.Sandbox != "" && (r.Authority != "" || r.Programme != ""):
		p.Add("/sandbox", "goes without authority and programme: ask about one or the other")
	case r.Sandbox == "" && (r.Authority == "" || r.Programme == ""):
		p.Add("/sandbox", "is missing: name a sandbox, or an authority and a programme")
	}
	p.is("/sandbox", r.Sandbox, identifier.Sandbox)
	p.is("/authority", r.Authority, identifier.Authority)
	p.is("/programme", r.Programme, isProgramme)
	p.need("/act", r.Act)
	p.oneOf("/act", r.Act, acts)
	p.oneOf("/mode", r.Mode, modes)
}

func (r *Request) checkParties(p *checker) {
	p.is("/transferor", r.Transferor, entityID)
	p.is("/transferee", r.Transferee, entityID)
	p.is("/end_user", r.EndUser, entityID)
	p.most("/via", len(r.Via))
	for i, v := range r.Via[:min(len(r.Via), maxElements)] {
		if err := entityID(v); err != nil {
			p.Add(fmt.Sprintf("/via/%d", i), "%v", err)
		}
	}
	p.is("/destination_site", r.DestinationSite, identifier.Site)
	r.checkPresented(p)
}

// maxName bounds the name that a party is shown under, in bytes.
const maxName = 4096

func (r *Request) checkPresented(p *checker) {
	shown := r.TransfereePresented
	if shown == nil {
		return
	}
	if shown.Name == "" && shown.Identifiers == nil {
		p.Add("/transferee_presented", "says neither name nor identifiers")
	}
	if len(shown.Name) > maxName {
		p.Add("/transferee_presented/name", "has %d bytes; at most %d are accepted", len(shown.Name), maxName)
	}
	p.most("/transferee_presented/identifiers", len(shown.Identifiers))
	for i, id := range shown.Identifiers[:min(len(shown.Identifiers), maxElements)] {
		if err := entityID(id); err != nil {
			p.Add(fmt.Sprintf("/transferee_presented/identifiers/%d", i), "%v", err)
		}
	}
}

func (r *Request) checkItems(p *checker) {
	if r.Item != nil && r.Items != nil {
		p.Add("/items", "goes without item: give one or the other")
	}
	p.most("/items", len(r.Items))
	item := func(ptr string, it Classification) {
		p.need(ptr+"/list", it.List)
		p.need(ptr+"/entry", it.Entry)
	}
	if r.Item != nil {
		item("/item", *r.Item)
	}
	for i, it := range r.Items[:min(len(r.Items), maxElements)] {
		item(fmt.Sprintf("/items/%d", i), it)
	}
	p.is("/classification", r.Classification, func(s string) error { _, err := attest.ParseLevel(s); return err })
}

func (r *Request) checkAmounts(p *checker) {
	if r.Value != nil {
		p.amount("/value/amount", r.Value.Amount)
		p.need("/value/currency", r.Value.Currency)
		p.is("/value/currency", r.Value.Currency, isocode.Currency)
	}
	if r.Quantity != nil {
		p.amount("/quantity/amount", r.Quantity.Amount)
		p.need("/quantity/unit", r.Quantity.Unit)
		p.is("/quantity/unit", r.Quantity.Unit, isUnit)
	}
}

func (r *Request) checkAttests(p *checker) {
	p.most("/attests", len(r.Attests))
	for i, a := range r.Attests[:min(len(r.Attests), maxElements)] {
		for _, m := range []struct {
			name, value string
			check       func(string) error
		}{
			{"issuer", a.Issuer, identifier.Authority},
			{"jti", a.JTI, identifier.JTI},
			{"pointer", a.Pointer, isPointer},
			{"sha256", a.SHA256, isSHA256},
		} {
			ptr := fmt.Sprintf("/attests/%d/%s", i, m.name)
			p.need(ptr, m.value)
			p.is(ptr, m.value, m.check)
		}
	}
}

func (r *Request) checkLedger(p *checker) {
	for i, e := range r.Ledger {
		ptr := fmt.Sprintf("/ledger/%d", i)
		if e.Date.IsZero() || !e.Amount.given || (e.Currency == "") == (e.Unit == "") {
			p.Add(ptr, "wants date, amount, and one of currency and unit")
			continue
		}
		p.is(ptr+"/currency", e.Currency, isocode.Currency)
		p.is(ptr+"/unit", e.Unit, isUnit)
	}
}

// Package prose says in words what a statement says, for people who sign it or
// have to rely on it: every member, and also which limits are not there.
//
// [Of] makes the words and [Text] lays them out:
//
//	u, err := attest.Parse(statement)
//	// …
//	fmt.Print(prose.Text(prose.Of(u.ClaimsUnsafe())...))
//
// prints, of an approval of an entity,
//
//	auth-us approves an entity: "Varuna Deepsense Private Limited"
//	  Statement: TEA-US-0001
//	  …
//	  In force from: 2027-01-01T00:00:00Z
//	  In force until: 2030-01-01T00:00:00Z, at that instant no longer
//
// The same claims make the same words, on every machine and in every locale:
// English, times in UTC, codes as they are signed. Claims need not be good:
// what breaks a rule is shown as it stands.
//
// # Hostile text
//
// What an issuer may write freely stands between quotation marks, at the end of
// its line, with everything escaped that could make a terminal or a page show
// something else than what is read here, see [Quote]. All else is ASCII. So a
// line is one line, has no control and no direction-changing character, and
// reads from left to right; right-to-left letters inside the marks stay between
// them. Letters that look like others are shown as they are.
//
// The words are for people. They may be put better in another version: who
// needs them to stay keeps the statement.
package prose

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

// A Line says one thing about a statement.
type Line struct {
	// Pointer is the JSON pointer (RFC 6901), in the payload, of the member that
	// the line is about, also of one that is absent; "" is the statement itself.
	// Elements of arrays are counted as they stand in the claims.
	Pointer string `json:"pointer"`
	// Depth says how deep the line is nested below the one that introduces it; it
	// is 0 for the first line only.
	Depth int `json:"depth"`
	// Text is the line, without indentation and line end.
	Text string `json:"text"`
}

// Of says what claims say, nil where there are none. The first line says in
// short what the statement is, with the pointer "".
func Of(c attest.Claims) []Line {
	w := new(writer)
	switch c := c.(type) {
	case *attest.Root:
		w.root(c)
	case *attest.Registration:
		w.registration(c)
	case *attest.EntityApproval:
		w.entityApproval(c)
	case *attest.DomainApproval:
		w.domainApproval(c)
	case *attest.Consent:
		w.consent(c)
	case *attest.Event:
		w.event(c)
	case *attest.EntityEvent:
		w.entityEvent(c)
	case *attest.Succession:
		w.succession(c)
	case *attest.Freeze:
		w.freeze(c)
	}
	return w.lines
}

// Date says a time, in UTC.
func Date(d attest.NumericDate) string {
	const last = 253402300799 // in the year 9999
	if d < 0 || d > last {
		return strconv.FormatInt(int64(d), 10) + " seconds after 1970"
	}
	if d == 0 {
		return "no time"
	}
	return d.Time().Format(time.RFC3339)
}

// A writer collects lines. It stands at a member.
type writer struct {
	lines []Line
	at    string
	depth int
}

// say adds a line about the member, as seen from where the writer stands. Its
// arguments have been made safe.
func (w *writer) say(member, format string, args ...any) {
	w.lines = append(w.lines, Line{w.at + member, w.depth, fmt.Sprintf(format, args...)})
}

// in writes what is nested below the member.
func (w *writer) in(member string, write func()) {
	at, depth := w.at, w.depth
	w.at, w.depth = at+member, depth+1
	write()
	w.at, w.depth = at, depth
}

// text says free text, where there is any.
func (w *writer) text(member, name, s string) {
	if s != "" {
		w.say(member, "%s: %s", name, Quote(s))
	}
}

// id says an identifier or a code, where there is one.
func (w *writer) id(member, name, s string) {
	if s != "" {
		w.say(member, "%s: %s", name, Code(s))
	}
}

// ids says a list of identifiers or codes, or what none means.
func (w *writer) ids(member, name string, list []string, none string) {
	switch {
	case len(list) > 0:
		w.say(member, "%s: %s", name, idents(list))
	case none != "":
		w.say(member, "%s: %s", name, none)
	}
}

// each writes the elements of an array below a line that introduces them.
func each[T any](w *writer, member, name string, list []T, none string, write func(T)) {
	if len(list) == 0 {
		if none != "" {
			w.say(member, "%s: %s", name, none)
		}
		return
	}
	w.say(member, "%s:", name)
	for i, e := range list {
		w.in(member+"/"+strconv.Itoa(i), func() { write(e) })
	}
}

// head says the members that all kinds have.
func (w *writer) head(h *attest.Common) {
	w.say("/jti", "Statement: %s", Code(h.JTI))
	w.say("/iss", "Issuer: %s", Code(h.Iss))
	w.say("/aud", "Register: %s", Code(h.Aud))
	w.say("/sub", "Subject: %s", Code(h.Sub))
	w.say("/iat", "Written: %s", Date(h.IAT))
}

func (w *writer) grant(g *attest.Grant) {
	w.say("/nbf", "In force from: %s", Date(g.NBF))
	if g.EXP == 0 {
		w.say("/exp", "In force until: no end of its own")
	} else {
		w.say("/exp", "In force until: %s, at that instant no longer", Date(g.EXP))
	}
	if g.Supersedes == "" {
		w.say("/supersedes", "Replaces: no earlier version")
	} else {
		w.say("/supersedes", "Replaces: the version %s of the same issuer", Code(g.Supersedes))
	}
	w.retroactive(g.Retroactive, g.RetroactiveReason, "it comes into force before it is logged")
	w.law(g.LegalBasis, g.Publication)
}

func (w *writer) retroactive(retroactive bool, reason, what string) {
	if retroactive {
		w.say("/retroactive", "Retroactive: yes, %s", what)
	}
	w.text("/retroactive_reason", "Reason for that", reason)
}

func (w *writer) law(basis string, p *attest.Publication) {
	w.text("/legal_basis", "Legal basis", basis)
	if p != nil {
		w.text("/publication/citation", "Published in", p.Citation)
		w.text("/publication/url", "Published at", p.URL)
	}
}

func (w *writer) effect(e attest.LegalEffect, programme string) {
	w.say("/legal_effect", "Legal effect: %s%s", Code(string(e)), meaning(effects, e))
	w.id("/programme", "Programme", programme)
}

var effects = map[attest.LegalEffect]string{
	attest.Authorization:  "it stands in for a licence",
	attest.Eligibility:    "the party is vetted, other tests still apply, no licence is replaced",
	attest.PolicyBaseline: "it expedites an application, nothing more",
}

// meaning is what a code means, behind a comma, "" where it is unknown.
func meaning[T ~string](of map[T]string, code T) string {
	if m, ok := of[code]; ok {
		return ", " + m
	}
	return ""
}

func (w *writer) site(s attest.Site) {
	w.say("/id", "Site: %s", Code(s.ID))
	w.in("", func() {
		w.text("/name", "Name", s.Name)
		w.text("/address", "Address", s.Address)
		w.id("/country", "Country", s.Country)
		w.confidential(&s.Concealment)
	})
}

func (w *writer) savings(member, name string, list []attest.Savings, none string) {
	each(w, member, name, list, none, func(s attest.Savings) {
		w.say("/kind", "Clause: %s%s", Code(string(s.Kind)), meaning(savings, s.Kind))
		w.in("", func() {
			if s.DeliverBefore != 0 {
				w.say("/deliver_before", "Delivered before: %s", Date(s.DeliverBefore))
			}
			if s.Until != 0 {
				w.say("/until", "Until: %s, at that instant no longer", Date(s.Until))
			}
			if s.Kind == attest.WindDown || s.Modes != nil {
				w.ids("/modes", "Ways to move", strs(s.Modes), "tangible only")
			}
		})
	})
}

var savings = map[attest.SavingsKind]string{
	attest.InTransit: "what was laden before the end may still be delivered",
	attest.WindDown:  "what contracts from before the end call for may still go",
}

func (w *writer) obligations(list []attest.Obligation) {
	each(w, "/obligations", "Whoever relies on it must", list, "do nothing beyond the rules", func(o attest.Obligation) {
		w.say("/kind", "Obligation: %s%s", Code(string(o.Kind)), meaning(obligations, o.Kind))
		w.in("", func() {
			w.count("/days", "Calendar days", o.Days)
			w.count("/business_days", "Business days of the authority", o.BusinessDays)
			w.count("/years", "Years", o.Years)
			w.text("/text", "Details", o.Text)
		})
	})
}

func (w *writer) count(member, name string, n int64) {
	if n != 0 {
		w.say(member, "%s: %d", name, n)
	}
}

var obligations = map[attest.ObligationKind]string{
	attest.NotifyBefore:       "tell the authority that long before the act",
	attest.ReportWithin:       "tell the authority within that time after the act",
	attest.ConsigneeStatement: "have a statement of the consignee before the act",
	attest.EndUserCertificate: "have an end-user certificate before the act",
	attest.KeepRecords:        "keep the records for that long after the act",
}

// limits says limits; unlimited is what to say of those that are absent, ""
// for nothing.
func (w *writer) limits(l *attest.Limits, unlimited string) {
	w.confidential(&l.Concealment)
	w.scope("/in_scope", "Items in scope, each with all that lies below it", l.InScope, unlimited)
	w.scope("/excluded", "Items excluded, each with all that lies below it, whatever is in scope", l.Excluded, none(unlimited))
	w.ids("/allowed_end_uses", "End uses", l.AllowedEndUses, unlimited)
	w.ids("/activities", "Activities", l.Activities, unlimited)
	switch {
	case l.MaxClassification != "":
		w.say("/max_classification", "Highest classification: %s", Code(string(l.MaxClassification)))
	case unlimited != "":
		w.say("/max_classification", "Highest classification: %s", unlimited)
	}
	if n := l.Nationality; n != nil {
		w.say("/nationality", "Nationalities of those given access:")
		w.in("/nationality", func() {
			w.ids("/permitted", "Permitted", n.Permitted, "all but the prohibited")
			w.ids("/prohibited", "Prohibited", n.Prohibited, "none by name")
			if len(n.Permitted) > 0 {
				w.say("/permitted", "Any other: referred to a person")
			}
		})
	} else if unlimited != "" {
		w.say("/nationality", "Nationalities of those given access: %s", unlimited)
	}
	w.value(l.Value, unlimited)
	if q := l.Quantity; q != nil {
		w.say("/quantity/unit", "Quantity, in units of %s:", Code(q.Unit))
		w.in("/quantity", func() { w.ceilings(q.PerTransaction, q.Cumulative) })
	} else if unlimited != "" {
		w.say("/quantity", "Quantity: %s", unlimited)
	}
}

func none(unlimited string) string {
	if unlimited == "" {
		return ""
	}
	return "none"
}

func (w *writer) value(v *attest.ValueCeiling, unlimited string) {
	if v != nil {
		w.say("/value/currency", "Value, in %s:", Code(v.Currency))
		w.in("/value", func() { w.ceilings(v.PerTransaction, v.Cumulative) })
	} else if unlimited != "" {
		w.say("/value", "Value: %s", unlimited)
	}
}

func (w *writer) ceilings(once, sum attest.Amount) {
	for _, c := range []struct {
		member, name string
		most         attest.Amount
	}{{"/per_transaction", "One transaction", once}, {"/cumulative", "All transactions of the period together", sum}} {
		if c.most == "" {
			w.say(c.member, "%s: no limit", c.name)
		} else {
			w.say(c.member, "%s: at most %s", c.name, Code(string(c.most)))
		}
	}
}

func (w *writer) scope(member, name string, s attest.Scope, absent string) {
	if len(s) == 0 {
		if absent != "" {
			w.say(member, "%s: %s", name, absent)
		}
		return
	}
	w.say(member, "%s:", name)
	w.in(member, func() {
		for _, list := range slices.Sorted(maps.Keys(s)) {
			w.say("/"+pointerToken(list), "%s: %s", Code(list), idents(s[list]))
		}
	})
}

// pointerToken is a member's name in a JSON pointer (RFC 6901).
func pointerToken(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func strs[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

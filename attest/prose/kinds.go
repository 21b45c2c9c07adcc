package prose

import (
	"fmt"
	"strings"

	"github.com/safeconduct/safeconduct/attest"
)

// titled says the first line, and the rest below it.
func (w *writer) titled(title string, h *attest.Common, rest func()) {
	w.say("", "%s", title)
	w.in("", func() {
		w.head(h)
		rest()
	})
}

func (w *writer) registration(r *attest.Registration) {
	w.titled(Code(r.Iss)+" registers an entity: "+Quote(r.LegalName), &r.Common, func() {
		w.text("/legal_name", "Legal name", r.LegalName)
		each(w, "/former_names", "Former names", r.FormerNames, "", func(n string) { w.say("", "Name: %s", Quote(n)) })
		w.id("/country", "Established in", r.Country)
		w.ids("/identifiers", "Other identifiers, each of which leads to the entity", r.Identifiers, "")
		w.grant(&r.Grant)
		each(w, "/sites", "Sites", r.Sites, "none listed", w.site)
	})
}

func (w *writer) entityApproval(a *attest.EntityApproval) {
	name := Quote(a.LegalName)
	if a.Hides("/legal_name") {
		name = Code(a.Entity())
	}
	w.titled(Code(a.Iss)+" approves an entity: "+name, &a.Common, func() {
		w.id("/vct", "Credential type", a.VCT)
		w.text("/legal_name", "Legal name", a.LegalName)
		w.text("/case_number", "Case number", a.CaseNumber)
		each(w, "/contacts", "Contacts", a.Contacts, "", func(c string) { w.say("", "Contact: %s", Quote(c)) })
		w.confidential(&a.Concealment)
		w.id("/_sd_alg", "Confidential members are digested by", a.DigestAlgorithm)
		if a.Listed {
			w.say("/listed", "Listed: whoever looks for partners may find the holder by it")
		}
		if a.Confirmation != nil {
			w.say("/cnf", "The holder proves that it is the holder with:")
			w.in("/cnf/jwk", func() { w.key(a.Confirmation.JWK) })
		}
		w.id("/country", "Established in", a.Country)
		w.ids("/identifiers", "Other identifiers, by which it is screened", a.Identifiers, "")
		w.effect(a.LegalEffect, a.Programme)
		if a.Mentor != "" {
			w.say("/mentor", "Mentor of the holder: %s; it decides nothing; should the mentor's approval end, this one stands until its own end, or until its authority ends it", Code(a.Mentor))
		}
		w.grant(&a.Grant)
		w.ids("/authorised_roles", "Roles that it may act in", strs(a.AuthorisedRoles), "every role")
		each(w, "/approved_sites", "Approved sites", a.ApprovedSites, "none", w.site)
		each(w, "/eligible_items", "Approved items, each with all that lies below it", a.EligibleItems, "no limit", w.item)
		if a.Caveats == nil {
			w.say("/caveats", "Further limits: none")
		} else {
			w.say("/caveats", "Further limits:")
			w.in("/caveats", func() { w.limits(a.Caveats, "") })
		}
		w.conditions(a.Conditions)
		w.savings("/expiry_savings", "What may still go ahead after its end", a.ExpirySavings, "nothing")
		w.obligations(a.Obligations)
	})
}

// confidential names what is kept from the log, be it in clear here or not.
func (w *writer) confidential(c *attest.Concealment) {
	if len(c.Confidential) > 0 {
		w.say("/confidential", "Confidential, shown by the holder to whom it likes: %s", idents(c.Confidential))
	}
	for i, digest := range c.Digests {
		w.say(fmt.Sprintf("/_sd/%d", i), "Digest: %s", Code(digest))
	}
}

func (w *writer) item(it attest.Item) {
	w.say("/entry", "Item: %s of %s", Code(it.Entry), Code(it.List))
	w.in("", func() {
		w.ids("/sites", "Only at the sites", it.Sites, "")
		w.text("/limitation", "Limited in words, which a person has to judge", it.Limitation)
	})
}

func (w *writer) conditions(c *attest.Conditions) {
	switch {
	case c == nil || c.ChangeOfControl == "":
		w.say("/conditions/change_of_control", "A change of control: does not touch it")
	case c.ChangeOfControl == attest.AutoSuspend:
		w.say("/conditions/change_of_control", "A change of control: %s, it is suspended until the issuer lifts that", attest.AutoSuspend)
	default:
		w.say("/conditions/change_of_control", "A change of control: %s", Code(c.ChangeOfControl))
	}
}

func (w *writer) domainApproval(d *attest.DomainApproval) {
	w.titled(Code(d.Iss)+" approves a sandbox, "+Code(d.Sandbox())+": "+Quote(d.Title), &d.Common, func() {
		w.text("/title", "Title", d.Title)
		w.effect(d.LegalEffect, d.Programme)
		if c := d.Challenge; c != nil {
			w.say("/challenge", "Joint challenge that it belongs to, by the word of %s alone; it decides nothing:", Code(d.Iss))
			w.in("/challenge", func() {
				w.text("/name", "Name", c.Name)
				w.text("/citation", "Announced in", c.Citation)
			})
		}
		w.grant(&d.Grant)
		w.say("/terms", "Terms, on which the authorities have to agree to the letter:")
		w.in("/terms", func() {
			w.ids("/authorities", "Authorities", d.Terms.Authorities, "none")
			w.say("/concurrence", "Authorities that have to concur: %d of %d", d.Terms.Concurrence, len(d.Terms.Authorities))
			w.limits(&d.Terms.Limits, "no limit")
		})
		if d.Caveats == nil {
			w.say("/caveats", "Further limits of %s alone: none", Code(d.Iss))
		} else {
			w.say("/caveats", "Further limits of %s alone:", Code(d.Iss))
			w.in("/caveats", func() { w.limits(d.Caveats, "") })
		}
		w.savings("/expiry_savings", "What may still go ahead after its end", d.ExpirySavings, "nothing")
		w.obligations(d.Obligations)
	})
}

func (w *writer) consent(c *attest.Consent) {
	w.titled(Code(c.Iss)+" consents to a reexport or retransfer to "+Code(c.Transferee), &c.Common, func() {
		w.id("/transferee", "Transferee", c.Transferee)
		w.grant(&c.Grant)
		w.scope("/in_scope", "Items, each with all that lies below it", c.InScope, "no limit")
		w.ids("/sites", "Sites", c.Sites, "no limit")
		w.value(c.Value, "no limit")
		w.obligations(c.Obligations)
	})
}

func (w *writer) event(e *attest.Event) {
	what := map[attest.EventType]string{
		attest.Suspend: "suspends", attest.Lift: "lifts what has suspended",
		attest.Revoke: "revokes for good", attest.Withdraw: "withdraws for good, at the holder's request,",
	}[e.Event]
	if what == "" {
		what = "does " + Code(string(e.Event)) + " to"
	}
	w.titled(Code(e.Iss)+" "+what+" "+Code(e.Target)+" and all its versions", &e.Common, func() {
		w.say("/event", "Event: %s", Code(string(e.Event)))
		w.id("/target", "Acts on all versions of", e.Target)
		w.say("/effective_at", "Takes effect: %s", Date(e.EffectiveAt))
		switch {
		case e.Until != 0:
			w.say("/until", "Ends by itself: %s", Date(e.Until))
		case e.Event == attest.Suspend:
			w.say("/until", "Ends by itself: never, only when it is lifted")
		}
		if len(e.Ends) > 0 {
			ends := make([]string, len(e.Ends))
			for i, s := range e.Ends {
				ends[i] = Code(string(s)) + meaning(suspensions, s)
			}
			w.say("/ends", "Ends: %s", strings.Join(ends, "; "))
		}
		if e.Event != attest.Lift || e.Savings != nil {
			w.savings("/savings", "What may still go ahead after it", e.Savings, "nothing")
		}
		w.cause(e.Cause, e.CauseText)
		w.retroactive(e.Retroactive, e.RetroactiveReason, "it takes effect before it is logged")
		w.law(e.LegalBasis, e.Publication)
	})
}

var suspensions = map[attest.Suspension]string{
	attest.BySuspension:      "by the issuer",
	attest.ByChangeOfControl: "what a change of control has brought",
}

func (w *writer) cause(code, words string) {
	w.id("/cause", "Cause", code)
	w.text("/cause_text", "Cause in words", words)
}

func (w *writer) entityEvent(e *attest.EntityEvent) {
	what := map[attest.EntityEventType]string{
		attest.Rename: "has another name", attest.Merger: "is absorbed by another entity, and ends",
		attest.ChangeOfControl: "comes under the control of somebody else",
	}[e.Event]
	if what == "" {
		what = "has an event, " + Code(string(e.Event))
	}
	w.titled(Code(e.Iss)+" says that "+Code(e.Entity())+" "+what, &e.Common, func() {
		w.say("/event", "Event: %s", Code(string(e.Event)))
		w.say("/effective_at", "Takes effect: %s", Date(e.EffectiveAt))
		w.text("/new_name", "New legal name", e.NewName)
		w.id("/survivor", "Absorbed by", e.Survivor)
		w.id("/acquirer", "Acquirer", e.Acquirer)
		w.text("/acquirer_name", "Name of the acquirer", e.AcquirerName)
		if e.Percent != "" {
			w.say("/percent", "Then held by the acquirer: %s percent", Code(string(e.Percent)))
		}
		w.cause(e.Cause, e.CauseText)
		w.law(e.LegalBasis, e.Publication)
	})
}

func (w *writer) succession(s *attest.Succession) {
	w.titled(Code(s.Iss)+" passes "+Code(s.Target)+" and all its versions on to another entity: "+Quote(s.LegalName), &s.Common, func() {
		w.id("/target", "Passes on all versions of", s.Target)
		w.say("/effective_at", "Takes effect: %s", Date(s.EffectiveAt))
		w.id("/successor", "Successor", s.Successor)
		w.text("/legal_name", "Legal name", s.LegalName)
		w.id("/country", "Established in", s.Country)
		each(w, "/approved_sites", "Approved sites", s.ApprovedSites, "those of the approval", w.site)
		w.retroactive(s.Retroactive, s.RetroactiveReason, "it takes effect before it is logged")
		w.law(s.LegalBasis, s.Publication)
	})
}

func (w *writer) freeze(f *attest.Freeze) {
	w.titled(Code(f.Iss)+" freezes one of its own keys: nothing that it signs is taken from then on", &f.Common, func() {
		w.id("/kid", "Key", f.Kid)
		w.id("/cause", "Cause", f.Cause)
		w.text("/cause_text", "Why", f.CauseText)
	})
}

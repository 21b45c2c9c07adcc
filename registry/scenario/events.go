package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

// An event is a statement of a scenario and when it is logged.
type event struct {
	at time.Time
	statement
}

// A statement is what a scenario logs, and the member of the file that says so.
type statement struct {
	from   string
	claims attest.Claims
}

// An eventReader reads the events of a scenario on a base.
type eventReader struct {
	*base
	consents []*attest.Consent
	n        int
}

var code = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

func (r *eventReader) event(n *node) (event, bool) {
	at := n.get("published_at").needTime()
	var c attest.Claims
	switch typ := n.get("type").need(); typ {
	case "suspend", "lift", "revoke", "withdraw":
		c = r.onApproval(n, attest.EventType(typ))
	case "rename", "merger", "change_of_control":
		c = r.onEntity(n, attest.EntityEventType(typ))
	case "succession":
		c = r.succession(n)
	case "consent":
		c = r.consent(n)
	case "":
	default:
		n.get("type").wrong("unknown type %q: want suspend, lift, revoke, withdraw, rename, merger, succession, change_of_control or consent", typ)
	}
	for _, free := range []string{"note", "title"} {
		n.get(free)
	}
	if c == nil {
		return event{}, false
	}
	retroactive(c, at)
	n.done()
	r.check(n, c)
	c.Head().IAT = date(at)
	return event{at, statement{n.at, c}}, true
}

// retroactive says of what grants that it reaches back, where it does.
func retroactive(c attest.Claims, logged time.Time) {
	const why = "the scenario says so"
	switch c := c.(type) {
	case *attest.Event:
		if c.Event == attest.Lift && c.EffectiveAt < date(logged) {
			c.Retroactive, c.RetroactiveReason = true, why
		}
	case *attest.Succession:
		if c.EffectiveAt < date(logged) {
			c.Retroactive, c.RetroactiveReason = true, why
		}
	case *attest.Consent:
		if c.NBF < date(logged) {
			c.Retroactive, c.RetroactiveReason = true, why
		}
	}
}

// jti names the next event.
func (r *eventReader) jti(n *node) string {
	if id := n.get("id"); id.given() {
		return id.text()
	}
	r.n++
	return fmt.Sprintf("EVENT-%d", r.n)
}

// granted finds an approval of the base, or a consent given before.
func (r *eventReader) granted(n *node) attest.Claims {
	id := n.need()
	for _, a := range r.approvals {
		if a.JTI == id {
			return a
		}
	}
	for _, d := range r.domains {
		if d.JTI == id {
			return d
		}
	}
	for _, c := range r.consents {
		if c.JTI == id {
			return c
		}
	}
	if id != "" {
		n.wrong("%q is none of the base's approvals, and no consent given before", id)
	}
	return nil
}

func (r *eventReader) onApproval(n *node, typ attest.EventType) attest.Claims {
	target := r.granted(n.first("approval", "consent"))
	e := &attest.Event{
		Event: typ, EffectiveAt: date(n.get("effective_at").needTime()), Until: date(n.get("until").time()), Savings: savings(n.get("savings")),
	}
	if cause := n.get("cause").text(); code.MatchString(cause) {
		e.Cause = cause
	} else {
		e.CauseText = cause
	}
	if typ == attest.Lift {
		e.Ends = []attest.Suspension{attest.ByChangeOfControl, attest.BySuspension}
	}
	jti := r.jti(n)
	if target == nil {
		return nil
	}
	h := target.Head()
	e.Common, e.Target = attest.Common{Iss: h.Iss, Sub: h.Sub, JTI: jti}, h.JTI
	return e
}

// speaker is who says what happens to an entity: the authority that registered
// it, else the first that approved it.
func (r *eventReader) speaker(n *node, e *entity) string {
	if all := r.registrars(e.country); all != nil {
		return all[0]
	}
	i := slices.IndexFunc(r.approvals, func(a *attest.EntityApproval) bool { return a.Entity() == e.id })
	if i < 0 {
		n.wrong("no authority has registered or approved %s, so that nobody says what happens to it", e.name)
		return ""
	}
	return r.approvals[i].Iss
}

func (r *eventReader) onEntity(n *node, typ attest.EntityEventType) attest.Claims {
	who := n.get("entity")
	if typ == attest.Merger {
		who = n.get("absorbed")
	}
	e := r.isEntity(who)
	c := &attest.EntityEvent{Event: typ, EffectiveAt: date(n.get("effective_at").needTime())}
	if cause := n.get("cause").text(); code.MatchString(cause) {
		c.Cause = cause
	} else {
		c.CauseText = cause
	}
	switch typ {
	case attest.Rename:
		c.NewName = n.get("new_name").need()
	case attest.Merger:
		c.Survivor = r.isEntity(n.get("survivor")).id
	case attest.ChangeOfControl:
		if a := n.get("acquirer"); a.given() {
			if known := r.find(a.text()); known != nil {
				c.Acquirer, c.AcquirerName = known.id, known.legalName
			} else {
				c.AcquirerName = a.text()
			}
		}
		c.Percent = n.get("percent").amount()
	}
	jti := r.jti(n)
	if e.id == "" {
		return nil
	}
	c.Common = attest.Common{Iss: r.speaker(n, e), Sub: attest.EntitySubject(e.id), JTI: jti}
	return c
}

func (r *eventReader) succession(n *node) attest.Claims {
	target, successor := r.granted(n.get("approval")), r.isEntity(n.get("successor"))
	s := &attest.Succession{
		EffectiveAt: date(n.get("effective_at").needTime()), Successor: successor.id, LegalName: successor.legalName, Country: successor.country,
		ApprovedSites: r.approvedSites(n.get("sites")),
	}
	jti := r.jti(n)
	if target == nil {
		return nil
	}
	h := target.Head()
	s.Common, s.Target = attest.Common{Iss: h.Iss, Sub: h.Sub, JTI: jti}, h.JTI
	return s
}

func (r *eventReader) consent(n *node) attest.Claims {
	iss := r.isAuthority(n.get("authority"))
	jti := n.get("id").need()
	c := &attest.Consent{
		Common: attest.Common{Iss: iss, Sub: attest.ConsentSubject(iss, jti), JTI: jti},
		Grant:  r.grant(n), Transferee: r.isEntity(n.get("transferee")).id, Sites: n.get("sites").texts(), Obligations: obligations(n.get("obligations")),
	}
	n.get("effective_at")
	l := readLimits(n)
	c.InScope, c.Value = l.InScope, l.Value
	r.consents = append(r.consents, c)
	return c
}

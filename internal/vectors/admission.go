package vectors

import (
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

// AdmissionFile is admission.json.
type AdmissionFile struct {
	About string `json:"about"`
	// Leaves are the log before each.
	Leaves  []string    `json:"leaves"`
	Vectors []Admission `json:"vectors"`
}

// An Admission is of a statement in a batch of that time, Unix milliseconds.
// Class is "" where it is admitted.
type Admission struct {
	Name      string `json:"name"`
	Time      int64  `json:"time"`
	Statement string `json:"statement"`
	Class     string `json:"class,omitzero"`
	Pointer   string `json:"pointer,omitzero"`
}

func admissionFile() AdmissionFile {
	f := AdmissionFile{About: "A log, and statements that may be logged next or not: class is that of the refusal (invalid, conflict, forbidden, not-found, malformed), absent where the statement is admitted, and pointer the member at fault."}
	at := logged.Add(time.Hour)
	r := newRegister()
	r.batch(begin.Add(-time.Hour), largeV1)
	first := inRegistration()
	first.Identifiers, first.Sites = []string{alias}, []attest.Site{{ID: "VTZ-1", Address: "1 Street, Visakhapatnam", Country: "IN"}}
	r.batch(begin.Add(-time.Minute), sign(first, in1), sign(approval("TEA-US-1", "VTZ-1"), us1, us2), sign(approval("TEA-US-2", "BLR-1"), us1, us2), sign(domain("auth-us", "PDA-US-1"), us1, us2))
	second := approval("TEA-US-3", "BLR-1")
	second.Supersedes = "TEA-US-2"
	r.batch(begin.Add(-30*time.Second), sign(second, us1, us3), sign(event(attest.Suspend, "TEA-US-1", "SUS-US-1"), us3))
	f.Leaves = r.leaves

	try := func(name, class, pointer string, c attest.Claims, by ...officer) {
		if h := c.Head(); h.IAT == numeric(begin) {
			h.IAT = numeric(at)
		}
		f.Vectors = append(f.Vectors, Admission{name, at.UnixMilli(), sign(c, by...), class, pointer})
	}
	// now is a grant that reaches back no further than its logging.
	now := func(g *attest.Grant) { g.NBF = numeric(at) }
	tea := func(jti, site string, change func(*attest.EntityApproval)) *attest.EntityApproval {
		a := approval(jti, site)
		now(&a.Grant)
		change(a)
		return a
	}
	same := func(*attest.EntityApproval) {}
	try("an approval", "", "", tea("TEA-US-4", "VTZ-1", same), us1, us2)
	try("in force a millisecond early", "invalid", "/retroactive", tea("TEA-US-4", "VTZ-1", func(a *attest.EntityApproval) { a.NBF-- }), us1, us2)
	try("retroactive, and says why", "", "", tea("TEA-US-4", "VTZ-1", func(a *attest.EntityApproval) {
		a.NBF, a.Retroactive, a.RetroactiveReason = numeric(begin), true, "as published"
	}), us1, us2)
	iat := func(d time.Duration) func(*attest.EntityApproval) {
		return func(a *attest.EntityApproval) { a.IAT = numeric(at.Add(d)) }
	}
	try("signed 14 days before", "", "", tea("TEA-US-4", "VTZ-1", iat(-14*24*time.Hour)), us1, us2)
	try("signed more than 14 days before", "invalid", "/iat", tea("TEA-US-4", "VTZ-1", iat(-14*24*time.Hour-time.Second)), us1, us2)
	try("signed 5 minutes after", "", "", tea("TEA-US-4", "VTZ-1", iat(5*time.Minute)), us1, us2)
	try("signed more than 5 minutes after", "invalid", "/iat", tea("TEA-US-4", "VTZ-1", iat(5*time.Minute+time.Second)), us1, us2)
	try("too few officers", "forbidden", "", tea("TEA-US-4", "VTZ-1", same), us1)
	try("a name that is taken", "conflict", "/jti", tea("TEA-US-1", "VTZ-1", same), us1, us2)
	try("another address of a site", "conflict", "/approved_sites/0", tea("TEA-US-4", "VTZ-1", func(a *attest.EntityApproval) { a.ApprovedSites[0].Address = "2 Street" }), us1, us2)
	try("another country of a site", "conflict", "/approved_sites/0", tea("TEA-US-4", "VTZ-1", func(a *attest.EntityApproval) { a.ApprovedSites[0].Country = "GB" }), us1, us2)
	over := func(jti string) func(*attest.EntityApproval) {
		return func(a *attest.EntityApproval) { a.Supersedes = jti }
	}
	try("the next version", "", "", tea("TEA-US-4", "VTZ-1", over("TEA-US-1")), us1, us2)
	try("a version after the newest", "", "", tea("TEA-US-4", "BLR-1", over("TEA-US-3")), us1, us2)
	try("a second version after an old one", "conflict", "/supersedes", tea("TEA-US-4", "BLR-1", over("TEA-US-2")), us1, us2)
	try("supersedes what is not logged", "not-found", "/supersedes", tea("TEA-US-4", "VTZ-1", over("TEA-US-9")), us1, us2)
	try("supersedes another authority's", "forbidden", "/supersedes", tea("TEA-US-4", "VTZ-1", over("REG-IN-1")), us1, us2)
	try("supersedes an event", "conflict", "/supersedes", tea("TEA-US-4", "VTZ-1", over("SUS-US-1")), us1, us2)
	try("supersedes another kind", "conflict", "/supersedes", tea("TEA-US-4", "VTZ-1", over("PDA-US-1")), us1, us2)
	moved := tea("TEA-US-4", "VTZ-1", over("TEA-US-1"))
	moved.Sub = "entity:" + halcyon + "/auth-us"
	try("supersedes an approval of another entity", "conflict", "/sub", moved, us1, us2)

	try("a suspension", "", "", event(attest.Suspend, "TEA-US-3", "SUS-US-2"), us1)
	lift := event(attest.Lift, "TEA-US-1", "LIF-US-1")
	lift.EffectiveAt = numeric(at)
	try("a lift", "", "", lift, us1, us2)
	early := *lift
	early.EffectiveAt--
	try("a lift that reaches back", "invalid", "/retroactive", &early, us1, us2)
	try("an event on what is not logged", "not-found", "/target", event(attest.Revoke, "TEA-US-9", "REV-US-1"), us1)
	try("an event on another authority's", "forbidden", "/target", event(attest.Revoke, "REG-IN-1", "REV-US-1"), us1)
	try("an event on an event", "conflict", "/target", event(attest.Revoke, "SUS-US-1", "REV-US-1"), us1)
	other := event(attest.Revoke, "TEA-US-1", "REV-US-1")
	other.Sub = "sandbox:" + sandbox
	try("an event with another subject than its target", "conflict", "/sub", other, us1)

	reg := func(id string, change func(*attest.Registration)) *attest.Registration {
		c := registration("auth-in", id, "REG-IN-2", "IN")
		now(&c.Grant)
		change(c)
		return c
	}
	try("a registration of another entity", "", "", reg("duns:123456789", func(*attest.Registration) {}), in1)
	try("an identifier that stands for another entity", "conflict", "/identifiers/0", reg("duns:123456789", func(c *attest.Registration) { c.Identifiers = []string{alias} }), in1)
	try("an entity whose id stands for another", "conflict", "/sub", reg(alias, func(*attest.Registration) {}), in1)
	try("the same identifier in the next version", "", "", reg(varuna, func(c *attest.Registration) { c.Supersedes, c.Identifiers = "REG-IN-1", []string{alias} }), in1)
	try("a registration's site at another address", "conflict", "/sites/0", reg(varuna, func(c *attest.Registration) {
		c.Supersedes, c.Sites = "REG-IN-1", []attest.Site{{ID: "VTZ-1", Address: "2 Street", Country: "IN"}}
	}), in1)

	dom := func(iss, jti string, change func(*attest.DomainApproval)) *attest.DomainApproval {
		c := domain(iss, jti)
		now(&c.Grant)
		change(c)
		return c
	}
	try("the other authority's approval of a sandbox", "", "", dom("auth-in", "PDA-IN-1", func(*attest.DomainApproval) {}), in1)
	try("other terms", "", "", dom("auth-in", "PDA-IN-1", func(c *attest.DomainApproval) { c.Terms.MaxClassification = "SECRET" }), in1)
	try("other concurrence", "conflict", "/terms/concurrence", dom("auth-in", "PDA-IN-1", func(c *attest.DomainApproval) { c.Terms.Concurrence = 1 }), in1)
	try("other authorities", "conflict", "/terms/authorities", dom("auth-us", "PDA-US-2", func(c *attest.DomainApproval) {
		c.Supersedes, c.Terms.Authorities, c.Terms.Concurrence = "PDA-US-1", []string{"auth-us"}, 1
	}), us1, us2)
	try("an authority that there is not", "invalid", "/terms/authorities/1", dom("auth-us", "PDA-US-2", func(c *attest.DomainApproval) {
		c.Sub, c.Terms.Authorities = "sandbox:OTHER", []string{"auth-us", "auth-zz"}
	}), us1, us2)
	try("a second approval of a sandbox", "conflict", "/supersedes", dom("auth-us", "PDA-US-2", func(*attest.DomainApproval) {}), us1, us2)
	try("the next version of an approval of a sandbox", "", "", dom("auth-us", "PDA-US-2", func(c *attest.DomainApproval) { c.Supersedes = "PDA-US-1" }), us1, us2)

	root := secondRoot()
	try("the next trust root", "", "", root, root1, root2, root3)
	again := largeRoot(1, "")
	again.IAT = numeric(at)
	try("a first trust root again", "conflict", "/version", again, root1, root2)
	return f
}

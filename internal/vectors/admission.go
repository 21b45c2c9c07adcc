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
	change := entityEvent(attest.ChangeOfControl, "ENT-US-1")
	change.Sub = attest.EntitySubject(corvus)
	atHalcyon := inApproval()
	atHalcyon.ApprovedSites[0].Country = "US"
	r.batch(begin.Add(-20*time.Second), sign(atCorvus("TEA-US-5"), us1, us2), sign(change, us3), sign(consent("CON-US-1"), us1, us2), sign(atHalcyon, in1))
	passedOn := succession("TEA-US-5", "SUC-US-1")
	passedOn.Sub, passedOn.Successor, passedOn.Country = attest.ApprovalSubject(corvus, "auth-us"), halcyon, "US"
	passedOn.ApprovedSites = []attest.Site{{ID: "NFK-1", Address: "1 Street, Norfolk", Country: "US"}}
	r.batch(begin.Add(-10*time.Second), sign(passedOn, us1, us2))
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

	f.changes(at, try)

	root := secondRoot()
	try("the next trust root", "", "", root, root1, root2, root3)
	f.compromises(at, try)
	again := largeRoot(1, "")
	again.IAT = numeric(at)
	try("a first trust root again", "conflict", "/version", again, root1, root2)
	return f
}

// compromises: freezes, and roots that take keys away. us3 alone has signed the suspension
// SUS-US-1 and the change of control ENT-US-1, and with us1 the approval TEA-US-3.
func (f *AdmissionFile) compromises(at time.Time, try func(name, class, pointer string, c attest.Claims, by ...officer)) {
	frozen := freeze("FRZ-US-1", us2)
	frozen.IAT = numeric(at)
	try("a freeze", "", "", frozen, us1)
	stolen := func(o officer, since int64, falsely ...string) *attest.Root {
		r := largeRoot(2, largeV1)
		r.IAT = numeric(at)
		us := &r.Authorities[0]
		us.Compromised = append(us.Compromised, attest.Compromised{Kid: o.Key().ID(), Since: since, False: falsely})
		return r
	}
	try("a root that voids a suspension and a change of control", "conflict", "/authorities/0/compromised", stolen(us3, 1), root1, root2)
	try("a root that voids them and declares one false", "conflict", "/authorities/0/compromised", stolen(us3, 1, "SUS-US-1"), root1, root2)
	try("a root that voids them, declares both false, and voids a version", "conflict", "/authorities/0/compromised", stolen(us3, 1, "SUS-US-1", "ENT-US-1"), root1, root2)
	try("a root that voids them and declares all three false", "", "", stolen(us3, 1, "SUS-US-1", "ENT-US-1", "TEA-US-3"), root1, root2)
	try("a root that voids them and declares all false", "", "", allFalse(stolen(us3, 1)), root1, root2)
	try("a root that declares them false of another key", "conflict", "/authorities/0/compromised", otherKeys(stolen(us3, 1, "SUS-US-1", "ENT-US-1", "TEA-US-3")), root1, root2)
	try("a root that voids approvals", "", "", stolen(us2, 1), root1, root2)
	try("a root that takes a key away from now on", "", "", stolen(us3, 1<<40), root1, root2)
}

// allFalse has the declaration be of all that the key took away.
func allFalse(r *attest.Root) *attest.Root {
	cs := r.Authorities[0].Compromised
	cs[len(cs)-1].AllFalse = true
	return r
}

// otherKeys moves what is declared false to a key that has not signed it.
func otherKeys(r *attest.Root) *attest.Root {
	cs := r.Authorities[0].Compromised
	falsely := cs[len(cs)-1].False
	cs[len(cs)-1].False = nil
	cs = append(cs, attest.Compromised{Kid: us1.Key().ID(), Since: 1 << 40, False: falsely})
	r.Authorities[0].Compromised = cs
	return r
}

// changes: events on entities, successions and consents. auth-in has registered
// varuna, which auth-us has approved; nobody has registered corvus and halcyon,
// which auth-us has approved the one and auth-in the other of.
func (f *AdmissionFile) changes(at time.Time, try func(name, class, pointer string, c attest.Claims, by ...officer)) {
	both := []officer{us1, us2}
	happens := func(what attest.EntityEventType, iss, entity string) *attest.EntityEvent {
		e := entityEvent(what, "ENT-NEW")
		e.Iss, e.Sub = iss, attest.EntitySubject(entity)
		if what == attest.Merger {
			e.Survivor = "duns:123456789"
		}
		return e
	}
	try("a rename by who has registered", "", "", happens(attest.Rename, "auth-in", varuna), in1)
	try("a merger by who has registered", "", "", happens(attest.Merger, "auth-in", varuna), in1)
	try("a change of control by who has registered", "", "", happens(attest.ChangeOfControl, "auth-in", varuna), in1)
	try("a rename by who has approved, where another has registered", "forbidden", "/iss", happens(attest.Rename, "auth-us", varuna), both...)
	try("a merger by who has approved, where another has registered", "forbidden", "/iss", happens(attest.Merger, "auth-us", varuna), both...)
	try("a change of control by who has approved, where another has registered", "", "", happens(attest.ChangeOfControl, "auth-us", varuna), us3)
	try("a rename by who has approved, where nobody has registered", "", "", happens(attest.Rename, "auth-us", corvus), both...)
	try("a merger by who has approved, where nobody has registered", "", "", happens(attest.Merger, "auth-us", corvus), both...)
	try("a rename by who has passed an approval on to it", "", "", happens(attest.Rename, "auth-us", halcyon), both...)
	for _, what := range []attest.EntityEventType{attest.Rename, attest.Merger, attest.ChangeOfControl} {
		try("a "+string(what)+" by who has neither registered nor approved", "not-found", "/sub", happens(what, "auth-in", corvus), in1)
	}
	try("a rename of another identifier of the entity", "not-found", "/sub", happens(attest.Rename, "auth-in", alias), in1)
	ahead := happens(attest.Rename, "auth-in", varuna)
	ahead.EffectiveAt = numeric(at.Add(1000 * time.Hour))
	try("a rename that is to come", "", "", ahead, in1)
	into := happens(attest.Merger, "auth-us", corvus)
	into.Survivor = varuna
	try("a merger into an entity that another has registered", "", "", into, both...)

	passes := func(target string, change func(*attest.Succession)) *attest.Succession {
		s := succession(target, "SUC-NEW")
		s.EffectiveAt = numeric(at)
		if change != nil {
			change(s)
		}
		return s
	}
	to := func(entity string, sites ...attest.Site) func(*attest.Succession) {
		return func(s *attest.Succession) { s.Successor, s.ApprovedSites = entity, sites }
	}
	site := func(id, address, country string) attest.Site {
		return attest.Site{ID: id, Address: address, Country: country}
	}
	try("a succession", "", "", passes("TEA-US-1", nil), both...)
	try("a succession by an old version", "", "", passes("TEA-US-2", nil), both...)
	try("a succession a millisecond early", "invalid", "/retroactive", passes("TEA-US-1", func(s *attest.Succession) { s.EffectiveAt-- }), both...)
	try("a succession that reaches back, and says why", "", "", passes("TEA-US-1", func(s *attest.Succession) {
		s.EffectiveAt, s.Retroactive, s.RetroactiveReason = numeric(begin), true, "as published"
	}), both...)
	try("a succession that is to come", "", "", passes("TEA-US-1", func(s *attest.Succession) { s.EffectiveAt++ }), both...)
	try("a succession of what is not logged", "not-found", "/target", passes("TEA-US-9", nil), both...)
	try("a succession of another's approval", "forbidden", "/target", passes("TEA-IN-1", nil), both...)
	try("a succession of another's registration", "forbidden", "/target", passes("REG-IN-1", nil), both...)
	try("a succession of a registration", "conflict", "/target", passes("REG-IN-1", func(s *attest.Succession) {
		s.Iss, s.Sub, s.Country = "auth-in", attest.ApprovalSubject(varuna, "auth-in"), "US"
	}), in1)
	try("a succession of a domain approval", "conflict", "/target", passes("PDA-US-1", nil), both...)
	try("a succession of an event", "conflict", "/target", passes("SUS-US-1", nil), both...)
	try("a succession of a succession", "conflict", "/target", passes("SUC-US-1", nil), both...)
	try("a succession of a consent", "conflict", "/target", passes("CON-US-1", nil), both...)
	try("a succession with another subject than its target", "conflict", "/sub", passes("TEA-US-5", nil), both...)
	fromCorvus := func(s *attest.Succession) { s.Sub, s.Successor = attest.ApprovalSubject(corvus, "auth-us"), varuna }
	try("a second succession", "", "", passes("TEA-US-5", fromCorvus), both...)
	fromHalcyon := func(s *attest.Succession) { s.Sub = attest.ApprovalSubject(halcyon, "auth-us") }
	try("a second succession, from the successor", "conflict", "/sub", passes("TEA-US-5", fromHalcyon), both...)
	try("a succession with the sites of the successor", "", "", passes("TEA-US-1", to(corvus, site("SYD-1", "1 Street, Visakhapatnam", "AU"))), both...)
	try("a succession with another address of the successor's site", "conflict", "/approved_sites/0", passes("TEA-US-1", to(corvus, site("SYD-1", "2 Street", "AU"))), both...)
	try("a succession with another country of the successor's site", "conflict", "/approved_sites/0", passes("TEA-US-1", to(corvus, site("SYD-1", "1 Street, Visakhapatnam", "IN"))), both...)
	try("a succession with another address of its entity's site", "", "", passes("TEA-US-1", to(corvus, site("VTZ-1", "2 Street", "AU"))), both...)
	try("a succession with another address of a site that a succession has brought", "conflict", "/approved_sites/0", passes("TEA-US-1", to(halcyon, site("NFK-1", "2 Street", "US"))), both...)
	try("a succession with a site as another authority does not have it", "", "", passes("TEA-US-1", to(halcyon, site("NPT-1", "2 Street", "US"))), both...)
	sited := approval("TEA-NEW", "NFK-1")
	sited.NBF, sited.Sub, sited.Country = numeric(at), attest.ApprovalSubject(halcyon, "auth-us"), "US"
	sited.ApprovedSites[0].Country = "US"
	try("an approval with another address of a site that a succession has brought", "conflict", "/approved_sites/0", sited, both...)
	version := atCorvus("TEA-NEW")
	version.NBF, version.Supersedes = numeric(at), "TEA-US-5"
	try("the next version of an approval that has passed on", "", "", version, both...)

	on := func(target, sub string) *attest.Event {
		e := event(attest.Revoke, target, "REV-NEW")
		e.Sub = sub
		return e
	}
	try("an event on an approval that has passed on", "", "", on("TEA-US-5", attest.ApprovalSubject(corvus, "auth-us")), us1)
	try("an event on an approval that has passed on, of the successor", "conflict", "/sub", on("TEA-US-5", attest.ApprovalSubject(halcyon, "auth-us")), us1)
	try("an event on a succession", "conflict", "/target", on("SUC-US-1", attest.ApprovalSubject(corvus, "auth-us")), us1)
	try("an event on an event on an entity", "conflict", "/target", on("ENT-US-1", attest.EntitySubject(corvus)), us1)
	lift := event(attest.Lift, "TEA-US-5", "LIF-NEW")
	lift.Sub, lift.EffectiveAt, lift.Ends = attest.ApprovalSubject(corvus, "auth-us"), numeric(at), []attest.Suspension{attest.ByChangeOfControl}
	try("a lift of a change of control", "", "", lift, both...)

	let := func(jti string, change func(*attest.Consent)) *attest.Consent {
		c := consent(jti)
		c.NBF = numeric(at)
		if change != nil {
			change(c)
		}
		return c
	}
	try("a consent", "", "", let("CON-US-2", nil), both...)
	try("a consent for an entity that nobody knows", "", "", let("CON-US-2", func(c *attest.Consent) { c.Transferee = "duns:123456789" }), both...)
	try("a consent a millisecond early", "invalid", "/retroactive", let("CON-US-2", func(c *attest.Consent) { c.NBF-- }), both...)
	try("a consent that reaches back, and says why", "", "", let("CON-US-2", func(c *attest.Consent) {
		c.NBF, c.Retroactive, c.RetroactiveReason = numeric(begin), true, "by letter"
	}), both...)
	try("a consent under a name that is taken", "conflict", "/jti", let("CON-US-1", nil), both...)
	try("a revocation of a consent", "", "", onConsent("CON-US-1"), us1)
	try("a revocation of a consent that is not logged", "not-found", "/target", onConsent("CON-US-9"), us1)
	try("a revocation of an approval as a consent", "conflict", "/sub", onConsent("TEA-US-1"), us1)
	try("a revocation of a consent as an approval", "conflict", "/sub", on("CON-US-1", approvals), us1)
	over := approval("TEA-NEW", "VTZ-1")
	over.NBF, over.Supersedes = numeric(at), "CON-US-1"
	try("supersedes a consent", "conflict", "/supersedes", over, both...)
	over = approval("TEA-NEW", "VTZ-1")
	over.NBF, over.Supersedes = numeric(at), "SUC-US-1"
	try("supersedes a succession", "conflict", "/supersedes", over, both...)
}

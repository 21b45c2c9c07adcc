package draft

import (
	"encoding/json"
	"strconv"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/attest/identifier"
)

// The members that stand for sub, by kind.
var subjectMembers = map[attest.Kind][]string{
	attest.KindRegistration:   {"entity"},
	attest.KindEntityApproval: {"entity"},
	attest.KindDomainApproval: {"sandbox"},
	attest.KindEvent:          {"entity", "sandbox", "consent"},
	attest.KindEntityEvent:    {"entity"},
	attest.KindSuccession:     {"entity"},
}

// subject makes sub of the member that names the entity or the sandbox.
func (d *draft) subject() {
	if d.kind == attest.KindConsent {
		d.consentSubject()
		return
	}
	names := subjectMembers[d.kind]
	if len(names) == 0 {
		return
	}
	given := d.given(names)
	on := d.on(given)
	_, sub := d.members["sub"]
	switch {
	case sub && len(given) > 0:
		d.problems.Add("/"+given[0], "stands beside sub; give one of them")
	case sub:
	case len(given) == 0:
		d.silent = append(d.silent, "/sub")
		d.problems.Add("/"+names[0], "is missing: %s", subjectHint[d.kind])
	case len(given) > 1:
		d.silent = append(d.silent, "/sub")
		d.problems.Add("/"+given[1], "stands beside %s; give one of them", given[0])
	default:
		d.renamed["/sub"] = "/" + given[0]
		d.setSub(given[0], on)
	}
	for _, n := range given {
		delete(d.members, n)
	}
}

var subjectHint = map[attest.Kind]string{
	attest.KindRegistration:   "the entity's id, <scheme>:<value>, such as lei:213800KUD8LAJWSQ9D15",
	attest.KindEntityApproval: "the entity's id, <scheme>:<value>, such as lei:213800KUD8LAJWSQ9D15",
	attest.KindDomainApproval: "the sandbox's id, such as SBX-UCOMMS",
	attest.KindEvent:          "whose approval or registration it is about, entity: <scheme>:<value>, or sandbox: <id>, or consent: <jti>",
	attest.KindEntityEvent:    "the id of the entity that it happens to, <scheme>:<value>",
	attest.KindSuccession:     "the id of the entity that the approval was given to, <scheme>:<value>",
}

// consentSubject makes sub of issuer and jti, which is all that it can be.
func (d *draft) consentSubject() {
	if _, ok := d.members["sub"]; ok {
		return
	}
	iss, _ := d.members["iss"].(string)
	jti, _ := d.members["jti"].(string)
	d.silent = append(d.silent, "/sub")
	if iss != "" && jti != "" {
		d.members["sub"] = attest.ConsentSubject(iss, jti)
	}
}

func (d *draft) given(names []string) []string {
	var out []string
	for _, n := range names {
		if _, ok := d.members[n]; ok {
			out = append(out, n)
		}
	}
	return out
}

// on takes the member of that name out of an event; it says whether the event
// is on the entity's approval or on its registration.
func (d *draft) on(given []string) string {
	v, ok := d.members["on"]
	if !ok || d.kind != attest.KindEvent {
		return "approval"
	}
	delete(d.members, "on")
	switch on, _ := v.(string); {
	case len(given) != 1 || given[0] != "entity":
		d.problems.Add("/on", "goes with entity only")
	case on == "approval", on == "registration":
		return on
	default:
		d.problems.Add("/on", "unknown value %v: want approval or registration", quote(v))
	}
	return "approval"
}

// setSub sets sub from the member with that name.
func (d *draft) setSub(name, on string) {
	id, ok := d.members[name].(string)
	if !ok || id == "" {
		d.silent = append(d.silent, "/sub")
		d.problems.Add("/"+name, "%s", d.wrong(d.members[name], "text"))
		return
	}
	iss, _ := d.members["iss"].(string)
	approval := d.kind == attest.KindEntityApproval || d.kind == attest.KindSuccession || d.kind == attest.KindEvent && on == "approval"
	switch {
	case name == "consent":
		d.members["sub"] = attest.ConsentSubject(iss, id)
		if _, ok := d.members["target"]; !ok {
			d.members["target"] = id
		}
	case name == "sandbox":
		d.members["sub"] = attest.SandboxSubject(id)
	case !approval:
		d.members["sub"] = attest.EntitySubject(id)
	default:
		d.members["sub"] = attest.ApprovalSubject(id, iss)
		if iss == "" {
			// That the issuer is missing is reported; the rest of sub is good
			// or bad by itself.
			d.silent = append(d.silent, "/sub")
			if _, err := identifier.Parse(id); err != nil {
				d.problems.Add("/"+name, "%v", err)
			}
		}
	}
}

// concurrence turns ALL into the number of authorities.
func (d *draft) concurrence() {
	terms, _ := d.members["terms"].(map[string]any)
	word, ok := terms["concurrence"].(string)
	if !ok || d.kind != attest.KindDomainApproval {
		return
	}
	delete(terms, "concurrence")
	if word != "ALL" {
		d.problems.Add("/terms/concurrence", "is %q; want ALL, or how many of the authorities must concur", word)
		return
	}
	authorities, _ := terms["authorities"].([]any)
	if len(authorities) == 0 {
		// That they are missing is reported, and is all that is wrong.
		d.silent = append(d.silent, "/terms/concurrence")
		return
	}
	terms["concurrence"] = json.Number(strconv.Itoa(len(authorities)))
}

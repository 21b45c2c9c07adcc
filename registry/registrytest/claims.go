package registrytest

import (
	"time"

	"github.com/safeconduct/safeconduct/attest"
)

// Entities with identifiers that are well formed and stand for nobody.
const (
	// Halcyon is established in the US.
	Halcyon = "lei:999900HALCYONMAR0134"
	// Varuna is established in India.
	Varuna = "lei:999900VARUNADEEP0174"
	// Corvus is established in Australia.
	Corvus = "lei:999900CORVUSPACF0114"
)

// Sandbox is the sandbox of [Domain].
const Sandbox = "SBX-UCOMMS"

// grant is in force from Start on for a year; it says that it reaches back, so
// that it can be logged at any time of a test.
func grant() attest.Grant {
	return attest.Grant{
		NBF: attest.NumericDate(Start.Unix()), EXP: attest.NumericDate(Start.AddDate(1, 0, 0).Unix()),
		Retroactive: true, RetroactiveReason: "The law is older than the register.",
	}
}

// Registration is an authority's registration of an entity.
func Registration(jti, iss, entity, country string) *attest.Registration {
	return &attest.Registration{
		Common: attest.Common{Iss: iss, Sub: attest.EntitySubject(entity), JTI: jti},
		Grant:  grant(), LegalName: "Entity " + entity, Country: country,
	}
}

// Approval is an authority's approval of an entity, at one site VTZ-1 and for
// everything.
func Approval(jti, iss, entity, country string) *attest.EntityApproval {
	return &attest.EntityApproval{
		Common: attest.Common{Iss: iss, Sub: attest.ApprovalSubject(entity, iss), JTI: jti},
		Grant:  grant(), VCT: attest.VCT, LegalName: "Entity " + entity, Country: country,
		LegalEffect:   attest.Authorization,
		ApprovedSites: []attest.Site{{ID: "VTZ-1", Address: "Plot 14, Ocean Tech Park, Visakhapatnam 530016", Country: "IN"}},
	}
}

// Domain is an authority's approval of the sandbox, over terms that are equal
// for both authorities.
func Domain(jti, iss string) *attest.DomainApproval {
	return &attest.DomainApproval{
		Common: attest.Common{Iss: iss, Sub: attest.SandboxSubject(Sandbox), JTI: jti},
		Grant:  grant(), Title: "Joint sandbox: high-bandwidth underwater communications",
		LegalEffect: attest.Authorization,
		Terms: attest.Terms{
			Authorities: []string{IN, US}, Concurrence: 2,
			Limits: attest.Limits{
				InScope:        attest.Scope{"US_CCL": {"5A001.b.1"}},
				AllowedEndUses: []string{"sea_trial"},
			},
		},
	}
}

// Event is an event on a statement, from the time given on.
func Event(jti, iss, sub, target string, what attest.EventType, effective time.Time) *attest.Event {
	e := &attest.Event{
		Common: attest.Common{Iss: iss, Sub: sub, JTI: jti},
		Event:  what, Target: target, EffectiveAt: attest.NumericDate(effective.Unix()),
	}
	if what == attest.Lift {
		e.Ends = []attest.Suspension{attest.BySuspension}
	}
	return e
}

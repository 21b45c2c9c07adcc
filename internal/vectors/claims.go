package vectors

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
)

// The entities: test identifiers that nobody has.
const (
	halcyon = "lei:999900HALCYONMAR0134" // United States
	varuna  = "lei:999900VARUNADEEP0174" // India
	corvus  = "lei:999900CORVUSPACF0114" // Australia
	alias   = "cin:U26515AP2019PTC098765"
	sandbox = "SBX-UCOMMS"
)

// approvals is the subject of auth-us's approvals of varuna.
const approvals = "entity:" + varuna + "/auth-us"

func date(s string) time.Time { return must(time.Parse(time.RFC3339, s)).UTC() }

// The times of the vectors.
var (
	begin    = date("2026-02-01T00:00:00Z")
	logged   = date("2026-05-04T08:30:00Z")
	cosigned = date("2026-05-04T08:31:00Z")
	asked    = date("2026-05-04T09:00:00Z")
)

func numeric(t time.Time) attest.NumericDate { return attest.NumericDate(t.Unix()) }

func head(iss, sub, jti string) attest.Common {
	return attest.Common{Aud: Origin, Iss: iss, Sub: sub, JTI: jti, IAT: numeric(begin)}
}

func grant() attest.Grant {
	return attest.Grant{NBF: numeric(begin), EXP: numeric(date("2029-01-01T00:00:00Z"))}
}

// smallRoot are the claims of a version of the trust root with one officer
// everywhere; previous is the statement before.
func smallRoot(version int64, previous string) *attest.Root {
	r := &attest.Root{
		Common: head("root", "root", fmt.Sprintf("root-%d", version)), Version: version, Threshold: 1,
		Officers:  []attest.Officer{{ID: "r1", Keys: []attest.JWK{root1.jwk()}}},
		LogKeys:   []string{logKey.vkey()},
		Cosigners: []attest.Cosigner{{VKey: usMirror.vkey(), Role: attest.Mirror}, {VKey: ownMirror.vkey(), Role: attest.Mirror, Operator: true}, {VKey: aWitness.vkey(), Role: attest.Witness}},
		Authorities: []attest.Authority{{
			ID: "auth-us", Name: "United States", Countries: []string{"US"}, Thresholds: attest.Thresholds{Granting: 1, Revoking: 1},
			Officers: []attest.Officer{{ID: "o1", Keys: []attest.JWK{us1.jwk()}}},
		}},
	}
	if previous != "" {
		r.Previous = leafHash(previous)
	}
	return r
}

// largeRoot has two root officers of three, and two authorities: auth-us grants
// with two officers and revokes with one, and auth-in is bounded.
func largeRoot(version int64, previous string) *attest.Root {
	r := smallRoot(version, previous)
	r.Threshold = 2
	r.Officers = []attest.Officer{{ID: "r1", Keys: []attest.JWK{root1.jwk()}}, {ID: "r2", Keys: []attest.JWK{root2.jwk()}}, {ID: "r3", Keys: []attest.JWK{root3.jwk()}}}
	r.Cosigners = append(r.Cosigners, attest.Cosigner{VKey: inMirror.vkey(), Role: attest.Mirror})
	us := &r.Authorities[0]
	us.Thresholds = attest.Thresholds{Granting: 2, Revoking: 1}
	us.Officers = []attest.Officer{
		{ID: "o1", Keys: []attest.JWK{us1.jwk()}}, {ID: "o2", Keys: []attest.JWK{us2.jwk(), us2b.jwk()}},
		{ID: "o3", Keys: []attest.JWK{us3.jwk()}}, {ID: "o9", Keys: []attest.JWK{us9.jwk()}},
	}
	us.Compromised = []attest.Compromised{{Kid: us9.Key().ID(), Since: 3}}
	r.Authorities = append(r.Authorities, attest.Authority{
		ID: "auth-in", Name: "India", Countries: []string{"IN"}, Thresholds: attest.Thresholds{Granting: 1, Revoking: 1},
		Officers:     []attest.Officer{{ID: "o1", Keys: []attest.JWK{in1.jwk()}}},
		Jurisdiction: attest.Jurisdiction{Countries: []string{"US"}, Lists: []string{"IN_SCOMET"}, Programmes: []string{"GAICT"}, Sandboxes: []string{sandbox}},
	})
	return r
}

func registration(iss, id, jti, country string) *attest.Registration {
	return &attest.Registration{Common: head(iss, attest.EntitySubject(id), jti), Grant: grant(), LegalName: "Company " + id[len(id)-6:], Country: country}
}

func approval(jti, site string) *attest.EntityApproval {
	return &attest.EntityApproval{
		Common: head("auth-us", approvals, jti), Grant: grant(), VCT: attest.VCT,
		LegalName: "Varuna Deep", Country: "IN", LegalEffect: attest.Authorization, Programme: "VEU",
		ApprovedSites: []attest.Site{{ID: site, Address: "1 Street, Visakhapatnam", Country: "IN"}},
		EligibleItems: []attest.Item{{List: "US_CCL", Entry: "5A001.b.1"}},
	}
}

func event(what attest.EventType, target, jti string) *attest.Event {
	e := &attest.Event{Common: head("auth-us", approvals, jti), Event: what, Target: target, EffectiveAt: numeric(begin)}
	if what == attest.Lift {
		e.Ends = []attest.Suspension{attest.BySuspension}
	}
	return e
}

// freeze is one of an officer's key.
func freeze(jti string, o officer) *attest.Freeze {
	return &attest.Freeze{Common: head("auth-us", attest.RootSubject, jti), Kid: o.Key().ID()}
}

// entityEvent is one on varuna.
func entityEvent(what attest.EntityEventType, jti string) *attest.EntityEvent {
	e := &attest.EntityEvent{Common: head("auth-us", attest.EntitySubject(varuna), jti), Event: what, EffectiveAt: numeric(begin)}
	switch what {
	case attest.Rename:
		e.NewName = "Varuna Deepsense"
	case attest.Merger:
		e.Survivor = corvus
	}
	return e
}

// succession passes an approval of varuna on to corvus.
func succession(target, jti string) *attest.Succession {
	return &attest.Succession{
		Common: head("auth-us", approvals, jti), Target: target, EffectiveAt: numeric(begin),
		Successor: corvus, LegalName: "Corvus Pacific", Country: "AU",
	}
}

func consent(jti string) *attest.Consent {
	return &attest.Consent{Common: head("auth-us", attest.ConsentSubject("auth-us", jti), jti), Grant: grant(), Transferee: varuna}
}

// inTransit and windDown are savings.
func inTransit() attest.Savings {
	return attest.Savings{Kind: attest.InTransit, DeliverBefore: numeric(date("2026-06-01T00:00:00Z"))}
}

func windDown(modes ...attest.Mode) attest.Savings {
	return attest.Savings{Kind: attest.WindDown, Until: numeric(date("2026-08-01T00:00:00Z")), Modes: modes}
}

func domain(iss, jti string) *attest.DomainApproval {
	return &attest.DomainApproval{
		Common: head(iss, attest.SandboxSubject(sandbox), jti), Grant: grant(), Title: "Underwater communications", LegalEffect: attest.Authorization,
		Terms: attest.Terms{Authorities: []string{"auth-in", "auth-us"}, Concurrence: 2, Limits: attest.Limits{InScope: attest.Scope{"US_CCL": {"5A001.b.1"}}}},
	}
}

// sign makes a statement.
func sign(c attest.Claims, by ...officer) string {
	var signers []attest.Signer
	for _, o := range by {
		signers = append(signers, o)
	}
	return string(must(attest.Sign(context.Background(), c, signers...)))
}

// forge signs any payload under any header, in which %a, %k stand for alg and
// kid.
func forge(header, payload string, by ...officer) string {
	slices.SortFunc(by, func(a, b officer) int { return cmp.Compare(a.Key().ID(), b.Key().ID()) })
	var lines []string
	for _, o := range by {
		input := b64url(strings.NewReplacer("%a", o.alg, "%k", o.Key().ID()).Replace(header)) + "." + b64url(payload)
		lines = append(lines, input+"."+b64url(string(must(o.Sign(context.Background(), []byte(input))))))
	}
	return strings.Join(lines, "\n")
}

func header(typ string) string { return `{"alg":"%a","kid":"%k","typ":"` + typ + `"}` }

const registrationTyp = "safeconduct-registration+jwt"

func b64url(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func payload(c attest.Claims) string { return string(must(attest.Payload(c))) }

func leafHash(leaf string) string { return tlog.RecordHash([]byte(leaf)).String() }

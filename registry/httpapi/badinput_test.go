package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

const (
	us = registrytest.US
	in = registrytest.IN

	registrationTyp = "safeconduct-registration+jwt"
	approvalTyp     = "dc+sd-jwt"
	domainTyp       = "safeconduct-domain+jwt"
	eventTyp        = "safeconduct-event+jwt"
)

// badInput is a statement that is refused.
type badInput struct {
	name      string
	statement string
	status    int
	kind      string
	// pointer is the member that problems must name, says what the detail must
	// say; either may be empty.
	pointer, says string
}

// TestRefusedStatementsLeaveNoTrace: what is refused says which member is at
// fault, nothing is logged, and the next good statement is.
func TestRefusedStatementsLeaveNoTrace(t *testing.T) {
	s := newServer(t)
	s.MustSubmit(registrytest.Approval("approval-1", us, registrytest.Varuna, "IN"))
	s.MustSubmit(registrytest.Domain("domain-us", us))
	for i, row := range slices.Concat(s.malformed(), s.forbidden(), s.contradicting(), s.invalid()) {
		t.Run(row.name, func(t *testing.T) {
			before := s.size()
			p := refused(t, s.post("/v1/statements", jose, row.statement), row.status, row.kind)
			if row.pointer != "" && !p.names(row.pointer) {
				t.Errorf("problems are %v, want one at %s", p.Problems, row.pointer)
			}
			if !strings.Contains(p.Detail, row.pointer) || !strings.Contains(p.Detail, row.says) {
				t.Errorf("detail is %q, want it to name %q and say %q", p.Detail, row.pointer, row.says)
			}
			if after := s.size(); after != before {
				t.Errorf("the log has grown from %d to %d leaves", before, after)
			}
			good := s.Sign(registrytest.Registration(fmt.Sprintf("good-%d", i), in, registrytest.Varuna, "IN"))
			if got := decode[receipt](t, s.post("/v1/statements", jose, string(good))); got.Index != before {
				t.Errorf("the next good statement is at index %d, want %d", got.Index, before)
			}
		})
	}
}

// approval is a good one, changed.
func (s *server) approval(change func(*attest.EntityApproval)) *attest.EntityApproval {
	a := registrytest.Approval("approval-2", us, registrytest.Varuna, "IN")
	if change != nil {
		change(a)
	}
	return a
}

func (s *server) malformed() []badInput {
	forge := func(change func(*forgery)) string { return s.forge(s.approval(nil), approvalTyp, change) }
	f := &forgery{}
	forge(func(g *forgery) { *f = *g; f.signers = slices.Clone(g.signers) })
	lines := s.lines(f)
	const bad, kind = http.StatusBadRequest, "malformed"
	return []badInput{
		{"unknown alg", forge(func(f *forgery) { f.alg = "HS256" }), bad, kind, "", `unknown alg "HS256"`},
		{"alg none", forge(func(f *forgery) { f.alg = "none" }), bad, kind, "", `unknown alg "none"`},
		{"unknown typ", forge(func(f *forgery) { f.typ = "JWT" }), bad, kind, "", `unknown typ "JWT"`},
		{"typ of another kind", forge(func(f *forgery) { f.typ = eventTyp }), bad, kind, "/approved_sites", "unknown member"},
		{"extra header member", forge(func(f *forgery) { f.header = `{"alg":"ALG","crit":["b64"],"kid":"KID","typ":"TYP"}` }), bad, kind, "", "header: /crit"},
		{"header members in another order", forge(func(f *forgery) { f.header = `{"typ":"TYP","alg":"ALG","kid":"KID"}` }), bad, kind, "", "header: is not exactly"},
		{"white space in the header", forge(func(f *forgery) { f.header = `{"alg":"ALG", "kid":"KID","typ":"TYP"}` }), bad, kind, "", "header: is not exactly"},
		{"white space in the payload", forge(func(f *forgery) { f.payload = strings.Replace(f.payload, `":`, `": `, 1) }), bad, kind, "", "canonical form"},
		{"members of the payload in another order", forge(func(f *forgery) {
			f.payload = `{"vct":"` + attest.VCT + `",` + strings.Replace(f.payload[1:], `,"vct":"`+attest.VCT+`"`, "", 1)
		}), bad, kind, "", "canonical form"},
		{"base64 with padding", lines[0] + "=\n" + lines[1], bad, kind, "", "base64url"},
		{"base64 with stray bits", strings.TrimSuffix(lines[0], lines[0][len(lines[0])-1:]) + "_\n" + lines[1], bad, kind, "", "base64url"},
		{"line end at the end", lines[0] + "\n" + lines[1] + "\n", bad, kind, "", "line 3"},
		{"signature lines out of order", lines[1] + "\n" + lines[0], bad, kind, "", "ascending by kid"},
		{"signature line repeated", lines[0] + "\n" + lines[0], bad, kind, "", "ascending by kid"},
		{"duplicate member", forge(func(f *forgery) {
			f.payload = strings.Replace(f.payload, `"country"`, `"country":"US","country"`, 1)
		}), bad, kind, "", "stands twice"},
		{"case-variant member", forge(func(f *forgery) {
			f.payload = `{"Legal_name":"x",` + f.payload[1:]
		}), bad, kind, "/Legal_name", "unknown member"},
		{"null", forge(func(f *forgery) {
			f.payload = strings.Replace(f.payload, `"country":"IN"`, `"country":null`, 1)
		}), bad, kind, "", "/country: is null"},
		{"not a statement", "hello", bad, kind, "", "header.payload.signature"},
		{"empty body", "", bad, kind, "", "header.payload.signature"},
		{"body over the limit", strings.Repeat("A", attest.MaxBytes+1), http.StatusRequestEntityTooLarge, "too-large", "", "61440 bytes"},
		{"body at the limit", strings.Repeat("A", attest.MaxBytes), bad, kind, "", "header.payload.signature"},
	}
}

func (s *server) forbidden() []badInput {
	const no, kind = http.StatusForbidden, "forbidden"
	foreign := s.approval(func(a *attest.EntityApproval) { a.Aud = "example.net/another" })
	home := registrytest.Registration("reg-2", us, registrytest.Varuna, "IN")
	suspend := registrytest.Event("event-1", in, attest.SandboxSubject(registrytest.Sandbox), "domain-us", attest.Suspend, registrytest.Start)
	flip := func(line string) string {
		// The first character of the signature.
		i := strings.LastIndexByte(line, '.') + 1
		c := byte('A')
		if line[i] == c {
			c = 'B'
		}
		return line[:i] + string(c) + line[i+1:]
	}
	return []badInput{
		{"wrong aud", s.forge(foreign, approvalTyp, nil), no, kind, "/aud", "example.net/another"},
		{"registering in another country", s.forge(home, registrationTyp, nil), no, kind, "/country", "outside the jurisdiction"},
		{"key that is not in the root", s.forge(s.approval(nil), approvalTyp, func(f *forgery) { f.signers = []string{"us-1", "stranger"} }), no, kind, "", "is no key of authority auth-us"},
		{"key of another authority", s.forge(s.approval(nil), approvalTyp, func(f *forgery) { f.signers = []string{"us-1", "in-1"} }), no, kind, "", "is no key of authority auth-us"},
		{"key of a root officer", s.forge(s.approval(nil), approvalTyp, func(f *forgery) { f.signers = []string{"us-1", "root-1"} }), no, kind, "", "is no key of authority auth-us"},
		{"too few officers", s.forge(s.approval(nil), approvalTyp, func(f *forgery) { f.signers = []string{"us-1"} }), no, kind, "", "1 of the 2 officers"},
		{"unknown authority", s.forge(s.approval(func(a *attest.EntityApproval) {
			a.Iss, a.Sub = "auth-xx", attest.ApprovalSubject(registrytest.Varuna, "auth-xx")
		}), approvalTyp, func(f *forgery) { f.signers = []string{"us-1", "us-2"} }), no, kind, "/iss", "no authority"},
		{"signature that does not verify", flip(s.forge(s.approval(nil), approvalTyp, nil)), no, kind, "", "does not verify"},
		{"target of another issuer", s.forge(suspend, eventTyp, nil), no, kind, "/target", "only its issuer"},
	}
}

func (s *server) contradicting() []badInput {
	unknown := registrytest.Event("event-2", us, attest.ApprovalSubject(registrytest.Varuna, us), "approval-9", attest.Revoke, registrytest.Start)
	alone := registrytest.Domain("domain-us-2", us)
	alone.Terms.Authorities, alone.Terms.Concurrence = []string{us}, 1
	other := s.approval(func(a *attest.EntityApproval) { a.JTI, a.LegalName = "approval-1", "Another name" })
	next := s.approval(func(a *attest.EntityApproval) { a.Supersedes = "approval-9" })
	return []badInput{
		{"unknown target", s.forge(unknown, eventTyp, nil), http.StatusNotFound, "not-found", "/target", "approval-9"},
		{"unknown predecessor", s.forge(next, approvalTyp, nil), http.StatusNotFound, "not-found", "/supersedes", "approval-9"},
		{"other authorities than the first logged", s.forge(alone, domainTyp, nil), http.StatusConflict, "conflict", "/terms/authorities", "auth-in, auth-us"},
		{"jti with another payload", s.forge(other, approvalTyp, nil), http.StatusConflict, "conflict", "/jti", "is taken"},
	}
}

func (s *server) invalid() []badInput {
	const bad, kind = http.StatusUnprocessableEntity, "invalid"
	forge := func(change func(*attest.EntityApproval)) string {
		return s.forge(s.approval(change), approvalTyp, nil)
	}
	return []badInput{
		{"malformed identifier", forge(func(a *attest.EntityApproval) {
			a.Sub = attest.ApprovalSubject("lei:999900VARUNADEEP0175", us)
		}), bad, kind, "/sub", "999900VARUNADEEP0175"},
		{"unknown scheme", forge(func(a *attest.EntityApproval) {
			a.Sub = attest.ApprovalSubject("lie:999900VARUNADEEP0174", us)
		}), bad, kind, "/sub", "unknown scheme"},
		{"malformed control-list entry", forge(func(a *attest.EntityApproval) {
			a.EligibleItems = []attest.Item{{List: "US_CCL", Entry: "5A1.b"}}
		}), bad, kind, "/eligible_items/0/entry", "5A1.b"},
		{"unknown control list", forge(func(a *attest.EntityApproval) {
			a.EligibleItems = []attest.Item{{List: "US_XYZ", Entry: "5A001"}}
		}), bad, kind, "/eligible_items/0/entry", "US_XYZ"},
		{"missing member", s.forge(s.approval(nil), approvalTyp, func(f *forgery) {
			f.payload = strings.Replace(f.payload, `"legal_effect":"authorization",`, "", 1)
		}), bad, kind, "/legal_effect", "is missing"},
		{"backdated in silence", forge(func(a *attest.EntityApproval) {
			a.NBF--
			a.Retroactive, a.RetroactiveReason = false, ""
		}), bad, kind, "/retroactive", "is missing"},
		{"written too long ago", forge(func(a *attest.EntityApproval) {
			a.IAT = attest.NumericDate(registrytest.Start.Add(-15 * 24 * time.Hour).Unix())
		}), bad, kind, "/iat", "14 days"},
	}
}

func TestARequestThatIsRefusedNamesEveryMember(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/v1/check", "/v1/evidence"} {
		for _, row := range []struct {
			name, body string
			status     int
			kind       string
			pointers   []string
		}{
			{"members missing", `{}`, 422, "invalid", []string{"/effective_at", "/sandbox", "/act"}},
			{"one member missing", `{"effective_at":"2026-01-05T09:00:00Z","sandbox":"SBX-1","transferor":"` + registrytest.Halcyon + `"}`, 422, "invalid", []string{"/act"}},
			{"identifier malformed", `{"effective_at":"2026-01-05T09:00:00Z","sandbox":"sbx","act":"export","transferor":"lei:1","transferee":"` + registrytest.Varuna + `"}`, 422, "invalid", []string{"/sandbox", "/transferor"}},
			{"unknown and mistyped members", `{"purpose":"x","act":7}`, 422, "invalid", []string{"/purpose", "/act"}},
			{"case-variant member", `{"Act":"export"}`, 422, "invalid", []string{"/Act"}},
			{"duplicate member", `{"act":"export","act":"reexport"}`, 400, "malformed", []string{"/act"}},
			{"not JSON", `act: export`, 400, "malformed", []string{""}},
			{"empty", ``, 400, "malformed", []string{""}},
			{"two documents", `{}{}`, 400, "malformed", []string{""}},
			{"an array", `[]`, 422, "invalid", []string{""}},
			{"invalid UTF-8", "{\"act\":\"\xff\"}", 400, "malformed", []string{"/act"}},
			{"too deep", strings.Repeat("[", 4000) + strings.Repeat("]", 4000), 422, "invalid", nil},
			{"over the limit", `{"reference":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "too-large", nil},
		} {
			t.Run(path+" "+row.name, func(t *testing.T) {
				p := refused(t, s.post(path, jsonDoc, row.body), row.status, row.kind)
				for _, ptr := range row.pointers {
					if !p.names(ptr) {
						t.Errorf("problems are %v, want one at %q", p.Problems, ptr)
					}
				}
			})
		}
	}
	if got := s.get("/healthz"); got.status != http.StatusOK {
		t.Errorf("afterwards the register is not healthy: %s", got.body)
	}
}

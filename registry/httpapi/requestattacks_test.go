package httpapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/presentation"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// TestNoRequestTricksTheRules: rules are a closed vocabulary, and what a request
// leaves out, makes up or gets wrong is never permitted.
func TestNoRequestTricksTheRules(t *testing.T) {
	s := newJointSandbox(t)
	without := func(member string) string {
		var m map[string]any
		if err := json.Unmarshal([]byte(request("")), &m); err != nil {
			t.Fatal(err)
		}
		if m[member] == nil {
			t.Fatalf("the request has no %s", member)
		}
		delete(m, member)
		out, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	for _, c := range []struct {
		name, request string
		status        int
		// kind is that of the problem, or of 200 the decision and its one reason.
		kind string
	}{
		{"52 a missing end use", without("end_use"), 200, "REFER MISSING_FACT"},
		{"52 a missing item", without("item"), 200, "REFER MISSING_FACT"},
		{"52 a missing site", without("destination_site"), 200, "REFER MISSING_FACT"},
		{"52 a null in its place", strings.Replace(request(""), `"sea_trial"`, `null`, 1), 200, "REFER MISSING_FACT"},
		{"52 an item that is none", strings.Replace(request(""), `5A001.b.1`, `5A001.(a+)+$`, 1), 200, "REFER CLASSIFICATION_INVALID"},
		{"52 a list that nobody knows", strings.Replace(request(""), `US_CCL`, `US_CCL2`, 1), 200, "REFER CLASSIFICATION_INVALID"},
		{"52 an end use like the one permitted", strings.Replace(request(""), `sea_trial`, `sea_trial.*`, 1), 200, "DENY END_USE_NOT_PERMITTED"},
		{"52 another end use", strings.Replace(request(""), `sea_trial`, `sea_trials`, 1), 200, "DENY END_USE_NOT_PERMITTED"},
		{"52 an unknown act", strings.Replace(request(""), `technology_release`, `allow`, 1), 422, "invalid"},
		{"52 an unknown function", request(`"condition":"now() < 0",`), 422, "invalid"},
		{"52 an unknown version of the rules", request(`"rules":"2",`), 422, "invalid"},
		{"52 a missing act", without("act"), 422, "invalid"},
		{"52 a time without its zone", strings.Replace(request(""), `09:00:00Z`, `09:00:00`, 1), 422, "invalid"},
		{"52 as of a time of the asker's", request(`"checked_at":"2020-01-01T00:00:00Z",`), 422, "undecided"},
		{"52 as known before anything was", request(`"known_at":"2020-01-01T00:00:00Z",`), 200, "DENY"},
		{"52 as many parties as none has", request(`"via":["` + registrytest.Corvus + `"` + strings.Repeat(`,"`+registrytest.Corvus+`"`, 1000) + `],`), 422, "invalid"},
		{"50 a party with a Cyrillic letter", strings.Replace(request(""), registrytest.Varuna, strings.Replace(registrytest.Varuna, "A", "\u0410", 1), 1), 422, "invalid"},
		{"50 a party in other case", strings.Replace(request(""), registrytest.Varuna, strings.ToLower(registrytest.Varuna), 1), 422, "invalid"},
		{"50 a party with a dot behind", strings.Replace(request(""), registrytest.Varuna, registrytest.Varuna+".", 1), 422, "invalid"},
		{"50 a sandbox of which it is the beginning", strings.Replace(request(""), registrytest.Sandbox, registrytest.Sandbox+"X", 1), 200, "DENY"},
		{"51 a party whose LEI's sum is wrong", strings.Replace(request(""), registrytest.Varuna, registrytest.Varuna[:len(registrytest.Varuna)-1]+"0", 1), 422, "invalid"},
		{"51 a nationality in other case", request(`"person_nationalities":["in"],`), 422, "invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.post("/v1/check", jsonDoc, c.request)
			if c.status != http.StatusOK {
				refused(t, r, c.status, c.kind)
				return
			}
			d := decode[policy.Decision](t, r)
			got := string(d.Decision)
			if _, code, ok := strings.Cut(c.kind, " "); ok {
				if len(d.Reasons) != 1 {
					t.Errorf("reasons are %+v, want %s alone", d.Reasons, code)
				}
				got += " " + string(d.Reasons[0].Code)
			}
			if got != c.kind {
				t.Errorf("decided %s, want %s: %s", got, c.kind, r.body)
			}
		})
	}
	if d := decode[policy.Decision](t, s.post("/v1/check", jsonDoc, request(""))); !d.Permitted() {
		t.Errorf("the good one: %+v", d.Reasons)
	}
}

// TestADecisionIsTheSameWhereverItIsMade: by the service, one at a time and in a
// batch; offline, from the evidence; and from a presentation, by the service and
// offline.
func TestADecisionIsTheSameWhereverItIsMade(t *testing.T) {
	s := newServer(t)
	const audience = "https://dataroom.example.com"
	holder := registrytest.SignerNamed("varuna")
	a := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN")
	a.Confirmation = &attest.Confirmation{JWK: holder.JWK()}
	approval := s.Sign(a)
	if _, err := s.Submit(t.Context(), approval); err != nil {
		t.Fatal(err)
	}
	s.MustSubmit(registrytest.Registration("reg-halcyon", us, registrytest.Halcyon, "US"))
	s.MustSubmit(registrytest.Registration("reg-varuna", in, registrytest.Varuna, "IN"))
	s.MustSubmit(registrytest.Approval("approval-halcyon", in, registrytest.Halcyon, "US"))
	s.MustSubmit(registrytest.Domain("domain-us", us))
	s.MustSubmit(registrytest.Domain("domain-in", in))
	s.Clock.Add(time.Minute)
	for _, c := range []struct {
		name, request string
		want          policy.Result
	}{
		{"53 permitted", request(""), policy.PERMIT},
		{"53 a value without a ceiling", request(`"value":{"amount":"1","currency":"USD"},`), policy.PERMIT},
		{"53 referred", strings.Replace(request(""), `,"end_use":"sea_trial"`, ``, 1), policy.REFER},
		{"53 too coarse", strings.Replace(request(""), `5A001.b.1`, `5A001.b`, 1), policy.REFER},
		{"53 denied", strings.Replace(request(""), `sea_trial`, `mining`, 1), policy.DENY},
		{"53 a neighbour of the item", strings.Replace(request(""), `5A001.b.1`, `5A001.b.10`, 1), policy.DENY},
		{"53 another site", strings.Replace(request(""), `VTZ-1`, `VTZ-10`, 1), policy.DENY},
		{"53 before the approvals", strings.Replace(request(""), `2026-01-05T09:00:00Z`, `2026-01-05T08:59:59Z`, 1), policy.DENY},
		{"53 when they have ended", strings.Replace(request(""), `2026-01-05T09:00:00Z`, `2027-01-05T09:00:00Z`, 1), policy.DENY},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := policy.ParseRequest([]byte(c.request))
			if err != nil {
				t.Fatal(err)
			}
			now := s.Clock.Now()
			online := s.post("/v1/check", jsonDoc, c.request)
			if d := decode[policy.Decision](t, online); d.Decision != c.want {
				t.Fatalf("decided %s", online.body)
			}
			want := compact(t, online.body)
			same := func(where, got string) {
				t.Helper()
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-the service +there):\n%s", where, diff)
				}
			}
			same("offline", decideOffline(t, s, c.request))
			_, lines := batchLines(t, s.post("/v1/check/batch", jsonLines, c.request).body)
			same("in a batch", string(lines[0].Decision))

			evidence, err := s.Evidence(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			nonce := decode[struct{ Nonce, Until string }](t, s.post("/v1/challenges", "", "")).Nonce
			shown, err := presentation.Make(t.Context(), evidence, approval, nil, holder, presentation.Binding{Audience: audience, Nonce: nonce, IssuedAt: now})
			if err != nil {
				t.Fatal(err)
			}
			got := decode[struct{ Decision json.RawMessage }](t, s.post("/v1/presentations", jsonDoc, `{"audience":"`+audience+`","nonce":"`+nonce+`","presentation":`+string(shown)+`,"request":`+c.request+`}`))
			same("by a presentation", compact(t, got.Decision))

			o, err := presentation.Open(shown, s.Trust, presentation.Expected{Audience: audience, Nonce: nonce}, now)
			if err != nil {
				t.Fatal(err)
			}
			q, err := policy.Ask(req)
			if err != nil {
				t.Fatal(err)
			}
			d, err := o.Decide(q, req.TimesNow(now))
			if err != nil {
				t.Fatal(err)
			}
			b, err := d.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			same("offline, by a presentation", compact(t, b))
		})
	}
}

// TestWhatWasEndedOrRestoredIsNotReplayed: the log has each statement once, and what
// is submitted again changes nothing.
func TestWhatWasEndedOrRestoredIsNotReplayed(t *testing.T) {
	s := newJointSandbox(t)
	subject := attest.ApprovalSubject(registrytest.Varuna, us)
	old, ok := s.find(t, us, "approval-varuna")
	if !ok {
		t.Fatal("no approval")
	}
	revoke := s.Sign(registrytest.Event("revoke-1", us, subject, "approval-varuna", attest.Revoke, s.Clock.Now()))
	if r := s.post("/v1/statements", jose, string(revoke)); r.status != http.StatusOK {
		t.Fatalf("%s", r.body)
	}
	s.Clock.Add(time.Minute)
	again := func(name string, statement []byte, want policy.Result) {
		t.Run(name, func(t *testing.T) {
			size := s.size()
			r := s.post("/v1/statements", jose, string(statement))
			if got := decode[receipt](t, r); got.Index >= size || s.size() != size {
				t.Errorf("index %d, size %d, was %d", got.Index, s.size(), size)
			}
			s.Clock.Add(time.Minute)
			now := strings.Replace(request(""), "2026-01-05T09:00:00Z", s.Clock.Now().Format(time.RFC3339), 1)
			if d := decode[policy.Decision](t, s.post("/v1/check", jsonDoc, now)); d.Decision != want {
				t.Errorf("decided %s %v, want %s", d.Decision, d.Reasons, want)
			}
		})
	}
	again("31 the approval, after it was revoked", old, policy.DENY)
	s.MustSubmit(registrytest.Approval("approval-varuna-2", us, registrytest.Varuna, "IN"))
	s.Clock.Add(time.Minute)
	again("31 the revocation, after another approval", revoke, policy.PERMIT)
	again("31 the approval that was revoked, beside the other", old, policy.PERMIT)

	// Nor under the same jti with something else in it.
	next := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN")
	next.LegalName = "Another"
	refused(t, s.post("/v1/statements", jose, string(s.Sign(next))), 409, "conflict")
}

// find is a statement as it is logged.
func (s *server) find(t *testing.T, issuer, jti string) ([]byte, bool) {
	t.Helper()
	for leaf, err := range s.Leaves(0) {
		if err != nil {
			t.Fatal(err)
		}
		if u, err := attest.Parse(leaf); err == nil {
			if h := u.ClaimsUnsafe().Head(); h.Iss == issuer && h.JTI == jti {
				return leaf, true
			}
		}
	}
	return nil, false
}

// TestWhatIsConfidentialIsNotToBeHadFromTheRegister: not by asking for it, nor by
// how it answers whoever guesses.
func TestWhatIsConfidentialIsNotToBeHadFromTheRegister(t *testing.T) {
	s := newServer(t)
	a := registrytest.Approval("approval-varuna", us, registrytest.Varuna, "IN")
	a.LegalName, a.CaseNumber = "Secretive Deepsense", "CASE-4711"
	concealed, _, err := a.Conceal([]string{"/legal_name", "/case_number", "/approved_sites/0/address"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Submit(t.Context(), s.Sign(concealed)); err != nil {
		t.Fatal(err)
	}
	s.Clock.Add(time.Minute)
	for name, path := range map[string]string{
		"59 a search for its name":    "/v1/entities?q=Secretive+Deepsense",
		"59 a search for its case":    "/v1/entities?q=CASE-4711",
		"59 a search for its address": "/v1/entities?q=Visakhapatnam",
		"59 a search for its id":      "/v1/entities?q=999900VARUNADEEP0174",
		"59 the statement":            "/v1/statements/" + us + "/approval-varuna",
		"59 the history":              "/v1/history?subject=" + attest.ApprovalSubject(registrytest.Varuna, us),
		"59 all of an entity":         "/v1/entities/" + registrytest.Varuna,
		"59 what was logged":          "/v1/changes?since=0",
		"59 the leaves":               "/tile/entries/000.p/4",
	} {
		t.Run(name, func(t *testing.T) {
			r := s.get(path)
			if r.status != http.StatusOK {
				t.Fatalf("status %d: %s", r.status, r.body)
			}
			for _, secret := range []string{"Secretive", "CASE-4711", "Visakhapatnam"} {
				if bytes.Contains(r.body, []byte(secret)) {
					t.Errorf("it has %q: %s", secret, r.body)
				}
			}
			if strings.Contains(path, "q=") && !strings.Contains(path, "999900") {
				if got := decode[foundPage](t, r); len(got.Found) != 0 {
					t.Errorf("found %+v", got.Found)
				}
			}
		})
	}
	// A name that is nobody's is answered as the secret one is.
	secret, nobody := s.get("/v1/entities?q=Secretive+Deepsense"), s.get("/v1/entities?q=Unheard+Ofthing")
	if diff := cmp.Diff(string(nobody.body), string(secret.body)); diff != "" {
		t.Errorf("a secret name is told from one that is nobody's:\n%s", diff)
	}
}

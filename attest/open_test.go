package attest_test

import (
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/attest"
)

func TestOpenRefusesWhoMayNotSign(t *testing.T) {
	w := newWorld(t)
	revoke := event(attest.Revoke)
	indian := registration()
	indian.Iss, indian.Country = "in-dgft", "IN"
	unknown := registration()
	unknown.Iss = "fr-sbdu"
	elsewhere := registration()
	elsewhere.Aud = "register.example/other"

	reg := typ[attest.KindRegistration]
	for _, c := range []struct {
		name      string
		statement []byte
		want      string
	}{
		{"a key not in the root", sign(t, revoke, w.stranger), "key " + w.stranger.key.ID() + " is no key of authority us-bis"},
		{"a key not in the root beside enough", sign(t, revoke, w.alice, w.stranger), "is no key of authority us-bis"},
		{"another authority's key", sign(t, revoke, w.ravi), "is no key of authority us-bis"},
		{"another authority's key beside enough", sign(t, registration(), w.alice, w.bob, w.ravi), "is no key of authority us-bis"},
		{"for another authority", sign(t, indian, w.alice, w.bob), "is no key of authority in-dgft"},
		{"a root officer", sign(t, revoke, w.chief1), "is no key of authority us-bis"},
		{"nobody yet", sign(t, registration(), w.alice), "1 of the 2 officers whom authority us-bis needs for this have signed; 1 missing"},
		{"two keys of one officer", sign(t, registration(), w.alice, w.aliceSpare), "1 of the 2 officers"},
		{"a lift with the revoking threshold", sign(t, event(attest.Lift), w.alice), "1 of the 2 officers"},
		{"a compromised key", sign(t, revoke, w.lost), "is declared compromised"},
		{"a compromised key beside enough", sign(t, registration(), w.alice, w.bob, w.lost), "is declared compromised"},
		{"an unknown authority", sign(t, unknown, w.alice, w.bob), `/iss: "fr-sbdu" is no authority of this register`},
		{"for another register", sign(t, elsewhere, w.alice, w.bob), `/aud: is addressed to the register "register.example/other"; this one is "register.example/test"`},
		{"another key's signature", []byte(w.stranger.forge(t, header("EdDSA", w.alice.key.ID(), reg), payload(t, registration()))), "does not verify under key " + w.alice.key.ID()},
		{"the alg of the key's other type", []byte(w.alice.forge(t, header("ES256", w.alice.key.ID(), reg), payload(t, registration()))), "signs EdDSA only"},
		{"an ECDSA key as EdDSA", []byte(w.aliceSpare.forge(t, header("EdDSA", w.aliceSpare.key.ID(), reg), payload(t, registration()))), "signs ES256 only"},
		{"P-384 as P-256", []byte(w.bob.forge(t, header("ES256", w.bob.key.ID(), reg), payload(t, registration()))), "signs ES384 only"},
		{"an unknown kid", []byte(w.alice.forge(t, header("EdDSA", "alice", reg), payload(t, registration()))), "key alice is no key of authority us-bis"},
		{"no kid", []byte(w.alice.forge(t, header("EdDSA", "", reg), payload(t, registration()))), "is no key of authority us-bis"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := attest.Open(c.statement, w.root)
			wantRefusal(t, err, attest.Forbidden, c.want)
		})
	}
	_, err := attest.Open(sign(t, revoke, w.alice), nil)
	wantRefusal(t, err, attest.Forbidden, "no trust root")
}

func TestEverySignatureMustVerifyNeededOrNot(t *testing.T) {
	w := newWorld(t)
	lines := strings.Split(string(sign(t, event(attest.Revoke), w.alice, w.bob)), "\n")
	for i := range lines {
		bad := append([]string(nil), lines...)
		h, p, s := cut(bad[i])
		flipped := "A"
		if s[:1] == flipped {
			flipped = "B"
		}
		bad[i] = h + "." + p + "." + flipped + s[1:]
		_, err := attest.Open([]byte(strings.Join(bad, "\n")), w.root)
		wantRefusal(t, err, attest.Forbidden, "does not verify")
	}
}

func TestAnyChangedByteOfAStatementIsRefused(t *testing.T) {
	w := newWorld(t)
	good := sign(t, event(attest.Revoke), w.alice)
	for i := range good {
		for _, flip := range []byte{1, 0x20, 0x80} {
			bad := append([]byte(nil), good...)
			bad[i] ^= flip
			if _, err := attest.Open(bad, w.root); err == nil {
				t.Fatalf("byte %d changed from %q to %q and opened", i, good[i], bad[i])
			}
		}
	}
}

func TestOpenRefusesOutsideTheJurisdiction(t *testing.T) {
	w := newWorld(t)
	change := func(c attest.Claims) []byte { return sign(t, c, w.alice, w.bob) }
	foreign := registration()
	foreign.Country = "IN"
	country := entityApproval()
	country.Country = "US"
	programme := entityApproval()
	programme.Programme = "JCP"
	list := entityApproval()
	list.EligibleItems = []attest.Item{{List: "EU_DU", Entry: "5A001b1"}}
	sandbox := domainApproval()
	sandbox.Sub = "sandbox:SBX-OTHER"
	domainProgramme := domainApproval()
	domainProgramme.Programme = "JCP"
	caveat := domainApproval()
	caveat.Caveats = &attest.Limits{InScope: attest.Scope{"IN_SCOMET": {"6A001"}}}
	exclusion := domainApproval()
	exclusion.Caveats = &attest.Limits{Excluded: attest.Scope{"IN_SCOMET": {"6A001"}}}
	// What a version is allowed, the next one may overstep.
	amended := func(change func(*attest.EntityApproval)) *attest.EntityApproval {
		c := entityApproval()
		c.Supersedes, c.JTI = c.JTI, c.JTI+"-2"
		change(c)
		return c
	}
	amendedSandbox := domainApproval()
	amendedSandbox.Supersedes, amendedSandbox.JTI = amendedSandbox.JTI, amendedSandbox.JTI+"-2"
	amendedSandbox.Programme = "JCP"
	otherSandbox := domainApproval()
	otherSandbox.Sub, otherSandbox.Supersedes, otherSandbox.JTI = "sandbox:SBX-OTHER", otherSandbox.JTI, otherSandbox.JTI+"-2"

	for _, c := range []struct {
		name             string
		statement        []byte
		pointer, message string
	}{
		{"registering another country's entity", change(foreign), "/country", `country "IN" is outside the jurisdiction of authority us-bis (US)`},
		{"country", change(country), "/country", `country "US" is outside`},
		{"programme", change(programme), "/programme", `programme "JCP" is outside`},
		{"list", change(list), "/eligible_items/0/list", `list "EU_DU" is outside`},
		{"sandbox", change(sandbox), "/sub", `sandbox "SBX-OTHER" is outside`},
		{"programme of a sandbox", change(domainProgramme), "/programme", `programme "JCP" is outside`},
		{"list of a caveat", change(caveat), "/caveats/in_scope/IN_SCOMET", "is outside"},
		{"list of a caveat's exclusion", change(exclusion), "/caveats/excluded/IN_SCOMET", "is outside"},
		{"amending to another country", change(amended(func(c *attest.EntityApproval) { c.Country = "US" })), "/country", "is outside"},
		{"amending to another programme", change(amended(func(c *attest.EntityApproval) { c.Programme = "JCP" })), "/programme", "is outside"},
		{"amending to another list", change(amended(func(c *attest.EntityApproval) {
			c.EligibleItems = append(c.EligibleItems, attest.Item{List: "IN_SCOMET", Entry: "6A001"})
		})), "/eligible_items/2/list", "is outside"},
		{"amending to another sandbox", change(otherSandbox), "/sub", `sandbox "SBX-OTHER" is outside`},
		{"amending a sandbox to another programme", change(amendedSandbox), "/programme", "is outside"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := attest.Open(c.statement, w.root)
			wantProblem(t, err, attest.Forbidden, c.pointer, c.message)
		})
	}
	// India's authority is bounded in nothing but whom it registers.
	free := entityApproval()
	free.Iss, free.Sub, free.Country, free.Programme = "in-dgft", "entity:"+lei+"/in-dgft", "US", "JCP"
	if _, err := attest.Open(sign(t, free, w.ravi), w.root); err != nil {
		t.Error(err)
	}
}

func TestParseReadsAnybodysWord(t *testing.T) {
	w := newWorld(t)
	u, err := attest.Parse(sign(t, event(attest.Revoke), w.stranger))
	if err != nil {
		t.Fatal(err)
	}
	if u.ClaimsUnsafe().Head().JTI != "EV-1" {
		t.Errorf("read %+v", u.ClaimsUnsafe())
	}
	_, err = u.Open(w.root)
	wantRefusal(t, err, attest.Forbidden, "is no key of authority us-bis")
}

package policy_test

import (
	"testing"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

// after is a request at a time, with all that is ever logged known.
func after(effective string) ask {
	return ask{"effective_at": effective, "known_at": "2027-12-01T00:00:00Z"}
}

func TestR10EventsActFromEffectiveAt(t *testing.T) {
	for _, row := range []struct {
		typ  attest.EventType
		code string
	}{{attest.Suspend, "APPROVAL_SUSPENDED"}, {attest.Revoke, "APPROVAL_REVOKED"}, {attest.Withdraw, "APPROVAL_WITHDRAWN"}} {
		t.Run(string(row.typ), func(t *testing.T) {
			st := joint(t)
			st.event(row.typ, "TEA-US-0001", "2026-06-01")
			st.checks(
				t,
				check{"the last instant before", after("2026-05-31T23:59:59.999999999Z"), policy.PERMIT, ""},
				check{"the instant itself", after("2026-06-01T00:00:00Z"), policy.DENY, row.code},
				check{"with another failure", after("2026-06-01T00:00:00Z").with(ask{"destination_site": "BLR-1"}), policy.DENY, row.code + " SITE_NOT_APPROVED"},
				check{"another approval", after("2026-06-01T00:00:00Z").with(ask{"transferee": "corvus", "destination_site": "ADL-1"}), policy.PERMIT, ""},
			)
		})
	}
}

func TestR10Suspensions(t *testing.T) {
	const may, june, july = "2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z"
	stopped := func(name, at string) check { return check{name, after(at), policy.DENY, "APPROVAL_SUSPENDED"} }
	goes := func(name, at string) check { return check{name, after(at), policy.PERMIT, ""} }
	for _, row := range []struct {
		name   string
		events func(*stage)
		checks []check
	}{
		{
			"until", func(st *stage) { st.event(attest.Suspend, "TEA-US-0001", "2026-06-01", "2026-07-01") },
			[]check{stopped("the instant before its end", "2026-06-30T23:59:59Z"), goes("its end", july)},
		},
		{
			"a lift ends it from its own effective_at", func(st *stage) {
				st.event(attest.Suspend, "TEA-US-0001", "2026-05-01")
				st.event(attest.Lift, "TEA-US-0001", "2026-06-01")
			},
			[]check{stopped("begin", may), stopped("the instant before", "2026-05-31T23:59:59Z"), goes("the lift", june), goes("later", july)},
		},
		{
			"a lift before until", func(st *stage) {
				st.event(attest.Suspend, "TEA-US-0001", "2026-05-01", "2026-07-01")
				st.event(attest.Lift, "TEA-US-0001", "2026-06-01")
			},
			[]check{stopped("before the lift", "2026-05-31T23:59:59Z"), goes("the lift", june)},
		},
		{
			"until before a lift", func(st *stage) {
				st.event(attest.Suspend, "TEA-US-0001", "2026-05-01", "2026-06-01")
				st.event(attest.Lift, "TEA-US-0001", "2026-07-01")
			},
			[]check{goes("its end", june)},
		},
		{
			"at equal instants the later logged wins: a lift", func(st *stage) {
				st.event(attest.Suspend, "TEA-US-0001", "2026-06-01")
				st.event(attest.Lift, "TEA-US-0001", "2026-06-01")
			},
			[]check{goes("the instant", june), goes("later", july)},
		},
		{
			"at equal instants the later logged wins: a suspension", func(st *stage) {
				st.event(attest.Suspend, "TEA-US-0001", "2026-05-01")
				st.event(attest.Lift, "TEA-US-0001", "2026-06-01")
				st.event(attest.Suspend, "TEA-US-0001", "2026-06-01")
			},
			[]check{stopped("the instant", june), stopped("later", july)},
		},
		{
			"one logged after a lift stays, whenever it began", func(st *stage) {
				st.event(attest.Lift, "TEA-US-0001", "2026-06-01")
				st.event(attest.Suspend, "TEA-US-0001", "2026-05-01")
			},
			[]check{stopped("before", may), stopped("after the lift", july)},
		},
		{
			"one that begins after the lift stays", func(st *stage) {
				st.event(attest.Suspend, "TEA-US-0001", "2026-07-01")
				st.event(attest.Lift, "TEA-US-0001", "2026-06-01")
			},
			[]check{goes("before it begins", june), stopped("when it begins", july)},
		},
		{
			"a lift ends all that came before", func(st *stage) {
				st.event(attest.Suspend, "TEA-US-0001", "2026-05-01")
				st.event(attest.Suspend, "TEA-US-0001", "2026-05-15")
				st.event(attest.Lift, "TEA-US-0001", "2026-06-01")
			},
			[]check{stopped("both", "2026-05-20T00:00:00Z"), goes("neither", june)},
		},
		{
			"a lift of another approval", func(st *stage) {
				st.event(attest.Suspend, "TEA-US-0001", "2026-05-01")
				st.event(attest.Lift, "TEA-US-0003", "2026-05-01")
			},
			[]check{stopped("stays", june)},
		},
		{
			"superseding never lifts", func(st *stage) {
				st.event(attest.Suspend, "TEA-US-0001", "2026-05-01")
				st.entity("auth-us", "TEA-2", "varuna", "2026-06-01", "", "VTZ-1", supersedes[attest.EntityApproval]("TEA-US-0001"))
			},
			[]check{stopped("the old version", may), stopped("the new version", june)},
		},
		{
			"what is lifted on the new version is lifted on all", func(st *stage) {
				st.event(attest.Suspend, "TEA-US-0001", "2026-04-01")
				st.entity("auth-us", "TEA-2", "varuna", "2026-06-01", "", "VTZ-1", supersedes[attest.EntityApproval]("TEA-US-0001"))
				st.event(attest.Lift, "TEA-2", "2026-05-01")
			},
			[]check{stopped("before", "2026-04-30T00:00:00Z"), goes("the old version", may), goes("the new version", june)},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			st := joint(t)
			row.events(st)
			st.checks(t, row.checks...)
		})
	}
}

func TestR10RevocationIsFinalForTheWholeLineage(t *testing.T) {
	st := joint(t)
	st.event(attest.Revoke, "TEA-US-0001", "2026-06-01")
	st.event(attest.Lift, "TEA-US-0001", "2026-06-01")
	st.entity("auth-us", "TEA-2", "varuna", "2026-06-15", "", "VTZ-1", supersedes[attest.EntityApproval]("TEA-US-0001"))
	st.checks(
		t,
		check{"before", after("2026-05-31T23:59:59Z"), policy.PERMIT, ""},
		check{"nothing lifts it", after("2026-06-01T00:00:00Z"), policy.DENY, "APPROVAL_REVOKED"},
		check{"an event on the old version acts on the new one", after("2026-06-15T00:00:00Z"), policy.DENY, "APPROVAL_REVOKED"},
	)
	st.entity("auth-us", "TEA-3", "varuna", "2026-06-20", "", "VTZ-1")
	st.checks(t, check{"a new approval is another lineage", after("2026-06-20T00:00:00Z"), policy.PERMIT, ""})
}

func TestR10OneStatePerApprovalByPrecedence(t *testing.T) {
	st := joint(t)
	st.entity("auth-us", "TEA", "oriole", "2026-06-01", "2026-07-01", "SIN-1")
	st.entity("auth-in", "TEI", "oriole", "2026-01-01", "", "SIN-1")
	over := func(at string) ask { return after(at).with(ask{"transferee": "oriole", "destination_site": "SIN-1"}) }
	st.event(attest.Suspend, "TEA", "2026-01-01")
	st.checks(
		t,
		check{"not yet effective before suspended", over("2026-05-31T23:59:59Z"), policy.DENY, "APPROVAL_NOT_YET_EFFECTIVE"},
		check{"suspended", over("2026-06-01T00:00:00Z"), policy.DENY, "APPROVAL_SUSPENDED"},
		check{"expired before suspended", over("2026-07-01T00:00:00Z"), policy.DENY, "APPROVAL_EXPIRED"},
	)
	st.event(attest.Withdraw, "TEA", "2026-04-01")
	st.checks(
		t,
		check{"withdrawn before not yet effective", over("2026-04-01T00:00:00Z"), policy.DENY, "APPROVAL_WITHDRAWN"},
		check{"withdrawn before expired", over("2026-07-01T00:00:00Z"), policy.DENY, "APPROVAL_WITHDRAWN"},
	)
	st.event(attest.Revoke, "TEA", "2026-06-15")
	st.checks(
		t,
		check{"withdrawn while not revoked", over("2026-06-14T23:59:59Z"), policy.DENY, "APPROVAL_WITHDRAWN"},
		check{"revoked before withdrawn", over("2026-06-15T00:00:00Z"), policy.DENY, "APPROVAL_REVOKED"},
	)
}

func TestR12BackdatedEvents(t *testing.T) {
	t.Run("to the instant", func(t *testing.T) {
		st := joint(t)
		st.at("2026-05-15").event(attest.Suspend, "TEA-US-0001", "2026-04-01", "2026-07-01")
		st.checks(
			t,
			check{"the act at its effect", after("2026-04-01T00:00:00Z"), policy.DENY, "APPROVAL_SUSPENDED RETROACTIVE_STATUS_CHANGE"},
			check{"the act before it", after("2026-03-31T23:59:59Z"), policy.PERMIT, ""},
			check{"the act just before it was logged", after("2026-05-14T23:59:59Z"), policy.DENY, "APPROVAL_SUSPENDED RETROACTIVE_STATUS_CHANGE"},
			check{"the act when it was logged", after("2026-05-15T00:00:00Z"), policy.DENY, "APPROVAL_SUSPENDED"},
			check{"with another failure", after("2026-04-01T00:00:00Z").with(ask{"end_use": nil}), policy.DENY, "APPROVAL_SUSPENDED MISSING_FACT RETROACTIVE_STATUS_CHANGE"},
		)
	})
	t.Run("of a domain approval", func(t *testing.T) {
		st := joint(t)
		st.at("2026-05-15").event(attest.Withdraw, "PDA-IN-UC", "2026-04-01")
		st.checks(t, check{"backdated", after("2026-05-04T09:00:00Z"), policy.DENY, "APPROVAL_WITHDRAWN AUTHORITY_CONCURRENCE_MISSING RETROACTIVE_STATUS_CHANGE"})
	})
	t.Run("the reason points at the event that was backdated", func(t *testing.T) {
		st := joint(t)
		st.at("2026-04-01").event(attest.Revoke, "TEA-US-0001", "2026-04-01")
		backdated := st.at("2026-05-15").event(attest.Revoke, "TEA-US-0001", "2026-04-15")
		d := st.check(t, check{"one of two", after("2026-05-04T09:00:00Z"), policy.DENY, "APPROVAL_REVOKED RETROACTIVE_STATUS_CHANGE"})
		if got := d.Reasons[1].Statement.Index; got != backdated {
			t.Errorf("RETROACTIVE_STATUS_CHANGE rests on the statement at %d, want %d", got, backdated)
		}
		if got := d.Reasons[0].Statement.Index; got == backdated {
			t.Error("APPROVAL_REVOKED rests on the later revocation, want the earlier in legal time")
		}
	})
	t.Run("behind a state that is not reported", func(t *testing.T) {
		st := joint(t)
		st.at("2026-04-01").event(attest.Revoke, "TEA-US-0001", "2026-04-01")
		st.at("2026-05-15").event(attest.Suspend, "TEA-US-0001", "2026-04-01")
		st.checks(t, check{"is not said", after("2026-05-04T09:00:00Z"), policy.DENY, "APPROVAL_REVOKED"})
	})
}

func TestKnownAtHidesWhatWasLoggedLater(t *testing.T) {
	st := joint(t)
	st.at("2026-05-10").event(attest.Revoke, "TEA-US-0001", "2026-05-01")
	e := ask{"E": "2026-06-01T00:00:00Z"}
	st.checks(
		t,
		check{"known before it was logged", e.with(ask{"known_at": "2026-05-09T23:59:59Z"}), policy.PERMIT, ""},
		check{"known when it was logged", e.with(ask{"known_at": "2026-05-10T00:00:00Z"}), policy.DENY, "APPROVAL_REVOKED RETROACTIVE_STATUS_CHANGE"},
		check{"known at E", e.with(ask{"known_at": "2026-06-01T00:00:00Z"}), policy.DENY, "APPROVAL_REVOKED RETROACTIVE_STATUS_CHANGE"},
		check{"nothing was known before the first root", e.with(ask{"known_at": "2025-11-30T00:00:00Z"}), policy.DENY, "AUTHORITY_CONCURRENCE_MISSING"},
	)
	t.Run("evidence in hand at E is known at E", func(t *testing.T) {
		// E may lag behind the last batch, never the other way round.
		req := ask{"known_at": "2026-05-05T00:00:00Z", "checked_at": "2026-05-05T00:00:00Z"}.request(t)
		set := st.prove(req, date("2026-06-01"))
		set.Fresh = date("2026-05-05")
		d, err := policy.Decide(req, set, times(req))
		if err != nil || d.Permitted() {
			t.Errorf("Decide = %v, %v; want a DENY by what the evidence shows", d, err)
		}
	})
}

func TestR16Freshness(t *testing.T) {
	st := joint(t)
	st.checks(
		t,
		check{"exactly as old as is accepted", ask{"E": "2026-05-03T09:00:00Z"}, policy.PERMIT, ""},
		check{"a nanosecond older", ask{"E": "2026-05-03T08:59:59.999999999Z"}, policy.REFER, "STATUS_STALE"},
		check{"the smaller of known_at and checked_at counts", ask{"E": "2026-05-03T09:00:00Z", "checked_at": "2026-08-01T00:00:00Z"}, policy.PERMIT, ""},
		check{"and the other way round", ask{"E": "2026-05-03T09:00:00Z", "known_at": "2026-08-01T00:00:00Z", "checked_at": "2026-05-04T09:00:00Z"}, policy.PERMIT, ""},
		check{"known long after E", ask{"E": "2026-05-03T09:00:00Z", "known_at": "2026-05-04T09:00:01Z"}, policy.REFER, "STATUS_STALE"},
		check{"fresher than asked", ask{"E": "2026-08-01T00:00:00Z", "known_at": "2026-05-04T09:00:00Z"}, policy.PERMIT, ""},
		check{"with a failure", ask{"E": "2026-05-01T00:00:00Z", "destination_site": "BLR-1"}, policy.DENY, "SITE_NOT_APPROVED STATUS_STALE"},
	)
	d := st.check(t, check{"times", ask{"E": "2026-05-03T12:00:00Z"}, policy.PERMIT, ""})
	if !d.ProvenUntil.Time().Equal(date("2026-05-03T12:00:00Z")) || !d.RecheckBy.Time().Equal(date("2026-05-04T12:00:00Z")) {
		t.Errorf("proven until %v, recheck by %v", d.ProvenUntil, d.RecheckBy)
	}
	d = st.check(t, check{"times", ask{"E": "2026-06-01T00:00:00Z", "known_at": "2026-05-04T09:00:00Z"}, policy.PERMIT, ""})
	if !d.ProvenUntil.Time().Equal(date("2026-05-04T09:00:00Z")) {
		t.Errorf("proven until %v, want known_at", d.ProvenUntil)
	}
}

func TestR20CompromisedKeys(t *testing.T) {
	// Here, granting needs both officers and revoking one.
	stage := func(t *testing.T) *stage {
		st := parties(t, 2)
		st.domain("auth-us", "PDA-US-UC", "SBX-UCOMMS", "2026-02-01", "2027-02-01", ucomms())
		st.domain("auth-in", "PDA-IN-UC", "SBX-UCOMMS", "2026-02-15", "2027-02-01", ucomms())
		return st
	}
	t.Run("voids from its index on, and not before", func(t *testing.T) {
		st := stage(t)
		before := st.entity("auth-us", "T1", "oriole", "2026-01-01", "", "SIN-1")
		st.entity("auth-in", "T2", "oriole", "2026-01-01", "", "SIN-1")
		over := ask{"transferee": "oriole", "destination_site": "SIN-1"}
		st.checks(t, check{"good", over, policy.PERMIT, ""})
		st.at("2026-03-01").compromised("auth-us", 1, before+1)
		st.checks(t, check{"logged before the index", over, policy.PERMIT, ""})
		st.at("2026-04-01").compromised("auth-us", 1, before)
		st.checks(
			t,
			check{"logged at the index", over, policy.DENY, "ENTITY_NOT_APPROVED"},
			check{"what was logged earlier stands", nil, policy.PERMIT, ""},
			check{"not yet known", over.with(ask{"known_at": "2026-03-31T23:59:59Z"}), policy.PERMIT, ""},
			check{"with another failure", over.with(ask{"end_use": nil}), policy.DENY, "ENTITY_NOT_APPROVED MISSING_FACT"},
		)
	})
	t.Run("a revocation needs one officer who is left", func(t *testing.T) {
		st := stage(t)
		lone := st.eventBy([]int{0}, attest.Revoke, "TEA-US-0001", "2026-03-01")
		st.checks(t, check{"revoked", nil, policy.DENY, "APPROVAL_REVOKED"})
		st.compromised("auth-us", 0, lone)
		st.checks(t, check{"by a stolen key: void", nil, policy.PERMIT, ""})

		st = stage(t)
		both := st.eventBy([]int{0, 1}, attest.Revoke, "TEA-US-0001", "2026-03-01")
		st.compromised("auth-us", 0, both)
		st.checks(t, check{"the other signature stands", nil, policy.DENY, "APPROVAL_REVOKED"})
	})
	t.Run("a lift that is void lifts nothing", func(t *testing.T) {
		st := stage(t)
		st.event(attest.Suspend, "TEA-US-0001", "2026-03-01")
		lift := st.event(attest.Lift, "TEA-US-0001", "2026-04-01")
		st.checks(t, check{"lifted", nil, policy.PERMIT, ""})
		st.compromised("auth-us", 1, lift)
		st.checks(t, check{"not lifted", nil, policy.DENY, "APPROVAL_SUSPENDED"})
	})
	t.Run("a registration that is void exempts nobody", func(t *testing.T) {
		st := stage(t)
		reg := st.register("auth-us", "REG-2", "oriole")
		st.entity("auth-in", "T2", "oriole", "2026-01-01", "", "SIN-1")
		over := ask{"transferee": "oriole", "destination_site": "SIN-1"}
		st.checks(t, check{"registered", over, policy.PERMIT, ""})
		st.compromised("auth-us", 1, reg)
		st.checks(t, check{"void", over, policy.DENY, "ENTITY_NOT_APPROVED"})
	})
	t.Run("a new version that is void leaves the old one", func(t *testing.T) {
		st := stage(t)
		v2 := st.entity("auth-us", "V2", "varuna", "2026-04-01", "", "BLR-1", supersedes[attest.EntityApproval]("TEA-US-0001"))
		st.checks(t, check{"the new one", nil, policy.DENY, "SITE_NOT_APPROVED"})
		st.compromised("auth-us", 1, v2)
		st.checks(t, check{"the old one", nil, policy.PERMIT, ""})
	})
	t.Run("what was said of a void version holds for its re-issue", func(t *testing.T) {
		st := stage(t)
		v1 := st.entity("auth-us", "V1", "oriole", "2026-01-01", "", "SIN-1")
		st.entity("auth-in", "W1", "oriole", "2026-01-01", "", "SIN-1")
		st.event(attest.Suspend, "V1", "2026-03-01", "2026-06-01")
		// The one officer who is left cannot grant: a second key is not stolen.
		r := *st.rootNow
		fresh := newOfficer("auth-us/o3")
		st.officers["auth-us"] = append(st.officers["auth-us"], fresh)
		for i := range r.Authorities {
			if r.Authorities[i].ID == "auth-us" {
				r.Authorities[i].Officers = append(r.Authorities[i].Officers, attest.Officer{ID: "o3", Keys: []attest.JWK{fresh.jwk}})
			}
		}
		st.rootNow = &r
		st.compromised("auth-us", 1, v1)
		a := &attest.EntityApproval{
			Common: attest.Common{Iss: "auth-us", Sub: attest.ApprovalSubject(idOf("oriole"), "auth-us"), JTI: "V2"},
			Grant:  interval("2026-01-01", ""), VCT: attest.VCT, LegalName: "oriole", Country: "SG", LegalEffect: attest.Authorization,
			ApprovedSites: []attest.Site{{ID: "SIN-1", Address: "1 Harbour", Country: "SG"}},
		}
		a.Supersedes = "V1"
		st.log(a, 0, 2)
		over := ask{"transferee": "oriole", "destination_site": "SIN-1"}
		st.checks(
			t,
			check{"suspended", over, policy.DENY, "APPROVAL_SUSPENDED"},
			check{"to its end", over.with(ask{"effective_at": "2026-06-01T00:00:00Z"}), policy.PERMIT, ""},
		)
	})
	t.Run("a void first approval does not fix who must concur", func(t *testing.T) {
		st := parties(t, 2)
		first := st.domain("auth-us", "STOLEN", "SBX-UCOMMS", "2026-01-01", "", single())
		st.checks(t, check{"one alone", ask{"transferee": "sagarnet", "destination_site": "COK-1"}, policy.PERMIT, ""})
		st.compromised("auth-us", 1, first)
		st.checks(t, check{"void", ask{"transferee": "sagarnet", "destination_site": "COK-1"}, policy.DENY, "AUTHORITY_CONCURRENCE_MISSING"})
		st.domain("auth-in", "P1", "SBX-UCOMMS", "2026-01-01", "", ucomms())
		st.checks(t, check{"the next one fixes it", nil, policy.DENY, "AUTHORITY_CONCURRENCE_MISSING"})
	})
}

package policy_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

// A move is something that happens on a stage; each is logged at its own time.
type move struct {
	what string
	do   func(*stage)
}

// months are few, so that equal instants come up.
var months = []string{"2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01", "2026-06-01"}

// A script is a stage to be: terms, who must concur, and moves.
type script struct {
	narrow []func(*attest.Terms)
	k      int64
	moves  []move
	// jtis are what events can target.
	jtis []string
	// newest is the newest version of each authority's first approval.
	newest map[string]string
	// approvals are those of entities, registrations what else is said of them.
	approvals, registrations []string
}

func (s *script) add(what string, do func(*stage)) { s.moves = append(s.moves, move{what, do}) }

// play logs the moves, a day apart.
func (s *script) play(t tb) *stage { return s.altered(t, nil) }

// altered plays with statements that are changed before they are signed.
func (s *script) altered(t tb, alter func(attest.Claims)) *stage {
	st := newStage(t, 1)
	st.alter = alter
	for i, m := range s.moves {
		st.clock = date("2026-01-01").AddDate(0, 0, i*5)
		m.do(st)
	}
	return st
}

func (s *script) String() string {
	var lines []string
	for _, m := range s.moves {
		lines = append(lines, m.what)
	}
	return strings.Join(lines, "\n")
}

func (s *script) terms(variant int) attest.Terms {
	t := three(s.k, s.narrow...)
	if variant > 0 {
		t.AllowedEndUses = t.AllowedEndUses[:min(len(t.AllowedEndUses), 1+variant%2)]
	}
	// Whatever they are narrowed to, terms that differ go on to differ.
	t.MaxClassification = []attest.Level{"UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL"}[variant]
	return t
}

// anyScript has approvals that would permit, most of the time, and whatever
// comes after them.
func anyScript(t *rapid.T) *script {
	s := &script{k: rapid.Int64Range(1, 3).Draw(t, "k")}
	for _, a := range []string{"auth-us", "auth-in", "auth-au"} {
		s.domain(t, a, "", 0, "2026-01-01")
		for _, e := range []string{"halcyon", "varuna"} {
			s.party(t, a, e, rapid.IntRange(0, 3).Draw(t, "registered") == 0)
		}
	}
	for range rapid.IntRange(0, 8).Draw(t, "moves") {
		s.anyMove(t)
	}
	return s
}

func (s *script) domain(t *rapid.T, authority, before string, variant int, from string) {
	jti := fmt.Sprintf("D%d", len(s.moves))
	until := rapid.SampledFrom([]string{"", "", "2026-12-01", "2026-05-01"}).Draw(t, "until")
	if until <= from {
		until = ""
	}
	var with []func(*attest.DomainApproval)
	if before != "" {
		with = append(with, supersedes[attest.DomainApproval](before))
	}
	if rapid.IntRange(0, 2).Draw(t, "caveat") == 0 {
		with = append(with, caveats(attest.Limits{AllowedEndUses: []string{"sea_trial"}}))
	}
	effect := rapid.SampledFrom([]attest.LegalEffect{attest.Authorization, attest.Authorization, attest.PolicyBaseline}).Draw(t, "effect")
	with = append(with, func(d *attest.DomainApproval) { d.LegalEffect = effect })
	s.add(fmt.Sprintf("%s approves the sandbox as %s after %q from %s to %q, terms %d, %s", authority, jti, before, from, until, variant, effect), func(st *stage) {
		st.domain(authority, jti, "SBX-UCOMMS", from, until, s.terms(variant), with...)
	})
	s.jtis = append(s.jtis, jti)
	if s.newest == nil {
		s.newest = make(map[string]string)
	}
	if s.newest[authority] == before {
		s.newest[authority] = jti
	}
}

func (s *script) party(t *rapid.T, authority, entity string, registered bool) {
	jti := fmt.Sprintf("E%d", len(s.moves))
	if registered {
		var with []func(*attest.Registration)
		if rapid.Bool().Draw(t, "alias") {
			with = append(with, func(r *attest.Registration) { r.Identifiers = []string{"cin:U26515AP2019PTC098765"} })
		}
		s.add(fmt.Sprintf("%s registers %s as %s", authority, entity, jti), func(st *stage) { st.register(authority, jti, entity, with...) })
		s.registrations = append(s.registrations, jti)
	} else {
		effect := rapid.SampledFrom([]attest.LegalEffect{attest.Authorization, attest.Authorization, attest.Eligibility, attest.PolicyBaseline}).Draw(t, "effect")
		sites := rapid.SampledFrom([]string{"VTZ-1", "VTZ-1", "VTZ-1 BLR-1", "BLR-1"}).Draw(t, "sites")
		from := rapid.SampledFrom(months[:3]).Draw(t, "from")
		until := rapid.SampledFrom([]string{"", "", "2026-04-15"}).Draw(t, "until")
		suspends := rapid.Bool().Draw(t, "suspended by a change of control")
		s.add(fmt.Sprintf("%s approves %s as %s at %s from %s to %q, %s, suspended %t", authority, entity, jti, sites, from, until, effect, suspends), func(st *stage) {
			st.entity(authority, jti, entity, from, until, sites, func(a *attest.EntityApproval) {
				a.LegalEffect = effect
				if suspends {
					a.Conditions = &attest.Conditions{ChangeOfControl: attest.AutoSuspend}
				}
				if until != "" {
					a.ExpirySavings = []attest.Savings{{Kind: attest.WindDown, Until: numeric(date("2026-06-15"))}}
				}
			})
		})
		s.approvals = append(s.approvals, jti)
	}
	s.jtis = append(s.jtis, jti)
}

func (s *script) event(t *rapid.T, typ attest.EventType, target, at string) {
	var savings []attest.Savings
	if typ.Revokes() {
		savings = rapid.SampledFrom([][]attest.Savings{
			nil, nil,
			{{Kind: attest.InTransit, DeliverBefore: numeric(date("2026-05-15"))}},
			{{Kind: attest.WindDown, Until: numeric(date("2026-06-15"))}},
		}).Draw(t, "savings")
	}
	s.add(fmt.Sprintf("%s %s from %s, %v", typ, target, at, savings), func(st *stage) {
		st.eventWith(typ, target, at, func(e *attest.Event) { e.Savings = savings })
	})
}

// happens is an event on an entity.
func (s *script) happens(t *rapid.T, authority, from string) {
	typ := rapid.SampledFrom([]attest.EntityEventType{attest.Rename, attest.Merger, attest.ChangeOfControl, attest.ChangeOfControl}).Draw(t, "happening")
	who := rapid.SampledFrom([]string{"halcyon", "varuna"}).Draw(t, "to")
	s.add(fmt.Sprintf("%s: %s of %s from %s", authority, typ, who, from), func(st *stage) { st.happens(authority, typ, who, from) })
}

func (s *script) pass(t *rapid.T, from string) {
	if len(s.approvals) == 0 {
		return
	}
	target := rapid.SampledFrom(s.approvals).Draw(t, "passes on")
	to := rapid.SampledFrom([]string{"halcyon", "varuna", "corvus"}).Draw(t, "to")
	s.add(fmt.Sprintf("%s passes to %s from %s", target, to, from), func(st *stage) { st.succession(target, to, from) })
}

func (s *script) anyMove(t *rapid.T) {
	authority := rapid.SampledFrom([]string{"auth-us", "auth-in", "auth-au"}).Draw(t, "authority")
	from := rapid.SampledFrom(months).Draw(t, "from")
	switch rapid.IntRange(0, 7).Draw(t, "move") {
	case 0:
		// Each authority's first approval, and what has superseded it.
		s.domain(t, authority, s.newest[authority], rapid.IntRange(0, 2).Draw(t, "variant"), from)
	case 1:
		s.domain(t, authority, "", rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "variant"), from)
	case 2:
		s.party(t, authority, rapid.SampledFrom([]string{"halcyon", "varuna"}).Draw(t, "entity"), rapid.IntRange(0, 3).Draw(t, "registered") == 0)
	case 3:
		s.happens(t, authority, from)
	case 4:
		s.pass(t, from)
	default:
		typ := rapid.SampledFrom([]attest.EventType{attest.Suspend, attest.Lift, attest.Revoke, attest.Withdraw}).Draw(t, "event")
		s.event(t, typ, rapid.SampledFrom(s.jtis).Draw(t, "target"), from)
	}
}

// anyAsk is a request that most scripts permit, at some time.
func anyAsk(t *rapid.T) ask {
	pick := func(label string, vs ...any) any { return rapid.SampledFrom(vs).Draw(t, label) }
	return ask{
		"effective_at":         rapid.SampledFrom(months).Draw(t, "effective_at") + "T00:00:00Z",
		"known_at":             "2027-01-01T00:00:00Z",
		"transferee":           pick("transferee", "varuna", "varuna", "varuna", "cin:U26515AP2019PTC098765"),
		"destination_site":     pick("site", "VTZ-1", "VTZ-1", "BLR-1", nil),
		"end_use":              pick("end_use", "sea_trial", "sea_trial", "joint_challenge_prototype", nil),
		"item":                 pick("item", item("US_CCL", "5A001.b.1"), item("US_CCL", "5A001.b.1.a"), item("US_CCL", "5E001"), item("US_CCL", "5A001.b")),
		"value":                pick("value", usd("1"), usd("250000"), usd("250001")),
		"person_nationalities": pick("people", []string{}, []string{}, []string{"US", "BR"}),
		"laden_at":             pick("laden", nil, "2026-01-15T00:00:00Z"),
		"contract_signed_at":   pick("signed", nil, "2026-01-15T00:00:00Z"),
	}
}

// Only the end of a registration may lift a BASELINE_ONLY: the authority's approval of the
// same party is relied on then, which may be more than a policy baseline (docs/rules.md).
func TestAnAddedRevocationNeverPermits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, over := anyScript(t), anyAsk(t)
		before := s.play(t).decide(over)
		typ := rapid.SampledFrom([]attest.EventType{attest.Revoke, attest.Withdraw, attest.Suspend}).Draw(t, "added")
		target := rapid.SampledFrom(s.jtis).Draw(t, "added to")
		s.event(t, typ, target, rapid.SampledFrom(months).Draw(t, "added from"))
		after := s.play(t).decide(over)
		if !after.Permitted() || before.Permitted() {
			return
		}
		if baseline := !slices.ContainsFunc(before.Reasons, func(r policy.Reason) bool {
			return r.Code != policy.BaselineOnly && r.Code.Class() != policy.Info
		}); !baseline || !slices.Contains(s.registrations, target) {
			t.Fatalf("what was %s for %v is permitted after\n%v", before.Decision, before.Reasons, s)
		}
	})
}

// The approval of a party that its own authority has registered comes to bear when the
// registration ends, and not before.
func TestR17TheEndOfARegistrationMayLiftABaseline(t *testing.T) {
	st := newStage(t, 1)
	baseline := func(a *attest.EntityApproval) { a.LegalEffect = attest.PolicyBaseline }
	st.domain("auth-us", "PDA", "SBX-UCOMMS", "2026-01-01", "", single(), func(d *attest.DomainApproval) { d.LegalEffect = attest.PolicyBaseline })
	st.entity("auth-us", "T1", "halcyon", "2026-01-01", "", "NPT-1", baseline)
	st.entity("auth-us", "T2", "varuna", "2026-01-01", "", "VTZ-1", func(a *attest.EntityApproval) { a.LegalEffect = attest.Eligibility })
	decides(t, st, ask{}, policy.PERMIT)
	st.register("auth-us", "REG", "varuna")
	if d := decides(t, st, ask{}, policy.REFER); !slices.Contains(d.Codes(), policy.BaselineOnly) {
		t.Errorf("reasons %v, want %s", d.Codes(), policy.BaselineOnly)
	}
	st.event(attest.Revoke, "REG", "2026-02-01")
	decides(t, st, ask{}, policy.PERMIT)
	st.event(attest.Revoke, "T2", "2026-02-01")
	decides(t, st, ask{}, policy.DENY)
}

func TestNarrowerTermsNeverPermitMore(t *testing.T) {
	narrowings := map[string]func(*attest.Terms){
		"a narrower entry":   func(t *attest.Terms) { t.InScope = attest.Scope{"US_CCL": {"5A001.b.1.a", "5E001"}} },
		"a list less":        func(t *attest.Terms) { t.InScope = attest.Scope{"IN_SCOMET": t.InScope["IN_SCOMET"]} },
		"an exclusion":       func(t *attest.Terms) { t.Excluded = attest.Scope{"US_CCL": {"5A001.b.1.a"}} },
		"an exclusion above": func(t *attest.Terms) { t.Excluded = attest.Scope{"US_CCL": {"5A001"}} },
		"an end use less":    func(t *attest.Terms) { t.AllowedEndUses = []string{"joint_challenge_prototype"} },
		"an activity":        func(t *attest.Terms) { t.Activities = []string{"repair"} },
		"a prohibited nationality": func(t *attest.Terms) {
			t.Nationality = &attest.Nationality{Permitted: []string{"IN"}, Prohibited: []string{"BR"}}
		},
		"a lower ceiling": func(t *attest.Terms) {
			t.Value = &attest.ValueCeiling{Currency: "USD", PerTransaction: "249999.99", Cumulative: "1"}
		},
		"another ceiling": func(t *attest.Terms) { t.Quantity = &attest.QuantityCeiling{Unit: "piece", PerTransaction: "1"} },
	}
	names := slices.Sorted(func(yield func(string) bool) {
		for n := range narrowings {
			if !yield(n) {
				return
			}
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		s, over := anyScript(t), anyAsk(t)
		wide := s.play(t).decide(over)
		name := rapid.SampledFrom(names).Draw(t, "narrower by")
		s.narrow = append(s.narrow, narrowings[name])
		if narrow := s.play(t).decide(over); narrow.Permitted() && !wide.Permitted() {
			t.Fatalf("with %s it is permitted, what was %s for %v\n%v", name, wide.Decision, wide.Reasons, s)
		}
	})
}

func TestTheOrderOfIndependentStatementsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &script{k: rapid.Int64Range(1, 3).Draw(t, "k")}
		// One statement for each subject and authority: none of them speaks of
		// another.
		for _, a := range []string{"auth-us", "auth-in", "auth-au"} {
			s.domain(t, a, "", 0, rapid.SampledFrom(months).Draw(t, "from"))
			for _, e := range []string{"halcyon", "varuna"} {
				s.party(t, a, e, rapid.IntRange(0, 3).Draw(t, "registered") == 0)
			}
		}
		over := anyAsk(t)
		first := s.play(t).decide(over)
		seed := rapid.Uint64().Draw(t, "order")
		rand.New(rand.NewPCG(seed, seed)).Shuffle(len(s.moves), func(i, j int) { s.moves[i], s.moves[j] = s.moves[j], s.moves[i] })
		second := s.play(t).decide(over)
		if diff := cmp.Diff(codes(first), codes(second)); diff != "" || first.Decision != second.Decision {
			t.Fatalf("%s, then %s in the order\n%v\n%s", first.Decision, second.Decision, s, diff)
		}
	})
}

func TestWhatWasKnownThenIsDecidedAsThen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, over := anyScript(t), anyAsk(t)
		st := s.play(t)
		then := rapid.SampledFrom(months).Draw(t, "known_at") + "T00:00:00Z"
		over["known_at"], over["checked_at"] = then, then
		given := st.decide(over.with(ask{"E": then}))
		now := st.decide(over.with(ask{"E": "2027-01-01T00:00:00Z"}))
		if diff := cmp.Diff(given.Reasons, now.Reasons); diff != "" || given.Decision != now.Decision {
			t.Fatalf("given then %s, now %s\n%v\n%s", given.Decision, now.Decision, s, diff)
		}
		if diff := cmp.Diff(given.ReliedOn, now.ReliedOn); diff != "" {
			t.Fatalf("relied on (-then +now):\n%s", diff)
		}
	})
}

func TestTheSameInputsGiveTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, over := anyScript(t), anyAsk(t)
		var texts [2][]byte
		for i := range texts {
			var err error
			if texts[i], err = s.play(t).decide(over).Marshal(); err != nil {
				t.Fatalf("marshal: %v", err)
			}
		}
		if !bytes.Equal(texts[0], texts[1]) {
			t.Fatalf("two decisions:\n%s\n%s", texts[0], texts[1])
		}
	})
}

// A permit is never without approvals to rest on, and never beside a reason
// that denies or refers.
func TestAPermitHasWhatItNeeds(t *testing.T) {
	permits := 0
	rapid.Check(t, func(t *rapid.T) {
		s, over := anyScript(t), anyAsk(t)
		d := s.play(t).decide(over)
		if !d.Permitted() {
			if len(d.Reasons) == 0 {
				t.Fatalf("%s without a reason", d.Decision)
			}
			return
		}
		permits++
		for _, r := range d.Reasons {
			if r.Class != policy.Info {
				t.Fatalf("permitted beside %v", r)
			}
		}
		domains := 0
		for _, r := range d.ReliedOn {
			if r.Party == "" {
				domains++
			}
		}
		if int64(domains) < s.k || len(d.ReliedOn) != 3*domains {
			t.Fatalf("permitted on %v where %d authorities must concur", d.ReliedOn, s.k)
		}
	})
	if permits == 0 && !testing.Short() { // rapid draws a fifth then
		t.Error("no script permits: the properties above show nothing")
	}
}

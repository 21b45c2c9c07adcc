package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// decide measures decisions on warm histories beside general engines that decide
// an equivalent rule set on the same facts, all in one process.
func decide(ctx context.Context, b *bench) error {
	saying("decide: %s", strings.Join(deciderNames(), ", "))
	out, err := isolated[decideOutput](ctx, "decide", decideInput{b.turns, b.turn})
	if err != nil {
		return err
	}
	nanos := func(c cost) float64 { return c.Nanos }
	allocs := func(c cost) float64 { return c.Allocs }
	const joint = "a joint check of two parties, "
	permitted, denied := out.Costs[permittedScene], out.Costs[deniedScene]
	b.report.add(Row{
		Section: "decide", What: joint + "permitted", Unit: Nanos, Value: statOf(column(permitted[mine], nanos)...),
	}, &goalDecide)
	beside := func(what string, unit Unit, costs map[string][]cost, figure func(cost) float64, peer string, g *goal) {
		own, others := column(costs[mine], figure), column(costs[peer], figure)
		o := statOf(others...)
		row := Row{
			Section: "decide", What: joint + what, Unit: unit, Value: statOf(own...),
			Beside: out.Versions[peer], BesideOf: &o, BesideIn: unit,
		}
		// Nothing is no measure.
		if o.Min > 0 {
			r := ratios(own, others)
			row.Ratio = &r
		}
		b.report.add(row, g)
	}
	for _, p := range peers {
		beside("permitted", Nanos, permitted, nanos, p.name, p.goal)
	}
	for _, p := range peers {
		beside("denied for its site", Nanos, denied, nanos, p.name, nil)
	}
	for _, p := range peers {
		beside("permitted, allocations", Allocs, permitted, allocs, p.name, nil)
	}
	return nil
}

// A decider decides scenes: ours, or a peer.
type decider struct {
	name string
	// module is its Go module, of which the version is told.
	module string
	goal   *goal
	// prepare compiles the rules and converts what a caller converts once: what
	// it returns is timed, and says whether the act is permitted.
	prepare func(*scene) (func() (bool, error), error)
}

// mine is the name of what is compared with the peers.
const mine = "Decide"

var peers = []decider{
	{"cedar-go", "github.com/cedar-policy/cedar-go", nil, prepareCedar},
	{"cel-go", "cel.dev/cel-go", &goalDecideCEL, prepareCEL},
	{"OPA", "github.com/open-policy-agent/opa", &goalDecideOPA, prepareOPA},
}

// deciders are all of them, in the order of their turns.
var deciders = append([]decider{{name: mine, prepare: prepareOurs}}, peers...)

func deciderNames() (out []string) {
	for _, d := range deciders {
		out = append(out, d.name)
	}
	return out
}

// version names a decider with the version of its module.
func (d decider) version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == d.module {
				return d.name + " " + m.Version
			}
		}
	}
	return d.name
}

// prepareOurs proves the histories of the scene and reads them once, and checks
// the request; it decides on them.
func prepareOurs(s *scene) (func() (bool, error), error) {
	set, err := s.prove()
	if err != nil {
		return nil, err
	}
	q, err := policy.Ask(s.request())
	if err != nil {
		return nil, err
	}
	histories := policy.Read(set)
	at := policy.Times{EffectiveAt: s.at, KnownAt: s.checked, CheckedAt: s.checked}
	return func() (bool, error) {
		d, err := histories.Decide(q, at)
		return d.Permitted(), err
	}, nil
}

type decideInput struct {
	Turns int
	Turn  time.Duration
}

type decideOutput struct {
	// Costs are those of each turn, by scene and decider.
	Costs map[string]map[string][]cost
	// Versions are the deciders' names with their versions.
	Versions map[string]string
}

// A cost is that of one decision. Nanos is processor time, of which other
// programs on the machine take nothing, with that of collecting the garbage.
type cost struct{ Nanos, Allocs float64 }

// The scenes that are timed.
const (
	permittedScene = "permitted"
	deniedScene    = "another site"
)

// decideStage times deciders in turns, once all have decided all scenes as they
// have to.
func decideStage(_ context.Context, in decideInput) (out decideOutput, err error) {
	if err := agree(); err != nil {
		return out, err
	}
	out = decideOutput{make(map[string]map[string][]cost), make(map[string]string)}
	for _, d := range deciders {
		out.Versions[d.name] = d.version()
	}
	for _, name := range []string{permittedScene, deniedScene} {
		out.Costs[name] = make(map[string][]cost)
		ask := make(map[string]func() (bool, error))
		for _, d := range deciders {
			if ask[d.name], err = d.prepare(sceneNamed(name)); err != nil {
				return out, fmt.Errorf("prepare %s: %w", d.name, err)
			}
		}
		for range in.Turns {
			for _, d := range deciders {
				c, err := costOf(ask[d.name], in.Turn)
				if err != nil {
					return out, fmt.Errorf("%s, %s: %w", d.name, name, err)
				}
				out.Costs[name][d.name] = append(out.Costs[name][d.name], c)
			}
		}
	}
	return out, nil
}

// costOf decides again and again for about as long as given.
func costOf(ask func() (bool, error), d time.Duration) (cost, error) {
	run := func(n int) (time.Duration, error) {
		start, err := processorTime()
		if err != nil {
			return 0, err
		}
		for range n {
			if _, err := ask(); err != nil {
				return 0, err
			}
		}
		end, err := processorTime()
		return end - start, err
	}
	n := 1
	for {
		took, err := run(n)
		if err != nil {
			return cost{}, err
		}
		if took >= d/10 {
			n = max(1, int(float64(n)*float64(d)/float64(took)))
			break
		}
		n *= 2
	}
	// What was left by whoever had the turn before is not ours to collect.
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took, err := run(n)
	runtime.ReadMemStats(&after)
	// Whole allocations: the runtime has some of its own now and then.
	return cost{float64(took) / float64(n), float64((after.Mallocs - before.Mallocs) / uint64(n))}, err
}

// agree asks every decider about every scene, and returns an error where one of
// them permits what has to be denied, or the other way round.
func agree() error {
	for _, s := range scenes {
		for _, d := range deciders {
			ask, err := d.prepare(sceneNamed(s.name))
			if err != nil {
				return fmt.Errorf("prepare %s for %q: %w", d.name, s.name, err)
			}
			got, err := ask()
			if err != nil {
				return fmt.Errorf("%s on %q: %w", d.name, s.name, err)
			}
			if got != s.permitted {
				return fmt.Errorf("%s on %q: permitted is %t", d.name, s.name, got)
			}
		}
	}
	return nil
}

// A scene is what is logged, and what is asked.
type scene struct {
	claims []attest.Claims
	// at is the time of the act, checked of the question, fresh how far the
	// histories are proven.
	at, checked, fresh time.Time
	// amount is the request's value.
	amount, currency string
	req              *policy.Request
}

// scenes are the joint check, and that with one thing changed: first what stays
// permitted, then what is not.
var scenes = []struct {
	name      string
	permitted bool
	change    func(*scene)
}{
	{permittedScene, true, func(*scene) {}},
	{"an entry of the scope itself", true, func(s *scene) { s.req.Item.Entry = "6A001.a.2" }},
	{"a value at the ceiling", true, func(s *scene) { s.amount = "250000" }},
	{"nobody given access", true, func(s *scene) { s.req.PersonNationalities = []string{} }},
	{"a suspension that has ended", true, func(s *scene) { s.happens("TEA-V", attest.Suspend).Until = attest.NumericDate(s.at.Unix()) }},
	{deniedScene, false, func(s *scene) { s.req.DestinationSite = "BLR-9" }},
	{"an excluded item", false, func(s *scene) { s.req.Item.Entry = "5A001.b.1.c.2" }},
	{"an item above an excluded one", false, func(s *scene) { s.req.Item.Entry = "5A001.b.1" }},
	{"an item out of scope", false, func(s *scene) { s.req.Item.Entry = "5A001.b.10" }},
	{"another end use", false, func(s *scene) { s.req.EndUse = "combat" }},
	{"a level above", false, func(s *scene) { s.req.Classification = "SECRET" }},
	{"a prohibited nationality", false, func(s *scene) { s.req.PersonNationalities = []string{"IN", "KP"} }},
	{"a nationality to review", false, func(s *scene) { s.req.PersonNationalities = []string{"IN", "CH"} }},
	{"a value above", false, func(s *scene) { s.amount = "250000.01" }},
	{"another currency", false, func(s *scene) { s.currency = "INR" }},
	{"old evidence", false, func(s *scene) { s.fresh = s.checked.Add(-maxStatusAge - time.Second) }},
	{"an approval that expired", false, func(s *scene) { s.approval("TEA-V").EXP = attest.NumericDate(s.at.Unix()) }},
	{"an approval to come", false, func(s *scene) { s.approval("TEA-H").NBF = attest.NumericDate(s.at.Unix() + 1) }},
	{"an approval that is suspended", false, func(s *scene) { s.happens("TEA-V", attest.Suspend) }},
	{"an approval that is revoked", false, func(s *scene) { s.happens("TEA-H", attest.Revoke) }},
	{"a sandbox approval that is suspended", false, func(s *scene) { s.happens("PDA-US", attest.Suspend) }},
	{"a registration that is revoked", false, func(s *scene) { s.happens("REG-V", attest.Revoke) }},
	{"no approval", false, func(s *scene) { s.forget("TEA-V") }},
	{"no sandbox approval", false, func(s *scene) { s.forget("PDA-IN") }},
	{"other terms", false, func(s *scene) { s.named("PDA-IN").(*attest.DomainApproval).Terms.MaxClassification = "SECRET" }},
}

// sceneNamed sets a scene: statements and request are those of the joint check
// of the evidence, with limits of every sort.
func sceneNamed(name string) *scene {
	s := &scene{
		claims: joint(), req: jointRequest(), amount: "100000", currency: "USD",
		checked: registrytest.Start.Add(2 * time.Hour),
	}
	s.at, s.fresh = s.req.EffectiveAt.Time(), s.checked.Add(-time.Minute)
	s.req.Item.Entry = "5A001.b.1.a"
	s.req.Classification = "RESTRICTED"
	s.req.PersonNationalities = []string{"IN", "US"}
	for _, c := range s.claims {
		if d, ok := c.(*attest.DomainApproval); ok {
			d.Terms.Limits = attest.Limits{
				InScope:           attest.Scope{"US_CCL": {"5A001.b.1", "6A001.a.1", "6A001.a.2"}},
				Excluded:          attest.Scope{"US_CCL": {"5A001.b.1.c", "6A001.a.1.b"}},
				AllowedEndUses:    []string{"harbour_survey", "sea_trial"},
				MaxClassification: "RESTRICTED",
				Nationality:       &attest.Nationality{Permitted: []string{"AU", "IN", "US"}, Prohibited: []string{"IR", "KP"}},
				Value:             &attest.ValueCeiling{Currency: "USD", PerTransaction: "250000"},
			}
		}
	}
	for _, x := range scenes {
		if x.name == name {
			x.change(s)
		}
	}
	return s
}

// named returns the claims of that jti.
func (s *scene) named(jti string) attest.Claims {
	for _, c := range s.claims {
		if c.Head().JTI == jti {
			return c
		}
	}
	return nil
}

func (s *scene) approval(jti string) *attest.Grant { return attest.GrantOf(s.named(jti)) }

// happens adds an event that takes effect an instant before the act.
func (s *scene) happens(jti string, what attest.EventType) *attest.Event {
	h := s.named(jti).Head()
	e := registrytest.Event("EV-1", h.Iss, h.Sub, jti, what, s.at.Add(-time.Second))
	s.claims = append(s.claims, e)
	return e
}

// forget takes away the statement of that jti.
func (s *scene) forget(jti string) {
	var rest []attest.Claims
	for _, c := range s.claims {
		if c.Head().JTI != jti {
			rest = append(rest, c)
		}
	}
	s.claims = rest
}

// maxStatusAge is how old a status may be.
const maxStatusAge = 24 * time.Hour

// request returns what is asked.
func (s *scene) request() *policy.Request {
	amount, err := policy.NumberOf(s.amount)
	if err != nil {
		panic(err)
	}
	s.req.Value = &policy.Value{Amount: amount, Currency: s.currency}
	return s.req
}

// prove signs and opens the statements, and puts them into histories as a
// register would have logged them, one after the other.
func (s *scene) prove() (*proven.Set, error) {
	root, err := rootStatement()
	if err != nil {
		return nil, err
	}
	opened, err := attest.OpenRoot(root, nil)
	if err != nil {
		return nil, err
	}
	histories := map[string][]proven.Entry{attest.RootSubject: {{Time: registrytest.Start, Statement: opened}}}
	lineages := make(map[string]*attest.Lineage)
	for i, c := range s.claims {
		data, err := signed(c)
		if err != nil {
			return nil, err
		}
		st, err := attest.Open(data, opened.TrustRoot())
		if err != nil {
			return nil, err
		}
		l, ok := lineages[c.Head().Sub]
		if !ok {
			l = new(attest.Lineage)
			lineages[c.Head().Sub] = l
		}
		tag, err := l.Next(st.Claims())
		if err != nil {
			return nil, err
		}
		for _, sub := range st.Claims().Subjects() {
			histories[sub] = append(histories[sub], proven.Entry{Index: int64(i + 1), Time: registrytest.Start, Tag: tag, Statement: st})
		}
	}
	set := &proven.Set{
		Origin: registrytest.Origin, Size: int64(len(s.claims) + 1), Fresh: s.fresh, MaxAge: maxStatusAge,
		TrustDigest: strings.Repeat("t", 43), EvidenceDigest: strings.Repeat("e", 43),
	}
	for sub, h := range histories {
		set.Prove(sub, h)
	}
	for _, sub := range policy.Touched(s.request(), set) {
		if _, ok := set.History(sub); !ok {
			set.Prove(sub, nil)
		}
	}
	return set, nil
}

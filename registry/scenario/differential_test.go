package scenario_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/client"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	"github.com/safeconduct/safeconduct/registry/memlog"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/screening"
	"github.com/safeconduct/safeconduct/verify"
)

// maxAge is how old a status may be for the verifiers here.
const maxAge = 24 * time.Hour

// The service and the offline library cannot disagree, docs/architecture.md says.
// Here they are asked the same on thousands of stages, and so are the rules on
// what was submitted, without a log or evidence in between.
func TestOnlineAndOfflineDecideTheSame(t *testing.T) {
	w := newWorld(t)
	stages := 2000
	if testing.Short() || racing() {
		stages = 250
	}
	seen := newTally()
	var next atomic.Int64
	t.Run("stages", func(t *testing.T) {
		for worker := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel()
				for seed := int(next.Add(1)); seed <= stages; seed = int(next.Add(1)) {
					s := anyScript.Example(seed)
					play := func(s *script, seen *tally) error { return w.play(t.Context(), s, seed, seen) }
					if err := play(s, seen); err != nil {
						s = shortest(s, func(s *script) bool { return play(s, newTally()) != nil })
						t.Fatalf("stage %d: %v\n%v", seed, play(s, newTally()), s)
					}
				}
			})
		}
	})
	seen.check(t, stages)
}

// racing reports whether the race detector is on, which makes signatures many
// times slower.
func racing() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// shortest leaves out of a script that fails whatever it fails without, step by
// step from the last one.
func shortest(s *script, fails func(*script) bool) *script {
	for i := len(s.steps) - 1; i >= 0; i-- {
		less := func(with ...step) bool {
			try := *s
			try.steps = slices.Concat(s.steps[:i], with, s.steps[i+1:])
			if !fails(&try) {
				return false
			}
			s = &try
			return true
		}
		if less() {
			continue
		}
		for n := len(s.steps[i].batch) - 1; n >= 0; n-- {
			one := s.steps[i]
			one.batch = slices.Delete(slices.Clone(one.batch), n, n+1)
			less(one)
		}
		for n := len(s.steps[i].asks) - 1; n >= 0; n-- {
			one := s.steps[i]
			one.asks = slices.Delete(slices.Clone(one.asks), n, n+1)
			less(one)
		}
	}
	return s
}

// A world is what all stages have in common.
type world struct {
	// officers are those of each authority, the first of whom signs.
	officers map[string][]attest.Signer
	root     *attest.Root
	// signed is the root as it is logged.
	signed []byte
	// trust is what registers trust, file the same as verifiers read it.
	trust  *verify.Trust
	file   []byte
	mirror *registrytest.Witness
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{officers: make(map[string][]attest.Signer), root: registrytest.Root(registrytest.Start)}
	w.mirror = registrytest.NewWitness(t, "mirror", time.Now)
	w.root.Cosigners = append(w.root.Cosigners, attest.Cosigner{VKey: w.mirror.VKey, Role: attest.Mirror})
	w.root.Authorities = nil
	for _, id := range slices.Sorted(maps.Keys(countries)) {
		a := attest.Authority{ID: id, Name: "The authority " + id + " (fictional)", Countries: []string{countries[id]}, Thresholds: attest.Thresholds{Granting: 1, Revoking: 1}}
		for _, name := range []string{id + "-1", id + "-2"} {
			s := registrytest.SignerNamed(name)
			w.officers[id] = append(w.officers[id], s)
			a.Officers = append(a.Officers, s.Officer())
		}
		w.root.Authorities = append(w.root.Authorities, a)
	}
	var err error
	if w.signed, err = registrytest.Sign(w.root); err != nil {
		t.Fatal(err)
	}
	if w.trust, err = registrytest.Trust(w.signed); err != nil {
		t.Fatal(err)
	}
	if w.file, err = w.trust.MarshalJSON(); err != nil {
		t.Fatal(err)
	}
	return w
}

// A stage is a register on which a script is played, what was submitted to it,
// and a verifier of it.
type stage struct {
	*world
	clock *registrytest.Clock
	log   *memlog.Log
	reg   *registry.Registry

	submitted *submitted
	// replaced is the authority whose first officer is distrusted.
	replaced string

	// verifier is what the verifier has read of the trust file, and lists that it
	// screens against.
	verifier *verify.Trust
	lists    []*screening.List
	// fresh is when the register has cosigned.
	fresh time.Time
	seen  *tally
}

// play plays a script on a new register, and fails where two ways to decide
// differ. In its last step, every fourth seed has a mirror looked at, too, and every
// eighth goes all ways that there are.
func (w *world) play(ctx context.Context, s *script, seed int, seen *tally) (err error) {
	st := &stage{world: w, clock: registrytest.NewClock(registrytest.Start), log: memlog.New(), submitted: newSubmitted(), seen: seen}
	if st.verifier, err = verify.ParseTrust(w.file); err != nil {
		return err
	}
	lists, err := s.lists()
	if err != nil {
		return err
	}
	if st.lists, err = s.lists(); err != nil {
		return err
	}
	signer, _ := registrytest.LogSigner()
	st.reg, err = registry.New(registry.Config{
		Log: st.log, Origin: registrytest.Origin, LogSigners: []note.Signer{signer}, Cosigner: registrytest.Cosigner(), Trust: w.trust, Screening: lists,
		Now: st.clock.Now, BatchInterval: -1,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.reg.Close()) }()
	if _, err := st.reg.Init(ctx, w.signed); err != nil {
		return err
	}
	if err := st.submitted.batch(registrytest.Start, w.signed); err != nil {
		return err
	}
	for i, step := range s.steps {
		last := i == len(s.steps)-1
		if err := st.step(ctx, step, last && seed%4 == 0, last && seed%8 == 0); err != nil {
			return fmt.Errorf("at %s: %w", step.at.Format(time.RFC3339Nano), err)
		}
	}
	return nil
}

// lists are the script's list of restricted parties, parsed anew.
func (s *script) lists() ([]*screening.List, error) {
	if s.restricted == "" {
		return nil, nil
	}
	l, err := screening.Parse("denied", strings.NewReader("# list: Denied\n# version: 7\n"+s.restricted+"\n"))
	return []*screening.List{l}, err
}

func (st *stage) step(ctx context.Context, s step, mirrored, all bool) error {
	st.clock.Set(s.at)
	if err := st.say(ctx, s.batch); err != nil {
		return err
	}
	if s.compromised != nil {
		if err := st.compromise(ctx, *s.compromised); err != nil {
			return err
		}
	}
	if s.asks == nil {
		return nil
	}
	ways := []way{st.decide}
	if mirrored {
		ways = append(ways, st.decideForMirrored, st.show)
	}
	if all {
		api := httptest.NewServer(httpapi.NewHandler(st.reg, httpapi.Options{Now: st.clock.Now}))
		defer api.Close()
		ways = append(ways, st.explain, st.askOver(api), st.askReplica)
	}
	// The register's cosignature is of the second in which it is asked first, and
	// good for a minute.
	st.fresh = s.at.Truncate(time.Second)
	for i, a := range s.asks {
		st.clock.Set(s.at.Add(time.Duration(i) * 17 * time.Second))
		req, err := policy.ParseRequest(a.document)
		if err != nil {
			return fmt.Errorf("request %s: %w", a.document, err)
		}
		for _, decide := range ways {
			if err := decide(ctx, question{a, req, req.Times(st.clock.Now())}); err != nil {
				return fmt.Errorf("request %s: %w", a.document, err)
			}
		}
	}
	return nil
}

// say logs a batch. Of one that is refused, it logs one by one what is not.
func (st *stage) say(ctx context.Context, batch []attest.Claims) error {
	var statements [][]byte
	for _, c := range batch {
		officer := st.officers[c.Head().Iss][0]
		if st.replaced == c.Head().Iss {
			officer = st.officers[c.Head().Iss][1]
		}
		s, err := attest.Sign(ctx, c, officer)
		if err != nil {
			return fmt.Errorf("sign %s: %w", c.Head().JTI, err)
		}
		statements = append(statements, s)
	}
	if len(batch) == 0 {
		return nil
	}
	err := st.submit(ctx, statements...)
	if err == nil {
		for _, c := range batch {
			st.seen.said(c)
		}
	}
	if _, refused := errors.AsType[*attest.Refusal](err); !refused {
		return err
	}
	for i, s := range statements {
		err := st.submit(ctx, s)
		if _, refused := errors.AsType[*attest.Refusal](err); refused {
			st.seen.met("a statement refused")
		} else if err != nil {
			return err
		} else {
			st.seen.said(batch[i])
		}
	}
	return nil
}

// submit has statements logged in one batch.
func (st *stage) submit(ctx context.Context, statements ...[]byte) error {
	receipts, err := st.reg.SubmitTogether(ctx, statements...)
	if err != nil {
		return err
	}
	index, at := st.submitted.next, st.submitted.follows(st.clock.Now())
	if r := receipts[0]; r.Index != index || !r.Time.Equal(at) {
		return fmt.Errorf("logged at index %d at %v; want %d at %v", r.Index, r.Time, index, at)
	}
	return st.submitted.batch(at, statements...)
}

// compromise logs the next trust root, which distrusts the first officer of an
// authority; the second one signs from then on.
func (st *stage) compromise(ctx context.Context, c compromise) error {
	r := *st.root
	r.Version, r.JTI, r.IAT = 2, "root-2", numeric(st.clock.Now())
	r.Previous = st.submitted.root.Statement().LeafHash().String()
	r.Authorities = slices.Clone(r.Authorities)
	i := slices.IndexFunc(r.Authorities, func(a attest.Authority) bool { return a.ID == c.authority })
	// All that it took away is declared false.
	r.Authorities[i].Compromised = []attest.Compromised{{Kid: st.officers[c.authority][0].Key().ID(), Since: c.since, AllFalse: true}}
	signed, err := registrytest.Sign(&r)
	if err != nil {
		return err
	}
	st.replaced = c.authority
	st.seen.said(&r)
	return st.submit(ctx, signed)
}

// A question is an ask that has been read, with its times.
type question struct {
	ask
	req *policy.Request
	at  policy.Times
}

// A way decides a question in more than one way, and fails where they differ.
type way func(context.Context, question) error

// The functions that decide, package verify's and a register's own.
type (
	offline func([]byte, *verify.Trust, *policy.Request, policy.Times, ...*screening.List) (*policy.Decision, error)
	online  func(context.Context, *policy.Request, policy.Times, ...attest.Disclosure) (*policy.Decision, []byte, error)
)

// same compares two decisions to the byte.
func same(where string, want, got *policy.Decision) error {
	if equal, err := want.Same(got); equal || err != nil {
		return err
	}
	x, err := want.Marshal()
	if err != nil {
		return err
	}
	y, err := got.Marshal()
	if err != nil {
		return err
	}
	return fmt.Errorf("%s it is decided otherwise (-want +got):\n%s", where, cmp.Diff(string(x), string(y)))
}

// replayedAs is a decision without evidence, with the digests of one on evidence
// in place of those that it cannot have.
func replayedAs(of, d *policy.Decision) *policy.Decision {
	c := *d
	c.Replay.Trust, c.Replay.Evidence = of.Replay.Trust, of.Replay.Evidence
	return &c
}

// decide asks the register, decides offline on the evidence that it gives beside
// its answer, and on what was submitted.
func (st *stage) decide(ctx context.Context, q question) error {
	d, err := st.bothWays(ctx, q, st.reg.Decide, verify.Decide)
	if d == nil || err != nil {
		return err
	}
	direct, err := policy.Decide(q.req, st.submitted.prove(q.req, st.fresh, verify.WarningOperatorClock, verify.WarningUnmirrored), q.at, st.lists...)
	if err != nil {
		return err
	}
	st.seen.decided(d)
	return same("on what was submitted", d, replayedAs(d, direct))
}

// explain is decide, with explanations.
func (st *stage) explain(ctx context.Context, q question) error {
	d, err := st.bothWays(ctx, q, st.reg.Explain, verify.Explain)
	if d == nil || err != nil {
		return err
	}
	direct, err := policy.Explain(q.req, st.submitted.prove(q.req, st.fresh, verify.WarningOperatorClock, verify.WarningUnmirrored), q.at, st.lists...)
	if err != nil {
		return err
	}
	st.seen.met("explained")
	return same("on what was submitted", d, replayedAs(d, direct))
}

// bothWays decides online and offline. It returns no decision where, as of
// checked_at, neither can be taken.
func (st *stage) bothWays(ctx context.Context, q question, on online, off offline) (*policy.Decision, error) {
	d, evidence, err := on(ctx, q.req, q.at)
	if err != nil {
		return nil, st.refuse(ctx, q, err)
	}
	again, err := off(evidence, st.verifier, q.req, q.at, st.lists...)
	if err != nil {
		return nil, err
	}
	return d, same("offline", d, again)
}

// refuse compares failures: those that are the fault of checked_at, before which
// nobody has cosigned, are the same offline.
func (st *stage) refuse(ctx context.Context, q question, why error) error {
	e, ok := errors.AsType[*verify.Error](why)
	if !ok || e.Step != verify.StepQuorum || !st.tooEarly(q) {
		return why
	}
	evidence, err := st.reg.Evidence(ctx, q.req)
	if err != nil {
		return err
	}
	if d, err := verify.Decide(evidence, st.verifier, q.req, q.at, st.lists...); err == nil || err.Error() != why.Error() {
		return fmt.Errorf("online %w; offline %w, %v", why, err, d)
	}
	st.seen.met("refused")
	return nil
}

// tooEarly reports whether the register has cosigned later than clocks may
// differ.
func (st *stage) tooEarly(q question) bool {
	return st.fresh.After(q.at.CheckedAt.Add(5 * time.Minute))
}

// askOver asks the register over loopback HTTP.
func (st *stage) askOver(api *httptest.Server) way {
	return func(ctx context.Context, q question) error {
		c, err := client.New(api.URL, api.Client())
		if err != nil {
			return err
		}
		d, evidence, err := c.Check(ctx, q.document, true)
		if st.tooEarly(q) {
			if _, ok := errors.AsType[*client.Problem](err); !ok {
				return fmt.Errorf("over HTTP %w, %v; want a refusal", err, d)
			}
			return nil
		}
		if err != nil {
			return err
		}
		want, beside, err := st.reg.Decide(ctx, q.req, q.at)
		if err != nil {
			return err
		}
		alone, err := c.Evidence(ctx, q.document)
		if err != nil {
			return err
		}
		if !bytes.Equal(evidence, beside) || !bytes.Equal(alone, beside) {
			return errors.New("over HTTP there is other evidence")
		}
		text, err := want.Marshal()
		if err != nil {
			return err
		}
		body, err := answer(ctx, api, q.document)
		if err != nil {
			return err
		}
		if !bytes.Equal(body, text) {
			return fmt.Errorf("over HTTP there are other bytes (-want +got):\n%s", cmp.Diff(string(text), string(body)))
		}
		st.seen.met("asked over HTTP")
		return same("over HTTP", want, d)
	}
}

// answer is the body of an answer, byte for byte.
func answer(ctx context.Context, api *httptest.Server, document []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, api.URL+"/v1/check", bytes.NewReader(document))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := api.Client().Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// mirrored is the trust of somebody who relies on the mirror alone, and pins the
// newest trust root.
func (st *stage) mirrored() (*verify.Trust, error) {
	t, err := verify.TrustFor(st.submitted.root.Statement(), "witness mirror "+st.mirror.VKey+"\nquorum mirror\n", maxAge, verify.Insecure{})
	if err != nil {
		return nil, err
	}
	file, err := t.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return verify.ParseTrust(file)
}

// lookedAt is when the mirror has cosigned.
func (st *stage) lookedAt(q question) time.Time { return st.fresh.Add(-q.behind) }

// cosigned is evidence with the mirror's cosignature beside the register's own.
func (st *stage) cosigned(q question, evidence []byte) ([]byte, *verify.Evidence, error) {
	e, err := verify.Parse(evidence)
	if err != nil {
		return nil, nil, err
	}
	signed, err := verify.MergeCheckpoint([]byte(e.Checkpoint), st.mirror.Cosign([]byte(e.Checkpoint), st.lookedAt(q)))
	if err != nil {
		return nil, nil, err
	}
	e.Checkpoint = string(signed)
	out, err := e.Marshal()
	return out, e, err
}

// decideForMirrored decides for somebody who relies on the mirror: on whole
// evidence, on what a holder makes of that, on what the register leaves out of
// it, and on what was submitted. Nobody is screened: whom stubs may name is for a
// person to find out.
func (st *stage) decideForMirrored(ctx context.Context, q question) error {
	if st.lookedAt(q).After(q.at.CheckedAt.Add(5 * time.Minute)) {
		return nil
	}
	trust, err := st.mirrored()
	if err != nil {
		return err
	}
	evidence, err := st.reg.Evidence(ctx, q.req)
	if err != nil {
		return err
	}
	whole, _, err := st.cosigned(q, evidence)
	if err != nil {
		return err
	}
	want, err := verify.Decide(whole, trust, q.req, q.at)
	if err != nil {
		return err
	}
	direct, err := policy.Decide(q.req, st.submitted.prove(q.req, st.lookedAt(q)), q.at)
	if err != nil {
		return err
	}
	if err := same("on what was submitted, with a mirror", want, replayedAs(want, direct)); err != nil {
		return err
	}
	held, err := verify.Compact(whole, trust, q.req, q.at)
	if err != nil {
		return err
	}
	pinned, _ := trust.Pin()
	given, err := st.reg.CompactEvidence(ctx, q.req, q.at, pinned)
	if err != nil {
		return err
	}
	compact, e, err := st.cosigned(q, given)
	if err != nil {
		return err
	}
	if !bytes.Equal(compact, held) {
		return fmt.Errorf("a holder makes other compact evidence than the register (-register +holder):\n%s", cmp.Diff(string(compact), string(held)))
	}
	d, err := verify.Decide(compact, trust, q.req, q.at)
	if err != nil {
		return err
	}
	for _, h := range e.Histories {
		if len(h.Stubs) > 0 {
			st.seen.met("stubs of " + strings.SplitN(h.Subject, ":", 2)[0])
		}
	}
	return same("on compact evidence", want, d)
}

// askReplica asks a mirror's replica, which was derived from the register's
// leaves and relies on the mirror: beside its answers it gives evidence with
// stubs.
func (st *stage) askReplica(ctx context.Context, q question) error {
	if st.lookedAt(q).After(q.at.CheckedAt.Add(5 * time.Minute)) {
		return nil
	}
	trust, err := st.mirrored()
	if err != nil {
		return err
	}
	r, err := registry.NewReplica(registry.ReplicaConfig{Log: memlog.New(), Origin: registrytest.Origin, Trust: trust, Now: st.clock.Now})
	if err != nil {
		return err
	}
	signed := st.reg.Checkpoint()
	signed, err = verify.MergeCheckpoint(signed, st.mirror.Cosign(signed, st.lookedAt(q)))
	if err != nil {
		return err
	}
	if err := r.Extend(ctx, registry.StoreSource(st.log), signed, registry.ExtendOptions{}); err != nil {
		return err
	}
	d, evidence, err := r.Decide(ctx, q.req, q.at)
	if err != nil {
		return err
	}
	again, err := verify.Decide(evidence, trust, q.req, q.at)
	if err != nil {
		return err
	}
	direct, err := policy.Decide(q.req, st.submitted.prove(q.req, st.lookedAt(q)), q.at)
	if err != nil {
		return err
	}
	st.seen.met("asked a replica")
	return errors.Join(same("offline, by a replica's evidence", d, again), same("on what was submitted", d, replayedAs(d, direct)))
}

// A tally counts what has come up, so that the test cannot show nothing.
type tally struct {
	mu sync.Mutex
	// results, codes, statements by their kind, and whatever else.
	results, codes, kinds, others map[string]int
}

func newTally() *tally {
	return &tally{results: make(map[string]int), codes: make(map[string]int), kinds: make(map[string]int), others: make(map[string]int)}
}

func (c *tally) met(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.others[what]++
}

// said counts a statement that was logged.
func (c *tally) said(claims attest.Claims) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what := string(claims.Kind())
	switch e := claims.(type) {
	case *attest.Event:
		if what = string(e.Event); e.Until != 0 {
			what += " until"
		}
	case *attest.EntityEvent:
		what = string(e.Event)
	}
	if g := attest.GrantOf(claims); g != nil && g.Supersedes != "" {
		what += " superseding"
	}
	c.kinds[what]++
}

func (c *tally) decided(d *policy.Decision) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.results[string(d.Decision)]++
	for _, code := range d.Codes() {
		c.codes[string(code)]++
	}
	for what, is := range map[string]bool{
		"in hindsight otherwise": d.Hindsight != nil, "permitted with obligations": d.Obligations != nil, "attested": d.Attested != nil,
		"replaces no licence": d.Permitted() && !d.ReplacesLicence, "has lists unchecked": len(d.UncheckedLists) > 0,
		"as known then": d.KnownAt.Time().Before(d.StatusEvidenceAt.Time()), "screened": d.Screened != nil,
	} {
		if is {
			c.others[what]++
		}
	}
}

// check fails where too little has come up in that many stages.
func (c *tally) check(t *testing.T, stages int) {
	t.Helper()
	total := 0
	for _, n := range c.results {
		total += n
	}
	t.Logf("%d stages, %d decisions: %v\n%d codes: %v\nstatements: %v\n%v", stages, total, c.results, len(c.codes), c.codes, c.kinds, c.others)
	if total < 2*stages {
		t.Errorf("%d decisions on %d stages", total, stages)
	}
	for _, r := range []policy.Result{policy.PERMIT, policy.REFER, policy.DENY} {
		if n := c.results[string(r)]; n < total/12 {
			t.Errorf("%d of %d decisions are %s", n, total, r)
		}
	}
	if len(c.codes) < 30 {
		t.Errorf("%d reason codes have come up", len(c.codes))
	}
	for of, names := range map[*map[string]int][]string{
		&c.kinds: {
			"suspend", "suspend until", "lift", "revoke", "withdraw", "rename", "merger", "change_of_control", "succession", "consent", "root",
			"registration", "registration superseding", "entity superseding", "domain superseding",
		},
		&c.others: {
			"explained", "asked over HTTP", "asked a replica", "stubs of entity", "stubs of root", "refused", "in hindsight otherwise",
			"as known then", "permitted with obligations", "attested", "replaces no licence", "screened",
		},
	} {
		for _, name := range names {
			if n := (*of)[name]; n < stages/60 {
				t.Errorf("%s: %d times in %d stages", name, n, stages)
			}
		}
	}
}

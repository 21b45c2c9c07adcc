package registry_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

func request() *policy.Request {
	return &policy.Request{
		EffectiveAt: policy.InstantOf(rt.Start.Add(time.Hour)),
		Sandbox:     rt.Sandbox, Act: "export", Mode: "tangible",
		Transferor: rt.Halcyon, Transferee: rt.Varuna, DestinationSite: "VTZ-1",
		Item:   &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"},
		EndUse: "sea_trial", PersonNationalities: []string{},
	}
}

// joint logs what the request needs but India's domain approval.
func joint(t *testing.T) *rt.Register {
	t.Helper()
	r := rt.New(t)
	reg := rt.Registration("REG-1", rt.IN, rt.Varuna, "IN")
	reg.Identifiers = []string{"iec:AAVCD1234K"}
	for _, c := range []attest.Claims{
		reg,
		rt.Registration("REG-1", rt.US, rt.Halcyon, "US"),
		rt.Approval("TEA-1", rt.US, rt.Varuna, "IN"),
		rt.Approval("TEA-1", rt.IN, rt.Halcyon, "US"),
		rt.Domain("PDA-1", rt.US),
	} {
		r.MustSubmit(c)
	}
	r.Clock.Add(time.Hour)
	return r
}

func decide(t *testing.T, r *rt.Register) (*policy.Decision, []byte) {
	t.Helper()
	req := request()
	at := req.Times(r.Clock.Now())
	d, evidence, err := r.Decide(context.Background(), req, at)
	if err != nil {
		t.Fatal(err)
	}
	offline, err := verify.Decide(evidence, r.Trust, req, at)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, offline, cmp.Comparer(func(a, b policy.Instant) bool { return a.Time().Equal(b.Time()) })); diff != "" {
		t.Errorf("online and offline differ (-online +offline):\n%s", diff)
	}
	return d, evidence
}

func mustEvidence(t *testing.T, r *rt.Register) []byte {
	t.Helper()
	e, err := r.Evidence(context.Background(), request())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTheServiceDecidesOnTheEvidenceItGives(t *testing.T) {
	r := joint(t)
	if d, _ := decide(t, r); d.Decision != policy.DENY {
		t.Errorf("before India approves: %s", d.Decision)
	}
	r.MustSubmit(rt.Domain("PDA-1", rt.IN))
	// A frozen clock's batches are dated after it.
	r.Clock.Add(time.Minute)
	d, before := decide(t, r)
	if d.Decision != policy.PERMIT {
		t.Errorf("after India approved: %s %v", d.Decision, d.Reasons)
	}
	r.MustSubmit(rt.Event("EV-1", rt.IN, attest.SandboxSubject(rt.Sandbox), "PDA-1", attest.Revoke, rt.Start))
	r.Clock.Add(time.Minute)
	if d, _ := decide(t, r); d.Decision != policy.DENY {
		t.Errorf("after India revoked: %s", d.Decision)
	}
	// Old evidence still says what was known then, and no more.
	report, err := verify.Check(before, r.Trust, r.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	last, err := verify.Check(mustEvidence(t, r), r.Trust, r.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if report.Size >= last.Size {
		t.Errorf("sizes %d and then %d", report.Size, last.Size)
	}
}

func TestAQuietLogIsCosignedAnew(t *testing.T) {
	r := joint(t)
	r.MustSubmit(rt.Domain("PDA-1", rt.IN))
	proven := func() time.Time {
		t.Helper()
		_, evidence := decide(t, r)
		report, err := verify.Check(evidence, r.Trust, r.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		return report.ProvenUntil
	}
	first := proven()
	r.Clock.Add(59 * time.Second)
	if got := proven(); !got.Equal(first) {
		t.Errorf("within a minute: proven until %v, want %v", got, first)
	}
	r.Clock.Add(48 * time.Hour)
	want := r.Clock.Now()
	if got := proven(); !got.Equal(want) {
		t.Errorf("two days later: proven until %v, want %v", got, want)
	}
	checkpoint := string(r.Checkpoint())
	r.Restart()
	if diff := cmp.Diff(checkpoint, string(r.Checkpoint())); diff != "" {
		t.Errorf("what was handed out was not kept (-before +after):\n%s", diff)
	}
	later := r.MustSubmit(approvalNumber(1))
	if !later.Time.After(want) {
		t.Errorf("a batch dated %v, not after the cosignature of %v", later.Time, want)
	}
}

// Whoever asks for evidence that is too large must not have it made first.
func TestOfWhatEvidenceHasNoRoomForNothingIsRead(t *testing.T) {
	ctx := context.Background()
	var counting *countingLog
	r := rt.New(t, func(c *registry.Config) {
		counting = &countingLog{Log: c.Log}
		c.Log = counting
	})
	r.MustSubmit(rt.Domain("PDA-1", rt.US))
	if err := r.Cosign(ctx); err != nil {
		t.Fatal(err)
	}
	sandbox := attest.SandboxSubject(rt.Sandbox)
	for name, test := range map[string]struct {
		count int64
		ask   func() error
	}{
		"whole": {verify.MaxStatements + 1, func() error {
			_, err := r.Evidence(ctx, request())
			return err
		}},
		"compact": {int64(verify.MaxStatements + verify.MaxStubs + 1), func() error {
			_, err := r.CompactEvidence(ctx, request(), request().Times(r.Clock.Now()), 1)
			return err
		}},
		"a decision": {verify.MaxStatements + 1, func() error {
			_, _, err := r.Decide(ctx, request(), request().Times(r.Clock.Now()))
			return err
		}},
	} {
		r.Pretend(sandbox, test.count)
		counting.histories = nil
		if err := test.ask(); !errors.Is(err, verify.ErrTooLarge) {
			t.Errorf("%s: %v, want ErrTooLarge", name, err)
		}
		if slices.Contains(counting.histories, sandbox) {
			t.Errorf("%s: the history of the sandbox was read", name)
		}
	}
}

// countingLog notes which histories are read, and cancels at a leaf.
type countingLog struct {
	registry.Log
	histories []string
	leaves    int
	cancel    func()
}

func (c *countingLog) History(subject string) ([]registry.HistoryEntry, error) {
	c.histories = append(c.histories, subject)
	return c.Log.History(subject)
}

func (c *countingLog) Leaf(index int64) ([]byte, error) {
	if c.leaves++; c.cancel != nil {
		c.cancel()
	}
	return c.Log.Leaf(index)
}

func TestWhoHasGoneAwayHasNoFurtherStatementsOpened(t *testing.T) {
	var counting *countingLog
	r := rt.New(t, func(c *registry.Config) {
		counting = &countingLog{Log: c.Log}
		c.Log = counting
	})
	approval := rt.Approval("TEA-1", rt.US, rt.Varuna, "IN")
	r.MustSubmit(approval)
	for _, jti := range []string{"EV-1", "EV-2", "EV-3"} {
		r.MustSubmit(rt.Event(jti, rt.US, approval.Sub, "TEA-1", attest.Suspend, rt.Start))
	}
	r.Restart()
	ctx, cancel := context.WithCancel(context.Background())
	counting.leaves, counting.cancel = 0, cancel
	if _, err := r.History(ctx, approval.Sub); !errors.Is(err, context.Canceled) {
		t.Errorf("history: %v, want context.Canceled", err)
	}
	if counting.leaves != 1 {
		t.Errorf("%d statements were read, want 1", counting.leaves)
	}
}

func TestAnEmptyLogHasNoEvidence(t *testing.T) {
	reg, log, err := rt.Serve(t.TempDir(), rt.NewClock(rt.Start).Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reg.Evidence(context.Background(), request()); !errors.Is(err, registry.ErrNoRoot) {
		t.Errorf("evidence: %v, want ErrNoRoot", err)
	}
	if err := errors.Join(reg.Close(), log.Close()); err != nil {
		t.Error(err)
	}
}

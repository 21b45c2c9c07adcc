package registrytest_test

import (
	"bytes"
	"testing"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/memlog"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

func TestMemoryHoldsALog(t *testing.T) {
	rt.TestLog(t, func(*testing.T) registry.Log { return memlog.New() })
}

// Nothing but the log knows what it is kept in.
func TestARegisterRunsOnAnotherEngine(t *testing.T) {
	log := memlog.New()
	on := func(c *registry.Config) { c.Log = log }
	r := rt.New(t, on)
	r.MustSubmit(rt.Registration("REG-1", rt.IN, rt.Varuna, "IN"))
	r.MustSubmit(rt.Domain("PDA-1", rt.US))
	r.Restart()
	r.MustSubmit(rt.Domain("PDA-1", rt.IN))
	req := &policy.Request{
		EffectiveAt: policy.InstantOf(rt.Start), Sandbox: rt.Sandbox, Act: "export", Mode: "tangible",
		Transferor: rt.Halcyon, Transferee: rt.Varuna, DestinationSite: "VTZ-1",
		Item: &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"}, EndUse: "sea_trial", PersonNationalities: []string{},
	}
	if _, _, err := r.Decide(t.Context(), req, req.Times(r.Clock.Now())); err != nil {
		t.Error(err)
	}
	report, err := (&registry.Checkup{Log: log, Origin: rt.Origin, Trust: r.Trust}).Run(t.Context())
	if err != nil || !report.OK() || report.Size != r.Size() {
		t.Errorf("%+v, %v", report, err)
	}
	copied := memlog.New()
	if err := registry.Rebuild(t.Context(), log, copied, nil); err != nil {
		t.Fatal(err)
	}
	if head, err := copied.Head(); err != nil || !bytes.Equal(head.Checkpoint, r.Checkpoint()) {
		t.Errorf("the rebuilt log ends otherwise: %v", err)
	}
}

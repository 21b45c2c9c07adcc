package registry_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

func TestADamagedLogIsNotServed(t *testing.T) {
	_, dir := damageable(t)
	approvals := attest.ApprovalSubject(rt.Varuna, rt.US)
	for name, test := range map[string]struct {
		damage func(*badger.Txn) error
		says   string
	}{
		"a value of another chain":   {flip([]byte("v"+approvals), 30), "status map"},
		"a value that is gone":       {remove([]byte("v" + approvals)), "status map"},
		"a value of nothing":         {put([]byte("v"+approvals+"x"), verify.MapValue{Count: 1}.Bytes()), "status map"},
		"a trust root not listed":    {remove(key("e"+attest.RootSubject+"\x00", 0)), "trust root"},
		"a trust root that is other": {flip(key("l", 0), 100), "trust root"},
	} {
		t.Run(name, func(t *testing.T) {
			log := openUnchecked(t, damage(t, dir, test.damage))
			_, err := registry.NewReplica(registry.ReplicaConfig{Log: log, Origin: rt.Origin})
			if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "fsck") {
				t.Errorf("%v, want that it says %q and what to do", err, test.says)
			}
		})
	}
}

func TestAStoreThatIsFullIsSaidAndGoneOnWithLater(t *testing.T) {
	var full *faultyLog
	r := rt.New(t, func(c *registry.Config) {
		full = &faultyLog{Log: c.Log}
		c.Log = full
	})
	full.fail(registry.ErrFull)
	if _, err := r.Submit(context.Background(), r.Sign(approvalNumber(1))); !errors.Is(err, registry.ErrFull) {
		t.Errorf("submit: %v, want ErrFull", err)
	}
	if err := r.Healthy(); !errors.Is(err, registry.ErrFull) {
		t.Errorf("healthy: %v, want ErrFull", err)
	}
	full.fail(nil)
	r.MustSubmit(approvalNumber(1))
	if err := r.Healthy(); err != nil {
		t.Errorf("healthy: %v", err)
	}
	checkLog(t, r)
}

// Evidence may need a cosignature, which is kept before it is handed out.
func TestAStoreThatIsFullWhileCosigningIsGoneOnWithLater(t *testing.T) {
	var full *unkept
	r := rt.New(t, func(c *registry.Config) {
		full = &unkept{Log: c.Log}
		c.Log = full
	})
	r.MustSubmit(approvalNumber(1))
	mustEvidence(t, r)
	full.fail(registry.ErrFull)
	r.Clock.Add(2 * time.Minute)
	mustEvidence(t, r)
	if err := r.Healthy(); !errors.Is(err, registry.ErrFull) {
		t.Errorf("healthy: %v, want ErrFull", err)
	}
	full.fail(nil)
	mustEvidence(t, r)
	if err := r.Healthy(); err != nil {
		t.Errorf("healthy: %v", err)
	}
	r.MustSubmit(approvalNumber(2))
	checkLog(t, r)
}

func TestAClockThatFellBackIsSaid(t *testing.T) {
	r := rt.New(t)
	r.MustSubmit(approvalNumber(1))
	r.Clock.Add(-59 * time.Second)
	if err := r.Healthy(); err != nil {
		t.Errorf("within a minute: %v", err)
	}
	r.Clock.Add(-2 * time.Second)
	if err := r.Healthy(); !errors.Is(err, registry.ErrClock) {
		t.Errorf("healthy: %v, want ErrClock", err)
	}
}

func TestEvidenceOutlivesTheStorage(t *testing.T) {
	var faulty *faultyLog
	r := rt.New(t, func(c *registry.Config) {
		faulty = &faultyLog{Log: c.Log}
		c.Log = faulty
	})
	r.MustSubmit(approvalNumber(1))
	mustEvidence(t, r)
	size := r.Size()
	// Logged, and not cosigned when storage fails.
	r.MustSubmit(approvalNumber(2))
	faulty.fail(errors.New("input/output error"))
	if _, err := r.Submit(context.Background(), r.Sign(approvalNumber(3))); !errors.Is(err, registry.ErrReadOnly) {
		t.Fatalf("submit: %v, want ErrReadOnly", err)
	}
	report, err := verify.Check(mustEvidence(t, r), r.Trust, r.Clock.Now())
	if err != nil || report.Size != size {
		t.Errorf("evidence of size %d, want %d: %v", report.Size, size, err)
	}
}

// What is in the directory of a register is what a replica makes of it.
func TestARegisterGoesOnWithAReplicasLog(t *testing.T) {
	r := busyRegister(t)
	dir := t.TempDir()
	log := openLog(t, filepath.Join(dir, "log"))
	replica := newReplica(t, log, func(c *registry.ReplicaConfig) { c.Trust, c.Now = r.Trust, r.Clock.Now })
	extend(t, replica, registry.StoreSource(r.Log()), r.Checkpoint())
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	next := rt.Open(t, dir)
	next.Clock.Set(r.Clock.Now())
	next.MustSubmit(approvalNumber(1))
	checkLog(t, next)
}

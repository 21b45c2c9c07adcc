package registry_test

import (
	"context"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

func holdSequencer(r *rt.Register) (release func()) { return r.HoldSequencer() }

func sizeOf(t *testing.T, r *rt.Register) int64 {
	t.Helper()
	_, size, _, err := registry.ParseCheckpoint(r.Checkpoint())
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// submitBatch submits statements so that they wait in that order behind a
// first one, and are sequenced in one batch.
func submitBatch(t *testing.T, r *rt.Register, claims ...attest.Claims) []error {
	t.Helper()
	release := holdSequencer(r)
	first := make(chan error, 1)
	go func() {
		_, err := r.Submit(context.Background(), r.Sign(rt.Approval("FIRST", rt.IN, rt.Corvus, "AU")))
		first <- err
	}()
	errs := make([]chan error, len(claims))
	for i, c := range claims {
		statement := r.Sign(c)
		errs[i] = make(chan error, 1)
		if i == 0 {
			// Until the sequencer holds the first one alone.
			time.Sleep(20 * time.Millisecond)
		}
		go func() {
			_, err := r.Submit(context.Background(), statement)
			errs[i] <- err
		}()
		for r.Waiting() < i+1 {
			time.Sleep(time.Millisecond)
		}
	}
	release()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	out := make([]error, len(claims))
	for i := range errs {
		out[i] = <-errs[i]
	}
	return out
}

func TestABusyRegisterGroupsAndAnIdleOneDoesNotWait(t *testing.T) {
	const interval = 300 * time.Millisecond
	r := rt.New(t, func(c *registry.Config) { c.BatchInterval = interval })
	start := time.Now()
	for i := range 5 {
		r.MustSubmit(approvalNumber(i))
	}
	if took := time.Since(start); took > 4*interval {
		t.Errorf("five statements one after the other took %v", took)
	}
	size := sizeOf(t, r)
	var claims []attest.Claims
	for i := range 20 {
		claims = append(claims, approvalNumber(100+i))
	}
	for _, err := range submitBatch(t, r, claims...) {
		if err != nil {
			t.Error(err)
		}
	}
	if got := sizeOf(t, r) - size; got > 1+20+3 {
		t.Errorf("%d leaves for 21 statements: not grouped", got)
	}
}

func TestBatchesAreCapped(t *testing.T) {
	r := rt.New(t)
	var claims []attest.Claims
	for i := range 300 {
		claims = append(claims, approvalNumber(i))
	}
	size := sizeOf(t, r)
	for _, err := range submitBatch(t, r, claims...) {
		if err != nil {
			t.Error(err)
		}
	}
	if got, want := sizeOf(t, r)-size, int64(1+1+256+1+44+1); got != want {
		t.Errorf("%d leaves, want %d", got, want)
	}
	checkLog(t, r)
}

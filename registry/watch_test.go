package registry_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

func TestWhoeverWatchesIsToldOfBatchesAndCosignatures(t *testing.T) {
	var mu sync.Mutex
	var batches []int
	r := registrytest.New(t, func(c *registry.Config) {
		c.Batched = func(statements int) { mu.Lock(); defer mu.Unlock(); batches = append(batches, statements) }
	})
	r.MustSubmit(registrytest.Registration("r-1", registrytest.US, registrytest.Halcyon, "US"))
	if _, err := r.Submit(t.Context(), []byte("x")); err == nil {
		t.Fatal("it was logged")
	}
	mu.Lock()
	defer mu.Unlock()
	// The first trust root is a batch, what is refused none.
	if diff := cmp.Diff([]int{1, 1}, batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	if n := r.Underway(); n != 0 {
		t.Errorf("%d statements are on their way", n)
	}
	if err := r.Cosign(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at := r.Cosigned(); at.Before(registrytest.Start) || at.After(r.Clock.Now().Add(2*time.Second)) {
		t.Errorf("it was cosigned at %v, by a clock at %v", at, r.Clock.Now())
	}
}

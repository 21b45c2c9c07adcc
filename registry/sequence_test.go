package registry_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// A gate keeps the sequencer in the middle of a batch.
type gate struct {
	registry.Log
	mu      sync.Mutex
	entered chan struct{}
	opened  chan struct{}
}

// gated starts a register behind a gate.
func gated(t *testing.T, config ...func(*registry.Config)) (*rt.Register, *gate) {
	t.Helper()
	g := new(gate)
	r := rt.New(t, append(config, func(c *registry.Config) { g.Log, c.Log = c.Log, g })...)
	return r, g
}

// hold submits a statement and returns once the sequencer has it, and nothing
// else, in a batch that it cannot append until release is called. Release
// returns when that statement is logged.
func (g *gate) hold(t *testing.T, r *rt.Register) (release func()) {
	t.Helper()
	g.mu.Lock()
	entered, opened := make(chan struct{}), make(chan struct{})
	g.entered, g.opened = entered, opened
	g.mu.Unlock()
	statement := r.Sign(rt.Approval("FIRST", rt.IN, rt.Corvus, "AU"))
	first := make(chan error, 1)
	go func() {
		_, err := r.Submit(context.Background(), statement)
		first <- err
	}()
	<-entered
	return func() {
		close(opened)
		if err := <-first; err != nil {
			t.Errorf("submit the first one: %v", err)
		}
	}
}

func (g *gate) Append(ctx context.Context, b registry.Batch) error {
	g.mu.Lock()
	entered, opened := g.entered, g.opened
	g.entered, g.opened = nil, nil
	g.mu.Unlock()
	if entered != nil {
		close(entered)
		<-opened
	}
	return g.Log.Append(ctx, b)
}

// waitFor returns when so many statements wait for the sequencer.
func waitFor(r *rt.Register, n int) {
	for r.Waiting() < n {
		time.Sleep(time.Millisecond)
	}
}

func sizeOf(t *testing.T, r *rt.Register) int64 {
	t.Helper()
	cp, err := verify.ParseCheckpoint(r.Checkpoint())
	size := cp.Tree.N
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// submitBatch submits statements so that they are sequenced in that order, and
// in one batch where it may hold them all.
func submitBatch(t *testing.T, r *rt.Register, g *gate, claims ...attest.Claims) []error {
	t.Helper()
	release := g.hold(t, r)
	errs := make([]chan error, len(claims))
	for i, c := range claims {
		statement := r.Sign(c)
		errs[i] = make(chan error, 1)
		go func() {
			_, err := r.Submit(context.Background(), statement)
			errs[i] <- err
		}()
		waitFor(r, i+1)
	}
	release()
	out := make([]error, len(claims))
	for i := range errs {
		out[i] = <-errs[i]
	}
	return out
}

func TestABusyRegisterGroupsAndAnIdleOneDoesNotWait(t *testing.T) {
	const interval = 300 * time.Millisecond
	r, g := gated(t, func(c *registry.Config) { c.BatchInterval = interval })
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
	for _, err := range submitBatch(t, r, g, claims...) {
		if err != nil {
			t.Error(err)
		}
	}
	if got := sizeOf(t, r) - size; got != 1+1+20+1 {
		t.Errorf("%d leaves for 1 and 20 statements, want 23: not grouped", got)
	}
}

func TestBatchesAreCapped(t *testing.T) {
	r, g := gated(t)
	var claims []attest.Claims
	for i := range 1028 {
		claims = append(claims, approvalNumber(i))
	}
	size := sizeOf(t, r)
	for _, err := range submitBatch(t, r, g, claims...) {
		if err != nil {
			t.Error(err)
		}
	}
	if got, want := sizeOf(t, r)-size, int64(1+1+1024+1+4+1); got != want {
		t.Errorf("%d leaves, want %d", got, want)
	}
	checkLog(t, r)
}

// What is many or large is cut into batches that the store takes.
func TestLargeStatementsAreLogged(t *testing.T) {
	var large, wide []attest.Claims
	for i := range 80 {
		a := rt.Approval(fmt.Sprintf("TEA-%d", i), rt.IN, fmt.Sprintf("in-own:E%d", i), "IN")
		a.ApprovedSites = nil
		for j := range 10 {
			a.ApprovedSites = append(a.ApprovedSites, attest.Site{ID: fmt.Sprintf("S-%d", j), Address: strings.Repeat("x", 4000), Country: "IN"})
		}
		large = append(large, a)
	}
	for i := range 126 {
		reg := rt.Registration(fmt.Sprintf("REG-%d", i), rt.IN, fmt.Sprintf("in-own:E%d", i), "IN")
		for j := range 32 {
			reg.Identifiers = append(reg.Identifiers, fmt.Sprintf("in-own:I%d-%d", i, j))
		}
		wide = append(wide, reg)
	}
	for name, claims := range map[string][]attest.Claims{"large": large, "of many subjects": wide} {
		t.Run(name, func(t *testing.T) {
			r, g := gated(t)
			size := sizeOf(t, r)
			for _, err := range submitBatch(t, r, g, claims...) {
				if err != nil {
					t.Fatal(err)
				}
			}
			// The first statement's batch, and two.
			if got, want := sizeOf(t, r)-size, int64(2+len(claims)+2); got != want {
				t.Errorf("%d leaves, want %d", got, want)
			}
		})
	}
}

package registry_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// Compact evidence is smaller, has the same digest and leads to what whole
// evidence leads to.
func TestCompactEvidenceShowsOnlyWhatTheDecisionRestsOn(t *testing.T) {
	ctx := context.Background()
	r := joint(t)
	for i := range 40 {
		r.MustSubmit(rt.Approval(fmt.Sprintf("TEA-%02d", i), rt.IN, rt.Halcyon, "US"))
	}
	r.Clock.Add(time.Hour)
	req := request()
	at := req.Times(r.Clock.Now())
	whole, err := r.Evidence(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := r.CompactEvidence(ctx, req, at, 1)
	if err != nil {
		t.Fatal(err)
	}
	e, err := verify.Parse(compact)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range e.Statements {
		if len(s.Proof) > 0 {
			t.Errorf("the statement at index %d has an inclusion proof", s.Index)
		}
	}
	stubs, shown := 0, 0
	for _, h := range e.Histories {
		stubs += len(h.Stubs)
		if h.Subject == attest.ApprovalSubject(rt.Halcyon, rt.IN) {
			shown = len(h.Entries)
		}
	}
	if stubs == 0 || stubs+shown < 40 || len(compact) > len(whole)/2 {
		t.Errorf("%d stubs and %d entries of 40; %d bytes of %d", stubs, shown, len(compact), len(whole))
	}
}

package registry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

func TestAnEditionStaysWhereItIsWhileTheLogGrows(t *testing.T) {
	r := joint(t)
	r.MustSubmit(rt.Domain("PDA-1", rt.IN))
	r.Clock.Add(time.Minute)
	e, err := r.Edition(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := r.Clock.Now()
	req := request()
	before, evidence, err := e.Decide(t.Context(), req, req.Times(now))
	if err != nil || !before.Permitted() {
		t.Fatalf("decision %+v, %v", before, err)
	}
	r.MustSubmit(rt.Event("revoke-1", rt.US, attest.SandboxSubject(rt.Sandbox), "PDA-1", attest.Revoke, rt.Start))
	after, again, err := e.Decide(t.Context(), req, req.Times(now))
	if err != nil {
		t.Fatal(err)
	}
	if same, err := before.Same(after); !same || err != nil || string(again) != string(evidence) {
		t.Errorf("the edition decides otherwise after a revocation: %v", err)
	}
	offline, err := verify.Decide(evidence, r.Trust, req, req.Times(now))
	if err != nil {
		t.Fatal(err)
	}
	if same, err := offline.Same(before); !same || err != nil {
		t.Errorf("the edition decides otherwise than its evidence: %v", err)
	}
	h, err := e.History(t.Context(), attest.SandboxSubject(rt.Sandbox), time.Time{}, now)
	if err != nil || len(h) != 2 || h[0].Standing.State != policy.InForce {
		t.Errorf("its history is %v, %v", h, err)
	}
	r.Clock.Add(time.Minute)
	next, err := r.Edition(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d, _, err := next.Decide(t.Context(), req, req.Times(r.Clock.Now())); err != nil || d.Decision != policy.DENY || next.Size() <= e.Size() {
		t.Errorf("the next edition, of size %d after %d: %v, %v", next.Size(), e.Size(), d, err)
	}
}

func TestAHistoryHasWhatItDependsOn(t *testing.T) {
	r := rt.New(t)
	r.MustSubmit(rt.Registration("reg-corvus", rt.US, rt.Corvus, "US"))
	r.MustSubmit(rt.Registration("reg-halcyon", rt.US, rt.Halcyon, "US"))
	r.MustSubmit(rt.Approval("ap-halcyon", rt.IN, rt.Halcyon, "US"))
	r.MustSubmit(&attest.EntityEvent{
		Common: attest.Common{Iss: rt.US, Sub: attest.EntitySubject(rt.Halcyon), JTI: "merger-1"},
		Event:  attest.Merger, EffectiveAt: attest.NumericDate(rt.Start.Unix()), Survivor: rt.Corvus,
	})
	e, err := r.Published()
	if err != nil {
		t.Fatal(err)
	}
	// What an approval comes to depends on what befell the entity.
	h, err := e.History(t.Context(), attest.ApprovalSubject(rt.Halcyon, rt.IN), time.Time{}, r.Clock.Now().Add(time.Minute))
	if err != nil || len(h) != 1 || h[0].Standing.State != policy.Absorbed {
		t.Fatalf("history %+v, %v", h, err)
	}
	if h, err := e.History(t.Context(), attest.EntitySubject(rt.Halcyon), rt.Start.Add(-time.Hour), time.Time{}); err != nil || len(h) != 0 {
		t.Errorf("known before all: %v, %v", h, err)
	}
	if _, err := e.History(t.Context(), attest.SandboxSubject("NONE"), time.Time{}, time.Time{}); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
	var refusal *attest.Refusal
	if _, err := e.History(t.Context(), "entity:lei:1", time.Time{}, time.Time{}); !errors.As(err, &refusal) {
		t.Errorf("of no subject: %v", err)
	}
}

func TestChangesComeInPagesThatMissNothing(t *testing.T) {
	r := rt.New(t, func(c *registry.Config) { c.BatchInterval = 20 * time.Millisecond })
	// Several in a batch, so that pages end within one.
	done := make(chan error)
	for i := range 40 {
		data := r.Sign(rt.Registration(fmt.Sprintf("reg-%d", i), rt.IN, rt.Varuna, "IN"))
		go func() {
			_, err := r.Submit(context.Background(), data)
			done <- err
		}()
	}
	for range 40 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	all, next, size, err := r.Changes(t.Context(), 0, 1000)
	if err != nil || len(all) != 41 || next != size || size != r.Size() {
		t.Fatalf("%d changes up to %d of %d, %v", len(all), next, size, err)
	}
	for _, c := range all {
		l, err := r.Statement(t.Context(), c.Issuer, c.JTI)
		if c.Kind == attest.KindRoot {
			continue
		}
		if err != nil || l.Index != c.Index || !l.Time.Equal(c.Time) {
			t.Errorf("change %+v is at %d of %v, %v", c, l.Index, l.Time, err)
		}
	}
	for _, most := range []int{1, 3, 7, 40, 41} {
		var got []registry.Change
		for since := int64(0); ; {
			page, next, size, err := r.Changes(t.Context(), since, most)
			if err != nil || len(page) > most {
				t.Fatalf("%d changes, %v", len(page), err)
			}
			got = append(got, page...)
			if since = next; since == size {
				break
			}
		}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("in pages of %d (-want +got):\n%s", most, diff)
		}
	}
	if page, next, _, err := r.Changes(t.Context(), size+7, 10); err != nil || len(page) != 0 || next != size+7 {
		t.Errorf("beyond the end: %v, next %d, %v", page, next, err)
	}
}

func TestWhoAwaitsTheNextCheckpointIsWoken(t *testing.T) {
	r := rt.New(t)
	size := r.Size()
	woken := make(chan error)
	for range 100 {
		go func() { woken <- r.Await(t.Context(), size) }()
	}
	r.MustSubmit(rt.Domain("domain-us", rt.US))
	for range 100 {
		if err := <-woken; err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := r.Await(ctx, r.Size()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with nothing more to come: %v", err)
	}
}

func TestAnEditionListsTheSubjectsOfAnEntityAsOfItsCheckpoint(t *testing.T) {
	r := joint(t)
	r.Clock.Add(time.Minute)
	e, err := r.Published()
	if err != nil {
		t.Fatal(err)
	}
	before, err := e.Subjects(rt.Varuna)
	if err != nil || len(before) == 0 {
		t.Fatalf("%q, %v", before, err)
	}
	r.MustSubmit(rt.Approval("later", rt.IN, rt.Varuna, "IN"))
	if again, err := e.Subjects(rt.Varuna); err != nil || !cmp.Equal(before, again) {
		t.Errorf("%q after a statement was logged, %q before; %v", again, before, err)
	}
	next, err := r.Published()
	if err != nil {
		t.Fatal(err)
	}
	got, err := next.Subjects(rt.Varuna)
	want := []string{attest.EntitySubject(rt.Varuna), attest.ApprovalSubject(rt.Varuna, rt.IN), attest.ApprovalSubject(rt.Varuna, rt.US)}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if none, err := next.Subjects(rt.Corvus); err != nil || len(none) != 0 {
		t.Errorf("of an entity that nobody spoke of: %q, %v", none, err)
	}
}

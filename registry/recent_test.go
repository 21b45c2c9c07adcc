package registry_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

func TestRecentGoesBackFromAnyIndexAndMissesNothing(t *testing.T) {
	r := rt.New(t)
	var all [][]byte
	for i := range 12 {
		all = append(all, r.Sign(rt.Registration(fmt.Sprintf("REG-%d", i), rt.US, fmt.Sprintf("us-own:E-%d", i), "US")))
	}
	// Batches of several statements, so that pages end within one.
	for part := range slices.Chunk(all, 4) {
		if _, err := r.SubmitTogether(t.Context(), part...); err != nil {
			t.Fatal(err)
		}
		r.Clock.Add(time.Minute)
	}
	e, err := r.Published()
	if err != nil {
		t.Fatal(err)
	}
	changes, _, _, err := r.Changes(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(changes)
	for from := int64(-1); from <= e.Size()+2; from++ {
		want := slices.DeleteFunc(slices.Clone(changes), func(c registry.Change) bool { return c.Index >= from })
		got := 0
		for before := from; ; {
			page, next, err := e.Recent(t.Context(), before, 3)
			if err != nil || len(page) > 3 || len(page) == 0 && next != 0 {
				t.Fatalf("before %d: %d statements, next %d, %v", before, len(page), next, err)
			}
			for _, s := range page {
				if w := want[got]; s.Index != w.Index || !s.Time.Equal(w.Time) || s.Statement.Claims().Head().JTI != w.JTI || s.Void {
					t.Errorf("before %d: %d at %v, want %d at %v", from, s.Index, s.Time, w.Index, w.Time)
				}
				got++
			}
			if before = next; next == 0 {
				break
			}
		}
		if got != len(want) {
			t.Errorf("before %d: %d statements, want %d", from, got, len(want))
		}
	}
}

func TestAnEditionProvesWhatItHas(t *testing.T) {
	r := rt.New(t)
	r.MustSubmit(rt.Domain("PDA-1", rt.US))
	e, err := r.Published()
	if err != nil {
		t.Fatal(err)
	}
	// What comes later is not of it.
	r.MustSubmit(rt.Domain("PDA-2", rt.IN))
	c, err := verify.ParseCheckpoint(e.Checkpoint())
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Statement(t.Context(), rt.US, "PDA-1")
	if err != nil {
		t.Fatal(err)
	}
	proof, err := e.Prove(s.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := tlog.CheckRecord(proof, c.Tree.N, c.Tree.Hash, s.Index, s.Statement.LeafHash()); err != nil {
		t.Error(err)
	}
	if _, err := e.Statement(t.Context(), rt.IN, "PDA-2"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a later statement: %v", err)
	}
	for _, index := range []int64{-1, e.Size(), 1 << 50} {
		if _, err := e.Prove(index); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("index %d: %v", index, err)
		}
	}
	lines, err := e.Signatures()
	if err != nil || len(lines) != 2 || lines[0].State != verify.SignatureGood || lines[1].State != verify.SignatureGood && lines[1].State != verify.SignatureMissing || lines[1].Role != attest.Witness {
		t.Errorf("signed by %v, %v", lines, err)
	}
}

func TestGrowthIsOfBatchesFromTheFirstToTheLast(t *testing.T) {
	r := rt.New(t)
	for i := range 30 {
		r.Clock.Add(time.Hour)
		r.MustSubmit(rt.Registration(fmt.Sprintf("REG-%d", i), rt.US, fmt.Sprintf("us-own:E-%d", i), "US"))
	}
	e, err := r.Published()
	if err != nil {
		t.Fatal(err)
	}
	for _, most := range []int{0, 1, 2, 3, 7, 31, 1000} {
		points, err := e.Growth(t.Context(), most)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(points); n < 2 || n > max(2, most) || points[0].Size != 2 || points[n-1].Size != e.Size() || !points[n-1].Time.Equal(e.Time()) {
			t.Errorf("%d at most: %v", most, points)
		}
		if most == 1000 && len(points) != 31 {
			t.Errorf("%d batches, want all 31", len(points))
		}
		for i, p := range points {
			leaf, err := r.Leaf(p.Size - 1)
			if err != nil {
				t.Fatal(err)
			}
			status, err := verify.ParseStatusLeaf(leaf)
			if err != nil || !status.Time.Equal(p.Time) || i > 0 && points[i-1].Size >= p.Size {
				t.Errorf("%v: the batch was logged at %v, %v", p, status.Time, err)
			}
		}
	}
}

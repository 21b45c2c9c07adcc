package registry_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

func collect(t *testing.T, ids iter.Seq2[string, error]) (all []string) {
	t.Helper()
	for id, err := range ids {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, id)
	}
	return all
}

// listed logs entities that are known in many ways. "-" sorts before "/", which
// separates an entity from an authority.
func listed(t *testing.T, config ...func(*registry.Config)) (r *rt.Register, ids []string) {
	t.Helper()
	r = rt.New(t, config...)
	reg := rt.Registration("REG-1", rt.IN, rt.Varuna, "IN")
	reg.Identifiers = []string{"iec:AAVCD1234K"}
	r.MustSubmit(reg)
	r.MustSubmit(rt.Domain("PDA-1", rt.US))
	for i, id := range []string{
		"us-own:A", "us-own:A-1", "us-own:A-1-2", "us-own:A-1-3", "us-own:A-2", "us-own:B-1", "us-own:B1",
		"us-own:C", "us-own:C-1", "us-own:D-1", "us-own:D-1-1", "us-own:D", "us-own:E", "us-own:E-", "us-own:E--1", "us:F",
	} {
		if id == "us:F" || id == "us-own:E-" {
			// No identifiers.
			continue
		}
		ids = append(ids, id)
		r.MustSubmit(rt.Approval(fmt.Sprintf("TEA-%d", i), rt.US, id, "AU"))
		if i%2 == 0 {
			r.MustSubmit(rt.Approval(fmt.Sprintf("TEA-%d-IN", i), rt.IN, id, "AU"))
		}
	}
	r.MustSubmit(rt.Registration("REG-C", rt.US, "us-own:C", "US"))
	r.MustSubmit(rt.Registration("REG-D", rt.US, "us-own:D-1-1", "US"))
	ids = append(ids, rt.Varuna, "iec:AAVCD1234K")
	slices.Sort(ids)
	return r, ids
}

func TestEntitiesAscendFromAnyOfThemOn(t *testing.T) {
	r, ids := listed(t)
	if diff := cmp.Diff(ids, collect(t, r.Entities(""))); diff != "" {
		t.Errorf("entities (-want +got):\n%s", diff)
	}
	for _, after := range slices.Concat(ids, []string{"a", "us-own:A-", "us-own:D-1/", "us-own:\xff", "zz"}) {
		n, found := slices.BinarySearch(ids, after)
		if found {
			n++
		}
		if diff := cmp.Diff(slices.Clone(ids[n:]), collect(t, r.Entities(after)), cmp.Transformer("none", func(s []string) string { return fmt.Sprint(s) })); diff != "" {
			t.Errorf("after %q (-want +got):\n%s", after, diff)
		}
		// Each may be the last that is looked at.
		for id, err := range r.Entities(after) {
			if err != nil || id != ids[n] {
				t.Errorf("after %q: %q (%v), want %q", after, id, err, ids[n])
			}
			break
		}
	}
	if diff := cmp.Diff([]string{rt.Sandbox}, collect(t, r.Sandboxes(""))); diff != "" {
		t.Errorf("sandboxes (-want +got):\n%s", diff)
	}
	if got := collect(t, r.Sandboxes(rt.Sandbox)); len(got) > 0 {
		t.Errorf("sandboxes after the last: %s", got)
	}
}

// subjectsLog counts the subjects that are read.
type subjectsLog struct {
	registry.Log
	read int
}

func (l *subjectsLog) Subjects(prefix, from string) iter.Seq2[registry.Subject, error] {
	return func(yield func(registry.Subject, error) bool) {
		for s, err := range l.Log.Subjects(prefix, from) {
			l.read++
			if !yield(s, err) {
				return
			}
		}
	}
}

func TestAListingDoesNotReadWhatIsBeforeIt(t *testing.T) {
	var counting *subjectsLog
	r, ids := listed(t, func(c *registry.Config) {
		counting = &subjectsLog{Log: c.Log}
		c.Log = counting
	})
	counting.read = 0
	last := ids[len(ids)-1]
	// Its own approvals, and those of the shorter id.
	if got := collect(t, r.Entities(last)); len(got) > 0 || counting.read > 4 {
		t.Errorf("after the last: %s; %d subjects were read", got, counting.read)
	}
	counting.read = 0
	for range r.Entities("") {
		break
	}
	if counting.read > 2 {
		t.Errorf("for the first, %d subjects were read", counting.read)
	}
}

func TestWhatIsLoggedOfAnEntityComesInPagesThatMissNothing(t *testing.T) {
	var counting *countingLog
	r := rt.New(t, func(c *registry.Config) {
		counting = &countingLog{Log: c.Log}
		c.Log = counting
	})
	ctx := context.Background()
	r.MustSubmit(rt.Registration("REG-1", rt.IN, rt.Varuna, "IN"))
	approval := rt.Approval("TEA-1", rt.US, rt.Varuna, "IN")
	r.MustSubmit(approval)
	r.MustSubmit(rt.Approval("TEA-IN", rt.IN, rt.Varuna, "IN"))
	r.MustSubmit(rt.Approval("TEA-2", rt.US, rt.Halcyon, "US"))
	for i := range 4 {
		r.MustSubmit(rt.Event(fmt.Sprintf("EV-%d", i), rt.US, approval.Sub, "TEA-1", attest.Suspend, rt.Start))
		second := rt.Registration(fmt.Sprintf("REG-%d", i+2), rt.IN, rt.Varuna, "IN")
		second.Supersedes = fmt.Sprintf("REG-%d", i+1)
		r.MustSubmit(second)
	}
	want := []string{"REG-1", "TEA-1", "TEA-IN", "EV-0", "REG-2", "EV-1", "REG-3", "EV-2", "REG-4", "EV-3", "REG-5"}
	for _, most := range []int{1, 2, 3, 10, 11, 12} {
		r.Restart()
		counting.leaves = 0
		var got []string
		for after, more := int64(-1), true; more; {
			var page []registry.Logged
			var err error
			if page, more, err = r.Entity(ctx, rt.Varuna, after, most); err != nil || len(page) > most || len(page) == 0 {
				t.Fatalf("%d after %d: %d, %v", most, after, len(page), err)
			}
			for _, l := range page {
				got = append(got, l.Statement.Claims().Head().JTI)
				after = l.Index
			}
			if most == 1 && len(got) == 1 && counting.leaves > 1 {
				t.Errorf("for one statement, %d were read", counting.leaves)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d at a time (-want +got):\n%s", most, diff)
		}
	}
	if page, more, err := r.Entity(ctx, rt.Varuna, r.Size(), 5); len(page) > 0 || more || err != nil {
		t.Errorf("behind the last: %d, %t, %v", len(page), more, err)
	}
	for _, id := range []string{rt.Corvus, rt.Varuna[:len(rt.Varuna)-1]} {
		if _, _, err := r.Entity(ctx, id, -1, 5); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", id, err)
		}
	}
	if _, _, err := r.Sandbox(ctx, rt.Sandbox, -1, 5); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("sandbox: %v, want ErrNotFound", err)
	}
}

package finder_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry/finder"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

func waiting(t *testing.T, f *finder.Finder, authority string) []string {
	t.Helper()
	ids, more, err := f.Waiting(t.Context(), authority, "", 10)
	if err != nil || more != 0 {
		t.Fatal(more, err)
	}
	return ids
}

func TestASandboxWaitsUntilAllHaveApprovedTheSameTerms(t *testing.T) {
	r := rt.New(t)
	f := finder.New(r)
	r.MustSubmit(rt.Domain("domain-us", rt.US))
	for _, a := range []string{rt.US, rt.IN, ""} {
		if got := waiting(t, f, a); !cmp.Equal(got, []string{rt.Sandbox}) {
			t.Errorf("for %q: %v", a, got)
		}
	}
	if got := waiting(t, f, "auth-au"); len(got) != 0 {
		t.Errorf("for an authority that is not of its terms: %v", got)
	}
	r.MustSubmit(rt.Domain("domain-in", rt.IN))
	if got := waiting(t, f, ""); len(got) != 0 {
		t.Errorf("after both have approved: %v", got)
	}
	d := rt.Domain("domain-us-2", rt.US)
	d.Supersedes, d.Terms.AllowedEndUses = "domain-us", []string{"sea_trial", "test_and_evaluation"}
	r.MustSubmit(d)
	if got := waiting(t, f, rt.IN); len(got) != 1 {
		t.Errorf("after new terms: %v", got)
	}
}

// What a stolen key approved is void, and the others wait again.
func TestASandboxWaitsAgainWhereAnApprovalHasBecomeVoid(t *testing.T) {
	r := rt.New(t)
	f := finder.New(r)
	r.MustSubmit(rt.Domain("domain-us", rt.US))
	r.MustSubmit(rt.Domain("domain-in", rt.IN))
	if got := waiting(t, f, ""); len(got) != 0 {
		t.Fatalf("waiting: %v", got)
	}
	next, err := r.Root().Successor()
	if err != nil {
		t.Fatal(err)
	}
	next.IAT = attest.NumericDate(r.Clock.Now().Unix())
	i := slices.IndexFunc(next.Authorities, func(a attest.Authority) bool { return a.ID == rt.IN })
	next.Authorities[i].Compromised = []attest.Compromised{{Kid: rt.SignerNamed("in-1").Key().ID(), Since: 1}}
	r.MustSubmit(next)
	if got := waiting(t, f, rt.IN); len(got) != 1 {
		t.Errorf("after the key was declared stolen: %v", got)
	}
}

func TestWaitingSandboxesComeInPages(t *testing.T) {
	r := rt.New(t)
	f := finder.New(r)
	for i := range 5 {
		d := rt.Domain(fmt.Sprint("domain-", i), rt.US)
		d.Sub = attest.SandboxSubject(fmt.Sprint("SBX-", 9-i))
		r.MustSubmit(d)
	}
	ids, more, err := f.Waiting(t.Context(), rt.IN, "", 2)
	if err != nil || more != 3 || !cmp.Equal(ids, []string{"SBX-9", "SBX-8"}) {
		t.Fatal(ids, more, err)
	}
	ids, more, err = f.Waiting(t.Context(), rt.IN, "SBX-8", 9)
	if err != nil || more != 0 || !cmp.Equal(ids, []string{"SBX-7", "SBX-6", "SBX-5"}) {
		t.Fatal(ids, more, err)
	}
	if _, _, err := f.Waiting(t.Context(), rt.IN, "SBX-NONE", 9); !errors.Is(err, finder.ErrCursor) {
		t.Errorf("behind a sandbox that is not there: %v", err)
	}
}

// A whole register may be given, and renewed, on one day.
func TestManyThatEndTogetherAreCountedAndNotAllLookedInto(t *testing.T) {
	r := rt.New(t)
	f := finder.New(r)
	id := func(i int) string { return fmt.Sprintf("us-own:E-%02d", i) }
	for i := range 70 {
		r.MustSubmit(rt.Registration(fmt.Sprintf("reg-%02d", i), rt.US, id(i), "US"))
	}
	ending := func() (int, int) {
		t.Helper()
		now := r.Clock.Now()
		e, err := f.Ending(t.Context(), rt.US, now, now.AddDate(0, 0, 90), 20)
		if err != nil {
			t.Fatal(err)
		}
		return len(e.Found), e.More
	}
	r.Clock.Set(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	if n, more := ending(); n != 20 || more != 50 {
		t.Errorf("%d found, more %d; want 20 and 50", n, more)
	}
	for i := range 69 {
		again := rt.Registration(fmt.Sprintf("again-%02d", i), rt.US, id(i), "US")
		again.Supersedes, again.NBF, again.EXP = fmt.Sprintf("reg-%02d", i), attest.NumericDate(r.Clock.Now().Add(time.Hour).Unix()), again.EXP+365*86400
		again.Retroactive, again.RetroactiveReason = false, ""
		r.MustSubmit(again)
	}
	r.Clock.Add(2 * time.Hour)
	if n, more := ending(); n != 1 || more != 0 {
		t.Errorf("after all but one are renewed: %d found, more %d", n, more)
	}
}

func TestWhatEndsSoonIsFoundForWhoGaveIt(t *testing.T) {
	r := stage(t)
	f := finder.New(r)
	// All that the stage has ends on 2027-01-05.
	r.Clock.Set(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	r.MustSubmit(rt.Event("revoke-1", rt.US, attest.ApprovalSubject(rt.Corvus, rt.US), "ap-corvus", attest.Revoke, r.Clock.Now()))
	longer := rt.Approval("ap-varuna-2", rt.US, rt.Varuna, "IN")
	longer.Supersedes, longer.EXP, longer.NBF = "ap-varuna", longer.EXP+365*86400, attest.NumericDate(r.Clock.Now().Unix())
	r.MustSubmit(longer)
	r.Clock.Add(time.Hour)
	ends := func(authority string, days, limit int) (jtis []string, more int) {
		t.Helper()
		now := r.Clock.Now()
		e, err := f.Ending(t.Context(), authority, now, now.AddDate(0, 0, days), limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range e.Found {
			jtis = append(jtis, g.JTI)
		}
		return jtis, e.More
	}
	if got, more := ends(rt.US, 90, 10); more != 0 || !cmp.Equal(got, []string{"reg-halcyon", "domain-us"}) {
		t.Errorf("ending: %v, more %d; want neither what is revoked nor what has a newer version", got, more)
	}
	if got, more := ends(rt.US, 90, 1); more != 2 || !cmp.Equal(got, []string{"reg-halcyon"}) {
		t.Errorf("one: %v, more %d; want the revoked one counted, which has not been looked into", got, more)
	}
	if got, _ := ends(rt.US, 30, 10); len(got) != 0 {
		t.Errorf("within 30 days: %v", got)
	}
	if got, _ := ends("auth-au", 90, 10); len(got) != 0 {
		t.Errorf("of nobody: %v", got)
	}
}

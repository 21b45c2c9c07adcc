package finder_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/finder"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
)

var (
	_ finder.Register = (*registry.Registry)(nil)
	_ finder.Register = (*registry.Replica)(nil)
)

// stage is a register with three entities and a sandbox.
func stage(t *testing.T) *rt.Register {
	t.Helper()
	r := rt.New(t)
	varuna := rt.Registration("reg-varuna", rt.IN, rt.Varuna, "IN")
	varuna.LegalName, varuna.FormerNames = "Varuna Deep Sea Systems Pvt Ltd", []string{"Société Océane de Visakhapatnam"}
	varuna.Identifiers = []string{"iec:0388012345"}
	halcyon := rt.Registration("reg-halcyon", rt.US, rt.Halcyon, "US")
	halcyon.LegalName = "Halcyon Maritime, Inc."
	corvus := rt.Approval("ap-corvus", rt.US, rt.Corvus, "AU")
	corvus.LegalName, corvus.Programme = "Corvus Pacific Limited", "VEU"
	ap := rt.Approval("ap-varuna", rt.US, rt.Varuna, "IN")
	ap.LegalName, ap.Programme = "Varuna Deep Sea Systems Private Limited", "TEA"
	back := rt.Approval("ap-halcyon", rt.IN, rt.Halcyon, "US")
	back.LegalName = "Halcyon Maritime Inc"
	for _, c := range []attest.Claims{varuna, halcyon, corvus, ap, back, rt.Domain("domain-us", rt.US), rt.Domain("domain-in", rt.IN)} {
		r.MustSubmit(c)
	}
	r.Clock.Add(time.Hour)
	return r
}

func ids(t *testing.T, f *finder.Finder, r *rt.Register, q finder.Query) []string {
	t.Helper()
	q.Limit, q.Now = max(q.Limit, 10), r.Clock.Now()
	page, err := f.Entities(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, e := range page.Found {
		out = append(out, e.ID)
	}
	return out
}

func TestAnEntityIsFoundByWhatPeopleKnowOfIt(t *testing.T) {
	r := stage(t)
	f := finder.New(r)
	for text, want := range map[string]string{
		"Varuna Deep Sea Systems Pvt Ltd": rt.Varuna,
		"varuna":                          rt.Varuna,
		"VARUNA deep":                     rt.Varuna,
		"Varuma Deep Sea":                 rt.Varuna, // a wrong letter
		"Vaurna Dep Sea Systms":           rt.Varuna, // transposed and missing ones
		"societe oceane":                  rt.Varuna, // a former name, without its accents
		rt.Varuna:                         rt.Varuna,
		"999900varunadeep0174":            rt.Varuna,
		"LEI: 999900VARUNADEEP0174":       rt.Varuna,
		"iec:0388012345":                  rt.Varuna,
		"0388012345":                      rt.Varuna,
		"halcyon maritme":                 rt.Halcyon,
		"corvus":                          rt.Corvus,
	} {
		if got := ids(t, f, r, finder.Query{Text: text}); len(got) == 0 || got[0] != want {
			t.Errorf("%q finds %q, want %s first", text, got, want)
		}
	}
	for _, text := range []string{"quantum foundry", "...", "lei:", "0388012346", "\u0301"} {
		if got := ids(t, f, r, finder.Query{Text: text}); len(got) != 0 {
			t.Errorf("%q finds %q", text, got)
		}
	}
}

func TestASearchIsNarrowedByWhatOneApprovalIs(t *testing.T) {
	r := stage(t)
	f := finder.New(r)
	all := []string{rt.Corvus, rt.Halcyon, rt.Varuna}
	for name, row := range map[string]struct {
		q    finder.Query
		want []string
	}{
		"nothing":                  {finder.Query{}, all},
		"authority":                {finder.Query{Authority: rt.US}, []string{rt.Corvus, rt.Varuna}},
		"unknown authority":        {finder.Query{Authority: "auth-xx"}, nil},
		"programme":                {finder.Query{Programme: "TEA"}, []string{rt.Varuna}},
		"programme of another":     {finder.Query{Programme: "TEA", Authority: rt.IN}, nil},
		"country":                  {finder.Query{Country: "US"}, []string{rt.Halcyon}},
		"status":                   {finder.Query{Status: policy.InForce}, all},
		"status that none has":     {finder.Query{Status: policy.Revoked}, nil},
		"sandbox":                  {finder.Query{Sandbox: rt.Sandbox}, []string{rt.Halcyon, rt.Varuna}},
		"sandbox that is none":     {finder.Query{Sandbox: "NONE"}, nil},
		"text and country":         {finder.Query{Text: "maritime", Country: "US"}, []string{rt.Halcyon}},
		"text and another country": {finder.Query{Text: "maritime", Country: "IN"}, nil},
	} {
		if got := ids(t, f, r, row.q); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

func TestAStatusIsWhatTheRulesSayItIsNow(t *testing.T) {
	r := stage(t)
	f := finder.New(r)
	sub := attest.ApprovalSubject(rt.Varuna, rt.US)
	status := func() string {
		page, err := f.Entities(t.Context(), finder.Query{Text: rt.Varuna, Limit: 1, Now: r.Clock.Now()})
		if err != nil || len(page.Found) != 1 || len(page.Found[0].Approvals) != 1 {
			t.Fatalf("found %+v, %v", page, err)
		}
		a := page.Found[0].Approvals[0]
		return fmt.Sprint(a.JTI, " ", a.Status)
	}
	if got := status(); got != "ap-varuna in_force" {
		t.Errorf("at first: %s", got)
	}
	for _, s := range []struct {
		what attest.EventType
		want string
	}{{attest.Suspend, "ap-varuna suspended"}, {attest.Lift, "ap-varuna in_force"}, {attest.Revoke, "ap-varuna revoked"}} {
		r.MustSubmit(rt.Event(string(s.what)+"-1", rt.US, sub, "ap-varuna", s.what, r.Clock.Now().Add(time.Minute)))
		r.Clock.Add(2 * time.Minute)
		if got := status(); got != s.want {
			t.Errorf("after %s: %s, want %s", s.what, got, s.want)
		}
	}
	if got := ids(t, f, r, finder.Query{Status: policy.Revoked}); !slices.Equal(got, []string{rt.Varuna}) {
		t.Errorf("revoked: %q", got)
	}
	r.Clock.Set(rt.Start.AddDate(2, 0, 0))
	if got := ids(t, f, r, finder.Query{Status: policy.Expired}); !slices.Equal(got, []string{rt.Corvus, rt.Halcyon}) {
		t.Errorf("expired after two years: %q", got)
	}
}

func TestNamesThatStandComeBeforeThoseOfWhatHasEnded(t *testing.T) {
	r := rt.New(t)
	for i, name := range []string{"Ended", "Stands", "Not yet"} {
		a := rt.Approval(fmt.Sprintf("approval-%d", i), rt.US, rt.Corvus, "AU")
		if a.LegalName = name; i == 0 {
			a.EXP = attest.NumericDate(rt.Start.Add(time.Hour).Unix())
		} else if i == 2 {
			a.NBF, a.Retroactive, a.RetroactiveReason = attest.NumericDate(rt.Start.Add(24*time.Hour).Unix()), false, ""
		}
		r.MustSubmit(a)
	}
	r.Clock.Add(2 * time.Hour)
	f := finder.New(r)
	for at, want := range map[time.Time][]string{
		rt.Start: {"Ended", "Stands", "Not yet"}, r.Clock.Now(): {"Stands", "Not yet", "Ended"},
	} {
		page, err := f.Entities(t.Context(), finder.Query{Text: "ended", Limit: 1, Now: at})
		if err != nil || len(page.Found) != 1 || !slices.Equal(page.Found[0].Names, want) {
			t.Errorf("at %v: %+v %v, want %q", at, page.Found, err, want)
		}
	}
}

func TestWhatAStolenKeySaidFindsNothing(t *testing.T) {
	r := stage(t)
	// In the trust root's next version, all that India's key signed is void.
	f := finder.New(r)
	if got := ids(t, f, r, finder.Query{Text: "iec:0388012345"}); len(got) != 1 {
		t.Fatalf("before: %q", got)
	}
	root, err := r.Root().Successor()
	if err != nil {
		t.Fatal(err)
	}
	in := rt.SignerNamed("in-1").Key().ID()
	for i := range root.Authorities {
		if root.Authorities[i].ID == rt.IN {
			root.Authorities[i].Officers = []attest.Officer{rt.SignerNamed("in-9").Officer()}
			root.Authorities[i].Compromised = []attest.Compromised{{Kid: in, Since: 1}}
		}
	}
	r.MustSubmit(root)
	r.Clock.Add(time.Minute)
	if got := ids(t, f, r, finder.Query{Text: "iec:0388012345"}); len(got) != 0 {
		t.Errorf("by an identifier of a void registration: %q", got)
	}
	if got := ids(t, f, r, finder.Query{Text: "societe oceane"}); len(got) != 0 {
		t.Errorf("by a name of a void registration: %q", got)
	}
	if got := ids(t, f, r, finder.Query{Text: "varuna deep"}); !slices.Equal(got, []string{rt.Varuna}) {
		t.Errorf("by the name of an approval that stands: %q", got)
	}
}

func TestAnApprovalThatHasPassedOnIsFoundWithItsHolder(t *testing.T) {
	r := stage(t)
	now := r.Clock.Now()
	r.MustSubmit(&attest.Succession{
		Common: attest.Common{Iss: rt.US, Sub: attest.ApprovalSubject(rt.Varuna, rt.US), JTI: "succession-1"},
		Target: "ap-varuna", EffectiveAt: attest.NumericDate(now.Unix()), Successor: "us-own:DEEP-2", LegalName: "Deep Two Holdings", Country: "IN",
	})
	r.Clock.Add(time.Minute)
	f := finder.New(r)
	page, err := f.Entities(t.Context(), finder.Query{Text: "deep two", Programme: "TEA", Limit: 5, Now: r.Clock.Now()})
	if err != nil || len(page.Found) != 1 || len(page.Found[0].Approvals) != 1 {
		t.Fatalf("found %+v, %v", page, err)
	}
	if a := page.Found[0].Approvals[0]; a.JTI != "ap-varuna" || a.GivenTo != rt.Varuna || a.Status != policy.InForce {
		t.Errorf("it holds %+v", a)
	}
	if got := ids(t, f, r, finder.Query{Programme: "TEA"}); !slices.Equal(got, []string{"us-own:DEEP-2"}) {
		t.Errorf("the programme has %q, want the holder alone", got)
	}
}

func TestSandboxesAreFound(t *testing.T) {
	r := stage(t)
	f := finder.New(r)
	for _, q := range []finder.Query{{}, {Text: "underwater comunications"}, {Text: rt.Sandbox}, {Text: "ucomms"}, {Authority: rt.IN}, {Status: policy.InForce}} {
		q.Limit, q.Now = 10, r.Clock.Now()
		page, err := f.Sandboxes(t.Context(), q)
		if err != nil || len(page.Found) != 1 {
			t.Errorf("%+v: %+v, %v", q, page, err)
			continue
		}
		s := page.Found[0]
		if s.ID != rt.Sandbox || s.Concurrence != 2 || !slices.Equal(s.Authorities, []string{rt.IN, rt.US}) || len(s.Approvals) != 2 || (s.Matched != nil) != (q.Text != "") {
			t.Errorf("%+v: %+v", q, s)
		}
	}
	for _, q := range []finder.Query{{Text: "lunar mining"}, {Authority: "auth-xx"}, {Status: policy.Revoked}} {
		q.Limit, q.Now = 10, r.Clock.Now()
		if page, err := f.Sandboxes(t.Context(), q); err != nil || len(page.Found) != 0 {
			t.Errorf("%+v: %+v, %v", q, page, err)
		}
	}
}

func TestPagesMissNothingAndRepeatNothing(t *testing.T) {
	r := rt.New(t)
	var want []string
	for i := range 60 {
		id := fmt.Sprintf("us-own:A-%02d", (i*37)%60)
		a := rt.Approval(fmt.Sprintf("ap-%d", i), rt.IN, id, "AU")
		a.LegalName = fmt.Sprintf("Meridian Works %d", i)
		r.MustSubmit(a)
		want = append(want, id)
	}
	r.Clock.Add(time.Minute)
	slices.Sort(want)
	f := finder.New(r)
	for _, q := range []finder.Query{{Status: policy.InForce}, {Text: "meridian"}, {Text: "meridian works 7"}} {
		q.Limit, q.Now = 7, r.Clock.Now()
		var got []string
		for {
			page, err := f.Entities(t.Context(), q)
			if err != nil || len(page.Found) > q.Limit {
				t.Fatalf("%d found, %v", len(page.Found), err)
			}
			for _, e := range page.Found {
				got = append(got, e.ID)
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", q, diff)
		}
	}
}

// TestACursorThatIsForgedIsRefusedOrHarmless: 55, deep and made-up pages.
func TestACursorThatIsForgedIsRefusedOrHarmless(t *testing.T) {
	r := stage(t)
	f := finder.New(r)
	for _, after := range []string{"x", "1001.a", "-1.a", ".", "12", "1.\x00", "1." + strings.Repeat("a", 300), "1.é"} {
		if _, err := f.Entities(t.Context(), finder.Query{Text: "varuna", After: after, Limit: 1, Now: r.Clock.Now()}); !errors.Is(err, finder.ErrCursor) {
			t.Errorf("%q: %v", after, err)
		}
	}
	for _, after := range []string{"0.", "1000.", "999.lei:Z", "500.zzz"} {
		if page, err := f.Entities(t.Context(), finder.Query{Text: "varuna", After: after, Limit: 5, Now: r.Clock.Now()}); err != nil || len(page.Found) > 1 {
			t.Errorf("%q: %+v, %v", after, page, err)
		}
	}
}

// slow is a register whose leaves take time.
type slow struct {
	*rt.Register
	each time.Duration
}

func (s slow) Leaves(from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for leaf, err := range s.Register.Leaves(from) {
			time.Sleep(s.each)
			if !yield(leaf, err) {
				return
			}
		}
	}
}

func TestWhoeverSearchesTooEarlyIsToldSoAndTheNextGoesOn(t *testing.T) {
	r := stage(t)
	f := finder.New(slow{r, 200 * time.Millisecond})
	q := finder.Query{Text: "varuna", Limit: 1, Now: r.Clock.Now()}
	if _, err := f.Entities(t.Context(), q); !errors.Is(err, finder.ErrBuilding) {
		t.Fatalf("the first search: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.CatchUp(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("catch up: %v", err)
	}
	if err := f.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if page, err := f.Entities(t.Context(), q); err != nil || len(page.Found) != 1 {
		t.Errorf("found %+v, %v", page, err)
	}
}

func TestManySearchWhileTheLogGrows(t *testing.T) {
	r := stage(t)
	f := finder.New(r)
	var searching sync.WaitGroup
	for range 8 {
		searching.Go(func() {
			for range 20 {
				page, err := f.Entities(t.Context(), finder.Query{Text: "varuna deep", Limit: 3, Now: r.Clock.Now()})
				if err != nil || len(page.Found) == 0 || page.Found[0].ID != rt.Varuna {
					t.Errorf("found %+v, %v", page, err)
					return
				}
			}
		})
	}
	for i := range 20 {
		id := fmt.Sprintf("us-own:B-%d", i)
		a := rt.Approval(fmt.Sprintf("ap-b-%d", i), rt.IN, id, "AU")
		a.LegalName = fmt.Sprintf("Borealis %d", i)
		r.MustSubmit(a)
		r.Clock.Add(time.Second)
		// What is published is found.
		if got := ids(t, f, r, finder.Query{Text: id}); !slices.Equal(got, []string{id}) {
			t.Errorf("%s finds %q", id, got)
		}
	}
	searching.Wait()
}

func TestTheIndexTakesTheMemoryThatIsDocumented(t *testing.T) {
	if testing.Short() {
		t.Skip("logs thousands of statements")
	}
	r := rt.New(t)
	const n = 5000
	done := make(chan error, n)
	words := []string{"Meridian", "Borealis", "Cobalt", "Harbour", "Systems", "Avionics", "Photonics", "Marine", "Optics", "Dynamics", "Foundry", "Signal"}
	for i := range n {
		a := rt.Approval(fmt.Sprintf("ap-%d", i), rt.IN, fmt.Sprintf("us-own:A-%d", i), "AU")
		a.LegalName = fmt.Sprintf("%s %s %s %d Limited", words[i%12], words[i/12%12], words[i/144%12], i)
		a.Listed, a.Programme, a.AuthorisedRoles = true, "TEA", []attest.Role{attest.EndUser, attest.Transferee}
		a.EligibleItems = []attest.Item{{List: "US_CCL", Entry: "5A001.b.1"}, {List: "US_CCL", Entry: fmt.Sprintf("6A%03d", i%100)}}
		data := r.Sign(a)
		go func() {
			_, err := r.Submit(context.Background(), data)
			done <- err
		}()
		if i%1000 == 999 {
			for range 1000 {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, start := heap(), time.Now()
	f := finder.New(r)
	if err := f.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	each := (int64(heap()) - int64(before)) / n
	t.Logf("%d bytes an entity; %v for %d", each, took, n)
	if each > 1024 {
		t.Errorf("the index takes %d bytes an entity, more than the 1024 that are documented", each)
	}
	start = time.Now()
	page, err := f.Entities(t.Context(), finder.Query{Text: "meridian borealis 4332", Limit: 20, Now: r.Clock.Now().Add(time.Hour)})
	if err != nil || len(page.Found) != 20 {
		t.Fatalf("found %d, %v", len(page.Found), err)
	}
	t.Logf("a search: %v", time.Since(start))
	runtime.KeepAlive(f)
}

package highwater_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
	"github.com/safeconduct/safeconduct/verify/highwater"
)

// shown is the evidence that a register gives now, opened.
func shown(t testing.TB, r *rt.Register) *verify.Opened {
	t.Helper()
	evidence, err := r.EvidenceOf(t.Context(), []string{"entity:" + rt.Varuna})
	if err != nil {
		t.Fatal(err)
	}
	e, err := verify.Open(evidence, r.Trust, r.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func register(t testing.TB) *rt.Register {
	t.Helper()
	r := rt.New(t)
	r.MustSubmit(rt.Registration("reg-v", rt.IN, rt.Varuna, "IN"))
	r.Clock.Add(time.Minute)
	return r
}

func file(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "seen.json")
}

func TestWhatWasSeenIsNotShownLessAgain(t *testing.T) {
	r := register(t)
	before, mark := shown(t, r), highwater.At(file(t))
	for range 2 {
		if err := mark.Raise(before, r.Clock.Now()); err != nil {
			t.Fatalf("the first that is seen: %v", err)
		}
	}
	r.MustSubmit(rt.Registration("reg-h", rt.US, rt.Halcyon, "US"))
	r.Clock.Add(time.Hour)
	after, now := shown(t, r), r.Clock.Now()
	if err := mark.Raise(after, now); err != nil {
		t.Fatalf("of a larger log: %v", err)
	}
	if err := mark.Raise(before, now); !errors.Is(err, highwater.ErrSmaller) {
		t.Errorf("of what the log was: %v", err)
	}
	if err := mark.Raise(after, now); err != nil {
		t.Errorf("once more: %v", err)
	}
}

// TestAClockThatWasSetBackIsNoticed: 30, by a clock that is set back old evidence is
// fresh.
func TestAClockThatWasSetBackIsNoticed(t *testing.T) {
	r := register(t)
	old, then := shown(t, r), r.Clock.Now()
	r.Clock.Add(48 * time.Hour)
	if err := r.Cosign(t.Context()); err != nil {
		t.Fatal(err)
	}
	mark := highwater.At(file(t))
	if err := mark.Raise(shown(t, r), r.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	// The log has not grown; its old checkpoint is as large.
	if err := mark.Raise(old, then); !errors.Is(err, highwater.ErrClock) {
		t.Errorf("by the clock of two days ago: %v", err)
	}
	if err := mark.Raise(old, r.Clock.Now().Add(-4*time.Minute)); err != nil {
		t.Errorf("by a clock that is four minutes slow: %v", err)
	}
	if err := mark.Raise(old, then); !errors.Is(err, highwater.ErrClock) {
		t.Errorf("old evidence has lowered the mark: %v", err)
	}
}

// Who asks as of a time to come has cosignatures of then count, and would be refused
// until it has come.
func TestAMarkIsNotSetAheadOfTheClock(t *testing.T) {
	r := register(t)
	now, mark := r.Clock.Now(), highwater.At(file(t))
	r.Clock.Add(10 * 365 * 24 * time.Hour)
	if err := r.Cosign(t.Context()); err != nil {
		t.Fatal(err)
	}
	ahead := shown(t, r)
	if err := mark.Raise(ahead, now); !errors.Is(err, highwater.ErrClock) {
		t.Errorf("cosigned ten years ahead: %v", err)
	}
	if err := mark.Raise(ahead, r.Clock.Now()); err != nil {
		t.Errorf("ten years later: %v", err)
	}
}

func TestAnotherLogOfTheSameSizeIsAFork(t *testing.T) {
	one, two := register(t), register(t)
	one.MustSubmit(rt.Registration("reg-h", rt.US, rt.Halcyon, "US"))
	two.MustSubmit(rt.Registration("reg-o", rt.US, rt.Corvus, "US"))
	one.Clock.Add(time.Minute)
	two.Clock.Add(time.Minute)
	name := file(t)
	if err := highwater.At(name).Raise(shown(t, one), one.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := highwater.At(name).Raise(shown(t, two), two.Clock.Now()); !errors.Is(err, highwater.ErrForked) {
		t.Errorf("of the other log: %v", err)
	}
	if again, err := os.ReadFile(name); err != nil || string(again) != string(kept) {
		t.Errorf("what was seen first is not kept: %v\n%s", err, again)
	}
}

func TestNothingIsComparedWithoutTheFile(t *testing.T) {
	r := register(t)
	e, now := shown(t, r), r.Clock.Now()
	name := file(t)
	if err := highwater.At(name).Raise(e, now); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"empty":              "",
		"no JSON":            "seen",
		"cut off":            string(good[:len(good)/2]),
		"another type":       strings.Replace(string(good), "highwater/v1", "highwater/v2", 1),
		"no checkpoint":      `{"checkpoint":"","proven_until":"2026-01-05T09:00:00Z","type":"safeconduct/highwater/v1"}`,
		"another register's": strings.Replace(string(good), rt.Origin, "other.example/register", 1),
		"a member more":      strings.Replace(string(good), "{", `{"more":1,`, 1),
		"too large":          string(good) + strings.Repeat(" ", 1<<20),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := highwater.At(name).Raise(e, now)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want an error that names the file", what, err)
		}
		if kept, err := os.ReadFile(name); err != nil || string(kept) != text {
			t.Errorf("%s: the file was changed: %v", what, err)
		}
	}
	link := file(t)
	if err := os.Symlink(name, link); err != nil {
		t.Fatal(err)
	}
	for what, m := range map[string]*highwater.Mark{
		"a link": highwater.At(link),
		"none":   nil, "no name": highwater.At(""), "a directory": highwater.At(t.TempDir()),
		"in no directory": highwater.At(filepath.Join(t.TempDir(), "none", "seen.json")),
	} {
		if err := m.Raise(e, now); err == nil {
			t.Errorf("%s: raised", what)
		}
	}
	for what, e := range map[string]*verify.Opened{"no evidence": nil, "unopened evidence": new(verify.Opened)} {
		if err := highwater.At(file(t)).Raise(e, now); err == nil {
			t.Errorf("%s: raised", what)
		}
	}
	if err := highwater.At(file(t)).Raise(e, time.Time{}); err == nil {
		t.Error("without a time: raised")
	}
}

// However many verifiers use one file, it ends at the largest.
func TestAMarkIsSharedAndNeverLowered(t *testing.T) {
	r := register(t)
	var all []*verify.Opened
	for i := range 6 {
		all = append(all, shown(t, r))
		r.MustSubmit(rt.Approval("us-v-"+string(rune('a'+i)), rt.US, rt.Varuna, "IN"))
		r.Clock.Add(time.Minute)
	}
	name, now := file(t), r.Clock.Now()
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			if err := highwater.At(name).Raise(all[i*5%len(all)], now); err != nil && !errors.Is(err, highwater.ErrSmaller) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := highwater.At(name).Raise(all[len(all)-2], now); !errors.Is(err, highwater.ErrSmaller) {
		t.Errorf("the last but one, when all were seen: %v", err)
	}
	if err := highwater.At(name).Raise(all[len(all)-1], now); err != nil {
		t.Errorf("the largest: %v", err)
	}
}

// Whatever is in the file, nothing panics, and what is not one stays.
func FuzzRaise(f *testing.F) {
	r := register(f)
	e, now := shown(f, r), r.Clock.Now()
	name := file(f)
	if err := highwater.At(name).Raise(e, now); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"checkpoint":"example.org/register\n9\n\n","proven_until":"9999-01-05T09:00:00Z","type":"safeconduct/highwater/v1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if highwater.At(name).Raise(e, now) == nil {
			return
		}
		if kept, err := os.ReadFile(name); err != nil || string(kept) != string(data) {
			t.Fatalf("refused, and changed: %v", err)
		}
	})
}

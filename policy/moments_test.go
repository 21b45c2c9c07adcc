package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/policy"
)

// Between two moments nothing comes to anything else, and at those of the history that
// act on an approval it does, though they are of another entity.
func TestNothingComesToSomethingElseBetweenTwoMoments(t *testing.T) {
	st := newStage(t, 1)
	st.entity("auth-us", "T1", "varuna", "2026-01-10", "2026-12-01", "VTZ-1", func(a *attest.EntityApproval) {
		a.Conditions = &attest.Conditions{ChangeOfControl: attest.AutoSuspend}
	})
	st.at("2026-01-15").succession("T1", "corvus", "2026-03-01")
	st.at("2026-01-16").event(attest.Suspend, "T1", "2026-02-10", "2026-02-20")
	st.at("2026-06-01").happens("auth-us", attest.ChangeOfControl, "corvus", "2026-04-01")
	h := policy.Read(st.whole("2026-07-01"))
	subject := attest.ApprovalSubject(idOf("varuna"), "auth-us")
	for known, want := range map[string][]string{
		"":           {"2026-01-10", "2026-02-10", "2026-02-20", "2026-03-01", "2026-04-01", "2026-12-01"},
		"2026-05-01": {"2026-01-10", "2026-02-10", "2026-02-20", "2026-03-01", "2026-12-01"},
	} {
		var by time.Time
		if known != "" {
			by = date(known)
		}
		moments := must(h.Moments(subject, by))
		var got []string
		for _, m := range moments {
			got = append(got, m.UTC().Format(time.DateOnly))
		}
		if !slices.Equal(got, want) {
			t.Errorf("known by %q: %q, want %q", known, got, want)
		}
		before := told(t, h, subject, known, "2026-01-01")
		for day := date("2026-01-02"); day.Before(date("2027-01-02")); day = day.AddDate(0, 0, 1) {
			now := told(t, h, subject, known, day.Format(time.DateOnly))
			if changed, named := !slices.Equal(before, now), slices.ContainsFunc(moments, day.Equal); changed != named {
				t.Errorf("known by %q, on %s it changes: %t, is a moment: %t\n%q", known, day.Format(time.DateOnly), changed, named, now)
			}
			before = now
		}
	}
}

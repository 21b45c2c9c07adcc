package policy_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/internal/proven"
	"github.com/safeconduct/safeconduct/policy"
)

// all proves every history of the stage, and those of the requests.
func (st *stage) all(e time.Time, reqs ...*policy.Request) *proven.Set {
	st.t.Helper()
	set := st.prove(reqs[0], e)
	for _, req := range reqs[1:] {
		for _, s := range st.prove(req, e).Subjects() {
			set.Prove(s, st.histories[s])
		}
	}
	for s, entries := range st.histories {
		set.Prove(s, entries)
	}
	return set
}

// around are times at, just before and just after those that scripts name.
func around(t *rapid.T, label string) time.Time {
	at := date(rapid.SampledFrom(append([]string{"2026-04-15", "2026-05-15", "2026-06-15", "2026-12-01"}, months...)).Draw(t, label))
	return at.Add(rapid.SampledFrom([]time.Duration{0, -1, -time.Second, 1, time.Second, 36 * time.Hour}).Draw(t, label+" and"))
}

func TestHistoriesReadOnceDecideAsThoseReadAnew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyScript(t)
		st := s.play(t)
		var reqs []*policy.Request
		var qs []*policy.Question
		for i := range 4 {
			over := anyAsk(t)
			if i%2 == 1 {
				over["transferor"], over["transferee"] = over["transferee"], "halcyon"
			}
			if i == 3 {
				over["sandbox"], over["authority"], over["programme"] = nil, "auth-us", "VEU"
			}
			req := over.request(t)
			q, err := policy.Ask(req)
			if err != nil {
				t.Fatalf("ask: %v", err)
			}
			reqs, qs = append(reqs, req), append(qs, q)
		}
		set := st.all(date("2026-08-01"), reqs...)
		once := policy.Read(set)
		// As many as come back to a time that has been.
		for range 12 {
			i := rapid.IntRange(0, len(reqs)-1).Draw(t, "request")
			at := policy.Times{EffectiveAt: around(t, "effective_at"), KnownAt: date("2026-08-01"), CheckedAt: date("2026-08-01")}
			if rapid.IntRange(0, 3).Draw(t, "in the past") == 0 {
				at.KnownAt = around(t, "known_at")
			}
			want, err := policy.Explain(reqs[i], set, at)
			if err != nil {
				t.Fatalf("explain: %v", err)
			}
			got, err := once.Explain(qs[i], at)
			if err != nil {
				t.Fatalf("explain on histories read once: %v", err)
			}
			if !bytes.Equal(marshalled(t, want), marshalled(t, got)) {
				t.Fatalf("anew\n%s\nread once\n%s\nat %v, after\n%v", marshalled(t, want), marshalled(t, got), at, s)
			}
		}
	})
}

func marshalled(t tb, d *policy.Decision) []byte {
	b, err := d.Marshal()
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	return b
}

func TestHistoriesMayBeAskedConcurrently(t *testing.T) {
	st := joint(t)
	req := ask{}.request(t)
	other := ask{"destination_site": "BLR-9", "ledger": []any{}}.request(t)
	histories := policy.Read(st.all(date("2026-05-04T09:00:00Z"), req, other))
	q, err := policy.Ask(req)
	if err != nil {
		t.Fatal(err)
	}
	no, err := policy.Ask(other)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 200 {
				at := times(req)
				at.EffectiveAt = at.EffectiveAt.Add(time.Duration(n%7) * time.Hour)
				asked, want := q, policy.PERMIT
				if (n+i)%2 == 0 {
					asked, want = no, policy.DENY
				}
				if d, err := histories.Decide(asked, at); err != nil || d.Decision != want {
					t.Errorf("Decide = %v, %v, want %s", d, err, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

// Whoever may ask about anything does not make the memory grow without end.
func TestHistoriesForgetWhatTheyWereAsked(t *testing.T) {
	st := joint(t)
	at := times(ask{}.request(t))
	var reqs []*policy.Request
	for i := range 5000 {
		reqs = append(reqs, ask{"transferee": fmt.Sprintf("x-any:%d", i)}.request(t))
	}
	histories := policy.Read(st.all(date("2026-05-04T09:00:00Z"), reqs...))
	most := 0
	for _, req := range reqs {
		q, err := policy.Ask(req)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := histories.Decide(q, at); err != nil || d.Decision != policy.DENY {
			t.Fatalf("Decide = %v, %v, want DENY", d, err)
		}
		most = max(most, policy.Kept(histories))
	}
	if most > 4096 {
		t.Errorf("%d scenes are kept", most)
	}
}

func TestAQuestionWithoutHistoriesIsNotDecided(t *testing.T) {
	q, err := policy.Ask(ask{}.request(t))
	if err != nil {
		t.Fatal(err)
	}
	at := times(ask{}.request(t))
	if d, err := policy.Read(new(proven.Set)).Decide(q, at); err == nil || d.Permitted() {
		t.Errorf("on histories of nothing: %v, %v", d, err)
	}
	var none *policy.Histories
	if d, err := none.Decide(q, at); err == nil || d.Permitted() {
		t.Errorf("on no histories: %v, %v", d, err)
	}
	st := joint(t)
	if d, err := policy.Read(st.all(at.KnownAt, ask{}.request(t))).Decide(nil, at); err == nil || d.Permitted() {
		t.Errorf("no question: %v, %v", d, err)
	}
}

func TestAnActAfterAllCalendarsIsNotDecided(t *testing.T) {
	over := ask{"effective_at": "9900-01-01T00:00:00Z"}
	st := joint(t)
	req := over.request(t)
	if d, err := policy.Decide(req, st.prove(req, date("2026-05-04T09:00:00Z")), times(req)); err == nil || d.Permitted() {
		t.Errorf("Decide = %v, %v, want an error", d, err)
	}
	if d := st.decide(ask{"effective_at": "9899-12-31T23:59:59Z"}); d.Decision != policy.DENY {
		t.Errorf("in the last year that is decided: %s", d.Decision)
	}
}

func TestAskRefusesWhatParseRequestRefuses(t *testing.T) {
	req := ask{}.request(t)
	req.Act = "smuggle"
	if q, err := policy.Ask(req); err == nil {
		t.Errorf("Ask = %v, want an error", q)
	}
}

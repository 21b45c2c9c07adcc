package policy_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/attest"
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

// Where nothing was logged between known_at and the end of the proof, it makes no
// difference to read histories up to known_at alone.
func TestKnowledgeIsThatOfTheWholeProofFromTheNewestStatementOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyScript(t)
		st := s.play(t)
		req := anyAsk(t).request(t)
		fresh := date("2026-08-01")
		set := st.all(fresh, req)
		var newest proven.Entry
		for _, entries := range st.histories {
			for _, e := range entries {
				if e.Time.After(newest.Time) {
					newest = e
				}
			}
		}
		at := policy.Times{EffectiveAt: around(t, "effective_at"), KnownAt: newest.Time.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "beside")) * time.Second), CheckedAt: fresh}
		got, err := policy.Explain(req, set, at)
		if err != nil {
			t.Fatalf("explain: %v", err)
		}
		// With a statement about somebody else at the very end, known_at counts.
		newest.Time = fresh
		set.Prove("entity:lei:999900NOBODYATALL0000", []proven.Entry{newest})
		want, err := policy.Explain(req, set, at)
		if err != nil {
			t.Fatalf("explain: %v", err)
		}
		if !bytes.Equal(marshalled(t, want), marshalled(t, got)) {
			t.Fatalf("known_at is read\n%s\nand else\n%s\nat %v, after\n%v", marshalled(t, want), marshalled(t, got), at, s)
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
	// What was logged in the last hour has those look back who did not know of it.
	st.at("2026-05-04T08:30:00Z").event(attest.Suspend, "PDA-US-UC", "2027-01-01")
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
				at.KnownAt = at.KnownAt.Add(-time.Duration(n%2) * time.Hour)
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

// Whoever may ask about anything does not make the memory grow without end,
// however much there is to each question.
func TestHistoriesForgetWhatTheyWereAsked(t *testing.T) {
	st := joint(t)
	for i := range 300 {
		st.at("2026-02-01").event(attest.Suspend, "PDA-US-UC", "2027-01-01", date("2027-01-02").AddDate(0, 0, i).Format(time.DateOnly))
	}
	at := times(ask{}.request(t))
	var via []string
	for i := range 64 {
		via = append(via, fmt.Sprintf("x-any:V%d", i))
	}
	first := ask{"via": via}.request(t)
	histories := policy.Read(st.all(at.KnownAt, first))
	most, forgot, before := 0, false, 0
	for i := range 300 {
		// Every other question is about others, those between about one more time.
		if i%2 == 0 {
			via[i/2%63], via[i/2%63+1] = via[i/2%63+1], via[i/2%63]
		}
		req := ask{"via": via}.request(t)
		if i%2 == 1 {
			req, at.EffectiveAt = first, at.EffectiveAt.Add(36*time.Hour)
		}
		q, err := policy.Ask(req)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := histories.Decide(q, at); err != nil || d.Decision != policy.DENY {
			t.Fatalf("Decide = %v, %v, want DENY", d, err)
		}
		counted, there := policy.Kept(histories)
		if counted != there {
			t.Fatalf("%d parts are kept, and counted as %d", there, counted)
		}
		most, forgot, before = max(most, there), forgot || there < before, there
	}
	if most > policy.MaxParts || !forgot {
		t.Errorf("%d parts are kept, forgot %t", most, forgot)
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
	for what, none := range map[string]*policy.Histories{"none": nil, "the zero": new(policy.Histories), "of no set": policy.Read(nil)} {
		if d, err := none.Explain(q, at); err == nil || d.Permitted() {
			t.Errorf("on histories, %s: %v, %v", what, d, err)
		}
	}
	st := joint(t)
	for what, none := range map[string]*policy.Question{"no": nil, "the zero": new(policy.Question)} {
		if d, err := policy.Read(st.all(at.KnownAt, ask{}.request(t))).Explain(none, at); err == nil || d.Permitted() {
			t.Errorf("%s question: %v, %v", what, d, err)
		}
	}
}

func TestAnActAfterAllCalendarsIsNotDecided(t *testing.T) {
	st := joint(t)
	const over = `"effective_at":"9900-01-01T00:00:00Z"`
	if _, err := policy.ParseRequest([]byte(`{` + over + `}`)); err == nil || !strings.Contains(err.Error(), "/effective_at: is after the year 9899") {
		t.Errorf("ParseRequest: %v", err)
	}
	req := ask{}.request(t)
	if err := req.EffectiveAt.UnmarshalText([]byte("9900-01-01T00:00:00Z")); err != nil {
		t.Fatal(err)
	}
	if d, err := policy.Decide(req, st.prove(req, date("2026-05-04T09:00:00Z")), times(req)); err == nil || d.Permitted() {
		t.Errorf("Decide = %v, %v, want an error", d, err)
	}
	// The year is that in UTC, wherever the caller is.
	at := times(req)
	at.EffectiveAt = at.EffectiveAt.In(time.FixedZone("", -3600))
	if d, err := policy.Decide(req, st.prove(req, date("2026-05-04T09:00:00Z")), at); err == nil || d.Permitted() {
		t.Errorf("Decide west of Greenwich = %v, %v, want an error", d, err)
	}
	if d := st.decide(ask{"effective_at": "9899-12-31T23:59:59Z"}); d.Decision != policy.DENY {
		t.Errorf("in the last year that is decided: %s", d.Decision)
	}
}

// Every time that is read can be written again, whatever its offset.
func TestATimeIsOneThatUTCHas(t *testing.T) {
	for text, ok := range map[string]bool{
		"1970-01-01T00:00:00Z": true, "9999-12-31T23:59:59.999999999Z": true, "1970-01-01T01:00:00+01:00": true,
		"1970-01-01T00:00:00+00:01": false, "9999-12-31T23:59:59-00:01": false, "1969-12-31T23:59:00-01:00": true,
	} {
		var i policy.Instant
		if err := i.UnmarshalText([]byte(text)); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAskRefusesWhatParseRequestRefuses(t *testing.T) {
	req := ask{}.request(t)
	req.Act = "smuggle"
	if q, err := policy.Ask(req); err == nil {
		t.Errorf("Ask = %v, want an error", q)
	}
}

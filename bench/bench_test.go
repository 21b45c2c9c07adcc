package main

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/safeconduct/safeconduct/attest"
)

func TestAMedianLiesBetweenTheMiddleValues(t *testing.T) {
	got := statOf(4, 1, 3, 2)
	if diff := cmp.Diff(Stat{Median: 2.5, Min: 1, Max: 4, Each: []float64{4, 1, 3, 2}}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := quantile([]float64{7}, 0.99); got != 7 {
		t.Errorf("the 99th percentile of one value is %v", got)
	}
}

func TestAMissedTargetIsSaid(t *testing.T) {
	for _, test := range []struct {
		goal  *goal
		value float64
		want  string
	}{
		{&goalRaw, 2, "met"},
		{&goalRaw, 1.99, "missed"},
		{&goalOffline, 1.5, "met"},
		{&goalOffline, 1.51, "missed"},
		{&goalEvidence, 24 << 10, "met"},
		{&goalEvidence, 24<<10 + 1, "missed"},
		{nil, 1, ""},
	} {
		var r Report
		r.add(Row{Value: statOf(test.value), Ratio: ptr(statOf(test.value))}, test.goal)
		if got := r.Rows[0].Verdict; got != test.want {
			t.Errorf("%+v with %v: %q, want %q", test.goal, test.value, got, test.want)
		}
		if n, want := len(unmeasured(r.Rows)), len(goals); test.goal != nil && n != want-1 || test.goal == nil && n != want {
			t.Errorf("%+v: %d goals are unmeasured", test.goal, n)
		}
	}
}

func TestTheCorpusIsWhatTheTrustRootLetsItsAuthoritySay(t *testing.T) {
	root, err := rootStatement()
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := attest.OpenRoot(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	subjects := make(map[string]bool)
	for n := range 200 {
		st, err := statementNumber(n)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := attest.Open(st, trusted.TrustRoot())
		if err != nil {
			t.Fatalf("statement %d: %v", n, err)
		}
		for _, s := range opened.Claims().Subjects() {
			subjects[s] = true
		}
		sigs, err := statementSignatures(st)
		if err != nil {
			t.Fatal(err)
		}
		if len(sigs) != 1 || !sigs[0].verify() {
			t.Errorf("statement %d: %d signatures, of which the first has to be valid", n, len(sigs))
		}
	}
	if len(subjects) != 200 {
		t.Errorf("200 statements are about %d subjects", len(subjects))
	}
}

func TestBothRawLogsKeepALeafOnce(t *testing.T) {
	for which, open := range rawLogs {
		t.Run(which, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			log, err := open(ctx, t.TempDir(), 4)
			if err != nil {
				t.Fatal(err)
			}
			first, err := log.Add(ctx, []byte("a leaf"))
			if err != nil {
				t.Fatal(err)
			}
			other, err := log.Add(ctx, []byte("another leaf"))
			if err != nil {
				t.Fatal(err)
			}
			again, err := log.Add(ctx, []byte("a leaf"))
			if err != nil {
				t.Fatal(err)
			}
			if again != first || other == first {
				t.Errorf("the first leaf stands at %d and then at %d, another one at %d", first, again, other)
			}
			if err := log.Close(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

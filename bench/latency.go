package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/safeconduct/safeconduct/registry"
)

// latency measures how long a submitter waits for its receipt while statements
// arrive at 80 % of the rate that was measured as the peak.
func latency(ctx context.Context, b *bench) error {
	if b.peak == 0 {
		rounds, err := b.load(ctx, b.latency, b.repeats)
		if err != nil {
			return err
		}
		b.peak = statOf(column(rounds, func(o admissionOutput) float64 { return o.Rate })...).Median
	}
	corpus, err := b.corpus(ctx, b.latency)
	if err != nil {
		return err
	}
	rate := 0.8 * b.peak
	for _, c := range []struct {
		interval time.Duration
		goal     *goal
	}{{time.Second, &goalP99Second}, {100 * time.Millisecond, &goalP99Tenth}} {
		var rounds []latencyOutput
		for range b.repeats {
			saying("latency: %s statements a second, batches of %s", thousands(rate), c.interval)
			out, err := inFresh[latencyOutput](ctx, b, "latency", func(dir string) any { return latencyInput{dir, corpus, rate, c.interval} })
			if err != nil {
				return err
			}
			rounds = append(rounds, out)
		}
		beside := "p50"
		if n := slices.MaxFunc(rounds, func(a, b latencyOutput) int { return a.Refused - b.Refused }).Refused; n > 0 {
			beside += fmt.Sprintf("; at most %s refusals in a round", thousands(float64(n)))
		}
		median := statOf(column(rounds, func(o latencyOutput) float64 { return o.P50 })...)
		b.report.add(Row{
			Section: "latency",
			What:    fmt.Sprintf("p99 from submit to receipt, interval %s, %s/s", c.interval, thousands(rate)),
			Unit:    Millis, Value: statOf(column(rounds, func(o latencyOutput) float64 { return o.P99 })...),
			Beside: beside, BesideOf: &median, BesideIn: Millis,
		}, c.goal)
	}
	return nil
}

type latencyInput struct {
	Dir, Corpus string
	// Rate is of arrivals, a second.
	Rate     float64
	Interval time.Duration
}

type latencyOutput struct {
	// P50 and P99 are in milliseconds.
	P50, P99 float64
	// Refused is how often a submitter was told to try again later.
	Refused int
}

// latencyStage submits at random times that do not depend on answers. A wait is
// counted from the time at which the statement should have been submitted, so
// that a register that stands still is not spared. Who is told to try again
// later does so, each time about twice as late, up to a second, and waits all the
// longer.
func latencyStage(ctx context.Context, in latencyInput) (out latencyOutput, err error) {
	reg, closeAll, err := serve(ctx, in.Dir, clock(time.Hour), &in.Interval)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	var all [][]byte
	for st, err := range statements(in.Corpus) {
		if err != nil {
			return out, err
		}
		all = append(all, st)
	}
	waits := make([]float64, len(all))
	errs := make([]error, len(all))
	random := rand.New(rand.NewPCG(1, 2))
	var refused atomic.Int64
	var wg sync.WaitGroup
	due := time.Now()
	for i, st := range all {
		due = due.Add(time.Duration(random.ExpFloat64() / in.Rate * float64(time.Second)))
		// The kernel's timers are coarser than these gaps: what is due
		// meanwhile follows at once.
		if early := time.Until(due); early > time.Millisecond {
			time.Sleep(early)
		}
		at := due
		wg.Go(func() {
			wait := pushedBack
			for {
				if _, errs[i] = reg.Submit(ctx, st); !errors.Is(errs[i], registry.ErrOverloaded) {
					break
				}
				refused.Add(1)
				time.Sleep(wait/2 + time.Duration(rand.Int64N(int64(wait))))
				wait = min(2*wait, time.Second)
			}
			waits[i] = float64(time.Since(at)) / float64(time.Millisecond)
		})
	}
	wg.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return out, fmt.Errorf("statement %d of %d: %w", i, len(all), errs[i])
	}
	return latencyOutput{quantile(waits, 0.5), quantile(waits, 0.99), int(refused.Load())}, nil
}

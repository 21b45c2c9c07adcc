package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// submitters is how many submit at once, each the next statement when it has
// the receipt of the last: several batches' worth.
const submitters = 3072

// admission measures how fast a register admits statements, up to each size.
func admission(ctx context.Context, b *bench) error {
	for _, size := range b.sizes {
		rounds, err := b.load(ctx, size, b.rounds(size))
		if err != nil {
			return err
		}
		var g *goal
		switch size {
		case 1e5:
			g = &goalAdmit5
		case 1e6:
			g = &goalAdmit6
		}
		bare := column(rounds, func(o admissionOutput) float64 { return o.Bare })
		beside := statOf(bare...)
		add := func(what string, rates []float64, g *goal) {
			r := ratios(rates, bare)
			b.report.add(Row{
				Section: "admission", What: fmt.Sprintf("%s subjects, %s", thousands(float64(size)), what), Unit: PerSecond, Value: statOf(rates...),
				Beside: "bare Ed25519, before and after", BesideOf: &beside, BesideIn: PerSecond, Ratio: &r,
			}, g)
		}
		all := column(rounds, func(o admissionOutput) float64 { return o.Rate })
		add("from empty to full", all, g)
		// In fewer, what was under way at either end would tell most.
		if size >= 1e5 {
			add("from 85 to 95 % full", column(rounds, func(o admissionOutput) float64 { return o.LateRate }), nil)
		}
		if size == b.latency {
			b.peak = statOf(all...).Median
		}
		b.report.add(Row{
			Section: "admission", What: fmt.Sprintf("%s subjects, on disk for each statement", thousands(float64(size))), Unit: Bytes,
			Value:  statOf(column(rounds, func(o admissionOutput) float64 { return o.PerStatement })...),
			Beside: "the statement itself", BesideOf: &Stat{Median: rounds[0].StatementBytes}, BesideIn: Bytes,
		}, nil)
		var m *goal
		if size == 1e6 {
			m = &goalMemory
		}
		b.report.add(Row{
			Section: "admission", What: fmt.Sprintf("%s subjects, resident at the end", thousands(float64(size))), Unit: Bytes,
			Value:    statOf(column(rounds, func(o admissionOutput) float64 { return o.Memory.Resident })...),
			Beside:   "of which anonymous",
			BesideOf: ptr(statOf(column(rounds, func(o admissionOutput) float64 { return o.Memory.Anonymous })...)), BesideIn: Bytes,
		}, m)
	}
	return nil
}

func ptr[T any](v T) *T { return &v }

// load fills registers up to a size, as many times as told, and keeps the last
// for what is measured on a full one.
func (b *bench) load(ctx context.Context, size, times int) ([]admissionOutput, error) {
	corpus, err := b.corpus(ctx, size)
	if err != nil {
		return nil, err
	}
	var rounds []admissionOutput
	for round := range times {
		saying("admission: %s statements, round %d of %d", thousands(float64(size)), round+1, times)
		dir, err := b.fresh("register")
		if err != nil {
			return nil, err
		}
		out, err := isolated[admissionOutput](ctx, "admission", admissionInput{dir, corpus, size, b.bare})
		if err != nil {
			return nil, err
		}
		rounds = append(rounds, out)
		if err := b.keep(size, dir); err != nil {
			return nil, err
		}
	}
	return rounds, nil
}

// full returns the directory of a register that has been loaded to a size.
func (b *bench) full(ctx context.Context, size int) (string, error) {
	if b.loaded[size] == "" {
		if _, err := b.load(ctx, size, 1); err != nil {
			return "", err
		}
	}
	return b.loaded[size], nil
}

type admissionInput struct {
	Dir, Corpus string
	Size        int
	// Bare is how long the bare verification is measured, before and after.
	Bare time.Duration
}

type admissionOutput struct {
	// Rate is over all statements, LateRate over a tenth of them near the end.
	Rate, LateRate float64
	// Bare is the mean of bare verifications a second before and after.
	Bare float64
	// PerStatement is what one takes up on disk, StatementBytes its own size.
	PerStatement, StatementBytes float64
	Memory                       Memory
}

func admissionStage(ctx context.Context, in admissionInput) (out admissionOutput, err error) {
	sigs, err := corpusSignatures(in.Corpus)
	if err != nil {
		return out, err
	}
	before, err := bareRate(sigs, in.Bare)
	if err != nil {
		return out, err
	}
	reg, closeAll, err := serve(ctx, in.Dir, clock(time.Hour), nil)
	if err != nil {
		return out, err
	}
	feed := feeding(ctx, in.Corpus)
	late := [2]int64{int64(in.Size) * 85 / 100, int64(in.Size) * 95 / 100}
	var done, bytes atomic.Int64
	var marked [2]atomic.Pointer[time.Time]
	var wg sync.WaitGroup
	failed := make(chan error, submitters)
	start := time.Now()
	for range submitters {
		wg.Go(func() {
			for st := range feed.out {
				if _, err := reg.Submit(ctx, st); err != nil {
					failed <- fmt.Errorf("submit: %w", err)
					return
				}
				bytes.Add(int64(len(st)))
				if i := slices.Index(late[:], done.Add(1)); i >= 0 {
					marked[i].Store(ptr(time.Now()))
				}
			}
		})
	}
	wg.Wait()
	end := time.Now()
	close(failed)
	if err := errors.Join(feed.err, <-failed); err != nil {
		return out, errors.Join(err, closeAll())
	}
	if n := done.Load(); n != int64(in.Size) {
		return out, fmt.Errorf("%d statements of %d were logged", n, in.Size)
	}
	out.Rate = float64(in.Size) / end.Sub(start).Seconds()
	out.LateRate = float64(late[1]-late[0]) / marked[1].Load().Sub(*marked[0].Load()).Seconds()
	if out.Memory, err = memory(); err != nil {
		return out, err
	}
	if err := profileHeap("admission"); err != nil {
		return out, err
	}
	if err := closeAll(); err != nil {
		return out, err
	}
	after, err := bareRate(sigs, in.Bare)
	if err != nil {
		return out, err
	}
	out.Bare = (before + after) / 2
	disk, err := onDisk(in.Dir)
	out.PerStatement, out.StatementBytes = float64(disk)/float64(in.Size), float64(bytes.Load())/float64(in.Size)
	return out, err
}

// serve starts the register in a directory, with its trust root logged. The
// interval is that of its batches, none where nil.
func serve(ctx context.Context, dir string, now func() time.Time, interval *time.Duration) (*registry.Registry, func() error, error) {
	root, err := rootStatement()
	if err != nil {
		return nil, nil, err
	}
	trust, err := registrytest.Trust(root)
	if err != nil {
		return nil, nil, err
	}
	reg, log, err := registrytest.Serve(dir, now, trust, func(c *registry.Config) {
		if interval != nil {
			c.BatchInterval = *interval
		}
	})
	if err != nil {
		return nil, nil, err
	}
	closeAll := func() error { return errors.Join(reg.Close(), log.Close()) }
	if _, err := reg.Init(ctx, root); err != nil {
		return nil, nil, errors.Join(err, closeAll())
	}
	return reg, closeAll, nil
}

// A feed reads a corpus ahead of those who submit it.
type feed struct {
	out chan []byte
	// err is set before out is closed.
	err error
}

func feeding(ctx context.Context, corpus string) *feed {
	f := &feed{out: make(chan []byte, 4*submitters)}
	go func() {
		defer close(f.out)
		for st, err := range statements(corpus) {
			if err != nil {
				f.err = err
				return
			}
			select {
			case f.out <- st:
			case <-ctx.Done():
				f.err = ctx.Err()
				return
			}
		}
	}()
	return f
}

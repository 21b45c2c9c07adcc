package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// replay measures how fast a mirror's replica repeats a register of each size:
// every statement is opened and admitted anew and every root compared. It reads
// the register's own store: a mirror's reads of tiles and the network do not
// count.
func replay(ctx context.Context, b *bench) error {
	for _, size := range b.sizes {
		dir, err := b.full(ctx, size)
		if err != nil {
			return err
		}
		corpus, err := b.corpus(ctx, size)
		if err != nil {
			return err
		}
		var rounds []replayOutput
		for range b.repeats {
			saying("replay: %s subjects", thousands(float64(size)))
			out, err := inFresh[replayOutput](ctx, b, "replay", func(into string) any { return replayInput{dir, into, corpus, b.bare} })
			if err != nil {
				return err
			}
			rounds = append(rounds, out)
		}
		rates, bare := column(rounds, func(o replayOutput) float64 { return o.Rate }), column(rounds, func(o replayOutput) float64 { return o.Bare })
		beside, r := statOf(bare...), ratios(rates, bare)
		b.report.add(Row{
			Section: "replay", What: fmt.Sprintf("%s subjects, a mirror's work, from a local store", thousands(float64(size))), Unit: PerSecond, Value: statOf(rates...),
			Beside: "bare Ed25519, before and after", BesideOf: &beside, BesideIn: PerSecond, Ratio: &r,
		}, nil)
	}
	return nil
}

type replayInput struct {
	// From is the register's directory, Into the mirror's.
	From, Into, Corpus string
	Bare               time.Duration
}

type replayOutput struct {
	// Rate is in leaves a second, Bare the mean of bare verifications a second
	// before and after.
	Rate, Bare float64
}

func replayStage(ctx context.Context, in replayInput) (out replayOutput, err error) {
	sigs, err := corpusSignatures(in.Corpus)
	if err != nil {
		return out, err
	}
	before, err := bareRate(sigs, in.Bare)
	if err != nil {
		return out, err
	}
	from, err := badgerlog.Open(filepath.Join(in.From, registerLog), nil)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	into, err := badgerlog.Open(in.Into, nil)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, into.Close()) }()
	root, err := rootStatement()
	if err != nil {
		return out, err
	}
	trust, err := registrytest.Trust(root)
	if err != nil {
		return out, err
	}
	mirror, err := registry.NewReplica(registry.ReplicaConfig{Log: into, Origin: registrytest.Origin, Trust: trust, Now: clock(72 * time.Hour)})
	if err != nil {
		return out, err
	}
	head, err := from.Head()
	if err != nil {
		return out, err
	}
	start := time.Now()
	if err := mirror.Extend(ctx, registry.StoreSource(from), head.Checkpoint, registry.ExtendOptions{}); err != nil {
		return out, err
	}
	out.Rate = float64(head.Size) / time.Since(start).Seconds()
	if got := mirror.Size(); got != head.Size {
		return out, fmt.Errorf("the mirror has %d leaves, the register %d", got, head.Size)
	}
	after, err := bareRate(sigs, in.Bare)
	out.Bare = (before + after) / 2
	return out, err
}

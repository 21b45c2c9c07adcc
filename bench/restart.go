package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/registry/registrytest"
)

// restart measures how long a full register takes to start, and what it holds
// then. The files are in the system's cache.
func restart(ctx context.Context, b *bench) error {
	for _, size := range b.sizes {
		dir, err := b.full(ctx, size)
		if err != nil {
			return err
		}
		var rounds []restartOutput
		for range b.repeats {
			saying("restart: %s subjects", thousands(float64(size)))
			out, err := isolated[restartOutput](ctx, "restart", restartInput{dir})
			if err != nil {
				return err
			}
			rounds = append(rounds, out)
		}
		subjects := thousands(float64(size)) + " subjects, "
		var start, holds *goal
		if size == 1e6 {
			start, holds = &goalRestart, &goalMemory
		}
		opened := statOf(column(rounds, func(o restartOutput) float64 { return o.Opened })...)
		b.report.add(Row{
			Section: "restart", What: subjects + "until it serves", Unit: Seconds,
			Value:  statOf(column(rounds, func(o restartOutput) float64 { return o.Serving })...),
			Beside: "of which until the store is open", BesideOf: &opened, BesideIn: Seconds,
		}, start)
		anonymous := statOf(column(rounds, func(o restartOutput) float64 { return o.Memory.Anonymous })...)
		b.report.add(Row{
			Section: "restart", What: subjects + "resident after it", Unit: Bytes,
			Value:  statOf(column(rounds, func(o restartOutput) float64 { return o.Memory.Resident })...),
			Beside: "of which anonymous", BesideOf: &anonymous, BesideIn: Bytes,
		}, holds)
	}
	return nil
}

type restartInput struct{ Dir string }

type restartOutput struct {
	// Opened is when the store was open and Serving when the register served,
	// in seconds from the start.
	Opened, Serving float64
	Memory          Memory
}

func restartStage(_ context.Context, in restartInput) (out restartOutput, err error) {
	signer, _ := registrytest.LogSigner()
	start := time.Now()
	log, err := badgerlog.Open(filepath.Join(in.Dir, registerLog), nil)
	if err != nil {
		return out, err
	}
	out.Opened = time.Since(start).Seconds()
	reg, err := registry.New(registry.Config{
		Log: log, Origin: registrytest.Origin, LogSigners: []note.Signer{signer}, Cosigner: registrytest.Cosigner(), Now: clock(48 * time.Hour),
	})
	if err != nil {
		return out, errors.Join(err, log.Close())
	}
	out.Serving = time.Since(start).Seconds()
	if out.Memory, err = memory(); err != nil {
		return out, err
	}
	return out, errors.Join(reg.Close(), log.Close())
}

// registerLog is where registrytest keeps a register's log.
const registerLog = "log"

// keep keeps a loaded register in the place of the one of its size before.
func (b *bench) keep(size int, dir string) error {
	if old := b.loaded[size]; old != "" {
		if err := os.RemoveAll(old); err != nil {
			return fmt.Errorf("make room: %w", err)
		}
	}
	b.loaded[size] = dir
	return nil
}

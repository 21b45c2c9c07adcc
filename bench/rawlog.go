package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// A rawLog takes leaves as they come.
type rawLog interface {
	// Add has a leaf logged and returns its index when it is integrated.
	Add(ctx context.Context, leaf []byte) (index int64, err error)
	// Published returns the size of the published checkpoint.
	Published(ctx context.Context) (int64, error)
	// Close releases the log.
	Close(ctx context.Context) error
}

// rawLogs are those that are compared.
var rawLogs = map[string]func(ctx context.Context, dir string, batch int) (rawLog, error){
	"ours":    openOurs,
	"tessera": openTessera,
}

// writers is how many add leaves at once: as many as two of the larger batches
// hold, so that one fills while the other is written.
const writers = 2000

// raw measures both logs in turns under the same driver.
func raw(ctx context.Context, b *bench) error {
	for _, batch := range batchSizes {
		rates := make(map[string][]float64)
		for range b.repeats {
			for _, which := range []string{"ours", "tessera"} {
				saying("raw: %s, batches of %d", which, batch)
				out, err := inFresh[rawOutput](ctx, b, "raw", func(dir string) any { return rawInput{which, dir, batch, b.raw} })
				if err != nil {
					return err
				}
				rates[which] = append(rates[which], float64(out.Entries)/out.Seconds)
			}
		}
		theirs, r := statOf(rates["tessera"]...), ratios(rates["ours"], rates["tessera"])
		b.report.add(Row{
			Section: "raw", What: fmt.Sprintf("our log, 1 KiB leaves, batches of %d", batch), Unit: PerSecond, Value: statOf(rates["ours"]...),
			Beside: "Tessera POSIX, badger antispam", BesideOf: &theirs, BesideIn: PerSecond, Ratio: &r,
		}, &goalRaw)
	}
	return nil
}

type rawInput struct {
	Which, Dir string
	Batch      int
	For        time.Duration
}

type rawOutput struct {
	// Entries are the leaves added that the last checkpoint covers which was
	// published while leaves were added, Seconds the time from the first Add to
	// its publication. What a log adds of its own, such as status leaves, is not
	// among them.
	Entries int64
	Seconds float64
}

// rawStage adds leaves from many writers, each of whom waits for its leaf's
// index, for a time; then it waits until a checkpoint covers them all.
func rawStage(ctx context.Context, in rawInput) (out rawOutput, err error) {
	log, err := rawLogs[in.Which](ctx, in.Dir, in.Batch)
	if err != nil {
		return out, err
	}
	gen := newLeaves()
	var highest atomic.Int64
	covered := int64(0)
	indexes := make([][]int64, writers)
	var wg sync.WaitGroup
	failed := make(chan error, writers)
	start := time.Now()
	for w := range writers {
		wg.Go(func() {
			for time.Since(start) < in.For {
				index, err := log.Add(ctx, gen.next())
				if err != nil {
					failed <- err
					return
				}
				indexes[w] = append(indexes[w], index)
				for h := highest.Load(); index > h && !highest.CompareAndSwap(h, index); {
					h = highest.Load()
				}
			}
		})
	}
	added := make(chan struct{})
	go func() { wg.Wait(); close(added) }()
	for published := int64(0); ; {
		size, err := log.Published(ctx)
		if err != nil {
			return out, err
		}
		if size > published && (time.Since(start) < in.For || covered == 0) {
			covered, out.Seconds = size, time.Since(start).Seconds()
		}
		published = size
		select {
		case err := <-failed:
			return out, err
		case <-added:
			if published > highest.Load() {
				out.Entries = below(indexes, covered)
				return out, log.Close(ctx)
			}
		default:
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// below counts the indexes below a size.
func below(indexes [][]int64, size int64) (n int64) {
	for _, is := range indexes {
		for _, i := range is {
			if i < size {
				n++
			}
		}
	}
	return n
}

// leaves makes leaves that are all different and do not compress.
type leaves struct {
	noise []byte
	n     atomic.Uint64
}

func newLeaves() *leaves {
	l := &leaves{noise: make([]byte, 1<<20)}
	_, _ = rand.NewChaCha8([32]byte{}).Read(l.noise) // never fails
	return l
}

func (l *leaves) next() []byte {
	n := l.n.Add(1)
	leaf := make([]byte, leafBytes)
	copy(leaf, l.noise[(n*61)%uint64(len(l.noise)-leafBytes):])
	binary.BigEndian.PutUint64(leaf, n)
	return leaf
}

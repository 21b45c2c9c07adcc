package main

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/safeconduct/safeconduct/registry/badgerlog"
)

// leafBytes is the size of a raw leaf.
const leafBytes = 1 << 10

// batchSizes are those of raw leaves.
var batchSizes = []int{256, 1000}

// limits measures what no register on this machine can exceed.
func limits(ctx context.Context, b *bench) error {
	corpus, err := b.corpus(ctx, b.sizes[0])
	if err != nil {
		return err
	}
	var bare []float64
	for range b.repeats {
		saying("limits: bare Ed25519")
		r, err := isolated[float64](ctx, "bare", bareInput{corpus, b.limit})
		if err != nil {
			return err
		}
		bare = append(bare, r)
	}
	b.report.add(Row{Section: "limits", What: "bare Ed25519 verifications, all cores", Unit: PerSecond, Value: statOf(bare...)}, nil)
	for _, batch := range batchSizes {
		var each []float64
		for range b.repeats {
			saying("limits: badger, batches of %d", batch)
			r, err := inFresh[float64](ctx, b, "badger", func(dir string) any { return badgerInput{dir, batch, b.limit} })
			if err != nil {
				return err
			}
			each = append(each, r)
		}
		b.report.add(Row{
			Section: "limits", What: fmt.Sprintf("badger, 1 KiB values, synced batches of %d", batch),
			Unit: PerSecond, Value: statOf(each...),
		}, nil)
	}
	return nil
}

// A signature is what a bare verification needs.
type signature struct {
	key          ed25519.PublicKey
	message, sig []byte
}

func (s signature) verify() bool { return ed25519.Verify(s.key, s.message, s.sig) }

type bareInput struct {
	Corpus string
	For    time.Duration
}

// bareStage verifies the signatures of statements and nothing else of them.
func bareStage(_ context.Context, in bareInput) (float64, error) {
	sigs, err := corpusSignatures(in.Corpus)
	if err != nil {
		return 0, err
	}
	return bareRate(sigs, in.For)
}

// bareRate returns the verifications a second on all cores.
func bareRate(sigs []signature, d time.Duration) (float64, error) {
	var wg sync.WaitGroup
	var done, bad atomic.Int64
	start := time.Now()
	for core := range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := core; time.Since(start) < d; i++ {
				if !sigs[i%len(sigs)].verify() {
					bad.Add(1)
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if bad.Load() > 0 {
		return 0, errors.New("a signature of the corpus is not valid")
	}
	return float64(done.Load()) / time.Since(start).Seconds(), nil
}

type badgerInput struct {
	Dir   string
	Batch int
	For   time.Duration
}

// badgerStage writes values under ascending keys, one synced transaction a
// batch: the least that any log on badger does, with badgerlog's settings.
func badgerStage(_ context.Context, in badgerInput) (rate float64, err error) {
	db, err := badger.Open(badgerlog.Settings(in.Dir))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	gen := newLeaves()
	n := 0
	start := time.Now()
	for time.Since(start) < in.For {
		txn := db.NewTransaction(true)
		for range in.Batch {
			if err := txn.Set(binary.BigEndian.AppendUint64([]byte("l"), uint64(n)), gen.next()); err != nil {
				txn.Discard()
				return 0, err
			}
			n++
		}
		if err := txn.Commit(); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

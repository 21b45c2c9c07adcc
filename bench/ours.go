package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	flog "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// ours is the register's log under a committer that takes raw leaves: what
// waits makes a batch, which is hashed, closed by a status leaf, signed and
// appended. A leaf is named by its hash, so that one that is added twice keeps
// its place, as with antispam.
type ours struct {
	log    *badgerlog.Log
	signer note.Signer
	batch  int
	queue  chan *adding
	done   chan error
	// onTheWay are the leaves that are not durable yet.
	mu       sync.Mutex
	onTheWay map[tlog.Hash]*adding
	// Of the committer.
	size, status int64
	at           time.Time
}

// adding is a leaf on its way. Its index is there once durable is closed.
type adding struct {
	leaf    []byte
	hash    tlog.Hash
	index   int64
	durable chan struct{}
}

func openOurs(_ context.Context, dir string, batch int) (rawLog, error) {
	log, err := badgerlog.Open(dir, nil)
	if err != nil {
		return nil, err
	}
	o := &ours{
		log: log, batch: batch, queue: make(chan *adding, writers), done: make(chan error, 1),
		onTheWay: make(map[tlog.Hash]*adding), status: verify.NoPrevious, at: registrytest.Start,
	}
	o.signer, _ = registrytest.LogSigner()
	go func() { o.done <- o.run() }()
	return o, nil
}

// name is a leaf's, for the log.
func name(h tlog.Hash) string { return hex.EncodeToString(h[:]) }

func (o *ours) Add(ctx context.Context, leaf []byte) (int64, error) {
	a, first := o.adding(leaf)
	if first {
		// Looked for after it was announced: whoever announced it before has
		// made it durable.
		p, ok, err := o.log.Find("raw", name(a.hash))
		if err != nil {
			return 0, err
		}
		if ok {
			o.settle(a, p.Index)
			return p.Index, nil
		}
		o.queue <- a
	}
	select {
	case <-a.durable:
		return a.index, nil
	case err := <-o.done:
		o.done <- err
		return 0, fmt.Errorf("the committer has ended: %w", err)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// adding announces a leaf, or finds it announced already.
func (o *ours) adding(leaf []byte) (a *adding, first bool) {
	h := tlog.RecordHash(leaf)
	o.mu.Lock()
	defer o.mu.Unlock()
	if a, ok := o.onTheWay[h]; ok {
		return a, false
	}
	a = &adding{leaf: leaf, hash: h, durable: make(chan struct{})}
	o.onTheWay[h] = a
	return a, true
}

// settle answers all who wait for a leaf.
func (o *ours) settle(a *adding, index int64) {
	a.index = index
	o.mu.Lock()
	delete(o.onTheWay, a.hash)
	o.mu.Unlock()
	close(a.durable)
}

func (o *ours) Published(context.Context) (int64, error) {
	h, err := o.log.Head()
	return h.Size, err
}

func (o *ours) Close(context.Context) error {
	close(o.queue)
	return errors.Join(<-o.done, o.log.Close())
}

// run commits batches until the queue is closed.
func (o *ours) run() error {
	for first := range o.queue {
		batch := []*adding{first}
	fill:
		for len(batch) < o.batch {
			select {
			case a, ok := <-o.queue:
				if !ok {
					break fill
				}
				batch = append(batch, a)
			default:
				break fill
			}
		}
		start := o.size
		if err := o.commit(batch); err != nil {
			return err
		}
		for i, a := range batch {
			o.settle(a, start+int64(i))
		}
	}
	return nil
}

func (o *ours) commit(adds []*adding) error {
	o.at = o.at.Add(time.Millisecond)
	last := o.size + int64(len(adds))
	status := verify.StatusLeaf{Index: last, Time: o.at, Previous: o.status}.Marshal()
	b := registry.Batch{Start: o.size}
	var hashes []tlog.Hash
	for i, a := range adds {
		b.Leaves, hashes = append(b.Leaves, a.leaf), append(hashes, a.hash)
		place := registry.Place{Index: b.Start + int64(i), Size: last + 1, LeafHash: a.hash}
		b.Statements = append(b.Statements, registry.Named{Iss: "raw", JTI: name(a.hash), Place: place})
	}
	b.Leaves, hashes = append(b.Leaves, status), append(hashes, tlog.RecordHash(status))
	edge := &edge{log: o.log, start: tlog.StoredHashCount(b.Start)}
	for i, h := range hashes {
		hs, err := tlog.StoredHashesForRecordHash(b.Start+int64(i), h, edge)
		if err != nil {
			return err
		}
		edge.added = append(edge.added, hs...)
	}
	b.Hashes = edge.added
	root, err := tlog.TreeHash(last+1, edge)
	if err != nil {
		return err
	}
	text := flog.Checkpoint{Origin: registrytest.Origin, Size: uint64(last + 1), Hash: root[:]}.Marshal()
	if b.Checkpoint, err = note.Sign(&note.Note{Text: string(text)}, o.signer); err != nil {
		return err
	}
	if err := o.log.Append(context.Background(), b); err != nil {
		return err
	}
	o.size, o.status = last+1, last
	return nil
}

// An edge reads the hashes of a log and those added behind them.
type edge struct {
	log   tlog.HashReader
	start int64
	added []tlog.Hash
}

// ReadHashes implements [tlog.HashReader].
func (e *edge) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	var old []int64
	var at []int
	for i, x := range indexes {
		if x < e.start {
			old, at = append(old, x), append(at, i)
		} else {
			out[i] = e.added[x-e.start]
		}
	}
	if len(old) == 0 {
		return out, nil
	}
	hs, err := e.log.ReadHashes(old)
	if err != nil {
		return nil, err
	}
	for i, h := range hs {
		out[at[i]] = h
	}
	return out, nil
}

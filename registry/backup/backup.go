// Package backup is a register's log as one stream, which is enough to make a
// register of again: everything else is derived.
//
//	err := backup.Write(ctx, file, log)        // while the register writes
//	b, err := backup.Open(file, size)
//	err = backup.Restore(ctx, b, empty, nil)
//
// The stream begins with the line
//
//	safeconduct/backup/v1
//
// and is then a sequence of records, each
//
//	u8 kind ‖ u32be length ‖ bytes
//
// of kind 'L', a leaf, in log order from the first on, or 'C', a signed
// checkpoint. A 'C' stands after the status leaf that it covers, at most one
// after each; the last record is one. So a stream that was cut short cannot be
// taken for a whole one.
package backup

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

const magic = "safeconduct/backup/v1\n"

// The kinds of record.
const (
	kindLeaf       = 'L'
	kindCheckpoint = 'C'
)

// maxCheckpoint is the largest checkpoint: less than what is read over the
// network, and as much as a mirror is sent to cosign.
const maxCheckpoint = 64 << 10

// headerSize is that of a record's kind and length.
const headerSize = 1 + 4

// ahead is how many checkpoints are fetched at once: a log of many small batches
// has one for each, and over a network each takes a round trip.
const ahead = 16

// Write writes the log as it stands at the call: what is logged while it
// writes is left out. It returns an error where the log is empty, cannot be
// read or is damaged, or ctx ends; what is written by then is no backup, and
// Open refuses it.
func Write(ctx context.Context, w io.Writer, log registry.Store) error {
	head, err := log.Head()
	if err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	if head.Size == 0 {
		return errors.New("write the backup: the log is empty")
	}
	o := outgoing{src: registry.StoreSource(log), checkpoint: head.Checkpoint}
	if err := o.write(ctx, w); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}

// WriteFrom writes what a source gives, up to a signed checkpoint, with those
// before it that the source has: a backup of a register that is read over the
// network. The
// leaves are those that the checkpoint signs, or an error is returned; whose
// signature it has is for the caller, and for [Restore], to check. Progress,
// which may be nil, is told how many leaves are written.
func WriteFrom(ctx context.Context, w io.Writer, src registry.Source, checkpoint []byte, progress func(size int64)) error {
	o := outgoing{src: src, checkpoint: checkpoint, progress: progress}
	if err := o.write(ctx, w); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}

// An outgoing is a backup that is being written.
type outgoing struct {
	src        registry.Source
	checkpoint []byte
	progress   func(size int64)
	// waiting are what is to be written next, in order.
	waiting []*entry
	// fetching counts the checkpoints among them.
	fetching int
	fetchers sync.WaitGroup
	// tree is that of the leaves that were read.
	tree tree
}

// An entry is a leaf, or a checkpoint that is being fetched.
type entry struct {
	leaf    []byte
	fetched chan fetched
}

type fetched struct {
	checkpoint []byte
	err        error
}

func (o *outgoing) write(ctx context.Context, w io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	// Whoever closes the source after an error does so when nothing reads it.
	defer func() { stop(); o.fetchers.Wait() }()
	c, err := verify.ParseCheckpoint(o.checkpoint)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(w, 1<<20)
	if _, err := b.WriteString(magic); err != nil {
		return err
	}
	size := int64(0)
	for leaf, err := range o.src.Leaves(ctx, 0, c.Tree.N) {
		if err == nil {
			err = o.leaf(b, leaf)
		}
		size++
		if err == nil && verify.IsStatusLeaf(leaf) && size < c.Tree.N {
			err = o.before(ctx, b, size)
		}
		if err != nil {
			return err
		}
		if o.progress != nil {
			o.progress(size)
		}
	}
	for len(o.waiting) > 0 {
		if err := o.next(b); err != nil {
			return err
		}
	}
	if hash := o.tree.root(); size != c.Tree.N || hash != c.Tree.Hash {
		return fmt.Errorf("the %d leaves that were read have the root %v; the checkpoint signs %d leaves with the root %v: the log is damaged, or somebody has changed it on its way", size, hash, c.Tree.N, c.Tree.Hash)
	}
	if err := record(b, kindCheckpoint, o.checkpoint); err != nil {
		return err
	}
	return b.Flush()
}

// leaf adds a leaf to the tree, and writes it or puts it behind what is waited
// for.
func (o *outgoing) leaf(w *bufio.Writer, leaf []byte) error {
	o.tree.add(tlog.RecordHash(leaf))
	if len(o.waiting) == 0 {
		return record(w, kindLeaf, leaf)
	}
	o.waiting = append(o.waiting, &entry{leaf: leaf})
	return nil
}

// before has the checkpoint of a smaller size written where the source has it.
func (o *outgoing) before(ctx context.Context, w *bufio.Writer, size int64) error {
	e := &entry{fetched: make(chan fetched, 1)}
	o.fetchers.Go(func() {
		checkpoint, err := o.src.Checkpoint(ctx, size)
		e.fetched <- fetched{checkpoint, err}
	})
	o.waiting = append(o.waiting, e)
	o.fetching++
	for o.fetching > ahead {
		if err := o.next(w); err != nil {
			return err
		}
	}
	return nil
}

// next writes the first of what waits.
func (o *outgoing) next(w *bufio.Writer) error {
	e := o.waiting[0]
	o.waiting = o.waiting[1:]
	if e.fetched == nil {
		return record(w, kindLeaf, e.leaf)
	}
	o.fetching--
	f := <-e.fetched
	if errors.Is(f.err, registry.ErrNotFound) {
		return nil
	}
	if f.err != nil {
		return f.err
	}
	return record(w, kindCheckpoint, f.checkpoint)
}

func record(w *bufio.Writer, kind byte, data []byte) error {
	if limit := maxLength(kind); len(data) > limit {
		return fmt.Errorf("a record of kind %c has %d bytes; at most %d are written", kind, len(data), limit)
	}
	h := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(data)))
	if _, err := w.Write(h); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

func maxLength(kind byte) int {
	if kind == kindLeaf {
		return attest.MaxBytes
	}
	return maxCheckpoint
}

// Restore brings an empty log, or one that an earlier Restore was stopped in,
// to the backup's newest checkpoint, and derives everything anew: see
// [registry.Restore]. Progress, which may be nil, is told each size that is
// durable.
func Restore(ctx context.Context, b *Backup, log registry.Log, progress func(size int64)) error {
	return registry.Restore(ctx, b, b.Latest(), log, progress)
}

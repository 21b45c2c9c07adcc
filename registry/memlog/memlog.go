// Package memlog keeps a register's log in memory: for registers that last no
// longer than a question, such as those that scenarios are played on.
package memlog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// A Log is a log in memory. The zero Log is not usable; [New] makes one.
type Log struct {
	mu          sync.RWMutex
	leaves      [][]byte
	hashes      []tlog.Hash
	head        []byte
	checkpoints map[int64][]byte
	names       map[[2]string]registry.Place
	histories   map[string][]registry.HistoryEntry
	values      map[string]verify.MapValue
	quorate     int64
	sizes       map[string]int64
}

var _ registry.Log = (*Log)(nil)

// New returns an empty log.
func New() *Log {
	return &Log{
		checkpoints: make(map[int64][]byte), names: make(map[[2]string]registry.Place),
		histories: make(map[string][]registry.HistoryEntry), values: make(map[string]verify.MapValue), sizes: make(map[string]int64),
	}
}

// Head implements [registry.Log].
func (l *Log) Head() (registry.Head, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return registry.Head{Size: int64(len(l.leaves)), Checkpoint: l.head}, nil
}

// Append implements [registry.Log].
func (l *Log) Append(ctx context.Context, b registry.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b.Start != int64(len(l.leaves)) {
		return registry.ErrHeadMoved
	}
	c, err := verify.ParseCheckpoint(b.Checkpoint)
	if err == nil && c.Tree.N != b.Start+int64(len(b.Leaves)) {
		err = errors.New("the checkpoint is of another size")
	}
	if err := errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	l.leaves, l.hashes, l.head = append(l.leaves, b.Leaves...), append(l.hashes, b.Hashes...), b.Checkpoint
	for _, k := range append(b.Kept[:len(b.Kept):len(b.Kept)], registry.Head{Size: c.Tree.N, Checkpoint: b.Checkpoint}) {
		l.checkpoints[k.Size] = k.Checkpoint
	}
	for _, n := range b.Statements {
		l.names[[2]string{n.Iss, n.JTI}] = n.Place
	}
	for _, e := range b.Entries {
		l.histories[e.Subject] = append(l.histories[e.Subject], e.HistoryEntry)
		l.values[e.Subject] = e.Value
	}
	return nil
}

// Leaves implements [registry.Log].
func (l *Log) Leaves(from int64) iter.Seq2[[]byte, error] {
	l.mu.RLock()
	leaves := l.leaves
	l.mu.RUnlock()
	return func(yield func([]byte, error) bool) {
		for _, leaf := range leaves[min(from, int64(len(leaves))):] {
			if !yield(leaf, nil) {
				return
			}
		}
	}
}

// ReadHashes implements [registry.Log].
func (l *Log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("stored hash %d is missing", x)
		}
		out[i] = l.hashes[x]
	}
	return out, nil
}

// Keep implements [registry.Log].
func (l *Log) Keep(ctx context.Context, s registry.Standing) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if size := s.Checkpoint.Size; size > 0 {
		if _, ok := l.checkpoints[size]; !ok {
			return registry.ErrNotFound
		}
		if l.checkpoints[size] = s.Checkpoint.Checkpoint; size == int64(len(l.leaves)) {
			l.head = s.Checkpoint.Checkpoint
		}
	}
	if s.Quorate > 0 {
		l.quorate = s.Quorate
	}
	maps.Copy(l.sizes, s.Sizes)
	return nil
}

// Checkpoint implements [registry.Log].
func (l *Log) Checkpoint(size int64) ([]byte, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if c, ok := l.checkpoints[size]; ok {
		return c, nil
	}
	return nil, registry.ErrNotFound
}

// Quorate implements [registry.Log].
func (l *Log) Quorate() (int64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.quorate, nil
}

// Sizes implements [registry.Log].
func (l *Log) Sizes() (map[string]int64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return maps.Clone(l.sizes), nil
}

// Leaf implements [registry.Log].
func (l *Log) Leaf(index int64) ([]byte, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if index >= int64(len(l.leaves)) {
		return nil, registry.ErrNotFound
	}
	return l.leaves[index], nil
}

// Find implements [registry.Log].
func (l *Log) Find(iss, jti string) (registry.Place, bool, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	p, ok := l.names[[2]string{iss, jti}]
	return p, ok, nil
}

// History implements [registry.Log].
func (l *Log) History(subject string) ([]registry.HistoryEntry, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Clone(l.histories[subject]), nil
}

// Subjects implements [registry.Log].
func (l *Log) Subjects(prefix, from string) iter.Seq2[registry.Subject, error] {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var out []registry.Subject
	for _, s := range slices.Sorted(maps.Keys(l.values)) {
		if strings.HasPrefix(s, prefix) && s >= from {
			out = append(out, registry.Subject{Name: s, Value: l.values[s]})
		}
	}
	return func(yield func(registry.Subject, error) bool) {
		for _, s := range out {
			if !yield(s, nil) {
				return
			}
		}
	}
}

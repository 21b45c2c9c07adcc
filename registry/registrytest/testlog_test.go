package registrytest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/policy"
	"github.com/safeconduct/safeconduct/registry"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// memory is a log in memory.
type memory struct {
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

var _ registry.Log = (*memory)(nil)

func newMemory() *memory {
	return &memory{
		checkpoints: make(map[int64][]byte), names: make(map[[2]string]registry.Place),
		histories: make(map[string][]registry.HistoryEntry), values: make(map[string]verify.MapValue), sizes: make(map[string]int64),
	}
}

func (m *memory) Head() (registry.Head, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return registry.Head{Size: int64(len(m.leaves)), Checkpoint: m.head}, nil
}

func (m *memory) Append(ctx context.Context, b registry.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.Start != int64(len(m.leaves)) {
		return registry.ErrHeadMoved
	}
	c, err := verify.ParseCheckpoint(b.Checkpoint)
	if err == nil && c.Tree.N != b.Start+int64(len(b.Leaves)) {
		err = errors.New("the checkpoint is of another size")
	}
	if err := errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	m.leaves, m.hashes, m.head = append(m.leaves, b.Leaves...), append(m.hashes, b.Hashes...), b.Checkpoint
	for _, k := range append(b.Kept[:len(b.Kept):len(b.Kept)], registry.Head{Size: c.Tree.N, Checkpoint: b.Checkpoint}) {
		m.checkpoints[k.Size] = k.Checkpoint
	}
	for _, n := range b.Statements {
		m.names[[2]string{n.Iss, n.JTI}] = n.Place
	}
	for _, e := range b.Entries {
		m.histories[e.Subject] = append(m.histories[e.Subject], e.HistoryEntry)
		m.values[e.Subject] = e.Value
	}
	return nil
}

func (m *memory) Leaves(from int64) iter.Seq2[[]byte, error] {
	m.mu.RLock()
	leaves := m.leaves
	m.mu.RUnlock()
	return func(yield func([]byte, error) bool) {
		for _, leaf := range leaves[min(from, int64(len(leaves))):] {
			if !yield(leaf, nil) {
				return
			}
		}
	}
}

func (m *memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(m.hashes)) {
			return nil, fmt.Errorf("stored hash %d is missing", x)
		}
		out[i] = m.hashes[x]
	}
	return out, nil
}

func (m *memory) Keep(ctx context.Context, s registry.Standing) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if size := s.Checkpoint.Size; size > 0 {
		if _, ok := m.checkpoints[size]; !ok {
			return registry.ErrNotFound
		}
		if m.checkpoints[size] = s.Checkpoint.Checkpoint; size == int64(len(m.leaves)) {
			m.head = s.Checkpoint.Checkpoint
		}
	}
	if s.Quorate > 0 {
		m.quorate = s.Quorate
	}
	maps.Copy(m.sizes, s.Sizes)
	return nil
}

func (m *memory) Checkpoint(size int64) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if c, ok := m.checkpoints[size]; ok {
		return c, nil
	}
	return nil, registry.ErrNotFound
}

func (m *memory) Quorate() (int64, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.quorate, nil
}

func (m *memory) Sizes() (map[string]int64, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return maps.Clone(m.sizes), nil
}

func (m *memory) Leaf(index int64) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if index >= int64(len(m.leaves)) {
		return nil, registry.ErrNotFound
	}
	return m.leaves[index], nil
}

func (m *memory) Find(iss, jti string) (registry.Place, bool, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	p, ok := m.names[[2]string{iss, jti}]
	return p, ok, nil
}

func (m *memory) History(subject string) ([]registry.HistoryEntry, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.histories[subject]), nil
}

func (m *memory) Subjects(prefix, from string) iter.Seq2[registry.Subject, error] {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var out []registry.Subject
	for _, s := range slices.Sorted(maps.Keys(m.values)) {
		if strings.HasPrefix(s, prefix) && s >= from {
			out = append(out, registry.Subject{Name: s, Value: m.values[s]})
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

func TestMemoryHoldsALog(t *testing.T) {
	rt.TestLog(t, func(*testing.T) registry.Log { return newMemory() })
}

// Nothing but the log knows what it is kept in.
func TestARegisterRunsOnAnotherEngine(t *testing.T) {
	log := newMemory()
	on := func(c *registry.Config) { c.Log = log }
	r := rt.New(t, on)
	r.MustSubmit(rt.Registration("REG-1", rt.IN, rt.Varuna, "IN"))
	r.MustSubmit(rt.Domain("PDA-1", rt.US))
	r.Restart()
	r.MustSubmit(rt.Domain("PDA-1", rt.IN))
	req := &policy.Request{
		EffectiveAt: policy.InstantOf(rt.Start), Sandbox: rt.Sandbox, Act: "export", Mode: "tangible",
		Transferor: rt.Halcyon, Transferee: rt.Varuna, DestinationSite: "VTZ-1",
		Item: &policy.Classification{List: "US_CCL", Entry: "5A001.b.1"}, EndUse: "sea_trial", PersonNationalities: []string{},
	}
	if _, _, err := r.Decide(t.Context(), req, req.Times(r.Clock.Now())); err != nil {
		t.Error(err)
	}
	report, err := (&registry.Checkup{Log: log, Origin: rt.Origin, Trust: r.Trust}).Run(t.Context())
	if err != nil || !report.OK() || report.Size != r.Size() {
		t.Errorf("%+v, %v", report, err)
	}
	copied := newMemory()
	if err := registry.Rebuild(t.Context(), log, copied, nil); err != nil {
		t.Fatal(err)
	}
	if head, err := copied.Head(); err != nil || !bytes.Equal(head.Checkpoint, r.Checkpoint()) {
		t.Errorf("the rebuilt log ends otherwise: %v", err)
	}
}

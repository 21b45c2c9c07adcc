package registry_test

import (
	"iter"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
	"github.com/safeconduct/safeconduct/verify/statusmap"
)

// A mirror replays a log from its leaves alone. It is a [registry.View].
type mirror struct {
	trust      *attest.TrustRoot
	statements map[int64]*attest.Statement
	names      map[[2]string]int64
	histories  map[string][]registry.HistoryEntry
	lineages   map[string]*attest.Lineage
	values     map[string]verify.MapValue
}

func newMirror() *mirror {
	return &mirror{
		statements: make(map[int64]*attest.Statement),
		names:      make(map[[2]string]int64),
		histories:  make(map[string][]registry.HistoryEntry),
		lineages:   make(map[string]*attest.Lineage),
		values:     make(map[string]verify.MapValue),
	}
}

func (m *mirror) Root() *attest.TrustRoot { return m.trust }

func (m *mirror) Find(iss, jti string) (int64, bool, error) {
	i, ok := m.names[[2]string{iss, jti}]
	return i, ok, nil
}

func (m *mirror) Statement(index int64) (*attest.Statement, error) { return m.statements[index], nil }

func (m *mirror) History(subject string) ([]registry.HistoryEntry, error) {
	return m.histories[subject], nil
}

func (m *mirror) Signed(kids []string, from int64) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		for _, i := range slices.Sorted(maps.Keys(m.statements)) {
			u, err := attest.Parse(m.statements[i].Bytes())
			if i >= from && (err != nil || slices.ContainsFunc(kids, u.SignedBy)) && !yield(i, err) {
				return
			}
		}
	}
}

// replay admits a statement and adds it to what is derived.
func (m *mirror) replay(statement []byte, index int64, at time.Time) error {
	st, err := registry.Admit(m, statement, at)
	if err != nil {
		return err
	}
	c := st.Claims()
	head := c.Head()
	if m.lineages[head.Sub] == nil {
		m.lineages[head.Sub] = new(attest.Lineage)
	}
	tag, err := m.lineages[head.Sub].Next(c)
	if err != nil {
		return err
	}
	leaf := tlog.RecordHash(statement)
	for _, s := range c.Subjects() {
		m.values[s] = m.values[s].Next(index, at.UnixMilli(), leaf, tag)
		m.histories[s] = append(m.histories[s], registry.HistoryEntry{Index: index, Time: at, Tag: tag, LeafHash: leaf, Chain: m.values[s].Chain})
	}
	if root := st.TrustRoot(); root != nil {
		m.trust = root
	}
	m.statements[index], m.names[[2]string{head.Iss, head.JTI}] = st, index
	return nil
}

// root is the root of the status map.
func (m *mirror) root() [32]byte {
	values := make(map[[32]byte][]byte)
	for s, v := range m.values {
		values[verify.MapKey(s)] = v.Bytes()
	}
	return new(statusmap.Map).Set(maps.All(values)).Root()
}

package registry

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// A draft is a batch in the making: the log as it would be after it. It is the
// [View] that admission of its next statement has.
type draft struct {
	r    *Registry
	base *snapshot
	// at is the batch's time.
	at         time.Time
	roots      []rootAt
	statements []*attest.Statement
	names      map[[2]string]int64
	histories  map[string][]HistoryEntry
	values     map[string]verify.MapValue
	entries    []SubjectEntry
}

func (r *Registry) newDraft(base *snapshot, at time.Time) *draft {
	return &draft{
		r: r, base: base, at: at, roots: slices.Clip(base.roots),
		names:     make(map[[2]string]int64),
		histories: make(map[string][]HistoryEntry),
		values:    make(map[string]verify.MapValue),
	}
}

// next is the index of the next statement.
func (d *draft) next() int64 { return d.base.size + int64(len(d.statements)) }

// Root implements [View].
func (d *draft) Root() *attest.TrustRoot { return rootBefore(d.roots, d.next()) }

// Find implements [View].
func (d *draft) Find(iss, jti string) (int64, bool, error) {
	if i, ok := d.names[[2]string{iss, jti}]; ok {
		return i, true, nil
	}
	p, ok, err := d.r.log.Find(iss, jti)
	return p.Index, ok, err
}

// Statement implements [View].
func (d *draft) Statement(index int64) (*attest.Statement, error) {
	if i := index - d.base.size; i >= 0 {
		return d.statements[i], nil
	}
	return d.r.statement(d.base, index)
}

// History implements [View].
func (d *draft) History(subject string) ([]HistoryEntry, error) {
	h, ok := d.histories[subject]
	if ok {
		return h, nil
	}
	h, err := d.r.log.History(subject)
	if err != nil {
		return nil, err
	}
	for _, e := range d.entries {
		if e.Subject == subject {
			h = append(h, e.HistoryEntry)
		}
	}
	d.histories[subject] = h
	return h, nil
}

// add takes an admitted statement into the batch.
func (d *draft) add(st *attest.Statement) error {
	c, index := st.Claims(), d.next()
	tag, err := d.tag(c)
	if err != nil {
		return err
	}
	for _, subject := range c.Subjects() {
		value, ok := d.values[subject]
		if !ok {
			if value, err = d.base.value(subject); err != nil {
				return err
			}
		}
		value = value.Next(index, d.at.UnixMilli(), st.LeafHash(), tag)
		e := HistoryEntry{Index: index, Time: d.at, Tag: tag, LeafHash: st.LeafHash(), Chain: value.Chain}
		d.values[subject] = value
		d.entries = append(d.entries, SubjectEntry{subject, e, value})
		if h, ok := d.histories[subject]; ok {
			d.histories[subject] = append(h, e)
		}
	}
	if root := st.TrustRoot(); root != nil {
		d.roots = append(d.roots, rootAt{index, root})
	}
	d.names[[2]string{c.Head().Iss, c.Head().JTI}] = index
	d.statements = append(d.statements, st)
	return nil
}

// tag returns a statement's tag as [attest.Lineage] finds it in the history of
// its sub, from the tags of the entries before. It bears the same one in the
// histories of its other subjects.
func (d *draft) tag(c attest.Claims) (attest.Tag, error) {
	head := c.Head()
	before := ""
	switch c := c.(type) {
	case *attest.Root:
		return attest.Tag{}, nil
	case *attest.Event:
		before = c.Target
	default:
		before = attest.GrantOf(c).Supersedes
	}
	if before == "" {
		return attest.TagOf(head.Iss, head.JTI), nil
	}
	index, ok, err := d.Find(head.Iss, before)
	if err != nil {
		return attest.Tag{}, err
	}
	h, err := d.History(head.Sub)
	if err != nil {
		return attest.Tag{}, err
	}
	i := slices.IndexFunc(h, func(e HistoryEntry) bool { return ok && e.Index == index })
	if i < 0 {
		return attest.Tag{}, fmt.Errorf("the history of %s does not have %s of %s", head.Sub, before, head.Iss)
	}
	return h[i].Tag, nil
}

// finish closes the batch with its status leaf and returns it beside the
// snapshot that follows, which nobody has cosigned.
func (d *draft) finish() (Batch, *snapshot, error) {
	size := d.next() + 1
	s := &snapshot{size: size, at: d.at, roots: d.roots}
	s.statuses = d.base.statuses.Set(func(yield func([32]byte, []byte) bool) {
		for subject, v := range maps.All(d.values) {
			if !yield(verify.MapKey(subject), v.Bytes()) {
				return
			}
		}
	})
	// An empty log's size less one is NoPrevious.
	s.status = verify.StatusLeaf{Index: size - 1, Time: d.at, MapRoot: s.statuses.Root(), Previous: d.base.size - 1}.Marshal()
	b := Batch{Start: d.base.size, Entries: d.entries}
	for i, st := range d.statements {
		head := st.Claims().Head()
		b.Leaves = append(b.Leaves, st.Bytes())
		b.Statements = append(b.Statements, Named{head.Iss, head.JTI, Place{d.base.size + int64(i), size, st.LeafHash()}})
	}
	b.Leaves = append(b.Leaves, s.status)
	reader := &growing{log: d.r.log, start: tlog.StoredHashCount(b.Start)}
	for i, leaf := range b.Leaves {
		hs, err := tlog.StoredHashes(b.Start+int64(i), leaf, reader)
		if err != nil {
			return Batch{}, nil, err
		}
		reader.added = append(reader.added, hs...)
	}
	b.Hashes = reader.added
	var err error
	if s.hash, err = tlog.TreeHash(size, reader); err != nil {
		return Batch{}, nil, err
	}
	if s.signed, err = d.r.sign(size, s.hash, s.root()); err != nil {
		return Batch{}, nil, err
	}
	s.checkpoint, b.Checkpoint = s.signed, s.signed
	return b, s, nil
}

// growing reads the hashes of a log and those added behind them.
type growing struct {
	log   tlog.HashReader
	start int64
	added []tlog.Hash
}

// ReadHashes implements [tlog.HashReader].
func (g *growing) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	var old []int64
	var at []int
	for i, x := range indexes {
		switch {
		case x < g.start:
			old, at = append(old, x), append(at, i)
		case x-g.start < int64(len(g.added)):
			out[i] = g.added[x-g.start]
		default:
			return nil, errors.New("a hash beyond the end of the batch was asked for")
		}
	}
	if len(old) == 0 {
		return out, nil
	}
	hs, err := g.log.ReadHashes(old)
	if err != nil {
		return nil, err
	}
	for i, h := range hs {
		out[at[i]] = h
	}
	return out, nil
}

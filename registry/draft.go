package registry

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
	"github.com/safeconduct/safeconduct/verify/statusmap"
)

// A draft is the log as it will be after what is about to be appended: one
// batch of a register, or several that a replica repeats. Each begins, takes
// statements, and is closed by its status leaf. A draft is the [View] that
// admission of the next statement has.
type draft struct {
	r    *Reader
	base *snapshot
	// at is the open batch's time.
	at time.Time
	// closed is where the last closed batch ends, in leaves; status is its
	// status leaf, and statuses the map that it commits to.
	closed   int
	status   []byte
	closedAt time.Time
	statuses *statusmap.Map
	// entered is how many entries the closed batches have.
	entered int

	roots []rootAt
	// leaves, hashes and opened are of the same leaves; of a status leaf there
	// is no opened statement.
	leaves  [][]byte
	hashes  []tlog.Hash
	opened  []*attest.Statement
	names   map[[2]string]int64
	named   []Named
	entries []SubjectEntry
	// accounts are those of the subjects that have been asked for, touched the
	// ones of which the open batch speaks.
	accounts map[string]*account
	touched  []*account
}

// newDraft begins a draft behind a snapshot, with room for about n statements.
func (r *Reader) newDraft(base *snapshot, n int) *draft {
	return &draft{
		r: r, base: base, roots: slices.Clip(base.roots), statuses: base.statuses,
		leaves:   make([][]byte, 0, n+1),
		hashes:   make([]tlog.Hash, 0, n+1),
		opened:   make([]*attest.Statement, 0, n+1),
		names:    make(map[[2]string]int64, n),
		named:    make([]Named, 0, n),
		entries:  make([]SubjectEntry, 0, n),
		accounts: make(map[string]*account, n),
	}
}

// begin opens a batch of that time.
func (d *draft) begin(at time.Time) { d.at = at }

// pending is how many statements the open batch has.
func (d *draft) pending() int { return len(d.leaves) - d.closed }

// next is the index of the next leaf.
func (d *draft) next() int64 { return d.base.size + int64(len(d.leaves)) }

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
	if index >= d.base.size {
		return d.opened[index-d.base.size], nil
	}
	return d.r.statement(d.base, index)
}

// Signed implements [View].
func (d *draft) Signed(kids []string, from int64) iter.Seq2[int64, error] {
	return signed(kids, from, d.next(), d.leafAt)
}

func (d *draft) leafAt(index int64) ([]byte, error) {
	if index >= d.base.size {
		return d.leaves[index-d.base.size], nil
	}
	return d.r.leaf(index)
}

// add takes an admitted statement, whose leaf has that hash, into the open
// batch.
func (d *draft) add(st *attest.Statement, leaf tlog.Hash) error {
	c, index := st.Claims(), d.next()
	tag, err := d.tag(c)
	if err != nil {
		return err
	}
	for _, subject := range c.Subjects() {
		a, err := d.account(subject)
		if err != nil {
			return err
		}
		a.value = a.value.Next(index, d.at.UnixMilli(), leaf, tag)
		e := HistoryEntry{Index: index, Time: d.at, Tag: tag, LeafHash: leaf, Chain: a.value.Chain}
		a.history = append(a.history, e)
		d.entries = append(d.entries, SubjectEntry{subject, e, a.value})
		if !a.touched {
			a.touched, d.touched = true, append(d.touched, a)
		}
	}
	if root := st.TrustRoot(); root != nil {
		d.roots = append(d.roots, rootAt{index, root})
	}
	head := c.Head()
	d.names[[2]string{head.Iss, head.JTI}] = index
	d.named = append(d.named, Named{head.Iss, head.JTI, Place{Index: index, LeafHash: leaf}})
	d.append(st.Bytes(), leaf, st)
	return nil
}

func (d *draft) append(leaf []byte, hash tlog.Hash, st *attest.Statement) {
	d.leaves, d.hashes, d.opened = append(d.leaves, leaf), append(d.hashes, hash), append(d.opened, st)
}

// tag returns a statement's tag as [attest.Lineage] finds it in the history of
// its sub, from the tags of the entries before. It bears the same one in the
// histories of its other subjects.
func (d *draft) tag(c attest.Claims) (attest.Tag, error) {
	head := c.Head()
	before, of := attest.LineageOf(c)
	switch {
	case !of:
		return attest.Tag{}, nil
	case before == "":
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
	e, found := entryAt(h, index)
	if !ok || !found {
		return attest.Tag{}, fmt.Errorf("the history of %s does not have %s of %s", head.Sub, before, head.Iss)
	}
	return e.Tag, nil
}

// close ends the open batch with its status leaf, which it returns.
func (d *draft) close() []byte {
	d.statuses = d.statuses.Set(func(yield func([32]byte, []byte) bool) {
		for _, a := range d.touched {
			if !yield(a.key, a.value.Bytes()) {
				return
			}
		}
	})
	for _, a := range d.touched {
		a.touched = false
	}
	d.touched = d.touched[:0]
	index := d.next()
	// An empty log's size less one is NoPrevious.
	previous := d.base.size + int64(d.closed) - 1
	d.status = verify.StatusLeaf{Index: index, Time: d.at, MapRoot: d.statuses.Root(), Previous: previous}.Marshal()
	for i := len(d.named) - d.pending(); i < len(d.named); i++ {
		d.named[i].Size = index + 1
	}
	d.append(d.status, tlog.RecordHash(d.status), nil)
	d.closed, d.closedAt, d.entered = len(d.leaves), d.at, len(d.entries)
	return d.status
}

// finish returns what is closed as one batch beside the snapshot that follows.
// Both still lack their checkpoint. The tree is the base's, grown by the
// draft's hashes.
func (d *draft) finish(tree *growth) (Batch, *snapshot, error) {
	size := d.next()
	s := &snapshot{size: size, edge: tree.grown(), at: d.closedAt, roots: d.roots, statuses: d.statuses, status: d.status}
	b := Batch{Start: d.base.size, Leaves: d.leaves, Hashes: tree.added, Entries: d.entries, Statements: d.named}
	var err error
	s.hash, err = tlog.TreeHash(size, tree)
	return b, s, err
}

// keep hands what the draft knows to those who read what it became, and to the
// drafts that follow.
func (d *draft) keep() {
	for subject, a := range d.accounts {
		d.r.accounts.put(subject, a)
	}
	for i, st := range d.opened {
		if st != nil {
			d.r.opened.put(d.base.size+int64(i), st)
		}
	}
}

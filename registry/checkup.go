package registry

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// A Report is what a check has found.
type Report struct {
	// Origin and Size are those of the newest checkpoint.
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	// Statements, Batches and Subjects are how many were replayed.
	Statements int64 `json:"statements"`
	Batches    int64 `json:"batches"`
	Subjects   int64 `json:"subjects"`
	// Replayed is how many leaves were admitted anew: all, unless a difference
	// says why no more.
	Replayed int64 `json:"replayed"`
	// Differences are what does not agree, Unlisted how many more there are.
	Differences []Difference `json:"differences"`
	Unlisted    int          `json:"unlisted,omitzero"`
}

// OK reports that nothing was found.
func (r *Report) OK() bool { return len(r.Differences) == 0 }

// Healable reports that [Rebuild] heals all that was found.
func (r *Report) Healable() bool {
	for _, d := range r.Differences {
		if !d.Derived {
			return false
		}
	}
	return r.Unlisted == 0 || r.Differences[len(r.Differences)-1].Derived
}

// A Difference is something that does not agree with what was signed.
type Difference struct {
	// Derived says that it follows from the leaves, and that [Rebuild] heals it.
	Derived bool `json:"derived"`
	// Text says what is wrong, Advice what to do.
	Text   string `json:"text"`
	Advice string `json:"advice"`
}

// maxDifferences bounds a report.
const maxDifferences = 200

const (
	adviceRebuild = "rebuild the log from its leaves"
	adviceRestore = "restore a backup, or take the log over from a mirror"
	adviceMisled  = "the store is as it was written, and the register logged what it may not: keep it as it is and ask who ran it"
)

// add notes a difference. What Rebuild does not heal is never left out for
// what it does.
func (r *Report) add(derived bool, advice, format string, args ...any) {
	d := Difference{derived, fmt.Sprintf(format, args...), advice}
	if len(r.Differences) < maxDifferences {
		r.Differences = append(r.Differences, d)
		return
	}
	r.Unlisted++
	if last := &r.Differences[maxDifferences-1]; last.Derived {
		*last = d
	}
}

// A Checkup checks a log that nobody writes to: everything in it is compared
// with its leaves, and these with what is signed. It changes nothing.
type Checkup struct {
	Log    Log
	Origin string
	// Trust pins a version of the trust root; it may be nil.
	Trust *verify.Trust
	// Progress, which may be nil, is told how many leaves have been hashed and
	// then, from the first on again, replayed.
	Progress func(stage string, size int64)
}

// Run checks the log. It returns an error only where it could not: ctx ended,
// or not even the newest checkpoint can be read. It hashes the leaves and
// compares them and the stored hashes with the signed root; then it replays
// the log, and compares every name, history entry, value, kept checkpoint and
// status leaf.
func (c *Checkup) Run(ctx context.Context) (Report, error) {
	report := Report{}
	head, err := c.Log.Head()
	if err != nil {
		return report, fmt.Errorf("check the log: %w", err)
	}
	report.Size = head.Size
	if head.Size == 0 {
		return report, nil
	}
	cp, err := verify.ParseCheckpoint(head.Checkpoint)
	if err != nil {
		return report, fmt.Errorf("check the log: %w", err)
	}
	report.Origin = cp.Origin
	if cp.Origin != c.Origin {
		return report, fmt.Errorf("check the log: it is the one of %q, not of %q", cp.Origin, c.Origin)
	}
	if err := attest.Origin(c.Origin); err != nil {
		return report, fmt.Errorf("check the log: %w", err)
	}
	whole, err := c.tree(ctx, &report, cp.Tree)
	if err != nil {
		return report, fmt.Errorf("check the tree: %w", err)
	}
	if err := c.replay(ctx, &report, whole); err != nil {
		return report, fmt.Errorf("replay the log: %w", err)
	}
	return report, nil
}

func (c *Checkup) progress(stage string, size int64) {
	if c.Progress != nil {
		c.Progress(stage, size)
	}
}

// replay repeats the leaves up to whole, which are those signed for, and
// compares what is derived of them.
func (c *Checkup) replay(ctx context.Context, report *Report, whole int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	view := newPast(c.Log)
	reader := newReader(view, c.Origin, c.Trust, nil)
	s := &snapshot{statuses: emptyMap()}
	var queue []*received
	repeat := func() (goOn bool, err error) {
		next, err := c.repeat(ctx, report, reader, view, s, queue)
		if err != nil || next == nil {
			return false, err
		}
		s, queue = next, nil
		report.Replayed = s.size
		c.progress("replayed", s.size)
		return true, nil
	}
	leaves := func(ctx context.Context) iter.Seq2[[]byte, error] { return StoreSource(c.Log).Leaves(ctx, 0, whole) }
	for b, err := range receive(ctx, leaves, 0, nil) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if x, ok := errors.AsType[*Divergence](err); ok {
			report.add(false, adviceMisled, "leaf %d: %v", x.Index, x.Err)
			break
		}
		if err != nil {
			if whole == report.Size {
				report.add(false, adviceRestore, "%v", err)
			}
			break
		}
		if !fits(queue, b) {
			if goOn, err := repeat(); err != nil || !goOn {
				return err
			}
		}
		queue = append(queue, b)
	}
	if len(queue) > 0 {
		if goOn, err := repeat(); err != nil || !goOn {
			return err
		}
	}
	if met, err := reader.pinned(s); err != nil {
		report.add(false, "check the log with the trust file of its register", "%v", err)
	} else if !met && s.size == report.Size {
		report.add(false, "check the log with an older trust file, or ask why it is so old", "the log does not have the version of the trust root that the trust file pins")
	}
	if s.size < report.Size {
		report.add(false, adviceRestore, "names, histories and checkpoints from index %d on could not be compared, since what stands there is damaged", s.size)
		return nil
	}
	if err := c.subjects(ctx, report, s); err != nil {
		return err
	}
	c.quorate(report)
	return nil
}

// repeat repeats one chunk. It returns the snapshot after it, or none where the
// replay cannot go on.
func (c *Checkup) repeat(ctx context.Context, report *Report, reader *Reader, view *past, base *snapshot, chunk []*received) (*snapshot, error) {
	d := reader.newDraft(base, 0)
	for _, b := range chunk {
		err := d.repeat(ctx, b, almanac{})
		if x, ok := errors.AsType[*Divergence](err); ok {
			report.add(false, adviceMisled, "index %d (%s): %v", x.Index, x.Kind, x.Err)
			return nil, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			report.add(true, adviceRebuild, "the batch from index %d on could not be replayed: %v", b.start, err)
			return nil, nil
		}
		report.Statements += int64(len(b.statements))
		report.Batches++
	}
	tree, err := grow(base.edge, base.size, d.hashes)
	if err != nil {
		return nil, err
	}
	batch, next, err := d.finish(tree)
	if err != nil {
		return nil, err
	}
	c.names(report, view, batch)
	c.histories(report, view, d)
	c.checkpoints(report, reader, next, chunk, tree)
	view.grown(batch)
	return next, nil
}

// names compares where the names of a chunk's statements lead.
func (c *Checkup) names(report *Report, view *past, b Batch) {
	for _, n := range b.Statements {
		got, ok, err := c.Log.Find(n.Iss, n.JTI)
		switch {
		case err != nil:
			report.add(true, adviceRebuild, "the name %s of %s cannot be looked up: %v", n.JTI, n.Iss, err)
		case !ok:
			report.add(true, adviceRebuild, "the name %s of %s, the statement at index %d, is not found", n.JTI, n.Iss, n.Index)
		case got != n.Place:
			report.add(true, adviceRebuild, "the name %s of %s leads to index %d of size %d; the statement stands at %d of %d", n.JTI, n.Iss, got.Index, got.Size, n.Index, n.Size)
		default:
			continue
		}
		view.names[[2]string{n.Iss, n.JTI}] = n.Place
	}
}

// histories compares the histories of the subjects that a chunk touches.
func (c *Checkup) histories(report *Report, view *past, d *draft) {
	end := d.next()
	for subject, a := range d.accounts {
		added := a.added()
		if len(added) == 0 {
			continue
		}
		got, err := c.Log.History(subject)
		if err == nil {
			err = compareHistory(upTo(got, end), a.before, added)
		}
		if err == nil {
			if h, ok := view.histories[subject]; ok {
				view.histories[subject] = append(h, added...)
			}
			continue
		}
		report.add(true, adviceRebuild, "the history of %s: %v", subject, err)
		h, ok := view.histories[subject]
		if !ok {
			h = unbroken(upTo(got, d.base.size))
		}
		view.histories[subject] = append(h, added...)
	}
}

// compareHistory compares a stored history with its value before some entries
// and with these.
func compareHistory(got []HistoryEntry, before verify.MapValue, added []HistoryEntry) error {
	if len(got) != int(before.Count)+len(added) {
		return fmt.Errorf("has %d entries up to index %d, and should have %d", len(got), added[len(added)-1].Index, int(before.Count)+len(added))
	}
	if n := before.Count; n > 0 && got[n-1].Chain != before.Chain {
		return fmt.Errorf("has another chain at index %d", got[n-1].Index)
	}
	for i, e := range added {
		if g := got[int(before.Count)+i]; !sameEntry(g, e) {
			return fmt.Errorf("has at index %d another entry than the statement there gives, of index %d", g.Index, e.Index)
		}
	}
	return nil
}

func sameEntry(a, b HistoryEntry) bool {
	return a.Index == b.Index && a.Time.Equal(b.Time) && a.Tag == b.Tag && a.LeafHash == b.LeafHash && a.Chain == b.Chain
}

// unbroken returns the entries whose chain holds.
func unbroken(h []HistoryEntry) []HistoryEntry {
	var out []HistoryEntry
	var v verify.MapValue
	for _, e := range h {
		if next := v.Next(e.Index, e.Time.UnixMilli(), e.LeafHash, e.Tag); next.Chain == e.Chain {
			out, v = append(out, e), next
		}
	}
	return out
}

// subjects compares the list of subjects and their values with the map, and
// that no history has more than is logged.
func (c *Checkup) subjects(ctx context.Context, report *Report, s *snapshot) error {
	seen := make(map[[32]byte]struct{})
	for subject, err := range c.Log.Subjects("", "") {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			report.add(true, adviceRebuild, "the list of subjects: %v", err)
			break
		}
		want, err := s.value(verify.MapKey(subject.Name))
		if err != nil {
			return err
		}
		if want.Count == 0 {
			report.add(true, adviceRebuild, "the subject %s is listed, and nothing is logged of it", subject.Name)
			continue
		}
		seen[verify.MapKey(subject.Name)] = struct{}{}
		if subject.Value != want {
			report.add(true, adviceRebuild, "the value of %s counts %d statements with the chain %x; what is logged gives %d and %x",
				subject.Name, subject.Value.Count, subject.Value.Chain, want.Count, want.Chain)
		}
		h, err := c.Log.History(subject.Name)
		if err != nil {
			report.add(true, adviceRebuild, "the history of %s: %v", subject.Name, err)
		} else if int64(len(h)) > want.Count {
			report.add(true, adviceRebuild, "the history of %s has %d entries; %d are logged", subject.Name, len(h), want.Count)
		}
	}
	report.Subjects = int64(s.statuses.Len())
	if len(seen) == s.statuses.Len() {
		return nil
	}
	report.add(true, adviceRebuild, "%d subjects lack their value in the list of subjects", s.statuses.Len()-len(seen))
	return nil
}

// quorate checks what is kept of the cosigning policy.
func (c *Checkup) quorate(report *Report) {
	size, err := c.Log.Quorate()
	if err == nil && size > 0 {
		_, err = c.Log.Checkpoint(size)
	}
	if err != nil {
		report.add(true, adviceRebuild, "the newest checkpoint with a quorum, of size %d: %v", size, err)
	}
}

// checkpoints checks the kept checkpoints of a chunk's batches.
func (c *Checkup) checkpoints(report *Report, reader *Reader, next *snapshot, chunk []*received, tree *growth) {
	for _, b := range chunk {
		size := b.size()
		kept, err := c.Log.Checkpoint(size)
		if errors.Is(err, ErrNotFound) && size != report.Size {
			// A replica keeps those that it was given.
			continue
		}
		if err == nil {
			err = checkKept(reader, next, size, kept, tree)
		}
		if err == nil {
			continue
		}
		derived, advice := size != report.Size, "rebuild the log, which leaves it out"
		if !derived {
			advice = adviceRestore
		}
		report.add(derived, advice, "the kept checkpoint of size %d: %v", size, err)
	}
}

// checkKept checks a kept checkpoint against the tree and the log keys in
// force.
func checkKept(reader *Reader, next *snapshot, size int64, kept []byte, tree tlog.HashReader) error {
	c, err := verify.ParseCheckpoint(kept)
	if err != nil {
		return err
	}
	if c.Origin != reader.origin || c.Tree.N != size {
		return fmt.Errorf("it is one of %q of size %d", c.Origin, c.Tree.N)
	}
	hash, err := tlog.TreeHash(size, tree)
	if err != nil {
		return err
	}
	if hash != c.Tree.Hash {
		return fmt.Errorf("it has the root %v; the leaves have %v", c.Tree.Hash, hash)
	}
	root := rootBefore(next.roots, size)
	_, err = note.Open(kept, note.VerifierList(append(logKeys(root), reader.cosignerKeys(root)...)...))
	if err != nil {
		return err
	}
	_, err = logSigned(kept, root)
	return err
}

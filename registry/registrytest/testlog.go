package registrytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// TestLog checks that what open returns, an empty log each time, keeps what
// [registry.Log] promises. Another engine is one that passes it, and whose
// Append and Keep return only when what they wrote outlives a loss of power:
// that a test cannot see.
func TestLog(t *testing.T, open func(t *testing.T) registry.Log) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, log registry.Log)
	}{
		{"an empty log has nothing", func(t *testing.T, log registry.Log) { new(ledger).compare(t, log) }},
		{"what is appended is there", testAppend},
		{"what does not follow is not appended", testRefusedAppend},
		{"leaves are those at the call", testLeavesAtTheCall},
		{"what cosigners say is kept", testKeep},
		{"readers see whole batches", testWholeBatches},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// A ledger is what a log should have. Its leaves are no statements: a log does
// not read them.
type ledger struct {
	leaves      [][]byte
	hashes      []tlog.Hash
	checkpoints map[int64][]byte
	named       []registry.Named
	histories   map[string][]registry.HistoryEntry
	values      map[string]verify.MapValue
	quorate     int64
	sizes       map[string]int64
}

// ReadHashes implements [tlog.HashReader].
func (l *ledger) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = l.hashes[x]
	}
	return out, nil
}

func (l *ledger) size() int64 { return int64(len(l.leaves)) }

// checkpoint is that of a size, with a line that tells it from others.
func (l *ledger) checkpoint(t *testing.T, size int64, line string) []byte {
	t.Helper()
	root, err := tlog.TreeHash(size, l)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, "%s\n%d\n%v\n\n\u2014 %s AAAA\n", Origin, size, root, line)
}

// batch makes the next batch, of so many leaves, and takes note of it.
func (l *ledger) batch(t *testing.T, leaves int) registry.Batch {
	t.Helper()
	if l.checkpoints == nil {
		l.checkpoints, l.histories, l.values = make(map[int64][]byte), make(map[string][]registry.HistoryEntry), make(map[string]verify.MapValue)
	}
	b := registry.Batch{Start: l.size()}
	first := len(l.hashes)
	for i := range leaves {
		index := l.size()
		leaf := []byte(strings.Repeat(fmt.Sprintf("leaf %d ", index), 1+i%5))
		hashes, err := tlog.StoredHashes(index, leaf, l)
		if err != nil {
			t.Fatal(err)
		}
		l.leaves, l.hashes = append(l.leaves, leaf), append(l.hashes, hashes...)
		if i == leaves-1 {
			break
		}
		hash := tlog.RecordHash(leaf)
		// One's name may begin as another's, and a subject, too.
		name := registry.Named{
			Iss: fmt.Sprintf("auth-%d", index%3), JTI: fmt.Sprintf("ST-%d", index),
			Place: registry.Place{Index: index, Size: b.Start + int64(leaves), LeafHash: hash},
		}
		l.named, b.Statements = append(l.named, name), append(b.Statements, name)
		for _, subject := range []string{"entity:x:A", fmt.Sprintf("entity:x:A%d", index%7), fmt.Sprintf("entity:x:A/auth-%d", index%3), "sandbox:S"}[index%2:] {
			at := Start.Add(time.Duration(b.Start) * time.Millisecond)
			tag := attest.TagOf(name.Iss, name.JTI)
			value := l.values[subject].Next(index, at.UnixMilli(), hash, tag)
			e := registry.HistoryEntry{Index: index, Time: at, Tag: tag, LeafHash: hash, Chain: value.Chain}
			l.values[subject], l.histories[subject] = value, append(l.histories[subject], e)
			b.Entries = append(b.Entries, registry.SubjectEntry{Subject: subject, HistoryEntry: e, Value: value})
		}
	}
	b.Leaves, b.Hashes = l.leaves[b.Start:], l.hashes[first:]
	b.Checkpoint = l.checkpoint(t, l.size(), "log")
	l.checkpoints[l.size()] = b.Checkpoint
	return b
}

// append appends a batch.
func (l *ledger) append(t *testing.T, log registry.Log, leaves int) {
	t.Helper()
	if err := log.Append(context.Background(), l.batch(t, leaves)); err != nil {
		t.Fatal(err)
	}
}

// compare compares all that a log has.
func (l *ledger) compare(t *testing.T, log registry.Log) {
	t.Helper()
	l.compareOrder(t, log)
	if _, err := log.Leaf(l.size()); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("leaf %d: %v, want ErrNotFound", l.size(), err)
	}
	for i, want := range l.leaves {
		if got, err := log.Leaf(int64(i)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("leaf %d: %q, %v", i, got, err)
		}
	}
	all := make([]int64, len(l.hashes))
	for i := range all {
		all[i] = int64(i)
	}
	if got, err := log.ReadHashes(all); err != nil || !slices.Equal(got, l.hashes) {
		t.Errorf("the hashes are others (%v)", err)
	}
	if _, err := log.ReadHashes([]int64{int64(len(all))}); err == nil {
		t.Error("a hash beyond the end was read")
	}
	l.compareKept(t, log)
	l.compareNames(t, log)
	l.compareSubjects(t, log)
}

func (l *ledger) compareOrder(t *testing.T, log registry.Order) {
	t.Helper()
	head, err := log.Head()
	if want := l.checkpoints[l.size()]; err != nil || head.Size != l.size() || !bytes.Equal(head.Checkpoint, want) {
		t.Errorf("head %d\n%s%v, want %d\n%s", head.Size, head.Checkpoint, err, l.size(), want)
	}
	for _, from := range []int64{0, 1, l.size() / 2, l.size() - 1, l.size(), l.size() + 1} {
		if from < 0 {
			continue
		}
		var got [][]byte
		for leaf, err := range log.Leaves(from) {
			if err != nil {
				t.Fatalf("leaves from %d on: %v", from, err)
			}
			got = append(got, leaf)
		}
		if !slices.EqualFunc(got, l.leaves[min(from, l.size()):], bytes.Equal) {
			t.Errorf("leaves from %d on: %d others", from, len(got))
		}
	}
}

func (l *ledger) compareKept(t *testing.T, log registry.Log) {
	t.Helper()
	for size := range l.size() + 2 {
		want, ok := l.checkpoints[size]
		got, err := log.Checkpoint(size)
		if ok != (err == nil) || !ok && !errors.Is(err, registry.ErrNotFound) || !bytes.Equal(got, want) {
			t.Errorf("checkpoint %d: %q, %v; want %q", size, got, err, want)
		}
	}
	if got, err := log.Quorate(); err != nil || got != l.quorate {
		t.Errorf("quorate: %d, %v; want %d", got, err, l.quorate)
	}
	if got, err := log.Sizes(); err != nil || !maps.Equal(got, l.sizes) {
		t.Errorf("sizes: %v, %v; want %v", got, err, l.sizes)
	}
}

func (l *ledger) compareNames(t *testing.T, log registry.Log) {
	t.Helper()
	for _, n := range l.named {
		if got, ok, err := log.Find(n.Iss, n.JTI); !ok || err != nil || got != n.Place {
			t.Errorf("%s of %s: %+v, %t, %v; want %+v", n.JTI, n.Iss, got, ok, err, n.Place)
		}
	}
	for _, n := range [][2]string{{"auth-0", "ST-"}, {"auth-", "ST-0"}, {"auth", "-0ST-0"}, {"", ""}} {
		if _, ok, err := log.Find(n[0], n[1]); ok || err != nil {
			t.Errorf("%s of %s is found: %v", n[1], n[0], err)
		}
	}
}

func (l *ledger) compareSubjects(t *testing.T, log registry.Log) {
	t.Helper()
	subjects := slices.Sorted(maps.Keys(l.values))
	for _, s := range append([]string{"entity:x:", "entity:x:A/", "sandbox:S1"}, subjects...) {
		got, err := log.History(s)
		if err != nil || len(got)+len(l.histories[s]) > 0 && !reflect.DeepEqual(got, l.histories[s]) {
			t.Errorf("history of %s: %+v, %v; want %+v", s, got, err, l.histories[s])
		}
	}
	for _, prefix := range []string{"", "entity:", "entity:x:A", "entity:x:A/", "s", "t"} {
		for _, from := range []string{"", "entity:x:A/", "entity:x:A/auth-1", "entity:x:A3", "sandbox:S", "zz"} {
			var want, got []registry.Subject
			for _, s := range subjects {
				if strings.HasPrefix(s, prefix) && s >= from {
					want = append(want, registry.Subject{Name: s, Value: l.values[s]})
				}
			}
			for s, err := range log.Subjects(prefix, from) {
				if err != nil {
					t.Fatalf("subjects %q from %q on: %v", prefix, from, err)
				}
				got = append(got, s)
			}
			if !slices.Equal(got, want) {
				t.Errorf("subjects %q from %q on: %+v, want %+v", prefix, from, got, want)
			}
			for s, err := range log.Subjects(prefix, from) {
				if err != nil || s != want[0] {
					t.Errorf("the first of subjects %q from %q on is %s, %v", prefix, from, s.Name, err)
				}
				break
			}
		}
	}
}

func testAppend(t *testing.T, log registry.Log) {
	l := new(ledger)
	for _, leaves := range []int{2, 5, 300, 1, 40} {
		l.append(t, log, leaves)
		l.compare(t, log)
	}
	// A replica appends several batches at once, with the checkpoints within.
	b := l.batch(t, 3)
	inner := registry.Head{Size: l.size(), Checkpoint: b.Checkpoint}
	next := l.batch(t, 4)
	b.Leaves, b.Hashes = append(slices.Clone(b.Leaves), next.Leaves...), append(slices.Clone(b.Hashes), next.Hashes...)
	b.Statements, b.Entries = append(b.Statements, next.Statements...), append(b.Entries, next.Entries...)
	b.Checkpoint, b.Kept = next.Checkpoint, []registry.Head{inner}
	if err := log.Append(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	l.compare(t, log)
}

func testRefusedAppend(t *testing.T, log registry.Log) {
	ctx := context.Background()
	l, other := new(ledger), new(ledger)
	if err := log.Append(ctx, registry.Batch{Start: 7}); !errors.Is(err, registry.ErrHeadMoved) {
		t.Errorf("behind the end: %v, want ErrHeadMoved", err)
	}
	l.append(t, log, 4)
	first := other.batch(t, 4)
	if err := log.Append(ctx, first); !errors.Is(err, registry.ErrHeadMoved) {
		t.Errorf("before the end: %v, want ErrHeadMoved", err)
	}
	more := other.batch(t, 5)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := log.Append(gone, more); !errors.Is(err, context.Canceled) {
		t.Errorf("for nobody: %v, want context.Canceled", err)
	}
	short := more
	short.Checkpoint = first.Checkpoint
	if err := log.Append(ctx, short); err == nil {
		t.Error("with the checkpoint of another size it was appended")
	}
	l.compare(t, log)
	l.append(t, log, 5)
	l.compare(t, log)
}

func testLeavesAtTheCall(t *testing.T, log registry.Log) {
	l := new(ledger)
	l.append(t, log, 300)
	var kept [][]byte
	for leaf, err := range log.Leaves(0) {
		if err != nil {
			t.Fatal(err)
		}
		if kept = append(kept, leaf); len(kept)%100 == 0 {
			l.append(t, log, 10)
		}
	}
	if !slices.EqualFunc(kept, l.leaves[:300], bytes.Equal) {
		t.Errorf("%d leaves, want the 300 that were there", len(kept))
	}
	l.compare(t, log)
}

func testKeep(t *testing.T, log registry.Log) {
	ctx := context.Background()
	l := new(ledger)
	if err := log.Keep(ctx, registry.Standing{Checkpoint: registry.Head{Size: 4, Checkpoint: []byte("x")}}); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("a checkpoint of an empty log: %v, want ErrNotFound", err)
	}
	l.append(t, log, 4)
	l.append(t, log, 4)
	keep := func(size int64, line string, quorate int64, sizes map[string]int64) {
		t.Helper()
		s := registry.Standing{Quorate: quorate, Sizes: sizes}
		if size > 0 {
			s.Checkpoint = registry.Head{Size: size, Checkpoint: l.checkpoint(t, size, line)}
			l.checkpoints[size] = s.Checkpoint.Checkpoint
		}
		if err := log.Keep(ctx, s); err != nil {
			t.Fatal(err)
		}
		if quorate > 0 {
			l.quorate = quorate
		}
		if l.sizes == nil {
			l.sizes = make(map[string]int64)
		}
		maps.Copy(l.sizes, sizes)
		l.compare(t, log)
	}
	keep(4, "older", 4, map[string]int64{"witness.example/a+01+AAA=": 4, "b+02+BBB": 4})
	keep(8, "newest", 8, map[string]int64{"b+02+BBB": 8})
	keep(8, "newest again", 0, nil)
	keep(0, "", 4, nil)
	keep(0, "", 0, map[string]int64{"c": 3})
	// All or nothing.
	for _, size := range []int64{3, 9} {
		err := log.Keep(ctx, registry.Standing{Checkpoint: registry.Head{Size: size, Checkpoint: []byte("x")}, Quorate: 8, Sizes: map[string]int64{"c": 8, "d": 8}})
		if !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("the checkpoint of size %d, where no batch ends: %v, want ErrNotFound", size, err)
		}
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := log.Keep(gone, registry.Standing{Quorate: 8}); !errors.Is(err, context.Canceled) {
		t.Errorf("for nobody: %v, want context.Canceled", err)
	}
	l.compare(t, log)
	l.append(t, log, 4)
	l.compare(t, log)
}

func testWholeBatches(t *testing.T, log registry.Log) {
	l := new(ledger)
	l.append(t, log, 3)
	done := make(chan struct{})
	var reading sync.WaitGroup
	for range 2 {
		reading.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := whole(log); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 30 {
		l.append(t, log, 2+i%20)
	}
	close(done)
	reading.Wait()
	l.compare(t, log)
}

// whole returns an error where not all is there of what the head covers.
func whole(log registry.Log) error {
	head, err := log.Head()
	if err != nil {
		return err
	}
	c, err := verify.ParseCheckpoint(head.Checkpoint)
	if err != nil || c.Tree.N != head.Size {
		return fmt.Errorf("the head of size %d is of size %d: %w", head.Size, c.Tree.N, err)
	}
	root, err := tlog.TreeHash(head.Size, log)
	if err != nil || root != c.Tree.Hash {
		return fmt.Errorf("at size %d the root is %v, want %v: %w", head.Size, root, c.Tree.Hash, err)
	}
	if _, err := log.Leaf(head.Size - 1); err != nil {
		return err
	}
	if _, err := log.Checkpoint(head.Size); err != nil {
		return err
	}
	n := int64(0)
	for _, err := range log.Leaves(0) {
		if err != nil {
			return err
		}
		n++
	}
	if n < head.Size {
		return fmt.Errorf("%d leaves at size %d", n, head.Size)
	}
	return nil
}

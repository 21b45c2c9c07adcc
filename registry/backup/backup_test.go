package backup_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/backup"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	"github.com/safeconduct/safeconduct/registry/httpapi"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/verify"
)

func approval(i int) attest.Claims {
	a := rt.Approval(fmt.Sprintf("TEA-%d", i), rt.IN, rt.Halcyon, "US")
	a.ApprovedSites = nil
	return a
}

func write(t testing.TB, log registry.Log) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := backup.Write(context.Background(), &b, log); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(data []byte) (*backup.Backup, error) {
	return backup.Open(bytes.NewReader(data), int64(len(data)))
}

func emptyLog(t testing.TB) *badgerlog.Log {
	t.Helper()
	log, err := badgerlog.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return log
}

func TestARestoredLogIsTheLog(t *testing.T) {
	r := rt.New(t)
	for i := range 20 {
		r.MustSubmit(approval(i))
		r.Clock.Add(time.Second)
		if i%4 == 0 {
			if err := r.Cosign(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	data := write(t, r.Log())
	b, err := open(data)
	if err != nil {
		t.Fatal(err)
	}
	if b.Size() != r.Size() || b.Checkpoints() != 21 || !bytes.Equal(b.Latest(), r.Checkpoint()) {
		t.Errorf("%d leaves, %d checkpoints, latest\n%s", b.Size(), b.Checkpoints(), b.Latest())
	}
	log := emptyLog(t)
	var progress []int64
	if err := backup.Restore(context.Background(), b, log, func(size int64) { progress = append(progress, size) }); err != nil {
		t.Fatal(err)
	}
	if len(progress) == 0 || progress[len(progress)-1] != r.Size() {
		t.Errorf("progress: %v", progress)
	}
	if diff := cmp.Diff(string(data), string(write(t, log))); diff != "" {
		t.Errorf("a backup of the restored log (-before +after):\n%s", diff)
	}
	report, err := (&registry.Checkup{Log: log, Origin: rt.Origin, Trust: r.Trust}).Run(context.Background())
	if err != nil || !report.OK() {
		t.Errorf("%+v, %v", report, err)
	}
	// Restoring again changes nothing.
	if err := backup.Restore(context.Background(), b, log, nil); err != nil {
		t.Error(err)
	}
	// A register goes on with it, and gives the receipts that it gave.
	statement, err := r.Leaf(4)
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.Submit(context.Background(), statement)
	if err != nil {
		t.Fatal(err)
	}
	signer, _ := rt.LogSigner()
	reg, err := registry.New(registry.Config{
		Log: log, Origin: rt.Origin, LogSigners: []note.Signer{signer}, Cosigner: rt.Cosigner(), Trust: r.Trust, Now: r.Clock.Now, BatchInterval: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := reg.Submit(context.Background(), statement)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("receipt: %v (-before +after)\n%s", err, diff)
	}
	if err := reg.Close(); err != nil {
		t.Error(err)
	}
}

// A meanwhile is a store that has something done after its first leaf was read.
type meanwhile struct {
	registry.Log
	do func()
}

func (m meanwhile) Leaves(from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		first := true
		for leaf, err := range m.Log.Leaves(from) {
			if !yield(leaf, err) {
				return
			}
			if first {
				m.do()
			}
			first = false
		}
	}
}

func TestABackupIsTakenWhileTheRegisterWrites(t *testing.T) {
	r := rt.New(t)
	// More than is read from the store at once.
	for i := range 30 {
		r.MustSubmit(longApproval(i))
	}
	statements := make([][]byte, 120)
	for i := range statements {
		statements[i] = r.Sign(approval(i))
	}
	before := r.Size()
	var writing sync.WaitGroup
	log := meanwhile{r.Log(), func() {
		// The backup goes on once the register has written, and while it does.
		written := make(chan struct{}, len(statements))
		for w := range 4 {
			writing.Go(func() {
				for i := w; i < len(statements); i += 4 {
					if _, err := r.Submit(context.Background(), statements[i]); err != nil {
						t.Errorf("submit: %v", err)
					}
					written <- struct{}{}
				}
			})
		}
		<-written
		if r.Size() <= before {
			t.Errorf("nothing was written during the backup: size %d", r.Size())
		}
	}}
	data := write(t, log)
	writing.Wait()
	b, err := open(data)
	if err != nil {
		t.Fatal(err)
	}
	if b.Size() != before {
		t.Errorf("the backup has %d leaves, and the log had %d when it began", b.Size(), before)
	}
	restored := emptyLog(t)
	if err := backup.Restore(context.Background(), b, restored, nil); err != nil {
		t.Fatal(err)
	}
	want, err := r.CheckpointAt(before)
	if err != nil {
		t.Fatal(err)
	}
	head, err := restored.Head()
	if err != nil || head.Size != before {
		t.Errorf("size %d, want %d (%v)", head.Size, before, err)
	}
	w, werr := verify.ParseCheckpoint(want)
	g, gerr := verify.ParseCheckpoint(head.Checkpoint)
	if diff := cmp.Diff(w.Tree, g.Tree); diff != "" || werr != nil || gerr != nil {
		t.Errorf("tree (%v, %v) (-want +got):\n%s", werr, gerr, diff)
	}
}

// longApproval is one of some 40 KB.
func longApproval(i int) attest.Claims {
	a := rt.Approval(fmt.Sprintf("LONG-%d", i), rt.IN, fmt.Sprintf("in-own:E%d", i), "IN")
	a.ApprovedSites = nil
	for j := range 10 {
		a.ApprovedSites = append(a.ApprovedSites, attest.Site{ID: fmt.Sprintf("S-%d", j), Address: strings.Repeat("x", 4000), Country: "IN"})
	}
	return a
}

// An unending is a source of as many leaves as are asked for, all the same, and
// of no checkpoints.
type unending struct{}

func (unending) Leaves(_ context.Context, from, to int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for i := from; i < to; i++ {
			if !yield([]byte("leaf"), nil) {
				return
			}
		}
	}
}

func (unending) Checkpoint(context.Context, int64) ([]byte, error) { return nil, registry.ErrNotFound }

// signed is a checkpoint of 1<<levels such leaves that nobody signed, of that
// length where it is not 0.
func signed(levels, length int) []byte {
	root := tlog.RecordHash([]byte("leaf"))
	for range levels {
		root = tlog.NodeHash(root, root)
	}
	text := fmt.Sprintf("example.org/log\n%d\n%v\n\n— example.org/log ", int64(1)<<levels, root)
	return []byte(text + strings.Repeat("A", max(0, length-len(text)-1)) + "\n")
}

// What a backup needs in memory does not depend on how long the log is.
func TestABackupOfALongLogDoesNotFillTheMemory(t *testing.T) {
	const levels = 19
	var begin, end runtime.MemStats
	progress := func(size int64) {
		switch size {
		case 1 << 10:
			runtime.GC()
			runtime.ReadMemStats(&begin)
		case 1 << levels:
			runtime.GC()
			runtime.ReadMemStats(&end)
		}
	}
	if err := backup.WriteFrom(t.Context(), io.Discard, unending{}, signed(levels, 0), progress); err != nil {
		t.Fatal(err)
	}
	// A hash a leaf would be 16 MiB.
	if more := int64(end.HeapAlloc) - int64(begin.HeapAlloc); more > 4<<20 {
		t.Errorf("%d bytes more after %d leaves than after %d", more, 1<<levels, 1<<10)
	}
}

func TestACheckpointThatIsTooLongIsRefused(t *testing.T) {
	const most = 64 << 10
	status := verify.StatusLeaf{Index: 0, Previous: verify.NoPrevious, Time: rt.Start}.Marshal()
	record := func(kind byte, data []byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(data))), data...)
	}
	for length, want := range map[int]string{most: "", most + 1: "65537 bytes; at most 65536"} {
		checkpoint := signed(0, length)
		if len(checkpoint) != length {
			t.Fatalf("%d bytes, want %d", len(checkpoint), length)
		}
		says := func(err error) bool {
			return want == "" && err == nil || want != "" && err != nil && strings.Contains(err.Error(), want)
		}
		if err := backup.WriteFrom(t.Context(), io.Discard, unending{}, checkpoint, nil); !says(err) {
			t.Errorf("write one of %d bytes: %v, want %q", length, err, want)
		}
		data := slices.Concat([]byte("safeconduct/backup/v1\n"), record('L', status), record('C', checkpoint))
		if _, err := open(data); !says(err) {
			t.Errorf("open one of %d bytes: %v, want %q", length, err, want)
		}
	}
}

// More than one transaction of a store takes has to end in a checkpoint.
func TestABackupOverTheNetworkOfALongLogRestores(t *testing.T) {
	r := rt.New(t)
	for i := range 130 {
		r.MustSubmit(longApproval(i))
	}
	api := httptest.NewServer(httpapi.NewHandler(r.Registry, httpapi.Options{Now: r.Clock.Now}))
	defer api.Close()
	src := &tlogtiles.Client{BaseURL: api.URL}
	latest, err := src.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	if err := backup.WriteFrom(t.Context(), &data, src, latest, nil); err != nil {
		t.Fatal(err)
	}
	b, err := open(data.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	log := emptyLog(t)
	if err := backup.Restore(t.Context(), b, log, nil); err != nil {
		t.Fatal(err)
	}
	head, err := log.Head()
	if err != nil || !bytes.Equal(head.Checkpoint, latest) {
		t.Errorf("head %s (%v), want %s", head.Checkpoint, err, latest)
	}
	if got, want := b.Checkpoints(), 131; got != want {
		t.Errorf("%d checkpoints, want %d", got, want)
	}
}

func TestATruncatedBackupIsRefused(t *testing.T) {
	r := rt.New(t)
	r.MustSubmit(approval(1))
	data := write(t, r.Log())
	whole := 0
	for n := range data {
		b, err := open(data[:n])
		if err == nil {
			// At the end of an earlier checkpoint it is a backup of that size.
			whole++
			if b.Size() >= r.Size() {
				t.Errorf("%d of %d bytes are the whole log", n, len(data))
			}
			continue
		}
		if !strings.HasPrefix(err.Error(), "open the backup: ") || !strings.Contains(err.Error(), "cut short") && !strings.Contains(err.Error(), "no backup of this kind") {
			t.Errorf("%d of %d bytes: %v", n, len(data), err)
		}
	}
	if whole != 1 {
		t.Errorf("%d shorter ones were accepted, want the one that ends with the first batch", whole)
	}
	for _, more := range [][]byte{{0}, []byte("L"), data} {
		if _, err := open(append(bytes.Clone(data), more...)); err == nil {
			t.Errorf("%d bytes behind the end were accepted", len(more))
		}
	}
}

func TestAFlippedBitIsFoundOut(t *testing.T) {
	r := rt.New(t)
	for i := range 3 {
		r.MustSubmit(approval(i))
	}
	data := write(t, r.Log())
	for at := 0; at < len(data); at += 1 + len(data)/60 {
		bad := bytes.Clone(data)
		bad[at] ^= 1 << (at % 8)
		b, err := open(bad)
		if err != nil {
			continue
		}
		log := emptyLog(t)
		if err := backup.Restore(context.Background(), b, log, nil); err == nil {
			t.Errorf("bit %d of byte %d flipped, and it was restored", at%8, at)
		}
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestABackupOfHostileFormIsRefused(t *testing.T) {
	const magic = "safeconduct/backup/v1\n"
	r := rt.New(t)
	r.MustSubmit(approval(1))
	good := write(t, r.Log())
	leaf := func(n int) string { return "L\x00\x00\x00" + string(rune(n)) + strings.Repeat("x", n) }
	status := string(verify.StatusLeaf{Index: 0, Previous: verify.NoPrevious, Time: rt.Start}.Marshal())
	statusRecord := "L\x00\x00\x00" + string(rune(len(status))) + status
	for name, test := range map[string]struct{ data, says string }{
		"nothing":                          {"", "no backup of this kind"},
		"another version":                  {"safeconduct/backup/v2\n", "no backup of this kind"},
		"no record":                        {magic, "without a checkpoint"},
		"leaves alone":                     {magic + leaf(3), "without a checkpoint"},
		"an unknown kind":                  {magic + "X\x00\x00\x00\x00", "unknown kind"},
		"a length without bounds":          {magic + "L\xff\xff\xff\xff", "at most"},
		"a checkpoint first":               {magic + "C\x00\x00\x00\x00", "does not follow a status leaf"},
		"a checkpoint behind a statement":  {magic + leaf(3) + "C\x00\x00\x00\x00", "does not follow a status leaf"},
		"a checkpoint that is none":        {magic + statusRecord + "C\x00\x00\x00\x01x", "checkpoint"},
		"a checkpoint of another size":     {magic + statusRecord + string(good[bytes.LastIndex(good, []byte("C\x00\x00")):]), "size"},
		"a status leaf without checkpoint": {magic + statusRecord, "without a checkpoint"},
	} {
		if _, err := open([]byte(test.data)); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want that it says %q", name, err, test.says)
		}
	}
}

func TestALogThatIsEmptyOrFailsGivesNoBackup(t *testing.T) {
	if err := backup.Write(context.Background(), new(bytes.Buffer), emptyLog(t)); err == nil {
		t.Error("a backup of nothing was written")
	}
	r := rt.New(t)
	full := errors.New("no space left on device")
	if err := backup.Write(context.Background(), failing{full}, r.Log()); !errors.Is(err, full) {
		t.Errorf("%v, want the cause", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := backup.Write(ctx, new(bytes.Buffer), r.Log()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func FuzzOpen(f *testing.F) {
	r := rt.New(f)
	r.MustSubmit(approval(1))
	f.Add(write(f, r.Log()))
	f.Add([]byte("safeconduct/backup/v1\nC\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := open(data)
		if err != nil {
			return
		}
		n := int64(0)
		for _, err := range b.Leaves(context.Background(), 0, b.Size()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if c, err := b.Checkpoint(context.Background(), b.Size()); n != b.Size() || err != nil || !bytes.Equal(c, b.Latest()) {
			t.Errorf("%d leaves of %d, %v", n, b.Size(), err)
		}
	})
}

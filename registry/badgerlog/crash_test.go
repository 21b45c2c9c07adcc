package badgerlog_test

import (
	"bufio"
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
	rt "github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// The test binary started with these submits statements until it is killed.
const (
	crashDir   = "BADGERLOG_CRASH_DIR"
	crashTable = "BADGERLOG_CRASH_TABLE"
	crashRound = "BADGERLOG_CRASH_ROUND"
)

// crashRounds is how often the test kills, where it is set: 500 for a thorough
// run.
const crashRounds = "CRASH_ROUNDS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		table, err := strconv.ParseInt(os.Getenv(crashTable), 10, 64)
		if err == nil {
			err = submitUntilKilled(dir, table, os.Getenv(crashRound))
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// serve starts a register whose log flushes its tables in memory at that size.
func serve(dir string, table int64) (*registry.Registry, *badgerlog.Log, error) {
	log, err := badgerlog.OpenSmall(dir, table)
	if err != nil {
		return nil, nil, err
	}
	signer, _ := rt.LogSigner()
	reg, err := registry.New(registry.Config{
		Log: log, Origin: rt.Origin, LogSigners: []note.Signer{signer}, Cosigner: rt.Cosigner(), BatchInterval: -1,
	})
	if err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	return reg, log, nil
}

// An acknowledgement is what a submitter was told, one a line.
type acknowledgement struct {
	Statement []byte
	Receipt   registry.Receipt
}

// submitUntilKilled prints each receipt once it has it. It returns only where
// something is wrong.
func submitUntilKilled(dir string, table int64, round string) error {
	ctx := context.Background()
	reg, _, err := serve(dir, table)
	if err != nil {
		return err
	}
	if errors.Is(reg.Healthy(), registry.ErrNoRoot) {
		root, err := rt.Sign(rt.Root(time.Now()))
		if err != nil {
			return err
		}
		if _, err := reg.Init(ctx, root); err != nil {
			return err
		}
	}
	out := json.NewEncoder(os.Stdout)
	var mu sync.Mutex
	submit := func(name string) error {
		c := rt.Approval(name, rt.IN, rt.Halcyon, "US")
		c.Aud, c.IAT = rt.Origin, attest.NumericDate(time.Now().Unix())
		// Sites would make admission compare with all that came before.
		c.ApprovedSites = nil
		statement, err := rt.Sign(c)
		if err != nil {
			return err
		}
		receipt, err := reg.Submit(ctx, statement)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		return out.Encode(acknowledgement{statement, receipt})
	}
	failed := make(chan error)
	for worker := range 4 {
		go func() {
			for i := 0; ; i++ {
				if err := submit(fmt.Sprintf("TEA-%s-%d-%d", round, worker, i)); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// A crashed is a store that is killed again and again, and what is known of it.
type crashed struct {
	dir   string
	table int64
	acks  []acknowledgement
	// roots are those of all checkpoints that anybody saw, by size.
	roots map[int64]tlog.Hash
}

// roundsOfOne is after how many kills another store is taken: all of it is
// checked after each.
const roundsOfOne = 5

// A kill leaves what was written and not synced: this shows that each batch is
// whole or not there. That it is synced before anybody is answered is shown where
// the power is cut.
func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	t.Parallel()
	rounds := 40
	if testing.Short() {
		rounds = 8
	}
	if n := os.Getenv(crashRounds); n != "" {
		var err error
		if rounds, err = strconv.Atoi(n); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var c *crashed
	acks, checkpoints, repaired, refused := 0, 0, 0, 0
	for round := range rounds {
		if round%roundsOfOne == 0 {
			// Every other store flushes and compacts while it is killed.
			c = &crashed{dir: t.TempDir(), table: []int64{64 << 20, 1 << 20}[round/roundsOfOne%2], roots: make(map[int64]tlog.Hash)}
		}
		before, sizes := len(c.acks), len(c.roots)
		c.kill(t, random, round)
		if c.tornAcknowledged(t, random, round) {
			refused++
		}
		if c.tearUnacknowledged(t, random) {
			repaired++
		}
		c.check(t, round)
		acks, checkpoints = acks+len(c.acks)-before, checkpoints+len(c.roots)-sizes
	}
	t.Logf("%d kills: %d statements acknowledged, %d checkpoints; %d torn ends repaired, %d losses refused", rounds, acks, checkpoints, repaired, refused)
	if repaired == 0 || refused == 0 {
		t.Error("no write was torn")
	}
}

// see takes down a checkpoint.
func (c *crashed) see(t *testing.T, checkpoint []byte) tlog.Tree {
	t.Helper()
	cp, err := verify.ParseCheckpoint(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if before, ok := c.roots[cp.Tree.N]; ok && before != cp.Tree.Hash {
		t.Fatalf("size %d was signed with two roots", cp.Tree.N)
	}
	c.roots[cp.Tree.N] = cp.Tree.Hash
	return cp.Tree
}

// start runs a submitter, which prints its acknowledgements.
func (c *crashed) start(t *testing.T, stderr io.Writer, round int) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe)
	child.Env = append(os.Environ(), crashDir+"="+c.dir, fmt.Sprintf("%s=%d", crashTable, c.table), fmt.Sprintf("%s=%d", crashRound, round))
	child.Stderr = stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	return child, bufio.NewReader(stdout)
}

// acknowledge takes down what was acknowledged.
func (c *crashed) acknowledge(t *testing.T, line []byte) {
	t.Helper()
	var a acknowledgement
	if err := json.Unmarshal(line, &a); err != nil {
		t.Fatal(err)
	}
	c.see(t, a.Receipt.Checkpoint)
	c.acks = append(c.acks, a)
}

// kill runs a submitter and kills it at a random moment.
func (c *crashed) kill(t *testing.T, random *rand.Rand, round int) {
	t.Helper()
	child, lines := c.start(t, os.Stderr, round)
	kill := func() { _ = child.Process.Kill() }
	// Mostly while it writes, now and then while it opens.
	late := time.Duration(random.IntN(150)) * time.Millisecond
	if round%roundsOfOne > 0 && random.IntN(8) == 0 {
		time.AfterFunc(late, kill)
	}
	var first sync.Once
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			// A line that the kill cut short acknowledges nothing.
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
				t.Fatal(err)
			}
			break
		}
		c.acknowledge(t, line)
		first.Do(func() { time.AfterFunc(late, kill) })
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("round %d: the submitter was not killed, but: %v", round, err)
	}
}

// tornAcknowledged damages in a copy what was acknowledged, and tells whether
// there was any that is still in a write-ahead log. The copy has to be refused.
func (c *crashed) tornAcknowledged(t *testing.T, random *rand.Rand, round int) bool {
	t.Helper()
	store := copyStore(t, c.dir)
	defer func() {
		if err := os.RemoveAll(store); err != nil {
			t.Error(err)
		}
	}()
	wal, err := badgerlog.ReadWAL(store)
	if err != nil {
		t.Fatalf("round %d: %v", round, err)
	}
	if wal.Acknowledged == 0 {
		return false
	}
	// Mostly the last bytes, now and then any.
	at := wal.Acknowledged - 8 - random.Int64N(200)
	if random.IntN(3) == 0 {
		at = random.Int64N(wal.Acknowledged - 8)
	}
	at = max(at, 20)
	kind := random.IntN(4)
	switch kind {
	case 0:
		err = os.Truncate(wal.Name, at)
	case 1:
		overwrite(t, wal.Name, at, make([]byte, wal.End-at))
	case 2:
		overwrite(t, wal.Name, at, noise(wal.End-at))
	case 3:
		flip(t, wal.Name, at, random.IntN(8))
	}
	if err != nil {
		t.Fatal(err)
	}
	log, err := badgerlog.OpenSmall(store, c.table)
	if err == nil {
		t.Fatalf("round %d: opened without what was acknowledged (damage %d at %d of %+v): %v", round, kind, at, wal, log.Close())
	}
	if !strings.Contains(err.Error(), "restore a backup") {
		t.Fatalf("round %d: %v does not say what to do", round, err)
	}
	return true
}

// tearUnacknowledged leaves a write behind the last one that a crash cut short,
// or tears the last one where it was not acknowledged.
func (c *crashed) tearUnacknowledged(t *testing.T, random *rand.Rand) bool {
	t.Helper()
	wal, err := badgerlog.ReadWAL(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	if wal.Name == "" {
		return false
	}
	info, err := os.Stat(wal.Name)
	if err != nil {
		t.Fatal(err)
	}
	from := wal.End
	if wal.Acknowledged > 0 && random.IntN(2) == 0 {
		from = wal.Acknowledged
	}
	switch random.IntN(4) {
	case 0:
		overwrite(t, wal.Name, from, noise(1+random.Int64N(4096)))
	case 1:
		// The beginning of a transaction, in order.
		data, err := os.ReadFile(wal.Name)
		if err != nil {
			t.Fatal(err)
		}
		overwrite(t, wal.Name, wal.End, data[wal.Last:wal.Last+1+random.Int64N(wal.End-wal.Last-1)])
	case 2:
		if from < info.Size() {
			overwrite(t, wal.Name, from, make([]byte, min(info.Size()-from, wal.End-from+100)))
		}
	case 3:
		if err := os.Truncate(wal.Name, min(info.Size(), from+random.Int64N(100))); err != nil {
			t.Fatal(err)
		}
	}
	return true
}

func noise(n int64) []byte {
	b := make([]byte, n)
	_, _ = crand.Read(b)
	return b
}

// check opens the store: all of it is whole, everything acknowledged proves,
// and nothing forks from what was seen.
func (c *crashed) check(t *testing.T, round int) {
	t.Helper()
	reg, log, err := serve(c.dir, c.table)
	if err != nil {
		t.Fatalf("round %d: reopen: %v", round, err)
	}
	newest := c.see(t, reg.Checkpoint())
	report, err := (&registry.Checkup{Log: log, Origin: rt.Origin}).Run(context.Background())
	if err != nil || !report.OK() {
		t.Fatalf("round %d: %+v, %v", round, report.Differences, err)
	}
	for _, a := range c.acks {
		again, err := reg.Submit(context.Background(), a.Statement)
		if err != nil || again.Index != a.Receipt.Index {
			t.Fatalf("round %d: acknowledged at %d, now %d (%v)", round, a.Receipt.Index, again.Index, err)
		}
		proof, err := tlog.ProveRecord(newest.N, a.Receipt.Index, log)
		if err == nil {
			err = tlog.CheckRecord(proof, newest.N, newest.Hash, a.Receipt.Index, tlog.RecordHash(a.Statement))
		}
		if err != nil {
			t.Fatalf("round %d: index %d: %v", round, a.Receipt.Index, err)
		}
	}
	for size, root := range c.roots {
		if size > newest.N {
			t.Fatalf("round %d: size %d was seen, the log ends at %d", round, size, newest.N)
		}
		proof, err := tlog.ProveTree(newest.N, size, log)
		if err == nil {
			err = tlog.CheckTree(proof, newest.N, newest.Hash, size, root)
		}
		if err != nil {
			t.Fatalf("round %d: size %d, seen before, is a fork of %d: %v", round, size, newest.N, err)
		}
	}
	if round%2 == 0 {
		// Closed in order, all of it stands in tables.
		if err := errors.Join(reg.Close(), log.Close()); err != nil {
			t.Fatal(err)
		}
		return
	}
	// Not closed: the next submitter finds what a second crash leaves.
	settled(t, c.dir)
	left := copyStore(t, c.dir)
	if err := errors.Join(reg.Close(), log.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(c.dir); err != nil {
		t.Fatal(err)
	}
	c.dir = filepath.Clean(left)
}

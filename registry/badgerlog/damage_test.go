package badgerlog_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/registry/badgerlog"
)

// stored returns a log with several tables and what was written to it: the
// directory as a kill leaves it, and as Close does.
func stored(t *testing.T) (want *raw, killed, closed string) {
	t.Helper()
	want = newRaw()
	dir := t.TempDir()
	log := openSmall(t, dir)
	for i := range 60 {
		want.grow(t, log, 20, 1000+i)
	}
	closeLog(t, log)
	log = openSmall(t, dir)
	for i := range 10 {
		want.grow(t, log, 20, 1000+i)
	}
	// Else badger may still be flushing while the directory is copied.
	settled(t, dir)
	killed = copyStore(t, dir)
	closeLog(t, log)
	return want, killed, dir
}

// actionable tells whether an error says what to do.
func actionable(err error) bool {
	for _, advice := range []string{"restore a backup", "remove that file", "stop that first"} {
		if strings.Contains(err.Error(), advice) {
			return true
		}
	}
	return false
}

// Whatever single damage a file has, the log is refused with advice, or has
// everything that was acknowledged.
func TestADamagedFileLosesNothingSilently(t *testing.T) {
	t.Parallel()
	want, killed, closed := stored(t)
	rounds := 2
	if testing.Short() {
		rounds = 1
	}
	kinds := []struct {
		name string
		harm func(t *testing.T, random *rand.Rand, name string, size int64)
	}{
		{"a flipped bit", func(t *testing.T, random *rand.Rand, name string, size int64) {
			flip(t, name, random.Int64N(size), random.IntN(8))
		}},
		{"cut short", func(t *testing.T, random *rand.Rand, name string, size int64) {
			if err := os.Truncate(name, random.Int64N(size)); err != nil {
				t.Fatal(err)
			}
		}},
		{"zeros at the end", func(t *testing.T, random *rand.Rand, name string, size int64) {
			at := random.Int64N(size)
			overwrite(t, name, at, make([]byte, size-at))
		}},
		{"missing", func(t *testing.T, _ *rand.Rand, name string, _ int64) {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, state := range []struct{ name, dir string }{{"killed", killed}, {"closed", closed}} {
		for _, kind := range kinds {
			for _, file := range []string{".mem", ".sst", ".vlog", "MANIFEST", "KEYREGISTRY", "DISCARD", "acknowledged"} {
				t.Run(state.name+"/"+file+"/"+kind.name, func(t *testing.T) {
					// Run alone it does the same damage.
					random := rand.New(rand.NewChaCha8(sha256.Sum256([]byte(t.Name()))))
					refused, times := 0, 0
					for range rounds {
						store := copyStore(t, state.dir)
						name := pick(t, store, file, random)
						if name == "" {
							t.Skip("there is none")
						}
						info, err := os.Stat(name)
						if err != nil {
							t.Fatal(err)
						}
						kind.harm(t, random, name, max(info.Size(), 1))
						times++
						log, err := badgerlog.OpenSmall(store, 1<<20)
						if err != nil {
							refused++
							if !actionable(err) {
								t.Errorf("%v does not say what to do", err)
							}
							continue
						}
						if err := want.same(t, log); err != nil {
							t.Errorf("opened, and %v", err)
						}
						closeLog(t, log)
					}
					t.Logf("%d of %d refused", refused, times)
				})
			}
		}
	}
}

// pick returns a file of that name or with that ending.
func pick(t *testing.T, dir, name string, random *rand.Rand) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		if e.Name() == name || filepath.Ext(e.Name()) == name {
			found = append(found, filepath.Join(dir, e.Name()))
		}
	}
	if len(found) == 0 {
		return ""
	}
	return found[random.IntN(len(found))]
}

// A refusal changes nothing that a repair would need: the tables, their list
// and the write-ahead logs.
func TestARefusedLogIsLeftAsItIs(t *testing.T) {
	_, killed, _ := stored(t)
	wal, err := badgerlog.ReadWAL(killed)
	if err != nil || wal.Acknowledged == 0 {
		t.Fatalf("%+v, %v", wal, err)
	}
	flip(t, wal.Name, wal.Acknowledged-30, 3)
	before := contents(t, killed)
	for range 2 {
		log, err := badgerlog.OpenSmall(killed, 1<<20)
		if err == nil {
			t.Fatal("opened", log.Close())
		}
		if !strings.Contains(err.Error(), "were acknowledged") || !actionable(err) {
			t.Errorf("%v", err)
		}
	}
	after := contents(t, killed)
	for name, data := range before {
		switch filepath.Ext(name) {
		case ".vlog":
		default:
			if after[name] != data && name != "DISCARD" {
				t.Errorf("%s was changed", name)
			}
		}
	}
}

// Tables that nothing lists are kept until the log is known to be whole.
func TestLostTablesAreKept(t *testing.T) {
	want, _, closed := stored(t)
	lost := copyStore(t, closed)
	manifest := filepath.Join(lost, "MANIFEST")
	whole, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(manifest, 16); err != nil {
		t.Fatal(err)
	}
	tables := len(contentsOf(t, lost, ".sst"))
	log, err := badgerlog.OpenSmall(lost, 1<<20)
	if err == nil {
		t.Fatal("opened", log.Close())
	}
	aside := filepath.Join(lost, "set-aside")
	if have := contentsOf(t, aside, ".sst"); len(have) != tables {
		t.Fatalf("%d tables of %d are left", len(have), tables)
	}
	// So the log comes back with its list.
	for name := range contentsOf(t, lost, ".sst") {
		if err := os.Remove(filepath.Join(lost, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name := range contentsOf(t, aside, ".sst") {
		if err := os.Rename(filepath.Join(aside, name), filepath.Join(lost, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(manifest, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	log = openSmall(t, lost)
	if err := want.same(t, log); err != nil {
		t.Error(err)
	}
	closeLog(t, log)
	if _, err := os.Stat(aside); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", aside, err)
	}
}

func contents(t *testing.T, dir string) map[string]string { return contentsOf(t, dir, "") }

func contentsOf(t *testing.T, dir, ending string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, e := range entries {
		if e.IsDir() || ending != "" && filepath.Ext(e.Name()) != ending {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(data)
	}
	return all
}

// A kill while badger makes or deletes one of its logs leaves it empty.
func TestAnEmptyLogFileIsNoDamage(t *testing.T) {
	want, killed, _ := stored(t)
	for _, name := range []string{"00099.mem", "000099.vlog", "000001.sst.tmp"} {
		if err := os.WriteFile(filepath.Join(killed, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log := openSmall(t, killed)
	if err := want.same(t, log); err != nil {
		t.Error(err)
	}
	closeLog(t, log)
}

// Nobody is locked out by the file that guards against loss.
func TestATornAcknowledgementOpens(t *testing.T) {
	want, killed, _ := stored(t)
	for name, harm := range map[string]func(name string) error{
		"one slot":  func(name string) error { overwrite(t, name, 0, make([]byte, 50)); return nil },
		"the other": func(name string) error { overwrite(t, name, 4096, make([]byte, 50)); return nil },
		"both":      func(name string) error { overwrite(t, name, 0, make([]byte, 8192)); return nil },
		"empty":     func(name string) error { return os.Truncate(name, 0) },
		"none":      os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			store := copyStore(t, killed)
			if err := harm(filepath.Join(store, "acknowledged")); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				log := openSmall(t, store)
				if err := want.same(t, log); err != nil {
					t.Error(err)
				}
				closeLog(t, log)
			}
		})
	}
}

// Made anew from what is left, the log would look whole.
func TestALogThatLostItsEndIsNotOpenedForRepair(t *testing.T) {
	dir := t.TempDir()
	log := openSmall(t, dir)
	leaves := newRaw()
	leaves.grow(t, log, 3, 100)
	closeLog(t, log)
	old := copyStore(t, dir)
	log = openSmall(t, dir)
	leaves.grow(t, log, 3, 100)
	closeLog(t, log)
	acknowledged, err := os.ReadFile(filepath.Join(dir, "acknowledged"))
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, filepath.Join(old, "acknowledged"), 0, acknowledged)
	log, err = badgerlog.OpenUnchecked(old, nil)
	if err == nil {
		t.Fatal("opened", log.Close())
	}
	if want := "were acknowledged"; !strings.Contains(err.Error(), want) {
		t.Errorf("%v does not say %q", err, want)
	}
}

// What is neither a leaf nor a checkpoint is acknowledged too.
func TestALostSizeIsNoticed(t *testing.T) {
	dir := t.TempDir()
	log := openSmall(t, dir)
	newRaw().grow(t, log, 3, 100)
	if err := log.Keep(context.Background(), registry.Standing{Sizes: map[string]int64{"witness+1": 3}}); err != nil {
		t.Fatal(err)
	}
	store := copyStore(t, dir)
	closeLog(t, log)
	wal, err := badgerlog.ReadWAL(store)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, wal.Name, wal.Acknowledged-10, make([]byte, 10))
	log, err = badgerlog.OpenSmall(store, 1<<20)
	if err == nil {
		t.Fatal("opened", log.Close())
	}
	if want := "after 1 writes, and 2 writes"; !strings.Contains(err.Error(), want) {
		t.Errorf("%v does not say %q", err, want)
	}
}

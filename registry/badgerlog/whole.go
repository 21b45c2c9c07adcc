package badgerlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// Badger opens what it finds: it cuts a write-ahead log off where it is
// damaged, deletes tables that its MANIFEST does not list, leaves out tables
// whose index is damaged, and ends the process at one that was cut short. So
// its files are looked at before, while nothing has been changed.

// setAside is where tables go that the MANIFEST does not list: those that a
// crash left unfinished, or all that a damaged MANIFEST has lost; and a
// write-ahead log of which nothing can be read. They are deleted once the log
// was found whole.
const setAside = "set-aside"

// advice ends what is said of a damaged store.
const advice = "restore a backup, or copy a mirror's store"

// inspect looks at a store that is closed, and returns what its write-ahead
// logs have. It returns an error for one that badger would open without what
// was acknowledged.
func inspect(dir string, acked *acknowledged) (wal span, err error) {
	if err := whole(dir); err != nil {
		return wal, err
	}
	if err := clearOut(dir); err != nil {
		return wal, err
	}
	tables, err := manifest(dir)
	if err != nil {
		return wal, err
	}
	if err := checkTables(dir, tables); err != nil {
		return wal, err
	}
	wal, torn, err := checkWALs(dir)
	if err != nil {
		return wal, err
	}
	if acked.known && wal.writes > 0 && wal.writes < acked.writes {
		return wal, acked.missing(wal.writes, wal.size)
	}
	if torn != nil {
		// Without a write in the logs it is seen only later whether the tables
		// have what was acknowledged.
		if wal.writes == 0 {
			err = torn.keep(filepath.Join(dir, setAside))
		}
		if err == nil {
			err = torn.cut()
		}
		if err != nil {
			return wal, err
		}
	}
	return wal, putAside(dir, tables)
}

// errNoManifest is a store whose tables nothing lists any more.
var errNoManifest = errors.New("its tables are there but the MANIFEST that lists them is missing: put the directory back from a copy, or " + advice)

// whole refuses a directory with tables and without the MANIFEST: badger would
// take it for an empty one, and delete the tables.
func whole(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, badger.ManifestFilename)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, ending := range []string{".sst", ".vlog", ".mem"} {
		err := each(dir, ending, func(string, fs.FileInfo) error { return errNoManifest })
		if err != nil {
			return err
		}
	}
	return nil
}

// vlogHeader is the length of a log file of badger without entries.
const vlogHeader = 20

// clearOut removes what badger cannot open, and has nothing in it: log files that
// a crash left empty while they were made or deleted, value logs, to which
// this package writes nothing, and statistics of them.
func clearOut(dir string) error {
	remove := func(name string, info fs.FileInfo) error {
		if info.Size() > 0 {
			return nil
		}
		return os.Remove(name)
	}
	if err := each(dir, ".mem", remove); err != nil {
		return err
	}
	err := each(dir, ".vlog", func(name string, _ fs.FileInfo) error {
		if empty, err := zeros(name, vlogHeader); err != nil || !empty {
			return errors.Join(err, fmt.Errorf("%s has values, which this program never writes there: it is damaged or another's; %s", name, advice))
		}
		return os.Remove(name)
	})
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, "DISCARD")); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// manifest returns the tables that the MANIFEST lists, none for a new store.
func manifest(dir string) (tables map[uint64]badger.TableManifest, err error) {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// A torn end is cut off: a table that was about to be listed still has
	// its write-ahead log, or the tables that it was made of.
	m, _, err := badger.ReplayManifestFile(f, 0, badger.DefaultOptions(dir).WithLogger(nil))
	if err != nil {
		err = fmt.Errorf("MANIFEST, which lists the tables, is damaged (%w): %s", err, advice)
	}
	return m.Tables, errors.Join(err, f.Close())
}

// putAside moves tables that the MANIFEST does not list out of badger's way.
func putAside(dir string, tables map[uint64]badger.TableManifest) error {
	return each(dir, ".sst", func(name string, _ fs.FileInfo) error {
		id, err := tableID(name)
		if _, listed := tables[id]; err != nil || listed {
			return err
		}
		aside := filepath.Join(dir, setAside)
		if err := os.MkdirAll(aside, 0o700); err != nil {
			return err
		}
		return os.Rename(name, filepath.Join(aside, filepath.Base(name)))
	})
}

// reason says of badger's error what to do about it.
func reason(err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "Another process is using"):
		return errInUse
	case errors.Is(err, fs.ErrPermission) || strings.Contains(text, "permission denied") || strings.Contains(text, "read-only file system"):
		return fmt.Errorf("it cannot be written to: %w", err)
	case strings.Contains(text, "key registry") || strings.Contains(text, "datakey") || strings.Contains(text, "encryption key"):
		return fmt.Errorf("KEYREGISTRY is damaged; nothing here is encrypted: remove that file and open again (%w)", err)
	}
	return fmt.Errorf("%w: %s", err, advice)
}

var errInUse = errors.New("another process is using it: stop that first")

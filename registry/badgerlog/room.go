package badgerlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/safeconduct/safeconduct/registry"
)

// Badger writes through memory maps of files that have a length and no blocks
// yet. Where the disk has none left, the kernel kills the process (SIGBUS) in
// the middle of a batch, a flush or a compaction, and badger's compaction even
// goes on where a table could not be created. So nothing is written unless
// there is room for all that may follow from it. Somebody else who takes that
// room while badger flushes ends the process all the same; the next Open has all
// that was acknowledged.

// reserve is what has to be free before a batch is written. Badger writes
//
//   - the batch into the write-ahead log of the table in memory, and of the
//     next one where this is full;
//   - a table for each one in memory, before it deletes that one's log;
//   - in a compaction, all its new tables before it deletes the old ones: at
//     most all of level 0 and the base level that it goes into, and in the
//     other compactor a table and those below it (some 25, of a few MiB each
//     while the log has less than 100 GB). Never more than there is.
func reserve(memtable, level0, base, tables int64) int64 {
	return (2+memtables+1)*memtable + min(level0+base+256<<20, tables)
}

// room returns [registry.ErrFull] where there is less than the reserve.
func (l *Log) room() error {
	var level0, base, tables int64
	for _, level := range l.db.Levels() {
		tables += level.Size
		switch {
		case level.Level == 0:
			level0 = level.Size
		case level.IsBaseLevel:
			base = level.Size
		}
	}
	if err := enough(l.dir, reserve(l.memtable, level0, base, tables)); err != nil {
		return err
	}
	return l.allocate()
}

func enough(dir string, need int64) error {
	have, err := free(dir)
	if err != nil {
		return err
	}
	if have < need {
		return fmt.Errorf("%w (%s has %d MiB free; %d MiB are needed)", registry.ErrFull, dir, have>>20, need>>20)
	}
	return nil
}

// roomToOpen tells whether badger can be opened: it makes a new log and table
// in memory, flushes those that a crash left, and may begin to compact.
func roomToOpen(dir string, memtable int64) error {
	var tables int64
	err := each(dir, ".sst", func(_ string, info fs.FileInfo) error {
		tables += info.Size()
		return nil
	})
	if err != nil {
		return err
	}
	return enough(dir, reserve(memtable, level0Stall*memtable, 0, tables))
}

// allocate gives the write-ahead log in use the blocks that it may come to
// have, so that no other writer of the disk can take them from it.
func (l *Log) allocate() error {
	for {
		next := filepath.Join(l.dir, fmt.Sprintf("%05d.mem", l.wal+1))
		if _, err := os.Stat(next); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if err := allocate(next, l.memtable+largestBatch(l.memtable)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		l.wal++
	}
}

// newestWAL is the number of the newest write-ahead log before the one in use.
func newestWAL(dir string) (newest int, err error) {
	err = each(dir, ".mem", func(name string, _ fs.FileInfo) error {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(name), "%05d.mem", &n); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		newest = max(newest, n)
		return nil
	})
	return newest, err
}

// roomToClose tells whether the tables in memory can be written out.
func roomToClose(dir string) error {
	var need int64
	err := each(dir, ".mem", func(_ string, info fs.FileInfo) error {
		need += blocks(info)
		return nil
	})
	if err != nil {
		return err
	}
	return enough(dir, need+1<<20)
}

// each gives the files of a directory whose names have such an ending, sorted.
func each(dir, ending string, do func(name string, info fs.FileInfo) error) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ending {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // badger has deleted it since
		}
		if err != nil {
			return err
		}
		if err := do(filepath.Join(dir, e.Name()), info); err != nil {
			return err
		}
	}
	return nil
}

package badgerlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2/z"
)

// tableID returns the number of a table from its name.
func tableID(name string) (uint64, error) {
	id, ok := table.ParseFileID(name)
	if !ok {
		return 0, fmt.Errorf("%s is not the name of a table", name)
	}
	return id, nil
}

// checkTables reads every table that is listed, with all its checksums: a
// compaction that meets a damaged block ends there, and drops what follows.
func checkTables(dir string, tables map[uint64]badger.TableManifest) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	ids := make(chan uint64)
	for range min(runtime.GOMAXPROCS(0), len(tables)) {
		wg.Go(func() {
			for id := range ids {
				if err := checkTable(table.NewFilename(id, dir), tables[id].Compression); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for id := range tables {
		ids <- id
	}
	close(ids)
	wg.Wait()
	if len(errs) > 0 {
		return fmt.Errorf("%d of %d tables are damaged: %s: %w", len(errs), len(tables), advice, errs[0])
	}
	return nil
}

// checkTable reads a table.
func checkTable(name string, compression options.CompressionType) (err error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing", filepath.Base(name))
	}
	if err == nil {
		err = checkFooter(name, info.Size())
	}
	if err != nil {
		return err
	}
	// Badger indexes into a block before it has verified it.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %v", filepath.Base(name), p)
		}
	}()
	file, err := z.OpenMmapFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	t, err := table.OpenTable(file, table.Options{
		ReadOnly: true, BlockSize: blockSize, Compression: compression, ChkMode: options.OnTableRead,
	})
	if err != nil {
		return err // OpenTable has closed the file, or cannot
	}
	return t.Close(-1)
}

// checkFooter looks whether the end of a table gives lengths that it has
// itself: badger ends the process where it does not. A table ends in its index,
// u32be(length of the index), a checksum, u32be(length of the checksum).
func checkFooter(name string, size int64) error {
	cut := fmt.Errorf("%s is cut short", filepath.Base(name))
	if size < 8 {
		return cut
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	at := size
	length := func() (int64, error) {
		var b [4]byte
		at -= 4
		if at < 0 {
			return 0, cut
		}
		_, err := f.ReadAt(b[:], at)
		n := int64(binary.BigEndian.Uint32(b[:]))
		if err == nil && n > at {
			err = cut
		}
		return n, err
	}
	checksum, err := length()
	if err == nil {
		at -= checksum
		_, err = length()
	}
	return errors.Join(err, f.Close())
}

package badgerlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
)

// acknowledgedName is the file beside badger's that says how far the log was
// acknowledged.
const acknowledgedName = "acknowledged"

// acknowledged is that file, open and locked.
//
// Badger ends its write-ahead log at the first entry whose checksum is wrong,
// and says nothing: it cannot tell a write that a crash cut short from one that
// was acknowledged and is damaged. This file can. Every write transaction
// counts itself in the store; the count is written here and synced after the
// commit and before whoever wrote is answered, in two slots in turn, so that a
// torn write of one leaves the other. Asking the register's cosigners how far
// it was is no substitute: it may have none but its own.
type acknowledged struct {
	file *os.File
	slot int64
	// known is whether what follows was read or written.
	known bool
	// writes is the count, size and root are those of the tree.
	writes, size int64
	root         tlog.Hash
}

// A slot is magic, u64be(writes), u64be(size), root hash, SHA-256 of these.
const (
	slotMagic  = "acknwlg1"
	slotLength = len(slotMagic) + 8 + 8 + tlog.HashSize + sha256.Size
	// slotPlace is how far the slots are apart: a block of the disk, which is
	// what tears.
	slotPlace = 4096
)

// openAcknowledged opens and locks the file in dir, and makes it where there is
// none.
func openAcknowledged(dir string) (*acknowledged, error) {
	f, err := openLocked(filepath.Join(dir, acknowledgedName))
	if err != nil {
		return nil, err
	}
	a := &acknowledged{file: f}
	if err := a.open(dir); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return a, nil
}

func (a *acknowledged) open(dir string) error {
	info, err := a.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < 2*slotPlace {
		// At its length from the start, a write to it changes no metadata.
		if _, err := a.file.WriteAt(make([]byte, 2*slotPlace-info.Size()), info.Size()); err != nil {
			return full(fmt.Errorf("make %s: %w", a.file.Name(), err))
		}
		if err := errors.Join(a.file.Sync(), syncDir(dir)); err != nil {
			return fmt.Errorf("make %s: %w", a.file.Name(), err)
		}
	}
	for i := range int64(2) {
		slot := make([]byte, slotLength)
		if _, err := a.file.ReadAt(slot, i*slotPlace); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: %w", a.file.Name(), err)
		}
		a.read(i, slot)
	}
	return nil
}

// read takes what a slot says where it is whole and the newest.
func (a *acknowledged) read(i int64, slot []byte) {
	body, sum := slot[:slotLength-sha256.Size], slot[slotLength-sha256.Size:]
	want := sha256.Sum256(body)
	rest, ok := bytes.CutPrefix(body, []byte(slotMagic))
	if !ok || !bytes.Equal(sum, want[:]) {
		return
	}
	writes := int64(binary.BigEndian.Uint64(rest))
	if a.known && writes < a.writes {
		return
	}
	a.slot, a.known, a.writes = i, true, writes
	a.size, a.root = int64(binary.BigEndian.Uint64(rest[8:])), tlog.Hash(rest[16:])
}

// set says durably what was written.
func (a *acknowledged) set(writes, size int64, root tlog.Hash) error {
	slot := append(make([]byte, 0, slotLength), slotMagic...)
	slot = number(number(slot, writes), size)
	slot = append(slot, root[:]...)
	sum := sha256.Sum256(slot)
	_, err := a.file.WriteAt(append(slot, sum[:]...), (1-a.slot)*slotPlace)
	if err == nil {
		err = syncData(a.file)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", a.file.Name(), err)
	}
	a.slot, a.known = 1-a.slot, true
	a.writes, a.size, a.root = writes, size, root
	return nil
}

// missing is the error for a store that has less than was acknowledged.
func (a *acknowledged) missing(writes, size int64) error {
	return fmt.Errorf("it ends at size %d after %d writes, and %d writes up to size %d were acknowledged: its end is lost or damaged; %s "+
		"(to go on with what is left all the same, remove %s: then only the register's cosigners can tell that it went back)",
		size, writes, a.writes, a.size, advice, a.file.Name())
}

func (a *acknowledged) close() error { return a.file.Close() }

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

package badgerlog

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/safeconduct/safeconduct/verify"
)

// A span is what the write-ahead logs have of the log.
type span struct {
	// first and end are the leaves: those from first up to end. Both are 0
	// where there are none.
	first, end int64
	// writes and size are the newest that were committed, 0 where there are
	// none.
	writes, size int64
}

// A tail is what stands behind the last transaction of a write-ahead log.
type tail struct {
	name string
	at   int64
}

// checkWALs reads the write-ahead logs as badger will replay them. Only the
// newest may have a torn tail: by a crash in the middle of a write, which then
// was not acknowledged.
func checkWALs(dir string) (all span, torn *tail, err error) {
	err = each(dir, ".mem", func(name string, _ fs.FileInfo) error {
		if torn != nil {
			return fmt.Errorf("%s is damaged, and newer ones follow it: %s", filepath.Base(torn.name), advice)
		}
		end := int64(vlogHeader)
		s, whole, err := readWAL(name, func(_ span, e int64) { end = e })
		if err != nil {
			return fmt.Errorf("read %s: %w", filepath.Base(name), err)
		}
		if !whole {
			torn = &tail{name, end}
		}
		if s.end > 0 {
			if all.end > 0 && s.first != all.end {
				return fmt.Errorf("%s begins with leaf %d where leaf %d follows: the end of the one before it is lost; %s", filepath.Base(name), s.first, all.end, advice)
			}
			if all.end == 0 {
				all.first = s.first
			}
			all.end = s.end
		}
		all.writes, all.size = max(all.writes, s.writes), max(all.size, s.size)
		return nil
	})
	return all, torn, err
}

// keep copies the log into a directory, where there is no copy yet.
func (t *tail) keep(dir string) (err error) {
	from, err := os.Open(t.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return full(err)
	}
	to, err := os.OpenFile(filepath.Join(dir, filepath.Base(t.name)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return full(err)
	}
	_, err = io.Copy(to, from)
	return full(errors.Join(err, to.Close()))
}

// cut cuts the tail off. Badger does that too, but for some garbage, which it
// refuses.
func (t *tail) cut() error {
	f, err := os.OpenFile(t.name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(t.at), f.Sync(), f.Close())
}

// Bits of an entry's first byte, and the longest key, as badger has them.
const (
	inTransaction  = 1 << 6
	endTransaction = 1 << 7
	longestKey     = 1 << 16
)

// readWAL reads one. It is whole where nothing but zeros follow the last
// transaction. After each transaction it tells committed, which may be nil, what
// there is, and where the transaction ends.
func readWAL(name string, committed func(s span, end int64)) (s span, whole bool, err error) {
	f, err := os.Open(name)
	if err != nil {
		return s, false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := &walReader{r: bufio.NewReaderSize(f, 1<<20)}
	var header [vlogHeader]byte
	if _, err := io.ReadFull(r.r, header[:]); err != nil {
		whole, err := zeros(name, 0)
		return s, whole, err
	}
	if binary.BigEndian.Uint64(header[:]) != 0 {
		return s, false, fmt.Errorf("it names a key that it is encrypted with, and nothing here is: it is damaged; %s", advice)
	}
	end := int64(vlogHeader)
	var open transaction
	for at := end; ; {
		e, n, err := r.entry()
		if errors.Is(err, errWALEnd) {
			break
		}
		if err != nil {
			return s, false, err
		}
		at += n
		if e.meta&endTransaction == 0 {
			if err := open.take(e); err != nil {
				return s, false, err
			}
		}
		if e.meta&endTransaction != 0 || e.meta&inTransaction == 0 {
			if err := s.add(open); err != nil {
				return s, false, err
			}
			open, end = transaction{}, at
			if committed != nil {
				committed(s, end)
			}
		}
	}
	whole, err = zeros(name, end)
	return s, whole, err
}

// A transaction is what one has of the log. Badger writes its entries in any
// order.
type transaction struct {
	// leaves are how many, lowest and highest their indexes.
	leaves, lowest, highest int64
	writes, size            int64
}

// take adds what an entry says.
func (t *transaction) take(e walEntry) error {
	switch key := e.key; {
	case len(key) == 1+8 && key[0] == leafKey(0)[0]:
		index := int64(binary.BigEndian.Uint64(key[1:]))
		if t.leaves == 0 {
			t.lowest = index
		}
		t.leaves++
		t.lowest, t.highest = min(t.lowest, index), max(t.highest, index)
	case string(key) == string(headKey):
		c, err := verify.ParseCheckpoint(e.value)
		if err != nil {
			return fmt.Errorf("a checkpoint in it: %w", err)
		}
		t.size = c.Tree.N
	case string(key) == string(writesKey):
		if len(e.value) != 8 {
			return errLength
		}
		t.writes = int64(binary.BigEndian.Uint64(e.value))
	}
	return nil
}

// add adds a transaction. Its leaves follow those before it.
func (s *span) add(t transaction) error {
	s.writes, s.size = max(s.writes, t.writes), max(s.size, t.size)
	if t.leaves == 0 {
		return nil
	}
	if s.end == 0 {
		s.first, s.end = t.lowest, t.lowest
	}
	if t.lowest != s.end || t.highest != s.end+t.leaves-1 {
		return fmt.Errorf("leaves %d to %d stand where leaf %d follows: a transaction is lost; %s", t.lowest, t.highest, s.end, advice)
	}
	s.end += t.leaves
	return nil
}

// A walEntry is an entry of a write-ahead log: a byte of bits, a byte of the
// user's, uvarint(key length), uvarint(value length), uvarint(expiry), key and
// u64be(version), value, CRC-32C of all that.
type walEntry struct {
	meta       byte
	key, value []byte
}

type walReader struct {
	r   *bufio.Reader
	sum uint32
	n   int64
	buf []byte
}

// errWALEnd is where badger ends the replay.
var errWALEnd = errors.New("the write-ahead log ends")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ReadByte implements [io.ByteReader], and sums.
func (r *walReader) ReadByte() (byte, error) {
	b, err := r.r.ReadByte()
	if err == nil {
		r.sum = crc32.Update(r.sum, castagnoli, []byte{b})
		r.n++
	}
	return b, err
}

// entry returns the next entry and its length. It is valid until the next call.
func (r *walReader) entry() (e walEntry, n int64, err error) {
	r.sum, r.n = 0, 0
	end := func(err error) (walEntry, int64, error) {
		if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errWALEnd
		}
		return e, 0, err
	}
	if e.meta, err = r.ReadByte(); err != nil {
		return end(err)
	}
	if _, err = r.ReadByte(); err != nil {
		return end(err)
	}
	var lengths [3]uint64
	for i := range lengths {
		if lengths[i], err = binary.ReadUvarint(r); err != nil {
			return end(nil) // cut short or too large a number: either is torn
		}
	}
	// No entry is longer than a table in memory.
	if lengths[0] < 8 || lengths[0] > longestKey || lengths[1] > memtable {
		return end(nil)
	}
	length := int(lengths[0] + lengths[1])
	if cap(r.buf) < length+crc32.Size {
		r.buf = make([]byte, 2*(length+crc32.Size))
	}
	body := r.buf[:length+crc32.Size]
	if _, err := io.ReadFull(r.r, body); err != nil {
		return end(err)
	}
	sum := crc32.Update(r.sum, castagnoli, body[:length])
	if binary.BigEndian.Uint32(body[length:]) != sum {
		return end(nil)
	}
	e.key, e.value = body[:lengths[0]-8], body[lengths[0]:length]
	return e, r.n + int64(len(body)), nil
}

// zeros tells whether a file has nothing but zeros from an offset on.
func zeros(name string, from int64) (zero bool, err error) {
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return false, err
	}
	buf, none := make([]byte, 1<<18), make([]byte, 1<<18)
	for {
		n, err := f.Read(buf)
		if !bytes.Equal(buf[:n], none[:n]) {
			return false, nil
		}
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

package backup

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sort"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

// A Backup is an open backup. It is a [registry.Source], and may be used
// concurrently.
type Backup struct {
	r      io.ReaderAt
	length int64
	// marks are places at which a leaf's record begins, ascending.
	marks []mark
	size  int64
	// latest is the last checkpoint; checkpoints are the places of all, by size,
	// ascending.
	latest      []byte
	checkpoints []mark
}

var _ registry.Source = (*Backup)(nil)

// A mark is where a record begins: that of the leaf at index, or that of the
// checkpoint behind the leaves below index.
type mark struct{ index, offset int64 }

// markEvery is how many leaves lie between two marks.
const markEvery = 512

// Open reads a backup of that many bytes through, and returns an error where
// its form is not whole: cut short, with something behind its end, or with
// records that do not follow one another as they have to. That the leaves are
// those which the checkpoints sign is checked when it is replayed.
func Open(r io.ReaderAt, length int64) (*Backup, error) {
	b := &Backup{r: r, length: length}
	if err := b.scan(); err != nil {
		return nil, fmt.Errorf("open the backup: %w", err)
	}
	return b, nil
}

// Latest returns the newest checkpoint. The caller does not change it.
func (b *Backup) Latest() []byte { return b.latest }

// Size returns the number of leaves, and Checkpoints that of the checkpoints.
func (b *Backup) Size() int64 { return b.size }

// Checkpoints returns the number of checkpoints.
func (b *Backup) Checkpoints() int { return len(b.checkpoints) }

func (b *Backup) scan() error {
	head := make([]byte, len(magic))
	if n, err := b.r.ReadAt(head, 0); n < len(head) {
		return fmt.Errorf("it does not begin with the line %q: it is no backup of this kind (%w)", magic[:len(magic)-1], orShort(err))
	}
	if string(head) != magic {
		return fmt.Errorf("it does not begin with the line %q: it is no backup of this kind", magic[:len(magic)-1])
	}
	at := b.from(mark{0, int64(len(magic))})
	status, covered := false, false
	for at.offset < b.length {
		start := at.offset
		kind, data, err := at.next()
		if err != nil {
			return err
		}
		switch kind {
		case kindLeaf:
			if b.size%markEvery == 0 {
				b.marks = append(b.marks, mark{b.size, start})
			}
			b.size++
			status, covered = verify.IsStatusLeaf(data), false
		case kindCheckpoint:
			if !status || covered {
				return fmt.Errorf("the record at byte %d is a checkpoint that does not follow a status leaf", start)
			}
			c, err := verify.ParseCheckpoint(data)
			if err != nil {
				return fmt.Errorf("the record at byte %d: %w", start, err)
			}
			if c.Tree.N != b.size {
				return fmt.Errorf("the record at byte %d is the checkpoint of size %d; it stands after leaf %d", start, c.Tree.N, b.size-1)
			}
			b.latest, covered = data, true
			b.checkpoints = append(b.checkpoints, mark{b.size, start})
		}
	}
	if !covered {
		return fmt.Errorf("it ends after leaf %d without a checkpoint: it was cut short; use another backup", b.size-1)
	}
	return nil
}

// Checkpoint implements [registry.Source].
func (b *Backup) Checkpoint(ctx context.Context, size int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	i, ok := slices.BinarySearchFunc(b.checkpoints, size, func(m mark, size int64) int { return cmp.Compare(m.index, size) })
	if !ok {
		return nil, fmt.Errorf("the backup has no checkpoint of size %d: %w", size, registry.ErrNotFound)
	}
	m := b.checkpoints[i]
	at := &cursor{m, b.length, bufio.NewReaderSize(io.NewSectionReader(b.r, m.offset, b.length-m.offset), 2<<10)}
	kind, data, err := at.next()
	if err == nil && kind != kindCheckpoint {
		err = errors.New("the backup has changed since it was opened")
	}
	if err != nil {
		return nil, fmt.Errorf("the backup's checkpoint of size %d: %w", size, err)
	}
	return data, nil
}

// Leaves implements [registry.Source].
func (b *Backup) Leaves(ctx context.Context, from, to int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if from < 0 || to > b.size || from > to {
			yield(nil, fmt.Errorf("the backup has %d leaves, not those from %d to %d: %w", b.size, from, to, registry.ErrNotFound))
			return
		}
		at := b.from(b.before(from))
		for at.index < to {
			index := at.index
			kind, data, err := at.next()
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if kind == kindLeaf && index >= from && !yield(data, nil) {
				return
			}
		}
	}
}

// before returns the last mark that is not behind a leaf.
func (b *Backup) before(index int64) mark {
	i := sort.Search(len(b.marks), func(i int) bool { return b.marks[i].index > index })
	if i == 0 {
		return mark{0, int64(len(magic))}
	}
	return b.marks[i-1]
}

// A cursor reads records one after the other; index is that of the next leaf.
type cursor struct {
	mark
	length int64
	r      *bufio.Reader
}

func (b *Backup) from(m mark) *cursor {
	return &cursor{m, b.length, bufio.NewReaderSize(io.NewSectionReader(b.r, m.offset, b.length-m.offset), 256<<10)}
}

// next reads a record.
func (c *cursor) next() (kind byte, data []byte, err error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(c.r, h[:]); err != nil {
		return 0, nil, c.short(err)
	}
	kind, n := h[0], binary.BigEndian.Uint32(h[1:])
	if kind != kindLeaf && kind != kindCheckpoint {
		return 0, nil, fmt.Errorf("the record at byte %d is of an unknown kind, %#02x: the backup is damaged; use another one", c.offset, kind)
	}
	if int64(n) > int64(maxLength(kind)) {
		return 0, nil, fmt.Errorf("the record at byte %d says that it has %d bytes; at most %d are possible: the backup is damaged; use another one", c.offset, n, maxLength(kind))
	}
	data = make([]byte, n)
	if _, err := io.ReadFull(c.r, data); err != nil {
		return 0, nil, c.short(err)
	}
	c.offset += headerSize + int64(n)
	if kind == kindLeaf {
		c.index++
	}
	return kind, data, nil
}

// short says that a record does not end.
func (c *cursor) short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it ends at byte %d, within the record that begins at byte %d: it was cut short; use another backup", c.length, c.offset)
	}
	return fmt.Errorf("read the record at byte %d: %w", c.offset, err)
}

func orShort(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

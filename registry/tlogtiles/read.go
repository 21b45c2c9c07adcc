package tlogtiles

import (
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"
)

// A Log is what tiles are made of: the stored hashes (see
// [tlog.StoredHashIndex]) and the leaves of a log. One that also has a method
//
//	Leaves(from int64) iter.Seq2[[]byte, error]
//
// which yields the leaves from an index on, in order, is asked by it for the
// leaves of a bundle.
type Log interface {
	tlog.HashReader
	Leaf(index int64) ([]byte, error)
}

type sequential interface {
	Leaves(from int64) iter.Seq2[[]byte, error]
}

// Read returns the data of a tile, or of a bundle, of a log of that size. It
// returns [ErrNotFound] where the log has fewer hashes or leaves there than the
// tile asks for. Of one that has more, it returns the first: a partial tile
// stays as it was when the full one is there.
func Read(log Log, size int64, t tlog.Tile) ([]byte, error) {
	have, ok := Tile(t.L, t.N, size)
	if !ok || t.H != Height || t.W < 1 || t.W > have.W {
		return nil, fmt.Errorf("%s at size %d: %w", Path(t), size, ErrNotFound)
	}
	var data []byte
	var err error
	if t.L == Entries {
		data, err = readBundle(log, t)
	} else {
		data, err = tlog.ReadTileData(t, log)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", Path(t), err)
	}
	return data, nil
}

func readBundle(log Log, t tlog.Tile) ([]byte, error) {
	var b []byte
	n := 0
	for leaf, err := range leaves(log, t.N<<Height) {
		if err != nil {
			return nil, err
		}
		if b, err = AppendEntry(b, leaf); err != nil {
			return nil, fmt.Errorf("leaf %d: %w", t.N<<Height+int64(n), err)
		}
		if n++; n == t.W {
			return b, nil
		}
	}
	return nil, fmt.Errorf("leaf %d: is missing", t.N<<Height+int64(n))
}

func leaves(log Log, from int64) iter.Seq2[[]byte, error] {
	if s, ok := log.(sequential); ok {
		return s.Leaves(from)
	}
	return func(yield func([]byte, error) bool) {
		for i := from; ; i++ {
			leaf, err := log.Leaf(i)
			if !yield(leaf, err) || err != nil {
				return
			}
		}
	}
}

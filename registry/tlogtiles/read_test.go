package tlogtiles_test

import (
	"bytes"
	"errors"
	"iter"
	"math"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/verify"
)

// merkleTreeHash is that of RFC 6962 over a power of two of leaves.
func merkleTreeHash(leaves [][]byte) tlog.Hash {
	if len(leaves) == 1 {
		return tlog.RecordHash(leaves[0])
	}
	half := len(leaves) / 2
	return tlog.NodeHash(merkleTreeHash(leaves[:half]), merkleTreeHash(leaves[half:]))
}

// TestTilesAreThoseOfTheSpecification compares every tile of every width, at
// sizes around the edges, with the definition.
func TestTilesAreThoseOfTheSpecification(t *testing.T) {
	log := newLog(t, 1100)
	for _, size := range []int64{0, 1, 2, 3, 254, 255, 256, 257, 258, 511, 512, 513, 767, 768, 1024, 1100} {
		for level := range 3 {
			span := int64(math.Pow(256, float64(level)))
			for n := range int64(6) {
				for w := 1; w <= 256; w++ {
					tile := tlog.Tile{H: 8, L: level, N: n, W: w}
					got, err := tlogtiles.Read(log, size, tile)
					if (n*256+int64(w))*span > size {
						if !errors.Is(err, tlogtiles.ErrNotFound) {
							t.Fatalf("%s at size %d: %v, want not found", tlogtiles.Path(tile), size, err)
						}
						continue
					}
					var want []byte
					for i := range int64(w) {
						h := merkleTreeHash(log.leaves[(n*256+i)*span : (n*256+i+1)*span])
						want = append(want, h[:]...)
					}
					if err != nil || !bytes.Equal(got, want) {
						t.Fatalf("%s at size %d is wrong (%v)", tlogtiles.Path(tile), size, err)
					}
				}
			}
		}
	}
}

func TestBundlesHoldTheLeaves(t *testing.T) {
	log := newLog(t, 520)
	for _, size := range []int64{1, 255, 256, 257, 520} {
		for n := range int64(4) {
			for w := 1; w <= 256; w++ {
				tile := tlog.Tile{H: 8, L: tlogtiles.Entries, N: n, W: w}
				b, err := tlogtiles.Read(log, size, tile)
				if n*256+int64(w) > size {
					if !errors.Is(err, tlogtiles.ErrNotFound) {
						t.Fatalf("%s at size %d: %v, want not found", tlogtiles.Path(tile), size, err)
					}
					continue
				}
				leaves, err2 := tlogtiles.ParseBundle(b, w)
				if err := errors.Join(err, err2); err != nil {
					t.Fatalf("%s at size %d: %v", tlogtiles.Path(tile), size, err)
				}
				for i, leaf := range leaves {
					if !bytes.Equal(leaf, log.leaves[n*256+int64(i)]) {
						t.Fatalf("%s at size %d: leaf %d is %q", tlogtiles.Path(tile), size, i, leaf)
					}
				}
			}
		}
	}
}

// TestTheExampleOfTheSpecification: 70,000 leaves.
func TestTheExampleOfTheSpecification(t *testing.T) {
	const size = 70_000
	for _, row := range []struct {
		level int
		n     int64
		width int
	}{{0, 272, 256}, {0, 273, 112}, {0, 274, 0}, {1, 0, 256}, {1, 1, 17}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}, {3, 0, 0}, {tlogtiles.Entries, 273, 112}, {7, 0, 0}, {8, 0, 0}, {63, 0, 0}, {0, math.MaxInt64, 0}, {63, math.MaxInt64, 0}} {
		got, ok := tlogtiles.Tile(row.level, row.n, size)
		if ok != (row.width > 0) || got.W != row.width {
			t.Errorf("tile %d of level %d is %+v, %t; want width %d", row.n, row.level, got, ok, row.width)
		}
	}
	log := newLog(t, size)
	data, err := tlogtiles.Read(log, size, tlog.Tile{H: 8, L: 2, N: 0, W: 1})
	if want := merkleTreeHash(log.leaves[:65536]); err != nil || !bytes.Equal(data, want[:]) {
		t.Errorf("the one hash of level 2 is %x, %v; want %x", data, err, want)
	}
	if got, ok := tlogtiles.Tile(6, 0, verify.MaxSize); !ok || got.W != 31 {
		t.Errorf("the top of the largest log is %+v, %t", got, ok)
	}
	if got, ok := tlogtiles.Tile(0, 0, verify.MaxSize+1); ok {
		t.Errorf("a log that is too large has the tile %+v", got)
	}
}

// streaming yields its leaves in order, and gives no single one.
type streaming struct{ *memory }

func (streaming) Leaf(int64) ([]byte, error) { return nil, errors.New("asked for one leaf") }

func (s streaming) Leaves(from int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, leaf := range s.leaves[from:] {
			if !yield(leaf, nil) {
				return
			}
		}
	}
}

func TestALogThatYieldsItsLeavesIsAskedSo(t *testing.T) {
	log := newLog(t, 300)
	for _, tile := range []tlog.Tile{{H: 8, L: -1, N: 0, W: 256}, {H: 8, L: -1, N: 1, W: 44}} {
		want, err := tlogtiles.Read(log, 300, tile)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tlogtiles.Read(streaming{log}, 300, tile); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, %d bytes, want %d", tlogtiles.Path(tile), err, len(got), len(want))
		}
	}
	if _, err := tlogtiles.Read(streaming{log}, 400, tlog.Tile{H: 8, L: -1, N: 1, W: 50}); err == nil || !strings.Contains(err.Error(), "leaf 300: is missing") {
		t.Errorf("a log that ends early: %v", err)
	}
}

func TestABundleIsReadStrictly(t *testing.T) {
	for name, row := range map[string]struct {
		bundle string
		width  int
		says   string
	}{
		"one leaf":            {"\x00\x01a", 1, ""},
		"an empty leaf":       {"\x00\x00", 1, ""},
		"nothing":             {"", 1, "has 0 leaves; 1 were"},
		"half a length":       {"\x00\x01a\x00", 2, "in the length of leaf 1"},
		"half a leaf":         {"\x00\x02a", 1, "ends in leaf 0"},
		"too few leaves":      {"\x00\x01a", 2, "has 1 leaves; 2 were"},
		"too many leaves":     {"\x00\x01a\x00\x01b", 1, "has 3 bytes after the 1 leaves"},
		"a byte that is over": {"\x00\x01a\x00", 1, "has 1 bytes after"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tlogtiles.ParseBundle([]byte(row.bundle), row.width)
			if (err == nil) != (row.says == "") || err != nil && !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v, want it to say %q", err, row.says)
			}
		})
	}
	if _, err := tlogtiles.AppendEntry(nil, make([]byte, 65536)); err == nil {
		t.Error("a leaf of 65,536 bytes went into a bundle")
	}
	b, err := tlogtiles.AppendEntry(nil, make([]byte, 65535))
	if leaves, err2 := tlogtiles.ParseBundle(b, 1); err != nil || err2 != nil || len(leaves[0]) != 65535 {
		t.Errorf("a leaf of 65,535 bytes: %v, %v", err, err2)
	}
}

// Package tlogtiles is both sides of C2SP tlog-tiles: what a log answers under
// /tile/, and a client that reads a log by its tiles and proves with them.
//
// A log is read at these paths below its address:
//
//	checkpoint                     the published checkpoint, a signed note
//	checkpoint/<size>              the kept checkpoint of that size (our own
//	                               addition; other logs do not have it)
//	tile/<L>/<N>[.p/<W>]           hashes: the N-th tile of level L
//	tile/entries/<N>[.p/<W>]       leaves: the N-th bundle
//
// L is a level from 0 to 63, decimal without leading zeroes. N is a number in
// groups of three digits, all but the last with an x before them: 1234067 is
// x001/x234/067. A tile has 256 hashes of 32 bytes. The last one of a level may
// be partial: .p/<W> asks for its first W hashes, 1 to 255. Each path has one
// spelling, and no other is read.
//
// The n-th hash of level 0 is the leaf hash of leaf n (RFC 6962); a hash of
// level L+1 is the Merkle tree hash of a full tile of level L. A bundle has the
// leaves of the tile of level 0 with the same number, each as its length, 16
// bits big-endian, and its bytes.
//
// [Read] computes what stands at a path from a log's stored hashes, for a log
// of a given size. No tile is stored, so that a partial one can be had at any
// time, and what is beyond the size never.
//
// A [Client] fetches. Checkpoints and leaves it gives as the log sent them, not
// verified: whoever takes leaves recomputes the tree and compares its hash with
// a checkpoint whose signatures are good. Hashes come from [Client.Hashes], and
// are proven to be in the tree that is asked of.
//
//	c := &tlogtiles.Client{BaseURL: "https://register.example.org"}
//	signed, err := c.Latest(ctx)
//	// … open the note, parse it into a tlog.Tree …
//	proof, err := tlog.ProveRecord(tree.N, index, c.Hashes(ctx, tree))
package tlogtiles

import (
	"errors"
	"fmt"
	"math"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/registry"
	"github.com/safeconduct/safeconduct/verify"
)

const (
	// Height is that of a tile.
	Height = 8
	// Width is how many hashes a full tile has, and leaves a full bundle.
	Width = 1 << Height
	// MaxLeaf is the largest leaf that a bundle can hold, in bytes.
	MaxLeaf = math.MaxUint16
	// maxLevel is the highest level that a path can name.
	maxLevel = 63

	// ContentType is the media type of tiles and bundles.
	ContentType = "application/octet-stream"
)

// Entries is the level of bundles, as [tlog.Tile] counts.
const Entries = -1

var (
	// ErrNotFound says that the log has nothing there, at its size. It is a
	// [registry.ErrNotFound].
	ErrNotFound = fmt.Errorf("%w as a tile or checkpoint", registry.ErrNotFound)
	// ErrUnreachable says that the log was not reached, or could not answer, and
	// may do so later.
	ErrUnreachable = errors.New("the log was not reached")
)

// Tile returns tile n of a level, or bundle n for the level [Entries], as wide
// as it is in a log of that size, and false where it is empty there.
func Tile(level int, n, size int64) (tlog.Tile, bool) {
	// Beyond level 6 no log has a hash.
	count := size >> (Height * uint(max(level, 0)))
	if size > verify.MaxSize || level < Entries || n < 0 || count <= 0 || n > (count-1)>>Height {
		return tlog.Tile{}, false
	}
	return tlog.Tile{H: Height, L: level, N: n, W: int(min(count-n<<Height, Width))}, true
}

package tlogtiles

import (
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/verify"
)

// The first elements of paths. Package tlog puts the height between tile and
// level, and has the word data for bundles.
const (
	hashesPrefix  = "tile/"
	entriesPrefix = "tile/entries/"

	tlogHashesPrefix  = "tile/8/"
	tlogEntriesPrefix = "tile/8/data/"
)

// Path returns where a log has the tile: tile/<L>/<N>[.p/<W>], or for one of
// the level [Entries] tile/entries/<N>[.p/<W>].
func Path(t tlog.Tile) string {
	path := t.Path()
	if rest, ok := strings.CutPrefix(path, tlogEntriesPrefix); ok {
		return entriesPrefix + rest
	}
	return hashesPrefix + strings.TrimPrefix(path, tlogHashesPrefix)
}

// ParsePath reads a path, which has no slash before it. It refuses every
// spelling but the one that [Path] writes, and a number of tile that no log of
// [verify.MaxSize] leaves has.
func ParsePath(path string) (tlog.Tile, error) {
	bad := fmt.Errorf("tile path %q: want tile/<L>/<N>[.p/<W>] or tile/entries/<N>[.p/<W>]", path)
	// Longer than that of any tile.
	if len(path) > 64 {
		return tlog.Tile{}, fmt.Errorf("tile path of %d bytes is longer than any", len(path))
	}
	rest, entries := strings.CutPrefix(path, entriesPrefix)
	prefix := tlogEntriesPrefix
	if !entries {
		var ok bool
		if rest, ok = strings.CutPrefix(path, hashesPrefix); !ok {
			return tlog.Tile{}, bad
		}
		prefix = tlogHashesPrefix
	}
	t, err := tlog.ParseTilePath(prefix + rest)
	if err != nil || t.H != Height || t.L > maxLevel || t.N > verify.MaxSize>>Height || (t.L == Entries) != entries || Path(t) != path {
		return tlog.Tile{}, bad
	}
	return t, nil
}

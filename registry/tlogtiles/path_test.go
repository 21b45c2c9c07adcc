package tlogtiles_test

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/safeconduct/safeconduct/registry/tlogtiles"
	"github.com/safeconduct/safeconduct/verify"
)

func TestAPathNamesATile(t *testing.T) {
	for path, want := range map[string]tlog.Tile{
		"tile/0/000":                               {H: 8, L: 0, N: 0, W: 256},
		"tile/0/000.p/1":                           {H: 8, L: 0, N: 0, W: 1},
		"tile/63/999.p/255":                        {H: 8, L: 63, N: 999, W: 255},
		"tile/8/x001/x234/067":                     {H: 8, L: 8, N: 1234067, W: 256},
		"tile/entries/x001/x234/067.p/112":         {H: 8, L: -1, N: 1234067, W: 112},
		"tile/entries/000":                         {H: 8, L: -1, N: 0, W: 256},
		"tile/0/x035/x184/x372/x088/831":           {H: 8, L: 0, N: 1<<45 - 1, W: 256},
		"tile/entries/x001/000.p/9":                {H: 8, L: -1, N: 1000, W: 9},
		"tile/entries/x035/x184/x372/x088/831.p/1": {H: 8, L: -1, N: 1<<45 - 1, W: 1},
		"tile/10/x123/456.p/10":                    {H: 8, L: 10, N: 123456, W: 10},
		"tile/entries/x999/x999/x999/999.p/255":    {H: 8, L: -1, N: 999999999999, W: 255},
	} {
		got, err := tlogtiles.ParsePath(path)
		if err != nil || got != want {
			t.Errorf("%s is %+v, %v; want %+v", path, got, err, want)
		}
		if back := tlogtiles.Path(want); back != path {
			t.Errorf("%+v stands at %s, want %s", want, back, path)
		}
	}
}

// badPaths are other spellings, and no paths at all.
var badPaths = []string{
	"", "tile", "tile/", "tile/0", "tile/0/", "tile/entries", "tile/entries/", "checkpoint", "/tile/0/000", "tile/0/000/", "tile//0/000",
	"tile/64/000", "tile/-1/000", "tile/+1/000", "tile/00/000", "tile/01/000", "tile/data/000", "tile/Entries/000", "tile/entry/000", "tile/0x1/000",
	"tile/8/0/000", "tile/8/data/000", "tile/8/entries/000", "tile/0/data/000", "tile/entries/data/000", "tile/entries/0/000",
	"tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000", "tile/0/x000/000", "tile/0/001/000", "tile/0/x001/x000", "tile/0/X001/000", "tile/0/1000", "tile/0/-01", "tile/0/+01", "tile/0/ 01",
	"tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/00", "tile/0/000.p/01", "tile/0/000.p/256", "tile/0/000.p/257", "tile/0/000.p/-1", "tile/0/000.p/+1", "tile/0/000.p/1.p/1", "tile/0/000.P/1", "tile/0/000.p/1/", "tile/0/000/p/1",
	"tile/0/x001.p/000", "tile/0/x001/000.p/999999999999999999999",
	"tile/0/x035/x184/x372/x088/832", "tile/1/x035/x184/x372/x088/832.p/1", "tile/entries/x035/x184/x372/x088/832", "tile/0/x009/x223/x372/x036/x854/x775/807", "tile/0/x009/x223/x372/x036/x854/x775/808", "tile/0/x018/x446/x744/x073/x709/x551/616", "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999",
	"tile/0/000?x", "tile/0/000#", "tile/0/%30%30%30", "tile/0/000\x00", "tile/0/000\n", "tile/0/٠٠٠", "tile/0/../0/000", "tile/./0/000",
}

func TestAPathHasOneSpelling(t *testing.T) {
	for _, path := range badPaths {
		if got, err := tlogtiles.ParsePath(path); err == nil {
			t.Errorf("%q is read as %+v", path, got)
		}
	}
}

// maxLevel is the highest level that C2SP tlog-tiles has a path for.
const maxLevel = 63

func TestEveryTileHasAPath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := tlog.Tile{
			H: tlogtiles.Height,
			L: rapid.IntRange(tlogtiles.Entries, maxLevel).Draw(t, "level"),
			N: rapid.Int64Range(0, verify.MaxSize/tlogtiles.Width).Draw(t, "n"),
			W: rapid.IntRange(1, tlogtiles.Width).Draw(t, "width"),
		}
		if got, err := tlogtiles.ParsePath(tlogtiles.Path(want)); err != nil || got != want {
			t.Fatalf("%s is read as %+v, %v; want %+v", tlogtiles.Path(want), got, err, want)
		}
	})
}

func FuzzTilePath(f *testing.F) {
	for _, path := range badPaths {
		f.Add(path)
	}
	for _, path := range []string{"tile/0/000", "tile/63/x001/x234/067.p/255", "tile/entries/x999/999.p/1"} {
		f.Add(path)
	}
	log := newLog(f, 300)
	f.Fuzz(func(t *testing.T, path string) {
		tile, err := tlogtiles.ParsePath(path)
		if err != nil {
			return
		}
		if back := tlogtiles.Path(tile); back != path {
			t.Errorf("%q and %q are read as %+v", path, back, tile)
		}
		if tile.H != tlogtiles.Height || tile.L < tlogtiles.Entries || tile.L > maxLevel || tile.N < 0 || tile.W < 1 || tile.W > tlogtiles.Width {
			t.Errorf("%q is read as %+v", path, tile)
		}
		data, err := tlogtiles.Read(log, 300, tile)
		if err == nil && tile.L != tlogtiles.Entries && len(data) != tile.W*tlog.HashSize {
			t.Errorf("%q has %d bytes", path, len(data))
		}
	})
}

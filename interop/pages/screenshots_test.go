package pages_test

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
)

// highest is how many pixels of a page a screenshot has at most.
const highest = 1800

// TestScreenshots takes those of docs/screenshots; it is run by `make screenshots`.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		t.Skip("SCREENSHOTS names no directory to write to (`make screenshots`)")
	}
	for _, st := range settings {
		if !st.pictured {
			continue
		}
		st.each(t, func(b *tab, p place) {
			for _, look := range []struct {
				name, scheme string
				width        int64
			}{{"light", "light", 1100}, {"dark", "dark", 1100}, {"narrow", "light", 320}} {
				b.looks(look.scheme, "")
				if err := os.WriteFile(filepath.Join(dir, p.name+"-"+look.name+".png"), small(b.t, b.picture(look.width)), 0o644); err != nil {
					b.t.Fatal(err)
				}
			}
		})
	}
}

// picture is the page as a PNG, as high as it is but for what is beyond highest.
func (b *tab) picture(width int64) []byte {
	b.t.Helper()
	b.wide(width)
	height := min(evaluate[int64](b, "Math.ceil(document.documentElement.getBoundingClientRect().height)"), highest)
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
	return call(b, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng}).Data
}

// small is a picture of text in less than half of the bytes: in the 256 colours that
// most of it has, or the nearest of them.
func small(t *testing.T, picture []byte) []byte {
	t.Helper()
	from, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	count := make(map[color.Color]int)
	for y := range from.Bounds().Dy() {
		for x := range from.Bounds().Dx() {
			count[from.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int {
		if n := cmp.Compare(count[b], count[a]); n != 0 {
			return n
		}
		// Of equally many, always the same.
		ra, ga, ba, _ := a.RGBA()
		rb, gb, bb, _ := b.RGBA()
		return slices.Compare([]uint32{ra, ga, ba}, []uint32{rb, gb, bb})
	})
	palette := color.Palette(colours[:min(256, len(colours))])
	nearest := make(map[color.Color]uint8, len(colours))
	for _, c := range colours {
		nearest[c] = uint8(palette.Index(c))
	}
	to := image.NewPaletted(from.Bounds(), palette)
	for y := range from.Bounds().Dy() {
		for x := range from.Bounds().Dx() {
			to.SetColorIndex(x, y, nearest[from.At(x, y)])
		}
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, to); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

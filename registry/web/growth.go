package web

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/safeconduct/safeconduct/registry"
)

// maxPoints is how many of the log's sizes its growth is drawn of, at most.
const maxPoints = 60

// The plot is drawn in a square of this side, and stretched as there is room.
const plotSide = 1000

// A growth is how the log has grown, drawn and in numbers.
type growth struct {
	Points []registry.Grown
	// From and Until are of the first point and of the last, to the minute, and
	// Middle is between.
	From, Middle, Until time.Time
	// Half and Most are what the axis of sizes says beside 0.
	Half, Most int64
	// Line and Area are paths of an SVG, "" where there is nothing to draw: all was
	// logged at once.
	Line, Area string
}

// newGrowth draws points, of which there is one at least.
func newGrowth(grown []registry.Grown) *growth {
	first, last := grown[0], grown[len(grown)-1]
	g := &growth{
		Points: grown, From: first.Time.Truncate(time.Minute), Until: last.Time.Truncate(time.Minute),
		Most: roundUp(last.Size),
	}
	g.Half = g.Most / 2
	span := last.Time.Sub(first.Time)
	g.Middle = first.Time.Add(span / 2).Truncate(time.Minute)
	if span <= 0 {
		return g
	}
	// Between two points the log was as large as at the first: a line in steps.
	var line strings.Builder
	for i, p := range grown {
		x, y := number(float64(p.Time.Sub(first.Time))/float64(span)), number(1-float64(p.Size)/float64(g.Most))
		if i == 0 {
			line.WriteString("M" + x + " " + y)
		} else {
			line.WriteString(" H" + x + " V" + y)
		}
	}
	g.Line = line.String()
	g.Area = g.Line + " V" + number(1) + " H" + number(0) + " Z"
	return g
}

// number is a part of plotSide.
func number(part float64) string { return strconv.FormatFloat(part*plotSide, 'f', 1, 64) }

// roundUp is the next number with one digit that is even, or 10, and nothing but
// zeroes behind it.
func roundUp(n int64) int64 {
	unit := int64(1)
	for n > 10*unit {
		unit *= 10
	}
	m := (n + unit - 1) / unit
	return (m + m%2) * unit
}

// A growthCache keeps the growth of the largest log that was asked about. The zero
// growthCache is empty.
type growthCache struct {
	mu   sync.Mutex
	size int64
	is   *growth
}

// of returns the growth up to an edition.
func (c *growthCache) of(ctx context.Context, e *registry.Edition) (*growth, error) {
	c.mu.Lock()
	is, size := c.is, c.size
	c.mu.Unlock()
	if is != nil && size == e.Size() {
		return is, nil
	}
	grown, err := e.Growth(ctx, maxPoints)
	if err != nil {
		return nil, err
	}
	is = newGrowth(grown)
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Size() > c.size {
		c.size, c.is = e.Size(), is
	}
	return is, nil
}

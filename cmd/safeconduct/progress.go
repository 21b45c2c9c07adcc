package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// A progress is a bar on a terminal that shows how far something is, and what
// else is written there meanwhile. Elsewhere it says it in lines, now and then.
// Its methods may be called concurrently.
type progress struct {
	mu sync.Mutex
	// done says what is done to leaves, such as checked.
	done     string
	w        io.Writer
	terminal bool
	// drawn says that the terminal's last line is the bar.
	drawn bool
	// began is when, and from is where, the first call was.
	began, last time.Time
	from        int64
}

// How often the bar is drawn, and a line written.
const (
	drawEvery = 100 * time.Millisecond
	sayEvery  = 10 * time.Second
)

func newProgress(w io.Writer, done string) *progress {
	p := &progress{w: w, done: done}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	}
	return p
}

// patient has it say nothing in lines before it has taken a while.
func (p *progress) patient() *progress {
	if !p.terminal {
		p.last = time.Now()
	}
	return p
}

// next begins another stage, in which something else is done to leaves.
func (p *progress) next(done string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done != done {
		p.done, p.began, p.last = done, time.Time{}, time.Time{}
	}
}

// show says that so much is done of the target.
func (p *progress) show(size, target int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.began.IsZero() {
		p.began, p.from = now, size
	}
	every := sayEvery
	if p.terminal {
		every = drawEvery
	}
	if size < target && now.Sub(p.last) < every {
		return
	}
	p.last = now
	text := p.done + " " + progressText(size, target, size-p.from, now.Sub(p.began))
	switch {
	case !p.terminal:
		fmt.Fprintln(p.w, text)
	case size >= target:
		fmt.Fprintf(p.w, "\r\x1b[K%s\n", text)
	default:
		fmt.Fprintf(p.w, "\r\x1b[K%s", text)
	}
	p.drawn = p.terminal && size < target
	if size >= target {
		p.began = time.Time{}
	}
}

// progressText is the bar, with what is left where that can be told: so many
// were done in the time given.
func progressText(size, target, done int64, in time.Duration) string {
	const width = 30
	full := 0
	if target > 0 {
		full = int(width * min(size, target) / target)
	}
	text := fmt.Sprintf("%d of %d [%s%s]", size, target, strings.Repeat("#", full), strings.Repeat(".", width-full))
	if done <= 0 || in < time.Second || size >= target {
		return text
	}
	rate := float64(done) / in.Seconds()
	left := time.Duration(float64(target-size) / rate * float64(time.Second))
	return fmt.Sprintf("%s %.0f/s, %s left", text, rate, left.Round(time.Second))
}

// Write writes a line of something else, above the bar.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	return p.w.Write(b)
}

// end takes the bar away.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.drawn = false
}

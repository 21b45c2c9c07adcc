package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestProgressNamesTheStageThatItIsOf(t *testing.T) {
	var b strings.Builder
	p := newProgress(&b, "hashed")
	p.show(1, 4)
	p.show(2, 4)
	p.next("replayed")
	p.show(1, 4)
	p.next("replayed")
	p.show(4, 4)
	p.end()
	var got []string
	for line := range strings.Lines(b.String()) {
		got = append(got, regexp.MustCompile(`^\w+ \d of \d`).FindString(line))
	}
	if want := "hashed 1 of 4, replayed 1 of 4, replayed 4 of 4"; strings.Join(got, ", ") != want {
		t.Errorf("says %q, want %q", got, want)
	}
}

func TestProgressKeepsOtherLinesApartFromTheBar(t *testing.T) {
	var b strings.Builder
	p := newProgress(&b, "checked")
	p.terminal = true
	p.show(1, 4)
	if _, err := p.Write([]byte("something else\n")); err != nil {
		t.Fatal(err)
	}
	p.show(4, 4)
	for line := range strings.Lines(b.String()) {
		last := line[strings.LastIndex(line, "\r\x1b[K")+len("\r\x1b[K"):]
		if last != "something else\n" && !strings.HasPrefix(last, "checked 4 of 4 ") {
			t.Errorf("a line ends as %q", last)
		}
	}
}
